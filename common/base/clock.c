/* The two clocks of the kernel, read through the vDSO: no system call. Depends on nothing. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

uint64_t furrow_clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * FURROW_NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t furrow_clock_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * (int64_t)FURROW_NS_PER_S + now.tv_nsec;
}

void furrow_clock_format(int64_t wall_ns, char *out)
{
    time_t seconds = (time_t)(wall_ns / (int64_t)FURROW_NS_PER_S);
    long ns = (long)(wall_ns % (int64_t)FURROW_NS_PER_S);
    if (ns < 0) { /* before 1970: division rounds towards zero, a clock does not */
        seconds--;
        ns += (long)FURROW_NS_PER_S;
    }
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t len = strftime(out, 36, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + len, 36 - len, ".%09ldZ", ns);
}
