/*
 * The bump arena: a list of chunks, the current one first in line for every allocation. The first chunk shares the
 * arena's own block and survives a reset; later ones double in size, and a large allocation gets a chunk of its own
 * behind the current one, so little room is left unused. Under the address sanitizer all memory that is not handed out
 * is poisoned. Chunks are counted in the process's budget, which may refuse them; a first one is held. Depends on
 * status and budget.
 */
#include "base/arena.h"

#include "base/budget.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#define DEFAULT_LIMIT   ((size_t)4 << 20)
#define ALIGNMENT       ((size_t)16)
#define FIRST_BLOCK     ((size_t)4096)
#define MAX_CHUNK_BYTES ((size_t)256 << 10)
#define MAX_LIMIT       (SIZE_MAX / 2) /* so that no sum of sizes overflows */

typedef struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(16) uint8_t data[];
} chunk;

struct furrow_arena {
    size_t limit, used;
    size_t next_size; /* of the next ordinary chunk */
    chunk *current;   /* head of the list, whose last is `first` */
    chunk *first;     /* in the same block, behind this struct */
};

#define FIRST_AT ((sizeof(furrow_arena) + ALIGNMENT - 1) & ~(ALIGNMENT - 1))

furrow_arena *furrow_arena_create(size_t limit_bytes)
{
    furrow_arena *arena = malloc(FIRST_BLOCK);
    if (!arena) return NULL;
    furrow_budget_hold(FIRST_BLOCK);
    if (limit_bytes == 0) limit_bytes = DEFAULT_LIMIT;
    chunk *first = (chunk *)((uint8_t *)arena + FIRST_AT);
    *first = (chunk){.size = FIRST_BLOCK - FIRST_AT - sizeof(chunk)};
    *arena = (furrow_arena){
        .limit = limit_bytes < MAX_LIMIT ? limit_bytes : MAX_LIMIT,
        .next_size = 2 * FIRST_BLOCK,
        .current = first,
        .first = first,
    };
    ASAN_POISON_MEMORY_REGION(first->data, first->size);
    return arena;
}

void furrow_arena_reset(furrow_arena *arena)
{
    chunk *current = arena->current;
    size_t given = 0;
    while (current != arena->first) {
        chunk *next = current->next;
        given += sizeof(chunk) + current->size;
        free(current);
        current = next;
    }
    if (given > 0) furrow_budget_give(given);
    arena->current = arena->first;
    arena->first->used = 0;
    arena->used = 0;
    arena->next_size = 2 * FIRST_BLOCK;
    ASAN_POISON_MEMORY_REGION(arena->first->data, arena->first->size);
}

void furrow_arena_destroy(furrow_arena *arena)
{
    if (!arena) return;
    furrow_arena_reset(arena);
    furrow_budget_give(FIRST_BLOCK);
    free(arena);
}

/* A chunk with room for @size, linked in; current only if room is likely to be left for more. */
static chunk *add_chunk(furrow_arena *arena, size_t size)
{
    bool own = size > arena->next_size / 2;
    size_t room = arena->limit - arena->used;
    size_t data_size = own || arena->next_size > room ? size : arena->next_size;
    if (!furrow_budget_take(sizeof(chunk) + data_size)) return NULL;
    chunk *added = malloc(sizeof(chunk) + data_size);
    if (!added) {
        furrow_budget_give(sizeof(chunk) + data_size);
        return NULL;
    }
    *added = (chunk){.size = data_size};
    ASAN_POISON_MEMORY_REGION(added->data, data_size);
    if (own && arena->current != arena->first) {
        added->next = arena->current->next;
        arena->current->next = added;
    } else {
        added->next = arena->current;
        arena->current = added;
    }
    if (!own && arena->next_size < MAX_CHUNK_BYTES) arena->next_size *= 2;
    return added;
}

void *furrow_arena_alloc(furrow_arena *arena, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (rounded < size) return NULL;
    if (rounded == 0) rounded = ALIGNMENT;
    if (rounded > arena->limit - arena->used) return NULL;
    chunk *from = arena->current;
    if (rounded > from->size - from->used) {
        from = add_chunk(arena, rounded);
        if (!from) return NULL;
    }
    void *memory = from->data + from->used;
    from->used += rounded;
    arena->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void *furrow_arena_zalloc(furrow_arena *arena, size_t size)
{
    void *memory = furrow_arena_alloc(arena, size);
    return memory ? memset(memory, 0, size) : NULL;
}

void *furrow_arena_memdup(furrow_arena *arena, const void *data, size_t len)
{
    if (len == SIZE_MAX) return NULL;
    uint8_t *copy = furrow_arena_alloc(arena, len + 1);
    if (!copy) return NULL;
    if (len > 0) memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

char *furrow_arena_strdup(furrow_arena *arena, const char *text)
{
    return furrow_arena_memdup(arena, text, strlen(text));
}

char *furrow_arena_printf(furrow_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return NULL;
    char *text = furrow_arena_alloc(arena, (size_t)len + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

size_t furrow_arena_used(const furrow_arena *arena)
{
    return arena->used;
}
