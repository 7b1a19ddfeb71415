/* Full jitter: uniform over the whole range, so that clients that failed together do not come back together. */
#include "base/backoff.h"

#include "base/status.h"

#include <sodium.h>

/* base * 2^attempt, at most max, without overflow. */
static uint64_t range_ms(const furrow_backoff *backoff)
{
    uint64_t range = backoff->base_ms;
    for (unsigned i = 0; i < backoff->attempt && range < backoff->max_ms; i++) {
        if (range > backoff->max_ms / 2) return backoff->max_ms;
        range *= 2;
    }
    return range < backoff->max_ms ? range : backoff->max_ms;
}

uint64_t furrow_backoff_next_ms(furrow_backoff *backoff)
{
    uint64_t range = range_ms(backoff);
    if (backoff->attempt < 64) backoff->attempt++; /* past 64 doublings any range is at its maximum */
    if (range <= 1) return 1;
    FURROW_REQUIRE(sodium_init() >= 0);
    uint64_t random;
    randombytes_buf(&random, sizeof(random));
    return 1 + random % range;
}
