/**
 * A CSV file with a header line, as rows of texts (libcsv, RFC 4180, UTF-8 with or without byte order mark).
 */
#ifndef FURROW_CLI_CSV_H
#define FURROW_CLI_CSV_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

#define CSV_FILE_MAX (256u * 1024 * 1024)

typedef struct csv_row {
    size_t line;   /* where the row begins, from 1 */
    char **fields; /* count texts; rows may be shorter or longer than the header */
    size_t count;
} csv_row;

typedef struct csv_file {
    csv_row header;
    csv_row *rows;
    size_t row_count;
} csv_file;

/* Everything lives in @arena. NOT_FOUND, INVALID_ARGUMENT (not CSV, or a NUL byte in it; says the line),
 * RESOURCE_EXHAUSTED. */
furrow_status csv_read(const char *path, furrow_arena *arena, csv_file *out, furrow_error *err) FURROW_MUST_USE;

#endif
