/*
 * A Redis that evicts, for however short, whoever looks: nobody is told that there is nothing where something was, and
 * what is gone is noticed by who comes later. What is evicted is chosen: of a volatile-* policy Redis evicts only keys
 * that have a time to live.
 */
#include "replica_mesh.h"

#include "store/record.h"

#define PART     (&replicatest__v1__person_part__descriptor)
#define ENTITIES 500
#define PREFIX   "timesheet:{Person}:"

static int64_t ask(test_mesh *mesh, const char *first, const char *second, const char *third)
{
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_value answer;
    const furrow_bytes argv[] = {furrow_bytes_of(first), furrow_bytes_of(second), furrow_bytes_of(third ? third : "")};
    furrow_status status = furrow_store_command(mesh->store, argv, third ? 3 : 2, arena, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", first, second, err.text);
    return answer.integer;
}

static void config_set(test_mesh *mesh, const char *name, const char *value)
{
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_value answer;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("CONFIG"), FURROW_BYTES_LITERAL("SET"), furrow_bytes_of(name),
                                 furrow_bytes_of(value)};
    furrow_status status = furrow_store_command(mesh->store, argv, 4, arena, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
}

/* What Redis says of itself: the number after "\n@name:". */
static unsigned long long info(test_mesh *mesh, const char *name)
{
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_value answer;
    char line[64];
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("INFO")};
    furrow_status status = furrow_store_command(mesh->store, argv, 1, arena, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    snprintf(line, sizeof line, "\n%s:", name);
    const char *found = strstr(answer.text.data, line);
    ck_assert_ptr_nonnull(found);
    return strtoull(found + strlen(line), NULL, 10);
}

/* There and back before anybody looks. */
static void evict(test_mesh *mesh, const char *key)
{
    char most[32];
    ck_assert_int_eq(ask(mesh, "EXPIRE", key, "100000"), 1);
    config_set(mesh, "maxmemory-policy", "volatile-ttl");
    while (ask(mesh, "EXISTS", key, NULL) == 1) {
        snprintf(most, sizeof most, "%llu", info(mesh, "used_memory") - 2000);
        config_set(mesh, "maxmemory", most);
        config_set(mesh, "maxmemory", "0");
    }
    config_set(mesh, "maxmemory-policy", "noeviction");
}

/* What a process of the service is: a connection to Redis of its own, and a replica. */
typedef struct test_process {
    test_mesh mesh;
    furrow_replica *replica;
} test_process;

static test_process start_process(test_mesh *mesh)
{
    test_process process = {.mesh = *mesh};
    char url[64];
    furrow_error err = {0};
    snprintf(url, sizeof url, "%s", furrow_test_server_url(mesh->redis));
    furrow_store_options options = {.url = url, .reconnect_min_ms = 20, .reconnect_max_ms = 200};
    process.mesh.store = furrow_store_create(mesh->loop, &options, &err);
    ck_assert_msg(process.mesh.store != NULL, "%s", err.text);
    process.replica = mesh_replica(&process.mesh, (furrow_replica_options){0});
    return process;
}

static void end_process(test_process *process)
{
    mesh_end(process->replica);
    furrow_store_destroy(process->mesh.store);
}

static test_process settled_process(test_mesh *mesh)
{
    mesh_put_many(mesh, "p", 0, ENTITIES, 0);
    test_process process = start_process(mesh);
    mesh_await_ready(process.replica);
    mesh_await_rest(mesh, "timesheet");
    AWAIT(mesh_stats(process.replica).position == ENTITIES);
    return process;
}

static void check_right(test_mesh *mesh, furrow_replica *replica)
{
    mesh_await_ready(replica);
    mesh_check_records(mesh, replica, PART);
}

static void is_evicted_while_nobody_runs(test_mesh *mesh)
{
    test_process process = settled_process(mesh);
    for (int round = 0; round < 3; round++) {
        end_process(&process);
        if (round == 1) (void)ask(mesh, "CONFIG", "RESETSTAT", NULL); /* nothing is lost yet, but who can tell? */
        evict(mesh, PREFIX "p7");
        if (round == 2) (void)ask(mesh, "CONFIG", "RESETSTAT", NULL);
        process = start_process(mesh);
        check_right(&process.mesh, process.replica);
        ck_assert_uint_eq(mesh_stats(process.replica).replayed, ENTITIES);
    }
    end_process(&process);
    process = start_process(mesh); /* it has evicted once, and nothing since */
    check_right(&process.mesh, process.replica);
    ck_assert_uint_eq(mesh_stats(process.replica).replayed, 0);
    end_process(&process);
}

START_TEST(what_was_evicted_while_nobody_ran_is_noticed_by_who_starts)
{
    mesh_run(NULL, is_evicted_while_nobody_runs);
}
END_TEST

/* Somebody saw the policy, and was gone before it was another; and Redis, too, which counts anew. */
static void is_restarted_after_it_evicted(test_mesh *mesh)
{
    test_process process = settled_process(mesh);
    config_set(mesh, "maxmemory-policy", "allkeys-lru");
    config_set(mesh, "maxmemory", "1gb");
    AWAIT(!mesh_ready(process.replica) && strstr(furrow_replica_describe(process.replica), "allkeys-lru"));
    mesh_redis(mesh, "DEL", PREFIX "p7", NULL); /* as if it were evicted: it is far from full */
    end_process(&process);
    furrow_test_server_stop(mesh->redis);
    furrow_test_server_restart(mesh->redis); /* as its file says: noeviction */
    process = start_process(mesh);
    check_right(&process.mesh, process.replica);
    end_process(&process);
}

START_TEST(a_redis_that_was_seen_to_evict_is_distrusted_by_who_starts_after_its_restart)
{
    mesh_run(&(mesh_options){.appendonly = true}, is_restarted_after_it_evicted);
}
END_TEST

static void is_restarted(test_mesh *mesh)
{
    test_process process = settled_process(mesh);
    for (int round = 0; round < 2; round++) {
        furrow_test_server_stop(mesh->redis);
        furrow_test_server_restart(mesh->redis);
        check_right(&process.mesh, process.replica);
        AWAIT(mesh_ready(process.replica));
        ck_assert_uint_lt(mesh_stats(process.replica).replayed, ENTITIES + 1);
        end_process(&process);
        process = start_process(mesh);
        check_right(&process.mesh, process.replica);
        ck_assert_uint_eq(mesh_stats(process.replica).replayed, 0);
    }
    end_process(&process);
}

START_TEST(a_redis_that_was_restarted_and_evicted_nothing_is_not_filled_anew)
{
    mesh_run(&(mesh_options){.appendonly = true}, is_restarted);
}
END_TEST

/* ---- what is read before anybody has looked ---- */

static uint64_t set_short_deadline(void)
{
    return furrow_task_set_deadline(furrow_clock_now_ns() + 200 * FURROW_NS_PER_MS);
}

static void check_get(furrow_replica *replica, const char *id)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *message = NULL;
    furrow_error err = {0};
    uint64_t before = set_short_deadline();
    furrow_status status = furrow_replica_get(replica, id, arena, &message, NULL, &err);
    (void)furrow_task_set_deadline(before);
    if (status == FURROW_UNAVAILABLE) return;
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), err.text);
    ck_assert_msg(message != NULL, "%s: a definite wrong answer: not found", id);
}

