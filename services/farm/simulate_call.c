/*
 * What each op of the plan asks of the mesh; see simulate.h. All of it may be asked again: commands have a key, scans
 * their tickets' ids. Whoever is hired, comes back or changes is known to timesheet and harvest before the op is done:
 * they are asked something after its version (Furrow-After).
 */
#include "farm/simulate.h"

#include "base/clock.h"
#include "employee/v1/employee.client.h"
#include "harvest/v1/harvest.client.h"
#include "job/v1/job.client.h"
#include "location/v1/location.client.h"
#include "runtime/timestamp.h"
#include "timesheet/v1/timesheet.client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS            ((int64_t)FURROW_NS_PER_S)
#define VERSION_BYTES 512
#define FOREMAN       "foreman"
#define FIRST_RATE    1700 /* cents */

static const struct {
    const char *code, *name, *unit;
    Job__V1__JobKind kind;
    int64_t rate_cents;
} season_jobs[SEASON_JOBS] = {
    {"PICK", "Picking", "bin", JOB__V1__JOB_KIND__JOB_KIND_HARVEST, 3200},
    {"LUGS", "Picking into lugs", "lug", JOB__V1__JOB_KIND__JOB_KIND_HARVEST, 450},
    {"PRUNE", "Pruning", "", JOB__V1__JOB_KIND__JOB_KIND_PRUNE, 0},
    {"WEED", "Weeding", "", JOB__V1__JOB_KIND__JOB_KIND_WEED, 0},
    {"DONE", "Picking that is over", "bin", JOB__V1__JOB_KIND__JOB_KIND_HARVEST, 3200},
};

/* ---- names ---- */

char *simulate_person(const simulate *self, furrow_arena *arena, uint32_t person)
{
    return furrow_arena_printf(arena, "S%" PRIu64 "-%05" PRIu32, self->plan->seed, person);
}

char *simulate_badge(const simulate *self, furrow_arena *arena, uint32_t person, uint16_t badge)
{
    if (badge == SEASON_LOST_BADGE) return furrow_arena_printf(arena, "S%" PRIu64 "-LOST", self->plan->seed);
    return furrow_arena_printf(arena, "S%" PRIu64 "-%05" PRIu32 "-%u", self->plan->seed, person, badge);
}

char *simulate_ticket(const simulate *self, furrow_arena *arena, const season_scan *scan)
{
    return furrow_arena_printf(arena, "S%" PRIu64 "-%02u-%05" PRIu32 "-%u", self->plan->seed, scan->day, scan->person,
                               scan->number);
}

static char *crew_name(const simulate *self, furrow_arena *arena, uint32_t crew)
{
    return furrow_arena_printf(arena, "S%" PRIu64 "-crew-%03" PRIu32, self->plan->seed, crew + 1);
}

/* Block 0 is the first; the ranch is its parent. */
static char *place_name(const simulate *self, furrow_arena *arena, uint32_t place)
{
    return furrow_arena_printf(arena, "S%" PRIu64 "-B%03" PRIu32, self->plan->seed, place + 1);
}

static char *ranch_name(const simulate *self, furrow_arena *arena)
{
    return furrow_arena_printf(arena, "S%" PRIu64 "-R", self->plan->seed);
}

static char *job_name(const simulate *self, furrow_arena *arena, uint32_t job)
{
    return furrow_arena_printf(arena, "S%" PRIu64 "-%s", self->plan->seed, season_jobs[job].code);
}

static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

