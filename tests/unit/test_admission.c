/* Who begins, who queues, who is refused, and how many run at once. Time is the test's. */
#include "rpc/admission.h"

#include "base/clock.h"

#include <check.h>
#include <stdlib.h>

#define MS FURROW_NS_PER_MS

static furrow_admission admission;
static uint64_t now_ns;

static void setup(void)
{
    now_ns = 1000 * MS;
    ck_assert(furrow_admission_init(&admission, 4, 10, 2000 * MS));
}

static void teardown(void)
{
    furrow_admission_fini(&admission);
}

/* Request @method arrives; who was refused for it, or -1. */
static int arrive(size_t method)
{
    furrow_queued request = {.method = method, .arrival_ns = now_ns}, refused = {.method = 99};
    if (furrow_admission_free(&admission, now_ns)) {
        admission.running++;
        return -1;
    }
    return furrow_admission_queue(&admission, &request, now_ns, &refused) ? (int)refused.method : -1;
}

/* The next that begins, or -1. */
static int begin_next(void)
{
    furrow_queued next;
    if (!furrow_admission_next(&admission, now_ns, &next)) return -1;
    admission.running++;
    return (int)next.method;
}

static int next_tired(void)
{
    furrow_queued refused;
    return furrow_admission_tired(&admission, now_ns, &refused) ? (int)refused.method : -1;
}

START_TEST(a_burst_queues_and_is_served_in_its_order)
{
    for (size_t i = 0; i < 10; i++) ck_assert_int_eq(arrive(i), -1);
    ck_assert_uint_eq(admission.running, 4);
    ck_assert_uint_eq(admission.queued, 6);
    ck_assert_int_eq(begin_next(), -1);
    now_ns += 1500 * MS;
    for (int i = 4; i < 10; i++) {
        ck_assert_int_eq(next_tired(), -1);
        admission.running--;
        ck_assert_int_eq(begin_next(), i);
    }
    ck_assert(!furrow_admission_overloaded(&admission, now_ns));
}
END_TEST

START_TEST(past_the_bound_the_oldest_is_refused_and_the_newest_begins)
{
    for (size_t i = 0; i < 10; i++) ck_assert_int_eq(arrive(i), -1);
    ck_assert_int_eq(arrive(10), 4);
    ck_assert_int_eq(arrive(11), 5);
    ck_assert(furrow_admission_overloaded(&admission, now_ns));
    admission.running--;
    ck_assert_int_eq(begin_next(), 11);
    ck_assert_int_eq(next_tired(), -1);
    now_ns += 21 * MS;
    for (int i = 6; i <= 10; i++) ck_assert_int_eq(next_tired(), i);
    ck_assert_int_eq(next_tired(), -1);
    ck_assert_uint_eq(admission.queued, 0);
}
END_TEST

START_TEST(who_finds_only_running_calls_is_refused_itself)
{
    admission.limit = 10;
    for (size_t i = 0; i < 10; i++) ck_assert_int_eq(arrive(i), -1);
    ck_assert_int_eq(arrive(10), 10);
    ck_assert_uint_eq(admission.queued, 0);
}
END_TEST

START_TEST(nobody_waits_longer_than_the_queues_patience)
{
    for (size_t i = 0; i < 5; i++) arrive(i);
    now_ns += 2000 * MS;
    ck_assert_int_eq(next_tired(), -1);
    now_ns += 1;
    ck_assert_int_eq(next_tired(), 4);
    ck_assert(furrow_admission_overloaded(&admission, now_ns));
}
END_TEST

START_TEST(overload_ends_when_nobody_was_refused_for_a_while)
{
    for (size_t i = 0; i < 11; i++) arrive(i);
    ck_assert(furrow_admission_overloaded(&admission, now_ns));
    now_ns += 5 * MS;
    for (int i = 0; i < 3; i++) admission.running--;
    ck_assert_int_eq(begin_next(), 10);
    now_ns += 100 * MS;
    ck_assert(!furrow_admission_overloaded(&admission, now_ns));
    ck_assert_int_eq(begin_next(), 5);
}
END_TEST

static void end_calls(furrow_pace *pace, size_t count, uint64_t spent_ns, size_t company)
{
    for (size_t i = 0; i < count; i++) furrow_admission_measure(&admission, pace, spent_ns, company);
}

