/* How many requests an import has in flight, as their answers tell it. */
#include "farm/window.h"

#include <check.h>
#include <stdlib.h>

#define MS 1000000u

static void answer(window *w, size_t rounds, uint64_t took_ns)
{
    for (size_t i = 0; i < rounds; i++)
        for (size_t n = w->limit; n > 0; n--) window_answered(w, took_ns, false);
}

START_TEST(it_grows_while_answers_come_in_good_time_up_to_a_bound)
{
    window w = window_make();
    answer(&w, 3, 10 * MS);
    ck_assert_uint_gt(w.limit, WINDOW_FIRST);
    answer(&w, 1000, 10 * MS);
    ck_assert_uint_eq(w.limit, WINDOW_MAX);
}
END_TEST

START_TEST(it_shrinks_when_answers_take_longer)
{
    window w = window_make();
    answer(&w, 20, 10 * MS);
    size_t before = w.limit;
    answer(&w, 5, 50 * MS);
    ck_assert_uint_lt(w.limit, before);
}
END_TEST

START_TEST(it_halves_once_for_all_that_were_refused_together)
{
    window w = window_make();
    for (size_t i = 0; i < WINDOW_FIRST / 4; i++) window_answered(&w, MS, true);
    ck_assert_uint_eq(w.limit, WINDOW_FIRST / 2);
}
END_TEST

START_TEST(it_never_stops)
{
    window w = window_make();
    for (size_t i = 0; i < 1000; i++) window_answered(&w, MS, true);
    ck_assert_uint_eq(w.limit, WINDOW_MIN);
    answer(&w, 3, MS);
    ck_assert_uint_gt(w.limit, WINDOW_MIN);
}
END_TEST

START_TEST(what_is_slow_for_good_is_no_longer_slow)
{
    window w = window_make();
    answer(&w, 20, MS);
    answer(&w, 2000, 10 * MS);
    ck_assert_uint_eq(w.limit, WINDOW_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *cases = tcase_create("window");
    tcase_add_test(cases, it_grows_while_answers_come_in_good_time_up_to_a_bound);
    tcase_add_test(cases, it_shrinks_when_answers_take_longer);
    tcase_add_test(cases, it_halves_once_for_all_that_were_refused_together);
    tcase_add_test(cases, it_never_stops);
    tcase_add_test(cases, what_is_slow_for_good_is_no_longer_slow);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
