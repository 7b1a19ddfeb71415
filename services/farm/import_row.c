/* What the rows of a file say; see import.h. A row without an id gets one of its kind and content, so that it stands for
 * one entity however often it is imported. */
#include "farm/import.h"

#include "base/id.h"
#include "farm/row.h"
#include "wire/message.h"

#include <stdlib.h>

#define PRIVATE    "private"
#define NO_COLUMN  ((char *)(uintptr_t) "")
#define ROW_MEMORY ((size_t)1 << 20)

static const char *cell(const import_row *row, size_t column)
{
    return column < row->csv->count ? row->csv->fields[column] : "";
}

/* The header with the names of the columns within "private" alone, without that; or without them. */
static bool split_header(import *in, csv_row *out, bool private_ones)
{
    const csv_row *header = &in->file.header;
    *out = *header;
    out->fields = furrow_arena_memdup(in->arena, header->fields, header->count * sizeof(char *));
    for (size_t c = 0; out->fields && c < header->count; c++) {
        char *inner = (char *)(uintptr_t)furrow_bytes_after(header->fields[c], PRIVATE ".");
        if (private_ones)
            out->fields[c] = inner ? inner : NO_COLUMN;
        else if (inner)
            out->fields[c] = NO_COLUMN;
    }
    return out->fields != NULL;
}

bool import_header(import *in)
{
    const csv_row *header = &in->file.header;
    furrow_error err = {0};
    in->id_column = header->count;
    for (size_t c = 0; c < header->count; c++)
        if (strcmp(header->fields[c], "id") == 0) in->id_column = c;
    furrow_status status = row_check_header(header, import_method(in, in->kind->create)->input, &err);
    if (status == FURROW_OK &&
        (!split_header(in, &in->entity_header, false) || !split_header(in, &in->private_header, true)))
        status = furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "too many columns");
    if (status != FURROW_OK) cli_fail(in->tool, 1, "%s:%zu: %s", in->shown, header->line, err.text);
    return status == FURROW_OK;
}

bool import_has_private(const import_row *row)
{
    for (size_t c = 0; c < row->in->private_header.count; c++)
        if (row->in->private_header.fields[c][0] && cell(row, c)[0]) return true;
    return false;
}

void import_set_id(ProtobufCMessage *message, const char *id)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "id");
    *(const char **)(void *)((char *)message + field->offset) = id;
}

furrow_status import_request(const import_row *row, furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    const import *in = row->in;
    furrow_status status =
        row_request(&in->file.header, row->csv, import_method(in, in->kind->create)->input, arena, out, err);
    if (status == FURROW_OK && row->id) import_set_id(*out, row->id);
    return status;
}

/* What is private does not go into it: from an id it could be guessed. */
static furrow_status make_row_id(import_row *row, ProtobufCMessage *request, furrow_arena *arena, furrow_error *err)
{
    furrow_bytes packed;
    uint8_t hash[FURROW_HASH_BYTES];
    char id[FURROW_ID_SIZE];
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, PRIVATE);
    if (field) *(void **)(void *)((char *)request + field->offset) = NULL;
    furrow_status status = furrow_message_pack(request, arena, &packed, err);
    if (status != FURROW_OK) return status;
    furrow_hash((furrow_bytes[]){furrow_bytes_of("import"), furrow_bytes_of(row->in->kind->name), packed}, 3, hash);
    furrow_id_from_hash(hash, id);
    row->id = furrow_arena_strdup(row->in->arena, id);
    return row->id ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
}

static void prepare_row(import_row *row, furrow_arena *arena)
{
    furrow_error err = {0};
    ProtobufCMessage *request;
    const char *id = cell(row, row->in->id_column);
    furrow_status status = import_request(row, arena, &request, &err);
    if (status == FURROW_OK && id[0])
        row->id = id;
    else if (status == FURROW_OK)
        status = make_row_id(row, request, arena, &err);
    if (status != FURROW_OK) import_settle(row, IMPORT_BAD, &err);
}

static int compare_rows(const void *left, const void *right)
{
    const import_row *a = *(import_row *const *)left, *b = *(import_row *const *)right;
    int order = strcmp(a->id, b->id);
    return order ? order : a->csv->line < b->csv->line ? -1 : 1;
}

/* Of rows with one id the first counts: which of them is meant nobody can say, but the file's order. */
static void refuse_repeated(import_row *rows[], size_t count)
{
    qsort(rows, count, sizeof *rows, compare_rows);
    for (size_t i = 1, first = 0; i < count; i++) {
        import_row *row = rows[i];
        furrow_error err = {0};
        if (strcmp(row->id, rows[first]->id) != 0) {
            first = i;
            continue;
        }
        if (cell(row, row->in->id_column)[0])
            furrow_fail(&err, FURROW_INVALID_ARGUMENT, "the id %s is that of line %zu too; an id stands once in a file",
                        row->id, rows[first]->csv->line);
        else
            furrow_fail(&err, FURROW_INVALID_ARGUMENT, "is line %zu once more", rows[first]->csv->line);
        import_settle(row, IMPORT_BAD, &err);
    }
}

bool import_prepare(import *in)
{
    size_t total = in->file.row_count, sound = 0;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ROW_MEMORY);
    import_row **list = furrow_arena_alloc(in->arena, (total + 1) * sizeof(import_row *));
    in->rows = furrow_arena_zalloc(in->arena, (total + 1) * sizeof *in->rows);
    if (!in->rows || !list || !arena) return false;
    for (size_t i = 0; i < total; i++) {
        import_row *row = &in->rows[i];
        *row = (import_row){.in = in, .csv = &in->file.rows[i]};
        prepare_row(row, arena);
        furrow_arena_reset(arena);
        if (row->state != IMPORT_BAD) list[sound++] = row;
    }
    refuse_repeated(list, sound);
    return true;
}
