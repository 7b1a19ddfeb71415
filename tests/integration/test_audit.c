/*
 * `furrow audit` on a whole mesh: what is counted are found right, also while everybody writes; each kind of wrong record,
 * index and total is found, named by its fields, and put right; wrong input and wrong keys.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PEOPLE 40

static furrow_error err;

static char *run_as(farm *f, const char *user, int expected, const char *const arguments[])
{
    const char *all[8] = {"audit"};
    size_t count = 1;
    for (; arguments[count - 1]; count++) all[count] = arguments[count - 1];
    if (f->options.single_account) all[count] = "--single-account";
    return farm_tool_says(f, user, expected, all);
}

#define AUDIT(f, expected, ...) run_as(f, "operator", expected, (const char *const[]){__VA_ARGS__, NULL})

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static void hire(farm *f, int from, int to)
{
    for (int i = from; i < to; i++) {
        char *json = farm_text(
            f, "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\",\"crew\":\"c1\"}", i, i);
        ck_assert_msg(farm_call_until(f, "employee.v1.EmployeeService.HireEmployee", json, NULL, &err) == FURROW_OK,
                      "%s", err.text);
    }
}

static void all_right(farm *f, const char *flag)
{
    char *text = AUDIT(f, 0, flag);
    has(text, "employee   employee.v1.Employee");
    has(text, "timesheet  employee.v1.Employee");
    has(text, "job        location.v1.Location");
    has(text, "employee   employee.v1.BadgeClaim");
    ck_assert_ptr_null(strstr(text, " missing"));
}

static void whole(farm *f)
{
    farm_start_all(f, 1);
    hire(f, 0, PEOPLE);
    char *text = NULL;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strstr(text = AUDIT(f, 0, "timesheet"), farm_text(f, ": %d records, 0 wrong", PEOPLE)), FARM_PATIENCE_MS));
    all_right(f, NULL);
    has(AUDIT(f, 0, "employee", "Employee"), farm_text(f, ": %d records, 0 wrong\n", PEOPLE));
    has(AUDIT(f, 0, "timesheet", "employee.v1.Employee", "--json"), "\"wrong\":0,\"repaired\":0}");
    /* A deletion, too, and one that Redis has forgotten already. */
    ck_assert_int_eq(farm_call_until(f, "employee.v1.EmployeeService.TerminateEmployee", "{\"id\":\"E1\"}", NULL, &err),
                     FURROW_OK);
    furrow_msg *reply = NULL;
    furrow_outgoing erase = {.subject = "employee.v1.EmployeeService.EraseEmployee",
                             .data = furrow_bytes_of("{\"id\":\"E1\"}")};
    ck_assert_int_eq(furrow_link_request(f->operator_link, &erase, farm_within_ms(10000), &reply, &err), FURROW_OK);
    ck_assert_int_eq(furrow_client_reply_status(reply, &err), FURROW_OK);
    furrow_msg_free(reply);
    all_right(f, NULL);
    (void)farm_redis(f, "operator", "del 'timesheet:{Employee}:E1'");
    all_right(f, NULL);
}

START_TEST(what_is_right_is_found_right)
{
    farm_run(whole);
}
END_TEST

typedef struct writer {
    farm *f;
    bool stop, stopped;
} writer;

static void write_on(void *arg)
{
    writer *self = arg;
    for (int i = 0; !self->stop; i++) {
        char json[160];
        furrow_error ignored;
        snprintf(json, sizeof json,
                 "{\"employee\":{\"id\":\"E%d\",\"displayName\":\"N%d\",\"crew\":\"c%d\"},\"updateMask\":\"displayName,"
                 "crew\"}",
                 i % PEOPLE, i, i % 7);
        (void)farm_call(self->f, "employee.v1.EmployeeService.UpdateEmployee", json, NULL, &ignored);
    }
    self->stopped = true;
}

/* The tool runs while this test's loop goes on. */
static void while_all_write(farm *f)
{
    static writer writers[8];
    farm_start_all(f, 1);
    hire(f, 0, PEOPLE);
    for (int i = 0; i < 8; i++) {
        writers[i] = (writer){.f = f};
        ck_assert_int_eq(furrow_loop_spawn(f->loop, write_on, &writers[i], &err), FURROW_OK);
    }
    for (int round = 0; round < 3; round++) {
        furrow_test_process *tool = farm_tool_start(f, (const char *const[]){"audit", NULL});
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_process_running(tool), FARM_PATIENCE_MS));
        int code = -1;
        ck_assert(furrow_test_process_wait(tool, 1000, &code));
        ck_assert_msg(code == 0, "%s%s", furrow_test_process_stdout(tool), furrow_test_process_stderr(tool));
        furrow_test_process_destroy(tool);
    }
    for (int i = 0; i < 8; i++) writers[i].stop = true;
    for (int i = 0; i < 8; i++) ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(writers[i].stopped, FARM_PATIENCE_MS));
}

