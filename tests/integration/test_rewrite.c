/* A record in the place of one of the same version: what is mended, and what another build left. */
#include "store/trust.h"
#include "store_world.h"

#define VALUE "test:{Worker}:w1"

static void rewrite(furrow_table *table, uint64_t version, furrow_bytes body)
{
    furrow_record_write write = {.id = FURROW_BYTES_LITERAL("w1"), .version = version, .body = body};
    ck_assert_ok(furrow_record_rewrite(table, &write, failure));
}

/* Of a table that has @indexes: wrong bytes, older ones and none are replaced, and newer ones are not. */
static void mends(store_world *world, const char *indexes)
{
    furrow_table *table = store_world_table(world, world->store, "Worker", indexes, false);
    furrow_bytes good = store_world_worker(world, "w1", "Ana", 1, ""),
                 newer = store_world_worker(world, "w1", "B", 1, "");
    ck_assert_uint_eq(store_world_put(table, "w1", 3, store_world_worker(world, "w1", "Wrong", 1, "")), 1);
    rewrite(table, 3, good);
    ck_assert(furrow_bytes_equal(store_world_get(world, table, "w1").body, good));
    ck_assert_int_eq(store_world_number(world, "DEL " VALUE), 1);
    rewrite(table, 3, good);
    ck_assert(furrow_bytes_equal(store_world_get(world, table, "w1").body, good));
    rewrite(table, 5, newer);
    rewrite(table, 4, good);
    furrow_record record = store_world_get(world, table, "w1");
    ck_assert_uint_eq(record.version, 5);
    ck_assert(furrow_bytes_equal(record.body, newer));
    rewrite(table, 5, (furrow_bytes){"", 0});
    ck_assert(store_world_get(world, table, "w1").deleted);
    furrow_table_destroy(table);
    ck_assert_int_ge(store_world_number(world, "DEL " VALUE " test:{Worker}:@ids test:{Worker}:@by:name"), 2);
}

static void mends_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    mends(world, "");
    mends(world, "name");
}

START_TEST(a_record_takes_the_place_of_one_of_its_version)
{
    store_world_run(NULL, mends_body);
}
END_TEST

static void entries_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name tags", true);
    furrow_bytes body = store_world_worker(world, "w1", "Ana", 1, "corn dairy");
    furrow_record_reaction *pending;
    size_t count;
    ck_assert_uint_eq(store_world_put(table, "w1", 3, body), 1);
    ck_assert_ok(furrow_record_reactions(table, 10, world->arena, &pending, &count, failure));
    ck_assert_uint_eq(count, 1);
    ck_assert_ok(furrow_record_reacted(table, &pending[0], failure));
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:@by:name test:{Worker}:@by:tags"), 2);
    rewrite(table, 3, body);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:name"), 1);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:tags"), 2);
    /* The same once more is no change for anybody to react to; another is. */
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Worker}:@reactions"), 0);
    rewrite(table, 3, store_world_worker(world, "w1", "Bea", 1, "corn"));
    ck_assert_int_eq(store_world_number(world, "HLEN test:{Worker}:@reactions"), 1);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:name"), 1);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:tags"), 1);
    furrow_table_destroy(table);
}

START_TEST(its_entries_are_there_afterwards_whatever_was_and_nobody_reacts_to_the_same)
{
    store_world_run(NULL, entries_body);
}
END_TEST

static void on_doubt(furrow_table_guard *guard)
{
    (void)guard;
}

static void begin_build(store_world *world, furrow_table *table, furrow_table_guard *guard)
{
    furrow_table_set_guard(table, guard);
    furrow_table_adopt(table, "b1");
    ck_assert_ok(furrow_store_command(world->store,
                                      (const furrow_bytes[]){FURROW_BYTES_LITERAL("SET"),
                                                             FURROW_BYTES_LITERAL("test:{Worker}:@build"),
                                                             FURROW_BYTES_LITERAL("b1 0 0 0")},
                                      3, world->arena, NULL, failure));
}

/* What a clear goes by, and the index, were evicted; the record was not. */
static void leftover_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name", false);
    furrow_table_guard guard = {.doubted = on_doubt};
    furrow_bytes body = store_world_worker(world, "w1", "Ana", 1, "");
    begin_build(world, table, &guard);
    ck_assert_uint_eq(store_world_put(table, "w1", 3, body), 1);
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:@by:name test:{Worker}:@ids"), 2);
    ck_assert_uint_eq(store_world_put(table, "w1", 3, body), 1);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:name"), 1);
    /* One of an earlier name has its entries, too, and none of that name. */
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:@by:name"), 1);
    ck_assert_uint_eq(store_world_put(table, "w1", 4, store_world_worker(world, "w1", "Bea", 1, "")), 1);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:name"), 1);
    furrow_table_trust(table, furrow_store_generation(world->store));
    ck_assert_uint_eq(store_world_put(table, "w1", 4, store_world_worker(world, "w1", "Bea", 1, "")), 0);
    furrow_table_destroy(table);
}

START_TEST(what_another_build_left_is_written_with_all_its_entries)
{
    store_world_run(NULL, leftover_body);
}
END_TEST

/* Nobody had reacted to it yet, and what was pending went with the clear. */
static void unseen_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    furrow_table_guard guard = {.doubted = on_doubt};
    furrow_bytes body = store_world_worker(world, "w1", "Ana", 1, "");
    furrow_record_reaction *pending;
    size_t count;
    begin_build(world, table, &guard);
    ck_assert_uint_eq(store_world_put(table, "w1", 3, body), 1);
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:@ids"), 1);
    ck_assert_ok(furrow_table_clear(table, "b1", failure));
    ck_assert_int_eq(store_world_number(world, "EXISTS " VALUE), 1);
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Worker}:@reactions"), 0);
    begin_build(world, table, &guard);
    ck_assert_uint_eq(store_world_put(table, "w1", 3, body), 1);
    furrow_table_trust(table, furrow_store_generation(world->store));
    ck_assert_ok(furrow_record_reactions(table, 10, world->arena, &pending, &count, failure));
    ck_assert_uint_eq(count, 1);
    ck_assert(!pending[0].before.found);
    ck_assert_uint_eq(pending[0].now.version, 3);
    ck_assert_ok(furrow_record_reacted(table, &pending[0], failure));
    ck_assert_uint_eq(store_world_put(table, "w1", 3, body), 0); /* told twice, later */
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Worker}:@reactions"), 0);
    furrow_table_destroy(table);
}

START_TEST(what_a_clear_did_not_find_is_reacted_to)
{
    store_world_run(NULL, unseen_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_record_takes_the_place_of_one_of_its_version,
        its_entries_are_there_afterwards_whatever_was_and_nobody_reacts_to_the_same,
        what_another_build_left_is_written_with_all_its_entries,
        what_a_clear_did_not_find_is_reacted_to,
    };
    return store_world_main("rewrite", tests, sizeof tests / sizeof tests[0]);
}
