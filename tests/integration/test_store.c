/* The connection to Redis against a real one: order and batching, every way it can go away, and what errors become. */
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- many callers at once ---- */

enum { CALLERS = 200 };

typedef struct caller {
    store_world *world;
    furrow_store *store;
    const char *words;
    furrow_status status;
    furrow_value value;
    furrow_error err;
    size_t *left;
} caller;

static void call_task(void *arg)
{
    caller *self = arg;
    self->status = store_world_ask(self->world, self->store, self->words, &self->value, &self->err);
    --*self->left;
}

static void start_callers(store_world *world, furrow_store *store, caller *callers, size_t count, const char *words,
                          size_t *left)
{
    *left = count;
    for (size_t i = 0; i < count; i++) {
        callers[i] = (caller){.world = world, .store = store, .words = words, .left = left};
        ck_assert_ok(furrow_loop_spawn(world->loop, call_task, &callers[i], failure));
    }
}

static void order_body(store_world *world)
{
    static caller callers[CALLERS];
    size_t left;
    ck_assert(store_world_connected(world->store));
    int64_t reads = store_world_info(world, "total_reads_processed");
    start_callers(world, world->store, callers, CALLERS, "INCR counter", &left);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    for (size_t i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(callers[i].status, FURROW_OK);
        ck_assert_int_eq(callers[i].value.integer, (int64_t)i + 1);
    }
    /* One read of the server for all of them, one for the INFO that asks. */
    ck_assert_int_le(store_world_info(world, "total_reads_processed") - reads, 3);
}

START_TEST(commands_of_one_turn_leave_together_and_are_answered_in_order)
{
    store_world_run(NULL, order_body);
}
END_TEST

static void values_body(store_world *world)
{
    furrow_value value;
    ck_assert(store_world_connected(world->store));
    ck_assert_ok(store_world_ask(world, world->store, "GET nothing", &value, failure));
    ck_assert_int_eq(value.kind, FURROW_VALUE_NIL);
    ck_assert_int_eq(store_world_number(world, "RPUSH list a bc"), 2);
    ck_assert_ok(store_world_ask(world, world->store, "LRANGE list 0 -1", &value, failure));
    ck_assert_int_eq(value.kind, FURROW_VALUE_LIST);
    ck_assert_uint_eq(value.count, 2);
    ck_assert_str_eq(value.items[1].text.data, "bc");
    ck_assert_ok(store_world_ask(world, world->store, "LRANGE nothing 0 -1", &value, failure));
    ck_assert_uint_eq(value.count, 0);
    const furrow_bytes nested[] = {FURROW_BYTES_LITERAL("EVAL"),
                                   FURROW_BYTES_LITERAL("return {1, {'a', {2, false}}, 'b'}"),
                                   FURROW_BYTES_LITERAL("0")};
    ck_assert_ok(furrow_store_command(world->store, nested, 3, world->arena, &value, failure));
    ck_assert_int_eq(value.items[1].items[1].items[0].integer, 2);
    ck_assert_int_eq(value.items[1].items[1].items[1].kind, FURROW_VALUE_NIL);
    ck_assert_str_eq(value.items[2].text.data, "b");
}

START_TEST(answers_of_every_shape_arrive)
{
    store_world_run(NULL, values_body);
}
END_TEST

