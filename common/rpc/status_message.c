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
#define RETRY_MAX   32        /* bytes of a packed RetryInfo */
#define DETAIL_MAX  (1 << 20) /* of a BadRequest, past which it is left out; the status' own text says what matters */

static void clean(char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0, n; i < len; i += n) {
        n = furrow_utf8_first(text + i, len - i);
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

/* What a BadRequest lists: @violations, or the one field that @err names. */
static furrow_violations wrong_fields(furrow_error *err, const furrow_violations *violations)
{
    furrow_violations one = {.count = err->field[0] ? 1 : 0, .lines = {{err->field, err->text}}};
    return violations ? *violations : one;
}

static void encode_json_fields(const furrow_violations *wrong, furrow_buffer *out)
{
    furrow_buffer_append_text(out, "{\"@type\":\"" BAD_REQUEST "\",\"fieldViolations\":[");
    for (size_t i = 0; i < wrong->count; i++) {
        furrow_buffer_append_text(out, i ? ",{\"field\":" : "{\"field\":");
        furrow_json_append_string(out, furrow_bytes_of(wrong->lines[i].field));
        furrow_buffer_append_text(out, ",\"description\":");
        furrow_json_append_string(out, furrow_bytes_of(wrong->lines[i].text));
        furrow_buffer_append_text(out, "}");
    }
    furrow_buffer_append_text(out, "]}");
}

static void encode_json(const furrow_error *err, const furrow_violations *wrong, char *line, furrow_buffer *out)
{
    furrow_buffer_printf(out, "{\"code\":%d,\"message\":", (int)err->code);
    furrow_json_append_string(out, furrow_bytes_of(line));
    furrow_buffer_append_text(out, ",\"details\":[");
    if (wrong->count > 0) encode_json_fields(wrong, out);
    if (err->retry_ms > 0)
        furrow_buffer_printf(out, "%s{\"@type\":\"" RETRY_INFO "\",\"retryDelay\":\"%" PRId64 ".%03" PRId64 "s\"}",
                             wrong->count > 0 ? "," : "", err->retry_ms / 1000, err->retry_ms % 1000);
    furrow_buffer_append_text(out, "]}");
}

/* Packs the fields into @room, which lends them to @detail. */
static void bad_request_detail(const furrow_violations *wrong, Furrow__V1__StatusDetail *detail, furrow_buffer *room)
{
    static char type_url[] = BAD_REQUEST;
    Furrow__V1__BadRequest bad = FURROW__V1__BAD_REQUEST__INIT;
    Furrow__V1__FieldViolation violations[FURROW_VIOLATIONS_MAX], *list[FURROW_VIOLATIONS_MAX];
    for (size_t i = 0; i < wrong->count; i++) {
        furrow__v1__field_violation__init(&violations[i]);
        violations[i].field = wrong->lines[i].field;
        violations[i].description = wrong->lines[i].text;
        list[i] = &violations[i];
    }
    bad.n_field_violations = wrong->count;
    bad.field_violations = list;
    furrow__v1__status_detail__init(detail);
    detail->type_url = type_url;
    furrow_message_append(&bad.base, room);
    detail->value = (ProtobufCBinaryData){room->failed ? 0 : room->len, room->data};
}

static void retry_info_detail(const furrow_error *err, Furrow__V1__StatusDetail *detail, uint8_t *room)
{
    static char type_url[] = RETRY_INFO;
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Furrow__V1__RetryInfo info = FURROW__V1__RETRY_INFO__INIT;
    delay.seconds = err->retry_ms / 1000;
    delay.nanos = (int32_t)(err->retry_ms % 1000) * 1000000;
    info.retry_delay = &delay;
    FURROW_REQUIRE(furrow__v1__retry_info__get_packed_size(&info) <= RETRY_MAX);
    furrow__v1__status_detail__init(detail);
    detail->type_url = type_url;
    detail->value = (ProtobufCBinaryData){furrow__v1__retry_info__pack(&info, room), room};
}

static void encode_protobuf(const furrow_error *err, const furrow_violations *wrong, char *line, furrow_buffer *out)
{
    uint8_t retry[RETRY_MAX];
    Furrow__V1__StatusDetail details[2], *list[] = {&details[0], &details[1]};
    Furrow__V1__Status status = FURROW__V1__STATUS__INIT;
    furrow_buffer fields;
    furrow_buffer_init(&fields, DETAIL_MAX);
    if (wrong->count > 0) bad_request_detail(wrong, &details[status.n_details++], &fields);
    if (err->retry_ms > 0) retry_info_detail(err, &details[status.n_details++], retry);
    status.code = (int32_t)err->code;
    status.message = line;
    status.details = list;
    furrow_message_append(&status.base, out);
    furrow_buffer_fini(&fields);
}

void furrow_status_message_encode(const furrow_error *err, const furrow_violations *violations,
                                  furrow_encoding encoding, furrow_buffer *out)
{
    char line[FURROW_STATUS_LINE];
    furrow_error mine = *err; /* protobuf-c's strings are not const */
    const furrow_violations wrong = wrong_fields(&mine, violations);
    furrow_status_message_line(err, line);
    (encoding == FURROW_JSON ? encode_json : encode_protobuf)(err, &wrong, line, out);
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
    furrow_violations wrong = {.count = 0};
    furrow_status code = err->code;
    int64_t retry_ms = err->retry_ms;
    for (size_t i = 0; i < bad->n_field_violations && wrong.count < FURROW_VIOLATIONS_MAX; i++)
        wrong.lines[wrong.count++] =
            (struct furrow_violation_line){bad->field_violations[i]->field, bad->field_violations[i]->description};
    wrong.more = bad->n_field_violations - wrong.count;
    furrow_violations_tell(&wrong, err);
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
