/* Records that tasks read one by one in one turn come from Redis together, and each reader fares as it would alone. */
#include "store/trust.h"
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS = 150, TABLES = 3, LARGE = 100000, MANY = 200 };

/* A task that reads a record of each of some tables, and what came of it. */
typedef struct reader {
    store_world *world;
    furrow_arena *arena;
    furrow_record_read reads[TABLES];
    size_t count;
    char id[8];
    uint64_t deadline_ns; /* 0: none */
    furrow_status status;
    furrow_error err;
    size_t *left;
} reader;

static void read_task(void *arg)
{
    reader *self = arg;
    if (self->deadline_ns) (void)furrow_task_set_deadline(self->deadline_ns);
    self->status = furrow_record_read_many(self->world->store, self->reads, self->count, self->arena, &self->err);
    --*self->left;
}

static void make_reader(store_world *world, reader *self, furrow_table *const tables[], size_t count, const char *id)
{
    *self = (reader){.world = world, .arena = furrow_arena_create(0), .count = count};
    ck_assert_ptr_nonnull(self->arena);
    snprintf(self->id, sizeof self->id, "%s", id);
    for (size_t i = 0; i < count; i++) self->reads[i] = (furrow_record_read){.table = tables[i], .id = self->id};
}

static void start_reader(store_world *world, reader *self, size_t *left)
{
    self->left = left;
    ck_assert_ok(furrow_loop_spawn(world->loop, read_task, self, failure));
}

/* MGETs that Redis has run since its figures were reset. */
static long count_mgets(store_world *world)
{
    const char *stats = store_world_text(world, "INFO commandstats"), *mget = strstr(stats, "cmdstat_mget:calls=");
    return mget ? strtol(mget + strlen("cmdstat_mget:calls="), NULL, 10) : 0;
}

/* Starts all of them in one turn and waits for them; how many MGETs Redis ran. */
static long run_readers(store_world *world, reader readers[], size_t count)
{
    size_t left = count;
    ck_assert_ok(store_world_ask(world, world->store, "CONFIG RESETSTAT", NULL, failure));
    for (size_t i = 0; i < count; i++) start_reader(world, &readers[i], &left);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    return count_mgets(world);
}

static void free_readers(reader readers[], size_t count)
{
    for (size_t i = 0; i < count; i++) furrow_arena_destroy(readers[i].arena);
}

static void ck_read(const reader *self, size_t which, uint64_t version, const char *body)
{
    const furrow_record *record = &self->reads[which].record;
    ck_assert_msg(self->status == FURROW_OK, "%s: %s", self->id, self->err.text);
    ck_assert_int_eq(record->found, version > 0);
    ck_assert_uint_eq(record->version, version);
    ck_assert_int_eq(record->deleted, version > 0 && !body[0]);
    if (version) ck_assert_msg(furrow_bytes_is(record->body, body), "%s of table %zu", self->id, which);
}

static void put_text(furrow_table *table, const char *id, uint64_t version, const char *body)
{
    (void)store_world_put(table, id, version, furrow_bytes_of(body));
}

static void open_tables(store_world *world, furrow_table *tables[], size_t count)
{
    static char entities[FURROW_READ_TABLES_MAX + 2][32]; /* lent to the tables */
    ck_assert(store_world_connected(world->store));
    for (size_t i = 0; i < count; i++) {
        snprintf(entities[i], sizeof entities[i], "Plain%zu", i);
        tables[i] = store_world_table(world, world->store, entities[i], "", false);
    }
}

static void close_tables(furrow_table *tables[], size_t count)
{
    for (size_t i = 0; i < count; i++) furrow_table_destroy(tables[i]);
}

/* Of each table every seventh record is not there, every eleventh is deleted. */
static uint64_t version_of(size_t i, size_t table)
{
    return (i + table) % 7 == 0 ? 0 : i * TABLES + table + 1;
}

static const char *body_of(size_t i, size_t table, char out[48])
{
    snprintf(out, 48, "%zu of %zu", i, table);
    return (i + table) % 11 == 0 ? "" : out;
}

static void many_body(store_world *world)
{
    static reader readers[READERS];
    furrow_table *tables[TABLES];
    char id[8], body[48];
    open_tables(world, tables, TABLES);
    for (size_t i = 0; i < READERS; i++) {
        snprintf(id, sizeof id, "r%zu", i);
        make_reader(world, &readers[i], tables, 1 + i % TABLES, id);
        for (size_t t = 0; t < TABLES; t++)
            if (version_of(i, t)) put_text(tables[t], id, version_of(i, t), body_of(i, t, body));
    }
    ck_assert_int_eq(run_readers(world, readers, READERS), (READERS + 63) / 64);
    for (size_t i = 0; i < READERS; i++)
        for (size_t t = 0; t < readers[i].count; t++) ck_read(&readers[i], t, version_of(i, t), body_of(i, t, body));
    free_readers(readers, READERS);
    close_tables(tables, TABLES);
}

START_TEST(what_is_read_in_one_turn_is_asked_for_in_few_commands)
{
    store_world_run(NULL, many_body);
}
END_TEST

