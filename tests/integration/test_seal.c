/* Sealed private fields: what the log and Redis hold cannot be read, moved or kept after an erasure; and what a master
 * key's file must be. Earlier values: test_seal_floor.c. */
#include "seal_world.h"

#include "support/tempdir.h"

#include <sys/stat.h>

#define SECRET "born 1980-02-29, tax id 123-45-6789"

static furrow_error err;
static furrow_written written;

/* As the first value of @id. */
static furrow_status try_seal(log_world *world, furrow_sealer *sealer, const char *id, const char *plain,
                              furrow_bytes *sealed)
{
    furrow_command command = log_command();
    furrow_seal_target target = seal_target_of(world->counters, id, &command);
    return furrow_seal(sealer, &target, &(furrow_state){.version = 0}, furrow_bytes_of(plain), world->arena, sealed,
                       &err);
}

static furrow_bytes seal(log_world *world, furrow_sealer *sealer, const char *id, const char *plain)
{
    furrow_bytes sealed;
    log_must(try_seal(world, sealer, id, plain, &sealed), &err);
    return sealed;
}

static furrow_status unseal_in(log_world *world, furrow_sealer *sealer, furrow_entity *counters, const char *id,
                               furrow_bytes sealed, furrow_bytes *plain)
{
    furrow_command command = log_command();
    furrow_seal_target target = seal_target_of(counters, id, &command);
    test_counter holder = LOGTEST__V1__COUNTER__INIT;
    holder.secret = (ProtobufCBinaryData){sealed.len, (uint8_t *)(uintptr_t)sealed.data};
    return furrow_unseal(sealer, &target, &(furrow_state){.message = &holder.base}, world->arena, plain, &err);
}

static furrow_status unseal(log_world *world, furrow_sealer *sealer, const char *id, furrow_bytes sealed,
                            furrow_bytes *plain)
{
    return unseal_in(world, sealer, world->counters, id, sealed, plain);
}

static bool contains(furrow_bytes where, const char *what)
{
    return where.len > 0 && memmem(where.data, where.len, what, strlen(what));
}

static void sealed_everywhere(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_command command = log_command();
    furrow_bytes sealed = seal(world, sealer, "c1", SECRET), plain;
    furrow_write write = {.id = "c1", .command = &command, .decide = seal_decide_secret, .arg = &sealed};
    log_must(furrow_entity_write(world->counters, &write, world->arena, &written, &err), &err);

    furrow_bytes in_redis = seal_redis_dump(world, "counting:{Counter}:c1"), in_log = log_stored(world, "c1").data;
    ck_assert(in_redis.len > sealed.len && in_log.len > sealed.len);
    ck_assert(!contains(in_redis, "1980") && !contains(in_log, "1980") && !contains(sealed, "1980"));

    furrow_state state = log_load(world, "c1");
    ProtobufCBinaryData secret = ((test_counter *)state.message)->secret;
    log_must(unseal(world, sealer, "c1", (furrow_bytes){secret.data, secret.len}, &plain), &err);
    ck_assert(furrow_bytes_equal(plain, furrow_bytes_of(SECRET)));
    log_must(unseal(world, sealer, "c1", seal(world, sealer, "c1", ""), &plain), &err);
    ck_assert_uint_eq(plain.len, 0);
    furrow_sealer_destroy(sealer);
}

START_TEST(neither_the_log_nor_redis_holds_what_was_sealed)
{
    log_run(sealed_everywhere);
}
END_TEST

static void bound(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_bytes sealed = seal(world, sealer, "c1", SECRET), other = seal(world, sealer, "c2", SECRET), plain;
    ck_assert_int_eq(unseal(world, sealer, "c2", sealed, &plain), FURROW_DATA_LOSS);
    ck_assert_int_eq(unseal(world, sealer, "c1", other, &plain), FURROW_DATA_LOSS);
    furrow_entity_contract contract = log_counter;
    contract.name = "logtest.v1.Another";
    furrow_entity_options options = {
        .contract = &contract, .link = world->link, .table = world->counter_table, .service = "counting"};
    furrow_entity *another = furrow_entity_create(&options, &err);
    ck_assert_int_eq(unseal_in(world, sealer, another, "c1", sealed, &plain), FURROW_DATA_LOSS);
    furrow_entity_destroy(another);
    ck_assert_int_eq(unseal(world, sealer, "c1", (furrow_bytes){"", 0}, &plain), FURROW_NOT_FOUND);
    for (size_t i = 1; i < sealed.len; i++) {
        uint8_t *copy = furrow_arena_memdup(world->arena, sealed.data, sealed.len);
        copy[i - 1] ^= 1;
        ck_assert_int_eq(unseal(world, sealer, "c1", (furrow_bytes){copy, sealed.len}, &plain), FURROW_DATA_LOSS);
        ck_assert_int_eq(unseal(world, sealer, "c1", (furrow_bytes){sealed.data, i}, &plain), FURROW_DATA_LOSS);
    }
    furrow_bytes again = seal(world, sealer, "c1", SECRET);
    ck_assert(!furrow_bytes_equal(sealed, again));
    log_must(unseal(world, sealer, "c1", again, &plain), &err);
    furrow_sealer_destroy(sealer);
}

