/*
 * Clock strokes and the reaction to an employee's end; see clock.h.
 *
 * Across the day boundary: a stroke that finds the day before still open first carries it over (the new day begins with
 * what runs, then the old one is closed at the boundary), so no time is lost; a clock-in only closes the old one. Each
 * step is a write of its own that a repetition finds done.
 */
#include "timesheet/clock.h"

#include "base/clock.h"
#include "timesheet/v1/timesheet.furrow.h"

#define SIDE_WRITE_MS 5000

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
    bool decided; /* a further decision must read the facts anew */
} stroke_context;

static furrow_entity *days(furrow_service *service)
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
static workday_window window_at(int64_t at_ns)
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
    stroke->window = window_at(stroke->at_ns);
    context->before_window = window_at(stroke->window.start_ns - 1);
    workday_day_id(request->employee_id, &stroke->window, context->day_id);
    workday_day_id(request->employee_id, &context->before_window, context->before_id);
    furrow_table *own = furrow_entity_table(days(context->service));
    context->reads[DAY] = (furrow_record_read){.table = own, .id = context->day_id};
    context->reads[BEFORE] = (furrow_record_read){.table = own, .id = context->before_id};
    context->read_count = 2;
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
    return furrow_record_read_many(furrow_service_store(context->service), context->reads, context->read_count, arena,
                                   err);
}

static furrow_status unpack_kept(stroke_context *context, size_t which, const furrow_replica_contract *contract,
                                 furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    const furrow_record_read *read = &context->reads[which];
    return furrow_replica_unpack(furrow_service_replica(context->service, contract), read->id, &read->record, arena,
                                 out, err);
}

static furrow_status check_facts(stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    const clock_request *request = context->request;
    ProtobufCMessage *employee, *job, *location;
    if (!request->job_id) return FURROW_OK;
    furrow_status status = unpack_kept(context, EMPLOYEE, &timesheet_v1_employee_replica, arena, &employee, err);
    if (status == FURROW_OK) status = unpack_kept(context, JOB, &timesheet_v1_job_replica, arena, &job, err);
    if (status == FURROW_OK)
        status = unpack_kept(context, LOCATION, &timesheet_v1_location_replica, arena, &location, err);
    if (status != FURROW_OK) return status;
    return workday_check_facts(request->employee_id, (Timesheet__V1__Employee *)employee, request->job_id,
                               (Timesheet__V1__Job *)job, request->location_id, (Timesheet__V1__Location *)location,
                               err);
}

/* A second decision means that somebody wrote the day meanwhile, perhaps a termination: the facts are read again with
 * it. */
static furrow_status decide_stroke(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    stroke_context *context = arg;
    Timesheet__V1__WorkDay *next;
    furrow_status status = context->decided ? read_all(context, arena, err) : FURROW_OK;
    context->decided = true;
    if (status == FURROW_OK) status = check_facts(context, arena, err);
    if (status == FURROW_OK) status = context->request->rule(day_of(current), &context->stroke, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = context->request->event};
    return status;
}

static furrow_status decide_boundary(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                     furrow_error *err)
{
    stroke_context *context = arg;
    Timesheet__V1__WorkDay *next;
    if (!workday_is_open(day_of(current))) return FURROW_OK;
    furrow_status status = workday_close(day_of(current), &context->before_window, context->before_window.end_ns,
                                         context->stroke.now_ns, "boundary", arena, &next, err);
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
    furrow_status status = furrow_entity_load(days(context->service), context->before_id, arena, &before, err);
    if (status != FURROW_OK || !workday_is_open(day_of(&before))) return status;
    status = workday_carry_over(day_of(&before), &context->stroke, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "carried_over"};
    return status;
}

/* A write beside the command's own: without its key, within its time. */
static furrow_status side_write(stroke_context *context, const char *id, furrow_decide_fn *decide, furrow_arena *arena,
                                furrow_error *err)
{
    furrow_command command = furrow_service_command(SIDE_WRITE_MS);
    furrow_write write = {.id = id, .command = &command, .decide = decide, .arg = context};
    furrow_written written;
    return furrow_entity_write(days(context->service), &write, arena, &written, err);
}

