/*
 * A message into JSON text, in one pass over its fields.
 *
 * Maps are written in the order of their keys, the last of equal keys winning as protobuf has it, so the text is a
 * function of the message's value. Depth is bounded as it is for reading: what is written here can be read again. On
 * failure the buffer is as long as it was before. May depend on base.
 */
#include "wire/json.h"

#include "wire/json_parts.h"
#include "wire/json_scalar.h"
#include "wire/member.h"
#include "wire/message.h"
#include "wire/nul.h"

#include <stdlib.h>

typedef furrow_json_path path_step;

typedef struct encoder {
    furrow_buffer *out;
    furrow_json_options options;
    unsigned depth;
    bool first; /* nothing stands in the innermost object or array yet */
    furrow_error *err;
} encoder;

static furrow_status encode_message(encoder *to, const path_step *path, const ProtobufCMessage *message);

static void escape(furrow_buffer *out, uint8_t c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(plain, c) : NULL;

    if (found) {
        furrow_buffer_append_byte(out, '\\');
        furrow_buffer_append_byte(out, (uint8_t)letters[found - plain]);
    } else {
        furrow_buffer_printf(out, "\\u%04x", c);
    }
}

/* The quoted text of valid UTF-8, in runs of what needs no escape. */
static void put_valid_text(furrow_buffer *out, furrow_bytes text)
{
    const uint8_t *run = text.data, *at = run, *end = run + text.len;

    furrow_buffer_append_byte(out, '"');
    for (; at < end; at++) {
        if (*at >= 0x20 && *at != '"' && *at != '\\') continue;
        furrow_buffer_append(out, run, (size_t)(at - run));
        escape(out, *at);
        run = at + 1;
    }
    furrow_buffer_append(out, run, (size_t)(at - run));
    furrow_buffer_append_byte(out, '"');
}

void furrow_json_append_string(furrow_buffer *out, furrow_bytes text)
{
    const uint8_t *at = text.data;

    if (furrow_utf8_valid(at, text.len)) {
        put_valid_text(out, text);
        return;
    }
    furrow_buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.len;) {
        if (furrow_bytes_begin((furrow_bytes){at + i, text.len - i}, FURROW_BYTES_LITERAL(FURROW_NUL))) {
            escape(out, 0);
            i += FURROW_NUL_LEN;
            continue;
        }
        size_t len = furrow_utf8_first(at + i, text.len - i);
        if (len == 0)
            furrow_buffer_append_text(out, "\xef\xbf\xbd"); /* U+FFFD for every byte that belongs to no character */
        else if (len == 1 && (at[i] < 0x20 || at[i] == '"' || at[i] == '\\'))
            escape(out, at[i]);
        else
            furrow_buffer_append(out, at + i, len);
        i += len ? len : 1;
    }
    furrow_buffer_append_byte(out, '"');
}

static void new_line(encoder *to)
{
    if (!to->options.pretty) return;
    uint8_t *at = furrow_buffer_reserve(to->out, 1 + 2 * (size_t)to->depth);
    if (!at) return;
    *at = '\n';
    memset(at + 1, ' ', 2 * (size_t)to->depth);
    to->out->len += 1 + 2 * (size_t)to->depth;
}

static furrow_status open_bracket(encoder *to, const path_step *path, uint8_t bracket)
{
    if (to->depth == FURROW_JSON_DEPTH_MAX) return furrow_json_refuse(path, to->err, "nested too deeply for JSON");
    furrow_buffer_append_byte(to->out, bracket);
    to->depth++;
    to->first = true;
    return FURROW_OK;
}

static void shut_bracket(encoder *to, uint8_t bracket)
{
    to->depth--;
    if (!to->first) new_line(to);
    furrow_buffer_append_byte(to->out, bracket);
    to->first = false;
}

static void next_item(encoder *to)
{
    if (!to->first) furrow_buffer_append_byte(to->out, ',');
    to->first = false;
    new_line(to);
}

static void put_colon(encoder *to)
{
    furrow_buffer_append(to->out, ": ", to->options.pretty ? 2 : 1);
}

static void put_name(encoder *to, const char *name)
{
    size_t len = strlen(name);
    uint8_t *at = furrow_buffer_reserve(to->out, len + 2);

    if (!at) return;
    at[0] = '"';
    if (to->options.proto_names)
        memcpy(at + 1, name, len);
    else
        len = furrow_json_camel(name, (char *)at + 1);
    at[len + 1] = '"';
    to->out->len += len + 2;
    put_colon(to);
}

