/*
 * The budget of memory as callers meet it: large reads begin only where there is room for them, one caller's leave room
 * for another's, small ones go on beside them, and who is refused for memory is told when to come again.
 */
#include "rpc_world.h"

#include "base/budget.h"

#define MIB         ((size_t)1 << 20)
#define LARGE_BYTES 600000
#define LIMIT       (16 * MIB) /* so reads have 4 MiB, and one caller's 2: three of them */
#define STEP        ((size_t)16 << 10)

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

static void call_large(furrow_client *client, bool wait, tally *all)
{
    Rpctest__V1__LargeRequest request = RPCTEST__V1__LARGE_REQUEST__INIT;
    furrow_call_options options = {.timeout_ms = PATIENCE_MS};
    request.bytes = LARGE_BYTES;
    request.wait = wait;
    ck_assert_ok(rpctest_large_call_async(client, &request, &options, on_end, all, failure));
}

static size_t waiting_of(rpc_world *world)
{
    furrow_server_load load;
    furrow_server_load_of(world->server, &load);
    return load.waiting;
}

/* One that shows what they take. */
static void call_first(rpc_world *world)
{
    tally one = {0};
    furrow_budget_set_limit(LIMIT);
    call_large(world->client, false, &one);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(one.ended == 1, PATIENCE_MS));
    ck_assert_uint_eq(one.ok, 1);
}

static void share_body(rpc_world *world)
{
    tally reads = {0}, others = {0};
    call_first(world);
    for (int i = 0; i < 10; i++) call_large(world->client, true, &reads);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting + waiting_of(world) == 10, PATIENCE_MS));
    ck_assert_uint_eq(world->waiting, 3); /* at the gate, with all they take */
    for (int i = 0; i < 5; i++) ck_assert_ok(rpc_world_echo(world, "small ones are served", NULL, failure));
    furrow_link *link = rpc_world_connect(world, "another");
    furrow_client *client = furrow_client_create(link, NULL, NULL);
    call_large(client, true, &others);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 4, PATIENCE_MS)); /* another caller has its own half */
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(reads.ended == 10 && others.ended == 1, PATIENCE_MS));
    ck_assert_msg(reads.ok == 10 && others.ok == 1, "%s%s", reads.last.text, others.last.text);
    furrow_client_destroy(client);
    furrow_link_destroy(link);
}

START_TEST(large_reads_begin_where_there_is_room_and_leave_room_for_others)
{
    rpc_world_run(&(rpc_world_options){.server = {.min_calls = 4, .caller_bytes = 64 * MIB, .max_wait_ms = 60000}},
                  share_body);
}
END_TEST

static void cold_body(rpc_world *world)
{
    tally reads = {0};
    furrow_budget_set_limit(LIMIT);
    for (int i = 0; i < 10; i++) call_large(world->client, true, &reads);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_server_calls(world->server) == 10, PATIENCE_MS));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting >= 3, PATIENCE_MS));
    ck_assert_uint_eq(world->waiting, 3); /* the first of its method, and two that count as the largest request */
    ck_assert_ok(rpc_world_echo(world, "the first of its method", NULL, failure));
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(reads.ended == 10, PATIENCE_MS));
    ck_assert_msg(reads.ok == 10, "%s", reads.last.text);
}

START_TEST(what_a_read_takes_is_not_known_at_first_and_then_few_begin)
{
    rpc_world_run(&(rpc_world_options){.server = {.caller_bytes = 64 * MIB, .max_wait_ms = 60000}}, cold_body);
}
END_TEST

static void too_long_body(rpc_world *world)
{
    tally reads = {0};
    call_first(world);
    for (int i = 0; i < 4; i++) call_large(world->client, true, &reads);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(reads.ended == 1, PATIENCE_MS));
    ck_assert_int_eq(reads.last.code, FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_gt(reads.last.retry_ms, 0);
    ck_assert_ptr_nonnull(strstr(reads.last.text, "FURROW_MEMORY_MB"));
    ck_assert_uint_eq(waiting_of(world), 0);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(reads.ended == 4, PATIENCE_MS));
    ck_assert_uint_eq(reads.ok, 3);
}

START_TEST(who_waits_too_long_for_memory_is_told_when_to_come_again)
{
    rpc_world_run(&(rpc_world_options){.server = {.caller_bytes = 64 * MIB, .max_wait_ms = 20}}, too_long_body);
}
END_TEST

static void gone_body(rpc_world *world)
{
    static tally reads; /* of calls that nobody answers: they end with their client, after this */
    call_first(world);
    for (int i = 0; i < 5; i++) call_large(world->client, true, &reads);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting + waiting_of(world) == 5, PATIENCE_MS));
    furrow_server_destroy(world->server);
    world->server = NULL;
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 0, PATIENCE_MS));
    rpc_world_serve(world, NULL);
    ck_assert_ok(rpc_world_echo(world, "another server", NULL, failure));
}

START_TEST(a_server_may_end_while_reads_wait_for_memory)
{
    rpc_world_run(&(rpc_world_options){.server = {.caller_bytes = 64 * MIB, .max_wait_ms = 60000}}, gone_body);
}
END_TEST

/* With a little more memory each time, whatever it is that there is none for. */
static void retry_body(rpc_world *world)
{
    Rpctest__V1__LargeRequest request = RPCTEST__V1__LARGE_REQUEST__INIT;
    request.bytes = LARGE_BYTES;
    rpc_raw raw = {.method = "Large", .body = rpc_world_pack(world, &request.base)};
    size_t used = furrow_budget_stats_of_process().used, unread = 0, unsent = 0, ok = 0;
    for (size_t more = 8 * STEP; ok < 3 && more < 4 * MIB; more += STEP) {
        furrow_error err = {0};
        furrow_budget_set_limit(used + more);
        if (furrow_client_reply_status(rpc_world_raw(world, &raw), &err) == FURROW_OK) {
            ok++;
            continue;
        }
        ck_assert_int_eq(err.code, FURROW_RESOURCE_EXHAUSTED);
        ck_assert_msg(err.retry_ms > 0, "%s", err.text);
        unread += strstr(err.text, "no memory for so much") != NULL;
        unsent += strstr(err.text, "no memory for the answer") != NULL;
    }
    ck_assert_uint_gt(unread, 0);
    ck_assert_uint_gt(unsent, 0);
    ck_assert_uint_eq(ok, 3);
}

START_TEST(whatever_the_budget_refuses_is_told_when_to_come_again)
{
    rpc_world_run(&(rpc_world_options){.server = {.caller_bytes = 64 * MIB}}, retry_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        large_reads_begin_where_there_is_room_and_leave_room_for_others,
        what_a_read_takes_is_not_known_at_first_and_then_few_begin,
        who_waits_too_long_for_memory_is_told_when_to_come_again,
        a_server_may_end_while_reads_wait_for_memory,
        whatever_the_budget_refuses_is_told_when_to_come_again,
    };
    return rpc_world_main("rpc_memory", tests, sizeof tests / sizeof *tests);
}
