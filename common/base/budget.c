/*
 * The budget: three counters. They are the process's and not a loop's, since it is the process that the system kills.
 * Relaxed atomics are enough: nothing is published through them, and a limit that two threads pass by a chunk at the
 * same moment is still one. Depends on the C library alone.
 */
#include "base/budget.h"

#include <stdatomic.h>
#include <stdint.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define TRIM_WORTH ((size_t)1 << 20) /* less is not worth a walk through the heap */

static atomic_size_t used, refused, highest; /* highest: since the last trim */
static size_t limit;
static size_t untrimmed; /* the most that was in use since memory last went back */

static size_t load_counter(const atomic_size_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void furrow_budget_set_limit(size_t bytes)
{
    limit = bytes;
}

static size_t admitted_max(void)
{
    return limit - limit / 4;
}

static bool refuse_bytes(void)
{
    atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
    return false;
}

void furrow_budget_hold(size_t bytes)
{
    size_t now = atomic_fetch_add_explicit(&used, bytes, memory_order_relaxed) + bytes;
    if (now > load_counter(&highest)) atomic_store_explicit(&highest, now, memory_order_relaxed);
}

bool furrow_budget_take(size_t bytes)
{
    size_t now = load_counter(&used);
    if (limit && (now > limit || bytes > limit - now)) return refuse_bytes();
    furrow_budget_hold(bytes);
    return true;
}

void furrow_budget_give(size_t bytes)
{
    atomic_fetch_sub_explicit(&used, bytes, memory_order_relaxed);
}

bool furrow_budget_admits(size_t bytes)
{
    size_t now = load_counter(&used), most = admitted_max();
    return !limit || (now <= most && bytes <= most - now) || refuse_bytes();
}

bool furrow_budget_tight(void)
{
    return limit && load_counter(&used) > limit / 2;
}

furrow_budget_stats furrow_budget_stats_of_process(void)
{
    return (furrow_budget_stats){
        .used = load_counter(&used), .limit = limit, .admitted_max = admitted_max(), .refused = load_counter(&refused)};
}

/*
 * Not at once when memory is given back: the next burst would only fetch it again. What was needed at any time since
 * the last call counts as needed.
 */
void furrow_budget_trim(void)
{
    size_t needed = load_counter(&highest);
    atomic_store_explicit(&highest, load_counter(&used), memory_order_relaxed);
    if (needed > untrimmed) untrimmed = needed;
    if (untrimmed - needed < TRIM_WORTH) return;
    untrimmed = needed;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void furrow_budget_settle(furrow_budget_account *account)
{
    size_t grains = account->bytes / FURROW_BUDGET_GRAIN + (account->bytes % FURROW_BUDGET_GRAIN != 0);
    size_t held = grains * FURROW_BUDGET_GRAIN;
    if (held > account->held)
        furrow_budget_hold(held - account->held);
    else
        furrow_budget_give(account->held - held);
    account->held = held;
}
