/*
 * The client's side of streams; see reader.h, and README.md for the protocol. The stream is opened by a request like any
 * other, whose reply says where to answer; its messages come to an inbox that all streams of a client share, told apart
 * by their last token. What is read is acknowledged at half of the window; the same acknowledgement again is the
 * heartbeat.
 *
 * Invariants: read <= came <= read + window; acked <= read. failed is set once. Depends on wire and link.
 */
#include "rpc/reader.h"

#include "base/clock.h"
#include "base/number.h"
#include "rpc/client_inside.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100

struct furrow_reader {
    furrow_outbound call;
    furrow_outbound_waiting waiting;
    furrow_reader *next; /* in its bucket */
    uint64_t id;
    char inbox[FURROW_SUBJECT_MAX], window_text[FURROW_NUMBER_SIZE], interval_text[16];
    char control[FURROW_SUBJECT_MAX]; /* ends in a dot, the number goes behind it */
    size_t control_len;
    uint64_t came, read, acked, window, interval_ns, deadline_ns, heard_ns, sent_ns;
    furrow_msg *end; /* the last message, which has the status; or NULL */
    furrow_status failed;
    const char *why;
    furrow_waiter *waiter; /* of who waits for a message, or NULL */
    furrow_error error;    /* once the call has ended */
    furrow_msg *queue[];   /* window places: message n at n % window */
};

static void wake_reader(furrow_reader *reader)
{
    if (reader->waiter) furrow_waiter_done(reader->waiter);
}

static void break_reader(furrow_reader *reader, furrow_status status, const char *why)
{
    if (reader->failed != FURROW_OK || reader->end) return;
    reader->failed = status;
    reader->why = why;
    wake_reader(reader);
}

static void say_word(furrow_reader *reader, const char *word)
{
    furrow_outgoing out = {.subject = reader->control, .data = furrow_bytes_of(word)};
    furrow_number_format(reader->read, reader->control + reader->control_len);
    reader->acked = reader->read;
    reader->sent_ns = furrow_clock_now_ns();
    (void)!furrow_link_publish(reader->call.client->link, &out, NULL); /* who is not heard says it again */
}

/* The number behind the last dot of its reply subject; false when there is none. */
static bool read_message_number(const furrow_msg *msg, uint64_t *number)
{
    return msg->reply && furrow_number_parse(furrow_bytes_of(furrow_subject_last(msg->reply)), INT64_MAX, number);
}

/* True: it has taken @msg. */
static bool take_stream_message(furrow_reader *reader, furrow_msg *msg)
{
    uint64_t number;
    const char *kind = furrow_msg_has_headers(msg) ? furrow_msg_header(msg, FURROW_HEADER_STREAM) : NULL;
    if (!read_message_number(msg, &number)) {
        break_reader(reader, FURROW_INTERNAL, "a message of the stream has no number");
    } else if (number > reader->came + !kind) {
        break_reader(reader, FURROW_DATA_LOSS, "messages of the stream were lost on the way");
    } else if (kind && strcmp(kind, "end") == 0) {
        reader->end = msg;
        wake_reader(reader);
        return true;
    } else if (!kind && number == reader->came + 1) { /* else it is there already, or a heartbeat */
        if (reader->came - reader->read == reader->window) {
            break_reader(reader, FURROW_INTERNAL, "the service has sent more of the stream than it was to");
            return false;
        }
        reader->queue[++reader->came % reader->window] = msg;
        wake_reader(reader);
        return true;
    }
    return false;
}

static furrow_reader **find_bucket(furrow_client *client, uint64_t id)
{
    return &client->readers[id % FURROW_READER_BUCKETS];
}

static void on_stream_message(void *arg, furrow_msg *msg)
{
    furrow_client *client = arg;
    uint64_t id;
    furrow_reader *at = NULL;
    if (furrow_number_parse(furrow_bytes_of(furrow_subject_last(msg->subject)), INT64_MAX, &id)) {
        at = *find_bucket(client, id);
        while (at && at->id != id) at = at->next;
    }
    if (at) at->heard_ns = furrow_clock_now_ns();
    if (!at || at->failed != FURROW_OK || at->end || !take_stream_message(at, msg)) furrow_msg_free(msg);
}

static void look_after_reader(furrow_reader *reader, uint64_t now_ns)
{
    if (reader->control_len == 0 || reader->end) return;
    if (now_ns - reader->heard_ns + TICK_MS * FURROW_NS_PER_MS >= 2 * reader->interval_ns)
        break_reader(reader, FURROW_UNAVAILABLE, "nothing has been heard of the service for two intervals");
    else if (now_ns - reader->sent_ns >= reader->interval_ns / 2)
        say_word(reader, "");
}

