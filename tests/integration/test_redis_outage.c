/*
 * A Redis that hangs, or has lost the functions, under the whole mesh: the service says so of itself, every call that
 * waits is told in its time, and all is well when Redis answers again, by itself and without a rebuild.
 */
#include "base/loop.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"
#include "base/clock.h"
#include "wire/header.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asked of the service itself: its "status", and the whole document in *text. */
static const char *health(farm *f, const char *service, char **text)
{
    furrow_error err;
    char *status = NULL;
    *text = NULL;
    if (farm_call(f, farm_text(f, "furrow.v1.Health.%s", service), "", text, &err) != FURROW_OK) return "";
    return furrow_json_find_text(furrow_bytes_of(*text), "status", f->arena, &status) ? status : "";
}

static const char *why(farm *f, const char *document)
{
    char *text = NULL;
    return document && furrow_json_find_text(furrow_bytes_of(document), "why", f->arena, &text) ? text : "";
}

static void wait_not_serving(farm *f, const char *service, const char *reason)
{
    char *text = NULL;
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(strcmp(health(f, service, &text), "NOT_SERVING") == 0 &&
                                                     strstr(why(f, text), reason) != NULL,
                                                 FARM_PATIENCE_MS),
                  "%s", text ? text : "no answer");
}

typedef struct waiting_call {
    farm *f;
    const char *method, *json;
    furrow_header headers[3];
    furrow_status status;
    furrow_error err;
    size_t *left;
} waiting_call;

static void run_call(void *arg)
{
    waiting_call *self = arg;
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_outgoing out = {.subject = self->method, .headers = self->headers, .data = furrow_bytes_of(self->json)};
    while (out.header_count < 3 && self->headers[out.header_count].name) out.header_count++;
    self->status = furrow_link_request(self->f->link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &self->err);
    if (self->status == FURROW_OK) self->status = furrow_client_reply_status(reply, &self->err);
    --*self->left;
}

#define SOON                                                                                                           \
    {                                                                                                                  \
        FURROW_HEADER_TIMEOUT, "700m"                                                                                  \
    }
#define LATER                                                                                                          \
    {                                                                                                                  \
        FURROW_HEADER_TIMEOUT, "25S"                                                                                   \
    }

/* Of each kind one with a deadline before Redis counts as hung and one with a deadline long after. */
static void every_kind_of_call(farm *f)
{
    static waiting_call calls[] = {
        {.method = "employee.v1.EmployeeService.GetEmployee", .json = "{\"id\":\"E1\"}", .headers = {SOON}},
        {.method = "employee.v1.EmployeeService.GetEmployee", .json = "{\"id\":\"E1\"}", .headers = {LATER}},
        {.method = "employee.v1.EmployeeService.ListEmployees", .json = "{}", .headers = {SOON}},
        {.method = "employee.v1.EmployeeService.ListEmployees", .json = "{}", .headers = {LATER}},
        {.method = "location.v1.LocationService.GetLocation", .json = "{\"id\":\"B1\"}", .headers = {SOON}},
        {.method = "location.v1.LocationService.CreateLocation",
         .json = "{\"id\":\"B7\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"B\",\"parentId\":\"R1\"}",
         .headers = {LATER, {FURROW_HEADER_IDEMPOTENCY_KEY, "k1"}}},
        {.method = "job.v1.JobService.GetJob",
         .json = "{\"id\":\"J1\"}",
         .headers = {SOON, {FURROW_HEADER_AFTER, "job.v1.Job.J1=999999"}}},
        {.method = "job.v1.JobService.GetJob",
         .json = "{\"id\":\"J1\"}",
         .headers = {LATER, {FURROW_HEADER_AFTER, "job.v1.Job.J1=999999"}}},
        {.method = "timesheet.v1.TimesheetService.ClockIn",
         .json = "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}",
         .headers = {SOON}},
        {.method = "timesheet.v1.TimesheetService.ClockIn",
         .json = "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}",
         .headers = {LATER, {FURROW_HEADER_IDEMPOTENCY_KEY, "k2"}}},
        {.method = "timesheet.v1.TimesheetService.ListDays", .json = "{\"employeeId\":\"E1\"}", .headers = {LATER}},
    };
    enum { CALLS = sizeof calls / sizeof *calls };
    furrow_error err;
    size_t left = CALLS;
    for (size_t i = 0; i < CALLS; i++) {
        calls[i].f = f;
        calls[i].left = &left;
        ck_assert_int_eq(furrow_loop_spawn(f->loop, run_call, &calls[i], &err), FURROW_OK);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, FARM_PATIENCE_MS));
    for (size_t i = 0; i < CALLS; i++)
        ck_assert_msg(calls[i].status == FURROW_UNAVAILABLE, "%zu %s: %s: %s", i, calls[i].method,
                      furrow_status_name(calls[i].status), calls[i].err.text);
}

