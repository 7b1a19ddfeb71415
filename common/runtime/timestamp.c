/* Timestamps of messages. */
#include "runtime/timestamp.h"

#include "base/clock.h"

Google__Protobuf__Timestamp *furrow_timestamp_new(int64_t wall_ns, furrow_arena *arena)
{
    Google__Protobuf__Timestamp *timestamp = furrow_arena_alloc(arena, sizeof *timestamp);
    if (!timestamp) return NULL;
    google__protobuf__timestamp__init(timestamp);
    timestamp->seconds = wall_ns / (int64_t)FURROW_NS_PER_S;
    timestamp->nanos = (int32_t)(wall_ns % (int64_t)FURROW_NS_PER_S);
    return timestamp;
}

int64_t furrow_timestamp_ns(const Google__Protobuf__Timestamp *timestamp)
{
    return timestamp ? timestamp->seconds * (int64_t)FURROW_NS_PER_S + timestamp->nanos : 0;
}
