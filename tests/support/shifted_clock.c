/*
 * For LD_PRELOAD: wall clocks that are FURROW_TEST_CLOCK_AHEAD_S seconds ahead (or, negative, behind); others stay. Who waits on a
 * condition until a moment of the wall's waits until that of the real one: else, with clocks behind, it would not wait.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SURELY_WALL 1000000000 /* no machine has run for so many seconds */

static time_t seconds_ahead(void)
{
    const char *ahead = getenv("FURROW_TEST_CLOCK_AHEAD_S");
    return ahead ? (time_t)atoll(ahead) : 0;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME && result == 0) now->tv_sec += seconds_ahead();
    return result;
}

__attribute__((visibility("default"))) time_t time(time_t *out)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

__attribute__((visibility("default"))) int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                                                  const struct timespec *until)
{
    struct timespec real = *until;
    if (until->tv_sec < SURELY_WALL) return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
    real.tv_sec -= seconds_ahead();
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
}
