/*
 * Calls that go well: both encodings, metadata, deadlines, versions, and the life of server and client around them.
 */
#include "rpc_world.h"

#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

/* What passes on the wire, seen by a bystander. */
typedef struct tap {
    size_t messages, with_headers;
    char timeout[32];
} tap;

static void on_tap(void *arg, furrow_msg *msg)
{
    tap *seen = arg;
    seen->messages++;
    seen->timeout[0] = '\0';
    if (furrow_msg_has_headers(msg)) {
        const char *timeout = furrow_msg_header(msg, FURROW_HEADER_TIMEOUT);
        seen->with_headers++;
        snprintf(seen->timeout, sizeof seen->timeout, "%s", timeout ? timeout : "");
    }
    furrow_msg_free(msg);
}

static void listen_in(rpc_world *world, tap *seen)
{
    ck_assert(furrow_link_subscribe(world->link, ">", NULL, on_tap, seen, NULL));
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
}

static void plain_body(rpc_world *world)
{
    tap seen = {0};
    listen_in(world, &seen);
    for (int i = 0; i < 3; i++) ck_assert_ok(rpc_world_echo(world, "hello", NULL, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(seen.messages == 6, PATIENCE_MS));
    ck_assert_uint_eq(seen.with_headers, 0);
}

START_TEST(the_common_call_carries_no_header_in_either_direction)
{
    rpc_world_run(NULL, plain_body);
}
END_TEST

static void fields_body(rpc_world *world)
{
    Rpctest__V1__Sample inner = RPCTEST__V1__SAMPLE__INIT, request = RPCTEST__V1__SAMPLE__INIT, *response;
    Rpctest__V1__Sample__CountsEntry entry = RPCTEST__V1__SAMPLE__COUNTS_ENTRY__INIT, *entries[] = {&entry};
    char *list[] = {"a", "", "c"};
    inner.text = "within";
    entry.key = "bins";
    entry.value = -7;
    request.text = "Zo\xc3\xab";
    request.small = INT32_MIN;
    request.large = INT64_MAX;
    request.natural = UINT32_MAX;
    request.flag = true;
    request.real = -0.5;
    request.raw = (ProtobufCBinaryData){4, (uint8_t *)"\0\xff\x01{"};
    request.n_list = 3;
    request.list = list;
    request.inner = &inner;
    request.colour = RPCTEST__V1__COLOUR__COLOUR_RED;
    request.n_counts = 1;
    request.counts = entries;
    ck_assert_ok(rpctest_echo_call(world->client, &request, NULL, world->arena, &response, failure));
    furrow_bytes sent = rpc_world_pack(world, &request.base), got = rpc_world_pack(world, &response->base);
    ck_assert(furrow_bytes_equal(sent, got));
}

START_TEST(a_typed_call_brings_every_field_there_and_back)
{
    rpc_world_run(NULL, fields_body);
}
END_TEST

/* Text that nobody has rules for is what the caller sent, in both encodings and through the typed client. */
static void nul_body(rpc_world *world)
{
    static const char json[] = "{\"text\":\"a\\u0000b\",\"list\":[\"\\u0000\"]}";
    const furrow_bytes wire = FURROW_BYTES_LITERAL("\x0a\x03"
                                                   "a\0b"
                                                   "\x42\x01\0");
    ck_assert_str_eq(rpc_world_text(world, &(rpc_raw){.method = "Echo", .body = furrow_bytes_of(json)}), json);
    ck_assert(furrow_bytes_equal(rpc_world_raw(world, &(rpc_raw){.method = "Echo", .body = wire})->data, wire));
    ck_assert_ok(rpc_world_echo(world,
                                "a\xc0\x80"
                                "b",
                                NULL, failure));
    furrow_error err =
        rpc_world_error(world, &(rpc_raw){.method = "Echo", .body = FURROW_BYTES_LITERAL("\x0a\x02\xc0\x80")});
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "text");
}

