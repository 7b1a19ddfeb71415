/* A Redis that is not there, goes, hangs or comes back, under the store's connection. */
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct counting_watch {
    furrow_store_watch watch;
    int connects, losses;
} counting_watch;

static void count_change(furrow_store_watch *watch, bool connected)
{
    counting_watch *self = (counting_watch *)(void *)watch;
    if (connected)
        self->connects++;
    else
        self->losses++;
}

static void restart(void *server)
{
    furrow_test_server_restart(server);
}

static void absent_body(store_world *world)
{
    furrow_error err = {0};
    furrow_store *store = store_world_open(world, (furrow_store_options){0});
    ck_assert_str_eq(furrow_store_last_error(store), "not yet connected");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(store), "refused"), PATIENCE_MS));
    ck_assert(!furrow_store_connected(store));
    ck_assert_int_eq(store_world_ask(world, store, "PING", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "refused") != NULL, "%s", err.text);
    ck_assert(!furrow_store_wait_connected(store, furrow_clock_now_ns() + FURROW_NS_PER_MS));
    furrow_test_server_restart(world->redis);
    ck_assert(store_world_connected(store));
    ck_assert(store_world_connected(world->store));
    ck_assert_ok(store_world_ask(world, store, "PING", NULL, failure));
    ck_assert_str_eq(furrow_store_last_error(store), "");
    furrow_store_destroy(store);
}

START_TEST(a_redis_that_is_not_there_yet_is_waited_for)
{
    store_world_run(&(furrow_test_redis_options){.stopped = true}, absent_body);
}
END_TEST

static void killed_body(store_world *world)
{
    static store_world_caller callers[50];
    size_t left;
    counting_watch watch = {.watch.fn = count_change};
    ck_assert(store_world_connected(world->store));
    furrow_store_watch_add(world->store, &watch.watch);
    char run_id[64];
    snprintf(run_id, sizeof run_id, "%s", furrow_store_run_id(world->store));
    ck_assert_uint_eq(strlen(run_id), 40);
    furrow_test_server_pause(world->redis);
    store_world_start_callers(world, world->store, callers, 50, "INCR counter", &left);
    furrow_task_sleep_ms(1); /* lets the turn that sends them end */
    ck_assert_uint_eq(left, 50);
    furrow_test_server_kill(world->redis);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    for (size_t i = 0; i < 50; i++) ck_assert_int_eq(callers[i].status, FURROW_UNAVAILABLE);
    ck_assert(!furrow_store_connected(world->store));
    ck_assert_int_eq(watch.losses, 1);
    furrow_test_server_restart(world->redis);
    ck_assert(store_world_connected(world->store));
    ck_assert_int_eq(watch.connects, 1);
    ck_assert_uint_eq(furrow_store_generation(world->store), 2);
    ck_assert_str_ne(furrow_store_run_id(world->store), run_id);
    ck_assert_int_eq(store_world_number(world, "INCR counter"), 1);
    furrow_store_watch_remove(world->store, &watch.watch);
}

START_TEST(a_killed_redis_fails_what_is_in_flight_and_is_found_again)
{
    store_world_run(NULL, killed_body);
}
END_TEST

/* What was noticed of a Redis that did not serve for a while: that, and nothing else. */
static void served_again(furrow_store *store, const counting_watch *watch)
{
    ck_assert(store_world_connected(store));
    ck_assert_int_eq(watch->losses, 1);
    ck_assert_int_eq(watch->connects, 1);
    ck_assert_uint_eq(furrow_store_generation(store), 1);
    ck_assert_str_eq(furrow_store_last_error(store), "");
}

static void silent_body(store_world *world)
{
    furrow_error err = {0};
    counting_watch watch = {.watch.fn = count_change};
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 1000});
    ck_assert(store_world_connected(store));
    furrow_store_watch_add(store, &watch.watch);
    furrow_test_server_pause(world->redis);
    ck_assert_int_eq(store_world_ask(world, store, "INCR counter", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "no answer within 1000 ms") != NULL, "%s", err.text);
    ck_assert_int_eq(store_world_ask(world, store, "INCR counter", NULL, &err), FURROW_UNAVAILABLE); /* at once */
    furrow_test_server_resume(world->redis);
    served_again(store, &watch);
    /* The answer of what was given up is nobody's: this one is its own. */
    ck_assert_str_eq(store_world_text(world, "GET counter"), "1");
    furrow_store_watch_remove(store, &watch.watch);
    furrow_store_destroy(store);
}

START_TEST(a_silent_redis_is_not_connected_until_it_answers)
{
    store_world_run(NULL, silent_body);
}
END_TEST

