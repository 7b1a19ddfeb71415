/**
 * Batches of the apply step: at most FURROW_RECORD_BATCH writes of different ids, the function call they become, and
 * memory that is kept from one call to the next. Private to store/.
 */
#ifndef FURROW_STORE_BATCH_H
#define FURROW_STORE_BATCH_H

#include "store/table.h"

/* Batches that one furrow_record_apply has in flight at once. */
#define FURROW_BATCH_WINDOW 8

typedef struct furrow_batch {
    const furrow_record_write *writes[FURROW_RECORD_BATCH];
    size_t count;
    bool again;                       /* of what follows from the records, nothing is taken to be there */
    uint64_t newest, dated, dated_ns; /* of all it covers: the newest version, the newest of known time, and that */
    furrow_buffer body;               /* arguments of the function call, as furrow_pipeline_arg formats them */
    size_t argc;                      /* how many they are */
    furrow_pipelined request;
    furrow_arena *arena; /* old records, index entries; NULL until furrow_batch_clear_arena */
    struct furrow_batch *next;
} furrow_batch;

/* An empty one; NULL when out of memory. */
furrow_batch *furrow_batch_take(furrow_table *table);
void furrow_batch_give(furrow_table *table, furrow_batch *batch);

/* Makes the arena, or empties it: before the calls that read old records or work out index entries. */
furrow_status furrow_batch_clear_arena(furrow_batch *batch, furrow_error *err) FURROW_MUST_USE;

/*
 * Fills an empty @batch from the front of @writes and says how many of them it covers: of writes of one id only the newest is
 * kept, as the function compares each with what was stored before the call.
 */
size_t furrow_batch_fill(furrow_batch *batch, const furrow_record_write writes[], size_t count);

/* The same by hand, one after the other: a write of an id that is not yet in it. */
void furrow_batch_add(furrow_batch *batch, const furrow_record_write *write);

/*
 * The arguments of whole calls: of `upsert` for a plain table; of `apply`, with what follows from old record and new,
 * where @old are the old records, or NULL: those that the writes know; of `note`, when all of it is stale.
 */
void furrow_batch_build_upsert(furrow_table *table, furrow_batch *batch);
furrow_status furrow_batch_build_apply(furrow_table *table, furrow_batch *batch, const furrow_value *old,
                                       furrow_error *err) FURROW_MUST_USE;
void furrow_batch_build_note(furrow_table *table, furrow_batch *batch);

/* Sends the call of @function; then furrow_pipeline_wait for batch->request. */
furrow_status furrow_batch_send(furrow_table *table, furrow_batch *batch, const char *function,
                                furrow_error *err) FURROW_MUST_USE;

#endif
