/*
 * Calls that go wrong: every kind of bad input gets a status and an explanation, and the server goes on. Nothing is
 * ever sent to where it must not.
 */
#include "rpc_world.h"

#include "wire/detail.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

static void expect(rpc_world *world, const rpc_raw *request, furrow_status code, const char *text)
{
    size_t runs = world->runs;
    furrow_error err = rpc_world_error(world, request);
    ck_assert_msg(err.code == code, "%s: %s instead of %s", err.text, furrow_status_name(err.code),
                  furrow_status_name(code));
    ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" does not say \"%s\"", err.text, text);
    ck_assert_uint_eq(world->runs, runs);
}

/* The server answers as before. */
static void alive(rpc_world *world)
{
    ck_assert_ok(rpc_world_echo(world, "alive", NULL, failure));
    ck_assert_uint_eq(furrow_server_calls(world->server), 0);
}

static void bodies_body(rpc_world *world)
{
    static const struct {
        const char *body, *field, *text;
    } cases[] = {{"{\"text\":\"a\"", "", ""},
                 {"{\"nothing\":1}", "nothing", ""},
                 {"{\"inner\":{\"nothing\":1}}", "inner[\"nothing\"]", ""},
                 {"{\"text\":\"a\",\"text\":\"b\"}", "text", ""},
                 {"{\"small\":2147483648}", "small", ""},
                 {"{\"small\":1.5}", "small", ""},
                 {"{\"small\":\"x\"}", "small", ""},
                 {"{\"natural\":-1}", "natural", ""},
                 {"{\"large\":\"9223372036854775808\"}", "large", ""},
                 {"{\"flag\":\"yes\"}", "flag", ""},
                 {"{\"raw\":\"***\"}", "raw", ""},
                 {"{\"list\":\"x\"}", "list", ""},
                 {"{\"list\":[1]}", "list[0]", ""},
                 {"{\"colour\":\"COLOUR_NONE\"}", "colour", ""},
                 {"{\"text\":\"\xff\"}", "", ""},
                 {"{\"text\":\"\\ud800\"}", "", ""},
                 {"{} {}", "", ""},
                 {"{\"text\":}", "", ""},
                 {"{", "", ""},
                 {"\x0a\x05hi", "", "Sample"},
                 {"\x0a\x02\xff\xfe", "text", "UTF-8"},
                 {"\x0b\x0c", "", "group"},
                 {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "", ""},
                 {"\x12\x01x", "small", ""},
                 {"plain text", "", ""},
                 {"\xff\xff\xff\xff\xff", "", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rpc_raw request = {.method = "Echo", .body = furrow_bytes_of(cases[i].body)};
        furrow_error err = rpc_world_error(world, &request);
        ck_assert_msg(err.code == FURROW_INVALID_ARGUMENT, "case %zu: %s: %s", i, furrow_status_name(err.code),
                      err.text);
        ck_assert_msg(strstr(err.text, cases[i].text) != NULL, "case %zu: %s", i, err.text);
        ck_assert_msg(err.text[0] != '\0', "case %zu", i);
        if (cases[i].body[0] == '{') /* the details of a JSON answer are in its text */
            ck_assert_msg(strstr(err.text, cases[i].field) != NULL, "case %zu: %s", i, err.text);
        else
            ck_assert_msg(strcmp(err.field, cases[i].field) == 0, "case %zu: field %s", i, err.field);
    }
    ck_assert_uint_eq(world->runs, 0);
    alive(world);
}

START_TEST(a_wrong_body_is_an_invalid_argument_that_names_the_field)
{
    rpc_world_run(NULL, bodies_body);
}
END_TEST

static void rules_body(rpc_world *world)
{
    static const char all[] = "must be at least 1 character; numbers[1]: must be greater than 0";
    const furrow_bytes bad = {"\x12\x02\x01\x00", 4}; /* no name, and of the numbers one is 0 */
    rpc_raw request = {.method = "Obey", .body = bad};
    furrow_error err = rpc_world_error(world, &request);
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "name");
    ck_assert_str_eq(err.text, all);
    request.body = furrow_bytes_of("{\"numbers\":[1,0]}");
    err = rpc_world_error(world, &request);
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text + strlen("name: "), all);
    static const char second[] = "\"field\":\"numbers[1]\",\"description\"";
    const furrow_msg *reply = rpc_world_raw(world, &request);
    ck_assert_ptr_nonnull(memmem(reply->data.data, reply->data.len, second, strlen(second)));
    ck_assert_uint_eq(world->runs, 0);
    request.body = furrow_bytes_of("{\"name\":\"plum\",\"numbers\":[1]}");
    ck_assert_str_eq(rpc_world_text(world, &request), "{\"text\":\"plum\"}");
    alive(world);
}

START_TEST(a_request_that_breaks_rules_is_told_all_of_them_and_meets_no_handler)
{
    rpc_world_run(NULL, rules_body);
}
END_TEST

