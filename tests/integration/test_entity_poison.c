/*
 * Poison: what lies on an entity's subject and is no state of it, as the server's own replies put it there and as
 * whoever may publish can. The owner goes on from the last good state.
 */
#include "log_world.h"

#include "base/loop.h"
#include "wire/message.h"

#define SUBJECT "logtest.v1.Counter.c1"
#define HISTORY 3

static furrow_error err;
static furrow_written written;

static uint64_t last_sequence(log_world *world)
{
    return log_stored(world, "c1").sequence;
}

/* Something that makes the server, or us, store a message on c1's subject. */
static void send_raw(log_world *world, const char *subject, const char *reply, const char *body)
{
    furrow_outgoing out = {.subject = subject, .reply = reply, .data = furrow_bytes_of(body)};
    log_must(furrow_link_publish(world->other_link, &out, &err), &err);
}

static void store(log_world *world, const char *subject, furrow_bytes body, const furrow_header headers[], size_t count)
{
    furrow_js_puback ack;
    furrow_js_publish_options options = {
        .expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = headers, .header_count = count};
    log_must(furrow_js_publish(world->other_link, subject, body, &options, log_soon(), &ack, &err), &err);
}

static void pull_nothing(log_world *world)
{
    send_raw(world, "$JS.API.CONSUMER.MSG.NEXT.BADGE_CLAIM.idle", SUBJECT, "{\"batch\":1,\"no_wait\":true}"); /* 404 */
}

static void pull_until_tired(log_world *world)
{
    send_raw(world, "$JS.API.CONSUMER.MSG.NEXT.BADGE_CLAIM.idle", SUBJECT,
             "{\"batch\":1,\"expires\":1000000}"); /* 408 */
}

static void ask_for_info(log_world *world)
{
    send_raw(world, "$JS.API.STREAM.INFO.COUNTER", SUBJECT, "");
}

static void ask_nonsense(log_world *world)
{
    send_raw(world, "$JS.API.STREAM.INFO.NONE", SUBJECT, "");
}

static void publish_with_ack(log_world *world)
{
    send_raw(world, "logtest.v1.BadgeClaim.x", SUBJECT, "x");
}

static void publish_empty(log_world *world)
{
    store(world, SUBJECT, (furrow_bytes){NULL, 0}, NULL, 0);
}

static void publish_half_a_deletion(log_world *world)
{
    const furrow_header headers[] = {{"ce-type", "logtest.v1.Counter.deleted"}, {"ce-source", "/counting"}};
    store(world, SUBJECT, (furrow_bytes){NULL, 0}, headers, 2);
}

static void publish_anothers_deletion(log_world *world)
{
    const furrow_header headers[] = {{"ce-specversion", "1.0"},
                                     {"ce-id", "1"},
                                     {"ce-type", "logtest.v1.CounterKey.deleted"},
                                     {"ce-source", "/counting"}};
    store(world, SUBJECT, (furrow_bytes){NULL, 0}, headers, 4);
}

static void publish_garbage(log_world *world)
{
    store(world, SUBJECT, FURROW_BYTES_LITERAL("\xff\xff\xff"), NULL, 0);
}

static void publish_anothers_state(log_world *world)
{
    store(world, SUBJECT,
          FURROW_BYTES_LITERAL("\x0a\x02"
                               "c2"),
          NULL, 0);
}

/* The right id, and so many unknown fields that they take a hundred times their bytes in memory. */
static void publish_a_flood_of_fields(log_world *world)
{
    static char body[900000];
    memset(body, 'x', sizeof body);
    memcpy(body,
           "\x0a\x02"
           "c1",
           4);
    store(world, SUBJECT, (furrow_bytes){body, sizeof body}, NULL, 0);
}

static void publish_no_id(log_world *world)
{
    store(world, SUBJECT, FURROW_BYTES_LITERAL("\x10\x07"), NULL, 0);
}

/* A state of this very entity that breaks its rules. */
static void publish_forbidden(log_world *world)
{
    furrow_bytes body;
    test_counter counter = LOGTEST__V1__COUNTER__INIT;
    counter.id = (char *)(uintptr_t) "c1";
    counter.value = LOG_FORBIDDEN_VALUE;
    log_must(furrow_message_pack(&counter.base, world->arena, &body, &err), &err);
    store(world, SUBJECT, body, NULL, 0);
}

