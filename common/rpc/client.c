/*
 * The client; see client.h. A call packs, sends and waits; what is retried and when is retry.c's. Steady state
 * allocates nothing but what the response takes in the caller's arena. Depends on link and wire.
 */
#include "rpc/client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/number.h"
#include "rpc/retry.h"
#include "rpc/status_message.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_ATTEMPTS 3
#define REQUEST_MAX      (64 * 1024 * 1024)
#define ANSWER_MAX       (64 * 1024 * 1024)
#define METADATA_MAX     12
#define OWN_HEADERS      5 /* Grpc-Timeout, Idempotency-Key, Furrow-After, traceparent, tracestate */
#define VERSION_BYTES    512
#define STATUS_BODY_MAX  (16 * 1024)

typedef struct async_call {
    furrow_client *client;
    const furrow_method_contract *method;
    char *version; /* the caller's, or NULL */
    furrow_client_fn *fn;
    void *arg;
    struct async_call *next; /* in the pool */
} async_call;

struct furrow_client {
    furrow_link *link;
    furrow_client_options options;
    furrow_retry_budget budget;
    furrow_buffer packed;  /* the request being sent; copied by the link */
    furrow_arena *answers; /* of asynchronous calls' responses, reset after each */
    async_call *idle;
    size_t in_flight; /* calls that still need the client's memory */
    bool gone;        /* destroyed; the last call in flight frees it */
};

