/**
 * Clock strokes: the five methods of a working day as one procedure. Reads all it needs (the day, the day before, what
 * is kept of employee, job and location, which days are open) in one round trip, decides by a rule of domain.h, writes
 * once. Asks nobody.
 */
#ifndef FURROW_TIMESHEET_CLOCK_H
#define FURROW_TIMESHEET_CLOCK_H

#include "runtime/service.h"
#include "timesheet/domain.h"

typedef struct clock_request {
    const char *employee_id;
    const Google__Protobuf__Timestamp *at;
    const char *job_id, *location_id; /* NULL: the rule begins no work on a job */
    Timesheet__V1__EntryKind kind;    /* of a break */
} clock_request;

/* @event in the past tense: "clocked_in". */
furrow_status clock_stroke(furrow_call *call, workday_rule *rule, const char *event, const clock_request *request,
                           Timesheet__V1__DayState *response, furrow_error *err) FURROW_MUST_USE;

#define CLOCK_SIDE_WRITE_MS 5000 /* for a write that no caller asked for */

/* The working day that @at_ns belongs to, by the settings. */
workday_window clock_window_at(int64_t at_ns);

typedef struct clock_settings {
    const char *time_zone;
    int64_t day_start_hour;
    int64_t late_hours; /* how late a clock may report */
} clock_settings;
extern clock_settings clock_config;

#endif
