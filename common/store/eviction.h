/**
 * Has Redis evicted something? By its own count (evicted_keys of INFO), which is kept per process of Redis and begins
 * anew when somebody resets its statistics; that leaves a trace of its own (commandstats). All three together are the
 * tally: as long as it is the same, nothing was evicted.
 *
 * It is read at each connection and every second. So that nobody is told in between that there is nothing where something
 * was evicted, whoever finds nothing asks once more (confirm): those who do at once ask together. A tally that has changed
 * puts all tables of the store in doubt.
 * Threads: the loop's. Private to store/.
 */
#ifndef FURROW_STORE_EVICTION_H
#define FURROW_STORE_EVICTION_H

#include "store/pipeline.h"

struct furrow_confirming; /* who waits for an answer */

typedef struct furrow_eviction {
    bool may;                            /* the policy is one that evicts */
    char tally[FURROW_STORE_TALLY_SIZE]; /* "<run id> <evicted_keys>[ <resets>]"; "": Redis does not say */
    uint64_t keys, commands;             /* as last counted: evicted_keys; commands that were processed */
    uint64_t changes;                    /* looks that found that it may have evicted something since the one before */
    bool stale;                          /* it has changed, and how is not known before the next look */
    bool asking;                         /* a confirmation is in flight: */
    furrow_pipelined request;            /* this one */
    furrow_arena *arena;
    struct furrow_confirming *asked, *next; /* who waits for it; and for the one after */
} furrow_eviction;

furrow_status furrow_eviction_init(furrow_eviction *eviction) FURROW_MUST_USE;
void furrow_eviction_fini(furrow_eviction *eviction);

/* What a whole INFO says, of the sections that redis.c and pulse.c ask for. */
void furrow_eviction_inspect(furrow_store *store, const char *info);

/*
 * What the caller read just now, it did not find. OK: nothing had been evicted then that the tables' guards do not know
 * of; else they are in doubt by now. Parks for a round trip. UNAVAILABLE: Redis was lost.
 */
furrow_status furrow_eviction_confirm(furrow_store *store, furrow_error *err) FURROW_MUST_USE;

/* Nobody will be answered any more on this connection. */
void furrow_eviction_abandon(furrow_store *store);

/* The value after "@name:" at the beginning of a line of INFO; len 0: there is none. */
furrow_bytes furrow_eviction_field(const char *info, const char *name);

#endif
