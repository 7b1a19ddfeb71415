/*
 * The pull: messages of a durable consumer by $JS.API.CONSUMER.MSG.NEXT, spoken by hand (ADR-13, ADR-37).
 *
 *   flowing: up to two requests' worth is outstanding; a new request goes out when one request's worth has come and
 * there is credit. Statuses that end a request say what it left unfilled, which is taken off `outstanding`. failing: at
 * first, after a reconnect, and when the consumer fell silent or refused. The consumer's info is asked for, with
 * back-off, since a pull request for a consumer that does not exist gets no answer at all, not even "no responders".
 * When it is there, the pull flows. What the info says is reported, suspicion alone is not.
 *
 * `outstanding` is an estimate that can only drift when messages or statuses are lost; it starts again from 0 when all
 * requests must have expired, or when nothing was heard for two heartbeats, or after a reconnect. Overestimates heal
 * that way, underestimates cost a larger queue, bounded by the next batch.
 *
 * Bytes are bounded as well as messages: a request says how many it takes at most, and none goes out while too many are
 * in hand. A message for which a request has no room left ends it. When the process is short of memory the pull asks
 * for little at a time, and never for nothing: what it brings is what others may be waiting for.
 *
 * With gather_ms messages are left to come together, since what is delivered one by one costs the server a wake-up and
 * a write each: what is there is asked for, no more (no_wait), one request at a time, at once after a full batch, else
 * after gather_ms; while nothing comes, ever later, up to GATHER_IDLE_MS. A request that brings less than a batch ends
 * without a word, so its rest counts as unasked when the next one begins.
 * May depend on: link, api, wire/json, libuv.
 */
#include "link/api.h"

#include "base/number.h"
#include "link/internal.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_DEFAULT   1000
#define EXPIRES_MS      30000
#define GRACE_MS        1000 /* after a request's expiry until it is taken for gone */
#define HANDOVER_MAX    1024
#define RETRY_MIN_MS    50
#define RETRY_MAX_MS    5000
#define INFO_TIMEOUT_MS 5000
#define REQUEST_MAX     192
#define GATHER_IDLE_MS  500
#define HELD_BYTES_MAX  ((size_t)8 << 20) /* in hand: past it nothing is asked for */
#define ASKED_BYTES     ((size_t)4 << 20) /* by one request */
#define MESSAGE_BESIDE  (64u << 10)       /* that the server counts with a message of the largest size */
#define TIGHT_DIVISOR   10                /* of batches, when memory is short */
#define TIGHT_HELD_MAX  ((size_t)1 << 20)

struct furrow_js_pull {
    furrow_link *link;
    furrow_link_watch watch;
    furrow_subscription *subscription;
    char stream[65], next[FURROW_SUBJECT_MAX], info[FURROW_SUBJECT_MAX], inbox[FURROW_SUBJECT_MAX];
    size_t batch, max_in_hand;
    uint64_t expires_ms, gather_ms, rest_ms; /* rest_ms: until the next request, with gather_ms */
    bool answered;                           /* the newest request */
    furrow_js_batch_fn *fn;
    furrow_js_state_fn *state;
    void *arg;

    size_t in_hand, held_bytes, outstanding;
    size_t asked_bytes;          /* by the newest request */
    size_t largest;              /* a message did not fit into so many bytes: ask for more */
    uint64_t swallowed;          /* see jetstream.h */
    uint64_t asked_ms, heard_ms; /* loop time of the last request and of the last sign of the server */
    furrow_status failing;       /* OK: flowing */
    furrow_status reported;      /* what `state` was told last */
    bool probing, stopped, destroyed;
    furrow_backoff backoff;
    uv_timer_t timer;
    furrow_msg *messages[HANDOVER_MAX];
    size_t count;
};

static uint64_t now_ms(const furrow_js_pull *pull)
{
    return uv_now(furrow_loop_uv(pull->link->loop));
}

/* Never less than one message may have: it would never come. */
static size_t bytes_to_ask(const furrow_js_pull *pull)
{
    size_t bytes = furrow_budget_tight() ? 0 : ASKED_BYTES, least = pull->link->max_payload + MESSAGE_BESIDE;
    if (least < 2 * pull->largest) least = 2 * pull->largest;
    return bytes > least ? bytes : least;
}

