/* Erasing: nothing of the entity is left in the log or in Redis, whatever happened half-way. */
#include "log_world.h"

#include "base/loop.h"

#define SUBJECT "logtest.v1.Counter.c1"
#define HISTORY 3

static furrow_error err;
static furrow_written written;
static furrow_erased erased;

static furrow_status decide_deletion(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                     furrow_error *error)
{
    const bool *refuse = arg;
    if (current->message && refuse && *refuse) return furrow_fail(error, FURROW_FAILED_PRECONDITION, "not this one");
    out->remove = current->message != NULL;
    return FURROW_OK;
}

static furrow_status erase_with(log_world *world, furrow_entity *entity, furrow_command command, bool *refuse)
{
    furrow_write write = {.id = "c1", .command = &command, .from_log = true, .decide = decide_deletion, .arg = refuse};
    return furrow_entity_erase(entity, &write, world->arena, &erased, &err);
}

static void erase(log_world *world)
{
    log_must(erase_with(world, world->counters, log_command(), NULL), &err);
}

static void add(log_world *world, int times)
{
    furrow_command command = log_command();
    for (int i = 0; i < times; i++)
        log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
}

/* Messages of c1 that the log holds and that have a body. */
static int bodies(log_world *world)
{
    int count = 0;
    furrow_js_stored stored = {.sequence = 0};
    while (furrow_js_get_next(world->link, log_counter.stream, SUBJECT, stored.sequence + 1, log_soon(), world->arena,
                              &stored, &err) == FURROW_OK)
        count += stored.data.len > 0;
    return count;
}

static int64_t redis_number(log_world *world, const char *verb, const char *key)
{
    furrow_value value;
    const furrow_bytes argv[] = {furrow_bytes_of(verb), furrow_bytes_of(key)};
    log_must(furrow_store_command(world->store, argv, 2, world->arena, &value, &err), &err);
    return value.integer;
}

static void check_nothing_left(log_world *world)
{
    ck_assert_int_eq(bodies(world), 0);
    ck_assert_int_eq(redis_number(world, "STRLEN", "counting:{Counter}:c1"), 8); /* the tombstone's version */
    ck_assert_int_eq(redis_number(world, "EXISTS", "counting:@idem:k"), 0);
    ck_assert_int_eq(redis_number(world, "EXISTS", "counting:@idem:of:" SUBJECT), 0);
    ck_assert(log_newest(world, "c1").deleted);
}

static void whole(log_world *world)
{
    static const char *const of[] = {SUBJECT};
    add(world, 5);
    furrow_remembered what = {
        .service = "counting", .key = "k", .value = furrow_bytes_of("x"), .of = of, .of_count = 1};
    log_must(furrow_store_remember(world->store, &what, 3600, NULL, &err), &err);
    ck_assert_int_eq(redis_number(world, "EXISTS", "counting:@idem:k"), 1);
    ck_assert_int_eq(bodies(world), HISTORY);
    erase(world);
    ck_assert_uint_eq(erased.states, HISTORY);
    check_nothing_left(world);

    uint64_t last = log_stored(world, "c1").sequence;
    erase(world);
    ck_assert_uint_eq(erased.states, 0);
    ck_assert_uint_eq(log_stored(world, "c1").sequence, last); /* nothing was left to do */
    check_nothing_left(world);
}

START_TEST(an_erasure_leaves_tombstones_and_nothing_else)
{
    log_run(whole);
}
END_TEST

static void cut_short(log_world *world)
{
    furrow_command command = log_command();
    add(world, 5);
    log_must(log_delete(world->counters, world->arena, "c1", &command, &written, &err), &err);
    ck_assert_int_eq(bodies(world), HISTORY - 1);
    erase(world);
    ck_assert_uint_eq(erased.states, HISTORY - 1);
    check_nothing_left(world);
}

START_TEST(an_erasure_that_was_cut_short_is_finished_by_the_next)
{
    log_run(cut_short);
}
END_TEST

static void over_poison(log_world *world)
{
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    add(world, 2);
    log_must(furrow_js_publish(world->other_link, SUBJECT, furrow_bytes_of("garbage"), &any, log_soon(), &ack, &err),
             &err);
    erase(world);
    check_nothing_left(world);
    log_must(furrow_js_publish(world->other_link, SUBJECT, furrow_bytes_of("garbage"), &any, log_soon(), &ack, &err),
             &err);
    erase(world);
    check_nothing_left(world);
}

