/*
 * Idempotency keys: one effect and one answer, whatever happens in between.
 */
#include "rpc_world.h"

#include <stdio.h>

typedef struct creation {
    rpc_world *world;
    furrow_client *client; /* NULL: the world's */
    const char *name, *key;
    int32_t fail_first;
    bool wait;
    uint32_t timeout_ms;
    /* out */
    bool done;
    furrow_status status;
    furrow_error err;
    int32_t effect;
    char id[32], version[512];
} creation;

static void create(void *arg)
{
    creation *call = arg;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    Rpctest__V1__CreateRequest request = RPCTEST__V1__CREATE_REQUEST__INIT;
    Rpctest__V1__Created *response = NULL;
    request.name = (char *)(uintptr_t)(call->name ? call->name : "n");
    request.wait = call->wait;
    request.fail_first = call->fail_first;
    request.code = FURROW_ABORTED;
    furrow_call_options options = {
        .idempotency_key = call->key, .version = call->version, .timeout_ms = call->timeout_ms};
    call->status = rpctest_create_call(call->client ? call->client : call->world->client, &request, &options, arena,
                                       &response, &call->err);
    if (call->status == FURROW_OK) {
        call->effect = response->effect;
        snprintf(call->id, sizeof call->id, "%s", response->id);
    }
    call->done = true;
}

static creation create_now(rpc_world *world, const char *name, const char *key)
{
    creation call = {.world = world, .name = name, .key = key};
    create(&call);
    return call;
}

static void ck_created(const creation *call, const char *id)
{
    ck_assert_msg(call->status == FURROW_OK, "%s", call->err.text);
    ck_assert_str_eq(call->id, id);
}

static const rpc_world_options with_redis = {.redis = true};

static void once_body(rpc_world *world)
{
    creation first = create_now(world, "a", "key-1"), second = create_now(world, "a", "key-1");
    ck_created(&first, "a-1");
    ck_created(&second, "a-1");
    ck_assert_str_eq(first.version, "rpctest.v1.Thing.a=1,rpctest.v1.Thing.b=7");
    ck_assert_str_eq(second.version, first.version);
    creation other = create_now(world, "a", "key-2"), without = create_now(world, "a", NULL);
    ck_created(&other, "a-2");
    ck_created(&without, "a-3");
    ck_assert_uint_eq(world->effects, 3);
}

START_TEST(the_same_key_takes_effect_once_and_answers_the_same)
{
    rpc_world_run(&with_redis, once_body);
}
END_TEST

static void bytes_body(rpc_world *world)
{
    rpc_raw request = {.method = "Create",
                       .body = furrow_bytes_of("{\"name\":\"a\"}"),
                       .headers = {{FURROW_HEADER_IDEMPOTENCY_KEY, "k"}, {FURROW_HEADER_ACCEPT, FURROW_TYPE_PROTOBUF}}};
    const char *first = rpc_world_text(world, &request);
    ck_assert_str_eq(first, "\x0a\x03"
                            "a-1\x10\x01");
    ck_assert_str_eq(rpc_world_text(world, &request), first);
    request.body = furrow_bytes_of("{ \"name\" : \"a\" }");
    request.headers[1].value = FURROW_TYPE_JSON;
    ck_assert_str_eq(rpc_world_text(world, &request), "{\"id\":\"a-1\",\"effect\":1}");
    request.body = furrow_bytes_of("\x0a\x01"
                                   "a");
    request.headers[1].value = "*/*";
    ck_assert_str_eq(rpc_world_text(world, &request), first);
    ck_assert_uint_eq(world->effects, 1);
}

START_TEST(the_repeated_answer_is_the_same_to_the_byte_and_in_the_encoding_asked_for)
{
    rpc_world_run(&with_redis, bytes_body);
}
END_TEST

static void other_request_body(rpc_world *world)
{
    creation first = create_now(world, "a", "k"), other = create_now(world, "b", "k"),
             again = create_now(world, "a", "k");
    ck_created(&first, "a-1");
    ck_assert_int_eq(other.status, FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(other.err.text, "another request"));
    ck_created(&again, "a-1");
    ck_assert_uint_eq(world->effects, 1);
}

START_TEST(the_same_key_with_another_request_is_refused)
{
    rpc_world_run(&with_redis, other_request_body);
}
END_TEST

