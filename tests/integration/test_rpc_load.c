/*
 * Requests that wait, and more requests than a service can do: none of them keeps others from being served, and each is
 * told what became of it.
 */
#include "rpc_world.h"

#include "wire/message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL      15000 /* less than what counts at any time */
#define MANY_SMALL 1000

typedef struct tally {
    size_t ended, ok;
    furrow_error last; /* of one that was not */
} tally;

static void on_end(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Sample *response)
{
    tally *all = arg;
    all->ended++;
    if (status == FURROW_OK)
        all->ok++;
    else
        all->last = *err;
}

/* Furrow-After of what comes when the gate opens, or never. */
static furrow_status wait_after(void *user, const furrow_version_token *token, uint64_t deadline_ns, furrow_error *err)
{
    rpc_world *world = user;
    while (!world->open) {
        if (furrow_clock_now_ns() >= deadline_ns)
            return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "version %llu of %s has not arrived here yet",
                               (unsigned long long)token->sequence, token->subject);
        furrow_task_sleep_ms(1);
    }
    return FURROW_OK;
}

static void call_echo(rpc_world *world, furrow_client *client, const char *after, tally *all)
{
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    furrow_call_options options = {.after = after, .timeout_ms = PATIENCE_MS};
    ck_assert_ok(rpctest_echo_call_async(client, &request, &options, on_end, all, failure));
}

static furrow_server_load load_of(rpc_world *world)
{
    furrow_server_load load;
    furrow_server_load_of(world->server, &load);
    return load;
}

static void waiting_body(rpc_world *world)
{
    tally waiting = {0};
    for (int i = 0; i < 10; i++) call_echo(world, world->client, "a.v1.A.x=7", &waiting);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load_of(world).waiting == 10, PATIENCE_MS));
    ck_assert_uint_eq(load_of(world).running, 0);
    for (int i = 0; i < 20; i++) ck_assert_ok(rpc_world_echo(world, "others are served", NULL, failure));
    ck_assert_uint_eq(waiting.ended, 0);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(waiting.ended == 10, PATIENCE_MS));
    ck_assert_uint_eq(waiting.ok, 10);
    ck_assert_uint_eq(load_of(world).waiting, 0);
}

START_TEST(requests_that_wait_for_a_version_hold_no_place_of_those_that_work)
{
    rpc_world_run(
        &(rpc_world_options){.server = {.max_calls = 20, .min_calls = 2, .after = wait_after, .max_wait_ms = 60000}},
        waiting_body);
}
END_TEST

static void wait_bound_body(rpc_world *world)
{
    tally waiting = {0};
    for (int i = 0; i < 30; i++) call_echo(world, world->client, "a.v1.A.x=7", &waiting);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(waiting.ended == 26, PATIENCE_MS));
    ck_assert_int_eq(waiting.last.code, FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_gt(waiting.last.retry_ms, 0);
    ck_assert_ptr_nonnull(strstr(waiting.last.text, "FURROW_MAX_WAITING"));
    ck_assert_uint_eq(load_of(world).waiting, 4);
    /* Another connection is another caller. */
    tally others = {0};
    furrow_link *link = rpc_world_connect(world, "another");
    furrow_client *client = furrow_client_create(link, NULL, NULL);
    for (int i = 0; i < 4; i++) call_echo(world, client, "a.v1.A.x=7", &others);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load_of(world).waiting == 8, PATIENCE_MS));
    call_echo(world, client, "a.v1.A.x=7", &others);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(others.ended == 1, PATIENCE_MS));
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(waiting.ended == 30 && others.ended == 5, PATIENCE_MS));
    ck_assert_uint_eq(waiting.ok + others.ok, 8);
    furrow_client_destroy(client);
    furrow_link_destroy(link);
}

START_TEST(waits_are_bounded_and_no_caller_has_them_all)
{
    rpc_world_run(&(rpc_world_options){.server = {.max_waiting = 8, .after = wait_after, .max_wait_ms = 60000}},
                  wait_bound_body);
}
END_TEST

static void wait_end_body(rpc_world *world)
{
    furrow_error err = {0};
    furrow_call_options options = {.after = "a.v1.A.x=7", .timeout_ms = 600000};
    ck_assert_int_eq(rpc_world_echo(world, "", &options, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "version 7 of a.v1.A.x has not arrived here yet"));
    ck_assert_int_gt(err.retry_ms, 0);
    ck_assert_uint_eq(world->runs, 0);
    options.timeout_ms = 5; /* the caller's own deadline */
    ck_assert_int_eq(rpc_world_echo(world, "", &options, &err), FURROW_DEADLINE_EXCEEDED);
}

