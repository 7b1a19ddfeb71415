/**
 * The memory budget of the process: one sum of all memory that grows with the work at hand, and one limit to it.
 *
 * Who allocates such memory counts it here, by the chunk and never by the single allocation: arenas, buffers, stacks
 * of tasks, messages that came in, what waits to be sent. The limit is a bound of growth: what a process needs at idle
 * is little of it. Without a limit (tools, tests) everything is only counted.
 *
 *   take     memory that may be refused: fails past the limit, and then whoever asked ends RESOURCE_EXHAUSTED
 *   hold     memory that is there already, or without which what was begun could not end: stacks of tasks, too, whose
 *            number each loop bounds
 *   admits   may new work begin that will need so much? A quarter of the limit is kept for work that has begun, and for
 *            replicas, which slow down when it is `tight` and never stop
 *
 * Threads: any, but for trim.
 */
#ifndef FURROW_BASE_BUDGET_H
#define FURROW_BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#define FURROW_BUDGET_GRAIN ((size_t)64 << 10) /* accounts settle by so much */

/* Of the process, at its start; 0: none. */
void furrow_budget_set_limit(size_t bytes);

/* False, and counted in refused, when it would pass the limit. */
bool furrow_budget_take(size_t bytes);
void furrow_budget_hold(size_t bytes);
void furrow_budget_give(size_t bytes);

/* Takes nothing. False is counted in refused. */
bool furrow_budget_admits(size_t bytes);

/* More than half of it is in use: who can do with less should. */
bool furrow_budget_tight(void);

typedef struct furrow_budget_stats {
    size_t used, limit;  /* limit 0: none */
    size_t admitted_max; /* new work is refused when it would be more */
    size_t refused;      /* how often take or admits said no */
} furrow_budget_stats;
furrow_budget_stats furrow_budget_stats_of_process(void);

/* Gives what the allocator keeps back to the system, once less is in use than was for as long as the last call is ago.
 * To be called now and then, say once a second, by one thread. */
void furrow_budget_trim(void);

/* What one owner has counted, settled with the budget by the grain: adding and taking off cost two instructions. */
typedef struct furrow_budget_account {
    size_t bytes, held;
} furrow_budget_account;

void furrow_budget_settle(furrow_budget_account *account);

static inline void furrow_budget_add(furrow_budget_account *account, size_t bytes)
{
    account->bytes += bytes;
    if (account->bytes > account->held) furrow_budget_settle(account);
}

static inline void furrow_budget_sub(furrow_budget_account *account, size_t bytes)
{
    account->bytes -= bytes;
    if (account->held - account->bytes >= 2 * FURROW_BUDGET_GRAIN) furrow_budget_settle(account);
}

/* It has @bytes now. 0 gives back all. */
static inline void furrow_budget_put(furrow_budget_account *account, size_t bytes)
{
    if (account->bytes == bytes && bytes > 0) return;
    account->bytes = bytes;
    furrow_budget_settle(account);
}

#endif
