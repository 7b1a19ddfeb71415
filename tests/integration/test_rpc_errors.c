/*
 * Calls that go wrong, whose body is right (of others: test_rpc_bodies): each gets a status and an explanation, and the
 * server goes on. Nothing is ever sent to where it must not.
 */
#include "rpc_world.h"

#include "wire/detail.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

static void headers_body(rpc_world *world)
{
    static const struct {
        const char *name, *value, *text;
    } cases[] = {{FURROW_HEADER_CONTENT_TYPE, "text/plain", "Content-Type"},
                 {FURROW_HEADER_CONTENT_TYPE, "application/json5", "Content-Type"},
                 {FURROW_HEADER_ACCEPT, "text/html", "Accept"},
                 {FURROW_HEADER_ACCEPT, "application/jsonx, ,;", "Accept"},
                 {FURROW_HEADER_TIMEOUT, "soon", "Timeout"},
                 {FURROW_HEADER_TIMEOUT, "-1S", "Timeout"},
                 {FURROW_HEADER_TIMEOUT, "123456789S", "Timeout"},
                 {FURROW_HEADER_TIMEOUT, "5", "Timeout"},
                 {FURROW_HEADER_AFTER, "x", "Furrow-After"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rpc_raw request = {.method = "Echo", .headers = {{cases[i].name, cases[i].value}}};
        rpc_world_refuses(world, &request, FURROW_INVALID_ARGUMENT, cases[i].text);
    }
    rpc_world_alive(world);
}

START_TEST(a_wrong_header_is_named)
{
    rpc_world_run(NULL, headers_body);
}
END_TEST

static void expired_body(rpc_world *world)
{
    static const char *const timeouts[] = {"0m", "1n", "0S"};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++)
        rpc_world_refuses(world, &(rpc_raw){.method = "Echo", .headers = {{FURROW_HEADER_TIMEOUT, timeouts[i]}}},
                          FURROW_DEADLINE_EXCEEDED, "nothing was done");
    ck_assert_uint_eq(furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_ECHO)->expired, 3);
    ck_assert_int_eq(rpc_world_echo(world, "", &(furrow_call_options){.deadline_ns = furrow_clock_now_ns() - 1}, NULL),
                     FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(world->runs, 0);
    rpc_world_alive(world);
}

START_TEST(expired_work_is_counted_and_never_done)
{
    rpc_world_run(NULL, expired_body);
}
END_TEST

static void open_gate_later(void *arg)
{
    rpc_world *world = arg;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 1, PATIENCE_MS));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_clock_now_ns() > world->deadline_ns, PATIENCE_MS));
    world->open = true;
}

/* The caller has more patience than it told the server. */
static void late_body(rpc_world *world)
{
    ck_assert_ok(furrow_loop_spawn(world->loop, open_gate_later, world, failure));
    rpc_raw request = {
        .method = "Wait", .body = furrow_bytes_of("{\"text\":\"done\"}"), .headers = {{FURROW_HEADER_TIMEOUT, "1S"}}};
    ck_assert_str_eq(rpc_world_text(world, &request), "{\"text\":\"done\"}");
}

START_TEST(what_ends_well_after_its_deadline_is_answered_all_the_same)
{
    rpc_world_run(NULL, late_body);
}
END_TEST

