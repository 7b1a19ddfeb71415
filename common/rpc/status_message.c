/*
 * google.rpc.Status, compiled from proto/furrow/v1/status.proto, which has its numbers. The JSON form is that of Any
 * (https://protobuf.dev/programming-guides/json/#any): the detail's own fields beside "@type". Depends on wire.
 */
#include "rpc/status_message.h"

#include "wire/json.h"
#include "wire/message.h"

#include <furrow/v1/status.pb-c.h>
#include <inttypes.h>
#include <stdio.h>

#define BAD_REQUEST "type.googleapis.com/google.rpc.BadRequest"
#define RETRY_INFO  "type.googleapis.com/google.rpc.RetryInfo"
#define DETAIL_MAX  512 /* bytes of a packed detail: field and text are 96 and 256 at most */

/* Bytes of the UTF-8 character at @at, 0 when there is none. */
static size_t character(const char *at, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++)
        if (furrow_utf8_valid(at, n)) return n;
    return 0;
}

static void clean(char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0, n; i < len; i += n) {
        n = character(text + i, len - i);
        if (n == 0 || (n == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f))) {
            text[i] = n == 0 ? '?' : ' ';
            n = 1;
        }
    }
}

void furrow_status_message_clean(furrow_error *err)
{
    clean(err->text);
    clean(err->field);
}

void furrow_status_message_line(const furrow_error *err, char out[FURROW_STATUS_LINE])
{
    _Static_assert(sizeof err->text + sizeof err->field + 2 <= FURROW_STATUS_LINE, "an error fits its line");
    snprintf(out, FURROW_STATUS_LINE, "%s%s%s", err->field, err->field[0] ? ": " : "", err->text);
}

static void encode_json(const furrow_error *err, char *line, furrow_buffer *out)
{
    furrow_buffer_printf(out, "{\"code\":%d,\"message\":", (int)err->code);
    furrow_json_append_string(out, furrow_bytes_of(line));
    furrow_buffer_append_text(out, ",\"details\":[");
    if (err->field[0]) {
        furrow_buffer_append_text(out, "{\"@type\":\"" BAD_REQUEST "\",\"fieldViolations\":[{\"field\":");
        furrow_json_append_string(out, furrow_bytes_of(err->field));
        furrow_buffer_append_text(out, ",\"description\":");
        furrow_json_append_string(out, furrow_bytes_of(err->text));
        furrow_buffer_append_text(out, "}]}");
    }
    if (err->retry_ms > 0)
        furrow_buffer_printf(out, "%s{\"@type\":\"" RETRY_INFO "\",\"retryDelay\":\"%" PRId64 ".%03" PRId64 "s\"}",
                             err->field[0] ? "," : "", err->retry_ms / 1000, err->retry_ms % 1000);
    furrow_buffer_append_text(out, "]}");
}

/* Packs @value into @room, of DETAIL_MAX bytes, as the value of @detail. */
static void fill_detail(Furrow__V1__StatusDetail *detail, char *type_url, const ProtobufCMessage *value, uint8_t *room)
{
    furrow__v1__status_detail__init(detail);
    detail->type_url = type_url;
    FURROW_REQUIRE(protobuf_c_message_get_packed_size(value) <= DETAIL_MAX);
    detail->value = (ProtobufCBinaryData){protobuf_c_message_pack(value, room), room};
}

static void bad_request_detail(furrow_error *err, Furrow__V1__StatusDetail *detail, uint8_t *room)
{
    static char type_url[] = BAD_REQUEST;
    Furrow__V1__FieldViolation violation = FURROW__V1__FIELD_VIOLATION__INIT, *violations[] = {&violation};
    Furrow__V1__BadRequest bad = FURROW__V1__BAD_REQUEST__INIT;
    violation.field = err->field;
    violation.description = err->text;
    bad.n_field_violations = 1;
    bad.field_violations = violations;
    fill_detail(detail, type_url, &bad.base, room);
}

