/*
 * The blocking client: threads of an ordinary program call a real server over one connection, while what can go wrong
 * does. The world's server runs as a task on the main thread; the callers are threads. What a test reads of the world it
 * reads on the main thread, and what threads tell it is atomic.
 */
#include "rpc/blocking.h"

#include "rpc_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 32

/* A thread that runs @fn; it is done when its function has returned. */
typedef struct program_thread {
    pthread_t id;
    void (*fn)(struct program_thread *self);
    furrow_blocking *client;
    furrow_arena *arena;
    size_t number;
    atomic_size_t ok, failed, wrong; /* calls */
    atomic_bool done;
    furrow_status status; /* of its last call; to be read when it is done */
    furrow_error err;
    atomic_bool *stop;
} program_thread;

static void *run_program_thread(void *arg)
{
    program_thread *self = arg;
    self->fn(self);
    atomic_store(&self->done, true);
    return NULL;
}

static void start_threads(program_thread threads[], size_t count, furrow_blocking *client, atomic_bool *stop,
                          void (*fn)(program_thread *self))
{
    for (size_t i = 0; i < count; i++) {
        threads[i] =
            (program_thread){.fn = fn, .client = client, .number = i, .stop = stop, .arena = furrow_arena_create(0)};
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, run_program_thread, &threads[i]), 0);
    }
}

static bool all_done(program_thread threads[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!atomic_load(&threads[i].done)) return false;
    return true;
}

static void join_threads(program_thread threads[], size_t count)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all_done(threads, count), 3 * PATIENCE_MS));
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(threads[i].id, NULL), 0);
        furrow_arena_destroy(threads[i].arena);
    }
}

static furrow_blocking *connect_client(const rpc_world *world)
{
    furrow_error err = {0};
    furrow_blocking_options options = {
        .link = {.url = furrow_test_server_url(world->nats), .reconnect_min_ms = 5, .reconnect_max_ms = 50},
        .connect_ms = PATIENCE_MS};
    furrow_blocking *client = furrow_blocking_create(&options, &err);
    ck_assert_msg(client != NULL, "%s", err.text);
    return client;
}

/* One Echo of a text that is nobody else's. */
static furrow_status echo_once(program_thread *self, size_t call)
{
    char text[64];
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT, *response = NULL;
    snprintf(text, sizeof text, "%zu of thread %zu", call, self->number);
    request.text = text;
    self->status = rpctest_echo_call_blocking(self->client, &request, NULL, self->arena, &response, &self->err);
    if (self->status == FURROW_OK && strcmp(response->text, text) == 0)
        atomic_fetch_add(&self->ok, 1);
    else if (self->status == FURROW_OK)
        atomic_fetch_add(&self->wrong, 1);
    else
        atomic_fetch_add(&self->failed, 1);
    furrow_arena_reset(self->arena);
    return self->status;
}

static void echo_many(program_thread *self)
{
    for (size_t i = 0; i < 100; i++) (void)echo_once(self, i);
}

static void many_threads_body(rpc_world *world)
{
    static program_thread threads[THREADS_MAX]; /* a test is a process of its own */
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(threads, THREADS_MAX, client, NULL, echo_many);
    join_threads(threads, THREADS_MAX);
    for (size_t i = 0; i < THREADS_MAX; i++) ck_assert_uint_eq(atomic_load(&threads[i].ok), 100);
    ck_assert_uint_eq(world->runs, 100 * THREADS_MAX);
}

START_TEST(each_of_many_threads_gets_its_own_answers)
{
    rpc_world_run(NULL, many_threads_body);
}
END_TEST

static void call_create(program_thread *self)
{
    static const furrow_header metadata[] = {{"x-test", "from a thread"}};
    char version[512];
    Rpctest__V1__CreateRequest request = RPCTEST__V1__CREATE_REQUEST__INIT;
    Rpctest__V1__Created *response = NULL;
    furrow_call_options options = {
        .timeout_ms = 2 * PATIENCE_MS, .metadata = metadata, .metadata_count = 1, .version = version};
    request.name = (char[]){"thing"};
    self->status = rpctest_create_call_blocking(self->client, &request, &options, self->arena, &response, &self->err);
    if (self->status == FURROW_OK && strcmp(response->id, "thing-1") == 0 &&
        strncmp(version, "rpctest.v1.Thing.a=1", 20) == 0)
        atomic_store(&self->ok, 1);
}