static void idle_body(store_world *world)
{
    counting_watch watch = {.watch.fn = count_change};
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 1000});
    ck_assert(store_world_connected(store));
    furrow_store_watch_add(store, &watch.watch);
    furrow_test_server_pause(world->redis);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_store_connected(store), PATIENCE_MS));
    furrow_test_server_resume(world->redis);
    served_again(store, &watch);
    furrow_store_watch_remove(store, &watch.watch);
    furrow_store_destroy(store);
}

START_TEST(a_silent_redis_is_noticed_when_nobody_asks_anything)
{
    store_world_run(NULL, idle_body);
}
END_TEST

static void vanished_body(store_world *world)
{
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 100});
    ck_assert(store_world_connected(store));
    furrow_test_server_pause(world->redis);
    /* After a while it is taken for gone; the next connection is not greeted either. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(store), "400 ms") != NULL, PATIENCE_MS));
    furrow_test_server_resume(world->redis);
    ck_assert(store_world_connected(store));
    ck_assert_uint_eq(furrow_store_generation(store), 2);
    furrow_store_destroy(store);
}

START_TEST(a_redis_that_stays_silent_is_connected_anew)
{
    store_world_run(NULL, vanished_body);
}
END_TEST

typedef struct endless {
    store_world *world;
    furrow_store *store;
    bool ended;
} endless;

static void run_endless(void *arg)
{
    endless *self = arg;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("EVAL"), FURROW_BYTES_LITERAL("while true do end"),
                                 FURROW_BYTES_LITERAL("0")};
    (void)!furrow_store_command(self->store, argv, 3, self->world->arena, NULL, NULL);
    self->ended = true;
}

/* Somebody with the right to it runs a script without an end: Redis is silent first, and then says so. */
static void busy_body(store_world *world)
{
    furrow_error err = {0};
    counting_watch watch = {.watch.fn = count_change};
    endless script = {.world = world};
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 1000});
    furrow_store *killer = store_world_open(world, (furrow_store_options){.provisioning = true, .timeout_ms = 60000});
    script.store = store_world_open(world, (furrow_store_options){.provisioning = true, .timeout_ms = 60000});
    ck_assert(store_world_connected(store) && store_world_connected(script.store) && store_world_connected(killer));
    store_world_text(world, "CONFIG SET busy-reply-threshold 10");
    furrow_store_watch_add(store, &watch.watch);
    ck_assert_ok(furrow_loop_spawn(world->loop, run_endless, &script, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(store), "BUSY ") != NULL, PATIENCE_MS));
    ck_assert(!furrow_store_connected(store));
    /* Between two attempts to connect it may say for a moment that there is no connection. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(store_world_ask(world, store, "GET x", NULL, &err) == FURROW_UNAVAILABLE &&
                                                 strstr(err.text, "BUSY ") != NULL,
                                             PATIENCE_MS));
    (void)!store_world_ask(world, killer, "SCRIPT KILL", NULL, &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(script.ended, PATIENCE_MS));
    served_again(store, &watch);
    furrow_store_watch_remove(store, &watch.watch);
    furrow_store_destroy(store);
    furrow_store_destroy(script.store);
    furrow_store_destroy(killer);
}

START_TEST(a_redis_that_is_busy_with_a_script_is_not_connected)
{
    store_world_run(NULL, busy_body);
}
END_TEST

typedef struct late_call {
    store_world *world;
    furrow_status status;
    furrow_value value;
    bool ended;
} late_call;

/* With a deadline of its own, in memory that is gone with it. */
static void run_late(void *arg)
{
    late_call *self = arg;
    furrow_arena *arena = furrow_arena_create(1 << 20);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("MGET"), FURROW_BYTES_LITERAL("wide"),
                                 FURROW_BYTES_LITERAL("wide"), FURROW_BYTES_LITERAL("wide")};
    (void)furrow_task_set_deadline(furrow_clock_now_ns() + 50 * FURROW_NS_PER_MS);
    self->status = furrow_store_command(self->world->store, argv, 4, arena, &self->value, NULL);
    furrow_arena_destroy(arena);
    self->ended = true;
}

