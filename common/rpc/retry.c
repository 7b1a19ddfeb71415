/* Retry budget and back-off; see retry.h. Depends on base. */
#include "rpc/retry.h"

#include "base/clock.h"
#include "base/task.h"

#define TOKENS_MAX  10.0
#define CALL_EARNS  0.1
#define RETRY_COSTS 1.0
#define BASE_MS     20
#define MAX_MS      1000

furrow_retry_budget furrow_retry_budget_make(void)
{
    return (furrow_retry_budget){.tokens = TOKENS_MAX};
}

furrow_retry furrow_retry_make(furrow_retry_budget *budget, unsigned attempts, uint64_t deadline_ns)
{
    budget->tokens = budget->tokens + CALL_EARNS < TOKENS_MAX ? budget->tokens + CALL_EARNS : TOKENS_MAX;
    return (furrow_retry){.budget = budget, .left = attempts, .deadline_ns = deadline_ns, .backoff = {.base_ms = BASE_MS, .max_ms = MAX_MS}};
}

uint64_t furrow_retry_attempt_deadline(const furrow_retry *retry)
{
    uint64_t now = furrow_clock_now_ns();
    if (retry->left <= 1 || retry->deadline_ns <= now) return retry->deadline_ns;
    return now + (retry->deadline_ns - now) / retry->left;
}

bool furrow_retry_again(furrow_retry *retry, furrow_status status)
{
    if (status != FURROW_UNAVAILABLE && status != FURROW_DEADLINE_EXCEEDED) return false;
    if (retry->left <= 1 || retry->budget->tokens < RETRY_COSTS) return false;
    uint64_t pause_ms = furrow_backoff_next_ms(&retry->backoff);
    if (furrow_clock_now_ns() + pause_ms * FURROW_NS_PER_MS >= retry->deadline_ns) return false;
    retry->left--;
    retry->budget->tokens -= RETRY_COSTS;
    furrow_task_sleep_ms(pause_ms);
    return true;
}
