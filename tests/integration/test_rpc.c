/*
 * RPC over a real nats-server and Redis: a service with the job contract's methods played by handlers of this test,
 * called as stock clients call it (raw requests) and by the typed client. Each test runs as a task on a loop of its
 * own.
 */
#include "base/clock.h"
#include "job/v1/job.client.h"
#include "job/v1/job.furrow.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "store/functions.h"
#include "support/servers.h"
#include "support/wait.h"
#include "wire/json.h"
#include "wire/message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000
#define GET         "job.v1.JobService.GetJob"
#define OPEN        "job.v1.JobService.OpenJob"
#define REST        "\"code\":\"P\",\"kind\":\"JOB_KIND_PRUNE\",\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"}"
#define A_JOB       "{\"name\":\"a\"," REST "}"

typedef struct test_world {
    furrow_test_server *nats, *redis;
    furrow_loop *loop;
    furrow_link *link;
    furrow_store *store;
    furrow_secret *secret;
    furrow_server *server;
    furrow_client *client;
    furrow_arena *arena;
    size_t opened, closed, running;
    size_t failures;        /* CloseJob fails UNAVAILABLE so many times */
    furrow_waiter *release; /* OpenJob "slow" waits for it */
    const char *not_ready;
    void (*body)(struct test_world *world);
} test_world;

static uint64_t within_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

static furrow_status handle_open(furrow_call *call, const ProtobufCMessage *message, ProtobufCMessage *response,
                                 furrow_error *err)
{
    test_world *world = furrow_call_user(call);
    const Job__V1__OpenJobRequest *request = (const Job__V1__OpenJobRequest *)message;
    Job__V1__JobState *state = (Job__V1__JobState *)response;
    world->running++;
    if (strcmp(request->name, "slow") == 0) furrow_wait(world->release, within_ms(PATIENCE_MS));
    world->running--;
    world->opened++;
    Job__V1__Job *job = (Job__V1__Job *)furrow_message_new(&job__v1__job__descriptor, furrow_call_arena(call));
    job->id = request->id;
    job->name = request->name;
    state->job = job;
    state->version = (int64_t)world->opened;
    furrow_call_wrote(call, "job.v1.Job.J1", world->opened);
    return FURROW_OK;
}

static furrow_status handle_get(furrow_call *call, const ProtobufCMessage *message, ProtobufCMessage *response,
                                furrow_error *err)
{
    const Job__V1__GetJobRequest *request = (const Job__V1__GetJobRequest *)message;
    if (strcmp(request->id, "missing") == 0)
        return furrow_fail(err, FURROW_NOT_FOUND, "no job \"%s\"\nat all", request->id);
    Job__V1__Job *job = (Job__V1__Job *)furrow_message_new(&job__v1__job__descriptor, furrow_call_arena(call));
    job->id = request->id;
    ((Job__V1__JobState *)response)->job = job;
    return FURROW_OK;
}

static furrow_status handle_list(furrow_call *call, const ProtobufCMessage *message, ProtobufCMessage *response,
                                 furrow_error *err)
{
    furrow_fail_field(err, "page_size", "is too large");
    err->retry_ms = 1500;
    return err->code;
}

static furrow_status handle_close(furrow_call *call, const ProtobufCMessage *message, ProtobufCMessage *response,
                                  furrow_error *err)
{
    test_world *world = furrow_call_user(call);
    world->closed++;
    return world->closed <= world->failures ? furrow_fail(err, FURROW_UNAVAILABLE, "not now") : FURROW_OK;
}

static furrow_handler_fn *const methods[] = {
    [JOB_V1_JOB_SERVICE_OPEN_JOB] = handle_open,       [JOB_V1_JOB_SERVICE_GET_JOB] = handle_get,
    [JOB_V1_JOB_SERVICE_BATCH_GET_JOBS] = handle_list, [JOB_V1_JOB_SERVICE_LIST_JOBS] = handle_list,
    [JOB_V1_JOB_SERVICE_CLOSE_JOB] = handle_close,     [JOB_V1_JOB_SERVICE_REOPEN_JOB] = handle_close};
static const furrow_handlers handlers = {.service = &job_v1_job_service, .methods = methods};

