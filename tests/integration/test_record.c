/* Records against a real Redis: the versioned upsert against a model, tombstones, markers, leases, clearing. */
#include "store/generation.h"
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

/* ---- bookkeeping ---- */

static furrow_marker marker_of(const char *build, const char *shape, int64_t epoch_ns, const char *run_id,
                               uint64_t position)
{
    furrow_marker marker = {.found = true, .epoch_ns = epoch_ns, .position = position};
    snprintf(marker.build, sizeof marker.build, "%s", build);
    snprintf(marker.shape, sizeof marker.shape, "%s", shape);
    snprintf(marker.run_id, sizeof marker.run_id, "%s", run_id);
    return marker;
}

static bool begin(furrow_table *table, const char *from, const char *build)
{
    furrow_marker before = marker_of(from, "", 0, "", 0), marker = marker_of(build, "shape", 1, "", 0);
    bool begun = false;
    before.found = from[0] != '\0';
    ck_assert_ok(furrow_marker_begin(table, &before, &marker, &begun, failure));
    return begun;
}

static furrow_marker marker_read(furrow_table *table)
{
    furrow_marker marker;
    ck_assert_ok(furrow_marker_read(table, &marker, failure));
    return marker;
}

static int claim_as(store_world *world, furrow_table *table, const char *shape)
{
    furrow_generations seen;
    furrow_generation_claim what = {.shape = shape, .instance = "p1", .word = "1", .allocate = true};
    ck_assert_ok(furrow_generation_claim_one(table, &what, world->arena, &seen, failure));
    return seen.ours;
}

/* Redis was emptied after who builds had claimed its place, and before it began: only its marker is there. */
static void begun_unclaimed_body(store_world *world)
{
    static const char ours[] = "00112233445566778899aabbccddeeff", other[] = "ff112233445566778899aabbccddeeff";
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    furrow_marker none = {.found = false}, building = marker_of("b1", "!00112233445566778899aabbccddeef", 1, "", 0);
    bool begun = false;
    ck_assert_ok(furrow_marker_begin(table, &none, &building, &begun, failure));
    ck_assert(begun);
    ck_assert_int_eq(claim_as(world, table, ours), 0);
    ck_assert_int_eq(claim_as(world, table, other), 1);
    ck_assert_int_eq(claim_as(world, table, ours), 0);
    furrow_table_destroy(table);
}

START_TEST(who_is_in_the_middle_of_a_build_keeps_its_place)
{
    store_world_run(NULL, begun_unclaimed_body);
}
END_TEST

static bool move(furrow_table *table, furrow_marker from, furrow_marker to)
{
    bool moved = false;
    ck_assert_ok(furrow_marker_move(table, &from, &to, &moved, failure));
    return moved;
}

static void begin_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    ck_assert(!marker_read(table).found);
    ck_assert(!begin(table, "b1", "b2")); /* there is none */
    ck_assert(begin(table, "", "b1"));
    ck_assert(!begin(table, "", "b2")); /* who looked before it was begun, comes too late */
    ck_assert(begin(table, "b1", "b2"));
    ck_assert_str_eq(marker_read(table).build, "b2");
    store_world_number(world, "DEL test:{Worker}:@replica");
    ck_assert(!marker_read(table).found); /* one key without the other is no marker */
    ck_assert(!begin(table, "b2", "b3"));
    ck_assert(begin(table, "", "b3"));
    store_world_number(world, "DEL test:{Worker}:@build");
    ck_assert(!marker_read(table).found);
    furrow_table_destroy(table);
}

START_TEST(a_build_begins_only_where_nobody_else_has_begun_one)
{
    store_world_run(NULL, begin_body);
}
END_TEST

