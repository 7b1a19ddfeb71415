/*
 * google.rpc.Status, compiled from proto/furrow/v1/status.proto, which has its numbers; its details are wire/detail.h's.
 * The JSON form is that of Any (https://protobuf.dev/programming-guides/json/#any): the detail's own fields beside
 * "@type". Depends on wire.
 */
#include "rpc/status_message.h"

#include "wire/detail.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

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
    clean(err->reason);
}

void furrow_status_message_line(const furrow_error *err, char out[FURROW_STATUS_LINE])
{
    _Static_assert(sizeof err->text + sizeof err->field + 2 <= FURROW_STATUS_LINE, "an error fits its line");
    snprintf(out, FURROW_STATUS_LINE, "%s%s%s", err->field, err->field[0] ? ": " : "", err->text);
}

/* A BadRequest that lists all violations, with what it points to. */
typedef struct all_wrong {
    Furrow__V1__BadRequest bad;
    Furrow__V1__FieldViolation violations[FURROW_VIOLATIONS_MAX], *list[FURROW_VIOLATIONS_MAX];
} all_wrong;

static const ProtobufCMessage *bad_request_of(const furrow_violations *wrong, all_wrong *room)
{
    furrow__v1__bad_request__init(&room->bad);
    for (size_t i = 0; i < wrong->count; i++) {
        furrow__v1__field_violation__init(&room->violations[i]);
        room->violations[i].field = wrong->lines[i].field;
        room->violations[i].description = wrong->lines[i].text;
        room->list[i] = &room->violations[i];
    }
    room->bad.n_field_violations = wrong->count;
    room->bad.field_violations = room->list;
    return &room->bad.base;
}

/* The detail of that type that goes out with @err, or NULL. */
static const ProtobufCMessage *outgoing_detail(const furrow_error *err, const furrow_status_context *context,
                                               const ProtobufCMessageDescriptor *type, all_wrong *room,
                                               furrow_arena *arena)
{
    if (type == &furrow__v1__bad_request__descriptor && context->violations)
        return bad_request_of(context->violations, room);
    ProtobufCMessage *found = (ProtobufCMessage *)(uintptr_t)furrow_detail_find(err, type, arena);
    if (found && type == &furrow__v1__error_info__descriptor && context->domain) {
        Furrow__V1__ErrorInfo *info = (Furrow__V1__ErrorInfo *)found;
        if (!info->domain[0]) info->domain = (char *)(uintptr_t)context->domain;
    }
    return found;
}

static void append_details(const furrow_error *err, const furrow_status_context *context, furrow_encoding encoding,
                           furrow_buffer *out)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    all_wrong room;
    bool first = true;
    for (size_t i = 0; arena && i < FURROW_DETAIL_TYPES; i++) {
        const ProtobufCMessage *detail = outgoing_detail(err, context, furrow_detail_types[i], &room, arena);
        size_t begin = out->len;
        if (!detail) continue;
        if (encoding == FURROW_JSON && !first) furrow_buffer_append_byte(out, ',');
        size_t separated = out->len;
        furrow_detail_append(detail, encoding, out);
        if (out->len == separated)
            out->len = begin;
        else
            first = false;
    }
}

void furrow_status_message_encode(const furrow_error *err, const furrow_status_context *context,
                                  furrow_encoding encoding, furrow_buffer *out)
{
    static const furrow_status_context none;
    char line[FURROW_STATUS_LINE];
    bool json = encoding == FURROW_JSON;
    furrow_status_message_line(err, line);
    if (json) {
        furrow_buffer_printf(out, "{\"code\":%d,\"message\":", (int)err->code);
        furrow_json_append_string(out, furrow_bytes_of(line));
        furrow_buffer_append_text(out, ",\"details\":[");
    } else {
        Furrow__V1__Status status = FURROW__V1__STATUS__INIT;
        status.code = (int32_t)err->code;
        status.message = line;
        furrow_message_append(&status.base, out);
    }
    append_details(err, context ? context : &none, encoding, out);
    if (json) furrow_buffer_append_text(out, "]}");
}

/* NULL when @bytes are no @descriptor. */
static ProtobufCMessage *read(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_arena *arena)
{
    ProtobufCMessage *message = NULL;
    return furrow_message_unpack(descriptor, bytes, arena, &message, NULL) == FURROW_OK ? message : NULL;
}

/* Is that no more than the error's field and text say? */
static bool says_one_field(const Furrow__V1__BadRequest *bad)
{
    const Furrow__V1__FieldViolation *only = bad->field_violations[0];
    return bad->n_field_violations == 1 && !only->reason[0] && !only->localized_message;
}