static bool is_ready(void *user, const char **why)
{
    test_world *world = user;
    *why = world->not_ready;
    return world->not_ready == NULL;
}

static void serve(test_world *world, furrow_server_options options)
{
    furrow_error err = {0};
    options.queue = "job";
    options.user = world;
    static const uint8_t secret[FURROW_SECRET_BYTES] = "the secret of these tests";
    options.store = world->store;
    options.secret = world->secret = world->secret ? world->secret : furrow_secret_create(secret, &err);
    options.ready = is_ready;
    world->server = furrow_server_create(world->link, &options, &err);
    ck_assert_msg(world->server && furrow_server_add(world->server, &handlers, &err) == FURROW_OK &&
                      furrow_server_open(world->server, &err) == FURROW_OK,
                  "%s", err.text);
    ck_assert_msg(furrow_link_flush(world->link, within_ms(PATIENCE_MS), &err) == FURROW_OK, "%s", err.text);
}

static void body_task(void *arg)
{
    test_world *world = arg;
    furrow_error err = {0};
    world->link = furrow_link_create(
        world->loop, &(furrow_link_options){.url = furrow_test_server_url(world->nats), .reconnect_max_ms = 100}, &err);
    world->store =
        furrow_store_create(world->loop, &(furrow_store_options){.url = furrow_test_server_url(world->redis)}, &err);
    ck_assert_msg(world->link && world->store, "%s", err.text);
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    ck_assert(furrow_store_wait_connected(world->store, within_ms(PATIENCE_MS)));
    world->client = furrow_client_create(world->link, NULL, &err);
    world->arena = furrow_arena_create(0);
    world->body(world);
    furrow_arena_destroy(world->arena);
    furrow_client_destroy(world->client);
    furrow_server_destroy(world->server);
    furrow_link_destroy(world->link);
    furrow_store_destroy(world->store);
    furrow_secret_destroy(world->secret);
}

static void run(void (*body)(test_world *world))
{
    furrow_error err = {0};
    test_world world = {.nats = furrow_test_nats_start(NULL),
                        .redis =
                            furrow_test_redis_start(&(furrow_test_redis_options){.library = furrow_functions_text()}),
                        .body = body};
    world.loop = furrow_loop_create(NULL, &err);
    ck_assert_int_eq(furrow_loop_run_task(world.loop, body_task, &world, &err), FURROW_OK);
    furrow_loop_destroy(world.loop);
    furrow_test_server_destroy(world.nats);
    furrow_test_server_destroy(world.redis);
}

/* A raw request; the reply's status is returned, its body copied to @answer. */
static furrow_status ask(test_world *world, const char *subject, furrow_bytes body, const furrow_header *headers,
                         size_t count, furrow_bytes *answer, furrow_error *err)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_outgoing out = {.subject = subject, .headers = headers, .header_count = count, .data = body};
    furrow_status status = furrow_link_request(world->link, &out, within_ms(PATIENCE_MS), &reply, err);
    if (status != FURROW_OK) return status;
    if (answer)
        *answer = (furrow_bytes){furrow_arena_memdup(world->arena, reply->data.data, reply->data.len), reply->data.len};
    return furrow_client_reply_status(reply, err);
}

static furrow_status ask_text(test_world *world, const char *subject, const char *text, furrow_bytes *answer,
                              furrow_error *err)
{
    return ask(world, subject, furrow_bytes_of(text), NULL, 0, answer, err);
}

