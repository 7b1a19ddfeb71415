/*
 * Retries of the client, and what becomes of calls when NATS goes away under them.
 */
#include "rpc_world.h"

#include "wire/header.h"

#include <stdio.h>

static Rpctest__V1__FailRequest failing(furrow_status code, int32_t times)
{
    Rpctest__V1__FailRequest request = RPCTEST__V1__FAIL_REQUEST__INIT;
    request.code = code;
    request.times = times;
    return request;
}

static void allowed_body(rpc_world *world)
{
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 2);
    Rpctest__V1__Sample *response;
    ck_assert_ok(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, failure));
    ck_assert_uint_eq(world->runs, 3);
}

START_TEST(a_method_without_side_effects_is_tried_again)
{
    rpc_world_run(NULL, allowed_body);
}
END_TEST

static void forbidden_body(rpc_world *world)
{
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 1);
    Rpctest__V1__Sample *response;
    ck_assert_int_eq(rpctest_fail_write_call(world->client, &request, NULL, world->arena, &response, NULL),
                     FURROW_UNAVAILABLE);
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(a_write_without_a_key_is_not)
{
    rpc_world_run(NULL, forbidden_body);
}
END_TEST

static void keyed_body(rpc_world *world)
{
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 1);
    Rpctest__V1__Sample *response;
    ck_assert_ok(rpctest_fail_write_call(world->client, &request, &(furrow_call_options){.idempotency_key = "k"},
                                         world->arena, &response, failure));
    ck_assert_uint_eq(world->runs, 2);
}

START_TEST(a_write_with_a_key_is)
{
    rpc_world_run(&(rpc_world_options){.redis = true}, keyed_body);
}
END_TEST

static void codes_body(rpc_world *world)
{
    Rpctest__V1__Sample *response;
    size_t expected = 0;
    for (int code = 1; code <= FURROW_UNAUTHENTICATED; code++) {
        if (code == FURROW_UNAVAILABLE || code == FURROW_DEADLINE_EXCEEDED) continue;
        Rpctest__V1__FailRequest request = failing((furrow_status)code, 0);
        ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, NULL), code);
        ck_assert_uint_eq(world->runs, ++expected);
    }
}

START_TEST(other_codes_are_final)
{
    rpc_world_run(NULL, codes_body);
}
END_TEST

static void never_body(rpc_world *world)
{
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 0);
    Rpctest__V1__Sample *response;
    ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, NULL),
                     FURROW_UNAVAILABLE);
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(a_client_that_never_retries_does_not)
{
    rpc_world_run(&(rpc_world_options){.client = {.max_attempts = 1}}, never_body);
}
END_TEST

/* A service that is down for good sees little more than the calls themselves. */
static void storm_body(rpc_world *world)
{
    enum { CALLS = 200 };
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 0);
    Rpctest__V1__Sample *response;
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, NULL),
                         FURROW_UNAVAILABLE);
    ck_assert_uint_gt(world->runs, CALLS);
    ck_assert_uint_le(world->runs, CALLS + 10 + CALLS / 10 + 1);
}

START_TEST(the_budget_keeps_retries_to_a_tenth)
{
    rpc_world_run(NULL, storm_body);
}
END_TEST

static void delay_body(rpc_world *world)
{
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 1);
    Rpctest__V1__Sample *response;
    uint64_t before = furrow_clock_now_ns();
    request.retry_ms = 120;
    ck_assert_ok(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, failure));
    ck_assert_uint_ge(furrow_clock_now_ns() - before, 120 * FURROW_NS_PER_MS);
    world->runs = 0;
    request.retry_ms = 60000;
    before = furrow_clock_now_ns();
    ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, NULL),
                     FURROW_UNAVAILABLE);
    ck_assert_uint_lt(furrow_clock_now_ns() - before, FURROW_RPC_TIMEOUT_MS * FURROW_NS_PER_MS);
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(the_servers_delay_is_kept_or_not_waited_for_at_all)
{
    rpc_world_run(NULL, delay_body);
}
END_TEST

/* Answers nothing the first @silent times, as a server does that dies over a request; keeps what it was told. */
typedef struct mute {
    rpc_world *world;
    size_t seen, silent;
    char timeouts[4][16];
} mute;

