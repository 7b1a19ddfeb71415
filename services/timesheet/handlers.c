/* One function per method. The strokes of a day are one procedure in clock.c; here are correction and what a day comes to. */
#include "timesheet/clock.h"
#include "timesheet/closing.h"
#include "timesheet/v1/timesheet.server.h"

#include "base/clock.h"

furrow_status timesheet_clock_in(furrow_call *call, const Timesheet__V1__ClockInRequest *request,
                                 Timesheet__V1__DayState *response, furrow_error *err)
{
    const clock_request stroke = {request->employee_id, request->at, request->job_id, request->location_id, 0};
    return clock_stroke(call, workday_clock_in, "clocked_in", &stroke, response, err);
}

furrow_status timesheet_switch_job(furrow_call *call, const Timesheet__V1__SwitchJobRequest *request,
                                   Timesheet__V1__DayState *response, furrow_error *err)
{
    const clock_request stroke = {request->employee_id, request->at, request->job_id, request->location_id, 0};
    return clock_stroke(call, workday_switch_job, "switched_job", &stroke, response, err);
}

furrow_status timesheet_start_break(furrow_call *call, const Timesheet__V1__StartBreakRequest *request,
                                    Timesheet__V1__DayState *response, furrow_error *err)
{
    const clock_request stroke = {.employee_id = request->employee_id, .at = request->at, .kind = request->kind};
    return clock_stroke(call, workday_start_break, "break_started", &stroke, response, err);
}

furrow_status timesheet_end_break(furrow_call *call, const Timesheet__V1__EndBreakRequest *request,
                                  Timesheet__V1__DayState *response, furrow_error *err)
{
    const clock_request stroke = {.employee_id = request->employee_id, .at = request->at};
    return clock_stroke(call, workday_end_break, "break_ended", &stroke, response, err);
}

furrow_status timesheet_clock_out(furrow_call *call, const Timesheet__V1__ClockOutRequest *request,
                                  Timesheet__V1__DayState *response, furrow_error *err)
{
    const clock_request stroke = {.employee_id = request->employee_id, .at = request->at};
    return clock_stroke(call, workday_clock_out, "clocked_out", &stroke, response, err);
}

/* By every look at an employee's days, also this one. What may still be carried over today stays. */
furrow_status timesheet_correct_day_prepare(furrow_call *call, const Timesheet__V1__CorrectDayRequest *request,
                                            furrow_error *err)
{
    char employee_id[FURROW_ID_MAX + 1];
    workday_window window;
    furrow_status status = workday_window_of_id(request->id, (int)clock_config.day_start_hour, &window, err);
    if (status != FURROW_OK) return status;
    snprintf(employee_id, sizeof employee_id, "%.*s", (int)(strrchr(request->id, '_') - request->id), request->id);
    closing old = {.service = furrow_service_of(call),
                   .employee_id = employee_id,
                   .now_ns = furrow_clock_wall_ns(),
                   .spared = request->id};
    old.until_ns = clock_window_at(clock_window_at(old.now_ns).start_ns - 1).start_ns;
    return closing_close_all(&old, furrow_call_arena(call), err);
}

furrow_status timesheet_correct_day(const timesheet_correct_day_known *known, Timesheet__V1__WorkDay *next,
                                    furrow_error *err)
{
    workday_window window;
    furrow_status status = workday_window_of_id(known->id, (int)clock_config.day_start_hour, &window, err);
    return status == FURROW_OK ? workday_correct(known, &window, next, err) : status;
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
