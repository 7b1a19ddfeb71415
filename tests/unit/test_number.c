/* Whole numbers in text: what is one, and what does not fit. */
#include "base/number.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(digits_are_a_number_up_to_the_limit)
{
    static const struct {
        const char *text;
        uint64_t max, value;
    } good[] = {{"0", 0, 0},
                {"7", 9, 7},
                {"00000000000000000000000000000042", 42, 42},
                {"9223372036854775807", INT64_MAX, INT64_MAX},
                {"18446744073709551615", UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t value = 99;
        ck_assert_msg(furrow_number_parse(furrow_bytes_of(good[i].text), good[i].max, &value), "%s", good[i].text);
        ck_assert_uint_eq(value, good[i].value);
    }
}
END_TEST

START_TEST(anything_else_is_none_and_leaves_the_output_alone)
{
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "-1",
                                      "1.0",
                                      "1e3",
                                      "0x",
                                      "１",
                                      "\n1",
                                      "a",
                                      "1a",
                                      "18446744073709551616",
                                      "99999999999999999999999999999999999999999999"};
    uint64_t value = 99;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!furrow_number_parse(furrow_bytes_of(bad[i]), UINT64_MAX, &value), "%s", bad[i]);
    ck_assert(!furrow_number_parse(FURROW_BYTES_LITERAL("1\0002"), UINT64_MAX, &value));
    ck_assert(!furrow_number_parse(furrow_bytes_of("10"), 9, &value));
    ck_assert_uint_eq(value, 99);
}
END_TEST

START_TEST(a_number_ends_where_its_bytes_do)
{
    uint64_t value = 0;
    ck_assert(furrow_number_parse((furrow_bytes){"12345", 3}, UINT64_MAX, &value));
    ck_assert_uint_eq(value, 123);
    ck_assert_uint_eq(furrow_number_digits((furrow_bytes){"12345", 3}), 3);
    ck_assert_uint_eq(furrow_number_digits(furrow_bytes_of("12 ")), 2);
    ck_assert_uint_eq(furrow_number_digits(furrow_bytes_of("")), 0);
}
END_TEST

START_TEST(signed_numbers_reach_from_end_to_end)
{
    int64_t value = 99;
    ck_assert(furrow_number_parse_signed(furrow_bytes_of("-9223372036854775808"), INT64_MIN, INT64_MAX, &value));
    ck_assert_int_eq(value, INT64_MIN);
    ck_assert(furrow_number_parse_signed(furrow_bytes_of("9223372036854775807"), INT64_MIN, INT64_MAX, &value));
    ck_assert_int_eq(value, INT64_MAX);
    ck_assert(furrow_number_parse_signed(furrow_bytes_of("-0"), 0, 5, &value));
    ck_assert_int_eq(value, 0);
    static const char *const bad[] = {"-9223372036854775809", "9223372036854775808", "--1", "-", "- 1", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!furrow_number_parse_signed(furrow_bytes_of(bad[i]), INT64_MIN, INT64_MAX, &value), "%s", bad[i]);
    ck_assert(!furrow_number_parse_signed(furrow_bytes_of("-6"), -5, 5, &value));
    ck_assert(!furrow_number_parse_signed(furrow_bytes_of("6"), -5, 5, &value));
    ck_assert_int_eq(value, 0);
}
END_TEST

START_TEST(a_number_is_written_as_it_is_read)
{
    static const char *const texts[] = {"0", "7", "10", "99", "9223372036854775808", "18446744073709551615"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t value = 0;
        char text[FURROW_NUMBER_SIZE];
        ck_assert(furrow_number_parse(furrow_bytes_of(texts[i]), UINT64_MAX, &value));
        ck_assert_uint_eq(furrow_number_format(value, text), strlen(texts[i]));
        ck_assert_str_eq(text, texts[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("number");
    TCase *tests = tcase_create("number");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, digits_are_a_number_up_to_the_limit);
    tcase_add_test(tests, anything_else_is_none_and_leaves_the_output_alone);
    tcase_add_test(tests, a_number_ends_where_its_bytes_do);
    tcase_add_test(tests, signed_numbers_reach_from_end_to_end);
    tcase_add_test(tests, a_number_is_written_as_it_is_read);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
