/*
 * Ten thousand calls that wait in one client: what each takes of memory, and that each ends once when the server dies.
 * Nobody answers them: a subscription takes them in and lets go of them at once, so that what has grown is the client.
 */
#include "rpc_world.h"

#include <stdio.h>
#include <unistd.h>

#define CALLS          10000
#define BYTES_PER_CALL 4096
/* A sanitizer takes much more for each allocation. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEASURED false
#endif
#endif
#ifndef MEASURED
#define MEASURED true
#endif

static size_t taken;

static void take_and_forget(void *arg, furrow_msg *msg)
{
    taken++;
    furrow_msg_free(msg);
}

typedef struct ends {
    size_t count, unknown;
} ends;

static void on_waiting_end(void *arg, furrow_status status, const furrow_error *err, const ProtobufCMessage *response)
{
    ends *all = arg;
    all->count++;
    if (status == FURROW_DEADLINE_EXCEEDED) all->unknown++;
}

static long resident_bytes(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert(file && fscanf(file, "%ld %ld", &size, &resident) == 2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static void waiting_body(rpc_world *world)
{
    furrow_method_contract method = rpctest_v1_probe_service.methods[RPCTEST_V1_PROBE_SERVICE_WAIT];
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    ends all = {0};
    method.subject = "rpctest.v1.Nobody.Wait";
    furrow_subscription *silent = furrow_link_subscribe(world->link, method.subject, NULL, take_and_forget, NULL, NULL);
    ck_assert_ptr_nonnull(silent);
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    long before = resident_bytes();
    for (size_t i = 0; i < CALLS; i++)
        ck_assert_ok(furrow_client_call_async(world->client, &method, &request.base,
                                              &(furrow_call_options){.timeout_ms = 600000}, on_waiting_end, &all,
                                              failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(taken == CALLS, PATIENCE_MS));
    long each = (resident_bytes() - before) / CALLS;
    fprintf(stderr, "%ld bytes for each of %d calls that wait\n", each, CALLS);
    if (MEASURED) ck_assert_int_le(each, BYTES_PER_CALL);
    ck_assert_uint_eq(all.count, 0);
    furrow_test_server_kill(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.count == CALLS, PATIENCE_MS));
    ck_assert_uint_eq(all.unknown, CALLS);
    furrow_subscription_destroy(silent);
}

START_TEST(ten_thousand_calls_wait_in_little_memory_and_each_ends_once)
{
    rpc_world_run(NULL, waiting_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {ten_thousand_calls_wait_in_little_memory_and_each_ends_once};
    return rpc_world_main("rpc_waiting", tests, sizeof tests / sizeof *tests);
}