START_TEST(what_is_sealed_is_bound_to_its_entity_and_cannot_be_altered)
{
    log_run(bound);
}
END_TEST

static void other_master(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_bytes sealed = seal(world, sealer, "c1", SECRET), plain;
    furrow_sealer_destroy(sealer);
    sealer = seal_open(world->keys, seal_key_file("another master key of 32 bytes!!", 32, 0600));
    ck_assert_int_eq(unseal(world, sealer, "c1", sealed, &plain), FURROW_DATA_LOSS);
    ck_assert_int_eq(try_seal(world, sealer, "c1", SECRET, &sealed), FURROW_DATA_LOSS);
    furrow_sealer_destroy(sealer);
}

START_TEST(another_master_key_opens_nothing)
{
    log_run(other_master);
}
END_TEST

/* The bytes of the wrapped key: in no message of the log, not in Redis. */
static bool log_holds_a_key(log_world *world)
{
    furrow_js_stream_state about;
    log_must(furrow_js_stream_info(world->link, log_key.stream, log_soon(), &about, &err), &err);
    for (uint64_t seq = about.first_seq; seq <= about.last_seq; seq++) {
        furrow_js_stored stored;
        if (furrow_js_get(world->link, log_key.stream, seq, log_soon(), world->arena, &stored, &err) == FURROW_OK &&
            stored.data.len > 0)
            return true;
    }
    return false;
}

static void erased(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_command command = log_keyed("erase", "c1");
    furrow_bytes sealed = seal(world, sealer, "c1", SECRET), plain;
    ck_assert(log_holds_a_key(world));
    log_must(furrow_seal_erase(sealer, "c1", &command, world->arena, &err), &err);
    ck_assert(!log_holds_a_key(world));
    ck_assert_uint_eq(seal_redis_dump(world, "counting:{CounterKey}:c1").len,
                      8); /* a tombstone: the version and no more */
    ck_assert_int_eq(unseal(world, sealer, "c1", sealed, &plain), FURROW_NOT_FOUND);
    ck_assert_int_eq(try_seal(world, sealer, "c1", SECRET, &sealed), FURROW_FAILED_PRECONDITION);
    ck_assert_msg(strstr(err.text, "erased"), "%s", err.text);
    log_must(furrow_seal_erase(sealer, "c1", &command, world->arena, &err), &err);

    /* That Redis forgets the tombstone brings nothing back. */
    furrow_value value;
    const furrow_bytes flush[] = {FURROW_BYTES_LITERAL("FLUSHALL")};
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
    ck_assert_int_eq(unseal(world, sealer, "c1", sealed, &plain), FURROW_NOT_FOUND);
    ck_assert_int_eq(try_seal(world, sealer, "c1", SECRET, &sealed), FURROW_FAILED_PRECONDITION);

    log_must(furrow_seal_erase(sealer, "never", &command, world->arena, &err), &err);
    ck_assert_int_eq(unseal(world, sealer, "unknown", sealed, &plain), FURROW_NOT_FOUND);
    ck_assert_int_eq(unseal(world, sealer, "no id", sealed, &plain), FURROW_INVALID_ARGUMENT);
    furrow_sealer_destroy(sealer);
}

START_TEST(an_erased_key_is_gone_for_good)
{
    log_run(erased);
}
END_TEST

