/* One function per method. The strokes of a day are one procedure in clock.c; here are correction and what a day comes to. */
#include "timesheet/clock.h"
#include "timesheet/forgotten.h"
#include "timesheet/v1/timesheet.access.h"
#include "timesheet/v1/timesheet.server.h"

#include "base/clock.h"
#include "runtime/input.h"

#include <stdio.h>
#include <string.h>

furrow_status timesheet_clock_in(furrow_call *call, const Timesheet__V1__ClockInRequest *request,
                                 Timesheet__V1__DayState *response, furrow_error *err)
{
    return clock_stroke(&(clock_request){.call = call,
                                         .rule = workday_clock_in,
                                         .event = "clocked_in",
                                         .employee_id = request->employee_id,
                                         .job_id = request->job_id,
                                         .location_id = request->location_id,
                                         .at = request->at},
                        response, err);
}

furrow_status timesheet_switch_job(furrow_call *call, const Timesheet__V1__SwitchJobRequest *request,
                                   Timesheet__V1__DayState *response, furrow_error *err)
{
    return clock_stroke(&(clock_request){.call = call,
                                         .rule = workday_switch_job,
                                         .event = "switched_job",
                                         .employee_id = request->employee_id,
                                         .job_id = request->job_id,
                                         .location_id = request->location_id,
                                         .at = request->at},
                        response, err);
}

furrow_status timesheet_start_break(furrow_call *call, const Timesheet__V1__StartBreakRequest *request,
                                    Timesheet__V1__DayState *response, furrow_error *err)
{
    return clock_stroke(&(clock_request){.call = call,
                                         .rule = workday_start_break,
                                         .event = "break_started",
                                         .employee_id = request->employee_id,
                                         .kind = request->kind,
                                         .at = request->at},
                        response, err);
}

furrow_status timesheet_end_break(furrow_call *call, const Timesheet__V1__EndBreakRequest *request,
                                  Timesheet__V1__DayState *response, furrow_error *err)
{
    return clock_stroke(&(clock_request){.call = call,
                                         .rule = workday_end_break,
                                         .event = "break_ended",
                                         .employee_id = request->employee_id,
                                         .at = request->at},
                        response, err);
}

furrow_status timesheet_clock_out(furrow_call *call, const Timesheet__V1__ClockOutRequest *request,
                                  Timesheet__V1__DayState *response, furrow_error *err)
{
    return clock_stroke(&(clock_request){.call = call,
                                         .rule = workday_clock_out,
                                         .event = "clocked_out",
                                         .employee_id = request->employee_id,
                                         .at = request->at},
                        response, err);
}

typedef struct correct_context {
    const Timesheet__V1__CorrectDayRequest *request;
    workday_window window;
} correct_context;

static furrow_status decide_correct(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    correct_context *context = arg;
    const Timesheet__V1__CorrectDayRequest *request = context->request;
    Timesheet__V1__WorkDay *next;
    if (current->message && request->version > 0 && (uint64_t)request->version != current->version)
        return furrow_fail(err, FURROW_ABORTED,
                           "day %s is at version %llu, the correction was made for %lld: read it again", request->id,
                           (unsigned long long)current->version, (long long)request->version);
    furrow_status status =
        workday_correct(work_day_of(current), request, &context->window, furrow_clock_wall_ns(), arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "corrected"};
    return status;
}

/* By every look at an employee's days, also this one. What may still be carried over today stays. */
static furrow_status close_forgotten_beside(furrow_call *call, const char *day_id, furrow_error *err)
{
    char employee_id[FURROW_ID_MAX + 1];
    int64_t now_ns = furrow_clock_wall_ns();
    workday_window before = clock_window_at(clock_window_at(now_ns).start_ns - 1);
    snprintf(employee_id, sizeof employee_id, "%.*s", (int)(strrchr(day_id, '_') - day_id), day_id);
    forgotten old = {.service = furrow_service_of(call),
                     .employee_id = employee_id,
                     .now_ns = now_ns,
                     .until_ns = before.start_ns,
                     .spared = day_id};
    return forgotten_close_all(&old, furrow_call_arena(call), err);
}

furrow_status timesheet_correct_day(furrow_call *call, const Timesheet__V1__CorrectDayRequest *request,
                                    Timesheet__V1__DayState *response, furrow_error *err)
{
    correct_context context = {.request = request};
    furrow_write write = {
        .id = request->id, .command = furrow_call_command(call), .decide = decide_correct, .arg = &context};
    furrow_written written;
    furrow_status status = workday_window_of_id(request->id, (int)clock_config.day_start_hour, &context.window, err);
    if (status == FURROW_OK) status = close_forgotten_beside(call, request->id, err);
    if (status == FURROW_OK)
        status = work_day_write(furrow_service_of(call), &write, furrow_call_arena(call), &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    clock_answer(&written.state, response);
    return FURROW_OK;
}

furrow_status timesheet_list_days_check(const Timesheet__V1__ListDaysRequest *request, furrow_error *err)
{
    return request->date[0] ? furrow_input_date("date", request->date, err) : FURROW_OK;
}

/* What a day comes to. */
furrow_status timesheet_list_days_show(Timesheet__V1__DaySummary *summary, int64_t now_ns, furrow_arena *arena,
                                       furrow_error *err)
{
    workday_window window;
    furrow_status status = workday_window_of_id(summary->day->id, (int)clock_config.day_start_hour, &window, err);
    if (status != FURROW_OK) return status;
    workday_totals(summary->day, &window, now_ns, &summary->work_seconds, &summary->meal_seconds);
    return FURROW_OK;
}
