/* Tables with indexes and reactions against a real Redis: equal to a model at the end, listings, pending reactions. */
#include "store_world.h"

#include "wire/message.h"

#include "store_test.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- listing helpers ---- */

static furrow_record_query query_of(const char *index, const char *value, bool prefix, size_t limit)
{
    return (furrow_record_query){.index = index, .value = furrow_bytes_of(value), .prefix = prefix, .limit = limit};
}

/* All pages of @query: ids in order, each followed by a space. */
static const char *list_ids(store_world *world, furrow_table *table, furrow_record_query query)
{
    char *ids = furrow_arena_zalloc(world->arena, 1 << 16), *end = ids;
    for (int pages = 0; pages < 1000; pages++) {
        furrow_listed *listed;
        size_t count;
        char *next;
        ck_assert_ok(furrow_record_list(table, &query, world->arena, &listed, &count, &next, failure));
        ck_assert_uint_le(count, query.limit);
        for (size_t i = 0; i < count; i++) {
            ck_assert(listed[i].record.found && !listed[i].record.deleted);
            end += snprintf(end, 80, "%s ", listed[i].id);
        }
        if (!next) return ids;
        query.after = next;
    }
    ck_abort_msg("pages without end");
}

static furrow_status list_status(store_world *world, furrow_table *table, furrow_record_query query, furrow_error *err)
{
    furrow_listed *listed;
    size_t count;
    char *next;
    return furrow_record_list(table, &query, world->arena, &listed, &count, &next, err);
}

static const char *first_token(store_world *world, furrow_table *table, furrow_record_query query)
{
    furrow_listed *listed;
    size_t count;
    char *next;
    ck_assert_ok(furrow_record_list(table, &query, world->arena, &listed, &count, &next, failure));
    ck_assert_ptr_nonnull(next);
    return next;
}

/* ---- listings ---- */

static void put(store_world *world, furrow_table *table, const char *id, uint64_t version, const char *name, int status,
                const char *tags)
{
    ck_assert_uint_eq(store_world_put(table, id, version, store_world_worker(world, id, name, status, tags)), 1);
}