furrow_client *furrow_client_create(furrow_link *link, const furrow_client_options *options, furrow_error *err)
{
    furrow_client *client = calloc(1, sizeof *client);
    if (!client || !(client->answers = furrow_arena_create(ANSWER_MAX))) {
        free(client);
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    client->link = link;
    if (options) client->options = *options;
    if (client->options.timeout_ms == 0) client->options.timeout_ms = FURROW_RPC_TIMEOUT_MS;
    if (client->options.max_attempts == 0) client->options.max_attempts = DEFAULT_ATTEMPTS;
    client->budget = furrow_retry_budget_make();
    furrow_buffer_init(&client->packed, REQUEST_MAX);
    return client;
}

static void free_unused_client(furrow_client *client)
{
    if (!client->gone || client->in_flight > 0) return;
    while (client->idle) {
        async_call *call = client->idle;
        client->idle = call->next;
        free(call);
    }
    furrow_buffer_fini(&client->packed);
    furrow_arena_destroy(client->answers);
    free(client);
}

void furrow_client_destroy(furrow_client *client)
{
    if (!client) return;
    client->gone = true;
    free_unused_client(client);
}

furrow_status furrow_client_reply_status(const furrow_msg *reply, furrow_error *err)
{
    if (!furrow_msg_has_headers(reply)) return FURROW_OK;
    const char *code = furrow_msg_header(reply, FURROW_HEADER_ERROR_CODE);
    const char *text = furrow_msg_header(reply, FURROW_HEADER_ERROR);
    if (!code && !text) return FURROW_OK;
    uint64_t number = FURROW_UNKNOWN;
    if (code) (void)furrow_number_parse(furrow_bytes_of(code), INT32_MAX, &number);
    furrow_status status = furrow_status_from_number((long)number);
    if (status == FURROW_OK) status = FURROW_UNKNOWN; /* an error reply that calls itself OK */
    char plain[FURROW_HEADER_TEXT_MAX] = "";
    if (text) furrow_header_unescape(text, plain);
    furrow_fail(err, status, "%s", text ? plain : furrow_status_name(status));
    FURROW_AUTO(furrow_arena) scratch = err && reply->data.len > 0 ? furrow_arena_create(STATUS_BODY_MAX) : NULL;
    if (scratch) furrow_status_message_decode(reply->data, scratch, err);
    return status;
}

/* A request on its way, with the strings its headers point to. */
typedef struct request {
    furrow_outgoing out;
    furrow_header headers[OWN_HEADERS + METADATA_MAX];
    char timeout[16], parent[FURROW_TRACE_PARENT_SIZE];
} request;

static furrow_status pack_request(furrow_client *client, const ProtobufCMessage *message, request *r, furrow_error *err)
{
    furrow_buffer *packed = &client->packed;
    furrow_buffer_reset(packed);
    furrow_message_append(message, packed);
    if (packed->failed)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request has %zu bytes, too many",
                           protobuf_c_message_get_packed_size(message));
    r->out.data = (furrow_bytes){packed->data, packed->len};
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

/* When a call must have ended, and whether the server assumes the same by itself. */
typedef struct terms {
    uint64_t now_ns, deadline_ns;
    bool usual;
} terms;

static furrow_status agree(const furrow_client *client, const furrow_method_contract *method,
                           const furrow_call_options *options, terms *out, furrow_error *err)
{
    uint64_t now = furrow_clock_now_ns();
    uint32_t assumed_ms = method->timeout_ms ? method->timeout_ms : FURROW_RPC_TIMEOUT_MS;
    uint32_t default_ms = method->timeout_ms ? method->timeout_ms : client->options.timeout_ms;
    uint32_t ms = options->timeout_ms ? options->timeout_ms : default_ms;
    uint64_t deadline = now + ms * FURROW_NS_PER_MS;
    bool nested = options->deadline_ns && options->deadline_ns < deadline;
    if (nested) deadline = options->deadline_ns;
    if (options->version) options->version[0] = '\0';
    if (deadline <= now)
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline had passed before the call was sent");
    *out = (terms){now, deadline, !nested && ms == assumed_ms && !options->send_deadline};
    return check_call_options(options, err);
}

/* The trace of the task, or of the client; a caller who sends one of its own knows better. */
static size_t add_request_trace(const furrow_client *client, const furrow_call_options *options, request *r,
                                size_t count)
{
    const furrow_trace *trace = furrow_trace_current();
    if (!trace) trace = client->options.trace;
    if (!trace) return count;
    for (size_t i = 0; i < options->metadata_count; i++)
        if (strcasecmp(options->metadata[i].name, FURROW_HEADER_TRACEPARENT) == 0) return count;
    furrow_trace_child(trace, r->parent);
    r->headers[count++] = (furrow_header){FURROW_HEADER_TRACEPARENT, r->parent};
    if (trace->state[0]) r->headers[count++] = (furrow_header){FURROW_HEADER_TRACESTATE, trace->state};
    return count;
}

/* Headers only where there is something to say: the common call carries none. @left_ns 0: no need to send a deadline.
 */
static void address(const furrow_client *client, const furrow_method_contract *method,
                    const furrow_call_options *options, uint64_t left_ns, request *r)
{
    size_t count = 0;
    if (left_ns > 0) {
        furrow_header_format_timeout(left_ns, r->timeout);
        r->headers[count++] = (furrow_header){FURROW_HEADER_TIMEOUT, r->timeout};
    }
    if (options->idempotency_key)
        r->headers[count++] = (furrow_header){FURROW_HEADER_IDEMPOTENCY_KEY, options->idempotency_key};
    if (options->after && options->after[0]) r->headers[count++] = (furrow_header){FURROW_HEADER_AFTER, options->after};
    count = add_request_trace(client, options, r, count);
    for (size_t i = 0; i < options->metadata_count; i++) r->headers[count++] = options->metadata[i];
    r->out = (furrow_outgoing){.subject = method->subject, .headers = r->headers, .header_count = count};
}

static furrow_status read_reply(const furrow_method_contract *method, const furrow_msg *reply, char *version,
                                furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    const char *made =
        version && furrow_msg_has_headers(reply) ? furrow_msg_header(reply, FURROW_HEADER_VERSION) : NULL;
    if (made) snprintf(version, VERSION_BYTES, "%s", made);
    furrow_status status = furrow_client_reply_status(reply, err);
    if (status != FURROW_OK) return status;
    status = furrow_message_unpack(method->output, reply->data, arena, response, err);
    if (status == FURROW_INVALID_ARGUMENT) /* of the server, not of our caller */
        return furrow_fail(err, FURROW_INTERNAL, "the answer is no %s", method->output->name);
    return status;
}

/* A call that waits: what it asks, and where its answer goes. */
typedef struct waiting_call {
    furrow_client *client;
    const furrow_method_contract *method;
    const ProtobufCMessage *message;
    const furrow_call_options *options;
    furrow_arena *arena;
    ProtobufCMessage **response;
} waiting_call;

/* One attempt, from packing (the buffer was others' since the last one) to its reply. */
static furrow_status attempt(const waiting_call *call, request *r, uint64_t deadline_ns, furrow_error *err)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_status status = pack_request(call->client, call->message, r, err);
    if (status == FURROW_OK) status = furrow_link_request(call->client->link, &r->out, deadline_ns, &reply, err);
    if (status != FURROW_OK) return status;
    return read_reply(call->method, reply, call->options->version, call->arena, call->response, err);
}