static furrow_status out_of_memory(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- what has to be known elsewhere ---- */

static furrow_status await_known(simulate_step *step, const char *version, furrow_error *err)
{
    Timesheet__V1__ListDaysRequest days = TIMESHEET__V1__LIST_DAYS_REQUEST__INIT;
    Harvest__V1__ListTicketsRequest tickets = HARVEST__V1__LIST_TICKETS_REQUEST__INIT;
    Timesheet__V1__ListDaysResponse *some_days;
    Harvest__V1__ListTicketsResponse *some_tickets;
    const furrow_call_options options = {.after = version};
    furrow_client *client = step->in->tool->client;
    if (!version[0]) return FURROW_OK;
    days.employee_id = tickets.employee_id = ranch_name(step->in, step->arena); /* nobody's: the answer is empty */
    if (!days.employee_id) return out_of_memory(err);
    days.page_size = tickets.page_size = 1;
    furrow_status status = timesheet_list_days_call(client, &days, &options, step->arena, &some_days, err);
    if (status != FURROW_OK) return status;
    return harvest_list_tickets_call(client, &tickets, &options, step->arena, &some_tickets, err);
}

/* ---- the ranch ---- */

furrow_status simulate_make_place(simulate_step *step, uint32_t place, furrow_error *err)
{
    const simulate *self = step->in;
    Location__V1__CreateLocationRequest request = LOCATION__V1__CREATE_LOCATION_REQUEST__INIT;
    Location__V1__LocationState *made;
    char version[VERSION_BYTES] = "";
    bool is_ranch = place == 0; /* then its blocks */
    const furrow_call_options options = {.idempotency_key = step->key, .version = version};
    snprintf(step->key, sizeof step->key, "season-%" PRIu64 "-place-%" PRIu32, self->plan->seed, place);
    request.id = is_ranch ? ranch_name(self, step->arena) : place_name(self, step->arena, place - 1);
    request.kind =
        is_ranch ? LOCATION__V1__LOCATION_KIND__LOCATION_KIND_RANCH : LOCATION__V1__LOCATION_KIND__LOCATION_KIND_BLOCK;
    request.name = is_ranch ? lent("Ranch of a season") : furrow_arena_printf(step->arena, "Block %" PRIu32, place);
    if (!is_ranch) request.parent_id = ranch_name(self, step->arena);
    if (!request.id || !request.name || !request.parent_id) return out_of_memory(err);
    furrow_status status =
        location_create_location_call(self->tool->client, &request, &options, step->arena, &made, err);
    return status == FURROW_OK ? await_known(step, version, err) : status;
}

furrow_status simulate_make_job(simulate_step *step, uint32_t job, furrow_error *err)
{
    const simulate *self = step->in;
    Job__V1__OpenJobRequest request = JOB__V1__OPEN_JOB_REQUEST__INIT;
    Job__V1__CloseJobRequest over = JOB__V1__CLOSE_JOB_REQUEST__INIT;
    Job__V1__Pay pay = JOB__V1__PAY__INIT;
    Job__V1__JobState *made;
    char version[VERSION_BYTES] = "";
    const furrow_call_options options = {.idempotency_key = step->key, .version = version};
    snprintf(step->key, sizeof step->key, "season-%" PRIu64 "-job-%" PRIu32, self->plan->seed, job);
    request.id = request.code = over.id = job_name(self, step->arena, job);
    if (!request.id) return out_of_memory(err);
    request.name = lent(season_jobs[job].name);
    request.kind = season_jobs[job].kind;
    pay.unit = lent(season_jobs[job].unit);
    pay.rate_cents = season_jobs[job].rate_cents;
    pay.type = pay.unit[0] ? JOB__V1__PAY_TYPE__PAY_TYPE_PIECE : JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY;
    request.pay = &pay;
    furrow_status status = job_open_job_call(self->tool->client, &request, &options, step->arena, &made, err);
    furrow_call_options closing = {.version = version};
    if (status == FURROW_OK && job == SEASON_DONE)
        status = job_close_job_call(self->tool->client, &over, &closing, step->arena, &made, err);
    return status == FURROW_OK ? await_known(step, version, err) : status;
}

/* A season is played once in a mesh, and on clocks that report as late as it lies back. */
furrow_status simulate_probe(simulate_step *step, uint32_t unused, furrow_error *err)
{
    simulate *self = step->in;
    Location__V1__GetLocationRequest get = LOCATION__V1__GET_LOCATION_REQUEST__INIT;
    Timesheet__V1__ClockInRequest in = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    Location__V1__LocationState *there;
    Timesheet__V1__DayState *day;
    (void)unused;
    get.id = in.employee_id = in.job_id = in.location_id = ranch_name(self, step->arena);
    in.at = furrow_timestamp_new(self->starts_ns[0], step->arena);
    if (!get.id || !in.at) return out_of_memory(err);
    furrow_status status = location_get_location_call(self->tool->client, &get, NULL, step->arena, &there, err);
    if (status == FURROW_OK)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "a season with the seed %" PRIu64 " was begun in this mesh already: take another --seed",
                           self->plan->seed);
    if (status == FURROW_NOT_FOUND)
        status = timesheet_clock_in_call(self->tool->client, &in, NULL, step->arena, &day, err);
    if (status == FURROW_FAILED_PRECONDITION) return FURROW_OK; /* an employee whom nobody knows */
    if (status != FURROW_INVALID_ARGUMENT || strcmp(err->field, "at") != 0) return status;
    int64_t hours = (furrow_clock_wall_ns() - self->starts_ns[0]) / NS / 3600 + 25;
    return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                       "timesheet takes no strokes of %s, when the season begins: start it with "
                       "FURROW_CLOCK_LATE_HOURS=%" PRId64,
                       self->dates[0], hours);
}

