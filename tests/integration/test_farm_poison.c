/* Who may publish on an entity's subject, and how little that hurts: the owner sees what is no state of its entity and puts
 * the last good one on top again, also when that came while it did not run. */
#include "support/farm.h"

#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE "employee.v1.EmployeeService."

static furrow_error err;

static char *must(farm *f, const char *method, const char *json)
{
    char *answer = NULL;
    ck_assert_msg(farm_call_until(f, method, json, &answer, &err) == FURROW_OK, "%s %s: %s", method, json, err.text);
    return answer;
}

static void hire(farm *f)
{
    must(f, EMPLOYEE "HireEmployee", "{\"id\":\"E1\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"1\"}");
}

static bool is_restored(farm *f, uint64_t after)
{
    furrow_js_stored newest;
    if (furrow_js_get_last(farm_log(f, FARM_EMPLOYEE), "EMPLOYEE", "employee.v1.Employee.E1", farm_within_ms(1000),
                           f->arena, &newest, &err) != FURROW_OK ||
        newest.sequence <= after)
        return false;
    ck_assert_str_eq(furrow_js_stored_header(&newest, "ce-type", f->arena), "employee.v1.Employee.restored");
    return true;
}

static void poisoned(farm *f)
{
    char *answer = NULL;
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    farm_start_all(f, 2);
    hire(f);
    for (int i = 0; i < 6; i++) { /* more than the history of 4 */
        furrow_bytes body = i % 2 ? (furrow_bytes){NULL, 0} : furrow_bytes_of("{\"type\":\"io.nats.jetstream\"}");
        ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1", body, &any,
                                           farm_within_ms(FARM_PATIENCE_MS), &ack, &err),
                         FURROW_OK);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_restored(f, ack.sequence), FARM_PATIENCE_MS));
    must(f, EMPLOYEE "UpdateEmployee", "{\"employee\":{\"id\":\"E1\",\"crew\":\"north\"},\"updateMask\":\"crew\"}");
    must(f, "timesheet.v1.TimesheetService.ClockIn", "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}");
    ck_assert_int_eq(farm_call(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", &answer, &err), FURROW_OK);
    ck_assert_ptr_nonnull(strstr(answer, "north"));
}

START_TEST(strangers_messages_on_an_entitys_subject_take_nothing_away)
{
    farm_run(poisoned);
}
END_TEST

/* What an owner that starts has to put right first, before it knows its log and its records again. */
static void poisoned_meanwhile(farm *f)
{
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    farm_start_all(f, 2);
    hire(f);
    for (int replica = 0; replica < 2; replica++) farm_kill(f, FARM_EMPLOYEE, replica);
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1", furrow_bytes_of("x"),
                                       &any, farm_within_ms(FARM_PATIENCE_MS), &ack, &err),
                     FURROW_OK);
    for (int replica = 0; replica < 2; replica++) farm_start(f, FARM_EMPLOYEE, replica);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(farm_call(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", NULL, &err) ==
                                                     FURROW_OK &&
                                                 is_restored(f, ack.sequence),
                                             FARM_PATIENCE_MS));
}

START_TEST(a_strangers_message_keeps_no_owner_from_starting)
{
    farm_run(poisoned_meanwhile);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("farm_poison");
    TCase *tests = tcase_create("strangers");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, strangers_messages_on_an_entitys_subject_take_nothing_away);
    tcase_add_test(tests, a_strangers_message_keeps_no_owner_from_starting);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