static furrow_status put_checked_text(encoder *to, const path_step *path, const char *text)
{
    furrow_bytes bytes = furrow_bytes_of(text ? text : "");

    if (furrow_utf8_valid(bytes.data, bytes.len)) {
        put_valid_text(to->out, bytes);
        return FURROW_OK;
    }
    if (!furrow_nul_text_valid(bytes)) return furrow_json_refuse(path, to->err, "not UTF-8");
    furrow_json_append_string(to->out, bytes);
    return FURROW_OK;
}

static void put_enum(encoder *to, const ProtobufCEnumDescriptor *type, int32_t number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);

    if (number == 0 && furrow_json_is_null_value(type))
        furrow_buffer_append_text(to->out, "null");
    else if (value)
        put_valid_text(to->out, furrow_bytes_of(value->name));
    else
        furrow_json_scalar_put_int(to->out, number);
}

/* 64 bits do not fit a JSON number as most readers see it: they are strings. */
static void put_quoted(encoder *to, bool is_signed, uint64_t value)
{
    furrow_buffer_append_byte(to->out, '"');
    if (is_signed)
        furrow_json_scalar_put_int(to->out, (int64_t)value);
    else
        furrow_json_scalar_put_uint(to->out, value);
    furrow_buffer_append_byte(to->out, '"');
}