static void large_body(store_world *world)
{
    enum { LARGE = 12 << 20 };
    furrow_value value;
    char *text = malloc(LARGE);
    ck_assert(text && store_world_connected(world->store));
    for (size_t i = 0; i < LARGE; i++) text[i] = (char)('a' + i % 23);
    const furrow_bytes set[] = {FURROW_BYTES_LITERAL("SET"), FURROW_BYTES_LITERAL("large"), {text, LARGE}};
    ck_assert_ok(furrow_store_command(world->store, set, 3, world->arena, NULL, failure));
    ck_assert_ok(store_world_ask(world, world->store, "GET large", &value, failure));
    ck_assert(furrow_bytes_equal(value.text, set[2]));
    /* More than what may wait to be sent is refused whole; what comes after is not disturbed. */
    const furrow_bytes too_large[] = {FURROW_BYTES_LITERAL("MSET"),
                                      FURROW_BYTES_LITERAL("a"),
                                      set[2],
                                      FURROW_BYTES_LITERAL("b"),
                                      set[2],
                                      FURROW_BYTES_LITERAL("c"),
                                      set[2],
                                      FURROW_BYTES_LITERAL("d"),
                                      set[2],
                                      FURROW_BYTES_LITERAL("e"),
                                      set[2],
                                      FURROW_BYTES_LITERAL("f"),
                                      set[2]};
    ck_assert_int_eq(furrow_store_command(world->store, too_large, 13, world->arena, NULL, NULL),
                     FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(store_world_number(world, "EXISTS large a"), 1);
    free(text);
}

START_TEST(commands_larger_than_the_socket_takes_arrive_whole)
{
    store_world_run(NULL, large_body);
}
END_TEST

static void overflow_body(store_world *world)
{
    furrow_error err = {0};
    ck_assert(store_world_connected(world->store));
    ck_assert_int_eq(store_world_number(world, "SETRANGE wide 100000 x"), 100001);
    furrow_arena *small = furrow_arena_create(1024);
    const furrow_bytes get[] = {FURROW_BYTES_LITERAL("MGET"), FURROW_BYTES_LITERAL("wide"),
                                FURROW_BYTES_LITERAL("wide")};
    furrow_value value;
    ck_assert_int_eq(furrow_store_command(world->store, get, 3, small, &value, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(store_world_number(world, "STRLEN wide"), 100001);
    ck_assert_uint_eq(furrow_store_generation(world->store), 1);
    furrow_arena_destroy(small);
}

START_TEST(an_answer_past_its_memory_fails_alone)
{
    store_world_run(NULL, overflow_body);
}
END_TEST

static void bounded_body(store_world *world)
{
    enum { MAX = 4, MORE = 6 };
    caller callers[MORE];
    size_t left, refused = 0;
    furrow_store *store = store_world_open(world, (furrow_store_options){.max_commands = MAX});
    ck_assert(store_world_connected(store));
    start_callers(world, store, callers, MORE, "PING", &left);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    for (size_t i = 0; i < MORE; i++) {
        refused += callers[i].status == FURROW_RESOURCE_EXHAUSTED;
        ck_assert(callers[i].status == FURROW_OK || callers[i].status == FURROW_RESOURCE_EXHAUSTED);
    }
    ck_assert_uint_eq(refused, MORE - MAX);
    furrow_store_destroy(store);
}

START_TEST(more_commands_than_allowed_are_refused)
{
    store_world_run(NULL, bounded_body);
}
END_TEST

/* ---- Redis goes and comes ---- */

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
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_store_last_error(store)[0] != '\0', PATIENCE_MS));
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
    static caller callers[50];
    size_t left;
    counting_watch watch = {.watch.fn = count_change};
    ck_assert(store_world_connected(world->store));
    furrow_store_watch_add(world->store, &watch.watch);
    char run_id[64];
    snprintf(run_id, sizeof run_id, "%s", furrow_store_run_id(world->store));
    ck_assert_uint_eq(strlen(run_id), 40);
    furrow_test_server_pause(world->redis);
    start_callers(world, world->store, callers, 50, "INCR counter", &left);
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
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 200});
    ck_assert(store_world_connected(store));
    furrow_store_watch_add(store, &watch.watch);
    furrow_test_server_pause(world->redis);
    ck_assert_int_eq(store_world_ask(world, store, "INCR counter", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "no answer within 200 ms") != NULL, "%s", err.text);
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
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 200});
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
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(store), "500 ms") != NULL, PATIENCE_MS));
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
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 300});
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
    static caller one;
    size_t left;
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 400});
    ck_assert(store_world_connected(store));
    start_callers(world, store, &one, 1, "PING", &left);
    furrow_task_yield();
    furrow_task_yield();
    /* The loop itself stands still for longer than the timeout while the answer lies in the socket. */
    uint64_t until = furrow_test_now_ms() + 600;
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
    static caller callers[8];
    size_t left;
    furrow_store *store = store_world_open(world, (furrow_store_options){0});
    ck_assert(store_world_connected(store));
    start_callers(world, store, callers, 8, "BLPOP nothing 0", &left);
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
    ck_assert(store_world_connected(world->store));
    ck_assert_str_eq(store_world_text(world, "GET key4000"), "4000");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(self.done, PATIENCE_MS));
}

START_TEST(a_redis_that_loads_its_data_is_not_connected)
{
    store_world_run(&(furrow_test_redis_options){.appendonly = true,
                                                 .args = (const char *const[]){"--key-load-delay", "300", NULL}},
                    loading_body);
}
END_TEST

/* ---- errors and access ---- */

