/*
 * The write path against real servers: versions, conflicts, and what an event looks like. What
 * happens when the ack does not come is in test_entity_faults.c.
 */
#include "log_world.h"
#include "wire/trace.h"

static furrow_written written;
static furrow_error err;

static void creates_changes_deletes_and_creates_again(log_world *world)
{
    furrow_command command = log_command();
    log_must(log_set(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    uint64_t created = written.state.version;
    ck_assert(written.wrote && !written.repeated && created > 0);
    ck_assert_str_eq(written.subject, "logtest.v1.Counter.c1");
    ck_assert_uint_eq(log_load(world, "c1").version, created);
    ck_assert_int_eq(log_value(&(furrow_state){.message = log_load(world, "c1").message}), 1);

    log_must(log_add(world->counters, world->arena, "c1", 41, &command, &written, &err), &err);
    ck_assert_uint_gt(written.state.version, created);
    furrow_state now = log_load(world, "c1"), newest = log_newest(world, "c1");
    ck_assert_int_eq(log_value(&now), 42);
    ck_assert_int_eq(log_value(&newest), 42);
    ck_assert_uint_eq(now.version, newest.version);

    log_must(log_delete(world->counters, world->arena, "c1", &command, &written, &err), &err);
    ck_assert(written.wrote && written.state.deleted && !written.state.message);
    now = log_load(world, "c1");
    ck_assert(now.deleted && !now.message && now.version == written.state.version);
    ck_assert_uint_eq(log_stored(world, "c1").data.len, 0);

    log_must(log_set(world->counters, world->arena, "c1", 7, &command, &written, &err), &err);
    ck_assert_uint_gt(written.state.version, now.version);
    now = log_load(world, "c1");
    ck_assert_int_eq(log_value(&now), 7);
}

START_TEST(an_entity_is_created_changed_deleted_and_created_again)
{
    log_run(creates_changes_deletes_and_creates_again);
}
END_TEST

static void nothing_is_there(log_world *world)
{
    furrow_command command = log_command();
    furrow_state state = log_load(world, "nobody");
    ck_assert(!state.message && !state.deleted && state.version == 0);
    state = log_newest(world, "nobody");
    ck_assert(!state.message && !state.deleted && state.version == 0);
    log_must(log_delete(world->counters, world->arena, "nobody", &command, &written, &err), &err);
    ck_assert(!written.wrote && written.state.version == 0);
    ck_assert_int_eq(log_set(world->counters, world->arena, "no id", 1, &command, &written, &err),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(log_set(world->counters, world->arena, "", 1, &command, &written, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(furrow_entity_load(world->counters, "a.b", world->arena, &state, &err), FURROW_INVALID_ARGUMENT);
}

START_TEST(what_does_not_exist_is_no_error_and_a_wrong_id_is)
{
    log_run(nothing_is_there);
}
END_TEST

/* ---- decisions ---- */

typedef struct odd_decision {
    const char *id;
    const ProtobufCMessageDescriptor *descriptor;
    const char *event;
    bool remove;
    furrow_bytes secret;
    char *badge;
} odd_decision;

static furrow_status decide_oddly(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *error)
{
    const odd_decision *odd = arg;
    test_counter *next = furrow_arena_zalloc(arena, 256);
    protobuf_c_message_init(odd->descriptor, next);
    next->id = furrow_arena_strdup(arena, odd->id);
    if (odd->badge) next->badge = odd->badge;
    if (odd->secret.len)
        next->secret =
            (ProtobufCBinaryData){odd->secret.len, furrow_arena_memdup(arena, odd->secret.data, odd->secret.len)};
    *out = (furrow_decision){.next = odd->remove ? NULL : &next->base, .remove = odd->remove, .event = odd->event};
    return FURROW_OK;
}

static furrow_status write_oddly(log_world *world, odd_decision odd)
{
    furrow_command command = log_command();
    furrow_write write = {.id = "odd", .command = &command, .decide = decide_oddly, .arg = &odd};
    return furrow_entity_write(world->counters, &write, world->arena, &written, &err);
}

static void odd_decisions(log_world *world)
{
    const ProtobufCMessageDescriptor *counter = log_counter.descriptor;
    ck_assert_int_eq(write_oddly(world, (odd_decision){"another", counter}), FURROW_INTERNAL);
    ck_assert_int_eq(write_oddly(world, (odd_decision){"odd", log_claim.descriptor}), FURROW_INTERNAL);
    ck_assert_int_eq(write_oddly(world, (odd_decision){"odd", counter, "deleted"}), FURROW_INTERNAL);
    ck_assert_int_eq(write_oddly(world, (odd_decision){"odd", counter, "un.deleted"}), FURROW_INTERNAL);
    ck_assert_int_eq(write_oddly(world, (odd_decision){"odd", counter,
                                                       .secret = FURROW_BYTES_LITERAL(
                                                           "\x0a\x04plain text, as it should never get here")}),
                     FURROW_INTERNAL);
    ck_assert_int_eq(write_oddly(world, (odd_decision){"odd", counter, .badge = "cut \xc3"}), FURROW_INTERNAL);
    ck_assert_uint_eq(log_newest(world, "odd").version, 0);
    log_must(write_oddly(world, (odd_decision){"odd", counter, .badge = "a\xc0\x80z"}), &err);
    furrow_js_stored kept = log_stored(world, "odd");
    ck_assert_ptr_nonnull(memmem(kept.data.data, kept.data.len,
                                 "\x1a\x03"
                                 "a\0z",
                                 5));
    ck_assert_str_eq(((const test_counter *)log_newest(world, "odd").message)->badge, "a\xc0\x80z");
    furrow_state loaded;
    log_must(furrow_entity_load(world->counters, "odd", world->arena, &loaded, &err), &err);
    ck_assert_str_eq(((const test_counter *)loaded.message)->badge, "a\xc0\x80z");
    log_must(write_oddly(world, (odd_decision){"odd", counter}), &err);
    furrow_js_stored changed = log_stored(world, "odd");
    ck_assert_str_eq(furrow_js_stored_header(&changed, "ce-type", world->arena), "logtest.v1.Counter.changed");
    log_must(write_oddly(world, (odd_decision){"odd", counter, "retired", .remove = true}), &err);
    furrow_js_stored stored = log_stored(world, "odd");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-type", world->arena), "logtest.v1.Counter.retired.deleted");
}

START_TEST(a_decision_that_is_not_this_entity_writes_nothing)
{
    log_run(odd_decisions);
}
END_TEST

static furrow_status refuse(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                            furrow_error *error)
{
    ++*(int *)arg;
    return furrow_fail(error, FURROW_ABORTED, "not in the mood");
}

static void refusal(log_world *world)
{
    int asked = 0;
    furrow_command command = log_command();
    furrow_write write = {.id = "c1", .command = &command, .decide = refuse, .arg = &asked};
    ck_assert_int_eq(furrow_entity_write(world->counters, &write, world->arena, &written, &err), FURROW_ABORTED);
    ck_assert_str_eq(err.text, "not in the mood");
    ck_assert_int_eq(asked, 1);
}

START_TEST(a_refusal_of_the_decision_ends_the_command_as_it_is)
{
    log_run(refusal);
}
END_TEST

static void late(log_world *world)
{
    furrow_command command = {.deadline_ns = furrow_clock_now_ns() - 1};
    ck_assert_int_eq(log_set(world->counters, world->arena, "c1", 1, &command, &written, &err),
                     FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(log_newest(world, "c1").version, 0);
}

START_TEST(past_its_deadline_a_command_writes_nothing)
{
    log_run(late);
}
END_TEST

/* ---- conflicts ---- */

static void redis_is_behind(log_world *world)
{
    furrow_command command = log_command();
    furrow_value value;
    log_must(log_set(world->counters, world->arena, "c1", 10, &command, &written, &err), &err);
    furrow_state old = written.state;
    log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    const furrow_bytes flush[] = {FURROW_BYTES_LITERAL("FLUSHALL")};
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
    log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    ck_assert_int_eq(log_value(&written.state), 12);
    ck_assert_int_eq(log_value(&old), 10);
    furrow_state now = log_load(world, "c1");
    ck_assert_int_eq(log_value(&now), 12);
}

START_TEST(when_redis_is_behind_the_log_decides)
{
    log_run(redis_is_behind);
}
END_TEST

#define INCREMENTS 200
typedef struct increments {
    log_world *world;
    int running, done;
    uint64_t versions[INCREMENTS];
} increments;

static increments counting;

static void increment(void *arg)
{
    furrow_entity *entity = arg;
    furrow_error error = {0};
    furrow_written mine;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    for (;;) {
        furrow_command command = log_command();
        furrow_status status = log_add(entity, arena, "hot", 1, &command, &mine, &error);
        if (status == FURROW_OK) break;
        ck_assert_msg(status == FURROW_ABORTED, "%s: %s", furrow_status_name(status), error.text);
    }
    counting.versions[counting.done++] = mine.state.version;
    counting.running--;
}

static void contended(log_world *world)
{
    counting = (increments){.world = world, .running = INCREMENTS};
    for (int i = 0; i < INCREMENTS; i++)
        log_must(furrow_loop_spawn(world->loop, increment, i % 2 ? world->counters : world->other_counters, &err),
                 &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(counting.running == 0, 60000));
    furrow_state state = log_load(world, "hot");
    ck_assert_int_eq(log_value(&state), INCREMENTS);
    ck_assert_uint_eq(state.version, log_newest(world, "hot").version);
    for (int i = 0; i < INCREMENTS; i++)
        for (int j = 0; j < i; j++) ck_assert_uint_ne(counting.versions[i], counting.versions[j]);
}

START_TEST(of_200_concurrent_increments_over_two_links_none_is_lost)
{
    log_run(contended);
}
END_TEST

/* Each decision of this one is overtaken. */
typedef struct overtaking {
    log_world *world;
    int rounds;
} overtaking;

static furrow_status decide_overtaken(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                      furrow_error *error)
{
    overtaking *race = arg;
    furrow_command command = log_command();
    furrow_written other;
    race->rounds++;
    log_must(log_add(race->world->other_counters, arena, "c1", 1, &command, &other, &err), &err);
    test_counter *next = furrow_arena_memdup(arena, other.state.message, sizeof *next);
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

static void overtaken(log_world *world)
{
    overtaking race = {.world = world};
    furrow_command command = log_command();
    furrow_write write = {.id = "c1", .command = &command, .decide = decide_overtaken, .arg = &race};
    ck_assert_int_eq(furrow_entity_write(world->counters, &write, world->arena, &written, &err), FURROW_ABORTED);
    ck_assert_int_eq(race.rounds, FURROW_ENTITY_ATTEMPTS);
    furrow_state state = log_newest(world, "c1");
    ck_assert_int_eq(log_value(&state), FURROW_ENTITY_ATTEMPTS);
}

START_TEST(who_is_always_overtaken_is_aborted_after_a_bounded_number_of_attempts)
{
    log_run(overtaken);
}
END_TEST

/* ---- what an event looks like ---- */

static void event_headers(log_world *world)
{
    furrow_command command = log_command();
    furrow_trace trace = {.parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          .state = "foo=a b,bar=2",
                          .ce_state = "foo=a%20b,bar=2"};
    furrow_task_set_trace(&trace);
    log_must(log_set(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    furrow_task_set_trace(NULL);
    furrow_js_stored stored = log_stored(world, "c1");
    const char *id = furrow_js_stored_header(&stored, "ce-id", world->arena);
    const char *when = furrow_js_stored_header(&stored, "ce-time", world->arena);
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-specversion", world->arena), "1.0");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-type", world->arena), "logtest.v1.Counter.created");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-source", world->arena), "/counting");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-datacontenttype", world->arena), "application/protobuf");
    const char *parent = furrow_js_stored_header(&stored, "traceparent", world->arena);
    ck_assert_int_eq(strncmp(parent, trace.parent, 36), 0);
    ck_assert_str_eq(parent + 52, "-01");
    ck_assert_str_ne(parent, trace.parent); /* a span of its own */
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-traceparent", world->arena), parent);
    ck_assert_str_eq(furrow_js_stored_header(&stored, "tracestate", world->arena), "foo=a b,bar=2");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-tracestate", world->arena), "foo=a%20b,bar=2");
    ck_assert_uint_eq(strlen(id), FURROW_ID_SIZE - 1);
    int year, month, day, hour, minute, second, ms, end = 0;
    ck_assert_int_eq(
        sscanf(when, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute, &second, &ms, &end), 7);
    ck_assert_uint_eq((size_t)end, strlen(when));
    ck_assert_ptr_null(furrow_js_stored_header(&stored, "Nats-Msg-Id", world->arena));

    furrow_command plain = log_command();
    log_must(log_delete(world->counters, world->arena, "c1", &plain, &written, &err), &err);
    stored = log_stored(world, "c1");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-type", world->arena), "logtest.v1.Counter.deleted");
    ck_assert_str_ne(furrow_js_stored_header(&stored, "ce-id", world->arena), id);
    for (const char *const *name =
             (const char *const[]){"traceparent", "tracestate", "ce-traceparent", "ce-tracestate", NULL};
         *name; name++)
        ck_assert_ptr_null(furrow_js_stored_header(&stored, *name, world->arena));
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-datacontenttype", world->arena), "application/protobuf");
}

START_TEST(an_event_carries_the_headers_that_cloudevents_requires)
{
    log_run(event_headers);
}
END_TEST

/* What another version of the service writes is kept by this one. */
static void newer_fields(log_world *world)
{
    Logtest__V1__CounterNext newer = LOGTEST__V1__COUNTER_NEXT__INIT;
    uint8_t bytes[256];
    newer.id = (char *)(uintptr_t) "c1";
    newer.value = 5;
    newer.note = (char *)(uintptr_t) "from the future";
    size_t len = protobuf_c_message_pack(&newer.base, bytes);
    furrow_js_puback ack;
    furrow_js_publish_options options = {.expected_seq = 0};
    log_must(furrow_js_publish(world->link, "logtest.v1.Counter.c1", (furrow_bytes){bytes, len}, &options, log_soon(),
                               &ack, &err),
             &err);
    for (int i = 0; i < 3; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %d", i);
        furrow_command command = log_keyed(key, "add");
        log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
        ck_assert(written.wrote);
    }
    furrow_js_stored stored = log_stored(world, "c1");
    Logtest__V1__CounterNext *read = logtest__v1__counter_next__unpack(NULL, stored.data.len, stored.data.data);
    ck_assert_str_eq(read->note, "from the future");
    ck_assert_int_eq(read->value, 8);
    ck_assert_uint_eq(read->base.n_unknown_fields, 3); /* the commands, and nothing twice */
    logtest__v1__counter_next__free_unpacked(read, NULL);
    ck_assert_uint_eq(log_load(world, "c1").message->n_unknown_fields, 1);
}

START_TEST(fields_of_a_newer_version_survive_a_write)
{
    log_run(newer_fields);
}
END_TEST

/* ---- fences ---- */

static void fences(log_world *world)
{
    furrow_command command = log_keyed("k", "r");
    log_must(furrow_entity_fence(world->counters, "dead", &command, &err), &err);
    log_must(furrow_entity_fence(world->counters, "dead", &command, &err), &err);
    furrow_js_stored stored = log_stored(world, "dead");
    ck_assert_uint_eq(stored.data.len, 0);
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-type", world->arena), "logtest.v1.Counter.deleted");
    ck_assert(log_load(world, "dead").deleted);
    furrow_js_puback ack;
    furrow_js_publish_options late = {.expected_seq = 0};
    ck_assert_int_eq(furrow_js_publish(world->link, "logtest.v1.Counter.dead", FURROW_BYTES_LITERAL("x"), &late,
                                       log_soon(), &ack, &err),
                     FURROW_ABORTED);
    log_must(log_set(world->counters, world->arena, "alive", 1, &command, &written, &err), &err);
    ck_assert_int_eq(furrow_entity_fence(world->counters, "alive", &command, &err), FURROW_ALREADY_EXISTS);
    ck_assert_int_eq(furrow_entity_fence(world->counters, "a b", &command, &err), FURROW_INVALID_ARGUMENT);
}

START_TEST(a_fence_refuses_a_late_create_and_spares_what_exists)
{
    log_run(fences);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity");
    TCase *cases = tcase_create("entity");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, an_entity_is_created_changed_deleted_and_created_again);
    tcase_add_test(cases, what_does_not_exist_is_no_error_and_a_wrong_id_is);
    tcase_add_test(cases, a_decision_that_is_not_this_entity_writes_nothing);
    tcase_add_test(cases, a_refusal_of_the_decision_ends_the_command_as_it_is);
    tcase_add_test(cases, past_its_deadline_a_command_writes_nothing);
    tcase_add_test(cases, when_redis_is_behind_the_log_decides);
    tcase_add_test(cases, of_200_concurrent_increments_over_two_links_none_is_lost);
    tcase_add_test(cases, who_is_always_overtaken_is_aborted_after_a_bounded_number_of_attempts);
    tcase_add_test(cases, an_event_carries_the_headers_that_cloudevents_requires);
    tcase_add_test(cases, fields_of_a_newer_version_survive_a_write);
    tcase_add_test(cases, a_fence_refuses_a_late_create_and_spares_what_exists);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
