/*
 * States that break the rules of their entity, put onto the real streams with the owner's rights, or into Redis: for
 * each rule of each service the service lives on, uses none of them, tells each as a dead letter with the rule, and
 * serves all others. Where there was a good state it is in force again; where there was none commands are DATA_LOSS. A
 * reaction that meets such a state is parked.
 */
#include "support/states.h"

#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "support/farm.h"
#include "support/wait.h"
#include "timesheet/v1/timesheet.furrow.h"
#include "wire/json.h"
#include "wire/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE  "employee.v1.EmployeeService."
#define LOCATION  "location.v1.LocationService."
#define JOB       "job.v1.JobService."
#define TIMESHEET "timesheet.v1.TimesheetService."

static furrow_error err;

static uint64_t put_bytes(farm *f, furrow_link *owner, const furrow_entity_contract *entity, const char *id,
                          furrow_bytes body)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_puback ack;
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_subject_of_entity(entity->name, id, subject, &err), FURROW_OK);
    ck_assert_msg(furrow_js_publish(owner, subject, body, &options, farm_within_ms(FARM_PATIENCE_MS), &ack, &err) ==
                      FURROW_OK,
                  "%s: %s", subject, err.text);
    return ack.sequence;
}

/* Onto the stream of @entity, in the name of its owner. */
static uint64_t put_state(farm *f, furrow_link *owner, const furrow_entity_contract *entity, const char *id,
                          const char *json)
{
    ProtobufCMessage *state;
    furrow_bytes body;
    ck_assert_msg(furrow_json_decode(entity->descriptor, furrow_bytes_of(json), f->arena, &state, &err) == FURROW_OK,
                  "%s: %s", json, err.text);
    ck_assert_int_eq(furrow_message_pack(state, f->arena, &body, &err), FURROW_OK);
    return put_bytes(f, owner, entity, id, body);
}

static bool answers(farm *f, const char *method, const char *json, furrow_status status)
{
    err = (furrow_error){0};
    return farm_call(f, method, json, NULL, &err) == status;
}

#define AWAIT_ANSWER(f, method, json, status)                                                                          \
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(answers(f, method, json, status), FARM_PATIENCE_MS), "%s %s: %s",     \
                  method, json, err.text)

static void is_alive(farm *f, int service)
{
    ck_assert_msg(furrow_test_process_running(f->services[service][0]), "%s",
                  furrow_test_process_stderr(f->services[service][0]));
}

/* One service and its entity: how it is read, and made (NULL: no method makes one with this id). */
typedef struct subject_of_test {
    int service;
    const char *owner, *id, *get, *create, *create_request;
    const furrow_entity_contract *entity;
    const test_state *states;
    size_t count;
} subject_of_test;

/* The id stands in the state itself: some tables have states of several. */
static char *id_of(farm *f, const char *json)
{
    char *id = NULL;
    ck_assert(furrow_json_find_text(furrow_bytes_of(json), "id", f->arena, &id));
    return id;
}

/* The dead letter of what was put at @version says why. */
static bool is_told(farm *f, const subject_of_test *t, uint64_t version, const char *why)
{
    furrow_js_stored letter;
    char *subject = farm_text(f, "deadletter.%s.%s", t->owner, t->entity->stream);
    if (furrow_js_get_last(f->operator_link, "DEADLETTER", subject, farm_within_ms(FARM_PATIENCE_MS), f->arena, &letter,
                           &err) != FURROW_OK)
        return false;
    const char *sequence = furrow_js_stored_header(&letter, "Furrow-Sequence", f->arena);
    const char *reason = furrow_js_stored_header(&letter, "Furrow-Reason", f->arena);
    return strcmp(sequence, farm_text(f, "%llu", (unsigned long long)version)) == 0 && strstr(reason, why);
}

