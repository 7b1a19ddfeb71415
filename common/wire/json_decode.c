/*
 * JSON text into a message, in one pass over the tokens.
 *
 * Convention: a function that reads a value is called with the reader on the value's first token and leaves it on the
 * last. Recursion is as deep as the text, which the reader bounds. Everything lives in the arena; a message that failed
 * half way is simply left there. May depend on base.
 */
#include "wire/json.h"

#include "wire/json_parts.h"
#include "wire/json_scalar.h"
#include "wire/jsontext.h"
#include "wire/member.h"
#include "wire/message.h"
#include "wire/nul.h"

#include <math.h>
#include <stdio.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef furrow_json_path path_step;

typedef struct decoder {
    furrow_jsontext text;
    furrow_arena *arena;
    furrow_error *err;
} decoder;

static furrow_status decode_message(decoder *in, const path_step *path, ProtobufCMessage *message);

static furrow_status refuse_value(decoder *in, const path_step *path, const char *why)
{
    if (in->text.kind == FURROW_JSONTEXT_ERROR)
        return furrow_json_refuse(path, in->err, "JSON at byte %zu: %s", furrow_jsontext_offset(&in->text),
                                  in->text.error);
    return furrow_json_refuse(path, in->err, "%s", why);
}

static furrow_status exhausted(decoder *in)
{
    return furrow_fail(in->err, FURROW_RESOURCE_EXHAUSTED, "decoded, the JSON exceeds the memory limit");
}

/* What a parser of text answered. */
static furrow_status verdict(decoder *in, const path_step *path, const char *wrong)
{
    if (!wrong) return FURROW_OK;
    return wrong == furrow_json_no_memory ? exhausted(in) : refuse_value(in, path, wrong);
}

/* The value of the string at hand; borrowed from the text when it has no escapes. False past the arena's limit. */
static bool string_value(decoder *in, furrow_bytes *out)
{
    *out = in->text.text;
    if (!in->text.escaped) return true;
    char *value = furrow_arena_alloc(in->arena, out->len);
    if (!value) return false;
    *out = (furrow_bytes){value, furrow_jsontext_unescape(in->text.text, value)};
    return true;
}

static furrow_status decode_string(decoder *in, const path_step *path, char **target)
{
    furrow_bytes value;

    if (in->text.kind != FURROW_JSONTEXT_STRING && in->text.kind != FURROW_JSONTEXT_KEY)
        return refuse_value(in, path, "a string was expected");
    if (!string_value(in, &value)) return exhausted(in);
    bool nul = in->text.escaped && memchr(value.data, 0, value.len);
    char *text = nul ? furrow_nul_hide(value, in->arena) : furrow_arena_memdup(in->arena, value.data, value.len);
    if (!text) return exhausted(in);
    *target = text;
    return FURROW_OK;
}

static furrow_status decode_bytes(decoder *in, const path_step *path, ProtobufCBinaryData *target)
{
    furrow_bytes text;
    size_t len;

    if (in->text.kind != FURROW_JSONTEXT_STRING) return refuse_value(in, path, "base64 was expected");
    if (!string_value(in, &text)) return exhausted(in);
    uint8_t *data = furrow_arena_alloc(in->arena, text.len / 4 * 3 + 3);
    if (!data) return exhausted(in);
    const char *wrong = furrow_json_scalar_parse_base64(text, data, &len);
    if (wrong) return refuse_value(in, path, wrong);
    *target = (ProtobufCBinaryData){.len = len, .data = data};
    return FURROW_OK;
}

/* The number at hand, bare or in quotes; @expected says what else is refused for. */
static furrow_status number_text(decoder *in, const path_step *path, const char *expected, furrow_bytes *out)
{
    bool quoted = in->text.kind == FURROW_JSONTEXT_STRING || in->text.kind == FURROW_JSONTEXT_KEY;

    if (quoted && !string_value(in, out)) return exhausted(in);
    if (quoted && furrow_json_scalar_is_number(*out)) return FURROW_OK;
    if (in->text.kind != FURROW_JSONTEXT_NUMBER) return refuse_value(in, path, expected);
    *out = in->text.text;
    return FURROW_OK;
}