static void encodings(test_world *world)
{
    furrow_bytes answer;
    furrow_error err;
    char *id = NULL;
    serve(world, (furrow_server_options){0});
    ck_assert_int_eq(ask_text(world, GET, "{\"id\":\"J1\"}", &answer, &err), FURROW_OK);
    ck_assert(furrow_json_find_text(answer, "job.id", world->arena, &id));
    ck_assert_str_eq(id, "J1");
    furrow_bytes binary = FURROW_BYTES_LITERAL("\x0a\x02J2");
    ck_assert_int_eq(ask(world, GET, binary, NULL, 0, &answer, &err), FURROW_OK);
    ck_assert(furrow_bytes_equal(answer, FURROW_BYTES_LITERAL("\x0a\x04\x0a\x02J2")));
    furrow_header accept = {"Accept", "application/json"};
    ck_assert_int_eq(ask(world, GET, binary, &accept, 1, &answer, &err), FURROW_OK);
    ck_assert(furrow_json_find_text(answer, "job.id", world->arena, &id));
    furrow_header json = {"Content-Type", "application/json; charset=utf-8"};
    ck_assert_int_eq(ask(world, GET, furrow_bytes_of(" {\"id\":\"J3\"}"), &json, 1, &answer, &err), FURROW_OK);
    ck_assert(furrow_json_find_text(answer, "job.id", world->arena, &id));
    ck_assert_str_eq(id, "J3");
    ck_assert_int_eq(ask(world, GET, (furrow_bytes){0}, NULL, 0, &answer, &err),
                     FURROW_OK); /* an empty body is protobuf */
    ck_assert(furrow_bytes_equal(answer, FURROW_BYTES_LITERAL("\x0a\x00")));
}

START_TEST(json_and_protobuf_are_answered_in_kind)
{
    run(encodings);
}
END_TEST

