/*
 * Requests in flight. Each takes a slot, and each slot has an inbox subject and a subscription of its own,
 * "<inbox>.<slot>.<generation>", made at its first use. Why not one wildcard subscription for all:
 *   - NextMsg swallows a "no responders" message and only returns that status, so the subscription is all that tells
 * whose it was;
 *   - a reply subject that is used again is found in the server's cache; a fresh one for each call costs a third of the
 *     rate. So the generation only changes when a request is given up (its late reply then goes nowhere).
 * drain.c's count of expected messages keeps the look through the slots short: replies come about in the order of the
 * requests, and a slot looked at in vain a few times moves to the slow list, searched only when something is missing.
 *
 * A responder that answers twice: the second reply finds the slot free and is swept away, since slots rest on a first
 * in, first out free list of at least REST_MIN before they are used again. May depend on: nats.c, wheel.
 */
#include "link/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK       64 /* slots made at once */
#define REST_MIN    64
#define MISSES_MAX  4
#define MAX_DEFAULT 16384

static const char no_responders[] = "no responders: nobody serves this subject now";
static const char timed_out[] = "no reply before the deadline";
static const char not_sent[] = "connection to NATS lost, the request had not left";
static const char maybe_sent[] = "connection to NATS lost, outcome unknown";
static const char refused[] = "NATS refuses it: no permission for the subject, or for our inbox";

static uint64_t now_ns(const furrow_link *link)
{
    return uv_now(furrow_loop_uv(link->loop)) *
           FURROW_NS_PER_MS; /* the turn's time: libuv's clock is the monotonic one */
}

/* To tell whose a refusal is: the server only names the subject. */
static uint64_t hash_subject(const char *subject)
{
    const uint64_t factor = 0x9e3779b97f4a7c15U;
    uint64_t hash = 0, word;
    size_t len = strlen(subject);
    for (; len > 0; subject += word, len -= word) {
        uint64_t part = 0;
        word = len < sizeof part ? len : sizeof part;
        memcpy(&part, subject, word);
        hash = (hash ^ part) * factor;
        hash ^= hash >> 32;
    }
    return hash;
}

static void append_request(furrow_request_list *list, furrow_request *request)
{
    request->next = NULL;
    request->prev = list->tail;
    if (list->tail) {
        list->tail->next = request;
    } else {
        list->head = request;
    }
    list->tail = request;
}

static void take_request_out(furrow_request_list *list, furrow_request *request)
{
    if (request->prev) {
        request->prev->next = request->next;
    } else {
        list->head = request->next;
    }
    if (request->next) {
        request->next->prev = request->prev;
    } else {
        list->tail = request->prev;
    }
}

static void rest(furrow_requests *requests, furrow_request *request)
{
    request->next = NULL;
    if (requests->free_tail) {
        requests->free_tail->next = request;
    } else {
        requests->free_head = request;
    }
    requests->free_tail = request;
    requests->idle++;
}

static void name_reply(furrow_link *link, furrow_request *request)
{
    snprintf(request->reply, sizeof request->reply, "%s.%x.%x", link->inbox, request->index, request->generation);
}

static bool make_block(furrow_link *link)
{
    furrow_requests *requests = &link->requests;
    furrow_request *block = calloc(BLOCK, sizeof *block);
    if (!block) return false;
    requests->blocks[requests->made / BLOCK] = block;
    for (size_t i = 0; i < BLOCK && requests->made < requests->max; i++) {
        block[i].index = (uint32_t)requests->made++;
        name_reply(link, &block[i]);
        rest(requests, &block[i]);
    }
    return true;
}

static furrow_request *take_slot(furrow_link *link)
{
    furrow_requests *requests = &link->requests;
    if (requests->idle < REST_MIN && requests->made < requests->max && !make_block(link) && requests->idle == 0)
        return NULL;
    furrow_request *request = requests->free_head;
    if (!request) return NULL;
    requests->free_head = request->next;
    if (!requests->free_head) requests->free_tail = NULL;
    requests->idle--;
    return request;
}

/* The slot's subscription on the present connection. */
static bool open_inbox(furrow_link *link, furrow_request *request)
{
    if (request->inbox && request->inbox_of == link->connects) return true;
    natsSubscription_Destroy(request->inbox);
    request->inbox = NULL;
    request->inbox_of = link->connects;
    return furrow_link_subscribe_native(link, request->reply, NULL, &request->inbox) == NATS_OK;
}

