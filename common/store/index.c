/* See index.h. Fields are read by protobuf-c's descriptors, so any message will do. */
#include "store/index.h"

#include "store/record.h"
#include "wire/message.h"
#include "wire/unicode.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SCRATCH_BYTES = 96 };

/* ---- values ---- */

/*
 * A letter for sign and number of hex digits, then the digits: 'a'..'p' for 1 to 16 digits of a number from 0 up, 'Z'
 * down to 'K' and complemented digits of ~value below 0. So 0 is "a0", 300 is "c12c", -1 is "Zf".
 */
static size_t put_integer(int64_t value, char out[18])
{
    uint64_t magnitude = value >= 0 ? (uint64_t)value : ~(uint64_t)value;
    char digits[17];
    int len = snprintf(digits, sizeof digits, "%llx", (unsigned long long)magnitude);
    out[0] = (char)(value >= 0 ? 'a' + len - 1 : 'Z' - (len - 1));
    for (int i = 0; i < len; i++) {
        int digit = digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10;
        out[1 + i] = "0123456789abcdef"[value >= 0 ? digit : 15 - digit];
    }
    out[1 + len] = '\0';
    return (size_t)len + 1;
}

furrow_bytes furrow_record_index_integer(int64_t value, furrow_arena *arena)
{
    char text[18];
    size_t len = put_integer(value, text);
    return (furrow_bytes){furrow_arena_memdup(arena, text, len), len};
}

/* At most @max bytes, not in the middle of a letter. */
static size_t cut(const uint8_t *text, size_t len, size_t max)
{
    if (len <= max) return len;
    len = max;
    while (len > 0 && (text[len] & 0xc0) == 0x80) len--;
    return len;
}

furrow_bytes furrow_index_text(furrow_bytes text, bool fold, furrow_arena *arena)
{
    uint8_t folded[FURROW_INDEX_TEXT_BYTES];
    if (fold) text = (furrow_bytes){folded, furrow_unicode_fold(text, folded, sizeof folded)};
    size_t len = cut(text.data, text.len, FURROW_INDEX_TEXT_BYTES);
    uint8_t *copy = furrow_arena_memdup(arena, len ? text.data : "", len);
    if (!copy) return (furrow_bytes){NULL, 0};
    for (uint8_t *nul = copy; (nul = memchr(nul, '\0', (size_t)(copy + len - nul)));) *nul = ' ';
    return (furrow_bytes){copy, len};
}

static size_t put_timestamp(const Google__Protobuf__Timestamp *at, char *out, size_t room)
{
    struct tm parts;
    time_t seconds = (time_t)at->seconds;
    /* The years that a Timestamp may hold; others would not sort. */
    const int64_t first = -62135596800, last = 253402300799;
    if (seconds < first) seconds = first;
    if (seconds > last) seconds = last;
    gmtime_r(&seconds, &parts);
    int nanos = at->nanos < 0 || at->nanos > 999999999 ? 0 : at->nanos;
    return (size_t)snprintf(out, room, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                            parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, nanos);
}

/* ---- fields ---- */

static bool is_timestamp(const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *type = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
    return type && strcmp(type->name, "google.protobuf.Timestamp") == 0;
}

furrow_status furrow_index_check(const furrow_index_contract *index, furrow_error *err)
{
    switch (index->descriptor->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BYTES:
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (is_timestamp(index->descriptor)) return FURROW_OK;
        break;
    default:
        return FURROW_OK;
    }
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       "field %s cannot be listed by: text, integers, bools, enums and Timestamps can", index->field);
}

static int64_t integer_at(ProtobufCType type, const void *at)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return *(const int64_t *)at;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return *(const uint32_t *)at;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)at != 0;
    default: /* int32 in its forms, enum */
        return *(const int32_t *)at;
    }
}

static size_t element_bytes(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    default:
        return sizeof(int32_t);
    }
}

/* The value of one element; @scratch holds it unless it is text, which lives in @arena. data NULL: no room. */
static furrow_bytes element_value(const furrow_index_contract *index, const void *at, char scratch[SCRATCH_BYTES],
                                  furrow_arena *arena)
{
    const ProtobufCFieldDescriptor *field = index->descriptor;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(char *const *)at;
        return furrow_index_text(furrow_bytes_of(text ? text : ""), index->fold, arena);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const Google__Protobuf__Timestamp *time = *(Google__Protobuf__Timestamp *const *)at;
        return (furrow_bytes){scratch, time ? put_timestamp(time, scratch, SCRATCH_BYTES) : 0};
    }
    return (furrow_bytes){scratch, put_integer(integer_at(field->type, at), scratch)};
}

static bool is_set(const ProtobufCFieldDescriptor *field, const char *message)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(const void *)(message + field->quantifier_offset) == field->id;
    if (field->label != PROTOBUF_C_LABEL_OPTIONAL || field->type == PROTOBUF_C_TYPE_STRING ||
        field->type == PROTOBUF_C_TYPE_MESSAGE)
        return true;
    return *(const protobuf_c_boolean *)(message + field->quantifier_offset) != 0;
}

