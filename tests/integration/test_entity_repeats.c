/* Idempotency keys: a repeated command takes effect once, whenever and wherever it comes again. */
#include "log_world.h"

#include "base/loop.h"

static furrow_written written;
static furrow_error err;

static void repeat(log_world *world, furrow_entity *entity)
{
    furrow_command add = log_keyed("k1", "add 5");
    log_must(log_add(entity, world->arena, "c1", 5, &add, &written, &err), &err);
    ck_assert(written.repeated && !written.wrote);
    ck_assert_int_eq(log_value(&written.state), 5);
}

static void repeats(log_world *world)
{
    furrow_command add = log_keyed("k1", "add 5"), other = log_keyed("k1", "add 6");
    log_must(log_add(world->counters, world->arena, "c1", 5, &add, &written, &err), &err);
    ck_assert(written.wrote && !written.repeated);
    uint64_t first = written.state.version;
    repeat(world, world->counters);
    ck_assert_uint_eq(written.state.version, first);
    repeat(world, world->other_counters);
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 6, &other, &written, &err), FURROW_INVALID_ARGUMENT);

    /* Something else happened since: the answer is still what the first one made. */
    furrow_command plain = log_command();
    log_must(log_add(world->counters, world->arena, "c1", 100, &plain, &written, &err), &err);
    repeat(world, world->counters);
    ck_assert_uint_eq(written.state.version, first);

    /* The server's window is over. */
    log_await_window_closed(world);
    repeat(world, world->counters);
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 6, &other, &written, &err), FURROW_INVALID_ARGUMENT);
    furrow_state now = log_newest(world, "c1");
    ck_assert_int_eq(log_value(&now), 105);

    /* The log has forgotten that state (it keeps three): the answer is the present one. */
    for (int i = 0; i < 3; i++)
        log_must(log_add(world->counters, world->arena, "c1", 100, &plain, &written, &err), &err);
    log_must(log_add(world->counters, world->arena, "c1", 5, &add, &written, &err), &err);
    ck_assert(written.repeated);
    ck_assert_int_eq(log_value(&written.state), 405);
}

START_TEST(a_repeated_command_takes_effect_once_and_gets_the_same_answer)
{
    log_run(repeats);
}
END_TEST

/* Redis has lost everything, the first state read knows no command: the server's window finds the duplicate. */
static void repeats_without_redis(log_world *world)
{
    furrow_command add = log_keyed("k1", "add 5"), other = log_keyed("k1", "add 6");
    furrow_value value;
    const furrow_bytes flush[] = {FURROW_BYTES_LITERAL("FLUSHALL")};
    log_must(log_add(world->counters, world->arena, "c1", 5, &add, &written, &err), &err);
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
    repeat(world, world->counters);
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 6, &other, &written, &err), FURROW_INVALID_ARGUMENT);
    log_await_window_closed(world);
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
    repeat(world, world->counters);
}

START_TEST(a_repeated_command_is_recognised_though_redis_lost_everything)
{
    log_run(repeats_without_redis);
}
END_TEST

static void window_of_commands(log_world *world)
{
    for (int i = 0; i < FURROW_ENTITY_COMMANDS + 2; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %d", i);
        furrow_command command = log_keyed(key, "add 1");
        log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
        ck_assert(written.wrote);
    }
    log_await_window_closed(world);
    furrow_command kept = log_keyed("key 2", "add 1"), dropped = log_keyed("key 1", "add 1");
    log_must(log_add(world->counters, world->arena, "c1", 1, &kept, &written, &err), &err);
    ck_assert(written.repeated);
    log_must(log_add(world->counters, world->arena, "c1", 1, &dropped, &written, &err), &err);
    ck_assert(written.wrote);
}

START_TEST(the_last_eight_commands_are_remembered)
{
    log_run(window_of_commands);
}
END_TEST

