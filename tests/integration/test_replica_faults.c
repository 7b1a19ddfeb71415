/* What heals itself: a replica whose Redis, NATS or own process goes away, comes back, or comes back with less than it
 * had. */
#include "replica_mesh.h"

#include "store/trust.h"

#include "support/tempdir.h"

#include <signal.h>

#define ACK_WAIT_MS 30000
#define PART        (&replicatest__v1__person_part__descriptor)

static furrow_js_consumer_state consumer_of(test_mesh *mesh)
{
    furrow_error err = {0};
    furrow_js_consumer_state state = {0};
    uint64_t deadline = furrow_clock_now_ns() + 5 * FURROW_NS_PER_S;
    ck_assert_int_eq(furrow_js_consumer_info(mesh->link, "PERSON", "timesheet", deadline, &state, &err), FURROW_OK);
    return state;
}

/* Ready again, and equal to the log: before the server would send again what was lost with a connection or a process.
 */
static void check_healed(test_mesh *mesh, furrow_replica *replica)
{
    uint64_t begun = furrow_test_now_ms();
    mesh_await_ready(replica);
    AWAIT(mesh_records_match(mesh, replica, PART));
    mesh_await_ready(replica);
    ck_assert_uint_lt(furrow_test_now_ms() - begun, ACK_WAIT_MS - 5000);
    mesh_check_records(mesh, replica, PART);
}

static void outlives_a_flush(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 1000);
    mesh_redis(mesh, "FLUSHALL", NULL, NULL);
    AWAIT(mesh_stats(replica).replayed >= 1000);
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_flushed_redis_is_built_again)
{
    mesh_run(NULL, outlives_a_flush);
}
END_TEST

static void outlives_an_empty_redis(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 1000);
    furrow_test_server_kill(mesh->redis);
    mesh_put_many(mesh, "p", 500, 1500, 1);
    AWAIT(!mesh_ready(replica));
    ck_assert_uint_gt(mesh_stats(replica).age_ns, 0);
    furrow_test_server_restart(mesh->redis);
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_redis_that_comes_back_empty_is_built_again)
{
    mesh_run(NULL, outlives_an_empty_redis);
}
END_TEST

static void outlives_lost_writes(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 1000);
    mesh_redis(mesh, "SAVE", NULL, NULL);
    mesh_put_many(mesh, "p", 900, 1400, 1);
    mesh_await_rest(mesh, "timesheet");
    AWAIT(mesh_stats(replica).position == 1500); /* stored, acked, and about to be lost */
    furrow_test_server_kill(mesh->redis);
    furrow_test_server_restart(mesh->redis);
    AWAIT(mesh_stats(replica).replayed > 0);
    check_healed(mesh, replica);
    furrow_replica_stats stats = mesh_stats(replica);
    ck_assert_uint_ge(stats.replayed, 500);
    ck_assert_uint_le(stats.replayed, 600); /* from the position that was saved, not from the start */
    mesh_end(replica);
}

START_TEST(a_redis_that_lost_its_last_writes_is_replayed_from_its_position)
{
    mesh_run(NULL, outlives_lost_writes);
}
END_TEST

static void outlives_a_redis_restart(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 1000);
    for (int round = 1; round <= 3; round++) {
        mesh_put_many(mesh, "p", 0, 1000, round);
        furrow_test_server_kill(mesh->redis); /* in the middle of applying */
        mesh_put_many(mesh, "p", 1000 * round, 1000 * round + 500, round);
        furrow_test_server_restart(mesh->redis);
    }
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_redis_killed_while_events_are_applied_loses_none)
{
    mesh_run(&(mesh_options){.appendonly = true}, outlives_a_redis_restart);
}
END_TEST

static void outlives_a_silent_redis(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 100);
    furrow_test_server_pause(mesh->redis);
    mesh_put_many(mesh, "q", 0, 1000, 0);
    AWAIT(mesh_stats(replica).received >= 1100);
    ck_assert_uint_eq(consumer_of(mesh).ack_floor_seq, 100); /* not one is acked before Redis has answered */
    furrow_test_server_resume(mesh->redis);
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(nothing_is_acked_while_redis_is_silent)
{
    mesh_run(NULL, outlives_a_silent_redis);
}
END_TEST

static void outlives_nats(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 500);
    for (int round = 1; round <= 3; round++) {
        AWAIT(furrow_table_trusted(furrow_replica_table(replica))); /* it has looked since NATS came back */
        mesh_put_many(mesh, "p", 0, 3000, round);
        furrow_test_server_kill(mesh->nats);
        AWAIT(!furrow_link_connected(mesh->link));
        ck_assert(mesh_ready(replica)); /* reads go on */
        furrow_test_server_restart(mesh->nats);
        ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    }
    check_healed(mesh, replica);
    AWAIT(mesh_stats(replica).age_ns == 0);
    mesh_end(replica);
}

START_TEST(nats_killed_in_mid_stream_is_caught_up_with)
{
    mesh_run(NULL, outlives_nats);
}
END_TEST

static bool any_acked(test_mesh *mesh)
{
    return consumer_of(mesh).ack_floor_seq > 2000;
}

static bool all_delivered(test_mesh *mesh)
{
    return consumer_of(mesh).pending == 0;
}

/* Killed with events in its hands, which the server gives to nobody else for 30 seconds: the next process does not wait
 * for that. */