static void methods_body(rpc_world *world)
{
    static const char *const names[] = {"Nothing", "echo", "EchoEcho", "Ech", "Z\xc3\xab", "\xff\xfe", "$JS", "%s%n"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        rpc_world_refuses(world, &(rpc_raw){.method = names[i]}, FURROW_UNIMPLEMENTED,
                          "it has Echo, Wait, Create, Fail");
    char longest[150];
    memset(longest, 'M', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    rpc_world_refuses(world, &(rpc_raw){.method = longest}, FURROW_UNIMPLEMENTED, "has no method MMM");
    const furrow_msg *reply = rpc_world_raw(world, &(rpc_raw){.method = "Nothing", .body = furrow_bytes_of("{}")});
    ck_assert_int_eq(((const char *)reply->data.data)[0], '{');
    rpc_world_alive(world);
}

START_TEST(an_unknown_method_is_told_what_there_is)
{
    rpc_world_run(NULL, methods_body);
}
END_TEST

static Rpctest__V1__FailRequest failing(furrow_status code, const char *text, const char *field, int64_t retry_ms)
{
    Rpctest__V1__FailRequest request = RPCTEST__V1__FAIL_REQUEST__INIT;
    request.code = code;
    request.text = (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
    request.field = (ProtobufCBinaryData){strlen(field), (uint8_t *)(uintptr_t)field};
    request.retry_ms = retry_ms;
    return request;
}

static void details_body(rpc_world *world)
{
    Rpctest__V1__Sample *response;
    furrow_error err;
    for (int code = 1; code <= FURROW_UNAUTHENTICATED; code++) {
        Rpctest__V1__FailRequest request = failing((furrow_status)code, "not so", "pay[2].rate", 60000);
        ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, &err), code);
        ck_assert_int_eq(err.code, code);
        ck_assert_str_eq(err.text, "Fail: not so");
        ck_assert_str_eq(err.field, "pay[2].rate");
        ck_assert_int_eq(err.retry_ms, 60000);
    }
}

START_TEST(every_code_text_field_and_delay_reaches_the_caller)
{
    rpc_world_run(NULL, details_body);
}
END_TEST

static void rich_body(rpc_world *world)
{
    Rpctest__V1__FailRequest request = failing(FURROW_FAILED_PRECONDITION, "not employed", "", 0);
    Rpctest__V1__Sample *response;
    furrow_error err;
    request.detailed = true;
    for (int json = 0; json < 2; json++) {
        rpc_raw raw = {.method = "Fail",
                       .body = rpc_world_pack(world, &request.base),
                       .headers = {{FURROW_HEADER_ACCEPT, FURROW_TYPE_JSON}}};
        if (json)
            err = rpc_world_error(world, &raw);
        else
            ck_assert_int_eq(rpctest_fail_call(world->client, &request, NULL, world->arena, &response, &err),
                             FURROW_FAILED_PRECONDITION);
        ck_assert_str_eq(err.reason, "NOT_EMPLOYED");
        const Furrow__V1__ErrorInfo *info = furrow_detail_error_info(&err, world->arena);
        ck_assert_str_eq(info->domain, "rpctest.v1");
        ck_assert_str_eq(info->metadata[0]->value, "E1");
        ck_assert_str_eq(furrow_detail_resource_info(&err, world->arena)->resource_name, "E1");
        ck_assert_str_eq(furrow_detail_precondition_failure(&err, world->arena)->violations[0]->type,
                         "employee.v1.Employee");
        ck_assert_str_eq(furrow_detail_quota_failure(&err, world->arena)->violations[0]->quota_id,
                         "FURROW_CALLER_BYTES");
        ck_assert_str_eq(furrow_detail_localized_message(&err, world->arena)->message,
                         "Zo\xc3\xab no trabaja aqu\xc3\xad");
    }
}

START_TEST(a_reason_and_details_reach_the_caller_in_either_encoding)
{
    rpc_world_run(NULL, rich_body);
}
END_TEST

static void shape_body(rpc_world *world)
{
    Rpctest__V1__FailRequest fail = failing(FURROW_ABORTED, "say \"hi\"", "a", 250);
    furrow_bytes body = rpc_world_pack(world, &fail.base);
    rpc_raw request = {.method = "Fail", .body = body, .headers = {{FURROW_HEADER_ACCEPT, FURROW_TYPE_JSON}}};
    const furrow_msg *reply = rpc_world_raw(world, &request);
    ck_assert_str_eq(furrow_msg_header(reply, "Nats-Service-Error"), "a: say \"hi\"");
    ck_assert_str_eq(furrow_msg_header(reply, "Nats-Service-Error-Code"), "10");
    ck_assert_str_eq(furrow_msg_header(reply, "Content-Type"), "application/json");
    const char *text = furrow_arena_memdup(world->arena, reply->data.data, reply->data.len);
    ck_assert_str_eq(text,
                     "{\"code\":10,\"message\":\"a: say \\\"hi\\\"\",\"details\":["
                     "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":\"a\","
                     "\"description\":\"say \\\"hi\\\"\"}]},"
                     "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"0.250s\"}]}");
}

START_TEST(an_error_in_json_is_a_google_rpc_status)
{
    rpc_world_run(NULL, shape_body);
}
END_TEST

static void hostile_body(rpc_world *world)
{
    Rpctest__V1__FailRequest fail = failing(FURROW_NOT_FOUND, "a\r\nNats-Evil: 1\r\n\r\n\x01%s%n\xff", "f\n\xc3", 0);
    furrow_bytes body = rpc_world_pack(world, &fail.base);
    for (int json = 0; json < 2; json++) {
        rpc_raw request = {
            .method = "Fail", .body = body, .headers = {{FURROW_HEADER_ACCEPT, json ? FURROW_TYPE_JSON : "*/*"}}};
        const furrow_msg *reply = rpc_world_raw(world, &request);
        ck_assert_ptr_null(furrow_msg_header(reply, "Nats-Evil"));
        ck_assert_str_eq(furrow_msg_header(reply, FURROW_HEADER_ERROR), "f ?: a  Nats-Evil: 1     %25s%25n?");
        ck_assert(!json || furrow_utf8_valid(reply->data.data, reply->data.len));
    }
    char longest[4000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    fail = failing(FURROW_NOT_FOUND, longest, longest, 0);
    furrow_error err = rpc_world_error(world, &(rpc_raw){.method = "Fail", .body = rpc_world_pack(world, &fail.base)});
    ck_assert_uint_eq(strlen(err.text), 255);
    ck_assert_uint_eq(strlen(err.field), 95);
    rpc_world_alive(world);
}

START_TEST(hostile_text_in_an_error_stays_text)
{
    rpc_world_run(NULL, hostile_body);
}
END_TEST

static void silent_body(rpc_world *world)
{
    Rpctest__V1__FailRequest fail = failing(FURROW_DATA_LOSS, "", "", 0);
    fail.silent = true;
    furrow_error err = rpc_world_error(world, &(rpc_raw){.method = "Fail", .body = rpc_world_pack(world, &fail.base)});
    ck_assert_int_eq(err.code, FURROW_DATA_LOSS);
    ck_assert_str_eq(err.text, "DATA_LOSS");
}

START_TEST(a_handler_that_says_nothing_still_answers_its_code)
{
    rpc_world_run(NULL, silent_body);
}
END_TEST

static void large_body(rpc_world *world)
{
    Rpctest__V1__LargeRequest request = RPCTEST__V1__LARGE_REQUEST__INIT;
    Rpctest__V1__Sample *response;
    request.bytes = 900000;
    ck_assert_ok(rpctest_large_call(world->client, &request, NULL, world->arena, &response, failure));
    ck_assert_uint_eq(strlen(response->text), 900000);
    request.bytes = 3000000;
    ck_assert_int_eq(rpctest_large_call(world->client, &request, NULL, world->arena, &response, NULL),
                     FURROW_RESOURCE_EXHAUSTED);
    rpc_world_alive(world);
    request.bytes = 10;
    request.invalid = true;
    rpc_raw raw = {.method = "Large",
                   .body = rpc_world_pack(world, &request.base),
                   .headers = {{FURROW_HEADER_ACCEPT, FURROW_TYPE_JSON}}};
    furrow_error err = rpc_world_error(world, &raw);
    ck_assert_int_eq(err.code, FURROW_INTERNAL);
    ck_assert_int_eq(rpctest_large_call(world->client, &request, NULL, world->arena, &response, NULL), FURROW_INTERNAL);
}

START_TEST(an_answer_that_cannot_be_sent_is_an_error_and_not_silence)
{
    rpc_world_run(NULL, large_body);
}
END_TEST

static void not_ready_body(rpc_world *world)
{
    furrow_error err;
    world->not_ready = true;
    /* As long as it is told to wait, so it is not tried again. */
    ck_assert_int_eq(rpc_world_echo(world, "", &(furrow_call_options){.timeout_ms = 1000}, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "not ready: the test says so"));
    ck_assert_int_eq(err.retry_ms, 1000);
    ck_assert_uint_eq(world->runs, 0);
    world->not_ready = false;
    rpc_world_alive(world);
}

START_TEST(a_service_that_is_not_ready_says_why_and_when_to_come_back)
{
    rpc_world_run(NULL, not_ready_body);
}
END_TEST

typedef struct crowd {
    size_t ended, refused;
} crowd;

static void on_crowd(void *arg, furrow_status status, const furrow_error *err, const Rpctest__V1__Sample *response)
{
    crowd *all = arg;
    all->ended++;
    if (status == FURROW_OK) return;
    ck_assert_int_eq(status, FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_gt(err->retry_ms, 0);
    all->refused++;
}

static void limit_body(rpc_world *world)
{
    crowd all = {0};
    Rpctest__V1__Sample request = RPCTEST__V1__SAMPLE__INIT;
    for (int i = 0; i < 4; i++)
        ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_crowd, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(world->waiting == 4, PATIENCE_MS));
    /* One after the other, and then more in one turn than the server ever takes. */
    for (size_t i = 1; i <= 6; i++) {
        ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_crowd, &all, failure));
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.refused == i, PATIENCE_MS));
    }
    for (int i = 0; i < 10; i++)
        ck_assert_ok(rpctest_wait_call_async(world->client, &request, NULL, on_crowd, &all, failure));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.refused == 16, PATIENCE_MS));
    ck_assert_uint_eq(world->waiting, 4);
    ck_assert_uint_eq(furrow_server_calls(world->server), 4);
    world->open = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == 20, PATIENCE_MS));
    ck_assert_uint_eq(all.refused, 16);
    const furrow_method_stats *stats = furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_WAIT);
    ck_assert_uint_eq(stats->requests, 20);
    ck_assert_uint_eq(stats->errors, 16);
    rpc_world_alive(world);
}

