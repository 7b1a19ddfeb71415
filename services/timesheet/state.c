/*
 * The rules of states (see wire/rules.h): of WorkDays, whoever made them, and of what is kept of employees, jobs and
 * locations. Pure, and of no setting: a day stays right when the farm moves its time zone or the hour its days begin.
 * Depends on generated types and input checks only.
 */
#include "timesheet/domain.h"

#define OPEN   TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN
#define CLOSED TIMESHEET__V1__DAY_STATUS__DAY_STATUS_CLOSED
#define NS     ((int64_t)FURROW_NS_PER_S)
#define HOUR   ((int64_t)3600)

/* Of a day's date at midnight in UTC: zones are 14 hours east to 12 west of it, days begin at 0 to 23 hours of their
 * date and have 25 hours at the most. */
#define EARLIEST_S (-14 * HOUR)
#define LATEST_S   ((23 + 12 + 25) * HOUR)

typedef struct span {
    int64_t from_ns, to_ns;
} span;

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
static furrow_status check_identity(const Timesheet__V1__WorkDay *day, span *within, furrow_error *err)
{
    const char *d = day->date;
    furrow_status status = furrow_subject_check_id(day->employee_id, strlen(day->employee_id), "employee_id", err);
    if (status == FURROW_OK && strlen(day->employee_id) > TIMESHEET_EMPLOYEE_ID_MAX)
        status = furrow_fail_field(err, "employee_id", "has more than %d characters", TIMESHEET_EMPLOYEE_ID_MAX);
    if (status == FURROW_OK) status = furrow_input_date("date", d, err);
    if (status != FURROW_OK) return status;
    if (!is_day_id(day->id, day->employee_id, d))
        return furrow_fail_field(err, "id", "is not that of its employee_id and date");
    if (strcmp(d, TIMESHEET_DATE_MAX) > 0) return furrow_fail_field(err, "date", "is after " TIMESHEET_DATE_MAX);
    int64_t midnight_s = workday_days_of(d) * 24 * HOUR; /* in UTC */
    *within = (span){(midnight_s + EARLIEST_S) * NS, (midnight_s + LATEST_S) * NS};
    return FURROW_OK;
}

/* Not before the one before it, and ended unless it is the running one. *from_ns moves on to its end. */
static furrow_status check_entry(const Timesheet__V1__Entry *entry, const char *field, bool runs, const span *within,
                                 int64_t *from_ns, furrow_error *err)
{
    int64_t start_ns, end_ns;
    if (entry->kind < TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK ||
        entry->kind > TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST)
        return furrow_fail_field(err, field, "kind is %d: neither work, meal nor rest", (int)entry->kind);
    furrow_status status = furrow_timestamp_read(field, entry->start, &start_ns, err);
    end_ns = start_ns;
    if (status == FURROW_OK && runs && entry->end)
        status = furrow_fail_field(err, field, "has ended, but the day is open");
    if (status == FURROW_OK && !runs) status = furrow_timestamp_read(field, entry->end, &end_ns, err);
    if (status != FURROW_OK) return status;
    if (end_ns < start_ns) return furrow_fail_field(err, field, "ends before it starts");
    if (start_ns < *from_ns) return furrow_fail_field(err, field, "starts before the one before it ends");
    if (start_ns < within->from_ns || end_ns > within->to_ns) return furrow_fail_field(err, field, "is of another day");
    *from_ns = end_ns;
    status = furrow_subject_check_id(entry->job_id, strlen(entry->job_id), field, err);
    return status == FURROW_OK ? furrow_subject_check_id(entry->location_id, strlen(entry->location_id), field, err)
                               : status;
}

static furrow_status check_entries(const Timesheet__V1__WorkDay *day, const span *within, furrow_error *err)
{
    bool open = day->status == OPEN;
    int64_t from_ns = within->from_ns;
    furrow_status status = FURROW_OK;
    if (open && day->n_entries == 0) return furrow_fail_field(err, "entries", "has none, but the day is open");
    if (day->n_entries > TIMESHEET_ENTRIES_MAX)
        return furrow_fail_field(err, "entries", "has %zu; at most %d", day->n_entries, TIMESHEET_ENTRIES_MAX);
    for (size_t i = 0; status == FURROW_OK && i < day->n_entries; i++) {
        char field[40];
        bool runs = open && i + 1 == day->n_entries;
        int64_t before_ns = from_ns;
        status = check_entry(day->entries[i], "entries", runs, within, &from_ns, NULL);
        if (status == FURROW_OK) continue;
        snprintf(field, sizeof field, "entries[%zu]", i);
        status = check_entry(day->entries[i], field, runs, within, &before_ns, err);
    }
    return status;
}

static furrow_status check_corrections(const Timesheet__V1__WorkDay *day, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    if (day->n_corrections > TIMESHEET_CORRECTIONS_MAX)
        return furrow_fail_field(err, "corrections", "has %zu; at most %d", day->n_corrections,
                                 TIMESHEET_CORRECTIONS_MAX);
    for (size_t i = 0; status == FURROW_OK && i < day->n_corrections; i++) {
        const Timesheet__V1__Correction *correction = day->corrections[i];
        int64_t at_ns;
        status = furrow_timestamp_read("corrections.at", correction->at, &at_ns, err);
        if (status == FURROW_OK) status = furrow_input_text("corrections.by", correction->by, 1, 64, err);
        if (status == FURROW_OK) status = furrow_input_text("corrections.reason", correction->reason, 1, 200, err);
    }
    return status;
}

static furrow_status check_status(const Timesheet__V1__WorkDay *day, furrow_error *err)
{
    bool open = day->status == OPEN;
    if (!open && day->status != CLOSED)
        return furrow_fail_field(err, "status", "is %d: neither open nor closed", (int)day->status);
    if (strcmp(day->open_employee_id, open ? day->employee_id : "") != 0)
        return furrow_fail_field(err, "open_employee_id", "is the employee_id exactly while the day is open");
    return furrow_input_text("closed_by", day->closed_by, open ? 0 : 1, open ? 0 : 32, err);
}

furrow_status timesheet_check_work_day(const Timesheet__V1__WorkDay *day, furrow_error *err)
{
    int64_t updated_ns;
    span within = {0};
    furrow_status status = check_identity(day, &within, err);
    if (status == FURROW_OK) status = check_status(day, err);
    if (status == FURROW_OK) status = check_entries(day, &within, err);
    if (status == FURROW_OK) status = check_corrections(day, err);
    return status == FURROW_OK ? furrow_timestamp_read("updated_at", day->updated_at, &updated_ns, err) : status;
}

/* Of others' entities only what is relied on here: a status that the owner may add later is no fault. */
static furrow_status check_kept(const char *name_field, const char *name, int status, furrow_error *err)
{
    if (!name[0]) return furrow_fail_field(err, name_field, "is required");
    return status != 0 ? FURROW_OK : furrow_fail_field(err, "status", "is required");
}

furrow_status timesheet_check_employee(const Timesheet__V1__Employee *employee, furrow_error *err)
{
    int64_t ended_ns;
    furrow_status status = check_kept("display_name", employee->display_name, (int)employee->status, err);
    if (status == FURROW_OK && employee->ended_at)
        status = furrow_timestamp_read("ended_at", employee->ended_at, &ended_ns, err);
    return status;
}

furrow_status timesheet_check_job(const Timesheet__V1__Job *job, furrow_error *err)
{
    return check_kept("name", job->name, (int)job->status, err);
}

furrow_status timesheet_check_location(const Timesheet__V1__Location *location, furrow_error *err)
{
    return check_kept("name", location->name, (int)location->status, err);
}