static void queries_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "id name status tags", false);
    const char *active = furrow_record_index_integer(1, world->arena).data,
               *gone = furrow_record_index_integer(2, world->arena).data;
    put(world, table, "w3", 1, "Ana", 1, "dairy corn");
    put(world, table, "w1", 2, "ANABEL", 2, "corn");
    put(world, table, "w2", 3, "Ánder", 1, "");
    put(world, table, "w4", 4, "ana", 1, "corn cornet");
    ck_assert_str_eq(list_ids(world, table, query_of("status", active, false, 10)), "w2 w3 w4 ");
    ck_assert_str_eq(list_ids(world, table, query_of("status", gone, false, 10)), "w1 ");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "ANA", false, 10)), "w3 w4 ");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "aNa", true, 10)), "w3 w4 w1 ");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "ánd", true, 10)), "w2 ");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "", true, 1)), "w3 w4 w1 w2 ");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "nobody", false, 1)), "");
    ck_assert_str_eq(list_ids(world, table, query_of("tags", "corn", false, 10)), "w1 w3 w4 ");
    /* w4 has two tags with this beginning, and is listed once, however small the page. */
    for (size_t limit = 1; limit < 6; limit++)
        ck_assert_str_eq(list_ids(world, table, query_of("tags", "corn", true, limit)), "w1 w3 w4 ");
    ck_assert_str_eq(list_ids(world, table, query_of(NULL, "", true, 3)), "w1 w2 w3 w4 ");
    ck_assert_int_eq(list_status(world, table, query_of("score", "", true, 3), NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(list_status(world, table, query_of("name", "", true, 0), NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(list_status(world, table, query_of("name", "", true, 1001), NULL), FURROW_INVALID_ARGUMENT);
    /* A change moves it, a deletion takes it away. */
    put(world, table, "w3", 5, "Zoe", 2, "dairy");
    ck_assert_uint_eq(store_world_put(table, "w4", 6, (furrow_bytes){0}), 1);
    ck_assert_str_eq(list_ids(world, table, query_of("status", active, false, 10)), "w2 ");
    ck_assert_str_eq(list_ids(world, table, query_of("status", gone, false, 10)), "w1 w3 ");
    ck_assert_str_eq(list_ids(world, table, query_of("tags", "corn", true, 10)), "w1 ");
    ck_assert_str_eq(list_ids(world, table, query_of(NULL, "", true, 3)), "w1 w2 w3 ");
    furrow_table_destroy(table);
}

START_TEST(records_are_listed_by_value_prefix_and_id)
{
    store_world_run(NULL, queries_body);
}
END_TEST

/* Ids of an index along with records, in one round trip. */
static void along_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name status", false);
    put(world, table, "w3", 1, "Ana", 1, "");
    put(world, table, "w1", 2, "ANA", 1, "");
    put(world, table, "w2", 3, "Anabel", 1, "");
    furrow_record_read read = {.table = table, .id = "w2"};
    furrow_record_ids ids = {.table = table, .index = "name", .value = furrow_bytes_of("aNA"), .limit = 8};
    ck_assert_ok(furrow_record_read_with_ids(world->store, &read, 1, &ids, world->arena, failure));
    ck_assert_uint_eq(read.record.version, 3);
    ck_assert_uint_eq(ids.count, 2);
    ck_assert_str_eq(ids.ids[0], "w1");
    ck_assert_str_eq(ids.ids[1], "w3");
    ids.limit = 1;
    ck_assert_ok(furrow_record_read_with_ids(world->store, &read, 1, &ids, world->arena, failure));
    ck_assert_uint_eq(ids.count, 1);
    ids.value = furrow_bytes_of("nobody");
    ck_assert_ok(furrow_record_read_with_ids(world->store, &read, 1, &ids, world->arena, failure));
    ck_assert_uint_eq(ids.count, 0);
    ids.index = "score";
    ck_assert_int_eq(furrow_record_read_with_ids(world->store, &read, 1, &ids, world->arena, NULL),
                     FURROW_INVALID_ARGUMENT);
    furrow_table_destroy(table);
}

START_TEST(ids_of_an_index_are_read_along_with_records)
{
    store_world_run(NULL, along_body);
}
END_TEST

static void pages_body(store_world *world)
{
    enum { RECORDS = 997 };
    static furrow_record_write writes[RECORDS];
    char *expected = furrow_arena_zalloc(world->arena, 1 << 16), *end = expected;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name status", false);
    for (size_t i = 0; i < RECORDS; i++) {
        const char *id = furrow_arena_printf(world->arena, "w%05zu", i);
        writes[i] =
            (furrow_record_write){furrow_bytes_of(id), i + 1, store_world_worker(world, id, "same", (int)(i % 2), "")};
        end += snprintf(end, 80, "%s ", id);
    }
    ck_assert_ok(furrow_record_apply(table, writes, RECORDS, NULL, failure));
    static const size_t limits[] = {7, 100, 996, 997, 998, 1000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        ck_assert_str_eq(list_ids(world, table, query_of("name", "same", false, limits[i])), expected);
    /* A page token is for its query alone. */
    const char *token = first_token(world, table, query_of("name", "same", false, 10)), *forged;
    furrow_record_query others[] = {query_of("name", "other", false, 10), query_of("name", "same", true, 10),
                                    query_of("name", "", true, 10), query_of("status", "a0", false, 10)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        furrow_error err = {0};
        others[i].after = token;
        ck_assert_int_eq(list_status(world, table, others[i], &err), FURROW_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "page_token");
    }
    static const char *const wrong[] = {"x", "!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    furrow_record_query query = query_of("name", "same", false, 10);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        query.after = wrong[i];
        ck_assert_int_eq(list_status(world, table, query, NULL), FURROW_INVALID_ARGUMENT);
    }
    forged = furrow_arena_printf(world->arena, "%.22sAAAA", token); /* the right query, a member outside of it */
    query.after = forged;
    ck_assert_int_eq(list_status(world, table, query, NULL), FURROW_INVALID_ARGUMENT);
    query.after = ""; /* as an unset proto3 field comes */
    ck_assert_int_eq(list_status(world, table, query, NULL), FURROW_OK);
    furrow_table_destroy(table);
}

START_TEST(every_record_is_on_one_page_once)
{
    store_world_run(NULL, pages_body);
}
END_TEST

static void gaps_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name", false);
    for (int i = 0; i < 9; i++) put(world, table, furrow_arena_printf(world->arena, "w%d", i), 1, "n", 0, "");
    /* Records that went without their entries, and entries under which no record stands any more. */
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:w1 test:{Worker}:w2 test:{Worker}:w8"), 3);
    const furrow_bytes stray[] = {FURROW_BYTES_LITERAL("ZADD"), FURROW_BYTES_LITERAL("test:{Worker}:@by:name"),
                                  FURROW_BYTES_LITERAL("0"),    FURROW_BYTES_LITERAL("m\0w3"),
                                  FURROW_BYTES_LITERAL("0"),    FURROW_BYTES_LITERAL("no id")};
    ck_assert_ok(furrow_store_command(world->store, stray, 6, world->arena, NULL, failure));
    for (size_t limit = 1; limit < 10; limit++) {
        ck_assert_str_eq(list_ids(world, table, query_of("name", "n", false, limit)), "w0 w3 w4 w5 w6 w7 ");
        ck_assert_str_eq(list_ids(world, table, query_of("name", "", true, limit)), "w0 w3 w4 w5 w6 w7 ");
        ck_assert_str_eq(list_ids(world, table, query_of("name", "m", false, limit)), "");
    }
    furrow_table_destroy(table);
}

START_TEST(entries_without_their_record_are_passed_over)
{
    store_world_run(NULL, gaps_body);
}
END_TEST

/* ---- the model, with racing appliers ---- */

enum { IDS = 60, WRITES = 1500, APPLIERS = 4 };

typedef struct applier {
    furrow_table *table;
    furrow_record_write writes[WRITES];
    furrow_status status;
    furrow_error err;
    bool done;
} applier;

static furrow_bytes body_at(store_world *world, size_t id, uint64_t version)
{
    /* The body follows from id and version alone, as in a log. */
    static const char *const tags[] = {"", "a", "a b", "b c", "c a d", "d"};
    static const char *const names[] = {"Ana", "BEA", "Cid", "dan"};
    if (version % 11 == 0) return (furrow_bytes){0};
    return store_world_worker(world, furrow_arena_printf(world->arena, "w%zu", id), names[version % 4],
                              (int)(version % 3), tags[version % 6]);
}

static void apply_task(void *arg)
{
    applier *self = arg;
    for (size_t at = 0; at < WRITES && !self->status;) {
        size_t count = 1 + store_world_random(400);
        if (count > WRITES - at) count = WRITES - at;
        self->status = furrow_record_apply(self->table, self->writes + at, count, NULL, &self->err);
        at += count;
    }
    self->done = true;
}

static size_t expected_entries(store_world *world, size_t id, uint64_t version)
{
    furrow_bytes body = body_at(world, id, version);
    ProtobufCMessage *message;
    if (body.len == 0) return 0;
    ck_assert_ok(furrow_message_unpack(&storetest__v1__worker__descriptor, body, world->arena, &message, failure));
    return ((Storetest__V1__Worker *)(void *)message)->n_tags;
}

static void check_records(store_world *world, furrow_table *table, const uint64_t newest[IDS])
{
    size_t living = 0, tags = 0;
    for (size_t i = 0; i < IDS; i++) {
        furrow_record record = store_world_get(world, table, furrow_arena_printf(world->arena, "w%zu", i));
        ck_assert_uint_eq(record.version, newest[i]);
        if (newest[i] == 0) continue;
        ck_assert(furrow_bytes_equal(record.body, body_at(world, i, newest[i])));
        living += !record.deleted;
        tags += expected_entries(world, i, newest[i]);
    }
    /* Exactly the entries of the newest records, and no others. */
    ck_assert_uint_eq((size_t)store_world_number(world, "ZCARD test:{Worker}:@by:name"), living);
    ck_assert_uint_eq((size_t)store_world_number(world, "ZCARD test:{Worker}:@by:status"), living);
    ck_assert_uint_eq((size_t)store_world_number(world, "ZCARD test:{Worker}:@by:tags"), tags);
}

static void check_listings(store_world *world, furrow_table *table, const uint64_t newest[IDS])
{
    for (int status = 0; status < 3; status++) {
        furrow_listed *listed;
        size_t count, expected = 0;
        char *next;
        furrow_record_query query = {
            .index = "status", .limit = IDS, .value = furrow_record_index_integer(status, world->arena)};
        for (size_t i = 0; i < IDS; i++) expected += newest[i] % 11 != 0 && newest[i] % 3 == (uint64_t)status;
        ck_assert_ok(furrow_record_list(table, &query, world->arena, &listed, &count, &next, failure));
        ck_assert_uint_eq(count, expected);
        ck_assert_ptr_null(next);
    }
}

static void race_body(store_world *world)
{
    static applier appliers[APPLIERS];
    static uint64_t newest[IDS];
    furrow_store *second = store_world_open(world, (furrow_store_options){0});
    ck_assert(store_world_connected(world->store) && store_world_connected(second));
    for (size_t a = 0; a < APPLIERS; a++) {
        appliers[a].table = store_world_table(world, a % 2 ? second : world->store, "Worker", "name status tags", true);
        for (size_t i = 0; i < WRITES; i++) {
            size_t id = store_world_random(IDS);
            uint64_t version = 1 + store_world_random(200) + (uint64_t)i * 3;
            const char *name = furrow_arena_printf(world->arena, "w%zu", id);
            if (version > newest[id]) newest[id] = version;
            appliers[a].writes[i] = (furrow_record_write){furrow_bytes_of(name), version, body_at(world, id, version)};
        }
    }
    for (size_t a = 0; a < APPLIERS; a++)
        ck_assert_ok(furrow_loop_spawn(world->loop, apply_task, &appliers[a], failure));
    for (size_t a = 0; a < APPLIERS; a++) {
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(appliers[a].done, 30000));
        ck_assert_msg(appliers[a].status == FURROW_OK, "%s", appliers[a].err.text);
    }
    check_records(world, appliers[0].table, newest);
    check_listings(world, appliers[0].table, newest);
    for (size_t a = 0; a < APPLIERS; a++) furrow_table_destroy(appliers[a].table);
    furrow_store_destroy(second);
}

START_TEST(racing_appliers_end_in_the_newest_records_and_their_entries)
{
    store_world_run(NULL, race_body);
}
END_TEST

static void bad_body(store_world *world)
{
    furrow_error err = {0};
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name", false);
    put(world, table, "w1", 1, "Ana", 0, "");
    furrow_record_write bad = {furrow_bytes_of("w1"), 2, FURROW_BYTES_LITERAL("\x0a\x7f")};
    ck_assert_int_eq(furrow_record_apply(table, &bad, 1, NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_msg(strstr(err.text, "Worker w1") != NULL, "%s", err.text);
    ck_assert_uint_eq(store_world_get(world, table, "w1").version, 1);
    /* Bytes that were stored by other means and cannot be read do not keep a newer record away. */
    const furrow_bytes spoil[] = {FURROW_BYTES_LITERAL("SET"), FURROW_BYTES_LITERAL("test:{Worker}:w1"),
                                  FURROW_BYTES_LITERAL("\0\0\0\0\0\0\0\3\x0a\x7f")};
    ck_assert_ok(furrow_store_command(world->store, spoil, 3, world->arena, NULL, failure));
    put(world, table, "w1", 4, "Bea", 0, "");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "", true, 10)), "w1 ");
    furrow_table_destroy(table);
}

