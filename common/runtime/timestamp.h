/**
 * google.protobuf.Timestamp to and from nanoseconds since 1970. Pure.
 *
 * A Timestamp reaches from the year 1 to 9999, 64 bits of nanoseconds from 1677 to 2262: what does not fit is refused
 * where it comes in, by name, and never wraps.
 */
#ifndef FURROW_RUNTIME_TIMESTAMP_H
#define FURROW_RUNTIME_TIMESTAMP_H

#include "base/arena.h"
#include "base/status.h"

#include "google/protobuf/timestamp.pb-c.h"

/* In @arena; NULL past its limit. */
Google__Protobuf__Timestamp *furrow_timestamp_new(int64_t wall_ns, furrow_arena *arena);

/* When what follows @previous (NULL: nothing) happens, by a clock that says @wall_ns: never before it, since the clocks of
 * two processes differ, and one may be put back. In @arena; NULL past its limit. */
Google__Protobuf__Timestamp *furrow_timestamp_after(const Google__Protobuf__Timestamp *previous, int64_t wall_ns,
                                                    furrow_arena *arena);

/* The moment in @field; @ns may be NULL. INVALID_ARGUMENT when it is missing, no Timestamp (its seconds, its nanos) or does not fit into
 * nanoseconds. */
furrow_status furrow_timestamp_read(const char *field, const Google__Protobuf__Timestamp *timestamp, int64_t *ns,
                                    furrow_error *err) FURROW_MUST_USE;

/* Of one that has passed furrow_timestamp_read; NULL is 0, any other that does not fit the nearest that does. */
int64_t furrow_timestamp_ns(const Google__Protobuf__Timestamp *timestamp);

/* The day of that moment in the process's time zone (TZ): "2026-11-23". In @arena; NULL past its limit. */
char *furrow_timestamp_date(int64_t wall_ns, furrow_arena *arena);

/* Days since 1970-01-01 of a date that is one (furrow_input_date). */
int64_t furrow_timestamp_days(const char *date);

#endif
