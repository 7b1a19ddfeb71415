/* The clocks and how wall time is written. */
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>

START_TEST(monotonic_time_does_not_go_back)
{
    uint64_t last = furrow_clock_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = furrow_clock_now_ns();
        ck_assert_uint_ge(now, last);
        last = now;
    }
    ck_assert_uint_lt(last, FURROW_NEVER);
}
END_TEST

START_TEST(wall_time_is_after_this_was_written)
{
    ck_assert_int_gt(furrow_clock_wall_ns(), INT64_C(1700000000) * (int64_t)FURROW_NS_PER_S);
}
END_TEST

START_TEST(time_is_written_as_rfc_3339)
{
    static const struct {
        int64_t wall_ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000000Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {-1000000000, "1969-12-31T23:59:59.000000000Z"},
        {INT64_C(951782400123456789), "2000-02-29T00:00:00.123456789Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[36];
        furrow_clock_format(cases[i].wall_ns, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("clock");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, monotonic_time_does_not_go_back);
    tcase_add_test(tests, wall_time_is_after_this_was_written);
    tcase_add_test(tests, time_is_written_as_rfc_3339);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
