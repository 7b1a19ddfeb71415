/*
 * `furrow check` on a whole mesh: what is well, and what is broken by hand and named; `furrow health` with every instance
 * and its reason; what `furrow call` sends and says.
 */
#include "cli/peer.h"
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *run_as(farm *f, const char *user, int expected, const char *const arguments[])
{
    return farm_tool_says(f, user, expected, arguments);
}

#define RUN(f, expected, ...) run_as(f, "operator", expected, (const char *const[]){__VA_ARGS__, NULL})

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static bool is_clean(farm *f)
{
    char *output = NULL;
    bool clean = farm_tool(f, &output, (const char *const[]){"check", "--keys", f->keys, NULL}) == 0;
    free(output);
    return clean;
}

static void await_clean(farm *f)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_clean(f), FARM_PATIENCE_MS));
}

static void checks(farm *f)
{
    farm_start_all(f, 1);
    await_clean(f);
    char *text = RUN(f, 0, "check", "--keys", f->keys);
    has(text, "nats-server ");
    has(text, "maxmemory-policy is noeviction");
    has(text, "each service may use its own records in Redis alone");
    has(text, "the clock here is that of Redis");
    has(text, "0 dead letters");
    has(text, " 0 wrong");
    ck_assert_ptr_null(strchr(text, 0x1b));
    has(RUN(f, 0, "check", "--json"), "{\"check\":\"nats\",\"state\":\"ok\"");

    char *key = farm_text(f, "%s/job.redis", f->keys);
    ck_assert_int_eq(chmod(key, 0644), 0);
    has(RUN(f, 1, "check", "--keys", f->keys), "job.redis may be read by others");
    ck_assert_int_eq(chmod(key, 0600), 0);
    (void)farm_redis(f, "operator", "config set maxmemory-policy allkeys-lru");
    has(RUN(f, 1, "check"), "maxmemory-policy is allkeys-lru");
    (void)farm_redis(f, "operator", "config set maxmemory-policy noeviction");
    (void)farm_redis(f, "operator", "acl setuser job ~timesheet:*");
    (void)farm_redis(f, "operator", "acl setuser employee ~location:*");
    has(RUN(f, 1, "check"), "Redis user employee may read the records of location");
    farm_kill(f, FARM_JOB, 0);
    text = RUN(f, 1, "check");
    has(text, "job - does not answer");
    has(RUN(f, 1, "check", "--json"), "\"state\":\"failed\"");
}

START_TEST(what_is_wrong_is_named_with_what_to_do)
{
    farm_run(checks);
}
END_TEST

#define PRELOAD  "LD_PRELOAD"
#define SHIFT    "FURROW_TEST_CLOCK_AHEAD_S"
#define ASAN     "ASAN_OPTIONS" /* the clock may come before ASan */
#define ASAN_MAY "verify_asan_link_order=0"

static void clocks(farm *f)
{
    farm_start_all(f, 1);
    await_clean(f);
    farm_start_with(f, FARM_TIMESHEET, 1,
                    (const char *const[]){PRELOAD "=" FURROW_TEST_SHIFTED_CLOCK, ASAN "=" ASAN_MAY, SHIFT "=20",
                                          "FURROW_INSTANCE_ID=early", NULL});
    farm_wait_ready(f, FARM_TIMESHEET);
    char *text = RUN(f, 1, "check");
    has(text, "the clock of timesheet early is ");
    has(text, " s ahead of the one here\n    let NTP keep");
    has(text, "the clock here is that of Redis");
    farm_kill(f, FARM_TIMESHEET, 1);
    await_clean(f);

    /* All others are behind whoever is ahead. */
    char *options = getenv(ASAN) ? farm_text(f, "%s", getenv(ASAN)) : NULL;
    setenv(PRELOAD, FURROW_TEST_SHIFTED_CLOCK, 1);
    setenv(ASAN, ASAN_MAY, 1);
    setenv(SHIFT, "60", 1);
    text = RUN(f, 1, "check");
    unsetenv(PRELOAD);
    unsetenv(SHIFT);
    if (options)
        setenv(ASAN, options, 1);
    else
        unsetenv(ASAN);
    has(text, "the clock of Redis is ");
    has(text, "the clock of employee ");
    has(text, " s behind the one here");
}

