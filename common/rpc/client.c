/*
 * The client; see client.h. Here calls begin and end; what happens to them between is outbound.c's. Steady state
 * allocates nothing but what the response takes in the caller's arena. Depends on wire and link.
 */
#include "base/clock.h"
#include "base/number.h"
#include "rpc/client_inside.h"
#include "rpc/status_message.h"

#include <stdlib.h>

#define DEFAULT_ATTEMPTS 3
#define REQUEST_MAX      (64 * 1024 * 1024)
#define ANSWER_MAX       (64 * 1024 * 1024)
#define STATUS_BODY_MAX  (64 * 1024)

static void free_client(furrow_client *client)
{
    while (client->idle) {
        furrow_outbound *call = client->idle;
        client->idle = call->next;
        free(call);
    }
    furrow_buffer_fini(&client->packed);
    furrow_arena_destroy(client->answers);
    free(client->chain);
    free(client);
}

furrow_client *furrow_client_create(furrow_link *link, const furrow_client_options *options, furrow_error *err)
{
    furrow_client *client = calloc(1, sizeof *client);
    if (client) {
        if (options) client->options = *options;
        client->chain = furrow_outbound_chain(client->options.interceptors, &client->last);
        client->answers = furrow_arena_create(ANSWER_MAX);
    }
    if (!client || !client->chain || !client->answers) {
        if (client) free_client(client);
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    client->link = link;
    if (client->options.timeout_ms == 0) client->options.timeout_ms = FURROW_RPC_TIMEOUT_MS;
    if (client->options.max_attempts == 0) client->options.max_attempts = DEFAULT_ATTEMPTS;
    client->budget = furrow_retry_budget_make();
    furrow_buffer_init(&client->packed, REQUEST_MAX);
    return client;
}

void furrow_client_settle(furrow_client *client)
{
    if (client->gone && client->in_flight == 0) free_client(client);
}

void furrow_client_destroy(furrow_client *client)
{
    if (!client) return;
    client->gone = true;
    furrow_subscription_destroy(FURROW_TAKE(client->inbox_of_all));
    if (client->ticking) furrow_waiter_done(&client->tick);
    furrow_client_settle(client);
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

static const furrow_call_options no_options;

/* Out through the chain. OK: it is on its way, and comes back. */
static furrow_status send_out(furrow_outbound *call, const ProtobufCMessage *message,
                              const furrow_call_options *options, furrow_outbound_sending *sending, furrow_error *err)
{
    const furrow_outbound_interceptor *first = call->client->chain;
    sending->message = message;
    sending->options = options ? options : &no_options;
    sending->metadata_count = 0;
    call->version = sending->options->version;
    call->sending = sending;
    furrow_error_clear(err);
    furrow_status status = first->ops->start(first, call, err);
    if (status == FURROW_OK) return FURROW_OK;
    err->code = status; /* an interceptor may give a status and say nothing */
    return furrow_wrap(err, "%s", call->method->name);
}

/* Back through the chain, with what has become of the attempt. */
static void bring_back(furrow_outbound *call, furrow_status status, const char *text)
{
    furrow_error err;
    furrow_error_clear(&err);
    if (status != FURROW_OK) furrow_fail(&err, status, "%s: %s", call->method->subject, text);
    furrow_outbound_back(call->client->last, call, status, &err);
}

static furrow_outbound *take_async(furrow_client *client)
{
    furrow_outbound *call = client->idle;
    if (!call) return malloc(sizeof *call);
    client->idle = call->next;
    return call;
}

static void give_back(furrow_client *client, furrow_outbound *call)
{
    call->next = client->idle;
    client->idle = call;
}

/* Its cell is free again before its owner hears of it, and may be used by what the owner does next. */
static void tell_async(furrow_outbound *self, furrow_status status, const furrow_error *err)
{
    furrow_outbound call = *self;
    give_back(call.client, self);
    call.fn(call.arg, status, err, status == FURROW_OK ? call.response : NULL);
}

void furrow_client_tell(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                        furrow_error *err)
{
    furrow_outbound_waiting *waiting = call->waiting;
    if (status != FURROW_OK) {
        err->code = status;
        furrow_wrap(err, "%s", call->method->name);
    }
    if (!waiting) {
        tell_async(call, status, err);
        return;
    }
    waiting->status = status;
    waiting->ended = true;
    if (status != FURROW_OK && waiting->err != err) *waiting->err = *err;
}

void furrow_client_on_reply(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    furrow_outbound *call = arg;
    furrow_client *client = call->client;
    call->reply = reply;
    if (call->waiting) { /* goes on in its task: there it may wait before another attempt */
        call->waiting->status = status;
        call->waiting->text = text;
        furrow_waiter_done(&call->waiting->waiter);
        return;
    }
    bring_back(call, status, text);
    furrow_arena_reset(client->answers);
    client->in_flight--;
    furrow_client_settle(client);
}

furrow_status furrow_client_send(furrow_outbound *call, const ProtobufCMessage *message,
                                 const furrow_call_options *options, furrow_error *err)
{
    furrow_client *client = call->client;
    furrow_outbound_waiting *waiting = call->waiting;
    furrow_outbound_sending sending;
    client->in_flight++;
    furrow_status status = send_out(call, message, options, &sending, err);
    while (status == FURROW_OK && !waiting->ended && !waiting->opened) { /* however many attempts it takes */
        furrow_wait(&waiting->waiter, FURROW_NEVER);                     /* the link keeps the deadline */
        furrow_waiter_reset(&waiting->waiter);
        bring_back(call, waiting->status, waiting->text);
    }
    call->sending = NULL;
    client->in_flight--;
    return status == FURROW_OK && waiting->ended ? waiting->status : status;
}

furrow_status furrow_client_call(furrow_client *client, const furrow_method_contract *method,
                                 const ProtobufCMessage *message, const furrow_call_options *options,
                                 furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    furrow_error why; /* read by the chain, so @err may be NULL */
    furrow_outbound_waiting waiting = {.waiter = furrow_waiter_make(), .err = &why};
    furrow_outbound call = {.client = client, .method = method, .arena = arena, .waiting = &waiting};
    furrow_status status = furrow_client_send(&call, message, options, &why);
    furrow_client_settle(client);
    if (status == FURROW_OK)
        *response = call.response;
    else if (err)
        *err = why;
    return status;
}

furrow_status furrow_client_call_async(furrow_client *client, const furrow_method_contract *method,
                                       const ProtobufCMessage *message, const furrow_call_options *options,
                                       furrow_client_fn *fn, void *arg, furrow_error *err)
{
    furrow_error why;
    furrow_outbound_sending sending;
    furrow_outbound *call = take_async(client);
    if (!call) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_arena *arena = options && options->arena ? options->arena : client->answers;
    *call = (furrow_outbound){.client = client, .method = method, .arena = arena, .fn = fn, .arg = arg};
    furrow_status status = send_out(call, message, options, &sending, err ? err : &why);
    call->sending = NULL;
    if (status != FURROW_OK)
        give_back(client, call);
    else
        client->in_flight++;
    return status;
}
