/*
 * See closing.h. The ids of an employee's days differ in their dates alone, so their order is that of the days.
 *
 * The reaction to the end of an employment is decided from what the employee's state carries (ended_at), not from seeing
 * the termination: a rehire may be all that comes here. It may run any number of times. Two looks at the days: those
 * that a clock may still report strokes of, in the log, so that none that was written a moment ago is overlooked, and
 * none that a clock-in in flight could still open; and whatever the index says is open, however old.
 */
#include "timesheet/closing.h"

#include "base/clock.h"
#include "timesheet/clock.h"
#include "timesheet/v1/timesheet.access.h"
#include "timesheet/v1/timesheet.server.h"

#define PAGE      64
#define RECENT_NS ((int64_t)600 * (int64_t)FURROW_NS_PER_S) /* longer than any clock-in is in flight */

/* A day that is weighed. */
typedef struct weighing {
    const closing *who;
    workday_stroke stroke;
    bool forgotten;
    bool fence; /* if it is not open: a clock-in that has read "employed" decides again, and is refused */
} weighing;

static furrow_status decide_closing(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    const weighing *old = arg;
    const closing *who = old->who;
    const Timesheet__V1__WorkDay *day = work_day_of(current);
    Timesheet__V1__WorkDay *next = NULL;
    furrow_status status = FURROW_OK;
    int64_t ended_ns = old->stroke.window.end_ns;
    bool open = workday_is_open(day), known = who->employee || who->ends;
    bool over = known && workday_is_over(day, who->employee, who->now_ns, &ended_ns);
    if (over || (open && old->forgotten))
        status = workday_end(day, &old->stroke.window, ended_ns, who->now_ns, arena, &next, err);
    else if (!open && old->fence)
        status = workday_fence(day, &old->stroke, arena, &next, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = open ? "closed" : "fenced"};
    return status;
}

static furrow_status write_closing(closing *who, weighing *old, furrow_arena *arena, furrow_error *err)
{
    furrow_command command = furrow_service_command(CLOCK_SIDE_WRITE_MS);
    furrow_write write = {
        .id = old->stroke.day_id, .command = &command, .from_log = who->ends, .decide = decide_closing, .arg = old};
    furrow_written written;
    furrow_status status = work_day_write(who->service, &write, arena, &written, err);
    if (status == FURROW_OK) return status;
    furrow_wrap(err, "close day %s", write.id);
    if (status != FURROW_DATA_LOSS) return status;
    who->damaged = status;
    return FURROW_OK;
}

static workday_stroke stroke_on(const closing *who, const char *id, const workday_window *window)
{
    return (workday_stroke){.day_id = id, .employee_id = who->employee_id, .now_ns = who->now_ns, .window = *window};
}

static furrow_status weigh_day(closing *who, const char *id, bool is_newest, furrow_arena *arena, furrow_error *err)
{
    workday_window window;
    if (who->spared && strcmp(id, who->spared) == 0) return FURROW_OK;
    if (workday_window_of_id(id, (int)clock_config.day_start_hour, &window, NULL) != FURROW_OK) return FURROW_OK;
    weighing old = {.who = who, .stroke = stroke_on(who, id, &window)};
    old.forgotten = !is_newest || window.end_ns <= who->until_ns;
    return old.forgotten || who->ends ? write_closing(who, &old, arena, err) : FURROW_OK;
}

furrow_status closing_close_listed(closing *who, const char *const ids[], size_t count, furrow_arena *arena,
                                   furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < count; i++)
        status = weigh_day(who, ids[i], i + 1 == count, arena, err);
    return status;
}

/* Each once it is known whether there is a newer one. */
furrow_status closing_close_all(closing *who, furrow_arena *arena, furrow_error *err)
{
    const char *newest = NULL;
    furrow_ids open = {0};
    furrow_status status;
    do {
        status = work_day_ids_by_open_employee_id(who->service, who->employee_id, PAGE, open.next, arena, &open, err);
        for (size_t i = 0; status == FURROW_OK && i < open.count; i++) {
            if (newest) status = weigh_day(who, newest, false, arena, err);
            newest = open.ids[i];
        }
    } while (status == FURROW_OK && open.next);
    return status == FURROW_OK && newest ? weigh_day(who, newest, true, arena, err) : status;
}

/* Those that a clock may still report strokes of. */
static furrow_status end_recent_days(closing *who, bool fence, furrow_arena *arena, furrow_error *err)
{
    int64_t last_ns = who->now_ns + TIMESHEET_FUTURE_S * (int64_t)FURROW_NS_PER_S;
    int64_t at_ns = who->now_ns - clock_config.late_hours * 3600 * (int64_t)FURROW_NS_PER_S;
    furrow_status status = FURROW_OK;
    while (status == FURROW_OK && at_ns <= last_ns) {
        char day_id[FURROW_ID_MAX + 1];
        workday_window window = clock_window_at(at_ns);
        workday_day_id(who->employee_id, &window, day_id);
        weighing day = {.who = who, .stroke = stroke_on(who, day_id, &window), .fence = fence};
        status = write_closing(who, &day, arena, err);
        at_ns = window.end_ns;
    }
    return status;
}

static bool is_active(const Timesheet__V1__Employee *employee)
{
    return employee && employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
}

/* May a clock-in be in flight that has read the employee as employed, before what is known now? Where it is not known
 * what was here before (a table that was built anew), only of an end a moment ago. */
static bool may_be_in_flight(const Timesheet__V1__Employee *before, const Timesheet__V1__Employee *now, int64_t now_ns)
{
    if (!now) return is_active(before);
    int64_t ended_ns = furrow_timestamp_ns(now->ended_at);
    if (!before) return ended_ns > now_ns - RECENT_NS;
    return is_active(before) != is_active(now) || furrow_timestamp_ns(before->ended_at) != ended_ns;
}

furrow_status timesheet_on_employee_change(furrow_service *service, const char *id,
                                           const Timesheet__V1__Employee *before, const Timesheet__V1__Employee *now,
                                           furrow_arena *arena, furrow_error *err)
{
    closing end = {.service = service, .employee_id = id, .employee = now, .now_ns = furrow_clock_wall_ns()};
    end.ends = true;
    if ((is_active(now) && !now->ended_at) || strlen(id) > TIMESHEET_EMPLOYEE_ID_MAX) return FURROW_OK;
    furrow_status status = end_recent_days(&end, may_be_in_flight(before, now, end.now_ns), arena, err);
    if (status == FURROW_OK) status = closing_close_all(&end, arena, err);
    return status == FURROW_OK ? end.damaged : status;
}
