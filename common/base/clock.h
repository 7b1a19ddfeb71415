/** The two clocks. Monotonic time is for deadlines and durations, wall time for what people and events read. */
#ifndef FURROW_BASE_CLOCK_H
#define FURROW_BASE_CLOCK_H

#include <stdint.h>

#define FURROW_NS_PER_MS 1000000ULL
#define FURROW_NS_PER_S  1000000000ULL

/* Deadlines everywhere are absolute monotonic nanoseconds; FURROW_NEVER means none. */
#define FURROW_NEVER UINT64_MAX

uint64_t furrow_clock_now_ns(void);
int64_t furrow_clock_wall_ns(void);

/* The deadline @ms from now. */
static inline uint64_t furrow_clock_in_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

/* RFC 3339 in UTC with nanoseconds ("2026-11-23T06:00:00.000000000Z"); @out has at least 36 bytes. */
void furrow_clock_format(int64_t wall_ns, char *out);

#endif
