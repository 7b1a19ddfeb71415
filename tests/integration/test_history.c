/*
 * `furrow history` on a whole mesh: who changed what and when, in text and in JSON, with nothing private in it; what was
 * deleted, erased, or is no state; wrong input.
 */
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE "employee.v1.EmployeeService."

static furrow_error err;

static char *run_as(farm *f, const char *user, int expected, const char *const arguments[])
{
    const char *all[8] = {"history"};
    for (size_t i = 0; arguments[i]; i++) all[i + 1] = arguments[i];
    return farm_tool_says(f, user, expected, all);
}

#define HISTORY(f, expected, ...) run_as(f, "operator", expected, (const char *const[]){__VA_ARGS__, NULL})

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text);
}

static void must(farm *f, furrow_link *link, const char *method, const char *json)
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = method, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_request(link, &out, farm_within_ms(10000), &reply, &err);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", method, json, err.text);
    furrow_msg_free(reply);
}

static void hire(farm *f, const char *id)
{
    must(f, f->link, EMPLOYEE "HireEmployee",
         farm_text(f,
                   "{\"id\":\"%s\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"%s\",\"crew\":\"c1\","
                   "\"contact\":{\"phone\":\"+15595550123\"},\"private\":{\"taxId\":\"SECRET-TAX-ID\"}}",
                   id, id));
}

static void update_crew(farm *f, furrow_link *link, const char *crew)
{
    must(f, link, EMPLOYEE "UpdateEmployee",
         farm_text(f, "{\"employee\":{\"id\":\"E1\",\"crew\":\"%s\"},\"updateMask\":\"crew\"}", crew));
}

static void life(farm *f)
{
    farm_start_all(f, 1);
    furrow_link *other = farm_link_as(f, FARM_OTHER_CLIENT);
    hire(f, "E1");
    update_crew(f, other, "c2");
    char *text = HISTORY(f, 0, "employee.v1.Employee", "E1");
    has(text, "hired  by client\n");
    has(text, "  crew: none -> \"c1\"\n");
    has(text, "  contact: none -> {\"phone\":\"+15595550123\"}\n");
    has(text, "  private: none -> \"sealed\"\n");
    has(text, "by " FARM_OTHER_CLIENT "\n  crew: \"c1\" -> \"c2\"\n");
    has_not(text, "SECRET");
    must(f, f->operator_link, EMPLOYEE "UpdateEmployee",
         "{\"employee\":{\"id\":\"E1\",\"contact\":{\"email\":\"a@b.c\"}},\"updateMask\":\"contact.email\"}");
    must(f, f->operator_link, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    text = HISTORY(f, 0, "Employee", "E1");
    has(text, "by operator\n  contact.email: none -> \"a@b.c\"\n");
    has(text, "  status: \"EMPLOYMENT_STATUS_ACTIVE\" -> \"EMPLOYMENT_STATUS_TERMINATED\"\n");
    text = HISTORY(f, 0, "employee.v1.Employee", "E1", "--json");
    has(text, "\"by\":\"" FARM_OTHER_CLIENT "\",");
    has(text, "{\"field\":\"crew\",\"before\":\"c1\",\"now\":\"c2\"}");
    has(text, "{\"field\":\"private\",\"now\":\"sealed\"}");
    for (int i = 0; i < 5; i++) update_crew(f, f->link, farm_text(f, "d%d", i)); /* more than the stream keeps */
    text = HISTORY(f, 0, "employee.v1.Employee", "E1");
    has_not(text, "hired");
    has(text, "  given_name: \"Ana\"\n"); /* what was there before is not known, so this is what is */
    has(text, "  crew: \"d3\" -> \"d4\"\n");
    must(f, f->operator_link, EMPLOYEE "EraseEmployee", "{\"id\":\"E1\"}");
    text = HISTORY(f, 0, "employee.v1.Employee", "E1");
    has(text, "employee.v1.Employee E1 is erased: the log has none of its states any more\n");
    has_not(text, "Ana");
    furrow_link_destroy(other);
}

START_TEST(it_tells_who_changed_what_and_nothing_private)
{
    farm_run(life);
}
END_TEST

/* What the service did by itself, and what nobody can have used. */
static void odd_events(farm *f)
{
    farm_start_all(f, 1);
    hire(f, "E1");
    char *answer = NULL, *day = NULL;
    ck_assert_int_eq(farm_call_until(f, "timesheet.v1.TimesheetService.ClockIn",
                                     "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", &answer, &err),
                     FURROW_OK);
    ck_assert(furrow_json_find_text(furrow_bytes_of(answer), "day.id", f->arena, &day));
    must(f, f->link, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strstr(HISTORY(f, 0, "timesheet.v1.WorkDay", day), "closed  by timesheet\n"), FARM_PATIENCE_MS));
    furrow_js_puback ack;
    const furrow_header header = {"ce-type", "\x1b[2Jodd"};
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = &header, .header_count = 1};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_JOB), "job.v1.Job.J1", (furrow_bytes){"\x0a\xff\xff", 3},
                                       &options, farm_within_ms(5000), &ack, &err),
                     FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(HISTORY(f, 0, "job.v1.Job", "J1"), "restored  by job\n"),
                                             FARM_PATIENCE_MS));
    char *text = HISTORY(f, 0, "job.v1.Job", "J1");
    has(text, "?[2Jodd  by ?\n  no state: ");
    ck_assert_ptr_null(strchr(text, 0x1b));
    has(run_as(f, "inspector", 0, (const char *const[]){"job.v1.Job", "J1", NULL}), "opened  by client\n");
    has(run_as(f, "client", 1, (const char *const[]){"job.v1.Job", "J1", NULL}), "PERMISSION_DENIED");
}

START_TEST(it_tells_what_services_did_by_themselves_and_what_is_no_state)
{
    farm_run(odd_events);
}
END_TEST

static void wrong_input(farm *f)
{
    farm_start_all(f, 1);
    has(HISTORY(f, 2, "employee.v1.Employee"), "usage: ");
    has(HISTORY(f, 2, "employee.v1.Employee", "E1", "--nonsense"), "usage: ");
    has(HISTORY(f, 2, "employee.v1.Employeee", "E1"), "no contract here has an entity employee.v1.Employeee");
    has(HISTORY(f, 2, "timesheet.v1.Employee", "E1"), "no contract here has an entity");
    has(HISTORY(f, 2, "employee.v1.Employee", "E.1"), "an id is ");
    has(HISTORY(f, 2, "employee.v1.Employee", ""), "an id is ");
    has(HISTORY(f, 2, "employee.v1.Employee", ">"), "an id is ");
    has(HISTORY(f, 1, "employee.v1.Employee", "nobody"), "stream EMPLOYEE has nothing of nobody");
}

START_TEST(wrong_input_is_refused_and_says_why)
{
    farm_run(wrong_input);
}
END_TEST

static void in_one_account(farm *f)
{
    farm_start_all(f, 1);
    hire(f, "E1");
    has(HISTORY(f, 0, "employee.v1.Employee", "E1", "--single-account"), "hired  by client\n");
}

START_TEST(it_works_in_a_single_account)
{
    farm_run_single_account(in_one_account);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("history");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, it_tells_who_changed_what_and_nothing_private);
    tcase_add_test(tests, it_tells_what_services_did_by_themselves_and_what_is_no_state);
    tcase_add_test(tests, wrong_input_is_refused_and_says_why);
    tcase_add_test(tests, it_works_in_a_single_account);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
