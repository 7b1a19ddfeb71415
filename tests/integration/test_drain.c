/*
 * The end of a service while NATS or Redis is silent, in whatever phase: it comes within FURROW_DRAIN_MS, and with the
 * exit code 0. Many instances of timesheet end at once, each in a plight of its own.
 */
#include "log_proxy.h"
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "tls_peer.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define DRAIN_MS 3000
#define SLACK_MS 6000 /* of a busy machine */
#define CALLS    60
#define METHOD   "timesheet.v1.TimesheetService.ClockIn"

typedef enum silence { NONE, NATS_ANSWERS, NATS_ALL, LOG_ALL, REDIS_ALL, BOTH_ALL } silence;

/*
 * What is silent, and since when: since the line @since is in the instance's log, or from the start. A build may be over
 * before a line tells of it: then it was not seen, and the instance serves.
 */
static const struct plight {
    const char *name;
    silence silent;
    const char *since;
    const char *setting, *preload;
    bool handshake, empty_redis;
} plights[] = {
    {.name = "serves, NATS does not answer", .silent = NATS_ANSWERS, .since = "msg=\"ready\""},
    {.name = "serves, NATS is dark", .silent = NATS_ALL, .since = "msg=\"ready\""},
    {.name = "serves, the log is dark", .silent = LOG_ALL, .since = "msg=\"ready\""},
    {.name = "serves, Redis is dark", .silent = REDIS_ALL, .since = "msg=\"ready\""},
    {.name = "serves, all is dark", .silent = BOTH_ALL, .since = "msg=\"ready\""},
    {.name = "connects to NATS", .silent = NATS_ALL},
    {.name = "connects to the log", .silent = LOG_ALL},
    {.name = "connects to Redis", .silent = REDIS_ALL},
    {.name = "looks at the log", .silent = LOG_ALL, .since = "msg=\"started\""},
    {.name = "looks at Redis", .silent = REDIS_ALL, .since = "msg=\"started\""},
    {.name = "builds, the log is dark", .silent = LOG_ALL, .since = "ready\"", .empty_redis = true},
    {.name = "builds, Redis is dark", .silent = REDIS_ALL, .since = "ready\"", .empty_redis = true},
    {.name = "resolves the name of NATS", .setting = "FURROW_NATS_URL=nats://stalled.test:4222", .preload = "yes"},
    {.name = "resolves the name of Redis", .setting = "FURROW_REDIS_URL=redis://stalled.test:6379", .preload = "yes"},
    {.name = "shakes hands with NATS", .handshake = true},
};
enum { PLIGHTS = sizeof plights / sizeof *plights };

typedef struct instance {
    const struct plight *plight;
    test_proxy *nats, *redis;
    furrow_test_process *process;
} instance;

static void silence_now(instance *self)
{
    silence silent = self->plight->silent;
    if (silent == LOG_ALL) test_proxy_only(self->nats, " log\"");
    if (silent == NATS_ANSWERS) test_proxy_set(self->nats, PROXY_LOSE_ANSWERS);
    if (silent == NATS_ALL || silent == LOG_ALL || silent == BOTH_ALL) test_proxy_set(self->nats, PROXY_LOSE_ALL);
    if (silent == REDIS_ALL || silent == BOTH_ALL) test_proxy_set(self->redis, PROXY_LOSE_ALL);
}

static void start_instance(farm *f, instance *self, test_mute *mute, const char *ca)
{
    const char *settings[12];
    size_t count = 0;
    const struct plight *plight = self->plight;
    self->nats = test_proxy_start(furrow_test_server_port(f->nats));
    self->redis = test_proxy_start(furrow_test_server_port(f->redis));
    const char *nats = plight->handshake ? test_mute_url(mute) : test_proxy_url(self->nats);
    settings[count++] = farm_text(f, "FURROW_DRAIN_MS=%d", DRAIN_MS);
    settings[count++] = farm_text(f, "FURROW_NATS_URL=%s", nats);
    settings[count++] = farm_text(f, "FURROW_REDIS_URL=redis%s%s", strchr(test_proxy_url(self->redis), ':'),
                                  plight->empty_redis ? "/1" : "");
    if (plight->handshake) settings[count++] = farm_text(f, "FURROW_NATS_CA=%s", ca);
    if (plight->setting) settings[count++] = plight->setting;
    if (plight->preload) settings[count++] = "LD_PRELOAD=" FURROW_TEST_STALLED_NAMES;
    if (plight->preload) settings[count++] = "ASAN_OPTIONS=verify_asan_link_order=0"; /* it may come before ASan */
    settings[count] = NULL;
    if (!plight->since) silence_now(self);
    self->process = farm_begin_other(f, "timesheet", FURROW_TEST_TIMESHEET, settings);
}

