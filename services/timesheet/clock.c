/*
 * Clock strokes; see clock.h.
 *
 * Across the day boundary: a stroke that finds the day before still open first carries it over (the new day begins with
 * what runs, then the old one is closed at the boundary), so no time is lost; a clock-in only closes the old one. Days
 * that were left open earlier still are found by the index and closed likewise, by any stroke, also one that is refused
 * in the end. Each step is a write of its own that a repetition finds done.
 *
 * A termination closes days by a reaction (ending.c), which may come after a rehire and after the strokes that follow
 * it. Whatever a stroke reads tells as much as the reaction will know: what the end should have closed is closed here.
 */
#include "timesheet/clock.h"

#include "base/clock.h"
#include "timesheet/v1/timesheet.furrow.h"

#define OPEN_MAX 8 /* older open days that one stroke closes */

clock_settings clock_config;

enum { DAY, BEFORE, EMPLOYEE, JOB, LOCATION, READS };

typedef struct stroke_context {
    const clock_request *request;
    furrow_service *service;
    workday_stroke stroke;
    char day_id[FURROW_ID_MAX + 1], before_id[FURROW_ID_MAX + 1];
    workday_window before_window;
    furrow_record_read reads[READS];
    size_t read_count;
    furrow_record_ids open; /* all open days of the employee */
    bool decided;           /* a further decision must read the facts anew */
} stroke_context;

/* A day of before that is to be closed. */
typedef struct closing {
    const stroke_context *stroke;
    workday_window window;
} closing;

static furrow_entity *days_of(furrow_service *service)
{
    return furrow_service_entity(service, &timesheet_v1_work_day_entity);
}

void clock_answer(const furrow_state *state, Timesheet__V1__DayState *response)
{
    state->message->n_unknown_fields = 0; /* the log's own bookkeeping is not the caller's */
    response->day = (Timesheet__V1__WorkDay *)state->message;
    response->version = (int64_t)state->version;
}

/* Nearly all strokes are of the last two days, and a zone's rules cost more than the rest of a stroke: their windows are
 * kept. (Windows do not overlap; zone and hour are settings.) */
workday_window clock_window_at(int64_t at_ns)
{
    static workday_window kept[2];
    static unsigned newest;
    for (unsigned i = 0; i < 2; i++)
        if (at_ns >= kept[i].start_ns && at_ns < kept[i].end_ns) return kept[i];
    newest = !newest;
    kept[newest] = workday_window_at(at_ns, (int)clock_config.day_start_hour);
    return kept[newest];
}

static const Timesheet__V1__WorkDay *day_of(const furrow_state *state)
{
    return (const Timesheet__V1__WorkDay *)state->message;
}

static furrow_status check_ids(const clock_request *request, furrow_error *err)
{
    furrow_status status =
        furrow_subject_check_id(request->employee_id, strlen(request->employee_id), "employee_id", err);
    if (status == FURROW_OK && strlen(request->employee_id) > TIMESHEET_EMPLOYEE_ID_MAX)
        status = furrow_fail_field(err, "employee_id", "has more than %d characters", TIMESHEET_EMPLOYEE_ID_MAX);
    if (status == FURROW_OK && request->job_id)
        status = furrow_subject_check_id(request->job_id, strlen(request->job_id), "job_id", err);
    if (status == FURROW_OK && request->location_id)
        status = furrow_subject_check_id(request->location_id, strlen(request->location_id), "location_id", err);
    return status;
}

