/*
 * `furrow erase` on a whole mesh: it waits for whoever keeps something, says what is left and where, and `furrow audit
 * --erased` says the same afterwards; wrong input and wrong keys.
 */
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE "employee.v1.EmployeeService."

static furrow_error err;

#define RUN(f, expected, ...) farm_tool_says(f, "operator", expected, (const char *const[]){__VA_ARGS__, NULL})

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static void must(farm *f, const char *method, const char *json)
{
    ck_assert_msg(farm_call_until(f, method, json, NULL, &err) == FURROW_OK, "%s %s: %s", method, json, err.text);
}

static void hire(farm *f, const char *id)
{
    must(f, EMPLOYEE "HireEmployee",
         farm_text(f,
                   "{\"id\":\"%s\",\"givenName\":\"Guadalupe\",\"familyName\":\"Ramos\",\"badge\":\"%s\","
                   "\"private\":{\"taxId\":\"TAX-123-45\",\"birthDate\":\"1980-02-29\"}}",
                   id, id));
}

/* Of somebody else's making, and a dead letter at the owner and at timesheet. */
static void send_poison(farm *f)
{
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1",
                                       furrow_bytes_of("\x0a\x02"
                                                       "E2\x1a\x09Guadalupe"),
                                       &any, farm_within_ms(5000), &ack, &err),
                     FURROW_OK);
}

static void gone(farm *f)
{
    farm_start_all(f, 1);
    hire(f, "E1");
    hire(f, "E2");
    send_poison(f);
    must(f, "timesheet.v1.TimesheetService.ClockIn", "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(RUN(f, 0, "deadletter", "list"), "\n4 dead letters"), 30000));
    has(RUN(f, 1, "erase", "Employee", "E1"), "FAILED_PRECONDITION");
    has(RUN(f, 1, "audit", "--erased", "Employee", "E1"), "LEFT: ");
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    /* Who is away still has something, and the receipt says who. */
    farm_kill(f, FARM_TIMESHEET, 0);
    char *text = RUN(f, 1, "erase", "employee.v1.Employee", "E1", "--wait", "1");
    has(text, "employee.v1.Employee E1: NOT ALL OF IT IS GONE");
    has(text, "record timesheet:{Employee}:E1");
    has(text, "LEFT: a state");
    farm_start(f, FARM_TIMESHEET, 0);
    farm_wait_ready(f, FARM_TIMESHEET);
    text = RUN(f, 0, "erase", "employee.v1.Employee", "E1");
    has(text, "employee.v1.Employee E1: nothing is left of it\n  asked for by operator");
    has(text, "log EMPLOYEE");
    has(text, "deletions alone, at ");
    has(text, "log EMPLOYEE_KEY");
    has(text, "claims BADGE_CLAIM");
    has(text, "record employee:{Employee}:E1");
    has(text, "a tombstone of version ");
    has(text, "remembered results");
    has(text, "dead letters");
    ck_assert_ptr_null(strstr(text, "LEFT"));
    ck_assert_ptr_null(strstr(text, "Guadalupe"));
    has(RUN(f, 0, "audit", "--erased", "Employee", "E1"), "nothing is left of it");
    has(RUN(f, 0, "audit", "--erased", "Employee", "E1", "--json"), "\"gone\":true,\"looked\":\"2");
    has(RUN(f, 0, "erase", "Employee", "E1", "--json"), "\"by\":\"operator\"");
    has(RUN(f, 0, "deadletter", "list"), "0 dead letters");
    ck_assert_ptr_null(strstr(RUN(f, 0, "audit"), " missing"));
    has(RUN(f, 1, "audit", "--erased", "Employee", "E2"), "record timesheet:{Employee}:E2");
}

START_TEST(nothing_is_left_and_the_receipt_says_where_it_was_looked)
{
    farm_run(gone);
}
END_TEST

static void wrong(farm *f)
{
    farm_start_all(f, 1);
    hire(f, "E1");
    has(RUN(f, 0, "erase", "Employee", "E1", "--dry-run"), "employee.v1.Employee E1: would be erased");
    has(RUN(f, 0, "erase", "Employee", "E1", "--dry-run"), "LEFT");
    has(RUN(f, 2, "audit", "Employee", "E1", "--erased", "--repair"), "without --repair");
    has(RUN(f, 1, "erase", "Employee", "nobody"), "NOT_FOUND");
    has(RUN(f, 2, "erase", "Nothing", "E1"), "no contract here has an entity Nothing");
    has(RUN(f, 2, "erase", "Location", "B1"), "location has no method EraseLocation");
    has(RUN(f, 2, "erase", "Employee", "a.b"), "a.b: ");
    has(RUN(f, 2, "erase", "Employee"), "something is missing");
    has(RUN(f, 2, "erase", "Employee", "E1", "E2"), "too much: E2");
    has(RUN(f, 2, "erase", "Employee", "E1", "--force"), "no option --force");
    has(RUN(f, 2, "audit", "--erased", "Employee"), "something is missing");
    (void)farm_tool_says(f, "inspector", 1, (const char *const[]){"erase", "Employee", "E1", NULL});
    ck_assert_int_eq(farm_call(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", NULL, &err), FURROW_OK);
}

START_TEST(wrong_input_erases_nothing)
{
    farm_run(wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("erase");
    TCase *tests = tcase_create("mesh of processes");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, nothing_is_left_and_the_receipt_says_where_it_was_looked);
    tcase_add_test(tests, wrong_input_erases_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
