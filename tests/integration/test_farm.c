/*
 * The farm's services as one mesh of processes on real servers: what each method does, what concurrent commands on two
 * replicas may not do, what wrong input of every kind gets. Each test has servers and services of its own.
 */
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"
#include "timesheet/v1/timesheet.furrow.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 1000 /* ids, as the contracts say */

#define EMPLOYEE  "employee.v1.EmployeeService."
#define LOCATION  "location.v1.LocationService."
#define JOB       "job.v1.JobService."
#define TIMESHEET "timesheet.v1.TimesheetService."

static furrow_error err;

static char *must(farm *f, const char *method, const char *json)
{
    char *answer = NULL;
    ck_assert_msg(farm_call_until(f, method, json, &answer, &err) == FURROW_OK, "%s %s: %s", method, json, err.text);
    return answer;
}

static void must_fail(farm *f, const char *method, const char *json, furrow_status status)
{
    furrow_status got = farm_call(f, method, json, NULL, &err);
    ck_assert_msg(got == status, "%s %s: %s (%s)", method, json, furrow_status_name(got), err.text);
    ck_assert_uint_gt(strlen(err.text), 5);
}

static char *text_at(farm *f, const char *json, const char *path)
{
    char *found = "";
    (void)furrow_json_find_text(furrow_bytes_of(json), path, f->arena, &found);
    return found;
}

static void hire(farm *f, const char *id)
{
    must(f, EMPLOYEE "HireEmployee",
         farm_text(f, "{\"id\":\"%s\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"%s\",\"crew\":\"c1\"}",
                   id, id));
}

static char *clock_in_of(farm *f, const char *id)
{
    return farm_text(f, "{\"employeeId\":\"%s\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", id);
}

static void employee_life(farm *f)
{
    farm_start_all(f, 1);
    char *state = must(f, EMPLOYEE "HireEmployee",
                       "{\"id\":\"E1\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"7\",\"crew\":\"c1\","
                       "\"private\":{\"taxId\":\"SECRET-TAX-ID\",\"birthDate\":\"1990-02-03\"}}");
    ck_assert_ptr_null(strstr(state, "SECRET"));
    char *version = text_at(f, state, "version");
    ck_assert_str_eq(text_at(f, must(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}"), "employee.displayName"),
                     "Ana Luna");
    ck_assert_str_eq(text_at(f, must(f, EMPLOYEE "GetEmployeePrivate", "{\"id\":\"E1\"}"), "taxId"), "SECRET-TAX-ID");
    char *argv_text = farm_text(f, "! grep -aq SECRET-TAX-ID -r '%s' '%s'", furrow_test_server_dir(f->nats),
                                furrow_test_server_dir(f->redis));
    const char *const argv[] = {"sh", "-c", argv_text, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 10000, NULL),
                     0); /* sealed wherever it lies */
    must(f, EMPLOYEE "UpdateEmployee",
         farm_text(f, "{\"employee\":{\"id\":\"E1\",\"crew\":\"c2\"},\"updateMask\":\"crew\",\"version\":\"%s\"}",
                   version));
    must_fail(f, EMPLOYEE "UpdateEmployee",
              farm_text(f, "{\"employee\":{\"id\":\"E1\",\"crew\":\"c3\"},\"updateMask\":\"crew\",\"version\":\"%s\"}",
                        version),
              FURROW_ABORTED);
    ck_assert_ptr_nonnull(strstr(must(f, EMPLOYEE "ListEmployees", "{\"crew\":\"c2\"}"), "\"E1\""));
    ck_assert_ptr_null(strstr(must(f, EMPLOYEE "ListEmployees", "{\"crew\":\"c1\"}"), "\"E1\""));
    ck_assert_ptr_nonnull(strstr(must(f, EMPLOYEE "ListEmployees", "{\"namePrefix\":\"aNa\"}"), "\"E1\""));
    char *batch = must(f, EMPLOYEE "BatchGetEmployees", "{\"ids\":[\"E1\",\"nobody\"]}");
    ck_assert_ptr_nonnull(strstr(batch, "\"crew\":\"c2\""));
    ck_assert_ptr_nonnull(strstr(batch, "\"missingIds\":[\"nobody\"]"));
    ck_assert_ptr_null(strstr(batch, "private"));
    must_fail(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}", FURROW_FAILED_PRECONDITION);
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    hire(f, "7"); /* the badge is free again */
    must_fail(f, EMPLOYEE "RehireEmployee", "{\"id\":\"E1\"}", FURROW_ALREADY_EXISTS);
    must(f, EMPLOYEE "RehireEmployee", "{\"id\":\"E1\",\"badge\":\"8\"}");
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    must(f, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}");
    must_fail(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", FURROW_NOT_FOUND);
    must_fail(f, EMPLOYEE "GetEmployeePrivate", "{\"id\":\"E1\"}", FURROW_NOT_FOUND);
    must_fail(f, EMPLOYEE "HireEmployee", "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"9\"}",
              FURROW_FAILED_PRECONDITION);
}

START_TEST(an_employee_is_hired_changed_terminated_rehired_and_erased)
{
    farm_run(employee_life);
}
END_TEST

/* One call among many, each in a task of its own. */
typedef struct one_call {
    farm *f;
    const char *method;
    char *json;
    furrow_status status;
    furrow_waiter done;
} one_call;

static void call_task(void *arg)
{
    one_call *call = arg;
    furrow_error own;
    call->status = farm_call(call->f, call->method, call->json, NULL, &own);
    furrow_waiter_done(&call->done);
}

/* How many of @count concurrent calls ended with @status. */
static size_t at_once(farm *f, one_call calls[], size_t count, furrow_status status)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(furrow_loop_spawn(f->loop, call_task, &calls[i], &err), FURROW_OK);
    for (size_t i = 0; i < count; i++) {
        ck_assert(furrow_wait(&calls[i].done, farm_within_ms(FARM_PATIENCE_MS)));
        found += calls[i].status == status;
    }
    return found;
}

