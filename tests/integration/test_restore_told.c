/*
 * A log that was made anew, or went back where its owner is told to wait: not ready, and says what to do; `furrow
 * restore` does it, or accepts the loss. Processes that are killed in the middle of it leave nothing that the next does
 * not finish.
 */
#include "restore_farm.h"

#include "base/clock.h"
#include "rpc/client.h"
#include "support/disk.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM "EMPLOYEE"

static furrow_error err;
static restore_people people;

static void everybody(farm *f, int count)
{
    memset(&people, 0, sizeof people);
    farm_provision(f);
    for (int i = 0; i < 2; i++) farm_start(f, FARM_EMPLOYEE, i);
    for (int s = FARM_LOCATION; s < FARM_SERVICES; s++) farm_start(f, s, 0);
    restore_wait_all(f);
    restore_hire(f, &people, 0, count);
    restore_erase(f, &people, 3);
    restore_change(f, &people, 4, 5);
}

static const char *why(farm *f, const char *service)
{
    static char *answer, *text;
    if (farm_call(f, farm_text(f, "furrow.v1.Health.%s", service), "", &answer, &err) != FURROW_OK) return "";
    return furrow_json_find_text(furrow_bytes_of(answer), "why", f->arena, &text) ? text : "";
}

static void await_refusal(farm *f)
{
    bool refuses =
        FURROW_TEST_EVENTUALLY_IN_TASK(strstr(why(f, "employee"), "furrow restore employee"), FARM_PATIENCE_MS);
    ck_assert_msg(refuses, "%s", why(f, "employee"));
}

/* As an operator does it who has lost it: deleted, and made by provisioning. */
static void make_anew(farm *f, const char *stream)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_outgoing out = {.subject = farm_text(f, "$JS.employee.API.STREAM.DELETE.%s", stream)};
    furrow_status status = furrow_link_request(f->operator_link, &out, farm_within_ms(5000), &reply, &err);
    ck_assert_msg(status == FURROW_OK && memmem(reply->data.data, reply->data.len, "\"success\":true", 14), "%s",
                  err.text);
    farm_provision(f);
}

static void stream_made_anew(farm *f)
{
    everybody(f, 30);
    ck_assert_ptr_nonnull(strstr(RESTORE_TOOL(f, 0, "restore", "employee"), "nothing to restore"));
    make_anew(f, STREAM);
    await_refusal(f);
    const char *said = RESTORE_TOOL(f, 0, "restore", "employee");
    ck_assert_msg(strstr(said, STREAM "         is restored") && strstr(said, "employee serves"), "%s", said);
    restore_check(f, &people);
    make_anew(f, "BADGE_CLAIM");
    await_refusal(f);
    (void)RESTORE_TOOL(f, 0, "restore", "employee");
    restore_hire(f, &people, 30, 35);
    restore_check(f, &people);
    /* The next start finds all well. */
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_start(f, FARM_EMPLOYEE, 1);
    restore_check(f, &people);
    ck_assert_ptr_nonnull(strstr(RESTORE_TOOL(f, 0, "restore", "employee"), "nothing to restore"));
    (void)RESTORE_TOOL(f, 2, "restore", "nobody");
    (void)RESTORE_TOOL(f, 2, "restore");
}

START_TEST(a_stream_made_anew_is_restored_when_somebody_says_so)
{
    farm_run(stream_made_anew);
}
END_TEST

/* Ten more people than the log that is put back knows; as they are restored or not. */
static void go_back(farm *f)
{
    furrow_test_disk_save(f->nats, "before");
    restore_wait_all(f);
    restore_hire(f, &people, 20, 30);
    furrow_test_disk_put_back(f->nats, "before");
    furrow_test_server_restart(f->nats);
}

