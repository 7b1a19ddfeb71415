/**
 * Which day a moment belongs to, for all services of the farm that go by its days. Pure, but for the rules of the process's time zone (TZ): the same moment has the same
 * day, whatever was asked before.
 *
 * Day D begins at the first moment at which the clocks on the wall read D at the hour of the farm's boundary, or later:
 * where that hour comes twice (clocks are put back), the first time; where it is left out (clocks are put forward), when
 * they jump. It ends where the next date's begins. So days follow each other without a gap and without overlap, in every
 * zone. A day is called by its date D.
 */
#ifndef FURROW_SERVICES_WINDOW_H
#define FURROW_SERVICES_WINDOW_H

#include "runtime/known.h"

#define TIMESHEET_EMPLOYEE_ID_MAX 48
#define TIMESHEET_DATE_MAX        "2261-12-31" /* of the last whole year of 64 bits of nanoseconds */

typedef struct workday_window {
    char date[11]; /* "2026-11-23" */
    int64_t start_ns, end_ns;
} workday_window;

/* The day that @at_ns belongs to, when days begin at @day_start_hour local time. */
workday_window workday_window_at(int64_t at_ns, int day_start_hour);

/*
 * The same. Nearly all that is asked for is of the last days, and a zone's rules cost more than the rest of a stroke: the
 * newest windows are kept. Threads: one.
 */
workday_window workday_window_kept(int64_t at_ns, int day_start_hour);

/* "<employee id>_<yyyymmdd>" */
void workday_day_id(const char *employee_id, const workday_window *window, char out[FURROW_ID_MAX + 1]);

/* The window of the day called @day_id; INVALID_ARGUMENT when it is no day's id. */
furrow_status workday_window_of_id(const char *day_id, int day_start_hour, workday_window *out,
                                   furrow_error *err) FURROW_MUST_USE;

#endif
