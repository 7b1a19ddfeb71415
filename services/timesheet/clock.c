/*
 * Clock strokes; see clock.h.
 *
 * Across the day boundary: a stroke that finds the day before still open first carries it over (the new day begins with
 * what runs, then the old one is closed at the boundary), so no time is lost; a clock-in only closes the old one, before
 * it begins. Days that were left open earlier still are closed likewise (closing.h), by any stroke, also one that is
 * refused in the end. Each step is a write of its own that a repetition finds done.
 *
 * Now, where the caller does not say when: the clocks of two processes differ, so what this one says may be before what
 * another has written. A stroke is never before what it follows: the last moment of its day, the employment's end before
 * a rehire, and a day that has begun by another's clock while ours still reads the one before. Near the boundary that
 * may be another day than the clock says, which is then looked at instead.
 *
 * A termination closes days by a reaction (closing.c), which may come after a rehire and after the strokes that follow
 * it. Whatever a stroke reads tells as much as the reaction will know: what the end should have closed is closed here.
 */
#include "timesheet/clock.h"

#include "base/clock.h"
#include "runtime/timestamp.h"
#include "timesheet/closing.h"
#include "timesheet/v1/timesheet.access.h"

#define OPEN_MAX 8                                          /* open days that one look finds */
#define LOOKS    4                                          /* until the day is found that now belongs to */
#define NEAR_NS  ((int64_t)3600 * (int64_t)FURROW_NS_PER_S) /* a boundary: about how far clocks may be apart */

clock_settings clock_config;

/* Places in the gather, in the order in which they are asked for. */
enum { DAY, BEFORE, EMPLOYEE, JOB, LOCATION };

typedef struct stroke_context {
    furrow_call *call;
    furrow_service *service;
    workday_rule *rule;
    const char *event;
    const clock_request *request;
    workday_stroke stroke;
    char day_id[FURROW_ID_MAX + 1], before_id[FURROW_ID_MAX + 1], after_id[FURROW_ID_MAX + 1];
    workday_window before_window;
    furrow_gather gather; /* the day after is its last, where it is looked at; lists all open days of the employee */
    furrow_state day, before;
    bool decided; /* on these facts; a further decision must read them anew */
    bool stale;   /* days were written since the look */
    bool moved;   /* what was decided on belongs to another day: look at that */
} stroke_context;

workday_window clock_window_at(int64_t at_ns)
{
    return workday_window_kept(at_ns, (int)clock_config.day_start_hour);
}

static furrow_status begin_stroke(stroke_context *context, furrow_error *err)
{
    const clock_request *request = context->request;
    workday_stroke *stroke = &context->stroke;
    *stroke = (workday_stroke){.day_id = context->day_id,
                               .employee_id = request->employee_id,
                               .job_id = request->job_id,
                               .location_id = request->location_id,
                               .kind = request->kind,
                               .now_ns = furrow_clock_wall_ns()};
    return workday_check_at(request->at, stroke->now_ns, clock_config.late_hours, &stroke->at_ns, err);
}

/* Does the moment of the stroke lie so near to an end of its day that by another's clock it may be in the next? */
static bool is_near_boundary(const stroke_context *context)
{
    const workday_stroke *stroke = &context->stroke;
    return stroke->at_ns - stroke->window.start_ns < NEAR_NS || stroke->window.end_ns - stroke->at_ns < NEAR_NS;
}

/* What is to be read for a stroke at its moment. */
static void plan_reads(stroke_context *context)
{
    workday_stroke *stroke = &context->stroke;
    const clock_request *request = context->request;
    stroke->window = clock_window_at(stroke->at_ns);
    context->before_window = clock_window_at(stroke->window.start_ns - 1);
    workday_day_id(request->employee_id, &stroke->window, context->day_id);
    workday_day_id(request->employee_id, &context->before_window, context->before_id);
    furrow_gather *gather = &context->gather;
    furrow_gather_init(gather, context->service);
    (void)work_day_want(gather, context->day_id);
    (void)work_day_want(gather, context->before_id);
    work_day_want_ids_by_open_employee_id(gather, request->employee_id, OPEN_MAX);
    if (request->job_id) {
        (void)employee_want(gather, request->employee_id);
        (void)job_want(gather, request->job_id);
        (void)location_want(gather, request->location_id);
    }
    context->after_id[0] = '\0';
    if (request->at || stroke->window.end_ns - stroke->at_ns >= NEAR_NS) return;
    workday_window after = clock_window_at(stroke->window.end_ns);
    workday_day_id(request->employee_id, &after, context->after_id);
    (void)work_day_want(gather, context->after_id);
}

