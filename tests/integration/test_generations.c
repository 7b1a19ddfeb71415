/*
 * Rollouts: processes that keep a table in another shape, beside those that are there. And what is only slow. Shapes of
 * whole services, under load: test_rollout.c.
 */
#include "replica_mesh.h"

#include "store/generation.h"

#include <signal.h>

#define PART (&replicatest__v1__person_part__descriptor)
#define MORE (&replicatest__v1__person_more__descriptor)

static uint64_t soon(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

/* ---- who reads all the time ---- */

typedef struct reader {
    furrow_replica *replica;
    bool stop, done;
    int reads;
    char failure[512];
} reader;

static void read_on(void *arg)
{
    reader *self = arg;
    while (!self->stop && !self->failure[0]) {
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        ProtobufCMessage *message = NULL;
        furrow_error err = {0};
        furrow_status status = furrow_replica_get(self->replica, "p7", arena, &message, NULL, &err);
        if (status != FURROW_OK || !message || !mesh_ready(self->replica))
            snprintf(self->failure, sizeof self->failure, "after %d reads: %s; %s", self->reads,
                     status    ? err.text
                     : message ? "not ready"
                               : "not found",
                     furrow_replica_describe(self->replica));
        self->reads++;
        furrow_task_sleep_ms(2);
    }
    self->done = true;
}

static void begin_to_read(test_mesh *mesh, reader *self, furrow_replica *replica)
{
    furrow_error err = {0};
    *self = (reader){.replica = replica};
    ck_assert_int_eq(furrow_loop_spawn(mesh->loop, read_on, self, &err), FURROW_OK);
}

static void end_reading(reader *self)
{
    self->stop = true;
    AWAIT(self->done);
    ck_assert_msg(!self->failure[0], "%s", self->failure);
    ck_assert_int_gt(self->reads, 0);
}

/* ---- keys ---- */

static size_t count_keys(test_mesh *mesh, const char *pattern)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create((size_t)64 << 20);
    furrow_error err = {0};
    furrow_value keys;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("KEYS"), furrow_bytes_of(pattern)};
    ck_assert_int_eq(furrow_store_command(mesh->store, argv, 2, arena, &keys, &err), FURROW_OK);
    return keys.count;
}

/* All of the generation's keys are gone: of the one with plain names, those of others begin with "@<n>:". */
static bool is_swept(test_mesh *mesh, const char *table, int generation)
{
    char pattern[128];
    if (generation > 0) {
        snprintf(pattern, sizeof pattern, "%s:@%d:*", table, generation);
        return count_keys(mesh, pattern) == 0;
    }
    static const char *const plain[] = {"p*", "q*", "@ids", "@build", "@replica", "@by:*", "@reactions"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        snprintf(pattern, sizeof pattern, "%s:%s", table, plain[i]);
        if (count_keys(mesh, pattern) > 0) return false;
    }
    return true;
}

/* ---- shapes side by side ---- */

/* A rollout and its rollback, one process at a time, while events come and records are read. */
static void rolls_out_and_back(test_mesh *mesh)
{
    reader of_old, of_newer, of_again;
    mesh_put_many(mesh, "p", 0, 3000, 0);
    furrow_replica *old = mesh_replica(mesh, (furrow_replica_options){.instance = "old"});
    mesh_await_ready(old);
    begin_to_read(mesh, &of_old, old);
    furrow_replica *newer =
        mesh_replica(mesh, (furrow_replica_options){.instance = "newer", .contract = &mesh_part_again});
    mesh_await_ready(newer);
    begin_to_read(mesh, &of_newer, newer);
    ck_assert_int_ne(furrow_table_generation(furrow_replica_table(old)),
                     furrow_table_generation(furrow_replica_table(newer)));
    mesh_put_many(mesh, "p", 500, 1500, 1);
    mesh_delete(mesh, "p9");
    mesh_await_rest(mesh, "timesheet");
    AWAIT(mesh_records_match(mesh, newer, MORE));
    mesh_check_records(mesh, old, PART);
    end_reading(&of_old);
    int generation = furrow_table_generation(furrow_replica_table(old));
    mesh_end(old);
    AWAIT(is_swept(mesh, "timesheet:{Person}", generation));
    mesh_put_many(mesh, "q", 0, 500, 1);
    mesh_await_rest(mesh, "timesheet"); /* it has the durable */
    mesh_check_records(mesh, newer, MORE);

    old = mesh_replica(mesh, (furrow_replica_options){.instance = "old-again"});
    mesh_await_ready(old);
    begin_to_read(mesh, &of_again, old);
    mesh_put_many(mesh, "q", 250, 750, 2);
    AWAIT(mesh_records_match(mesh, old, PART));
    end_reading(&of_newer);
    generation = furrow_table_generation(furrow_replica_table(newer));
    mesh_end(newer);
    AWAIT(is_swept(mesh, "timesheet:{Person}", generation));
    mesh_put_many(mesh, "q", 0, 250, 3);
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, old, PART);
    end_reading(&of_again);
    mesh_end(old);
}