static void repeated_create_and_delete(log_world *world)
{
    furrow_command create = log_keyed("create", "c"), again = log_keyed("create", "c"),
                   removal = log_keyed("remove", "c");
    char id[FURROW_ID_SIZE], same[FURROW_ID_SIZE];
    furrow_entity_new_id(&create, id);
    furrow_entity_new_id(&again, same);
    ck_assert_str_eq(id, same);
    log_must(log_set(world->counters, world->arena, id, 1, &create, &written, &err), &err);
    uint64_t created = written.state.version;
    log_must(log_delete(world->counters, world->arena, id, &removal, &written, &err), &err);
    uint64_t removed = written.state.version;
    log_await_window_closed(world);

    /* A create that comes again after the delete must not bring it back. */
    log_must(log_set(world->counters, world->arena, id, 1, &create, &written, &err), &err);
    ck_assert(written.repeated && written.state.version == created);
    log_must(log_delete(world->counters, world->arena, id, &removal, &written, &err), &err);
    ck_assert(written.repeated && written.state.deleted && written.state.version == removed);
    ck_assert(log_newest(world, id).deleted);

    /* But a new one may. */
    furrow_command fresh = log_command();
    log_must(log_set(world->counters, world->arena, id, 9, &fresh, &written, &err), &err);
    ck_assert(written.wrote);
    log_must(log_delete(world->counters, world->arena, id, &removal, &written, &err), &err);
    ck_assert(written.repeated);
    ck_assert(!log_newest(world, id).deleted);
    furrow_command none = log_command();
    furrow_entity_new_id(&none, id);
    ck_assert(strcmp(id, same) != 0 && furrow_id_valid(id, strlen(id)));
}

START_TEST(a_repeated_create_does_not_undo_a_delete)
{
    log_run(repeated_create_and_delete);
}
END_TEST

static void two_entities_one_command(log_world *world)
{
    furrow_command command = log_keyed("k1", "both");
    log_must(log_add(world->counters, world->arena, "c1", 5, &command, &written, &err), &err);
    ck_assert(written.wrote);
    log_must(log_add(world->counters, world->arena, "c2", 5, &command, &written, &err), &err);
    ck_assert(written.wrote);
}

START_TEST(one_command_may_write_two_entities)
{
    log_run(two_entities_one_command);
}
END_TEST

#define TWINS 40
static int twins_running, twins_wrote;

static void twin(void *arg)
{
    furrow_error error = {0};
    furrow_written mine;
    furrow_command command = log_keyed("twins", "add 1");
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    log_must(log_add(arg, arena, "c1", 1, &command, &mine, &error), &error);
    ck_assert_int_eq(log_value(&mine.state), 1);
    ck_assert(mine.wrote != mine.repeated);
    twins_wrote += mine.wrote;
    twins_running--;
}

static void twins(log_world *world)
{
    twins_running = TWINS;
    twins_wrote = 0;
    for (int i = 0; i < TWINS; i++)
        log_must(furrow_loop_spawn(world->loop, twin, i % 2 ? world->counters : world->other_counters, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(twins_running == 0, 30000));
    ck_assert_int_eq(twins_wrote, 1);
    furrow_state state = log_newest(world, "c1");
    ck_assert_int_eq(log_value(&state), 1);
}

START_TEST(of_forty_copies_of_a_command_at_once_one_writes_and_all_get_its_answer)
{
    log_run(twins);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity_repeats");
    TCase *cases = tcase_create("entity_repeats");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, a_repeated_command_takes_effect_once_and_gets_the_same_answer);
    tcase_add_test(cases, a_repeated_command_is_recognised_though_redis_lost_everything);
    tcase_add_test(cases, the_last_eight_commands_are_remembered);
    tcase_add_test(cases, a_repeated_create_does_not_undo_a_delete);
    tcase_add_test(cases, one_command_may_write_two_entities);
    tcase_add_test(cases, of_forty_copies_of_a_command_at_once_one_writes_and_all_get_its_answer);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