START_TEST(a_nul_in_a_text_comes_back)
{
    rpc_world_run(NULL, nul_body);
}
END_TEST

static void json_body(rpc_world *world)
{
    const char *text =
        "{\"text\":\"hi\",\"large\":\"9007199254740993\",\"raw\":\"AP8=\",\"list\":[\"x\"],\"inner\":{\"flag\":true},"
        "\"colour\":\"COLOUR_RED\",\"counts\":{\"bins\":3}}";
    rpc_raw request = {.method = "Echo", .body = furrow_bytes_of(text)};
    ck_assert_str_eq(rpc_world_text(world, &request), text);
    ck_assert(!furrow_msg_has_headers(rpc_world_raw(world, &request)));
    ck_assert_str_eq(rpc_world_text(world, &(rpc_raw){.method = "Echo", .body = furrow_bytes_of("{}")}), "{}");
}

START_TEST(a_body_that_begins_with_a_brace_is_json_and_so_is_its_answer)
{
    rpc_world_run(NULL, json_body);
}
END_TEST

static void type_body(rpc_world *world)
{
    rpc_raw request = {.method = "Echo",
                       .body = furrow_bytes_of(" \n{\"text\":\"hi\"}"),
                       .headers = {{FURROW_HEADER_CONTENT_TYPE, "Application/JSON; charset=utf-8"}}};
    ck_assert_str_eq(rpc_world_text(world, &request), "{\"text\":\"hi\"}");
    request.body = furrow_bytes_of("\x0a\x02hi");
    request.headers[0].value = FURROW_TYPE_PROTOBUF;
    ck_assert_str_eq(rpc_world_text(world, &request), "\x0a\x02hi");
}

START_TEST(the_content_type_says_what_the_body_is)
{
    rpc_world_run(NULL, type_body);
}
END_TEST