static void (*const poisons[])(log_world *world) = {pull_nothing,
                                                    pull_until_tired,
                                                    ask_for_info,
                                                    ask_nonsense,
                                                    publish_with_ack,
                                                    publish_empty,
                                                    publish_half_a_deletion,
                                                    publish_anothers_deletion,
                                                    publish_garbage,
                                                    publish_anothers_state,
                                                    publish_no_id,
                                                    publish_a_flood_of_fields,
                                                    publish_forbidden};
enum { POISONS = sizeof poisons / sizeof *poisons };

static void poison(log_world *world, size_t which)
{
    uint64_t before = last_sequence(world);
    poisons[which](world);
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(last_sequence(world) > before, 10000), "poison %zu", which);
}

/* A consumer with nothing to deliver, for the statuses of pulls. */
static void make_idle_consumer(log_world *world)
{
    furrow_msg *reply;
    furrow_outgoing out = {.subject = "$JS.API.CONSUMER.DURABLE.CREATE.BADGE_CLAIM.idle",
                           .data = furrow_bytes_of("{\"stream_name\":\"BADGE_CLAIM\",\"config\":{\"durable_name\":"
                                                   "\"idle\",\"ack_policy\":\"explicit\",\"filter_subject\":"
                                                   "\"logtest.v1.BadgeClaim.nobody\"}}")};
    log_must(furrow_link_request(world->link, &out, log_soon(), &reply, &err), &err);
    ck_assert_msg(!memmem(reply->data.data, reply->data.len, "\"error\"", 7), "%.*s", (int)reply->data.len,
                  (const char *)reply->data.data);
    furrow_msg_free(reply);
}

static void begin(log_world *world, int64_t value)
{
    furrow_command command = log_command();
    make_idle_consumer(world);
    log_must(log_set(world->counters, world->arena, "c1", value, &command, &written, &err), &err);
}

static void flush_redis(log_world *world)
{
    furrow_value value;
    const furrow_bytes flush[] = {FURROW_BYTES_LITERAL("FLUSHALL")};
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
}

static const char *newest_type(log_world *world)
{
    furrow_js_stored stored = log_stored(world, "c1");
    return furrow_js_stored_header(&stored, "ce-type", world->arena);
}

static void every_kind(log_world *world)
{
    begin(world, 1);
    for (size_t i = 0; i < POISONS; i++) {
        poison(world, i);
        furrow_state state = log_newest(world, "c1");
        ck_assert_msg(state.message && log_value(&state) == (int64_t)i + 1, "poison %zu", i);
        ck_assert_str_eq(newest_type(world), "logtest.v1.Counter.restored");
        ck_assert_uint_eq(state.version, last_sequence(world));
        ck_assert_uint_eq(log_load(world, "c1").version, state.version);

        /* And with a command that meets it. */
        poison(world, i);
        furrow_command command = log_command();
        log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
        ck_assert_int_eq(log_value(&written.state), (int64_t)i + 2);
        ck_assert_uint_eq(last_sequence(world), written.state.version);
    }
}

START_TEST(whatever_is_no_state_is_recognised_and_the_last_good_one_restored)
{
    log_run(every_kind);
}
END_TEST

static void without_redis(log_world *world)
{
    begin(world, 7);
    for (size_t i = 0; i < POISONS; i++) {
        for (int kept = 1; kept < HISTORY; kept++) poison(world, (i + (size_t)kept) % POISONS);
        flush_redis(world);
        furrow_state state = log_newest(world, "c1");
        ck_assert_int_eq(log_value(&state), 7);
    }
}

START_TEST(the_log_alone_gives_the_last_good_state_back)
{
    log_run(without_redis);
}
END_TEST

static void pushed_out(log_world *world)
{
    begin(world, 7);
    for (size_t i = 0; i < POISONS; i++) {
        for (int kept = 0; kept < HISTORY + 2; kept++) poison(world, (i + (size_t)kept) % POISONS);
        furrow_command command = log_command();
        log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
        ck_assert_int_eq(log_value(&written.state), 8 + (int64_t)i);
    }
}

START_TEST(redis_gives_back_what_the_log_has_lost)
{
    log_run(pushed_out);
}
END_TEST

