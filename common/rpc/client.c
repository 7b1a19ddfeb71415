/*
 * The client; see client.h. A call packs, sends and waits; what is retried and when is retry.c's. Depends on link and wire.
 */
#include "rpc/client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "rpc/retry.h"
#include "wire/message.h"

#include <stdlib.h>

#define DEFAULT_TIMEOUT_MS 5000
#define DEFAULT_ATTEMPTS   3
#define REQUEST_MAX        (64 * 1024 * 1024)
#define ANSWER_MAX         (64 * 1024 * 1024)
#define HEADERS_MAX        16
#define VERSION_BYTES      512

typedef struct async_call {
    furrow_client *client;
    const furrow_method_contract *method;
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
    if (client->options.timeout_ms == 0) client->options.timeout_ms = DEFAULT_TIMEOUT_MS;
    if (client->options.max_attempts == 0) client->options.max_attempts = DEFAULT_ATTEMPTS;
    client->budget = furrow_retry_budget_make();
    furrow_buffer_init(&client->packed, REQUEST_MAX);
    return client;
}

void furrow_client_destroy(furrow_client *client)
{
    if (!client) return;
    while (client->idle) {
        async_call *call = client->idle;
        client->idle = call->next;
        free(call);
    }
    furrow_buffer_fini(&client->packed);
    furrow_arena_destroy(client->answers);
    free(client);
}

furrow_status furrow_client_reply_status(const furrow_msg *reply, furrow_error *err)
{
    if (!furrow_msg_has_headers(reply)) return FURROW_OK;
    const char *code = furrow_msg_header(reply, FURROW_HEADER_ERROR_CODE), *text = furrow_msg_header(reply, FURROW_HEADER_ERROR);
    if (!code && !text) return FURROW_OK;
    char *end = NULL;
    long number = code ? strtol(code, &end, 10) : FURROW_UNKNOWN;
    furrow_status status = code && (end == code || *end) ? FURROW_UNKNOWN : furrow_status_from_number(number);
    if (status == FURROW_OK) status = FURROW_UNKNOWN; /* an error reply that calls itself OK */
    return furrow_fail(err, status, "%.250s", text ? text : "no text");
}

/* A request on its way, with the strings its headers point to. */
typedef struct request {
    furrow_outgoing out;
    furrow_header headers[HEADERS_MAX];
    char timeout[16];
    uint64_t deadline_ns;
} request;

static furrow_status pack(furrow_client *client, const ProtobufCMessage *message, furrow_error *err)
{
    furrow_buffer_reset(&client->packed);
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *room = furrow_buffer_reserve(&client->packed, len + 1);
    if (!room) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request has %zu bytes, too many", len);
    client->packed.len += protobuf_c_message_pack(message, room);
    return FURROW_OK;
}

/* Headers only where there is something to say: the common call carries none. */
static furrow_status prepare(furrow_client *client, const furrow_method_contract *method, const furrow_call_options *options, request *r,
                             furrow_error *err)
{
    uint64_t now = furrow_clock_now_ns();
    uint32_t usual_ms = method->timeout_ms ? method->timeout_ms : client->options.timeout_ms;
    uint32_t ms = options && options->timeout_ms ? options->timeout_ms : usual_ms;
    size_t count = 0;
    r->out = (furrow_outgoing){.subject = method->subject, .headers = r->headers};
    r->deadline_ns = now + ms * FURROW_NS_PER_MS;
    bool nested = options && options->deadline_ns && options->deadline_ns < r->deadline_ns;
    if (nested) r->deadline_ns = options->deadline_ns;
    if (r->deadline_ns <= now) return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline had passed before the call was sent");
    if (nested || ms != usual_ms || (options && options->send_deadline)) {
        furrow_header_format_timeout(r->deadline_ns - now, r->timeout);
        r->headers[count++] = (furrow_header){FURROW_HEADER_TIMEOUT, r->timeout};
    }
    if (options && options->idempotency_key) r->headers[count++] = (furrow_header){FURROW_HEADER_IDEMPOTENCY_KEY, options->idempotency_key};
    if (options && options->after && options->after[0]) r->headers[count++] = (furrow_header){FURROW_HEADER_AFTER, options->after};
    for (size_t i = 0; options && i < options->metadata_count; i++) {
        if (count == HEADERS_MAX) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "more than %d headers", HEADERS_MAX);
        r->headers[count++] = options->metadata[i];
    }
    r->out.header_count = count;
    return FURROW_OK;
}

