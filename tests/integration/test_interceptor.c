/* An author's links of the chain, on the server and the client; the README's own among them, as they stand there. */
#include "rpc_world.h"

#include "runtime/service.h"

#include <stdio.h>

#include "readme_interceptors.inc" /* made of common/rpc/README.md by tests/rpc.cmake */

static char path[256]; /* which links a call went through, in order */

static void note_link(const char *before, const char *name)
{
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "%s%s ", before, name);
}

static furrow_status note_around(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    note_link(">", self->name);
    furrow_status status = furrow_interceptor_next(self, call, err);
    if (status == FURROW_OK) ck_assert_ptr_nonnull(furrow_call_response(call));
    note_link("<", self->name);
    return status;
}

static furrow_status note_out(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    note_link(">", self->name);
    ck_assert_ptr_nonnull(furrow_outbound_request(call));
    return furrow_outbound_next(self, call, err);
}

static void note_back(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                      furrow_error *err)
{
    note_link("<", self->name);
    ck_assert(furrow_outbound_begun_ns(call) <= furrow_clock_now_ns());
    ck_assert_int_eq(status == FURROW_OK, furrow_outbound_response(call) != NULL);
    furrow_outbound_back(self, call, status, err);
}

static const furrow_interceptor_ops noting = {.call = note_around};
static const furrow_outbound_interceptor_ops noting_out = {.start = note_out, .end = note_back};
static const furrow_outbound_interceptor_ops noting_back = {.end = note_back};
static const furrow_interceptor two[] = {{.name = "a", .ops = &noting}, {.name = "b", .ops = &noting}, {0}};
static const furrow_outbound_interceptor three[] = {
    {.name = "x", .ops = &noting_out}, {.name = "y", .ops = &noting_back}, {.name = "z", .ops = &noting_out}, {0}};

static void need_a_tenant(rpc_world *world)
{
    furrow_error err = rpc_world_error(world, &(rpc_raw){.method = "Echo"});
    ck_assert_int_eq(err.code, FURROW_UNAUTHENTICATED);
    ck_assert_str_eq(err.text, "say whom the call is for: X-Tenant: <name>");
    ck_assert_uint_eq(world->runs, 0);
    ck_assert_ok(rpc_world_echo(world, "hello", NULL, failure));
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(the_readmes_links_do_what_it_says)
{
    rpc_world_run(&(rpc_world_options){.server.interceptors = probe_startup.interceptors,
                                       .client.interceptors = probe_startup.outbound},
                  need_a_tenant);
}
END_TEST

typedef struct answered {
    size_t count;
    furrow_status status;
    furrow_error err;
} answered;

static void on_answer(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Sample *response)
{
    answered *it = arg;
    it->count++;
    it->status = status;
    if (status != FURROW_OK) it->err = *err;
    note_link("!", furrow_status_name(status));
}

static void echo_async(rpc_world *world, answered *it)
{
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    ck_assert_ok(rpctest_echo_call_async(world->client, &request, NULL, on_answer, it, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(it->count > 0, PATIENCE_MS));
    ck_assert_uint_eq(it->count, 1);
}

static void go_in_order(rpc_world *world)
{
    answered it = {0};
    ck_assert_ok(rpc_world_echo(world, "hello", NULL, failure));
    ck_assert_str_eq(path, ">x >z >a >b <b <a <z <y <x ");
    path[0] = '\0';
    echo_async(world, &it);
    ck_assert_str_eq(path, ">x >z >a >b <b <a <z <y <x !OK ");
}

START_TEST(links_go_in_order_and_back_whoever_waits)
{
    rpc_world_run(&(rpc_world_options){.server.interceptors = two, .client.interceptors = three}, go_in_order);
}
END_TEST

static void send_thrice(rpc_world *world)
{
    Rpctest__V1__FailRequest request = RPCTEST__V1__FAIL_REQUEST__INIT;
    Rpctest__V1__Sample *response;
    request.times = 2;
    request.code = FURROW_UNAVAILABLE;
    ck_assert_ok(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, failure));
    ck_assert_uint_eq(world->runs, 3);
    ck_assert_str_eq(path, ">x >z >a >b <b <a >a >b <b <a >a >b <b <a <z <y <x ");
}

START_TEST(a_call_that_is_sent_again_passes_the_clients_links_once)
{
    rpc_world_run(&(rpc_world_options){.server.interceptors = two, .client.interceptors = three}, send_thrice);
}
END_TEST

static void create_twice(rpc_world *world)
{
    Rpctest__V1__CreateRequest request = RPCTEST__V1__CREATE_REQUEST__INIT;
    Rpctest__V1__Created *first, *second;
    furrow_call_options options = {.idempotency_key = "4711"};
    ck_assert_ok(rpctest_create_call(world->client, &request, &options, world->arena, &first, failure));
    ck_assert_ok(rpctest_create_call(world->client, &request, &options, world->arena, &second, failure));
    ck_assert_str_eq(first->id, second->id);
    ck_assert_uint_eq(world->effects, 1);
    ck_assert_str_eq(path, ">a >b <b <a >a >b <b <a ");
}

START_TEST(links_see_a_call_whose_result_was_remembered)
{
    rpc_world_run(&(rpc_world_options){.redis = true, .server.interceptors = two}, create_twice);
}
END_TEST

/* What the handler has done stays done; what its caller is told is the link's to say. */
static furrow_status deny_afterwards(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = furrow_interceptor_next(self, call, err);
    return status == FURROW_OK ? FURROW_ABORTED : status; /* without a word */
}

static const furrow_interceptor_ops denying = {.call = deny_afterwards};
static const furrow_interceptor denies[] = {{.name = "deny", .ops = &denying}, {0}};

static void be_denied(rpc_world *world)
{
    furrow_error err = {0};
    ck_assert_int_eq(rpc_world_echo(world, "hello", NULL, &err), FURROW_ABORTED);
    ck_assert_uint_eq(world->runs, 1);
    const furrow_method_stats *stats = furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_ECHO);
    ck_assert_uint_eq(stats->requests, 1);
    ck_assert_uint_eq(stats->errors, 1);
}

