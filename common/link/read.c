/*
 * The side reader: a short-lived pull consumer without acks, made for one reading and deleted after it. The calling
 * task hands batches over while the next ones are on their way: never more than two batches are asked for or waiting.
 *
 * The end is reached by a message at or past end_seq, or when the server says that nothing is left (a request with
 * no_wait ends at once then); the last of a range may be a gap, so only the consumer's own count proves it. When the
 * consumer is lost (server restarted, connection broken, silence) a new one starts after the last message seen, with an
 * inbox of its own, so nothing of the old one is mistaken for the new one's.
 * May depend on: link, api, wire/subject.
 */
#include "link/api.h"
#include "link/internal.h"
#include "wire/json.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_DEFAULT 1000
#define BATCH_MAX     10000
#define SILENCE_MS    5000
#define API_MS        5000
#define RETRY_MIN_MS  50
#define RETRY_MAX_MS  2000
#define BODY_MAX      768

typedef struct reader {
    furrow_link *link;
    furrow_link_watch watch;
    const furrow_js_read_options *options;
    size_t batch;
    furrow_subscription *subscription;
    char inbox[FURROW_SUBJECT_MAX], next[FURROW_SUBJECT_MAX];
    furrow_waiter waiter;
    furrow_msg **waiting; /* 2 * batch */
    size_t count, outstanding;
    uint64_t last_seq;    /* handed over or past the end */
    bool dry, lost, done; /* the server has no more now; this consumer is gone; the end is reached */
    bool refused;         /* we may not fetch */
    furrow_backoff backoff;
} reader;

static void wake(reader *self)
{
    if (!self->waiter.done) furrow_waiter_done(&self->waiter);
}

static void on_message(void *arg, furrow_msg *msg)
{
    reader *self = arg;
    if (msg->reply && self->count < 2 * self->batch) {
        self->waiting[self->count++] = msg;
        if (self->outstanding > 0) self->outstanding--;
        return;
    }
    int code = msg->reply ? 0 : furrow_message_status(msg);
    if (code == 404 || code == 408) {
        self->dry = true;
    } else if (code != 100) {
        self->lost = true;
    }
    furrow_msg_free(msg);
}

static void on_drained(void *arg)
{
    wake(arg);
}

static void on_no_responders(void *arg)
{
    ((reader *)arg)->lost = true;
    wake(arg);
}

static void on_refused(void *arg, const char *subject)
{
    reader *self = arg;
    if (strcmp(subject, self->next) != 0 && strcmp(subject, self->inbox) != 0) return;
    self->refused = true;
    wake(self);
}

static void on_change(furrow_link_watch *watch, bool connected)
{
    reader *self = (reader *)((char *)watch - offsetof(reader, watch));
    if (!connected) self->lost = true;
    wake(self);
}

static void drop_waiting(reader *self)
{
    for (size_t i = 0; i < self->count; i++) furrow_msg_free(self->waiting[i]);
    self->count = 0;
}

static furrow_status delete_consumer(reader *self, uint64_t deadline_ns, furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX];
    furrow_msg *reply = NULL;
    snprintf(api, sizeof api, "$JS.API.CONSUMER.DELETE.%s.%s", self->options->stream, self->options->consumer);
    furrow_status status = furrow_js_call(self->link, api, NULL, deadline_ns, &reply, err);
    furrow_msg_free(reply);
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

/* The filter is part of the subject too, since permissions look there. */
static furrow_status create_consumer(reader *self, uint64_t deadline_ns, furrow_error *err)
{
    const furrow_js_read_options *options = self->options;
    char api[2 * FURROW_SUBJECT_MAX], body[BODY_MAX], filter[FURROW_SUBJECT_MAX + 32] = "";
    furrow_msg *reply = NULL;
    int len = snprintf(api, sizeof api, "$JS.API.CONSUMER.CREATE.%s.%s%s%s", options->stream, options->consumer,
                       options->filter ? "." : "", options->filter ? options->filter : "");
    if (len >= FURROW_SUBJECT_MAX) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "filter too long");
    if (options->filter) snprintf(filter, sizeof filter, ",\"filter_subject\":\"%s\"", options->filter);
    uint64_t start = self->last_seq + 1 > options->start_seq ? self->last_seq + 1 : options->start_seq;
    snprintf(
        body, sizeof body,
        "{\"stream_name\":\"%s\",\"config\":{\"name\":\"%s\",\"deliver_policy\":\"by_start_sequence\",\"opt_start_"
        "seq\":%" PRIu64
        ",\"ack_policy\":\"none\",\"replay_policy\":\"instant\",\"max_deliver\":1,\"inactive_threshold\":30000000000,"
        "\"mem_storage\":true,\"num_replicas\":1%s}}",
        options->stream, options->consumer, start ? start : 1, filter);
    furrow_status status = furrow_js_call(self->link, api, body, deadline_ns, &reply, err);
    furrow_msg_free(reply);
    return status;
}