static furrow_status read_reply(const furrow_method_contract *method, const furrow_msg *reply, const furrow_call_options *options, furrow_arena *arena,
                                ProtobufCMessage **response, furrow_error *err)
{
    furrow_status status = furrow_client_reply_status(reply, err);
    if (status != FURROW_OK) return status;
    status = furrow_message_unpack(method->output, reply->data, arena, response, err);
    if (status != FURROW_OK) return furrow_fail(err, FURROW_INTERNAL, "%s answered what is no %s", method->subject, method->output->name);
    if (options && options->version) {
        const char *version = furrow_msg_has_headers(reply) ? furrow_msg_header(reply, FURROW_HEADER_VERSION) : NULL;
        snprintf(options->version, VERSION_BYTES, "%s", version ? version : "");
    }
    return FURROW_OK;
}

furrow_status furrow_client_call(furrow_client *client, const furrow_method_contract *method, const ProtobufCMessage *message,
                                 const furrow_call_options *options, furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    request r;
    furrow_status status = prepare(client, method, options, &r, err);
    if (status != FURROW_OK) return status;
    bool safe = method->idempotency != FURROW_IDEMPOTENCY_UNKNOWN || (options && options->idempotency_key);
    furrow_retry retry = furrow_retry_make(&client->budget, safe ? client->options.max_attempts : 1, r.deadline_ns);
    do {
        FURROW_AUTO(furrow_msg) reply = NULL;
        status = pack(client, message, err); /* again for each attempt: the buffer was others' meanwhile */
        if (status != FURROW_OK) return status;
        r.out.data = (furrow_bytes){client->packed.data, client->packed.len};
        status = furrow_link_request(client->link, &r.out, furrow_retry_attempt_deadline(&retry), &reply, err);
        if (status == FURROW_OK) status = read_reply(method, reply, options, arena, response, err);
    } while (status != FURROW_OK && furrow_retry_again(&retry, status));
    return status == FURROW_OK ? status : furrow_wrap(err, "%s", method->name);
}

static void on_reply(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    async_call *call = arg;
    furrow_client *client = call->client;
    furrow_error err = {0};
    ProtobufCMessage *response = NULL;
    if (status != FURROW_OK)
        furrow_fail(&err, status, "%s", text);
    else
        status = read_reply(call->method, reply, NULL, client->answers, &response, &err);
    furrow_client_fn *fn = call->fn;
    void *fn_arg = call->arg;
    call->next = client->idle;
    client->idle = call;
    fn(fn_arg, status, &err, response);
    furrow_msg_free(reply);
    furrow_arena_reset(client->answers);
}

furrow_status furrow_client_call_async(furrow_client *client, const furrow_method_contract *method, const ProtobufCMessage *message,
                                       const furrow_call_options *options, furrow_client_fn *fn, void *arg, furrow_error *err)
{
    request r;
    furrow_status status = prepare(client, method, options, &r, err);
    if (status == FURROW_OK) status = pack(client, message, err);
    if (status != FURROW_OK) return status;
    async_call *call = client->idle;
    if (call)
        client->idle = call->next;
    else if (!(call = malloc(sizeof *call)))
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    *call = (async_call){.client = client, .method = method, .fn = fn, .arg = arg};
    r.out.data = (furrow_bytes){client->packed.data, client->packed.len};
    status = furrow_link_request_async(client->link, &r.out, r.deadline_ns, on_reply, call, err);
    if (status != FURROW_OK) {
        call->next = client->idle;
        client->idle = call;
    }
    return status;
}
