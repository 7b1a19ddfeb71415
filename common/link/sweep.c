/*
 * Reading a log at the speed of its server: a consumer that lives as long as the reading, without acks, pulled in large
 * batches. Messages queue in a ring; up to `workers` tasks take a batch each and hand it over, so that whatever @fn
 * waits for overlaps with what is on its way.
 *
 *   pull --on_sweep_messages--> ring --work (1..workers)--> fn
 *
 * Invariant: all up to `reached` has been handed over or was not there. What the consumer does not bring, because it may
 * not be made or falls silent, the side reader (read.c) reads from there on: it needs no more rights than a look.
 */
#include "link/api.h"
#include "link/internal.h"

#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH        1000 /* of a pull */
#define IN_HAND      8000
#define TAKEN_MAX    500 /* handed over at once */
#define WORKERS_MAX  16
#define CONSUMER_MAX 128
#define CALL_MS      5000
#define SILENCE_MS   5000
#define INACTIVE_NS  "30000000000" /* the consumer of who died goes after so long */

typedef struct sweep sweep;

typedef struct sweep_worker {
    sweep *sweep;
    furrow_msg *messages[TAKEN_MAX];
    furrow_js_stored events[TAKEN_MAX];
} sweep_worker;

struct sweep {
    furrow_link *link;
    const furrow_js_read_options *options;
    furrow_js_read_fn *fn;
    void *arg;
    furrow_js_pull *pull;
    char consumer[CONSUMER_MAX];
    furrow_msg *ring[IN_HAND + 2 * BATCH];
    size_t head, count, capacity;
    uint64_t received; /* the newest sequence that came */
    bool complete;     /* all of the range has come */
    bool broken;       /* the consumer is not to be had */
    size_t working;
    furrow_status status; /* of @fn */
    furrow_error error;
    furrow_waiter waiter;
    sweep_worker workers[WORKERS_MAX];
};

static size_t take_messages(sweep *self, sweep_worker *worker)
{
    size_t taken = 0;
    for (; taken < TAKEN_MAX && self->count > 0; taken++, self->count--) {
        worker->messages[taken] = self->ring[self->head];
        self->head = (self->head + 1) % self->capacity;
    }
    return taken;
}

static void work_off(void *arg)
{
    sweep_worker *worker = arg;
    sweep *self = worker->sweep;
    for (size_t taken; (taken = take_messages(self, worker)) > 0;) {
        size_t wanted = 0;
        for (size_t i = 0; i < taken; i++)
            if (furrow_js_stored_of(worker->messages[i], &worker->events[wanted]) &&
                worker->events[wanted].sequence <= self->options->end_seq)
                wanted++;
        furrow_error err = {0};
        furrow_status status =
            wanted && self->status == FURROW_OK ? self->fn(self->arg, worker->events, wanted, 0, &err) : FURROW_OK;
        if (status != FURROW_OK && self->status == FURROW_OK) {
            self->status = status;
            self->error = err;
        }
        for (size_t i = 0; i < taken; i++) furrow_msg_free(worker->messages[i]);
        furrow_js_pull_release(self->pull, taken);
    }
    worker->sweep = NULL;
    self->working--;
    if (!self->waiter.done) furrow_waiter_done(&self->waiter);
}

static void start_workers(sweep *self)
{
    size_t most = self->options->workers ? self->options->workers : 1;
    if (most > WORKERS_MAX) most = WORKERS_MAX;
    for (size_t i = 0; i < most && self->working < most && self->working * TAKEN_MAX < self->count; i++) {
        if (self->workers[i].sweep) continue;
        self->workers[i].sweep = self;
        if (furrow_loop_spawn(furrow_link_loop(self->link), work_off, &self->workers[i], NULL) == FURROW_OK) {
            self->working++;
        } else {
            self->workers[i].sweep = NULL;
            return;
        }
    }
}

static void on_sweep_messages(void *arg, furrow_msg **messages, size_t count)
{
    sweep *self = arg;
    for (size_t i = 0; i < count; i++) {
        furrow_ack ack;
        FURROW_REQUIRE(self->count < self->capacity);
        self->ring[(self->head + self->count++) % self->capacity] = messages[i];
        if (!messages[i]->reply || !furrow_subject_parse_ack(messages[i]->reply, &ack)) continue;
        self->received = ack.stream_seq;
        if (ack.stream_seq >= self->options->end_seq || ack.pending == 0) self->complete = true;
    }
    start_workers(self);
    if (!self->waiter.done) furrow_waiter_done(&self->waiter);
}