START_TEST(the_limit_grows_while_calls_are_as_fast_as_alone)
{
    furrow_pace pace = {0};
    end_calls(&pace, 64, MS, 2);
    ck_assert_uint_eq(admission.limit, 4); /* nobody wanted more */
    for (size_t i = 0; i < 6; i++) arrive(i);
    end_calls(&pace, 64, MS, 20);
    end_calls(&pace, 64, MS, 20);
    ck_assert_uint_gt(admission.limit, 4);
    end_calls(&pace, 64 * 20, MS, 20);
    ck_assert_uint_eq(admission.limit, 10);
}
END_TEST

START_TEST(the_limit_falls_to_its_floor_when_calls_slow_each_other_down)
{
    furrow_pace pace = {0};
    end_calls(&pace, 64, MS, 2);
    admission.limit = 10;
    end_calls(&pace, 64 * 20, 25 * MS, 20);
    ck_assert_uint_eq(admission.limit, 4);
    ck_assert_uint_le(pace.usual_ns, MS + 1); /* a crowd does not tell what is usual */
}
END_TEST

START_TEST(calls_of_a_few_milliseconds_are_not_slow_whatever_is_usual)
{
    furrow_pace pace = {0};
    end_calls(&pace, 64, MS / 4, 2);
    for (size_t i = 0; i < 6; i++) arrive(i);
    end_calls(&pace, 64 * 20, 11 * MS, 20);
    ck_assert_uint_eq(admission.limit, 10);
    end_calls(&pace, 64 * 20, 23 * MS, 20);
    ck_assert_uint_eq(admission.limit, 10);
}
END_TEST

START_TEST(slow_methods_and_fast_ones_are_each_measured_by_themselves)
{
    furrow_pace slow = {0}, fast = {0};
    end_calls(&slow, 8, 100 * MS, 2);
    end_calls(&fast, 64, MS, 2);
    admission.limit = 10;
    for (int i = 0; i < 640; i++) end_calls(i % 2 ? &slow : &fast, 1, i % 2 ? 150 * MS : MS, 20);
    ck_assert_uint_eq(admission.limit, 10);
}
END_TEST

START_TEST(methods_only_seen_in_a_crowd_do_not_count)
{
    furrow_pace pace = {0};
    admission.limit = 10;
    end_calls(&pace, 640, 50 * MS, 20);
    ck_assert_uint_eq(admission.limit, 10);
    ck_assert_uint_eq(pace.usual_ns, 0);
}
END_TEST

START_TEST(a_part_of_a_flood_begins_whatever_the_limit)
{
    admission.arrived = 28;
    furrow_admission_turn(&admission);
    for (size_t i = 0; i < 7; i++) ck_assert_int_eq(arrive(i), -1);
    ck_assert_uint_eq(admission.running, 7);
    arrive(7);
    ck_assert_uint_eq(admission.queued, 1);
    furrow_admission_turn(&admission);
    admission.running = 4;
    ck_assert_int_eq(begin_next(), -1);
}
END_TEST

START_TEST(of_calls_that_take_long_a_flood_begins_no_more)
{
    furrow_pace pace = {0};
    end_calls(&pace, 64, 7 * MS, 2);
    admission.arrived = 40;
    furrow_admission_turn(&admission);
    ck_assert_uint_eq(furrow_admission_places(&admission), 5);
    end_calls(&pace, 64, 70 * MS, 2);
    admission.arrived = 40;
    furrow_admission_turn(&admission);
    ck_assert_uint_eq(furrow_admission_places(&admission), 4); /* the limit */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_part_of_a_flood_begins_whatever_the_limit,
                                  of_calls_that_take_long_a_flood_begins_no_more,
                                  a_burst_queues_and_is_served_in_its_order,
                                  past_the_bound_the_oldest_is_refused_and_the_newest_begins,
                                  who_finds_only_running_calls_is_refused_itself,
                                  nobody_waits_longer_than_the_queues_patience,
                                  overload_ends_when_nobody_was_refused_for_a_while,
                                  the_limit_grows_while_calls_are_as_fast_as_alone,
                                  the_limit_falls_to_its_floor_when_calls_slow_each_other_down,
                                  calls_of_a_few_milliseconds_are_not_slow_whatever_is_usual,
                                  slow_methods_and_fast_ones_are_each_measured_by_themselves,
                                  methods_only_seen_in_a_crowd_do_not_count};
    Suite *suite = suite_create("admission");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