static void close_inbox(furrow_link *link, furrow_request *request)
{
    natsSubscription_Destroy(request->inbox);
    request->inbox = NULL;
    request->generation++;
    name_reply(link, request);
}

/* Ends @request: the slot is free again before its owner hears of it, and may be used by what the owner does next. */
static void complete(furrow_link *link, furrow_request *request, furrow_status status, const char *text,
                     furrow_msg *reply)
{
    furrow_requests *requests = &link->requests;
    furrow_reply_fn *fn = request->fn;
    void *arg = request->arg;
    take_request_out(request->slow ? &requests->slow : &requests->fast, request);
    furrow_wheel_remove(&requests->wheel, &request->deadline);
    requests->in_flight--;
    /* A late reply goes nowhere; an inbox that was refused is asked for again, and refused again. */
    if (status == FURROW_DEADLINE_EXCEEDED || status == FURROW_PERMISSION_DENIED) close_inbox(link, request);
    rest(requests, request);
    fn(arg, status, text, reply);
}

static void on_request_timer(uv_timer_t *timer);

static void arm_timer(furrow_link *link, uint64_t due_ns)
{
    furrow_requests *requests = &link->requests;
    if (due_ns >= requests->timer_due_ns) return;
    uint64_t now = now_ns(link);
    requests->timer_due_ns = due_ns;
    uv_timer_start(&requests->timer, on_request_timer, due_ns > now ? (due_ns - now) / FURROW_NS_PER_MS + 1 : 0, 0);
}

static void on_request_timer(uv_timer_t *timer)
{
    furrow_link *link = timer->data;
    furrow_requests *requests = &link->requests;
    furrow_wheel_node *due;
    requests->timer_due_ns = UINT64_MAX;
    while ((due = furrow_wheel_expire(&requests->wheel, now_ns(link))))
        complete(link, (furrow_request *)due, FURROW_DEADLINE_EXCEEDED, timed_out, NULL);
    uint64_t next = furrow_wheel_next_ns(&requests->wheel);
    if (next != UINT64_MAX) arm_timer(link, next);
}

furrow_status furrow_link_request_async(furrow_link *link, const furrow_outgoing *out, uint64_t deadline_ns,
                                        furrow_reply_fn *fn, void *arg, furrow_error *err)
{
    furrow_requests *requests = &link->requests;
    if (deadline_ns <= now_ns(link))
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline had passed before it was sent");
    if (!link->connected) return furrow_link_send(link, out, NULL, err);
    furrow_request *request = take_slot(link);
    if (!request)
        return furrow_fail_busy(err, FURROW_RETRY_MS, "%zu requests in flight on one connection", requests->in_flight);
    furrow_status status = open_inbox(link, request)
                               ? furrow_link_send(link, out, request->reply, err)
                               : furrow_fail(err, FURROW_UNAVAILABLE, "cannot subscribe to the reply");
    if (status != FURROW_OK) {
        rest(requests, request);
        return status;
    }
    request->fn = fn;
    request->arg = arg;
    request->sent_turn = link->turn;
    request->subject = hash_subject(out->subject);
    request->misses = 0;
    request->slow = false;
    append_request(&requests->fast, request);
    requests->in_flight++;
    if (deadline_ns != FURROW_NEVER) {
        furrow_wheel_add(&requests->wheel, &request->deadline, deadline_ns);
        arm_timer(link, deadline_ns);
    }
    return FURROW_OK;
}

typedef struct blocking_call {
    furrow_waiter waiter;
    furrow_status status;
    const char *text;
    furrow_msg *reply;
} blocking_call;

static void wake_caller(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    blocking_call *call = arg;
    call->status = status;
    call->text = text;
    call->reply = reply;
    furrow_waiter_done(&call->waiter);
}

furrow_status furrow_link_request(furrow_link *link, const furrow_outgoing *out, uint64_t deadline_ns,
                                  furrow_msg **reply, furrow_error *err)
{
    blocking_call call = {.waiter = furrow_waiter_make()};
    furrow_status status = furrow_link_request_async(link, out, deadline_ns, wake_caller, &call, err);
    if (status != FURROW_OK) return status;
    furrow_wait(&call.waiter, FURROW_NEVER); /* the wheel keeps the deadline */
    if (call.status != FURROW_OK) return furrow_fail(err, call.status, "%s: %s", out->subject, call.text);
    *reply = call.reply;
    return FURROW_OK;
}

