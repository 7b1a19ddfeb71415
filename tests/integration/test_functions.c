/*
 * The library of Redis functions against a real Redis: loading it, being without it, and calling it as a hostile
 * service would: with another's keys, and with arguments that should make a loop endless.
 */
#include "store/functions.h"
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const functions[] = {"upsert", "apply",   "note",     "reacted", "begin", "move",  "lease",
                                        "clear",  "drop",    "remember", "ping",    "park",  "retry", "forget",
                                        "claim",  "release", "settle",   "retire",  "vacate"};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* What furrow permissions gives to a service called "test". */
#define RULES                                                                                                          \
    "ACL SETUSER test on >secret resetkeys ~test:* -@all +info +ping +fcall +get +mget +set +mset +unlink +hget "      \
    "+hmget +hset +hsetnx +hdel +hscan +llen +lrange +ltrim +rpush +zadd +zcard +zrem "                                \
    "+zrangebylex +expire +zrange +zrangebyscore"

static furrow_store *open_provisioning(store_world *world)
{
    furrow_store *store = store_world_open(world, (furrow_store_options){.provisioning = true});
    ck_assert(store_world_connected(store));
    return store;
}

static furrow_store *open_service(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    store_world_text(world, RULES);
    furrow_store *store = store_world_open(world, (furrow_store_options){.user = "test", .password = "secret"});
    ck_assert_msg(store_world_connected(store), "%s", furrow_store_last_error(store));
    return store;
}

/* ---- loading ---- */

static void load_body(store_world *world)
{
    furrow_error err = {0};
    bool loaded = false;
    furrow_store *tool = open_provisioning(world);
    const char *name = furrow_functions_library();
    ck_assert_ok(furrow_functions_load(tool, &loaded, failure));
    ck_assert(!loaded); /* the world has it */
    (void)!store_world_ask(world, tool, "FUNCTION FLUSH", NULL, &err);
    ck_assert_ok(furrow_functions_load(tool, &loaded, failure));
    ck_assert(loaded);
    (void)!store_world_ask(world, tool, furrow_arena_printf(world->arena, "FUNCTION DELETE %s", name), NULL, &err);
    const char *forged = furrow_arena_printf(
        world->arena, "#!lua name=%s\nredis.register_function('%s_ping', function() return 1 end)", name, name);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("FUNCTION"), FURROW_BYTES_LITERAL("LOAD"),
                                 furrow_bytes_of(forged)};
    ck_assert_ok(furrow_store_command(tool, argv, 3, world->arena, NULL, failure));
    ck_assert_int_eq(furrow_functions_load(tool, &loaded, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "FUNCTION DELETE"));
    furrow_store_destroy(tool);
}

START_TEST(the_library_is_loaded_where_it_is_missing_and_never_replaced)
{
    store_world_run(NULL, load_body);
}
END_TEST

/* Two versions side by side: what is called is the one of one's own name. */
static void versions_body(store_world *world)
{
    furrow_error err = {0};
    furrow_store *tool = open_provisioning(world);
    const char *older =
        "#!lua name=furrow_00000000\nredis.register_function('furrow_00000000_ping', function() return 0 end)";
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("FUNCTION"), FURROW_BYTES_LITERAL("LOAD"),
                                 furrow_bytes_of(older)};
    ck_assert_ok(furrow_store_command(tool, argv, 3, world->arena, NULL, failure));
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    ck_assert_uint_eq(store_world_put(table, "w1", 1, FURROW_BYTES_LITERAL("x")), 1);
    (void)!store_world_ask(world, tool, "FUNCTION DELETE furrow_00000000", NULL, &err);
    ck_assert_uint_eq(store_world_put(table, "w1", 2, FURROW_BYTES_LITERAL("y")), 1);
    furrow_table_destroy(table);
    furrow_store_destroy(tool);
}

START_TEST(two_versions_of_the_library_stand_side_by_side)
{
    store_world_run(NULL, versions_body);
}
END_TEST

