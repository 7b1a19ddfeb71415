/* A trace from a request to the calls that come of it: which of its headers are there, and what they say. */
#include "rpc_world.h"

#include "wire/trace.h"

#include <stdio.h>

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define SPAN   "b7ad6b7169203331"
#define PARENT "00-" TRACE "-" SPAN "-01"
#define ROUNDS 3

typedef struct tap {
    size_t messages, traced, stated;
    char parents[ROUNDS][FURROW_TRACE_PARENT_SIZE], state[600];
} tap;

static void on_call(void *arg, furrow_msg *msg)
{
    tap *seen = arg;
    const char *parent = furrow_msg_header(msg, "traceparent"), *state = furrow_msg_header(msg, "tracestate");
    if (parent && seen->messages < ROUNDS) snprintf(seen->parents[seen->messages], sizeof *seen->parents, "%s", parent);
    seen->traced += parent != NULL;
    seen->stated += state != NULL;
    snprintf(seen->state, sizeof seen->state, "%s", state ? state : "");
    seen->messages++;
    furrow_msg_free(msg);
}

/* Hears the calls of Create. */
static furrow_subscription *listen_in(rpc_world *world, tap *seen)
{
    furrow_subscription *heard = furrow_link_subscribe(world->link, PROBE "Create", NULL, on_call, seen, NULL);
    ck_assert_ptr_nonnull(heard);
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    return heard;
}

static void ask(rpc_world *world, tap *seen, const char *parent, const char *state)
{
    rpc_raw request = {.method = "Echo", .body = {"", 0}};
    size_t headers = 0;
    if (parent) request.headers[headers++] = (furrow_header){"TraceParent", parent};
    if (state) request.headers[headers++] = (furrow_header){"TRACESTATE", state};
    *seen = (tap){0};
    const furrow_msg *reply = rpc_world_raw(world, &request);
    ck_assert_ptr_null(furrow_msg_header(reply, FURROW_HEADER_ERROR));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(seen->messages == ROUNDS, PATIENCE_MS));
}

/* All of one trace, each with a span of its own that is none of the caller's. */
static void check_family(const tap *seen, const char *flags)
{
    char checked[FURROW_TRACE_PARENT_SIZE];
    ck_assert_uint_eq(seen->traced, ROUNDS);
    for (size_t i = 0; i < ROUNDS; i++) {
        ck_assert_msg(furrow_trace_parse_parent(seen->parents[i], checked), "%s", seen->parents[i]);
        ck_assert_ptr_null(strstr(seen->parents[i], SPAN));
        ck_assert_int_eq(strncmp(seen->parents[i], seen->parents[0], 36), 0);
        ck_assert_str_eq(seen->parents[i] + 53, flags);
        for (size_t before = 0; before < i; before++) ck_assert_str_ne(seen->parents[before], seen->parents[i]);
    }
}

static void carried_body(rpc_world *world)
{
    tap seen;
    furrow_subscription *heard = listen_in(world, &seen);
    world->nested = ROUNDS;
    ask(world, &seen, PARENT, "foo=1,bar=2");
    check_family(&seen, "01");
    ck_assert_ptr_nonnull(strstr(seen.parents[0], "-" TRACE "-"));
    ck_assert_uint_eq(seen.stated, ROUNDS);
    ck_assert_str_eq(seen.state, "foo=1,bar=2");
    ask(world, &seen, PARENT, "foo=1,BAR=2"); /* none: the trace goes on */
    check_family(&seen, "01");
    ck_assert_ptr_nonnull(strstr(seen.parents[0], "-" TRACE "-"));
    ck_assert_uint_eq(seen.stated, 0);
    ask(world, &seen, "00-" TRACE "-0000000000000000-01", "foo=1"); /* a new one */
    check_family(&seen, "02");
    ck_assert_ptr_null(strstr(seen.parents[0], TRACE));
    ck_assert_uint_eq(seen.stated, 0);
    ask(world, &seen, NULL, NULL);
    ck_assert_uint_eq(seen.traced + seen.stated, 0);
    furrow_subscription_destroy(heard);
}

START_TEST(a_call_of_a_handler_is_of_its_trace)
{
    rpc_world_run(NULL, carried_body);
}
END_TEST

static void begun_body(rpc_world *world)
{
    tap seen;
    char first[FURROW_TRACE_PARENT_SIZE];
    furrow_subscription *heard = listen_in(world, &seen);
    world->nested = ROUNDS;
    ask(world, &seen, NULL, NULL);
    check_family(&seen, "02");
    snprintf(first, sizeof first, "%s", seen.parents[0]);
    ask(world, &seen, NULL, NULL);
    check_family(&seen, "02");
    ck_assert_int_ne(strncmp(first, seen.parents[0], 36), 0);
    ask(world, &seen, PARENT, NULL);
    check_family(&seen, "01");
    ck_assert_ptr_nonnull(strstr(seen.parents[0], "-" TRACE "-"));
    furrow_subscription_destroy(heard);
}

START_TEST(a_service_may_begin_traces)
{
    rpc_world_run(&(rpc_world_options){.server.begin_traces = true}, begun_body);
}
END_TEST

static furrow_trace of_the_client = {.parent = PARENT, .state = "foo=1", .ce_state = "foo=1"};

/* The client's own trace is that of tasks that have none; metadata of the call go before either. */
static void client_body(rpc_world *world)
{
    furrow_header mine[] = {{"TRACEPARENT", "00-11111111111111111111111111111111-2222222222222222-00"}};
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    ck_assert_int_eq(strncmp(world->traceparent, PARENT, 36), 0);
    ck_assert_str_ne(world->traceparent, PARENT);
    ck_assert_str_eq(world->tracestate, "foo=1");
    ck_assert_ok(rpc_world_echo(world, "", &(furrow_call_options){.metadata = mine, .metadata_count = 1}, failure));
    ck_assert_str_eq(world->traceparent, mine[0].value);
    ck_assert_str_eq(world->tracestate, "");
    furrow_trace trace = {
        .parent = "00-33333333333333333333333333333333-4444444444444444-03", .state = "", .ce_state = ""};
    furrow_task_set_trace(&trace);
    ck_assert_ok(rpc_world_echo(world, "", NULL, failure));
    furrow_task_set_trace(NULL);
    ck_assert_int_eq(strncmp(world->traceparent, trace.parent, 36), 0);
    ck_assert_str_eq(world->traceparent + 53, "03");
    ck_assert_str_eq(world->tracestate, "");
}

START_TEST(a_client_may_have_a_trace_of_its_own)
{
    rpc_world_run(&(rpc_world_options){.client.trace = &of_the_client}, client_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_call_of_a_handler_is_of_its_trace, a_service_may_begin_traces,
                                  a_client_may_have_a_trace_of_its_own};
    return rpc_world_main("rpc_trace", tests, sizeof tests / sizeof *tests);
}
