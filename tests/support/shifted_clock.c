/* For LD_PRELOAD: wall clocks that are FURROW_TEST_CLOCK_AHEAD_S seconds ahead (or, negative, behind); others stay. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *ahead = clock == CLOCK_REALTIME ? getenv("FURROW_TEST_CLOCK_AHEAD_S") : NULL;
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (ahead && result == 0) now->tv_sec += (time_t)atoll(ahead);
    return result;
}

__attribute__((visibility("default"))) time_t time(time_t *out)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