/* Redis is empty, the log has the key. */
static void redis_lost(log_world *world)
{
    furrow_sealer *sealer = seal_open_usual(world->keys);
    furrow_bytes sealed = seal(world, sealer, "c1", SECRET), plain;
    furrow_value value;
    const furrow_bytes flush[] = {FURROW_BYTES_LITERAL("FLUSHALL")};
    log_must(furrow_store_command(world->store, flush, 1, world->arena, &value, &err), &err);
    log_must(unseal(world, sealer, "c1", sealed, &plain), &err);
    furrow_bytes more = seal(world, sealer, "c1", "more");
    log_must(unseal(world, sealer, "c1", sealed, &plain), &err);
    log_must(unseal(world, sealer, "c1", more, &plain), &err);
    furrow_sealer_destroy(sealer);
}

START_TEST(keys_survive_the_loss_of_redis)
{
    log_run(redis_lost);
}
END_TEST

#define SEALERS 50
static struct {
    log_world *world;
    furrow_sealer *sealer;
    furrow_bytes sealed[SEALERS];
    int done;
} racing;

static void seal_one(void *arg)
{
    furrow_bytes sealed = seal(racing.world, racing.sealer, "c1", SECRET);
    racing.sealed[racing.done++] = sealed;
}

static void first_use_at_once(log_world *world)
{
    furrow_bytes plain;
    racing.world = world;
    racing.sealer = seal_open_usual(world->keys);
    racing.done = 0;
    for (int i = 0; i < SEALERS; i++) log_must(furrow_loop_spawn(world->loop, seal_one, NULL, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(racing.done == SEALERS, 30000));
    for (int i = 0; i < SEALERS; i++) log_must(unseal(world, racing.sealer, "c1", racing.sealed[i], &plain), &err);
    furrow_sealer_destroy(racing.sealer);
}

START_TEST(many_who_seal_first_share_one_key)
{
    log_run(first_use_at_once);
}
END_TEST

static void check_refused(log_world *world, const char *path, const char *because)
{
    err = (furrow_error){0};
    ck_assert_ptr_null(furrow_sealer_create(world->keys, path, NULL, &err));
    ck_assert_int_eq(err.code, FURROW_FAILED_PRECONDITION);
    ck_assert_msg(strstr(err.text, because), "%s", err.text);
}

static void key_files(log_world *world)
{
    char line[128], directory[512];
    uint8_t zeros[32] = {0};
    check_refused(world, NULL, "FURROW_SEAL_KEY_FILE");
    check_refused(world, "", "FURROW_SEAL_KEY_FILE");
    check_refused(world, "/nonexistent/key", "No such file");
    snprintf(directory, sizeof directory, "%s", furrow_test_tempdir());
    chmod(directory, 0700);
    check_refused(world, directory, "no regular file");
    check_refused(world, seal_key_file(seal_hex, 64, 0640), "chmod");
    check_refused(world, seal_key_file(seal_hex, 64, 0604), "chmod");
    check_refused(world, seal_key_file(seal_hex, 64, 0601), "chmod");
    check_refused(world, seal_key_file(seal_hex, 63, 0600), "holds no key");
    check_refused(world, seal_key_file("", 0, 0600), "holds no key");
    check_refused(world, seal_key_file((const char *)zeros, 32, 0600), "holds no key");
    snprintf(line, sizeof line, "%s%s", seal_hex, "00");
    check_refused(world, seal_key_file(line, 66, 0600), "holds no key");
    snprintf(line, sizeof line, "x%.63s", seal_hex);
    check_refused(world, seal_key_file(line, 64, 0600), "holds no key");
    snprintf(line, sizeof line, "%s\r\n", seal_hex);
    furrow_sealer_destroy(seal_open(world->keys, seal_key_file(line, 66, 0600)));
    snprintf(line, sizeof line, "%s\n", seal_hex);
    furrow_sealer_destroy(seal_open(world->keys, seal_key_file(line, 65, 0400)));
    furrow_sealer_destroy(seal_open(world->keys, seal_key_file(seal_hex, 32, 0400)));
    furrow_sealer_destroy(NULL);
}

START_TEST(a_master_key_is_refused_unless_it_is_one_and_only_its_owners)
{
    log_run(key_files);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal");
    TCase *cases = tcase_create("seal");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, neither_the_log_nor_redis_holds_what_was_sealed);
    tcase_add_test(cases, what_is_sealed_is_bound_to_its_entity_and_cannot_be_altered);
    tcase_add_test(cases, another_master_key_opens_nothing);
    tcase_add_test(cases, an_erased_key_is_gone_for_good);
    tcase_add_test(cases, keys_survive_the_loss_of_redis);
    tcase_add_test(cases, many_who_seal_first_share_one_key);
    tcase_add_test(cases, a_master_key_is_refused_unless_it_is_one_and_only_its_owners);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