static void retry_info_detail(const furrow_error *err, Furrow__V1__StatusDetail *detail, uint8_t *room)
{
    static char type_url[] = RETRY_INFO;
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Furrow__V1__RetryInfo info = FURROW__V1__RETRY_INFO__INIT;
    delay.seconds = err->retry_ms / 1000;
    delay.nanos = (int32_t)(err->retry_ms % 1000) * 1000000;
    info.retry_delay = &delay;
    fill_detail(detail, type_url, &info.base, room);
}

static void encode_protobuf(const furrow_error *err, char *line, furrow_buffer *out)
{
    uint8_t values[2][DETAIL_MAX];
    Furrow__V1__StatusDetail details[2], *list[] = {&details[0], &details[1]};
    Furrow__V1__Status status = FURROW__V1__STATUS__INIT;
    furrow_error mine = *err; /* protobuf-c's strings are not const */
    size_t count = 0;
    if (err->field[0]) {
        bad_request_detail(&mine, &details[count], values[count]);
        count++;
    }
    if (err->retry_ms > 0) {
        retry_info_detail(err, &details[count], values[count]);
        count++;
    }
    status.code = (int32_t)err->code;
    status.message = line;
    status.n_details = count;
    status.details = list;
    size_t len = furrow__v1__status__get_packed_size(&status);
    uint8_t *room = furrow_buffer_reserve(out, len);
    if (room) out->len += furrow__v1__status__pack(&status, room);
}

void furrow_status_message_encode(const furrow_error *err, furrow_encoding encoding, furrow_buffer *out)
{
    char line[FURROW_STATUS_LINE];
    furrow_status_message_line(err, line);
    if (encoding == FURROW_JSON)
        encode_json(err, line, out);
    else
        encode_protobuf(err, line, out);
}

/* NULL when @bytes are no @descriptor. */
static ProtobufCMessage *read(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_arena *arena)
{
    ProtobufCMessage *message = NULL;
    return furrow_message_unpack(descriptor, bytes, arena, &message, NULL) == FURROW_OK ? message : NULL;
}

static void take_bad_request(furrow_bytes value, furrow_arena *arena, furrow_error *err)
{
    const Furrow__V1__BadRequest *bad =
        (const Furrow__V1__BadRequest *)read(&furrow__v1__bad_request__descriptor, value, arena);
    if (!bad || bad->n_field_violations == 0) return;
    furrow_status code = err->code;
    int64_t retry_ms = err->retry_ms;
    furrow_fail_field(err, bad->field_violations[0]->field, "%s", bad->field_violations[0]->description);
    err->code = code;
    err->retry_ms = retry_ms;
}

static void take_retry_info(furrow_bytes value, furrow_arena *arena, furrow_error *err)
{
    const Furrow__V1__RetryInfo *info =
        (const Furrow__V1__RetryInfo *)read(&furrow__v1__retry_info__descriptor, value, arena);
    const Google__Protobuf__Duration *delay = info ? info->retry_delay : NULL;
    if (!delay || delay->seconds < 0 || delay->seconds > INT32_MAX || delay->nanos < 0 || delay->nanos > 999999999)
        return;
    err->retry_ms = delay->seconds * 1000 + delay->nanos / 1000000;
}

void furrow_status_message_decode(furrow_bytes body, furrow_arena *arena, furrow_error *err)
{
    static const struct {
        const char *type_url;
        void (*take)(furrow_bytes value, furrow_arena *arena, furrow_error *err);
    } known[] = {{BAD_REQUEST, take_bad_request}, {RETRY_INFO, take_retry_info}};
    const Furrow__V1__Status *status = (const Furrow__V1__Status *)read(&furrow__v1__status__descriptor, body, arena);
    if (!status || status->code != (int32_t)err->code) return;
    for (size_t i = 0; i < status->n_details; i++) {
        const Furrow__V1__StatusDetail *detail = status->details[i];
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcmp(detail->type_url, known[k].type_url) == 0)
                known[k].take((furrow_bytes){detail->value.data, detail->value.len}, arena, err);
    }
}