/* ---- the office ---- */

static furrow_status do_hire(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    const simulate *self = step->in;
    const season_op *op = step->op;
    Employee__V1__HireEmployeeRequest request = EMPLOYEE__V1__HIRE_EMPLOYEE_REQUEST__INIT;
    Employee__V1__EmployeeState *hired;
    request.id = simulate_person(self, step->arena, op->person);
    request.given_name = lent("Picker");
    request.family_name = furrow_arena_printf(step->arena, "Number %" PRIu32, op->person);
    request.badge = simulate_badge(self, step->arena, op->person, op->badge);
    request.crew = crew_name(self, step->arena, op->crew);
    request.hourly_rate_cents = FIRST_RATE + op->person % 8 * 25;
    request.hire_date = lent(self->dates[self->today]);
    if (!request.id || !request.family_name || !request.badge || !request.crew) return out_of_memory(err);
    return employee_hire_employee_call(self->tool->client, &request, options, step->arena, &hired, err);
}

static furrow_status do_update(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    const simulate *self = step->in;
    const season_op *op = step->op;
    char *paths[] = {lent(op->kind == SEASON_BADGE ? "badge" : "crew")};
    Employee__V1__UpdateEmployeeRequest request = EMPLOYEE__V1__UPDATE_EMPLOYEE_REQUEST__INIT;
    Employee__V1__Employee wanted = EMPLOYEE__V1__EMPLOYEE__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Employee__V1__EmployeeState *updated;
    wanted.id = simulate_person(self, step->arena, op->person);
    wanted.badge = simulate_badge(self, step->arena, op->person, op->badge);
    wanted.crew = crew_name(self, step->arena, op->crew);
    if (!wanted.id || !wanted.badge || !wanted.crew) return out_of_memory(err);
    mask.paths = paths;
    mask.n_paths = 1;
    request.employee = &wanted;
    request.update_mask = &mask;
    return employee_update_employee_call(self->tool->client, &request, options, step->arena, &updated, err);
}

static furrow_status do_terminate(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    Employee__V1__TerminateEmployeeRequest request = EMPLOYEE__V1__TERMINATE_EMPLOYEE_REQUEST__INIT;
    Employee__V1__EmployeeState *left;
    request.id = simulate_person(step->in, step->arena, step->op->person);
    request.date = step->in->dates[step->in->today];
    if (!request.id) return out_of_memory(err);
    return employee_terminate_employee_call(step->in->tool->client, &request, options, step->arena, &left, err);
}

