/* One function per method. The strokes of a day are one procedure in clock.c; here are correction and reading. */
#include "timesheet/clock.h"
#include "timesheet/forgotten.h"
#include "timesheet/v1/timesheet.furrow.h"
#include "timesheet/v1/timesheet.server.h"

#include "base/clock.h"
#include "runtime/input.h"
#include "runtime/listing.h"

#include <stdio.h>
#include <string.h>

static furrow_entity *days(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &timesheet_v1_work_day_entity);
}

static const Timesheet__V1__WorkDay *day_of(const furrow_state *state)
{
    return (const Timesheet__V1__WorkDay *)state->message;
}

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
        workday_correct(day_of(current), request, &context->window, furrow_clock_wall_ns(), arena, &next, err);
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
    if (status == FURROW_OK) status = furrow_input_range("version", request->version, 0, INT64_MAX, err);
    if (status == FURROW_OK) status = close_forgotten_beside(call, request->id, err);
    if (status == FURROW_OK) status = furrow_entity_write(days(call), &write, furrow_call_arena(call), &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    clock_answer(&written.state, response);
    return FURROW_OK;
}

furrow_status timesheet_get_day(furrow_call *call, const Timesheet__V1__GetDayRequest *request,
                                Timesheet__V1__DayState *response, furrow_error *err)
{
    furrow_state state;
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status == FURROW_OK) status = furrow_entity_load(days(call), request->id, furrow_call_arena(call), &state, err);
    if (status != FURROW_OK) return status;
    if (!state.message) return furrow_fail(err, FURROW_NOT_FOUND, "no day %s", request->id);
    clock_answer(&state, response);
    return FURROW_OK;
}

static bool matches(const ProtobufCMessage *day, const void *request)
{
    const Timesheet__V1__ListDaysRequest *wanted = request;
    return !wanted->date[0] || strcmp(((const Timesheet__V1__WorkDay *)day)->date, wanted->date) == 0;
}

/* What a day comes to. */
static furrow_status summarise(Timesheet__V1__WorkDay *day, furrow_arena *arena, Timesheet__V1__DaySummary **out,
                               furrow_error *err)
{
    workday_window window;
    furrow_status status = workday_window_of_id(day->id, (int)clock_config.day_start_hour, &window, err);
    if (status != FURROW_OK) return status;
    Timesheet__V1__DaySummary *summary = furrow_arena_alloc(arena, sizeof *summary);
    if (!summary) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "ask for smaller pages");
    timesheet__v1__day_summary__init(summary);
    summary->day = day;
    workday_totals(day, &window, furrow_clock_wall_ns(), &summary->work_seconds, &summary->meal_seconds);
    *out = summary;
    return FURROW_OK;
}

/* The employees' names, from what is kept of them, in one round trip. */
static furrow_status add_names(furrow_call *call, Timesheet__V1__ListDaysResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    furrow_replica *employees = furrow_service_replica(furrow_service_of(call), &timesheet_v1_employee_replica);
    furrow_record_read *reads = furrow_arena_alloc(arena, (response->n_days + 1) * sizeof *reads);
    if (!reads) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "ask for smaller pages");
    if (response->n_days == 0) return FURROW_OK;
    for (size_t i = 0; i < response->n_days; i++)
        reads[i] =
            (furrow_record_read){.table = furrow_replica_table(employees), .id = response->days[i]->day->employee_id};
    furrow_status status =
        furrow_record_read_many(furrow_service_store(furrow_service_of(call)), reads, response->n_days, arena, err);
    for (size_t i = 0; status == FURROW_OK && i < response->n_days; i++) {
        ProtobufCMessage *message;
        status = furrow_replica_unpack(employees, reads[i].id, &reads[i].record, arena, &message, err);
        if (status == FURROW_DATA_LOSS) { /* the day is good: of its employee no name is known here */
            status = FURROW_OK;
            message = NULL;
        }
        if (status == FURROW_OK && message)
            response->days[i]->employee_name = ((Timesheet__V1__Employee *)message)->display_name;
    }
    return status;
}

furrow_status timesheet_list_days(furrow_call *call, const Timesheet__V1__ListDaysRequest *request,
                                  Timesheet__V1__ListDaysResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    bool by_employee = request->employee_id[0] != '\0';
    furrow_listing listing = {.entity = days(call),
                              .query = {.index = by_employee ? "employee_id" : "date",
                                        .value = furrow_bytes_of(by_employee ? request->employee_id : request->date)},
                              .page_size = request->page_size,
                              .page_token = request->page_token,
                              .matches = matches,
                              .request = request};
    furrow_page page;
    furrow_status status = request->date[0] ? furrow_input_date("date", request->date, err) : FURROW_OK;
    if (status == FURROW_OK && !by_employee && !request->date[0])
        status = furrow_fail_field(err, "employee_id", "or date is required: whose days, or which day's?");
    if (status == FURROW_OK) status = furrow_listing_read(&listing, arena, &page, err);
    if (status != FURROW_OK) return status;
    response->damaged_ids = page.damaged_ids;
    response->n_damaged_ids = page.damaged_count;
    response->next_page_token = page.next;
    response->days = furrow_arena_alloc(arena, (page.count + 1) * sizeof(*response->days));
    if (!response->days) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "ask for smaller pages");
    for (; status == FURROW_OK && response->n_days < page.count; response->n_days++)
        status = summarise((Timesheet__V1__WorkDay *)page.messages[response->n_days], arena,
                           &response->days[response->n_days], err);
    return status == FURROW_OK ? add_names(call, response, err) : status;
}