/* A program with an inbox prefix of its own, as each user of the mesh has. */
typedef struct program {
    furrow_link *link;
    furrow_client *client;
} program;

static program start_program(rpc_world *world, const char *inbox_prefix)
{
    program made = {.link = rpc_world_connect_as(world, inbox_prefix, inbox_prefix)};
    made.client = furrow_client_create(made.link, &(furrow_client_options){0}, NULL);
    ck_assert_ptr_nonnull(made.client);
    return made;
}

static void end_program(program *self)
{
    furrow_client_destroy(self->client);
    furrow_link_destroy(self->link);
}

static creation create_from(rpc_world *world, const program *from, const char *name)
{
    creation call = {.world = world, .client = from->client, .name = name, .key = "k"};
    create(&call);
    return call;
}

static void strangers_body(rpc_world *world)
{
    program payroll = start_program(world, "_INBOX_payroll"), kiosk = start_program(world, "_INBOX_kiosk");
    creation first = create_from(world, &payroll, "a"), guessed = create_from(world, &kiosk, "a");
    creation blocking = create_from(world, &kiosk, "b"), none = create_now(world, "c", "k");
    ck_created(&first, "a-1");
    ck_created(&guessed, "a-2");                                /* its own effect, not the other's answer */
    ck_assert_int_eq(blocking.status, FURROW_INVALID_ARGUMENT); /* its own key for another request */
    ck_created(&none, "c-3");
    creation again = create_from(world, &payroll, "a");
    ck_created(&again, "a-1");

    /* A new connection has another inbox under the same prefix. */
    end_program(&payroll);
    payroll = start_program(world, "_INBOX_payroll");
    again = create_from(world, &payroll, "a");
    ck_created(&again, "a-1");
    ck_assert_uint_eq(world->effects, 3);
    end_program(&payroll);
    end_program(&kiosk);
}

START_TEST(a_key_that_another_program_uses_is_another_key)
{
    rpc_world_run(&with_redis, strangers_body);
}
END_TEST

static void stranger_at_work_body(rpc_world *world)
{
    program payroll = start_program(world, "_INBOX_payroll"), kiosk = start_program(world, "_INBOX_kiosk");
    creation first = {.world = world, .client = payroll.client, .name = "a", .key = "k", .wait = true}, second = first;
    second.client = kiosk.client;
    ck_assert_ok(furrow_loop_spawn(world->loop, create, &first, failure));
    ck_assert_ok(furrow_loop_spawn(world->loop, create, &second, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 2, PATIENCE_MS)); /* neither waits for the other */
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(first.done && second.done, PATIENCE_MS));
    ck_assert_str_ne(first.id, second.id);
    end_program(&payroll);
    end_program(&kiosk);
}

START_TEST(who_uses_anothers_key_does_not_wait_for_it)
{
    rpc_world_run(&with_redis, stranger_at_work_body);
}
END_TEST

static void concurrent_body(rpc_world *world)
{
    enum { MANY = 20 };
    static creation calls[MANY]; /* larger than a task likes its frames */
    for (size_t i = 0; i < MANY; i++) {
        calls[i] = (creation){.world = world, .name = "a", .key = i < MANY - 1 ? "k" : "another", .wait = true};
        ck_assert_ok(furrow_loop_spawn(world->loop, create, &calls[i], failure));
    }
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 2 && furrow_server_calls(world->server) == MANY, PATIENCE_MS));
    world->open = true;
    for (size_t i = 0; i < MANY; i++) ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(calls[i].done, PATIENCE_MS));
    for (size_t i = 1; i < MANY - 1; i++) ck_created(&calls[i], calls[0].id);
    ck_assert_str_ne(calls[MANY - 1].id, calls[0].id);
    ck_assert_uint_eq(world->effects, 2);
}

START_TEST(the_second_of_two_at_once_waits_for_the_first)
{
    rpc_world_run(&with_redis, concurrent_body);
}
END_TEST

static void impatient_body(rpc_world *world)
{
    creation first = {.world = world, .key = "k", .wait = true, .timeout_ms = PATIENCE_MS}, second = first;
    ck_assert_ok(furrow_loop_spawn(world->loop, create, &first, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1, PATIENCE_MS));
    second.timeout_ms = 40;
    for (int i = 0; i < 3; i++) {
        create(&second);
        ck_assert_int_eq(second.status, FURROW_DEADLINE_EXCEEDED);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_server_calls(world->server) == 1, PATIENCE_MS));
    }
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(first.done, PATIENCE_MS));
    ck_assert_int_eq(first.status, FURROW_OK);
    ck_assert_uint_eq(world->effects, 1);
}

