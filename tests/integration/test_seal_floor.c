/* Earlier values of private fields, put back by whoever can write the entity's subject or Redis: refused, wherever the
 * change that replaced them was cut short and whoever else changed them; and the newest is read all the while. */
#include "seal_world.h"

#include "wire/message.h"

#include <sodium.h>

static furrow_error err;
static furrow_written written;

typedef struct change_job {
    furrow_sealer *sealer;
    furrow_seal_target target;
    const char *plain;
} change_job;

static furrow_status decide_change(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *error)
{
    const change_job *job = arg;
    furrow_bytes sealed;
    furrow_status status =
        furrow_seal(job->sealer, &job->target, current, furrow_bytes_of(job->plain), arena, &sealed, error);
    return status == FURROW_OK ? seal_decide_secret(&sealed, current, arena, out, error) : status;
}

/* The first of the two writes: what a process did that died before the second. */
static furrow_state publish_change(log_world *world, furrow_sealer *sealer, furrow_entity *counters, const char *plain)
{
    furrow_command command = log_command();
    furrow_written done;
    furrow_error why = {0};
    change_job job = {.sealer = sealer, .target = seal_target_of(counters, "c1", &command), .plain = plain};
    furrow_write write = {.id = "c1", .command = &command, .decide = decide_change, .arg = &job};
    log_must(furrow_entity_write(counters, &write, world->arena, &done, &why), &why);
    ck_assert(done.wrote);
    return done.state;
}

static void confirm(log_world *world, furrow_sealer *sealer, furrow_entity *counters, const furrow_state *state)
{
    furrow_command command = log_command();
    furrow_error why = {0};
    furrow_seal_target target = seal_target_of(counters, "c1", &command);
    log_must(furrow_seal_confirm(sealer, &target, state, world->arena, &why), &why);
}

static furrow_state change(log_world *world, furrow_sealer *sealer, const char *plain)
{
    furrow_state state = publish_change(world, sealer, world->counters, plain);
    confirm(world, sealer, world->counters, &state);
    return state;
}

static furrow_status read_state(log_world *world, furrow_sealer *sealer, const furrow_state *state, furrow_bytes *plain)
{
    furrow_command command = log_command();
    furrow_seal_target target = seal_target_of(world->counters, "c1", &command);
    return furrow_unseal(sealer, &target, state, world->arena, plain, &err);
}

static void check_newest(log_world *world, furrow_sealer *sealer, const char *expected)
{
    furrow_bytes plain;
    furrow_state newest = log_newest(world, "c1");
    log_must(read_state(world, sealer, &newest, &plain), &err);
    ck_assert_msg(furrow_bytes_equal(plain, furrow_bytes_of(expected)), "%s instead of %s", (const char *)plain.data,
                  expected);
}

/* As whoever may write the entity's subject does: the very bytes of an earlier event. */
static void put_back(log_world *world, furrow_bytes body)
{
    furrow_js_puback ack;
    furrow_js_publish_options any = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    log_must(furrow_js_publish(world->link, "logtest.v1.Counter.c1", body, &any, log_soon(), &ack, &err), &err);
}

static void check_refused_put_back(log_world *world, furrow_sealer *sealer, furrow_bytes body)
{
    furrow_bytes plain;
    put_back(world, body);
    furrow_state newest = log_newest(world, "c1");
    ck_assert_ptr_nonnull(newest.message); /* all else of the entity is served */
    ck_assert_int_eq(read_state(world, sealer, &newest, &plain), FURROW_DATA_LOSS);
    ck_assert_msg(strstr(err.text, "put back") && strstr(err.text, "again"), "%s", err.text);
}

static void old_values(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_bytes one = change(world, sealer, "one").body, two = change(world, sealer, "two").body;
    check_newest(world, sealer, "two");
    check_refused_put_back(world, sealer, one);
    furrow_bytes three = change(world, sealer, "three").body;
    check_newest(world, sealer, "three");
    check_refused_put_back(world, sealer, two);
    check_refused_put_back(world, sealer, one);
    put_back(world, three);
    check_newest(world, sealer, "three");
    check_refused_put_back(world, sealer, two);
    change(world, sealer, "four");
    check_refused_put_back(world, sealer, three);
    furrow_sealer_destroy(sealer);
}

START_TEST(an_earlier_value_that_is_put_back_is_refused)
{
    log_run(old_values);
}
END_TEST

