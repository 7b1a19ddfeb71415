/* Retry budget and back-off; see retry.h. Depends on base. */
#include "rpc/retry.h"

#include "base/clock.h"
#include "base/task.h"

#define BUDGET_MAX  100 /* tenths */
#define CALL_EARNS  1
#define RETRY_COSTS 10
#define BASE_MS     20
#define MAX_MS      1000

furrow_retry_budget furrow_retry_budget_make(void)
{
    return (furrow_retry_budget){.tenths = BUDGET_MAX};
}

furrow_retry furrow_retry_make(furrow_retry_budget *budget, unsigned attempts, uint64_t attempt_ms,
                               uint64_t deadline_ns)
{
    if (budget->tenths < BUDGET_MAX) budget->tenths += CALL_EARNS;
    return (furrow_retry){.budget = budget,
                          .left = attempts,
                          .deadline_ns = deadline_ns,
                          .attempt_ns = attempt_ms * FURROW_NS_PER_MS,
                          .backoff = {.base_ms = BASE_MS, .max_ms = MAX_MS}};
}

uint64_t furrow_retry_attempt_deadline(const furrow_retry *retry, uint64_t now_ns)
{
    if (retry->left <= 1 || retry->attempt_ns == 0) return retry->deadline_ns;
    uint64_t own = now_ns + retry->attempt_ns;
    return own < retry->deadline_ns ? own : retry->deadline_ns;
}

bool furrow_retry_after(furrow_retry *retry, furrow_status status, int64_t retry_ms, uint64_t *pause_ms)
{
    if (status != FURROW_UNAVAILABLE && status != FURROW_DEADLINE_EXCEEDED) return false;
    if (retry->left <= 1 || retry->budget->tenths < RETRY_COSTS) return false;
    /* Jitter on top of what was asked for, so that all who were told the same do not come back together. */
    uint64_t pause = furrow_backoff_next_ms(&retry->backoff) + (retry_ms > 0 ? (uint64_t)retry_ms : 0);
    uint64_t now = furrow_clock_now_ns();
    if (now >= retry->deadline_ns || pause >= (retry->deadline_ns - now) / FURROW_NS_PER_MS) return false;
    retry->left--;
    retry->budget->tenths -= RETRY_COSTS;
    *pause_ms = pause;
    return true;
}

bool furrow_retry_again(furrow_retry *retry, furrow_status status, int64_t retry_ms)
{
    uint64_t pause_ms;
    if (!furrow_retry_after(retry, status, retry_ms, &pause_ms)) return false;
    furrow_task_sleep_ms(pause_ms);
    return true;
}
