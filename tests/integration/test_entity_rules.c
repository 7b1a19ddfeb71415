/*
 * States that break the rules of their entity, in the log and in Redis: nobody decides on one, nobody is served one,
 * and nobody can write one. Others go on.
 */
#include "log_world.h"

#include "wire/message.h"

static furrow_written written;
static furrow_error err;

/* What somebody with the owner's rights puts into the log. */
static uint64_t put_event(log_world *world, const char *id, const test_counter *counter)
{
    furrow_js_puback ack;
    furrow_bytes body;
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    log_must(furrow_subject_of_entity(log_counter.name, id, subject, &err), &err);
    log_must(furrow_message_pack(&counter->base, world->arena, &body, &err), &err);
    log_must(furrow_js_publish(world->other_link, subject, body, &options, log_soon(), &ack, &err), &err);
    furrow_record_write write = {.id = furrow_bytes_of(id), .version = ack.sequence, .body = body};
    log_must(furrow_record_apply(world->counter_table, &write, 1, NULL, &err), &err);
    return ack.sequence;
}

static void names_it(furrow_status status, const char *id, uint64_t version, const char *rule)
{
    char where[96];
    snprintf(where, sizeof where, "logtest.v1.Counter.%s version %llu", id, (unsigned long long)version);
    ck_assert_msg(status == FURROW_DATA_LOSS, "%s: %s", furrow_status_name(status), err.text);
    ck_assert_msg(strstr(err.text, where) && strstr(err.text, rule) && strstr(err.text, "stream COUNTER"), "%s",
                  err.text);
    ck_assert_str_eq(err.field, ""); /* nothing of the request is wrong */
}

static void a_broken_state_is_not_used(log_world *world)
{
    test_counter broken[] = {LOGTEST__V1__COUNTER__INIT, LOGTEST__V1__COUNTER__INIT, LOGTEST__V1__COUNTER__INIT};
    const char *const rules[] = {"value", "id", "secret"};
    furrow_state state = {.version = 7};
    broken[0].id = broken[2].id = "c1";
    broken[0].value = LOG_FORBIDDEN_VALUE;
    broken[1].id = "c2";
    broken[2].secret = (ProtobufCBinaryData){.len = 5, .data = (uint8_t *)"clear"};
    for (size_t i = 0; i < 3; i++) {
        furrow_command command = log_command();
        uint64_t version = put_event(world, "c1", &broken[i]);
        names_it(furrow_entity_load(world->counters, "c1", world->arena, &state, &err), "c1", version, rules[i]);
        names_it(furrow_entity_load_log(world->counters, "c1", world->arena, &state, &err), "c1", version, rules[i]);
        ck_assert_uint_eq(state.version, 7); /* outputs are untouched */
        names_it(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), "c1", version, rules[i]);
        names_it(log_delete(world->counters, world->arena, "c1", &command, &written, &err), "c1", version, rules[i]);
        log_must(log_set(world->counters, world->arena, "c3", 1, &command, &written, &err), &err);
        ck_assert_uint_eq(log_stored(world, "c1").sequence, version);
    }
}

START_TEST(a_state_that_breaks_a_rule_is_not_used)
{
    log_run(a_broken_state_is_not_used);
}
END_TEST

static void a_good_state_mends(log_world *world)
{
    furrow_command command = log_command();
    test_counter counter = LOGTEST__V1__COUNTER__INIT;
    counter.id = "c1";
    counter.value = LOG_FORBIDDEN_VALUE;
    put_event(world, "c1", &counter);
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), FURROW_DATA_LOSS);
    counter.value = 41;
    put_event(world, "c1", &counter);
    log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    ck_assert_int_eq(log_value(&written.state), 42);
}

START_TEST(a_good_state_put_over_it_mends_all)
{
    log_run(a_good_state_mends);
}
END_TEST

static void broken_states_are_not_written(log_world *world)
{
    furrow_command command = log_command();
    log_must(log_set(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    uint64_t version = written.state.version;
    ck_assert_int_eq(log_set(world->counters, world->arena, "c1", LOG_FORBIDDEN_VALUE, &command, &written, &err),
                     FURROW_INTERNAL);
    ck_assert_msg(strstr(err.text, "logtest.v1.Counter.c1") && strstr(err.text, "value"), "%s", err.text);
    ck_assert_uint_eq(log_stored(world, "c1").sequence, version);
    ck_assert_uint_eq(log_load(world, "c1").version, version);
}

START_TEST(a_decision_that_breaks_a_rule_is_not_written)
{
    log_run(broken_states_are_not_written);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity_rules");
    TCase *tests = tcase_create("entity_rules");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_state_that_breaks_a_rule_is_not_used);
    tcase_add_test(tests, a_good_state_put_over_it_mends_all);
    tcase_add_test(tests, a_decision_that_breaks_a_rule_is_not_written);
    return log_main(suite);
}