static furrow_status check_facts(const stroke_context *context, const Timesheet__V1__Employee *known,
                                 furrow_arena *arena, furrow_error *err)
{
    const clock_request *request = context->request;
    const Timesheet__V1__Job *job;
    const Timesheet__V1__Location *location;
    furrow_status status = job_take(&context->gather, JOB, arena, &job, err);
    if (status == FURROW_OK) status = location_take(&context->gather, LOCATION, arena, &location, err);
    if (status != FURROW_OK) return status;
    return workday_check_facts(request->employee_id, known, request->job_id, job, request->location_id, location, err);
}

/* *out NULL: nothing is kept of the employee, or the stroke does not ask. */
static furrow_status read_employee(const stroke_context *context, furrow_arena *arena,
                                   const Timesheet__V1__Employee **out, furrow_error *err)
{
    return context->request->job_id ? employee_take(&context->gather, EMPLOYEE, arena, out, err) : FURROW_OK;
}

/* An open day after the one of the stroke: there is no beginning before it any more. */
static const char *open_day_after(const stroke_context *context)
{
    const furrow_ids open = furrow_gather_listed(&context->gather);
    const char *newest = open.count > 0 ? open.ids[open.count - 1] : "";
    return strcmp(newest, context->day_id) > 0 ? newest : NULL;
}

/* Now is not before what the stroke follows: see above. */
static void move_stroke_after(stroke_context *context, const Timesheet__V1__WorkDay *day,
                              const Timesheet__V1__Employee *employee)
{
    workday_stroke *stroke = &context->stroke;
    int64_t ended_ns = employee ? furrow_timestamp_ns(employee->ended_at) : 0;
    if (context->request->at) return;
    stroke->at_ns = workday_now_after(day, stroke->at_ns);
    if (stroke->at_ns < ended_ns) stroke->at_ns = ended_ns;
    if (stroke->now_ns < stroke->at_ns) stroke->now_ns = stroke->at_ns;
}

static furrow_status check_stroke_moment(stroke_context *context, furrow_error *err)
{
    const clock_request *request = context->request;
    const char *after = open_day_after(context);
    context->moved = !request->at && context->stroke.at_ns >= context->stroke.window.end_ns;
    if (context->moved) return furrow_fail(err, FURROW_ABORTED, "day %s has ended meanwhile", context->day_id);
    if (!after || context->rule != workday_clock_in) return FURROW_OK;
    return furrow_fail_reason(
        err, FURROW_FAILED_PRECONDITION, "CLOCKED_IN_ALREADY",
        "%s is clocked in already, on the later day %s; report what was before once that is closed",
        request->employee_id, after);
}

/* The facts were read with a state of the day. On another one, which somebody wrote since, perhaps a termination, they are
 * read again: when it is decided once more, and when the first decision had to wait behind another. */
static furrow_status decide_stroke(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    stroke_context *context = arg;
    const workday_stroke *stroke = &context->stroke;
    const Timesheet__V1__WorkDay *day = work_day_of(current);
    const Timesheet__V1__Employee *employee = NULL;
    Timesheet__V1__WorkDay *next, *ended;
    int64_t ended_ns;
    bool old = context->decided || current->version != context->day.version;
    furrow_status status = old ? furrow_gather_read(&context->gather, arena, err) : FURROW_OK;
    context->decided = true;
    if (status == FURROW_OK) status = read_employee(context, arena, &employee, err);
    if (status != FURROW_OK) return status;
    move_stroke_after(context, day, employee);
    status = check_stroke_moment(context, err);
    if (status == FURROW_OK && context->request->job_id) {
        status = check_facts(context, employee, arena, err);
        if (status == FURROW_OK) status = workday_check_begin(employee, stroke->at_ns, err);
    }
    if (status != FURROW_OK) return status;
    if (employee && workday_is_over(day, employee, stroke->now_ns, &ended_ns)) {
        status = workday_end(day, &stroke->window, ended_ns, stroke->now_ns, arena, &ended, err);
        day = ended;
    }
    if (status == FURROW_OK) status = context->rule(day, stroke, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = context->event};
    return status;
}

