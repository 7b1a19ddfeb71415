/*
 * Aggregates against a real Redis: after any history the totals are what the records come to, counted one by one; and
 * whatever is spoilt, refused or built anew leaves them so.
 */
#include "store_world.h"

#include "store/aggregate.h"
#include "store/table.h"

#include "store_test.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 40, NAMES = 5, VERSIONS = 1500, APPLIERS = 4 };

/* ---- a table with aggregates ---- */

static furrow_index_contract fields[3];
static furrow_aggregate_contract aggregates[3];

static const ProtobufCFieldDescriptor *field_of(const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(&storetest__v1__worker__descriptor, name);
}

/* Score by name and night of the active ones; how many there are by status; all. */
static furrow_table *open_table(furrow_store *store, bool reactions)
{
    furrow_error err = {0};
    fields[0] = (furrow_index_contract){"name", field_of("name"), false};
    fields[1] = (furrow_index_contract){"night", field_of("night"), false};
    fields[2] = (furrow_index_contract){"status", field_of("status"), false};
    aggregates[0] = (furrow_aggregate_contract){.name = "by_name",
                                                .by = fields,
                                                .by_count = 2,
                                                .sum = field_of("score"),
                                                .when = field_of("status"),
                                                .when_value = STORETEST__V1__STATUS__STATUS_ACTIVE};
    aggregates[1] = (furrow_aggregate_contract){.name = "by_status", .by = &fields[2], .by_count = 1};
    aggregates[2] = (furrow_aggregate_contract){.name = "all", .sum = field_of("score")};
    furrow_table *table = furrow_table_create(store,
                                              &(furrow_table_options){.service = "test",
                                                                      .entity = "Worker",
                                                                      .descriptor = &storetest__v1__worker__descriptor,
                                                                      .aggregates = aggregates,
                                                                      .aggregate_count = 3,
                                                                      .reactions = reactions},
                                              &err);
    ck_assert_msg(table != NULL, "%s", err.text);
    return table;
}

static Storetest__V1__Worker *worker_of(store_world *world, const char *id, const char *name, int status, bool night,
                                        int64_t score)
{
    Storetest__V1__Worker *worker = furrow_arena_alloc(world->arena, sizeof *worker);
    storetest__v1__worker__init(worker);
    worker->id = furrow_arena_strdup(world->arena, id);
    worker->name = furrow_arena_strdup(world->arena, name);
    worker->status = (Storetest__V1__Status)status;
    worker->night = night;
    worker->score = score;
    return worker;
}

static size_t put(store_world *world, furrow_table *table, uint64_t version, const Storetest__V1__Worker *worker)
{
    return store_world_put(table, worker->id, version, store_world_pack(world, &worker->base));
}

/* ---- totals as text ---- */

/* "<values> <count> <sum>, " of each group, read in pages of @limit. */
static const char *totals_text(store_world *world, furrow_table *table, furrow_totals_query query)
{
    char *text = furrow_arena_zalloc(world->arena, 1 << 16), *end = text;
    for (;;) {
        furrow_total *totals;
        size_t count;
        char *next;
        ck_assert_ok(furrow_record_totals(table, &query, world->arena, &totals, &count, &next, failure));
        ck_assert_uint_le(count, query.limit);
        for (size_t i = 0; i < count; i++) {
            for (size_t v = 0; v < FURROW_AGGREGATE_BY_MAX && totals[i].values[v].data; v++)
                end += sprintf(end, "%s ", (const char *)totals[i].values[v].data);
            end += sprintf(end, "%lld %lld, ", (long long)totals[i].count, (long long)totals[i].sum);
        }
        if (!next) return text;
        query.after = next;
    }
}

static const char *all_of(store_world *world, furrow_table *table, const char *aggregate)
{
    return totals_text(world, table, (furrow_totals_query){.aggregate = aggregate, .limit = 3});
}

static const char *of_name(store_world *world, furrow_table *table, const char *name, size_t limit)
{
    furrow_bytes value = furrow_bytes_of(name);
    return totals_text(
        world, table,
        (furrow_totals_query){.aggregate = "by_name", .values = &value, .value_count = 1, .limit = limit});
}