/* Redis behind, or rolled back with the key's record too: the log says what is newest. */
static void old_redis(log_world *world)
{
    static const char *const keys[] = {"counting:{Counter}:c1", "counting:{CounterKey}:c1"};
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_bytes plain, old[2];
    furrow_value value;
    change(world, sealer, "one");
    for (int i = 0; i < 2; i++) old[i] = seal_redis_dump(world, keys[i]);
    change(world, sealer, "two");
    for (int i = 0; i < 2; i++) {
        const furrow_bytes set[] = {FURROW_BYTES_LITERAL("SET"), furrow_bytes_of(keys[i]), old[i]};
        log_must(furrow_store_command(world->store, set, 3, world->arena, &value, &err), &err);
    }
    furrow_state state = log_load(world, "c1");
    log_must(read_state(world, sealer, &state, &plain), &err);
    ck_assert(furrow_bytes_equal(plain, furrow_bytes_of("two")));
    furrow_sealer_destroy(sealer);
}

START_TEST(a_redis_that_went_back_brings_no_earlier_value_back)
{
    log_run(old_redis);
}
END_TEST

static void cut_short(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_bytes sealed, one = change(world, sealer, "one").body;
    furrow_command command = log_command();
    furrow_seal_target target = seal_target_of(world->counters, "c1", &command);
    furrow_state before = log_newest(world, "c1");

    /* Died before it published: all is as it was. */
    log_must(furrow_seal(sealer, &target, &before, furrow_bytes_of("lost"), world->arena, &sealed, &err), &err);
    check_newest(world, sealer, "one");

    /* Died before it confirmed: the new value counts, and who reads it does what was left to do. */
    furrow_bytes two = publish_change(world, sealer, world->counters, "two").body;
    check_newest(world, sealer, "two");
    check_refused_put_back(world, sealer, one);
    change(world, sealer, "three");
    check_refused_put_back(world, sealer, two);
    change(world, sealer, "four");

    /* The same, and nobody reads it: the next change does. Not even the value that nobody confirmed comes back. */
    furrow_state five = publish_change(world, sealer, world->counters, "five");
    change(world, sealer, "six");
    check_newest(world, sealer, "six");
    check_refused_put_back(world, sealer, five.body);
    furrow_state seven = publish_change(world, sealer, world->counters, "seven");
    put_back(world, one);
    change(world, sealer, "eight");
    check_refused_put_back(world, sealer, seven.body);

    /* Confirming late, or again, takes nothing from what came since. */
    change(world, sealer, "nine");
    confirm(world, sealer, world->counters, &seven);
    confirm(world, sealer, world->counters, &five);
    check_newest(world, sealer, "nine");
    check_refused_put_back(world, sealer, five.body);
    furrow_sealer_destroy(sealer);
}

START_TEST(wherever_a_change_ends_the_newest_value_is_read_and_no_earlier_one)
{
    log_run(cut_short);
}
END_TEST

/* A forged counter raises nothing: the floor follows only what was sealed. */
static void forged(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_state one = change(world, sealer, "one");
    test_counter *message = furrow_arena_memdup(world->arena, one.message, sizeof *message);
    message->secret.data = furrow_arena_memdup(world->arena, message->secret.data, message->secret.len);
    memset(message->secret.data + 1, 0xff, 8);
    furrow_state far = {.message = &message->base, .version = one.version};
    furrow_bytes plain;
    confirm(world, sealer, world->counters, &far);
    check_newest(world, sealer, "one");
    ck_assert_int_eq(read_state(world, sealer, &far, &plain), FURROW_DATA_LOSS);
    check_newest(world, sealer, "one");
    change(world, sealer, "two");
    check_newest(world, sealer, "two");
    furrow_sealer_destroy(sealer);
}

START_TEST(a_forged_counter_moves_nothing)
{
    log_run(forged);
}
END_TEST

#define CHANGES 12
static struct {
    log_world *world;
    furrow_sealer *sealers[2];
    furrow_state made[2][CHANGES];
    int running, reads;
} rivals;

static void change_often(void *arg)
{
    size_t who = (uintptr_t)arg;
    furrow_entity *counters = who ? rivals.world->other_counters : rivals.world->counters;
    for (int i = 0; i < CHANGES; i++) {
        char plain[32];
        snprintf(plain, sizeof plain, "%zu-%d", who, i);
        furrow_state made = publish_change(rivals.world, rivals.sealers[who], counters, plain);
        confirm(rivals.world, rivals.sealers[who], counters, &made);
        rivals.made[who][i] = made;
    }
    rivals.running--;
}

/* Whoever reads while others change hears one of the values, never that there is none. */
static void read_often(void *arg)
{
    while (rivals.running > 1) {
        furrow_bytes plain;
        furrow_error why = {0};
        furrow_command command = log_command();
        furrow_seal_target target = seal_target_of(rivals.world->counters, "c1", &command);
        furrow_state state = log_load(rivals.world, "c1");
        log_must(furrow_unseal(rivals.sealers[0], &target, &state, rivals.world->arena, &plain, &why), &why);
        rivals.reads++;
    }
    rivals.running--;
}

