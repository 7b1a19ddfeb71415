/*
 * What reading and writing JSON share.
 */
#include "wire/json_parts.h"

#include "wire/member.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_SHOWN_MAX 40

static bool is_key_speakable(furrow_bytes key)
{
    const char *at = key.data;

    for (size_t i = 0; i < key.len; i++)
        if (at[i] < ' ' || at[i] > '~' || at[i] == '"' || at[i] == '\\') return false;
    return key.len <= KEY_SHOWN_MAX;
}

static size_t describe_path(const furrow_json_path *path, char *out, size_t size)
{
    size_t used = path->outer ? describe_path(path->outer, out, size) : 0;
    int added = 0;

    if (path->name)
        added = snprintf(out + used, size - used, "%s%s", used ? "." : "", path->name);
    else if (path->key.data)
        added = is_key_speakable(path->key)
                    ? snprintf(out + used, size - used, "[\"%.*s\"]", (int)path->key.len, (const char *)path->key.data)
                    : snprintf(out + used, size - used, "[?]");
    else if (path->outer)
        added = snprintf(out + used, size - used, "[%zu]", path->index);
    if (used + (size_t)added >= size) { /* a step that does not fit is left out whole */
        out[used] = '\0';
        return used;
    }
    return used + (size_t)added;
}

furrow_status furrow_json_refuse(const furrow_json_path *path, furrow_error *err, const char *format, ...)
{
    char where[96] = "", text[sizeof err->text];
    va_list args;

    describe_path(path, where, sizeof where);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return furrow_fail_field(err, where, "%s", text);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

size_t furrow_json_camel(const char *name, char *out)
{
    char *at = out;

    for (bool raise = false; *name; name++) {
        if (*name == '_') {
            raise = true;
            continue;
        }
        *at++ = raise ? upper(*name) : *name;
        raise = false;
    }
    return (size_t)(at - out);
}

bool furrow_json_names(const char *name, furrow_bytes key)
{
    const char *at = key.data, *end = at + key.len;
    bool raise = false;

    if (furrow_bytes_is(key, name)) return true;
    for (; *name; name++) {
        if (*name == '_') {
            raise = true;
            continue;
        }
        if (at == end || *at++ != (raise ? upper(*name) : *name)) return false;
        raise = false;
    }
    return at == end;
}

/* protoc names the entries of `seen_at` "SeenAtEntry", inside the message that has the map. */
static bool named_after(const char *entry, const ProtobufCMessageDescriptor *parent, const char *field)
{
    bool raise = true;

    entry = furrow_bytes_after(entry, parent->name);
    if (!entry || *entry++ != '.') return false;
    for (; *field; field++) {
        if (*field == '_') {
            raise = true;
            continue;
        }
        if (*entry++ != (raise ? upper(*field) : *field)) return false;
        raise = false;
    }
    return strcmp(entry, "Entry") == 0;
}

bool furrow_json_is_null_value(const ProtobufCEnumDescriptor *type)
{
    return strcmp(type->name, "google.protobuf.NullValue") == 0;
}

bool furrow_json_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;

    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE || entry->n_fields != 2)
        return false;
    const ProtobufCFieldDescriptor *key = &entry->fields[0], *value = &entry->fields[1];
    return key->id == 1 && value->id == 2 && strcmp(key->name, "key") == 0 && strcmp(value->name, "value") == 0 &&
           key->label != PROTOBUF_C_LABEL_REPEATED && key->type != PROTOBUF_C_TYPE_MESSAGE &&
           key->type != PROTOBUF_C_TYPE_BYTES && key->type != PROTOBUF_C_TYPE_ENUM &&
           value->label != PROTOBUF_C_LABEL_REPEATED && named_after(entry->name, parent, field->name);
}

static int compare_keys(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    const ProtobufCFieldDescriptor *key = &a->descriptor->fields[0];
    const void *left = furrow_member_at(a, key->offset), *right = furrow_member_at(b, key->offset);

#define COMPARE(type) (*(const type *)left > *(const type *)right) - (*(const type *)left < *(const type *)right)
    switch (key->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *first = *(char *const *)left, *second = *(char *const *)right;
        return strcmp(first ? first : "", second ? second : "");
    }
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return COMPARE(int64_t);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return COMPARE(uint64_t);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return COMPARE(uint32_t);
    default: /* int32, sint32, sfixed32 and bool, which is an int in protobuf-c */
        return COMPARE(int32_t);
    }
#undef COMPARE
}

static int compare_map_entries(const void *a, const void *b)
{
    const furrow_json_entry *left = a, *right = b;
    int order = compare_keys(left->message, right->message);

    return order ? order : (left->index > right->index) - (left->index < right->index);
}

void furrow_json_sort(furrow_json_entry *entries, size_t count)
{
    qsort(entries, count, sizeof *entries, compare_map_entries);
}

bool furrow_json_same_key(const furrow_json_entry *a, const furrow_json_entry *b)
{
    return compare_keys(a->message, b->message) == 0;
}