/* Of an entity that never had a good state. */
static void check_state(farm *f, furrow_link *owner, const subject_of_test *t, const test_state *state)
{
    char *id = id_of(f, state->json);
    uint64_t version = put_state(f, owner, t->entity, id, state->json);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(is_told(f, t, version, state->field), FARM_PATIENCE_MS), "%s",
                  state->json);
    furrow_status read = farm_call(f, t->get, farm_text(f, "{\"id\":\"%s\"}", id), NULL, &err);
    ck_assert_msg(read == FURROW_NOT_FOUND || read == FURROW_DATA_LOSS, "%s: %s", state->json, err.text);
    if (t->create && strcmp(id, t->id) == 0) {
        ck_assert_msg(answers(f, t->create, t->create_request, FURROW_DATA_LOSS), "%s: %s", state->json, err.text);
        ck_assert_msg(
            strstr(err.text, farm_text(f, "%s.%s version %llu", t->entity->name, id, (unsigned long long)version)) &&
                strstr(err.text, state->field) && strstr(err.text, t->entity->stream),
            "%s: %s", state->json, err.text);
    }
    is_alive(f, t->service);
}

static void check_all(farm *f, const subject_of_test *t)
{
    furrow_link *owner = farm_log(f, t->service);
    ck_assert_int_eq(furrow_js_import(f->operator_link, "DEADLETTER", t->owner, &err), FURROW_OK);
    char *get = farm_text(f, "{\"id\":\"%s\"}", t->id), *good = NULL, *again = NULL;
    const test_state *broken = NULL;
    for (size_t i = 0; i < t->count; i++) {
        if (!t->states[i].field) continue;
        check_state(f, owner, t, &t->states[i]);
        if (!broken && strcmp(id_of(f, t->states[i].json), t->id) == 0) broken = &t->states[i];
    }
    /* A good state over the last of the broken ones: all is well, and stays so when a broken one comes on top. */
    put_state(f, owner, t->entity, t->id, t->states[0].json);
    AWAIT_ANSWER(f, t->get, get, FURROW_OK);
    ck_assert_int_eq(farm_call(f, t->get, get, &good, &err), FURROW_OK);
    uint64_t version = put_state(f, owner, t->entity, t->id, broken->json);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_told(f, t, version, broken->field), FARM_PATIENCE_MS));
    ck_assert_int_eq(farm_call(f, t->get, get, &again, &err), FURROW_OK);
    ck_assert_str_eq(strtok(good, ","), strtok(again, ",")); /* the same entity, whatever its version is by now */
    farm_wait_ready(f, t->service);
}

#define STATES(table) .states = (table), .count = sizeof(table) / sizeof *(table)

static void employees(farm *f)
{
    farm_start_all(f, 1);
    check_all(f, &(subject_of_test){.service = FARM_EMPLOYEE,
                                    .owner = "employee",
                                    .id = "E1",
                                    .get = EMPLOYEE "GetEmployee",
                                    .create = EMPLOYEE "HireEmployee",
                                    .create_request =
                                        "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}",
                                    .entity = &employee_v1_employee_entity,
                                    STATES(employee_states)});
    ck_assert_int_eq(farm_call(f, EMPLOYEE "HireEmployee",
                               "{\"id\":\"E2\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"2\"}", NULL, &err),
                     FURROW_OK);
}

START_TEST(a_damaged_employee_is_told_and_costs_no_other)
{
    farm_run(employees);
}
END_TEST

static void jobs(farm *f)
{
    farm_start_all(f, 1);
    check_all(f, &(subject_of_test){.service = FARM_JOB,
                                    .owner = "job",
                                    .id = "J2",
                                    .get = JOB "GetJob",
                                    .create = JOB "OpenJob",
                                    .create_request =
                                        "{\"id\":\"J2\",\"code\":\"C\",\"name\":\"N\",\"kind\":1,\"pay\":{\"type\":1}}",
                                    .entity = &job_v1_job_entity,
                                    STATES(job_states)});
    AWAIT_ANSWER(f, JOB "GetJob", "{\"id\":\"J1\"}", FURROW_OK);
}

START_TEST(a_damaged_job_is_told_and_costs_no_other)
{
    farm_run(jobs);
}
END_TEST