static void headers_body(rpc_world *world)
{
    program_thread thread;
    uint64_t usual = rpc_world_in_ms(PATIENCE_MS);
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(&thread, 1, client, NULL, call_create);
    join_threads(&thread, 1);
    ck_assert_msg(atomic_load(&thread.ok) == 1, "%s", thread.err.text);
    ck_assert_str_eq(world->metadata, "from a thread");
    ck_assert_uint_gt(world->deadline_ns, usual);
}

START_TEST(headers_go_both_ways)
{
    rpc_world_run(NULL, headers_body);
}
END_TEST

/* Refused once as the test says, then served: with Fail, which may be repeated, or FailWrite, which may not. */
static furrow_status fail_once(program_thread *self, bool write)
{
    Rpctest__V1__FailRequest request = RPCTEST__V1__FAIL_REQUEST__INIT;
    Rpctest__V1__Sample *response = NULL;
    request.times = 1;
    request.code = FURROW_UNAVAILABLE;
    request.text = (ProtobufCBinaryData){5, (uint8_t *)(char[]){"later"}};
    request.field = (ProtobufCBinaryData){4, (uint8_t *)(char[]){"name"}};
    return (write ? rpctest_fail_write_call_blocking : rpctest_fail_call_blocking)(self->client, &request, NULL,
                                                                                   self->arena, &response, &self->err);
}

static void call_fail(program_thread *self)
{
    self->status = fail_once(self, false);
}

static void call_fail_write(program_thread *self)
{
    self->status = fail_once(self, true);
}

static void retry_body(rpc_world *world)
{
    program_thread thread;
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(&thread, 1, client, NULL, call_fail);
    join_threads(&thread, 1);
    ck_assert_msg(thread.status == FURROW_OK, "%s", thread.err.text);
    ck_assert_uint_eq(world->runs, 2);
    world->runs = 0;
    start_threads(&thread, 1, client, NULL, call_fail_write);
    join_threads(&thread, 1);
    ck_assert_int_eq(thread.status, FURROW_UNAVAILABLE);
    ck_assert_str_eq(thread.err.text, "FailWrite: later");
    ck_assert_str_eq(thread.err.field, "name");
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(what_may_be_repeated_is_and_errors_come_whole)
{
    rpc_world_run(NULL, retry_body);
}
END_TEST

static furrow_status wait_at_gate(program_thread *self, uint32_t timeout_ms)
{
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT, *response = NULL;
    furrow_call_options options = {.timeout_ms = timeout_ms};
    return rpctest_wait_call_blocking(self->client, &request, &options, self->arena, &response, &self->err);
}

static void call_wait(program_thread *self)
{
    self->status = wait_at_gate(self, 0);
}

static void call_wait_briefly(program_thread *self)
{
    self->status = wait_at_gate(self, 30);
}

static void open_gate(rpc_world *world)
{
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_server_calls(world->server) == 0, PATIENCE_MS));
}

static void deadline_body(rpc_world *world)
{
    program_thread thread;
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(&thread, 1, client, NULL, call_wait_briefly);
    join_threads(&thread, 1);
    ck_assert_int_eq(thread.status, FURROW_DEADLINE_EXCEEDED);
    open_gate(world);
}

START_TEST(a_call_ends_at_its_deadline)
{
    rpc_world_run(NULL, deadline_body);
}
END_TEST