START_TEST(what_is_on_its_way_is_not_wrong)
{
    farm_run(while_all_write);
}
END_TEST

/* Each way a table can be wrong, and what is said of it. */
static const struct {
    const char *spoil, *says;
} faults[] = {
    {"del 'timesheet:{Employee}:E1'", "timesheet:{Employee}:E1  missing: the log has version "},
    {"setrange 'timesheet:{Employee}:E2' 14 X", "timesheet:{Employee}:E2  different: "},
    {"append 'timesheet:{Employee}:E3' xx", "timesheet:{Employee}:E3  different: "},
    {"copy 'timesheet:{Employee}:E4' 'timesheet:{Employee}:NOBODY'", "timesheet:{Employee}:NOBODY  extra: version "},
    {"setrange 'timesheet:{Employee}:E5' 6 '\\x7f'", "timesheet:{Employee}:E5  ahead: version "},
    {"eval \"redis.call('setrange',KEYS[1],0,string.rep(string.char(0),7)..string.char(1))\" 1 "
     "'timesheet:{Employee}:E6'",
     "timesheet:{Employee}:E6  behind: version 1, the log's is "},
    {"set 'timesheet:{Employee}:E7' short", "timesheet:{Employee}:E7  different: what lies there is no record"},
    {"eval \"redis.call('del',KEYS[1]) redis.call('rpush',KEYS[1],'x')\" 1 'timesheet:{Employee}:E8'",
     "timesheet:{Employee}:E8  different: what lies there is no record"},
    {"copy 'employee:{Employee}:E9' 'employee:{Employee}:E10' replace", "employee:{Employee}:E10  behind: "},
    {"eval \"redis.call('zrem',KEYS[1],'c1'..string.char(0)..'E11')\" 1 'employee:{Employee}:@by:crew'",
     "employee:{Employee}:E11  index: by crew: its entry is missing"},
    {"eval \"redis.call('zadd',KEYS[1],0,'c9'..string.char(0)..'E12')\" 1 'employee:{Employee}:@by:crew'",
     "employee:{Employee}:E12  index: by crew: an entry too many"},
    {"eval \"redis.call('zadd',KEYS[1],0,'c9'..string.char(0)..'GHOST')\" 1 'employee:{Employee}:@by:crew'",
     "employee:{Employee}:GHOST  index: by crew: an entry too many"},
    {"eval \"for _,k in ipairs(redis.call('keys','employee:{BadgeClaim}:*')) do if not string.find(k,'@') then "
     "redis.call('del',k) break end end\" 0",
     "employee:{BadgeClaim}:"},
};

static void spoiled(farm *f)
{
    enum { FAULTS = sizeof faults / sizeof *faults };
    farm_start_all(f, 1);
    hire(f, 0, PEOPLE);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strstr(AUDIT(f, 0, "timesheet"), farm_text(f, ": %d records, 0 wrong", PEOPLE)), FARM_PATIENCE_MS));
    for (size_t i = 0; i < FAULTS; i++) (void)farm_redis(f, "operator", faults[i].spoil);
    char *text = AUDIT(f, 1, NULL);
    for (size_t i = 0; i < FAULTS; i++) has(text, faults[i].says);
    has(text, "display_name: is \"");
    has(text, "must be \"A B\"");
    has(AUDIT(f, 1, "timesheet", "--json"), "\"id\":\"E1\",\"problem\":\"missing\"");
    has(AUDIT(f, 0, "location"), ", 0 wrong\n");
    text = AUDIT(f, 0, "--repair");
    has(text, ", all repaired\n");
    all_right(f, NULL);
    ck_assert_int_eq(farm_call(f, "timesheet.v1.TimesheetService.ClockIn",
                               "{\"employeeId\":\"E2\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", NULL, &err),
                     FURROW_OK);
    char *answer = NULL;
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.ListEmployees", "{\"crew\":\"c9\"}", &answer, &err),
                     FURROW_OK);
    ck_assert_ptr_null(strstr(answer, "E12"));
}

START_TEST(whatever_is_wrong_is_named_and_put_right)
{
    farm_run(spoiled);
}
END_TEST