static void errors_body(store_world *world)
{
    furrow_error err = {0};
    ck_assert(store_world_connected(world->store));
    store_world_text(world, "SET text x");
    ck_assert_int_eq(store_world_ask(world, world->store, "HGET text f", NULL, &err), FURROW_INTERNAL);
    ck_assert_msg(strstr(err.text, "WRONGTYPE") != NULL, "%s", err.text);
    store_world_text(world, "CONFIG SET maxmemory 1");
    ck_assert_int_eq(store_world_ask(world, world->store, "SET more x", NULL, &err), FURROW_RESOURCE_EXHAUSTED);
    store_world_text(world, "CONFIG SET maxmemory 0");
    ck_assert_int_eq(store_world_ask(world, world->store, "GET text", &(furrow_value){0}, &err), FURROW_OK);
}

START_TEST(errors_of_redis_have_a_status_each)
{
    store_world_run(NULL, errors_body);
}
END_TEST

static void access_body(store_world *world)
{
    furrow_error err = {0};
    char url[64];
    ck_assert(store_world_connected(world->store));
    store_world_text(world, "ACL SETUSER farm on >secret ~farm:* +@all");
    furrow_store *wrong = store_world_open(world, (furrow_store_options){.user = "farm", .password = "guess"});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(wrong), "WRONGPASS") != NULL, PATIENCE_MS));
    ck_assert(!furrow_store_connected(wrong));
    furrow_store_destroy(wrong);
    snprintf(url, sizeof url, "%s/3", furrow_test_server_url(world->redis));
    furrow_store *store =
        store_world_open(world, (furrow_store_options){.url = url, .user = "farm", .password = "secret"});
    ck_assert(store_world_connected(store));
    ck_assert_ok(store_world_ask(world, store, "SET farm:x 1", &(furrow_value){0}, failure));
    ck_assert_int_eq(store_world_ask(world, store, "SET other 1", NULL, &err), FURROW_PERMISSION_DENIED);
    furrow_value info;
    ck_assert_ok(store_world_ask(world, store, "CLIENT INFO", &info, failure));
    ck_assert_ptr_nonnull(strstr(info.text.data, " db=3 "));
    ck_assert_ptr_nonnull(strstr(info.text.data, " user=farm "));
    furrow_store_destroy(store);
}

START_TEST(user_password_and_database_are_used)
{
    store_world_run(NULL, access_body);
}
END_TEST

static void names_body(store_world *world)
{
    char url[64];
    snprintf(url, sizeof url, "redis://localhost:%d", furrow_test_server_port(world->redis));
    /* Where localhost is ::1 first, that one refuses and the next is tried. */
    furrow_store *named = store_world_open(world, (furrow_store_options){.url = url});
    furrow_store *unknown = store_world_open(world, (furrow_store_options){.url = "redis://redis.invalid"});
    furrow_store *given_up = store_world_open(world, (furrow_store_options){.url = "redis://redis.invalid"});
    furrow_store *socketless = store_world_open(world, (furrow_store_options){.url = "unix:///nowhere/redis.sock"});
    furrow_store_destroy(given_up); /* while the name is being looked up */
    ck_assert(store_world_connected(named));
    ck_assert_ptr_nonnull(strstr(furrow_store_last_error(socketless), "/nowhere/redis.sock: No such file"));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(unknown), "redis.invalid") != NULL, 30000));
    ck_assert(!furrow_store_connected(unknown) && !furrow_store_connected(socketless));
    ck_assert_ptr_null(furrow_store_create(world->loop, &(furrow_store_options){.url = "http://x"}, NULL));
    furrow_store_destroy(named);
    furrow_store_destroy(unknown);
    furrow_store_destroy(socketless);
}

START_TEST(names_are_looked_up_beside_the_loop)
{
    store_world_run(NULL, names_body);
}
END_TEST

static void replica_body(store_world *world)
{
    furrow_error err = {0};
    ck_assert(store_world_connected(world->store));
    store_world_text(world, "REPLICAOF 127.0.0.1 1");
    ck_assert_int_eq(store_world_ask(world, world->store, "SET x 1", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "READONLY") != NULL, "%s", err.text);
    ck_assert(store_world_connected(world->store));
    ck_assert_uint_ge(furrow_store_generation(world->store), 2);
}

START_TEST(a_primary_that_became_a_replica_is_left)
{
    store_world_run(NULL, replica_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        commands_of_one_turn_leave_together_and_are_answered_in_order,
        answers_of_every_shape_arrive,
        commands_larger_than_the_socket_takes_arrive_whole,
        an_answer_past_its_memory_fails_alone,
        more_commands_than_allowed_are_refused,
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
        errors_of_redis_have_a_status_each,
        user_password_and_database_are_used,
        names_are_looked_up_beside_the_loop,
        a_primary_that_became_a_replica_is_left,
    };
    return store_world_main("store", tests, sizeof tests / sizeof tests[0]);
}