static void owner_waits(farm *f)
{
    setenv("FURROW_LOG_LOSS", "wait", 1);
    everybody(f, 20);
    go_back(f);
    await_refusal(f);
    /* Of one of the two: it leaves the calls to the other, which serves until it has seen it, too. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", NULL, &err) == FURROW_UNAVAILABLE,
        FARM_PATIENCE_MS));
    (void)RESTORE_TOOL(f, 0, "restore", "employee");
    restore_check(f, &people);
    furrow_test_disk_save(f->nats, "before");
    restore_wait_all(f);
    restore_people then = people;
    restore_hire(f, &people, 30, 35);
    furrow_test_disk_put_back(f->nats, "before");
    furrow_test_server_restart(f->nats);
    await_refusal(f);
    (void)RESTORE_TOOL(f, 0, "restore", "employee", "--accept");
    restore_check(f, &then);
}

START_TEST(an_owner_that_is_told_to_wait_does_what_somebody_says)
{
    farm_run(owner_waits);
    unsetenv("FURROW_LOG_LOSS");
}
END_TEST

static void owner_accepts(farm *f)
{
    char *token = NULL;
    const furrow_header key = {FURROW_HEADER_IDEMPOTENCY_KEY, "hire 77"};
    const char *hire = "{\"id\":\"E77\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"77\",\"crew\":\"c0\"}";
    setenv("FURROW_LOG_LOSS", "accept", 1);
    everybody(f, 20);
    restore_people then = people;
    furrow_test_disk_save(f->nats, "before");
    restore_wait_all(f);
    restore_hire(f, &people, 20, 30);
    ck_assert_int_eq(restore_call(f, "employee.v1.EmployeeService.HireEmployee", hire, &key, 1, NULL, &token, &err),
                     FURROW_OK);
    furrow_test_disk_put_back(f->nats, "before");
    furrow_test_server_restart(f->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E25\"}", NULL, &err) == FURROW_NOT_FOUND,
        FARM_PATIENCE_MS));
    restore_check(f, &then);
    /* What was lost is done again, and not answered from memory; its first version is of a log that is no more. */
    const furrow_header after = {FURROW_HEADER_AFTER, token};
    ck_assert_int_eq(
        restore_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", &after, 1, NULL, NULL, &err),
        FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(restore_call(f, "employee.v1.EmployeeService.HireEmployee", hire, &key, 1, NULL, NULL, &err),
                     FURROW_OK);
    then.list[77] = (restore_person){.hired = true};
    restore_check(f, &then);
    make_anew(f, STREAM); /* all of it */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", NULL, &err) == FURROW_NOT_FOUND,
        FARM_PATIENCE_MS));
    restore_wait_all(f);
}

START_TEST(an_owner_that_accepts_takes_the_log_for_the_truth)
{
    farm_run(owner_accepts);
    unsetenv("FURROW_LOG_LOSS");
}
END_TEST

static void wrong_setting(farm *f)
{
    setenv("FURROW_LOG_LOSS", "maybe", 1);
    farm_provision(f);
    farm_start(f, FARM_JOB, 0);
    ck_assert(furrow_test_process_wait_for(f->services[FARM_JOB][0], "use restore, wait or accept", FARM_PATIENCE_MS));
}

START_TEST(a_setting_that_is_none_is_refused)
{
    farm_run(wrong_setting);
    unsetenv("FURROW_LOG_LOSS");
}
END_TEST

/* Both processes of the owner, one after the other, whenever the log has grown by some more: whatever step that is. */
static void killed_often(farm *f)
{
    static const uint64_t moments[] = {1, 20, 110, 150};
    everybody(f, 80);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        make_anew(f, STREAM);
        for (int p = 0; p < 2; p++) farm_start(f, FARM_EMPLOYEE, p);
        await_refusal(f);
        furrow_test_process *tool =
            farm_tool_start(f, (const char *const[]){"restore", "employee", "--wait", "1", NULL});
        (void)FURROW_TEST_EVENTUALLY_IN_TASK(restore_last_seq(f, FARM_EMPLOYEE, STREAM) >= moments[i], 3000);
        for (int p = 0; p < 2; p++) farm_kill(f, FARM_EMPLOYEE, p);
        furrow_test_process_destroy(tool);
        for (int p = 0; p < 2; p++) farm_start(f, FARM_EMPLOYEE, p);
        for (int p = 0; p < 2; p++)
            ck_assert_msg(
                furrow_test_process_wait_for(f->services[FARM_EMPLOYEE][p], "msg=\"ready\"", FARM_PATIENCE_MS),
                "killed at %llu: %s", (unsigned long long)moments[i],
                furrow_test_process_stderr(f->services[FARM_EMPLOYEE][p]));
        restore_change(f, &people, (int)i + 10, (int)i);
        restore_check(f, &people);
    }
}

START_TEST(a_restore_that_is_killed_in_the_middle_is_finished_by_the_next_start)
{
    farm_run(killed_often);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore told");
    TCase *tests = tcase_create("restore told");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_stream_made_anew_is_restored_when_somebody_says_so);
    tcase_add_test(tests, an_owner_that_is_told_to_wait_does_what_somebody_says);
    tcase_add_test(tests, an_owner_that_accepts_takes_the_log_for_the_truth);
    tcase_add_test(tests, a_setting_that_is_none_is_refused);
    tcase_add_test(tests, a_restore_that_is_killed_in_the_middle_is_finished_by_the_next_start);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