static void bad_requests(test_world *world)
{
    furrow_error err;
    char deep[4000] = "{\"pay\":", noise[300];
    serve(world, (furrow_server_options){.max_request_bytes = 2000});
    const char *const wrong[] = {"{",
                                 "{\"id\":1}",
                                 "{\"nope\":1}",
                                 "{\"id\":\"a\",\"id\":\"b\"}",
                                 "{\"id\":\"\xff\"}",
                                 "{\"id\":\"J1\"} x",
                                 "{\"id\":{\"id\":{}}}",
                                 ("\x0a\x05"
                                  "J1"),
                                 "\xff\xff\xff",
                                 "\x0b\x0b",
                                 "\x0a\x02\xff\xfe"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(ask_text(world, GET, wrong[i], NULL, &err) == FURROW_INVALID_ARGUMENT, "%s: %s", wrong[i],
                      err.text);
        ck_assert_uint_gt(strlen(err.text), 5);
    }
    ck_assert_int_eq(ask_text(world, OPEN, "{\"kind\":\"JOB_KIND_HOVER\"}", NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "kind"));
    ck_assert_int_eq(ask_text(world, OPEN, "{\"pay\":{\"rateCents\":\"99999999999999999999\"}}", NULL, &err),
                     FURROW_INVALID_ARGUMENT);
    memset(deep + strlen(deep), '[', 1500);
    ck_assert_int_eq(ask_text(world, OPEN, deep, NULL, &err), FURROW_INVALID_ARGUMENT);
    memset(deep, ' ', sizeof deep - 1);
    ck_assert_int_eq(ask_text(world, OPEN, deep, NULL, &err), FURROW_INVALID_ARGUMENT); /* oversized */
    furrow_header type = {"Content-Type", "text/xml"}, accept = {"Accept", "text/xml"},
                  timeout = {"Grpc-Timeout", "soon"};
    ck_assert_int_eq(ask(world, GET, furrow_bytes_of("{}"), &type, 1, NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(ask(world, GET, furrow_bytes_of("{}"), &accept, 1, NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(ask(world, GET, furrow_bytes_of("{}"), &timeout, 1, NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(ask_text(world, "job.v1.JobService.Nope", "{}", NULL, &err), FURROW_UNIMPLEMENTED);
    srand(1);
    for (int round = 0; round < 3000; round++) {
        size_t len = (size_t)(rand() % (int)sizeof noise);
        for (size_t i = 0; i < len; i++) noise[i] = (char)rand();
        furrow_status status = ask(world, rand() % 2 ? GET : OPEN, (furrow_bytes){noise, len}, NULL, 0, NULL, &err);
        ck_assert_msg(status == FURROW_INVALID_ARGUMENT || status == FURROW_OK, "%s", err.text);
    }
    ck_assert_int_eq(ask_text(world, GET, "{\"id\":\"J1\"}", NULL, &err), FURROW_OK);
}

START_TEST(bad_requests_get_a_status_and_a_reason)
{
    run(bad_requests);
}
END_TEST

static void errors(test_world *world)
{
    furrow_error err;
    furrow_bytes answer;
    int64_t code;
    char *text = NULL;
    FURROW_AUTO(furrow_msg) reply = NULL;
    serve(world, (furrow_server_options){0});
    furrow_outgoing out = {.subject = GET, .data = furrow_bytes_of("{\"id\":\"missing\"}")};
    ck_assert_int_eq(furrow_link_request(world->link, &out, within_ms(PATIENCE_MS), &reply, &err), FURROW_OK);
    ck_assert_str_eq(furrow_msg_header(reply, "Nats-Service-Error-Code"), "5");
    ck_assert_str_eq(furrow_msg_header(reply, "Nats-Service-Error"), "no job \"missing\" at all"); /* one line */
    ck_assert(furrow_json_find_int(reply->data, "code", &code) && code == 5);
    ck_assert_int_eq(ask_text(world, "job.v1.JobService.ListJobs", "{}", &answer, &err), FURROW_INVALID_ARGUMENT);
    ck_assert(furrow_json_find_text(answer, "message", world->arena, &text));
    ck_assert_str_eq(text, "page_size: is too large");
    ck_assert_ptr_nonnull(strstr(furrow_arena_printf(world->arena, "%.*s", (int)answer.len, (const char *)answer.data),
                                 "\"retryDelay\":\"1.500s\""));
    ck_assert_int_eq(ask(world, "job.v1.JobService.ListJobs", (furrow_bytes){0}, NULL, 0, &answer, &err),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(((const uint8_t *)answer.data)[0], 0x08); /* google.rpc.Status: code = 1 */
    ck_assert_int_eq(((const uint8_t *)answer.data)[1], FURROW_INVALID_ARGUMENT);
    world->not_ready = "catching up";
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "catching up"));
}

START_TEST(errors_carry_micro_headers_and_a_status_body)
{
    run(errors);
}
END_TEST

static void no_foreign_replies(test_world *world)
{
    static const char *const targets[] = {"job.v1.Job.J1", "$JS.API.STREAM.LIST", "job.v1.JobService.OpenJob"};
    furrow_error err;
    serve(world, (furrow_server_options){0});
    for (size_t i = 0; i < 3; i++) {
        furrow_outgoing out = {.subject = OPEN, .reply = targets[i], .data = furrow_bytes_of(A_JOB)};
        ck_assert_int_eq(furrow_link_publish(world->link, &out, &err), FURROW_OK);
    }
    ck_assert_int_eq(
        furrow_link_publish(world->link, &(furrow_outgoing){.subject = OPEN, .data = furrow_bytes_of(A_JOB)}, &err),
        FURROW_OK);
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_OK); /* those before it have been seen */
    ck_assert_uint_eq(world->opened, 0);
}

START_TEST(only_inboxes_are_answered)
{
    run(no_foreign_replies);
}
END_TEST

static void deadlines(test_world *world)
{
    furrow_error err;
    furrow_header expired = {"Grpc-Timeout", "0n"}, fine = {"Grpc-Timeout", "5S"};
    serve(world, (furrow_server_options){0});
    ck_assert_int_eq(ask(world, OPEN, furrow_bytes_of(A_JOB), &expired, 1, NULL, &err), FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(world->opened, 0);
    ck_assert_uint_eq(furrow_server_stats(world->server, 0, JOB_V1_JOB_SERVICE_OPEN_JOB)->expired, 1);
    ck_assert_int_eq(ask(world, OPEN, furrow_bytes_of(A_JOB), &fine, 1, NULL, &err), FURROW_OK);
    ck_assert_uint_eq(world->opened, 1);
}

START_TEST(expired_work_is_counted_and_never_done)
{
    run(deadlines);
}
END_TEST

static void idempotency(test_world *world)
{
    furrow_error err;
    furrow_bytes first, second;
    furrow_header key = {"Idempotency-Key", "k1"};
    serve(world, (furrow_server_options){0});
    ck_assert_int_eq(
        ask(world, OPEN, furrow_bytes_of("{\"id\":\"J1\",\"name\":\"a\"," REST "}"), &key, 1, &first, &err), FURROW_OK);
    ck_assert_int_eq(
        ask(world, OPEN, furrow_bytes_of("{ \"name\":\"a\", " REST ", \"id\":\"J1\" }"), &key, 1, &second, &err),
        FURROW_OK);
    ck_assert(furrow_bytes_equal(first, second));
    ck_assert_uint_eq(world->opened, 1);
    ck_assert_int_eq(ask(world, OPEN, furrow_bytes_of("{\"id\":\"J2\",\"name\":\"a\"," REST "}"), &key, 1, NULL, &err),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(ask(world, OPEN, furrow_bytes_of("{\"id\":\"J1\",\"name\":\"a\"," REST "}"), NULL, 0, NULL, &err),
                     FURROW_OK);
    ck_assert_uint_eq(world->opened, 2);
}

START_TEST(a_key_takes_effect_once)
{
    run(idempotency);
}
END_TEST

typedef struct slow_call {
    test_world *world;
    const char *key;
    furrow_status status;
    furrow_waiter done;
} slow_call;

static void call_slowly(void *arg)
{
    slow_call *call = arg;
    furrow_error err;
    furrow_header key = {"Idempotency-Key", call->key ? call->key : ""};
    call->status =
        ask(call->world, OPEN, furrow_bytes_of("{\"name\":\"slow\"," REST "}"), &key, call->key ? 1 : 0, NULL, &err);
    furrow_waiter_done(&call->done);
}

static void wait_for_running(test_world *world, size_t count)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->running >= count, PATIENCE_MS));
}

static void same_key_at_once(test_world *world)
{
    furrow_waiter release = furrow_waiter_make();
    slow_call calls[3] = {{.world = world, .key = "k"}, {.world = world, .key = "k"}, {.world = world, .key = "k"}};
    furrow_error err;
    world->release = &release;
    serve(world, (furrow_server_options){0});
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(furrow_loop_spawn(world->loop, call_slowly, &calls[i], &err), FURROW_OK);
    wait_for_running(world, 1);
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_OK);
    ck_assert_uint_eq(world->running, 1); /* the others wait for the first */
    furrow_waiter_done(&release);
    for (size_t i = 0; i < 3; i++)
        ck_assert(furrow_wait(&calls[i].done, within_ms(PATIENCE_MS)) && calls[i].status == FURROW_OK);
    ck_assert_uint_eq(world->opened, 1);
}

START_TEST(requests_with_one_key_wait_for_the_first)
{
    run(same_key_at_once);
}
END_TEST

static void limit_and_drain(test_world *world)
{
    furrow_waiter release = furrow_waiter_make();
    slow_call calls[2] = {{.world = world}, {.world = world}};
    furrow_error err;
    world->release = &release;
    serve(world, (furrow_server_options){.max_calls = 2});
    ck_assert_int_eq(furrow_loop_spawn(world->loop, call_slowly, &calls[0], &err), FURROW_OK);
    wait_for_running(world, 1);
    world->release = &release;
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_OK);
    ck_assert_int_eq(furrow_server_drain(world->server, within_ms(50), &err),
                     FURROW_DEADLINE_EXCEEDED); /* one still runs */
    furrow_waiter_done(&release);
    ck_assert(furrow_wait(&calls[0].done, within_ms(PATIENCE_MS)) && calls[0].status == FURROW_OK);
    ck_assert_int_eq(furrow_server_drain(world->server, within_ms(PATIENCE_MS), &err), FURROW_OK);
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_UNAVAILABLE); /* nobody listens any more */
}