/* Did its reply come? Then it is completed; whatever else lies in the inbox is dropped. */
static size_t take_request_reply(furrow_link *link, furrow_request *request)
{
    uint64_t queued = 0;
    natsMsg *native = NULL, *second = NULL;
    if (natsSubscription_QueuedMsgs(request->inbox, &queued) != NATS_OK || queued == 0) return 0;
    natsStatus status = natsSubscription_NextMsg(&native, request->inbox, 0);
    for (uint64_t i = 1; i < queued; i++) {
        if (natsSubscription_NextMsg(&second, request->inbox, 0) == NATS_OK) natsMsg_Destroy(second);
    }
    if (status == NATS_NO_RESPONDERS) {
        complete(link, request, FURROW_UNAVAILABLE, no_responders, NULL);
    } else if (status == NATS_OK) {
        furrow_msg *msg = furrow_message_wrap(link->messages, native);
        complete(link, request, msg ? FURROW_OK : FURROW_RESOURCE_EXHAUSTED, msg ? "" : "out of memory for the reply",
                 msg);
    }
    return (size_t)queued;
}

static size_t look_through(furrow_link *link, furrow_request_list *list, size_t expected, bool demote)
{
    furrow_requests *requests = &link->requests;
    furrow_request *last = list->tail; /* what replies cause to be sent is not looked at in this round */
    size_t found = 0;
    for (furrow_request *at = list->head, *next; at && found < expected; at = next) {
        bool end = at == last;
        next = end ? NULL : at->next;
        size_t count = take_request_reply(link, at);
        found += count;
        if (count == 0 && demote && ++at->misses >= MISSES_MAX) {
            take_request_out(&requests->fast, at);
            append_request(&requests->slow, at);
            at->slow = true;
        }
    }
    return found;
}

size_t furrow_requests_drain(furrow_link *link, size_t expected)
{
    size_t found = look_through(link, &link->requests.fast, expected, true);
    if (found < expected) found += look_through(link, &link->requests.slow, expected - found, false);
    return found;
}

void furrow_requests_sweep(furrow_link *link)
{
    for (furrow_request *at = link->requests.free_head; at; at = at->next) {
        uint64_t queued = 0;
        if (!at->inbox || natsSubscription_QueuedMsgs(at->inbox, &queued) != NATS_OK) continue;
        for (uint64_t i = 0; i < queued; i++) {
            natsMsg *native = NULL;
            if (natsSubscription_NextMsg(&native, at->inbox, 0) == NATS_OK) natsMsg_Destroy(native);
        }
    }
}

static void refuse_through(furrow_link *link, furrow_request_list *list, const char *subject)
{
    uint64_t hash = hash_subject(subject);
    furrow_request *last = list->tail; /* what is sent again now will be refused again, in its time */
    for (furrow_request *at = list->head, *next; at; at = next) {
        next = at == last ? NULL : at->next;
        if (at->subject == hash || strcmp(at->reply, subject) == 0)
            complete(link, at, FURROW_PERMISSION_DENIED, refused, NULL);
    }
}

void furrow_requests_refused(furrow_link *link, const char *subject)
{
    refuse_through(link, &link->requests.fast, subject);
    refuse_through(link, &link->requests.slow, subject);
}

void furrow_requests_disconnect(furrow_link *link)
{
    furrow_requests *requests = &link->requests;
    furrow_request_list *lists[] = {&requests->fast, &requests->slow};
    for (size_t i = 0; i < 2; i++) {
        while (lists[i]->head) {
            furrow_request *request = lists[i]->head;
            bool unsent = request->sent_turn == link->turn;
            complete(link, request, unsent ? FURROW_UNAVAILABLE : FURROW_DEADLINE_EXCEEDED,
                     unsent ? not_sent : maybe_sent, NULL);
        }
    }
    for (size_t i = 0; i < requests->made; i++) {
        furrow_request *request = &requests->blocks[i / BLOCK][i % BLOCK];
        natsSubscription_Destroy(request->inbox);
        request->inbox = NULL;
    }
}

furrow_status furrow_requests_init(furrow_link *link, size_t max, furrow_error *err)
{
    furrow_requests *requests = &link->requests;
    requests->max = max ? max : MAX_DEFAULT;
    requests->timer_due_ns = UINT64_MAX;
    requests->blocks = calloc((requests->max + BLOCK - 1) / BLOCK, sizeof *requests->blocks);
    if (!requests->blocks) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_wheel_init(&requests->wheel, now_ns(link));
    return FURROW_OK;
}

void furrow_requests_fini(furrow_link *link)
{
    for (size_t i = 0; i < link->requests.made; i += BLOCK) free(link->requests.blocks[i / BLOCK]);
    free(link->requests.blocks);
}