/* As many of the fields as have room. */
static void keep_bad_request(Furrow__V1__BadRequest *bad, furrow_error *err)
{
    uint16_t was = err->details_len;
    if (bad->n_field_violations > FURROW_VIOLATIONS_MAX) bad->n_field_violations = FURROW_VIOLATIONS_MAX;
    for (; bad->n_field_violations > 0; bad->n_field_violations--) {
        (void)furrow_detail_add(err, &bad->base);
        if (err->details_len > was) return;
    }
}

/* The first fields that are wrong become the error's field and text. */
static void tell_bad_request(const Furrow__V1__BadRequest *bad, furrow_error *err)
{
    furrow_violations wrong = {.count = 0};
    furrow_error told;
    for (size_t i = 0; i < bad->n_field_violations && wrong.count < FURROW_VIOLATIONS_MAX; i++)
        wrong.lines[wrong.count++] =
            (struct furrow_violation_line){bad->field_violations[i]->field, bad->field_violations[i]->description};
    wrong.more = bad->n_field_violations - wrong.count;
    furrow_violations_tell(&wrong, &told);
    memcpy(err->text, told.text, sizeof err->text);
    memcpy(err->field, told.field, sizeof err->field);
}

static void take_detail(ProtobufCMessage *detail, furrow_error *err)
{
    if (detail->descriptor != &furrow__v1__bad_request__descriptor) {
        (void)furrow_detail_add(err, detail);
        return;
    }
    Furrow__V1__BadRequest *bad = (Furrow__V1__BadRequest *)detail;
    if (bad->n_field_violations == 0) return;
    tell_bad_request(bad, err);
    if (!says_one_field(bad)) keep_bad_request(bad, err);
}

static void decode_protobuf(furrow_bytes body, furrow_arena *arena, furrow_error *err)
{
    const Furrow__V1__Status *status = (const Furrow__V1__Status *)read(&furrow__v1__status__descriptor, body, arena);
    if (!status || status->code != (int32_t)err->code) return;
    for (size_t i = 0; i < status->n_details; i++) {
        const Furrow__V1__StatusDetail *detail = status->details[i];
        const ProtobufCMessageDescriptor *type = furrow_detail_type(detail->type_url);
        ProtobufCMessage *known =
            type ? read(type, (furrow_bytes){detail->value.data, detail->value.len}, arena) : NULL;
        if (known) take_detail(known, err);
    }
}

/* Where the members of one JSON detail go that are its own. */
typedef struct own_members {
    furrow_arena *arena;
    char *text; /* NULL: the arena is full */
} own_members;

static void collect_own_member(void *arg, furrow_bytes name, furrow_bytes value)
{
    own_members *all = arg;
    if (!all->text || furrow_bytes_is(name, "@type")) return;
    all->text = furrow_arena_printf(all->arena, "%s%s\"%.*s\":%.*s", all->text, all->text[0] ? "," : "", (int)name.len,
                                    (const char *)name.data, (int)value.len, (const char *)value.data);
}

typedef struct json_reading {
    furrow_arena *arena;
    furrow_error *err;
} json_reading;

static void take_json_detail(void *arg, furrow_bytes name, furrow_bytes value)
{
    const json_reading *reading = arg;
    char *url;
    ProtobufCMessage *known = NULL;
    own_members own = {.arena = reading->arena, .text = furrow_arena_strdup(reading->arena, "")};
    if (!furrow_json_find_text(value, "@type", reading->arena, &url)) return;
    const ProtobufCMessageDescriptor *type = furrow_detail_type(url);
    if (!type || !furrow_json_each(value, "", collect_own_member, &own) || !own.text) return;
    const char *text = furrow_arena_printf(reading->arena, "{%s}", own.text);
    if (!text || furrow_json_decode(type, furrow_bytes_of(text), reading->arena, &known, NULL) != FURROW_OK) return;
    if (type == &furrow__v1__bad_request__descriptor)
        keep_bad_request((Furrow__V1__BadRequest *)known, reading->err);
    else
        (void)furrow_detail_add(reading->err, known);
}

void furrow_status_message_decode(furrow_bytes body, furrow_arena *arena, furrow_error *err)
{
    int64_t code;
    json_reading reading = {arena, err};
    if (body.len == 0 || *(const char *)body.data != '{')
        decode_protobuf(body, arena, err);
    else if (furrow_json_find_int(body, "code", &code) && code == (int64_t)err->code)
        (void)!furrow_json_each(body, "details", take_json_detail, &reading);
}
