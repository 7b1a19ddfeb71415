/*
 * The client's chain: which links there are and in which order, and what each does. An attempt that is to be repeated
 * turns round at its link; what stands before it sees the call once. Depends on wire and link.
 */
#include "base/clock.h"
#include "rpc/client_inside.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define VERSION_BYTES 512
#define METADATA_MAX  12 /* of the caller's; interceptors may add to it */

const furrow_method_contract *furrow_outbound_method(const furrow_outbound *call)
{
    return call->method;
}

uint64_t furrow_outbound_begun_ns(const furrow_outbound *call)
{
    return call->begun_ns;
}

const ProtobufCMessage *furrow_outbound_request(const furrow_outbound *call)
{
    return call->sending->message;
}

const ProtobufCMessage *furrow_outbound_response(const furrow_outbound *call)
{
    return call->response;
}

furrow_status furrow_outbound_add(furrow_outbound *call, furrow_header header, furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    if (sending->metadata_count == FURROW_OUTBOUND_METADATA)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "more than %d headers of metadata", FURROW_OUTBOUND_METADATA);
    sending->headers[sending->metadata_count++] = header;
    return FURROW_OK;
}

static furrow_status check_call_options(const furrow_call_options *options, furrow_error *err)
{
    if (options->metadata_count > METADATA_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%zu headers of metadata; at most %d", options->metadata_count,
                           METADATA_MAX);
    /* nats.c 3.4.1 takes the next header's line for an empty value: the key would be lost without a word. */
    if (options->idempotency_key && !options->idempotency_key[0])
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, FURROW_HEADER_IDEMPOTENCY_KEY " is empty");
    return FURROW_OK;
}

/* When the call must have ended, and whether the server assumes the same by itself. */
static furrow_status agree_deadline(furrow_outbound *call, furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    const furrow_call_options *options = sending->options;
    uint32_t own_ms = call->method->timeout_ms;
    uint32_t default_ms = own_ms ? own_ms : call->client->options.timeout_ms;
    uint32_t ms = options->timeout_ms ? options->timeout_ms : default_ms;
    sending->now_ns = call->begun_ns = furrow_clock_now_ns();
    sending->deadline_ns = sending->now_ns + ms * FURROW_NS_PER_MS;
    bool nested = options->deadline_ns && options->deadline_ns < sending->deadline_ns;
    if (nested) sending->deadline_ns = options->deadline_ns;
    sending->until_ns = sending->deadline_ns;
    sending->stated = nested || options->timeout_ms || own_ms;
    sending->usual = !nested && ms == (own_ms ? own_ms : FURROW_RPC_TIMEOUT_MS) && !options->send_deadline;
    if (options->version) options->version[0] = '\0';
    if (sending->deadline_ns > sending->now_ns) return FURROW_OK;
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline had passed before the call was sent");
}

static furrow_status start_call_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    const furrow_call_options *options = sending->options;
    furrow_status status = agree_deadline(call, err);
    if (status == FURROW_OK) status = check_call_options(options, err);
    for (size_t i = 0; status == FURROW_OK && i < options->metadata_count; i++)
        status = furrow_outbound_add(call, options->metadata[i], err);
    return status == FURROW_OK ? furrow_outbound_next(self, call, err) : status;
}

static furrow_status start_attempt(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    sending->header_count = sending->metadata_count;
    if (call->waiting) sending->until_ns = furrow_retry_attempt_deadline(&call->waiting->retry, sending->now_ns);
    return furrow_outbound_next(self, call, err);
}

/* Attempts until one is on its way (OK), or none is worth it any more. */
static furrow_status repeat_attempt(const furrow_outbound_interceptor *self, furrow_outbound *call,
                                    furrow_status status, furrow_error *err)
{
    const furrow_client *client = call->client;
    furrow_outbound_sending *sending = call->sending;
    while (status != FURROW_OK) {
        /* It may be gone since this task was parked. */
        if (client->gone || !furrow_retry_again(&call->waiting->retry, status, err->retry_ms) || client->gone)
            return status;
        sending->now_ns = furrow_clock_now_ns();
        sending->usual = false;
        if (sending->now_ns >= sending->deadline_ns) return status; /* the pause took longer than asked for */
        status = start_attempt(self, call, err);
    }
    return FURROW_OK;
}

static furrow_status start_retry_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_client *client = call->client;
    if (!call->waiting) return start_attempt(self, call, err);
    bool safe = call->method->idempotency != FURROW_IDEMPOTENCY_UNKNOWN || call->sending->options->idempotency_key;
    call->waiting->retry = furrow_retry_make(&client->budget, safe ? client->options.max_attempts : 1,
                                             client->options.attempt_timeout_ms, call->sending->deadline_ns);
    return repeat_attempt(self, call, start_attempt(self, call, err), err);
}

static void end_retry_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                           furrow_error *err)
{
    bool repeats = call->waiting && !call->waiting->opened;
    if (status != FURROW_OK && repeats && (status = repeat_attempt(self, call, status, err)) == FURROW_OK) return;
    furrow_outbound_back(self, call, status, err);
}

/* Headers only where there is something to say: the common call carries none. */
static furrow_status start_terms_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    const furrow_call_options *options = sending->options;
    bool usual = call->reader ? !sending->stated : sending->usual && sending->until_ns == sending->deadline_ns;
    if (!usual) {
        uint64_t until_ns = call->reader ? sending->deadline_ns : sending->until_ns;
        furrow_header_format_timeout(until_ns - sending->now_ns, sending->timeout);
        furrow_outbound_header(sending, FURROW_HEADER_TIMEOUT, sending->timeout);
    }
    if (options->idempotency_key)
        furrow_outbound_header(sending, FURROW_HEADER_IDEMPOTENCY_KEY, options->idempotency_key);
    if (options->after && options->after[0]) furrow_outbound_header(sending, FURROW_HEADER_AFTER, options->after);
    return furrow_outbound_next(self, call, err);
}

