/* See row.h. Depends on wire's JSON. */
#include "farm/row.h"

#include "base/buffer.h"
#include "base/bytes.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ROW_JSON_MAX (64 * 1024)
#define NAME_MAX_LEN 64  /* of a field in a path */
#define PATH_MAX_LEN 128 /* of the fields before it */
#define ITEM_MAX     512 /* of a list */

/* The field at the end of a column's path. */
static const ProtobufCFieldDescriptor *find_column_field(const ProtobufCMessageDescriptor *message, const char *path)
{
    char name[NAME_MAX_LEN];
    const char *dot = strchr(path, '.');
    size_t len = dot ? (size_t)(dot - path) : strlen(path);
    if (len >= sizeof name) return NULL;
    memcpy(name, path, len);
    name[len] = '\0';
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message, name);
    if (!field || !dot) return field;
    return field->type == PROTOBUF_C_TYPE_MESSAGE ? find_column_field(field->descriptor, dot + 1) : NULL;
}

static bool stands_before(const csv_row *header, size_t column)
{
    for (size_t c = 0; c < column; c++)
        if (strcmp(header->fields[c], header->fields[column]) == 0) return true;
    return false;
}

furrow_status row_check_header(const csv_row *header, const ProtobufCMessageDescriptor *request, furrow_error *err)
{
    for (size_t c = 0; c < header->count; c++) {
        const char *path = header->fields[c];
        const ProtobufCFieldDescriptor *field = strlen(path) < PATH_MAX_LEN ? find_column_field(request, path) : NULL;
        if (path[0] == ROW_REMARK) continue;
        if (!path[0])
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "column %zu has no name; one whose name begins with %c is "
                               "not read",
                               c + 1, ROW_REMARK);
        if (stands_before(header, c))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "two columns %.60s: which of them counts?", path);
        if (field && field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "no column %.60s; columns are the fields of %s, nested ones as contact.phone", path,
                           request->name);
    }
    return FURROW_OK;
}

typedef struct row_writer {
    const csv_row *header, *row;
    furrow_arena *arena;
    furrow_buffer out;
} row_writer;

/* An enum's value may be written without its prefix and in any case: "harvest" for JOB_KIND_HARVEST. */
static void append_enum(const ProtobufCEnumDescriptor *type, const char *text, furrow_buffer *out)
{
    const char *found = text;
    size_t len = strlen(text);
    for (unsigned i = 0; i < type->n_values; i++) {
        const char *name = type->values[i].name;
        size_t full = strlen(name);
        bool suffix = full > len && name[full - len - 1] == '_' && strcasecmp(name + full - len, text) == 0;
        if (suffix || strcasecmp(name, text) == 0) found = name;
    }
    furrow_json_append_string(out, furrow_bytes_of(found));
}

static void append_value(const ProtobufCFieldDescriptor *field, const char *text, furrow_buffer *out)
{
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        append_enum(field->descriptor, text, out);
    else if (field->type == PROTOBUF_C_TYPE_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        furrow_buffer_append_text(out, text);
    else
        furrow_json_append_string(out, furrow_bytes_of(text)); /* numbers too: proto3 JSON reads them from strings */
}

/* What to do about a row with bytes that are no text. */
static furrow_status refuse_damaged(const csv_row *header, const csv_row *row, furrow_error *err)
{
    size_t c = 0;
    while (c + 1 < row->count && furrow_utf8_valid(row->fields[c], strlen(row->fields[c]))) c++;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       "%.60s is not UTF-8: if Excel made the file, say --encoding windows-1252, or save it as UTF-8",
                       c < header->count ? header->fields[c] : "a field");
}

/* A repeated field is a list with ; between. */
static void append_list(row_writer *to, const ProtobufCFieldDescriptor *field, const char *text)
{
    furrow_buffer_append_byte(&to->out, '[');
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ";");
        const char *item = furrow_arena_memdup(to->arena, at, len);
        if (item) append_value(field, item, &to->out);
        to->out.failed |= !item;
        at += len + (at[len] == ';');
        if (*at) furrow_buffer_append_byte(&to->out, ',');
    }
    furrow_buffer_append_byte(&to->out, ']');
}

/* The first column with a value for @field or what is in it, which *end tells; NULL when there is none. */
static const char *find_column_value(const row_writer *to, const char *prefix, const ProtobufCFieldDescriptor *field,
                                     char *end)
{
    for (size_t c = 0; c < to->header->count && c < to->row->count; c++) {
        const char *text = to->row->fields[c];
        const char *name = text[0] ? furrow_bytes_after(to->header->fields[c], prefix) : NULL;
        const char *rest = name ? furrow_bytes_after(name, field->name) : NULL;
        if (!rest || (*rest != '\0' && *rest != '.')) continue;
        *end = *rest;
        return text;
    }
    return NULL;
}

/* Columns of one nested message need not stand together: each level gathers its own. */
static void append_object(row_writer *to, const ProtobufCMessageDescriptor *message, const char *prefix)
{
    const char *comma = "";
    furrow_buffer_append_byte(&to->out, '{');
    for (unsigned f = 0; f < message->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->fields[f];
        char end, deeper[PATH_MAX_LEN + 2];
        const char *text = find_column_value(to, prefix, field, &end);
        if (!text) continue;
        furrow_buffer_printf(&to->out, "%s\"%s\":", comma, field->name);
        comma = ",";
        if (end == '.') {
            snprintf(deeper, sizeof deeper, "%s%s.", prefix, field->name);
            append_object(to, field->descriptor, deeper);
        } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            append_list(to, field, text);
        } else {
            append_value(field, text, &to->out);
        }
    }
    furrow_buffer_append_byte(&to->out, '}');
}

furrow_status row_request(const csv_row *header, const csv_row *row, const ProtobufCMessageDescriptor *request,
                          furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    if (row->count > header->count)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "has %zu fields, the header %zu", row->count, header->count);
    if (row->damaged) return refuse_damaged(header, row, err);
    row_writer to = {.header = header, .row = row, .arena = arena};
    furrow_buffer_init(&to.out, ROW_JSON_MAX);
    append_object(&to, request, "");
    furrow_status status = to.out.failed
                               ? furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "is too long")
                               : furrow_json_decode(request, (furrow_bytes){to.out.data, to.out.len}, arena, out, err);
    furrow_buffer_fini(&to.out);
    return status;
}
