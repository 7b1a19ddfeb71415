/*
 * See detail.h. In the error each detail is the number of its type, its length in two bytes, and its bytes as they
 * travel. Depends on message, json.
 */
#include "wire/detail.h"

#include "wire/json.h"
#include "wire/message.h"
#include "wire/wirescan.h"

#include <string.h>

#define URL          "type.googleapis.com/google.rpc."
#define HEAD         3
#define DETAILS_TAG  0x1a /* of Status, */
#define TYPE_URL_TAG 0x0a /* and of Any */
#define VALUE_TAG    0x12

const ProtobufCMessageDescriptor *const furrow_detail_types[] = {
#define X(name, Name) &furrow__v1__##name##__descriptor,
    FURROW_DETAIL_MAP(X)
#undef X
};
_Static_assert(sizeof furrow_detail_types == FURROW_DETAIL_TYPES * sizeof *furrow_detail_types, "all types");

static uint8_t number_of_type(const ProtobufCMessageDescriptor *type)
{
    uint8_t number = 0;
    while (number < FURROW_DETAIL_TYPES && furrow_detail_types[number] != type) number++;
    FURROW_REQUIRE(number < FURROW_DETAIL_TYPES);
    return number;
}

const ProtobufCMessageDescriptor *furrow_detail_type(const char *url)
{
    const char *name = furrow_bytes_after(url, URL);
    for (size_t i = 0; name && i < FURROW_DETAIL_TYPES; i++)
        if (strcmp(name, furrow_detail_types[i]->short_name) == 0) return furrow_detail_types[i];
    return NULL;
}

/* Where the detail of that type begins in the error; details_len: there is none. */
static size_t find_packed(const furrow_error *err, uint8_t number, furrow_bytes *out)
{
    size_t at = 0;
    while (at < err->details_len) {
        const uint8_t *head = err->details + at;
        size_t len = head[1] | (size_t)head[2] << 8;
        *out = (furrow_bytes){head + HEAD, len};
        if (head[0] == number) return at;
        at += HEAD + len;
    }
    return at;
}

static void remove_packed(furrow_error *err, uint8_t number)
{
    furrow_bytes old;
    size_t at = find_packed(err, number, &old);
    if (at == err->details_len) return;
    size_t end = at + HEAD + old.len;
    memmove(err->details + at, err->details + end, err->details_len - end);
    err->details_len = (uint16_t)(err->details_len - HEAD - old.len);
}

static void put_packed(furrow_error *err, uint8_t number, const ProtobufCMessage *detail)
{
    size_t len = protobuf_c_message_get_packed_size(detail);
    remove_packed(err, number);
    uint8_t *head = err->details + err->details_len;
    if (HEAD + len > (size_t)FURROW_ERROR_DETAILS - err->details_len) return;
    protobuf_c_message_pack(detail, head + HEAD);
    if (furrow_message_check(detail->descriptor, (furrow_bytes){head + HEAD, len}, NULL) != FURROW_OK) return;
    head[0] = number;
    head[1] = (uint8_t)(len & 0xff);
    head[2] = (uint8_t)(len >> 8);
    err->details_len = (uint16_t)(err->details_len + HEAD + len);
}

static void take_delay(furrow_error *err, const Google__Protobuf__Duration *delay)
{
    if (!delay || delay->seconds < 0 || delay->seconds > INT32_MAX || delay->nanos < 0 || delay->nanos > 999999999)
        return;
    err->retry_ms = delay->seconds * 1000 + delay->nanos / 1000000;
}

/* At most what has room, in front of a character that does not fit whole. */
static void take_reason(furrow_error *err, const char *reason)
{
    size_t len = 0, n;
    while (reason[len] && (n = furrow_utf8_first(reason + len, strlen(reason + len))) > 0 &&
           len + n < sizeof err->reason)
        len += n;
    memcpy(err->reason, reason, len);
    err->reason[len] = '\0';
}

