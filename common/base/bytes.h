/** A borrowed run of bytes: who owns it and for how long is said where it is handed over. */
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

#endif
