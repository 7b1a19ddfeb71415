/* The body of error replies: the bytes other people's gRPC tools expect, their JSON, and the way back. */
#include "rpc/status_message.h"

#include "wire/detail.h"

#include <check.h>
#include <stdlib.h>

static furrow_error make(furrow_status code, const char *text, const char *field, int64_t retry_ms)
{
    furrow_error err;
    furrow_fail_field(&err, field, "%s", text);
    err.code = code;
    err.retry_ms = retry_ms;
    return err;
}

static furrow_bytes encode(const furrow_error *err, furrow_encoding encoding)
{
    static furrow_buffer out;
    furrow_buffer_fini(&out);
    furrow_buffer_init(&out, 65536);
    furrow_status_message_encode(err, NULL, encoding, &out);
    ck_assert(!out.failed);
    return (furrow_bytes){out.data, out.len};
}

static void check_text(furrow_bytes bytes, const char *expected)
{
    ck_assert_msg(furrow_bytes_equal(bytes, furrow_bytes_of(expected)), "%.*s", (int)bytes.len,
                  (const char *)bytes.data);
}

START_TEST(the_plain_status_is_code_and_message)
{
    furrow_error err = make(FURROW_NOT_FOUND, "no e1", "", 0);
    check_text(encode(&err, FURROW_PROTOBUF), "\x08\x05\x12\x05no e1");
    check_text(encode(&err, FURROW_JSON), "{\"code\":5,\"message\":\"no e1\",\"details\":[]}");
}
END_TEST

/* google.rpc.Status{3, "a: b", [Any{BadRequest{[{"a", "b"}]}}]}, by hand from the definitions of googleapis. */
START_TEST(a_wrong_field_is_a_bad_request_of_google_rpc)
{
    furrow_error err = make(FURROW_INVALID_ARGUMENT, "b", "a", 0);
    check_text(encode(&err, FURROW_PROTOBUF), "\x08\x03\x12\x04"
                                              "a: b"
                                              "\x1a\x35"
                                              "\x0a\x29type.googleapis.com/google.rpc.BadRequest"
                                              "\x12\x08\x0a\x06\x0a\x01"
                                              "a\x12\x01"
                                              "b");
    check_text(encode(&err, FURROW_JSON),
               "{\"code\":3,\"message\":\"a: b\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","
               "\"fieldViolations\":[{\"field\":\"a\",\"description\":\"b\"}]}]}");
}
END_TEST

START_TEST(a_delay_is_a_retry_info_of_google_rpc)
{
    furrow_error err = make(FURROW_RESOURCE_EXHAUSTED, "x", "", 1500);
    check_text(encode(&err, FURROW_PROTOBUF), "\x08\x08\x12\x01x\x1a\x36"
                                              "\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
                                              "\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01");
    check_text(encode(&err, FURROW_JSON),
               "{\"code\":8,\"message\":\"x\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
               "\"retryDelay\":\"1.500s\"}]}");
}
END_TEST

/* A Status with the given details in both encodings: by hand, as googleapis defines them. */
START_TEST(a_reason_has_the_service_for_its_domain)
{
    static const furrow_status_context context = {.domain = "d.v1"};
    furrow_error err;
    furrow_buffer out;
    furrow_fail_reason(&err, FURROW_ABORTED, "WHY", "x");
    (void)furrow_detail_add_metadata(&err, "k", "v");
    (void)furrow_detail_add_resource(&err, "t", "");
    furrow_buffer_init(&out, 65536);
    furrow_status_message_encode(&err, &context, FURROW_PROTOBUF, &out);
    check_text((furrow_bytes){out.data, out.len}, "\x08\x0a\x12\x01x"
                                                  "\x1a\x3f"
                                                  "\x0a\x28type.googleapis.com/google.rpc.ErrorInfo"
                                                  "\x12\x13\x0a\x03WHY\x12\x04"
                                                  "d.v1\x1a\x06\x0a\x01k\x12\x01v"
                                                  "\x1a\x32"
                                                  "\x0a\x2btype.googleapis.com/google.rpc.ResourceInfo"
                                                  "\x12\x03\x0a\x01t");
    furrow_buffer_reset(&out);
    furrow_status_message_encode(&err, &context, FURROW_JSON, &out);
    check_text((furrow_bytes){out.data, out.len},
               "{\"code\":10,\"message\":\"x\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
               "\"reason\":\"WHY\",\"domain\":\"d.v1\",\"metadata\":{\"k\":\"v\"}},"
               "{\"@type\":\"type.googleapis.com/google.rpc.ResourceInfo\",\"resourceType\":\"t\"}]}");
    furrow_buffer_fini(&out);
}
END_TEST

