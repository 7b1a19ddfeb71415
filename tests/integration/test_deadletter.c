/*
 * Dead letters from an event or a reaction that cannot be to their end: health and log tell of them, `furrow deadletter`
 * lists, shows, replays and discards them, with the operator's rights alone, once or many times, and nothing is lost when
 * it fails.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static furrow_error err;

#define EVENTUALLY(condition)                                                                                          \
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(condition, FARM_PATIENCE_MS), "not in time: %s", #condition)

/* `furrow deadletter ARGUMENTS…` as @user: its exit code, what it says in the farm's arena. */
typedef struct said {
    int code;
    char *text;
} said;

static said run_as(farm *f, const char *user, const char *const arguments[])
{
    const char *all[12] = {"deadletter"};
    size_t count = 1;
    char *output = NULL;
    for (; arguments[count - 1]; count++) all[count] = arguments[count - 1];
    if (f->options.single_account) all[count++] = "--single-account";
    said it = {.code = farm_tool_as(f, user, &output, all)};
    it.text = furrow_arena_strdup(f->arena, output);
    free(output);
    return it;
}

#define RUN(f, ...) run_as(f, "operator", (const char *const[]){__VA_ARGS__, NULL})

static void says(said it, int code, const char *part)
{
    ck_assert_msg(it.code == code && strstr(it.text, part), "%d: %s (expected %d: %s)", it.code, it.text, code, part);
}

/* Two keep employees then, the owner and timesheet: so many letters has each bad event. */
static void start_two_keepers(farm *f)
{
    farm_start_all(f, 1);
    farm_kill(f, FARM_HARVEST, 0);
    farm_kill(f, FARM_PAYROLL, 0);
}

/* "12 dead letters" at the end of a list. */
static bool listed(farm *f, size_t count)
{
    return strstr(RUN(f, "list").text, farm_text(f, "%zu dead letters\n", count)) != NULL;
}

static const char *health(farm *f, const char *service)
{
    static char *answer; /* gcc at -O3 takes what is in it for its address */
    ck_assert_int_eq(farm_call(f, farm_text(f, "furrow.v1.Health.%s", service), "", &answer, &err), FURROW_OK);
    return answer;
}