START_TEST(who_waits_for_the_first_keeps_its_own_deadline)
{
    rpc_world_run(&with_redis, impatient_body);
}
END_TEST

static void failed_body(rpc_world *world)
{
    creation call = {.world = world, .name = "a", .key = "k", .fail_first = 2};
    create(&call);
    ck_assert_int_eq(call.status, FURROW_ABORTED);
    create(&call);
    ck_assert_int_eq(call.status, FURROW_ABORTED);
    create(&call);
    ck_created(&call, "a-1");
    create(&call);
    ck_created(&call, "a-1");
    ck_assert_uint_eq(world->runs, 3);
}

START_TEST(what_failed_is_not_remembered)
{
    rpc_world_run(&with_redis, failed_body);
}
END_TEST

static void follower_body(rpc_world *world)
{
    creation calls[2];
    for (int i = 0; i < 2; i++) {
        calls[i] = (creation){.world = world, .name = "a", .key = "k", .fail_first = 1, .wait = true};
        ck_assert_ok(furrow_loop_spawn(world->loop, create, &calls[i], failure));
    }
    ck_assert(
        FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1 && furrow_server_calls(world->server) == 2, PATIENCE_MS));
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(calls[0].done && calls[1].done, PATIENCE_MS));
    bool first_failed = calls[0].status == FURROW_ABORTED;
    ck_assert_int_eq(calls[first_failed ? 0 : 1].status, FURROW_ABORTED);
    ck_created(&calls[first_failed ? 1 : 0], "a-1");
}

START_TEST(when_the_first_fails_the_second_takes_its_turn)
{
    rpc_world_run(&with_redis, follower_body);
}
END_TEST

static void forgetful_body(rpc_world *world)
{
    world->kill_redis = true;
    creation call = create_now(world, "a", "k");
    ck_created(&call, "a-1");
    ck_assert_str_eq(call.version, "rpctest.v1.Thing.a=1,rpctest.v1.Thing.b=7");
}

START_TEST(what_took_effect_is_answered_ok_even_if_redis_cannot_remember_it)
{
    rpc_world_run(&with_redis, forgetful_body);
}
END_TEST

static void away_body(rpc_world *world)
{
    furrow_test_server_kill(world->redis);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_store_connected(world->store), PATIENCE_MS));
    creation call = {.world = world, .name = "a", .key = "k"};
    create(&call);
    ck_assert_int_eq(call.status, FURROW_UNAVAILABLE);
    ck_assert_uint_eq(world->runs, 0);
    creation keyless = create_now(world, "a", NULL);
    ck_created(&keyless, "a-1");
    furrow_test_server_restart(world->redis);
    ck_assert(furrow_store_wait_connected(world->store, rpc_world_in_ms(PATIENCE_MS)));
    creation later = create_now(world, "a", "k");
    ck_created(&later, "a-2");
}

START_TEST(without_redis_a_keyed_command_is_not_begun)
{
    rpc_world_run(&with_redis, away_body);
}
END_TEST

static void restart_body(rpc_world *world)
{
    creation before = create_now(world, "a", "k");
    ck_assert_ok(furrow_server_drain(world->server, rpc_world_in_ms(PATIENCE_MS), failure));
    furrow_server_destroy(world->server);
    rpc_world_serve(world, NULL);
    creation after = create_now(world, "a", "k");
    ck_created(&before, "a-1");
    ck_created(&after, "a-1");
    ck_assert_uint_eq(world->effects, 1);
}

START_TEST(another_process_of_the_service_remembers_too)
{
    rpc_world_run(&with_redis, restart_body);
}
END_TEST

