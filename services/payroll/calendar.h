/**
 * Which pay period a day belongs to, and how what is dated is called. Periods follow each other on a grid, each of some
 * whole workweeks, so none overlaps another and every day is in one. Days are counted since 1970. Pure.
 */
#ifndef FURROW_PAYROLL_CALENDAR_H
#define FURROW_PAYROLL_CALENDAR_H

#include "payroll/v1/payroll.domain.h"

#define CALENDAR_WEEK 7

typedef struct pay_calendar {
    int64_t anchor_day; /* first day of a period: its weekday begins workweeks */
    int64_t weeks;      /* of a period */
} pay_calendar;

/* Of a date, "2026-11-23". False: it is none. */
bool calendar_day(const char *date, int64_t *out);
char *calendar_date(int64_t day, char out[11]);

/* The service's, as its settings say: set before it starts, and never again. */
extern pay_calendar farm_calendar;

/* First day of the period that @day lies in. */
int64_t calendar_period_of(const pay_calendar *calendar, int64_t day);
/* The first day of the period so many after (before, if negative) the one that begins on @first_day. */
int64_t calendar_period_after(const pay_calendar *calendar, int64_t first_day, int64_t periods);

/* "<employee id>_<yyyymmdd>", as days and statements are called. */
void calendar_dated_id(const char *employee_id, int64_t day, char out[FURROW_ID_MAX + 1]);

/* The first day of the period called @id. INVALID_ARGUMENT names @field: it is no date, or no period begins on it. */
furrow_status calendar_period_of_id(const pay_calendar *calendar, const char *field, const char *id, int64_t *out,
                                    furrow_error *err) FURROW_MUST_USE;

#endif
