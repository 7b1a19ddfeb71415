/* The grammar of header values. */
#include "wire/header.h"

#include <check.h>
#include <stdlib.h>

START_TEST(timeouts_are_read_in_every_unit)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"250m", 250000000},
                {"2S", 2000000000},
                {"1n", 1},
                {"0n", 0},
                {"99999999u", 99999999000},
                {"3M", 180000000000ULL},
                {"1H", 3600000000000ULL},
                {"00000001S", 1000000000},
                {"99999999H", INT64_MAX}};
    static const char *const bad[] = {"",    "m",   "250",  "250x", "250s", "123456789m",
                                      "-1m", "+1m", "1.5S", " 1S",  "1S ",  "1SS"};
    furrow_error err;
    uint64_t ns;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_int_eq(furrow_header_parse_timeout(good[i].text, &ns, &err), FURROW_OK);
        ck_assert_uint_eq(ns, good[i].ns);
    }
    ns = 42;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(furrow_header_parse_timeout(bad[i], &ns, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_uint_eq(ns, 42);
}
END_TEST

START_TEST(timeouts_are_written_short_and_never_too_early)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } golden[] = {{0, "0n"},
                  {1, "1n"},
                  {250000000, "250m"},
                  {2000000000, "2S"},
                  {3600000000000ULL, "1H"},
                  {100000001, "100001u"},
                  {5400000000000ULL, "90M"}};
    char text[16];
    furrow_error err;

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        furrow_header_format_timeout(golden[i].ns, text);
        ck_assert_str_eq(text, golden[i].text);
    }
    for (uint64_t ns = 1; ns < UINT64_MAX / 7; ns = ns * 7 + 3) {
        uint64_t back;
        furrow_header_format_timeout(ns, text);
        ck_assert_int_eq(furrow_header_parse_timeout(text, &back, &err), FURROW_OK);
        ck_assert(back >= ns && back - ns <= ns / 100000);
    }
    furrow_header_format_timeout(UINT64_MAX, text);
    ck_assert_str_eq(text, "5124096H");
}
END_TEST

START_TEST(the_encoding_is_named_or_seen)
{
    static const struct {
        const char *type, *body;
        furrow_encoding encoding;
    } good[] = {{NULL, "{}", FURROW_JSON},
                {NULL, "\x0a\x01x", FURROW_PROTOBUF},
                {NULL, "", FURROW_PROTOBUF},
                {NULL, " {}", FURROW_PROTOBUF},
                {"", "{}", FURROW_JSON},
                {"application/json", "", FURROW_JSON},
                {"Application/JSON; charset=utf-8", "x", FURROW_JSON},
                {"application/protobuf", "{", FURROW_PROTOBUF},
                {" application/protobuf ;x", "{", FURROW_PROTOBUF}};
    static const char *const bad[] = {"text/plain", "application/jsonx", "application", ";", "json", " "};
    furrow_encoding encoding;
    furrow_error err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_int_eq(furrow_header_encoding(good[i].type, good[i].body, strlen(good[i].body), &encoding, &err),
                         FURROW_OK);
        ck_assert_int_eq(encoding, good[i].encoding);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(furrow_header_encoding(bad[i], "{}", 2, &encoding, &err), FURROW_INVALID_ARGUMENT);
}
END_TEST

START_TEST(text_is_ascii_in_a_header_and_comes_back)
{
    static const char *const samples[][2] = {{"", ""},
                                             {"no job \"x\"", "no job \"x\""},
                                             {"Rancho \xc3\x91u\xc3\xb1"
                                              "ez",
                                              "Rancho %C3%91u%C3%B1ez"},
                                             {"100 %", "100 %25"},
                                             {"\xf0\x9f\x8c\xb1", "%F0%9F%8C%B1"},
                                             {"a\tb\x7f", "a%09b%7F"}};
    char value[FURROW_HEADER_TEXT_MAX], back[FURROW_HEADER_TEXT_MAX], longest[2000];
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        furrow_header_escape(samples[i][0], value);
        ck_assert_str_eq(value, samples[i][1]);
        furrow_header_unescape(value, back);
        ck_assert_str_eq(back, samples[i][0]);
    }
    furrow_header_unescape("%, %4, %zz, %00, %c3%b1", back);
    ck_assert_str_eq(back, "%, %4, %zz, %00, \xc3\xb1");
    for (size_t i = 0; i + 2 < sizeof longest; i += 2) memcpy(longest + i, "\xc3\xb1", 3);
    furrow_header_escape(longest, value);
    ck_assert_uint_eq(strlen(value) % 6, 0); /* whole characters */
    ck_assert_uint_gt(strlen(value), FURROW_HEADER_TEXT_MAX - 20);
    ck_assert(furrow_header_value_valid(value));
}
END_TEST