START_TEST(bytes_that_are_no_message_are_refused_before_anything_is_written)
{
    store_world_run(NULL, bad_body);
}
END_TEST

/* ---- reactions ---- */

static furrow_record_reaction only_reaction(store_world *world, furrow_table *table)
{
    furrow_record_reaction *list;
    size_t count;
    ck_assert_ok(furrow_record_reactions(table, 10, world->arena, &list, &count, failure));
    ck_assert_uint_eq(count, 1);
    return list[0];
}

static size_t pending(store_world *world, furrow_table *table)
{
    furrow_record_reaction *list;
    size_t count;
    ck_assert_ok(furrow_record_reactions(table, 1000, world->arena, &list, &count, failure));
    return count;
}

static void reacted(furrow_table *table, furrow_record_reaction reaction)
{
    ck_assert_ok(furrow_record_reacted(table, &reaction, failure));
}

static void reactions_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    ck_assert_uint_eq(pending(world, table), 0);
    put(world, table, "w1", 1, "one", 0, "");
    furrow_record_reaction reaction = only_reaction(world, table);
    ck_assert_str_eq(reaction.id, "w1");
    ck_assert(!reaction.before.found);
    ck_assert_uint_eq(reaction.now.version, 1);
    reacted(table, reaction);
    ck_assert_uint_eq(pending(world, table), 0);
    /* Two changes before a reaction: the oldest unhandled and the newest. */
    put(world, table, "w1", 2, "two", 0, "");
    put(world, table, "w1", 3, "three", 0, "");
    ck_assert_uint_eq(store_world_put(table, "w1", 2, store_world_worker(world, "w1", "two", 0, "")), 0);
    reaction = only_reaction(world, table);
    ck_assert_uint_eq(reaction.before.version, 1);
    ck_assert(furrow_bytes_equal(reaction.before.body, store_world_worker(world, "w1", "one", 0, "")));
    ck_assert_uint_eq(reaction.now.version, 3);
    /* A change while the reaction runs keeps it pending, from what it has seen. */
    put(world, table, "w1", 4, "four", 0, "");
    reacted(table, reaction);
    furrow_record_reaction next = only_reaction(world, table);
    ck_assert_uint_eq(next.before.version, 3);
    ck_assert_uint_eq(next.now.version, 4);
    /* The one that was handled before, told again by a slower process, takes nothing away. */
    reacted(table, reaction);
    ck_assert_uint_eq(only_reaction(world, table).before.version, 3);
    reacted(table, next);
    reacted(table, next);
    ck_assert_uint_eq(pending(world, table), 0);
    /* A deletion, whose tombstone expires while the reaction runs. */
    ck_assert_uint_eq(store_world_put(table, "w1", 5, (furrow_bytes){0}), 1);
    reaction = only_reaction(world, table);
    ck_assert(reaction.now.deleted);
    ck_assert_int_eq(store_world_number(world, "DEL test:{Worker}:w1"), 1);
    reacted(table, reaction);
    ck_assert_uint_eq(pending(world, table), 0);
    furrow_table_destroy(table);
}

