/* Records that tasks write one by one in one turn go to Redis together, and each of them fares as it would alone. */
#include "store/trust.h"
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 150 };

/* A task that writes one record, and what came of it. */
typedef struct writer {
    furrow_table *table;
    char id[8];
    furrow_record known;
    furrow_record_write write;
    uint64_t deadline_ns; /* 0: none */
    size_t applied;
    furrow_status status;
    furrow_error err;
    size_t *left;
} writer;

static void write_task(void *arg)
{
    writer *self = arg;
    if (self->deadline_ns) (void)furrow_task_set_deadline(self->deadline_ns);
    size_t *applied = furrow_table_about(self->table)->index_count > 0 ? &self->applied : NULL;
    self->status = furrow_record_apply(self->table, &self->write, 1, applied, &self->err);
    --*self->left;
}

/* Worker @id from @known to @version, called @name. */
static void make_writer(store_world *world, furrow_table *table, writer *self, const char *id, uint64_t known,
                        uint64_t version, const char *name)
{
    *self = (writer){.table = table, .known = {.found = known > 0, .version = known}};
    snprintf(self->id, sizeof self->id, "%s", id);
    if (known) self->known.body = store_world_worker(world, id, "Old", 1, "");
    self->write = (furrow_record_write){.id = furrow_bytes_of(self->id),
                                        .version = version,
                                        .body = store_world_worker(world, id, name, 1, ""),
                                        .known = &self->known};
}

/* Function calls that Redis has run since its figures were reset. */
static long calls_of(store_world *world)
{
    const char *stats = store_world_text(world, "INFO commandstats"), *fcall = strstr(stats, "cmdstat_fcall:calls=");
    return fcall ? strtol(fcall + strlen("cmdstat_fcall:calls="), NULL, 10) : 0;
}

