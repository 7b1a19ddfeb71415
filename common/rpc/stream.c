/*
 * The server's side of streams; see stream.h, and README.md for the protocol. A stream lives as long as its call's stage
 * does, in the call's arena. One subscription a service brings what callers say of all their streams, one task looks
 * after all that are open: who has been silent for too long, and whom we have been silent to.
 *
 * Invariants: acked <= sent <= acked + window (of one with a window). broken is set once, and ends the stream.
 * Depends on link and wire.
 */
#include "rpc/stream.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/number.h"
#include "rpc/inside.h"

#include <stdio.h>
#include <string.h>

#define TICK_MS     100
#define YIELD_EVERY 64 /* messages to who does not say what it has read, between two looks at whether they leave */
#define HELD_MS     5

struct furrow_stream {
    furrow_call *call;
    struct furrow_stream *next;       /* in its bucket */
    const char *to;                   /* the inbox of its messages */
    char control[FURROW_SUBJECT_MAX]; /* where its caller answers: ends in a dot, the number goes behind it */
    size_t control_len;
    char id[FURROW_ID_SIZE];
    uint64_t sent, acked, window;            /* window 0: the caller does not say what it has read */
    uint64_t interval_ns, heard_ns, sent_ns; /* of heartbeats */
    furrow_status broken;                    /* FURROW_OK while it is not */
    const char *why;
    furrow_waiter *waiter; /* of its handler, waiting for credit; or NULL */
};

static furrow_stream **find_stream_bucket(furrow_server *server, const char *id)
{
    return &server->streams[furrow_hash_quick(FURROW_HASH_QUICK, furrow_bytes_of(id)) % FURROW_STREAM_BUCKETS];
}

static void break_stream(furrow_stream *stream, furrow_status status, const char *why)
{
    if (stream->broken != FURROW_OK) return;
    stream->broken = status;
    stream->why = why;
    if (stream->waiter) furrow_waiter_done(stream->waiter);
}

void furrow_streams_break(furrow_server *server, const char *why)
{
    for (size_t i = 0; i < FURROW_STREAM_BUCKETS; i++)
        for (furrow_stream *at = server->streams[i]; at; at = at->next) break_stream(at, FURROW_UNAVAILABLE, why);
}

/* What a caller says of a stream: by the subject how much it has read; by the body whether it wants no more. */
static void take_word(furrow_stream *stream, furrow_bytes number, furrow_bytes body)
{
    uint64_t read = 0;
    stream->heard_ns = furrow_clock_now_ns();
    if (furrow_bytes_is(body, "cancel")) {
        break_stream(stream, FURROW_CANCELLED, "its caller has cancelled it");
    } else if (body.len > 0 || !furrow_number_parse(number, INT64_MAX, &read) || read > stream->sent) {
        break_stream(stream, FURROW_INVALID_ARGUMENT,
                     "its caller acknowledges what was not sent, or says what is no word");
    } else if (read > stream->acked) {
        stream->acked = read;
        if (stream->waiter) furrow_waiter_done(stream->waiter);
    }
}

void furrow_stream_on_word(void *arg, furrow_msg *msg)
{
    furrow_served *served = arg;
    const char *number = furrow_subject_last(msg->subject);
    size_t before = (size_t)(number - msg->subject);
    /* …<instance>.<id>.<number>: an id of ours has its length. */
    if (before > FURROW_ID_SIZE) {
        char id[FURROW_ID_SIZE] = "";
        memcpy(id, number - FURROW_ID_SIZE, FURROW_ID_SIZE - 1);
        furrow_stream *at = *find_stream_bucket(served->server, id);
        while (at && (strcmp(at->id, id) != 0 || at->call->served != served)) at = at->next;
        if (at) take_word(at, furrow_bytes_of(number), msg->data);
    }
    furrow_msg_free(msg);
}

furrow_status furrow_stream_publish(furrow_call *call, const furrow_header *headers, size_t count, furrow_bytes data,
                                    furrow_error *err)
{
    furrow_stream *stream = call->stream;
    furrow_outgoing out = {.subject = stream->to, .headers = headers, .header_count = count, .data = data};
    if (stream->window > 0) {
        furrow_number_format(stream->sent, stream->control + stream->control_len);
        out.reply = stream->control;
    }
    stream->sent_ns = furrow_clock_now_ns();
    return furrow_link_publish(call->served->server->link, &out, err);
}