static uint64_t soon(uint64_t deadline_ns)
{
    uint64_t soon_ns = furrow_clock_now_ns() + API_MS * FURROW_NS_PER_MS;
    return soon_ns < deadline_ns ? soon_ns : deadline_ns;
}

static void close_consumer(reader *self)
{
    furrow_subscription_destroy(self->subscription);
    self->subscription = NULL;
    drop_waiting(self);
    self->outstanding = 0;
    self->dry = self->lost = false;
}

static furrow_status open_consumer(reader *self, uint64_t deadline_ns, furrow_error *err)
{
    static const furrow_subscription_hooks hooks = {
        .drained = on_drained, .no_responders = on_no_responders, .refused = on_refused};
    close_consumer(self);
    furrow_status status = delete_consumer(self, soon(deadline_ns), err);
    if (status == FURROW_OK) status = create_consumer(self, soon(deadline_ns), err);
    if (status != FURROW_OK) return status;
    furrow_link_inbox(self->link, self->inbox);
    self->subscription = furrow_link_subscribe_hooked(self->link, self->inbox, NULL, on_message, &hooks, self, err);
    return self->subscription ? FURROW_OK : FURROW_RESOURCE_EXHAUSTED;
}

/* Makes the consumer, again if need be, until it is there, the deadline passes, or trying again cannot help. */
static furrow_status open_patiently(reader *self, uint64_t deadline_ns, furrow_error *err)
{
    for (;;) {
        furrow_status status = FURROW_UNAVAILABLE;
        if (furrow_link_wait_connected(self->link, deadline_ns)) status = open_consumer(self, deadline_ns, err);
        if (status != FURROW_UNAVAILABLE && status != FURROW_DEADLINE_EXCEEDED) return status;
        uint64_t now = furrow_clock_now_ns(), pause_ms = furrow_backoff_next_ms(&self->backoff);
        if (now + pause_ms * FURROW_NS_PER_MS >= deadline_ns)
            return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "read of %s stopped at sequence %" PRIu64,
                               self->options->stream, self->last_seq);
        furrow_task_sleep_ms(pause_ms);
    }
}

static void ask(reader *self)
{
    char body[64];
    if (self->dry || self->lost || self->outstanding + self->count > self->batch) return;
    snprintf(body, sizeof body, "{\"batch\":%zu,\"no_wait\":true}", self->batch);
    furrow_outgoing out = {.subject = self->next, .data = furrow_bytes_of(body)};
    if (furrow_link_send(self->link, &out, self->inbox, NULL) != FURROW_OK) {
        self->lost = true;
        return;
    }
    self->outstanding += self->batch;
}

/* Hands over what has come, up to the end. The next batch is asked for first, so it travels meanwhile. */
static furrow_status hand_over(reader *self, furrow_js_read_fn *fn, void *arg, furrow_error *err)
{
    furrow_msg *messages[512];
    size_t taken = self->count < 512 ? self->count : 512, count = 0;
    memcpy(messages, self->waiting, taken * sizeof messages[0]);
    memmove(self->waiting, self->waiting + taken, (self->count - taken) * sizeof messages[0]);
    self->count -= taken;
    ask(self);
    for (size_t i = 0; i < taken; i++) {
        furrow_ack ack;
        if (!furrow_subject_parse_ack(messages[i]->reply, &ack) || ack.stream_seq <= self->last_seq) {
            furrow_msg_free(messages[i]);
            continue;
        }
        if (ack.stream_seq >= self->options->end_seq) self->done = true;
        if (ack.pending == 0) self->dry = true; /* the last one, says the server; asked again before it is believed */
        if (ack.stream_seq > self->options->end_seq) {
            furrow_msg_free(messages[i]);
            continue;
        }
        self->last_seq = ack.stream_seq;
        messages[count++] = messages[i];
    }
    if (count > 0) furrow_backoff_reset(&self->backoff);
    furrow_status status = count ? fn(arg, messages, count, err) : FURROW_OK;
    for (size_t i = 0; i < count; i++) furrow_msg_free(messages[i]);
    return status;
}

