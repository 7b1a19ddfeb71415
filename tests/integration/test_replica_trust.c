/*
 * What may be read, while Redis or the log loses, goes back or refuses: what is acknowledged, or UNAVAILABLE, and never
 * a definite wrong answer. And all is right again by itself, also when it happens again while it is being mended.
 */
#include "replica_mesh.h"

#include "support/tempdir.h"

#include <signal.h>
#include <unistd.h>

#define PART     (&replicatest__v1__person_part__descriptor)
#define ENTITIES 4000

/* Is @id there, in a version of at least @least? A read that says otherwise fails the test; one that cannot be answered
 * is tried again. */
static bool read_is_right(furrow_replica *replica, const char *id, uint64_t least)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *message = NULL;
    uint64_t version = 0;
    furrow_error err = {0};
    uint64_t before = furrow_task_set_deadline(furrow_clock_now_ns() + 100 * FURROW_NS_PER_MS);
    furrow_status status = furrow_replica_get(replica, id, arena, &message, &version, &err);
    (void)furrow_task_set_deadline(before);
    if (status == FURROW_UNAVAILABLE) return false;
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), err.text);
    ck_assert_msg(message != NULL, "%s: a definite wrong answer: not found", id);
    ck_assert_msg(version >= least, "%s: version %llu is older than %llu, which was acknowledged", id,
                  (unsigned long long)version, (unsigned long long)least);
    return true;
}

typedef struct watch_reads {
    furrow_replica *replica;
    const char *prefix;
    int entities;
    uint64_t least; /* version of the first; the others follow */
    size_t right, unavailable;
    bool stop, ended;
} watch_reads;

static void keep_reading(void *arg)
{
    watch_reads *self = arg;
    for (int n = 0; !self->stop; n = (n + 37) % self->entities) {
        char id[32];
        snprintf(id, sizeof id, "%s%d", self->prefix, n);
        if (read_is_right(self->replica, id, self->least + (uint64_t)n)) {
            self->right++;
            if (self->right % 50 == 0) furrow_task_yield();
        } else {
            self->unavailable++;
            furrow_task_sleep_ms(1);
        }
    }
    self->ended = true;
}

static void start_reading(test_mesh *mesh, watch_reads *reads)
{
    furrow_error err = {0};
    ck_assert_int_eq(furrow_loop_spawn(mesh->loop, keep_reading, reads, &err), FURROW_OK);
    AWAIT(reads->right > 100);
}

static void stop_reading(watch_reads *reads)
{
    size_t before = reads->right;
    AWAIT(reads->right > before + 100);
    reads->stop = true;
    AWAIT(reads->ended);
}

static void check_right(test_mesh *mesh, furrow_replica *replica)
{
    mesh_await_ready(replica);
    AWAIT(mesh_at_rest(mesh, "timesheet") && mesh_records_match(mesh, replica, PART));
    mesh_await_ready(replica);
    mesh_check_records(mesh, replica, PART);
}

/* Two processes, each of which begins to build when it finds Redis empty, and finds it empty again in the middle. */
static void outlives_flushes(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, ENTITIES);
    furrow_test_process *other = mesh_child(mesh, "other", NULL);
    ck_assert(furrow_test_process_wait_for(other, "child ready", 20000));
    watch_reads reads = {.replica = replica, .prefix = "p", .entities = ENTITIES, .least = 1};
    start_reading(mesh, &reads);
    for (int round = 0; round < 8; round++) {
        mesh_redis(mesh, "FLUSHALL", NULL, NULL);
        uint64_t replayed = mesh_stats(replica).replayed;
        /* By how far somebody has come, not by a clock: in some rounds we build, in others the other process does. */
        uint64_t until = furrow_clock_now_ns() + (uint64_t)(round * 60) * FURROW_NS_PER_MS;
        AWAIT(mesh_stats(replica).replayed > replayed + (uint64_t)round * 300 || furrow_clock_now_ns() > until);
        mesh_redis(mesh, "FLUSHALL", NULL, NULL);
        check_right(mesh, replica);
    }
    stop_reading(&reads);
    ck_assert_uint_gt(reads.unavailable, 0);
    ck_assert_msg(furrow_test_process_running(other), "%s", furrow_test_process_stderr(other));
    furrow_test_process_destroy(other);
    mesh_end(replica);
}

