/**
 * A bounded bump arena: the memory of one request or one batch, freed at once.
 *
 * It grows in chunks up to its limit; past it, past the process's budget (budget.h), or out of memory alloc returns
 * NULL and the caller fails with RESOURCE_EXHAUSTED. reset keeps the first chunk, so a pooled arena costs no malloc in
 * steady state.
 * Threads: one at a time.
 */
#ifndef FURROW_BASE_ARENA_H
#define FURROW_BASE_ARENA_H

#include "base/auto.h"
#include "base/status.h"

#include <stddef.h>

typedef struct furrow_arena furrow_arena;

/* @limit_bytes 0 means 4 MiB. NULL when out of memory. */
furrow_arena *furrow_arena_create(size_t limit_bytes);
void furrow_arena_destroy(furrow_arena *arena);
FURROW_AUTO_DEFINE(furrow_arena, furrow_arena_destroy);

/* Frees everything allocated since create; the arena is as new. */
void furrow_arena_reset(furrow_arena *arena);

/* 16-byte aligned memory that lives until reset or destroy; NULL past the limit. zalloc zeroes it. */
void *furrow_arena_alloc(furrow_arena *arena, size_t size);
void *furrow_arena_zalloc(furrow_arena *arena, size_t size);

/* Copies; memdup appends a NUL that is not counted. NULL past the limit. */
void *furrow_arena_memdup(furrow_arena *arena, const void *data, size_t len);
char *furrow_arena_strdup(furrow_arena *arena, const char *text);
char *furrow_arena_printf(furrow_arena *arena, const char *format, ...) FURROW_PRINTF(2, 3);

size_t furrow_arena_used(const furrow_arena *arena);

#endif