START_TEST(clocks_that_differ_are_named)
{
    farm_run(clocks);
}
END_TEST

static void lags(farm *f)
{
    farm_start_all(f, 1);
    await_clean(f);
    farm_kill(f, FARM_TIMESHEET, 0);
    has(RUN(f, 1, "check"), "timesheet - does not answer"); /* nor does it take any event any more */
    for (int i = 0; i < 3; i++) {
        furrow_error err = {0};
        char *hire = farm_text(f, "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\"}", i, i);
        ck_assert_int_eq(farm_call_until(f, "employee.v1.EmployeeService.HireEmployee", hire, NULL, &err), FURROW_OK);
    }
    has(RUN(f, 1, "check"), "timesheet keeps employee.v1.Employee: no answer, 3 events to go");
    farm_start(f, FARM_TIMESHEET, 0);
    farm_wait_ready(f, FARM_TIMESHEET);
    await_clean(f);
    has(RUN(f, 0, "check"), "timesheet keeps employee.v1.Employee: ready, 0 events to go");
}

START_TEST(what_a_replica_has_yet_to_take_is_counted)
{
    farm_run(lags);
}
END_TEST

static void seals(farm *f)
{
    char *own = farm_text(f, "%s/employee.seal", f->keys), *other = farm_text(f, "%s/other", furrow_test_tempdir());
    char digits[65];
    memset(digits, '5', 64);
    digits[64] = '\0';
    farm_start_all(f, 1);
    await_clean(f);
    has(RUN(f, 0, "check"), "the sealing key of employee is on record");
    has(RUN(f, 0, "check", "--keys", f->keys),
        "employee.seal is the key that private fields of employee are sealed with");
    furrow_test_write_file(other, digits);
    ck_assert_int_eq(chmod(other, 0600), 0);
    farm_start_with(f, FARM_EMPLOYEE, 1, (const char *const[]){farm_text(f, "FURROW_SEAL_KEY_FILE=%s", other), NULL});
    ck_assert(furrow_test_process_wait_for(f->services[FARM_EMPLOYEE][1], "holds another key", FARM_PATIENCE_MS));
    has(RUN(f, 1, "check"), "does not serve: FURROW_SEAL_KEY_FILE holds another key");
    farm_kill(f, FARM_EMPLOYEE, 1);
    await_clean(f);
    ck_assert_int_eq(unlink(own), 0);
    has(RUN(f, 1, "check", "--keys", f->keys), "employee.seal is missing");
    ck_assert_int_eq(rename(other, own), 0);
    char *text = RUN(f, 1, "check", "--keys", f->keys);
    has(text, "employee.seal is not the key that private fields of employee are sealed with");
    ck_assert_ptr_null(strstr(text, digits));
}

START_TEST(another_sealing_key_is_told_from_the_one_in_use)
{
    farm_run(seals);
}
END_TEST

/* How many are listed as serving; 0 unless all that are listed are. */
static int count_serving(farm *f, char **text)
{
    int lines = 0;
    free(*text);
    if (farm_tool(f, text, (const char *const[]){"health", NULL}) != 0) return 0;
    for (const char *at = strstr(*text, " SERVING"); at; at = strstr(at + 1, " SERVING")) lines++;
    return lines;
}

static void lists(farm *f)
{
    char *text = NULL;
    farm_start_all(f, 2); /* of each one is waited for, the other comes */
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(count_serving(f, &text) == 2 * FARM_SERVICES, FARM_PATIENCE_MS), "%s",
                  text);
    free(text);
    has(RUN(f, 0, "health", "--json", "job"), "{\"status\":\"SERVING\"");
    farm_kill(f, FARM_JOB, 0);
    farm_kill(f, FARM_JOB, 1);
    has(RUN(f, 1, "health"), "NO_ANSWER");
    has(RUN(f, 1, "health", "--json", "job"), "{\"service\":\"job\",\"why\":\"");
}

START_TEST(every_instance_is_listed_with_its_reason)
{
    farm_run(lists);
}
END_TEST

