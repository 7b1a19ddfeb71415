/**
 * The rules of working time. Pure: no NATS, no Redis, no clock. Where days begin and end: window/window.h.
 *
 * A WorkDay is one employee's day from the farm's day boundary to the next (its window). Invariants of every state:
 *   - entries are in order, none overlaps another, all lie within the window;
 *   - only the last may lack an end, exactly while the day is OPEN.
 * As windows do not overlap, no two days of an employee can; and as a day is one entity, one compare-and-set guards it
 * all.
 */
#ifndef FURROW_TIMESHEET_DOMAIN_H
#define FURROW_TIMESHEET_DOMAIN_H

#include "timesheet/v1/timesheet.domain.h"
#include "window/window.h"

#define TIMESHEET_ENTRIES_MAX     96
#define TIMESHEET_CORRECTIONS_MAX 32
#define TIMESHEET_FUTURE_S        (5 * 60) /* how far a clock may be ahead */

/* When it happened: @at or, if NULL, @now_ns. INVALID_ARGUMENT outside of what clocks may report, up to @late_hours late. */
furrow_status workday_check_at(const Google__Protobuf__Timestamp *at, int64_t now_ns, int64_t late_hours,
                               int64_t *at_ns, furrow_error *err) FURROW_MUST_USE;

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

/*
 * Are the entries in order and within @window, and has each ended unless it is the running one of an open day? A field
 * error names the entry.
 */
furrow_status workday_check_entries(const Timesheet__V1__WorkDay *day, const workday_window *window,
                                    furrow_error *err) FURROW_MUST_USE;

bool workday_is_open(const Timesheet__V1__WorkDay *day);

/*
 * Now, for who does something that follows @day (NULL: nothing) and has a clock that says @now_ns: not before the last
 * moment in it. The clock of who wrote @day may be ahead of ours by any time, and a clock it believed by 5 minutes more.
 * What is later still a correction foretold; it is no reason to go on from there.
 */
int64_t workday_now_after(const Timesheet__V1__WorkDay *day, int64_t now_ns);

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

/* FAILED_PRECONDITION for work that would begin at @at_ns, before the latest employment ended. */
furrow_status workday_check_begin(const Timesheet__V1__Employee *employee, int64_t at_ns,
                                  furrow_error *err) FURROW_MUST_USE;

/* The day in @stroke->window that goes on, from its first moment, with what runs at the end of @before. */
furrow_status workday_carry_over(const Timesheet__V1__WorkDay *before, const workday_stroke *stroke,
                                 furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err) FURROW_MUST_USE;

/* The same day once more, so that whoever decided on the state of before has to decide again; where there is none, a
 * closed day without entries, so that nobody can create it any more: the employment has ended. */
workday_rule workday_fence;

/* Replaces the entries of an existing day: the decision on CorrectDay. INVALID_ARGUMENT names the entry. */
furrow_status workday_correct(const timesheet_correct_day_known *known, const workday_window *window,
                              Timesheet__V1__WorkDay *next, furrow_error *err) FURROW_MUST_USE;

/* Work (with rest) and meal time; a running entry counts up to @now_ns, at most to the window's end. */
void workday_totals(const Timesheet__V1__WorkDay *day, const workday_window *window, int64_t now_ns, int64_t *work_s,
                    int64_t *meal_s);

#endif
