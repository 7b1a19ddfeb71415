/* Timestamps of messages; see timestamp.h. */
#include "runtime/timestamp.h"

#include "base/clock.h"
#include "wire/moment.h"

#include <time.h>

#define NS ((int64_t)FURROW_NS_PER_S)

Google__Protobuf__Timestamp *furrow_timestamp_new(int64_t wall_ns, furrow_arena *arena)
{
    Google__Protobuf__Timestamp *timestamp = furrow_arena_alloc(arena, sizeof *timestamp);
    if (!timestamp) return NULL;
    google__protobuf__timestamp__init(timestamp);
    timestamp->seconds = wall_ns / NS;
    timestamp->nanos = (int32_t)(wall_ns % NS);
    if (timestamp->nanos < 0) { /* before 1970: they count forward all the same */
        timestamp->seconds--;
        timestamp->nanos += FURROW_MOMENT_NANOS;
    }
    return timestamp;
}

Google__Protobuf__Timestamp *furrow_timestamp_after(const Google__Protobuf__Timestamp *previous, int64_t wall_ns,
                                                    furrow_arena *arena)
{
    int64_t previous_ns = previous ? furrow_timestamp_ns(previous) : wall_ns;
    return furrow_timestamp_new(previous_ns > wall_ns ? previous_ns : wall_ns, arena);
}

furrow_status furrow_timestamp_read(const char *field, const Google__Protobuf__Timestamp *timestamp, int64_t *ns,
                                    furrow_error *err)
{
    int64_t unused;
    if (!timestamp) return furrow_fail_field(err, field, "is required");
    const char *wrong = furrow_moment_check_timestamp(timestamp->seconds, timestamp->nanos);
    if (!wrong && !furrow_moment_ns(timestamp->seconds, timestamp->nanos, ns ? ns : &unused))
        wrong = "is not of the years 1678 to 2261";
    return wrong ? furrow_fail_field(err, field, "%s", wrong) : FURROW_OK;
}

int64_t furrow_timestamp_ns(const Google__Protobuf__Timestamp *timestamp)
{
    int64_t ns = 0;
    if (!timestamp) return 0;
    return furrow_moment_ns(timestamp->seconds, timestamp->nanos, &ns) ? ns
           : timestamp->seconds < 0                                    ? INT64_MIN
                                                                       : INT64_MAX;
}

char *furrow_timestamp_date(int64_t wall_ns, furrow_arena *arena)
{
    time_t at = (time_t)(wall_ns / (int64_t)FURROW_NS_PER_S - (wall_ns % (int64_t)FURROW_NS_PER_S < 0));
    struct tm local;
    char text[sizeof "2026-11-23"];
    localtime_r(&at, &local);
    strftime(text, sizeof text, "%Y-%m-%d", &local);
    return furrow_arena_strdup(arena, text);
}

static int64_t digits_value(const char *digits, size_t len)
{
    int64_t number = 0;
    for (size_t i = 0; i < len; i++) number = number * 10 + (digits[i] - '0');
    return number;
}

int64_t furrow_timestamp_days(const char *date)
{
    return furrow_moment_days(digits_value(date, 4), digits_value(date + 5, 2), digits_value(date + 8, 2));
}
