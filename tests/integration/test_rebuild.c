/*
 * What is mended on a whole mesh without a stop: `furrow rebuild` of a table and of one record; a durable that was
 * deleted, which `furrow provision --watch` puts back.
 */
#include "base/clock.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE  "employee.v1.EmployeeService."
#define TIMESHEET "timesheet.v1.TimesheetService."
#define KEY       "timesheet:{Employee}:"

enum { PEOPLE = 120 };

#define AWAIT(condition) ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(condition, 40000), "not in time: %s", #condition)

static furrow_error err;

static void must(farm *f, const char *method, const char *json)
{
    ck_assert_msg(farm_call_until(f, method, json, NULL, &err) == FURROW_OK, "%s: %s", method, err.text);
}

static void hire(farm *f, int from, int to)
{
    for (int e = from; e < to; e++)
        must(f, EMPLOYEE "HireEmployee",
             farm_text(f, "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\"}", e, e));
}

static int count_people(farm *f)
{
    return atoi(farm_redis(f, "operator", "--scan --pattern '" KEY "E*' | wc -l"));
}

static int rebuild(farm *f, const char *entity, const char *id, const char *says)
{
    char *output = NULL;
    int code = farm_tool(f, &output, (const char *const[]){"rebuild", "timesheet", entity, id, NULL});
    ck_assert_msg(strstr(output, says) != NULL, "%s", output);
    free(output);
    return code;
}

static void rebuilds(farm *f)
{
    farm_start_all(f, 2);
    hire(f, 0, PEOPLE);
    AWAIT(count_people(f) == PEOPLE);
    char *good = farm_redis(f, "operator", "get " KEY "E7 | od -An -tx1");
    farm_redis(f, "operator", "setrange " KEY "E7 9 zzzz"); /* of the same version, and wrong */
    ck_assert_str_ne(farm_redis(f, "operator", "get " KEY "E7 | od -An -tx1"), good);
    ck_assert_int_eq(rebuild(f, "Employee", "E7", "E7 of timesheet is version"), 0);
    ck_assert_str_eq(farm_redis(f, "operator", "get " KEY "E7 | od -An -tx1"), good);
    ck_assert_int_eq(rebuild(f, "Location", "B1", "B1 of timesheet is version"), 0); /* a table without an index */
    ck_assert_int_ne(rebuild(f, "Employee", "nobody", "furrow audit --repair"), 0);
    farm_redis(f, "operator", "del " KEY "E3 " KEY "E4");
    farm_redis(f, "operator", "setrange " KEY "E7 9 zzzz");
    ck_assert_int_eq(rebuild(f, "employee.v1.Employee", NULL, "is built anew"), 0);
    ck_assert_int_eq(count_people(f), PEOPLE);
    ck_assert_str_eq(farm_redis(f, "operator", "get " KEY "E7 | od -An -tx1"), good);
    ck_assert_int_eq(rebuild(f, "WorkDay", NULL, "is built anew"), 0);
    ck_assert_int_eq(rebuild(f, "Badge", NULL, "timesheet keeps nothing of Badge"), 2);
    must(f, TIMESHEET "ClockIn", "{\"employeeId\":\"E7\",\"jobId\":\"J1\",\"locationId\":\"B1\"}");
}

START_TEST(a_table_or_one_record_is_built_anew_from_the_log)
{
    farm_run(rebuilds);
}
END_TEST

static void delete_consumer(farm *f)
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = "$JS.employee.API.CONSUMER.DELETE.EMPLOYEE.timesheet"};
    ck_assert_msg(furrow_link_request(f->operator_link, &out, farm_within_ms(5000), &reply, &err) == FURROW_OK, "%s",
                  err.text);
    ck_assert(!memmem(reply->data.data, reply->data.len, "error", 5));
    furrow_msg_free(reply);
}

static bool says(farm *f, const char *what)
{
    char *output = NULL;
    (void)farm_tool(f, &output, (const char *const[]){"health", "--json", "timesheet", NULL});
    bool found = strstr(output, what) && strstr(output, "\"status\":\"SERVING\"");
    free(output);
    return found;
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) count++;
    return count;
}

static void watches(farm *f)
{
    farm_start_all(f, 1);
    hire(f, 0, 3);
    AWAIT(count_people(f) == 3);
    delete_consumer(f);
    AWAIT(says(f, "waiting for consumer timesheet on EMPLOYEE: not found"));
    char *output = NULL;
    for (int i = 0; i < 2; i++) { /* the first has made nothing */
        ck_assert_int_eq(farm_tool(f, &output, (const char *const[]){"provision", "--dry-run", NULL}), 0);
        ck_assert_msg(count_of(output, "would be made or changed") == 1 && strstr(output, "would be loaded") == NULL,
                      "%s", output);
        free(output);
    }
    must(f, TIMESHEET "ClockIn", "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}");
    hire(f, 3, 5);
    furrow_test_process *watch = farm_tool_start(f, (const char *const[]){"provision", "--watch", NULL});
    AWAIT(count_people(f) == 5);
    delete_consumer(f);
    hire(f, 5, 7);
    AWAIT(count_people(f) == 7);
    /* Once at its start, and when it was made again; of the others it is quiet. */
    const char *told = furrow_test_process_stdout(watch);
    ck_assert_msg(count_of(told, "timesheet  employee.v1.Employee keeps") == 2, "%s", told);
    ck_assert_msg(count_of(told, "timesheet  job.v1.Job keeps") == 1, "%s", told);
    ck_assert(furrow_test_process_running(watch));
    AWAIT(says(f, "\"detail\":\"ready\""));
    furrow_test_process_destroy(watch);
}

START_TEST(a_consumer_that_was_deleted_is_put_back_and_stops_nobody)
{
    farm_run(watches);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rebuild");
    TCase *tests = tcase_create("rebuild");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_table_or_one_record_is_built_anew_from_the_log);
    tcase_add_test(tests, a_consumer_that_was_deleted_is_put_back_and_stops_nobody);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