START_TEST(a_pending_reaction_holds_the_oldest_record_unseen)
{
    store_world_run(NULL, reactions_body);
}
END_TEST

static void fair_body(store_world *world, size_t records)
{
    static furrow_record_write writes[2000];
    static bool seen[2000];
    size_t left = records;
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < records; i++) {
        const char *id = furrow_arena_printf(world->arena, "w%zu", i);
        writes[i] = (furrow_record_write){furrow_bytes_of(id), i + 1, store_world_worker(world, id, "n", 0, "")};
    }
    ck_assert_ok(furrow_record_apply(table, writes, records, NULL, failure));
    /* Those with even numbers fail for ever and are never told as handled; the others must come all the same. */
    for (int looks = 0; looks < 5000 && left > records / 2; looks++) {
        furrow_record_reaction *list;
        size_t count;
        ck_assert_ok(furrow_record_reactions(table, 8, world->arena, &list, &count, failure));
        ck_assert_uint_gt(count, 0);
        ck_assert_uint_le(count, 8);
        for (size_t i = 0; i < count; i++) {
            size_t number = strtoul(list[i].id + 1, NULL, 10);
            if (number % 2 == 0) continue;
            ck_assert(!seen[number]);
            seen[number] = true;
            left--;
            reacted(table, list[i]);
        }
    }
    ck_assert_uint_eq(left, records / 2);
    ck_assert_ok(furrow_table_clear(table, "", failure));
    furrow_table_destroy(table);
}