static void late_body(store_world *world)
{
    late_call call = {.world = world};
    furrow_value value;
    ck_assert(store_world_connected(world->store));
    ck_assert_int_eq(store_world_number(world, "SETRANGE wide 100000 x"), 100001);
    furrow_test_server_pause(world->redis);
    ck_assert_ok(furrow_loop_spawn(world->loop, run_late, &call, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(call.ended, PATIENCE_MS));
    ck_assert_int_eq(call.status, FURROW_UNAVAILABLE);
    ck_assert(furrow_store_connected(world->store)); /* it was the call that could not wait */
    furrow_test_server_resume(world->redis);
    ck_assert_ok(store_world_ask(world, world->store, "STRLEN wide", &value, failure));
    ck_assert_int_eq(value.integer, 100001);
    ck_assert_uint_eq(furrow_store_generation(world->store), 1);
}

START_TEST(a_command_waits_no_longer_than_its_task_may)
{
    store_world_run(NULL, late_body);
}
END_TEST

static void slow_us_body(store_world *world)
{
    static store_world_caller one;
    size_t left;
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 1000});
    ck_assert(store_world_connected(store));
    store_world_start_callers(world, store, &one, 1, "PING", &left);
    furrow_task_yield();
    furrow_task_yield();
    /* The loop itself stands still for longer than the timeout while the answer lies in the socket. */
    uint64_t until = furrow_test_now_ms() + 1500;
    while (furrow_test_now_ms() < until) furrow_test_breathe();
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    ck_assert_int_eq(one.status, FURROW_OK);
    ck_assert_uint_eq(furrow_store_generation(store), 1);
    furrow_store_destroy(store);
}

START_TEST(a_loop_that_was_busy_does_not_take_redis_for_silent)
{
    store_world_run(NULL, slow_us_body);
}
END_TEST

static void closed_body(store_world *world)
{
    static store_world_caller callers[8];
    size_t left;
    furrow_store *store = store_world_open(world, (furrow_store_options){0});
    ck_assert(store_world_connected(store));
    store_world_start_callers(world, store, callers, 8, "BLPOP nothing 0", &left);
    furrow_task_sleep_ms(1);
    furrow_store_destroy(store);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    for (size_t i = 0; i < 8; i++) ck_assert_int_eq(callers[i].status, FURROW_UNAVAILABLE);
}

START_TEST(destroying_the_store_answers_everyone)
{
    store_world_run(NULL, closed_body);
}
END_TEST

typedef struct restarting {
    store_world *world;
    bool done;
} restarting;

/* Returns when the data is loaded, so it runs on the thread pool while the store looks on. */
static void restart_task(void *arg)
{
    restarting *self = arg;
    ck_assert_ok(furrow_loop_work(self->world->loop, restart, self->world->redis, failure));
    self->done = true;
}

static void loading_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    /* While it reads its log, Redis looks at its sockets at every 1024th command. */
    const furrow_bytes fill[] = {FURROW_BYTES_LITERAL("EVAL"),
                                 FURROW_BYTES_LITERAL("for i = 1, 4000 do redis.call('SET', 'key' .. i, i) end"),
                                 FURROW_BYTES_LITERAL("0")};
    ck_assert_ok(furrow_store_command(world->store, fill, 3, world->arena, NULL, failure));
    furrow_test_server_stop(world->redis);
    restarting self = {.world = world};
    ck_assert_ok(furrow_loop_spawn(world->loop, restart_task, &self, failure));
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(world->store), "LOADING") != NULL, PATIENCE_MS));
    ck_assert(!furrow_store_connected(world->store));
    ck_assert_int_eq(store_world_ask(world, world->store, "GET key1", NULL, NULL), FURROW_UNAVAILABLE);
    /* 4,000 sleeps, each of which takes as long as the machine's load has it. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.done, 3 * PATIENCE_MS));
    ck_assert(store_world_connected(world->store));
    ck_assert_str_eq(store_world_text(world, "GET key4000"), "4000");
}

START_TEST(a_redis_that_loads_its_data_is_not_connected)
{
    store_world_run(&(furrow_test_redis_options){.appendonly = true,
                                                 .args = (const char *const[]){"--key-load-delay", "300", NULL}},
                    loading_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_redis_that_is_not_there_yet_is_waited_for,
        a_killed_redis_fails_what_is_in_flight_and_is_found_again,
        a_silent_redis_is_not_connected_until_it_answers,
        a_silent_redis_is_noticed_when_nobody_asks_anything,
        a_redis_that_stays_silent_is_connected_anew,
        a_redis_that_is_busy_with_a_script_is_not_connected,
        a_command_waits_no_longer_than_its_task_may,
        a_loop_that_was_busy_does_not_take_redis_for_silent,
        destroying_the_store_answers_everyone,
        a_redis_that_loads_its_data_is_not_connected,
    };
    return store_world_main("store_outage", tests, sizeof tests / sizeof tests[0]);
}