static void move_body(store_world *world)
{
    static const int64_t epoch = 1795417606123456789, later = 1795417606123456790; /* closer than doubles tell apart */
    furrow_marker filled = marker_of("b1", "shape", 1, "", 0), first = marker_of("b1", "shape", epoch, "run1", 10);
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    ck_assert(!move(table, filled, first));
    ck_assert(begin(table, "", "b1"));
    ck_assert(!move(table, marker_of("b2", "shape", 1, "", 0), first)); /* another's build */
    ck_assert(!move(table, marker_of("", "shape", 1, "", 0), first));
    ck_assert(move(table, filled, first));
    ck_assert(!move(table, filled, first));
    ck_assert(!move(table, marker_of("b1", "shape", later, "run1", 10), first));
    ck_assert(move(table, first, marker_of("b1", "shape", later, "run2", 8)));
    furrow_marker stored = marker_read(table);
    ck_assert_str_eq(stored.run_id, "run2");
    ck_assert_int_eq(stored.epoch_ns, later);
    ck_assert_uint_eq(stored.position, 10); /* it only grows */
    furrow_table_destroy(table);
}

START_TEST(a_marker_is_moved_on_only_from_what_it_is_known_to_be)
{
    store_world_run(NULL, move_body);
}
END_TEST

/* ---- trust ---- */

typedef struct test_guard {
    furrow_table_guard guard;
    int doubts;
} test_guard;

static void on_doubt(furrow_table_guard *guard)
{
    ((test_guard *)guard)->doubts++;
}

static furrow_status apply_one(furrow_table *table, const char *id, uint64_t version, int64_t time_ns)
{
    furrow_record_write write = {
        .id = furrow_bytes_of(id), .version = version, .body = FURROW_BYTES_LITERAL("\x0a\x01w"), .time_ns = time_ns};
    furrow_error err;
    return furrow_record_apply(table, &write, 1, NULL, &err);
}

static void trust(furrow_table *table, const char *build)
{
    furrow_table_adopt(table, build);
    furrow_table_trust(table, furrow_store_generation(furrow_table_store(table)));
}

/* Both kinds of table, and all that can be asked of one. */
static void others_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    for (int full = 0; full < 2; full++) {
        test_guard guard = {.guard.doubted = on_doubt};
        furrow_table *table = store_world_table(world, world->store, full ? "Work" : "Worker", full ? "id" : "", full);
        furrow_error err;
        furrow_record_read read = {.table = table, .id = "w"};
        ck_assert(begin(table, "", "b1"));
        furrow_table_set_guard(table, &guard.guard);
        ck_assert_int_eq(apply_one(table, "w", 1, 0), FURROW_UNAVAILABLE); /* belongs to nobody yet */
        trust(table, "b1");
        ck_assert_int_eq(apply_one(table, "w", 2, 70), FURROW_OK);
        ck_assert_int_eq(apply_one(table, "w", 3, 0), FURROW_OK);
        ck_assert_int_eq(apply_one(table, "w", 1, 60), FURROW_OK); /* stale, and seen all the same */
        ck_assert_ok(furrow_record_read_many(world->store, &read, 1, world->arena, failure));
        ck_assert_uint_eq(read.record.version, 3);
        furrow_marker stored = marker_read(table);
        ck_assert_uint_eq(stored.newest, 3);
        ck_assert_uint_eq(stored.dated, 2);
        ck_assert_int_eq(stored.dated_ns, 70);
        ck_assert_int_eq(apply_one(table, "w", 3, 80), FURROW_OK); /* now it is known when */
        ck_assert_uint_eq(marker_read(table).dated, 3);

        ck_assert(begin(table, "b1", "b2")); /* by somebody else */
        ck_assert_int_eq(guard.doubts, 0);
        ck_assert_int_eq(apply_one(table, "w", 9, 0), FURROW_UNAVAILABLE);
        ck_assert_int_eq(apply_one(table, "w", 2, 0), FURROW_UNAVAILABLE); /* also what need not be written */
        ck_assert_int_eq(furrow_table_clear(table, "b1", &err), FURROW_UNAVAILABLE);
        ck_assert(!furrow_table_trusted(table));
        ck_assert_int_eq(guard.doubts, 1);
        furrow_table_set_guard(table, NULL); /* to look at it as it is */
        ck_assert_uint_eq(store_world_get(world, table, "w").version, 3);
        furrow_table_destroy(table);
    }
}

