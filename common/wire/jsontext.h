/**
 * JSON text as a stream of tokens (RFC 8259, strictly): nothing is built, nothing allocated, depth is bounded. Private
 * to wire.
 *
 * The reader checks the grammar, escapes, surrogate pairs and UTF-8 as it goes; a token it has handed out is
 * well-formed. Invariant: after FURROW_JSONTEXT_ERROR or _END it stays there.
 */
#ifndef FURROW_WIRE_JSONTEXT_H
#define FURROW_WIRE_JSONTEXT_H

#include "base/bytes.h"

typedef enum furrow_jsontext_kind {
    FURROW_JSONTEXT_END, /* the one value is complete and nothing but white space follows */
    FURROW_JSONTEXT_ERROR,
    FURROW_JSONTEXT_OBJECT,
    FURROW_JSONTEXT_OBJECT_END,
    FURROW_JSONTEXT_ARRAY,
    FURROW_JSONTEXT_ARRAY_END,
    FURROW_JSONTEXT_KEY, /* its colon is consumed too */
    FURROW_JSONTEXT_STRING,
    FURROW_JSONTEXT_NUMBER,
    FURROW_JSONTEXT_TRUE,
    FURROW_JSONTEXT_FALSE,
    FURROW_JSONTEXT_NULL,
} furrow_jsontext_kind;

typedef struct furrow_jsontext {
    furrow_jsontext_kind kind; /* of the token at hand */
    furrow_bytes text;         /* of a KEY, STRING (between the quotes, escapes as written) or NUMBER; borrowed */
    bool escaped;              /* the string holds escapes */
    const char *error;         /* why ERROR, a constant text */
    /* private */
    const uint8_t *start, *at, *end;
    uint64_t objects; /* a bit a level: is it an object? */
    unsigned depth;
    int expect;
} furrow_jsontext;

void furrow_jsontext_init(furrow_jsontext *reader, furrow_bytes text);

/* Moves to the next token and returns its kind. */
furrow_jsontext_kind furrow_jsontext_next(furrow_jsontext *reader);

/* Moves from the first token of a value to its last; false on an error. */
bool furrow_jsontext_skip(furrow_jsontext *reader);

/* Where the reader stands, for error texts: bytes from the start. */
size_t furrow_jsontext_offset(const furrow_jsontext *reader);

/* Writes a string's value to @out, which has room for @raw.len bytes; returns how many it took. @raw is from a token.
 */
size_t furrow_jsontext_unescape(furrow_bytes raw, char *out);

#endif
