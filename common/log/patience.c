/* See patience.h. May depend on base. */
#include "log/patience.h"

#include "base/clock.h"
#include "base/task.h"

#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 250
#define ATTEMPT_NS   (1000 * FURROW_NS_PER_MS)
#define ANSWER_NS    (50 * FURROW_NS_PER_MS) /* left of a call's time, for the answer to travel */

furrow_patience furrow_patience_make(uint64_t deadline_ns)
{
    return (furrow_patience){.until_ns = deadline_ns > ANSWER_NS ? deadline_ns - ANSWER_NS : 0,
                             .backoff = {.base_ms = PAUSE_MIN_MS, .max_ms = PAUSE_MAX_MS}};
}

uint64_t furrow_patience_attempt(const furrow_patience *patience)
{
    uint64_t attempt = furrow_clock_now_ns() + ATTEMPT_NS;
    return attempt < patience->until_ns ? attempt : patience->until_ns;
}

bool furrow_patience_pause(furrow_patience *patience)
{
    furrow_waiter never = furrow_waiter_make();
    uint64_t now = furrow_clock_now_ns();
    uint64_t then = now + furrow_backoff_next_ms(&patience->backoff) * FURROW_NS_PER_MS;
    if (now >= patience->until_ns) return false;
    (void)furrow_wait_aside(&never, then < patience->until_ns ? then : patience->until_ns);
    return furrow_clock_now_ns() < patience->until_ns;
}

bool furrow_patience_again(furrow_patience *patience, furrow_status status)
{
    bool passes = status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED;
    return passes && furrow_patience_pause(patience);
}