static void fairness_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    fair_body(world, 60);
    fair_body(world, 2000);
}

START_TEST(reactions_that_fail_do_not_hide_the_others)
{
    store_world_run(NULL, fairness_body);
}
END_TEST

/* A hash full of what is no id: each look for pending reactions ends, and those after it find what is there. */
static void endless_body(store_world *world)
{
    enum { STRAYS = 20000 };
    furrow_error err = {0};
    furrow_record_reaction *list;
    size_t count = 0, looks = 0;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "", true);
    furrow_bytes argv[2 + 200] = {FURROW_BYTES_LITERAL("HSET"), FURROW_BYTES_LITERAL("test:{Worker}:@reactions")};
    for (size_t i = 0; i < STRAYS; i += 100) {
        furrow_arena_reset(world->arena);
        for (size_t j = 0; j < 100; j++) {
            argv[2 + 2 * j] = furrow_bytes_of(furrow_arena_printf(world->arena, "no id %zu", i + j));
            argv[3 + 2 * j] = furrow_bytes_of("x");
        }
        ck_assert_ok(furrow_store_command(world->store, argv, 202, world->arena, NULL, failure));
    }
    furrow_record_write write = {furrow_bytes_of("w1"), 1, store_world_worker(world, "w1", "n", 0, "")};
    ck_assert_ok(furrow_record_apply(table, &write, 1, NULL, failure));
    for (; count == 0 && looks < STRAYS; looks++) {
        int64_t before = store_world_info(world, "total_commands_processed");
        furrow_arena_reset(world->arena);
        furrow_status status = furrow_record_reactions(table, 1, world->arena, &list, &count, &err);
        ck_assert_int_le(store_world_info(world, "total_commands_processed") - before, 1100);
        if (status != FURROW_OK)
            ck_assert_msg(status == FURROW_UNAVAILABLE && strstr(err.text, "HSCAN"), "%s", err.text);
    }
    ck_assert_uint_gt(looks, 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(list[0].id, "w1");
    furrow_table_destroy(table);
}