/* More than are told one by one, and more than the text has room for. */
static void many_rules_body(rpc_world *world)
{
    uint8_t body[102] = {0x12, 100}; /* a hundred numbers, all 0 */
    furrow_error err = rpc_world_error(world, &(rpc_raw){.method = "Obey", .body = {body, sizeof body}});
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(
        strstr(err.text, "must be at least 1 character; numbers[0]: must be greater than 0; numbers[1]"));
    ck_assert_ptr_nonnull(strstr(err.text, "; and 5"));
    ck_assert_uint_eq(world->runs, 0);
}

START_TEST(the_first_of_many_broken_rules_are_told_and_the_others_counted)
{
    rpc_world_run(NULL, many_rules_body);
}
END_TEST

static void cut_body(rpc_world *world)
{
    Rpctest__V1__Sample inner = RPCTEST__V1__SAMPLE__INIT, request = RPCTEST__V1__SAMPLE__INIT;
    inner.text = "within";
    request.text = "outside";
    request.small = -1;
    request.inner = &inner;
    furrow_bytes whole = rpc_world_pack(world, &request.base);
    furrow_buffer json;
    furrow_buffer_init(&json, 65536);
    ck_assert_ok(furrow_json_encode(&request.base, NULL, &json, failure));
    for (size_t len = 0; len <= whole.len; len++) {
        rpc_raw cut = {.method = "Echo", .body = {whole.data, len}};
        furrow_error err = {0};
        furrow_status status = furrow_client_reply_status(rpc_world_raw(world, &cut), &err);
        ck_assert(status == FURROW_OK || status == FURROW_INVALID_ARGUMENT);
    }
    for (size_t len = 1; len < json.len; len++)
        expect(world, &(rpc_raw){.method = "Echo", .body = {json.data, len}}, FURROW_INVALID_ARGUMENT, "");
    furrow_buffer_fini(&json);
    alive(world);
}

START_TEST(a_body_cut_anywhere_is_refused_or_read)
{
    rpc_world_run(NULL, cut_body);
}
END_TEST

static void size_body(rpc_world *world)
{
    char *large = furrow_arena_zalloc(world->arena, 5000);
    expect(world, &(rpc_raw){.method = "Echo", .body = {large, 1001}}, FURROW_INVALID_ARGUMENT, "at most 1000");
    memset(large, ' ', 1000);
    large[0] = '{';
    large[999] = '}';
    ck_assert_str_eq(rpc_world_text(world, &(rpc_raw){.method = "Echo", .body = {large, 1000}}), "{}");
    alive(world);
}

START_TEST(an_oversized_body_is_refused)
{
    rpc_world_run(&(rpc_world_options){.server = {.max_request_bytes = 1000}}, size_body);
}
END_TEST

static void memory_body(rpc_world *world)
{
    enum { LEN = 60000 };
    char *many = furrow_arena_alloc(world->arena, LEN);
    for (size_t i = 0; i < LEN; i += 2) memcpy(many + i, "\x42\x00", 2); /* 30000 empty texts of `list` */
    expect(world, &(rpc_raw){.method = "Echo", .body = {many, LEN}}, FURROW_RESOURCE_EXHAUSTED, "memory");
    alive(world);
}

START_TEST(a_body_that_unpacks_to_more_than_a_calls_memory_is_refused)
{
    rpc_world_run(&(rpc_world_options){.server = {.arena_bytes = 65536}}, memory_body);
}
END_TEST

static void depth_body(rpc_world *world)
{
    enum { DEEP = 20000 };
    furrow_buffer json;
    furrow_buffer_init(&json, 1 << 20);
    for (int i = 0; i < DEEP; i++) furrow_buffer_append_text(&json, "{\"inner\":");
    furrow_buffer_append_text(&json, "{}");
    for (int i = 0; i < DEEP; i++) furrow_buffer_append_byte(&json, '}');
    expect(world, &(rpc_raw){.method = "Echo", .body = {json.data, json.len}}, FURROW_INVALID_ARGUMENT, "deep");

    uint8_t *at = furrow_arena_alloc(world->arena, 1 << 20), *end = at + (1 << 20);
    size_t len = 0;
    for (int i = 0; i < 2000; i++) { /* from the innermost outwards: tag 9, length, what is inside */
        uint8_t head[4] = {0x4a};
        size_t n = 1;
        for (size_t left = len; n == 1 || left > 0; left >>= 7)
            head[n++] = (uint8_t)(left & 0x7f) | (left > 0x7f ? 0x80 : 0);
        memcpy(end - len - n, head, n);
        len += n;
    }
    expect(world, &(rpc_raw){.method = "Echo", .body = {end - len, len}}, FURROW_INVALID_ARGUMENT, "deep");
    furrow_buffer_fini(&json);
    alive(world);
}

