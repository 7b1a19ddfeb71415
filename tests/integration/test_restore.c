/*
 * Disks that go back: the log's, Redis', both. What was acknowledged is lost only when both lose it together, and by
 * itself all is right again: owner, claims, indexes, erased people, repeated commands, versions, and who keeps some of
 * it.
 */
#include "restore_farm.h"

#include "base/clock.h"
#include "rpc/client.h"
#include "support/disk.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static furrow_error err;
static restore_people people;

#define HIRE_EVA "{\"id\":\"E90\",\"givenName\":\"Eva\",\"familyName\":\"Paz\",\"badge\":\"90\",\"crew\":\"c0\"}"

static void everybody(farm *f)
{
    memset(&people, 0, sizeof people);
    farm_provision(f);
    for (int i = 0; i < 2; i++) {
        farm_start(f, FARM_EMPLOYEE, i);
        farm_start(f, FARM_LOCATION, i);
    }
    farm_start(f, FARM_JOB, 0);
    farm_start(f, FARM_TIMESHEET, 0);
    farm_start(f, FARM_HARVEST, 0);
    farm_start(f, FARM_PAYROLL, 0);
    restore_wait_all(f);
    restore_hire(f, &people, 0, 20);
}

/* After the disk was put aside: of each kind something. *answer and *version are those of Eva. */
static void things_happen(farm *f, char **answer, char **version)
{
    const furrow_header key = {FURROW_HEADER_IDEMPOTENCY_KEY, "hire eva"};
    restore_hire(f, &people, 20, 40);
    for (int i = 0; i < 5; i++) restore_change(f, &people, i, 7);
    for (int i = 0; i < 3; i++) restore_change(f, &people, i, 8);
    restore_change(f, &people, 4, 0); /* and back: the state is the same, the version is not */
    restore_erase(f, &people, 10);
    restore_erase(f, &people, 30);
    furrow_status status = FURROW_UNAVAILABLE;
    for (uint64_t until = farm_within_ms(FARM_PATIENCE_MS); status != FURROW_OK && furrow_clock_now_ns() < until;)
        status = restore_call(f, "employee.v1.EmployeeService.HireEmployee", HIRE_EVA, &key, 1, answer, version, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    people.list[90] = (restore_person){.hired = true};
}

/* Nothing of it is in the log but its deletion. */
static void check_erased(farm *f, const char *id)
{
    furrow_js_stored stored = {.sequence = 0};
    const char *subject = farm_text(f, "employee.v1.Employee.%s", id);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    while (furrow_js_get_next(farm_log(f, FARM_EMPLOYEE), "EMPLOYEE", subject, stored.sequence + 1,
                              farm_within_ms(5000), arena, &stored, &err) == FURROW_OK)
        ck_assert_msg(stored.data.len == 0, "%s is in the log, under %llu", id, (unsigned long long)stored.sequence);
    ck_assert_uint_gt(stored.sequence, 0);
}

static void check_repeated(farm *f, const char *answer)
{
    char *again = NULL, *version = NULL;
    const furrow_header key = {FURROW_HEADER_IDEMPOTENCY_KEY, "hire eva"};
    uint64_t before = restore_last_seq(f, FARM_EMPLOYEE, "EMPLOYEE");
    furrow_status status =
        restore_call(f, "employee.v1.EmployeeService.HireEmployee", HIRE_EVA, &key, 1, &again, &version, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    ck_assert_str_eq(again, answer);
    ck_assert_uint_eq(restore_last_seq(f, FARM_EMPLOYEE, "EMPLOYEE"), before);
}

static void check_token(farm *f, const char *token, furrow_status expected)
{
    const furrow_header after = {FURROW_HEADER_AFTER, token};
    static const char *const methods[] = {"employee.v1.EmployeeService.GetEmployee",
                                          "timesheet.v1.TimesheetService.GetDay"};
    static const char *const requests[] = {"{\"id\":\"E90\"}", "{\"id\":\"D90\"}"};
    for (int i = 0; i < 2; i++) {
        furrow_status status = FURROW_UNAVAILABLE; /* whoever follows needs a moment */
        for (uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
             status == FURROW_UNAVAILABLE && furrow_clock_now_ns() < until;)
            status = restore_call(f, methods[i], requests[i], &after, 1, NULL, NULL, &err);
        if (i == 1 && status == FURROW_NOT_FOUND) status = FURROW_OK; /* there is no such day */
        ck_assert_msg(status == expected, "%s after %s: %s: %s", methods[i], token, furrow_status_name(status),
                      err.text);
    }
}

static void log_goes_back(farm *f)
{
    char *answer = NULL, *version = NULL, *fresh = NULL;
    everybody(f);
    furrow_test_disk_save(f->nats, "before");
    restore_wait_all(f);
    things_happen(f, &answer, &version);
    ck_assert_ptr_nonnull(strchr(version, '@'));
    check_token(f, version, FURROW_OK);
    uint64_t before = restore_last_seq(f, FARM_EMPLOYEE, "EMPLOYEE");
    furrow_test_disk_put_back(f->nats, "before");
    furrow_test_server_restart(f->nats);
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(restore_last_seq(f, FARM_EMPLOYEE, "EMPLOYEE") > before, FARM_PATIENCE_MS));
    restore_check(f, &people);
    check_erased(f, "E10");
    check_erased(f, "E30");
    check_repeated(f, answer);
    check_token(f, version, FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(restore_call(f, "employee.v1.EmployeeService.UpdateEmployee",
                                  "{\"employee\":{\"id\":\"E90\",\"crew\":\"c1\"},\"updateMask\":\"crew\"}", NULL, 0,
                                  NULL, &fresh, &err),
                     FURROW_OK);
    people.list[90].crew = 1;
    ck_assert_ptr_nonnull(strchr(fresh, '@'));
    ck_assert_str_ne(strchr(fresh, '@'), strchr(version, '@'));
    check_token(f, fresh, FURROW_OK);
    restore_hire(f, &people, 40, 45);
    restore_check(f, &people);
    ck_assert(strncmp(RESTORE_TOOL(f, 0, "deadletter", "list"), "0 dead letters\n", 15) == 0); /* ASan has a word */
}

START_TEST(what_a_log_lost_that_went_back_is_published_again)
{
    farm_run(log_goes_back);
}
END_TEST

static void redis_goes_back(farm *f)
{
    char *answer = NULL, *version = NULL;
    everybody(f);
    furrow_test_disk_save(f->redis, "before");
    restore_wait_all(f);
    things_happen(f, &answer, &version);
    furrow_test_disk_put_back(f->redis, "before");
    furrow_test_server_restart(f->redis);
    restore_check(f, &people);
    check_token(f, version, FURROW_OK);
    restore_hire(f, &people, 40, 45);
    restore_check(f, &people);
}

START_TEST(what_redis_lost_the_log_gives_back)
{
    farm_run(redis_goes_back);
}
END_TEST

static void both_go_back(farm *f)
{
    char *answer = NULL, *version = NULL;
    everybody(f);
    restore_people then = people;
    for (int s = 0; s < FARM_SERVICES; s++)
        for (int i = 0; i < 2; i++)
            if (f->services[s][i]) farm_kill(f, s, i);
    furrow_test_disk_save(f->nats, "before");
    furrow_test_disk_save(f->redis, "before");
    for (int s = 0; s < FARM_SERVICES; s++)
        for (int i = 0; i < 2; i++)
            if (f->services[s][i]) farm_start(f, s, i);
    restore_wait_all(f);
    things_happen(f, &answer, &version);
    furrow_test_disk_put_back(f->nats, "before");
    furrow_test_disk_put_back(f->redis, "before");
    furrow_test_server_restart(f->redis);
    furrow_test_server_restart(f->nats);
    restore_check(f, &then);
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E25\"}", NULL, &err),
                     FURROW_NOT_FOUND);
    restore_hire(f, &then, 20, 25);
    restore_check(f, &then);
}