/* One value, a member or an element. */
static furrow_status encode_value(encoder *to, const path_step *path, const ProtobufCFieldDescriptor *field,
                                  const void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        furrow_json_scalar_put_int(to->out, *(const int32_t *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        furrow_json_scalar_put_uint(to->out, *(const uint32_t *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        put_quoted(to, true, *(const uint64_t *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        put_quoted(to, false, *(const uint64_t *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_FLOAT:
        furrow_json_scalar_put_float(to->out, *(const float *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_DOUBLE:
        furrow_json_scalar_put_double(to->out, *(const double *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_BOOL:
        furrow_buffer_append_text(to->out, *(const protobuf_c_boolean *)value ? "true" : "false");
        return FURROW_OK;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(to, field->descriptor, *(const int32_t *)value);
        return FURROW_OK;
    case PROTOBUF_C_TYPE_STRING:
        return put_checked_text(to, path, *(char *const *)value);
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = value;
        furrow_json_scalar_put_base64(to->out, (furrow_bytes){data->data, data->len});
        return FURROW_OK;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        return encode_message(to, path, *(ProtobufCMessage *const *)value);
    }
    return furrow_json_refuse(path, to->err, "of an unknown type");
}

static furrow_status encode_array(encoder *to, const path_step *path, const ProtobufCFieldDescriptor *field,
                                  const char *items, size_t count)
{
    size_t size = furrow_member_size(field->type);
    path_step step = {.outer = path};
    furrow_status status = open_bracket(to, path, '[');

    for (size_t i = 0; !status && i < count; i++) {
        step.index = i;
        next_item(to);
        status = encode_value(to, &step, field, items + i * size);
    }
    if (!status) shut_bracket(to, ']');
    return status;
}

/* Keys are strings in JSON, whatever they are in the message. */
static furrow_status encode_key(encoder *to, const path_step *path, const ProtobufCFieldDescriptor *key,
                                const void *value)
{
    size_t size = furrow_member_size(key->type);
    bool quoted = key->type == PROTOBUF_C_TYPE_STRING || (size == 8 && key->type != PROTOBUF_C_TYPE_DOUBLE);

    if (!quoted) furrow_buffer_append_byte(to->out, '"');
    furrow_status status = encode_value(to, path, key, value);
    if (!quoted) furrow_buffer_append_byte(to->out, '"');
    put_colon(to);
    return status;
}

/* An entry that came over the wire without its value has the default one. */
static furrow_status encode_default(encoder *to, const path_step *path, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = malloc(type->sizeof_message);

    if (!message) return furrow_fail(to->err, FURROW_RESOURCE_EXHAUSTED, "no memory for a default %s", type->name);
    protobuf_c_message_init(type, message);
    furrow_status status = encode_message(to, path, message);
    free(message);
    return status;
}

static furrow_status encode_entries(encoder *to, const path_step *path, const furrow_json_entry *entries, size_t count)
{
    path_step step = {.outer = path};
    furrow_status status = open_bracket(to, path, '{');

    for (size_t i = 0; !status && i < count; i++) {
        if (i + 1 < count && furrow_json_same_key(&entries[i], &entries[i + 1])) continue; /* the last one wins */
        const ProtobufCMessage *entry = entries[i].message;
        const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0], *value = key + 1;
        const void *member = furrow_member_at(entry, value->offset);
        step.index = i;
        next_item(to);
        status = encode_key(to, &step, key, furrow_member_at(entry, key->offset));
        if (status) break;
        status = value->type == PROTOBUF_C_TYPE_MESSAGE && !*(ProtobufCMessage *const *)member
                     ? encode_default(to, &step, value->descriptor)
                     : encode_value(to, &step, value, member);
    }
    if (!status) shut_bracket(to, '}');
    return status;
}

static furrow_status encode_map(encoder *to, const path_step *path, ProtobufCMessage *const *entries, size_t count)
{
    furrow_json_entry few[8], *sorted = few;

    if (count > sizeof few / sizeof *few && !(sorted = malloc(count * sizeof *sorted)))
        return furrow_fail(to->err, FURROW_RESOURCE_EXHAUSTED, "no memory to sort a map");
    for (size_t i = 0; i < count; i++) sorted[i] = (furrow_json_entry){entries[i], i};
    if (count > 1) furrow_json_sort(sorted, count);
    furrow_status status = encode_entries(to, path, sorted, count);
    if (sorted != few) free(sorted);
    return status;
}

/* Is a singular scalar at its default? Bit by bit: -0.0 is not. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *member)
{
    static const char zeros[8];

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)member;
        return !text || !*text;
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)member)->len == 0;
    default:
        return memcmp(member, zeros, furrow_member_size(field->type)) == 0;
    }
}

/* proto3's presence: members of oneofs and messages are there or not, the rest is when it differs from its default. */
static bool is_present(const encoder *to, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *member = furrow_member_at(message, field->offset);

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return to->options.with_defaults || *(const size_t *)furrow_member_at(message, field->quantifier_offset) > 0;
    if (furrow_member_in_oneof(field) && *furrow_member_case(message, field) != field->id) return false;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)member != NULL;
    if (furrow_member_in_oneof(field) || field->label == PROTOBUF_C_LABEL_REQUIRED) return true;
    if (furrow_member_has_flag(field))
        return *(const protobuf_c_boolean *)furrow_member_at(message, field->quantifier_offset);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL) return *(void *const *)member != field->default_value; /* a string */
    return to->options.with_defaults || !is_default(field, member);
}

static furrow_status encode_object(encoder *to, const path_step *path, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    path_step step = {.outer = path};
    furrow_status status = open_bracket(to, path, '{');

    for (unsigned i = 0; !status && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!is_present(to, message, field)) continue;
        step.name = field->name;
        next_item(to);
        put_name(to, field->name);
        const void *member = furrow_member_at(message, field->offset);
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            status = encode_value(to, &step, field, member);
            continue;
        }
        size_t count = *(const size_t *)furrow_member_at(message, field->quantifier_offset);
        status = furrow_json_is_map(descriptor, field)
                     ? encode_map(to, &step, *(ProtobufCMessage *const *const *)member, count)
                     : encode_array(to, &step, field, *(char *const *)member, count);
    }
    if (!status) shut_bracket(to, '}');
    return status;
}

static furrow_status encode_message(encoder *to, const path_step *path, const ProtobufCMessage *message)
{
    furrow_json_known known = furrow_json_known_of(message->descriptor);

    if (known == FURROW_JSON_ORDINARY) return encode_object(to, path, message);
    if (known == FURROW_JSON_WRAPPER) {
        const ProtobufCFieldDescriptor *value = &message->descriptor->fields[0];
        return encode_value(to, path, value, furrow_member_at(message, value->offset));
    }
    furrow_buffer_append_byte(to->out, '"');
    const char *wrong = furrow_json_print_known(known, message, to->out);
    furrow_buffer_append_byte(to->out, '"');
    return wrong ? furrow_json_refuse(path, to->err, "%s", wrong) : FURROW_OK;
}

furrow_status furrow_json_encode(const ProtobufCMessage *message, const furrow_json_options *options,
                                 furrow_buffer *out, furrow_error *err)
{
    encoder to = {.out = out, .err = err};
    path_step top = {0};
    size_t before = out->len;

    if (options) to.options = *options;
    furrow_status status = encode_message(&to, &top, message);
    if (!status && out->failed)
        status = furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%s: as JSON, it exceeds the memory limit",
                             message->descriptor->name);
    if (status) out->len = before;
    return status;
}
