/*
 * Replies: the response in the caller's encoding, or an error as gRPC and NATS clients both understand it: headers Nats-Service-Error and
 * -Code, and a google.rpc.Status as body with its details (https://github.com/googleapis/googleapis/tree/master/google/rpc). The common answer, a
 * protobuf body without headers, formats nothing. Depends on wire and link.
 */
#include "rpc/inside.h"
#include "wire/json.h"

#include <inttypes.h>

#define BODY_MAX    4096
#define BAD_REQUEST "type.googleapis.com/google.rpc.BadRequest"
#define RETRY_INFO  "type.googleapis.com/google.rpc.RetryInfo"

static void publish(furrow_call *call, const furrow_header *headers, size_t count, furrow_bytes body)
{
    furrow_server *server = call->served->server;
    furrow_error lost;
    furrow_outgoing out = {.subject = call->msg->reply, .headers = headers, .header_count = count, .data = body};
    furrow_status status = furrow_link_publish(server->link, &out, &lost);
    if (status == FURROW_INVALID_ARGUMENT || status == FURROW_RESOURCE_EXHAUSTED) {
        if (body.len <= BODY_MAX) return;
        lost.code = FURROW_RESOURCE_EXHAUSTED; /* too large an answer: say so instead */
        furrow_reply_error(call, &lost);
    }
}

void furrow_reply_ok(furrow_call *call, const ProtobufCMessage *response)
{
    furrow_server *server = call->served->server;
    furrow_header headers[2];
    size_t count = 0;
    furrow_error err = {0};
    furrow_buffer *packed = &server->packed;
    furrow_buffer_reset(packed);
    if (call->answer_encoding == FURROW_JSON) {
        if (furrow_json_encode(response, NULL, packed, &err) != FURROW_OK) {
            furrow_reply_error(call, &err);
            return;
        }
    } else {
        size_t len = protobuf_c_message_get_packed_size(response);
        uint8_t *room = furrow_buffer_reserve(packed, len + 1);
        if (room) packed->len += protobuf_c_message_pack(response, room);
    }
    if (packed->failed) {
        furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for less");
        furrow_reply_error(call, &err);
        return;
    }
    if (call->accept_given)
        headers[count++] = (furrow_header){FURROW_HEADER_CONTENT_TYPE, call->answer_encoding == FURROW_JSON ? FURROW_TYPE_JSON : FURROW_TYPE_PROTOBUF};
    if (call->versions[0]) headers[count++] = (furrow_header){FURROW_HEADER_VERSION, call->versions};
    publish(call, headers, count, (furrow_bytes){packed->data, packed->len});
}

static void json_status(const furrow_error *err, const char *text, furrow_buffer *out)
{
    furrow_buffer_printf(out, "{\"code\":%d,\"message\":", (int)err->code);
    furrow_json_append_string(out, furrow_bytes_of(text));
    furrow_buffer_append_text(out, ",\"details\":[");
    if (err->field[0]) {
        furrow_buffer_append_text(out, "{\"@type\":\"" BAD_REQUEST "\",\"fieldViolations\":[{\"field\":");
        furrow_json_append_string(out, furrow_bytes_of(err->field));
        furrow_buffer_append_text(out, ",\"description\":");
        furrow_json_append_string(out, furrow_bytes_of(err->text));
        furrow_buffer_append_text(out, "}]}");
    }
    if (err->retry_ms > 0)
        furrow_buffer_printf(out, "%s{\"@type\":\"" RETRY_INFO "\",\"retryDelay\":\"%" PRId64 ".%03" PRId64 "s\"}", err->field[0] ? "," : "",
                             err->retry_ms / 1000, err->retry_ms % 1000);
    furrow_buffer_append_text(out, "]}");
}

static void put_varint(furrow_buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) furrow_buffer_append_byte(out, (uint8_t)(value | 0x80));
    furrow_buffer_append_byte(out, (uint8_t)value);
}

static void put_number(furrow_buffer *out, unsigned field, uint64_t value)
{
    if (value == 0) return;
    put_varint(out, field << 3);
    put_varint(out, value);
}

static void put_bytes(furrow_buffer *out, unsigned field, const void *data, size_t len)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, len);
    furrow_buffer_append(out, data, len);
}

/* google.protobuf.Any in field 3 of the status. */
static void put_detail(furrow_buffer *out, const char *type, const furrow_buffer *value)
{
    furrow_buffer any;
    furrow_buffer_init(&any, BODY_MAX);
    put_bytes(&any, 1, type, strlen(type));
    put_bytes(&any, 2, value->data, value->len);
    put_bytes(out, 3, any.data, any.len);
    furrow_buffer_fini(&any);
}

static void protobuf_status(const furrow_error *err, const char *text, furrow_buffer *out)
{
    furrow_buffer inner, value;
    furrow_buffer_init(&inner, BODY_MAX);
    furrow_buffer_init(&value, BODY_MAX);
    put_number(out, 1, (uint64_t)err->code);
    put_bytes(out, 2, text, strlen(text));
    if (err->field[0]) { /* BadRequest { repeated FieldViolation { field = 1, description = 2 } = 1 } */
        put_bytes(&inner, 1, err->field, strlen(err->field));
        put_bytes(&inner, 2, err->text, strlen(err->text));
        put_bytes(&value, 1, inner.data, inner.len);
        put_detail(out, BAD_REQUEST, &value);
    }
    if (err->retry_ms > 0) { /* RetryInfo { Duration { seconds = 1, nanos = 2 } = 1 } */
        furrow_buffer_reset(&inner);
        furrow_buffer_reset(&value);
        put_number(&inner, 1, (uint64_t)(err->retry_ms / 1000));
        put_number(&inner, 2, (uint64_t)(err->retry_ms % 1000) * 1000000u);
        put_bytes(&value, 1, inner.data, inner.len);
        put_detail(out, RETRY_INFO, &value);
    }
    furrow_buffer_fini(&inner);
    furrow_buffer_fini(&value);
}

/* Text from anywhere becomes one header line: no control characters. */
static void one_line(const furrow_error *err, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", err->field, err->field[0] ? ": " : "", err->text);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
}

void furrow_reply_error(furrow_call *call, const furrow_error *err)
{
    char text[sizeof err->text + sizeof err->field + 4], number[12];
    furrow_buffer body;
    furrow_buffer_init(&body, BODY_MAX);
    one_line(err, text, sizeof text);
    snprintf(number, sizeof number, "%d", (int)err->code);
    if (call->answer_encoding == FURROW_JSON)
        json_status(err, text, &body);
    else
        protobuf_status(err, text, &body);
    furrow_header headers[] = {{FURROW_HEADER_ERROR, text}, {FURROW_HEADER_ERROR_CODE, number}};
    publish(call, headers, 2, (furrow_bytes){body.data, body.failed ? 0 : body.len});
    furrow_buffer_fini(&body);
}