static void on_state(void *arg, furrow_status status, const char *text)
{
    sweep *self = arg;
    (void)text;
    self->broken = status != FURROW_OK;
    if (!self->waiter.done) furrow_waiter_done(&self->waiter);
}

static furrow_status make_consumer(sweep *self, furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX], body[512];
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_js_api_subject(self->link, "CONSUMER.CREATE", self->options->stream, NULL, api);
    snprintf(body, sizeof body,
             "{\"stream_name\":\"%s\",\"config\":{\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":%" PRIu64
             ",\"ack_policy\":\"none\",\"replay_policy\":\"instant\",\"mem_storage\":true,\"num_replicas\":1,"
             "\"inactive_threshold\":" INACTIVE_NS "}}",
             self->options->stream, self->options->start_seq ? self->options->start_seq : 1);
    furrow_status status = furrow_js_call(self->link, api, body, furrow_clock_in_ms(CALL_MS), &reply, err);
    if (status != FURROW_OK) return status;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    char *name = NULL;
    if (!arena || !furrow_json_find_text(reply->data, "name", arena, &name) || strlen(name) >= CONSUMER_MAX)
        return furrow_fail(err, FURROW_INTERNAL, "JetStream: a consumer without a name");
    snprintf(self->consumer, sizeof self->consumer, "%s", name);
    return FURROW_OK;
}

static void delete_consumer(sweep *self)
{
    char api[FURROW_SUBJECT_MAX];
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_js_api_subject(self->link, "CONSUMER.DELETE", self->options->stream, self->consumer, api);
    (void)!furrow_js_call(self->link, api, NULL, furrow_clock_in_ms(CALL_MS), &reply, NULL);
}

/* Until all has come, or nothing comes any more; then until the workers are done. */
static void wait_for_all(sweep *self)
{
    uint64_t received = 0, silent_ns = furrow_clock_in_ms(SILENCE_MS);
    while (!self->complete && !self->broken && self->status == FURROW_OK) {
        furrow_waiter_reset(&self->waiter);
        furrow_wait(&self->waiter, silent_ns);
        uint64_t now = furrow_clock_now_ns();
        if (self->received != received || self->working > 0) silent_ns = now + SILENCE_MS * FURROW_NS_PER_MS;
        received = self->received;
        if (now >= silent_ns) self->broken = true;
    }
    furrow_js_pull_stop(self->pull);
    while (self->working > 0 || self->count > 0) {
        start_workers(self);
        furrow_waiter_reset(&self->waiter);
        furrow_wait(&self->waiter, furrow_clock_now_ns() + FURROW_NS_PER_S);
    }
}

static furrow_status read_by_consumer(sweep *self, furrow_error *err)
{
    furrow_status status = make_consumer(self, err);
    if (status != FURROW_OK) return status;
    const furrow_js_pull_options options = {
        .stream = self->options->stream, .consumer = self->consumer, .batch = BATCH, .max_in_hand = IN_HAND};
    self->pull = furrow_js_pull_create(self->link, &options, on_sweep_messages, on_state, self, err);
    if (!self->pull) return FURROW_RESOURCE_EXHAUSTED;
    wait_for_all(self);
    furrow_js_pull_destroy(self->pull);
    delete_consumer(self);
    return FURROW_OK;
}

furrow_status furrow_js_sweep(furrow_link *link, const furrow_js_read_options *options, furrow_js_read_fn *fn,
                              void *arg, furrow_error *err)
{
    if (!furrow_js_name_ok(options->stream)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream name");
    sweep *self = calloc(1, sizeof *self);
    if (!self) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    self->link = link;
    self->options = options;
    self->fn = fn;
    self->arg = arg;
    self->capacity = sizeof self->ring / sizeof self->ring[0];
    furrow_status made = read_by_consumer(self, err), status = self->status;
    furrow_js_read_options rest = *options;
    if (self->received >= rest.start_seq) rest.start_seq = self->received + 1;
    bool complete = made == FURROW_OK && self->complete;
    if (status != FURROW_OK && err) *err = self->error;
    free(self);
    if (status != FURROW_OK || complete) return status;
    return furrow_js_read(link, &rest, fn, arg, err);
}