/* In what nats.conf lets @user do, @from becomes @to. The servers' clients go on, as after any reload. */
static void change_right(farm *f, const char *user, const char *from, const char *to)
{
    char *path = farm_text(f, "%s/nats.conf", furrow_test_server_dir(f->nats));
    char *config = furrow_test_read_file(path);
    char *begin = strstr(config, farm_text(f, "# %s\n", user)), *end = begin ? strstr(begin, "}}}") : NULL;
    char *right = begin ? strstr(begin, from) : NULL;
    ck_assert_msg(right && end && right < end, "%s has no right %s", user, from);
    *right = '\0';
    char *changed = furrow_arena_printf(f->arena, "%s%s%s", config, to, right + strlen(from));
    ck_assert_ptr_nonnull(changed);
    furrow_test_write_file(path, changed);
    free(config);
    furrow_test_server_restart(f->nats);
    ck_assert(furrow_link_wait_connected(f->link, farm_within_ms(FARM_PATIENCE_MS)));
}

static void check_rights(farm *f)
{
    static const struct {
        const char *user, *from, *to, *says;
    } cases[] = {
        {"timesheet.log", "\"$JS.API.STREAM.INFO.WORK_DAY\"", "\"not.this\"",
         "NATS user timesheet.log may not publish to $JS.API.STREAM.INFO.WORK_DAY, which the contracts need\n"},
        {"job", "\"furrow.v1.Replay.job job\"", "\"not.this\"",
         "NATS user job may not subscribe to furrow.v1.Replay.job job, which the contracts need\n"},
        {"job", "\"furrow.v1.Health.job.*\"", "\"furrow.v1.Health.job.*\", \"employee.v1.EmployeeService.GetEmployee\"",
         "NATS user job may publish to employee.v1.EmployeeService.GetEmployee beyond the contracts\n"},
        {"location.log", "\"location.v1.Location.*\"", "\"location.v1.>\"",
         "NATS user location.log may publish to location.v1.*.*, location.v1.Location.*.*, location.v1.Tree.*.* beyond "
         "the contracts\n"},
        {"location.log", "\"location.v1.Location.*\"", "\"location.v1.Location.*\", \"$JS.API.STREAM.PURGE.LOCATION\"",
         "NATS user location.log may publish to $JS.API.STREAM.PURGE.LOCATION beyond the contracts\n"},
        {"location", "\"location.v1.LocationService.* location\"", "\"location.v1.LocationService.*\"",
         "NATS user location may subscribe to location.v1.LocationService.* beyond the contracts\n"},
        {"timesheet", "\"$SRV.PING\"", "\"$SRV.PING\", \">\"", "NATS user timesheet may subscribe to >, "},
        {"scanner", "\"$SRV.>\"", "\">\"", "NATS user scanner may publish to >, "},
        {"inspector", "\"$JS.job.API.STREAM.LIST\"", "\"$JS.job.API.>\"",
         "NATS user inspector may publish to $JS.job.API.STREAM.CREATE.JOB, $JS.job.API.STREAM.UPDATE.JOB, "},
    };
    char *path = farm_text(f, "%s/nats.conf", furrow_test_server_dir(f->nats));
    farm_start_all(f, 1);
    await_clean(f);
    has(RUN(f, 0, "check", "--keys", f->keys), "16 users of NATS have the ");
    char *good = furrow_test_read_file(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        change_right(f, cases[i].user, cases[i].from, cases[i].to);
        char *text = RUN(f, 1, "check", "--keys", f->keys);
        has(text, cases[i].says);
        has(text, "furrow permissions --format nats --keys");
        furrow_test_write_file(path, good);
    }
    free(good);
    furrow_test_server_restart(f->nats);
    await_clean(f);
}

static bool is_clean_in_one_account(farm *f)
{
    return farm_tool(f, NULL, (const char *const[]){"check", "--single-account", "--keys", f->keys, NULL}) == 0;
}

static void check_single_account(farm *f)
{
    farm_start_all(f, 1);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_clean_in_one_account(f), FARM_PATIENCE_MS));
    has(RUN(f, 0, "check", "--single-account", "--keys", f->keys), "10 users of NATS have the ");
    has(RUN(f, 1, "check", "--keys", f->keys), "NATS does not let in employee.log (key ");
}

