/*
 * Alarms of a service as a process: each limit that is nearly reached is told in its health, with the setting that
 * moves it, from four fifths on and not before, and no longer once that is over.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_MAX 60
#define LARGE_BYTES  500000
#define RESULTS_MAX  5000

static furrow_error err;

/* What waiting requests use up. */
typedef struct bound {
    const char *setting, *value, *alarm;
    size_t most;  /* that the alarm tells of */
    size_t at;    /* the request with which the alarm appears; 0: one of them, since others use some, too */
    size_t bytes; /* of a request */
} bound;

static const bound bounds[] = {
    {"FURROW_MAX_CALLS", "10", "\"calls: ", 10, 8, 0},
    {"FURROW_MAX_TASKS", "50", "\"tasks: ", 50, 0, 0},
    {"FURROW_REPLICA_WAITERS", "10", "\"waiting: ", 10, 8, 0},
    {"FURROW_MEMORY_MB", "32", "\"memory: ", 0, 0, LARGE_BYTES},
};

static struct scene {
    farm *f;
    const bound *limit;
    uint64_t version; /* that the requests wait for */
    size_t left;
    furrow_status expected; /* of writers */
    char *body;
} the;

static const char *health(void)
{
    static char *answer; /* gcc at -O3 takes what is in it for its address */
    ck_assert_int_eq(farm_call(the.f, "furrow.v1.Health.employee", "", &answer, &err), FURROW_OK);
    return answer;
}

static void ask_and_wait(void *arg)
{
    furrow_error error = {0};
    FURROW_AUTO(furrow_msg) reply = NULL;
    char after[64];
    (void)arg;
    snprintf(after, sizeof after, "employee.v1.Employee.LATE=%llu", (unsigned long long)the.version);
    furrow_header headers[] = {{FURROW_HEADER_AFTER, after}, {FURROW_HEADER_TIMEOUT, "60S"}};
    furrow_outgoing out = {.subject = "employee.v1.EmployeeService.GetEmployee",
                           .headers = headers,
                           .header_count = 2,
                           .data = furrow_bytes_of(the.body)};
    furrow_status status = furrow_link_request(the.f->link, &out, farm_within_ms(60000), &reply, &error);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &error);
    ck_assert_msg(status == FURROW_NOT_FOUND, "%s", error.text);
    the.left--;
}

static void hire(const char *id, const char *key)
{
    char *json = farm_text(the.f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, id);
    furrow_status status = farm_call_with(the.f, "employee.v1.EmployeeService.HireEmployee", json, key, NULL, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
}

static void start_with(farm *f, const char *setting, const char *value)
{
    the = (struct scene){.f = f};
    setenv(setting, value, 1);
    setenv("FURROW_WAIT_MS", "60000", 1);
    farm_provision(f);
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_wait_ready(f, FARM_EMPLOYEE);
    ck_assert_ptr_nonnull(strstr(health(), "\"alarms\":[]"));
}

static uint64_t next_sequence(farm *f)
{
    furrow_js_stream_state state;
    ck_assert_int_eq(furrow_js_stream_info(farm_log(f, FARM_EMPLOYEE), "EMPLOYEE", farm_within_ms(5000), &state, &err),
                     FURROW_OK);
    return state.last_seq + 1;
}

/* One more that waits; true when there is an alarm now. */
static bool add_one(size_t number)
{
    const char *waiting = farm_text(the.f, "\"waiting\":%zu,", number), *answer;
    the.left++;
    ck_assert_int_eq(furrow_loop_spawn(the.f->loop, ask_and_wait, NULL, &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(answer = health(), waiting) != NULL, FARM_PATIENCE_MS));
    if (strstr(answer, "\"alarms\":[]")) return false;
    const char *alarm = strstr(answer, the.limit->alarm);
    ck_assert_msg(alarm != NULL, "%s", answer);
    ck_assert_ptr_nonnull(strstr(alarm, the.limit->setting));
    if (the.limit->most)
        ck_assert_uint_ge(strtoul(alarm + strlen(the.limit->alarm), NULL, 10), the.limit->most * 4 / 5);
    return true;
}

static void near_its_limit(farm *f, const bound *near)
{
    start_with(f, near->setting, near->value);
    the.limit = near;
    the.version = next_sequence(f);
    the.body = furrow_arena_alloc(f->arena, near->bytes + 64);
    snprintf(the.body, 64, "{\"id\":\"NOBODY\"");
    memset(the.body + strlen(the.body), ' ', near->bytes);
    memcpy(the.body + strlen("{\"id\":\"NOBODY\"") + near->bytes, "}", 2);
    size_t asked = 1;
    while (!add_one(asked) && asked < REQUESTS_MAX) asked++;
    ck_assert_uint_lt(asked, REQUESTS_MAX);
    if (near->at) ck_assert_uint_eq(asked, near->at);
    hire("E1", NULL); /* what all of them wait for */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.left == 0, FARM_PATIENCE_MS));
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(health(), "\"alarms\":[]") != NULL, FARM_PATIENCE_MS), "%s",
                  health());
}

static void calls(farm *f)
{
    near_its_limit(f, &bounds[0]);
}

static void tasks(farm *f)
{
    near_its_limit(f, &bounds[1]);
}