static void missing_body(store_world *world)
{
    furrow_error err = {0};
    bool loaded = false;
    const char *text = furrow_arena_printf(world->arena, "Redis has no function library %s: run `furrow provision`",
                                           furrow_functions_library());
    ck_assert(store_world_connected(world->store));
    furrow_store *tool = open_provisioning(world);
    (void)!store_world_ask(world, tool, "FUNCTION FLUSH", NULL, &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_store_connected(world->store), PATIENCE_MS));
    ck_assert_str_eq(furrow_store_last_error(world->store), text);
    ck_assert_int_eq(store_world_ask(world, world->store, "GET x", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, text));
    furrow_store *fresh = store_world_open(world, (furrow_store_options){0}); /* begins without it */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strcmp(furrow_store_last_error(fresh), text) == 0, PATIENCE_MS));
    ck_assert_ok(furrow_functions_load(tool, &loaded, failure));
    ck_assert(store_world_connected(world->store) && store_world_connected(fresh));
    ck_assert_uint_eq(furrow_store_generation(world->store), 1); /* the connection has stood all the time */
    ck_assert_uint_eq(furrow_store_generation(fresh), 1);
    (void)!store_world_ask(world, tool, "FLUSHALL", NULL, &err); /* leaves it */
    furrow_table *table = store_world_table(world, fresh, "Worker", "", false);
    ck_assert_uint_eq(store_world_put(table, "w1", 1, FURROW_BYTES_LITERAL("x")), 1);
    furrow_table_destroy(table);
    furrow_store_destroy(fresh);
    furrow_store_destroy(tool);
}

START_TEST(without_the_library_nothing_is_connected_until_it_is_loaded)
{
    store_world_run(NULL, missing_body);
}
END_TEST

/* A call that finds it gone says so itself, before the next probe. */
static void called_body(store_world *world)
{
    furrow_error err = {0};
    furrow_store *store = store_world_open(world, (furrow_store_options){.timeout_ms = 60000});
    ck_assert(store_world_connected(store) && store_world_connected(world->store));
    furrow_table *table = store_world_table(world, store, "Worker", "", false);
    furrow_store *tool = open_provisioning(world);
    (void)!store_world_ask(world, tool, "FUNCTION FLUSH", NULL, &err);
    furrow_record_write write = {FURROW_BYTES_LITERAL("w1"), 1, FURROW_BYTES_LITERAL("x")};
    ck_assert_int_eq(furrow_record_apply(table, &write, 1, NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "run `furrow provision`"));
    ck_assert(!furrow_store_connected(store));
    furrow_table_destroy(table);
    furrow_store_destroy(tool);
    furrow_store_destroy(store);
}

START_TEST(a_call_of_a_function_that_is_gone_is_unavailable)
{
    store_world_run(NULL, called_body);
}
END_TEST

/* ---- calling it as somebody hostile ---- */

static furrow_status call(store_world *world, furrow_store *store, const char *function, const char *const words[],
                          furrow_error *err)
{
    furrow_bytes argv[28] = {FURROW_BYTES_LITERAL("FCALL")};
    size_t argc = 1;
    argv[argc++] = furrow_bytes_of(furrow_arena_printf(world->arena, "%s_%s", furrow_functions_library(), function));
    for (size_t i = 0; words[i] && argc < 28; i++) argv[argc++] = furrow_bytes_of(words[i]);
    return furrow_store_command(store, argv, argc, world->arena, NULL, err);
}