static furrow_status decode_signed(decoder *in, const path_step *path, int64_t min, int64_t max, int64_t *out)
{
    furrow_bytes number;
    furrow_status status = number_text(in, path, "a whole number was expected", &number);

    return status ? status : verdict(in, path, furrow_json_scalar_parse_int(number, min, max, out));
}

static furrow_status decode_unsigned(decoder *in, const path_step *path, uint64_t max, uint64_t *out)
{
    furrow_bytes number;
    furrow_status status = number_text(in, path, "a whole number was expected", &number);

    return status ? status : verdict(in, path, furrow_json_scalar_parse_uint(number, max, out));
}

static bool not_finite(decoder *in, double *out)
{
    furrow_bytes text;
    static const struct {
        const char *text;
        double value;
    } names[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};

    if (in->text.kind != FURROW_JSONTEXT_STRING || !string_value(in, &text)) return false; /* it is asked for again */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (furrow_bytes_is(text, names[i].text)) {
            *out = names[i].value;
            return true;
        }
    return false;
}

static furrow_status decode_double(decoder *in, const path_step *path, double *target)
{
    furrow_bytes number;

    if (not_finite(in, target)) return FURROW_OK;
    furrow_status status = number_text(in, path, "a number was expected", &number);
    return status ? status : verdict(in, path, furrow_json_scalar_parse_double(number, in->arena, target));
}

static furrow_status decode_float(decoder *in, const path_step *path, float *target)
{
    furrow_bytes number;
    double special;

    if (not_finite(in, &special)) {
        *target = (float)special;
        return FURROW_OK;
    }
    furrow_status status = number_text(in, path, "a number was expected", &number);
    return status ? status : verdict(in, path, furrow_json_scalar_parse_float(number, in->arena, target));
}

static furrow_status decode_bool(decoder *in, const path_step *path, protobuf_c_boolean *target)
{
    bool key = in->text.kind == FURROW_JSONTEXT_KEY;
    furrow_bytes text = {0};

    if (key && !string_value(in, &text)) return exhausted(in);
    if (in->text.kind == FURROW_JSONTEXT_TRUE || (key && furrow_bytes_is(text, "true")))
        *target = 1;
    else if (in->text.kind == FURROW_JSONTEXT_FALSE || (key && furrow_bytes_is(text, "false")))
        *target = 0;
    else
        return refuse_value(in, path, "true or false was expected");
    return FURROW_OK;
}

/* Names the values, as many as an error has room for. */
static furrow_status refuse_enum(decoder *in, const path_step *path, const ProtobufCEnumDescriptor *type)
{
    char names[sizeof in->err->text] = "";
    size_t len = 0, taken = sizeof "not a value of : use " + strlen(type->name);
    for (unsigned i = 0; i < type->n_values; i++) {
        const char *name = type->values[i].name;
        if (taken + len + strlen(name) + sizeof ", …" > sizeof names) {
            snprintf(names + len, sizeof names - len, "…");
            break;
        }
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", name, i + 1 < type->n_values ? ", " : "");
    }
    return furrow_json_refuse(path, in->err, "not a value of %s: use %s", type->name, names);
}