static void places(farm *f)
{
    farm_start_all(f, 1);
    check_all(f, &(subject_of_test){.service = FARM_LOCATION,
                                    .owner = "location",
                                    .id = "L2",
                                    .get = LOCATION "GetLocation",
                                    .create = LOCATION "CreateLocation",
                                    .create_request = "{\"id\":\"L2\",\"kind\":1,\"name\":\"N\"}",
                                    .entity = &location_v1_location_entity,
                                    STATES(location_states)});
    AWAIT_ANSWER(f, LOCATION "GetLocation", "{\"id\":\"B1\"}", FURROW_OK);
}

START_TEST(a_damaged_place_is_told_and_costs_no_other)
{
    farm_run(places);
}
END_TEST

static void days(farm *f)
{
    farm_start_all(f, 1);
    check_all(f, &(subject_of_test){.service = FARM_TIMESHEET,
                                    .owner = "timesheet",
                                    .id = "E1_20261120",
                                    .get = TIMESHEET "GetDay",
                                    .entity = &timesheet_v1_work_day_entity,
                                    STATES(day_states)});
}

START_TEST(a_damaged_day_is_told_and_costs_no_other)
{
    farm_run(days);
}
END_TEST

/* The entities that no method reads: the tree of a ranch, the claim of a badge, the key of private fields. Their last
 * good states are in force again. */
static void internals(farm *f)
{
    farm_start_all(f, 1);
    furrow_link *location = farm_log(f, FARM_LOCATION), *employee = farm_log(f, FARM_EMPLOYEE);
    for (size_t i = 0; i < sizeof tree_states / sizeof *tree_states; i++) {
        if (!tree_states[i].field) continue;
        put_state(f, location, &location_v1_tree_entity, "R1", tree_states[i].json);
        AWAIT_ANSWER(
            f, LOCATION "CreateLocation",
            farm_text(f, "{\"id\":\"C%zu\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"N\",\"parentId\":\"B1\"}", i),
            FURROW_OK);
        is_alive(f, FARM_LOCATION);
    }
    AWAIT_ANSWER(f, LOCATION "MoveLocation", "{\"id\":\"B1\",\"parentId\":\"C1\"}", FURROW_FAILED_PRECONDITION);
    const char *hire =
        "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"7\",\"private\":{\"taxId\":\"1\"}}";
    ck_assert_int_eq(farm_call(f, EMPLOYEE "HireEmployee", hire, NULL, &err), FURROW_OK);
    put_state(f, employee, &employee_v1_employee_key_entity, "E1", "{\"id\":\"E1\"}");
    AWAIT_ANSWER(f, EMPLOYEE "GetEmployeePrivate", "{\"id\":\"E1\"}", FURROW_OK);
    furrow_js_stored stored; /* the only claim there is */
    ck_assert_int_eq(furrow_js_get(employee, employee_v1_badge_claim_entity.stream, 1, farm_within_ms(FARM_PATIENCE_MS),
                                   f->arena, &stored, &err),
                     FURROW_OK);
    char *claim = strrchr(stored.subject, '.') + 1;
    put_state(f, employee, &employee_v1_badge_claim_entity, claim,
              farm_text(f, "{\"id\":\"%s\",\"value\":\"7\"}", claim));
    AWAIT_ANSWER(f, EMPLOYEE "HireEmployee", "{\"id\":\"E2\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"7\"}",
                 FURROW_ALREADY_EXISTS);
    AWAIT_ANSWER(f, EMPLOYEE "HireEmployee", "{\"id\":\"E3\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"8\"}",
                 FURROW_OK);
    is_alive(f, FARM_EMPLOYEE);
}

START_TEST(a_damaged_internal_entity_is_told_and_costs_no_other)
{
    farm_run(internals);
}
END_TEST

