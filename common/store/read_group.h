/**
 * Group read: the records that tasks read one by one, in one turn of the loop, are asked for in one MGET, and the build
 * of each table once for all of them, since a command costs Redis more than a key in it. Nobody waits longer for it:
 * the command leaves at the end of the turn in which it would have left anyway. Private to store/.
 */
#ifndef FURROW_STORE_READ_GROUP_H
#define FURROW_STORE_READ_GROUP_H

#include "store/table.h"

#define FURROW_READ_GROUP_MAX  64  /* reads of one MGET */
#define FURROW_READ_GROUP_KEYS 256 /* records of one MGET */

/* What one task reads at once. */
typedef struct furrow_read {
    furrow_store *store;
    furrow_record_read *reads;
    size_t count;
    furrow_table *tables[FURROW_READ_TABLES_MAX]; /* of the reads, each once */
    size_t table_count;
    furrow_arena *arena; /* of the records' bodies */
    bool ours;           /* out: each table's build is the one that was verified */
    bool done;           /* out, of a group: it was read */
    furrow_waiter waiter;
} furrow_read;

/* The arguments of an MGET: its name, the keys of the records that @reads ask for, and of the builds of @tables. A read
 * may be NULL. */
void furrow_read_group_put_mget(furrow_read *const reads[], size_t count, furrow_table *const tables[],
                                size_t table_count, furrow_buffer *out);

/* Reads with what other tasks read in this turn. Parks. False: nobody else does, or it came to nothing, whatever the
 * reason: read alone, and hear it. */
bool furrow_read_group_join(furrow_read *read);

#endif