/* A read of more records than a group has, and tables that are more than a command names. */
static void large_body(store_world *world)
{
    static furrow_record_read reads[MANY];
    static char ids[MANY][8];
    furrow_table *tables[FURROW_READ_TABLES_MAX + 2];
    static reader readers[FURROW_READ_TABLES_MAX + 2];
    const size_t count = sizeof tables / sizeof *tables;
    open_tables(world, tables, count);
    for (size_t i = 0; i < count; i++) {
        put_text(tables[i], "x", i + 1, "here");
        make_reader(world, &readers[i], &tables[i], 1, "x");
    }
    ck_assert_int_eq(run_readers(world, readers, count), 2);
    for (size_t i = 0; i < count; i++) ck_read(&readers[i], 0, i + 1, "here");
    free_readers(readers, count);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "m%zu", i);
        reads[i] = (furrow_record_read){.table = tables[0], .id = ids[i]};
        put_text(tables[0], ids[i], i + 1, ids[i]);
    }
    ck_assert_ok(furrow_record_read_many(world->store, reads, MANY, world->arena, failure));
    for (size_t i = 0; i < MANY; i++) ck_assert(furrow_bytes_is(reads[i].record.body, ids[i]));
    close_tables(tables, count);
}

START_TEST(what_does_not_fit_goes_by_itself)
{
    store_world_run(NULL, large_body);
}
END_TEST

/* More bytes than are kept for a group's answer; and a reader whose own memory is too small for its record. */
static void heavy_body(store_world *world)
{
    static reader readers[32];
    static char body[LARGE];
    furrow_table *table;
    open_tables(world, &table, 1);
    memset(body, 'b', sizeof body - 1);
    for (size_t i = 0; i < 32; i++) {
        char id[8];
        snprintf(id, sizeof id, "h%zu", i);
        put_text(table, id, i + 1, body);
        make_reader(world, &readers[i], &table, 1, id);
    }
    (void)run_readers(world, readers, 32);
    for (size_t i = 0; i < 32; i++) ck_read(&readers[i], 0, i + 1, body);
    furrow_arena_destroy(readers[1].arena);
    readers[1].arena = furrow_arena_create(4096);
    (void)run_readers(world, readers, 3);
    ck_read(&readers[0], 0, 1, body);
    ck_assert_int_eq(readers[1].status, FURROW_RESOURCE_EXHAUSTED);
    ck_read(&readers[2], 0, 3, body);
    free_readers(readers, 32);
    close_tables(&table, 1);
}

START_TEST(a_heavy_one_keeps_no_other_from_its_answer)
{
    store_world_run(NULL, heavy_body);
}
END_TEST

/* Redis hangs: whoever has least time gives up first, the leader before or after those who joined. */
static void hung_body(store_world *world)
{
    furrow_table *table;
    open_tables(world, &table, 1);
    put_text(table, "a", 1, "here");
    for (size_t hasty = 0; hasty < 3; hasty++) {
        reader readers[3];
        size_t left = 3;
        furrow_test_server_pause(world->redis);
        for (size_t i = 0; i < 3; i++) {
            make_reader(world, &readers[i], &table, 1, "a");
            if (i == hasty) readers[i].deadline_ns = furrow_clock_now_ns() + 30 * FURROW_NS_PER_MS;
            start_reader(world, &readers[i], &left);
        }
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left < 3, PATIENCE_MS));
        ck_assert_int_eq(readers[hasty].status, FURROW_UNAVAILABLE);
        furrow_test_server_resume(world->redis);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
        ck_assert(store_world_connected(world->store));
        for (size_t i = 0; i < 3; i++)
            if (readers[i].status == FURROW_OK) ck_read(&readers[i], 0, 1, "here");
        free_readers(readers, 3);
    }
    close_tables(&table, 1);
}

START_TEST(who_has_no_time_left_leaves_the_others)
{
    store_world_run(NULL, hung_body);
}
END_TEST

static void on_doubt(furrow_table_guard *guard)
{
    (void)guard;
}

/* The records of one table are another build's by now: its readers wait in vain, those of another hear what they ask. */
static void build_body(store_world *world)
{
    furrow_table *tables[2];
    reader readers[6];
    furrow_table_guard guard = {.doubted = on_doubt};
    open_tables(world, tables, 2);
    for (size_t i = 0; i < 2; i++) {
        furrow_table_set_guard(tables[i], &guard);
        furrow_table_adopt(tables[i], "b1");
        furrow_table_trust(tables[i], furrow_store_generation(world->store));
    }
    ck_assert_ok(store_world_ask(world, world->store, "SET test:{Plain0}:@build b2_0_0_0", NULL, failure));
    const furrow_bytes build[] = {furrow_bytes_of("SET"), furrow_bytes_of("test:{Plain1}:@build"),
                                  furrow_bytes_of("b1 0 0 0")};
    ck_assert_ok(furrow_store_command(world->store, build, 3, world->arena, NULL, failure));
    for (size_t i = 0; i < 6; i++) {
        make_reader(world, &readers[i], i % 2 ? &tables[1] : tables, i == 2 ? 2 : 1, "x"); /* one reads both */
        readers[i].deadline_ns = furrow_clock_now_ns() + 2 * FURROW_NS_PER_S;
    }
    (void)run_readers(world, readers, 6);
    for (size_t i = 0; i < 6; i++) ck_assert_int_eq(readers[i].status, i % 2 ? FURROW_OK : FURROW_UNAVAILABLE);
    ck_assert(!furrow_table_trusted(tables[0]) && furrow_table_trusted(tables[1]));
    free_readers(readers, 6);
    close_tables(tables, 2);
}

START_TEST(another_build_is_met_by_its_readers_alone)
{
    store_world_run(NULL, build_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_read_in_one_turn_is_asked_for_in_few_commands,
        what_does_not_fit_goes_by_itself,
        a_heavy_one_keeps_no_other_from_its_answer,
        who_has_no_time_left_leaves_the_others,
        another_build_is_met_by_its_readers_alone,
    };
    return store_world_main("read_group", tests, sizeof tests / sizeof tests[0]);
}
