/*
 * One value against one rule. What a value is follows from its field's type alone; comparisons are exact: integers as they
 * are, a float as the double it equals, moments by seconds and nanoseconds. NaN is in no range and equals nothing.
 */
#include "wire/rule_inside.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "wire/json_parts.h"
#include "wire/message.h"
#include "wire/moment.h"
#include "wire/nul.h"

#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#include <math.h>
#include <stdlib.h>

enum { FEW_ITEMS = 16 }; /* are compared with one another; of more, sorted copies */

typedef const Google__Protobuf__FieldMask mask_message;

static furrow_rule_operand text_operand(const char *text, size_t len)
{
    return (furrow_rule_operand){.text = text, .more = (int64_t)len};
}

/* protobuf-c's structs of Timestamp and Duration are the same. */
static furrow_rule_operand time_operand(const Google__Protobuf__Timestamp *moment)
{
    return (furrow_rule_operand){.i = moment->seconds, .more = moment->nanos};
}

/* A message is one of those known by name, or has rules of its own. */
static furrow_rule_value read_message_value(const ProtobufCFieldDescriptor *type, const void *at)
{
    const ProtobufCMessage *message = *(const ProtobufCMessage *const *)at;
    furrow_rule_value value = {.type = type, .at = at, .form = FURROW_FORM_MESSAGE};
    switch (furrow_json_known_of(type->descriptor)) {
    case FURROW_JSON_TIMESTAMP:
    case FURROW_JSON_DURATION:
        value.form = FURROW_FORM_TIME;
        value.operand = time_operand((const Google__Protobuf__Timestamp *)message);
        return value;
    case FURROW_JSON_FIELD_MASK:
        value.form = FURROW_FORM_MASK;
        return value;
    case FURROW_JSON_WRAPPER:
        type = ((const ProtobufCMessageDescriptor *)type->descriptor)->fields;
        return furrow_rule_read(type, (const char *)message + type->offset);
    default:
        return value;
    }
}

static furrow_rule_value read_text_value(const ProtobufCFieldDescriptor *type, const void *at)
{
    const char *text = *(const char *const *)at;
    if (!text) text = "";
    return (furrow_rule_value){type, at, FURROW_FORM_TEXT, text_operand(text, strlen(text))};
}

furrow_rule_value furrow_rule_read(const ProtobufCFieldDescriptor *type, const void *at)
{
    const ProtobufCBinaryData *bytes = at;
    switch (type->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return (furrow_rule_value){type, at, FURROW_FORM_INT, {.i = *(const int32_t *)at}};
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return (furrow_rule_value){type, at, FURROW_FORM_INT, {.i = *(const int64_t *)at}};
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return (furrow_rule_value){type, at, FURROW_FORM_UINT, {.u = *(const uint32_t *)at}};
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return (furrow_rule_value){type, at, FURROW_FORM_UINT, {.u = *(const uint64_t *)at}};
    case PROTOBUF_C_TYPE_BOOL:
        return (furrow_rule_value){type, at, FURROW_FORM_UINT, {.u = *(const protobuf_c_boolean *)at != 0}};
    case PROTOBUF_C_TYPE_FLOAT:
        return (furrow_rule_value){type, at, FURROW_FORM_DOUBLE, {.d = (double)*(const float *)at}};
    case PROTOBUF_C_TYPE_DOUBLE:
        return (furrow_rule_value){type, at, FURROW_FORM_DOUBLE, {.d = *(const double *)at}};
    case PROTOBUF_C_TYPE_STRING:
        return read_text_value(type, at);
    case PROTOBUF_C_TYPE_BYTES:
        return (furrow_rule_value){type, at, FURROW_FORM_BYTES, text_operand((const char *)bytes->data, bytes->len)};
    default:
        return read_message_value(type, at);
    }
}

