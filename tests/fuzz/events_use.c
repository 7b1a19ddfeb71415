/* See fuzz_events.h. */
#include "fuzz_events.h"

#include "base/clock.h"
#include "employee/v1/employee.domain.h"
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.domain.h"
#include "job/v1/job.furrow.h"
#include "location/domain.h"
#include "location/v1/location.furrow.h"
#include "log/claim.h"
#include "timesheet/domain.h"
#include "timesheet/v1/timesheet.furrow.h"

#include <stdio.h>

#define NOW_NS    (INT64_C(1795413600) * (int64_t)FURROW_NS_PER_S) /* 2026-11-23T06:00:00Z */
#define DAY_START 4

static void check_next(furrow_entity *entity, const char *id, furrow_status status, const void *next)
{
    furrow_error err = {0};
    if (status != FURROW_OK || !next) return;
    if (furrow_entity_check(entity, id, 0, next, &err) == FURROW_OK) return;
    fprintf(stderr, "%s\n", err.text);
    FURROW_REQUIRE(!"the next state breaks its own rules");
}

static void use_nothing(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
}

static void use_employee(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment,
                         furrow_arena *arena)
{
    const Employee__V1__Employee *employee = (const Employee__V1__Employee *)state;
    Employee__V1__Employee next = *employee, patch = EMPLOYEE__V1__EMPLOYEE__INIT;
    Employee__V1__UpdateEmployeeRequest update = EMPLOYEE__V1__UPDATE_EMPLOYEE_REQUEST__INIT;
    Employee__V1__TerminateEmployeeRequest terminate = EMPLOYEE__V1__TERMINATE_EMPLOYEE_REQUEST__INIT;
    Employee__V1__RehireEmployeeRequest rehire = EMPLOYEE__V1__REHIRE_EMPLOYEE_REQUEST__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Employee__V1__Contact contact = EMPLOYEE__V1__CONTACT__INIT;
    static char crew[] = "crew", phone[] = "contact.phone", night[] = "night";
    char *paths[] = {crew, phone};
    mask.n_paths = 2;
    mask.paths = paths;
    patch.crew = night;
    patch.contact = &contact;
    update.employee = &patch;
    update.update_mask = &mask;
#define KNOWN(method, from)                                                                                            \
    &(employee_##method##_known){                                                                                      \
        .request = from, .employee = employee, .id = employee->id, .now_ns = NOW_NS, .arena = arena}
    check_next(entity, employee->id, employee_update_employee(KNOWN(update_employee, &update), &next, NULL), &next);
    next = *employee;
    check_next(entity, employee->id, employee_terminate_employee(KNOWN(terminate_employee, &terminate), &next, NULL),
               &next);
    next = *employee;
    check_next(entity, employee->id, employee_rehire_employee(KNOWN(rehire_employee, &rehire), &next, NULL), &next);
    (void)!employee_erase_employee(&(employee_erase_employee_known){.employee = employee, .id = employee->id}, NULL);
#undef KNOWN
}

static void use_job(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    const Job__V1__Job *job = (const Job__V1__Job *)state;
    Job__V1__Job next = *job;
    furrow_status status;
    if (moment.pick & 1)
        status = job_reopen_job(&(job_reopen_job_known){.job = job, .arena = arena}, &next, NULL);
    else
        status = job_close_job(&(job_close_job_known){.job = job, .arena = arena}, &next, NULL);
    check_next(entity, job->id, status, &next);
}

static void use_location(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment,
                         furrow_arena *arena)
{
    const Location__V1__Location *location = (const Location__V1__Location *)state;
    Location__V1__Location next = *location, parent = LOCATION__V1__LOCATION__INIT;
    static char id[] = "P1";
    furrow_status status;
    parent.id = id;
    parent.ranch_id = location->ranch_id;
    parent.kind = LOCATION__V1__LOCATION_KIND__LOCATION_KIND_BLOCK;
    if (moment.pick & 1)
        status = location_reopen_location(&(location_reopen_location_known){.location = location}, &next, NULL);
    else
        status = location_close_location(&(location_close_location_known){.location = location}, &next, NULL);
    check_next(entity, location->id, status, &next);
    next = *location;
    location_move_location_known known = {
        .location = location, .parent = &parent, .id = location->id, .now_ns = NOW_NS, .arena = arena};
    check_next(entity, location->id, location_move_location(&known, &next, NULL), &next);
}

static void put_block(furrow_entity *entity, const Location__V1__Tree *tree, char *id, char *parent_id,
                      furrow_arena *arena)
{
    Location__V1__Tree next = *tree;
    Location__V1__Location block = LOCATION__V1__LOCATION__INIT;
    block.id = id;
    block.parent_id = parent_id;
    location_move_location_known known = {.id = id, .arena = arena};
    check_next(entity, tree->id, location_move_location_tree(&known, &block, tree, &next, NULL), &next);
}

static void use_tree(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    const Location__V1__Tree *tree = (const Location__V1__Tree *)state;
    static char new_block[] = "B9";
    char *parent = tree->n_parents ? tree->parents[moment.pick % tree->n_parents]->key : tree->id;
    char *block = moment.pick & 1 ? new_block : parent;
    put_block(entity, tree, block, parent, arena);
    put_block(entity, tree, block, tree->id, arena);
}

/* The strokes of a day, at some hour of it. */
static void use_rules(furrow_entity *entity, const Timesheet__V1__WorkDay *day, const workday_stroke *stroke,
                      furrow_arena *arena)
{
    static workday_rule *const rules[] = {workday_clock_in, workday_switch_job, workday_start_break, workday_end_break,
                                          workday_clock_out};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        Timesheet__V1__WorkDay *next = NULL;
        check_next(entity, day->id, rules[i](day, stroke, arena, &next, NULL), next);
    }
}