START_TEST(drain_finishes_what_has_begun)
{
    run(limit_and_drain);
}
END_TEST

static void too_many(test_world *world)
{
    furrow_waiter release = furrow_waiter_make();
    slow_call call = {.world = world};
    furrow_error err;
    world->release = &release;
    serve(world, (furrow_server_options){.max_calls = 1});
    ck_assert_int_eq(furrow_loop_spawn(world->loop, call_slowly, &call, &err), FURROW_OK);
    wait_for_running(world, 1);
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_RESOURCE_EXHAUSTED);
    furrow_waiter_done(&release);
    ck_assert(furrow_wait(&call.done, within_ms(PATIENCE_MS)) && call.status == FURROW_OK);
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_OK);
}

START_TEST(past_the_limit_requests_are_refused_at_once)
{
    run(too_many);
}
END_TEST

static void typed_client(test_world *world)
{
    furrow_error err;
    Job__V1__JobState *state = NULL;
    Job__V1__GetJobRequest get = JOB__V1__GET_JOB_REQUEST__INIT;
    Job__V1__CloseJobRequest close = JOB__V1__CLOSE_JOB_REQUEST__INIT;
    Job__V1__OpenJobRequest open = JOB__V1__OPEN_JOB_REQUEST__INIT;
    char version[512];
    Job__V1__Pay pay = JOB__V1__PAY__INIT;
    pay.type = JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY;
    open.code = "P";
    open.name = "a";
    open.kind = JOB__V1__JOB_KIND__JOB_KIND_PRUNE;
    open.pay = &pay;
    get.id = "J7";
    ck_assert_int_eq(job_get_job_call(world->client, &get, NULL, world->arena, &state, &err), FURROW_UNAVAILABLE);
    serve(world, (furrow_server_options){0});
    ck_assert_int_eq(job_get_job_call(world->client, &get, NULL, world->arena, &state, &err), FURROW_OK);
    ck_assert_str_eq(state->job->id, "J7");
    get.id = "missing";
    ck_assert_int_eq(job_get_job_call(world->client, &get, NULL, world->arena, &state, &err), FURROW_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "no job"));
    ck_assert_int_eq(
        job_open_job_call(world->client, &open, &(furrow_call_options){.version = version}, world->arena, &state, &err),
        FURROW_OK);
    ck_assert_str_eq(version, "job.v1.Job.J1=1");
    world->failures = 2; /* CloseJob is IDEMPOTENT: three attempts */
    ck_assert_int_eq(job_close_job_call(world->client, &close, NULL, world->arena, &state, &err), FURROW_OK);
    ck_assert_uint_eq(world->closed, 3);
    ck_assert_int_eq(furrow_client_call(world->client, &job_v1_job_service.methods[JOB_V1_JOB_SERVICE_OPEN_JOB],
                                        &open.base, &(furrow_call_options){.deadline_ns = furrow_clock_now_ns()},
                                        world->arena, (ProtobufCMessage **)&state, &err),
                     FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(world->opened, 1); /* never sent */
}

