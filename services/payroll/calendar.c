/* See calendar.h. */
#include "payroll/calendar.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define EMPLOYEE_ID_MAX 48

pay_calendar farm_calendar = {.anchor_day = 4, .weeks = 1}; /* 1970-01-05, a Monday */

bool calendar_day(const char *date, int64_t *out)
{
    if (furrow_input_date("date", date, NULL) != FURROW_OK) return false;
    *out = furrow_timestamp_days(date);
    return true;
}

char *calendar_date(int64_t day, char out[11])
{
    time_t midnight = (time_t)(day * 86400);
    struct tm date;
    gmtime_r(&midnight, &date);
    snprintf(out, 11, "%04u-%02u-%02u", (unsigned)(date.tm_year + 1900) % 10000, (unsigned)(date.tm_mon + 1) % 100,
             (unsigned)date.tm_mday % 100);
    return out;
}

int64_t calendar_period_of(const pay_calendar *calendar, int64_t day)
{
    int64_t length = calendar->weeks * CALENDAR_WEEK;
    int64_t within = (day - calendar->anchor_day) % length;
    return day - (within < 0 ? within + length : within);
}

int64_t calendar_period_after(const pay_calendar *calendar, int64_t first_day, int64_t periods)
{
    return first_day + periods * calendar->weeks * CALENDAR_WEEK;
}

void calendar_dated_id(const char *employee_id, int64_t day, char out[FURROW_ID_MAX + 1])
{
    char date[11];
    size_t len = strnlen(employee_id, EMPLOYEE_ID_MAX);
    calendar_date(day, date);
    memcpy(out, employee_id, len);
    out[len] = '_';
    memcpy(out + len + 1, date, 4);
    memcpy(out + len + 5, date + 5, 2);
    memcpy(out + len + 7, date + 8, 3); /* with its NUL */
}

furrow_status calendar_period_of_id(const pay_calendar *calendar, const char *field, const char *id, int64_t *out,
                                    furrow_error *err)
{
    int64_t day;
    char date[11];
    if (!calendar_day(id, &day))
        return furrow_fail_field(err, field, "\"%.20s\" is no period; one is called by its first day, as 2026-01-05",
                                 id);
    int64_t first = calendar_period_of(calendar, day);
    if (first != day)
        return furrow_fail_field(err, field, "no period begins on %.20s; the one that it lies in is %s", id,
                                 calendar_date(first, date));
    *out = day;
    return FURROW_OK;
}
