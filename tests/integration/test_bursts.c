/*
 * Bursts against a service as a process: a thousand writers of one entity, and requests that are large and wait. What
 * is bounded is looked at from outside, as its operator would: by its answers and by its memory in /proc.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS       1000
#define LARGE         200
#define LARGE_BYTES   1000000
#define BUDGET_KIB    (64L << 10) /* FURROW_MEMORY_MB's default */
#define SLACK_KIB     (16L << 10) /* what the allocator, nats.c and stacks take beside what is counted */
#define AFTERWARDS    (6L << 10)  /* pools that keep a few of each */
#define AFTERWARDS_MS 30000
#define SEND_AT_ONCE  20 /* messages, then the server takes them: it drops who lets too many lie */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0 /* a sanitizer's keeps what is freed */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

static furrow_error err;

typedef struct crowd {
    farm *f;
    size_t left, statuses[17], retryable; /* retryable: RESOURCE_EXHAUSTED that says when to come again */
    uint64_t lowest, highest;
    char text[256];
    char *body; /* of a large request */
} crowd;

static crowd the;

static furrow_status ask(const furrow_outgoing *out, furrow_msg **reply, furrow_error *error)
{
    furrow_status status = furrow_link_request(the.f->link, out, farm_within_ms(20000), reply, error);
    return status == FURROW_OK ? furrow_client_reply_status(*reply, error) : status;
}

static void note(furrow_status status, const furrow_error *error)
{
    the.left--;
    the.statuses[status]++;
    if (status != FURROW_OK) snprintf(the.text, sizeof the.text, "%s", error->text);
}

/* ---- one hot entity ---- */

static void change_crew(void *arg)
{
    char json[128], crew[16];
    furrow_error error = {0};
    FURROW_AUTO(furrow_msg) reply = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    snprintf(crew, sizeof crew, "c%zu", (size_t)arg);
    snprintf(json, sizeof json, "{\"employee\":{\"id\":\"E1\",\"crew\":\"%s\"},\"updateMask\":\"crew\"}", crew);
    furrow_header patience = {FURROW_HEADER_TIMEOUT, "20S"}; /* for its turn, which may be the last */
    furrow_outgoing out = {.subject = "employee.v1.EmployeeService.UpdateEmployee",
                           .headers = &patience,
                           .header_count = 1,
                           .data = furrow_bytes_of(json)};
    furrow_status status = ask(&out, &reply, &error);
    char *text = NULL;
    if (status == FURROW_OK) {
        ck_assert(furrow_json_find_text(reply->data, "employee.crew", arena, &text));
        ck_assert_str_eq(text, crew); /* answered with its own effect, not with a later one's */
        ck_assert(furrow_json_find_text(reply->data, "version", arena, &text));
        uint64_t version = strtoull(text, NULL, 10);
        if (version > the.highest) the.highest = version;
        if (!the.lowest || version < the.lowest) the.lowest = version;
    }
    note(status, &error);
}

static uint64_t last_sequence(farm *f)
{
    furrow_js_stream_state state;
    ck_assert_int_eq(furrow_js_stream_info(farm_log(f, FARM_EMPLOYEE), "EMPLOYEE", farm_within_ms(5000), &state, &err),
                     FURROW_OK);
    return state.last_seq;
}