static furrow_status decide_carry_over(void *arg, const furrow_state *current, furrow_arena *arena,
                                       furrow_decision *out, furrow_error *err)
{
    stroke_context *context = arg;
    furrow_state before;
    Timesheet__V1__WorkDay *next;
    if (current->message) return FURROW_OK;
    furrow_status status = work_day_load(context->service, context->before_id, arena, &before, err);
    if (status != FURROW_OK || !workday_is_open(work_day_of(&before))) return status;
    status = workday_carry_over(work_day_of(&before), &context->stroke, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "carried_over"};
    return status;
}

/* The new day begins with what runs in the one before, which then ends. A write beside the command's own: without its
 * key, within its time. */
static furrow_status carry_over(stroke_context *context, closing *old, furrow_arena *arena, furrow_error *err)
{
    const char *before = context->before_id;
    furrow_command command = furrow_service_command(CLOCK_SIDE_WRITE_MS);
    furrow_write write = {.id = context->day_id, .command = &command, .decide = decide_carry_over, .arg = context};
    furrow_written written;
    furrow_status status = work_day_write(context->service, &write, arena, &written, err);
    old->until_ns = context->before_window.end_ns;
    return status == FURROW_OK ? closing_close_listed(old, &before, 1, arena, err) : status;
}

/* A damaged day before keeps nobody from beginning a new one: it cannot be closed now, and says so to who reads it. */
static furrow_status unpack_days(stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    furrow_status status = work_day_take(&context->gather, DAY, arena, &context->day, err);
    if (status != FURROW_OK) return status;
    status = work_day_take(&context->gather, BEFORE, arena, &context->before, err);
    if (status != FURROW_DATA_LOSS || context->rule != workday_clock_in) return status;
    context->before = (furrow_state){.message = NULL};
    return FURROW_OK;
}

/* By another's clock the next day may have begun: then now is in it. */
static void follow_next_day(stroke_context *context, furrow_arena *arena)
{
    workday_window window;
    furrow_state after;
    const char *open = open_day_after(context);
    int64_t *at_ns = &context->stroke.at_ns;
    if (open && workday_window_of_id(open, (int)clock_config.day_start_hour, &window, NULL) == FURROW_OK &&
        window.start_ns > *at_ns)
        *at_ns = window.start_ns;
    if (context->after_id[0] &&
        work_day_take(&context->gather, context->gather.count - 1, arena, &after, NULL) == FURROW_OK)
        *at_ns = workday_now_after(work_day_of(&after), *at_ns);
}

/* Reads all there is to know; where now turns out to be in a later day, of that. */
static furrow_status read_all_known(stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    for (int i = 0; i < LOOKS; i++) {
        plan_reads(context);
        furrow_status status = furrow_gather_read(&context->gather, arena, err);
        if (status == FURROW_OK) status = unpack_days(context, arena, err);
        if (status != FURROW_OK || context->request->at) return status;
        move_stroke_after(context, work_day_of(&context->day), NULL);
        follow_next_day(context, arena);
        if (context->stroke.at_ns < context->stroke.window.end_ns) return FURROW_OK;
    }
    return furrow_fail(err, FURROW_ABORTED, "the days of %s follow each other too fast; ask again",
                       context->request->employee_id);
}

