/*
 * The reaction to the end of an employment: no work that began in it goes on. Decided from what the employee's state
 * carries (ended_at), not from seeing the termination: a rehire may be all that comes here. It may run any number of times.
 *
 * Whatever day of the employee is open and was clocked in before the latest employment ended is closed at that moment (at
 * the day's boundary, if that came first), and clock-ins in flight are kept from opening one. Two looks at the days: those that a clock may still report strokes of, in the log, so that
 * none that was written a moment ago is overlooked; and whatever the index says is open, however old.
 */
#include "base/clock.h"
#include "runtime/timestamp.h"
#include "timesheet/clock.h"
#include "timesheet/v1/timesheet.access.h"
#include "timesheet/v1/timesheet.server.h"

#include <string.h>

#define PAGE      16
#define RECENT_NS ((int64_t)600 * (int64_t)FURROW_NS_PER_S) /* longer than any clock-in is in flight */

typedef struct ending {
    furrow_service *service;
    const Timesheet__V1__Employee *employee; /* NULL: deleted */
    workday_stroke stroke;
    bool fence;
    furrow_status damaged; /* DATA_LOSS: of a day that is skipped */
} ending;

/* Closes the day, or fences it: a clock-in that read "employed" just before and is still in flight fails its
 * compare-and-set, reads again, and is refused. */
static furrow_status decide_ending(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    const ending *end = arg;
    const workday_stroke *stroke = &end->stroke;
    const Timesheet__V1__WorkDay *day = work_day_of(current);
    Timesheet__V1__WorkDay *next = NULL;
    int64_t ended_ns;
    furrow_status status = FURROW_OK;
    bool open = workday_is_open(day);
    if (workday_is_over(day, end->employee, stroke->now_ns, &ended_ns))
        status = workday_end(day, &stroke->window, ended_ns, stroke->now_ns, arena, &next, err);
    else if (end->fence && !open && day)
        status = workday_renew(day, stroke->now_ns, arena, &next, err);
    else if (end->fence && !open)
        status = workday_fence(stroke, "termination", arena, &next, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = open ? "closed" : "fenced"};
    return status;
}

/* A damaged day keeps none of the others open. */
static furrow_status end_day(ending *end, const char *id, furrow_arena *arena, furrow_error *err)
{
    furrow_command command = furrow_service_command(CLOCK_SIDE_WRITE_MS);
    furrow_write write = {.id = id, .command = &command, .from_log = true, .decide = decide_ending, .arg = end};
    furrow_written written;
    end->stroke.day_id = id;
    furrow_status status = work_day_write(end->service, &write, arena, &written, err);
    if (status == FURROW_OK) return status;
    furrow_wrap(err, "close day %s", id);
    if (status != FURROW_DATA_LOSS) return status;
    end->damaged = status;
    return FURROW_OK;
}

static furrow_status end_recent_days(ending *end, furrow_arena *arena, furrow_error *err)
{
    int64_t last_ns = end->stroke.now_ns + TIMESHEET_FUTURE_S * (int64_t)FURROW_NS_PER_S;
    int64_t at_ns = end->stroke.now_ns - TIMESHEET_PAST_S * (int64_t)FURROW_NS_PER_S;
    furrow_status status = FURROW_OK;
    for (; status == FURROW_OK && at_ns <= last_ns; at_ns = end->stroke.window.end_ns) {
        char day_id[FURROW_ID_MAX + 1];
        end->stroke.window = clock_window_at(at_ns);
        workday_day_id(end->stroke.employee_id, &end->stroke.window, day_id);
        status = end_day(end, day_id, arena, err);
    }
    return status;
}

static furrow_status end_open_days(ending *end, furrow_arena *arena, furrow_error *err)
{
    furrow_ids open = {0};
    furrow_status status;
    end->fence = false;
    do {
        status =
            work_day_ids_by_open_employee_id(end->service, end->stroke.employee_id, PAGE, open.next, arena, &open, err);
        for (size_t i = 0; status == FURROW_OK && i < open.count; i++) {
            if (workday_window_of_id(open.ids[i], (int)clock_config.day_start_hour, &end->stroke.window, NULL) !=
                FURROW_OK)
                continue;
            status = end_day(end, open.ids[i], arena, err);
        }
    } while (status == FURROW_OK && open.next);
    return status;
}

static bool is_active(const Timesheet__V1__Employee *employee)
{
    return employee && employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
}

static int64_t ended_ns_of(const Timesheet__V1__Employee *employee)
{
    return employee ? furrow_timestamp_ns(employee->ended_at) : 0;
}

/* May a clock-in be in flight that has read the employee as employed, before what is known now? Where it is not known
 * what was here before (a table that was built anew), only of an end a moment ago. */
static bool may_be_in_flight(const Timesheet__V1__Employee *before, const Timesheet__V1__Employee *now, int64_t now_ns)
{
    if (!now) return is_active(before);
    if (!before) return ended_ns_of(now) > now_ns - RECENT_NS;
    return is_active(before) != is_active(now) || ended_ns_of(before) != ended_ns_of(now);
}

furrow_status timesheet_on_employee_change(furrow_service *service, const char *id,
                                           const Timesheet__V1__Employee *before, const Timesheet__V1__Employee *now,
                                           furrow_arena *arena, furrow_error *err)
{
    int64_t now_ns = furrow_clock_wall_ns();
    if ((is_active(now) && !now->ended_at) || strlen(id) > TIMESHEET_EMPLOYEE_ID_MAX) return FURROW_OK;
    ending end = {.service = service,
                  .employee = now,
                  .stroke = {.employee_id = id, .now_ns = now_ns},
                  .fence = may_be_in_flight(before, now, now_ns)};
    furrow_status status = end_recent_days(&end, arena, err);
    if (status == FURROW_OK) status = end_open_days(&end, arena, err);
    return status == FURROW_OK ? end.damaged : status;
}