/* Starts all of them in one turn and waits for them; how many function calls Redis ran. */
static long run_writers(store_world *world, writer writers[], size_t count)
{
    size_t left = count;
    ck_assert_ok(store_world_ask(world, world->store, "CONFIG RESETSTAT", NULL, failure));
    for (size_t i = 0; i < count; i++) {
        writers[i].left = &left;
        ck_assert_ok(furrow_loop_spawn(world->loop, write_task, &writers[i], failure));
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    return calls_of(world);
}

static void ck_written(store_world *world, const writer *self, furrow_status status, size_t applied)
{
    ck_assert_msg(self->status == status, "%s: %s: %s", self->id, furrow_status_name(self->status), self->err.text);
    if (status != FURROW_OK) return;
    if (furrow_table_about(self->table)->index_count > 0) ck_assert_uint_eq(self->applied, applied);
    furrow_record record = store_world_get(world, self->table, self->id);
    if (applied) ck_assert_uint_eq(record.version, self->write.version);
}

static size_t count_listed(store_world *world, furrow_table *table, const char *name)
{
    furrow_record_query query = {.index = "name", .value = furrow_bytes_of(name), .limit = 1000};
    furrow_listed *list;
    size_t count;
    char *next;
    ck_assert_ok(furrow_record_list(table, &query, world->arena, &list, &count, &next, failure));
    return count;
}

static void many_body(store_world *world)
{
    static writer writers[WRITERS];
    static const char *const indexes[] = {"", "name"}; /* a plain table, and a full one */
    ck_assert(store_world_connected(world->store));
    for (size_t kind = 0; kind < 2; kind++) {
        furrow_table *table = store_world_table(world, world->store, kind ? "Full" : "Plain", indexes[kind], false);
        for (uint64_t version = 0; version < 2; version++) {
            for (size_t i = 0; i < WRITERS; i++) {
                char id[8];
                snprintf(id, sizeof id, "w%zu", i);
                make_writer(world, table, &writers[i], id, version, version + 1, version ? "New" : "Old");
            }
            ck_assert_int_eq(run_writers(world, writers, WRITERS), (WRITERS + 63) / 64);
            for (size_t i = 0; i < WRITERS; i++) ck_written(world, &writers[i], FURROW_OK, 1);
        }
        if (kind) ck_assert_uint_eq(count_listed(world, table, "New"), WRITERS);
        if (kind) ck_assert_uint_eq(count_listed(world, table, "Old"), 0);
        furrow_table_destroy(table);
    }
}

START_TEST(what_comes_in_one_turn_goes_in_few_calls)
{
    store_world_run(NULL, many_body);
}
END_TEST

/* One whose state was another's by then, one that is older than what is there, and two of one id, among others. */
static void mixed_body(store_world *world)
{
    static const char *const indexes[] = {"", "name"};
    ck_assert(store_world_connected(world->store));
    for (size_t kind = 0; kind < 2; kind++) {
        furrow_table *table = store_world_table(world, world->store, kind ? "Full" : "Plain", indexes[kind], false);
        writer writers[6];
        store_world_put(table, "lost", 5, store_world_worker(world, "lost", "Else", 1, ""));
        store_world_put(table, "stale", 9, store_world_worker(world, "stale", "Else", 1, ""));
        make_writer(world, table, &writers[0], "a", 0, 1, "New");
        make_writer(world, table, &writers[1], "lost", 3, 6, "New");
        make_writer(world, table, &writers[2], "stale", 3, 8, "New");
        make_writer(world, table, &writers[3], "b", 0, 2, "Old");
        make_writer(world, table, &writers[4], "b", 2, 3, "New");
        make_writer(world, table, &writers[5], "c", 0, 4, "New");
        (void)run_writers(world, writers, 6);
        static const size_t applied[] = {1, 1, 0, 1, 1, 1};
        for (size_t i = 0; i < 6; i++)
            if (i != 3) ck_written(world, &writers[i], FURROW_OK, applied[i]);
        ck_assert_int_eq(writers[3].status, FURROW_OK);
        if (kind) ck_assert_uint_eq(count_listed(world, table, "New"), 4);
        if (kind) ck_assert_uint_eq(count_listed(world, table, "Else"), 1);
        furrow_table_destroy(table);
    }
}

START_TEST(each_is_compared_with_what_is_stored_of_it)
{
    store_world_run(NULL, mixed_body);
}
END_TEST

/* A key of another type, and bytes of which no index entries can be made, fail for themselves only. */
static void bad_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Full", "name", false);
    writer writers[4];
    make_writer(world, table, &writers[0], "a", 0, 1, "New");
    make_writer(world, table, &writers[1], "list", 0, 2, "New");
    make_writer(world, table, &writers[2], "torn", 0, 3, "New");
    make_writer(world, table, &writers[3], "b", 0, 4, "New");
    writers[2].write.body = (furrow_bytes){"\x0a\xff", 2};
    (void)run_writers(world, writers, 4);
    ck_written(world, &writers[0], FURROW_OK, 1);
    ck_written(world, &writers[1], FURROW_OK, 1);
    ck_assert_int_eq(writers[2].status, FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(writers[2].err.text, "torn"));
    ck_written(world, &writers[3], FURROW_OK, 1);
    ck_assert_int_eq(store_world_number(world, "DEL test:{Full}:@by:name"), 1);
    ck_assert_int_eq(store_world_number(world, "RPUSH test:{Full}:@by:name x"), 1);
    make_writer(world, table, &writers[0], "a", 1, 5, "Newer");
    make_writer(world, table, &writers[1], "b", 4, 6, "New"); /* as before: it needs no index */
    writers[1].known.body = writers[1].write.body;
    (void)run_writers(world, writers, 2);
    ck_assert_int_ne(writers[0].status, FURROW_OK);
    ck_written(world, &writers[1], FURROW_OK, 1);
    furrow_table_destroy(table);
}

START_TEST(who_fails_fails_alone)
{
    store_world_run(NULL, bad_body);
}
END_TEST

/* Redis hangs: whoever has least time gives up first, the leader before or after those who joined. */
static void hung_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Full", "name", false);
    for (size_t hasty = 0; hasty < 3; hasty++) {
        writer writers[3];
        size_t left = 3;
        furrow_test_server_pause(world->redis);
        for (size_t i = 0; i < 3; i++) {
            char id[8];
            snprintf(id, sizeof id, "w%zu", i);
            make_writer(world, table, &writers[i], id, hasty, hasty + 1, "New");
            writers[i].left = &left;
            if (i == hasty) writers[i].deadline_ns = furrow_clock_now_ns() + 30 * FURROW_NS_PER_MS;
            ck_assert_ok(furrow_loop_spawn(world->loop, write_task, &writers[i], failure));
        }
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left < 3, PATIENCE_MS));
        ck_assert_int_eq(writers[hasty].status, FURROW_UNAVAILABLE);
        furrow_test_server_resume(world->redis);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
        ck_assert(store_world_connected(world->store));
        for (size_t i = 0; i < 3; i++)
            if (writers[i].status == FURROW_OK) ck_written(world, &writers[i], FURROW_OK, 1);
    }
    furrow_table_destroy(table);
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