static furrow_status decode_enum(decoder *in, const path_step *path, const ProtobufCEnumDescriptor *type,
                                 int32_t *target)
{
    const ProtobufCEnumValue *value = NULL;
    char *name = NULL;
    int64_t number;

    if (in->text.kind == FURROW_JSONTEXT_NULL && furrow_json_is_null_value(type)) {
        *target = 0;
        return FURROW_OK;
    }
    if (in->text.kind == FURROW_JSONTEXT_STRING) {
        furrow_status status = decode_string(in, path, &name);
        if (status) return status;
        value = protobuf_c_enum_descriptor_get_value_by_name(type, name);
        if (!value) return refuse_enum(in, path, type);
        *target = value->value;
        return FURROW_OK;
    }
    if (in->text.kind != FURROW_JSONTEXT_NUMBER)
        return in->text.kind == FURROW_JSONTEXT_ERROR
                   ? refuse_value(in, path, "is not valid JSON")
                   : furrow_json_refuse(path, in->err, "a value of %s was expected", type->name);
    furrow_status status = decode_signed(in, path, INT32_MIN, INT32_MAX, &number);
    if (status) return status;
    *target = (int32_t)number; /* proto3 enums are open: unknown numbers are kept */
    return FURROW_OK;
}

static furrow_status decode_int32(decoder *in, const path_step *path, int32_t *target)
{
    int64_t number;
    furrow_status status = decode_signed(in, path, INT32_MIN, INT32_MAX, &number);

    if (!status) *target = (int32_t)number;
    return status;
}

static furrow_status decode_uint32(decoder *in, const path_step *path, uint32_t *target)
{
    uint64_t number;
    furrow_status status = decode_unsigned(in, path, UINT32_MAX, &number);

    if (!status) *target = (uint32_t)number;
    return status;
}

static furrow_status decode_submessage(decoder *in, const path_step *path, const ProtobufCMessageDescriptor *descriptor,
                                       ProtobufCMessage **target)
{
    ProtobufCMessage *message = furrow_message_new(descriptor, in->arena);

    if (!message) return exhausted(in);
    furrow_status status = decode_message(in, path, message);
    if (!status) *target = message;
    return status;
}

/* One value of @field's type into @target, a member or an element. */
static furrow_status decode_value(decoder *in, const path_step *path, const ProtobufCFieldDescriptor *field,
                                  void *target)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return decode_int32(in, path, target);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return decode_uint32(in, path, target);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return decode_signed(in, path, INT64_MIN, INT64_MAX, target);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return decode_unsigned(in, path, UINT64_MAX, target);
    case PROTOBUF_C_TYPE_FLOAT:
        return decode_float(in, path, target);
    case PROTOBUF_C_TYPE_DOUBLE:
        return decode_double(in, path, target);
    case PROTOBUF_C_TYPE_BOOL:
        return decode_bool(in, path, target);
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(in, path, field->descriptor, target);
    case PROTOBUF_C_TYPE_STRING:
        return decode_string(in, path, target);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(in, path, target);
    case PROTOBUF_C_TYPE_MESSAGE:
        return decode_submessage(in, path, field->descriptor, target);
    }
    return refuse_value(in, path, "of an unknown type");
}

/* A list that grows in the arena by doubling. */
typedef struct list {
    void *items;
    size_t count, room, item_size;
} list;

/* Room for one item more, zeroed and not yet counted; NULL past the arena's limit. */
static void *list_room(decoder *in, list *items)
{
    if (items->count == items->room) {
        size_t room = items->room ? items->room * 2 : 4;
        void *moved = furrow_arena_zalloc(in->arena, room * items->item_size);
        if (!moved) return NULL;
        if (items->count) memcpy(moved, items->items, items->count * items->item_size);
        items->items = moved;
        items->room = room;
    }
    return (char *)items->items + items->count * items->item_size;
}

/* Is it a null that stands for nothing, where a value of @field may stand? */
static bool null_is_none(const decoder *in, const ProtobufCFieldDescriptor *field)
{
    return in->text.kind == FURROW_JSONTEXT_NULL &&
           (field->type != PROTOBUF_C_TYPE_ENUM || !furrow_json_is_null_value(field->descriptor));
}

