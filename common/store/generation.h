/**
 * Generations of a table: while a rollout brings processes that keep it in another shape (more fields, another index),
 * each shape has keys of its own, so that old and new processes serve side by side. Generation 0 has the plain names,
 * "timesheet:{Employee}:E1"; the others have "timesheet:{Employee}:@2:E1".
 *
 * The hash "timesheet:{Employee}:@generations" says which there are, who keeps them, and whose the service's durable
 * consumer is: what that brings is applied to one generation only, and the others read the log by themselves. A process
 * that keeps one says so every second, with something new each time. So whoever sees the same for long enough knows,
 * without a clock of anybody else's, that a process is gone; a generation that nobody keeps any more is retired and
 * cleared away, and the consumer goes to another. From that very step on Redis refuses all that is meant for it.
 *
 *            claim                    retire                    clear
 *   (free) --------> kept by processes ------> being cleared away ------> (free)
 *
 * README.md of common/replica has the protocol. Threads: the loop's, in a task; all that asks Redis parks.
 */
#ifndef FURROW_STORE_GENERATION_H
#define FURROW_STORE_GENERATION_H

#include "store/record.h"

#define FURROW_GENERATIONS_MAX 10

/* A process that keeps a generation, and what it said last. In the arena of who asked. */
typedef struct furrow_generation_holder {
    int generation;
    const char *instance, *word;
} furrow_generation_holder;

typedef struct furrow_generation {
    char shape[33];                /* "": there is none */
    char clearing[FURROW_ID_SIZE]; /* the identity of its clearing, or "" */
    const char *indexes;           /* their fields, with spaces between */
} furrow_generation;

typedef struct furrow_generations {
    int ours;    /* -1: no generation has our shape, and none was free or to be taken */
    int durable; /* whose the durable consumer is; -1: nobody's */
    bool behind; /* it has not yet read what had been delivered when the consumer became its */
    furrow_generation of[FURROW_GENERATIONS_MAX];
    furrow_generation_holder *holders;
    size_t holder_count;
} furrow_generations;

typedef struct furrow_generation_claim {
    const char *shape, *instance;
    const char *word; /* without a space at its ends; another one each time */
    bool allocate;    /* takes a new generation if none has the shape */
} furrow_generation_claim;

/* Says that we keep the table in a shape. */
furrow_status furrow_generation_claim_one(furrow_table *table, const furrow_generation_claim *claim,
                                          furrow_arena *arena, furrow_generations *out,
                                          furrow_error *err) FURROW_MUST_USE;
/* We keep it no longer. */
furrow_status furrow_generation_release(furrow_table *table, const char *instance, furrow_error *err) FURROW_MUST_USE;

/* From now on @table means the keys of @generation. Nothing of it may be on its way. */
void furrow_table_place(furrow_table *table, int generation);
int furrow_table_generation(const furrow_table *table);
/* "timesheet:{Employee}:" or "timesheet:{Employee}:@2:", before the ids. */
furrow_bytes furrow_table_prefix(const furrow_table *table);
/* For who keeps nothing, and only looks: the generation that the durable consumer feeds. */
furrow_status furrow_table_place_current(furrow_table *table, furrow_error *err) FURROW_MUST_USE;

/* Our generation, which is @table's, has all that had been delivered before the consumer became its. */
furrow_status furrow_generation_settle(furrow_table *table, furrow_error *err) FURROW_MUST_USE;
/*
 * Ends the generation @which of @seen: its processes, as they are listed there, are all dead. If the consumer is its, it
 * becomes that of @table's. *done false: something is no longer so, and nothing was done.
 */
furrow_status furrow_generation_retire(furrow_table *table, const furrow_generations *seen, int which, bool *done,
                                       furrow_error *err) FURROW_MUST_USE;
/* Clears away what a retired generation left. Any process may, and go on where another ended. */
furrow_status furrow_generation_clear(furrow_table *table, const furrow_generations *seen, int which,
                                      furrow_error *err) FURROW_MUST_USE;
/* The version of the record @id in each of @count generations; 0: none there. */
furrow_status furrow_generation_versions(furrow_table *table, const char *id, const int generations[], size_t count,
                                         uint64_t versions[], furrow_error *err) FURROW_MUST_USE;
/* The marker of another generation of @table. */
furrow_status furrow_generation_marker(furrow_table *table, int which, furrow_marker *out,
                                       furrow_error *err) FURROW_MUST_USE;

#endif
