/* See rpc_world.h. */
#include "rpc_world.h"

#include "store/functions.h"
#include "wire/detail.h"
#include "wire/message.h"

#include <stdio.h>

static void copy_metadata(furrow_call *call, const char *name, char *out, size_t size)
{
    const char *value = furrow_call_metadata(call, name);
    snprintf(out, size, "%s", value ? value : "");
}

static rpc_world *note(furrow_call *call)
{
    rpc_world *world = furrow_call_user(call);
    const furrow_trace *trace = furrow_trace_current();
    world->runs++;
    world->deadline_ns = furrow_call_deadline(call);
    world->command = *furrow_call_command(call);
    copy_metadata(call, "x-test", world->metadata, sizeof world->metadata);
    copy_metadata(call, "traceparent", world->traceparent, sizeof world->traceparent);
    copy_metadata(call, "tracestate", world->tracestate, sizeof world->tracestate);
    snprintf(world->trace, sizeof world->trace, "%s", trace ? trace->parent : "");
    snprintf(world->state, sizeof world->state, "%s", trace ? trace->state : "");
    return world;
}

static void pass_gate(rpc_world *world)
{
    world->waiting++;
    (void)FURROW_TEST_EVENTUALLY_IN_TASK(world->open, PATIENCE_MS);
    world->waiting--;
}

furrow_status rpctest_echo(furrow_call *call, const Rpctest__V1__Sample *request, Rpctest__V1__Sample *response,
                           furrow_error *err)
{
    rpc_world *world = note(call);
    Rpctest__V1__CreateRequest create = RPCTEST__V1__CREATE_REQUEST__INIT;
    Rpctest__V1__Created *created;
    furrow_call_options options = {.deadline_ns = furrow_call_deadline(call)};
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < world->nested; i++)
        status = rpctest_create_call(world->client, &create, &options, furrow_call_arena(call), &created, err);
    if (status != FURROW_OK) return status;
    *response = *request; /* lent until the reply is sent, as all of the request is */
    return FURROW_OK;
}

furrow_status rpctest_wait(furrow_call *call, const Rpctest__V1__Sample *request, Rpctest__V1__Sample *response,
                           furrow_error *err)
{
    pass_gate(note(call));
    *response = *request;
    return FURROW_OK;
}

furrow_status rpctest_create(furrow_call *call, const Rpctest__V1__CreateRequest *request,
                             Rpctest__V1__Created *response, furrow_error *err)
{
    rpc_world *world = note(call);
    size_t run = world->runs;
    if (request->wait) pass_gate(world);
    if (run <= (size_t)request->fail_first)
        return furrow_fail(err, (furrow_status)request->code, "run %zu of %s", run, request->name);
    world->effects++;
    if (world->kill_redis) furrow_test_server_kill(world->redis);
    response->id = furrow_arena_printf(furrow_call_arena(call), "%s-%zu", request->name, world->effects);
    response->effect = (int32_t)world->effects;
    furrow_call_wrote(call, "rpctest.v1.Thing.a", world->effects);
    furrow_call_wrote(call, "rpctest.v1.Thing.b", 7);
    return FURROW_OK;
}

static furrow_status add_details(furrow_error *err)
{
    Furrow__V1__LocalizedMessage message = FURROW__V1__LOCALIZED_MESSAGE__INIT;
    message.locale = (char[]){"es-MX"};
    message.message = (char[]){"Zo\xc3\xab no trabaja aqu\xc3\xad"};
    snprintf(err->reason, sizeof err->reason, "NOT_EMPLOYED");
    (void)furrow_detail_add_metadata(err, "employee", "E1");
    (void)furrow_detail_add_resource(err, "employee.v1.Employee", "E1");
    (void)furrow_detail_add_precondition(err, "employee.v1.Employee", "E1");
    (void)furrow_detail_add_quota(err, "caller", "FURROW_CALLER_BYTES");
    return furrow_detail_add(err, &message.base);
}

static furrow_status fail_as_asked(rpc_world *world, const Rpctest__V1__FailRequest *request, furrow_error *err)
{
    if (request->times > 0 && world->runs > (size_t)request->times) return FURROW_OK;
    if (request->silent) return (furrow_status)request->code;
    furrow_fail(err, (furrow_status)request->code, "%.*s", (int)request->text.len, (const char *)request->text.data);
    snprintf(err->field, sizeof err->field, "%.*s", (int)request->field.len, (const char *)request->field.data);
    err->retry_ms = request->retry_ms;
    return request->detailed ? add_details(err) : err->code;
}