START_TEST(another_shape_is_built_beside_and_neither_stops_to_serve)
{
    mesh_run(NULL, rolls_out_and_back);
}
END_TEST

/* The contract with one more index. */
static const furrow_entity_contract *with_crew(void)
{
    static furrow_index_contract index = {.field = "crew"};
    static furrow_entity_contract indexed;
    indexed = mesh_person;
    index.descriptor = protobuf_c_message_descriptor_get_field_by_name(mesh_person.descriptor, "crew");
    indexed.indexes = &index;
    indexed.index_count = 1;
    return &indexed;
}

static void owns_beside(test_mesh *mesh)
{
    reader of_old, of_newer;
    mesh_put_many(mesh, "p", 0, 1000, 0);
    furrow_replica *old = mesh_replica(mesh, (furrow_replica_options){.instance = "old", .own = &mesh_person});
    mesh_await_ready(old);
    begin_to_read(mesh, &of_old, old);
    furrow_replica *newer = mesh_replica(mesh, (furrow_replica_options){.instance = "newer", .own = with_crew()});
    mesh_await_ready(newer);
    begin_to_read(mesh, &of_newer, newer);
    for (int i = 0; i < 20; i++) mesh_put(mesh, "p7", i % 2 ? "Ana" : "Bo", 1);
    AWAIT(mesh_records_match(mesh, newer, NULL));
    end_reading(&of_old);
    mesh_end(old);
    AWAIT(is_swept(mesh, "hr:{Person}", 0));
    mesh_put(mesh, "p8", "Eva", 1);
    mesh_await_owner(mesh, newer);
    mesh_check_records(mesh, newer, NULL);
    end_reading(&of_newer);
    mesh_redis(mesh, "FLUSHALL", NULL, NULL);
    mesh_await_ready(newer);
    AWAIT(mesh_records_match(mesh, newer, NULL));
    mesh_end(newer);
}

START_TEST(an_owners_records_get_an_index_beside_those_that_are_there)
{
    mesh_run(NULL, owns_beside);
}
END_TEST

/* Of an owner whose log is older than the records that are there, none begins to keep others. */
static void keeps_what_the_log_lost(test_mesh *mesh)
{
    mesh_put_many(mesh, "p", 0, 50, 0);
    furrow_replica *old = mesh_replica(mesh, (furrow_replica_options){.instance = "old", .own = &mesh_person});
    mesh_await_ready(old);
    mesh_end(old);
    mesh_js_api(mesh, "STREAM.DELETE.PERSON");
    mesh_provision(mesh);
    furrow_replica *newer = mesh_replica(mesh, (furrow_replica_options){.instance = "newer", .own = with_crew()});
    AWAIT(strstr(furrow_replica_describe(newer), "furrow restore"));
    ck_assert_uint_ge(count_keys(mesh, "hr:{Person}:p*"), 50);
    mesh_end(newer);
}

START_TEST(an_owner_in_another_shape_does_not_forget_what_the_log_has_lost)
{
    mesh_run(NULL, keeps_what_the_log_lost);
}
END_TEST

/* What NATS says of the child, as it seems. */
static bool seems_gone;

static bool is_gone(void *user, const char *instance)
{
    (void)user;
    return seems_gone && strcmp(instance, "child") == 0;
}

/* An old process that stops for longer than it is waited for, and comes back: nothing is lost of either shape. */
static void comes_back_late(test_mesh *mesh)
{
    mesh_put_many(mesh, "p", 0, 500, 0);
    furrow_test_process *child = mesh_child(mesh, "child", NULL);
    ck_assert(furrow_test_process_wait_for(child, "child ready", 20000));
    furrow_replica *newer = mesh_replica(
        mesh, (furrow_replica_options){.instance = "newer", .contract = &mesh_part_again, .is_gone = is_gone});
    mesh_await_ready(newer);
    furrow_test_process_signal(child, SIGSTOP);
    seems_gone = true;
    mesh_put_many(mesh, "q", 0, 500, 0);
    mesh_await_rest(mesh, "timesheet"); /* by the newer one: the durable is its now */
    AWAIT(is_swept(mesh, "timesheet:{Person}", 0));
    mesh_check_records(mesh, newer, MORE);
    seems_gone = false;
    furrow_test_process_signal(child, SIGCONT);
    mesh_put_many(mesh, "q", 250, 750, 1);
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, newer, MORE);
    AWAIT(count_keys(mesh, "timesheet:{Person}:q*") == 750); /* it keeps its shape again, beside */
    ck_assert(mesh_ready(newer));
    furrow_test_process_destroy(child);
    seems_gone = true;
    AWAIT(is_swept(mesh, "timesheet:{Person}", 0));
    mesh_end(newer);
}

START_TEST(a_process_that_was_taken_for_dead_begins_again_beside)
{
    mesh_run(NULL, comes_back_late);
}
END_TEST