START_TEST(weights_of_accept_are_honoured)
{
    static const struct {
        const char *text;
        furrow_encoding before, after;
    } good[] = {{"application/json;q=0.5, application/protobuf;q=0.9", FURROW_JSON, FURROW_PROTOBUF},
                {"application/json;q=0, */*", FURROW_JSON, FURROW_PROTOBUF},
                {"application/json;q=1, application/protobuf;q=0.999", FURROW_PROTOBUF, FURROW_JSON},
                {"application/protobuf;q=0, */*", FURROW_JSON, FURROW_JSON},
                {"*/*;q=0.8, application/json ; Q=0.8", FURROW_PROTOBUF, FURROW_JSON},
                {"*/*, application/json;q=0.8", FURROW_PROTOBUF, FURROW_PROTOBUF},
                {"*/*, application/json;q=0.8", FURROW_JSON, FURROW_PROTOBUF},
                {"application/protobuf, application/json", FURROW_JSON, FURROW_PROTOBUF},
                {"text/html, application/json; charset=utf-8 ;q=0.1,", FURROW_PROTOBUF, FURROW_JSON},
                {"application/*;q=0.001", FURROW_JSON, FURROW_JSON}};
    static const char *const bad[] = {"application/json;q=0", "application/json;q=2",      "application/json;q=1.001",
                                      "application/json;q=x", "application/json;q=0.1234", "text/html",
                                      "application/json;q="};
    furrow_encoding encoding;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        encoding = good[i].before;
        ck_assert_msg(furrow_header_accept(good[i].text, &encoding, NULL) == FURROW_OK, "%s", good[i].text);
        ck_assert_msg(encoding == good[i].after, "%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(furrow_header_accept(bad[i], &encoding, NULL) == FURROW_INVALID_ARGUMENT, "%s", bad[i]);
}
END_TEST

START_TEST(version_tokens_are_read)
{
    furrow_version_token tokens[FURROW_AFTER_MAX];
    size_t count;
    furrow_error err;

    ck_assert_int_eq(furrow_header_parse_after("employee.v1.Employee.e1=18446744073709551615 , job.v1.Job.j=7", tokens,
                                               &count, &err),
                     FURROW_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(tokens[0].subject, "employee.v1.Employee.e1");
    ck_assert_uint_eq(tokens[0].sequence, UINT64_MAX);
    ck_assert_str_eq(tokens[1].subject, "job.v1.Job.j");
    ck_assert_uint_eq(tokens[1].sequence, 7);
    ck_assert_int_eq(tokens[1].epoch, 0);
    ck_assert_int_eq(furrow_header_parse_after("a=3@1f , b=4", tokens, &count, &err), FURROW_OK);
    ck_assert_uint_eq(tokens[0].sequence, 3);
    ck_assert_int_eq(tokens[0].epoch, 31);
    ck_assert_int_eq(tokens[1].epoch, 0);
}
END_TEST

START_TEST(wrong_version_tokens_change_nothing)
{
    static const char *const bad[] = {"",
                                      ",",
                                      "a",
                                      "a=",
                                      "=1",
                                      "a=1,",
                                      "a=1,,b=2",
                                      "a=x",
                                      "a=1x",
                                      "a b=1",
                                      "a=-1",
                                      "a=18446744073709551616",
                                      "a=1;b=2",
                                      "a.*=1",
                                      "a=1@",
                                      "a=1@0",
                                      "a=1@1F",
                                      "a=1@1f@2",
                                      "a=1@8000000000000000",
                                      "a=@1"};
    furrow_version_token tokens[FURROW_AFTER_MAX] = {{.subject = "before"}};
    char many[256] = "a=1", longest[300];
    size_t count = 42;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(furrow_header_parse_after(bad[i], tokens, &count, NULL) == FURROW_INVALID_ARGUMENT, "%s", bad[i]);
    for (int i = 1; i < FURROW_AFTER_MAX; i++) strcat(many, ",a=1");
    ck_assert_int_eq(furrow_header_parse_after(strcat(many, ",a=1"), tokens, &count, NULL), FURROW_INVALID_ARGUMENT);
    memset(longest, 'a', 256);
    strcpy(longest + 256, "=1");
    ck_assert_int_eq(furrow_header_parse_after(longest, tokens, &count, NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_uint_eq(count, 42);
    ck_assert_str_eq(tokens[0].subject, "before");
    many[strlen(many) - 4] = '\0';
    ck_assert_int_eq(furrow_header_parse_after(many, tokens, &count, NULL), FURROW_OK);
    ck_assert_uint_eq(count, FURROW_AFTER_MAX);
}
END_TEST

START_TEST(a_header_value_is_one_short_line)
{
    char text[1026];

    memset(text, 'a', sizeof text);
    text[1024] = '\0';
    ck_assert(furrow_header_value_valid(text));
    ck_assert(furrow_header_value_valid(""));
    text[1024] = 'a';
    text[1025] = '\0';
    ck_assert(!furrow_header_value_valid(text));
    ck_assert(!furrow_header_value_valid("a\nb"));
    ck_assert(!furrow_header_value_valid("a\r"));
    ck_assert(furrow_header_name_valid("Nats-Msg-Id"));
    for (const char *const *name = (const char *const[]){"", "a b", "a:", "a\n", "\x7f", "\xc3\xbc", NULL}; *name;
         name++)
        ck_assert_msg(!furrow_header_name_valid(*name), "%s", *name);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("header");
    TCase *tests = tcase_create("header");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, timeouts_are_read_in_every_unit);
    tcase_add_test(tests, timeouts_are_written_short_and_never_too_early);
    tcase_add_test(tests, the_encoding_is_named_or_seen);
    tcase_add_test(tests, text_is_ascii_in_a_header_and_comes_back);
    tcase_add_test(tests, weights_of_accept_are_honoured);
    tcase_add_test(tests, version_tokens_are_read);
    tcase_add_test(tests, wrong_version_tokens_change_nothing);
    tcase_add_test(tests, a_header_value_is_one_short_line);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