/* ---- totals ---- */

static char picked_at[40], picked_on[16]; /* an hour ago, and the farm's day */

static void start_picking(farm *f)
{
    time_t at = (time_t)(furrow_clock_wall_ns() / (int64_t)FURROW_NS_PER_S) - 3600, day = at - 4 * 3600;
    struct tm parts;
    strftime(picked_at, sizeof picked_at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &parts));
    strftime(picked_on, sizeof picked_on, "%Y-%m-%d", gmtime_r(&day, &parts));
    farm_start_all(f, 1);
    hire(f, 0, 2);
    ck_assert_msg(farm_call_until(f, "job.v1.JobService.OpenJob",
                                  "{\"id\":\"P1\",\"code\":\"P1\",\"name\":\"Picking\",\"kind\":\"JOB_KIND_HARVEST\","
                                  "\"pay\":{\"type\":\"PAY_TYPE_PIECE\",\"unit\":\"bin\",\"rateCents\":\"210\"}}",
                                  NULL, &err) == FURROW_OK,
                  "%s", err.text);
}

static furrow_status pick(farm *f, int number, int crew)
{
    return farm_call_until(f, "harvest.v1.HarvestService.RecordTicket",
                           farm_text(f,
                                     "{\"id\":\"T%d\",\"employeeId\":\"E1\",\"jobId\":\"P1\",\"locationId\":\"B1\","
                                     "\"crew\":\"c%d\",\"quantity\":\"1000\",\"pickedAt\":\"%s\"}",
                                     number, crew, picked_at),
                           NULL, &err);
}

static void pick_on(void *arg)
{
    writer *self = arg;
    for (int i = 100; !self->stop; i++) (void)pick(self->f, i, 0);
    self->stopped = true;
}

static void spoil_totals(farm *f, const char *script)
{
    (void)farm_redis(f, "operator",
                     farm_text(f,
                               "eval \"%s\" 3 'harvest:{Ticket}:@counted' 'harvest:{Ticket}:@sums' "
                               "'harvest:{Ticket}:@groups' %s",
                               script, picked_on));
}

#define GROUP(crew) "'b" crew "'..string.char(0)..ARGV[1]..string.char(0)..'bin'..string.char(0)"

static const struct {
    const char *spoil, *says, *day; /* what is said before the day, and behind it */
} wrong_totals[] = {
    {"redis.call('hset',KEYS[2]," GROUP("c0") ",'7 1')", "by_crew  totals: c0 ",
     " bin: 7 records, 1; counted are 10, 10000"},
    {"redis.call('hdel',KEYS[2]," GROUP("c1") ")", "by_crew  totals: c1 ", " bin: 0 records, 0; counted are 10, 10000"},
    {"redis.call('zrem',KEYS[3],'d'..ARGV[1]..string.char(0)..'bin'..string.char(0))",
     "by_day  totals: ", " bin: 20 records, 20000; counted are 20, 20000; it is in no page"},
    {"redis.call('hset',KEYS[2],'bnobody','3 4') redis.call('zadd',KEYS[3],0,'bnobody')",
     "by_crew  totals: nobody 3 records, 4; counted are 0, 0"},
    {"redis.call('hset',KEYS[1],'T4','bx'..string.char(255)..'5'..string.char(255))",
     "T4  totals: they hold something else of it"},
    {"redis.call('hdel',KEYS[1],'T5')", "T5  totals: they hold something else of it"},
    {"redis.call('hset',KEYS[1],'GHOST','bx'..string.char(255)..'5'..string.char(255))",
     "GHOST  totals: they hold something else of it"},
};