/* The value's key among all of Redis: the lists of what it tells of stand beside it. */
static furrow_bytes remembered_key(rpc_world *world)
{
    furrow_value keys;
    furrow_bytes found = {NULL, 0};
    const furrow_bytes list[] = {FURROW_BYTES_LITERAL("KEYS"), FURROW_BYTES_LITERAL("*")};
    ck_assert_ok(furrow_store_command(world->store, list, 2, world->arena, &keys, failure));
    for (size_t i = 0; i < keys.count; i++) {
        ck_assert_ptr_nonnull(furrow_bytes_after(keys.items[i].text.data, "rpctest:@idem:"));
        if (!furrow_bytes_after(keys.items[i].text.data, "rpctest:@idem:of:") &&
            !furrow_bytes_after(keys.items[i].text.data, "rpctest:@idem:@"))
            found = keys.items[i].text;
    }
    ck_assert_ptr_nonnull(found.data);
    return found;
}

static void expiry_body(rpc_world *world)
{
    furrow_value ttl;
    create_now(world, "a", "k");
    const furrow_bytes ask[] = {FURROW_BYTES_LITERAL("TTL"), remembered_key(world)};
    ck_assert_ok(furrow_store_command(world->store, ask, 2, world->arena, &ttl, failure));
    ck_assert_int_gt(ttl.integer, 86000);
    ck_assert_int_le(ttl.integer, 86400);
}

START_TEST(an_answer_is_remembered_for_a_day)
{
    rpc_world_run(&with_redis, expiry_body);
}
END_TEST

static void sealed_body(rpc_world *world)
{
    furrow_value value;
    creation first = create_now(world, "a-long-and-private-name", "k");
    ck_assert_int_eq(first.status, FURROW_OK);
    const furrow_bytes ask[] = {FURROW_BYTES_LITERAL("GET"), remembered_key(world)};
    ck_assert_ok(furrow_store_command(world->store, ask, 2, world->arena, &value, failure));
    ck_assert_uint_gt(value.text.len, 40);
    ck_assert_ptr_null(memmem(value.text.data, value.text.len, "private", 7));
}

START_TEST(what_is_remembered_is_sealed)
{
    rpc_world_run(&with_redis, sealed_body);
}
END_TEST

static void deleted_body(rpc_world *world)
{
    creation first = create_now(world, "a", "k"), again = create_now(world, "a", "k");
    ck_created(&first, "a-1");
    ck_created(&again, "a-1");
    ck_assert_ok(furrow_store_forget(world->store, "rpctest", "rpctest.v1.Thing.b", failure));
    again = create_now(world, "a", "k"); /* what it answers now is for the log to say */
    ck_created(&again, "a-2");
}

START_TEST(an_answer_is_forgotten_with_any_entity_that_it_tells_of)
{
    rpc_world_run(&with_redis, deleted_body);
}
END_TEST

