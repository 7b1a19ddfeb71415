/* The rules of states, and how a period is closed. Depends on generated types, calendar.h and input checks only. */
#include "payroll/calendar.h"

#include <string.h>

#define DAY_NS  ((int64_t)86400 * (int64_t)FURROW_NS_PER_S)
#define EAST_NS ((int64_t)14 * 3600 * (int64_t)FURROW_NS_PER_S) /* of the clocks that are furthest ahead */

furrow_status payroll_check_pay_period(const Payroll__V1__PayPeriod *period, furrow_error *err)
{
    int64_t first, last;
    if (!calendar_day(period->id, &first)) return furrow_fail_field(err, "id", "\"%.20s\" is no date", period->id);
    if (!calendar_day(period->last_date, &last) || last < first || (last - first + 1) % CALENDAR_WEEK != 0)
        return furrow_fail_field(err, "last_date", "\"%.20s\" ends no whole workweeks that began on %s",
                                 period->last_date, period->id);
    return furrow_timestamp_read("updated_at", period->updated_at, NULL, err);
}

furrow_status payroll_check_statement(const Payroll__V1__Statement *statement, furrow_error *err)
{
    int64_t day, gross = 0;
    char id[FURROW_ID_MAX + 1];
    if (!calendar_day(statement->period_id, &day))
        return furrow_fail_field(err, "period_id", "\"%.20s\" is no date", statement->period_id);
    calendar_dated_id(statement->employee_id, day, id);
    if (strcmp(id, statement->id) != 0)
        return furrow_fail_field(err, "id", "is not %s, as its employee and period say", id);
    for (size_t i = 0; i < statement->n_lines; i++) {
        const Payroll__V1__Line *line = statement->lines[i];
        int64_t earlier;
        if (__builtin_add_overflow(gross, line->cents, &gross))
            return furrow_fail_field(err, "gross_cents", "does not fit");
        if (line->adjusts[0] && (!calendar_day(line->adjusts, &earlier) || earlier >= day))
            return furrow_fail_field(err, "lines.adjusts", "\"%.20s\" is no earlier period", line->adjusts);
    }
    if (gross != statement->gross_cents) return furrow_fail_field(err, "gross_cents", "is not the sum of the lines");
    return furrow_timestamp_read("updated_at", statement->updated_at, NULL, err);
}

furrow_status payroll_close_period(const payroll_close_period_known *known, Payroll__V1__PayPeriod *next,
                                   furrow_error *err)
{
    int64_t first;
    char date[11];
    if (known->pay_period) return FURROW_OK;
    furrow_status status = calendar_period_of_id(&farm_calendar, "id", known->id, &first, err);
    if (status != FURROW_OK) return status;
    int64_t last = calendar_period_after(&farm_calendar, first, 1) - 1;
    /* Where its days end is the farm's affair, and what comes later is adjusted: refused is what is over nowhere. */
    if (known->now_ns < (last + 1) * DAY_NS - EAST_NS)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "PERIOD_NOT_OVER",
                                  "the period %s is not over; its last day is %s", known->id,
                                  calendar_date(last, date));
    next->last_date = furrow_arena_strdup(known->arena, calendar_date(last, date));
    next->status = PAYROLL__V1__PERIOD_STATUS__PERIOD_STATUS_CLOSED;
    next->closed_by = known->request->by;
    return next->last_date ? FURROW_OK : furrow_known_no_memory(err);
}