static void totals_body(farm *f)
{
    enum { FAULTS = sizeof wrong_totals / sizeof *wrong_totals, SUMS = 4 };
    start_picking(f);
    for (int i = 0; i < 20; i++) ck_assert_msg(pick(f, i, i % 2) == FURROW_OK, "%s", err.text);
    has(AUDIT(f, 0, "harvest", "Ticket"), ": 20 records, 0 wrong");
    /* First sums, then what they hold of records, which is what they are compared with. */
    for (size_t from = 0; from < FAULTS; from = from ? FAULTS : SUMS) {
        size_t to = from ? FAULTS : SUMS;
        for (size_t i = from; i < to; i++) spoil_totals(f, wrong_totals[i].spoil);
        char *text = AUDIT(f, 1, "harvest", "Ticket");
        for (size_t i = from; i < to; i++)
            has(text, wrong_totals[i].day ? farm_text(f, "%s%s%s", wrong_totals[i].says, picked_on, wrong_totals[i].day)
                                          : wrong_totals[i].says);
        has(AUDIT(f, 0, "harvest", "Ticket", "--repair"), ", all repaired\n");
        has(AUDIT(f, 0, "harvest", "Ticket"), ": 20 records, 0 wrong");
    }
    char *answer = NULL;
    ck_assert_int_eq(farm_call(f, "harvest.v1.HarvestService.GetTotals", "{\"by\":\"TOTALS_BY_DAY\"}", &answer, &err),
                     FURROW_OK);
    has(answer, "\"tickets\":\"20\",\"quantity\":\"20000\"");
    /* One crew's, while the other's tickets come without pause. */
    static writer picker;
    picker = (writer){.f = f};
    spoil_totals(f, wrong_totals[1].spoil);
    ck_assert_int_eq(furrow_loop_spawn(f->loop, pick_on, &picker, &err), FURROW_OK);
    furrow_test_process *tool = farm_tool_start(f, (const char *const[]){"audit", "harvest", "--repair", NULL});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_process_running(tool), FARM_PATIENCE_MS));
    picker.stop = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(picker.stopped, FARM_PATIENCE_MS));
    has(furrow_test_process_stdout(tool), "by_crew  totals: c1 ");
    has(furrow_test_process_stdout(tool), ", all repaired\n");
    furrow_test_process_destroy(tool);
    has(AUDIT(f, 0, "harvest", "Ticket"), " records, 0 wrong");
}

START_TEST(totals_that_are_wrong_are_named_and_put_right)
{
    farm_run(totals_body);
}
END_TEST

/* What is missing the service itself applies; while it does not run, nothing is taken for repaired. */
static void without_service(farm *f)
{
    farm_start_all(f, 1);
    hire(f, 0, 3);
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(strstr(AUDIT(f, 0, "timesheet"), ": 3 records, 0 wrong"), FARM_PATIENCE_MS));
    farm_kill(f, FARM_TIMESHEET, 0);
    (void)farm_redis(f, "operator", "del 'timesheet:{Employee}:E1'");
    char *text = AUDIT(f, 1, "timesheet", "Employee", "--repair");
    has(text, "timesheet itself does it, and must run");
    has(text, "1 wrong, not all repaired");
    farm_start(f, FARM_TIMESHEET, 0);
    farm_wait_ready(f, FARM_TIMESHEET);
    has(AUDIT(f, 0, "timesheet", "Employee", "--repair"), "1 wrong, all repaired");
    /* By hand of nobody else: what only looks may not list what is in Redis. */
    has(run_as(f, "inspector", 1, (const char *const[]){"timesheet", NULL}), "PERMISSION_DENIED");
    has(AUDIT(f, 2, "nobody"), "no contract here has a service nobody");
    has(AUDIT(f, 2, "timesheet", "Nobody"), "timesheet keeps nothing of Nobody");
    has(AUDIT(f, 2, "timesheet", "Employee", "more"), "too much: more");
    has(AUDIT(f, 2, "--fix"), "no option --fix");
}

START_TEST(without_the_service_and_without_the_right)
{
    farm_run(without_service);
}
END_TEST

static void in_one_account(farm *f)
{
    farm_start_all(f, 1);
    hire(f, 0, 3);
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(strstr(AUDIT(f, 0, "timesheet"), ": 3 records, 0 wrong"), FARM_PATIENCE_MS));
    (void)farm_redis(f, "operator", "del 'timesheet:{Employee}:E1'");
    has(AUDIT(f, 0, "--repair"), "all repaired");
    all_right(f, NULL);
}

START_TEST(it_works_in_a_single_account)
{
    farm_run_single_account(in_one_account);
}
END_TEST

int main(void)
{
    const struct {
        const char *name;
        const TTest *test;
    } tests[] = {{"right", what_is_right_is_found_right},
                 {"busy", what_is_on_its_way_is_not_wrong},
                 {"spoiled", whatever_is_wrong_is_named_and_put_right},
                 {"totals", totals_that_are_wrong_are_named_and_put_right},
                 {"without", without_the_service_and_without_the_right},
                 {"one_account", it_works_in_a_single_account}};
    Suite *suite = suite_create("audit");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        TCase *alone = tcase_create(tests[i].name);
        tcase_set_timeout(alone, 180);
        tcase_add_test(alone, tests[i].test);
        suite_add_tcase(suite, alone);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