static furrow_status do_rehire(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    Employee__V1__RehireEmployeeRequest request = EMPLOYEE__V1__REHIRE_EMPLOYEE_REQUEST__INIT;
    Employee__V1__EmployeeState *back;
    request.id = simulate_person(step->in, step->arena, step->op->person);
    request.date = step->in->dates[step->in->today];
    if (!request.id) return out_of_memory(err);
    return employee_rehire_employee_call(step->in->tool->client, &request, options, step->arena, &back, err);
}

/* ---- clocks ---- */

static Google__Protobuf__Timestamp *moment_of(const simulate *self, furrow_arena *arena, uint32_t day, int32_t at_s)
{
    return furrow_timestamp_new(self->starts_ns[day] + at_s * NS, arena);
}

static furrow_status do_begin(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    const season_op *op = step->op;
    Timesheet__V1__ClockInRequest in = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    Timesheet__V1__SwitchJobRequest to = TIMESHEET__V1__SWITCH_JOB_REQUEST__INIT;
    Timesheet__V1__DayState *day;
    in.employee_id = to.employee_id = simulate_person(self, step->arena, op->person);
    in.job_id = to.job_id = job_name(self, step->arena, op->job);
    in.location_id = to.location_id = place_name(self, step->arena, op->place);
    in.at = to.at = moment_of(self, step->arena, self->today, op->at_s);
    if (!in.employee_id || !in.job_id || !in.location_id || !in.at) return out_of_memory(err);
    furrow_status status = op->kind == SEASON_CLOCK_IN
                               ? timesheet_clock_in_call(self->tool->client, &in, options, step->arena, &day, err)
                               : timesheet_switch_job_call(self->tool->client, &to, options, step->arena, &day, err);
    if (status != FURROW_OK || strcmp(day->day->date, self->dates[self->today]) == 0) return status;
    self->stopped = true;
    return furrow_fail(err, FURROW_OUT_OF_RANGE,
                       "to timesheet that is on %s, not %s: FURROW_TIME_ZONE and FURROW_DAY_START_HOUR must be as the "
                       "services have them",
                       day->day->date, self->dates[self->today]);
}

static furrow_status do_break(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    const season_op *op = step->op;
    Timesheet__V1__StartBreakRequest request = TIMESHEET__V1__START_BREAK_REQUEST__INIT;
    Timesheet__V1__DayState *day;
    request.employee_id = simulate_person(self, step->arena, op->person);
    request.kind = op->kind == SEASON_MEAL ? TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL
                                           : TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST;
    request.at = moment_of(self, step->arena, self->today, op->at_s);
    if (!request.employee_id || !request.at) return out_of_memory(err);
    return timesheet_start_break_call(self->tool->client, &request, options, step->arena, &day, err);
}

static furrow_status do_end(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    const season_op *op = step->op;
    Timesheet__V1__EndBreakRequest back = TIMESHEET__V1__END_BREAK_REQUEST__INIT;
    Timesheet__V1__ClockOutRequest home = TIMESHEET__V1__CLOCK_OUT_REQUEST__INIT;
    Timesheet__V1__DayState *day;
    back.employee_id = home.employee_id = simulate_person(self, step->arena, op->person);
    back.at = home.at = moment_of(self, step->arena, self->today, op->at_s);
    if (!back.employee_id || !back.at) return out_of_memory(err);
    return op->kind == SEASON_BACK
               ? timesheet_end_break_call(self->tool->client, &back, options, step->arena, &day, err)
               : timesheet_clock_out_call(self->tool->client, &home, options, step->arena, &day, err);
}