/* Furrow-After with what the hire answered: the clock-in waits until timesheet knows the employee, so none fails. */
static void read_your_writes(farm *f)
{
    farm_start_all(f, 2);
    must(f, TIMESHEET "ListDays", "{\"employeeId\":\"E0\"}");
    hire(f, "first");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "first")); /* job and location have arrived */
    for (int i = 0; i < 50; i++) {
        char *id = farm_text(f, "E%d", i);
        FURROW_AUTO(furrow_msg) hired = NULL;
        FURROW_AUTO(furrow_msg) clocked = NULL;
        char *json = farm_text(f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, id);
        furrow_outgoing out = {.subject = EMPLOYEE "HireEmployee", .data = furrow_bytes_of(json)};
        ck_assert_int_eq(furrow_link_request(f->link, &out, farm_within_ms(6000), &hired, &err), FURROW_OK);
        furrow_header after = {FURROW_HEADER_AFTER, furrow_msg_header(hired, FURROW_HEADER_VERSION)};
        ck_assert_ptr_nonnull(after.value);
        out = (furrow_outgoing){.subject = TIMESHEET "ClockIn",
                                .headers = &after,
                                .header_count = 1,
                                .data = furrow_bytes_of(clock_in_of(f, id))};
        ck_assert_int_eq(furrow_link_request(f->link, &out, farm_within_ms(6000), &clocked, &err), FURROW_OK);
        ck_assert_msg(furrow_client_reply_status(clocked, &err) == FURROW_OK, "%s", err.text);
    }
}

START_TEST(a_command_sent_after_a_version_sees_it)
{
    farm_run(read_your_writes);
}
END_TEST

static void one_badge(farm *f)
{
    one_call calls[50];
    farm_start_all(f, 2);
    for (size_t i = 0; i < 50; i++)
        calls[i] = (one_call){
            .f = f,
            .method = EMPLOYEE "HireEmployee",
            .json = farm_text(f, "{\"id\":\"E%zu\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"SAME\"}", i)};
    ck_assert_uint_eq(at_once(f, calls, 50, FURROW_OK), 1);
    for (size_t i = 0; i < 50; i++)
        ck_assert_msg(calls[i].status == FURROW_OK || calls[i].status == FURROW_ALREADY_EXISTS ||
                          calls[i].status == FURROW_ABORTED,
                      "%s", furrow_status_name(calls[i].status));
}