START_TEST(what_belongs_to_another_build_is_refused)
{
    store_world_run(NULL, others_body);
}
END_TEST

typedef struct trusting_task {
    furrow_table *table;
    const char *build;
    bool done;
} trusting_task;

static void trust_later(void *arg)
{
    trusting_task *self = arg;
    furrow_task_sleep_ms(50);
    trust(self->table, self->build);
    self->done = true;
}

static void verified_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    test_guard guard = {.guard.doubted = on_doubt};
    furrow_table *table = store_world_table(world, world->store, "Work", "id", false);
    furrow_table *other = store_world_table(world, world->store, "Worker", "", false);
    furrow_error err;
    furrow_record_read reads[] = {{.table = other, .id = "w"}, {.table = table, .id = "w"}};
    furrow_record_query query = {.prefix = true, .limit = 10};
    furrow_listed *listed;
    size_t count;
    char *next;
    ck_assert(begin(table, "", "b1"));
    furrow_table_set_guard(table, &guard.guard);
    trust(table, "b1");
    store_world_text(world, "FLUSHALL");
    uint64_t deadline = furrow_task_set_deadline(furrow_clock_now_ns() + 200 * FURROW_NS_PER_MS);
    ck_assert_int_eq(furrow_record_read_many(world->store, reads, 2, world->arena, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(guard.doubts, 1);
    trust(table, "b1");
    ck_assert_int_eq(furrow_record_list(table, &query, world->arena, &listed, &count, &next, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(guard.doubts, 2);
    furrow_task_set_deadline(deadline);

    /* Who reads meanwhile waits, and gets what is there when it can be relied on again. */
    trusting_task task = {.table = table, .build = "b2"};
    ck_assert(begin(table, "", "b2"));
    ck_assert_ok(furrow_loop_spawn(world->loop, trust_later, &task, failure));
    ck_assert_ok(furrow_record_read_many(world->store, reads, 2, world->arena, failure));
    ck_assert(task.done);
    ck_assert_ok(furrow_record_list(table, &query, world->arena, &listed, &count, &next, failure));
    ck_assert_uint_eq(count, 0);
    furrow_table_destroy(table);
    furrow_table_destroy(other);
}

START_TEST(what_is_read_belongs_to_the_build_that_was_verified)
{
    store_world_run(NULL, verified_body);
}
END_TEST

static bool lease(furrow_table *table, const char *holder, uint64_t ms)
{
    bool held = false;
    ck_assert_ok(furrow_table_lease(table, "repair", holder, ms, &held, failure));
    return held;
}

static void lease_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    ck_assert(lease(table, "one", 60000));
    ck_assert(!lease(table, "two", 60000));
    ck_assert(lease(table, "one", 30)); /* renewed, for less */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(lease(table, "two", 60000), PATIENCE_MS));
    ck_assert(!lease(table, "one", 60000));
    ck_assert(!lease(table, "one", 0)); /* another's lease cannot be given back */
    ck_assert(!lease(table, "one", 60000));
    ck_assert(!lease(table, "two", 0));
    ck_assert(lease(table, "one", 60000));
    furrow_table_destroy(table);
}

START_TEST(a_lease_has_one_holder_until_it_ends)
{
    store_world_run(NULL, lease_body);
}
END_TEST

static void clear_body(store_world *world)
{
    static furrow_record_write writes[2500];
    bool held;
    ck_assert(store_world_connected(world->store));
    furrow_table *cleared = store_world_table(world, world->store, "Work", "status tags", true);
    furrow_table *other = store_world_table(world, world->store, "Worker", "status", true);
    for (size_t i = 0; i < 2500; i++) {
        const char *id = furrow_arena_printf(world->arena, "w%zu", i);
        writes[i] = (furrow_record_write){furrow_bytes_of(id), i + 1, store_world_worker(world, id, "n", 1, "a b")};
    }
    ck_assert_ok(furrow_record_apply(cleared, writes, 2500, NULL, failure));
    ck_assert_ok(furrow_record_apply(other, writes, 100, NULL, failure));
    ck_assert(begin(cleared, "", "b1") && begin(other, "", "b2"));
    ck_assert_ok(furrow_table_lease(cleared, "repair", "me", 60000, &held, failure));
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 2500 + 3 + 3 + 1 + 100 + 2 + 3);
    ck_assert_ok(furrow_table_clear(cleared, "b1", failure));
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 1 + 2 + 100 + 2 + 3); /* lease and marker stand */
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Work}:@lease:repair"), 1);
    ck_assert_str_eq(marker_read(cleared).build, "b1");
    ck_assert_str_eq(marker_read(other).build, "b2");
    ck_assert_ok(furrow_table_clear(cleared, "b1", failure));
    furrow_table_destroy(cleared);
    furrow_table_destroy(other);
}