static void accept_body(rpc_world *world)
{
    static const struct {
        const char *accept;
        bool from_json, json;
    } cases[] = {{"application/json", false, true},
                 {"application/protobuf", true, false},
                 {"text/html, application/json;q=0.9, */*;q=0.8", false, true},
                 {"text/html, application/json;q=0.9, */*", false, false},
                 {"APPLICATION/PROTOBUF", true, false},
                 {"*/*", true, true},
                 {"*/*", false, false},
                 {"application/*;q=1", true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rpc_raw request = {.method = "Echo",
                           .body = furrow_bytes_of(cases[i].from_json ? "{\"text\":\"hi\"}" : "\x0a\x02hi"),
                           .headers = {{FURROW_HEADER_ACCEPT, cases[i].accept}}};
        ck_assert_str_eq(rpc_world_text(world, &request), cases[i].json ? "{\"text\":\"hi\"}" : "\x0a\x02hi");
        const char *type = furrow_msg_header(rpc_world_raw(world, &request), FURROW_HEADER_CONTENT_TYPE);
        ck_assert_str_eq(type, cases[i].json ? FURROW_TYPE_JSON : FURROW_TYPE_PROTOBUF);
    }
}

START_TEST(the_answer_comes_in_the_encoding_that_is_accepted)
{
    rpc_world_run(NULL, accept_body);
}
END_TEST

static void empty_body(rpc_world *world)
{
    rpc_raw request = {.method = "Create"};
    ck_assert_str_eq(rpc_world_text(world, &request), "\x0a\x02-1\x10\x01");
    request.headers[0] = (furrow_header){FURROW_HEADER_ACCEPT, FURROW_TYPE_JSON};
    ck_assert_str_eq(rpc_world_text(world, &request), "{\"id\":\"-2\",\"effect\":2}");
}

START_TEST(an_empty_body_is_the_empty_message_and_answered_in_protobuf_unless_accept_says_otherwise)
{
    rpc_world_run(NULL, empty_body);
}
END_TEST

static void metadata_body(rpc_world *world)
{
    static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    furrow_header metadata[] = {{"x-test", "value"}, {"Traceparent", trace}};
    furrow_call_options options = {.metadata = metadata, .metadata_count = 2};
    ck_assert_ok(rpc_world_echo(world, "", &options, failure));
    ck_assert_str_eq(world->metadata, "value");
    ck_assert_str_eq(world->trace, trace);
    metadata[1].value = "not a trace";
    ck_assert_ok(rpc_world_echo(world, "", &options, failure));
    ck_assert_ptr_null(strstr(world->trace, "4bf92f35"));
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_str_eq(world->metadata, "");
    options.metadata_count = 1000;
    ck_assert_int_eq(rpc_world_echo(world, "", &options, NULL), FURROW_INVALID_ARGUMENT);
    metadata[0].value = "two\r\nlines";
    options.metadata_count = 1;
    ck_assert_int_eq(rpc_world_echo(world, "", &options, NULL), FURROW_INVALID_ARGUMENT);
}

START_TEST(metadata_travels_and_a_malformed_trace_is_left_behind)
{
    rpc_world_run(NULL, metadata_body);
}
END_TEST

/* Milliseconds that the last call's handler had. */
static int64_t granted_ms(const rpc_world *world, uint64_t sent_ns)
{
    return ((int64_t)world->deadline_ns - (int64_t)sent_ns) / (int64_t)FURROW_NS_PER_MS;
}

static void deadline_body(rpc_world *world)
{
    tap seen = {0};
    uint64_t now = furrow_clock_now_ns();
    listen_in(world, &seen);
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_int_ge(granted_ms(world, now), 5000);
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.timeout_ms = FURROW_RPC_TIMEOUT_MS}, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(seen.messages == 4, PATIENCE_MS));
    ck_assert_uint_eq(seen.with_headers, 0);

    now = furrow_clock_now_ns();
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.timeout_ms = 1234}, failure));
    ck_assert_int_ge(granted_ms(world, now), 1234);
    ck_assert_int_lt(granted_ms(world, now), 5000);
    now = furrow_clock_now_ns();
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.deadline_ns = rpc_world_in_ms(2000)}, failure));
    ck_assert_int_ge(granted_ms(world, now), 1900);
    ck_assert_int_lt(granted_ms(world, now), 5000);
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.send_deadline = true}, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(seen.messages == 10, PATIENCE_MS));
    ck_assert_uint_eq(seen.with_headers, 3);
}

START_TEST(a_deadline_travels_only_when_it_is_not_the_usual_one)
{
    rpc_world_run(NULL, deadline_body);
}
END_TEST

static void bound_body(rpc_world *world)
{
    uint64_t now = furrow_clock_now_ns();
    rpc_raw request = {.method = "Echo", .headers = {{FURROW_HEADER_TIMEOUT, "99999999H"}}};
    rpc_world_text(world, &request);
    ck_assert_int_ge(granted_ms(world, now), 60000);
    ck_assert_int_lt(granted_ms(world, now), 120000);
    now = furrow_clock_now_ns();
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_int_ge(granted_ms(world, now), 700);
    ck_assert_int_lt(granted_ms(world, now), 5000);
}

START_TEST(the_servers_own_default_and_bound_hold)
{
    rpc_world_run(&(rpc_world_options){.server = {.default_timeout_ms = 700, .max_timeout_ms = 60000}}, bound_body);
}
END_TEST

/* A client whose default is another than the server's must say so. */
static void other_default_body(rpc_world *world)
{
    uint64_t now = furrow_clock_now_ns();
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_int_ge(granted_ms(world, now), 1500);
    ck_assert_int_lt(granted_ms(world, now), 5000);
}

START_TEST(a_clients_own_default_is_sent)
{
    rpc_world_run(&(rpc_world_options){.client = {.timeout_ms = 1500}}, other_default_body);
}
END_TEST

