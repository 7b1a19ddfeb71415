/*
 * A scan of a table against a real Redis: it counts what is there and nothing else, says what Redis says of memory, and
 * does with the rights of somebody who may only read.
 */
#include "store/scan.h"
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 1234 };

typedef struct counting {
    size_t count;
    char last[FURROW_ID_MAX + 1];
    uint64_t bytes;
} counting;

static void on_record(void *arg, const char *id, const furrow_record *record)
{
    counting *seen = arg;
    ck_assert(record->found && !record->deleted);
    ck_assert_msg(strcmp(id, seen->last) > 0, "%s after %s", id, seen->last); /* in order, none twice */
    snprintf(seen->last, sizeof seen->last, "%s", id);
    seen->bytes += record->body.len;
    seen->count++;
}

static furrow_scan_size scanned(furrow_table *table, counting *seen)
{
    furrow_scan_size size = {0};
    *seen = (counting){.count = 0};
    ck_assert_ok(furrow_scan_table(table, on_record, seen, &size, failure));
    ck_assert_uint_eq(seen->count, size.records);
    ck_assert_uint_eq(seen->bytes, size.bytes);
    return size;
}

static uint64_t put_many(store_world *world, furrow_table *table)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        char id[32];
        snprintf(id, sizeof id, "w%zu", store_world_random(2) ? i : 100000 + i);
        furrow_bytes body = store_world_worker(world, id, "Ana", 1, "a b");
        ck_assert_uint_eq(store_world_put(table, id, i + 1, body), 1);
        bytes += body.len;
    }
    return bytes;
}

static void counted_body(store_world *world)
{
    counting seen;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "id name", true);
    furrow_table *other = store_world_table(world, world->store, "Other", "", false);
    furrow_scan_size empty = scanned(table, &seen);
    ck_assert(empty.records == 0 && empty.bytes == 0 && empty.memory_known && empty.memory_bytes == 0);
    uint64_t bytes = put_many(world, table);
    store_world_put(other, "w1", 1, FURROW_BYTES_LITERAL("not of this table"));
    store_world_put(table, "late", 5000, store_world_worker(world, "late", "Bo", 1, ""));
    store_world_put(table, "late", 5001, (furrow_bytes){"", 0}); /* a tombstone */
    furrow_scan_size size = scanned(table, &seen);
    ck_assert_uint_eq(size.records, RECORDS);
    ck_assert_uint_eq(size.bytes, bytes);
    furrow_table_destroy(other);
    furrow_table_destroy(table);
}

START_TEST(what_is_there_is_counted_and_nothing_else)
{
    store_world_run(NULL, counted_body);
}
END_TEST

/* As when its tombstone has expired and it is made again: the list has it twice. */
static void twice_body(store_world *world)
{
    counting seen;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    store_world_put(table, "w1", 1, FURROW_BYTES_LITERAL("first"));
    store_world_put(table, "gone", 2, FURROW_BYTES_LITERAL("gone"));
    store_world_number(world, "DEL test:{Worker}:w1");
    store_world_number(world, "DEL test:{Worker}:gone");
    store_world_put(table, "w1", 3, FURROW_BYTES_LITERAL("again"));
    ck_assert_int_eq(store_world_number(world, "LLEN test:{Worker}:@ids"), 3);
    furrow_scan_size size = scanned(table, &seen);
    ck_assert_uint_eq(size.records, 1);
    ck_assert_uint_eq(size.bytes, strlen("again"));
    furrow_table_destroy(table);
}

START_TEST(an_id_that_is_listed_twice_counts_once_and_one_that_is_gone_not)
{
    store_world_run(NULL, twice_body);
}
END_TEST

/* Every key by itself, while there are no more than are asked for. */
static void memory_body(store_world *world)
{
    counting seen;
    uint64_t said = 0;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "id name", true);
    for (int i = 0; i < FURROW_SCAN_SAMPLE; i++) {
        const char *id = furrow_arena_printf(world->arena, "w%d", i);
        store_world_put(table, id, 1, store_world_worker(world, id, i % 3 ? "Ana" : "Maximiliana Concepcion", 1, ""));
        said +=
            (uint64_t)store_world_number(world, furrow_arena_printf(world->arena, "MEMORY USAGE test:{Worker}:%s", id));
    }
    static const char *const others[] = {"@ids", "@by:id", "@by:name", "@reactions"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        said += (uint64_t)store_world_number(
            world, furrow_arena_printf(world->arena, "MEMORY USAGE test:{Worker}:%s", others[i]));
    furrow_scan_size size = scanned(table, &seen);
    ck_assert(size.memory_known);
    ck_assert_uint_eq(size.memory_bytes, said);
    furrow_table_destroy(table);
}

START_TEST(memory_is_what_redis_says_of_each_key)
{
    store_world_run(NULL, memory_body);
}
END_TEST

static void reader_body(store_world *world)
{
    counting seen;
    furrow_error err = {0};
    furrow_scan_size size = {0};
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", false);
    store_world_put(table, "w1", 1, FURROW_BYTES_LITERAL("body"));
    store_world_text(world, "ACL SETUSER looks on >secret %R~* -@all +auth +info +ping +lrange +mget");
    store_world_text(world, "ACL SETUSER blind on >secret %R~* -@all +auth +info +ping");
    furrow_store_options options = {.user = "looks", .password = "secret", .provisioning = true};
    furrow_store *store = store_world_open(world, options);
    ck_assert_msg(store_world_connected(store), "%s", furrow_store_last_error(store));
    furrow_table *as_reader = store_world_table(world, store, "Worker", "", false);
    size = scanned(as_reader, &seen);
    ck_assert(size.records == 1 && size.bytes == 4 && !size.memory_known && size.memory_bytes == 0);
    options.user = "blind";
    furrow_store *blind = store_world_open(world, options);
    ck_assert_msg(store_world_connected(blind), "%s", furrow_store_last_error(blind));
    furrow_table *as_blind = store_world_table(world, blind, "Worker", "", false);
    size.records = 42;
    ck_assert_int_eq(furrow_scan_table(as_blind, NULL, NULL, &size, &err), FURROW_PERMISSION_DENIED);
    ck_assert_uint_eq(size.records, 42);
    furrow_table_destroy(as_blind);
    furrow_store_destroy(blind);
    furrow_table_destroy(as_reader);
    furrow_store_destroy(store);
    furrow_table_destroy(table);
}

START_TEST(who_may_only_read_learns_all_but_memory)
{
    store_world_run(NULL, reader_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_there_is_counted_and_nothing_else,
        an_id_that_is_listed_twice_counts_once_and_one_that_is_gone_not,
        memory_is_what_redis_says_of_each_key,
        who_may_only_read_learns_all_but_memory,
    };
    return store_world_main("scan", tests, sizeof tests / sizeof tests[0]);
}