furrow_status rpctest_fail(furrow_call *call, const Rpctest__V1__FailRequest *request, Rpctest__V1__Sample *response,
                           furrow_error *err)
{
    return fail_as_asked(note(call), request, err);
}

furrow_status rpctest_fail_write(furrow_call *call, const Rpctest__V1__FailRequest *request,
                                 Rpctest__V1__Sample *response, furrow_error *err)
{
    return fail_as_asked(note(call), request, err);
}

furrow_status rpctest_obey(furrow_call *call, const Rpctest__V1__Strict *request, Rpctest__V1__Sample *response,
                           furrow_error *err)
{
    note(call);
    response->text = request->name;
    return FURROW_OK;
}

/* Straight code: it waits in send for who reads slowly, and is told there when nobody reads any more. */
static furrow_status count_up(rpc_world *world, furrow_call *call, const Rpctest__V1__CountRequest *request,
                              furrow_error *err)
{
    Rpctest__V1__Sample message = RPCTEST__V1__SAMPLE__INIT;
    message.text = furrow_arena_alloc(furrow_call_arena(call), (size_t)request->bytes + 1);
    memset(message.text, 'x', (size_t)request->bytes);
    message.text[request->bytes] = '\0';
    for (int32_t i = request->from; request->to == 0 || i <= request->to; i++) {
        message.small = i;
        furrow_status status = rpctest_count_send(call, &message, err);
        if (status != FURROW_OK) return status;
        world->counted++;
        if (request->wait && i == request->from) pass_gate(world);
    }
    if (request->code == 0) return FURROW_OK;
    return furrow_fail(err, (furrow_status)request->code, "that was all");
}

furrow_status rpctest_count(furrow_call *call, const Rpctest__V1__CountRequest *request, furrow_error *err)
{
    rpc_world *world = note(call);
    world->counting++;
    furrow_status status = count_up(world, call, request, err);
    world->counting--;
    world->count_ended = status;
    return status;
}

furrow_status rpctest_large(furrow_call *call, const Rpctest__V1__LargeRequest *request, Rpctest__V1__Sample *response,
                            furrow_error *err)
{
    rpc_world *world = note(call);
    response->text = furrow_arena_alloc(furrow_call_arena(call), (size_t)request->bytes + 1);
    if (!response->text) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for so much");
    memset(response->text, request->invalid ? 0xff : 'x', (size_t)request->bytes);
    response->text[request->bytes] = '\0';
    if (request->wait) pass_gate(world);
    return FURROW_OK;
}

uint64_t rpc_world_in_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

static bool is_ready(void *user, const char **why)
{
    rpc_world *world = user;
    *why = "the test says so";
    return !world->not_ready;
}

void rpc_world_serve(rpc_world *world, const furrow_server_options *options)
{
    furrow_server_options mine = options ? *options : (furrow_server_options){0};
    mine.queue = "rpctest";
    mine.user = world;
    mine.store = world->store;
    mine.secret = world->secret;
    mine.ready = is_ready;
    furrow_error err = {0};
    world->server = furrow_server_create(world->link, &mine, &err);
    ck_assert_msg(world->server != NULL, "%s", err.text);
    ck_assert_ok(furrow_server_add(world->server, &rpctest_v1_probe_service_handlers, failure));
    ck_assert_ok(furrow_server_open(world->server, failure));
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
}

furrow_link *rpc_world_connect(rpc_world *world, const char *name)
{
    return rpc_world_connect_as(world, name, NULL);
}

furrow_link *rpc_world_connect_as(rpc_world *world, const char *name, const char *inbox_prefix)
{
    furrow_error err = {0};
    furrow_link_options options = {.url = furrow_test_server_url(world->nats),
                                   .name = name,
                                   .inbox_prefix = inbox_prefix,
                                   .reconnect_min_ms = 5,
                                   .reconnect_max_ms = 50};
    furrow_link *link = furrow_link_create(world->loop, &options, &err);
    ck_assert_msg(link != NULL, "%s", err.text);
    ck_assert(furrow_link_wait_connected(link, rpc_world_in_ms(PATIENCE_MS)));
    return link;
}

typedef struct setting {
    rpc_world *world;
    const rpc_world_options *options;
} setting;

static void open_store(rpc_world *world)
{
    furrow_error err = {0};
    furrow_store_options options = {
        .url = furrow_test_server_url(world->redis), .reconnect_min_ms = 5, .reconnect_max_ms = 50};
    world->store = furrow_store_create(world->loop, &options, &err);
    ck_assert_msg(world->store != NULL, "%s", err.text);
    ck_assert(furrow_store_wait_connected(world->store, rpc_world_in_ms(PATIENCE_MS)));
}