/* Where the old ones die, and the newer one is only half built. */
static void dies_half_built(test_mesh *mesh)
{
    mesh_put_many(mesh, "p", 0, 20000, 0);
    furrow_replica *old = mesh_replica(mesh, (furrow_replica_options){.instance = "old"});
    mesh_await_ready(old);
    furrow_test_process *child = mesh_child(mesh, "child", (const char *[]){"MESH_AGAIN=1", NULL});
    AWAIT(count_keys(mesh, "timesheet:{Person}:@1:p*") > 1000);
    furrow_test_process_destroy(child); /* the rollout has failed */
    mesh_put_many(mesh, "p", 0, 100, 1);
    AWAIT(is_swept(mesh, "timesheet:{Person}", 1));
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, old, PART);
    ck_assert(mesh_ready(old));
    mesh_end(old);
}

START_TEST(a_rollout_that_failed_leaves_nothing)
{
    mesh_run(NULL, dies_half_built);
}
END_TEST

/* ---- slow is not lost ---- */

/* Two processes catch up, and one of them stands still every now and then. */
static void stands_still(test_mesh *mesh)
{
    int events = getenv("FURROW_TEST_EVENTS") ? atoi(getenv("FURROW_TEST_EVENTS")) : 30000;
    mesh_put_many(mesh, "p", 0, events, 0);
    furrow_test_process *child = mesh_child(mesh, "child", NULL);
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.instance = "parent"});
    furrow_error err = {0};
    for (int i = 0; i < 3; i++) {
        AWAIT(mesh_stats(replica).received > (uint64_t)(i * events / 20));
        furrow_test_process_signal(child, SIGSTOP);
        uint64_t until = soon(1500);
        while (furrow_clock_now_ns() < until) { /* for what must not happen: that something is read again */
            ck_assert_uint_eq(mesh_stats(replica).replayed, 0);
            furrow_task_sleep_ms(20);
        }
        furrow_test_process_signal(child, SIGCONT);
        ck_assert_int_eq(furrow_link_flush(mesh->link, soon(5000), &err), FURROW_OK);
    }
    mesh_await_ready(replica);
    mesh_await_rest(mesh, "timesheet");
    ck_assert(furrow_test_process_wait_for(child, "child ready", 40000));
    ck_assert_msg(strstr(furrow_test_process_stdout(child), "read 0 of"), "%s", furrow_test_process_stdout(child));
    ck_assert_uint_eq(mesh_stats(replica).replayed, 0);
    mesh_check_records(mesh, replica, PART);
    furrow_test_process_destroy(child);
    mesh_end(replica);
}

START_TEST(what_is_only_slow_is_not_read_again)
{
    mesh_run(NULL, stands_still);
}
END_TEST

/* Without its durable a table is what it was, and says so; when that is back nothing is missing. */
static void goes_on_without(test_mesh *mesh)
{
    reader of_replica;
    furrow_replica *replica = mesh_settled(mesh, 500);
    begin_to_read(mesh, &of_replica, replica);
    mesh_js_api(mesh, "CONSUMER.DELETE.PERSON.timesheet");
    AWAIT(
        strstr(furrow_replica_describe(replica),
               "ready with what is kept, waiting for consumer timesheet on PERSON: not found; run `furrow provision`"));
    mesh_put_many(mesh, "q", 0, 200, 0);
    AWAIT(mesh_stats(replica).age_ns > FURROW_NS_PER_S);
    furrow_replica *second = mesh_replica(mesh, (furrow_replica_options){.instance = "second"});
    mesh_await_ready(second);
    mesh_end(second);
    mesh_provision(mesh);
    mesh_put_many(mesh, "q", 100, 300, 0);
    AWAIT(mesh_records_match(mesh, replica, PART));
    AWAIT(mesh_stats(replica).age_ns == 0);
    end_reading(&of_replica);
    mesh_end(replica);
}

START_TEST(without_its_consumer_a_replica_serves_what_it_has_and_says_how_old_it_is)
{
    mesh_run(NULL, goes_on_without);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generations");
    TCase *tests = tcase_create("generations");
    tcase_set_timeout(tests, getenv("FURROW_TEST_EVENTS") ? 3600 : 120);
    tcase_add_test(tests, another_shape_is_built_beside_and_neither_stops_to_serve);
    tcase_add_test(tests, an_owners_records_get_an_index_beside_those_that_are_there);
    tcase_add_test(tests, an_owner_in_another_shape_does_not_forget_what_the_log_has_lost);
    tcase_add_test(tests, a_process_that_was_taken_for_dead_begins_again_beside);
    tcase_add_test(tests, a_rollout_that_failed_leaves_nothing);
    tcase_add_test(tests, what_is_only_slow_is_not_read_again);
    tcase_add_test(tests, without_its_consumer_a_replica_serves_what_it_has_and_says_how_old_it_is);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
