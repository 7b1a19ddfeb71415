/*
 * CSV through libcsv, a line at a time, so that rows know where they are. Rows are collected in the arena; blank ones are
 * passed over but counted.
 */
#include "farm/csv.h"

#include "base/buffer.h"
#include "base/bytes.h"
#include "farm/encoding.h"
#include "wire/message.h"
#include "wire/unicode.h"

#include <csv.h>
#include <errno.h>
#include <string.h>

#define COLUMNS_MAX 256
#define READ_BYTES  65536
#define SEPARATORS  ",;\t"

typedef struct reader {
    furrow_arena *arena;
    csv_file *file;
    size_t capacity;
    size_t line; /* of the character being read */
    size_t row_line;
    char *fields[COLUMNS_MAX];
    size_t count; /* of fields so far, empty ones too */
    bool failed;
} reader;

/* Spreadsheets may write a thousand empty columns: only what is in one needs a place. */
static void on_field(void *text, size_t len, void *arg)
{
    reader *r = arg;
    if (r->count == 0) r->row_line = r->line;
    size_t column = r->count++;
    if (column >= COLUMNS_MAX)
        r->failed |= len > 0;
    else if (!(r->fields[column] = furrow_arena_memdup(r->arena, text ? text : "", len)) ||
             !(r->fields[column] = furrow_unicode_nfc(r->fields[column], r->arena)))
        r->failed = true;
}

static bool grow_csv(reader *r)
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
    csv_row row = {.line = r->row_line, .count = r->count < COLUMNS_MAX ? r->count : COLUMNS_MAX};
    r->count = 0;
    if (r->failed) return;
    while (row.count > 0 && r->fields[row.count - 1][0] == '\0') row.count--;
    if (row.count == 0) return;
    for (size_t i = 0; i < row.count; i++) row.damaged |= !furrow_utf8_valid(r->fields[i], strlen(r->fields[i]));
    row.fields = furrow_arena_memdup(r->arena, r->fields, row.count * sizeof(char *));
    if (!row.fields || (r->file->header.fields && r->file->row_count == r->capacity && !grow_csv(r)))
        r->failed = true;
    else if (!r->file->header.fields)
        r->file->header = row;
    else
        r->file->rows[r->file->row_count++] = row;
}

/* Up to and with its end: LF, CR LF or CR. */
static furrow_bytes next_line(furrow_bytes text)
{
    const char *at = text.data;
    size_t len = 0;
    while (len < text.len && at[len] != '\n' && at[len] != '\r') len++;
    if (len < text.len) len += at[len] == '\r' && len + 1 < text.len && at[len + 1] == '\n' ? 2 : 1;
    return (furrow_bytes){at, len};
}

static furrow_bytes after(furrow_bytes text, size_t len)
{
    return (furrow_bytes){(const char *)text.data + len, text.len - len};
}

/* Excel's first line "sep=;". *len is 0 when there is none. */
static furrow_status read_sep_line(furrow_bytes text, char *separator, size_t *len, furrow_error *err)
{
    const furrow_bytes line = next_line(text);
    const char *at = line.data;
    *len = 0;
    if (line.len < 5 || !furrow_bytes_is_nocase((furrow_bytes){at, 4}, "sep=")) return FURROW_OK;
    if (!memchr(SEPARATORS, at[4], strlen(SEPARATORS)) || (line.len > 5 && at[5] != '\r' && at[5] != '\n'))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "line 1: sep= may be a comma, a semicolon or a tab");
    *separator = at[4];
    *len = line.len;
    return FURROW_OK;
}

/* No name of a column has one of them in it: the first there is stands between two names. */
static char separator_in(furrow_bytes header)
{
    const char *at = header.data;
    bool quoted = false;
    for (size_t i = 0; i < header.len; i++) {
        if (at[i] == '"') quoted = !quoted;
        if (!quoted && memchr(SEPARATORS, at[i], strlen(SEPARATORS))) return at[i];
    }
    return ',';
}

/* The text before which the header stands, and what is between its names. */
static furrow_status find_header(reader *r, furrow_bytes *text, furrow_error *err)
{
    char separator = '\0';
    size_t len;
    furrow_status status = read_sep_line(*text, &separator, &len, err);
    if (status != FURROW_OK) return status;
    if (len > 0) r->line++;
    *text = after(*text, len);
    furrow_bytes line = next_line(*text), rest = *text;
    while (line.len > 0 && memchr("\r\n", *(const char *)line.data, 2)) { /* blank lines come before it */
        rest = after(rest, line.len);
        line = next_line(rest);
    }
    r->file->separator = separator ? separator : separator_in(line);
    return FURROW_OK;
}

