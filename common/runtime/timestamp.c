/* Timestamps of messages; see timestamp.h. */
#include "runtime/timestamp.h"

#include "base/clock.h"

#include <stdbool.h>

#define NS          ((int64_t)FURROW_NS_PER_S)
#define SECONDS_MIN (-62135596800LL) /* 0001-01-01T00:00:00Z, timestamp.proto */
#define SECONDS_MAX 253402300799LL   /* 9999-12-31T23:59:59Z */

Google__Protobuf__Timestamp *furrow_timestamp_new(int64_t wall_ns, furrow_arena *arena)
{
    Google__Protobuf__Timestamp *timestamp = furrow_arena_alloc(arena, sizeof *timestamp);
    if (!timestamp) return NULL;
    google__protobuf__timestamp__init(timestamp);
    timestamp->seconds = wall_ns / NS - (wall_ns % NS < 0); /* nanos count forward, before 1970 too */
    timestamp->nanos = (int32_t)(wall_ns - timestamp->seconds * NS);
    return timestamp;
}

static bool fits(const Google__Protobuf__Timestamp *timestamp, int64_t *ns)
{
    /* Whole seconds towards zero first: the first of all nanoseconds is no whole second. */
    int64_t seconds = timestamp->seconds, nanos = timestamp->nanos;
    if (seconds < 0 && nanos > 0) {
        seconds++;
        nanos -= NS;
    }
    return !__builtin_mul_overflow(seconds, NS, &seconds) && !__builtin_add_overflow(seconds, nanos, ns);
}

furrow_status furrow_timestamp_read(const char *field, const Google__Protobuf__Timestamp *timestamp, int64_t *ns,
                                    furrow_error *err)
{
    if (!timestamp) return furrow_fail_field(err, field, "is required");
    if (timestamp->seconds < SECONDS_MIN || timestamp->seconds > SECONDS_MAX)
        return furrow_fail_field(err, field, "is no time of the years 1 to 9999");
    if (timestamp->nanos < 0 || timestamp->nanos >= NS)
        return furrow_fail_field(err, field, "has nanos of %d; they are 0 to 999999999", (int)timestamp->nanos);
    return fits(timestamp, ns) ? FURROW_OK : furrow_fail_field(err, field, "is not between the years 1678 and 2261");
}

int64_t furrow_timestamp_ns(const Google__Protobuf__Timestamp *timestamp)
{
    int64_t ns = 0;
    if (!timestamp) return 0;
    return fits(timestamp, &ns) ? ns : timestamp->seconds < 0 ? INT64_MIN : INT64_MAX;
}