static void format_request(const furrow_js_pull *pull, size_t want, char out[REQUEST_MAX])
{
    int len = snprintf(out, REQUEST_MAX, "{\"batch\":%zu,\"max_bytes\":%zu,", want, pull->asked_bytes);
    if (pull->gather_ms)
        snprintf(out + len, REQUEST_MAX - (size_t)len, "\"no_wait\":true}");
    else
        snprintf(out + len, REQUEST_MAX - (size_t)len,
                 "\"expires\":%" PRIu64 "000000,\"idle_heartbeat\":%" PRIu64 "000000}", pull->expires_ms,
                 pull->expires_ms / 4);
}

/* How many more messages may be asked for now; 0: none. */
static size_t credit_of(const furrow_js_pull *pull)
{
    size_t taken = pull->in_hand + pull->outstanding, batch = pull->batch;
    bool tight = furrow_budget_tight();
    if (taken >= pull->max_in_hand || pull->held_bytes >= (tight ? TIGHT_HELD_MAX : HELD_BYTES_MAX)) return 0;
    if ((tight || pull->gather_ms) && pull->outstanding > 0) return 0;
    if (tight) batch = batch / TIGHT_DIVISOR + 1;
    size_t credit = pull->max_in_hand - taken, want = credit < batch ? credit : batch;
    size_t worth = batch < pull->max_in_hand / 4 + 1 ? batch : pull->max_in_hand / 4 + 1;
    return pull->outstanding > pull->batch || want < worth ? 0 : want;
}

static void ask(furrow_js_pull *pull)
{
    if (pull->stopped || pull->failing != FURROW_OK || !pull->link->connected) return;
    size_t want = credit_of(pull);
    if (want == 0) return;
    char body[REQUEST_MAX];
    pull->asked_bytes = bytes_to_ask(pull);
    format_request(pull, want, body);
    furrow_outgoing out = {.subject = pull->next, .data = furrow_bytes_of(body)};
    if (furrow_link_send(pull->link, &out, pull->inbox, NULL) != FURROW_OK) return; /* the timer asks again */
    if (pull->outstanding == 0 && (pull->answered || !pull->gather_ms)) pull->heard_ms = now_ms(pull);
    pull->answered = false;
    pull->asked_ms = now_ms(pull);
    pull->outstanding += want;
}

/* Twice: the second request is under way while the first is being filled. */
static void ask_all(furrow_js_pull *pull)
{
    ask(pull);
    ask(pull);
}

static void arm(furrow_js_pull *pull, uint64_t ms);

static void report(furrow_js_pull *pull, furrow_status status, const char *text)
{
    if (pull->reported == status) return;
    pull->reported = status;
    if (pull->state && !pull->stopped) pull->state(pull->arg, status, text);
}

static void fail_pull(furrow_js_pull *pull, furrow_status status, const char *text)
{
    pull->failing = status;
    pull->outstanding = 0;
    if (status == FURROW_NOT_FOUND) furrow_js_hear_of_stream(pull->link, pull->stream, false);
    arm(pull, furrow_backoff_next_ms(&pull->backoff));
    report(pull, status, text);
}

static void recover(furrow_js_pull *pull)
{
    pull->failing = FURROW_OK;
    pull->outstanding = 0;
    pull->heard_ms = now_ms(pull);
    pull->rest_ms = pull->gather_ms;
    arm(pull, pull->gather_ms ? pull->gather_ms : pull->expires_ms / 4);
    if (pull->reported != FURROW_PERMISSION_DENIED) report(pull, FURROW_OK, ""); /* else: when something comes */
    ask_all(pull);
}

static void free_when_done(furrow_js_pull *pull);

static void on_info(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    furrow_js_pull *pull = arg;
    furrow_error err = {0};
    pull->probing = false;
    if (status == FURROW_OK) {
        status = furrow_js_reply_status(reply->data, &err);
        text = err.text;
        furrow_msg_free(reply);
    }
    if (pull->destroyed) {
        free_when_done(pull);
    } else if (status == FURROW_OK) {
        recover(pull);
    } else {
        fail_pull(pull, status, text);
    }
}

static void probe(furrow_js_pull *pull)
{
    if (pull->probing || !pull->link->connected) return;
    furrow_outgoing out = {.subject = pull->info};
    uint64_t deadline = furrow_clock_in_ms(INFO_TIMEOUT_MS);
    pull->probing = furrow_link_request_async(pull->link, &out, deadline, on_info, pull, NULL) == FURROW_OK;
    if (!pull->probing) arm(pull, furrow_backoff_next_ms(&pull->backoff));
}

static void suspect(furrow_js_pull *pull)
{
    pull->failing = FURROW_UNAVAILABLE;
    pull->outstanding = 0;
    probe(pull);
}

