/*
 * One hot entity: very many writers at once, of one process and of two. Within a process each has its turn, and none
 * ends ABORTED; what cannot be in time is refused with a reason; nothing waits for itself.
 */
#include "log_world.h"

#include "wire/message.h"

#define WRITERS     1000
#define TWO_WAY     200
#define PATIENCE_MS 60000

static furrow_error err;

typedef struct crowd {
    log_world *world;
    int running;
    size_t statuses[17];
    uint64_t lowest, highest; /* versions that were answered */
    char text[256];           /* of the last failure */
} crowd;

static crowd the;

static void note(furrow_status status, const furrow_error *error, uint64_t version)
{
    the.running--;
    the.statuses[status]++;
    if (status != FURROW_OK) {
        snprintf(the.text, sizeof the.text, "%s", error->text);
        return;
    }
    if (version > the.highest) the.highest = version;
    if (!the.lowest || version < the.lowest) the.lowest = version;
}

/* With time for its turn after a thousand others on a busy machine. */
static furrow_command unhurried(void)
{
    return (furrow_command){.deadline_ns = furrow_clock_now_ns() + PATIENCE_MS * FURROW_NS_PER_MS};
}

/* @count tasks of @fn at once, each given its number; until the last has ended. */
static void gather(log_world *world, furrow_task_fn *fn, size_t count)
{
    the = (crowd){.world = world, .running = (int)count};
    for (size_t i = 0; i < count; i++) log_must(furrow_loop_spawn(world->loop, fn, (void *)i, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.running == 0, PATIENCE_MS));
}

static void add_one(void *arg)
{
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = unhurried();
    furrow_status status = log_add(the.world->counters, arena, "hot", 1, &command, &written, &error);
    note(status, &error, written.state.version);
}

static void thousand(log_world *world)
{
    gather(world, add_one, WRITERS);
    ck_assert_msg(the.statuses[FURROW_OK] == WRITERS, "%zu of %d: %s", the.statuses[FURROW_OK], WRITERS, the.text);
    furrow_state state = log_load(world, "hot");
    ck_assert_int_eq(log_value(&state), WRITERS);
    ck_assert_uint_eq(the.highest - the.lowest,
                      WRITERS - 1); /* nobody else writes the stream: no version is left out */
    ck_assert_uint_eq(log_newest(world, "hot").version, the.highest);
}

/* The log does not answer for a while, and many wait long for their turn: none goes ahead without it. */
static void hesitating(log_world *world)
{
    furrow_js_stored stored;
    furrow_test_server_pause(world->nats);
    the = (crowd){.world = world, .running = WRITERS};
    for (size_t i = 0; i < WRITERS; i++) log_must(furrow_loop_spawn(world->loop, add_one, NULL, &err), &err);
    ck_assert_int_eq(furrow_js_get_last(world->other_link, log_counter.stream, "none",
                                        furrow_clock_now_ns() + 1000 * FURROW_NS_PER_MS, world->arena, &stored, &err),
                     FURROW_DEADLINE_EXCEEDED);
    furrow_test_server_resume(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(the.running == 0, PATIENCE_MS));
    ck_assert_msg(the.statuses[FURROW_OK] == WRITERS, "%zu of %d: %s", the.statuses[FURROW_OK], WRITERS, the.text);
    furrow_state state = log_load(world, "hot");
    ck_assert_int_eq(log_value(&state), WRITERS);
}

START_TEST(who_waits_long_does_not_go_ahead)
{
    log_run(hesitating);
}
END_TEST

START_TEST(of_a_thousand_writers_each_has_its_turn)
{
    log_run(thousand);
}
END_TEST

/* Creates, changes and deletes in turn: tombstones are handed over, too. */
static void add_or_delete(void *arg)
{
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = unhurried();
    furrow_status status = (size_t)arg % 3 == 2
                               ? log_delete(the.world->counters, arena, "hot", &command, &written, &error)
                               : log_add(the.world->counters, arena, "hot", 1, &command, &written, &error);
    note(status, &error, written.state.version);
}

static void coming_and_going(log_world *world)
{
    gather(world, add_or_delete, 900);
    ck_assert_msg(the.statuses[FURROW_OK] == 900, "%zu: %s", the.statuses[FURROW_OK], the.text);
    furrow_state state = log_newest(world, "hot");
    ck_assert(state.deleted); /* the last in the queue was a delete: first come, first served */
    ck_assert_uint_eq(state.version - the.lowest, 899);
}