/* The trace of the task, or of the client; a caller who sends one of its own knows better. */
static furrow_status start_trace_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    const furrow_trace *trace = furrow_trace_current();
    if (!trace) trace = call->client->options.trace;
    for (size_t i = 0; trace && i < sending->metadata_count; i++)
        if (strcasecmp(sending->headers[i].name, FURROW_HEADER_TRACEPARENT) == 0) trace = NULL;
    if (trace) {
        furrow_trace_child(trace, sending->parent);
        furrow_outbound_header(sending, FURROW_HEADER_TRACEPARENT, sending->parent);
        if (trace->state[0]) furrow_outbound_header(sending, FURROW_HEADER_TRACESTATE, trace->state);
    }
    return furrow_outbound_next(self, call, err);
}

static furrow_status start_message_link(const furrow_outbound_interceptor *self, furrow_outbound *call,
                                        furrow_error *err)
{
    furrow_outbound_sending *sending = call->sending;
    furrow_buffer *packed = &call->client->packed; /* has been others' since the last attempt */
    furrow_buffer_reset(packed);
    furrow_message_append(sending->message, packed);
    if (packed->failed)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request has %zu bytes, too many",
                           protobuf_c_message_get_packed_size(sending->message));
    sending->packed = (furrow_bytes){packed->data, packed->len};
    return furrow_outbound_next(self, call, err);
}

static furrow_status read_reply(furrow_outbound *call, furrow_error *err)
{
    const furrow_msg *reply = call->reply;
    const char *made =
        call->version && furrow_msg_has_headers(reply) ? furrow_msg_header(reply, FURROW_HEADER_VERSION) : NULL;
    if (made) snprintf(call->version, VERSION_BYTES, "%s", made);
    furrow_status status = furrow_client_reply_status(reply, err);
    if (status != FURROW_OK || call->reader) return status;
    status = furrow_message_unpack_answer(call->method->output, reply->data, call->arena, &call->response, err);
    if (status == FURROW_INVALID_ARGUMENT) /* of the server, not of our caller */
        return furrow_fail(err, FURROW_INTERNAL, "the answer is no %s", call->method->output->name);
    return status;
}

static void end_message_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                             furrow_error *err)
{
    bool opens = call->reader && !call->waiting->opened;
    if (status == FURROW_OK) status = read_reply(call, err);
    if (status == FURROW_OK && opens) status = furrow_reader_opened(call, err);
    furrow_msg_free(FURROW_TAKE(call->reply));
    if (status == FURROW_OK && opens) return; /* its end goes back */
    furrow_outbound_back(self, call, status, err);
}

static furrow_status start_send_link(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    const furrow_outbound_sending *sending = call->sending;
    furrow_outgoing out = {.subject = call->method->subject,
                           .headers = sending->headers,
                           .header_count = sending->header_count,
                           .data = sending->packed};
    return furrow_link_request_async(call->client->link, &out, sending->until_ns, furrow_client_on_reply, call, err);
}

#define OWN(name, start, end)                                                                                          \
    {                                                                                                                  \
        name, &(const furrow_outbound_interceptor_ops){start, end}, NULL, NULL, NULL                                   \
    }

static const furrow_outbound_interceptor before[] = {
    OWN("call", start_call_link, furrow_client_tell), /* its deadline and metadata; who called, when it has ended */
};
static const furrow_outbound_interceptor behind[] = {
    OWN("retry", start_retry_link, end_retry_link),       /* attempts, within budget and deadline */
    OWN("terms", start_terms_link, NULL),                 /* Grpc-Timeout, Idempotency-Key, Furrow-After */
    OWN("trace", start_trace_link, NULL),                 /* each attempt has a span of its own */
    OWN("stream", furrow_reader_ask, NULL),               /* where its messages are to go, and how many unread */
    OWN("message", start_message_link, end_message_link), /* packs the request, reads the reply */
    OWN("send", start_send_link, NULL),                   /* the last: calls no next */
};

#define COUNT(links) (sizeof(links) / sizeof *(links))

static size_t count_authors(const furrow_outbound_interceptor *authors)
{
    size_t count = 0;
    while (authors && authors[count].name) {
        FURROW_REQUIRE(authors[count].ops != NULL);
        count++;
    }
    return count;
}

/* Those who have nothing to do on a way are not on it. */
static void join_links(furrow_outbound_interceptor *chain, size_t count)
{
    const furrow_outbound_interceptor *ends = NULL, *starts = NULL;
    for (size_t i = 0; i < count; i++) {
        chain[i].prev = ends;
        if (chain[i].ops->end) ends = &chain[i];
    }
    for (size_t i = count; i-- > 0;) {
        chain[i].next = starts;
        if (chain[i].ops->start) starts = &chain[i];
    }
}

furrow_outbound_interceptor *furrow_outbound_chain(const furrow_outbound_interceptor *authors,
                                                   const furrow_outbound_interceptor **last)
{
    size_t own = count_authors(authors), count = COUNT(before) + own + COUNT(behind);
    furrow_outbound_interceptor *chain = calloc(count, sizeof *chain);
    if (!chain) return NULL;
    memcpy(chain, before, sizeof before);
    if (own > 0) memcpy(chain + COUNT(before), authors, own * sizeof *authors);
    memcpy(chain + COUNT(before) + own, behind, sizeof behind);
    join_links(chain, count);
    *last = &chain[count - 1];
    return chain;
}
