/* Timestamps and nanoseconds: whatever a peer puts into the two numbers is a moment that fits, or refused by name. */
#include "runtime/timestamp.h"
#include "wire/moment.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static furrow_error err;

static Google__Protobuf__Timestamp at(int64_t seconds, int32_t nanos)
{
    Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    timestamp.seconds = seconds;
    timestamp.nanos = nanos;
    return timestamp;
}

START_TEST(what_fits_is_read_exactly)
{
    static const struct {
        int64_t seconds;
        int32_t nanos;
        int64_t ns;
    } good[] = {{0, 0, 0},
                {1, 1, 1000000001},
                {-1, 999999999, -1},
                {-2, 0, -2000000000},
                {9223372036, 854775807, INT64_MAX},
                {-9223372037, 145224192, INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        Google__Protobuf__Timestamp timestamp = at(good[i].seconds, good[i].nanos);
        int64_t ns = 7;
        ck_assert_msg(furrow_timestamp_read("at", &timestamp, &ns, &err) == FURROW_OK, "%zu: %s", i, err.text);
        ck_assert_int_eq(ns, good[i].ns);
        ck_assert_int_eq(furrow_timestamp_ns(&timestamp), good[i].ns);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_refused_by_name)
{
    static const int64_t seconds[] = {9223372037,   -9223372038,      253402300799, -62135596800, 253402300800,
                                      -62135596801, 18446744073,      18446744074,  -18446744074, INT64_MAX,
                                      INT64_MIN,    INT64_MAX / 1000, INT64_MIN + 1};
    static const int32_t nanos[] = {-1, 1000000000, INT32_MAX, INT32_MIN};
    int64_t ns = 7;
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        for (size_t k = 0; k < 2; k++) {
            Google__Protobuf__Timestamp timestamp = at(seconds[i], k ? 999999999 : 0);
            ck_assert_msg(furrow_timestamp_read("entries[3].end", &timestamp, &ns, &err) == FURROW_INVALID_ARGUMENT,
                          "%lld", (long long)seconds[i]);
            ck_assert_str_eq(err.field, "entries[3].end");
            ck_assert_int_eq(furrow_timestamp_ns(&timestamp), seconds[i] < 0 ? INT64_MIN : INT64_MAX);
        }
    for (size_t i = 0; i < sizeof nanos / sizeof *nanos; i++) {
        Google__Protobuf__Timestamp timestamp = at(1, nanos[i]);
        ck_assert_int_eq(furrow_timestamp_read("at", &timestamp, &ns, &err), FURROW_INVALID_ARGUMENT);
    }
    ck_assert_int_eq(furrow_timestamp_read("at", NULL, &ns, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(ns, 7);
}
END_TEST

START_TEST(what_was_made_is_a_timestamp_before_1970_too)
{
    static const int64_t moments[] = {0, 1, -1, -1000000000, INT64_MIN, INT64_MAX};
    furrow_arena *arena = furrow_arena_create(0);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        Google__Protobuf__Timestamp *made = furrow_timestamp_new(moments[i], arena);
        int64_t ns;
        ck_assert_msg(furrow_timestamp_read("at", made, &ns, &err) == FURROW_OK, "%zu: %s", i, err.text);
        ck_assert_int_eq(ns, moments[i]);
    }
    furrow_arena_destroy(arena);
}
END_TEST

/* Of every day that can be written, one after the other. */
START_TEST(days_of_a_date_are_counted_from_1970)
{
    char date[16];
    time_t day = -25567 * 86400LL; /* 1900-01-01 */
    for (int64_t days = -25567; days <= 106751; days++, day += 86400) {
        struct tm parts;
        gmtime_r(&day, &parts);
        strftime(date, sizeof date, "%Y-%m-%d", &parts);
        ck_assert_msg(furrow_timestamp_days(date) == days, "%s: %" PRId64, date, furrow_timestamp_days(date));
    }
    ck_assert_str_eq(date, "2262-04-11");
}
END_TEST

START_TEST(durations_have_bounds_and_one_sign)
{
    ck_assert_ptr_null(furrow_moment_check_duration(315576000000, 0));
    ck_assert_ptr_null(furrow_moment_check_duration(-315576000000, 0));
    ck_assert_ptr_null(furrow_moment_check_duration(-1, -999999999));
    ck_assert_ptr_null(furrow_moment_check_duration(315576000000, 999999999));
    ck_assert_ptr_null(furrow_moment_check_duration(-315576000000, -999999999));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(315576000001, 0));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(-315576000001, 0));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(1, -1));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(-1, 1));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(0, INT32_MIN));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(0, 1000000000));
    ck_assert_ptr_nonnull(furrow_moment_check_duration(INT64_MIN, INT32_MIN));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timestamp");
    TCase *tests = tcase_create("timestamp");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, what_fits_is_read_exactly);
    tcase_add_test(tests, what_does_not_fit_is_refused_by_name);
    tcase_add_test(tests, what_was_made_is_a_timestamp_before_1970_too);
    tcase_add_test(tests, days_of_a_date_are_counted_from_1970);
    tcase_add_test(tests, durations_have_bounds_and_one_sign);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
