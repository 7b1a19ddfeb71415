/**
 * A growing byte buffer with a maximum given at init, and the process's budget over it (budget.h). Appends never fail
 * singly: the first that does not fit sets `failed`, later ones do nothing, and the writer checks once at the end.
 * Threads: one at a time.
 */
#ifndef FURROW_BASE_BUFFER_H
#define FURROW_BASE_BUFFER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct furrow_buffer {
    uint8_t *data; /* owned; NULL while empty */
    size_t len, cap, limit;
    bool failed;
} furrow_buffer;

/* Uses the caller's storage; nothing is allocated before the first append. */
void furrow_buffer_init(furrow_buffer *buffer, size_t limit_bytes);
void furrow_buffer_fini(furrow_buffer *buffer);

/* Empties it and clears `failed`; keeps the memory. */
void furrow_buffer_reset(furrow_buffer *buffer);

void furrow_buffer_append(furrow_buffer *buffer, const void *data, size_t len);
void furrow_buffer_append_text(furrow_buffer *buffer, const char *text);
void furrow_buffer_append_byte(furrow_buffer *buffer, uint8_t byte);
void furrow_buffer_printf(furrow_buffer *buffer, const char *format, ...) FURROW_PRINTF(2, 3);

/* Room for @len bytes at data + len, which the caller fills and then adds to len; NULL when it does not fit. */
uint8_t *furrow_buffer_reserve(furrow_buffer *buffer, size_t len);

#endif