START_TEST(a_redis_flushed_again_while_it_is_built_misses_nothing_and_answers_nothing_wrong)
{
    mesh_run(NULL, outlives_flushes);
}
END_TEST

/* Redis comes back with what it had saved: whatever was read from it before would be older than what was acked. */
static void outlives_older_data(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 1000);
    for (int round = 1; round <= 3; round++) {
        mesh_redis(mesh, "SAVE", NULL, NULL);
        uint64_t before = mesh_last_seq(mesh, "PERSON");
        mesh_put_many(mesh, "p", 0, 1000, round);
        AWAIT(mesh_stats(replica).position == before + 1000);
        watch_reads reads = {.replica = replica, .prefix = "p", .entities = 1000, .least = before + 1};
        start_reading(mesh, &reads);
        furrow_test_server_kill(mesh->redis);
        furrow_test_server_restart(mesh->redis);
        stop_reading(&reads);
        check_right(mesh, replica);
    }
    mesh_end(replica);
}

START_TEST(a_redis_that_comes_back_older_is_not_read_before_it_was_replayed)
{
    mesh_run(NULL, outlives_older_data);
}
END_TEST

static void copy_dir(const char *from, const char *to)
{
    const char *argv[] = {"cp", "-a", from, to, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 20000, NULL), 0);
}

static void put_back(const char *copy, const char *data)
{
    const char *argv[] = {"rm", "-rf", data, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 20000, NULL), 0);
    copy_dir(copy, data);
}

static bool away(test_mesh *mesh)
{
    return !furrow_link_connected(mesh->link);
}

/* The log of 500 events is put back to 300 under processes that live on; then it takes @again others. */
static void outlives_a_log_put_back(test_mesh *mesh, int again)
{
    char data[512], copy[512];
    snprintf(data, sizeof data, "%s/jetstream", furrow_test_server_dir(mesh->nats));
    snprintf(copy, sizeof copy, "%s/copy", furrow_test_tempdir());
    furrow_replica *own = mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person});
    furrow_replica *replica = mesh_settled(mesh, 300);
    mesh_await_ready(own);
    furrow_test_server_stop(mesh->nats);
    AWAIT(away(mesh));
    copy_dir(data, copy);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    mesh_put_many(mesh, "p", 100, 300, 1);
    mesh_await_rest(mesh, "timesheet"); /* acked, but the stored position may be older */
    AWAIT(mesh_records_match(mesh, own, NULL));
    mesh_await_ready(replica);
    mesh_await_ready(own);
    furrow_test_server_kill(mesh->nats);
    AWAIT(away(mesh));
    put_back(copy, data);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    /* Before the first answer: what is there is phantom, and nobody is told of it. */
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *message = NULL;
    furrow_error err = {0};
    uint64_t version = 0;
    furrow_status status = furrow_replica_get(own, "p250", arena, &message, &version, &err);
    ck_assert_msg(status == FURROW_UNAVAILABLE, "%s: version %llu of a log that is no more", furrow_status_name(status),
                  (unsigned long long)version);
    ck_assert_msg(strstr(err.text, "older than these records"), "%s", err.text);
    AWAIT(strstr(furrow_replica_describe(own), "the log is older than these records"));
    ck_assert_int_eq(furrow_replica_state_of(own), FURROW_REPLICA_WAITING);
    if (again) mesh_put_many(mesh, "q", 0, again, 2);
    check_right(mesh, replica);
    mesh_put_many(mesh, "p", 0, 300, 3);
    check_right(mesh, replica);
    mesh_end(replica);
    mesh_end(own);
}

static void outlives_a_shorter_log(test_mesh *mesh)
{
    outlives_a_log_put_back(mesh, 0);
}

START_TEST(a_log_put_back_under_a_living_process_is_noticed_before_its_first_answer)
{
    mesh_run(NULL, outlives_a_shorter_log);
}
END_TEST

