/* See moment.h. */
#include "wire/moment.h"

#include <stddef.h>

const char *furrow_moment_check_timestamp(int64_t seconds, int32_t nanos)
{
    if (seconds < FURROW_MOMENT_SECONDS_MIN || seconds > FURROW_MOMENT_SECONDS_MAX)
        return "the time is out of range: it is of the years 1 to 9999";
    return nanos < 0 || nanos >= FURROW_MOMENT_NANOS ? "the time is out of range: its nanos are 0 to 999999999" : NULL;
}

const char *furrow_moment_check_duration(int64_t seconds, int32_t nanos)
{
    if (seconds < -FURROW_MOMENT_LENGTH_MAX || seconds > FURROW_MOMENT_LENGTH_MAX || nanos <= -FURROW_MOMENT_NANOS ||
        nanos >= FURROW_MOMENT_NANOS)
        return "the duration is out of range";
    if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
        return "seconds and nanos of a duration must have one sign";
    return NULL;
}

/* Years begin in March, so that the leap day is their last. */
int64_t furrow_moment_days(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, year_of_era = year % 400; /* year >= 0 here */
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

bool furrow_moment_ns(int64_t seconds, int32_t nanos, int64_t *out)
{
    int64_t whole, rest = nanos;

    /* Towards zero, since the first nanosecond that fits is in a second that does not. */
    if (seconds < 0 && rest > 0) {
        seconds++;
        rest -= FURROW_MOMENT_NANOS;
    }
    return !__builtin_mul_overflow(seconds, (int64_t)FURROW_MOMENT_NANOS, &whole) &&
           !__builtin_add_overflow(whole, rest, out);
}