START_TEST(strangers_bytes_are_erased_as_well)
{
    log_run(over_poison);
}
END_TEST

static void without_redis(log_world *world)
{
    add(world, 3);
    furrow_test_server_kill(world->redis);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_store_connected(world->store), 10000));
    ck_assert_int_eq(erase_with(world, world->counters, log_command(), NULL), FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "ask again"), "%s", err.text);
    furrow_test_server_restart(world->redis);
    ck_assert(furrow_store_wait_connected(world->store, log_soon()));
    erase(world);
    ck_assert_int_eq(bodies(world), 0);
}

START_TEST(what_could_not_be_erased_is_said)
{
    log_run(without_redis);
}
END_TEST

static void refused(log_world *world)
{
    bool refuse = true;
    add(world, 3);
    ck_assert_int_eq(erase_with(world, world->counters, log_command(), &refuse), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(bodies(world), HISTORY);

    /* A repeated command does not reach what came to be after it. */
    furrow_command keyed = log_keyed("erase", "c1");
    log_must(erase_with(world, world->counters, keyed, NULL), &err);
    add(world, 1);
    log_must(erase_with(world, world->counters, keyed, NULL), &err);
    furrow_state state = log_newest(world, "c1");
    ck_assert_int_eq(log_value(&state), 1);
}

START_TEST(an_erasure_deletes_what_its_decision_deletes_and_no_more)
{
    log_run(refused);
}
END_TEST

static void never_was(log_world *world)
{
    erase(world);
    ck_assert(!erased.written.wrote && erased.states == 0);
}

START_TEST(what_never_was_needs_no_erasure)
{
    log_run(never_was);
}
END_TEST

#define WRITERS 20
static int writers_running;

static void write_on(void *arg)
{
    log_world *world = arg;
    furrow_error error = {0};
    furrow_written mine;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    for (int i = 0; i < 5; i++) {
        furrow_command command = log_command();
        furrow_status status = log_add(world->other_counters, arena, "c1", 1, &command, &mine, &error);
        ck_assert_msg(status == FURROW_OK || status == FURROW_ABORTED, "%s", error.text);
    }
    writers_running--;
}

/* Each write between two tombstones makes the entity anew; the decision is asked about that one too. */
static void against_writers(log_world *world)
{
    add(world, 3);
    writers_running = WRITERS;
    for (int i = 0; i < WRITERS; i++) log_must(furrow_loop_spawn(world->loop, write_on, world, &err), &err);
    while (writers_running > 0) {
        furrow_status status = erase_with(world, world->counters, log_command(), NULL);
        ck_assert_msg(status == FURROW_OK || status == FURROW_ABORTED || status == FURROW_UNAVAILABLE, "%s", err.text);
    }
    erase(world);
    check_nothing_left(world);
}

START_TEST(an_erasure_among_writers_comes_to_its_end)
{
    log_run(against_writers);
}
END_TEST

/* Neither the state that it made nor any later one is there to answer with. */
static void repeated_after(log_world *world)
{
    furrow_command keyed = log_keyed("add", "c1");
    log_must(log_add(world->counters, world->arena, "c1", 1, &keyed, &written, &err), &err);
    erase(world);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 1, &keyed, &written, &err), FURROW_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(err.text, "took effect"));
        log_await_window_closed(world);
    }
    furrow_command other = log_keyed("add", "another request");
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 1, &other, &written, &err), FURROW_INVALID_ARGUMENT);
}

START_TEST(what_is_repeated_after_an_erasure_is_told_so)
{
    log_run(repeated_after);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity_erase");
    TCase *cases = tcase_create("entity_erase");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, an_erasure_leaves_tombstones_and_nothing_else);
    tcase_add_test(cases, an_erasure_that_was_cut_short_is_finished_by_the_next);
    tcase_add_test(cases, strangers_bytes_are_erased_as_well);
    tcase_add_test(cases, what_could_not_be_erased_is_said);
    tcase_add_test(cases, what_is_repeated_after_an_erasure_is_told_so);
    tcase_add_test(cases, an_erasure_deletes_what_its_decision_deletes_and_no_more);
    tcase_add_test(cases, what_never_was_needs_no_erasure);
    tcase_add_test(cases, an_erasure_among_writers_comes_to_its_end);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