static void on_timer(uv_timer_t *timer)
{
    furrow_js_pull *pull = timer->data;
    if (pull->stopped) return;
    if (pull->failing != FURROW_OK) {
        probe(pull);
        return;
    }
    uint64_t now = now_ms(pull);
    bool expired = now > pull->asked_ms + pull->expires_ms + GRACE_MS,
         silent = now > pull->heard_ms + pull->expires_ms / 2 + GRACE_MS;
    if (pull->outstanding > 0 && silent) {
        suspect(pull);
        return;
    }
    if (expired || pull->gather_ms) pull->outstanding = 0;
    arm(pull, pull->gather_ms ? pull->rest_ms : pull->expires_ms / 4);
    ask_all(pull);
}

static void arm(furrow_js_pull *pull, uint64_t ms)
{
    if (!pull->destroyed) uv_timer_start(&pull->timer, on_timer, ms ? ms : 1, 0);
}

static void subtract(furrow_js_pull *pull, size_t unfilled)
{
    pull->outstanding -= unfilled < pull->outstanding ? unfilled : pull->outstanding;
}

furrow_js_pull_ending furrow_js_pull_status(const furrow_msg *msg, size_t batch)
{
    static const struct {
        const char *part;
        furrow_status status;
    } conflicts[] = {{"leadership", FURROW_OK},
                     {"shutdown", FURROW_UNAVAILABLE},
                     {"deleted", FURROW_NOT_FOUND},
                     {"exceeded", FURROW_RESOURCE_EXHAUSTED},
                     {"MaxBytes", FURROW_OK},
                     {"Completed", FURROW_OK}}; /* newer servers: all that a request with max_bytes asked for came */
    const char *text, *unfilled = furrow_msg_header(msg, "Nats-Pending-Messages");
    int code = furrow_message_status(msg, &text);
    furrow_js_pull_ending ending = {.status = FURROW_FAILED_PRECONDITION, .code = code, .text = text};
    if (code == 100 || code == 0) return (furrow_js_pull_ending){.code = code, .heartbeat = true, .text = ending.text};
    if (code == 404 || code == 408) ending.status = FURROW_OK;
    for (size_t i = 0; code == 409 && i < sizeof conflicts / sizeof conflicts[0]; i++)
        if (strcasestr(ending.text, conflicts[i].part)) ending.status = conflicts[i].status;
    ending.none = code == 404;
    ending.large = code == 409 && strcasestr(ending.text, "MaxBytes");
    uint64_t left = strcasestr(ending.text, "Completed") ? 0 : batch;
    if (unfilled) (void)furrow_number_parse(furrow_bytes_of(unfilled), SIZE_MAX, &left);
    ending.unfilled = (size_t)left;
    return ending;
}

/* A message without an ack subject is a status: of the server, about one of our requests. */
static void on_status(furrow_js_pull *pull, const furrow_msg *msg)
{
    furrow_js_pull_ending ending = furrow_js_pull_status(msg, pull->batch);
    if (ending.heartbeat) return;
    /* The next message has no room: ask again, for more if nothing at all had. */
    if (ending.large && pull->in_hand == 0) pull->largest = pull->asked_bytes;
    if (ending.status != FURROW_OK) {
        fail_pull(pull, ending.status, ending.text);
    } else if (!pull->gather_ms) {
        subtract(pull, ending.unfilled);
    } else if (ending.none && pull->rest_ms < GATHER_IDLE_MS) {
        pull->rest_ms *= 2;
    }
}

static void hand_over_messages(furrow_js_pull *pull)
{
    size_t count = pull->count;
    pull->count = 0;
    if (count > 0) pull->fn(pull->arg, pull->messages, count);
}

static void on_message(void *arg, furrow_msg *msg)
{
    furrow_js_pull *pull = arg;
    pull->heard_ms = now_ms(pull);
    pull->answered = true;
    if (pull->reported == FURROW_PERMISSION_DENIED) report(pull, FURROW_OK, "");
    if (!msg->reply) {
        on_status(pull, msg);
        furrow_msg_free(msg);
        return;
    }
    if (pull->backoff.attempt > 0) furrow_backoff_reset(&pull->backoff);
    subtract(pull, 1);
    pull->rest_ms = pull->gather_ms;
    pull->in_hand++;
    pull->held_bytes += msg->weight;
    pull->largest = 0;
    pull->messages[pull->count++] = msg;
    if (pull->count == HANDOVER_MAX) hand_over_messages(pull);
}

static void on_drained(void *arg)
{
    furrow_js_pull *pull = arg;
    hand_over_messages(pull);
    if (!pull->destroyed) ask_all(pull);
}