/* What ended timesheet: an open day without entries, and the reaction that closes it. */
static void reactions(farm *f)
{
    char *day = NULL, *id = NULL, *health = NULL;
    const char *clock_in = "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}";
    farm_start_all(f, 1);
    for (int i = 1; i <= 2; i++)
        ck_assert_int_eq(
            farm_call(f, EMPLOYEE "HireEmployee",
                      farm_text(f, "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\"}", i, i),
                      NULL, &err),
            FURROW_OK);
    ck_assert_int_eq(farm_call_until(f, TIMESHEET "ClockIn",
                                     "{\"employeeId\":\"E2\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", &day, &err),
                     FURROW_OK);
    ck_assert(furrow_json_find_text(furrow_bytes_of(day), "day.id", f->arena, &id));
    char *date = strrchr(id, '_') + 1, *other = id;
    id = farm_text(f, "E1_%s", date);
    furrow_link *owner = farm_log(f, FARM_TIMESHEET);
    put_state(
        f, owner, &timesheet_v1_work_day_entity, id,
        farm_text(f,
                  "{\"id\":\"%s\",\"employeeId\":\"E1\",\"date\":\"%.4s-%.2s-%.2s\",\"status\":\"DAY_STATUS_OPEN\","
                  "\"openEmployeeId\":\"E1\",\"updatedAt\":\"2026-11-20T17:00:00Z\"}",
                  id, date, date + 4, date + 6));
    AWAIT_ANSWER(f, TIMESHEET "ClockIn", clock_in, FURROW_DATA_LOSS);
    ck_assert_int_eq(farm_call(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}", NULL, &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, "furrow.v1.Health.timesheet", "", &health, &err) == FURROW_OK && strstr(health, "\"parked\":1"),
        FARM_PATIENCE_MS));
    ck_assert_msg(strstr(health, "SERVING") && !strstr(health, "NOT_SERVING") && strstr(health, id), "%s", health);
    ck_assert(furrow_test_process_wait_for(f->services[FARM_TIMESHEET][0], "dead letter", FARM_PATIENCE_MS));
    furrow_js_stored letter;
    ck_assert_int_eq(furrow_js_import(f->operator_link, "DEADLETTER", "timesheet", &err), FURROW_OK);
    ck_assert_int_eq(furrow_js_get_last(f->operator_link, "DEADLETTER", "deadletter.timesheet.EMPLOYEE",
                                        farm_within_ms(FARM_PATIENCE_MS), f->arena, &letter, &err),
                     FURROW_OK);
    ck_assert_str_eq(furrow_js_stored_header(&letter, "Furrow-Subject", f->arena), "employee.v1.Employee.E1");
    ck_assert_ptr_nonnull(strstr(furrow_js_stored_header(&letter, "Furrow-Reason", f->arena), id));
    /* The rest goes on: E2 is clocked out by its own end. */
    ck_assert_int_eq(farm_call(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E2\"}", NULL, &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, TIMESHEET "GetDay", farm_text(f, "{\"id\":\"%s\"}", other), &day, &err) == FURROW_OK &&
            strstr(day, "\"closedBy\":\"termination\""),
        FARM_PATIENCE_MS));
    is_alive(f, FARM_TIMESHEET);
}

START_TEST(a_reaction_that_meets_a_damaged_day_is_parked)
{
    farm_run(reactions);
}
END_TEST

/* What a service keeps of others, broken by their owners. */
static void kept(farm *f)
{
    char *health = NULL;
    const char *clock_in = "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}";
    const char *open = "{\"code\":\"C\",\"name\":\"N\",\"kind\":1,\"pay\":{\"type\":1},\"locationIds\":[\"B1\"]}";
    farm_start_all(f, 1);
    furrow_link *employee = farm_log(f, FARM_EMPLOYEE), *location = farm_log(f, FARM_LOCATION),
                *job = farm_log(f, FARM_JOB);
    put_state(f, employee, &employee_v1_employee_entity, "E1", "{\"id\":\"E1\",\"status\":1}");
    AWAIT_ANSWER(f, TIMESHEET "ClockIn", clock_in, FURROW_DATA_LOSS);
    ck_assert_msg(strstr(err.text, "employee.v1.Employee.E1") && strstr(err.text, "display_name"), "%s", err.text);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, "furrow.v1.Health.timesheet", "", &health, &err) == FURROW_OK && strstr(health, "\"parked\":1"),
        FARM_PATIENCE_MS));
    put_state(f, employee, &employee_v1_employee_entity, "E1", employee_states[0].json);
    AWAIT_ANSWER(f, TIMESHEET "ClockIn", clock_in, FURROW_OK);
    put_state(f, job, &job_v1_job_entity, "J1", "{\"id\":\"J1\",\"name\":\"N\"}");
    AWAIT_ANSWER(f, TIMESHEET "SwitchJob", clock_in, FURROW_DATA_LOSS);
    put_state(f, location, &location_v1_location_entity, "B1", "{\"id\":\"B1\",\"status\":1}");
    AWAIT_ANSWER(f, JOB "OpenJob", open, FURROW_DATA_LOSS);
    for (int s = 0; s < FARM_SERVICES; s++) is_alive(f, s);
}

