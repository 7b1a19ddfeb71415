/*
 * The rules of states (see wire/rules.h) that are no rule of one field: of WorkDays, whoever made them, and of what is
 * kept of employees. The contract's come first, so that what they say holds here. Pure, and of no setting: a day stays
 * right when the farm moves its time zone or the hour its days begin. Depends on generated types and input checks
 * only.
 */
#include "timesheet/domain.h"

#define OPEN TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN
#define NS   ((int64_t)FURROW_NS_PER_S)
#define HOUR ((int64_t)3600)

/* Of a day's date at midnight in UTC: zones are 14 hours east to 12 west of it, days begin at 0 to 23 hours of their
 * date and have 25 hours at the most. */
#define EARLIEST_S (-14 * HOUR)
#define LATEST_S   ((23 + 12 + 25) * HOUR)

/* The rules are asked several times for each stroke: nothing is formatted but what is wrong. */

/* "<employee id>_<yyyymmdd>" */
static bool is_day_id(const char *id, const char *employee_id, const char *date)
{
    const char *mark = furrow_bytes_after(id, employee_id);
    if (!mark || *mark != '_' || strlen(mark + 1) != 8) return false;
    const char *d = mark + 1;
    return memcmp(d, date, 4) == 0 && memcmp(d + 4, date + 5, 2) == 0 && memcmp(d + 6, date + 8, 2) == 0;
}

/* Its id says whose day it is and which, and date and employee_id say the same. */
static furrow_status check_identity(const Timesheet__V1__WorkDay *day, workday_window *within, furrow_error *err)
{
    const char *d = day->date;
    furrow_status status = furrow_input_date("date", d, err);
    if (status != FURROW_OK) return status;
    if (!is_day_id(day->id, day->employee_id, d))
        return furrow_fail_field(err, "id", "is not that of its employee_id and date");
    if (strcmp(d, TIMESHEET_DATE_MAX) > 0) return furrow_fail_field(err, "date", "is after " TIMESHEET_DATE_MAX);
    int64_t midnight_s = furrow_timestamp_days(d) * 24 * HOUR; /* in UTC */
    within->start_ns = (midnight_s + EARLIEST_S) * NS;
    within->end_ns = (midnight_s + LATEST_S) * NS;
    return FURROW_OK;
}

/* Not before the one before it, and ended unless it is the running one. *from_ns moves on to its end. */
static furrow_status check_entry(const Timesheet__V1__Entry *entry, const char *field, bool runs,
                                 const workday_window *within, int64_t *from_ns, furrow_error *err)
{
    int64_t start_ns, end_ns;
    if (!entry->start || (!runs && !entry->end))
        return furrow_fail_field(err, field, runs ? "needs a start" : "needs start and end");
    furrow_status status = furrow_timestamp_read(field, entry->start, &start_ns, err);
    end_ns = start_ns;
    if (status == FURROW_OK && runs && entry->end)
        status = furrow_fail_field(err, field, "has ended, but the day is open");
    if (status == FURROW_OK && !runs) status = furrow_timestamp_read(field, entry->end, &end_ns, err);
    if (status != FURROW_OK) return status;
    if (end_ns < start_ns) return furrow_fail_field(err, field, "ends before it starts");
    if (start_ns < *from_ns) return furrow_fail_field(err, field, "starts before the one before it ends");
    if (start_ns < within->start_ns || end_ns > within->end_ns)
        return furrow_fail_field(err, field, "reaches outside of the day");
    *from_ns = end_ns;
    return FURROW_OK;
}

furrow_status workday_check_entries(const Timesheet__V1__WorkDay *day, const workday_window *window, furrow_error *err)
{
    bool open = day->status == OPEN;
    int64_t from_ns = window->start_ns;
    furrow_status status = FURROW_OK;
    if (open && day->n_entries == 0) return furrow_fail_field(err, "entries", "has none, but the day is open");
    for (size_t i = 0; status == FURROW_OK && i < day->n_entries; i++) {
        char field[40];
        bool runs = open && i + 1 == day->n_entries;
        int64_t before_ns = from_ns;
        status = check_entry(day->entries[i], "entries", runs, window, &from_ns, NULL);
        if (status == FURROW_OK) continue;
        snprintf(field, sizeof field, "entries[%zu]", i);
        status = check_entry(day->entries[i], field, runs, window, &before_ns, err);
    }
    return status;
}

static furrow_status check_corrections(const Timesheet__V1__WorkDay *day, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < day->n_corrections; i++)
        status = furrow_timestamp_read("corrections.at", day->corrections[i]->at, NULL, err);
    return status;
}

static furrow_status check_status(const Timesheet__V1__WorkDay *day, furrow_error *err)
{
    bool open = day->status == OPEN;
    if (strcmp(day->open_employee_id, open ? day->employee_id : "") != 0)
        return furrow_fail_field(err, "open_employee_id", "is the employee_id exactly while the day is open");
    if (open == !day->closed_by[0]) return FURROW_OK;
    return furrow_fail_field(err, "closed_by", open ? "is for a day that is closed" : "is required");
}

furrow_status timesheet_check_work_day(const Timesheet__V1__WorkDay *day, furrow_error *err)
{
    workday_window within = {.start_ns = 0};
    furrow_status status = check_identity(day, &within, err);
    if (status == FURROW_OK) status = check_status(day, err);
    if (status == FURROW_OK) status = workday_check_entries(day, &within, err);
    if (status == FURROW_OK) status = check_corrections(day, err);
    return status == FURROW_OK ? furrow_timestamp_read("updated_at", day->updated_at, NULL, err) : status;
}

furrow_status timesheet_check_employee(const Timesheet__V1__Employee *employee, furrow_error *err)
{
    return employee->ended_at ? furrow_timestamp_read("ended_at", employee->ended_at, NULL, err) : FURROW_OK;
}