static furrow_status prepare(stroke_context *context, const clock_request *request, furrow_error *err)
{
    *context = (stroke_context){.request = request, .service = furrow_service_of(request->call)};
    workday_stroke *stroke = &context->stroke;
    *stroke = (workday_stroke){.day_id = context->day_id,
                               .employee_id = request->employee_id,
                               .job_id = request->job_id,
                               .location_id = request->location_id,
                               .kind = request->kind,
                               .now_ns = furrow_clock_wall_ns()};
    furrow_status status = check_ids(request, err);
    if (status == FURROW_OK) status = workday_check_at(request->at, stroke->now_ns, &stroke->at_ns, err);
    if (status != FURROW_OK) return status;
    stroke->window = clock_window_at(stroke->at_ns);
    context->before_window = clock_window_at(stroke->window.start_ns - 1);
    workday_day_id(request->employee_id, &stroke->window, context->day_id);
    workday_day_id(request->employee_id, &context->before_window, context->before_id);
    furrow_table *own = furrow_entity_table(days_of(context->service));
    context->reads[DAY] = (furrow_record_read){.table = own, .id = context->day_id};
    context->reads[BEFORE] = (furrow_record_read){.table = own, .id = context->before_id};
    context->read_count = 2;
    context->open = (furrow_record_ids){
        .table = own, .index = "open_employee_id", .value = furrow_bytes_of(request->employee_id), .limit = OPEN_MAX};
    if (!request->job_id) return FURROW_OK;
    const furrow_replica_contract *kept[] = {&timesheet_v1_employee_replica, &timesheet_v1_job_replica,
                                             &timesheet_v1_location_replica};
    const char *ids[] = {request->employee_id, request->job_id, request->location_id};
    for (size_t i = 0; i < 3; i++)
        context->reads[EMPLOYEE + i] = (furrow_record_read){
            .table = furrow_replica_table(furrow_service_replica(context->service, kept[i])), .id = ids[i]};
    context->read_count = READS;
    return FURROW_OK;
}

static furrow_status read_all(stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    return furrow_record_read_with_ids(furrow_service_store(context->service), context->reads, context->read_count,
                                       &context->open, arena, err);
}

static furrow_status unpack_kept(const stroke_context *context, size_t which, const furrow_replica_contract *contract,
                                 furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    const furrow_record_read *read = &context->reads[which];
    return furrow_replica_unpack(furrow_service_replica(context->service, contract), read->id, &read->record, arena,
                                 out, err);
}

static furrow_status check_facts(stroke_context *context, furrow_arena *arena, const Timesheet__V1__Employee **known,
                                 furrow_error *err)
{
    const clock_request *request = context->request;
    ProtobufCMessage *employee, *job, *location;
    furrow_status status = unpack_kept(context, EMPLOYEE, &timesheet_v1_employee_replica, arena, &employee, err);
    if (status == FURROW_OK) status = unpack_kept(context, JOB, &timesheet_v1_job_replica, arena, &job, err);
    if (status == FURROW_OK)
        status = unpack_kept(context, LOCATION, &timesheet_v1_location_replica, arena, &location, err);
    if (status != FURROW_OK) return status;
    *known = (const Timesheet__V1__Employee *)employee;
    status = workday_check_facts(request->employee_id, *known, request->job_id, (Timesheet__V1__Job *)job,
                                 request->location_id, (Timesheet__V1__Location *)location, err);
    return status == FURROW_OK ? workday_check_begin(*known, context->stroke.at_ns, err) : status;
}

/* A second decision means that somebody wrote the day meanwhile, perhaps a termination: the facts are read again with
 * it. */
static furrow_status decide_stroke(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    stroke_context *context = arg;
    const workday_stroke *stroke = &context->stroke;
    const Timesheet__V1__WorkDay *day = day_of(current);
    const Timesheet__V1__Employee *employee = NULL;
    Timesheet__V1__WorkDay *next, *ended;
    int64_t ended_ns;
    furrow_status status = context->decided ? read_all(context, arena, err) : FURROW_OK;
    context->decided = true;
    if (status == FURROW_OK && context->request->job_id) status = check_facts(context, arena, &employee, err);
    if (status != FURROW_OK) return status;
    if (employee && workday_is_over(day, employee, stroke->now_ns, &ended_ns)) {
        status = workday_end(day, &stroke->window, ended_ns, stroke->now_ns, arena, &ended, err);
        day = ended;
    }
    if (status == FURROW_OK) status = context->request->rule(day, stroke, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = context->request->event};
    return status;
}

/* At its boundary, or when the employment ended, if that is known here and was before. */
static furrow_status decide_closing(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    const closing *old = arg;
    Timesheet__V1__WorkDay *next;
    ProtobufCMessage *employee = NULL;
    int64_t now_ns = old->stroke->stroke.now_ns, ended_ns = old->window.end_ns;
    if (!workday_is_open(day_of(current))) return FURROW_OK;
    if (old->stroke->request->job_id &&
        unpack_kept(old->stroke, EMPLOYEE, &timesheet_v1_employee_replica, arena, &employee, NULL) == FURROW_OK &&
        employee)
        (void)workday_is_over(day_of(current), (const Timesheet__V1__Employee *)employee, now_ns, &ended_ns);
    furrow_status status = workday_end(day_of(current), &old->window, ended_ns, now_ns, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "closed"};
    return status;
}