furrow_bytes furrow_index_value(const furrow_index_contract *index, const ProtobufCMessage *record, furrow_arena *arena)
{
    const char *message = (const char *)record;
    char scratch[SCRATCH_BYTES];
    if (!is_set(index->descriptor, message)) return (furrow_bytes){"", 0};
    furrow_bytes value = element_value(index, message + index->descriptor->offset, scratch, arena);
    if (value.data != scratch) return value;
    return (furrow_bytes){furrow_arena_memdup(arena, scratch, value.len), value.len};
}

int64_t furrow_index_integer(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *record)
{
    const char *message = (const char *)record;
    return is_set(field, message) ? integer_at(field->type, message + field->offset) : 0;
}

/* ---- entries ---- */

typedef struct gathering {
    furrow_arena *arena;
    furrow_index_entry *list;
    size_t count, room;
} gathering;

static bool gather_entry(gathering *into, size_t index, furrow_bytes value, furrow_bytes id)
{
    char *member = value.data ? furrow_arena_alloc(into->arena, value.len + 1 + id.len) : NULL;
    if (!member) return false;
    memcpy(member, value.data, value.len);
    member[value.len] = '\0';
    memcpy(member + value.len + 1, id.data, id.len);
    FURROW_ASSERT(into->count < into->room);
    into->list[into->count++] = (furrow_index_entry){index, {member, value.len + 1 + id.len}};
    return true;
}

static size_t elements_of(const furrow_index_contract *index, const char *message)
{
    const ProtobufCFieldDescriptor *field = index->descriptor;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) return 1;
    size_t count = *(const size_t *)(const void *)(message + field->quantifier_offset);
    return count < FURROW_INDEX_ELEMENTS ? count : FURROW_INDEX_ELEMENTS;
}

static bool add_field_entries(gathering *into, size_t number, const furrow_index_contract *index, const char *message,
                              furrow_bytes id)
{
    const ProtobufCFieldDescriptor *field = index->descriptor;
    char scratch[SCRATCH_BYTES];
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (!is_set(field, message)) return gather_entry(into, number, (furrow_bytes){"", 0}, id);
        return gather_entry(into, number, element_value(index, message + field->offset, scratch, into->arena), id);
    }
    const char *elements = *(const char *const *)(const void *)(message + field->offset);
    size_t count = elements_of(index, message);
    for (size_t i = 0; i < count; i++)
        if (!gather_entry(into, number, element_value(index, elements + i * element_bytes(field), scratch, into->arena),
                          id))
            return false;
    return true;
}

furrow_bytes furrow_index_id(furrow_bytes member)
{
    const char *nul = member.len ? memchr(member.data, '\0', member.len) : NULL;
    if (!nul) return (furrow_bytes){"", 0};
    furrow_bytes id = {nul + 1, member.len - (size_t)(nul + 1 - (const char *)member.data)};
    return furrow_id_valid(id.data, id.len) ? id : (furrow_bytes){"", 0};
}

int furrow_index_compare(furrow_bytes a, furrow_bytes b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    if (order != 0 || a.len == b.len) return order;
    return a.len < b.len ? -1 : 1;
}

static int compare_index_entries(const void *left, const void *right)
{
    const furrow_index_entry *a = left, *b = right;
    if (a->index != b->index) return a->index < b->index ? -1 : 1;
    return furrow_index_compare(a->member, b->member);
}

static size_t sort_unique(furrow_index_entry *list, size_t count)
{
    if (count < 2) return count;
    qsort(list, count, sizeof *list, compare_index_entries);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (compare_index_entries(&list[kept - 1], &list[i]) != 0) list[kept++] = list[i];
    return kept;
}

furrow_status furrow_index_compute(const ProtobufCMessageDescriptor *descriptor, const furrow_index_contract indexes[],
                                   size_t count, furrow_bytes id, furrow_bytes body, furrow_arena *arena,
                                   furrow_index_entries *out, furrow_error *err)
{
    *out = (furrow_index_entries){0};
    if (body.len == 0 || count == 0) return FURROW_OK;
    ProtobufCMessage *record;
    furrow_status status = furrow_message_unpack(descriptor, body, arena, &record, err);
    return status ? status : furrow_index_entries_of(record, indexes, count, id, arena, out, err);
}

furrow_status furrow_index_entries_of(const ProtobufCMessage *record, const furrow_index_contract indexes[],
                                      size_t count, furrow_bytes id, furrow_arena *arena, furrow_index_entries *out,
                                      furrow_error *err)
{
    const char *message = (const char *)record;
    gathering into = {.arena = arena};
    bool repeated = false;
    for (size_t i = 0; i < count; i++) {
        into.room += elements_of(&indexes[i], message);
        repeated = repeated || indexes[i].descriptor->label == PROTOBUF_C_LABEL_REPEATED;
    }
    into.list = furrow_arena_alloc(arena, (into.room + 1) * sizeof *into.list);
    bool fits = into.list != NULL;
    for (size_t i = 0; fits && i < count; i++) fits = add_field_entries(&into, i, &indexes[i], message, id);
    if (!fits) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "index entries of a record do not fit its memory");
    /* Without a repeated field they stand in order already. */
    *out = (furrow_index_entries){into.list, repeated ? sort_unique(into.list, into.count) : into.count};
    return FURROW_OK;
}