START_TEST(past_the_limit_calls_are_refused_with_a_delay_and_room_comes_back)
{
    rpc_world_run(&(rpc_world_options){.server = {.max_calls = 4}}, limit_body);
}
END_TEST

typedef struct trap {
    size_t fell_in;
} trap;

static void on_trap(void *arg, furrow_msg *msg)
{
    ((trap *)arg)->fell_in++;
    furrow_msg_free(msg);
}

static void reply_body(rpc_world *world)
{
    static const char *const replies[] = {"$JS.API.STREAM.PURGE.EMPLOYEE",
                                          PROBE "Create",
                                          "employee.v1.Employee.e1",
                                          "$SYS.REQ.SERVER.PING",
                                          "INBOX.x",
                                          "inbox",
                                          "_R_",
                                          "x._INBOX.y"};
    trap caught = {0};
    size_t sent = 0;
    const char *watched[] = {"$JS.>", "employee.>", "INBOX.>", "inbox", "_R_", "x.>", PROBE "Create"};
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        ck_assert(furrow_link_subscribe(world->link, watched[i], NULL, on_trap, &caught, NULL));
    ck_assert_ok(furrow_link_flush(world->link, rpc_world_in_ms(PATIENCE_MS), failure));
    static const char *const methods[] = {"Echo", "Nothing", "Fail"};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        for (size_t m = 0; m < 3; m++, sent++) {
            char subject[100];
            snprintf(subject, sizeof subject, PROBE "%s", methods[m]);
            furrow_outgoing out = {.subject = subject, .reply = replies[i], .data = furrow_bytes_of("{")};
            ck_assert_ok(furrow_link_publish(world->caller, &out, failure));
        }
    }
    furrow_outgoing forgotten = {.subject = PROBE "Echo", .data = furrow_bytes_of("{}")};
    ck_assert_ok(furrow_link_publish(world->caller, &forgotten, failure));
    sent++;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_server_dropped(world->server) == sent, PATIENCE_MS));
    rpc_world_alive(world); /* a round trip: whatever had been sent would have come before it */
    ck_assert_uint_eq(caught.fell_in, 0);
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(nothing_is_sent_to_a_reply_subject_that_is_no_inbox)
{
    rpc_world_run(NULL, reply_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_wrong_header_is_named,
                                  expired_work_is_counted_and_never_done,
                                  what_ends_well_after_its_deadline_is_answered_all_the_same,
                                  an_unknown_method_is_told_what_there_is,
                                  every_code_text_field_and_delay_reaches_the_caller,
                                  a_reason_and_details_reach_the_caller_in_either_encoding,
                                  an_error_in_json_is_a_google_rpc_status,
                                  hostile_text_in_an_error_stays_text,
                                  a_handler_that_says_nothing_still_answers_its_code,
                                  an_answer_that_cannot_be_sent_is_an_error_and_not_silence,
                                  a_service_that_is_not_ready_says_why_and_when_to_come_back,
                                  past_the_limit_calls_are_refused_with_a_delay_and_room_comes_back,
                                  nothing_is_sent_to_a_reply_subject_that_is_no_inbox};
    return rpc_world_main("rpc_errors", tests, sizeof tests / sizeof *tests);
}