START_TEST(one_badge_goes_to_one_of_fifty_hires_on_two_replicas)
{
    farm_run(one_badge);
}
END_TEST

static size_t occurrences(const char *text, const char *of)
{
    size_t count = 0;
    for (; (text = strstr(text, of)); text += strlen(of)) count++;
    return count;
}

static void one_clock_in(farm *f)
{
    one_call calls[60];
    farm_start_all(f, 2);
    hire(f, "E1");
    for (size_t i = 0; i < 60; i++)
        calls[i] = (one_call){.f = f, .method = TIMESHEET "ClockIn", .json = clock_in_of(f, "E1")};
    must_fail(f, TIMESHEET "ClockIn", clock_in_of(f, "E9"), FURROW_FAILED_PRECONDITION);
    /* Events may still be on their way: an ordinary day of E2 tells when all has come, E1's being before it. */
    hire(f, "E2");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E2"));
    ck_assert_uint_eq(at_once(f, calls, 60, FURROW_OK), 1);
    ck_assert_uint_eq(occurrences(must(f, TIMESHEET "ListDays", "{\"employeeId\":\"E1\"}"), "\"start\":"), 1);
    must(f, TIMESHEET "StartBreak", "{\"employeeId\":\"E1\",\"kind\":\"ENTRY_KIND_MEAL\"}");
    must(f, TIMESHEET "EndBreak", "{\"employeeId\":\"E1\"}");
    must(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E1\"}");
    must_fail(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E1\"}", FURROW_FAILED_PRECONDITION);
}

START_TEST(one_of_sixty_clock_ins_at_once_takes_effect)
{
    farm_run(one_clock_in);
}
END_TEST

static void termination(farm *f)
{
    one_call calls[21];
    farm_start_all(f, 2);
    hire(f, "E1");
    hire(f, "E2");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E1"));
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strstr(must(f, TIMESHEET "ListDays", "{\"employeeId\":\"E1\"}"), "\"closedBy\":\"termination\"") != NULL,
        FARM_PATIENCE_MS));
    /* Clock-ins in flight while the termination arrives: in the end no day is open. */
    calls[0] = (one_call){.f = f, .method = EMPLOYEE "TerminateEmployee", .json = "{\"id\":\"E2\"}"};
    for (size_t i = 1; i < 21; i++)
        calls[i] = (one_call){.f = f, .method = TIMESHEET "ClockIn", .json = clock_in_of(f, "E2")};
    at_once(f, calls, 21, FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, TIMESHEET "ClockIn", clock_in_of(f, "E2"), NULL, &err) == FURROW_FAILED_PRECONDITION &&
            strstr(err.text, "not employed") &&
            !strstr(must(f, TIMESHEET "ListDays", "{\"employeeId\":\"E2\"}"), "DAY_STATUS_OPEN"),
        FARM_PATIENCE_MS));
}

START_TEST(a_termination_closes_the_open_day_also_in_a_race)
{
    farm_run(termination);
}
END_TEST

static char *opening(farm *f, const char *location)
{
    return farm_text(
        f,
        "{\"code\":\"X\",\"name\":\"X\",\"kind\":\"JOB_KIND_PRUNE\",\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"},"
        "\"locationIds\":[\"%s\"]}",
        location);
}