/* A consumer that was not there while its log went back and grew past where it was. */
static void outlives_a_log_rewritten(test_mesh *mesh)
{
    char data[512], copy[512];
    snprintf(data, sizeof data, "%s/jetstream", furrow_test_server_dir(mesh->nats));
    snprintf(copy, sizeof copy, "%s/copy", furrow_test_tempdir());
    furrow_replica *replica = mesh_settled(mesh, 300);
    furrow_test_server_stop(mesh->nats);
    AWAIT(away(mesh));
    copy_dir(data, copy);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    mesh_put_many(mesh, "p", 0, 100, 1); /* 301 to 400, of which nothing newer than 300 may be stored as position */
    mesh_await_rest(mesh, "timesheet");
    mesh_end(replica);
    furrow_test_server_stop(mesh->nats);
    AWAIT(away(mesh));
    put_back(copy, data);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    /* Of the events that took the place of ours, those at 301 to 400 that are left are few: the rest was superseded. */
    for (int round = 0; round < 3; round++) mesh_put_many(mesh, "p", 200, 299, 2 + round);
    mesh_put_many(mesh, "p", 150, 160, 9);
    replica = mesh_replica(mesh, (furrow_replica_options){0});
    check_right(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_log_that_grew_past_our_newest_is_told_by_what_is_left_before_it)
{
    mesh_run(NULL, outlives_a_log_rewritten);
}
END_TEST

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

/*
 * The log loses its last event and grows again as far, and nobody is there; its durable, which was told of that event,
 * loses nothing. If it is done with, it was buried: what is applied is told by the records.
 */
static void outlives_a_durable_ahead(test_mesh *mesh, bool done)
{
    char msgs[512], copy[512];
    snprintf(msgs, sizeof msgs, "%s/jetstream/$G/streams/PERSON/msgs", furrow_test_server_dir(mesh->nats));
    snprintf(copy, sizeof copy, "%s/copy", furrow_test_tempdir());
    furrow_replica *replica = mesh_settled(mesh, 300);
    furrow_test_server_stop(mesh->nats);
    AWAIT(away(mesh));
    copy_dir(msgs, copy);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    mesh_await_ready(replica);
    if (!done) config_set(mesh, "maxmemory", "1"); /* it stays in hand */
    uint64_t before = mesh_stats(replica).received;
    const furrow_bytes body = done ? (furrow_bytes){"\xff\xff", 2} : (furrow_bytes){"\x0a\x04p300", 6};
    ck_assert_uint_eq(mesh_publish(mesh, "replicatest.v1.Person.p300", body), 301);
    AWAIT(mesh_stats(replica).received > before && mesh_stats(replica).dead_lettered == done);
    if (done) mesh_await_rest(mesh, "timesheet");
    mesh_end(replica);
    config_set(mesh, "maxmemory", "0");
    furrow_test_server_stop(mesh->nats);
    AWAIT(away(mesh));
    put_back(copy, msgs);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
    ck_assert_uint_eq(mesh_put(mesh, "p300", "in its place", 1), 301);
    replica = mesh_replica(mesh, (furrow_replica_options){0});
    check_right(mesh, replica);
    mesh_end(replica);
}

static void outlives_what_was_buried(test_mesh *mesh)
{
    outlives_a_durable_ahead(mesh, true);
}

START_TEST(what_takes_the_place_of_a_lost_event_that_was_buried_is_applied)
{
    mesh_run(NULL, outlives_what_was_buried);
}
END_TEST

static void outlives_what_was_in_hand(test_mesh *mesh)
{
    outlives_a_durable_ahead(mesh, false);
}

START_TEST(what_takes_the_place_of_a_lost_event_that_was_in_hand_is_applied)
{
    mesh_run(NULL, outlives_what_was_in_hand);
}
END_TEST

/* What cannot be applied cannot be read either: so nothing is, until it can. */
static void outlives_a_full_redis(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 200);
    config_set(mesh, "maxmemory", "1");
    uint64_t newest = mesh_put(mesh, "p0", "not yet", 1);
    AWAIT(furrow_store_refusal(mesh->store)[0]);
    AWAIT(!mesh_ready(replica));
    ck_assert(furrow_store_connected(mesh->store));
    for (int i = 0; i < 5; i++) ck_assert(!read_is_right(replica, "p0", newest));
    AWAIT(strstr(furrow_replica_describe(replica), "Redis"));
    config_set(mesh, "maxmemory", "0");
    mesh_await_ready(replica);
    while (!read_is_right(replica, "p0", newest)) furrow_task_sleep_ms(1);
    check_right(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_full_redis_takes_readiness_and_is_right_when_there_is_room)
{
    mesh_run(NULL, outlives_a_full_redis);
}
END_TEST

/* Nobody knows what it has evicted. */
static void refuses_to_be_evicted(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 500);
    config_set(mesh, "maxmemory-policy", "allkeys-lru"); /* without a bound nothing is evicted */
    config_set(mesh, "maxmemory", "1gb");
    AWAIT(!mesh_ready(replica) && strstr(furrow_replica_describe(replica), "maxmemory-policy allkeys-lru"));
    ck_assert(!read_is_right(replica, "p7", 8));
    mesh_redis(mesh, "DEL", "timesheet:{Person}:p7", NULL); /* as if it were */
    config_set(mesh, "maxmemory-policy", "noeviction");
    mesh_await_ready(replica);
    ck_assert_uint_ge(mesh_stats(replica).replayed, 500);
    while (!read_is_right(replica, "p7", 8)) furrow_task_sleep_ms(1);
    check_right(mesh, replica);
    mesh_end(replica);
}