static void close_body(rpc_world *world)
{
    enum { WAITING = 8 };
    program_thread threads[WAITING], late;
    furrow_blocking *client = connect_client(world);
    start_threads(threads, WAITING, client, NULL, call_wait);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == WAITING, PATIENCE_MS));
    furrow_blocking_close(client);
    furrow_blocking_close(client);
    join_threads(threads, WAITING);
    for (size_t i = 0; i < WAITING; i++) ck_assert_int_eq(threads[i].status, FURROW_CANCELLED);
    ck_assert_str_eq(threads[0].err.text, "Wait: the client was closed meanwhile, it may have run");
    start_threads(&late, 1, client, NULL, call_wait);
    join_threads(&late, 1);
    ck_assert_int_eq(late.status, FURROW_UNAVAILABLE);
    ck_assert_str_eq(late.err.text, "Wait: the client is closed");
    furrow_blocking_destroy(client);
    open_gate(world);
    ck_assert_uint_eq(world->runs, WAITING);
}

START_TEST(closing_ends_the_calls_that_wait_and_refuses_further_ones)
{
    rpc_world_run(NULL, close_body);
}
END_TEST

static void echo_until_refused(program_thread *self)
{
    for (size_t i = 0; echo_once(self, i) == FURROW_OK; i++) continue;
}

static void closing_under_load_body(rpc_world *world)
{
    enum { CALLING = 8, ROUNDS = 10 };
    for (size_t round = 0; round < ROUNDS; round++) {
        static program_thread threads[CALLING];
        size_t before = world->runs;
        furrow_blocking *client = connect_client(world);
        start_threads(threads, CALLING, client, NULL, echo_until_refused);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->runs > before + 50 * round, PATIENCE_MS));
        furrow_blocking_close(client);
        join_threads(threads, CALLING);
        for (size_t i = 0; i < CALLING; i++) {
            ck_assert_uint_eq(atomic_load(&threads[i].wrong), 0);
            ck_assert_msg(threads[i].status == FURROW_CANCELLED || threads[i].status == FURROW_UNAVAILABLE, "%s",
                          threads[i].err.text);
        }
        furrow_blocking_destroy(client);
    }
}

START_TEST(closing_under_load_leaves_no_caller_behind)
{
    rpc_world_run(NULL, closing_under_load_body);
}
END_TEST

/* What had been sent when the connection broke is not repeated, and may have run. */
static void broken_body(rpc_world *world)
{
    enum { WAITING = 8 };
    program_thread threads[WAITING];
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(threads, WAITING, client, NULL, call_wait);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == WAITING, PATIENCE_MS));
    furrow_test_server_kill(world->nats);
    join_threads(threads, WAITING);
    for (size_t i = 0; i < WAITING; i++) ck_assert_int_eq(threads[i].status, FURROW_DEADLINE_EXCEEDED);
    open_gate(world);
    ck_assert_uint_eq(world->runs, WAITING);
    start_threads(threads, 1, client, NULL, call_wait);
    join_threads(threads, 1);
    ck_assert_int_eq(threads[0].status, FURROW_UNAVAILABLE);
    furrow_test_server_restart(world->nats);
    ck_assert(furrow_link_wait_connected(world->link, rpc_world_in_ms(PATIENCE_MS)));
}

START_TEST(a_broken_connection_ends_each_call_with_what_is_known_of_it)
{
    rpc_world_run(NULL, broken_body);
}
END_TEST

static void echo_until_stopped(program_thread *self)
{
    for (size_t i = 0; !atomic_load(self->stop); i++) {
        furrow_status status = echo_once(self, i);
        if (status != FURROW_OK && status != FURROW_UNAVAILABLE && status != FURROW_DEADLINE_EXCEEDED)
            atomic_fetch_add(&self->wrong, 1);
        if (status != FURROW_OK) furrow_test_breathe();
    }
}

static size_t count_ok(program_thread threads[], size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += atomic_load(&threads[i].ok);
    return sum;
}

static void thread_outage_body(rpc_world *world)
{
    enum { CALLING = 16 };
    static program_thread threads[CALLING];
    atomic_bool stop = false;
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(threads, CALLING, client, &stop, echo_until_stopped);
    for (int round = 0; round < 3; round++) {
        size_t before = count_ok(threads, CALLING);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(count_ok(threads, CALLING) > before + 200, PATIENCE_MS));
        if (round == 2) break;
        furrow_test_server_kill(world->nats);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(world->link), PATIENCE_MS));
        furrow_test_server_restart(world->nats);
    }
    atomic_store(&stop, true);
    join_threads(threads, CALLING);
    for (size_t i = 0; i < CALLING; i++) ck_assert_uint_eq(atomic_load(&threads[i].wrong), 0);
}