/* Each reaches for a key of `other`. The words of a call, with a blank between; ~ is an empty one. */
static const struct {
    const char *function, *words;
} foreign_calls[] = {
    {"upsert", "3 other:{W}:a test:{W}:@ids test:{W}:@build ~ 1 1 1 a 12345678new"},
    {"upsert", "3 test:{W}:a other:{W}:@ids test:{W}:@build ~ 1 1 1 a 12345678new"},
    {"upsert", "3 test:{W}:a test:{W}:@ids other:{W}:@build b 1 1 1 a 12345678new"},
    {"apply", "3 other:{W}:a test:{W}:@ids test:{W}:@build ~ 1 1 1 1 0 0 0 a ~ 12345678new a 0"},
    {"apply", "6 test:{W}:a test:{W}:@ids test:{W}:@build other:{W}:@counted test:{W}:@sums test:{W}:@groups ~ 1 1 1 1 "
              "0 0 1 a ~ 12345678new a x 0"},
    {"apply", "6 test:{W}:a test:{W}:@ids test:{W}:@build test:{W}:@counted other:{W}:@sums test:{W}:@groups ~ 1 1 1 1 "
              "0 0 1 a ~ 12345678new a g\3771\377 0"},
    {"apply", "4 test:{W}:a other:{W}:@by:x test:{W}:@ids test:{W}:@build ~ 1 1 1 1 1 0 0 a ~ 12345678n a 1 a b"},
    {"note", "1 other:{W}:@build b 1 1 1"},
    {"reacted", "3 other:{W}:@reactions test:{W}:@parked test:{W}:a a ~ ~"},
    {"reacted", "3 test:{W}:@reactions test:{W}:@parked other:{W}:a a ~ ~"},
    {"park", "3 other:{W}:@reactions test:{W}:@parked test:{W}:a a ~ ~"},
    {"park", "3 test:{W}:@reactions other:{W}:@parked test:{W}:a a ~ ~"},
    {"retry", "1 other:{W}:@reactions a"},
    {"begin", "2 other:{W}:@replica test:{W}:@build ~ b s 1 r 0"},
    {"begin", "2 test:{W}:@replica other:{W}:@build ~ b s 1 r 0"},
    {"move", "2 other:{W}:@replica test:{W}:@build b s 1 r 0 s 1 r 0 r 0 1"},
    {"move", "2 test:{W}:@replica other:{W}:@build b s 1 r 0 s 1 r 0 r 0 1"},
    {"lease", "1 other:{W}:@lease:repair me 1000"},
    {"lease", "2 test:{W}:@lease:repair other:{W}:@lease:repair me 1000"},
    {"clear", "3 test:{W}:@build test:{W}:@ids other:{W}:a ~ a"},
    {"clear", "3 test:{W}:@build other:{W}:@ids test:{W}:a ~ a"},
    {"drop", "2 test:{W}:@build other:{W}:a ~"},
    {"drop", "2 other:{W}:@build test:{W}:a b"},
    {"claim", "2 other:{W}:@generations test:{W}:@replica aa ~ me 1 0 1"},
    {"claim", "2 test:{W}:@generations other:{W}:@replica aa ~ me 1 0 1"},
    {"release", "1 other:{W}:@generations 0 me"},
    {"settle", "1 other:{W}:@generations 0"},
    {"retire", "3 other:{W}:@generations test:{W}:@replica test:{W}:@build 0 b ~"},
    {"vacate", "3 other:{W}:@generations test:{W}:@build test:{W}:@ids 0 b"},
    {"remember", "3 other:@idem:k other:@idem:@kept other:@idem:@bytes x 60 1 9 999"},
    {"remember", "5 test:@idem:k test:@idem:@kept test:@idem:@bytes other:{W}:a test:@idem:of:a x 60 1 9 999"},
    {"remember", "5 test:@idem:k test:@idem:@kept test:@idem:@bytes test:{W}:a other:@idem:of:a x 60 1 9 999"},
    {"forget", "3 other:@idem:of:a other:@idem:@kept other:@idem:@bytes"},
    {"forget", "3 other:@idem:of:a test:@idem:@kept test:@idem:@bytes"},
};

static furrow_status call_with_words(store_world *world, furrow_store *store, const char *function, const char *text,
                                     furrow_error *err)
{
    const char *words[27] = {NULL};
    size_t count = 0;
    for (const char *at = text; *at; at += *at == ' ') {
        size_t len = strcspn(at, " ");
        ck_assert_uint_lt(count, sizeof words / sizeof *words - 1);
        words[count++] = at[0] == '~' ? "" : furrow_arena_printf(world->arena, "%.*s", (int)len, at);
        at += len;
    }
    return call(world, store, function, words, err);
}

static void foreign_body(store_world *world)
{
    furrow_error err = {0};
    furrow_store *store = open_service(world);
    store_world_text(world, "SET other:{W}:a secret");
    for (size_t i = 0; i < sizeof foreign_calls / sizeof *foreign_calls; i++) {
        furrow_status status = call_with_words(world, store, foreign_calls[i].function, foreign_calls[i].words, &err);
        ck_assert_msg(status == FURROW_PERMISSION_DENIED, "%s (%zu): %s", foreign_calls[i].function, i, err.text);
    }
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 1);
    ck_assert_str_eq(store_world_text(world, "GET other:{W}:a"), "secret");
    furrow_store_destroy(store);
}

START_TEST(a_function_does_not_reach_anothers_keys)
{
    store_world_run(NULL, foreign_body);
}
END_TEST

