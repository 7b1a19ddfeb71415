/**
 * Scalars between JSON text and C; private to wire. Parsers return NULL when all is well, else the reason, a constant
 * text, and leave their output alone.
 *
 * The numeric locale must be "C", which it is in a program that does not call setlocale.
 */
#ifndef FURROW_WIRE_JSON_SCALAR_H
#define FURROW_WIRE_JSON_SCALAR_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* The one reason that is not the text's fault. */
extern const char furrow_json_no_memory[];

/* @number is a JSON number; "1.0" and "1e3" are integers too. Exact over the whole range of 64 bits. */
const char *furrow_json_scalar_parse_int(furrow_bytes number, int64_t min, int64_t max, int64_t *out);
const char *furrow_json_scalar_parse_uint(furrow_bytes number, uint64_t max, uint64_t *out);

/* A JSON number; the arena serves numbers of unusual length. */
const char *furrow_json_scalar_parse_double(furrow_bytes number, furrow_arena *arena, double *out);
const char *furrow_json_scalar_parse_float(furrow_bytes number, furrow_arena *arena, float *out);

/* Is the whole of @text a JSON number? For numbers that came in quotes. */
bool furrow_json_scalar_is_number(furrow_bytes text);

/* Both alphabets, with or without padding. @out has room for len / 4 * 3 + 3 bytes. */
const char *furrow_json_scalar_parse_base64(furrow_bytes text, uint8_t *out, size_t *len);

void furrow_json_scalar_put_int(furrow_buffer *out, int64_t value);
void furrow_json_scalar_put_uint(furrow_buffer *out, uint64_t value);

/* The shortest of the usual precisions that reads back as the same value; "NaN", "Infinity" and "-Infinity" in quotes.
 */
void furrow_json_scalar_put_double(furrow_buffer *out, double value);
void furrow_json_scalar_put_float(furrow_buffer *out, float value);

/* In quotes, standard alphabet, padded. */
void furrow_json_scalar_put_base64(furrow_buffer *out, furrow_bytes data);

#endif
