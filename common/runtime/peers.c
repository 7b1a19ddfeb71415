/* See peers.h. Nothing is sent while all is well: a server may take what it sends to one of us for a sign of its life. */
#include "runtime/peers.h"

#include "base/clock.h"
#include "base/id.h"
#include "wire/subject.h"

#include <stdio.h>
#include <stdlib.h>

#define ASK_NS    (300 * FURROW_NS_PER_MS)
#define FORGET_NS (1500 * FURROW_NS_PER_MS)
/* What takes us away mostly takes all away within this: who says so soon that he serves may not know yet. */
#define SETTLE_NS (300 * FURROW_NS_PER_MS)

struct furrow_peers {
    furrow_link *link;
    furrow_subscription *questions, *answers;
    char who[FURROW_SUBJECT_MAX], inbox[FURROW_SUBJECT_MAX], id[FURROW_ID_MAX + 1];
    uint64_t asked_ns, heard_ns;
    uint64_t unfit_ns; /* since when this instance cannot serve; 0: it can */
};

static void on_question(void *arg, furrow_msg *msg)
{
    furrow_peers *peers = arg;
    furrow_outgoing out = {.subject = msg->reply, .data = furrow_bytes_of(peers->id)};
    bool other = !furrow_bytes_is(msg->data, peers->id) && furrow_subject_is_inbox(msg->reply);
    if (!peers->unfit_ns && other) (void)!furrow_link_publish(peers->link, &out, NULL); /* lost: he asks again */
    furrow_msg_free(msg);
}

static void on_peer_answer(void *arg, furrow_msg *msg)
{
    ((furrow_peers *)arg)->heard_ns = furrow_clock_now_ns();
    furrow_msg_free(msg);
}

furrow_peers *furrow_peers_create(furrow_link *link, const char *service, const char *id, furrow_error *err)
{
    furrow_peers *peers = calloc(1, sizeof *peers);
    if (!peers) {
        (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    peers->link = link;
    peers->unfit_ns = furrow_clock_now_ns();
    snprintf(peers->id, sizeof peers->id, "%s", id);
    snprintf(peers->who, sizeof peers->who, "furrow.v1.Health.%s.@who", service);
    furrow_link_inbox(link, peers->inbox);
    furrow_subscribe_options options = {.max_per_turn = 1024};
    peers->questions = furrow_link_subscribe(link, peers->who, &options, on_question, peers, err);
    if (peers->questions)
        peers->answers = furrow_link_subscribe(link, peers->inbox, &options, on_peer_answer, peers, err);
    if (peers->answers) return peers;
    furrow_peers_destroy(peers);
    return NULL;
}

void furrow_peers_tell(furrow_peers *peers, bool serves)
{
    uint64_t now_ns = furrow_clock_now_ns();
    if (!serves && !peers->unfit_ns) peers->unfit_ns = now_ns;
    if (serves) peers->unfit_ns = 0;
    if (serves || now_ns - peers->asked_ns < ASK_NS) return;
    peers->asked_ns = now_ns;
    furrow_outgoing out = {.subject = peers->who, .reply = peers->inbox, .data = furrow_bytes_of(peers->id)};
    (void)!furrow_link_publish(peers->link, &out, NULL);
}

bool furrow_peers_take_over(const furrow_peers *peers)
{
    return peers->unfit_ns && peers->heard_ns >= peers->unfit_ns + SETTLE_NS &&
           furrow_clock_now_ns() - peers->heard_ns < FORGET_NS;
}

void furrow_peers_destroy(furrow_peers *peers)
{
    if (!peers) return;
    if (peers->questions) furrow_subscription_destroy(peers->questions);
    if (peers->answers) furrow_subscription_destroy(peers->answers);
    free(peers);
}