START_TEST(rights_in_a_single_account_are_compared_with_those_of_one)
{
    farm_run_single_account(check_single_account);
}
END_TEST

START_TEST(rights_in_nats_that_are_not_the_contracts_are_named)
{
    farm_run(check_rights);
}
END_TEST

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) count++;
    return count;
}

static void calls(farm *f)
{
    static const char get[] = "job.v1.JobService.GetJob", make[] = "job.v1.JobService.OpenJob";
    farm_start_all(f, 1);
    char *text = RUN(f, 1, "call", get, "{\"id\":\"NONE\"}");
    has(text, "furrow: call: NOT_FOUND: ");
    ck_assert_msg(count_of(text, "no job NONE") == 1, "%s", text);
    has(text, "google.rpc.ResourceInfo resourceType=\"job.v1.Job\" resourceName=\"NONE\"");
    has(RUN(f, 1, "call", "--json", get, "{\"id\":\"NONE\"}"), "{\"code\":5,");
    text = RUN(f, 1, "call", make, "{\"code\":\"A\",\"name\":\"A\",\"kind\":\"JOB_KIND_NONSENSE\"}");
    has(text, "kind: not a value of job.v1.JobKind: use JOB_KIND_UNSPECIFIED, JOB_KIND_HARVEST, ");
    has(text, ", JOB_KIND_MAINTENANCE\n"); /* the last */
    char *file = farm_text(f, "%s/body.json", f->keys);
    FILE *body = fopen(file, "we");
    ck_assert_ptr_nonnull(body);
    fputs("{\"id\":\"J1\"}", body);
    ck_assert_int_eq(fclose(body), 0);
    has(RUN(f, 0, "call", get, farm_text(f, "@%s", file)), "\"J1\"");
    has(RUN(f, 2, "call", get, "@/nowhere"), "@/nowhere: No such file");
    has(RUN(f, 1, "call", get, "{\"id\":\"J1\"}", "-H", "Grpc-Timeout: nonsense"), "INVALID_ARGUMENT");
    /* The service waits for as long as it was told, and says so itself: by its own settings it waits for 3 seconds. */
    has(RUN(f, 1, "call", "--timeout", "200", get, "{\"id\":\"J1\"}", "-H", "Furrow-After: job.v1.Job.J1=999"),
        "DEADLINE_EXCEEDED: version 999 of J1 has not arrived here yet");
}

START_TEST(an_error_is_told_once_and_bodies_come_from_files)
{
    farm_run(calls);
}
END_TEST

START_TEST(versions_of_nats_server_are_known)
{
    static const struct {
        const char *version;
        bool troubled, loses;
    } versions[] = {{"2.9.10", true, false},   {"2.8.4", true, true},         {"2.10.21", true, true},
                    {"2.10.27", false, false}, {"2.12.1", true, false},       {"2.12.7", false, false},
                    {"2.15.3", false, false},  {"2.13.0-RC.1", false, false}, {"nonsense", false, false}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        peer_trouble trouble = {.loses = false};
        ck_assert_msg(peer_nats_trouble(versions[i].version, &trouble) == versions[i].troubled, "%s",
                      versions[i].version);
        ck_assert_msg(trouble.loses == versions[i].loses, "%s", versions[i].version);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, versions_of_nats_server_are_known);
    tcase_add_test(tests, what_is_wrong_is_named_with_what_to_do);
    tcase_add_test(tests, clocks_that_differ_are_named);
    tcase_add_test(tests, what_a_replica_has_yet_to_take_is_counted);
    tcase_add_test(tests, another_sealing_key_is_told_from_the_one_in_use);
    tcase_add_test(tests, every_instance_is_listed_with_its_reason);
    tcase_add_test(tests, an_error_is_told_once_and_bodies_come_from_files);
    suite_add_tcase(suite, tests);
    TCase *rights = tcase_create("rights");
    tcase_set_timeout(rights, 180);
    tcase_add_test(rights, rights_in_nats_that_are_not_the_contracts_are_named);
    tcase_add_test(rights, rights_in_a_single_account_are_compared_with_those_of_one);
    suite_add_tcase(suite, rights);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