static void two_owners(log_world *world)
{
    rivals.world = world;
    rivals.sealers[0] = seal_open_usual(world->keys);
    rivals.sealers[1] = seal_open_usual(world->other_keys);
    change(world, rivals.sealers[0], "first");
    rivals.running = 3;
    for (uintptr_t i = 0; i < 2; i++) log_must(furrow_loop_spawn(world->loop, change_often, (void *)i, &err), &err);
    log_must(furrow_loop_spawn(world->loop, read_often, NULL, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(rivals.running == 0, 50000));
    ck_assert_int_gt(rivals.reads, 0);
    furrow_state newest = log_newest(world, "c1");
    furrow_bytes plain;
    log_must(read_state(world, rivals.sealers[0], &newest, &plain), &err);
    for (int i = 0; i < 2 * CHANGES; i++) {
        furrow_state *made = &rivals.made[i % 2][i / 2];
        if (made->version != newest.version) check_refused_put_back(world, rivals.sealers[0], made->body);
    }
    for (int i = 0; i < 2; i++) furrow_sealer_destroy(rivals.sealers[i]);
}

START_TEST(of_two_processes_that_change_it_at_once_the_last_one_counts)
{
    log_run(two_owners);
}
END_TEST

/* As the code made them that knew no counter. */
static furrow_bytes seal_uncounted(log_world *world, const uint8_t *key, const char *subject, furrow_bytes plain)
{
    size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    size_t len = 1 + nonce + plain.len + crypto_aead_xchacha20poly1305_ietf_ABYTES;
    uint8_t *out = furrow_arena_alloc(world->arena, len);
    out[0] = 1;
    randombytes_buf(out + 1, nonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + 1 + nonce, NULL, plain.data, plain.len, (const uint8_t *)subject,
                                               strlen(subject), NULL, out + 1, key);
    ck_assert(furrow_seal_looks_sealed((furrow_bytes){out, len}));
    return (furrow_bytes){out, len};
}

static furrow_status decide_old_key(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *error)
{
    const furrow_bytes *wrapped = arg;
    Logtest__V1__CounterKey *next = (Logtest__V1__CounterKey *)furrow_message_new(log_key.descriptor, arena);
    next->id = furrow_arena_strdup(arena, "c1");
    next->wrapped = (ProtobufCBinaryData){wrapped->len, (uint8_t *)(uintptr_t)wrapped->data};
    *out = (furrow_decision){.next = &next->base, .event = "made"};
    return FURROW_OK;
}

static void uncounted(log_world *world)
{
    uint8_t master[32], key[32];
    for (int i = 0; i < 32; i++) master[i] = (uint8_t)i; /* seal_hex */
    randombytes_buf(key, sizeof key);
    furrow_bytes wrapped = seal_uncounted(world, master, "logtest.v1.CounterKey.c1", (furrow_bytes){key, sizeof key});
    furrow_bytes sealed = seal_uncounted(world, key, "logtest.v1.Counter.c1", furrow_bytes_of("of old"));
    furrow_command command = log_command();
    furrow_write of_key = {.id = "c1", .command = &command, .decide = decide_old_key, .arg = &wrapped};
    furrow_write of_value = {.id = "c1", .command = &command, .decide = seal_decide_secret, .arg = &sealed};
    log_must(furrow_entity_write(world->keys, &of_key, world->arena, &written, &err), &err);
    log_must(furrow_entity_write(world->counters, &of_value, world->arena, &written, &err), &err);
    furrow_bytes old = written.state.body;

    furrow_sealer *sealer = seal_open_usual(world->keys);
    check_newest(world, sealer, "of old");
    change(world, sealer, "of now");
    check_newest(world, sealer, "of now");
    check_refused_put_back(world, sealer, old);
    furrow_sealer_destroy(sealer);
}

START_TEST(what_was_sealed_before_there_were_counters_is_read_until_it_is_replaced)
{
    log_run(uncounted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal_floor");
    TCase *cases = tcase_create("earlier values");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, an_earlier_value_that_is_put_back_is_refused);
    tcase_add_test(cases, a_redis_that_went_back_brings_no_earlier_value_back);
    tcase_add_test(cases, wherever_a_change_ends_the_newest_value_is_read_and_no_earlier_one);
    tcase_add_test(cases, a_forged_counter_moves_nothing);
    tcase_add_test(cases, of_two_processes_that_change_it_at_once_the_last_one_counts);
    tcase_add_test(cases, what_was_sealed_before_there_were_counters_is_read_until_it_is_replaced);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