static void ignore(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    ++*(size_t *)arg;
    furrow_msg_free(reply);
}

/* Some of them reach those who are about to end. */
static void send_calls(farm *f, size_t *ended)
{
    furrow_outgoing out = {.subject = METHOD,
                           .data =
                               FURROW_BYTES_LITERAL("{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}")};
    for (size_t i = 0; i < CALLS; i++)
        ck_assert_int_eq(furrow_link_request_async(f->link, &out, farm_within_ms(1000), ignore, ended, NULL),
                         FURROW_OK);
}

static void check_end(instance *self)
{
    int code = -1;
    const char *log = furrow_test_process_stderr(self->process);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_process_running(self->process), DRAIN_MS + SLACK_MS),
                  "%s: %s", self->plight->name, log);
    (void)furrow_test_process_wait(self->process, 0, &code);
    ck_assert_msg(code == 0, "%s: %d: %s", self->plight->name, code, furrow_test_process_stderr(self->process));
    furrow_test_process_destroy(self->process);
    test_proxy_stop(self->nats);
    test_proxy_stop(self->redis);
}

static void silent(farm *f)
{
    static instance instances[PLIGHTS];
    const char *dir = furrow_test_tempdir();
    test_mute *mute = test_mute_start();
    size_t ended = 0;
    test_tls_make(dir);
    farm_start_all(f, 1);
    for (size_t i = 0; i < PLIGHTS; i++) {
        instances[i].plight = &plights[i];
        start_instance(f, &instances[i], mute, farm_text(f, "%s/cert.pem", dir));
    }
    for (size_t i = 0; i < PLIGHTS; i++) {
        const char *line = plights[i].since ? plights[i].since : plights[i].preload ? "started" : "not ready";
        furrow_test_process *process = instances[i].process;
        ck_assert_msg(
            FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_test_process_stderr(process), line) != NULL, FARM_PATIENCE_MS),
            "%s: %s", plights[i].name, furrow_test_process_stderr(process));
        if (plights[i].since) silence_now(&instances[i]);
    }
    send_calls(f, &ended);
    for (size_t i = 0; i < PLIGHTS; i++) furrow_test_process_signal(instances[i].process, SIGTERM);
    for (size_t i = 0; i < PLIGHTS; i++) check_end(&instances[i]);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(ended == CALLS, FARM_PATIENCE_MS));
    test_mute_stop(mute);
}

START_TEST(sigterm_is_obeyed_in_time_whoever_is_silent)
{
    farm_run(silent);
}
END_TEST

/* The servers themselves, for all at once. */
static void stopped(farm *f)
{
    farm_provision(f);
    for (int s = 0; s < FARM_SERVICES; s++)
        farm_start_with(f, s, 0, (const char *const[]){farm_text(f, "FURROW_DRAIN_MS=%d", DRAIN_MS), NULL});
    for (int s = 0; s < FARM_SERVICES; s++) farm_wait_ready(f, s);
    furrow_test_server_pause(f->nats);
    furrow_test_server_pause(f->redis);
    for (int s = 0; s < FARM_SERVICES; s++) furrow_test_process_signal(f->services[s][0], SIGTERM);
    for (int s = 0; s < FARM_SERVICES; s++) {
        int code = -1;
        ck_assert(furrow_test_process_wait(f->services[s][0], DRAIN_MS + SLACK_MS, &code));
        ck_assert_int_eq(code, 0);
    }
    furrow_test_server_resume(f->nats);
    furrow_test_server_resume(f->redis);
}

START_TEST(sigterm_is_obeyed_in_time_while_both_servers_are_stopped)
{
    farm_run(stopped);
}
END_TEST

static void terminating(farm *f)
{
    int code = -1;
    farm_start_all(f, 1);
    for (int s = 0; s < FARM_SERVICES; s++) furrow_test_process_signal(f->services[s][0], 15);
    for (int s = 0; s < FARM_SERVICES; s++) {
        ck_assert(furrow_test_process_wait(f->services[s][0], 15000, &code));
        ck_assert_int_eq(code, 0);
    }
    furrow_error err;
    char *answer = NULL;
    ck_assert_int_eq(farm_call(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"E1\"}", &answer, &err),
                     FURROW_UNAVAILABLE);
}

START_TEST(sigterm_ends_every_service_with_exit_code_0)
{
    farm_run(terminating);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drain");
    TCase *cases = tcase_create("drain");
    tcase_set_timeout(cases, 180);
    tcase_add_test(cases, sigterm_ends_every_service_with_exit_code_0);
    tcase_add_test(cases, sigterm_is_obeyed_in_time_whoever_is_silent);
    tcase_add_test(cases, sigterm_is_obeyed_in_time_while_both_servers_are_stopped);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