static void use_open_day(furrow_entity *entity, const Timesheet__V1__WorkDay *day, const workday_stroke *stroke,
                         furrow_arena *arena)
{
    char id[FURROW_ID_MAX + 1];
    workday_stroke after = *stroke;
    Timesheet__V1__WorkDay *next = NULL;
    check_next(entity, day->id,
               workday_close(day, &stroke->window, stroke->at_ns, stroke->now_ns, "termination", arena, &next, NULL),
               next);
    after.window = workday_window_at(stroke->window.end_ns, DAY_START);
    workday_day_id(day->employee_id, &after.window, id);
    after.day_id = id;
    next = NULL;
    check_next(entity, id, workday_carry_over(day, &after, arena, &next, NULL), next);
}

static void use_day(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    const Timesheet__V1__WorkDay *day = (const Timesheet__V1__WorkDay *)state;
    Timesheet__V1__CorrectDayRequest correct = TIMESHEET__V1__CORRECT_DAY_REQUEST__INIT;
    Timesheet__V1__WorkDay next = *day;
    timesheet_correct_day_known known = {.request = &correct, .work_day = day, .arena = arena};
    static char by[] = "boss";
    workday_stroke stroke = {.day_id = day->id, .employee_id = day->employee_id, .job_id = "J1", .location_id = "B1"};
    int64_t work_s, meal_s;
    if (workday_window_of_id(day->id, DAY_START, &stroke.window, NULL) != FURROW_OK) return;
    stroke.kind =
        moment.pick & 1 ? TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL : TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST;
    stroke.at_ns = stroke.window.start_ns + (stroke.window.end_ns - stroke.window.start_ns) / 256 * moment.pick;
    stroke.now_ns = stroke.at_ns;
    workday_totals(day, &stroke.window, stroke.now_ns, &work_s, &meal_s);
    FURROW_REQUIRE(work_s >= 0 && meal_s >= 0);
    use_rules(entity, day, &stroke, arena);
    if (workday_is_open(day)) use_open_day(entity, day, &stroke, arena);
    correct.id = day->id;
    correct.by = correct.reason = by;
    correct.entries = day->entries;
    correct.n_entries = day->n_entries;
    known.now_ns = stroke.now_ns;
    check_next(entity, day->id, workday_correct(&known, &stroke.window, &next, NULL), &next);
}

/* ---- what others keep ---- */

static Timesheet__V1__Employee some_employee(void)
{
    static char id[] = "E1", name[] = "Ana";
    Timesheet__V1__Employee employee = TIMESHEET__V1__EMPLOYEE__INIT;
    employee.id = id;
    employee.display_name = name;
    employee.status = EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    return employee;
}

static Timesheet__V1__Job some_job(void)
{
    static char id[] = "J1", name[] = "Harvest";
    Timesheet__V1__Job job = TIMESHEET__V1__JOB__INIT;
    job.id = id;
    job.name = name;
    job.status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    return job;
}

static void use_kept_employee(const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    Timesheet__V1__Job job = some_job();
    (void)!workday_check_facts("E1", (const Timesheet__V1__Employee *)state, "J1", &job, "B1", NULL, NULL);
}

static void use_kept_job(const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    Timesheet__V1__Employee employee = some_employee();
    Timesheet__V1__Location location = TIMESHEET__V1__LOCATION__INIT;
    location.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
    (void)!workday_check_facts("E1", &employee, "J1", (const Timesheet__V1__Job *)state, "B1", &location, NULL);
}

static void use_kept_location(const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    Timesheet__V1__Employee employee = some_employee();
    Timesheet__V1__Job job = some_job();
    (void)!workday_check_facts("E1", &employee, "J1", &job, "B1", (const Timesheet__V1__Location *)state, NULL);
}

static void use_kept_by_job(const ProtobufCMessage *state, events_moment moment, furrow_arena *arena)
{
    static char id[] = "B1";
    char *ids[] = {id};
    const Job__V1__Location *locations[] = {(const Job__V1__Location *)state};
    Job__V1__Job next = JOB__V1__JOB__INIT;
    next.location_ids = ids;
    next.n_location_ids = 1;
    job_reopen_job_known known = {.locations = locations, .n_locations = 1, .arena = arena};
    (void)!job_reopen_job(&known, &next, NULL);
}

const events_kind events_kinds[] = {
    {&employee_v1_employee_entity, employee_v1_employee_rules, use_employee},
    {&employee_v1_badge_claim_entity, furrow_claim_check_state, use_nothing},
    {&employee_v1_employee_key_entity, NULL, use_nothing},
    {&job_v1_job_entity, job_v1_job_rules, use_job},
    {&location_v1_location_entity, location_v1_location_rules, use_location},
    {&location_v1_tree_entity, location_v1_tree_rules, use_tree},
    {&timesheet_v1_work_day_entity, timesheet_v1_work_day_rules, use_day},
    {NULL, NULL, NULL},
};

const events_replica events_kept[] = {
    {&timesheet_v1_employee_replica, timesheet_v1_employee_rules, use_kept_employee},
    {&timesheet_v1_job_replica, NULL, use_kept_job},
    {&timesheet_v1_location_replica, NULL, use_kept_location},
    {&job_v1_location_replica, NULL, use_kept_by_job},
    {NULL, NULL, NULL},
};
