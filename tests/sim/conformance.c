/*
 * One suite for both: things are done to a NATS and a Redis, as the seed decides, and what they answer is printed. That
 * the simulated and the real ones print the same, line by line, is the test (conformance.sh). Times and run ids are
 * left out; everything else counts. Each answer is waited for, so there is one order of things. Here: NATS, and the
 * whole; conformance_redis.c has Redis.
 */
#include "conformance.h"

#include "base/clock.h"
#include "base/number.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS   250
#define CALL_NS  (5 * FURROW_NS_PER_S)
#define ARENA    ((size_t)4 << 20)
#define SUBJECT  "conf.Thing.t%u"
#define SUBJECTS 3

static uint64_t dice;
conformance_world *conformance_servers;
furrow_arena *conformance_arena;

uint64_t conformance_draw(uint64_t below)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (dice >> 20) % below;
}

const char *conformance_text(const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return furrow_arena_strdup(conformance_arena, text);
}

static uint64_t soon(void)
{
    return furrow_clock_now_ns() + CALL_NS;
}

void conformance_print_bytes(furrow_bytes text)
{
    const uint8_t *at = text.data;
    putchar('"');
    for (size_t i = 0; i < text.len; i++)
        if (at[i] >= ' ' && at[i] < 0x7f)
            putchar(at[i]);
        else
            printf("\\%02x", at[i]);
    putchar('"');
}

const char *conformance_word(void)
{
    return conformance_text("w%" PRIu64, conformance_draw(6));
}

const char *conformance_subject(void)
{
    return conformance_text(SUBJECT, (unsigned)conformance_draw(SUBJECTS));
}

/* ---- JetStream ---- */

static void do_publish(void)
{
    static const char *const expectations[] = {"any", "newest", "none", "wrong"};
    const char *subject = conformance_subject(), *body = conformance_word();
    size_t expects = conformance_draw(4);
    furrow_js_stored newest = {0};
    furrow_js_puback ack = {0};
    furrow_error err = {0};
    furrow_status found = furrow_js_get_last(conformance_servers->link, CONFORMANCE_STREAM, subject, soon(),
                                             conformance_arena, &newest, NULL);
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    if (expects > 0) options.expected_seq = expects == 1 && found == FURROW_OK ? (int64_t)newest.sequence : 0;
    if (expects == 3) options.expected_seq = 999;
    furrow_header header = {"X-Word", conformance_word()};
    if (conformance_draw(2)) options.headers = &header, options.header_count = 1;
    /* A message id with a stale expectation is judged by 2.9 and 2.12 in different order: not both here. */
    if (expects == 0 && conformance_draw(3) == 0) options.msg_id = conformance_text("id%" PRIu64, conformance_draw(4));
    furrow_status status =
        furrow_js_publish(conformance_servers->link, subject, furrow_bytes_of(body), &options, soon(), &ack, &err);
    printf("publish %s %s %s id=%s -> %s %" PRIu64 "%s\n", subject, body, expectations[expects],
           options.msg_id ? options.msg_id : "", furrow_status_name(status), ack.sequence,
           ack.duplicate ? " duplicate" : "");
}

static void print_stored(furrow_status status, const furrow_js_stored *stored)
{
    printf(" -> %s", furrow_status_name(status));
    if (status != FURROW_OK) {
        putchar('\n');
        return;
    }
    char *header = furrow_js_stored_header(stored, "X-Word", conformance_arena);
    printf(" %" PRIu64 " %s %s %s ", stored->sequence, stored->subject, stored->timestamp_ns > 0 ? "dated" : "undated",
           header ? header : "-");
    conformance_print_bytes(stored->data);
    putchar('\n');
}

static void do_get(void)
{
    const char *subject = conformance_draw(5) ? conformance_subject() : "conf.Thing.nobody";
    uint64_t sequence = conformance_draw(60);
    furrow_js_stored stored = {0};
    switch (conformance_draw(3)) {
    case 0:
        printf("last %s", subject);
        print_stored(furrow_js_get_last(conformance_servers->link, CONFORMANCE_STREAM, subject, soon(),
                                        conformance_arena, &stored, NULL),
                     &stored);
        break;
    case 1:
        printf("next %s %" PRIu64, subject, sequence);
        print_stored(furrow_js_get_next(conformance_servers->link, CONFORMANCE_STREAM, subject, sequence, soon(),
                                        conformance_arena, &stored, NULL),
                     &stored);
        break;
    default:
        printf("at %" PRIu64, sequence);
        print_stored(furrow_js_get(conformance_servers->link, CONFORMANCE_STREAM, sequence ? sequence : 1, soon(),
                                   conformance_arena, &stored, NULL),
                     &stored);
        break;
    }
}

