/**
 * A borrowed run of bytes: who owns it and for how long is said where it is handed over.
 *
 * What a peer sent has a length and may hold NUL, a C string ends at its NUL. The comparisons here are the only way
 * from the one to the other: none reads past an end, and none takes "id\0x" for "id". tests/lint/parsing keeps it so.
 */
#ifndef FURROW_BASE_BYTES_H
#define FURROW_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct furrow_bytes {
    const void *data;
    size_t len;
} furrow_bytes;

#define FURROW_BYTES_LITERAL(text) ((furrow_bytes){(text), sizeof(text) - 1})

static inline furrow_bytes furrow_bytes_of(const char *text)
{
    return (furrow_bytes){text, strlen(text)};
}

static inline bool furrow_bytes_equal(furrow_bytes a, furrow_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Do @bytes begin with @head? */
static inline bool furrow_bytes_begin(furrow_bytes bytes, furrow_bytes head)
{
    return bytes.len >= head.len && (head.len == 0 || memcmp(bytes.data, head.data, head.len) == 0);
}

/* Are @bytes the C string @text, all of it and nothing more? */
static inline bool furrow_bytes_is(furrow_bytes bytes, const char *text)
{
    return furrow_bytes_equal(bytes, furrow_bytes_of(text));
}

static inline char furrow_bytes_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same without regard to the case of A to Z. */
static inline bool furrow_bytes_is_nocase(furrow_bytes bytes, const char *text)
{
    const char *at = bytes.data;

    if (bytes.len != strlen(text)) return false;
    for (size_t i = 0; i < bytes.len; i++)
        if (furrow_bytes_lower(at[i]) != furrow_bytes_lower(text[i])) return false;
    return true;
}

/* What stands behind @head at the beginning of @text; NULL when @text begins otherwise. */
static inline const char *furrow_bytes_after(const char *text, const char *head)
{
    for (; *head; text++, head++)
        if (*text != *head) return NULL;
    return text;
}

/* The same without regard to the case of A to Z. */
static inline const char *furrow_bytes_after_nocase(const char *text, const char *head)
{
    for (; *head; text++, head++)
        if (furrow_bytes_lower(*text) != furrow_bytes_lower(*head)) return NULL;
    return text;
}

/* A blank of a header: optional white space in RFC 9110, 5.6.3. */
static inline bool furrow_bytes_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Is there no byte above 127? */
static inline bool furrow_bytes_ascii(furrow_bytes bytes)
{
    const uint8_t *at = bytes.data;
    unsigned all = 0;
    for (size_t i = 0; i < bytes.len; i++) all |= at[i];
    return all < 0x80;
}

#endif
