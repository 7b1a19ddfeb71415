/* CSV through libcsv: rows are collected in the arena; blank lines are passed over but counted. */
#include "cli/csv.h"

#include "base/bytes.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 256

typedef struct reader {
    furrow_arena *arena;
    csv_file *file;
    size_t capacity;
    size_t line; /* of the character being read */
    size_t row_line;
    char *fields[COLUMNS_MAX];
    size_t count;
    bool failed;
} reader;

static void on_field(void *text, size_t len, void *arg)
{
    reader *r = arg;
    if (r->count == 0) r->row_line = r->line;
    if (r->count == COLUMNS_MAX || !(r->fields[r->count] = furrow_arena_memdup(r->arena, text ? text : "", len)))
        r->failed = true;
    else
        r->count++;
}

static bool grow(reader *r)
{
    size_t capacity = r->capacity ? r->capacity * 2 : 256;
    csv_row *rows = furrow_arena_alloc(r->arena, capacity * sizeof *rows);
    if (!rows) return false;
    if (r->file->row_count > 0) memcpy(rows, r->file->rows, r->file->row_count * sizeof *rows);
    r->file->rows = rows;
    r->capacity = capacity;
    return true;
}

static void on_row(int terminator, void *arg)
{
    reader *r = arg;
    csv_row row = {.line = r->row_line, .count = r->count};
    r->count = 0;
    if (row.count == 0 || (row.count == 1 && r->fields[0][0] == '\0')) return;
    row.fields = furrow_arena_memdup(r->arena, r->fields, row.count * sizeof(char *));
    if (!row.fields || (r->file->header.fields && r->file->row_count == r->capacity && !grow(r)))
        r->failed = true;
    else if (!r->file->header.fields)
        r->file->header = row;
    else
        r->file->rows[r->file->row_count++] = row;
}

static furrow_status parse_line(struct csv_parser *parser, furrow_bytes text, reader *r, furrow_error *err)
{
    const furrow_bytes byte_order_mark = FURROW_BYTES_LITERAL("\xef\xbb\xbf");
    r->line++;
    if (memchr(text.data, 0, text.len)) /* its fields would end there, as C texts do */
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "line %zu holds a NUL byte: is it text?", r->line);
    if (r->line == 1 && furrow_bytes_begin(text, byte_order_mark))
        text = (furrow_bytes){(const char *)text.data + byte_order_mark.len, text.len - byte_order_mark.len};
    if (csv_parse(parser, text.data, text.len, on_field, on_row, r) != text.len)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "line %zu is not CSV: %s", r->line,
                           csv_strerror(csv_error(parser)));
    return FURROW_OK;
}

/* A line at a time, so that rows know where they are; quoted fields may span lines. */
static furrow_status parse(FILE *in, struct csv_parser *parser, reader *r, furrow_error *err)
{
    char *line = NULL;
    size_t capacity = 0;
    furrow_status status = FURROW_OK;
    for (ssize_t len; status == FURROW_OK && !r->failed && (len = getline(&line, &capacity, in)) > 0;)
        status = parse_line(parser, (furrow_bytes){line, (size_t)len}, r, err);
    free(line);
    if (status != FURROW_OK) return status;
    if (csv_fini(parser, on_field, on_row, r) != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "ends within a quoted field that begins at line %zu",
                           r->row_line);
    if (r->failed)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "line %zu: too many columns, or the file is too large",
                           r->line);
    if (!r->file->header.fields)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "is empty; the first line names the columns");
    return FURROW_OK;
}

furrow_status csv_read(const char *path, furrow_arena *arena, csv_file *out, furrow_error *err)
{
    struct csv_parser parser;
    csv_file file = {0};
    reader r = {.arena = arena, .file = &file};
    FILE *in = fopen(path, "r");
    if (!in) return furrow_fail(err, FURROW_NOT_FOUND, "%s: %s", path, strerror(errno));
    csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
    furrow_status status = parse(in, &parser, &r, err);
    csv_free(&parser);
    fclose(in);
    if (status != FURROW_OK) return furrow_wrap(err, "%s", path);
    *out = file;
    return FURROW_OK;
}