static void on_mute(void *arg, furrow_msg *msg)
{
    mute *self = arg;
    const char *timeout = furrow_msg_has_headers(msg) ? furrow_msg_header(msg, FURROW_HEADER_TIMEOUT) : NULL;
    if (self->seen < 4) snprintf(self->timeouts[self->seen], sizeof self->timeouts[0], "%s", timeout ? timeout : "");
    if (self->seen++ >= self->silent)
        (void)!furrow_link_publish(self->world->link, &(furrow_outgoing){.subject = msg->reply, .data = msg->data},
                                   NULL);
    furrow_msg_free(msg);
}

/* The server would grant a second attempt its usual time from its own arrival. */
static void remaining_body(rpc_world *world)
{
    enum { PAUSE_MS = 1200 };
    Rpctest__V1__FailRequest request = failing(FURROW_UNAVAILABLE, 1);
    Rpctest__V1__Sample *response;
    mute listener = {.world = world, .silent = SIZE_MAX};
    uint64_t left_ns = 0;
    ck_assert(furrow_link_subscribe(world->link, PROBE "*", NULL, on_mute, &listener, NULL));
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    request.retry_ms = PAUSE_MS;
    ck_assert_ok(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, failure));
    ck_assert_uint_eq(world->runs, 2);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(listener.seen == 2, PATIENCE_MS));
    ck_assert_str_eq(listener.timeouts[0], ""); /* it has the usual time */
    ck_assert_ok(furrow_header_parse_timeout(listener.timeouts[1], &left_ns, failure));
    ck_assert_uint_gt(left_ns, 0);
    ck_assert_uint_le(left_ns, (FURROW_RPC_TIMEOUT_MS - PAUSE_MS) * FURROW_NS_PER_MS);
}

START_TEST(a_later_attempt_is_told_what_is_left_of_the_deadline)
{
    rpc_world_run(NULL, remaining_body);
}
END_TEST

static void silence_body(rpc_world *world)
{
    mute self = {.world = world, .silent = 1};
    ck_assert_ok(furrow_server_drain(world->server, rpc_world_in_ms(PATIENCE_MS), failure));
    furrow_server_destroy(world->server);
    world->server = NULL;
    ck_assert(furrow_link_subscribe(world->link, PROBE "*", NULL, on_mute, &self, NULL));
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    ck_assert_ok(rpc_world_echo(world, "heard", NULL, failure));
    ck_assert_uint_ge(self.seen, 2);        /* and a third, if the second answer took its time */
    ck_assert_str_ne(self.timeouts[0], ""); /* the server need not work on what will be given up */
    ck_assert_str_ne(self.timeouts[1], "");
    self = (mute){.world = world, .silent = SIZE_MAX};
    uint64_t before = furrow_clock_now_ns();
    ck_assert_int_eq(rpc_world_echo(world, "lost", &(furrow_call_options){.timeout_ms = 1000}, NULL),
                     FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_ge(furrow_clock_now_ns() - before, 999 * FURROW_NS_PER_MS);
    ck_assert(self.seen == 2 || self.seen == 3); /* three, if the machine gets round to it in time */
}

START_TEST(an_attempt_without_an_answer_is_given_up_and_tried_again_within_the_deadline)
{
    rpc_world_run(&(rpc_world_options){.client = {.attempt_timeout_ms = 40}}, silence_body);
}
END_TEST

static void nobody_body(rpc_world *world)
{
    furrow_error err;
    furrow_server_destroy(world->server);
    world->server = NULL;
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    uint64_t before = furrow_clock_now_ns();
    ck_assert_int_eq(rpc_world_echo(world, "", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "no responders"));
    ck_assert_uint_lt(furrow_clock_now_ns() - before, FURROW_RPC_TIMEOUT_MS * FURROW_NS_PER_MS);
}

START_TEST(that_nobody_serves_is_known_at_once)
{
    rpc_world_run(NULL, nobody_body);
}
END_TEST

/* Load that goes on over an outage: every call ends, and ends right. */
typedef struct loader {
    rpc_world *world;
    size_t ok, failed, wrong;
    bool stop, stopped;
} loader;

static void load(void *arg)
{
    loader *self = arg;
    char text[32];
    for (size_t i = 0; !self->stop; i++) {
        furrow_error err = {0};
        snprintf(text, sizeof text, "%p/%zu", arg, i);
        furrow_status status = rpc_world_echo(self->world, text, &(furrow_call_options){.timeout_ms = 1000}, &err);
        if (status == FURROW_OK) {
            self->ok++;
        } else if (status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED) {
            self->failed++;
            furrow_task_sleep_ms(1);
        } else {
            self->wrong++;
        }
    }
    self->stopped = true;
}

static size_t sum_ok(const loader loaders[], size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += loaders[i].ok;
    return sum;
}

static void outage_body(rpc_world *world)
{
    enum { LOADERS = 32 };
    loader loaders[LOADERS];
    for (size_t i = 0; i < LOADERS; i++) {
        loaders[i] = (loader){.world = world};
        ck_assert_ok(furrow_loop_spawn(world->loop, load, &loaders[i], failure));
    }
    for (int round = 0; round < 3; round++) {
        size_t before = sum_ok(loaders, LOADERS);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(sum_ok(loaders, LOADERS) > before + 500, PATIENCE_MS));
        furrow_test_server_kill(world->nats);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
            !furrow_link_connected(world->link) && !furrow_link_connected(world->caller), PATIENCE_MS));
        furrow_test_server_restart(world->nats);
    }
    size_t before = sum_ok(loaders, LOADERS);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(sum_ok(loaders, LOADERS) > before + 500, PATIENCE_MS));
    for (size_t i = 0; i < LOADERS; i++) loaders[i].stop = true;
    for (size_t i = 0; i < LOADERS; i++) {
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(loaders[i].stopped, PATIENCE_MS));
        ck_assert_uint_eq(loaders[i].wrong, 0);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_server_calls(world->server) == 0, PATIENCE_MS));
}