static size_t count_in_log(farm *f, int service, const char *part)
{
    size_t count = 0;
    const char *log = furrow_test_process_stderr(f->services[service][0]);
    for (const char *at = log; (at = strstr(at, part)); at++) count++;
    return count;
}

static void hung(farm *f)
{
    static const char *const names[] = {"employee", "location", "job", "timesheet", "harvest", "payroll"};
    furrow_error err;
    size_t rebuilds[FARM_SERVICES];
    farm_start_all(f, 1);
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.HireEmployee",
                               "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}", NULL, &err),
                     FURROW_OK);
    for (int s = 0; s < FARM_SERVICES; s++) rebuilds[s] = count_in_log(f, s, "catching up");
    for (int round = 0; round < 2; round++) {
        furrow_test_server_pause(f->redis);
        every_kind_of_call(f);
        for (int s = 0; s < FARM_SERVICES; s++) wait_not_serving(f, names[s], "no answer within");
        every_kind_of_call(f); /* now at once */
        furrow_test_server_resume(f->redis);
        for (int s = 0; s < FARM_SERVICES; s++) farm_wait_ready(f, s);
        ck_assert_int_eq(farm_call_until(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", NULL, &err),
                         FURROW_OK);
    }
    for (int s = 0; s < FARM_SERVICES; s++) ck_assert_uint_eq(count_in_log(f, s, "catching up"), rebuilds[s]);
    ck_assert_int_eq(farm_call_until(f, "timesheet.v1.TimesheetService.ClockIn",
                                     "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", NULL, &err),
                     FURROW_OK);
}

START_TEST(a_hung_redis_is_told_by_health_and_to_every_call)
{
    farm_run(hung);
}
END_TEST

static void without_functions(farm *f)
{
    furrow_error err;
    char *output = NULL;
    farm_start_all(f, 1);
    (void)farm_redis(f, "operator", "function flush");
    wait_not_serving(f, "location", "run `furrow provision`");
    ck_assert_int_eq(farm_call(f, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", NULL, &err),
                     FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "Redis has no function library furrow_") != NULL, "%s", err.text);
    const char *const dry_run[] = {"provision", "--only", "redis", "--dry-run", NULL};
    for (int i = 0; i < 2; i++) { /* the first has loaded nothing */
        ck_assert_int_eq(farm_tool(f, &output, dry_run), 0);
        ck_assert_msg(strstr(output, ": would be loaded"), "%s", output);
        free(output);
    }
    ck_assert_int_eq(farm_tool(f, &output, (const char *const[]){"provision", "--only", "redis", NULL}), 0);
    ck_assert_msg(strstr(output, "functions furrow_") && !strstr(output, "already"), "%s", output);
    free(output);
    farm_wait_ready(f, FARM_LOCATION);
    ck_assert_int_eq(farm_call_until(f, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", NULL, &err),
                     FURROW_OK);
    ck_assert_int_eq(farm_tool(f, &output, (const char *const[]){"provision", NULL}), 0);
    ck_assert_msg(strstr(output, "already"), "%s", output);
    free(output);
}

START_TEST(without_its_functions_a_service_says_what_to_do_and_heals)
{
    farm_run(without_functions);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis outage");
    TCase *tests = tcase_create("redis outage");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, a_hung_redis_is_told_by_health_and_to_every_call);
    tcase_add_test(tests, without_its_functions_a_service_says_what_to_do_and_heals);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