static void version_body(rpc_world *world)
{
    char version[512] = "old";
    Rpctest__V1__CreateRequest request = RPCTEST__V1__CREATE_REQUEST__INIT;
    Rpctest__V1__Created *response;
    request.name = "n";
    ck_assert_ok(rpctest_create_call(world->client, &request, &(furrow_call_options){.version = version}, world->arena,
                                     &response, failure));
    ck_assert_str_eq(version, "rpctest.v1.Thing.a=1,rpctest.v1.Thing.b=7");
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.version = version}, failure));
    ck_assert_str_eq(version, "");
}

START_TEST(an_answer_says_which_versions_it_made)
{
    rpc_world_run(NULL, version_body);
}
END_TEST

static char waited_for[512];

static furrow_status wait_after(void *user, const furrow_version_token *token, uint64_t deadline_ns, furrow_error *err)
{
    rpc_world *world = user;
    ck_assert_uint_eq(world->runs, 0);
    if (deadline_ns == 0) return FURROW_DEADLINE_EXCEEDED; /* not here without a wait */
    ck_assert_uint_gt(deadline_ns, furrow_clock_now_ns());
    size_t used = strlen(waited_for);
    snprintf(waited_for + used, sizeof waited_for - used, "%s@%llu ", token->subject,
             (unsigned long long)token->sequence);
    if (token->sequence == 404)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s is not kept here", token->subject);
    furrow_task_sleep_ms(1);
    return FURROW_OK;
}

static void after_body(rpc_world *world)
{
    furrow_error err = {0};
    waited_for[0] = '\0';
    ck_assert_int_eq(rpc_world_echo(world, "", &(furrow_call_options){.after = "a.b=404,c.d=1"}, &err),
                     FURROW_FAILED_PRECONDITION);
    ck_assert_str_eq(waited_for, "a.b@404 ");
    ck_assert_ptr_nonnull(strstr(err.text, "a.b is not kept here"));
    waited_for[0] = '\0';
    ck_assert_int_eq(rpc_world_echo(world, "", &(furrow_call_options){.after = "nonsense"}, NULL),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_uint_eq(world->runs, 0);
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.after = "a.b=1,c.d=2"}, failure));
    ck_assert_str_eq(waited_for, "a.b@1 c.d@2 ");
}

START_TEST(a_call_waits_for_the_versions_it_must_see)
{
    rpc_world_run(&(rpc_world_options){.server = {.after = wait_after}}, after_body);
}
END_TEST

/* One list of pairs serves everywhere: here nothing is kept, and nothing can be behind. */
static void no_after_body(rpc_world *world)
{
    ck_assert_int_eq(rpc_world_echo(world, "", &(furrow_call_options){.after = "nonsense"}, NULL),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_uint_eq(world->runs, 0);
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.after = "a.b=1"}, failure));
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(a_service_without_records_has_none_to_wait_for)
{
    rpc_world_run(NULL, no_after_body);
}
END_TEST

typedef struct async_echo {
    size_t *answered;
    char text[16];
} async_echo;

static void on_echo(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Sample *response)
{
    async_echo *echo = arg;
    ck_assert_msg(status == FURROW_OK, "%s", err->text);
    ck_assert_str_eq(response->text, echo->text);
    ++*echo->answered;
}

static void many_body(rpc_world *world)
{
    enum { MANY = 900 };
    static async_echo echoes[MANY];
    size_t answered = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++) {
            Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
            echoes[i].answered = &answered;
            request.text = echoes[i].text;
            snprintf(echoes[i].text, sizeof echoes[i].text, "%d/%d", round, i);
            ck_assert_ok(rpctest_echo_call_async(world->client, &request, NULL, on_echo, &echoes[i], failure));
        }
        size_t expected = (size_t)(round + 1) * MANY;
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(answered == expected, PATIENCE_MS));
    }
    ck_assert_uint_eq(furrow_server_calls(world->server), 0);
}

START_TEST(hundreds_of_calls_at_once_get_each_its_own_answer)
{
    rpc_world_run(NULL, many_body);
}
END_TEST

