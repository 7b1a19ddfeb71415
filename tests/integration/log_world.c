/* See log_world.h. */
#include "log_world.h"

#include "store/functions.h"
#include "wire/message.h"

#include <unistd.h>

#define CALL_NS     (10 * FURROW_NS_PER_S)
#define ARENA_BYTES ((size_t)256 << 20)

/* protoc-gen-c keeps its own to itself. */
static const ProtobufCFieldDescriptor secret = {.name = "secret",
                                                .id = 4,
                                                .label = PROTOBUF_C_LABEL_NONE,
                                                .type = PROTOBUF_C_TYPE_BYTES,
                                                .offset = offsetof(test_counter, secret)};

const furrow_entity_contract log_counter = {
    .name = "logtest.v1.Counter",
    .short_name = "Counter",
    .owner = "counting",
    .stream = "COUNTER",
    .subjects = "logtest.v1.Counter.*",
    .description = "",
    .descriptor = &logtest__v1__counter__descriptor,
    .private_field = &secret,
    .history = 3,
};

const furrow_entity_contract log_claim = {
    .name = "logtest.v1.BadgeClaim",
    .short_name = "BadgeClaim",
    .owner = "counting",
    .stream = "BADGE_CLAIM",
    .subjects = "logtest.v1.BadgeClaim.*",
    .description = "",
    .descriptor = &logtest__v1__badge_claim__descriptor,
    .history = 2,
    .internal = true,
};

const furrow_entity_contract log_key = {
    .name = "logtest.v1.CounterKey",
    .short_name = "CounterKey",
    .owner = "counting",
    .stream = "COUNTER_KEY",
    .subjects = "logtest.v1.CounterKey.*",
    .description = "",
    .descriptor = &logtest__v1__counter_key__descriptor,
    .history = 2,
    .internal = true,
};

uint64_t log_soon(void)
{
    return furrow_clock_now_ns() + CALL_NS;
}

void log_must(furrow_status status, const furrow_error *err)
{
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), err->text);
}

/* ---- the world ---- */

static void make_stream(log_world *world, const furrow_entity_contract *contract)
{
    char subject[128], body[512];
    furrow_error err = {0};
    furrow_msg *reply;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", contract->stream);
    snprintf(
        body, sizeof body,
        "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,\"max_"
        "bytes\":-1,\"max_age\":0,"
        "\"max_msgs_per_subject\":%u,\"max_msg_size\":-1,\"discard\":\"old\",\"storage\":\"file\",\"num_replicas\":1,"
        "\"duplicate_window\":100000000}",
        contract->stream, contract->subjects, contract->history);
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of(body)};
    log_must(furrow_link_request(world->link, &out, log_soon(), &reply, &err), &err);
    ck_assert_msg(!memmem(reply->data.data, reply->data.len, "\"error\"", 7), "%.*s", (int)reply->data.len,
                  (const char *)reply->data.data);
    furrow_msg_free(reply);
}

static furrow_link *connect_link(log_world *world, const char *url)
{
    furrow_error err = {0};
    furrow_link_options options = {.url = url, .name = "test", .reconnect_min_ms = 10, .reconnect_max_ms = 100};
    furrow_link *link = furrow_link_create(world->loop, &options, &err);
    ck_assert_msg(link != NULL, "%s", err.text);
    ck_assert(furrow_link_wait_connected(link, log_soon()));
    return link;
}

static furrow_table *make_table(log_world *world, const furrow_entity_contract *contract)
{
    furrow_error err = {0};
    furrow_table_options options = {
        .service = "counting", .entity = contract->short_name, .descriptor = contract->descriptor};
    furrow_table *table = furrow_table_create(world->store, &options, &err);
    ck_assert_msg(table != NULL, "%s", err.text);
    return table;
}

static furrow_status counter_rules(const ProtobufCMessage *state, furrow_error *err)
{
    if (((const test_counter *)state)->value != LOG_FORBIDDEN_VALUE) return FURROW_OK;
    return furrow_fail_field(err, "value", "is forbidden");
}

/* A test is a process of its own; so are those of three processes of one service. */
const furrow_secret *log_secret(void)
{
    static const uint8_t bytes[FURROW_SECRET_BYTES] = "the secret of these tests";
    static furrow_secret *made;
    if (!made) made = furrow_secret_create(bytes, NULL);
    return made;
}