static void hot_entity(farm *f)
{
    farm_provision(f);
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_wait_ready(f, FARM_EMPLOYEE);
    furrow_status status =
        farm_call_until(f, "employee.v1.EmployeeService.HireEmployee",
                        "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}", NULL, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    uint64_t before = last_sequence(f);
    the = (crowd){.f = f, .left = WRITERS};
    for (size_t i = 0; i < WRITERS; i++)
        ck_assert_int_eq(furrow_loop_spawn(f->loop, change_crew, (void *)i, &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.left == 0, FARM_PATIENCE_MS));
    ck_assert_msg(the.statuses[FURROW_OK] == WRITERS, "%zu of %d: %s", the.statuses[FURROW_OK], WRITERS, the.text);
    ck_assert_uint_eq(the.lowest, before + 1);
    ck_assert_uint_eq(the.highest, before + WRITERS);
    ck_assert_uint_eq(last_sequence(f), before + WRITERS); /* each once: no event beside those that were answered */
}

START_TEST(of_a_thousand_writers_of_one_entity_each_is_answered_ok)
{
    farm_run(hot_entity);
}
END_TEST

/* ---- memory ---- */

/* A line of /proc/PID/status, in KiB. */
static long memory_kib(farm *f, const char *line)
{
    char *text =
        furrow_test_read_file(farm_text(f, "/proc/%d/status", (int)furrow_test_process_pid(f->services[FARM_JOB][0])));
    const char *found = strstr(text, line);
    long kib = found ? strtol(found + strlen(line) + 1, NULL, 10) : 0;
    free(text);
    return kib;
}

static void ask_large(void *arg)
{
    furrow_error error = {0};
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_header headers[] = {{FURROW_HEADER_AFTER, "job.v1.Job.NEVER=4000000000"}, {FURROW_HEADER_TIMEOUT, "3S"}};
    furrow_outgoing out = {
        .subject = "job.v1.JobService.OpenJob", .headers = headers, .header_count = 2, .data = {the.body, LARGE_BYTES}};
    furrow_status status = ask(&out, &reply, &error);
    if (status == FURROW_RESOURCE_EXHAUSTED && reply)
        the.retryable += memmem(reply->data.data, reply->data.len, "retryDelay", 10) != NULL;
    note(status, &error);
}

/* Many large requests at once, each of which waits for what never comes. */
static void burst(farm *f)
{
    the.left = LARGE;
    for (size_t i = 0; i < LARGE; i++) {
        ck_assert_int_eq(furrow_loop_spawn(f->loop, ask_large, NULL, &err), FURROW_OK);
        if (i % SEND_AT_ONCE == SEND_AT_ONCE - 1)
            ck_assert_int_eq(furrow_link_flush(f->link, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.left == 0, FARM_PATIENCE_MS));
}

static void large_and_waiting(farm *f)
{
    farm_start_all(f, 1);
    the = (crowd){.f = f, .body = furrow_arena_alloc(f->arena, LARGE_BYTES)};
    memset(the.body, 'x', LARGE_BYTES);
    memcpy(the.body, "{\"name\":\"", 9);
    memcpy(the.body + LARGE_BYTES - 2, "\"}", 2);
    long idle = memory_kib(f, "VmRSS:");
    burst(f);
    long most = memory_kib(f, "VmHWM:");
    ck_assert_uint_gt(the.statuses[FURROW_RESOURCE_EXHAUSTED], 0);
    ck_assert_uint_eq(the.retryable, the.statuses[FURROW_RESOURCE_EXHAUSTED]);
    ck_assert_uint_eq(the.statuses[FURROW_OK], 0);
    burst(f); /* what the first one left behind does not add up */
    if (OWN_ALLOCATOR) {
        ck_assert_int_le(most, idle + BUDGET_KIB + SLACK_KIB);
        ck_assert_int_le(memory_kib(f, "VmHWM:"), idle + BUDGET_KIB + SLACK_KIB);
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(memory_kib(f, "VmRSS:") <= idle + AFTERWARDS, AFTERWARDS_MS),
                      "%ld KiB remain, idle was %ld", memory_kib(f, "VmRSS:"), idle);
    }
    fprintf(stderr,
            "RSS of job: idle %.1f MB, at most %.1f MB in a burst of %d waiting requests of 1 MB, then %.1f MB\n",
            (double)idle / 1024, (double)most / 1024, LARGE, (double)memory_kib(f, "VmRSS:") / 1024);
    furrow_status status = farm_call(f, "job.v1.JobService.GetJob", "{\"id\":\"J1\"}", NULL, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text); /* none the worse for it */
}

START_TEST(large_requests_that_wait_stay_within_the_budget_and_leave_nothing_behind)
{
    farm_run(large_and_waiting);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bursts");
    TCase *tests = tcase_create("bursts");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, of_a_thousand_writers_of_one_entity_each_is_answered_ok);
    tcase_add_test(tests, large_requests_that_wait_stay_within_the_budget_and_leave_nothing_behind);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
