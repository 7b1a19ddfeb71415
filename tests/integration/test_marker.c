/* Whose the records of a table are, against a real Redis: builds, markers, generations, trust, leases, clearing. */
#include "store/generation.h"
#include "store/trust.h"
#include "store_world.h"

#include <stdio.h>
#include <string.h>

/* ---- builds and markers ---- */

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
    furrow_marker astray = stored;
    astray.astray = 12;
    ck_assert(move(table, stored, astray));
    ck_assert(!move(table, stored, stored)); /* who does not know that must not go on */
    ck_assert_uint_eq(marker_read(table).astray, 12);
    ck_assert(move(table, astray, stored));
    ck_assert_uint_eq(marker_read(table).astray, 0);
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
    /* Each has time for its answer, and waits until shortly before the end of it for a build that can be relied on. */
    uint64_t deadline = furrow_task_set_deadline(furrow_clock_now_ns() + FURROW_NS_PER_S);
    ck_assert_int_eq(furrow_record_read_many(world->store, reads, 2, world->arena, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(guard.doubts, 1);
    trust(table, "b1");
    furrow_task_set_deadline(furrow_clock_now_ns() + FURROW_NS_PER_S);
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
        a_build_begins_only_where_nobody_else_has_begun_one,   who_is_in_the_middle_of_a_build_keeps_its_place,
        a_marker_is_moved_on_only_from_what_it_is_known_to_be, what_belongs_to_another_build_is_refused,
        what_is_read_belongs_to_the_build_that_was_verified,   a_lease_has_one_holder_until_it_ends,
        clearing_a_table_takes_all_of_it_and_nothing_else,     what_a_clear_goes_by_is_what_there_is,
    };
    return store_world_main("marker", tests, sizeof tests / sizeof tests[0]);
}