START_TEST(what_is_kept_of_others_is_checked_before_it_is_used)
{
    farm_run(kept);
}
END_TEST

/* Damaged as it lies in Redis: "X<i>" becomes "Y<i>" inside of the record of X<i>, behind its version. */
static void damage(farm *f, int i)
{
    char *command = farm_text(f, "%s SETRANGE 'job:{Job}:X%d' 10 Y%d", farm_redis_cli(f, "operator"), i, i);
    const char *const argv[] = {"sh", "-c", command, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 10000, NULL), 0);
}

/* Half of a page of damaged ones: the others are listed, and which are missing. The log mends them. */
static void listing(farm *f)
{
    char *page = NULL, *token = NULL;
    farm_start_all(f, 1);
    for (int i = 0; i < 10; i++)
        AWAIT_ANSWER(
            f, JOB "OpenJob",
            farm_text(f, "{\"id\":\"X%d\",\"code\":\"LIST\",\"name\":\"N\",\"kind\":1,\"pay\":{\"type\":1}}", i),
            FURROW_OK);
    for (int i = 0; i < 10; i += 2) damage(f, i);
    ck_assert(answers(f, JOB "GetJob", "{\"id\":\"X0\"}", FURROW_DATA_LOSS));
    ck_assert_msg(strstr(err.text, "job.v1.Job.X0 version"), "%s", err.text);
    ck_assert_int_eq(farm_call(f, JOB "ListJobs", "{\"codePrefix\":\"list\"}", &page, &err), FURROW_OK);
    for (int i = 1; i < 10; i += 2) ck_assert_ptr_nonnull(strstr(page, farm_text(f, "{\"id\":\"X%d\"", i)));
    ck_assert_msg(strstr(page, "\"damagedIds\":[\"X0\",\"X2\",\"X4\",\"X6\",\"X8\"]"), "%s", page);
    ck_assert_int_eq(farm_call(f, JOB "ListJobs", "{\"codePrefix\":\"list\",\"pageSize\":3}", &page, &err), FURROW_OK);
    ck_assert_msg(strstr(page, "\"damagedIds\":[\"X0\",\"X2\"]"), "%s", page);
    ck_assert(furrow_json_find_text(furrow_bytes_of(page), "nextPageToken", f->arena, &token));
    ck_assert_int_eq(farm_call(f, JOB "ListJobs",
                               farm_text(f, "{\"codePrefix\":\"list\",\"pageSize\":3,\"pageToken\":\"%s\"}", token),
                               &page, &err),
                     FURROW_OK);
    ck_assert_ptr_nonnull(strstr(page, "{\"id\":\"X3\""));
    ck_assert_int_eq(
        farm_call(f, JOB "BatchGetJobs", "{\"ids\":[\"X1\",\"X0\",\"nobody\",\"X3\",\"X1\"]}", &page, &err), FURROW_OK);
    char *first = strstr(page, "{\"id\":\"X1\""), *second = first ? strstr(first, "{\"id\":\"X3\"") : NULL;
    ck_assert_msg(second && strstr(second, "{\"id\":\"X1\""), "%s", page);
    ck_assert_msg(strstr(page, "\"missingIds\":[\"nobody\"],\"damagedIds\":[\"X0\"]"), "%s", page);
    for (int i = 0; i < 10; i += 2) /* a command reads the log where Redis is of no use, and writes over it */
        AWAIT_ANSWER(f, JOB "CloseJob", farm_text(f, "{\"id\":\"X%d\"}", i), FURROW_OK);
    ck_assert_int_eq(farm_call(f, JOB "ListJobs", "{\"codePrefix\":\"list\"}", &page, &err), FURROW_OK);
    ck_assert_msg(!strstr(page, "damagedIds"), "%s", page);
}