static furrow_status decode_array(decoder *in, const path_step *path, const ProtobufCFieldDescriptor *field, list *out)
{
    path_step step = {.outer = path};

    if (in->text.kind != FURROW_JSONTEXT_ARRAY) return refuse_value(in, path, "an array was expected");
    while (furrow_jsontext_next(&in->text) != FURROW_JSONTEXT_ARRAY_END) {
        step.index = out->count;
        if (null_is_none(in, field)) return refuse_value(in, &step, "null is no element");
        void *target = list_room(in, out);
        if (!target) return exhausted(in);
        furrow_status status = decode_value(in, &step, field, target);
        if (status) return status;
        out->count++;
    }
    return FURROW_OK;
}

static furrow_status refuse_duplicate_keys(decoder *in, const path_step *path, const list *entries)
{
    if (entries->count < 2) return FURROW_OK;
    furrow_json_entry *sorted = furrow_arena_alloc(in->arena, entries->count * sizeof *sorted);
    if (!sorted) return exhausted(in);
    for (size_t i = 0; i < entries->count; i++)
        sorted[i] = (furrow_json_entry){((ProtobufCMessage **)entries->items)[i], i};
    furrow_json_sort(sorted, entries->count);
    for (size_t i = 1; i < entries->count; i++)
        if (furrow_json_same_key(&sorted[i - 1], &sorted[i]))
            return refuse_value(in, path, "a key of the map stands twice");
    return FURROW_OK;
}

/* A map is a list of entry messages: fields[0] is the key, fields[1] the value. */
static furrow_status decode_map(decoder *in, const path_step *path, const ProtobufCMessageDescriptor *type, list *out)
{
    path_step step = {.outer = path};

    if (in->text.kind != FURROW_JSONTEXT_OBJECT) return refuse_value(in, path, "an object was expected");
    while (furrow_jsontext_next(&in->text) == FURROW_JSONTEXT_KEY) {
        ProtobufCMessage **target = list_room(in, out), *entry = furrow_message_new(type, in->arena);
        if (!target || !entry) return exhausted(in);
        step.key = in->text.text;
        furrow_status status =
            decode_value(in, &step, &type->fields[0], furrow_member_at(entry, type->fields[0].offset));
        if (status) return status;
        furrow_jsontext_next(&in->text);
        if (null_is_none(in, &type->fields[1])) return refuse_value(in, &step, "null is no value of a map");
        status = decode_value(in, &step, &type->fields[1], furrow_member_at(entry, type->fields[1].offset));
        if (status) return status;
        *target = entry;
        out->count++;
    }
    if (in->text.kind == FURROW_JSONTEXT_ERROR) return refuse_value(in, path, "is not valid JSON");
    return refuse_duplicate_keys(in, path, out);
}

static furrow_status decode_field(decoder *in, const path_step *path, ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *field)
{
    void *member = furrow_member_at(message, field->offset);
    furrow_status status;

    furrow_jsontext_next(&in->text);
    if (null_is_none(in, field) || (in->text.kind == FURROW_JSONTEXT_NULL && field->label == PROTOBUF_C_LABEL_REPEATED))
        return FURROW_OK;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        list items = {.item_size = furrow_member_size(field->type)};
        status = furrow_json_is_map(message->descriptor, field) ? decode_map(in, path, field->descriptor, &items)
                                                                : decode_array(in, path, field, &items);
        if (status) return status;
        *(void **)member = items.items;
        *(size_t *)furrow_member_at(message, field->quantifier_offset) = items.count;
        return FURROW_OK;
    }
    if (furrow_member_in_oneof(field) && *furrow_member_case(message, field) != 0)
        return refuse_value(in, path, "another member of the same oneof is set too");
    status = decode_value(in, path, field, member);
    if (status) return status;
    if (furrow_member_in_oneof(field)) *furrow_member_case(message, field) = field->id;
    if (furrow_member_has_flag(field)) *(protobuf_c_boolean *)furrow_member_at(message, field->quantifier_offset) = 1;
    return FURROW_OK;
}