/* Whoever can write to Redis: what was not sealed here, for this key, is as if it were not there. */
static void spoilt_body(rpc_world *world)
{
    static const char *const spoilt[] = {"", "short", "0123456789abcdef",
                                         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    furrow_value value;
    create_now(world, "a", "k");
    const furrow_bytes get[] = {FURROW_BYTES_LITERAL("GET"), remembered_key(world)};
    ck_assert_ok(furrow_store_command(world->store, get, 2, world->arena, &value, failure));
    for (size_t i = 0; i <= value.text.len; i++) {
        uint8_t *copy = furrow_arena_memdup(world->arena, value.text.data, value.text.len);
        if (i < value.text.len) copy[i] ^= 1;
        furrow_bytes body = i < 4 ? furrow_bytes_of(spoilt[i]) : (furrow_bytes){copy, value.text.len};
        const furrow_bytes set[] = {FURROW_BYTES_LITERAL("SET"), get[1], body};
        ck_assert_ok(furrow_store_command(world->store, set, 3, world->arena, NULL, failure));
        creation call = create_now(world, "a", "k");
        ck_assert_int_eq(call.status, FURROW_OK);
        ck_assert((strcmp(call.id, "a-1") == 0) == (i == value.text.len));
    }
}

START_TEST(a_spoilt_memory_crashes_nothing_and_is_not_believed)
{
    rpc_world_run(&with_redis, spoilt_body);
}
END_TEST

/* The newest are remembered, over whatever number of commands; an old one is the log's to recognise. */
static void bounded_body(rpc_world *world)
{
    char key[16], id[16];
    for (int i = 1; i <= 50; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        create_now(world, "a", key);
    }
    ck_assert_uint_eq(furrow_server_results(world->server), 5);
    for (int i = 46; i <= 50; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        snprintf(id, sizeof id, "a-%d", i);
        creation call = create_now(world, "a", key);
        ck_created(&call, id);
    }
    creation call = create_now(world, "a", "key-45");
    ck_created(&call, "a-51");
}

START_TEST(so_many_answers_are_remembered_as_are_allowed_the_newest)
{
    rpc_world_run(&(rpc_world_options){.redis = true, .server = {.max_results = 5}}, bounded_body);
}
END_TEST

static void keys_body(rpc_world *world)
{
    char longest[257];
    memset(longest, 'k', sizeof longest);
    longest[256] = '\0';
    creation call = create_now(world, "a", longest);
    ck_assert_int_eq(call.status, FURROW_INVALID_ARGUMENT);
    call = create_now(world, "a", ""); /* refused before it is sent */
    ck_assert_int_eq(call.status, FURROW_INVALID_ARGUMENT);
    ck_assert_uint_eq(world->runs, 0);
    longest[255] = '\0';
    call = create_now(world, "a", longest);
    ck_created(&call, "a-1");
}

START_TEST(a_key_has_1_to_255_characters)
{
    rpc_world_run(&with_redis, keys_body);
}
END_TEST

static void reads_body(rpc_world *world)
{
    furrow_call_options options = {.idempotency_key = "k"};
    ck_assert_ok(rpc_world_echo(world, "one", &options, failure));
    ck_assert_ok(rpc_world_echo(world, "two", &options, failure));
    ck_assert_uint_eq(world->runs, 2);
    ck_assert(!world->command.has_key);
}

START_TEST(a_method_without_side_effects_needs_no_memory)
{
    rpc_world_run(&with_redis, reads_body);
}
END_TEST

static void storeless_body(rpc_world *world)
{
    creation call = create_now(world, "a", "k");
    ck_assert_int_eq(call.status, FURROW_FAILED_PRECONDITION);
    ck_assert_uint_eq(world->runs, 0);
}

START_TEST(a_server_without_a_store_refuses_keys)
{
    rpc_world_run(NULL, storeless_body);
}
END_TEST

static void command_body(rpc_world *world)
{
    uint8_t key[FURROW_HASH_BYTES], plain[FURROW_HASH_BYTES];
    furrow_bytes parts[] = {furrow_bytes_of(PROBE "Create"), furrow_bytes_of("_INBOX"), furrow_bytes_of("k")};
    furrow_secret_hash(world->secret, "idempotency key", parts, 3, key);
    furrow_hash(parts, 3, plain);
    create_now(world, "a", "k");
    ck_assert(world->command.has_key);
    ck_assert_mem_eq(world->command.key, key, sizeof key);
    ck_assert_mem_ne(key, plain, sizeof key);
    ck_assert_uint_eq(world->command.deadline_ns, world->deadline_ns);
}

START_TEST(the_write_path_gets_the_keys_hash_and_the_deadline)
{
    rpc_world_run(&with_redis, command_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_same_key_takes_effect_once_and_answers_the_same,
                                  the_repeated_answer_is_the_same_to_the_byte_and_in_the_encoding_asked_for,
                                  the_same_key_with_another_request_is_refused,
                                  a_key_that_another_program_uses_is_another_key,
                                  who_uses_anothers_key_does_not_wait_for_it,
                                  the_second_of_two_at_once_waits_for_the_first,
                                  who_waits_for_the_first_keeps_its_own_deadline,
                                  what_failed_is_not_remembered,
                                  when_the_first_fails_the_second_takes_its_turn,
                                  what_took_effect_is_answered_ok_even_if_redis_cannot_remember_it,
                                  without_redis_a_keyed_command_is_not_begun,
                                  another_process_of_the_service_remembers_too,
                                  an_answer_is_remembered_for_a_day,
                                  what_is_remembered_is_sealed,
                                  an_answer_is_forgotten_with_any_entity_that_it_tells_of,
                                  a_spoilt_memory_crashes_nothing_and_is_not_believed,
                                  so_many_answers_are_remembered_as_are_allowed_the_newest,
                                  a_key_has_1_to_255_characters,
                                  a_method_without_side_effects_needs_no_memory,
                                  a_server_without_a_store_refuses_keys,
                                  the_write_path_gets_the_keys_hash_and_the_deadline};
    return rpc_world_main("idempotency", tests, sizeof tests / sizeof *tests);
}