START_TEST(threads_go_on_over_an_outage)
{
    rpc_world_run(NULL, thread_outage_body);
}
END_TEST

/* A cancelled thread would take its stack away from under the call. */
static void cancelled_body(rpc_world *world)
{
    program_thread thread;
    void *returned = NULL;
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(&thread, 1, client, NULL, call_wait);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1, PATIENCE_MS));
    ck_assert_int_eq(pthread_cancel(thread.id), 0);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(atomic_load(&thread.done), PATIENCE_MS));
    ck_assert_int_eq(pthread_join(thread.id, &returned), 0);
    ck_assert_int_eq(thread.status, FURROW_OK);
    furrow_arena_destroy(thread.arena);
}

START_TEST(a_thread_that_is_cancelled_ends_its_call_first)
{
    rpc_world_run(NULL, cancelled_body);
}
END_TEST

/* In the child of a fork. */
static int call_as_child(furrow_blocking *client)
{
    furrow_error err = {0};
    ProtobufCMessage *response;
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    furrow_status status =
        furrow_blocking_call(client, &rpctest_v1_probe_service.methods[0], &request.base, NULL, NULL, &response, &err);
    furrow_blocking_close(client);
    furrow_blocking_destroy(client);
    return status == FURROW_FAILED_PRECONDITION && strstr(err.text, "fork") ? 0 : 1;
}

static void fork_and_go_on(program_thread *self)
{
    int outcome = -1;
    pid_t child = fork();
    if (child == 0) _exit(call_as_child(self->client));
    if (child < 0 || waitpid(child, &outcome, 0) != child || outcome != 0)
        atomic_store(&self->wrong, 1);
    else
        (void)echo_once(self, 0);
}

static void fork_body(rpc_world *world)
{
    program_thread thread;
    FURROW_AUTO(furrow_blocking) client = connect_client(world);
    start_threads(&thread, 1, client, NULL, fork_and_go_on);
    join_threads(&thread, 1);
    ck_assert_uint_eq(atomic_load(&thread.wrong), 0);
    ck_assert_uint_eq(atomic_load(&thread.ok), 1);
}

START_TEST(a_forked_child_is_refused_and_its_parent_goes_on)
{
    rpc_world_run(NULL, fork_body);
}
END_TEST

START_TEST(without_a_server_there_is_no_client_and_it_says_why)
{
    furrow_error err = {0};
    furrow_test_server *nats = furrow_test_nats_start(&(furrow_test_nats_options){.stopped = true});
    furrow_blocking_options options = {.link = {.url = furrow_test_server_url(nats)}, .connect_ms = 20};
    ck_assert_ptr_null(furrow_blocking_create(&options, &err));
    ck_assert_int_eq(err.code, FURROW_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "no connection to NATS within 20 ms"), "%s", err.text);
    options.link.nkey_seed = "/nonexistent/seed.nk";
    ck_assert_ptr_null(furrow_blocking_create(&options, &err));
    ck_assert_msg(strstr(err.text, "/nonexistent/seed.nk"), "%s", err.text);
    furrow_test_server_destroy(nats);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_of_many_threads_gets_its_own_answers,
                                  headers_go_both_ways,
                                  what_may_be_repeated_is_and_errors_come_whole,
                                  a_call_ends_at_its_deadline,
                                  closing_ends_the_calls_that_wait_and_refuses_further_ones,
                                  closing_under_load_leaves_no_caller_behind,
                                  a_broken_connection_ends_each_call_with_what_is_known_of_it,
                                  threads_go_on_over_an_outage,
                                  a_thread_that_is_cancelled_ends_its_call_first,
                                  a_forked_child_is_refused_and_its_parent_goes_on,
                                  without_a_server_there_is_no_client_and_it_says_why};
    return rpc_world_main("blocking", tests, sizeof tests / sizeof *tests);
}
