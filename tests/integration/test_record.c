/* Records against a real Redis: the versioned upsert against a model, tombstones, reads, a Redis that goes away. */
#include "store/trust.h"
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static furrow_bytes text(const char *body)
{
    return furrow_bytes_of(body);
}

/* ---- versions ---- */

static void newest_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    ck_assert(!store_world_get(world, table, "w1").found);
    ck_assert_uint_eq(store_world_put(table, "w1", 7, text("seven")), 1);
    ck_assert_uint_eq(store_world_put(table, "w1", 6, text("six")), 0);
    ck_assert_uint_eq(store_world_put(table, "w1", 7, text("again")), 0);
    furrow_record record = store_world_get(world, table, "w1");
    ck_assert(record.found && !record.deleted);
    ck_assert_uint_eq(record.version, 7);
    ck_assert(furrow_bytes_equal(record.body, text("seven")));
    /* The bytes in which versions differ must not matter: 255 < 256 < 65535 < 2^40 < 2^53 - 1. */
    static const uint64_t growing[] = {
        255, 256, 65535, 65536, (uint64_t)1 << 32, (uint64_t)1 << 40, ((uint64_t)1 << 53) - 1};
    for (size_t i = 0; i < sizeof growing / sizeof growing[0]; i++) {
        ck_assert_uint_eq(store_world_put(table, "w1", growing[i], text("more")), 1);
        ck_assert_uint_eq(store_world_put(table, "w1", growing[i] - 1, text("less")), 0);
        ck_assert_uint_eq(store_world_get(world, table, "w1").version, growing[i]);
    }
    furrow_record_write past = {text("w1"), (uint64_t)1 << 53, text("x")};
    ck_assert_int_eq(furrow_record_apply(table, &past, 1, NULL, NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(store_world_number(world, "STRLEN test:{Worker}:w1"), 8 + 4);
    furrow_table_destroy(table);
}

START_TEST(only_a_newer_version_is_written)
{
    store_world_run(NULL, newest_body);
}
END_TEST

/* ---- the model ---- */

enum { IDS = 700, WRITES = 5000 };

typedef struct model {
    uint64_t version[IDS];
    bool deleted[IDS];
} model;

static furrow_bytes body_of(store_world *world, size_t id, uint64_t version)
{
    const char *body = furrow_arena_printf(world->arena, "record %zu at %llu", id, (unsigned long long)version);
    return furrow_bytes_of(body);
}

static furrow_record_write random_write(store_world *world, model *into, size_t *newer)
{
    size_t id = store_world_random(IDS);
    uint64_t version = 1 + store_world_random(3) * (uint64_t)store_world_random(1 << 30) + store_world_random(300);
    bool deleted = version % 10 == 0; /* same version, same bytes */
    if (version > into->version[id]) {
        into->version[id] = version;
        into->deleted[id] = deleted;
        ++*newer;
    }
    const char *name = furrow_arena_printf(world->arena, "w%zu", id);
    return (furrow_record_write){furrow_bytes_of(name), version,
                                 deleted ? (furrow_bytes){0} : body_of(world, id, version)};
}

static void check_model(store_world *world, furrow_table *table, const model *expected)
{
    static furrow_record_read reads[IDS];
    for (size_t i = 0; i < IDS; i++)
        reads[i] = (furrow_record_read){.table = table, .id = furrow_arena_printf(world->arena, "w%zu", i)};
    ck_assert_ok(furrow_record_read_many(world->store, reads, IDS, world->arena, failure));
    for (size_t i = 0; i < IDS; i++) {
        const furrow_record *record = &reads[i].record;
        ck_assert_uint_eq(record->version, expected->version[i]);
        ck_assert_int_eq(record->found, expected->version[i] != 0);
        ck_assert_int_eq(record->deleted, expected->deleted[i]);
        if (record->found && !record->deleted)
            ck_assert(furrow_bytes_equal(record->body, body_of(world, i, record->version)));
    }
}

static void model_body(store_world *world)
{
    static furrow_record_write writes[WRITES];
    static model expected;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    for (int round = 0; round < 6; round++) {
        static const size_t sizes[] = {1, 199, 200, 201, 3000, WRITES};
        size_t count = sizes[round], newer = 0, applied = 0;
        for (size_t i = 0; i < count; i++) writes[i] = random_write(world, &expected, &newer);
        ck_assert_ok(furrow_record_apply(table, writes, count, &applied, failure));
        ck_assert_uint_le(applied, newer); /* of several newer ones of an id in one batch only the newest is written */
        ck_assert_uint_gt(applied, 0);
        ck_assert_ok(furrow_record_apply(table, writes, count, &applied, failure)); /* redelivery */
        ck_assert_uint_eq(applied, 0);
        check_model(world, table, &expected);
    }
    ck_assert_ok(furrow_record_apply(table, writes, 0, NULL, failure));
    furrow_table_destroy(table);
}

START_TEST(any_order_of_writes_ends_in_the_newest_of_each)
{
    store_world_run(NULL, model_body);
}
END_TEST

/* ---- tombstones ---- */

static void tombstone_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    ck_assert_uint_eq(store_world_put(table, "w1", 5, (furrow_bytes){0}), 1);
    furrow_record record = store_world_get(world, table, "w1");
    ck_assert(record.found && record.deleted);
    ck_assert_uint_eq(record.version, 5);
    ck_assert_int_gt(store_world_number(world, "TTL test:{Worker}:w1"), FURROW_TOMBSTONE_SECONDS - 60);
    ck_assert_int_eq(store_world_number(world, "STRLEN test:{Worker}:w1"), 8);
    ck_assert_uint_eq(store_world_put(table, "w1", 4, text("late")), 0);
    ck_assert_uint_eq(store_world_put(table, "w1", 6, text("back")), 1);
    ck_assert_int_eq(store_world_number(world, "TTL test:{Worker}:w1"), -1);
    ck_assert_uint_eq(store_world_put(table, "w1", 7, (furrow_bytes){0}), 1);
    ck_assert(store_world_get(world, table, "w1").deleted);
    furrow_table_destroy(table);
}