/* What the stream has after @sequence. */
static uint64_t count_after(uint64_t sequence)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < SUBJECTS; i++) {
        furrow_js_stored stored = {.sequence = sequence};
        while (furrow_js_get_next(conformance_servers->link, CONFORMANCE_STREAM, conformance_text(SUBJECT, i),
                                  stored.sequence + 1, soon(), conformance_arena, &stored, NULL) == FURROW_OK)
            count++;
    }
    return count;
}

/* As it is once the server has settled what was published, acked or pushed out: it does so on threads of its own. */
static furrow_status settled_consumer(const char *name, furrow_js_consumer_state *now)
{
    furrow_js_consumer_state before = {.pending = UINT64_MAX};
    furrow_status status = FURROW_OK;
    uint64_t until = soon();
    for (int same = 0; status == FURROW_OK && same < 3 && furrow_clock_now_ns() < until;) {
        status = furrow_js_consumer_info(conformance_servers->link, CONFORMANCE_STREAM, name, soon(), now, NULL);
        now->created_ns = 0;
        bool all = status == FURROW_OK && now->pending == count_after(now->delivered_seq);
        same = all && memcmp(now, &before, sizeof before) == 0 ? same + 1 : 0;
        before = *now;
        furrow_task_sleep_ms(2);
    }
    return status;
}

static void print_consumer(const char *name)
{
    furrow_js_consumer_state now = {0};
    furrow_status status = settled_consumer(name, &now);
    printf("consumer %s -> %s delivered %" PRIu64 " floor %" PRIu64 " in hand %" PRIu64 " pending %" PRIu64 "\n", name,
           furrow_status_name(status), now.delivered_seq, now.ack_floor_seq, now.ack_pending, now.pending);
}

static void do_info(void)
{
    furrow_js_stream_state state = {0};
    furrow_status status = furrow_js_stream_info(
        conformance_servers->link, conformance_draw(6) ? CONFORMANCE_STREAM : "NOBODY", soon(), &state, NULL);
    printf("stream -> %s %s %" PRIu64 "-%" PRIu64 " %" PRIu64 "\n", furrow_status_name(status),
           state.created_ns > 0 ? "dated" : "", state.first_seq, state.last_seq, state.messages);
    print_consumer(conformance_draw(6) ? "one" : "nobody");
}

/* ---- a pull by hand ---- */

typedef struct puller {
    furrow_msg *messages[64];
    size_t count, wanted;
    furrow_waiter *waiter;
} puller;

static void on_pulled(void *arg, furrow_msg *msg)
{
    puller *self = arg;
    self->messages[self->count++] = msg;
    if (self->count >= self->wanted || !msg->reply) furrow_waiter_done(self->waiter);
}

static void settle_pulled(const furrow_msg *msg)
{
    static const char *const verdicts[] = {"+ACK", "-NAK", "+TERM", ""};
    const char *verdict = verdicts[conformance_draw(10) < 7 ? 0 : conformance_draw(4)];
    furrow_msg *reply = NULL;
    if (conformance_draw(8) == 0) {
        printf(" kept\n");
        return;
    }
    furrow_outgoing out = {.subject = msg->reply, .data = furrow_bytes_of(verdict)};
    furrow_status status = furrow_link_request(conformance_servers->link, &out, soon(), &reply, NULL);
    furrow_msg_free(reply);
    printf(" %s %s\n", verdict, furrow_status_name(status));
}

static void print_pulled(const furrow_msg *msg)
{
    furrow_ack ack;
    if (!furrow_subject_parse_ack(msg->reply, &ack)) {
        const char *status = furrow_msg_header(msg, "Status"), *text = furrow_msg_header(msg, "Description");
        const char *left = furrow_msg_header(msg, "Nats-Pending-Messages");
        printf("  status %s %s %s\n", status ? status : "", text ? text : "", left ? left : "");
        return;
    }
    const char *header = furrow_msg_header(msg, "X-Word");
    printf("  %s %" PRIu64 " delivered %" PRIu64 " times, %" PRIu64 " pending %s ", msg->subject, ack.stream_seq,
           ack.delivered, ack.pending, header ? header : "-");
    conformance_print_bytes(msg->data);
    settle_pulled(msg);
}

static void pull(size_t wanted, const char *body)
{
    char inbox[FURROW_SUBJECT_MAX];
    furrow_waiter waiter = furrow_waiter_make();
    puller self = {.wanted = wanted, .waiter = &waiter};
    furrow_link_inbox(conformance_servers->link, inbox);
    furrow_subscription *subscription =
        furrow_link_subscribe(conformance_servers->link, inbox, NULL, on_pulled, &self, NULL);
    furrow_outgoing out = {.subject = "$JS.API.CONSUMER.MSG.NEXT." CONFORMANCE_STREAM ".one",
                           .reply = inbox,
                           .data = furrow_bytes_of(body)};
    printf("pull %s -> %s\n", body, furrow_status_name(furrow_link_publish(conformance_servers->link, &out, NULL)));
    (void)furrow_wait(&waiter, soon());
    for (size_t i = 0; i < self.count; i++) {
        print_pulled(self.messages[i]);
        furrow_msg_free(self.messages[i]);
    }
    furrow_subscription_destroy(subscription);
}