START_TEST(clearing_a_table_takes_all_of_it_and_nothing_else)
{
    store_world_run(NULL, clear_body);
}
END_TEST

/* One by one, in batches, as tombstones, and again after a clear: what is listed is what there is. */
static void clear_again_body(store_world *world)
{
    static furrow_record_write writes[450];
    ck_assert(store_world_connected(world->store));
    for (int indexed = 0; indexed < 2; indexed++) {
        furrow_table *table = store_world_table(world, world->store, "Worker", indexed ? "status" : "", indexed);
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < 450; i++) {
                const char *id = furrow_arena_printf(world->arena, "w%zu", i);
                furrow_bytes body = i % 7 ? store_world_worker(world, id, "n", 1, "") : (furrow_bytes){"", 0};
                writes[i] = (furrow_record_write){furrow_bytes_of(id), i + 1, body};
            }
            for (size_t i = 0; i < 30; i++) ck_assert_ok(furrow_record_apply(table, writes + i, 1, NULL, failure));
            ck_assert_ok(furrow_record_apply(table, writes, 450, NULL, failure)); /* some are there already */
            ck_assert_ok(furrow_record_apply(table, writes, 450, NULL, failure)); /* all are: listed once */
            ck_assert_int_eq(store_world_number(world, "LLEN test:{Worker}:@ids"), 30 + 3);
            ck_assert_ok(furrow_table_clear(table, "", failure));
            ck_assert_int_eq(store_world_number(world, "DBSIZE"), 0);
        }
        /* What is no id in the list is no record of ours. */
        store_world_text(world, "SET test:{Worker}:@x 1");
        ck_assert_int_eq(store_world_number(world, "RPUSH test:{Worker}:@ids @x {}"), 2);
        ck_assert_ok(furrow_table_clear(table, "", failure));
        ck_assert_int_eq(store_world_number(world, "EXISTS test:{Worker}:@x test:{Worker}:@ids"), 1);
        ck_assert_int_eq(store_world_number(world, "UNLINK test:{Worker}:@x"), 1);
        furrow_table_destroy(table);
    }
}

START_TEST(what_a_clear_goes_by_is_what_there_is)
{
    store_world_run(NULL, clear_again_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        only_a_newer_version_is_written,
        any_order_of_writes_ends_in_the_newest_of_each,
        a_tombstone_keeps_its_version_for_a_while,
        records_of_several_tables_come_in_one_command,
        only_the_very_bytes_are_vouched_for,
        an_apply_that_redis_interrupted_can_be_done_again,
        a_build_begins_only_where_nobody_else_has_begun_one,
        who_is_in_the_middle_of_a_build_keeps_its_place,
        a_marker_is_moved_on_only_from_what_it_is_known_to_be,
        what_belongs_to_another_build_is_refused,
        what_is_read_belongs_to_the_build_that_was_verified,
        a_lease_has_one_holder_until_it_ends,
        clearing_a_table_takes_all_of_it_and_nothing_else,
        what_a_clear_goes_by_is_what_there_is,
    };
    return store_world_main("record", tests, sizeof tests / sizeof tests[0]);
}