static Timesheet__V1__Entry *sheet_entry(simulate_step *step, Timesheet__V1__EntryKind kind, const season_shift *shift,
                                         int32_t from_s, int32_t to_s)
{
    simulate *self = step->in;
    Timesheet__V1__Entry *entry = furrow_arena_alloc(step->arena, sizeof *entry);
    if (!entry) return NULL;
    timesheet__v1__entry__init(entry);
    entry->kind = kind;
    entry->job_id = job_name(self, step->arena, shift->job);
    entry->location_id = place_name(self, step->arena, shift->place);
    entry->start = moment_of(self, step->arena, self->today - 1, from_s);
    entry->end = moment_of(self, step->arena, self->today - 1, to_s);
    return entry->job_id && entry->location_id && entry->start && entry->end ? entry : NULL;
}

/* Yesterday, as the foreman remembers it. */
static furrow_status do_sheet(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    const season_shift shift = season_shift_of(self->plan, step->op->person, self->today - 1);
    const char *date = self->dates[self->today - 1];
    Timesheet__V1__Entry *entries[] = {
        sheet_entry(step, TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK, &shift, shift.in_s, shift.meal_s),
        sheet_entry(step, TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL, &shift, shift.meal_s, shift.back_s),
        sheet_entry(step, TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK, &shift, shift.back_s, shift.out_s)};
    Timesheet__V1__CorrectDayRequest request = TIMESHEET__V1__CORRECT_DAY_REQUEST__INIT;
    Timesheet__V1__DayState *day;
    char *person = simulate_person(self, step->arena, step->op->person);
    request.id = person ? furrow_arena_printf(step->arena, "%s_%.4s%.2s%.2s", person, date, date + 5, date + 8) : NULL;
    request.entries = entries;
    request.n_entries = sizeof entries / sizeof *entries;
    request.by = lent(FOREMAN);
    request.reason = lent("did not clock out");
    if (!request.id || !entries[0] || !entries[1] || !entries[2]) return out_of_memory(err);
    return timesheet_correct_day_call(self->tool->client, &request, options, step->arena, &day, err);
}

/* ---- tickets ---- */

static bool fill_scan(const simulate *self, furrow_arena *arena, const season_scan *scan, Harvest__V1__Scan *out)
{
    harvest__v1__scan__init(out);
    out->id = simulate_ticket(self, arena, scan);
    if (scan->badge)
        out->badge = simulate_badge(self, arena, scan->person, scan->badge);
    else
        out->employee_id = simulate_person(self, arena, scan->person);
    out->job_id = job_name(self, arena, scan->job);
    out->location_id = place_name(self, arena, scan->place);
    out->crew = crew_name(self, arena, scan->crew);
    out->quantity = scan->quantity;
    out->picked_at = moment_of(self, arena, scan->day, scan->picked_s);
    out->scanner = out->crew; /* a crew has one */
    return out->id && out->badge && out->employee_id && out->job_id && out->location_id && out->crew && out->picked_at;
}

static furrow_status do_ticket(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    Harvest__V1__Scan scan;
    Harvest__V1__TicketState *ticket;
    (void)options; /* the ticket's id is its key */
    if (!fill_scan(self, step->arena, &self->day.scans[step->op->scan], &scan)) return out_of_memory(err);
    return harvest_record_ticket_call(self->tool->client, &scan, NULL, step->arena, &ticket, err);
}

static furrow_status judge_batch(const season_scan *scans, size_t count,
                                 const Harvest__V1__RecordTicketsResponse *answer, furrow_error *err)
{
    if (answer->n_tickets != count)
        return furrow_fail(err, FURROW_INTERNAL, "%zu rows were answered by %zu", count, answer->n_tickets);
    for (size_t i = 0; i < count; i++) {
        const Harvest__V1__RecordedTicket *row = answer->tickets[i];
        furrow_status status = (furrow_status)row->code;
        if (row->code == scans[i].expect) continue;
        return furrow_fail(err, simulate_may_pass(status) ? status : FURROW_INTERNAL, "ticket %s: code %d, not %u: %s",
                           row->id, row->code, scans[i].expect, row->reason);
    }
    return FURROW_OK;
}