static uint64_t put(farm *f, int service, const char *subject, furrow_bytes body, const furrow_header *headers,
                    size_t count)
{
    furrow_js_puback ack = {0};
    furrow_js_publish_options options = {
        .expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = headers, .header_count = count};
    furrow_status status =
        furrow_js_publish(farm_log(f, service), subject, body, &options, farm_within_ms(5000), &ack, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    return ack.sequence;
}

/* With a header that would steer a terminal. */
static uint64_t put_poison(farm *f, int service, const char *subject)
{
    const furrow_header header = {"ce-evil", "\x1b[2J"};
    return put(f, service, subject, (furrow_bytes){"\x0a\xff\xff", 3}, &header, 1);
}

/* The bytes of an employee who works here. */
static char *employee(farm *f, const char *id, const char *name)
{
    return farm_text(f, "\x0a%c%s\x12%c%s\x30\x01", (char)strlen(id), id, (char)strlen(name), name);
}

static void hire(farm *f, const char *id)
{
    char *json = farm_text(f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, id);
    ck_assert_msg(farm_call_until(f, "employee.v1.EmployeeService.HireEmployee", json, NULL, &err) == FURROW_OK, "%s",
                  err.text);
}

/* What the record of @key holds, as redis-cli shows it. */
static char *record(farm *f, const char *key)
{
    return farm_redis(f, "operator", farm_text(f, "--no-raw get '%s'", key));
}

/* An entity that has been one: both its owner and who keeps some of it could not apply what came on top. */
static void events(farm *f)
{
    start_two_keepers(f);
    says(RUN(f, "list"), 0, "0 dead letters\n");
    says(RUN(f, "replay", "--all"), 0, "0 settled, 0 failed\n");
    hire(f, "E1");
    uint64_t bad = put_poison(f, FARM_EMPLOYEE, "employee.v1.Employee.E1");
    EVENTUALLY(listed(f, 2));
    said list = RUN(f, "list");
    says(list, 0, farm_text(f, "employee.v1.Employee.E1 @%llu", (unsigned long long)bad));
    says(list, 0, "employee/1 ");
    says(list, 0, "timesheet/1 ");
    says(RUN(f, "list", "--service", "timesheet"), 0, "\n1 dead letters\n");
    says(RUN(f, "list", "--entity", "Employee", "--id", "E1"), 0, "\n2 dead letters\n");
    says(RUN(f, "list", "--entity", "job.v1.Job"), 0, "0 dead letters\n");
    says(RUN(f, "list", "--id", "E2"), 0, "0 dead letters\n");
    said json = RUN(f, "list", "--json", "--service", "timesheet");
    char *text = NULL;
    ck_assert(furrow_json_find_text(furrow_bytes_of(json.text), "letter", f->arena, &text));
    ck_assert_str_eq(text, "timesheet/1");
    ck_assert(furrow_json_find_text(furrow_bytes_of(json.text), "kind", f->arena, &text));
    ck_assert_str_eq(text, "event");
    ck_assert_ptr_null(strchr(json.text, 0x1b));
    said show = RUN(f, "show", "timesheet/1");
    says(show, 0, "ce-evil: ?[2J\n");
    says(show, 0, "newest state ");
    ck_assert_ptr_null(strchr(show.text, 0x1b));
    EVENTUALLY(strstr(health(f, "timesheet"), "\"dead letters: 1 of EMPLOYEE: `furrow deadletter list"));
    EVENTUALLY(strstr(health(f, "timesheet"), "\"dead_letters\":1"));
    ck_assert(
        furrow_test_process_wait_for(f->services[FARM_TIMESHEET][0], "msg=\"dead letters wait\"", FARM_PATIENCE_MS));
    says(RUN(f, "replay", "timesheet/1", "--dry-run"), 0, "timesheet/1 would be replayed\n");
    says(RUN(f, "discard", "--all", "--dry-run"), 0, "2 would be settled, 0 failed\n");
    says(RUN(f, "replay", "timesheet/1"), 0, "timesheet/1 replayed: version ");
    says(RUN(f, "replay", "timesheet/1"), 0, "timesheet/1 gone already\n");
    EVENTUALLY(strstr(health(f, "timesheet"), "\"alarms\":[]"));
    says(RUN(f, "discard", "--service", "employee"), 0, "1 settled, 0 failed\n");
    says(RUN(f, "discard", "employee/1"), 0, "employee/1 gone already\n");
    says(RUN(f, "list"), 0, "0 dead letters\n");
}

START_TEST(events_are_listed_shown_replayed_and_discarded)
{
    farm_run(events);
}
END_TEST

/* In one account there is one stream of letters, in which services have each their own. */
static void in_one_account(farm *f)
{
    start_two_keepers(f);
    hire(f, "E1");
    put_poison(f, FARM_EMPLOYEE, "employee.v1.Employee.E1");
    EVENTUALLY(listed(f, 2));
    says(RUN(f, "list", "--service", "timesheet"), 0, "\n1 dead letters\n");
    EVENTUALLY(strstr(health(f, "timesheet"), "\"dead letters: 1 of EMPLOYEE: "));
    EVENTUALLY(strstr(health(f, "employee"), "\"dead letters: 1 of EMPLOYEE: "));
    bool first_is_timesheets = strstr(RUN(f, "list").text, "timesheet/1 ") != NULL;
    says(RUN(f, "discard", first_is_timesheets ? "employee/1" : "timesheet/1"), 1, "that is no letter of");
    says(RUN(f, "replay", "--all"), 0, "2 settled, 0 failed\n");
    ck_assert(listed(f, 0));
}

START_TEST(letters_of_one_account_are_told_apart)
{
    farm_run_single_account(in_one_account);
}
END_TEST

/* Until its cause is mended nothing helps, and the letter stays; then the newest state counts, not the letter's. */
static void newest(farm *f)
{
    start_two_keepers(f);
    uint64_t bad = put_poison(f, FARM_EMPLOYEE, "employee.v1.Employee.E1"); /* the owner has nothing to go back to */
    EVENTUALLY(listed(f, 2));
    said failed = RUN(f, "replay", "--service", "timesheet");
    says(failed, 1, "0 settled, 1 failed");
    says(failed, 1, farm_text(f, "event %llu, its newest, cannot be applied either: ", (unsigned long long)bad));
    says(RUN(f, "replay", "employee/1", "--json"), 1, "\"outcome\":\"failed\",\"code\":\"");
    ck_assert(listed(f, 2));
    ck_assert_int_eq(furrow_test_process_running(f->services[FARM_TIMESHEET][0]), 1);
    furrow_test_process_signal(f->services[FARM_TIMESHEET][0], 15);
    EVENTUALLY(!furrow_test_process_running(f->services[FARM_TIMESHEET][0]));
    says(RUN(f, "replay", "timesheet/1"), 1, "timesheet itself does it, and must run");
    ck_assert(listed(f, 2));
    /* Mended by a state of the owner's own, and another on top of it, while nobody looks. */
    put(f, FARM_EMPLOYEE, "employee.v1.Employee.E1", furrow_bytes_of(employee(f, "E1", "Old")), NULL, 0);
    uint64_t last =
        put(f, FARM_EMPLOYEE, "employee.v1.Employee.E1", furrow_bytes_of(employee(f, "E1", "New")), NULL, 0);
    farm_start(f, FARM_TIMESHEET, 0);
    farm_wait_ready(f, FARM_TIMESHEET);
    ck_assert(
        furrow_test_process_wait_for(f->services[FARM_TIMESHEET][0], "msg=\"dead letters wait\"", FARM_PATIENCE_MS));
    says(RUN(f, "replay", "timesheet/1"), 0,
         farm_text(f, "timesheet/1 replayed: version %llu is applied\n", (unsigned long long)last));
    ck_assert_ptr_nonnull(strstr(record(f, "timesheet:{Employee}:E1"), "New"));
}

START_TEST(a_replay_that_fails_loses_nothing_and_one_that_works_applies_the_newest_state)
{
    farm_run(newest);
}
END_TEST

static size_t stored_letters(farm *f, int service)
{
    furrow_js_stream_state state;
    ck_assert_int_eq(furrow_js_stream_info(farm_log(f, service), "DEADLETTER", farm_within_ms(5000), &state, &err),
                     FURROW_OK);
    return state.messages;
}

/* Many letters of many entities, settled by two at once. */
static void concurrently(farm *f)
{
    enum { ENTITIES = 150 };
    farm_start_all(f, 1);
    for (int i = 0; i < ENTITIES; i++) {
        char *subject = farm_text(f, "employee.v1.Employee.P%d", i);
        put_poison(f, FARM_EMPLOYEE, subject);
    }
    EVENTUALLY(stored_letters(f, FARM_TIMESHEET) == ENTITIES);
    for (int i = 0; i < ENTITIES; i++) {
        char *body = employee(f, farm_text(f, "P%d", i), "Ana");
        put(f, FARM_EMPLOYEE, farm_text(f, "employee.v1.Employee.P%d", i), furrow_bytes_of(body), NULL, 0);
    }
    furrow_test_process *tools[2];
    for (int i = 0; i < 2; i++)
        tools[i] = farm_tool_start(f, (const char *const[]){"deadletter", "replay", "--service", "timesheet", NULL});
    for (int i = 0; i < 2; i++) {
        int code = -1;
        ck_assert(furrow_test_process_wait(tools[i], FARM_PATIENCE_MS, &code));
        ck_assert_msg(code == 0, "%s", furrow_test_process_stderr(tools[i]));
        furrow_test_process_destroy(tools[i]);
    }
    says(RUN(f, "list", "--service", "timesheet"), 0, "0 dead letters\n");
    ck_assert_uint_eq(stored_letters(f, FARM_TIMESHEET), 0);
}

START_TEST(two_may_replay_at_once)
{
    farm_run(concurrently);
}
END_TEST

static char *find_day(farm *f)
{
    char *answer = NULL, *id = NULL;
    ck_assert_int_eq(farm_call_until(f, "timesheet.v1.TimesheetService.ClockIn",
                                     "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", &answer, &err),
                     FURROW_OK);
    ck_assert(furrow_json_find_text(furrow_bytes_of(answer), "day.id", f->arena, &id));
    return id + strlen("E1");
}

/* A reaction that cannot be: the day that it would close breaks its rules, and there is nothing to go back to. */
static void reactions(farm *f)
{
    farm_start_all(f, 1);
    hire(f, "E1");
    char *id = farm_text(f, "E2%s", find_day(f)), *day = farm_text(f, "timesheet.v1.WorkDay.%s", id);
    put(f, FARM_TIMESHEET, day, furrow_bytes_of(farm_text(f, "\x0a%c%s", (char)strlen(id), id)), NULL, 0);
    hire(f, "E2");
    ck_assert_int_eq(farm_call_until(f, "employee.v1.EmployeeService.TerminateEmployee", "{\"id\":\"E2\"}", NULL, &err),
                     FURROW_OK);
    EVENTUALLY(stored_letters(f, FARM_TIMESHEET) == 2);
    says(RUN(f, "list", "--service", "timesheet"), 0, "reaction employee.v1.Employee.E2");
    said list = RUN(f, "list", "--service", "timesheet", "--entity", "employee.v1.Employee", "--json");
    char *name = NULL, *reason = NULL;
    ck_assert(furrow_json_find_text(furrow_bytes_of(list.text), "letter", f->arena, &name));
    ck_assert(furrow_json_find_text(furrow_bytes_of(list.text), "reason", f->arena, &reason));
    ck_assert_ptr_nonnull(strstr(reason, "DATA_LOSS"));
    EVENTUALLY(strstr(health(f, "timesheet"), "\"dead letters: 1 of EMPLOYEE: "));
    ck_assert_ptr_nonnull(
        strstr(furrow_test_process_stderr(f->services[FARM_TIMESHEET][0]), "msg=\"reaction failed\""));
    /* Done again as it is, it fails again, and is told again. */
    says(RUN(f, "replay", name), 0, "replayed: version ");
    EVENTUALLY(stored_letters(f, FARM_TIMESHEET) == 2);
    list = RUN(f, "list", "--service", "timesheet", "--entity", "employee.v1.Employee", "--json");
    char *again = NULL;
    ck_assert(furrow_json_find_text(furrow_bytes_of(list.text), "letter", f->arena, &again));
    ck_assert_str_ne(again, name);
    const furrow_header deletion[] = {{"ce-specversion", "1.0"},
                                      {"ce-id", "mended"},
                                      {"ce-type", "timesheet.v1.WorkDay.mended.deleted"},
                                      {"ce-source", "/timesheet"}};
    put(f, FARM_TIMESHEET, day, (furrow_bytes){NULL, 0}, deletion, 4);
    says(RUN(f, "replay", "--service", "timesheet"), 0, "2 settled, 0 failed\n");
    /* The reaction has run when what it fences is there: nobody who has ended clocks in. */
    EVENTUALLY(strstr(health(f, "timesheet"), "\"alarms\":[]"));
    ck_assert_uint_eq(stored_letters(f, FARM_TIMESHEET), 0);
    EVENTUALLY(farm_redis(f, "operator", "hlen 'timesheet:{Employee}:@reactions'")[0] == '0');
    ck_assert_uint_eq(stored_letters(f, FARM_TIMESHEET), 0);
}

START_TEST(a_reaction_that_was_given_up_is_listed_and_runs_again_when_replayed)
{
    farm_run(reactions);
}
END_TEST

/* Who only looks may look, and no more. */
static void rights(farm *f)
{
    start_two_keepers(f);
    hire(f, "E1");
    put_poison(f, FARM_EMPLOYEE, "employee.v1.Employee.E1");
    EVENTUALLY(listed(f, 2));
    says(run_as(f, "inspector", (const char *const[]){"list", NULL}), 0, "2 dead letters\n");
    says(run_as(f, "inspector", (const char *const[]){"show", "timesheet/1", NULL}), 0, "newest state ");
    says(run_as(f, "inspector", (const char *const[]){"replay", "timesheet/1", NULL}), 1, "PERMISSION_DENIED");
    says(run_as(f, "inspector", (const char *const[]){"discard", "timesheet/1", NULL}), 1, "PERMISSION_DENIED");
    says(run_as(f, "client", (const char *const[]){"list", NULL}), 1, "PERMISSION_DENIED");
    ck_assert(listed(f, 2));
}

START_TEST(the_inspector_looks_and_the_operator_acts)
{
    farm_run(rights);
}
END_TEST

/* What the service itself is asked, by whoever may. */
static void wrong_requests(farm *f)
{
    static const struct {
        const char *body;
        furrow_status status;
    } wrong[] = {
        {"", FURROW_INVALID_ARGUMENT},
        {"{}", FURROW_INVALID_ARGUMENT},
        {"\xff\xfe{", FURROW_INVALID_ARGUMENT},
        {"{\"stream\":\"EMPLOYEE\",\"subject\":\"employee.v1.Employee.E1\"}", FURROW_INVALID_ARGUMENT},
        {"{\"stream\":\"EMPLOYEE\",\"subject\":\"employee.v1.Employee.E1\",\"kind\":\"all\"}", FURROW_INVALID_ARGUMENT},
        {"{\"stream\":\"NOBODY\",\"subject\":\"employee.v1.Employee.E1\",\"kind\":\"event\"}",
         FURROW_FAILED_PRECONDITION},
        {"{\"stream\":\"EMPLOYEE\",\"subject\":\"job.v1.Job.J1\",\"kind\":\"event\"}", FURROW_INVALID_ARGUMENT},
        {"{\"stream\":\"EMPLOYEE\",\"subject\":\"employee.v1.Employee.>\",\"kind\":\"event\"}",
         FURROW_INVALID_ARGUMENT},
        {"{\"stream\":\"EMPLOYEE\",\"subject\":\"employee.v1.Employee.NONE\",\"kind\":\"event\"}", FURROW_NOT_FOUND},
        {"{\"stream\":\"JOB\",\"subject\":\"job.v1.Job.J1\",\"kind\":\"reaction\"}", FURROW_FAILED_PRECONDITION},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        furrow_msg *reply = NULL;
        furrow_outgoing out = {.subject = "furrow.v1.Replay.timesheet", .data = furrow_bytes_of(wrong[i].body)};
        ck_assert_int_eq(furrow_link_request(f->operator_link, &out, farm_within_ms(10000), &reply, &err), FURROW_OK);
        furrow_status status = furrow_client_reply_status(reply, &err);
        ck_assert_msg(status == wrong[i].status, "%s: %s: %s", wrong[i].body, furrow_status_name(status), err.text);
        furrow_msg_free(reply);
    }
}

static void wrong_arguments(farm *f)
{
    farm_start_all(f, 1);
    says(RUN(f, "nonsense"), 2, "use list, show, replay, discard");
    says(RUN(f, "list", "timesheet/1"), 2, "too much: timesheet/1");
    says(RUN(f, "list", "--services", "x"), 2, "no option --services");
    says(RUN(f, "list", "--service"), 2, "needs a value");
    says(RUN(f, "list", "--service", "nobody"), 2, "no contract here has a service nobody");
    says(RUN(f, "show"), 2, "usage: ");
    says(RUN(f, "show", "--all"), 2, "no option --all");
    says(RUN(f, "replay"), 2, "usage: ");
    says(RUN(f, "discard"), 2, "usage: ");
    says(RUN(f, "discard", "timesheet/1", "--all"), 2, "too much: timesheet/1");
    static const char *const names[] = {"x",
                                        "/1",
                                        "timesheet/",
                                        "timesheet/0",
                                        "timesheet/-1",
                                        "timesheet/1x",
                                        "timesheet/99999999999999999999",
                                        "time.sheet/1",
                                        "nobody/1",
                                        "timesheet/1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        says(RUN(f, "show", names[i]), 1, "INVALID_ARGUMENT");
        says(RUN(f, "replay", names[i]), 1, "INVALID_ARGUMENT");
        says(RUN(f, "discard", names[i]), 1, "INVALID_ARGUMENT");
    }
    wrong_requests(f);
    /* A letter that a service with this key could have written, and none of ours has. */
    const furrow_header odd[] = {{"Furrow-Subject", "\x1b]0;x"}, {"Furrow-Sequence", "many"}};
    put(f, FARM_TIMESHEET, "deadletter.timesheet.EMPLOYEE", furrow_bytes_of("x"), odd, 2);
    put(f, FARM_TIMESHEET, "deadletter.timesheet.WORK_DAY", furrow_bytes_of(""), NULL, 0);
    ck_assert_ptr_null(strchr(RUN(f, "list").text, 0x1b));
    says(RUN(f, "list"), 0, "2 dead letters\n");
    says(RUN(f, "show", "timesheet/1"), 0, "there is nothing to replay");
    says(RUN(f, "show", "timesheet/2"), 0, "there is nothing to replay");
    says(RUN(f, "replay", "--all"), 1, "0 settled, 2 failed");
    says(RUN(f, "discard", "--all"), 0, "2 settled, 0 failed");
}

START_TEST(wrong_input_of_every_kind_is_refused_and_says_why)
{
    farm_run(wrong_arguments);
}
END_TEST

int main(void)
{
    const struct {
        const char *name;
        const TTest *test;
    } tests[] = {{"events", events_are_listed_shown_replayed_and_discarded},
                 {"one_account", letters_of_one_account_are_told_apart},
                 {"newest", a_replay_that_fails_loses_nothing_and_one_that_works_applies_the_newest_state},
                 {"concurrent", two_may_replay_at_once},
                 {"reactions", a_reaction_that_was_given_up_is_listed_and_runs_again_when_replayed},
                 {"rights", the_inspector_looks_and_the_operator_acts},
                 {"wrong_input", wrong_input_of_every_kind_is_refused_and_says_why}};
    Suite *suite = suite_create("deadletter");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) { /* a case each: CK_RUN_CASE runs it alone */
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
