/* The connection to Redis against a real one: order and batching, and what errors become. See test_store_outage.c for the
 * ways in which it can go away. */
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- many callers at once ---- */

enum { CALLERS = 200 };

static void order_body(store_world *world)
{
    static store_world_caller callers[CALLERS];
    size_t left;
    ck_assert(store_world_connected(world->store));
    int64_t reads = store_world_info(world, "total_reads_processed");
    store_world_start_callers(world, world->store, callers, CALLERS, "INCR counter", &left);
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
    store_world_caller callers[MORE];
    size_t left, refused = 0;
    furrow_store *store = store_world_open(world, (furrow_store_options){.max_commands = MAX});
    ck_assert(store_world_connected(store));
    store_world_start_callers(world, store, callers, MORE, "PING", &left);
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
    ck_assert_msg(strstr(err.text, "READONLY") || strstr(err.text, "read-only"), "%s", err.text);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_store_connected(world->store) &&
                                                 strstr(furrow_store_last_error(world->store), "read-only"),
                                             PATIENCE_MS));
    furrow_store *tool = store_world_open(world, (furrow_store_options){.provisioning = true});
    ck_assert(store_world_connected(tool));
    (void)!store_world_ask(world, tool, "REPLICAOF NO ONE", NULL, &err);
    ck_assert(store_world_connected(world->store));
    ck_assert_uint_ge(furrow_store_generation(world->store), 2);
    furrow_store_destroy(tool);
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
        errors_of_redis_have_a_status_each,
        user_password_and_database_are_used,
        names_are_looked_up_beside_the_loop,
        a_primary_that_became_a_replica_is_left,
    };
    return store_world_main("store", tests, sizeof tests / sizeof tests[0]);
}