static furrow_entity *make_entity(const furrow_entity_contract *contract, furrow_link *link, furrow_table *table)
{
    furrow_error err = {0};
    furrow_rules_fn *rules = contract == &log_counter ? counter_rules
                             : contract == &log_claim ? furrow_claim_check_state
                                                      : NULL;
    furrow_entity *entity = furrow_entity_create(&(furrow_entity_options){.contract = contract,
                                                                          .link = link,
                                                                          .table = table,
                                                                          .service = "counting",
                                                                          .secret = log_secret(),
                                                                          .rules = rules},
                                                 &err);
    ck_assert_msg(entity != NULL, "%s", err.text);
    return entity;
}

static void open_world(log_world *world, const char *nats_url, const char *redis_url)
{
    furrow_error err = {0};
    furrow_store_options store = {.url = redis_url, .reconnect_min_ms = 10, .reconnect_max_ms = 100};
    world->link = connect_link(world, nats_url);
    world->other_link = connect_link(world, nats_url);
    world->store = furrow_store_create(world->loop, &store, &err);
    ck_assert_msg(world->store != NULL, "%s", err.text);
    ck_assert(furrow_store_wait_connected(world->store, log_soon()));
    world->counter_table = make_table(world, &log_counter);
    world->claim_table = make_table(world, &log_claim);
    world->key_table = make_table(world, &log_key);
    world->counters = make_entity(&log_counter, world->link, world->counter_table);
    world->other_counters = make_entity(&log_counter, world->other_link, world->counter_table);
    world->claims = make_entity(&log_claim, world->link, world->claim_table);
    world->keys = make_entity(&log_key, world->link, world->key_table);
    world->other_keys = make_entity(&log_key, world->other_link, world->key_table);
    world->arena = furrow_arena_create(ARENA_BYTES);
}

static void close_world(log_world *world)
{
    furrow_arena_destroy(world->arena);
    furrow_entity_destroy(world->keys);
    furrow_entity_destroy(world->other_keys);
    furrow_entity_destroy(world->claims);
    furrow_entity_destroy(world->other_counters);
    furrow_entity_destroy(world->counters);
    furrow_table_destroy(world->key_table);
    furrow_table_destroy(world->claim_table);
    furrow_table_destroy(world->counter_table);
    furrow_store_destroy(world->store);
    furrow_link_destroy(world->other_link);
    furrow_link_destroy(world->link);
}

void log_reconnect_through(log_world *world, const char *url)
{
    furrow_entity_destroy(world->counters);
    furrow_link_destroy(world->link);
    world->link = connect_link(world, url);
    world->counters = make_entity(&log_counter, world->link, world->counter_table);
}

typedef struct run_arg {
    log_world world;
    const char *nats_url, *redis_url;
    void (*body)(log_world *world);
} run_arg;

static void run_body(void *arg)
{
    run_arg *run = arg;
    open_world(&run->world, run->nats_url, run->redis_url);
    if (run->world.nats) {
        make_stream(&run->world, &log_counter);
        make_stream(&run->world, &log_claim);
        make_stream(&run->world, &log_key);
    }
    run->body(&run->world);
    close_world(&run->world);
}

static void run_loop(run_arg *run)
{
    furrow_error err = {0};
    run->world.loop = furrow_loop_create(&(furrow_loop_options){.stack_bytes = 256 << 10}, &err);
    ck_assert_msg(run->world.loop != NULL, "%s", err.text);
    log_must(furrow_loop_run_task(run->world.loop, run_body, run, &err), &err);
    furrow_loop_destroy(run->world.loop);
}

void log_run(void (*body)(log_world *world))
{
    run_arg run = {.body = body};
    run.world.nats = furrow_test_nats_start(NULL);
    run.world.redis = furrow_test_redis_start(&(furrow_test_redis_options){.library = furrow_functions_text()});
    run.nats_url = furrow_test_server_url(run.world.nats);
    run.redis_url = furrow_test_server_url(run.world.redis);
    run_loop(&run);
    furrow_test_server_destroy(run.world.redis);
    furrow_test_server_destroy(run.world.nats);
}

void log_run_child(const char *nats_url, const char *redis_url, void (*body)(log_world *world))
{
    run_arg run = {.body = body, .nats_url = nats_url, .redis_url = redis_url};
    run_loop(&run);
    exit(EXIT_SUCCESS);
}

/* ---- commands ---- */