static furrow_status attempts(const waiting_call *call, terms agreed, furrow_error *err)
{
    furrow_client *client = call->client;
    bool safe = call->method->idempotency != FURROW_IDEMPOTENCY_UNKNOWN || call->options->idempotency_key;
    furrow_retry retry = furrow_retry_make(&client->budget, safe ? client->options.max_attempts : 1,
                                           client->options.attempt_timeout_ms, agreed.deadline_ns);
    furrow_status status = FURROW_UNKNOWN;
    request r;
    for (;;) {
        uint64_t until = furrow_retry_attempt_deadline(&retry, agreed.now_ns);
        bool usual = agreed.usual && until == agreed.deadline_ns;
        address(client, call->method, call->options, usual ? 0 : until - agreed.now_ns, &r);
        status = attempt(call, &r, until, err);
        /* The last two may have changed while this task was parked. */
        if (status == FURROW_OK || client->gone || !furrow_retry_again(&retry, status, err->retry_ms) || client->gone)
            return status;
        agreed.now_ns = furrow_clock_now_ns();
        agreed.usual = false;
        if (agreed.now_ns >= agreed.deadline_ns) return status; /* the pause took longer than asked for */
    }
}

static const furrow_call_options no_options;

furrow_status furrow_client_call(furrow_client *client, const furrow_method_contract *method,
                                 const ProtobufCMessage *message, const furrow_call_options *options,
                                 furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    waiting_call call = {client, method, message, options ? options : &no_options, arena, response};
    furrow_error why = {0}; /* read here, so @err may be NULL */
    terms agreed = {0};
    furrow_status status = agree(client, method, call.options, &agreed, &why);
    if (status == FURROW_OK) {
        client->in_flight++;
        status = attempts(&call, agreed, &why);
        client->in_flight--;
        free_unused_client(client);
    }
    if (status == FURROW_OK) return status;
    furrow_wrap(&why, "%s", method->name);
    if (err) *err = why;
    return status;
}

static async_call *take_async(furrow_client *client)
{
    async_call *call = client->idle;
    if (!call) return malloc(sizeof *call);
    client->idle = call->next;
    return call;
}

static void give_back(furrow_client *client, async_call *call)
{
    call->next = client->idle;
    client->idle = call;
}

static void on_reply(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    async_call call = *(async_call *)arg;
    furrow_client *client = call.client;
    furrow_error err = {0};
    ProtobufCMessage *response = NULL;
    give_back(client, arg);
    if (status != FURROW_OK)
        furrow_fail(&err, status, "%s", text);
    else
        status = read_reply(call.method, reply, call.version, client->answers, &response, &err);
    if (status != FURROW_OK) furrow_wrap(&err, "%s", call.method->name);
    call.fn(call.arg, status, &err, status == FURROW_OK ? response : NULL);
    furrow_msg_free(reply);
    furrow_arena_reset(client->answers);
    client->in_flight--;
    free_unused_client(client);
}

furrow_status furrow_client_call_async(furrow_client *client, const furrow_method_contract *method,
                                       const ProtobufCMessage *message, const furrow_call_options *options,
                                       furrow_client_fn *fn, void *arg, furrow_error *err)
{
    request r;
    terms agreed = {0};
    if (!options) options = &no_options;
    furrow_status status = agree(client, method, options, &agreed, err);
    if (status != FURROW_OK) return status;
    address(client, method, options, agreed.usual ? 0 : agreed.deadline_ns - agreed.now_ns, &r);
    status = pack_request(client, message, &r, err);
    if (status != FURROW_OK) return status;
    async_call *call = take_async(client);
    if (!call) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    *call = (async_call){.client = client, .method = method, .version = options->version, .fn = fn, .arg = arg};
    status = furrow_link_request_async(client->link, &r.out, agreed.deadline_ns, on_reply, call, err);
    if (status != FURROW_OK)
        give_back(client, call);
    else
        client->in_flight++;
    return status;
}