/* As many as there surely are, so that all that is asked for comes; nothing, where there is nothing. */
static void do_pull(void)
{
    furrow_js_consumer_state now = {0};
    (void)!settled_consumer("one", &now);
    uint64_t wanted = 1 + conformance_draw(4);
    if (wanted > now.pending) wanted = now.pending;
    /* One that was delivered before and has no room now is taken back by 2.9 as if it never had been. */
    if (conformance_draw(6) == 0 && now.pending > 0 && now.ack_pending == 0) {
        pull(1, "{\"batch\":5,\"max_bytes\":10,\"expires\":500000000}");
    } else if (wanted > 0) {
        pull(wanted, conformance_text("{\"batch\":%" PRIu64 ",\"expires\":5000000000}", wanted));
    } else if (now.ack_pending == 0) {
        pull(1, "{\"batch\":3,\"no_wait\":true}");
        pull(1, "{\"batch\":3,\"expires\":50000000}");
    }
    print_consumer("one");
}

/* ---- the side reader and plain NATS ---- */

static furrow_status on_read(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                             furrow_error *err)
{
    uint64_t *sums = arg;
    for (size_t i = 0; i < count; i++) sums[0] += messages[i].sequence * (messages[i].data.len + 1);
    sums[1] += count;
    return FURROW_OK;
}

static void do_read(void)
{
    uint64_t sums[2] = {0}, from = conformance_draw(40);
    furrow_js_read_options options = {
        .stream = CONFORMANCE_STREAM, .start_seq = from, .end_seq = from + conformance_draw(60)};
    furrow_status status = furrow_js_read(conformance_servers->link, &options, on_read, sums, NULL);
    printf("read from %" PRIu64 " to %" PRIu64 " -> %s %" PRIu64 " messages, sum %" PRIu64 "\n", options.start_seq,
           options.end_seq, furrow_status_name(status), sums[1], sums[0]);
}

static void on_counted(void *arg, furrow_msg *msg)
{
    ++*(unsigned *)arg;
    furrow_msg_free(msg);
}

/* To two plain ones and a queue group of three: three get it. Nobody's request ends at once. */
static void do_core(void)
{
    unsigned counts[5] = {0};
    furrow_subscription *listening[5];
    furrow_subscribe_options queue = {.queue = "q"};
    furrow_msg *reply = NULL;
    for (size_t i = 0; i < 5; i++)
        listening[i] = furrow_link_subscribe(conformance_servers->link, i == 1 ? "core.*" : "core.a",
                                             i > 1 ? &queue : NULL, on_counted, &counts[i], NULL);
    (void)!furrow_link_publish(conformance_servers->link, &(furrow_outgoing){.subject = "core.a"}, NULL);
    (void)!furrow_link_flush(conformance_servers->link, soon(), NULL);
    furrow_status status = furrow_link_request(conformance_servers->link, &(furrow_outgoing){.subject = "nobody.here"},
                                               soon(), &reply, NULL);
    furrow_msg_free(reply);
    printf("core -> %u %u %u, nobody: %s\n", counts[0], counts[1], counts[2] + counts[3] + counts[4],
           furrow_status_name(status));
    for (size_t i = 0; i < 5; i++) furrow_subscription_destroy(listening[i]);
}

/* ---- all of it ---- */

static furrow_table *make_table(void)
{
    static const furrow_table_options options = {.service = "conf", .entity = "Thing"};
    return furrow_table_create(conformance_servers->store, &options, NULL);
}

void conformance_run(conformance_world *of, uint64_t seed)
{
    static void (*const ways[])(void) = {conformance_string,
                                         conformance_hash,
                                         conformance_list,
                                         conformance_sorted,
                                         conformance_lex,
                                         conformance_keys,
                                         do_publish,
                                         do_publish,
                                         do_get,
                                         do_info,
                                         do_pull,
                                         conformance_remember};
    conformance_servers = of;
    conformance_arena = furrow_arena_create(ARENA);
    dice = seed * 0x9e3779b97f4a7c15U + 1;
    furrow_table *table = make_table();
    for (size_t i = 0; i < ROUNDS; i++) {
        furrow_arena_reset(conformance_arena);
        ways[conformance_draw(sizeof ways / sizeof *ways)]();
        if (i % 5 == 0) conformance_records(table);
        if (i % 7 == 0) conformance_marker(table);
        if (i % 50 == 0) do_read();
        if (i % 60 == 0) do_core();
        fflush(stdout);
    }
    furrow_table_destroy(table);
    furrow_arena_destroy(conformance_arena);
}
