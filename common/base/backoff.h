/** Exponential back-off with full jitter, for reconnects and retries: delay n is uniform in (0, min(max, base * 2^n)].
 */
#ifndef FURROW_BASE_BACKOFF_H
#define FURROW_BASE_BACKOFF_H

#include <stdint.h>

typedef struct furrow_backoff {
    uint64_t base_ms, max_ms;
    unsigned attempt;
} furrow_backoff;

/* The next delay, at least 1 ms; each call doubles the range. furrow_backoff_reset after a success. */
uint64_t furrow_backoff_next_ms(furrow_backoff *backoff);
static inline void furrow_backoff_reset(furrow_backoff *backoff)
{
    backoff->attempt = 0;
}

#endif
