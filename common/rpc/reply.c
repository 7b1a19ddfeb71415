/*
 * Replies: the response in the caller's encoding, or an error as gRPC and NATS clients both understand it: headers
 * Nats-Service-Error and -Code, and a google.rpc.Status as body. The common answer, a protobuf body without headers,
 * formats nothing. Depends on wire and link.
 */
#include "base/budget.h"
#include "base/clock.h"
#include "rpc/inside.h"
#include "rpc/status_message.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

#define PACKED_KEPT ((size_t)256 << 10) /* a buffer that had to grow past it is given back */

/* Where the call is a stream that has begun, this ends it. */
static furrow_status publish_answer(furrow_call *call, const furrow_header *headers, size_t count, furrow_error *err)
{
    furrow_server *server = call->served->server;
    if (call->stream)
        return furrow_stream_publish(call, headers, count, (furrow_bytes){server->packed.data, server->packed.len},
                                     err);
    furrow_outgoing out = {.subject = call->msg->reply,
                           .headers = headers,
                           .header_count = count,
                           .data = {server->packed.data, server->packed.len}};
    furrow_status status = furrow_link_publish(server->link, &out, err);
    if (server->packed.cap > PACKED_KEPT) furrow_buffer_fini(&server->packed);
    return status;
}

static size_t content_type(const furrow_call *call, furrow_header *header)
{
    if (!call->accept_given) return 0;
    *header = (furrow_header){FURROW_HEADER_CONTENT_TYPE,
                              call->answer_encoding == FURROW_JSON ? FURROW_TYPE_JSON : FURROW_TYPE_PROTOBUF};
    return 1;
}

static size_t budget_refused(void)
{
    return furrow_budget_stats_of_process().refused;
}

static furrow_status encode_response(const furrow_call *call, const ProtobufCMessage *response, furrow_buffer *out,
                                     furrow_error *err)
{
    furrow_status status = FURROW_OK;
    size_t refused = budget_refused();
    furrow_buffer_reset(out);
    if (call->answer_encoding == FURROW_JSON) {
        status = furrow_json_encode(response, NULL, out, err);
    } else {
        furrow_message_append(response, out);
    }
    if ((out->failed || status == FURROW_RESOURCE_EXHAUSTED) && budget_refused() != refused)
        return furrow_fail_busy(err, FURROW_RETRY_MS, "no memory for the answer (FURROW_MEMORY_MB); try again");
    if (out->failed || status == FURROW_RESOURCE_EXHAUSTED)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for less");
    /* What a handler answered and cannot be written is not the caller's fault. */
    if (status != FURROW_OK) return furrow_fail(err, FURROW_INTERNAL, "the answer has no JSON; ask for protobuf");
    return FURROW_OK;
}

/* A read that is refused for its size, or for what went before it, can be asked for again; a command's outcome is told
 * in any case. */
static furrow_status check_size(furrow_call *call, furrow_error *err)
{
    furrow_server *server = call->served->server;
    size_t bytes = server->packed.len;
    int64_t retry_ms;
    if (bytes < FURROW_CALLER_LARGE && !furrow_link_held(server->link)) return FURROW_OK;
    uint64_t now_ns = furrow_clock_now_ns();
    if (call->method->idempotency != FURROW_NO_SIDE_EFFECTS)
        furrow_caller_sent(&server->callers, call->msg->reply, bytes, now_ns);
    else if (!furrow_caller_may_send(&server->callers, call->msg->reply, bytes, now_ns, &retry_ms))
        return furrow_call_refuse_caller(call, retry_ms, err);
    return FURROW_OK;
}

bool furrow_server_may_tell(furrow_server *server, const char *reply, size_t bytes)
{
    int64_t retry_ms;
    return furrow_caller_may_send(&server->callers, reply, bytes, furrow_clock_now_ns(), &retry_ms);
}

/* An empty message with a status: `nats req --wait-for-empty` ends there. */
static furrow_status end_stream(furrow_call *call, furrow_error *err)
{
    static const furrow_header end[] = {{FURROW_HEADER_STREAM, "end"}, {FURROW_HEADER_STATUS, "0"}};
    return furrow_stream_publish(call, end, 2, (furrow_bytes){NULL, 0}, err);
}

furrow_status furrow_reply_part(furrow_call *call, const ProtobufCMessage *message, furrow_error *err)
{
    furrow_header header;
    furrow_server *server = call->served->server;
    size_t count = content_type(call, &header);
    furrow_status status = encode_response(call, message, &server->packed, err);
    if (status != FURROW_OK) return status;
    status = furrow_stream_publish(call, &header, count, (furrow_bytes){server->packed.data, server->packed.len}, err);
    if (server->packed.cap > PACKED_KEPT) furrow_buffer_fini(&server->packed);
    return status;
}