/* A damaged day before keeps nobody from beginning a new one: it cannot be closed now, and says so to who reads it. */
static furrow_status unpack_days(stroke_context *context, furrow_arena *arena, furrow_state *day, furrow_state *before,
                                 furrow_error *err)
{
    furrow_entity *entity = days(context->service);
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
    if (carry) status = side_write(&context, context.day_id, decide_carry_over, arena, err);
    if (status != FURROW_OK) return status;
    furrow_write write = {.id = context.day_id,
                          .command = furrow_call_command(request->call),
                          .known = carry ? NULL : &day,
                          .decide = decide_stroke,
                          .arg = &context};
    status = furrow_entity_write(days(context.service), &write, arena, &written, err);
    if (status != FURROW_OK) return status;
    if (boundary) { /* what is left open now is closed by the next stroke; this one has taken effect */
        furrow_error later;
        (void)!side_write(&context, context.before_id, decide_boundary, arena, &later);
    }
    furrow_call_wrote(request->call, written.subject, written.state.version);
    clock_answer(&written.state, response);
    return FURROW_OK;
}

typedef struct ending_context {
    workday_stroke stroke;
    bool fence;
} ending_context;

/* Closes the day, or fences it: a clock-in that read "employed" just before and is still in flight fails its
 * compare-and-set, reads again, and is refused. */
static furrow_status decide_ending(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    ending_context *context = arg;
    Timesheet__V1__WorkDay *next = NULL;
    furrow_status status = FURROW_OK;
    if (workday_is_open(day_of(current)))
        status = workday_close(day_of(current), &context->stroke.window, context->stroke.now_ns, context->stroke.now_ns,
                               "termination", arena, &next, err);
    else if (context->fence && !current->message)
        status = workday_fence(&context->stroke, "termination", arena, &next, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = "closed"};
    return status;
}

static bool is_active(const ProtobufCMessage *message)
{
    const Timesheet__V1__Employee *employee = (const Timesheet__V1__Employee *)message;
    return employee && employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
}

furrow_status clock_on_employee_change(void *user, const furrow_change *change, furrow_arena *arena, furrow_error *err)
{
    furrow_service *service = user;
    char day_id[FURROW_ID_MAX + 1];
    if (is_active(change->now) || strlen(change->id) > TIMESHEET_EMPLOYEE_ID_MAX) return FURROW_OK;
    /* Seen for the first time and not employed: nobody can have read "employed" here, so there is nothing to fence. */
    ending_context context = {.stroke = {.day_id = day_id, .employee_id = change->id, .now_ns = furrow_clock_wall_ns()},
                              .fence = is_active(change->before)};
    int64_t last_ns = context.stroke.now_ns + TIMESHEET_FUTURE_S * (int64_t)FURROW_NS_PER_S;
    int64_t at_ns = context.stroke.now_ns - TIMESHEET_PAST_S * (int64_t)FURROW_NS_PER_S;
    furrow_status status = FURROW_OK, damaged = FURROW_OK;
    for (; at_ns <= last_ns; at_ns = context.stroke.window.end_ns) {
        context.stroke.window = window_at(at_ns);
        workday_day_id(change->id, &context.stroke.window, day_id);
        furrow_command command = furrow_service_command(SIDE_WRITE_MS);
        furrow_write write = {
            .id = day_id, .command = &command, .from_log = true, .decide = decide_ending, .arg = &context};
        furrow_written written;
        status = furrow_entity_write(days(service), &write, arena, &written, err);
        if (status != FURROW_OK) furrow_wrap(err, "close day %s", day_id);
        if (status != FURROW_OK && status != FURROW_DATA_LOSS) return status;
        if (status == FURROW_DATA_LOSS) damaged = status; /* the other days are closed all the same */
    }
    return damaged;
}