static void on_failure(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Sample *response)
{
    ck_assert_int_eq(status, FURROW_NOT_FOUND);
    ck_assert_str_eq(err->text, "Fail: no such thing");
    ck_assert_ptr_null(response);
    ++*(size_t *)arg;
}

static void async_error_body(rpc_world *world)
{
    size_t answered = 0;
    Rpctest__V1__FailRequest request = RPCTEST__V1__FAIL_REQUEST__INIT;
    request.code = FURROW_NOT_FOUND;
    request.text = (ProtobufCBinaryData){13, (uint8_t *)"no such thing"};
    ck_assert_ok(rpctest_fail_call_async(world->client, &request, NULL, on_failure, &answered, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(answered == 1, PATIENCE_MS));
}

START_TEST(an_asynchronous_call_learns_its_error)
{
    rpc_world_run(NULL, async_error_body);
}
END_TEST

typedef struct waiting_call {
    rpc_world *world;
    furrow_status status;
    bool done;
    char text[32];
} waiting_call;

static void call_wait(void *arg)
{
    waiting_call *call = arg;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT, *response;
    request.text = "kept";
    call->status = rpctest_wait_call(call->world->client, &request, NULL, arena, &response, NULL);
    if (call->status == FURROW_OK) snprintf(call->text, sizeof call->text, "%s", response->text);
    call->done = true;
}

static void start_waiting(rpc_world *world, waiting_call calls[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        calls[i] = (waiting_call){.world = world};
        ck_assert_ok(furrow_loop_spawn(world->loop, call_wait, &calls[i], failure));
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == count, PATIENCE_MS));
}

typedef struct drain_task {
    rpc_world *world;
    bool done;
    furrow_status status;
} drain_task;

static void drain(void *arg)
{
    drain_task *task = arg;
    task->status = furrow_server_drain(task->world->server, rpc_world_in_ms(PATIENCE_MS), NULL);
    task->done = true;
}

static bool nobody_serves(rpc_world *world)
{
    return rpc_world_echo(world, "", &(furrow_call_options){.timeout_ms = 500}, NULL) == FURROW_UNAVAILABLE;
}

static void drain_body(rpc_world *world)
{
    waiting_call calls[3];
    drain_task task = {.world = world};
    start_waiting(world, calls, 3);
    ck_assert_int_eq(furrow_server_drain(world->server, rpc_world_in_ms(20), NULL), FURROW_DEADLINE_EXCEEDED);
    ck_assert_ok(furrow_loop_spawn(world->loop, drain, &task, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(nobody_serves(world), PATIENCE_MS));
    ck_assert(!task.done);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(task.done, PATIENCE_MS));
    ck_assert_int_eq(task.status, FURROW_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(calls[i].done, PATIENCE_MS));
        ck_assert_int_eq(calls[i].status, FURROW_OK);
        ck_assert_str_eq(calls[i].text, "kept");
    }
}

START_TEST(drain_takes_no_more_and_finishes_what_was_begun)
{
    rpc_world_run(NULL, drain_body);
}
END_TEST

/* Requests that had left when the drain began are served, not lost. */
static void drain_race_body(rpc_world *world)
{
    enum { MANY = 300 };
    static async_echo echoes[MANY];
    size_t answered = 0;
    for (int i = 0; i < MANY; i++) {
        Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
        echoes[i] = (async_echo){.answered = &answered, .text = "x"};
        request.text = "x";
        ck_assert_ok(rpctest_echo_call_async(world->client, &request, NULL, on_echo, &echoes[i], failure));
    }
    ck_assert_ok(furrow_link_flush(world->caller, rpc_world_in_ms(PATIENCE_MS), failure));
    ck_assert_ok(furrow_server_drain(world->server, rpc_world_in_ms(PATIENCE_MS), failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(answered == MANY, PATIENCE_MS));
}

START_TEST(what_nats_had_taken_before_the_drain_is_answered)
{
    rpc_world_run(NULL, drain_race_body);
}
END_TEST

static void destroy_server_body(rpc_world *world)
{
    waiting_call call;
    start_waiting(world, &call, 1);
    furrow_server_destroy(world->server);
    world->server = NULL;
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 0, PATIENCE_MS));
    furrow_link_destroy(world->caller); /* ends the call that nobody answers */
    world->caller = NULL;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(call.done, PATIENCE_MS));
    ck_assert_int_ne(call.status, FURROW_OK);
}

