/**
 * google.protobuf.Timestamp and Duration as timestamp.proto and duration.proto bound them. The reason why one is none,
 * a constant text, or NULL. Pure.
 */
#ifndef FURROW_WIRE_MOMENT_H
#define FURROW_WIRE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#define FURROW_MOMENT_NANOS       1000000000       /* of a second */
#define FURROW_MOMENT_SECONDS_MIN (-62135596800LL) /* 0001-01-01T00:00:00Z */
#define FURROW_MOMENT_SECONDS_MAX 253402300799LL   /* 9999-12-31T23:59:59Z */
#define FURROW_MOMENT_LENGTH_MAX  315576000000LL   /* of a duration in seconds: 10,000 years */

const char *furrow_moment_check_timestamp(int64_t seconds, int32_t nanos);
const char *furrow_moment_check_duration(int64_t seconds, int32_t nanos);

/* Days since 1970-01-01 in the proleptic Gregorian calendar, of a day of the year 0 or later. */
int64_t furrow_moment_days(int64_t year, int64_t month, int64_t day);

/* In nanoseconds since 1970, which reach from 1677 to 2262; false when it does not fit. */
bool furrow_moment_ns(int64_t seconds, int32_t nanos, int64_t *out);

#endif
