/*
 * See window.h. A zone is asked one way only: what do its clocks read at this moment (localtime_r)? The other way,
 * mktime(), has several answers where clocks are put back and none where they are put forward, and takes whichever
 * offset it gave last. Local time is counted here in seconds as if it were UTC, days in days since 1970.
 */
#include "window/window.h"

#include <time.h>

#define NS    ((int64_t)FURROW_NS_PER_S)
#define HOUR  ((int64_t)3600)
#define DAY   (24 * HOUR)
#define REACH (17 * HOUR) /* further from UTC than the clocks of any zone were ever */

/* What the clocks read at @at_s less @at_s. */
static int64_t offset_at(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm local;
    localtime_r(&at, &local);
    return local.tm_gmtoff;
}

/* The first moment after @from_s at which the clocks are not @offset ahead any more; they are not at @to_s. */
static int64_t end_of_offset(int64_t from_s, int64_t to_s, int64_t offset)
{
    while (to_s - from_s > 1) {
        int64_t middle_s = from_s + (to_s - from_s) / 2;
        *(offset_at(middle_s) == offset ? &from_s : &to_s) = middle_s;
    }
    return to_s;
}

/*
 * The first moment at which the clocks read @local_s or later. From one change of the zone's offset to the next: at
 * @from_s nothing earlier can be it, and the offset is @offset.
 */
static int64_t first_moment(int64_t local_s)
{
    int64_t from_s = local_s - REACH, offset = offset_at(from_s);
    for (;;) {
        int64_t at_s = local_s - offset > from_s ? local_s - offset : from_s;
        if (offset_at(at_s) == offset) return at_s;
        from_s = end_of_offset(from_s, at_s, offset);
        offset = offset_at(from_s);
    }
}

static workday_window window_of_days(int64_t days, int day_start_hour)
{
    workday_window window = {.start_ns = first_moment(days * DAY + day_start_hour * HOUR) * NS,
                             .end_ns = first_moment((days + 1) * DAY + day_start_hour * HOUR) * NS};
    time_t midnight = (time_t)(days * DAY);
    struct tm date;
    gmtime_r(&midnight, &date);
    snprintf(window.date, sizeof window.date, "%04u-%02u-%02u", (unsigned)(date.tm_year + 1900) % 10000,
             (unsigned)(date.tm_mon + 1) % 100, (unsigned)date.tm_mday % 100);
    return window;
}

static int64_t floor_div(int64_t value, int64_t unit)
{
    return value / unit - (value % unit < 0);
}

workday_window workday_window_at(int64_t at_ns, int day_start_hour)
{
    int64_t at_s = floor_div(at_ns, NS);
    int64_t days = floor_div(at_s + offset_at(at_s) - day_start_hour * HOUR, DAY);
    workday_window window = window_of_days(days, day_start_hour);
    /* Where clocks were put back they may read the boundary's hour or less once more: the day has begun all the same. */
    while (at_ns >= window.end_ns) window = window_of_days(++days, day_start_hour);
    return window;
}

workday_window workday_window_kept(int64_t at_ns, int day_start_hour)
{
    static workday_window kept[4];
    static unsigned newest;
    static int of_hour;
    for (unsigned i = 0; i < 4 && of_hour == day_start_hour; i++)
        if (at_ns >= kept[i].start_ns && at_ns < kept[i].end_ns) return kept[i];
    if (of_hour != day_start_hour) memset(kept, 0, sizeof kept); /* windows do not overlap: those of one hour */
    of_hour = day_start_hour;
    newest = (newest + 1) % 4;
    kept[newest] = workday_window_at(at_ns, day_start_hour);
    return kept[newest];
}

void workday_day_id(const char *employee_id, const workday_window *window, char out[FURROW_ID_MAX + 1])
{
    const char *d = window->date;
    size_t len = strnlen(employee_id, TIMESHEET_EMPLOYEE_ID_MAX);
    memcpy(out, employee_id, len);
    out[len] = '_';
    memcpy(out + len + 1, d, 4);
    memcpy(out + len + 5, d + 5, 2);
    memcpy(out + len + 7, d + 8, 3); /* with its NUL */
}

furrow_status workday_window_of_id(const char *day_id, int day_start_hour, workday_window *out, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(day_id, strlen(day_id), "id", err);
    if (status != FURROW_OK) return status;
    const char *mark = strrchr(day_id, '_');
    char date[11] = "";
    if (mark && mark > day_id && strlen(mark) == 9 && strspn(mark + 1, "0123456789") == 8)
        snprintf(date, sizeof date, "%.4s-%.2s-%.2s", mark + 1, mark + 5, mark + 7);
    if (furrow_input_date("id", date, NULL) != FURROW_OK || strcmp(date, TIMESHEET_DATE_MAX) > 0)
        return furrow_fail_field(err, "id", "\"%.64s\" is no day; days are <employee id>_<yyyymmdd>", day_id);
    *out = window_of_days(furrow_timestamp_days(date), day_start_hour);
    return FURROW_OK;
}