furrow_status furrow_reply_ok(furrow_call *call, furrow_error *err)
{
    furrow_header headers[3];
    if (call->stream) return end_stream(call, err);
    size_t count = content_type(call, &headers[0]);
    if (call->versions_len > 0) headers[count++] = (furrow_header){FURROW_HEADER_VERSION, call->versions};
    if (call->age[0]) headers[count++] = (furrow_header){FURROW_HEADER_AGE, call->age};
    furrow_status status = encode_response(call, call->response, &call->served->server->packed, err);
    if (status == FURROW_OK) status = check_size(call, err);
    if (status != FURROW_OK) return status;
    status = publish_answer(call, headers, count, err);
    if (status == FURROW_OK || status == FURROW_UNAVAILABLE) return FURROW_OK; /* nobody left to be told */
    if (status == FURROW_RESOURCE_EXHAUSTED) return status; /* of what waits to be sent, and passes */
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer cannot be sent; ask for less");
}

/* The budget has said no since the call began: it may have been refused memory that others give back. */
static void say_when_memory_is_back(const furrow_call *call, furrow_error *err)
{
    if (err->code == FURROW_RESOURCE_EXHAUSTED && err->retry_ms == 0 && budget_refused() != call->budget_refused)
        err->retry_ms = FURROW_RETRY_MS;
}

void furrow_reply_error(furrow_call *call, const furrow_error *err)
{
    furrow_buffer *body = &call->served->server->packed;
    furrow_error clean = *err;
    say_when_memory_is_back(call, &clean);
    char line[FURROW_STATUS_LINE], text[FURROW_HEADER_TEXT_MAX], number[12];
    furrow_header headers[7];
    furrow_status_message_clean(&clean);
    furrow_status_message_line(&clean, line);
    furrow_header_escape(line, text);
    snprintf(number, sizeof number, "%d", (int)clean.code);
    furrow_buffer_reset(body);
    furrow_status_context context = {call->served->handlers->service->package, call->violations};
    furrow_status_message_encode(&clean, &context, call->answer_encoding, body);
    if (body->failed) furrow_buffer_reset(body); /* out of memory: the headers say what matters */
    headers[0] = (furrow_header){FURROW_HEADER_ERROR, text[0] ? text : furrow_status_name(clean.code)};
    headers[1] = (furrow_header){FURROW_HEADER_ERROR_CODE, number};
    size_t count = 2 + content_type(call, &headers[2]);
    if (call->versions_len > 0) headers[count++] = (furrow_header){FURROW_HEADER_VERSION, call->versions};
    if (call->age[0]) headers[count++] = (furrow_header){FURROW_HEADER_AGE, call->age};
    if (call->stream) {
        headers[count++] = (furrow_header){FURROW_HEADER_STREAM, "end"};
        headers[count++] = (furrow_header){FURROW_HEADER_STATUS, number};
    }
    (void)!publish_answer(call, headers, count, NULL);
}

bool furrow_reply_make_ready(furrow_server *server)
{
    furrow_error err = furrow_intake_busy_error();
    char number[12];
    bool made = true;
    snprintf(number, sizeof number, "%d", (int)err.code);
    furrow_header headers[] = {{FURROW_HEADER_ERROR, err.text}, {FURROW_HEADER_ERROR_CODE, number}};
    for (furrow_encoding encoding = FURROW_PROTOBUF; encoding <= FURROW_JSON; encoding++) {
        furrow_buffer_reset(&server->packed);
        furrow_status_message_encode(&err, NULL, encoding, &server->packed);
        server->busy[encoding] =
            furrow_link_make_ready(headers, 2, (furrow_bytes){server->packed.data, server->packed.len});
        made = made && server->busy[encoding] && !server->packed.failed;
    }
    return made;
}

void furrow_reply_ready_made(furrow_call *call)
{
    furrow_server *server = call->served->server;
    if (call->accept_given) { /* the answer says which encoding it has: these are few */
        furrow_error err = furrow_intake_busy_error();
        furrow_reply_error(call, &err);
        return;
    }
    furrow_ready_made *refusal = server->busy[call->answer_encoding];
    if (furrow_link_publish_ready(server->link, refusal, call->msg->reply, NULL) != FURROW_OK) server->dropped++;
}