static void places(farm *f)
{
    one_call moves[2];
    farm_start_all(f, 2);
    for (int i = 2; i <= 3; i++)
        must(f, LOCATION "CreateLocation",
             farm_text(f, "{\"id\":\"B%d\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Block\",\"parentId\":\"R1\"}",
                       i));
    for (int round = 0; round < 10; round++) {
        moves[0] = (one_call){.f = f, .method = LOCATION "MoveLocation", .json = "{\"id\":\"B2\",\"parentId\":\"B3\"}"};
        moves[1] = (one_call){.f = f, .method = LOCATION "MoveLocation", .json = "{\"id\":\"B3\",\"parentId\":\"B2\"}"};
        ck_assert_uint_le(at_once(f, moves, 2, FURROW_OK), 1); /* both would be a cycle */
        must(f, LOCATION "MoveLocation", "{\"id\":\"B2\",\"parentId\":\"R1\"}");
        must(f, LOCATION "MoveLocation", "{\"id\":\"B3\",\"parentId\":\"R1\"}");
    }
    must_fail(f, LOCATION "MoveLocation", "{\"id\":\"B2\",\"parentId\":\"B2\"}", FURROW_FAILED_PRECONDITION);
    must_fail(f, JOB "OpenJob", opening(f, "B9"), FURROW_FAILED_PRECONDITION);
    must(f, JOB "OpenJob", opening(f, "B2"));
    must(f, LOCATION "CloseLocation", "{\"id\":\"B2\"}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, JOB "OpenJob", opening(f, "B2"), NULL, &err) == FURROW_FAILED_PRECONDITION, FARM_PATIENCE_MS));
}

START_TEST(moves_at_once_make_no_cycle_and_jobs_refuse_closed_places)
{
    farm_run(places);
}
END_TEST

static void keys(farm *f)
{
    char *first = NULL, *second = NULL;
    const char *json = "{\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"4711\"}";
    farm_start_all(f, 2);
    ck_assert_int_eq(farm_call_with(f, EMPLOYEE "HireEmployee", json, "k1", &first, &err), FURROW_OK);
    ck_assert_int_eq(farm_call_with(f, EMPLOYEE "HireEmployee", json, "k1", &second, &err), FURROW_OK);
    ck_assert_str_eq(first, second);
    ck_assert_int_eq(farm_call_with(f, EMPLOYEE "HireEmployee",
                                    "{\"givenName\":\"B\",\"familyName\":\"C\",\"badge\":\"1\"}", "k1", NULL, &err),
                     FURROW_INVALID_ARGUMENT);
    furrow_test_server_kill(f->redis); /* what it remembered of the key is gone; the log knows */
    char *argument[] = {farm_text(f, "%s/appendonlydir", furrow_test_server_dir(f->redis))};
    ck_assert_int_eq(
        furrow_test_run(&(furrow_test_process_options){.argv = (const char *const[]){"rm", "-rf", argument[0], NULL}},
                        5000, NULL),
        0);
    furrow_test_server_restart(f->redis);
    farm_provision(f); /* a new Redis has no functions */
    furrow_status status;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        (status = farm_call_with(f, EMPLOYEE "HireEmployee", json, "k1", &second, &err)) != FURROW_UNAVAILABLE,
        FARM_PATIENCE_MS));
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    ck_assert_str_eq(text_at(f, first, "employee.id"), text_at(f, second, "employee.id"));
    ck_assert_str_eq(text_at(f, first, "version"), text_at(f, second, "version"));
}

START_TEST(an_idempotency_key_takes_effect_once_also_when_redis_forgot)
{
    farm_run(keys);
}
END_TEST

static void start_order(farm *f)
{
    char *health = NULL;
    farm_start(f, FARM_TIMESHEET, 0);
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(farm_call(f, "furrow.v1.Health.timesheet", "", &health, &err) == FURROW_OK &&
                                           strstr(health, "furrow provision"),
                                       FARM_PATIENCE_MS));
    must_fail(f, TIMESHEET "GetDay", "{\"id\":\"E1_20261123\"}", FURROW_UNAVAILABLE);
    farm_provision(f);
    furrow_test_server_kill(f->redis);
    farm_start(f, FARM_EMPLOYEE, 0);
    ck_assert(furrow_test_process_wait_for(f->services[FARM_EMPLOYEE][0], "waiting for Redis", FARM_PATIENCE_MS));
    must_fail(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", FURROW_UNAVAILABLE);
    furrow_test_server_restart(f->redis);
    farm_wait_ready(f, FARM_EMPLOYEE);
    hire(f, "E1");
    furrow_test_server_kill(f->nats);
    farm_start(f, FARM_LOCATION, 0);
    ck_assert(furrow_test_process_wait_for(f->services[FARM_LOCATION][0], "waiting for NATS", FARM_PATIENCE_MS));
    furrow_test_server_restart(f->nats);
    ck_assert(furrow_link_wait_connected(f->link, farm_within_ms(FARM_PATIENCE_MS)));
    farm_wait_ready(f, FARM_LOCATION);
    must(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}");
    farm_wait_ready(f, FARM_TIMESHEET);
}

