/* Reactions that end in one turn are told to Redis together, and leases are taken at once; each fares as it would alone. */
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 150, LISTED = 1000 };

/* A task that ends one reaction, and what came of it. */
typedef struct ender {
    furrow_table *table;
    furrow_record_reaction reaction;
    furrow_status status;
    furrow_error err;
    size_t *left;
} ender;

static void end_task(void *arg)
{
    ender *self = arg;
    self->status = furrow_record_reacted(self->table, &self->reaction, &self->err);
    --*self->left;
}

static size_t list_pending(store_world *world, furrow_table *table, furrow_record_reaction **out)
{
    size_t count;
    ck_assert_ok(furrow_record_reactions(table, LISTED, world->arena, out, &count, failure));
    return count;
}

static void put_workers(store_world *world, furrow_table *table, uint64_t version)
{
    for (size_t i = 0; i < WORKERS; i++) {
        const char *id = furrow_arena_printf(world->arena, "w%zu", i);
        ck_assert_uint_eq(store_world_put(table, id, version + i, store_world_worker(world, id, "Ana", 1, "")), 1);
    }
}

static void take_all(store_world *world, furrow_table *table, ender enders[WORKERS])
{
    furrow_record_reaction *list;
    ck_assert_uint_eq(list_pending(world, table, &list), WORKERS);
    for (size_t i = 0; i < WORKERS; i++) enders[i] = (ender){.table = table, .reaction = list[i]};
}

/* All in one turn; how many function calls Redis ran for it. */
static long end_all(store_world *world, ender enders[WORKERS])
{
    size_t left = WORKERS;
    ck_assert_ok(store_world_ask(world, world->store, "CONFIG RESETSTAT", NULL, failure));
    for (size_t i = 0; i < WORKERS; i++) {
        enders[i].left = &left;
        ck_assert_ok(furrow_loop_spawn(world->loop, end_task, &enders[i], failure));
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    const char *stats = store_world_text(world, "INFO commandstats"), *fcall = strstr(stats, "cmdstat_fcall:calls=");
    return fcall ? strtol(fcall + strlen("cmdstat_fcall:calls="), NULL, 10) : 0;
}

static void endings_body(store_world *world)
{
    static ender enders[WORKERS];
    furrow_record_reaction *list;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    put_workers(world, table, 1);
    ck_assert_int_eq(store_world_number(world, "HSET test:{Worker}:@parked w7 12345678"), 1);
    take_all(world, table, enders);
    ck_assert_int_lt(end_all(world, enders), WORKERS / 10); /* three, and what asks whether Redis serves */
    for (size_t i = 0; i < WORKERS; i++) ck_assert_msg(enders[i].status == FURROW_OK, "%s", enders[i].err.text);
    ck_assert_uint_eq(list_pending(world, table, &list), 0);
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Worker}:@parked"), 0);
    furrow_table_destroy(table);
}

START_TEST(reactions_that_end_in_one_turn_are_told_in_one_call)
{
    store_world_run(NULL, endings_body);
}
END_TEST

/* In one call: one whose record has changed meanwhile, one whose record is gone, one that another process has handled. */
static void mixed_body(store_world *world)
{
    static ender enders[WORKERS];
    furrow_record_reaction *list;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    put_workers(world, table, 1);
    take_all(world, table, enders);
    ck_assert_uint_eq(store_world_put(table, "w1", 1000, store_world_worker(world, "w1", "Bea", 1, "")), 1);
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:w2"), 1);
    ck_assert_int_eq(store_world_number(world, "HSET test:{Worker}:@reactions w3 87654321new"), 0);
    (void)end_all(world, enders);
    for (size_t i = 0; i < WORKERS; i++) ck_assert_msg(enders[i].status == FURROW_OK, "%s", enders[i].err.text);
    ck_assert_uint_eq(list_pending(world, table, &list), 2);
    for (size_t i = 0; i < 2; i++) {
        bool changed = strcmp(list[i].id, "w1") == 0;
        ck_assert(changed || strcmp(list[i].id, "w3") == 0);
        if (changed) ck_assert_uint_eq(list[i].before.version, 2); /* what it saw, since w1 is the second */
        if (changed) ck_assert_uint_eq(list[i].now.version, 1000);
    }
    furrow_table_destroy(table);
}

START_TEST(those_whose_change_is_not_over_stay_pending)
{
    store_world_run(NULL, mixed_body);
}
END_TEST

static void leases_body(store_world *world)
{
    static const char *const ids[] = {"w1", "w2", "w3"};
    bool held[3], other = false;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    ck_assert_ok(furrow_table_leases(table, "react:", ids, 3, "one", 60000, held, failure));
    ck_assert(held[0] && held[1] && held[2]);
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Worker}:@lease:react:w2"), 1);
    ck_assert_ok(furrow_table_leases(table, "react:", ids + 1, 1, "one", 0, held, failure)); /* w2 is given back */
    ck_assert(!held[0]);
    ck_assert_ok(furrow_table_leases(table, "react:", ids, 3, "two", 60000, held, failure));
    ck_assert(!held[0] && held[1] && !held[2]);
    ck_assert_ok(furrow_table_lease(table, "react:w2", "one", 60000, &other, failure));
    ck_assert(!other);
    furrow_table_destroy(table);
}

START_TEST(of_many_leases_those_are_held_that_nobody_else_has)
{
    store_world_run(NULL, leases_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        reactions_that_end_in_one_turn_are_told_in_one_call,
        those_whose_change_is_not_over_stay_pending,
        of_many_leases_those_are_held_that_nobody_else_has,
    };
    return store_world_main("endings", tests, sizeof tests / sizeof tests[0]);
}