static void body_task(void *arg)
{
    const setting *set = arg;
    rpc_world *world = set->world;
    world->link = rpc_world_connect(world, "server");
    world->caller = rpc_world_connect(world, "client");
    if (world->redis) open_store(world);
    rpc_world_serve(world, &set->options->server);
    world->client = furrow_client_create(world->caller, &set->options->client, NULL);
    ck_assert(world->client != NULL);
    world->body(world);
    furrow_client_destroy(world->client);
    furrow_server_destroy(world->server);
    furrow_link_destroy(world->caller);
    furrow_link_destroy(world->link);
    furrow_store_destroy(world->store);
}

void rpc_world_run(const rpc_world_options *options, void (*body)(rpc_world *world))
{
    static const rpc_world_options defaults;
    static const uint8_t secret[FURROW_SECRET_BYTES] = "the secret of these tests";
    rpc_world world = {
        .body = body, .arena = furrow_arena_create(256 << 20), .secret = furrow_secret_create(secret, NULL)};
    setting set = {&world, options ? options : &defaults};
    world.nats = furrow_test_nats_start(&(furrow_test_nats_options){.no_jetstream = true});
    if (set.options->redis)
        world.redis = furrow_test_redis_start(&(furrow_test_redis_options){.library = furrow_functions_text()});
    world.loop = furrow_loop_create(NULL, NULL);
    ck_assert(world.loop && world.arena);
    ck_assert_ok(furrow_loop_run_task(world.loop, body_task, &set, failure));
    furrow_loop_destroy(world.loop);
    furrow_arena_destroy(world.arena);
    furrow_secret_destroy(world.secret);
    furrow_test_server_destroy(world.nats);
    furrow_test_server_destroy(world.redis);
}

const furrow_msg *rpc_world_raw(rpc_world *world, const rpc_raw *request)
{
    static furrow_msg *last; /* a test is a process of its own */
    char subject[FURROW_SUBJECT_MAX];
    snprintf(subject, sizeof subject, PROBE "%s", request->method);
    furrow_outgoing out = {.subject = subject, .headers = request->headers, .data = request->body};
    while (out.header_count < 4 && request->headers[out.header_count].name) out.header_count++;
    furrow_msg *reply = NULL;
    ck_assert_ok(furrow_link_request(world->caller, &out, rpc_world_in_ms(PATIENCE_MS), &reply, failure));
    furrow_msg_free(last);
    last = reply;
    return reply;
}

const char *rpc_world_text(rpc_world *world, const rpc_raw *request)
{
    const furrow_msg *reply = rpc_world_raw(world, request);
    ck_assert_ok(furrow_client_reply_status(reply, failure));
    return furrow_arena_memdup(world->arena, reply->data.data, reply->data.len);
}

furrow_error rpc_world_error(rpc_world *world, const rpc_raw *request)
{
    const furrow_msg *reply = rpc_world_raw(world, request);
    furrow_error err = {0};
    ck_assert_msg(furrow_client_reply_status(reply, &err) != FURROW_OK, "%s is no error", request->method);
    return err;
}

furrow_bytes rpc_world_pack(rpc_world *world, const ProtobufCMessage *message)
{
    furrow_bytes bytes;
    ck_assert_ok(furrow_message_pack(message, world->arena, &bytes, failure));
    return bytes;
}

furrow_status rpc_world_echo(rpc_world *world, const char *text, const furrow_call_options *options, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT, *response = NULL;
    request.text = (char *)(uintptr_t)text;
    furrow_status status = rpctest_echo_call(world->client, &request, options, arena, &response, err);
    if (status == FURROW_OK) ck_assert_str_eq(response->text, text);
    return status;
}

void rpc_world_refuses(rpc_world *world, const rpc_raw *request, furrow_status code, const char *text)
{
    size_t runs = world->runs;
    furrow_error err = rpc_world_error(world, request);
    ck_assert_msg(err.code == code, "%s: %s instead of %s", err.text, furrow_status_name(err.code),
                  furrow_status_name(code));
    ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" does not say \"%s\"", err.text, text);
    ck_assert_uint_eq(world->runs, runs);
}

void rpc_world_alive(rpc_world *world)
{
    ck_assert_ok(rpc_world_echo(world, "alive", NULL, failure));
    ck_assert_uint_eq(furrow_server_calls(world->server), 0);
}

int rpc_world_main(const char *name, const TTest *const tests[], size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create("all");
    for (size_t i = 0; i < count; i++) tcase_add_test(all, tests[i]);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