START_TEST(lists_and_batches_leave_damaged_states_out_and_say_which)
{
    farm_run(listing);
}
END_TEST

static bool is_settled(farm *f, const char *durable, uint64_t sequence)
{
    furrow_js_consumer_state state = {0};
    return furrow_js_consumer_info(f->operator_link, "EMPLOYEE", durable, farm_within_ms(FARM_PATIENCE_MS), &state,
                                   &err) == FURROW_OK &&
           state.ack_pending == 0 && state.pending == 0 && state.ack_floor_seq >= sequence;
}

static bool is_buried(farm *f, const char *health)
{
    char *letters = NULL;
    return farm_call(f, health, "", &letters, &err) == FURROW_OK && strstr(letters, "\"dead_lettered\":1") != NULL;
}

static bool is_restored(farm *f, uint64_t after, furrow_js_stored *newest)
{
    return furrow_js_get_last(f->operator_link, "EMPLOYEE", "employee.v1.Employee.E1", farm_within_ms(FARM_PATIENCE_MS),
                              f->arena, newest, &err) == FURROW_OK &&
           newest->sequence > after;
}

/* An empty message with the status 503: nats.c gives it to nobody. Owner and reader find it, each with its own rights
 * across accounts, and the owner puts the state that there was on top of it. */
static void swallowed(farm *f)
{
    farm_start_all(f, 1);
    ck_assert_int_eq(furrow_js_import(f->operator_link, "EMPLOYEE", "employee", &err), FURROW_OK);
    ck_assert_int_eq(farm_call(f, EMPLOYEE "HireEmployee",
                               "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}", NULL, &err),
                     FURROW_OK);
    furrow_header status = {"Status", "503"};
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = &status, .header_count = 1};
    furrow_js_puback ack;
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1", (furrow_bytes){NULL, 0},
                                       &options, farm_within_ms(FARM_PATIENCE_MS), &ack, &err),
                     FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_settled(f, "timesheet", ack.sequence), FARM_PATIENCE_MS));
    static const char *const services[] = {"employee", "timesheet"};
    for (size_t i = 0; i < 2; i++) {
        const char *health = farm_text(f, "furrow.v1.Health.%s", services[i]);
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(is_buried(f, health), FARM_PATIENCE_MS), "%s", services[i]);
    }
    AWAIT_ANSWER(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", FURROW_OK);
    furrow_js_stored newest;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_restored(f, ack.sequence, &newest), FARM_PATIENCE_MS));
    ck_assert_str_eq(furrow_js_stored_header(&newest, "ce-type", f->arena), "employee.v1.Employee.restored");
}

START_TEST(a_message_that_nats_swallows_is_found_across_accounts)
{
    farm_run(swallowed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("states");
    TCase *tests = tcase_create("states");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_damaged_employee_is_told_and_costs_no_other);
    tcase_add_test(tests, a_damaged_job_is_told_and_costs_no_other);
    tcase_add_test(tests, a_damaged_place_is_told_and_costs_no_other);
    tcase_add_test(tests, a_damaged_day_is_told_and_costs_no_other);
    tcase_add_test(tests, a_damaged_internal_entity_is_told_and_costs_no_other);
    tcase_add_test(tests, a_reaction_that_meets_a_damaged_day_is_parked);
    tcase_add_test(tests, a_message_that_nats_swallows_is_found_across_accounts);
    tcase_add_test(tests, what_is_kept_of_others_is_checked_before_it_is_used);
    tcase_add_test(tests, lists_and_batches_leave_damaged_states_out_and_say_which);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
