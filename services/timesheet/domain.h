/**
 * The rules of working time. Pure: no NATS, no Redis, no clock; the time zone is the process's TZ.
 *
 * A WorkDay is one employee's day from the farm's day boundary to the next (its window). Invariants of every state:
 *   - entries are in order, none overlaps another, all lie within the window;
 *   - only the last may lack an end, exactly while the day is OPEN.
 * As windows do not overlap, no two days of an employee can; and as a day is one entity, one compare-and-set guards it
 * all.
 */
#ifndef FURROW_TIMESHEET_DOMAIN_H
#define FURROW_TIMESHEET_DOMAIN_H

#include "base/arena.h"
#include "base/id.h"

#include "timesheet/v1/timesheet.pb-c.h"

#include <stdbool.h>

#define TIMESHEET_ENTRIES_MAX     96
#define TIMESHEET_CORRECTIONS_MAX 32
#define TIMESHEET_EMPLOYEE_ID_MAX 48
#define TIMESHEET_YEAR_MAX        2261        /* the last whole one of 64 bits of nanoseconds */
#define TIMESHEET_PAST_S          (36 * 3600) /* how late a clock may report */
#define TIMESHEET_FUTURE_S        (5 * 60)    /* how far a clock may be ahead */

typedef struct workday_window {
    char date[11]; /* "2026-11-23" */
    int64_t start_ns, end_ns;
} workday_window;

/* The day that @at_ns belongs to, when days begin at @day_start_hour local time. */
workday_window workday_window_at(int64_t at_ns, int day_start_hour);

/* "<employee id>_<yyyymmdd>" */
void workday_day_id(const char *employee_id, const workday_window *window, char out[FURROW_ID_MAX + 1]);

/* The window of the day called @day_id; INVALID_ARGUMENT when it is no day's id. */
furrow_status workday_window_of_id(const char *day_id, int day_start_hour, workday_window *out,
                                   furrow_error *err) FURROW_MUST_USE;

/* When it happened: @at or, if NULL, @now_ns. INVALID_ARGUMENT outside of what clocks may report. */
furrow_status workday_check_at(const Google__Protobuf__Timestamp *at, int64_t now_ns, int64_t *at_ns,
                               furrow_error *err) FURROW_MUST_USE;

/* May @employee work on @job at @location? Each as this service keeps it, NULL when unknown. FAILED_PRECONDITION says
 * which and why. */
furrow_status workday_check_facts(const char *employee_id, const Timesheet__V1__Employee *employee, const char *job_id,
                                  const Timesheet__V1__Job *job, const char *location_id,
                                  const Timesheet__V1__Location *location, furrow_error *err) FURROW_MUST_USE;

/* What happens at a moment of a day. job_id and location_id for clock-in and switch; kind for a break. */
typedef struct workday_stroke {
    const char *day_id, *employee_id, *job_id, *location_id;
    Timesheet__V1__EntryKind kind;
    int64_t at_ns, now_ns;
    workday_window window;
} workday_stroke;

/**
 * From @current (NULL: no such day yet) to *next. FAILED_PRECONDITION: what is wrong with the day ("already clocked in
 * since …"). Results live in the arena or share memory with the inputs.
 */
typedef furrow_status workday_rule(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                   furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err);
workday_rule workday_clock_in, workday_switch_job, workday_start_break, workday_end_break, workday_clock_out;

bool workday_is_open(const Timesheet__V1__WorkDay *day);

/* Closes an open day at @at_ns, at its running entry's start or the window's end at the nearest; @by says who did. */
furrow_status workday_close(const Timesheet__V1__WorkDay *current, const workday_window *window, int64_t at_ns,
                            int64_t now_ns, const char *by, furrow_arena *arena, Timesheet__V1__WorkDay **next,
                            furrow_error *err) FURROW_MUST_USE;

/*
 * Has the employment in which @day was clocked in ended, as far as @employee (as kept here; NULL: deleted) tells? What
 * counts is when, not that the end itself was seen: a rehire may have come on top of it. *ended_ns: when.
 */
bool workday_is_over(const Timesheet__V1__WorkDay *day, const Timesheet__V1__Employee *employee, int64_t now_ns,
                     int64_t *ended_ns);

/* Closes an open day because the employment ended at @ended_ns, or at its boundary, if that came first. */
furrow_status workday_end(const Timesheet__V1__WorkDay *current, const workday_window *window, int64_t ended_ns,
                          int64_t now_ns, furrow_arena *arena, Timesheet__V1__WorkDay **next,
                          furrow_error *err) FURROW_MUST_USE;

/* The same day once more, so that whoever decided on the state of before has to decide again. */
furrow_status workday_renew(const Timesheet__V1__WorkDay *current, int64_t now_ns, furrow_arena *arena,
                            Timesheet__V1__WorkDay **next, furrow_error *err) FURROW_MUST_USE;

/* FAILED_PRECONDITION for work that would begin at @at_ns, before the latest employment ended. */
furrow_status workday_check_begin(const Timesheet__V1__Employee *employee, int64_t at_ns,
                                  furrow_error *err) FURROW_MUST_USE;

/* The day in @stroke->window that goes on, from its first moment, with what runs at the end of @before. */
furrow_status workday_carry_over(const Timesheet__V1__WorkDay *before, const workday_stroke *stroke,
                                 furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err) FURROW_MUST_USE;

/* A closed day without entries: it exists so that nobody can create it any more. */
furrow_status workday_fence(const workday_stroke *stroke, const char *by, furrow_arena *arena,
                            Timesheet__V1__WorkDay **next, furrow_error *err) FURROW_MUST_USE;

/* Replaces the entries of an existing day. INVALID_ARGUMENT names the entry. */
furrow_status workday_correct(const Timesheet__V1__WorkDay *current, const Timesheet__V1__CorrectDayRequest *request,
                              const workday_window *window, int64_t now_ns, furrow_arena *arena,
                              Timesheet__V1__WorkDay **next, furrow_error *err) FURROW_MUST_USE;

/* Work (with rest) and meal time; a running entry counts up to @now_ns, at most to the window's end. */
void workday_totals(const Timesheet__V1__WorkDay *day, const workday_window *window, int64_t now_ns, int64_t *work_s,
                    int64_t *meal_s);

#endif
