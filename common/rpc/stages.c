/*
 * The stages between a message and its handler, in order: method, readiness, size, headers (if there are any), deadline, decoding, idempotency,
 * Furrow-After, and the handler itself. The first that refuses ends the call. Depends on wire and link.
 */
#include "base/clock.h"
#include "rpc/inside.h"
#include "wire/json.h"
#include "wire/message.h"

static furrow_status find_method(furrow_call *call, furrow_error *err)
{
    const furrow_service_contract *service = call->served->handlers->service;
    const char *name = furrow_subject_last(call->msg->subject);
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, name) != 0) continue;
        call->method = &service->methods[i];
        call->method_index = i;
        return FURROW_OK;
    }
    return furrow_fail(err, FURROW_UNIMPLEMENTED, "%s has no method %.64s; `nats micro info %s` lists what it has", service->name, name,
                       service->short_name);
}

static furrow_status check_admission(furrow_call *call, furrow_error *err)
{
    const furrow_server_options *options = &call->served->server->options;
    const char *why = "";
    if (options->ready && !options->ready(options->user, &why)) {
        furrow_fail(err, FURROW_UNAVAILABLE, "not ready: %s", why);
        err->retry_ms = 1000;
        return FURROW_UNAVAILABLE;
    }
    if (call->msg->data.len > options->max_request_bytes)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the request has %zu bytes; at most %zu are taken", call->msg->data.len,
                           options->max_request_bytes);
    return FURROW_OK;
}

static furrow_status read_accept(furrow_call *call, const char *accept, furrow_error *err)
{
    if (!accept) return FURROW_OK;
    call->accept_given = true;
    if (strstr(accept, FURROW_TYPE_JSON)) {
        call->answer_encoding = FURROW_JSON;
    } else if (strstr(accept, FURROW_TYPE_PROTOBUF)) {
        call->answer_encoding = FURROW_PROTOBUF;
    } else if (!strstr(accept, "*/*")) {
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Accept: %.60s is not spoken here; " FURROW_TYPE_PROTOBUF " and " FURROW_TYPE_JSON " are", accept);
    }
    return FURROW_OK;
}

static furrow_status read_key(furrow_call *call, const char *key, furrow_error *err)
{
    if (!key || call->method->idempotency == FURROW_NO_SIDE_EFFECTS) return FURROW_OK;
    size_t len = strlen(key);
    if (len == 0 || len > 255) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Idempotency-Key has %zu characters; allowed are 1 to 255", len);
    furrow_bytes parts[] = {furrow_bytes_of(call->method->subject), {key, len}};
    furrow_hash(parts, 2, call->command.key);
    call->command.has_key = true;
    return FURROW_OK;
}

/* The method's own deadline counts from arrival; a caller may ask for less or more. */
static furrow_status read_deadline(furrow_call *call, const char *timeout, furrow_error *err)
{
    uint64_t ms = call->method->timeout_ms ? call->method->timeout_ms : call->served->server->options.default_timeout_ms;
    uint64_t ns = ms * FURROW_NS_PER_MS;
    furrow_status status = timeout ? furrow_header_parse_timeout(timeout, &ns, err) : FURROW_OK;
    if (status != FURROW_OK) return status;
    call->deadline_ns = ns < FURROW_NEVER - call->arrival_ns ? call->arrival_ns + ns : FURROW_NEVER - 1;
    call->command.deadline_ns = call->deadline_ns;
    return FURROW_OK;
}

static furrow_status read_headers(furrow_call *call, furrow_error *err)
{
    furrow_msg *msg = call->msg;
    bool any = furrow_msg_has_headers(msg);
    const char *trace = any ? furrow_msg_header(msg, FURROW_HEADER_TRACEPARENT) : NULL;
    furrow_status status = furrow_header_encoding(any ? furrow_msg_header(msg, FURROW_HEADER_CONTENT_TYPE) : NULL, msg->data.data, msg->data.len,
                                                  &call->encoding, err);
    if (status != FURROW_OK) return status;
    call->answer_encoding = call->encoding;
    status = read_accept(call, any ? furrow_msg_header(msg, FURROW_HEADER_ACCEPT) : NULL, err);
    if (status == FURROW_OK) status = read_deadline(call, any ? furrow_msg_header(msg, FURROW_HEADER_TIMEOUT) : NULL, err);
    if (status == FURROW_OK && any) status = read_key(call, furrow_msg_header(msg, FURROW_HEADER_IDEMPOTENCY_KEY), err);
    if (trace && furrow_header_traceparent_valid(trace)) snprintf(call->command.traceparent, sizeof call->command.traceparent, "%s", trace);
    return status;
}

static furrow_status check_deadline(furrow_call *call, furrow_error *err)
{
    if (furrow_clock_now_ns() < call->deadline_ns) return FURROW_OK;
    call->served->stats[call->method_index].expired++;
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline had passed before work began; nothing was done");
}

static furrow_status decode(furrow_call *call, ProtobufCMessage **request, furrow_error *err)
{
    return call->encoding == FURROW_JSON ? furrow_json_decode(call->method->input, call->msg->data, call->arena, request, err)
                                         : furrow_message_unpack(call->method->input, call->msg->data, call->arena, request, err);
}

static furrow_status wait_after(furrow_call *call, const char *text, furrow_error *err)
{
    furrow_version_token tokens[FURROW_AFTER_MAX];
    size_t count = 0;
    const furrow_server_options *options = &call->served->server->options;
    furrow_status status = furrow_header_parse_after(text, tokens, &count, err);
    if (status == FURROW_OK && !options->after) status = furrow_fail(err, FURROW_FAILED_PRECONDITION, "Furrow-After: this service keeps no records");
    for (size_t i = 0; status == FURROW_OK && i < count; i++) status = options->after(options->user, &tokens[i], call->deadline_ns, err);
    return status;
}

static furrow_status handle(furrow_call *call, const ProtobufCMessage *request, ProtobufCMessage **response, furrow_error *err)
{
    ProtobufCMessage *made = furrow_message_new(call->method->output, call->arena);
    if (!made) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = call->served->handlers->methods[call->method_index](call, request, made, err);
    if (status == FURROW_OK) *response = made;
    return status;
}

furrow_status furrow_call_work(furrow_call *call, ProtobufCMessage **response, furrow_error *err)
{
    ProtobufCMessage *request;
    if (call->msg->data.len > 0 && *(const char *)call->msg->data.data == '{') call->answer_encoding = FURROW_JSON;
    furrow_status status = find_method(call, err);
    if (status == FURROW_OK) status = check_admission(call, err);
    if (status == FURROW_OK) status = read_headers(call, err);
    if (status == FURROW_OK) status = check_deadline(call, err);
    if (status == FURROW_OK) status = decode(call, &request, err);
    if (status != FURROW_OK) return status;
    const char *after = furrow_call_metadata(call, FURROW_HEADER_AFTER);
    if (after && (status = wait_after(call, after, err)) != FURROW_OK) return status;
    return call->command.has_key ? furrow_call_once(call, request, handle, response, err) : handle(call, request, response, err);
}
