/*
 * The background audit of every service: it says when it was, how much it compared and what differs, in health and in
 * $SRV.STATS; it finds each kind of wrong record, and nothing wrong while everybody writes; one process is at it.
 */
#include "base/clock.h"
#include "support/farm.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE 30

static furrow_error err;

static void hire_all(farm *f)
{
    for (int i = 0; i < PEOPLE; i++) {
        char *json = farm_text(
            f, "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\",\"crew\":\"c1\"}", i, i);
        ck_assert_msg(farm_call_until(f, "employee.v1.EmployeeService.HireEmployee", json, NULL, &err) == FURROW_OK,
                      "%s", err.text);
    }
}

static char *health_of(farm *f, const char *service)
{
    char *health = NULL;
    (void)farm_call(f, farm_text(f, "furrow.v1.Health.%s", service), "", &health, &err);
    return health ? health : farm_text(f, "no answer");
}

static bool health_has(farm *f, const char *service, const char *part)
{
    return strstr(health_of(f, service), part) != NULL;
}

/* All of one replica's text in health. */
static char *replica_of(farm *f, const char *service, const char *stream)
{
    char *at = strstr(health_of(f, service), farm_text(f, "{\"stream\":\"%s\"", stream));
    if (!at) return "";
    char *end = strstr(at + 1, "{\"stream\"");
    if (end) *end = '\0';
    return at;
}

static void settings(const char *rate)
{
    setenv("FURROW_AUDIT_RATE", rate, 1);
    setenv("FURROW_AUDIT_PAUSE_S", "1", 1);
}

static void told(farm *f)
{
    settings("2000");
    farm_start_all(f, 1);
    hire_all(f);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(replica_of(f, "timesheet", "EMPLOYEE"),
                                                    farm_text(f, "\"records\":%d,\"wrong\":0,\"first\":\"\"", PEOPLE)),
                                             FARM_PATIENCE_MS));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strstr(replica_of(f, "employee", "BADGE_CLAIM"), farm_text(f, "\"records\":%d,\"wrong\":0", PEOPLE)),
        FARM_PATIENCE_MS));
    char *stats = NULL;
    ck_assert_int_eq(farm_call(f, "$SRV.STATS.timesheet", "{}", &stats, &err), FURROW_OK);
    ck_assert_msg(strstr(stats, "\"data\":{\"expired\":0,\"refused\":0,\"audit\":{\"at\":\"2") != NULL, "%s", stats);
}

START_TEST(health_and_stats_say_when_and_how_much)
{
    farm_run(told);
}
END_TEST

static const struct {
    const char *service, *stream, *spoil, *says;
} faults[] = {
    {"timesheet", "EMPLOYEE", "del 'timesheet:{Employee}:E1'", "E1: missing: the log has version "},
    {"timesheet", "EMPLOYEE", "setrange 'timesheet:{Employee}:E2' 14 X",
     "E2: version 3 has other bytes than the log: display_name"},
    {"timesheet", "EMPLOYEE", "setrange 'timesheet:{Employee}:E5' 6 '\\x7f'", "E5: version "},
    {"employee", "EMPLOYEE",
     "eval \"redis.call('zrem',KEYS[1],'c1'..string.char(0)..'E11')\" 1 'employee:{Employee}:@by:crew'",
     "E11: its entry in the index by crew is missing"},
    {"employee", "BADGE_CLAIM",
     "eval \"for _,k in ipairs(redis.call('keys','employee:{BadgeClaim}:*')) do if not string.find(k,'@') then "
     "redis.call('del',k) break end end\" 0",
     ": missing: the log has version "},
    {"harvest", "TICKET", "hset 'harvest:{Ticket}:@sums' dzz '3 4'", "by_day: zz 3 records, 4; counted are 0, 0"},
};

static void found(farm *f)
{
    settings("2000");
    farm_start_all(f, 1);
    hire_all(f);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strstr(replica_of(f, "timesheet", "EMPLOYEE"), farm_text(f, "\"records\":%d,\"wrong\":0", PEOPLE)),
        FARM_PATIENCE_MS));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        (void)farm_redis(f, "operator", faults[i].spoil);
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(
                          health_has(f, faults[i].service,
                                     farm_text(f, "records of %s are not what the log says", faults[i].stream)) &&
                              health_has(f, faults[i].service, faults[i].says),
                          60000),
                      "%s: %s", faults[i].says, health_of(f, faults[i].service));
        ck_assert(health_has(f, faults[i].service, "\"status\":\"SERVING\""));
        ck_assert_int_eq(farm_tool(f, NULL, (const char *const[]){"audit", faults[i].service, "--repair", NULL}), 0);
        ck_assert_msg(
            FURROW_TEST_EVENTUALLY_IN_TASK(!health_has(f, faults[i].service, "are not what the log says"), 60000), "%s",
            health_of(f, faults[i].service));
    }
    ck_assert(furrow_test_process_wait_for(f->services[FARM_TIMESHEET][0], "msg=\"audit\" stream=EMPLOYEE", 1000));
}

START_TEST(what_differs_is_told_logged_and_gone_when_it_is_mended)
{
    farm_run(found);
}
END_TEST

static void busy(farm *f)
{
    settings("5000");
    farm_start_all(f, 2);
    hire_all(f);
    uint64_t end = furrow_clock_now_ns() + 6 * FURROW_NS_PER_S;
    for (int i = 0; furrow_clock_now_ns() < end; i++)
        (void)farm_call(f, "employee.v1.EmployeeService.UpdateEmployee",
                        farm_text(f,
                                  "{\"employee\":{\"id\":\"E%d\",\"displayName\":\"N%d\",\"crew\":\"c%d\"},"
                                  "\"updateMask\":\"displayName,crew\"}",
                                  i % PEOPLE, i, i % 7),
                        NULL, &err);
    for (int i = 0; i < 20; i++) {
        ck_assert_msg(!health_has(f, "timesheet", "are not what"), "%s", health_of(f, "timesheet"));
        ck_assert_msg(!health_has(f, "employee", "are not what"), "%s", health_of(f, "employee"));
    }
}

START_TEST(nothing_is_wrong_while_everybody_writes)
{
    farm_run(busy);
}
END_TEST

static void off(farm *f)
{
    settings("0");
    farm_start_all(f, 1);
    hire_all(f);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(health_has(f, "timesheet", "\"applied\":30"), FARM_PATIENCE_MS));
    ck_assert(health_has(f, "timesheet", "\"audit\":null"));
}

START_TEST(it_can_be_turned_off)
{
    farm_run(off);
}
END_TEST

int main(void)
{
    const struct {
        const char *name;
        const TTest *test;
    } tests[] = {{"told", health_and_stats_say_when_and_how_much},
                 {"found", what_differs_is_told_logged_and_gone_when_it_is_mended},
                 {"busy", nothing_is_wrong_while_everybody_writes},
                 {"off", it_can_be_turned_off}};
    Suite *suite = suite_create("auditor");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        TCase *alone = tcase_create(tests[i].name);
        tcase_set_timeout(alone, 240);
        tcase_add_test(alone, tests[i].test);
        suite_add_tcase(suite, alone);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