/* May the day before go on in the new one, or does a stroke that is refused leave it as it is? */
static bool is_before_needed(const stroke_context *context, furrow_arena *arena)
{
    const Timesheet__V1__Employee *employee = NULL;
    if (!workday_is_open(work_day_of(&context->before)) || context->day.message || open_day_after(context))
        return false;
    if (context->rule != workday_clock_in) return true;
    return read_employee(context, arena, &employee, NULL) != FURROW_OK ||
           check_facts(context, employee, arena, NULL) != FURROW_OK;
}

static closing closing_of(const stroke_context *context, int64_t until_ns)
{
    return (closing){.service = context->service,
                     .employee_id = context->request->employee_id,
                     .now_ns = context->stroke.now_ns,
                     .until_ns = until_ns};
}

/* Whatever is open but the day of the stroke is closed first, but for what may go on in it. */
static furrow_status close_forgotten(stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    const furrow_ids open = furrow_gather_listed(&context->gather);
    bool begins = context->rule == workday_clock_in, ends = context->rule == workday_clock_out;
    if (open.count == 0 || (open.count == 1 && strcmp(open.ids[0], context->day_id) == 0)) return FURROW_OK;
    bool needed = is_before_needed(context, arena);
    closing old = closing_of(context, needed ? context->before_window.start_ns : context->stroke.window.start_ns);
    if (ends || !open_day_after(context)) old.spared = context->day_id;
    (void)!read_employee(context, arena, &old.employee, NULL);
    context->stale = true;
    furrow_status status = closing_close_listed(&old, open.ids, open.count, arena, err);
    return status == FURROW_OK && needed && !begins ? carry_over(context, &old, arena, err) : status;
}

/* More open days than one look finds are of a time before this was looked after: all at once, then look again. */
static furrow_status look_behind(stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    furrow_status status = read_all_known(context, arena, err);
    if (status != FURROW_OK || furrow_gather_listed(&context->gather).count < OPEN_MAX) return status;
    closing old = closing_of(context, context->before_window.start_ns);
    old.spared = context->day_id;
    status = closing_close_all(&old, arena, err);
    return status == FURROW_OK ? read_all_known(context, arena, err) : status;
}

/* Two who begin a day each, on either side of the boundary, do not see each other beforehand. */
static furrow_status close_rivals(const stroke_context *context, furrow_arena *arena, furrow_error *err)
{
    const workday_stroke *stroke = &context->stroke;
    bool late = stroke->now_ns >= stroke->window.end_ns, begins = context->rule == workday_clock_in;
    if (!begins || !(late || is_near_boundary(context))) return FURROW_OK;
    closing old = closing_of(context, context->before_window.start_ns);
    return closing_close_all(&old, arena, err);
}

static furrow_status stroke_once(stroke_context *context, Timesheet__V1__DayState *response, furrow_error *err)
{
    furrow_call *call = context->call;
    furrow_arena *arena = furrow_call_arena(call);
    furrow_error later;
    furrow_written written;
    furrow_write write = {
        .id = context->day_id, .command = furrow_call_command(call), .decide = decide_stroke, .arg = context};
    context->decided = context->moved = context->stale = false;
    furrow_status status = look_behind(context, arena, err);
    if (status == FURROW_OK) status = close_forgotten(context, arena, err);
    if (status != FURROW_OK) return status;
    if (!context->stale) write.known = &context->day;
    status = work_day_write(context->service, &write, arena, &written, err);
    if (status != FURROW_OK) return status;
    (void)!close_rivals(context, arena, &later); /* the next stroke finds it again */
    furrow_call_wrote(call, written.subject, written.state.version);
    response->day = work_day_shown(&written.state);
    response->version = (int64_t)written.state.version;
    return FURROW_OK;
}

furrow_status clock_stroke(furrow_call *call, workday_rule *rule, const char *event, const clock_request *request,
                           Timesheet__V1__DayState *response, furrow_error *err)
{
    stroke_context context = {
        .call = call, .service = furrow_service_of(call), .rule = rule, .event = event, .request = request};
    furrow_status status = begin_stroke(&context, err);
    if (status != FURROW_OK) return status;
    for (int i = 0; i < LOOKS; i++) {
        status = stroke_once(&context, response, err);
        if (status != FURROW_ABORTED || !context.moved) break;
    }
    return status;
}
