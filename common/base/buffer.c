/*
 * The growing buffer. Its block is always one byte larger than cap, for the NUL that printf writes past its text.
 * Growth counts in the process's budget, which may refuse it; a small buffer is held, since an error must still be said
 * when memory is short. Invariant: len <= cap <= limit. Depends on status and budget.
 */
#include "base/buffer.h"

#include "base/budget.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP ((size_t)256)
#define SMALL_CAP ((size_t)4096) /* never refused */

void furrow_buffer_init(furrow_buffer *buffer, size_t limit_bytes)
{
    *buffer = (furrow_buffer){.limit = limit_bytes};
}

void furrow_buffer_fini(furrow_buffer *buffer)
{
    furrow_budget_give(buffer->cap);
    free(buffer->data);
    *buffer = (furrow_buffer){.limit = buffer->limit};
}

void furrow_buffer_reset(furrow_buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
}

static bool grow_buffer(furrow_buffer *buffer, size_t needed)
{
    size_t cap = buffer->cap ? buffer->cap : FIRST_CAP;
    while (cap < needed && cap <= buffer->limit / 2) cap *= 2;
    if (cap < needed || cap > buffer->limit) cap = buffer->limit;
    if (cap == SIZE_MAX) return false;
    size_t more = cap - buffer->cap;
    if (cap > SMALL_CAP && !furrow_budget_take(more)) return false;
    uint8_t *data = realloc(buffer->data, cap + 1);
    if (!data) {
        if (cap > SMALL_CAP) furrow_budget_give(more);
        return false;
    }
    if (cap <= SMALL_CAP) furrow_budget_hold(more);
    buffer->data = data;
    buffer->cap = cap;
    return true;
}

uint8_t *furrow_buffer_reserve(furrow_buffer *buffer, size_t len)
{
    if (buffer->failed) return NULL;
    bool fits = len <= buffer->limit - buffer->len;
    if (fits && (!buffer->data || len > buffer->cap - buffer->len)) fits = grow_buffer(buffer, buffer->len + len);
    if (!fits) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->data + buffer->len;
}

void furrow_buffer_append(furrow_buffer *buffer, const void *data, size_t len)
{
    if (len == 0) return;
    uint8_t *room = furrow_buffer_reserve(buffer, len);
    if (!room) return;
    memcpy(room, data, len);
    buffer->len += len;
}

void furrow_buffer_append_text(furrow_buffer *buffer, const char *text)
{
    furrow_buffer_append(buffer, text, strlen(text));
}

void furrow_buffer_append_byte(furrow_buffer *buffer, uint8_t byte)
{
    furrow_buffer_append(buffer, &byte, 1);
}

void furrow_buffer_printf(furrow_buffer *buffer, const char *format, ...)
{
    if (buffer->failed) return;
    /* Straight into the room there is; a second time only when that was too little. */
    size_t room = buffer->data ? buffer->cap - buffer->len + 1 : 0;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(room ? (char *)buffer->data + buffer->len : NULL, room, format, args);
    va_end(args);
    if (len < 0) {
        buffer->failed = true;
        return;
    }
    if ((size_t)len >= room) {
        uint8_t *at = furrow_buffer_reserve(buffer, (size_t)len);
        if (!at) return;
        va_start(args, format);
        vsnprintf((char *)at, (size_t)len + 1, format, args);
        va_end(args);
    }
    buffer->len += (size_t)len;
}