static void beat_heart(furrow_stream *stream)
{
    static const furrow_header beat = {FURROW_HEADER_STREAM, "heartbeat"};
    (void)!furrow_stream_publish(stream->call, &beat, 1, (furrow_bytes){NULL, 0}, NULL);
}

static void look_after_stream(furrow_stream *stream, uint64_t now_ns)
{
    if (stream->window == 0 || stream->broken != FURROW_OK) return;
    if (now_ns - stream->heard_ns + TICK_MS * FURROW_NS_PER_MS >= 2 * stream->interval_ns)
        break_stream(stream, FURROW_CANCELLED, "nothing has been heard of its caller for two intervals");
    else if (now_ns - stream->sent_ns >= stream->interval_ns / 2)
        beat_heart(stream);
}

static void look_after_streams(void *arg)
{
    furrow_server *server = arg;
    while (!server->gone && server->stream_count > 0) {
        uint64_t now_ns = furrow_clock_now_ns();
        for (size_t i = 0; i < FURROW_STREAM_BUCKETS; i++)
            for (furrow_stream *at = server->streams[i]; at; at = at->next) look_after_stream(at, now_ns);
        server->tick = furrow_waiter_make();
        furrow_wait(&server->tick, now_ns + TICK_MS * FURROW_NS_PER_MS);
    }
    server->ticking = false;
    furrow_server_settle(server);
}

static furrow_status read_stream_number(furrow_call *call, const char *name, uint64_t most, uint64_t *out,
                                        furrow_error *err)
{
    const char *value = furrow_msg_header(call->msg, name);
    if (!value || (furrow_number_parse(furrow_bytes_of(value), most, out) && *out > 0)) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is to be a number from 1 to %llu", name,
                       (unsigned long long)most);
}

/* What the caller asks for: where its messages go, how many unread, and how soon silence means that one is gone. */
static furrow_status read_terms(furrow_call *call, furrow_stream *stream, furrow_error *err)
{
    const char *to = call->headers ? furrow_msg_header(call->msg, FURROW_HEADER_STREAM) : NULL, *interval;
    stream->to = call->msg->reply;
    if (!to) return FURROW_OK;
    furrow_bytes owner = furrow_subject_inbox_owner(call->msg->reply);
    if (!furrow_subject_is_inbox(to) || strlen(to) <= owner.len || to[owner.len] != '.' ||
        !furrow_bytes_equal((furrow_bytes){to, owner.len}, owner))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           FURROW_HEADER_STREAM " is to be an inbox under the prefix of the reply subject");
    stream->to = to;
    stream->window = FURROW_STREAM_WINDOW;
    stream->interval_ns = FURROW_STREAM_INTERVAL_MS * FURROW_NS_PER_MS;
    interval = furrow_msg_header(call->msg, FURROW_HEADER_HEARTBEAT);
    furrow_status status =
        read_stream_number(call, FURROW_HEADER_WINDOW, FURROW_STREAM_WINDOW_MAX, &stream->window, err);
    if (status == FURROW_OK && interval) status = furrow_header_parse_timeout(interval, &stream->interval_ns, err);
    if (status == FURROW_OK && stream->interval_ns < 2 * TICK_MS * FURROW_NS_PER_MS)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, FURROW_HEADER_HEARTBEAT " is to be at least %dm", 2 * TICK_MS);
    return status;
}

static furrow_status name_stream(furrow_call *call, furrow_stream *stream, furrow_error *err)
{
    furrow_id_make_secret(stream->id); /* whoever can name it may cancel it */
    int len = snprintf(stream->control, sizeof stream->control, "%s.%s.%s.", call->method->subject,
                       call->served->server->instance, stream->id);
    stream->control_len = (size_t)len;
    if (len > 0 && (size_t)len + FURROW_NUMBER_SIZE < sizeof stream->control) return FURROW_OK;
    return furrow_fail(err, FURROW_INTERNAL, "the method's name leaves no room for the names of its streams");
}

static void enter_stream(furrow_server *server, furrow_stream *stream)
{
    furrow_stream **bucket = find_stream_bucket(server, stream->id);
    stream->next = *bucket;
    *bucket = stream;
    server->stream_count++;
    if (!server->ticking)
        server->ticking = furrow_loop_spawn(server->loop, look_after_streams, server, NULL) == FURROW_OK;
}