START_TEST(what_both_lost_is_lost_and_nothing_else)
{
    farm_run(both_go_back);
}
END_TEST

/* Redis knows when the log took what. */
static bool is_dated(farm *f)
{
    const char *const argv[] = {
        "sh", "-c", farm_text(f, "%s get 'employee:{Employee}:@build'", farm_redis_cli(f, "operator")), NULL};
    char *output = NULL, *newest, *dated;
    unsigned long long one = 0, other = 1;
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 30000, &output), 0);
    if ((newest = strchr(output, ' ')) && (dated = strchr(newest + 1, ' '))) {
        one = strtoull(newest, NULL, 10);
        other = strtoull(dated, NULL, 10);
    }
    free(output);
    return one == other;
}

/* While the owner is away somebody writes to the log that went back: that is newer. */
static void log_goes_back_and_on(farm *f)
{
    char *answer = NULL, *version = NULL;
    everybody(f);
    furrow_test_disk_save(f->nats, "before");
    restore_wait_all(f);
    things_happen(f, &answer, &version);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_dated(f), FARM_PATIENCE_MS));
    farm_kill(f, FARM_EMPLOYEE, 0);
    farm_kill(f, FARM_EMPLOYEE, 1);
    furrow_test_disk_put_back(f->nats, "before");
    furrow_test_server_restart(f->nats);
    const char state[] = "\x0a\x02"
                         "E1\x12\x01N\x1a\x01N\x22\x01N\x2a\x01"
                         "1\x30\x01\x3a\x02"
                         "c9\x42\x02"
                         "en\x5a\x0a"
                         "2026-01-01\x6a\x02\x08\x01";
    furrow_js_puback ack = {0};
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert(furrow_link_wait_connected(farm_log(f, FARM_EMPLOYEE), farm_within_ms(FARM_PATIENCE_MS)));
    furrow_status status =
        furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1",
                          (furrow_bytes){state, sizeof state - 1}, &options, farm_within_ms(5000), &ack, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    farm_start(f, FARM_EMPLOYEE, 0);
    restore_wait_all(f);
    people.list[1].crew = 9;
    restore_check(f, &people);
    const char *letters = RESTORE_TOOL(f, 0, "deadletter", "list", "--service", "employee");
    ck_assert_msg(strstr(letters, "employee.v1.Employee.E1 ") && strstr(letters, "\n1 dead letters"), "%s", letters);
}

START_TEST(what_came_into_the_log_since_stays_and_what_it_replaced_is_a_dead_letter)
{
    farm_run(log_goes_back_and_on);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore");
    TCase *tests = tcase_create("restore");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, what_a_log_lost_that_went_back_is_published_again);
    tcase_add_test(tests, what_redis_lost_the_log_gives_back);
    tcase_add_test(tests, what_both_lost_is_lost_and_nothing_else);
    tcase_add_test(tests, what_came_into_the_log_since_stays_and_what_it_replaced_is_a_dead_letter);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