furrow_status furrow_detail_add(furrow_error *err, const ProtobufCMessage *detail)
{
    if (!err) return FURROW_UNKNOWN;
    uint8_t number = number_of_type(detail->descriptor);
    if (detail->descriptor == &furrow__v1__retry_info__descriptor) {
        take_delay(err, ((const Furrow__V1__RetryInfo *)detail)->retry_delay);
        return err->code;
    }
    if (detail->descriptor == &furrow__v1__error_info__descriptor)
        take_reason(err, ((const Furrow__V1__ErrorInfo *)detail)->reason);
    put_packed(err, number, detail);
    return err->code;
}

/* protobuf-c's strings are not const; what is only packed is not changed. */
static char *lend(const char *text)
{
    return (char *)(uintptr_t)text;
}

furrow_status furrow_detail_add_resource(furrow_error *err, const char *type, const char *name)
{
    if (!err) return FURROW_UNKNOWN;
    Furrow__V1__ResourceInfo info = FURROW__V1__RESOURCE_INFO__INIT;
    info.resource_type = lend(type);
    info.resource_name = lend(name);
    return furrow_detail_add(err, &info.base);
}

furrow_status furrow_detail_add_precondition(furrow_error *err, const char *type, const char *subject)
{
    if (!err) return FURROW_UNKNOWN;
    Furrow__V1__PreconditionFailure__Violation violation = FURROW__V1__PRECONDITION_FAILURE__VIOLATION__INIT;
    Furrow__V1__PreconditionFailure__Violation *list[] = {&violation};
    Furrow__V1__PreconditionFailure failure = FURROW__V1__PRECONDITION_FAILURE__INIT;
    violation.type = lend(type);
    violation.subject = lend(subject);
    failure.n_violations = 1;
    failure.violations = list;
    return furrow_detail_add(err, &failure.base);
}

furrow_status furrow_detail_add_quota(furrow_error *err, const char *subject, const char *quota_id)
{
    if (!err) return FURROW_UNKNOWN;
    Furrow__V1__QuotaFailure__Violation violation = FURROW__V1__QUOTA_FAILURE__VIOLATION__INIT;
    Furrow__V1__QuotaFailure__Violation *list[] = {&violation};
    Furrow__V1__QuotaFailure failure = FURROW__V1__QUOTA_FAILURE__INIT;
    violation.subject = lend(subject);
    violation.quota_id = lend(quota_id);
    failure.n_violations = 1;
    failure.violations = list;
    return furrow_detail_add(err, &failure.base);
}

furrow_status furrow_detail_add_metadata(furrow_error *err, const char *key, const char *value)
{
    if (!err) return FURROW_UNKNOWN;
    FURROW_AUTO(furrow_arena) scratch = furrow_arena_create(0);
    if (!scratch) return err->code;
    const Furrow__V1__ErrorInfo *old = furrow_detail_error_info(err, scratch);
    Furrow__V1__ErrorInfo info = FURROW__V1__ERROR_INFO__INIT;
    if (old) info = *old;
    Furrow__V1__ErrorInfo__MetadataEntry entry = FURROW__V1__ERROR_INFO__METADATA_ENTRY__INIT;
    Furrow__V1__ErrorInfo__MetadataEntry **all = furrow_arena_alloc(scratch, (info.n_metadata + 1) * sizeof *all);
    if (!all) return err->code;
    if (info.n_metadata > 0) memcpy(all, info.metadata, info.n_metadata * sizeof *all);
    entry.key = lend(key);
    entry.value = lend(value);
    all[info.n_metadata++] = &entry;
    info.metadata = all;
    return furrow_detail_add(err, &info.base);
}

/* ---- reading ---- */

static const ProtobufCMessage *make_error_info(const furrow_error *err, furrow_arena *arena)
{
    Furrow__V1__ErrorInfo *info =
        err->reason[0] ? (Furrow__V1__ErrorInfo *)furrow_message_new(&furrow__v1__error_info__descriptor, arena) : NULL;
    if (!info || !(info->reason = furrow_arena_strdup(arena, err->reason))) return NULL;
    return &info->base;
}

