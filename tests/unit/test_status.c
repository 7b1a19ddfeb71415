/* Status codes and the error value: names, numbers, context, and what becomes of text that is too long. */
#include "base/status.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

START_TEST(codes_have_grpcs_names_and_numbers)
{
    ck_assert_str_eq(furrow_status_name(FURROW_OK), "OK");
    ck_assert_str_eq(furrow_status_name(FURROW_UNAUTHENTICATED), "UNAUTHENTICATED");
    ck_assert_str_eq(furrow_status_name((furrow_status)17), "UNKNOWN");
    for (long number = 0; number <= 16; number++) {
        furrow_status code = furrow_status_from_number(number);
        ck_assert_int_eq(code, number);
        ck_assert_int_eq(furrow_status_from_name(furrow_status_name(code)), code);
    }
}
END_TEST

START_TEST(what_is_no_code_is_unknown)
{
    ck_assert_int_eq(furrow_status_from_number(17), FURROW_UNKNOWN);
    ck_assert_int_eq(furrow_status_from_number(-1), FURROW_UNKNOWN);
    ck_assert_int_eq(furrow_status_from_name("not_found"), FURROW_UNKNOWN);
    ck_assert_int_eq(furrow_status_from_name(""), FURROW_UNKNOWN);
    ck_assert_int_eq(furrow_status_from_name(NULL), FURROW_UNKNOWN);
}
END_TEST

START_TEST(a_failure_overwrites_all_of_an_older_one)
{
    furrow_error err = {.code = FURROW_ABORTED, .text = "old", .field = "old", .retry_ms = 5};
    ck_assert_int_eq(furrow_fail(&err, FURROW_NOT_FOUND, "no employee %s", "e1"), FURROW_NOT_FOUND);
    ck_assert_int_eq(err.code, FURROW_NOT_FOUND);
    ck_assert_str_eq(err.text, "no employee e1");
    ck_assert_str_eq(err.field, "");
    ck_assert_int_eq(err.retry_ms, 0);
}
END_TEST

START_TEST(a_wrong_field_is_named)
{
    furrow_error err;
    ck_assert_int_eq(furrow_fail_field(&err, "pay[2].rate", "is %d", -1), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "pay[2].rate");
    ck_assert_str_eq(err.text, "is -1");
}
END_TEST

START_TEST(what_passes_by_itself_says_when_to_try_again)
{
    furrow_error err;
    ck_assert_int_eq(furrow_fail_busy(&err, 40, "%d run", 9), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(err.code, FURROW_RESOURCE_EXHAUSTED);
    ck_assert_str_eq(err.text, "9 run");
    ck_assert_int_eq(err.retry_ms, 40);
    ck_assert_int_eq(furrow_fail_busy(NULL, 40, "x"), FURROW_RESOURCE_EXHAUSTED);
}
END_TEST

START_TEST(context_is_put_in_front_and_the_rest_kept)
{
    furrow_error err;
    furrow_fail_field(&err, "id", "timed out");
    err.retry_ms = 250;
    ck_assert_int_eq(furrow_wrap(&err, "read %s", "redis"), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(furrow_wrap(&err, "load employee e1"), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text, "load employee e1: read redis: timed out");
    ck_assert_str_eq(err.field, "id");
    ck_assert_int_eq(err.retry_ms, 250);
}
END_TEST

START_TEST(an_error_may_quote_itself)
{
    furrow_error err;
    furrow_fail(&err, FURROW_UNKNOWN, "inner");
    furrow_fail(&err, FURROW_INTERNAL, "outer(%s)", err.text);
    ck_assert_str_eq(err.text, "outer(inner)");
    furrow_fail_field(&err, "a", "x");
    furrow_fail_field(&err, err.field, "%s again", err.text);
    ck_assert_str_eq(err.text, "x again");
    ck_assert_str_eq(err.field, "a");
    furrow_wrap(&err, "%s", err.text);
    ck_assert_str_eq(err.text, "x again: x again");
}
END_TEST

START_TEST(what_failed_without_a_word_has_failed)
{
    furrow_error err = {0};
    ck_assert_int_eq(furrow_wrap(&err, "NATS"), FURROW_UNKNOWN);
    ck_assert_int_eq(err.code, FURROW_UNKNOWN);
}
END_TEST

START_TEST(nobody_has_to_want_the_error)
{
    ck_assert_int_eq(furrow_fail(NULL, FURROW_ABORTED, "%s", "x"), FURROW_ABORTED);
    ck_assert_int_eq(furrow_fail_field(NULL, "a", "x"), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(furrow_wrap(NULL, "x"), FURROW_UNKNOWN);
}
END_TEST

START_TEST(long_text_is_cut_in_front_of_a_whole_character)
{
    furrow_error err;
    char longer[2 * sizeof err.text];

    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    furrow_fail(&err, FURROW_INTERNAL, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);

    /* Three-byte characters: 85 of them fill 255 bytes exactly, and one letter before them makes the 85th too long. */
    for (size_t i = 0; i + 3 < sizeof longer; i += 3) memcpy(longer + i, "\xe2\x82\xac", 3);
    furrow_fail(&err, FURROW_INTERNAL, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), 255);
    furrow_wrap(&err, "x");
    ck_assert_uint_eq(strlen(err.text), 3 + 84 * 3);
    ck_assert_mem_eq(err.text + 3 + 83 * 3, "\xe2\x82\xac", 4);

    furrow_fail_field(&err, longer, "x");
    ck_assert_uint_eq(strlen(err.field), 93);
}
END_TEST

START_TEST(a_requirement_that_fails_aborts)
{
    FURROW_REQUIRE(1 + 1 == 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, codes_have_grpcs_names_and_numbers);
    tcase_add_test(tests, what_is_no_code_is_unknown);
    tcase_add_test(tests, a_failure_overwrites_all_of_an_older_one);
    tcase_add_test(tests, a_wrong_field_is_named);
    tcase_add_test(tests, what_passes_by_itself_says_when_to_try_again);
    tcase_add_test(tests, context_is_put_in_front_and_the_rest_kept);
    tcase_add_test(tests, an_error_may_quote_itself);
    tcase_add_test(tests, what_failed_without_a_word_has_failed);
    tcase_add_test(tests, nobody_has_to_want_the_error);
    tcase_add_test(tests, long_text_is_cut_in_front_of_a_whole_character);
    tcase_add_test_raise_signal(tests, a_requirement_that_fails_aborts, SIGABRT);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