START_TEST(a_server_destroyed_under_a_call_answers_it_no_more)
{
    rpc_world_run(NULL, destroy_server_body);
}
END_TEST

static void destroy_client_body(rpc_world *world)
{
    waiting_call calls[2];
    size_t answered = 0;
    async_echo echo = {.answered = &answered, .text = "late"};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    request.text = "late";
    start_waiting(world, calls, 2);
    ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_echo, &echo, failure));
    furrow_client_destroy(world->client);
    world->client = NULL;
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(calls[0].done && calls[1].done && answered == 1, PATIENCE_MS));
    ck_assert_int_eq(calls[0].status, FURROW_OK);
}

START_TEST(a_client_destroyed_under_calls_lets_them_end)
{
    rpc_world_run(NULL, destroy_client_body);
}
END_TEST

static void stats_body(rpc_world *world)
{
    furrow_error err;
    Rpctest__V1__FailRequest request = RPCTEST__V1__FAIL_REQUEST__INIT;
    Rpctest__V1__Sample *response;
    request.code = FURROW_ABORTED;
    request.text = (ProtobufCBinaryData){4, (uint8_t *)"lost"};
    for (int i = 0; i < 3; i++) ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, &err), FURROW_ABORTED);
    ck_assert_uint_eq(furrow_server_services(world->server), 1);
    ck_assert_ptr_eq(furrow_server_service(world->server, 0), &rpctest_v1_probe_service_handlers);
    const furrow_method_stats *echo = furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_ECHO);
    const furrow_method_stats *fail = furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_FAIL);
    ck_assert_uint_eq(echo->requests, 3);
    ck_assert_uint_eq(echo->errors, 0);
    ck_assert_uint_gt(echo->processing_ns, 0);
    ck_assert_uint_eq(fail->requests, 1);
    ck_assert_uint_eq(fail->errors, 1);
    ck_assert_str_eq(fail->last_error, "ABORTED: lost");
}

START_TEST(statistics_count_by_method)
{
    rpc_world_run(NULL, stats_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_common_call_carries_no_header_in_either_direction,
        a_typed_call_brings_every_field_there_and_back,
        a_nul_in_a_text_comes_back,
        a_body_that_begins_with_a_brace_is_json_and_so_is_its_answer,
        the_content_type_says_what_the_body_is,
        the_answer_comes_in_the_encoding_that_is_accepted,
        an_empty_body_is_the_empty_message_and_answered_in_protobuf_unless_accept_says_otherwise,
        metadata_travels_and_a_malformed_trace_is_left_behind,
        a_deadline_travels_only_when_it_is_not_the_usual_one,
        the_servers_own_default_and_bound_hold,
        a_clients_own_default_is_sent,
        an_answer_says_which_versions_it_made,
        a_call_waits_for_the_versions_it_must_see,
        a_service_without_records_has_none_to_wait_for,
        hundreds_of_calls_at_once_get_each_its_own_answer,
        an_asynchronous_call_learns_its_error,
        drain_takes_no_more_and_finishes_what_was_begun,
        what_nats_had_taken_before_the_drain_is_answered,
        a_server_destroyed_under_a_call_answers_it_no_more,
        a_client_destroyed_under_calls_lets_them_end,
        statistics_count_by_method};
    return rpc_world_main("rpc_calls", tests, sizeof tests / sizeof *tests);
}