/* The server had nothing to give just now: does its own count agree? */
static furrow_status confirm_end(reader *self, uint64_t deadline_ns, furrow_error *err)
{
    furrow_js_consumer_state state;
    furrow_status status = furrow_js_consumer_info(self->link, self->options->stream, self->options->consumer,
                                                   soon(deadline_ns), &state, err);
    self->outstanding = 0;
    self->dry = false;
    if (status == FURROW_OK) {
        self->done = state.pending == 0 && state.delivered_seq <= self->last_seq;
        if (!self->done && state.pending == 0)
            self->lost = true; /* delivered, but not to us: from the last seen again */
    } else {
        self->lost = true;
    }
    return status == FURROW_OK || status == FURROW_NOT_FOUND || status == FURROW_UNAVAILABLE ||
                   status == FURROW_DEADLINE_EXCEEDED
               ? FURROW_OK
               : status;
}

static furrow_status step(reader *self, furrow_js_read_fn *fn, void *arg, uint64_t deadline_ns, furrow_error *err)
{
    if (self->count > 0) return hand_over(self, fn, arg, err);
    if (self->refused)
        return furrow_fail(err, FURROW_PERMISSION_DENIED,
                           "NATS refuses to let us fetch: no permission for %s, or for our inbox", self->next);
    if (self->lost) return open_patiently(self, deadline_ns, err);
    if (self->dry) return confirm_end(self, deadline_ns, err);
    ask(self);
    furrow_waiter_reset(&self->waiter);
    uint64_t silence = furrow_clock_now_ns() + SILENCE_MS * FURROW_NS_PER_MS;
    if (furrow_wait(&self->waiter, silence < deadline_ns ? silence : deadline_ns)) return FURROW_OK;
    if (furrow_clock_now_ns() >= deadline_ns)
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "read of %s stopped at sequence %" PRIu64,
                           self->options->stream, self->last_seq);
    self->lost = true;
    return FURROW_OK;
}

static furrow_status check(const furrow_js_read_options *options, furrow_error *err)
{
    if (!furrow_js_name_ok(options->stream) || !furrow_js_name_ok(options->consumer))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream and a consumer name");
    if (options->filter && (!furrow_link_subject_ok(options->filter) || strpbrk(options->filter, "\"\\")))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a subject to filter by");
    if (options->batch > BATCH_MAX) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "batch: at most %d", BATCH_MAX);
    return FURROW_OK;
}

furrow_status furrow_js_read(furrow_link *link, const furrow_js_read_options *options, furrow_js_read_fn *fn, void *arg,
                             uint64_t deadline_ns, furrow_error *err)
{
    furrow_status status = check(options, err);
    if (status != FURROW_OK || options->end_seq == 0 || options->start_seq > options->end_seq) return status;
    reader self = {.link = link,
                   .watch = {.fn = on_change},
                   .options = options,
                   .batch = options->batch ? options->batch : BATCH_DEFAULT,
                   .last_seq = options->start_seq > 0 ? options->start_seq - 1 : 0,
                   .lost = true,
                   .backoff = {.base_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS}};
    self.waiting = calloc(2 * self.batch, sizeof(furrow_msg *));
    if (!self.waiting) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(self.next, sizeof self.next, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", options->stream, options->consumer);
    furrow_link_watch_add(link, &self.watch);
    while (status == FURROW_OK && !self.done) status = step(&self, fn, arg, deadline_ns, err);
    furrow_link_watch_remove(link, &self.watch);
    close_consumer(&self);
    (void)!delete_consumer(&self, furrow_clock_now_ns() + API_MS * FURROW_NS_PER_MS, NULL);
    free(self.waiting);
    return status;
}