static const ProtobufCMessage *make_bad_request(const furrow_error *err, furrow_arena *arena)
{
    if (!err->field[0]) return NULL;
    Furrow__V1__BadRequest *bad =
        (Furrow__V1__BadRequest *)furrow_message_new(&furrow__v1__bad_request__descriptor, arena);
    Furrow__V1__FieldViolation *one =
        (Furrow__V1__FieldViolation *)furrow_message_new(&furrow__v1__field_violation__descriptor, arena);
    Furrow__V1__FieldViolation **list = furrow_arena_alloc(arena, sizeof *list);
    if (!bad || !one || !list) return NULL;
    one->field = furrow_arena_strdup(arena, err->field);
    one->description = furrow_arena_strdup(arena, err->text);
    if (!one->field || !one->description) return NULL;
    list[0] = one;
    bad->n_field_violations = 1;
    bad->field_violations = list;
    return &bad->base;
}

static const ProtobufCMessage *make_retry_info(const furrow_error *err, furrow_arena *arena)
{
    if (err->retry_ms <= 0) return NULL;
    Furrow__V1__RetryInfo *info =
        (Furrow__V1__RetryInfo *)furrow_message_new(&furrow__v1__retry_info__descriptor, arena);
    Google__Protobuf__Duration *delay =
        (Google__Protobuf__Duration *)furrow_message_new(&google__protobuf__duration__descriptor, arena);
    if (!info || !delay) return NULL;
    delay->seconds = err->retry_ms / 1000;
    delay->nanos = (int32_t)(err->retry_ms % 1000) * 1000000;
    info->retry_delay = delay;
    return &info->base;
}

const ProtobufCMessage *furrow_detail_find(const furrow_error *err, const ProtobufCMessageDescriptor *type,
                                           furrow_arena *arena)
{
    furrow_bytes packed;
    ProtobufCMessage *out = NULL;
    if (find_packed(err, number_of_type(type), &packed) < err->details_len)
        return furrow_message_unpack(type, packed, arena, &out, NULL) == FURROW_OK ? out : NULL;
    if (type == &furrow__v1__error_info__descriptor) return make_error_info(err, arena);
    if (type == &furrow__v1__bad_request__descriptor) return make_bad_request(err, arena);
    return type == &furrow__v1__retry_info__descriptor ? make_retry_info(err, arena) : NULL;
}

/* ---- writing ---- */

static void append_varint(furrow_buffer *out, size_t value)
{
    uint8_t bytes[10];
    furrow_buffer_append(out, bytes, (size_t)(furrow_wirescan_put_varint(bytes, value) - bytes));
}

static void append_any_protobuf(const ProtobufCMessage *detail, furrow_buffer *out)
{
    const char *name = detail->descriptor->short_name;
    size_t url = strlen(URL) + strlen(name), value = protobuf_c_message_get_packed_size(detail);
    size_t any = 2 + furrow_wirescan_varint_size(url) + url + furrow_wirescan_varint_size(value) + value;
    furrow_buffer_append_byte(out, DETAILS_TAG);
    append_varint(out, any);
    furrow_buffer_append_byte(out, TYPE_URL_TAG);
    append_varint(out, url);
    furrow_buffer_append_text(out, URL);
    furrow_buffer_append_text(out, name);
    furrow_buffer_append_byte(out, VALUE_TAG);
    append_varint(out, value);
    furrow_message_append(detail, out);
}

/* The detail's own object, whose brace becomes the comma behind "@type". */
static void append_any_json(const ProtobufCMessage *detail, furrow_buffer *out)
{
    size_t begin = out->len;
    furrow_buffer_printf(out, "{\"@type\":\"" URL "%s\"", detail->descriptor->short_name);
    size_t brace = out->len;
    if (out->failed || furrow_json_encode(detail, NULL, out, NULL) != FURROW_OK) {
        out->len = begin;
        return;
    }
    bool empty = out->len == brace + 2;
    out->data[brace] = empty ? '}' : ',';
    if (empty) out->len--;
}

void furrow_detail_append(const ProtobufCMessage *detail, furrow_encoding encoding, furrow_buffer *out)
{
    (encoding == FURROW_JSON ? append_any_json : append_any_protobuf)(detail, out);
}