START_TEST(services_start_before_what_they_need_and_say_what_is_missing)
{
    farm_run(start_order);
}
END_TEST

static void discovery(farm *f)
{
    static const char *const verbs[] = {"PING", "INFO", "STATS"}, *const types[] = {"ping", "info", "stats"};
    farm_provision(f);
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_wait_ready(f, FARM_EMPLOYEE);
    must_fail(f, EMPLOYEE "GetEmployee", "{\"id\":\"nobody\"}", FURROW_NOT_FOUND);
    for (int v = 0; v < 3; v++) {
        char *answer = NULL, *id;
        for (int form = 0; form < 3; form++) {
            const char *subject = form == 0   ? farm_text(f, "$SRV.%s", verbs[v])
                                  : form == 1 ? farm_text(f, "$SRV.%s.employee", verbs[v])
                                              : farm_text(f, "$SRV.%s.employee.%s", verbs[v], text_at(f, answer, "id"));
            ck_assert_msg(farm_call(f, subject, "{}", &answer, &err) == FURROW_OK, "%s: %s", subject, err.text);
            ck_assert_str_eq(text_at(f, answer, "type"), farm_text(f, "io.nats.micro.v1.%s_response", types[v]));
            ck_assert_str_eq(text_at(f, answer, "name"), "employee");
            ck_assert_str_eq(text_at(f, answer, "version"), "0.1.0");
            id = text_at(f, answer, "id");
            ck_assert_uint_eq(strlen(id), 26);
        }
        if (v == 1)
            ck_assert_ptr_nonnull(strstr(
                answer, "\"subject\":\"employee.v1.EmployeeService.HireEmployee\",\"queue_group\":\"employee\""));
        if (v == 2)
            ck_assert_ptr_nonnull(strstr(answer, "\"num_requests\":1,\"num_errors\":1,\"last_error\":\"NOT_FOUND"));
    }
}

START_TEST(all_nine_service_subjects_answer)
{
    farm_run(discovery);
}
END_TEST

static const furrow_service_contract *const contracts[] = {&employee_v1_employee_service, &location_v1_location_service,
                                                           &job_v1_job_service, &timesheet_v1_timesheet_service};