START_TEST(a_look_for_reactions_ends_and_the_next_goes_on)
{
    store_world_run(NULL, endless_body);
}
END_TEST

/* Applies one write with @known as what is stored; how many applied, and how many reads Redis was asked for. */
static size_t put_known(store_world *world, furrow_table *table, uint64_t version, const char *name,
                        const furrow_record *known, int64_t *reads)
{
    size_t applied = 0;
    int64_t before = store_world_info(world, "total_commands_processed");
    furrow_record_write write = {furrow_bytes_of("w1"), version, store_world_worker(world, "w1", name, 1, ""), 0,
                                 known};
    ck_assert_ok(furrow_record_apply(table, &write, 1, &applied, failure));
    *reads = store_world_info(world, "total_commands_processed") - before;
    return applied;
}

static void known_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Worker", "name", false);
    furrow_record nothing = {0}, read,
                  other = {.found = true, .version = 2, .body = store_world_worker(world, "w1", "Eve", 1, "")};
    int64_t without, with, again;
    put(world, table, "w2", 1, "Ana", 1, "");
    put(world, table, "w1", 1, "Amy", 1, "");
    ck_assert_uint_eq(put_known(world, table, 3, "Bea", NULL, &without), 1);
    read = store_world_get(world, table, "w1");
    ck_assert_uint_eq(put_known(world, table, 4, "Cleo", &read, &with), 1);
    ck_assert_int_eq(with, without - 1);
    /* Wrong in each way: the record is written all the same, and its entries are those of what was really there. */
    ck_assert_uint_eq(put_known(world, table, 5, "Dora", &other, &again), 1);
    ck_assert_uint_eq(put_known(world, table, 6, "Fay", &nothing, &again), 1);
    ck_assert_uint_eq(put_known(world, table, 5, "Gus", &nothing, &again), 0);
    ck_assert_uint_eq(put_known(world, table, 6, "Gus", &read, &again), 0);
    ck_assert_str_eq(list_ids(world, table, query_of("name", "", true, 10)), "w2 w1 ");
    ck_assert_str_eq(list_ids(world, table, query_of("name", "fay", false, 10)), "w1 ");
    ck_assert_int_eq(store_world_number(world, "ZCARD test:{Worker}:@by:name"), 2);
    furrow_table_destroy(table);
}

START_TEST(what_a_write_knows_saves_a_read_and_does_no_harm_when_wrong)
{
    store_world_run(NULL, known_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        records_are_listed_by_value_prefix_and_id,
        ids_of_an_index_are_read_along_with_records,
        every_record_is_on_one_page_once,
        entries_without_their_record_are_passed_over,
        racing_appliers_end_in_the_newest_records_and_their_entries,
        bytes_that_are_no_message_are_refused_before_anything_is_written,
        a_pending_reaction_holds_the_oldest_record_unseen,
        reactions_that_fail_do_not_hide_the_others,
        a_look_for_reactions_ends_and_the_next_goes_on,
        what_a_write_knows_saves_a_read_and_does_no_harm_when_wrong,
    };
    return store_world_main("index", tests, sizeof tests / sizeof tests[0]);
}