static void is_read_at_once(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, ENTITIES);
    for (int round = 0; round < 3; round++) {
        evict(mesh, PREFIX "p7");
        check_get(replica, "p7");
        check_get(replica, "p8");
        AWAIT(mesh_stats(replica).replayed >= (uint64_t)(round + 1) * ENTITIES);
        check_right(mesh, replica);
    }
    check_get(replica, "p7");
    mesh_end(replica);
}

START_TEST(nobody_is_told_that_there_is_nothing_where_something_was_evicted)
{
    mesh_run(NULL, is_read_at_once);
}
END_TEST

static const furrow_replica_contract *with_status(void)
{
    static furrow_index_contract index = {.field = "status"};
    static furrow_replica_contract contract;
    contract = mesh_part;
    contract.indexes = &index;
    contract.index_count = 1;
    index.descriptor = protobuf_c_message_descriptor_get_field_by_name(PART, "status");
    return &contract;
}

static bool list_is_right(furrow_table *table)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_error err = {0};
    furrow_record_query query = {.index = "status", .value = furrow_record_index_integer(1, arena), .limit = 100};
    furrow_listed *listed;
    size_t count;
    char *next;
    uint64_t before = set_short_deadline();
    furrow_status status = furrow_record_list(table, &query, arena, &listed, &count, &next, &err);
    (void)furrow_task_set_deadline(before);
    if (status == FURROW_UNAVAILABLE) return false;
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), err.text);
    ck_assert_msg(count == 20, "a definite wrong answer: %zu of 20", count);
    return true;
}

static bool ids_are_right(furrow_table *table)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_error err = {0};
    furrow_record_read read = {.table = table, .id = "s3"};
    furrow_record_ids ids = {.table = table, .index = "status", .limit = 100};
    ids.value = furrow_record_index_integer(1, arena);
    uint64_t before = set_short_deadline();
    furrow_status status = furrow_record_read_with_ids(furrow_table_store(table), &read, 1, &ids, arena, &err);
    (void)furrow_task_set_deadline(before);
    if (status == FURROW_UNAVAILABLE) return false;
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), err.text);
    ck_assert_msg(read.record.found && ids.count == 20, "a definite wrong answer: %zu of 20", ids.count);
    return true;
}

static void is_listed_at_once(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.contract = with_status()});
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        mesh_put(mesh, id, "listed", 1);
    }
    mesh_await_ready(replica);
    mesh_await_rest(mesh, "timesheet");
    furrow_table *table = furrow_replica_table(replica);
    for (int round = 0; round < 2; round++) {
        AWAIT(list_is_right(table) && ids_are_right(table));
        evict(mesh, PREFIX "@by:status");
        if (round == 0)
            (void)list_is_right(table);
        else
            (void)ids_are_right(table);
        evict(mesh, PREFIX "s3");
        (void)list_is_right(table);
    }
    AWAIT(list_is_right(table) && ids_are_right(table));
    mesh_end(replica);
}

START_TEST(no_list_is_short_of_what_was_evicted)
{
    mesh_run(NULL, is_listed_at_once);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evictions");
    TCase *tests = tcase_create("evictions");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, what_was_evicted_while_nobody_ran_is_noticed_by_who_starts);
    tcase_add_test(tests, a_redis_that_was_seen_to_evict_is_distrusted_by_who_starts_after_its_restart);
    tcase_add_test(tests, a_redis_that_was_restarted_and_evicted_nothing_is_not_filled_anew);
    tcase_add_test(tests, nobody_is_told_that_there_is_nothing_where_something_was_evicted);
    tcase_add_test(tests, no_list_is_short_of_what_was_evicted);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