START_TEST(deletes_take_their_turn_too)
{
    log_run(coming_and_going);
}
END_TEST

/* With keys: each is remembered by the entity while it is among the last, and takes effect once. */
static void add_keyed(void *arg)
{
    char key[32];
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    snprintf(key, sizeof key, "k%zu", (size_t)arg / 2); /* each twice, one behind the other */
    furrow_command command = log_keyed(key, key);
    command.deadline_ns = unhurried().deadline_ns;
    furrow_status status = log_add(the.world->counters, arena, "hot", 1, &command, &written, &error);
    note(status, &error, written.state.version);
}

static void each_twice(log_world *world)
{
    gather(world, add_keyed, 600);
    ck_assert_msg(the.statuses[FURROW_OK] == 600, "%zu: %s", the.statuses[FURROW_OK], the.text);
    furrow_state state = log_load(world, "hot");
    ck_assert_int_eq(log_value(&state), 300);
}

START_TEST(a_repeated_command_in_the_queue_takes_effect_once)
{
    log_run(each_twice);
}
END_TEST

/* ---- nested writes ---- */

typedef struct nested {
    const char *outer, *inner;
} nested;

static furrow_status decide_nested(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *error)
{
    const nested *pair = arg;
    furrow_command command = unhurried();
    furrow_written inner;
    furrow_status status = log_add(the.world->counters, arena, pair->inner, 1, &command, &inner, error);
    if (status != FURROW_OK) return status;
    test_counter *next = (test_counter *)(current->message ? furrow_arena_memdup(arena, current->message, sizeof *next)
                                                           : furrow_message_new(log_counter.descriptor, arena));
    next->id = furrow_arena_strdup(arena, pair->outer);
    next->value++;
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

static void write_nested(void *arg)
{
    static const char *const ids[] = {"a", "b", "c"};
    size_t number = (size_t)arg;
    nested pair = {ids[number % 3], ids[(number + 1) % 3]}; /* a waits for b, b for c, c for a */
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = unhurried();
    furrow_write write = {.id = pair.outer, .command = &command, .decide = decide_nested, .arg = &pair};
    furrow_status status = furrow_entity_write(the.world->counters, &write, arena, &written, &error);
    note(status, &error, written.state.version);
}

static void in_a_circle(log_world *world)
{
    gather(world, write_nested, 90);
    ck_assert_msg(the.statuses[FURROW_OK] == 90, "%zu: %s", the.statuses[FURROW_OK], the.text);
}

START_TEST(writes_that_wait_for_each_other_in_a_circle_go_on)
{
    log_run(in_a_circle);
}
END_TEST

static bool holds_badge(const furrow_claim_request *request, const furrow_state *state)
{
    const test_counter *counter = (const test_counter *)state->message;
    return counter && strcmp(counter->badge, request->value) == 0;
}

static furrow_status decide_badge(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *error)
{
    char *id = arg;
    furrow_command command = unhurried();
    furrow_claim_request request = {.claims = the.world->claims,
                                    .holders = the.world->counters,
                                    .value = "B-1",
                                    .holder = id,
                                    .command = &command,
                                    .holds = holds_badge};
    furrow_status status = furrow_claim_take(&request, arena, error);
    if (status != FURROW_OK) return status;
    test_counter *next = (test_counter *)furrow_message_new(log_counter.descriptor, arena);
    next->id = id;
    next->badge = "B-1";
    *out = (furrow_decision){.next = &next->base, .event = "badged"};
    return FURROW_OK;
}

static void want_badge(void *arg)
{
    char id[32];
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = unhurried();
    snprintf(id, sizeof id, "w%zu", (size_t)arg);
    furrow_write write = {.id = id, .command = &command, .decide = decide_badge, .arg = id};
    furrow_status status = furrow_entity_write(the.world->counters, &write, arena, &written, &error);
    note(status, &error, written.state.version);
}

static void one_badge(log_world *world)
{
    gather(world, want_badge, WRITERS);
    ck_assert_uint_eq(the.statuses[FURROW_OK], 1);
    ck_assert_msg(the.statuses[FURROW_ALREADY_EXISTS] == WRITERS - 1, "%zu: %s", the.statuses[FURROW_ALREADY_EXISTS],
                  the.text);
}

START_TEST(of_a_thousand_claims_of_one_value_one_wins_and_none_is_aborted)
{
    log_run(one_badge);
}
END_TEST

/* ---- bounds ---- */

static void too_many(log_world *world)
{
    gather(world, add_one, FURROW_ENTITY_WAITING + 101);
    ck_assert_uint_eq(the.statuses[FURROW_OK], FURROW_ENTITY_WAITING + 1); /* one has the turn */
    ck_assert_uint_eq(the.statuses[FURROW_RESOURCE_EXHAUSTED], 100);
    furrow_state state = log_load(world, "hot");
    ck_assert_int_eq(log_value(&state), FURROW_ENTITY_WAITING + 1);
}

START_TEST(past_the_most_that_may_wait_they_are_refused_at_once)
{
    log_run(too_many);
}
END_TEST

static void add_in_haste(void *arg)
{
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = {.deadline_ns = furrow_clock_now_ns() + 300 * FURROW_NS_PER_MS};
    furrow_status status = log_add(the.world->counters, arena, "hot", 1, &command, &written, &error);
    note(status, &error, written.state.version);
}

static void log_stops(log_world *world)
{
    furrow_test_server_pause(world->nats);
    gather(world, add_in_haste, 100);
    ck_assert_msg(the.statuses[FURROW_DEADLINE_EXCEEDED] == 100, "%s", the.text);
    furrow_test_server_resume(world->nats);
    furrow_written written;
    furrow_command command = unhurried();
    log_must(log_set(world->counters, world->arena, "hot", 7, &command, &written, &err), &err); /* the queue is free */
    gather(world, add_one, 10);
    ck_assert_uint_eq(the.statuses[FURROW_OK], 10);
    furrow_state state = log_load(world, "hot");
    ck_assert_int_eq(log_value(&state), 17);
}

START_TEST(whose_turn_does_not_come_in_time_is_told_so)
{
    log_run(log_stops);
}
END_TEST

/* ---- two processes, as two entities over two links are ---- */

static void add_from_either_side(void *arg)
{
    furrow_error error = {0};
    furrow_written written = {.wrote = false};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = unhurried();
    furrow_entity *side = (size_t)arg % 2 ? the.world->counters : the.world->other_counters;
    furrow_status status = log_add(side, arena, "hot", 1, &command, &written, &error);
    note(status, &error, written.state.version);
}

/* How few end ABORTED depends on the machine; that each that was answered OK took effect once does not. */
static void two_sides(log_world *world)
{
    gather(world, add_from_either_side, 2 * TWO_WAY);
    printf("two processes, %d writers each: %zu OK, %zu ABORTED, %zu too late\n", TWO_WAY, the.statuses[FURROW_OK],
           the.statuses[FURROW_ABORTED], the.statuses[FURROW_DEADLINE_EXCEEDED]);
    ck_assert_msg(the.statuses[FURROW_OK] + the.statuses[FURROW_ABORTED] == 2 * TWO_WAY, "%s", the.text);
    furrow_state state = log_newest(world, "hot");
    ck_assert_int_eq(log_value(&state), (int64_t)the.statuses[FURROW_OK]);
}

START_TEST(writers_of_two_processes_lose_nothing)
{
    log_run(two_sides);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity_hot");
    TCase *tests = tcase_create("entity_hot");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, of_a_thousand_writers_each_has_its_turn);
    tcase_add_test(tests, who_waits_long_does_not_go_ahead);
    tcase_add_test(tests, deletes_take_their_turn_too);
    tcase_add_test(tests, a_repeated_command_in_the_queue_takes_effect_once);
    tcase_add_test(tests, writes_that_wait_for_each_other_in_a_circle_go_on);
    tcase_add_test(tests, of_a_thousand_claims_of_one_value_one_wins_and_none_is_aborted);
    tcase_add_test(tests, past_the_most_that_may_wait_they_are_refused_at_once);
    tcase_add_test(tests, whose_turn_does_not_come_in_time_is_told_so);
    tcase_add_test(tests, writers_of_two_processes_lose_nothing);
    return log_main(suite);
}