START_TEST(deep_nesting_is_refused_in_both_encodings)
{
    rpc_world_run(NULL, depth_body);
}
END_TEST

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
        expect(world, &request, FURROW_INVALID_ARGUMENT, cases[i].text);
    }
    alive(world);
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
        expect(world, &(rpc_raw){.method = "Echo", .headers = {{FURROW_HEADER_TIMEOUT, timeouts[i]}}},
               FURROW_DEADLINE_EXCEEDED, "nothing was done");
    ck_assert_uint_eq(furrow_server_stats(world->server, 0, RPCTEST_V1_PROBE_SERVICE_ECHO)->expired, 3);
    ck_assert_int_eq(rpc_world_echo(world, "", &(furrow_call_options){.deadline_ns = furrow_clock_now_ns() - 1}, NULL),
                     FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(world->runs, 0);
    alive(world);
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
        expect(world, &(rpc_raw){.method = names[i]}, FURROW_UNIMPLEMENTED, "it has Echo, Wait, Create, Fail");
    char longest[150];
    memset(longest, 'M', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect(world, &(rpc_raw){.method = longest}, FURROW_UNIMPLEMENTED, "has no method MMM");
    const furrow_msg *reply = rpc_world_raw(world, &(rpc_raw){.method = "Nothing", .body = furrow_bytes_of("{}")});
    ck_assert_int_eq(((const char *)reply->data.data)[0], '{');
    alive(world);
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
    alive(world);
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
    alive(world);
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
    alive(world);
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
    alive(world);
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
    alive(world); /* a round trip: whatever had been sent would have come before it */
    ck_assert_uint_eq(caught.fell_in, 0);
    ck_assert_uint_eq(world->runs, 1);
}

START_TEST(nothing_is_sent_to_a_reply_subject_that_is_no_inbox)
{
    rpc_world_run(NULL, reply_body);
}
END_TEST

static uint32_t seed = 20261123;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

typedef struct fuzz {
    size_t ended, ok, wrong;
} fuzz;

static void on_fuzz(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    fuzz *all = arg;
    furrow_error err = {0};
    all->ended++;
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    furrow_msg_free(reply);
    if (status == FURROW_OK)
        all->ok++;
    else if (status != FURROW_INVALID_ARGUMENT || err.text[0] == '\0')
        all->wrong++;
}

/* Random bytes, or a good body of either encoding with a few bytes changed. */
static size_t make_body(uint8_t *out, size_t max, const furrow_bytes good[2])
{
    uint32_t kind = draw(4);
    size_t len;
    if (kind < 2) {
        len = draw(kind == 0 ? 40 : (uint32_t)max);
        for (size_t i = 0; i < len; i++) out[i] = (uint8_t)draw(256);
        if (len > 0 && draw(4) == 0) out[0] = '{';
        return len;
    }
    len = good[kind - 2].len;
    memcpy(out, good[kind - 2].data, len);
    for (uint32_t changes = 1 + draw(4); changes > 0; changes--) out[draw((uint32_t)len)] = (uint8_t)draw(256);
    return draw(4) == 0 ? draw((uint32_t)len) : len;
}

static void fuzz_body(rpc_world *world)
{
    enum { TOTAL = 20000, AT_ONCE = 250, MAX = 600 };
    static const char json[] = "{\"text\":\"hi\",\"large\":\"-12\",\"raw\":\"AP8=\",\"list\":[\"x\",\"y\"],\"inner\":{"
                               "\"flag\":true,\"real\":1e3},"
                               "\"counts\":{\"bins\":3}}";
    Rpctest__V1__Sample inner = RPCTEST__V1__SAMPLE__INIT, sample = RPCTEST__V1__SAMPLE__INIT;
    inner.text = "within, and a little longer";
    sample.inner = &inner;
    sample.text = "outside";
    sample.large = -5;
    furrow_bytes good[2] = {furrow_bytes_of(json), rpc_world_pack(world, &sample.base)};
    uint8_t body[MAX];
    fuzz all = {0};
    for (size_t sent = 0; sent < TOTAL;) {
        for (size_t i = 0; i < AT_ONCE; i++, sent++) {
            furrow_outgoing out = {.subject = PROBE "Echo", .data = {body, make_body(body, MAX, good)}};
            ck_assert_ok(
                furrow_link_request_async(world->caller, &out, rpc_world_in_ms(PATIENCE_MS), on_fuzz, &all, failure));
        }
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == sent, PATIENCE_MS));
    }
    ck_assert_uint_eq(all.wrong, 0);
    ck_assert_uint_gt(all.ok, TOTAL / 50);
    ck_assert_uint_lt(all.ok, TOTAL);
    alive(world);
}

START_TEST(twenty_thousand_random_bodies_each_get_an_answer)
{
    rpc_world_run(NULL, fuzz_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_wrong_body_is_an_invalid_argument_that_names_the_field,
                                  a_request_that_breaks_rules_is_told_all_of_them_and_meets_no_handler,
                                  the_first_of_many_broken_rules_are_told_and_the_others_counted,
                                  a_body_cut_anywhere_is_refused_or_read,
                                  an_oversized_body_is_refused,
                                  a_body_that_unpacks_to_more_than_a_calls_memory_is_refused,
                                  deep_nesting_is_refused_in_both_encodings,
                                  a_wrong_header_is_named,
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
                                  nothing_is_sent_to_a_reply_subject_that_is_no_inbox,
                                  twenty_thousand_random_bodies_each_get_an_answer};
    return rpc_world_main("rpc_errors", tests, sizeof tests / sizeof *tests);
}