START_TEST(a_tombstone_keeps_its_version_for_a_while)
{
    store_world_run(NULL, tombstone_body);
}
END_TEST

/* ---- reads ---- */

static void reads_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *worker = store_world_table(world, world->store, "Worker", "", false);
    furrow_table *task = store_world_table(world, world->store, "Task", "name", false);
    store_world_put(worker, "a", 1, text("worker a"));
    store_world_put(task, "a", 2, store_world_worker(world, "a", "dig", 0, ""));
    int64_t calls = store_world_info(world, "total_commands_processed");
    furrow_record_read reads[] = {{.table = worker, .id = "a"}, {.table = task, .id = "a"}, {.table = task, .id = "b"}};
    ck_assert_ok(furrow_record_read_many(world->store, reads, 3, world->arena, failure));
    ck_assert_int_eq(store_world_info(world, "total_commands_processed") - calls, 2); /* the read and the INFO before */
    ck_assert_uint_eq(reads[0].record.version, 1);
    ck_assert_uint_eq(reads[1].record.version, 2);
    ck_assert(!reads[2].record.found);
    static const char *const wrong[] = {"", "@by:name", "a b", "a}", "a:b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        furrow_record_read read = {.table = worker, .id = wrong[i]};
        furrow_record_write write = {text(wrong[i]), 1, text("x")};
        ck_assert_int_eq(furrow_record_read_many(world->store, &read, 1, world->arena, NULL), FURROW_INVALID_ARGUMENT);
        ck_assert_int_eq(furrow_record_apply(worker, &write, 1, NULL, NULL), FURROW_INVALID_ARGUMENT);
    }
    /* What is too short to hold a version is as good as nothing, and mended by the next write. */
    store_world_text(world, "SET test:{Worker}:short abc");
    store_world_text(world, "SET test:{Task}:short abc");
    ck_assert(!store_world_get(world, worker, "short").found);
    ck_assert_uint_eq(store_world_put(worker, "short", 1, text("good")), 1);
    ck_assert_uint_eq(store_world_put(task, "short", 1, store_world_worker(world, "short", "n", 0, "")), 1);
    ck_assert_uint_eq(store_world_get(world, task, "short").version, 1);
    furrow_table_destroy(worker);
    furrow_table_destroy(task);
}