static void look_after_readers(void *arg)
{
    furrow_client *client = arg;
    while (client->reader_count > 0) {
        uint64_t now_ns = furrow_clock_now_ns();
        for (size_t i = 0; i < FURROW_READER_BUCKETS; i++)
            for (furrow_reader *at = client->readers[i]; at; at = at->next) look_after_reader(at, now_ns);
        client->tick = furrow_waiter_make();
        furrow_wait(&client->tick, now_ns + TICK_MS * FURROW_NS_PER_MS);
    }
    client->ticking = false;
    client->in_flight--;
    furrow_client_settle(client);
}

/* The inbox that all its streams share, made at the first; and who looks after them. */
static furrow_status prepare_client(furrow_client *client, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX + 2];
    if (!client->inbox_of_all) {
        furrow_link_inbox(client->link, client->inbox);
        snprintf(subject, sizeof subject, "%s.*", client->inbox);
        client->inbox_of_all = furrow_link_subscribe(client->link, subject, NULL, on_stream_message, client, err);
        if (!client->inbox_of_all) return FURROW_RESOURCE_EXHAUSTED;
    }
    if (client->ticking) return FURROW_OK;
    furrow_status status = furrow_loop_spawn(furrow_link_loop(client->link), look_after_readers, client, err);
    if (status != FURROW_OK) return status;
    client->ticking = true;
    client->in_flight++;
    return FURROW_OK;
}

static furrow_reader *make_reader(furrow_client *client, const furrow_method_contract *method,
                                  const furrow_reader_options *options, furrow_error *err)
{
    uint32_t window = options->window ? options->window : FURROW_STREAM_WINDOW;
    uint32_t interval_ms = options->heartbeat_ms ? options->heartbeat_ms : FURROW_STREAM_INTERVAL_MS;
    if (window > FURROW_STREAM_WINDOW_MAX || interval_ms < 2 * TICK_MS) {
        furrow_fail(err, FURROW_INVALID_ARGUMENT, "a stream's window is at most %d, its heartbeat at least %d ms",
                    FURROW_STREAM_WINDOW_MAX, 2 * TICK_MS);
        return NULL;
    }
    furrow_reader *reader = calloc(1, sizeof *reader + window * sizeof *reader->queue);
    if (!reader) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    reader->window = window;
    reader->interval_ns = interval_ms * FURROW_NS_PER_MS;
    reader->waiting = (furrow_outbound_waiting){.waiter = furrow_waiter_make(), .err = &reader->error};
    reader->call = (furrow_outbound){.client = client, .method = method, .waiting = &reader->waiting, .reader = reader};
    reader->id = client->readers_made++;
    furrow_number_format(window, reader->window_text);
    furrow_header_format_timeout(reader->interval_ns, reader->interval_text);
    return reader;
}

furrow_status furrow_reader_ask(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_reader *reader = call->reader;
    if (!reader) return furrow_outbound_next(self, call, err);
    furrow_client *client = call->client;
    furrow_outbound_sending *sending = call->sending;
    if (snprintf(reader->inbox, sizeof reader->inbox, "%s.%llu", client->inbox, (unsigned long long)reader->id) >=
        (int)sizeof reader->inbox)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the inbox prefix leaves no room for the names of streams");
    furrow_outbound_header(sending, FURROW_HEADER_STREAM, reader->inbox);
    furrow_outbound_header(sending, FURROW_HEADER_WINDOW, reader->window_text);
    furrow_outbound_header(sending, FURROW_HEADER_HEARTBEAT, reader->interval_text);
    reader->deadline_ns = sending->stated ? sending->deadline_ns : FURROW_NEVER;
    return furrow_outbound_next(self, call, err);
}

furrow_status furrow_reader_opened(furrow_outbound *call, furrow_error *err)
{
    furrow_reader *reader = call->reader;
    const char *reply = call->reply->reply;
    uint64_t number;
    size_t len = reply ? strlen(reply) : 0;
    if (!read_message_number(call->reply, &number) || len + FURROW_NUMBER_SIZE > sizeof reader->control)
        return furrow_fail(err, FURROW_INTERNAL, "the service has not opened a stream: is it older than its contract?");
    reader->control_len = (size_t)(furrow_subject_last(reply) - reply);
    memcpy(reader->control, reply, reader->control_len);
    reader->heard_ns = reader->sent_ns = furrow_clock_now_ns();
    call->waiting->opened = true;
    return FURROW_OK;
}

