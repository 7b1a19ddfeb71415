/* Back-off: the range doubles up to its maximum, and the delay is anywhere in it. */
#include "base/backoff.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

START_TEST(delays_stay_in_a_range_that_doubles)
{
    for (int run = 0; run < 200; run++) {
        furrow_backoff backoff = {.base_ms = 10, .max_ms = 300};
        static const uint64_t ranges[] = {10, 20, 40, 80, 160, 300, 300, 300};
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
            uint64_t delay = furrow_backoff_next_ms(&backoff);
            ck_assert_uint_ge(delay, 1);
            ck_assert_uint_le(delay, ranges[i]);
        }
    }
}
END_TEST

START_TEST(both_ends_of_the_range_occur)
{
    bool first = false, last = false;
    for (int run = 0; run < 2000; run++) {
        furrow_backoff backoff = {.base_ms = 4, .max_ms = 4};
        uint64_t delay = furrow_backoff_next_ms(&backoff);
        first = first || delay == 1;
        last = last || delay == 4;
    }
    ck_assert(first && last);
}
END_TEST

START_TEST(a_reset_starts_again)
{
    furrow_backoff backoff = {.base_ms = 1, .max_ms = 1000000};
    for (int i = 0; i < 15; i++) furrow_backoff_next_ms(&backoff);
    furrow_backoff_reset(&backoff);
    ck_assert_uint_eq(furrow_backoff_next_ms(&backoff), 1);
}
END_TEST

START_TEST(extremes_neither_overflow_nor_give_zero)
{
    furrow_backoff endless = {.base_ms = UINT64_MAX / 2 + 1, .max_ms = UINT64_MAX};
    for (int i = 0; i < 1000; i++) ck_assert_uint_ge(furrow_backoff_next_ms(&endless), 1);
    furrow_backoff nothing = {0};
    for (int i = 0; i < 100; i++) ck_assert_uint_eq(furrow_backoff_next_ms(&nothing), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backoff");
    TCase *tests = tcase_create("backoff");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, delays_stay_in_a_range_that_doubles);
    tcase_add_test(tests, both_ends_of_the_range_occur);
    tcase_add_test(tests, a_reset_starts_again);
    tcase_add_test(tests, extremes_neither_overflow_nor_give_zero);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