START_TEST(a_redis_that_may_evict_is_named_and_built_again_when_it_no_longer_may)
{
    mesh_run(NULL, refuses_to_be_evicted);
}
END_TEST

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

/* Shorter than the time between two looks: nobody sees the policy, but what it did. */
static void is_evicted_for_a_moment(test_mesh *mesh)
{
    furrow_replica *replica = mesh_settled(mesh, 500);
    char most[32];
    uint64_t before = mesh_stats(replica).replayed;
    unsigned long long evicted = 0;
    config_set(mesh, "maxmemory-policy", "allkeys-random");
    while (evicted == 0) {
        snprintf(most, sizeof most, "%llu", info(mesh, "used_memory") - 2000);
        config_set(mesh, "maxmemory", most);
        evicted = info(mesh, "evicted_keys");
        config_set(mesh, "maxmemory", "0");
    }
    config_set(mesh, "maxmemory-policy", "noeviction");
    AWAIT(mesh_stats(replica).replayed >= before + 500);
    mesh_await_ready(replica);
    while (!read_is_right(replica, "p7", 8)) furrow_task_sleep_ms(1);
    check_right(mesh, replica);
    mesh_end(replica);
}

START_TEST(what_was_evicted_in_a_moment_that_nobody_saw_is_built_again)
{
    mesh_run(NULL, is_evicted_for_a_moment);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica trust");
    TCase *tests = tcase_create("replica trust");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, a_redis_flushed_again_while_it_is_built_misses_nothing_and_answers_nothing_wrong);
    tcase_add_test(tests, a_redis_that_comes_back_older_is_not_read_before_it_was_replayed);
    tcase_add_test(tests, a_log_put_back_under_a_living_process_is_noticed_before_its_first_answer);
    tcase_add_test(tests, a_log_that_grew_past_our_newest_is_told_by_what_is_left_before_it);
    tcase_add_test(tests, what_takes_the_place_of_a_lost_event_that_was_buried_is_applied);
    tcase_add_test(tests, what_takes_the_place_of_a_lost_event_that_was_in_hand_is_applied);
    tcase_add_test(tests, a_full_redis_takes_readiness_and_is_right_when_there_is_room);
    tcase_add_test(tests, a_redis_that_may_evict_is_named_and_built_again_when_it_no_longer_may);
    tcase_add_test(tests, what_was_evicted_in_a_moment_that_nobody_saw_is_built_again);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