START_TEST(a_servers_link_has_the_last_word)
{
    rpc_world_run(&(rpc_world_options){.server.interceptors = denies}, be_denied);
}
END_TEST

static furrow_status refuse_out(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    ck_assert_str_eq(furrow_outbound_method(call)->name, "Echo");
    return furrow_fail(err, FURROW_FAILED_PRECONDITION, "not today");
}

static const furrow_outbound_interceptor_ops refusing = {.start = refuse_out};
static const furrow_outbound_interceptor refuses[] = {
    {.name = "x", .ops = &noting_out}, {.name = "no", .ops = &refusing}, {0}};

static void be_refused(rpc_world *world)
{
    answered it = {0};
    furrow_error err = {0};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    ck_assert_int_eq(rpc_world_echo(world, "hello", NULL, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_str_eq(err.text, "Echo: not today");
    ck_assert_int_eq(rpctest_echo_call_async(world->client, &request, NULL, on_answer, &it, &err),
                     FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(rpctest_echo_call_async(world->client, &request, NULL, on_answer, &it, NULL),
                     FURROW_FAILED_PRECONDITION);
    ck_assert_str_eq(path, ">x >x >x "); /* a start that failed has no end */
    ck_assert_uint_eq(it.count + world->runs, 0);
}

START_TEST(a_clients_link_refuses_before_anything_is_sent)
{
    rpc_world_run(&(rpc_world_options){.client.interceptors = refuses}, be_refused);
}
END_TEST

static void deny_back(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                      furrow_error *err)
{
    furrow_outbound_back(self, call, furrow_fail(err, FURROW_DATA_LOSS, "I do not believe it"), err);
}

static const furrow_outbound_interceptor_ops doubting = {.end = deny_back};
static const furrow_outbound_interceptor doubts[] = {{.name = "doubt", .ops = &doubting}, {0}};

static void be_doubted(rpc_world *world)
{
    answered it = {0};
    furrow_error err = {0};
    ck_assert_int_eq(rpc_world_echo(world, "hello", NULL, &err), FURROW_DATA_LOSS);
    ck_assert_str_eq(err.text, "Echo: I do not believe it");
    echo_async(world, &it);
    ck_assert_int_eq(it.status, FURROW_DATA_LOSS);
    ck_assert_str_eq(it.err.text, "Echo: I do not believe it");
    ck_assert_uint_eq(world->runs, 2);
}

START_TEST(a_clients_link_has_the_last_word)
{
    rpc_world_run(&(rpc_world_options){.client.interceptors = doubts}, be_doubted);
}
END_TEST

static furrow_status add_many(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < 17; i++)
        status = furrow_outbound_add(call, (furrow_header){"x-test", "more"}, err);
    return status == FURROW_OK ? furrow_outbound_next(self, call, err) : status;
}

static const furrow_outbound_interceptor_ops adding = {.start = add_many};
static const furrow_outbound_interceptor adds[] = {{.name = "add", .ops = &adding}, {0}};

static void add_too_many(rpc_world *world)
{
    furrow_error err = {0};
    ck_assert_int_eq(rpc_world_echo(world, "hello", NULL, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text, "Echo: more than 16 headers of metadata");
}

START_TEST(headers_of_links_are_bounded)
{
    rpc_world_run(&(rpc_world_options){.client.interceptors = adds}, add_too_many);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_readmes_links_do_what_it_says,
        links_go_in_order_and_back_whoever_waits,
        a_call_that_is_sent_again_passes_the_clients_links_once,
        links_see_a_call_whose_result_was_remembered,
        a_servers_link_has_the_last_word,
        a_clients_link_refuses_before_anything_is_sent,
        a_clients_link_has_the_last_word,
        headers_of_links_are_bounded,
    };
    return rpc_world_main("interceptor", tests, sizeof tests / sizeof *tests);
}
