/**
 * Memory for one message that is unpacked, read and forgotten: what a bare program would give protobuf-c instead of
 * malloc for each string. Begin before each unpacking; nothing is freed. Threads: one.
 */
#ifndef FURROW_WAYS_BARE_SCRATCH_H
#define FURROW_WAYS_BARE_SCRATCH_H

#include "bare.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#define BARE_SCRATCH_BYTES ((size_t)1 << 20)

static void *bare_scratch_alloc(void *used, size_t size)
{
    static _Alignas(16) uint8_t memory[BARE_SCRATCH_BYTES];
    size_t at = *(size_t *)used, next = at + ((size + 15) & ~(size_t)15);
    if (next > BARE_SCRATCH_BYTES) bare_die("message", "is too large");
    *(size_t *)used = next;
    return memory + at;
}

static void bare_scratch_free(void *used, void *memory)
{
}

/* As empty. */
static inline ProtobufCAllocator *bare_scratch(void)
{
    static size_t used;
    static ProtobufCAllocator allocator = {bare_scratch_alloc, bare_scratch_free, &used};
    used = 0;
    return &allocator;
}

#endif