furrow_command log_command(void)
{
    return (furrow_command){.deadline_ns = log_soon()};
}

furrow_command log_keyed(const char *key, const char *request)
{
    furrow_command command = log_command();
    furrow_bytes parts[] = {furrow_bytes_of(key), furrow_bytes_of(request)};
    command.has_key = true;
    furrow_hash(parts, 1, command.key);
    furrow_hash(parts + 1, 1, command.request);
    return command;
}

typedef struct change_request {
    const char *id;
    int64_t value;
    bool add, remove;
} change_request;

static furrow_status decide(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                            furrow_error *err)
{
    const change_request *change = arg;
    if (change->remove) {
        if (current->message) *out = (furrow_decision){.remove = true, .event = "deleted"};
        return FURROW_OK;
    }
    test_counter *next =
        (test_counter *)(current->message ? furrow_arena_memdup(arena, current->message, sizeof *next)
                                          : furrow_message_new(&logtest__v1__counter__descriptor, arena));
    next->id = furrow_arena_strdup(arena, change->id);
    next->value = change->value + (change->add ? next->value : 0);
    *out = (furrow_decision){.next = &next->base, .event = current->message ? "changed" : "created"};
    return FURROW_OK;
}

static furrow_status write_change(furrow_entity *entity, furrow_arena *arena, change_request change,
                                  const furrow_command *command, furrow_written *out, furrow_error *err)
{
    furrow_write write = {
        .id = change.id, .command = command, .removes = change.remove, .decide = decide, .arg = &change};
    return furrow_entity_write(entity, &write, arena, out, err);
}

furrow_status log_set(furrow_entity *entity, furrow_arena *arena, const char *id, int64_t value,
                      const furrow_command *command, furrow_written *out, furrow_error *err)
{
    return write_change(entity, arena, (change_request){.id = id, .value = value}, command, out, err);
}

furrow_status log_add(furrow_entity *entity, furrow_arena *arena, const char *id, int64_t value,
                      const furrow_command *command, furrow_written *out, furrow_error *err)
{
    return write_change(entity, arena, (change_request){.id = id, .value = value, .add = true}, command, out, err);
}

furrow_status log_delete(furrow_entity *entity, furrow_arena *arena, const char *id, const furrow_command *command,
                         furrow_written *out, furrow_error *err)
{
    return write_change(entity, arena, (change_request){.id = id, .remove = true}, command, out, err);
}

/* ---- looking ---- */

int64_t log_value(const furrow_state *state)
{
    ck_assert(state->message != NULL);
    return ((const test_counter *)state->message)->value;
}

furrow_state log_load(log_world *world, const char *id)
{
    furrow_error err = {0};
    furrow_state state;
    log_must(furrow_entity_load(world->counters, id, world->arena, &state, &err), &err);
    return state;
}

furrow_state log_newest(log_world *world, const char *id)
{
    furrow_error err = {0};
    furrow_state state;
    furrow_status status = FURROW_UNAVAILABLE; /* it is while a server that was killed comes back */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        (status = furrow_entity_load_log(world->other_counters, id, world->arena, &state, &err)) != FURROW_UNAVAILABLE,
        10000));
    log_must(status, &err);
    return state;
}

furrow_js_stored log_stored(log_world *world, const char *id)
{
    furrow_error err = {0};
    furrow_js_stored stored;
    char subject[FURROW_SUBJECT_MAX];
    log_must(furrow_subject_of_entity(log_counter.name, id, subject, &err), &err);
    log_must(
        furrow_js_get_last(world->other_link, log_counter.stream, subject, log_soon(), world->arena, &stored, &err),
        &err);
    return stored;
}

static bool probe_is_new(log_world *world, const char *msg_id)
{
    furrow_error err = {0};
    furrow_js_puback ack;
    furrow_js_publish_options options = {.msg_id = msg_id, .expected_seq = FURROW_JS_ANY_SEQUENCE};
    log_must(furrow_js_publish(world->other_link, "logtest.v1.Counter.probe", FURROW_BYTES_LITERAL(""), &options,
                               log_soon(), &ack, &err),
             &err);
    return !ack.duplicate;
}

void log_await_window_closed(log_world *world)
{
    char msg_id[FURROW_ID_SIZE];
    furrow_id_make(msg_id);
    ck_assert(probe_is_new(world, msg_id));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(probe_is_new(world, msg_id), 10000));
}

int log_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