/* Even a function that names keys it was not given, were there one, has the rights of who calls it and no others. */
static void undeclared_body(store_world *world)
{
    furrow_error err = {0};
    furrow_store *store = open_service(world);
    store_world_text(world, "SET other:{W}:a secret");
    const char *text = "#!lua name=careless\n"
                       "redis.register_function('peek', function(k, a) return redis.call('GET', a[1]) end)\n"
                       "redis.register_function('poke', function(k, a) return redis.call('SET', a[1], 'x') end)\n"
                       "redis.register_function('names', function(k, a) return redis.call('SCAN', '0') end)\n";
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("FUNCTION"), FURROW_BYTES_LITERAL("LOAD"), furrow_bytes_of(text)};
    ck_assert_ok(furrow_store_command(world->store, argv, 3, world->arena, NULL, failure));
    static const char *const tries[] = {"FCALL peek 0 other:{W}:a", "FCALL poke 0 other:{W}:a", "FCALL names 0",
                                        "FCALL peek 1 test:x other:{W}:a"};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        ck_assert_msg(store_world_ask(world, store, tries[i], NULL, &err) == FURROW_PERMISSION_DENIED, "%s: %s",
                      tries[i], err.text);
    ck_assert_str_eq(store_world_text(world, "GET other:{W}:a"), "secret");
    uint64_t refused;
    (void)furrow_store_complaint(store, &refused);
    ck_assert_uint_eq(refused, 4);
    furrow_store_destroy(store);
}

START_TEST(an_undeclared_key_of_another_is_refused_inside_of_a_function)
{
    store_world_run(NULL, undeclared_body);
}
END_TEST

/* Every function with numbers of keys and arguments that are none of its own: each call ends, and Redis serves on. */
static void endless_body(store_world *world)
{
    static const char *const odd[] = {"",           "0",        "1",    "2",        "-1",    "1e308", "inf",
                                      "-inf",       "nan",      "0x7f", "99999999", "1.5",   "abc",   "12345678",
                                      "12345678xx", "a",        "A",    "1000",     "200",   "26",    "27",
                                      "4294967296", "\xff\xfe", " ",    "1e10",     "100000"};
    enum { ODD = sizeof odd / sizeof *odd, TRIES = 6000 };
    furrow_store *store = open_service(world);
    furrow_arena *kept = world->arena;
    world->arena = furrow_arena_create(1 << 20);
    for (size_t i = 0; i < TRIES; i++) {
        const char *words[18] = {0};
        uint32_t keys = store_world_random(5), args = store_world_random(13), n = 0;
        words[n++] = ((const char *const[]){"0", "1", "2", "3", "4"})[keys];
        static const char *const own[] = {"test:{W}:a", "test:{W}:b", "test:{W}:@ids", "test:{W}:@by:x", "test:{W}:z"};
        for (uint32_t k = 0; k < keys; k++) words[n++] = own[store_world_random(5)];
        for (uint32_t a = 0; a < args; a++) words[n++] = odd[store_world_random(ODD)];
        furrow_error err = {0};
        furrow_status status = call(world, store, functions[i % FUNCTIONS], words, &err);
        bool others = status == FURROW_UNAVAILABLE && strstr(err.text, "another build");
        ck_assert_msg(status == FURROW_OK || status == FURROW_INTERNAL || others, "%s: %s: %s",
                      functions[i % FUNCTIONS], furrow_status_name(status), err.text);
        furrow_arena_reset(world->arena);
    }
    ck_assert(furrow_store_connected(store));
    ck_assert_uint_eq(furrow_store_generation(store), 1);
    furrow_arena_destroy(world->arena);
    world->arena = kept;
    furrow_store_destroy(store);
}

START_TEST(no_arguments_make_a_function_endless)
{
    store_world_run(NULL, endless_body);
}
END_TEST

/* A full Redis is emptied by the same means as any other. */
static void full_body(store_world *world)
{
    furrow_error err = {0};
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    store_world_put(table, "w1", 1, FURROW_BYTES_LITERAL("x"));
    store_world_text(world, "CONFIG SET maxmemory 1");
    furrow_record_write write = {FURROW_BYTES_LITERAL("w2"), 1, FURROW_BYTES_LITERAL("x")};
    ck_assert_int_eq(furrow_record_apply(table, &write, 1, NULL, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert(furrow_store_connected(world->store));
    ck_assert_ok(furrow_table_clear(table, "", failure));
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 0);
    furrow_table_destroy(table);
}

START_TEST(a_full_redis_can_be_cleared_and_is_connected)
{
    store_world_run(NULL, full_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_library_is_loaded_where_it_is_missing_and_never_replaced,
        two_versions_of_the_library_stand_side_by_side,
        without_the_library_nothing_is_connected_until_it_is_loaded,
        a_call_of_a_function_that_is_gone_is_unavailable,
        a_function_does_not_reach_anothers_keys,
        an_undeclared_key_of_another_is_refused_inside_of_a_function,
        no_arguments_make_a_function_endless,
        a_full_redis_can_be_cleared_and_is_connected,
    };
    return store_world_main("functions", tests, sizeof tests / sizeof tests[0]);
}