bool furrow_rule_is_zero(const furrow_rule_value *value)
{
    switch (value->form) {
    case FURROW_FORM_INT:
    case FURROW_FORM_UINT:
        return value->operand.u == 0;
    case FURROW_FORM_DOUBLE:
        return fpclassify(value->operand.d) == FP_ZERO && !signbit(value->operand.d);
    case FURROW_FORM_TEXT:
    case FURROW_FORM_BYTES:
        return value->operand.more == 0;
    default:
        return false; /* a message that is there is not nothing */
    }
}

size_t furrow_rule_item_size(const ProtobufCFieldDescriptor *type)
{
    switch (type->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 8; /* the other numbers, and pointers */
    }
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

enum { UNORDERED = 2 };
_Static_assert(sizeof(void *) == 8, "items of strings and messages are read as 8 bytes");

/* -1, 0, 1, or UNORDERED when one is NaN. */
static int compare_operands(furrow_rule_form form, const furrow_rule_operand *a, const furrow_rule_operand *b)
{
    switch (form) {
    case FURROW_FORM_INT:
        return ORDER(a->i, b->i);
    case FURROW_FORM_UINT:
        return ORDER(a->u, b->u);
    case FURROW_FORM_DOUBLE:
        return isunordered(a->d, b->d) ? UNORDERED : ORDER(a->d, b->d);
    case FURROW_FORM_TIME:
        return a->i != b->i ? ORDER(a->i, b->i) : ORDER(a->more, b->more);
    default:
        if (a->more != b->more) return ORDER(a->more, b->more);
        for (int64_t i = 0; i < a->more; i++)
            if (a->text[i] != b->text[i]) return ORDER((uint8_t)a->text[i], (uint8_t)b->text[i]);
        return 0;
    }
}

static bool in_list(const furrow_rule *rule, const furrow_rule_value *value)
{
    for (size_t i = 0; i < rule->count; i++)
        if (compare_operands(value->form, &value->operand, &rule->list[i]) == 0) return true;
    return false;
}

/* Does one of the paths in the list name @path, or what it lies below? */
static bool mask_covers(const furrow_rule *rule, const char *path)
{
    furrow_bytes whole = furrow_bytes_of(path);
    for (size_t i = 0; i < rule->count; i++) {
        furrow_bytes head = {rule->list[i].text, (size_t)rule->list[i].more};
        if (furrow_bytes_begin(whole, head) && (head.len == whole.len || path[head.len] == '.')) return true;
    }
    return false;
}

static bool mask_holds(const furrow_rule *rule, mask_message *mask)
{
    if (rule->kind == FURROW_RULE_CONST) {
        bool same = mask->n_paths == rule->count;
        for (size_t i = 0; same && i < rule->count; i++) same = strcmp(mask->paths[i], rule->list[i].text) == 0;
        return same;
    }
    for (size_t i = 0; i < mask->n_paths; i++)
        if (mask_covers(rule, mask->paths[i]) != (rule->kind == FURROW_RULE_IN)) return false;
    return true;
}

static bool range_holds(const furrow_rule *rule, const furrow_rule_value *value)
{
    bool low = true, high = true;
    if (rule->bounds & (FURROW_BOUND_GT | FURROW_BOUND_GTE)) {
        int order = compare_operands(value->form, &value->operand, &rule->list[0]);
        low = order == 1 || (order == 0 && (rule->bounds & FURROW_BOUND_GTE));
    }
    if (rule->bounds & (FURROW_BOUND_LT | FURROW_BOUND_LTE)) {
        int order = compare_operands(value->form, &value->operand, &rule->list[1]);
        high = order == -1 || (order == 0 && (rule->bounds & FURROW_BOUND_LTE));
    }
    return rule->bounds & FURROW_BOUND_OUTSIDE ? low || high : low && high;
}

static bool contains(furrow_bytes text, const furrow_rule_operand *part)
{
    return part->more == 0 || memmem(text.data, text.len, part->text, (size_t)part->more) != NULL;
}

static bool ends_with(furrow_bytes text, const furrow_rule_operand *end)
{
    furrow_bytes wanted = {end->text, (size_t)end->more};
    if (text.len < wanted.len) return false;
    return furrow_bytes_equal((furrow_bytes){(const char *)text.data + text.len - wanted.len, wanted.len}, wanted);
}

/* Bytes that begin none, 10xxxxxx, are counted eight at a time. */
static size_t count_characters(furrow_bytes text)
{
    const uint8_t *at = text.data, *end = at + text.len;
    size_t count = text.len;
    for (uint64_t eight; end - at >= 8; at += 8) {
        memcpy(&eight, at, sizeof eight);
        uint64_t ones = eight >> 7 & ~eight >> 6 & 0x0101010101010101u;
        count -= ones * 0x0101010101010101u >> 56;
    }
    for (; at < end; at++) count -= (*at & 0xc0) == 0x80;
    return count;
}

/* A character takes one to four bytes, so mostly it need not be looked at which. */
static bool characters_within(const furrow_rule *rule, furrow_bytes text)
{
    size_t fewest = text.len / 4 + (text.len % 4 != 0);
    if (fewest >= rule->least && text.len <= rule->most) return true;
    if (fewest > rule->most || text.len < rule->least) return false;
    size_t count = count_characters(text);
    return count >= rule->least && count <= rule->most;
}

/* Each takes two bytes of memory and is one (wire/nul.h). No format has one. */
static size_t hidden_nuls(const furrow_rule_value *value)
{
    furrow_bytes text = {value->operand.text, (size_t)value->operand.more};
    return value->form == FURROW_FORM_TEXT ? furrow_nul_count(text) : 0;
}

static bool bytes_within(const furrow_rule *rule, const furrow_rule_value *value)
{
    size_t size = (size_t)value->operand.more - hidden_nuls(value);
    return size >= rule->least && size <= rule->most;
}

static bool defined(const ProtobufCFieldDescriptor *type, int64_t number)
{
    return protobuf_c_enum_descriptor_get_value(type->descriptor, (int)number) != NULL;
}

/* @more nanoseconds since 1970 that int64 cannot hold are centuries away from now. */
static bool time_holds(const furrow_rule *rule, const furrow_rule_operand *moment)
{
    int64_t wall_ns = furrow_clock_wall_ns();
    const furrow_rule_operand now = {.i = wall_ns / (int64_t)FURROW_NS_PER_S,
                                     .more = wall_ns % (int64_t)FURROW_NS_PER_S};
    if (rule->kind != FURROW_RULE_WITHIN) {
        int order = compare_operands(FURROW_FORM_TIME, moment, &now);
        return rule->kind == FURROW_RULE_LT_NOW ? order <= 0 : order >= 0;
    }
    furrow_rule_operand past = {.i = now.i - rule->list[0].i, .more = now.more - rule->list[0].more};
    furrow_rule_operand future = {.i = now.i + rule->list[0].i, .more = now.more + rule->list[0].more};
    if (past.more < 0) past = (furrow_rule_operand){.i = past.i - 1, .more = past.more + FURROW_MOMENT_NANOS};
    if (future.more >= FURROW_MOMENT_NANOS)
        future = (furrow_rule_operand){.i = future.i + 1, .more = future.more - FURROW_MOMENT_NANOS};
    return compare_operands(FURROW_FORM_TIME, moment, &past) >= 0 &&
           compare_operands(FURROW_FORM_TIME, moment, &future) <= 0;
}

/* A byte costs two loads and an addition, whatever the pattern is. A sink stays what it is, so looking out for it is enough now
 * and then. */
bool furrow_rule_matches(const furrow_rule_pattern *pattern, const char *text, size_t len)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + len, *classes = pattern->classes;
    const uint16_t *next = pattern->next;
    size_t state = pattern->start;
    for (; end - at >= 4 && state > pattern->sinks; at += 4) {
        state = next[state + classes[at[0]]];
        state = next[state + classes[at[1]]];
        state = next[state + classes[at[2]]];
        state = next[state + classes[at[3]]];
    }
    for (; at < end; at++) state = next[state + classes[*at]];
    return state != 0 && state <= pattern->accepts;
}