static void wrong_input(farm *f)
{
    static const char *const bodies[] = {
        "{",
        "[]",
        "{\"id\":\"a.b\"}",
        "{\"id\":\"*\"}",
        "{\"id\":\">\"}",
        "{\"id\":\"a b\"}",
        "{\"id\":\"\"}",
        "{\"nope\":1}",
        "{\"id\":\"x\",\"id\":\"x\"}",
        "{\"id\":\"\xff\xfe\"}",
        "{\"id\":1e999}",
        "\xff\xff\xff\xff",
        "\x0a\x7f",
        "{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123456\"}"};
    farm_start_all(f, 1);
    for (size_t s = 0; s < 4; s++)
        for (size_t m = 0; m < contracts[s]->method_count; m++)
            for (size_t b = 0; b < sizeof bodies / sizeof *bodies; b++) {
                furrow_status status = farm_call(f, contracts[s]->methods[m].subject, bodies[b], NULL, &err);
                ck_assert_msg(status == FURROW_INVALID_ARGUMENT || (b == 6 && status == FURROW_OK), "%s %s: %s %s",
                              contracts[s]->methods[m].name, bodies[b], furrow_status_name(status), err.text);
            }
    /* A message on an event's subject that is no employee: to the dead letters, and what comes after it flows on. */
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.bad",
                                       furrow_bytes_of("no protobuf \xff"), &any, farm_within_ms(FARM_PATIENCE_MS),
                                       &ack, &err),
                     FURROW_OK);
    hire(f, "E1");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E1"));
    furrow_js_stored letter;
    ck_assert_int_eq(furrow_js_import(f->operator_link, "DEADLETTER", "timesheet", &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_js_get_last(f->operator_link, "DEADLETTER",
                                                                "deadletter.timesheet.EMPLOYEE", farm_within_ms(1000),
                                                                f->arena, &letter, &err) == FURROW_OK,
                                             FARM_PATIENCE_MS));
    ck_assert_uint_gt(strlen(furrow_js_stored_header(&letter, "Furrow-Reason", f->arena)), 5);
    ck_assert_str_eq(furrow_js_stored_header(&letter, "Furrow-Subject", f->arena), "employee.v1.Employee.bad");
    char *health = NULL;
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(farm_call(f, "furrow.v1.Health.timesheet", "", &health, &err) == FURROW_OK &&
                                           strstr(health, "\"alarms\":[\"dead letters: 1 of EMPLOYEE: "),
                                       FARM_PATIENCE_MS));
    ck_assert_int_eq(farm_tool(f, &health, (const char *const[]){"health", "--json", "timesheet", NULL}),
                     0); /* it serves */
    ck_assert_ptr_nonnull(strstr(health, "dead letters"));
    free(health);
}

/* Ids of a batch: some, not too many, each one that an entity can have. */
static void batches(farm *f)
{
    static const char *const methods[] = {EMPLOYEE "BatchGetEmployees", JOB "BatchGetJobs",
                                          LOCATION "BatchGetLocations"};
    size_t len = (size_t)BATCH_MAX * 5 + 64;
    farm_start_all(f, 1);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char *many = furrow_arena_alloc(f->arena, len), *end = many;
        end += sprintf(end, "{\"ids\":[\"a\"");
        for (int id = 1; id < BATCH_MAX; id++) end += sprintf(end, ",\"a\"");
        sprintf(end, "]}");
        ck_assert_int_eq(farm_call(f, methods[i], many, NULL, &err), FURROW_OK);
        sprintf(end, ",\"a\"]}");
        must_fail(f, methods[i], many, FURROW_INVALID_ARGUMENT);
        must_fail(f, methods[i], "{}", FURROW_INVALID_ARGUMENT);
        ck_assert_int_eq(farm_call(f, methods[i], "{\"ids\":[\"a\",\"a.b\"]}", NULL, &err), FURROW_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "ids[1]"));
    }
}

START_TEST(a_batch_asks_for_at_least_one_id_and_not_too_many)
{
    farm_run(batches);
}
END_TEST

START_TEST(wrong_input_to_every_method_gets_a_status_and_poison_goes_aside)
{
    farm_run(wrong_input);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("farm");
    TCase *tests = tcase_create("mesh of processes");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, an_employee_is_hired_changed_terminated_rehired_and_erased);
    tcase_add_test(tests, a_command_sent_after_a_version_sees_it);
    tcase_add_test(tests, one_badge_goes_to_one_of_fifty_hires_on_two_replicas);
    tcase_add_test(tests, one_of_sixty_clock_ins_at_once_takes_effect);
    tcase_add_test(tests, a_termination_closes_the_open_day_also_in_a_race);
    tcase_add_test(tests, moves_at_once_make_no_cycle_and_jobs_refuse_closed_places);
    tcase_add_test(tests, an_idempotency_key_takes_effect_once_also_when_redis_forgot);
    tcase_add_test(tests, services_start_before_what_they_need_and_say_what_is_missing);
    tcase_add_test(tests, all_nine_service_subjects_answer);
    tcase_add_test(tests, a_batch_asks_for_at_least_one_id_and_not_too_many);
    tcase_add_test(tests, wrong_input_to_every_method_gets_a_status_and_poison_goes_aside);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