static void outlives_its_process(test_mesh *mesh)
{
    mesh_put_many(mesh, "p", 0, 30000, 0);
    for (int life = 0; life < 3; life++) {
        furrow_test_process *child = mesh_child(mesh, "child", NULL);
        AWAIT(any_acked(mesh) || !furrow_test_process_running(child));
        ck_assert_msg(furrow_test_process_running(child), "%s", furrow_test_process_stderr(child));
        furrow_test_process_signal(child, SIGKILL);
        furrow_test_process_destroy(child);
        mesh_put_many(mesh, "p", 1000 * life, 1000 * life + 500, life + 1);
    }
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.instance = "child"});
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_process_killed_in_the_middle_loses_nothing)
{
    mesh_run(NULL, outlives_its_process);
}
END_TEST

/* Redis is silent, so both hold what they got; then one dies with it. */
static void outlives_its_peer(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 100);
    furrow_test_process *child = mesh_child(mesh, "child", NULL);
    ck_assert(furrow_test_process_wait_for(child, "child ready", 20000));
    uint64_t before = mesh_stats(replica).received;
    furrow_test_server_pause(mesh->redis);
    mesh_put_many(mesh, "q", 0, 3000, 0);
    AWAIT(all_delivered(mesh));
    ck_assert_uint_lt(mesh_stats(replica).received - before, 3000);
    furrow_test_process_signal(child, SIGKILL);
    furrow_test_server_resume(mesh->redis);
    furrow_test_process_destroy(child);
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(what_a_killed_process_had_in_hand_is_read_aside_by_the_living)
{
    mesh_run(NULL, outlives_its_peer);
}
END_TEST

static void outlives_its_consumer(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 1000);
    mesh_js_api(mesh, "CONSUMER.DELETE.PERSON.timesheet");
    mesh_put_many(mesh, "p", 900, 1100, 1);
    mesh_provision(mesh);
    check_healed(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_consumer_made_again_brings_no_older_state_over_a_newer)
{
    mesh_run(NULL, outlives_its_consumer);
}
END_TEST

static void copy_dir(const char *from, const char *to)
{
    const char *argv[] = {"cp", "-a", from, to, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 20000, NULL), 0);
}

static void remove_dir(const char *path)
{
    const char *argv[] = {"rm", "-rf", path, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 20000, NULL), 0);
}

/* The log of 500 events comes back as it was at 300, and takes @again others under the same sequences before anybody
 * looks. */
static void outlives_an_older_log(test_mesh *mesh, int again)
{
    char data[512], copy[512];
    snprintf(data, sizeof data, "%s/jetstream", furrow_test_server_dir(mesh->nats));
    snprintf(copy, sizeof copy, "%s/copy", furrow_test_tempdir());
    furrow_replica *own = mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person});
    furrow_replica *replica = mesh_settled(mesh, 300);
    mesh_await_ready(own);
    furrow_test_server_stop(mesh->nats);
    AWAIT(!furrow_link_connected(mesh->link));
    copy_dir(data, copy);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    mesh_put_many(mesh, "p", 100, 300, 1);
    AWAIT(mesh_stats(replica).position == 500 && mesh_stats(own).position == 500);
    mesh_end(replica);
    mesh_end(own);
    furrow_test_server_stop(mesh->nats);
    AWAIT(!furrow_link_connected(mesh->link));
    remove_dir(data);
    copy_dir(copy, data);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    mesh_put_many(mesh, "q", 0, again, 2);
    own = mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person});
    replica = mesh_replica(mesh, (furrow_replica_options){0});
    AWAIT(strstr(furrow_replica_describe(own), "the log is older than these records"));
    ck_assert_int_eq(furrow_replica_state_of(own), FURROW_REPLICA_WAITING);
    check_healed(mesh, replica);
    mesh_end(replica);
    mesh_end(own);
}

static void outlives_a_shorter_log(test_mesh *mesh)
{
    outlives_an_older_log(mesh, 100);
}

START_TEST(a_log_that_lost_its_end_is_rebuilt_by_a_replica_and_refused_by_its_owner)
{
    mesh_run(NULL, outlives_a_shorter_log);
}
END_TEST

static void outlives_a_rewritten_log(test_mesh *mesh)
{
    outlives_an_older_log(mesh, 400);
}

START_TEST(a_log_that_lost_its_end_and_grew_again_is_told_by_its_event)
{
    mesh_run(NULL, outlives_a_rewritten_log);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica faults");
    TCase *tests = tcase_create("replica faults");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_flushed_redis_is_built_again);
    tcase_add_test(tests, a_redis_that_comes_back_empty_is_built_again);
    tcase_add_test(tests, a_redis_that_lost_its_last_writes_is_replayed_from_its_position);
    tcase_add_test(tests, a_redis_killed_while_events_are_applied_loses_none);
    tcase_add_test(tests, nothing_is_acked_while_redis_is_silent);
    tcase_add_test(tests, nats_killed_in_mid_stream_is_caught_up_with);
    tcase_add_test(tests, a_process_killed_in_the_middle_loses_nothing);
    tcase_add_test(tests, what_a_killed_process_had_in_hand_is_read_aside_by_the_living);
    tcase_add_test(tests, a_consumer_made_again_brings_no_older_state_over_a_newer);
    tcase_add_test(tests, a_log_that_lost_its_end_is_rebuilt_by_a_replica_and_refused_by_its_owner);
    tcase_add_test(tests, a_log_that_lost_its_end_and_grew_again_is_told_by_its_event);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