static furrow_status decide_carry_over(void *arg, const furrow_state *current, furrow_arena *arena,
                                       furrow_decision *out, furrow_error *err)
{
    stroke_context *context = arg;
    furrow_state before;
    Timesheet__V1__WorkDay *next;
    if (current->message) return FURROW_OK;
    furrow_status status = furrow_entity_load(days_of(context->service), context->before_id, arena, &before, err);
    if (status != FURROW_OK || !workday_is_open(day_of(&before))) return status;
    status = workday_carry_over(day_of(&before), &context->stroke, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "carried_over"};
    return status;
}

/* A write beside the command's own: without its key, within its time. */
static furrow_status side_write(const stroke_context *context, const char *id, furrow_decide_fn *decide, void *arg,
                                furrow_arena *arena, furrow_error *err)
{
    furrow_command command = furrow_service_command(CLOCK_SIDE_WRITE_MS);
    furrow_write write = {.id = id, .command = &command, .decide = decide, .arg = arg};
    furrow_written written;
    return furrow_entity_write(days_of(context->service), &write, arena, &written, err);
}

/* What cannot be closed now the next stroke finds again. */
static void close_day(const stroke_context *context, const char *id, const workday_window *window, furrow_arena *arena)
{
    furrow_error later;
    closing old = {.stroke = context, .window = *window};
    (void)!side_write(context, id, decide_closing, &old, arena, &later);
}

/* Days left open earlier than the one before. */
static void close_older_days(const stroke_context *context, furrow_arena *arena)
{
    for (size_t i = 0; i < context->open.count; i++) {
        workday_window window;
        const char *id = context->open.ids[i];
        if (strcmp(id, context->day_id) == 0 || strcmp(id, context->before_id) == 0) continue;
        if (workday_window_of_id(id, (int)clock_config.day_start_hour, &window, NULL) != FURROW_OK) continue;
        if (window.end_ns <= context->stroke.window.start_ns) close_day(context, id, &window, arena);
    }
}

/* A damaged day before keeps nobody from beginning a new one: it cannot be closed now, and says so to who reads it. */
static furrow_status unpack_days(stroke_context *context, furrow_arena *arena, furrow_state *day, furrow_state *before,
                                 furrow_error *err)
{
    furrow_entity *entity = days_of(context->service);
    furrow_status status = furrow_entity_unpack(entity, context->day_id, &context->reads[DAY].record, arena, day, err);
    if (status != FURROW_OK) return status;
    status = furrow_entity_unpack(entity, context->before_id, &context->reads[BEFORE].record, arena, before, err);
    if (status != FURROW_DATA_LOSS || context->request->rule != workday_clock_in) return status;
    *before = (furrow_state){.message = NULL};
    return FURROW_OK;
}

furrow_status clock_stroke(const clock_request *request, Timesheet__V1__DayState *response, furrow_error *err)
{
    stroke_context context;
    furrow_state day, before;
    furrow_written written;
    furrow_arena *arena = furrow_call_arena(request->call);
    furrow_status status = prepare(&context, request, err);
    if (status == FURROW_OK) status = read_all(&context, arena, err);
    if (status == FURROW_OK) status = unpack_days(&context, arena, &day, &before, err);
    if (status != FURROW_OK) return status;
    bool boundary = workday_is_open(day_of(&before));
    bool carry = boundary && request->rule != workday_clock_in && !day.message;
    close_older_days(&context, arena);
    if (carry) status = side_write(&context, context.day_id, decide_carry_over, &context, arena, err);
    if (status != FURROW_OK) return status;
    furrow_write write = {.id = context.day_id,
                          .command = furrow_call_command(request->call),
                          .known = carry ? NULL : &day,
                          .decide = decide_stroke,
                          .arg = &context};
    status = furrow_entity_write(days_of(context.service), &write, arena, &written, err);
    if (status != FURROW_OK) return status;
    if (boundary) close_day(&context, context.before_id, &context.before_window, arena);
    furrow_call_wrote(request->call, written.subject, written.state.version);
    clock_answer(&written.state, response);
    return FURROW_OK;
}