static void waiters(farm *f)
{
    near_its_limit(f, &bounds[2]);
}

static void memory(farm *f)
{
    near_its_limit(f, &bounds[3]);
}

START_TEST(a_limit_that_is_nearly_reached_raises_an_alarm_that_ends_with_it)
{
    static void (*const bodies[])(farm *) = {calls, tasks, waiters, memory};
    farm_run(bodies[_i]);
}
END_TEST

/* More answers than may be remembered: told beforehand, bounded, and the newest is what is remembered. */
static void results(farm *f)
{
    start_with(f, "FURROW_RESULTS_MAX", "10");
    for (int i = 1; i <= 30; i++) {
        hire(farm_text(f, "E%d", i), farm_text(f, "key-%d", i));
        const char *alarm = farm_text(f, "\"results: %d of 10 are remembered", i < 10 ? i : 10);
        ck_assert_int_eq(strstr(health(), i < 8 ? "\"alarms\":[]" : alarm) != NULL, 1);
    }
    ck_assert_int_eq(atoi(farm_redis(f, "operator", "zcard employee:@idem:@kept")), 10);
    hire("E30", "key-30"); /* remembered: without that it exists */
}

/* The same by what they take. */
static void result_bytes(farm *f)
{
    start_with(f, "FURROW_RESULTS_MB", "1");
    const char *alarm = "\"results: those remembered take ", *at = NULL;
    size_t hired = 0;
    for (; !(at = strstr(health(), alarm)) && hired < RESULTS_MAX; hired++) {
        ck_assert_ptr_nonnull(strstr(health(), "\"alarms\":[]"));
        hire(farm_text(f, "E%zu", hired), farm_text(f, "key-%zu", hired));
    }
    ck_assert_uint_lt(hired, RESULTS_MAX);
    ck_assert_ptr_nonnull(strstr(at, "of 1024 KB, and then the oldest go (FURROW_RESULTS_MB)"));
    ck_assert_uint_ge(strtoul(at + strlen(alarm), NULL, 10), 1024 * 4 / 5);
    ck_assert_uint_le(strtoul(at + strlen(alarm), NULL, 10), 1024 * 4 / 5 + 2);
}

START_TEST(remembered_results_have_limits_with_alarms)
{
    static void (*const bodies[])(farm *) = {results, result_bytes};
    farm_run(bodies[_i]);
}
END_TEST

/* ---- writers of one entity ---- */

static void change_crew(void *arg)
{
    furrow_error error = {0};
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_header header = {FURROW_HEADER_TIMEOUT, "60S"};
    furrow_outgoing out = {.subject = "employee.v1.EmployeeService.UpdateEmployee",
                           .headers = &header,
                           .header_count = 1,
                           .data = furrow_bytes_of(arg)};
    furrow_status status = furrow_link_request(the.f->link, &out, farm_within_ms(60000), &reply, &error);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &error);
    ck_assert_msg(status == the.expected, "%s: %s", furrow_status_name(status), error.text);
    the.left--;
}

static void add_writers(size_t count)
{
    the.left += count;
    for (; count > 0; count--) ck_assert_int_eq(furrow_loop_spawn(the.f->loop, change_crew, the.body, &err), FURROW_OK);
}

static bool writers_wait(size_t count)
{
    return strstr(health(), farm_text(the.f, "\"writers: %zu of 10 wait to write Employee (FURROW_ENTITY_WAITERS)\"",
                                      count)) != NULL;
}

/* Redis does not answer, nor has it been missed yet: the first writer has its turn and waits for it, the others for the
 * turn. */
static void writers(farm *f)
{
    setenv("FURROW_REDIS_TIMEOUT_MS", "60000", 1);
    start_with(f, "FURROW_ENTITY_WAITERS", "10");
    hire("E1", NULL);
    the.body = farm_text(f, "{\"employee\":{\"id\":\"E1\",\"crew\":\"c\"},\"updateMask\":\"crew\"}");
    furrow_test_server_pause(f->redis);
    add_writers(9);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(writers_wait(8), FARM_PATIENCE_MS), "%s", health());
    add_writers(2);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(writers_wait(10), FARM_PATIENCE_MS), "%s", health());
    the.expected = FURROW_RESOURCE_EXHAUSTED;
    add_writers(1);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.left == 11, FARM_PATIENCE_MS));
    the.expected = FURROW_OK;
    furrow_test_server_resume(f->redis);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.left == 0, FARM_PATIENCE_MS));
    ck_assert_ptr_nonnull(strstr(health(), "\"alarms\":[]"));
}

START_TEST(writers_that_wait_for_one_entity_have_a_limit_with_an_alarm)
{
    farm_run(writers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alarms");
    TCase *tests = tcase_create("alarms");
    tcase_set_timeout(tests, 180);
    tcase_add_loop_test(tests, a_limit_that_is_nearly_reached_raises_an_alarm_that_ends_with_it, 0,
                        sizeof bounds / sizeof bounds[0]);
    tcase_add_test(tests, writers_that_wait_for_one_entity_have_a_limit_with_an_alarm);
    tcase_add_loop_test(tests, remembered_results_have_limits_with_alarms, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