static void doubt_task(void *arg)
{
    furrow_table_doubt(arg, "a test says so");
}

/* The doubt comes after they have joined and before they are sent. */
static void doubt_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Plain", "", false);
    furrow_table_guard guard = {.doubted = on_doubt};
    writer writers[2];
    size_t left = 2;
    furrow_table_set_guard(table, &guard);
    furrow_table_adopt(table, "b1");
    ck_assert_ok(store_world_ask(world, world->store, "SET test:{Plain}:@build b1_0_0_0", NULL, failure));
    for (size_t i = 0; i < 2; i++) {
        make_writer(world, table, &writers[i], i ? "b" : "a", 0, i + 1, "New");
        writers[i].left = &left;
        ck_assert_ok(furrow_loop_spawn(world->loop, write_task, &writers[i], failure));
    }
    ck_assert_ok(furrow_loop_spawn(world->loop, doubt_task, table, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    for (size_t i = 0; i < 2; i++) ck_assert_int_eq(writers[i].status, FURROW_ABORTED);
    ck_assert_int_eq(store_world_number(world, "EXISTS test:{Plain}:a test:{Plain}:b"), 0);
    furrow_table_destroy(table);
}

START_TEST(what_was_begun_before_a_doubt_is_not_sent_after_it)
{
    store_world_run(NULL, doubt_body);
}
END_TEST

/* What @self's write had on the stack is its own again once it has returned: nobody may come back to it. */
static void stay_on_stack(const writer *self)
{
    volatile uint8_t ground[4096];
    for (size_t i = 0; i < sizeof ground; i++) ground[i] = 0;
    while (*self->left > 1) furrow_task_sleep_ms(1);
    for (size_t i = 0; i < sizeof ground; i++) ck_assert_uint_eq(ground[i], 0);
}

static void write_and_stay_task(void *arg)
{
    writer *self = arg;
    self->status = furrow_record_apply(self->table, &self->write, 1, NULL, &self->err);
    ck_assert_uint_eq(*self->left, 3); /* the others are on their way */
    stay_on_stack(self);
    --*self->left;
}

/* The doubt comes between those who join: who began before it is told so at once, while the leader waits for the rest. */
static void told_early_body(store_world *world)
{
    ck_assert(store_world_connected(world->store));
    furrow_table *table = store_world_table(world, world->store, "Plain", "", false);
    furrow_table_guard guard = {.doubted = on_doubt};
    writer writers[3];
    size_t left = 3;
    furrow_table_set_guard(table, &guard);
    furrow_table_adopt(table, "b1");
    ck_assert_ok(store_world_ask(world, world->store, "SET test:{Plain}:@build b1_0_0_0", NULL, failure));
    for (size_t i = 0; i < 3; i++) {
        make_writer(world, table, &writers[i], i == 2 ? "c" : i ? "b" : "a", 0, i + 1, "New");
        writers[i].left = &left;
        if (i == 2) ck_assert_ok(furrow_loop_spawn(world->loop, doubt_task, table, failure));
        furrow_task_fn *fn = i == 1 ? write_and_stay_task : write_task;
        ck_assert_ok(furrow_loop_spawn(world->loop, fn, &writers[i], failure));
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(left == 0, PATIENCE_MS));
    ck_assert_int_eq(writers[0].status, FURROW_ABORTED);
    ck_assert_int_eq(writers[1].status, FURROW_ABORTED);
    ck_assert(writers[2].status != FURROW_ABORTED);
    furrow_table_destroy(table);
}

START_TEST(who_is_told_early_is_let_go)
{
    store_world_run(NULL, told_early_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_comes_in_one_turn_goes_in_few_calls,
        each_is_compared_with_what_is_stored_of_it,
        who_fails_fails_alone,
        who_has_no_time_left_leaves_the_others,
        what_was_begun_before_a_doubt_is_not_sent_after_it,
        who_is_told_early_is_let_go,
    };
    return store_world_main("write_group", tests, sizeof tests / sizeof tests[0]);
}