static void on_no_responders(void *arg)
{
    furrow_js_pull *pull = arg;
    pull->swallowed++;
    if (!pull->stopped && pull->failing == FURROW_OK) suspect(pull);
}

static void on_refused(void *arg, const char *subject)
{
    furrow_js_pull *pull = arg;
    if (pull->stopped || (strcmp(subject, pull->next) != 0 && strcmp(subject, pull->inbox) != 0)) return;
    fail_pull(pull, FURROW_PERMISSION_DENIED, "NATS refuses the pull: no permission for it, or for our inbox");
}

static void on_change(furrow_link_watch *watch, bool connected)
{
    furrow_js_pull *pull = (furrow_js_pull *)((char *)watch - offsetof(furrow_js_pull, watch));
    pull->outstanding = 0;
    if (!connected || pull->stopped) return;
    furrow_backoff_reset(&pull->backoff);
    suspect(pull);
}

static void set_up(furrow_js_pull *pull, furrow_link *link, const furrow_js_pull_options *options)
{
    pull->link = link;
    pull->watch.fn = on_change;
    pull->batch = options->batch ? options->batch : BATCH_DEFAULT;
    pull->max_in_hand = options->max_in_hand ? options->max_in_hand : 4 * pull->batch;
    pull->expires_ms = options->expires_ms ? options->expires_ms : EXPIRES_MS;
    pull->gather_ms = options->gather_ms;
    pull->backoff = (furrow_backoff){.base_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    snprintf(pull->stream, sizeof pull->stream, "%s", options->stream);
    furrow_js_api_subject(link, "CONSUMER.MSG.NEXT", options->stream, options->consumer, pull->next);
    furrow_js_api_subject(link, "CONSUMER.INFO", options->stream, options->consumer, pull->info);
    furrow_link_inbox(link, pull->inbox);
}

furrow_js_pull *furrow_js_pull_create(furrow_link *link, const furrow_js_pull_options *options, furrow_js_batch_fn *fn,
                                      furrow_js_state_fn *state, void *arg, furrow_error *err)
{
    static const furrow_subscription_hooks hooks = {
        .drained = on_drained, .no_responders = on_no_responders, .refused = on_refused};
    if (!furrow_js_name_ok(options->stream) || !furrow_js_name_ok(options->consumer)) {
        furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream and a consumer name");
        return NULL;
    }
    furrow_js_pull *pull = calloc(1, sizeof *pull);
    if (!pull) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    set_up(pull, link, options);
    pull->fn = fn;
    pull->state = state;
    pull->arg = arg;
    pull->subscription = furrow_link_subscribe_hooked(link, pull->inbox, NULL, on_message, &hooks, pull, err);
    if (!pull->subscription) {
        free(pull);
        return NULL;
    }
    uv_timer_init(furrow_loop_uv(link->loop), &pull->timer);
    pull->timer.data = pull;
    furrow_link_opened(link);
    furrow_link_watch_add(link, &pull->watch);
    suspect(pull);
    return pull;
}

void furrow_js_pull_release(furrow_js_pull *pull, size_t count)
{
    FURROW_REQUIRE(count <= pull->in_hand);
    if (count > 0) pull->held_bytes -= pull->held_bytes / pull->in_hand * count; /* which they were is not said */
    pull->in_hand -= count;
    if (pull->in_hand == 0) pull->held_bytes = 0;
    ask_all(pull);
}

uint64_t furrow_js_pull_swallowed(const furrow_js_pull *pull)
{
    return pull->swallowed;
}

void furrow_js_pull_stop(furrow_js_pull *pull)
{
    pull->stopped = true;
    uv_timer_stop(&pull->timer);
    furrow_subscription_stop(pull->subscription);
}

/* The timer's handle and a probe in flight both hold it. */
static void free_when_done(furrow_js_pull *pull)
{
    if (pull->probing || pull->timer.data) return;
    furrow_link *link = pull->link;
    free(pull);
    furrow_link_finished(link);
}

static void on_timer_closed(uv_handle_t *handle)
{
    furrow_js_pull *pull = handle->data;
    handle->data = NULL;
    free_when_done(pull);
}

void furrow_js_pull_destroy(furrow_js_pull *pull)
{
    if (!pull || pull->destroyed) return;
    pull->stopped = pull->destroyed = true;
    for (size_t i = 0; i < pull->count; i++) furrow_msg_free(pull->messages[i]);
    pull->count = 0;
    furrow_link_watch_remove(pull->link, &pull->watch);
    furrow_subscription_destroy(pull->subscription);
    uv_close((uv_handle_t *)&pull->timer, on_timer_closed);
}