static void lost_everywhere(log_world *world)
{
    begin(world, 7);
    for (size_t i = 0; i < HISTORY; i++) poison(world, i);
    flush_redis(world);
    furrow_state state;
    furrow_command command = log_command();
    ck_assert_int_eq(furrow_entity_load_log(world->counters, "c1", world->arena, &state, &err), FURROW_DATA_LOSS);
    ck_assert_msg(strstr(err.text, "backup"), "%s", err.text);
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), FURROW_DATA_LOSS);

    /* What the text says helps. */
    store(world, SUBJECT,
          FURROW_BYTES_LITERAL("\x0a\x02"
                               "c1\x10\x07"),
          NULL, 0);
    log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    ck_assert_int_eq(log_value(&written.state), 8);
}

START_TEST(what_is_lost_in_both_is_data_loss_that_says_what_to_do)
{
    log_run(lost_everywhere);
}
END_TEST

static void never_was(log_world *world)
{
    make_idle_consumer(world);
    publish_garbage(world);
    furrow_state state = log_newest(world, "c1");
    ck_assert(!state.message && !state.deleted);
    furrow_command command = log_command();
    log_must(log_set(world->counters, world->arena, "c1", 5, &command, &written, &err), &err);
    ck_assert(written.wrote);
    state = log_newest(world, "c1");
    ck_assert_int_eq(log_value(&state), 5);
}

START_TEST(an_entity_that_never_was_can_still_be_created)
{
    log_run(never_was);
}
END_TEST

static void after_deletion(log_world *world)
{
    begin(world, 7);
    furrow_command removal = log_keyed("remove", "c1");
    log_must(log_delete(world->counters, world->arena, "c1", &removal, &written, &err), &err);
    log_await_window_closed(world);
    poison(world, 0);
    furrow_state state = log_newest(world, "c1");
    ck_assert(state.deleted);
    ck_assert_str_eq(newest_type(world), "logtest.v1.Counter.restored.deleted");
    ck_assert_uint_eq(log_stored(world, "c1").data.len, 0);
    log_must(log_delete(world->counters, world->arena, "c1", &removal, &written, &err), &err);
    ck_assert(written.repeated); /* its commands are restored as well */
}

START_TEST(a_deletion_is_restored_as_a_deletion)
{
    log_run(after_deletion);
}
END_TEST

static void repeated_over_poison(log_world *world)
{
    make_idle_consumer(world);
    furrow_command add = log_keyed("k1", "add 5");
    log_must(log_add(world->counters, world->arena, "c1", 5, &add, &written, &err), &err);
    log_await_window_closed(world);
    poison(world, 1);
    flush_redis(world);
    log_must(log_add(world->counters, world->arena, "c1", 5, &add, &written, &err), &err);
    ck_assert(written.repeated);
    ck_assert_int_eq(log_value(&written.state), 5);
}

START_TEST(a_repeated_command_is_known_after_a_restore)
{
    log_run(repeated_over_poison);
}
END_TEST

#define READERS 40
static int readers_running;

static void read_newest(void *arg)
{
    furrow_error error = {0};
    furrow_state state;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    log_must(furrow_entity_load_log(arg, "c1", arena, &state, &error), &error);
    ck_assert_int_eq(log_value(&state), 7);
    readers_running--;
}

/* Of two links that find it at once, as two processes would. */
static void many_restore(log_world *world)
{
    begin(world, 7);
    uint64_t before = last_sequence(world);
    poison(world, 2);
    readers_running = READERS;
    for (int i = 0; i < READERS; i++)
        log_must(furrow_loop_spawn(world->loop, read_newest, i % 2 ? world->counters : world->other_counters, &err),
                 &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(readers_running == 0, 30000));
    ck_assert_uint_eq(last_sequence(world), before + 2); /* the poison, and one restored state */
}

START_TEST(of_many_who_find_poison_one_restores)
{
    log_run(many_restore);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity_poison");
    TCase *cases = tcase_create("entity_poison");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, whatever_is_no_state_is_recognised_and_the_last_good_one_restored);
    tcase_add_test(cases, the_log_alone_gives_the_last_good_state_back);
    tcase_add_test(cases, redis_gives_back_what_the_log_has_lost);
    tcase_add_test(cases, what_is_lost_in_both_is_data_loss_that_says_what_to_do);
    tcase_add_test(cases, an_entity_that_never_was_can_still_be_created);
    tcase_add_test(cases, a_deletion_is_restored_as_a_deletion);
    tcase_add_test(cases, a_repeated_command_is_known_after_a_restore);
    tcase_add_test(cases, of_many_who_find_poison_one_restores);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
