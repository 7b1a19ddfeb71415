/**
 * Which versions are in an owner's table, beyond the marker's position: each step that writes a record notes that of its
 * event with it (furrow.lua). So of its own events an owner reads from the log only what it has not applied. Between store
 * and replica; a read of it counts for the build that it was asked for, and may miss what has been noted since.
 */
#ifndef FURROW_STORE_APPLIED_H
#define FURROW_STORE_APPLIED_H

#include "store/record.h"

typedef struct furrow_applied {
    uint64_t base;     /* all up to here are */
    furrow_bytes bits; /* and of those behind it, the first in the highest bit, whose bit is set */
} furrow_applied;

/* Versions from @first up to @last, none of which is noted. */
typedef struct furrow_applied_gap {
    uint64_t first, last;
} furrow_applied_gap;

/* What is noted of @build; nothing where nothing is, or of another. Bytes live in @arena. */
furrow_status furrow_applied_read(furrow_table *table, const char *build, furrow_arena *arena, furrow_applied *out,
                                  furrow_error *err) FURROW_MUST_USE;

/* The first gap past the version @after; its last version is UINT64_MAX when nothing is noted behind it. */
furrow_applied_gap furrow_applied_next_gap(const furrow_applied *applied, uint64_t after);

#endif