/* Whatever was attached, its packed bytes are the same again; the domain of another service stays. */
START_TEST(details_come_back_in_either_encoding)
{
    furrow_error err;
    furrow_arena *arena = furrow_arena_create(0);
    Furrow__V1__ErrorInfo info = FURROW__V1__ERROR_INFO__INIT;
    info.reason = (char[]){"WHY"};
    info.domain = (char[]){"elsewhere.v1"};
    furrow_fail(&err, FURROW_NOT_FOUND, "x");
    (void)furrow_detail_add(&err, &info.base);
    (void)furrow_detail_add_precondition(&err, "T", "\"s\"\n");
    (void)furrow_detail_add_quota(&err, "caller", "Q");
    for (furrow_encoding encoding = FURROW_PROTOBUF; encoding <= FURROW_JSON; encoding++) {
        furrow_error back = make(FURROW_NOT_FOUND, "x", "", 0);
        furrow_status_message_decode(encode(&err, encoding), arena, &back);
        ck_assert_str_eq(back.reason, "WHY");
        ck_assert_str_eq(furrow_detail_error_info(&back, arena)->domain, "elsewhere.v1");
        ck_assert_uint_eq(back.details_len, err.details_len);
        ck_assert_mem_eq(back.details, err.details, err.details_len);
    }
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(of_many_wrong_fields_as_many_are_read_as_have_room)
{
    char field[] = "field", text[] = "is wrong";
    furrow_violations wrong = {.count = FURROW_VIOLATIONS_MAX};
    const furrow_status_context context = {.violations = &wrong};
    for (size_t i = 0; i < wrong.count; i++) {
        wrong.lines[i].field = field;
        wrong.lines[i].text = text;
    }
    furrow_arena *arena = furrow_arena_create(0);
    for (furrow_encoding encoding = FURROW_PROTOBUF; encoding <= FURROW_JSON; encoding++) {
        furrow_error err = make(FURROW_INVALID_ARGUMENT, "x", "", 0);
        furrow_buffer out;
        furrow_buffer_init(&out, 65536);
        furrow_status_message_encode(&err, &context, encoding, &out);
        furrow_status_message_decode((furrow_bytes){out.data, out.len}, arena, &err);
        ck_assert_str_eq(err.field, encoding == FURROW_JSON ? "" : "field");
        ck_assert(encoding == FURROW_JSON || strstr(err.text, "is wrong; field: is wrong"));
        const Furrow__V1__BadRequest *bad = furrow_detail_bad_request(&err, arena);
        ck_assert_uint_eq(bad->n_field_violations, (FURROW_ERROR_DETAILS - 3) / 19);
        furrow_buffer_fini(&out);
    }
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(what_was_said_comes_back)
{
    char long_text[300], long_field[120];
    memset(long_text, 't', sizeof long_text);
    memset(long_field, 'f', sizeof long_field);
    long_text[sizeof long_text - 1] = long_field[sizeof long_field - 1] = '\0';
    furrow_error cases[] = {
        make(FURROW_INVALID_ARGUMENT, "wrong", "pay[2].rate", 0), make(FURROW_UNAVAILABLE, "wait", "", 1),
        make(FURROW_OUT_OF_RANGE, "both", "a.b", 2147483647), make(FURROW_INTERNAL, long_text, long_field, 1)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        furrow_arena *arena = furrow_arena_create(0);
        char line[FURROW_STATUS_LINE];
        furrow_error back;
        furrow_status_message_line(&cases[i], line);
        furrow_fail(&back, cases[i].code, "%s", line);
        furrow_status_message_decode(encode(&cases[i], FURROW_PROTOBUF), arena, &back);
        ck_assert_int_eq(back.code, cases[i].code);
        ck_assert_str_eq(back.text, cases[i].text);
        ck_assert_str_eq(back.field, cases[i].field);
        ck_assert_int_eq(back.retry_ms, cases[i].retry_ms);
        furrow_arena_destroy(arena);
    }
}
END_TEST

START_TEST(another_body_changes_nothing)
{
    static const char *const bodies[] = {
        "",
        "{\"code\":3,\"details\":[{}]}",
        "{\"code\":3,\"details\":{\"@type\":\"x\"}}",
        "{\"code\":3,\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.Help\",\"a\":1}]}",
        "{\"code\":3}",
        "\xff\xff\xff",
        "\x08\x04\x12\x01x",
        "\x08\x03\x1a\x05zz"};
    furrow_arena *arena = furrow_arena_create(0);
    furrow_error retry = make(FURROW_UNAVAILABLE, "x", "f", 9);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        furrow_error err = make(FURROW_INVALID_ARGUMENT, "as it was", "", 0);
        furrow_status_message_decode(furrow_bytes_of(bodies[i]), arena, &err);
        ck_assert_str_eq(err.text, "as it was");
        ck_assert_str_eq(err.field, "");
    }
    furrow_error other = make(FURROW_ABORTED, "another code", "", 0);
    furrow_status_message_decode(encode(&retry, FURROW_PROTOBUF), arena, &other);
    ck_assert_int_eq(other.retry_ms, 0);
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(no_cut_of_a_body_crashes)
{
    furrow_arena *arena = furrow_arena_create(1 << 20);
    furrow_error err = make(FURROW_INVALID_ARGUMENT, "b", "a", 1500);
    furrow_bytes whole = encode(&err, FURROW_PROTOBUF);
    for (size_t len = 0; len < whole.len; len++) {
        furrow_error back = make(FURROW_INVALID_ARGUMENT, "b", "", 0);
        furrow_status_message_decode((furrow_bytes){whole.data, len}, arena, &back);
        ck_assert_str_eq(back.text, "b");
    }
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(texts_become_one_clean_line)
{
    static const struct {
        const char *given, *clean;
    } cases[] = {{"a\r\nNats-Evil: 1", "a  Nats-Evil: 1"},
                 {"tab\tbell\adel\x7f", "tab bell del "},
                 {"Zo\xc3\xab \xf0\x9f\x8c\xbe", "Zo\xc3\xab \xf0\x9f\x8c\xbe"},
                 {"bad \xff\xc3 end", "bad ?? end"},
                 {"cut \xf0\x9f\x8c", "cut ???"},
                 {"\xed\xa0\x80", "???"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        furrow_error err = make(FURROW_INTERNAL, cases[i].given, cases[i].given, 0);
        furrow_status_message_clean(&err);
        ck_assert_str_eq(err.text, cases[i].clean);
        ck_assert_str_eq(err.field, cases[i].clean);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status_message");
    TCase *cases = tcase_create("status_message");
    tcase_add_test(cases, the_plain_status_is_code_and_message);
    tcase_add_test(cases, a_wrong_field_is_a_bad_request_of_google_rpc);
    tcase_add_test(cases, a_delay_is_a_retry_info_of_google_rpc);
    tcase_add_test(cases, a_reason_has_the_service_for_its_domain);
    tcase_add_test(cases, details_come_back_in_either_encoding);
    tcase_add_test(cases, of_many_wrong_fields_as_many_are_read_as_have_room);
    tcase_add_test(cases, what_was_said_comes_back);
    tcase_add_test(cases, another_body_changes_nothing);
    tcase_add_test(cases, no_cut_of_a_body_crashes);
    tcase_add_test(cases, texts_become_one_clean_line);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