static furrow_status do_batch(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    const season_scan *scans = &self->day.scans[step->op->scan];
    size_t count = step->op->scans;
    Harvest__V1__RecordTicketsRequest request = HARVEST__V1__RECORD_TICKETS_REQUEST__INIT;
    Harvest__V1__RecordTicketsResponse *answer;
    Harvest__V1__Scan *rows = furrow_arena_alloc(step->arena, count * sizeof *rows);
    Harvest__V1__Scan **list = furrow_arena_alloc(step->arena, count * sizeof(*list));
    (void)options;
    if (!rows || !list) return out_of_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (!fill_scan(self, step->arena, &scans[i], &rows[i])) return out_of_memory(err);
        list[i] = &rows[i];
    }
    request.scans = list;
    request.n_scans = count;
    furrow_status status = harvest_record_tickets_call(self->tool->client, &request, NULL, step->arena, &answer, err);
    return status == FURROW_OK ? judge_batch(scans, count, answer, err) : status;
}

static furrow_status do_correct(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    const season_scan *scan = &self->day.scans[step->op->scan];
    Harvest__V1__CorrectTicketRequest request = HARVEST__V1__CORRECT_TICKET_REQUEST__INIT;
    Harvest__V1__TicketState *ticket;
    request.id = simulate_ticket(self, step->arena, scan);
    request.employee_id = simulate_person(self, step->arena, scan->person);
    request.job_id = job_name(self, step->arena, scan->job);
    request.location_id = place_name(self, step->arena, scan->place);
    request.crew = crew_name(self, step->arena, scan->crew);
    request.quantity = step->op->quantity;
    request.by = lent(FOREMAN);
    request.reason = lent("counted again");
    if (!request.id || !request.employee_id || !request.job_id || !request.location_id || !request.crew)
        return out_of_memory(err);
    return harvest_correct_ticket_call(self->tool->client, &request, options, step->arena, &ticket, err);
}

static furrow_status do_void(simulate_step *step, const furrow_call_options *options, furrow_error *err)
{
    simulate *self = step->in;
    Harvest__V1__VoidTicketRequest request = HARVEST__V1__VOID_TICKET_REQUEST__INIT;
    Harvest__V1__TicketState *ticket;
    request.id = simulate_ticket(self, step->arena, &self->day.scans[step->op->scan]);
    request.by = lent(FOREMAN);
    request.reason = lent("scanned by mistake");
    if (!request.id) return out_of_memory(err);
    return harvest_void_ticket_call(self->tool->client, &request, options, step->arena, &ticket, err);
}

/* ---- any of them ---- */

typedef furrow_status do_fn(simulate_step *step, const furrow_call_options *options, furrow_error *err);
static do_fn *const by_kind[SEASON_KINDS] = {
    [SEASON_HIRE] = do_hire,       [SEASON_BADGE] = do_update,
    [SEASON_TRANSFER] = do_update, [SEASON_TERMINATE] = do_terminate,
    [SEASON_REHIRE] = do_rehire,   [SEASON_CLOCK_IN] = do_begin,
    [SEASON_SWITCH] = do_begin,    [SEASON_MEAL] = do_break,
    [SEASON_REST] = do_break,      [SEASON_BACK] = do_end,
    [SEASON_CLOCK_OUT] = do_end,   [SEASON_SHEET] = do_sheet,
    [SEASON_TICKET] = do_ticket,   [SEASON_BATCH] = do_batch,
    [SEASON_CORRECT] = do_correct, [SEASON_VOID] = do_void,
};

furrow_status simulate_do(simulate_step *step, furrow_error *err)
{
    char version[VERSION_BYTES] = "";
    const furrow_call_options options = {.idempotency_key = step->key, .version = version};
    snprintf(step->key, sizeof step->key, "season-%" PRIu64 "-%" PRIu32 "-%" PRIu32, step->in->plan->seed,
             step->in->today, step->op->number);
    furrow_status status = by_kind[step->op->kind](step, &options, err);
    return status == FURROW_OK && step->op->part == SEASON_OFFICE ? await_known(step, version, err) : status;
}
