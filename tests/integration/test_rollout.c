/*
 * A rollout of the next release of timesheet, which keeps one more field of an employee and has one more index of its
 * days, and its rollback: one process at a time, under calls, of which not one is refused. FURROW_TEST_ENTITIES: how many
 * employees there are.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE  "employee.v1.EmployeeService."
#define TIMESHEET "timesheet.v1.TimesheetService."

enum { ENTITIES = 1500, CALLERS = 4, HIRERS = 16 };

#define AWAIT(condition) ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(condition, 60000), "not in time: %s", #condition)

static int entities(void)
{
    const char *text = getenv("FURROW_TEST_ENTITIES");
    return text ? atoi(text) : ENTITIES;
}

/* ---- those who call ---- */

typedef struct caller {
    farm *f;
    int first, step, calls;
    bool stop, done;
    char failure[512];
} caller;

/* Keeps the first failure. *answer: to be freed. */
static bool call(caller *self, const char *method, const char *json, char **answer)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_error err = {0};
    furrow_outgoing out = {.subject = method, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_request(self->f->link, &out, farm_within_ms(10000), &reply, &err);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    self->calls++;
    if (status != FURROW_OK && !self->failure[0])
        snprintf(self->failure, sizeof self->failure, "call %d, %s %s: %s: %s", self->calls, method, json,
                 furrow_status_name(status), err.text);
    if (answer) *answer = status == FURROW_OK ? strndup(reply->data.data, reply->data.len) : NULL;
    return status == FURROW_OK;
}

/* What was answered is seen by whoever is asked next, of either release. */
static void see_day(caller *self, int employee, bool open)
{
    char json[128], wanted[64];
    char *answer = NULL;
    snprintf(json, sizeof json, "{\"employeeId\":\"E%d\"}", employee);
    snprintf(wanted, sizeof wanted, "\"openEmployeeId\":\"E%d\"", employee);
    if (call(self, TIMESHEET "ListDays", json, &answer) && (strstr(answer, wanted) != NULL) != open &&
        !self->failure[0])
        snprintf(self->failure, sizeof self->failure, "call %d: the day of %d is not %s: %.200s", self->calls, employee,
                 open ? "open" : "closed", answer);
    free(answer);
}

static void work(void *arg)
{
    caller *self = arg;
    char json[160];
    for (int employee = self->first; !self->stop && !self->failure[0]; employee += self->step) {
        int who = employee % entities();
        snprintf(json, sizeof json, "{\"employeeId\":\"E%d\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", who);
        call(self, TIMESHEET "ClockIn", json, NULL);
        see_day(self, who, true);
        snprintf(json, sizeof json, "{\"employeeId\":\"E%d\"}", who);
        call(self, TIMESHEET "ClockOut", json, NULL);
        see_day(self, who, false);
        furrow_task_sleep_ms(5);
    }
    self->done = true;
}

static void hire_some(void *arg)
{
    caller *self = arg;
    char json[160];
    for (int e = self->first; e < entities() && !self->failure[0]; e += self->step) {
        snprintf(json, sizeof json,
                 "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\",\"crew\":\"c%d\"}", e, e,
                 e % 7);
        call(self, EMPLOYEE "HireEmployee", json, NULL);
    }
    self->done = true;
}

static void begin(farm *f, caller callers[], int count, void (*fn)(void *arg))
{
    furrow_error err;
    for (int i = 0; i < count; i++) {
        callers[i] = (caller){.f = f, .first = i, .step = count};
        ck_assert_int_eq(furrow_loop_spawn(f->loop, fn, &callers[i], &err), FURROW_OK);
    }
}

static int end(caller callers[], int count, bool stop)
{
    int calls = 0;
    for (int i = 0; i < count; i++) {
        callers[i].stop = stop;
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(callers[i].done, 600000));
        ck_assert_msg(!callers[i].failure[0], "%s", callers[i].failure);
        calls += callers[i].calls;
    }
    return calls;
}

/* ---- the mesh ---- */

static int count_keys(farm *f, const char *pattern)
{
    char *output = NULL;
    const char *argv[] = {
        "sh", "-c", farm_text(f, "%s --scan --pattern '%s' | wc -l", farm_redis_cli(f, "operator"), pattern), NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 60000, &output), 0);
    int count = atoi(output);
    free(output);
    return count;
}

static void stop(furrow_test_process *process)
{
    int code;
    furrow_test_process_signal(process, SIGTERM);
    while (furrow_test_process_running(process)) furrow_task_sleep_ms(5);
    ck_assert(furrow_test_process_wait(process, 1000, &code));
    ck_assert_int_eq(code, 0);
}

static void stop_old(farm *f, int replica)
{
    stop(f->services[FARM_TIMESHEET][replica]);
    furrow_test_process_destroy(f->services[FARM_TIMESHEET][replica]);
    f->services[FARM_TIMESHEET][replica] = NULL;
}

static bool is_up(furrow_test_process *process)
{
    ck_assert_msg(furrow_test_process_running(process), "%s", furrow_test_process_stderr(process));
    return strstr(furrow_test_process_stderr(process), "msg=\"ready\"") != NULL;
}

static void rollout(farm *f)
{
    static caller callers[CALLERS], hirers[HIRERS];
    furrow_test_process *next[2];
    farm_start_all(f, 2);
    begin(f, hirers, HIRERS, hire_some);
    end(hirers, HIRERS, false);
    AWAIT(count_keys(f, "timesheet:{Employee}:E*") == entities());
    begin(f, callers, CALLERS, work);
    for (int i = 0; i < 2; i++) {
        next[i] = farm_begin_other(f, "timesheet", FURROW_TEST_NEXT, (const char *const[]){NULL});
        AWAIT(is_up(next[i]));
        stop_old(f, i);
    }
    AWAIT(count_keys(f, "timesheet:{Employee}:E*") == 0 && count_keys(f, "timesheet:{WorkDay}:E*") == 0);
    ck_assert_int_eq(count_keys(f, "timesheet:{Employee}:@1:E*"), entities());
    for (int i = 0; i < 2; i++) {
        farm_start(f, FARM_TIMESHEET, i);
        AWAIT(is_up(f->services[FARM_TIMESHEET][i]));
        stop(next[i]);
        furrow_test_process_destroy(next[i]);
    }
    /* But for leases, which end by themselves. */
    AWAIT(count_keys(f, "timesheet:{*}:@1:[E@][^l]*") == 0);
    ck_assert_int_eq(count_keys(f, "timesheet:{Employee}:E*"), entities());
    ck_assert_int_gt(end(callers, CALLERS, true), 100);
}

START_TEST(a_rollout_and_its_rollback_refuse_not_one_call)
{
    farm_run(rollout);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rollout");
    TCase *tests = tcase_create("rollout");
    tcase_set_timeout(tests, getenv("FURROW_TEST_ENTITIES") ? 3600 : 120);
    tcase_add_test(tests, a_rollout_and_its_rollback_refuse_not_one_call);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