/* Keys come mostly in the order of the fields, so the search begins at @from. */
static const ProtobufCFieldDescriptor *find_named_field(const ProtobufCMessageDescriptor *descriptor, furrow_bytes key,
                                                        unsigned from)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        unsigned at = from + i < descriptor->n_fields ? from + i : from + i - descriptor->n_fields;
        if (furrow_json_names(descriptor->fields[at].name, key)) return &descriptor->fields[at];
    }
    return NULL;
}

static furrow_status decode_object(decoder *in, const path_step *path, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    unsigned from = 0;
    path_step step = {.outer = path};

    if (in->text.kind != FURROW_JSONTEXT_OBJECT) return refuse_value(in, path, "an object was expected");
    uint8_t *seen = furrow_arena_zalloc(in->arena, descriptor->n_fields / 8 + 1);
    if (!seen) return exhausted(in);
    while (furrow_jsontext_next(&in->text) == FURROW_JSONTEXT_KEY) {
        furrow_bytes key;
        if (!string_value(in, &key)) return exhausted(in);
        const ProtobufCFieldDescriptor *field = find_named_field(descriptor, key, from);
        if (!field) {
            step.key = key;
            return furrow_json_refuse(&step, in->err, "no such field in %s", descriptor->name);
        }
        unsigned index = (unsigned)(field - descriptor->fields);
        step.name = field->name;
        if (seen[index / 8] >> (index % 8) & 1) return refuse_value(in, &step, "stands twice");
        seen[index / 8] |= (uint8_t)(1u << (index % 8));
        furrow_status status = decode_field(in, &step, message, field);
        if (status) return status;
        step.name = NULL;
        from = index + 1;
    }
    return in->text.kind == FURROW_JSONTEXT_OBJECT_END ? FURROW_OK : refuse_value(in, path, "is not valid JSON");
}

static furrow_status decode_message(decoder *in, const path_step *path, ProtobufCMessage *message)
{
    furrow_json_known known = furrow_json_known_of(message->descriptor);
    furrow_bytes text;

    if (known == FURROW_JSON_ORDINARY) return decode_object(in, path, message);
    if (known == FURROW_JSON_WRAPPER) {
        const ProtobufCFieldDescriptor *value = &message->descriptor->fields[0];
        return decode_value(in, path, value, furrow_member_at(message, value->offset));
    }
    if (in->text.kind != FURROW_JSONTEXT_STRING) return refuse_value(in, path, "a string was expected");
    if (!string_value(in, &text)) return exhausted(in);
    return verdict(in, path, furrow_json_parse_known(known, text, in->arena, message));
}

static bool is_all_blank(furrow_bytes text)
{
    const char *at = text.data;

    for (size_t i = 0; i < text.len; i++)
        if (at[i] != ' ' && at[i] != '\t' && at[i] != '\r' && at[i] != '\n') return false;
    return true;
}

furrow_status furrow_json_decode(const ProtobufCMessageDescriptor *descriptor, furrow_bytes text, furrow_arena *arena,
                                 ProtobufCMessage **out, furrow_error *err)
{
    decoder in = {.arena = arena, .err = err};
    path_step top = {0};
    ProtobufCMessage *message = furrow_message_new(descriptor, arena);

    if (!message) return exhausted(&in);
    if (furrow_bytes_begin(text, FURROW_BYTES_LITERAL(BYTE_ORDER_MARK))) { /* RFC 8259, 8.1: may be ignored */
        text.data = (const char *)text.data + strlen(BYTE_ORDER_MARK);
        text.len -= strlen(BYTE_ORDER_MARK);
    }
    if (!is_all_blank(text)) {
        furrow_jsontext_init(&in.text, text);
        furrow_jsontext_next(&in.text);
        furrow_status status = decode_message(&in, &top, message);
        if (status) return status;
        if (furrow_jsontext_next(&in.text) != FURROW_JSONTEXT_END)
            return refuse_value(&in, &top, "more follows the value");
    }
    *out = message;
    return FURROW_OK;
}