/* By id, version and bytes together, of the newest that were vouched for; a tombstone never is. */
static void vouching_body(store_world *world)
{
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    furrow_record_write mine = {text("a"), 7, text("state")}, gone = {text("a"), 8, {0}};
    ck_assert(!furrow_record_vouched(table, &mine));
    furrow_record_vouch(table, &mine);
    furrow_record_vouch(table, &gone);
    ck_assert(furrow_record_vouched(table, &mine));
    ck_assert(!furrow_record_vouched(table, &gone));
    const furrow_record_write others[] = {{text("b"), 7, text("state")},
                                          {text("a"), 7 + FURROW_RECORD_VOUCHED, text("state")},
                                          {text("a"), 7, text("State")},
                                          {text("a"), 7, text("stat")}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) ck_assert(!furrow_record_vouched(table, &others[i]));
    furrow_record_vouch(table, &others[1]);
    ck_assert(furrow_record_vouched(table, &others[1]));
    ck_assert(!furrow_record_vouched(table, &mine));
    furrow_table_destroy(table);
}

START_TEST(only_the_very_bytes_are_vouched_for)
{
    store_world_run(NULL, vouching_body);
}
END_TEST

START_TEST(records_of_several_tables_come_in_one_command)
{
    store_world_run(NULL, reads_body);
}
END_TEST

/* ---- Redis goes in the middle ---- */

typedef struct big_apply {
    furrow_table *table;
    const furrow_record_write *writes;
    furrow_status status;
    bool done;
} big_apply;

static void apply_task(void *arg)
{
    big_apply *self = arg;
    self->status = furrow_record_apply(self->table, self->writes, WRITES, NULL, NULL);
    self->done = true;
}

static void lost_body(store_world *world)
{
    static furrow_record_write writes[WRITES];
    static model expected;
    size_t newer = 0;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    for (size_t i = 0; i < WRITES; i++) writes[i] = random_write(world, &expected, &newer);
    ck_assert_ok(furrow_record_apply(table, writes, 1000, NULL, failure));
    big_apply apply = {.table = table, .writes = writes};
    furrow_test_server_pause(world->redis);
    ck_assert_ok(furrow_loop_spawn(world->loop, apply_task, &apply, failure));
    furrow_task_sleep_ms(1);
    furrow_test_server_kill(world->redis);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(apply.done, PATIENCE_MS));
    ck_assert_int_eq(apply.status, FURROW_UNAVAILABLE);
    ck_assert_int_eq(furrow_record_apply(table, writes, 1, NULL, NULL), FURROW_UNAVAILABLE);
    furrow_test_server_restart(world->redis);
    ck_assert(store_world_connected(world->store));
    /* The server is new and knows no script; the same call again ends where it would have ended. */
    ck_assert_ok(furrow_record_apply(table, writes, WRITES, NULL, failure));
    check_model(world, table, &expected);
    furrow_table_destroy(table);
}

START_TEST(an_apply_that_redis_interrupted_can_be_done_again)
{
    store_world_run(NULL, lost_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        only_a_newer_version_is_written,
        any_order_of_writes_ends_in_the_newest_of_each,
        a_tombstone_keeps_its_version_for_a_while,
        only_the_very_bytes_are_vouched_for,
        records_of_several_tables_come_in_one_command,
        an_apply_that_redis_interrupted_can_be_done_again,
    };
    return store_world_main("record", tests, sizeof tests / sizeof tests[0]);
}
