/**
 * A scan of one table of any service: which records there are, how large they are, and what they take of Redis. It goes
 * by the list of ids (record.h), so it needs the rights to read that and the records (LRANGE, MGET) and nothing that
 * walks through the keys of others; memory needs MEMORY USAGE, too.
 *
 * Bounded work a command; the table may change meanwhile: a record that comes or goes is counted or not. Ids are held
 * in memory at once, 16 bytes and their own length each.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_SCAN_H
#define FURROW_STORE_SCAN_H

#include "store/record.h"

#define FURROW_SCAN_SAMPLE 200 /* records whose memory is asked for; of more, evenly spread ones */

typedef struct furrow_scan_size {
    uint64_t records; /* that exist: deleted ones, whose tombstones are kept for a while, do not */
    uint64_t bytes;   /* of their bodies */
    /* What they take in Redis with keys and versions, and with the table's indexes and lists. Exact as far as Redis
     * says it for each, scaled up from FURROW_SCAN_SAMPLE records where there are more. */
    bool memory_known; /* false: we may not ask */
    uint64_t memory_bytes;
} furrow_scan_size;

/* @each (or NULL) gets every record that exists, in the order of ids; lent for the call. */
typedef void furrow_scan_fn(void *arg, const char *id, const furrow_record *record);
furrow_status furrow_scan_table(furrow_table *table, furrow_scan_fn *each, void *arg, furrow_scan_size *out,
                                furrow_error *err) FURROW_MUST_USE;

#endif