bool furrow_rule_holds(const furrow_rule *rule, const furrow_rule_value *value)
{
    furrow_bytes text = {value->operand.text, (size_t)value->operand.more};
    if (value->form == FURROW_FORM_MASK) return mask_holds(rule, *(mask_message *const *)value->at);
    switch ((furrow_rule_kind)rule->kind) {
    case FURROW_RULE_CONST:
    case FURROW_RULE_IN:
        return in_list(rule, value);
    case FURROW_RULE_NOT_IN:
        return !in_list(rule, value);
    case FURROW_RULE_RANGE:
        return range_holds(rule, value);
    case FURROW_RULE_FINITE:
        return isfinite(value->operand.d);
    case FURROW_RULE_DEFINED:
        return defined(value->type, value->operand.i);
    case FURROW_RULE_LT_NOW:
    case FURROW_RULE_GT_NOW:
    case FURROW_RULE_WITHIN:
        return time_holds(rule, &value->operand);
    case FURROW_RULE_NOT_EMPTY:
        return text.len > 0;
    case FURROW_RULE_CHARS:
        return characters_within(rule, text);
    case FURROW_RULE_BYTES:
        return bytes_within(rule, value);
    case FURROW_RULE_PREFIX:
        return furrow_bytes_begin(text, (furrow_bytes){rule->list[0].text, (size_t)rule->list[0].more});
    case FURROW_RULE_SUFFIX:
        return ends_with(text, &rule->list[0]);
    case FURROW_RULE_CONTAINS:
        return contains(text, &rule->list[0]);
    case FURROW_RULE_NOT_CONTAINS:
        return !contains(text, &rule->list[0]);
    case FURROW_RULE_PATTERN:
        if (value->form == FURROW_FORM_BYTES && !furrow_utf8_valid(text.data, text.len)) return false;
        return furrow_rule_matches(rule->pattern, text.data, text.len);
    case FURROW_RULE_FORMAT:
        return text.len == 0 || (hidden_nuls(value) == 0 &&
                                 furrow_rule_format_holds((furrow_rule_format)rule->least, text.data, text.len));
    default: /* FURROW_RULE_SIZES */
        return text.len == 0 || text.len == rule->least || text.len == rule->most;
    }
}