static void keep_reader(furrow_reader *reader)
{
    furrow_reader **bucket = find_bucket(reader->call.client, reader->id);
    reader->next = *bucket;
    *bucket = reader;
    reader->call.client->reader_count++;
}

static void forget_reader(furrow_reader *reader)
{
    furrow_client *client = reader->call.client;
    furrow_reader **at = find_bucket(client, reader->id);
    while (*at != reader) at = &(*at)->next;
    *at = reader->next;
    if (--client->reader_count == 0 && client->ticking) furrow_waiter_done(&client->tick);
}

static void free_reader(furrow_reader *reader)
{
    for (uint64_t i = 0; i < reader->window; i++) furrow_msg_free(reader->queue[i]);
    furrow_msg_free(reader->end);
    free(reader);
}

furrow_status furrow_reader_open(furrow_client *client, const furrow_method_contract *method,
                                 const ProtobufCMessage *request, const furrow_reader_options *options,
                                 furrow_reader **out, furrow_error *err)
{
    static const furrow_reader_options no_options;
    if (!options) options = &no_options;
    FURROW_REQUIRE(method->server_streams);
    furrow_error why = {0};
    furrow_reader *reader = make_reader(client, method, options, &why);
    if (!reader) {
        if (err) *err = why;
        return why.code;
    }
    keep_reader(reader);
    furrow_status status = prepare_client(client, &reader->error);
    if (status == FURROW_OK) status = furrow_client_send(&reader->call, request, &options->call, &reader->error);
    if (status == FURROW_OK) {
        *out = reader;
        return FURROW_OK;
    }
    if (err) *err = reader->error;
    forget_reader(reader);
    free_reader(reader);
    return status;
}

static void end_reader(furrow_reader *reader, furrow_status status, furrow_error *err)
{
    if (!reader->waiting.ended) furrow_outbound_back(reader->call.client->last, &reader->call, status, err);
}

/* What has been sent has been read, or is not read any more: the call goes its way back. */
static void end_reading(furrow_reader *reader)
{
    furrow_error err = {0};
    furrow_status status = FURROW_OK;
    if (reader->failed == FURROW_OK && !reader->end)
        break_reader(reader, FURROW_DEADLINE_EXCEEDED, "the deadline has passed before the stream's end");
    if (reader->failed != FURROW_OK) {
        status = furrow_fail(&err, reader->failed, "%s: %s", reader->call.method->subject, reader->why);
        say_word(reader, "cancel");
    }
    reader->call.reply = reader->failed == FURROW_OK ? FURROW_TAKE(reader->end) : NULL;
    end_reader(reader, status, &err);
}

static bool has_more(const furrow_reader *reader)
{
    return reader->failed == FURROW_OK && reader->read < reader->came;
}

/* Until there is a message to be read, or the call has ended. */
static void await_message(furrow_reader *reader)
{
    while (!reader->waiting.ended && !has_more(reader)) {
        furrow_waiter waiter = furrow_waiter_make();
        reader->waiter = &waiter;
        bool in_time = reader->end || reader->failed != FURROW_OK || furrow_wait(&waiter, reader->deadline_ns);
        reader->waiter = NULL;
        if (!has_more(reader) && (reader->end || reader->failed != FURROW_OK || !in_time)) end_reading(reader);
    }
}

furrow_status furrow_reader_next(furrow_reader *reader, furrow_arena *arena, ProtobufCMessage **message,
                                 furrow_error *err)
{
    const furrow_method_contract *method = reader->call.method;
    await_message(reader);
    if (!reader->waiting.ended) {
        furrow_msg **place = &reader->queue[++reader->read % reader->window];
        FURROW_AUTO(furrow_msg) msg = FURROW_TAKE(*place);
        if (reader->read - reader->acked >= (reader->window + 1) / 2) say_word(reader, "");
        furrow_status status = furrow_message_unpack_answer(method->output, msg->data, arena, message, err);
        if (status != FURROW_INVALID_ARGUMENT) return status;
        break_reader(reader, FURROW_INTERNAL, "what came is no message of the method's");
        end_reading(reader);
    }
    if (reader->waiting.status == FURROW_OK)
        *message = NULL;
    else if (err)
        *err = reader->error;
    return reader->waiting.status;
}

void furrow_reader_close(furrow_reader *reader)
{
    if (!reader) return;
    if (!reader->waiting.ended) {
        break_reader(reader, FURROW_CANCELLED, "closed before its end");
        end_reading(reader);
    }
    forget_reader(reader);
    free_reader(reader);
}