static furrow_status parse_lines(furrow_bytes text, struct csv_parser *parser, reader *r, furrow_error *err)
{
    while (text.len > 0 && !r->failed) {
        furrow_bytes line = next_line(text);
        text = after(text, line.len);
        r->line++;
        if (memchr(line.data, 0, line.len)) /* its fields would end there, as C texts do */
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "line %zu holds a NUL byte: is it text? UTF-16 needs its byte order mark, or --encoding "
                               "utf-16le",
                               r->line);
        if (csv_parse(parser, line.data, line.len, on_field, on_row, r) != line.len)
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "line %zu is not CSV: %s", r->line,
                               csv_strerror(csv_error(parser)));
    }
    return FURROW_OK;
}

static furrow_status check_parsed(const reader *r, furrow_error *err)
{
    if (r->failed)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "line %zu: more than %d columns, or the file is too large",
                           r->line, COLUMNS_MAX);
    if (!r->file->header.fields)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "is empty; the first line names the columns");
    if (r->file->header.damaged)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "line %zu, the header, is not UTF-8: say --encoding windows-1252, or what it is",
                           r->file->header.line);
    return FURROW_OK;
}

static furrow_status parse(furrow_bytes text, struct csv_parser *parser, reader *r, furrow_error *err)
{
    furrow_status status = find_header(r, &text, err);
    if (status != FURROW_OK) return status;
    csv_set_delim(parser, (unsigned char)r->file->separator);
    status = parse_lines(text, parser, r, err);
    if (status != FURROW_OK) return status;
    if (!r->failed && csv_fini(parser, on_field, on_row, r) != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "ends within a quoted field that begins at line %zu",
                           r->row_line);
    return check_parsed(r, err);
}

static furrow_status read_csv(const char *path, furrow_buffer *out, furrow_error *err)
{
    bool standard = strcmp(path, CSV_STDIN) == 0;
    FILE *in = standard ? stdin : fopen(path, "r");
    size_t len = 1;
    if (!in) return furrow_fail(err, FURROW_NOT_FOUND, "%s", strerror(errno));
    while (len > 0 && !out->failed) {
        uint8_t *to = furrow_buffer_reserve(out, READ_BYTES);
        len = to ? fread(to, 1, READ_BYTES, in) : 0;
        out->len += len;
    }
    int reason = ferror(in) ? errno : 0;
    if (!standard) fclose(in);
    if (reason) return furrow_fail(err, FURROW_NOT_FOUND, "cannot be read: %s", strerror(reason));
    return out->failed ? furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "is too large: at most %u MB", CSV_FILE_MAX >> 20)
                       : FURROW_OK;
}

furrow_status csv_read(const char *path, const char *encoding, furrow_arena *arena, csv_file *out, furrow_error *err)
{
    struct csv_parser parser;
    csv_file file = {0};
    reader r = {.arena = arena, .file = &file};
    furrow_buffer bytes, text;
    furrow_buffer_init(&bytes, CSV_FILE_MAX);
    furrow_buffer_init(&text, (size_t)2 * CSV_FILE_MAX);
    csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
    furrow_status status = read_csv(path, &bytes, err);
    if (status == FURROW_OK)
        status = encoding_to_utf8(encoding, (furrow_bytes){bytes.data ? bytes.data : (const uint8_t *)"", bytes.len},
                                  &text, &file.marked, err);
    if (status == FURROW_OK)
        status = parse((furrow_bytes){text.data ? text.data : (const uint8_t *)"", text.len}, &parser, &r, err);
    csv_free(&parser);
    furrow_buffer_fini(&bytes);
    furrow_buffer_fini(&text);
    if (status != FURROW_OK) return furrow_wrap(err, "%s", strcmp(path, CSV_STDIN) ? path : CSV_STDIN_SAY);
    *out = file;
    return FURROW_OK;
}

static void put_csv_field(FILE *out, const char *field)
{
    if (strpbrk(field, SEPARATORS "\"\r\n "))
        csv_fwrite(out, field, strlen(field));
    else
        fputs(field, out);
}

bool csv_put_row(FILE *out, const csv_row *row, size_t columns, const char *more)
{
    for (size_t i = 0; i < columns; i++) {
        if (i > 0) fputc(',', out);
        put_csv_field(out, i < row->count ? row->fields[i] : "");
    }
    if (more) {
        if (columns > 0) fputc(',', out);
        put_csv_field(out, more);
    }
    return fputc('\n', out) != EOF && !ferror(out);
}