START_TEST(nats_killed_and_started_under_load_three_times_loses_no_call_without_an_end)
{
    rpc_world_run(NULL, outage_body);
}
END_TEST

typedef struct begun {
    rpc_world *world;
    bool done;
    furrow_status status;
} begun;

static void begin(void *arg)
{
    begun *call = arg;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT, *response;
    call->status = rpctest_wait_call(call->world->client, &request, NULL, arena, &response, NULL);
    call->done = true;
}

/* A write of unknown outcome is never sent a second time by itself. */
static void unknown_body(rpc_world *world)
{
    begun call = {.world = world};
    ck_assert_ok(furrow_loop_spawn(world->loop, begin, &call, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1, PATIENCE_MS));
    furrow_test_server_kill(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(call.done, PATIENCE_MS));
    ck_assert_int_eq(call.status, FURROW_DEADLINE_EXCEEDED);
    furrow_test_server_restart(world->nats);
    ck_assert(furrow_link_wait_connected(world->link, rpc_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_wait_connected(world->caller, rpc_world_in_ms(PATIENCE_MS)));
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_server_calls(world->server) == 0, PATIENCE_MS));
    ck_assert_uint_eq(world->runs, 1);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(rpc_world_echo(world, "", NULL, NULL) == FURROW_OK, PATIENCE_MS));
}

START_TEST(a_write_of_unknown_outcome_is_not_repeated)
{
    rpc_world_run(NULL, unknown_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_method_without_side_effects_is_tried_again,
                                  a_write_without_a_key_is_not,
                                  a_write_with_a_key_is,
                                  other_codes_are_final,
                                  a_client_that_never_retries_does_not,
                                  the_budget_keeps_retries_to_a_tenth,
                                  the_servers_delay_is_kept_or_not_waited_for_at_all,
                                  a_later_attempt_is_told_what_is_left_of_the_deadline,
                                  an_attempt_without_an_answer_is_given_up_and_tried_again_within_the_deadline,
                                  that_nobody_serves_is_known_at_once,
                                  nats_killed_and_started_under_load_three_times_loses_no_call_without_an_end,
                                  a_write_of_unknown_outcome_is_not_repeated};
    return rpc_world_main("rpc_retry", tests, sizeof tests / sizeof *tests);
}
