/**
 * Trust: may what lies in Redis be read, and whose is what is written?
 *
 * A table that a replica guards belongs to a build: whoever fills it anew draws a new identity for it, which stands in
 * Redis beside the records (record.h). Every write names the build that its process knows, and Redis refuses it in the
 * same step when the records are another's by now. Every read asks for the build in the same command as the records,
 * and counts only if it is the one that this process has verified, on the very connection on which it did. So what one
 * command reads belongs to one verified moment:
 *
 *   DOUBTED --adopt (the marker was read: writes belong to this build)--> DOUBTED --trust--> TRUSTED
 *      ^                                                                                       |
 *      +--- doubt: another build was met, a write was refused, Redis or the log was away ------+
 *
 * Who reads while it is in doubt waits: until it is trusted again, his task's deadline, or FURROW_TRUST_WAIT_MS; then
 * UNAVAILABLE. What was begun before a doubt is not written after it. A table without a guard is read and written as it
 * is. Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_TRUST_H
#define FURROW_STORE_TRUST_H

#include "base/clock.h"
#include "store/record.h"

#define FURROW_TRUST_WAIT_MS 2000

typedef struct furrow_table_guard {
    /* Called on the loop at the first doubt: look what is there. */
    void (*doubted)(struct furrow_table_guard *guard);
    /* A command has written @version of @id, and applied it: parks until who else serves the table sees it, too. */
    void (*written)(struct furrow_table_guard *guard, const char *id, uint64_t version);
} furrow_table_guard;

/* From now on the table is in doubt, and belongs to nobody. @guard is lent until the table's end, or NULL. */
void furrow_table_set_guard(furrow_table *table, furrow_table_guard *guard);

/* What is written from now on belongs to @build; "": nothing can be written. */
void furrow_table_adopt(furrow_table *table, const char *build);

/* Reads count from now on, if they find the adopted build on the connection of @generation. */
void furrow_table_trust(furrow_table *table, uint64_t generation);

/* @why is for people. Says so to the guard unless it was in doubt already. */
void furrow_table_doubt(furrow_table *table, const char *why);
/* What those are told who wait in vain. */
void furrow_table_explain(furrow_table *table, const char *why);
bool furrow_table_trusted(const furrow_table *table);

/*
 * The log that this process writes to is the one that the records are of. In doubt after each reconnect, when it may
 * have lost its end: whoever publishes asks first. Parks, until just before @deadline_ns: then UNAVAILABLE. OK for a
 * table without a guard.
 */
void furrow_table_know_log(furrow_table *table, bool known);
furrow_status furrow_table_await_log(furrow_table *table, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;
/* The same until the table is trusted, also while Redis is away. */
furrow_status furrow_table_await_trust(furrow_table *table, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

/* Of the log that the records are of (wire/epoch.h), as it was last seen; 0: not yet. */
void furrow_table_set_epoch(furrow_table *table, int64_t begun);
int64_t furrow_table_epoch(const furrow_table *table);

/* To be called when a command has written; see furrow_table_guard. */
void furrow_table_spread(furrow_table *table, const char *id, uint64_t version);

/* Grows with each doubt. */
uint64_t furrow_table_moment(const furrow_table *table);

#endif
