/**
 * A CSV file with a header line, as rows of texts (libcsv, RFC 4180), as spreadsheets write them: UTF-8, UTF-16 with its
 * byte order mark or an encoding that is named; fields apart by comma, semicolon or tab, as the header line or a line
 * "sep=;" before it says; lines that end in LF, CR LF or CR. Empty columns at the end, and rows with nothing in them, are
 * left out. Texts are in Unicode's normal form C, whatever the file's.
 */
#ifndef FURROW_FARM_CSV_H
#define FURROW_FARM_CSV_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CSV_FILE_MAX  (256u * 1024 * 1024)
#define CSV_STDIN     "-"
#define CSV_STDIN_SAY "standard input"

typedef struct csv_row {
    size_t line;   /* where the row begins, from 1 */
    char **fields; /* count texts; rows may be shorter or longer than the header */
    size_t count;
    bool damaged; /* a field is not UTF-8 */
} csv_row;

typedef struct csv_file {
    csv_row header;
    csv_row *rows;
    size_t row_count;
    char separator;
    bool marked; /* it began with a byte order mark */
} csv_file;

/* @path may be CSV_STDIN; @encoding as encoding.h has it. Everything lives in @arena. NOT_FOUND, INVALID_ARGUMENT (not CSV,
 * or a NUL byte in it; says the line), RESOURCE_EXHAUSTED. */
furrow_status csv_read(const char *path, const char *encoding, furrow_arena *arena, csv_file *out,
                       furrow_error *err) FURROW_MUST_USE;

/* Writes @row as CSV with commas, @more behind it unless NULL. False: it could not be written. */
bool csv_put_row(FILE *out, const csv_row *row, size_t columns, const char *more);

#endif