static void leave_stream(furrow_server *server, const furrow_stream *stream)
{
    furrow_stream **at = find_stream_bucket(server, stream->id);
    while (*at != stream) at = &(*at)->next;
    *at = stream->next;
    server->stream_count--;
}

/* Tells who asked where to answer; from here on all that is sent goes to its other inbox. */
static furrow_status open_stream(furrow_call *call, furrow_stream *stream, furrow_error *err)
{
    static const furrow_header opened = {FURROW_HEADER_STREAM, "open"};
    furrow_status status = FURROW_OK;
    if (stream->window > 0) {
        furrow_number_format(0, stream->control + stream->control_len);
        furrow_outgoing out = {
            .subject = call->msg->reply, .reply = stream->control, .headers = &opened, .header_count = 1};
        status = furrow_link_publish(call->served->server->link, &out, err);
    }
    if (status == FURROW_OK) call->stream = stream;
    return status;
}

furrow_status furrow_stage_stream(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    if (!call->method->server_streams) return furrow_interceptor_next(self, call, err);
    furrow_server *server = call->served->server;
    if (server->stream_count >= server->options.max_streams)
        return furrow_fail_busy(err, FURROW_RETRY_MS, "%zu streams are open here, as many as may be",
                                server->stream_count);
    furrow_stream *stream = furrow_arena_zalloc(call->arena, sizeof *stream);
    if (!stream) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request's memory is used up");
    stream->call = call;
    stream->heard_ns = stream->sent_ns = furrow_clock_now_ns();
    furrow_status status = read_terms(call, stream, err);
    if (status == FURROW_OK) status = name_stream(call, stream, err);
    if (status == FURROW_OK) status = open_stream(call, stream, err);
    if (status != FURROW_OK) return status;
    enter_stream(server, stream);
    status = furrow_interceptor_next(self, call, err);
    leave_stream(server, stream);
    return status;
}

furrow_status furrow_stream_check(furrow_call *call, furrow_error *err)
{
    const furrow_stream *stream = call->stream;
    if (stream->broken != FURROW_OK) return furrow_fail(err, stream->broken, "the stream has ended: %s", stream->why);
    if (call->served->server->gone) return furrow_fail(err, FURROW_UNAVAILABLE, "the service has ended");
    if (furrow_clock_now_ns() < call->deadline_ns) return FURROW_OK;
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline has passed after %llu messages",
                       (unsigned long long)stream->sent);
}

/* Until the caller has room for one more. */
static furrow_status await_credit(furrow_call *call, furrow_error *err)
{
    furrow_stream *stream = call->stream;
    furrow_status status = furrow_stream_check(call, err);
    while (status == FURROW_OK && stream->sent == stream->acked + stream->window) {
        furrow_waiter waiter = furrow_waiter_make();
        stream->waiter = &waiter;
        (void)furrow_wait_aside(&waiter, call->deadline_ns);
        stream->waiter = NULL;
        status = furrow_stream_check(call, err);
    }
    return status;
}

/* Who says nothing of what it has read gets what NATS takes; meanwhile others have their turn. */
static furrow_status await_way(furrow_call *call, furrow_error *err)
{
    furrow_stream *stream = call->stream;
    furrow_link *link = call->served->server->link;
    furrow_status status = furrow_stream_check(call, err);
    if (status != FURROW_OK || stream->sent % YIELD_EVERY != YIELD_EVERY - 1) return status;
    furrow_task_yield();
    status = furrow_stream_check(call, err);
    while (status == FURROW_OK && furrow_link_held(link)) {
        furrow_task_sleep_ms(HELD_MS);
        status = furrow_stream_check(call, err);
    }
    return status;
}

furrow_status furrow_stream_send(furrow_call *call, const ProtobufCMessage *message, furrow_error *err)
{
    furrow_stream *stream = call->stream;
    FURROW_REQUIRE(stream != NULL); /* only a method that streams its answers */
    furrow_status status = stream->window > 0 ? await_credit(call, err) : await_way(call, err);
    if (status != FURROW_OK) return status;
    stream->sent++;
    status = furrow_reply_part(call, message, err);
    if (status == FURROW_OK) return FURROW_OK;
    stream->sent--;
    break_stream(stream, status, "a message of it could not be sent");
    return status;
}