static void totals_body(store_world *world)
{
    furrow_error err = {0};
    furrow_total *totals;
    size_t count;
    char *next;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = open_table(world->store, false);
    ck_assert_str_eq(all_of(world, table, "all"), "");
    ck_assert_uint_eq(put(world, table, 1, worker_of(world, "w1", "Ana", 1, false, 5000)), 1);
    ck_assert_uint_eq(put(world, table, 2, worker_of(world, "w2", "Ana", 1, false, -250)), 1);
    ck_assert_uint_eq(put(world, table, 3, worker_of(world, "w3", "Ana", 1, true, 1)), 1);
    ck_assert_uint_eq(put(world, table, 4, worker_of(world, "w4", "Anabel", 2, true, 7)), 1);
    ck_assert_str_eq(all_of(world, table, "by_name"), "Ana a0 2 4750, Ana a1 1 1, ");
    ck_assert_str_eq(of_name(world, table, "Ana", 1), "Ana a0 2 4750, Ana a1 1 1, ");
    ck_assert_str_eq(of_name(world, table, "An", 1), "");
    ck_assert_str_eq(all_of(world, table, "by_status"), "a1 3 0, a2 1 0, ");
    ck_assert_str_eq(all_of(world, table, "all"), "4 4758, ");
    /* Redelivered, late, corrected, moved to another group, deleted. */
    ck_assert_uint_eq(put(world, table, 1, worker_of(world, "w1", "Ana", 1, false, 5000)), 0);
    ck_assert_uint_eq(put(world, table, 5, worker_of(world, "w4", "Anabel", 1, true, 7)), 1);
    ck_assert_uint_eq(put(world, table, 4, worker_of(world, "w4", "Anabel", 2, true, 7)), 0);
    ck_assert_uint_eq(put(world, table, 6, worker_of(world, "w1", "Ana", 1, true, 9)), 1);
    ck_assert_uint_eq(store_world_put(table, "w2", 7, (furrow_bytes){0}), 1);
    ck_assert_str_eq(all_of(world, table, "by_name"), "Ana a1 2 10, Anabel a1 1 7, ");
    ck_assert_str_eq(all_of(world, table, "by_status"), "a1 3 0, ");
    ck_assert_str_eq(all_of(world, table, "all"), "3 17, ");
    ck_assert_int_eq(store_world_number(world, "HLEN test:{Worker}:@counted"), 3);
    /* Whoever asks wrongly is told. */
    const furrow_totals_query wrong[] = {{.aggregate = "by_age", .limit = 1},
                                         {.aggregate = "all", .limit = 0},
                                         {.aggregate = "all", .limit = 1001},
                                         {.aggregate = "all", .value_count = 1, .limit = 1},
                                         {.aggregate = "all", .limit = 1, .after = "x"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_int_eq(furrow_record_totals(table, &wrong[i], world->arena, &totals, &count, &next, &err),
                         FURROW_INVALID_ARGUMENT);
    furrow_table_destroy(table);
}

START_TEST(totals_are_of_the_records_that_stand)
{
    store_world_run(NULL, totals_body);
}
END_TEST

/* ---- brute force ---- */

/* The same texts, counted from the records that lie in Redis. */
static const char *count_by_name(store_world *world, furrow_table *table)
{
    char *text = furrow_arena_zalloc(world->arena, 1 << 12), *end = text, id[16], name[16];
    for (int n = 0; n < NAMES; n++) {
        for (int night = 0; night < 2; night++) {
            long long count = 0, sum = 0;
            snprintf(name, sizeof name, "n%d", n);
            for (int i = 0; i < WORKERS; i++) {
                snprintf(id, sizeof id, "w%d", i);
                furrow_record record = store_world_get(world, table, id);
                if (!record.found || record.deleted) continue;
                Storetest__V1__Worker *worker = storetest__v1__worker__unpack(NULL, record.body.len, record.body.data);
                if (worker->status == 1 && worker->night == night && strcmp(worker->name, name) == 0)
                    count++, sum += worker->score;
                storetest__v1__worker__free_unpacked(worker, NULL);
            }
            if (count) end += sprintf(end, "%s a%d %lld %lld, ", name, night, count, sum);
        }
    }
    return text;
}

static void check_totals(store_world *world, furrow_table *table)
{
    ck_assert_str_eq(all_of(world, table, "by_name"), count_by_name(world, table));
}

typedef struct applier {
    furrow_table *table;
    const furrow_record_write *writes;
    size_t order[VERSIONS];
    furrow_status status;
    furrow_error err;
    bool done;
} applier;

/* In batches of changing size, each event by two of the appliers, and some of them a second time. */
static void apply_task(void *arg)
{
    applier *self = arg;
    for (size_t at = 0, n; at < VERSIONS && !self->status; at += n) {
        furrow_record_write some[60];
        n = 1 + (at * 7) % 59;
        if (n > VERSIONS - at) n = VERSIONS - at;
        for (size_t i = 0; i < n; i++) some[i] = self->writes[self->order[at + i]];
        self->status = furrow_record_apply(self->table, some, n, NULL, &self->err);
    }
    self->done = true;
}

static void make_history(store_world *world, furrow_record_write writes[VERSIONS])
{
    for (size_t v = 0; v < VERSIONS; v++) {
        char id[16], name[16];
        snprintf(id, sizeof id, "w%u", store_world_random(WORKERS));
        snprintf(name, sizeof name, "n%u", store_world_random(NAMES));
        Storetest__V1__Worker *worker =
            worker_of(world, id, name, 1 + (store_world_random(4) == 0), store_world_random(2),
                      (int64_t)store_world_random(2000000) - 1000000);
        bool deleted = store_world_random(9) == 0;
        writes[v] = (furrow_record_write){.id = furrow_bytes_of(worker->id), .version = v + 1};
        if (!deleted) writes[v].body = store_world_pack(world, &worker->base);
    }
}

static void shuffle(size_t order[VERSIONS])
{
    for (size_t i = 0; i < VERSIONS; i++) order[i] = i;
    for (size_t i = VERSIONS - 1; i > 0; i--) {
        size_t j = store_world_random((uint32_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void race_body(store_world *world)
{
    static applier appliers[APPLIERS];
    static furrow_record_write writes[VERSIONS];
    ck_assert(store_world_connected(world->store));
    furrow_store *second = store_world_open(world, (furrow_store_options){0});
    ck_assert(store_world_connected(second));
    make_history(world, writes);
    for (size_t a = 0; a < APPLIERS; a++) {
        appliers[a].table = open_table(a % 2 ? second : world->store, true);
        appliers[a].writes = writes;
        shuffle(appliers[a].order);
        ck_assert_ok(furrow_loop_spawn(world->loop, apply_task, &appliers[a], failure));
    }
    for (size_t a = 0; a < APPLIERS; a++) {
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(appliers[a].done, 30000));
        ck_assert_msg(appliers[a].status == FURROW_OK, "%s", appliers[a].err.text);
    }
    check_totals(world, appliers[0].table);
    /* Written again in place, spoilt by a stranger and written again, cleared and filled anew. */
    furrow_table *table = appliers[0].table;
    for (int i = 0; i < WORKERS; i++) {
        char id[16], words[64];
        snprintf(id, sizeof id, "w%d", i);
        furrow_record record = store_world_get(world, table, id);
        if (!record.found) continue;
        if (i % 3 == 0) snprintf(words, sizeof words, "DEL test:{Worker}:%s", id);
        if (i % 3 == 0) (void)store_world_number(world, words);
        const furrow_record_write same = {.id = furrow_bytes_of(id), .version = record.version, .body = record.body};
        ck_assert_ok(furrow_record_rewrite(table, &same, failure));
    }
    check_totals(world, table);
    ck_assert_ok(furrow_table_clear(table, "", failure));
    ck_assert_str_eq(all_of(world, table, "by_name"), "");
    ck_assert_int_eq(
        store_world_number(world, "EXISTS test:{Worker}:@counted test:{Worker}:@sums test:{Worker}:@groups"), 0);
    ck_assert_ok(furrow_record_apply(table, writes, VERSIONS, NULL, failure));
    check_totals(world, table);
    for (size_t a = 0; a < APPLIERS; a++) furrow_table_destroy(appliers[a].table);
    furrow_store_destroy(second);
}

START_TEST(any_history_comes_to_what_the_records_come_to)
{
    store_world_run(NULL, race_body);
}
END_TEST

/* ---- what is refused ---- */

static void refused_body(store_world *world)
{
    static const char *const keys[] = {"@counted", "@sums", "@groups"};
    furrow_error err = {0};
    ck_assert(store_world_connected(world->store));
    furrow_table *table = open_table(world->store, true);
    ck_assert_uint_eq(put(world, table, 1, worker_of(world, "w1", "Ana", 1, false, 10)), 1);
    /* More than one record may add: nothing is written of it. */
    Storetest__V1__Worker *huge = worker_of(world, "w2", "Ana", 1, false, FURROW_AGGREGATE_MOST + 1);
    furrow_record_write write = {furrow_bytes_of("w2"), 2, store_world_pack(world, &huge->base)};
    ck_assert_int_eq(furrow_record_apply(table, &write, 1, NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_msg(strstr(err.text, "Worker w2: score is ") != NULL, "%s", err.text);
    /* Whatever key is not what it should be, nothing is half done: mended, the same write counts once. */
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *key = furrow_arena_printf(world->arena, "test:{Worker}:%s", keys[i]);
        ck_assert_str_eq(store_world_text(world, furrow_arena_printf(world->arena, "RENAME %s kept", key)), "OK");
        ck_assert_str_eq(store_world_text(world, furrow_arena_printf(world->arena, "SET %s wrong", key)), "OK");
        Storetest__V1__Worker *next = worker_of(world, "w1", i % 2 ? "Ana" : "Bea", 1, false, (int64_t)i);
        write = (furrow_record_write){furrow_bytes_of("w1"), 10 + i, store_world_pack(world, &next->base)};
        ck_assert_int_ne(furrow_record_apply(table, &write, 1, NULL, &err), FURROW_OK);
        ck_assert_str_eq(store_world_text(world, furrow_arena_printf(world->arena, "RENAME kept %s", key)), "OK");
        ck_assert_ok(furrow_record_apply(table, &write, 1, NULL, failure));
        ck_assert_str_eq(all_of(world, table, "all"), furrow_arena_printf(world->arena, "1 %zu, ", i));
    }
    /* A sum that is no longer exact. */
    const furrow_bytes nearly[] = {FURROW_BYTES_LITERAL("HSET"), FURROW_BYTES_LITERAL("test:{Worker}:@sums"),
                                   FURROW_BYTES_LITERAL("c"), FURROW_BYTES_LITERAL("1 9007199254740990")};
    ck_assert_ok(furrow_store_command(world->store, nearly, 4, world->arena, NULL, failure));
    Storetest__V1__Worker *last = worker_of(world, "w3", "Ana", 2, false, 2);
    write = (furrow_record_write){furrow_bytes_of("w3"), 20, store_world_pack(world, &last->base)};
    ck_assert_int_ne(furrow_record_apply(table, &write, 1, NULL, &err), FURROW_OK);
    ck_assert_msg(strstr(err.text, "2^53") != NULL, "%s", err.text);
    last->score = 1;
    ck_assert_uint_eq(put(world, table, 20, last), 1);
    ck_assert_str_eq(all_of(world, table, "all"), "2 9007199254740991, ");
    furrow_table_destroy(table);
}

START_TEST(what_is_refused_leaves_no_trace_in_the_totals)
{
    store_world_run(NULL, refused_body);
}
END_TEST

/* The audit's question. */
static void compared_body(store_world *world)
{
    const char *field;
    ck_assert(store_world_connected(world->store));
    furrow_table *table = open_table(world->store, false);
    ck_assert_uint_eq(put(world, table, 1, worker_of(world, "w1", "Ana", 1, false, 10)), 1);
    furrow_bytes body = store_world_get(world, table, "w1").body;
    ck_assert_ok(furrow_record_find_unlisted(table, "w1", body, world->arena, &field, failure));
    ck_assert_ptr_null(field);
    ck_assert_int_eq(store_world_number(world, "HDEL test:{Worker}:@counted w1"), 1);
    ck_assert_ok(furrow_record_find_unlisted(table, "w1", body, world->arena, &field, failure));
    ck_assert_str_eq(field, "@counted");
    furrow_table_destroy(table);
}

START_TEST(a_record_that_is_not_counted_is_found)
{
    store_world_run(NULL, compared_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {totals_are_of_the_records_that_stand, any_history_comes_to_what_the_records_come_to,
                                  what_is_refused_leaves_no_trace_in_the_totals, a_record_that_is_not_counted_is_found};
    return store_world_main("aggregate", tests, sizeof tests / sizeof *tests);
}