/* Any order in which equals are neighbours; NaN equals nothing, and stands where it may. */
static int order_items(furrow_rule_form form, const furrow_rule_operand *a, const furrow_rule_operand *b)
{
    int order = compare_operands(form, a, b);
    return order == UNORDERED ? (isnan(a->d) ? 1 : 0) - (isnan(b->d) ? 1 : 0) : order;
}

static int order_ints(const void *a, const void *b)
{
    return order_items(FURROW_FORM_INT, a, b);
}

static int order_doubles(const void *a, const void *b)
{
    return order_items(FURROW_FORM_DOUBLE, a, b);
}

static int order_texts(const void *a, const void *b)
{
    return order_items(FURROW_FORM_TEXT, a, b);
}

static bool sorted_unique(furrow_rule_operand *items, size_t count, furrow_rule_form form)
{
    bool text = form == FURROW_FORM_TEXT || form == FURROW_FORM_BYTES;
    qsort(items, count, sizeof *items, text ? order_texts : form == FURROW_FORM_DOUBLE ? order_doubles : order_ints);
    for (size_t i = 1; i < count; i++)
        if (compare_operands(form, &items[i - 1], &items[i]) == 0) return false;
    return true;
}

furrow_status furrow_rule_unique(const ProtobufCFieldDescriptor *type, const void *items, size_t count, bool *unique,
                                 furrow_error *err)
{
    furrow_rule_operand few[FEW_ITEMS];
    furrow_rule_operand *all = count <= FEW_ITEMS ? few : malloc(count * sizeof *all);
    furrow_rule_form form = FURROW_FORM_INT;
    if (!all) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0, size = furrow_rule_item_size(type); i < count; i++) {
        furrow_rule_value value = furrow_rule_read(type, (const char *)items + i * size);
        all[i] = value.operand;
        form = value.form;
    }
    *unique = sorted_unique(all, count, form);
    if (all != few) free(all);
    return FURROW_OK;
}