START_TEST(a_wait_ends_after_a_few_seconds_whatever_the_callers_deadline)
{
    rpc_world_options options = {.server = {.after = wait_after, .max_wait_ms = 20}, .client = {.max_attempts = 1}};
    rpc_world_run(&options, wait_end_body);
}
END_TEST

static void on_created(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Created *response)
{
    on_end(arg, status, err, NULL);
}

static void same_key_body(rpc_world *world)
{
    tally all = {0};
    Rpctest__V1__CreateRequest request = RPCTEST__V1__CREATE_REQUEST__INIT;
    furrow_call_options options = {.idempotency_key = "k", .timeout_ms = PATIENCE_MS};
    request.name = "n";
    request.wait = true;
    ck_assert_ok(rpctest_create_call_async(world->client, &request, &options, on_created, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1, PATIENCE_MS));
    for (int i = 0; i < 4; i++)
        ck_assert_ok(rpctest_create_call_async(world->client, &request, &options, on_created, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load_of(world).waiting == 4, PATIENCE_MS));
    ck_assert_ok(rpc_world_echo(world, "others are served", NULL, failure));
    ck_assert_ok(rpctest_create_call_async(world->client, &request, &options, on_created, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 1, PATIENCE_MS));
    ck_assert_int_eq(all.last.code, FURROW_RESOURCE_EXHAUSTED);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 6, PATIENCE_MS));
    ck_assert_uint_eq(all.ok, 5);
    ck_assert_uint_eq(world->effects, 1);
}

START_TEST(requests_that_wait_for_another_of_their_key_hold_no_place_either)
{
    rpc_world_run(
        &(rpc_world_options){.redis = true,
                             .server = {.max_calls = 20, .min_calls = 2, .max_waiting = 8, .max_wait_ms = 60000}},
        same_key_body);
}
END_TEST

static void queue_body(rpc_world *world)
{
    tally all = {0};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    for (int i = 0; i < 10; i++)
        ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_end, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 2, PATIENCE_MS));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load_of(world).queued == 8, PATIENCE_MS));
    ck_assert(!load_of(world).overloaded);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 10, PATIENCE_MS));
    ck_assert_uint_eq(all.ok, 10);
}

START_TEST(what_comes_in_a_burst_queues_and_is_served)
{
    rpc_world_run(&(rpc_world_options){.server = {.max_calls = 10, .min_calls = 2, .max_queue_ms = 60000}}, queue_body);
}
END_TEST

static void stuck_body(rpc_world *world)
{
    tally all = {0};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    for (int i = 0; i < 2; i++)
        ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_end, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 2, PATIENCE_MS));
    /* Nothing comes and nothing ends: the queue is looked after all the same. */
    ck_assert_int_eq(rpc_world_echo(world, "", NULL, &all.last), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_gt(all.last.retry_ms, 0);
    ck_assert(load_of(world).overloaded);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(load_of(world).refuses_all, PATIENCE_MS));
    ck_assert_uint_eq(load_of(world).refused, 1);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 2, PATIENCE_MS));
    ck_assert(!load_of(world).refuses_all);
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
}

START_TEST(a_service_whose_places_are_all_held_refuses_after_a_while_and_says_so)
{
    rpc_world_run(&(rpc_world_options){.server = {.min_calls = 2, .max_calls = 100, .max_queue_ms = 20}}, stuck_body);
}
END_TEST

/* The refusal is made beforehand: it must be what any other is, in each encoding. */
static void encodings_body(rpc_world *world)
{
    tally all = {0};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_end, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1, PATIENCE_MS));
    const char *const bodies[] = {"", "{}", ""};
    for (size_t i = 0; i < 3; i++) {
        rpc_raw raw = {.method = "Echo", .body = furrow_bytes_of(bodies[i])};
        if (i == 2) raw.headers[0] = (furrow_header){FURROW_HEADER_ACCEPT, FURROW_TYPE_JSON};
        const furrow_msg *reply = rpc_world_raw(world, &raw);
        ck_assert_str_eq(furrow_msg_header(reply, FURROW_HEADER_ERROR_CODE), "8");
        ck_assert_ptr_nonnull(strstr(furrow_msg_header(reply, FURROW_HEADER_ERROR), "try again"));
        ck_assert_int_eq(((const char *)reply->data.data)[0] == '{', i > 0);
        if (i == 0) ck_assert_int_eq(rpc_world_error(world, &raw).retry_ms, 100);
        if (i > 0) ck_assert_ptr_nonnull(memmem(reply->data.data, reply->data.len, "\"0.100s\"", 8));
    }
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 1, PATIENCE_MS));
}

START_TEST(a_refusal_has_its_status_and_delay_in_the_callers_encoding)
{
    rpc_world_run(&(rpc_world_options){.server = {.max_calls = 1}}, encodings_body);
}
END_TEST

