/*
 * Connections of a service that go dark, one of each kind and in each direction, each of another instance, all at once:
 * the connection for calls, that for the log, and Redis. Each instance finds out, leaves the queue by itself or is taken
 * out by the server, and those whose connections are well answer every call; and all are back when it is over.
 */
#include "base/clock.h"
#include "log_proxy.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS     3
#define MODES     3
#define INSTANCES (KINDS * MODES)
#define IN_A_ROW  60  /* calls: one in ten would reach an instance that is still in the queue, or more */
#define CALL_MS   400 /* of a call that is swallowed */

static const test_proxy_mode modes[MODES] = {PROXY_LOSE_ANSWERS, PROXY_LOSE_REQUESTS, PROXY_LOSE_ALL};

typedef struct instance {
    test_proxy *nats, *redis;
    furrow_test_process *process;
    int kind;
    test_proxy_mode mode;
    size_t ready, not_ready; /* how often it had said so before it went dark */
} instance;

static void start_instance(farm *f, instance *self, int number)
{
    *self = (instance){.nats = test_proxy_start(furrow_test_server_port(f->nats)),
                       .redis = test_proxy_start(furrow_test_server_port(f->redis)),
                       .kind = number / MODES,
                       .mode = modes[number % MODES]};
    const char *settings[] = {farm_text(f, "FURROW_NATS_URL=%s", test_proxy_url(self->nats)),
                              farm_text(f, "FURROW_REDIS_URL=redis%s", strchr(test_proxy_url(self->redis), ':')), NULL};
    self->process = farm_start_other(f, "location", FURROW_TEST_LOCATION, settings);
}

/* nats-server before 2.9.16 does not ask one that it sends something to whether he lives: with calls all the time, one
 * whose answers do not reach it is not found. */
static bool server_asks(void)
{
    const char *server = getenv("FURROW_NATS_SERVER");
    const char *const argv[] = {server && *server ? server : "nats-server", "-v", NULL};
    unsigned major = 0, minor = 0, patch = 0;
    char *output = NULL;
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, FARM_PATIENCE_MS, &output), 0);
    const char *version = strstr(output, ": v");
    ck_assert(version && sscanf(version, ": v%u.%u.%u", &major, &minor, &patch) == 3);
    free(output);
    return major > 2 || minor > 9 || (minor == 9 && patch >= 16);
}

/* By the name that a connection gives itself, which is the instance's and, for the log, " log" behind it. */
static void go_dark(instance *self)
{
    if (self->kind == 0) test_proxy_only(self->nats, "location ");
    if (self->kind == 1) test_proxy_only(self->nats, " log\"");
    test_proxy_set(self->kind == 2 ? self->redis : self->nats, self->mode);
}

static void come_back(instance *self)
{
    test_proxy_only(self->nats, NULL);
    test_proxy_cut(self->nats);
    test_proxy_cut(self->redis);
}

static size_t count(furrow_test_process *process, const char *text)
{
    size_t found = 0;
    for (const char *at = furrow_test_process_stderr(process); (at = strstr(at, text)); at++) found++;
    return found;
}

static char last[400]; /* failure */

static bool call_ok(farm *f, const char *method, const char *json)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_error err;
    furrow_outgoing out = {.subject = method, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_request(f->link, &out, farm_within_ms(CALL_MS), &reply, &err);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    if (status != FURROW_OK) snprintf(last, sizeof last, "%s: %s", method, err.text);
    return status == FURROW_OK;
}

/* Reads and commands in turn, none refused and none swallowed. */
static bool all_answered(farm *f)
{
    static unsigned made;
    for (int i = 0; i < IN_A_ROW / 2; i++) {
        char *place = farm_text(f, "{\"id\":\"L%u\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"N\"}", made++);
        if (!call_ok(f, "location.v1.LocationService.GetLocation", "{\"id\":\"R1\"}") ||
            !call_ok(f, "location.v1.LocationService.CreateLocation", place))
            return false;
    }
    return true;
}

static void dark(farm *f)
{
    instance instances[INSTANCES];
    furrow_error err;
    farm_provision(f);
    farm_start(f, FARM_LOCATION, 0);
    farm_wait_ready(f, FARM_LOCATION);
    ck_assert_int_eq(farm_call_until(f, "location.v1.LocationService.CreateLocation",
                                     "{\"id\":\"R1\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"N\"}", NULL, &err),
                     FURROW_OK);
    for (int i = 0; i < INSTANCES; i++) start_instance(f, &instances[i], i);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(all_answered(f), FARM_PATIENCE_MS), "%s", last);
    for (int i = 0; i < INSTANCES; i++) {
        if (instances[i].kind == 0 && instances[i].mode != PROXY_LOSE_ANSWERS && !server_asks()) instances[i].kind = 1;
        instances[i].ready = count(instances[i].process, "msg=\"ready\"");
        instances[i].not_ready = count(instances[i].process, "msg=\"not ready\"");
        go_dark(&instances[i]);
    }
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(all_answered(f), FARM_PATIENCE_MS), "%s", last);
    for (int i = 0; i < INSTANCES; i++)
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(
                          count(instances[i].process, "msg=\"not ready\"") > instances[i].not_ready, FARM_PATIENCE_MS),
                      "%d: %s", i, furrow_test_process_stderr(instances[i].process));
    for (int i = 0; i < INSTANCES; i++) come_back(&instances[i]);
    for (int i = 0; i < INSTANCES; i++)
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(count(instances[i].process, "msg=\"ready\"") > instances[i].ready,
                                                     FARM_PATIENCE_MS),
                      "%d: %s", i, furrow_test_process_stderr(instances[i].process));
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(all_answered(f), FARM_PATIENCE_MS), "%s", last);
    for (int i = 0; i < INSTANCES; i++) {
        furrow_test_process_destroy(instances[i].process);
        test_proxy_stop(instances[i].nats);
        test_proxy_stop(instances[i].redis);
    }
}

START_TEST(who_is_in_the_dark_leaves_the_queue_to_others)
{
    farm_run_strict(dark);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dark");
    TCase *cases = tcase_create("dark");
    tcase_set_timeout(cases, 180);
    tcase_add_test(cases, who_is_in_the_dark_leaves_the_queue_to_others);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
