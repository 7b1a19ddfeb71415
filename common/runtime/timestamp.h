/** google.protobuf.Timestamp to and from nanoseconds since 1970. Pure. */
#ifndef FURROW_RUNTIME_TIMESTAMP_H
#define FURROW_RUNTIME_TIMESTAMP_H

#include "base/arena.h"

#include "google/protobuf/timestamp.pb-c.h"

/* In @arena; NULL past its limit. */
Google__Protobuf__Timestamp *furrow_timestamp_new(int64_t wall_ns, furrow_arena *arena);

/* @timestamp NULL is 0. */
int64_t furrow_timestamp_ns(const Google__Protobuf__Timestamp *timestamp);

#endif