static void on_large(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Sample *response)
{
    on_end(arg, status, err, response);
}

static void unread_body(rpc_world *world)
{
    tally all = {0};
    Rpctest__V1__LargeRequest request = RPCTEST__V1__LARGE_REQUEST__INIT;
    request.bytes = 200000;
    for (int i = 0; i < 300; i++)
        ck_assert_ok(rpctest_large_call_async(world->client, &request, NULL, on_large, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 300, PATIENCE_MS));
    ck_assert_uint_ge(all.ok, 5);
    ck_assert_uint_lt(all.ok, 150); /* some seconds' worth, on a slow machine */
    ck_assert_int_eq(all.last.code, FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_gt(all.last.retry_ms, 0);
    ck_assert_ptr_nonnull(strstr(all.last.text, "FURROW_CALLER_BYTES"));
    furrow_link *link = rpc_world_connect(world, "another");
    furrow_client *client = furrow_client_create(link, NULL, NULL);
    Rpctest__V1__Sample *response;
    ck_assert_ok(rpctest_large_call(client, &request, NULL, world->arena, &response, failure));
    furrow_client_destroy(client);
    furrow_link_destroy(link);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        rpctest_large_call(world->client, &request, NULL, world->arena, &response, NULL) == FURROW_OK, PATIENCE_MS));
}

START_TEST(one_inbox_gets_so_many_bytes_a_second_and_others_are_served)
{
    rpc_world_run(&(rpc_world_options){.server = {.caller_bytes = 1000000}, .client = {.max_attempts = 1}},
                  unread_body);
}
END_TEST

/* Asks for 300 answers of 200 KB and never reads one. */
static int ask_and_never_read(rpc_world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)furrow_test_server_port(world->nats)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static char text[64 * 1024];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len =
        (size_t)snprintf(text, sizeof text, "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB _INBOX.raw.> 1\r\n");
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "PUB " PROBE "Large _INBOX.raw.%d 16\r\n{\"bytes\":200000}\r\n", i);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    return fd;
}

static void held_up_body(rpc_world *world)
{
    int fd = ask_and_never_read(world);
    const furrow_method_stats *large = furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_LARGE);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(large->requests == 300, PATIENCE_MS));
    for (int i = 0; i < 50; i++)
        ck_assert_ok(rpc_world_echo(world, "served", &(furrow_call_options){.timeout_ms = 4000}, failure));
    close(fd);
}

START_TEST(who_reads_nothing_holds_up_nobody_else)
{
    rpc_world_run(&(rpc_world_options){.client = {.max_attempts = 1}}, held_up_body);
}
END_TEST

/* Answers of commands, which are told in any case, pile up while NATS takes none; then their caller's reads are
 * refused. */
static void held_body(rpc_world *world)
{
    static char text[SMALL + 1];
    tally all = {0};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    memset(text, 'x', SMALL);
    request.text = text;
    for (int i = 0; i < MANY_SMALL; i++)
        ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_large, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == MANY_SMALL, PATIENCE_MS));
    furrow_test_server_pause(world->nats);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 0, PATIENCE_MS));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_held(world->link), PATIENCE_MS));
    furrow_test_server_resume(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == MANY_SMALL, PATIENCE_MS));
    ck_assert(!furrow_link_held(world->link));
    ck_assert_uint_eq(all.ok, MANY_SMALL);
    furrow_error err = {0};
    ck_assert_int_eq(rpc_world_echo(world, "read", NULL, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_ptr_nonnull(strstr(err.text, "FURROW_CALLER_BYTES"));
}

START_TEST(small_answers_count_too_while_nats_takes_none)
{
    rpc_world_run(
        &(rpc_world_options){
            .server = {.caller_bytes = 100000, .min_calls = MANY_SMALL, .default_timeout_ms = PATIENCE_MS},
            .client = {.max_attempts = 1, .timeout_ms = PATIENCE_MS}},
        held_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {requests_that_wait_for_a_version_hold_no_place_of_those_that_work,
                                  waits_are_bounded_and_no_caller_has_them_all,
                                  a_wait_ends_after_a_few_seconds_whatever_the_callers_deadline,
                                  requests_that_wait_for_another_of_their_key_hold_no_place_either,
                                  what_comes_in_a_burst_queues_and_is_served,
                                  a_service_whose_places_are_all_held_refuses_after_a_while_and_says_so,
                                  a_refusal_has_its_status_and_delay_in_the_callers_encoding,
                                  one_inbox_gets_so_many_bytes_a_second_and_others_are_served,
                                  who_reads_nothing_holds_up_nobody_else,
                                  small_answers_count_too_while_nats_takes_none};
    return rpc_world_main("rpc_load", tests, sizeof tests / sizeof *tests);
}