START_TEST(the_typed_client_calls_retries_and_reports)
{
    run(typed_client);
}
END_TEST

static void over_a_restart(test_world *world)
{
    furrow_error err;
    serve(world, (furrow_server_options){0});
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_OK);
    furrow_test_server_kill(world->nats);
    furrow_status status = ask_text(world, GET, "{}", NULL, &err);
    ck_assert(status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED);
    furrow_test_server_restart(world->nats);
    ck_assert(furrow_link_wait_connected(world->link, within_ms(PATIENCE_MS)));
    uint64_t until = within_ms(PATIENCE_MS);
    while ((status = ask_text(world, GET, "{}", NULL, &err)) != FURROW_OK && furrow_clock_now_ns() < until)
        furrow_task_sleep_ms(5);
    ck_assert_int_eq(status, FURROW_OK);
    furrow_test_server_kill(world->redis); /* calls without a key need no Redis here */
    ck_assert_int_eq(ask_text(world, GET, "{}", NULL, &err), FURROW_OK);
    furrow_header key = {"Idempotency-Key", "k1"};
    ck_assert_int_eq(ask(world, OPEN, furrow_bytes_of(A_JOB), &key, 1, NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_uint_eq(world->opened, 0);
}

START_TEST(a_restarted_server_is_served_again)
{
    run(over_a_restart);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rpc");
    TCase *tests = tcase_create("real servers");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, json_and_protobuf_are_answered_in_kind);
    tcase_add_test(tests, bad_requests_get_a_status_and_a_reason);
    tcase_add_test(tests, errors_carry_micro_headers_and_a_status_body);
    tcase_add_test(tests, only_inboxes_are_answered);
    tcase_add_test(tests, expired_work_is_counted_and_never_done);
    tcase_add_test(tests, a_key_takes_effect_once);
    tcase_add_test(tests, requests_with_one_key_wait_for_the_first);
    tcase_add_test(tests, drain_finishes_what_has_begun);
    tcase_add_test(tests, past_the_limit_requests_are_refused_at_once);
    tcase_add_test(tests, the_typed_client_calls_retries_and_reports);
    tcase_add_test(tests, a_restarted_server_is_served_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
