/* The text of a log's epoch: what is written reads back the same, and nothing else is an epoch. */
#include "wire/epoch.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(an_epoch_reads_back_as_it_was_written)
{
    static const furrow_epoch epochs[] = {
        {.begun = 1, .before = 0, .kept = 0, .since = 0},
        {.begun = INT64_MAX,
         .before = INT64_MAX,
         .kept = UINT64_MAX,
         .since = UINT64_MAX,
         .whole = true,
         .accepted = true},
        {.begun = 1764196363000000000, .before = 1764190000000000000, .kept = 812, .since = 813, .whole = true}};
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        char text[FURROW_EPOCH_TEXT];
        furrow_epoch back;
        furrow_epoch_format(&epochs[i], text);
        ck_assert_msg(furrow_epoch_parse(furrow_bytes_of(text), &back), "%s", text);
        ck_assert(back.begun == epochs[i].begun && back.before == epochs[i].before && back.kept == epochs[i].kept &&
                  back.since == epochs[i].since && back.whole == epochs[i].whole &&
                  back.accepted == epochs[i].accepted);
    }
}
END_TEST

START_TEST(nothing_else_is_an_epoch)
{
    static const char *const bad[] = {"",
                                      "1 0 0 0",
                                      "1 0 0 0 ",
                                      "1 0 0 0 whole ",
                                      " 1 0 0 0 whole",
                                      "1  0 0 0 whole",
                                      "1 0 0 0 0 whole",
                                      "0 0 0 0 whole",
                                      "-1 0 0 0 whole",
                                      "9223372036854775808 0 0 0 whole",
                                      "1 0 18446744073709551616 0 whole",
                                      "1 0 0 0 Whole",
                                      "1 0 0 x whole"};
    furrow_epoch epoch = {.begun = 7};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!furrow_epoch_parse(furrow_bytes_of(bad[i]), &epoch), "%s", bad[i]);
    ck_assert_int_eq(epoch.begun, 7);
}
END_TEST

START_TEST(an_epoch_stands_in_a_version_as_hexadecimal_digits)
{
    static const char *const bad[] = {"", "0", "01", "A", "x", "8000000000000000", "11111111111111111"};
    char text[FURROW_EPOCH_HEX_SIZE];
    int64_t back = 0;
    furrow_epoch_hex(INT64_MAX, text);
    ck_assert_str_eq(text, "7fffffffffffffff");
    ck_assert_uint_eq(furrow_epoch_hex_parse(text, &back), 16);
    ck_assert_int_eq(back, INT64_MAX);
    ck_assert_uint_eq(furrow_epoch_hex_parse("1f,next", &back), 2);
    ck_assert_int_eq(back, 31);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(furrow_epoch_hex_parse(bad[i], &back) == 0, "%s", bad[i]);
}
END_TEST

START_TEST(it_lies_on_a_subject_that_no_entity_has)
{
    ck_assert(furrow_epoch_is_subject("job.v1.Job.@epoch", "job.v1.Job"));
    ck_assert(!furrow_epoch_is_subject("job.v1.Job.epoch", "job.v1.Job"));
    ck_assert(!furrow_epoch_is_subject("job.v1.Jobs.@epoch", "job.v1.Job"));
    ck_assert(!furrow_epoch_is_subject("job.v1.Job.@epoch.x", "job.v1.Job"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("epoch");
    TCase *tests = tcase_create("epoch");
    tcase_add_test(tests, an_epoch_reads_back_as_it_was_written);
    tcase_add_test(tests, nothing_else_is_an_epoch);
    tcase_add_test(tests, an_epoch_stands_in_a_version_as_hexadecimal_digits);
    tcase_add_test(tests, it_lies_on_a_subject_that_no_entity_has);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
