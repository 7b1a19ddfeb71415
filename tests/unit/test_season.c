/* A season's plan: the same for the same seed, in order, and of the shape of a farm's days. */
#include "farm/season.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE 500
#define DAYS   6

/* Of all days together. */
typedef struct sums {
    uint64_t print;
    size_t kinds[SEASON_KINDS], scans, late, refused;
    bool in_order;
} sums;

static void mix(sums *to, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) to->print = (to->print ^ at[i]) * 1099511628211u;
}

static void add_op(sums *to, const season_day *day, size_t at)
{
    const season_op *op = &day->ops[at], *before = at > 0 ? &day->ops[at - 1] : op;
    const int64_t numbers[] = {op->at_s, op->number, op->person, op->kind, op->part, op->expect, op->job, op->place};
    mix(to, numbers, sizeof numbers);
    to->kinds[op->kind]++;
    to->refused += op->expect != FURROW_OK;
    if (before->part > op->part || (before->part == op->part && before->at_s > op->at_s)) to->in_order = false;
    if (op->kind != SEASON_TICKET && op->kind != SEASON_BATCH) return;
    for (size_t i = op->scan; i < op->scan + op->scans; i++) {
        const season_scan *scan = &day->scans[i];
        const int64_t said[] = {scan->person, scan->day, scan->number, scan->badge, scan->picked_s, scan->quantity};
        mix(to, said, sizeof said);
        to->scans++;
        to->late += op->kind == SEASON_BATCH;
    }
}

static sums plan_of(uint32_t people, uint32_t days, uint64_t seed)
{
    sums all = {.print = 14695981039346656037u, .in_order = true};
    season *plan = season_create(people, days, seed);
    season_day day = {0};
    ck_assert_ptr_nonnull(plan);
    for (uint32_t d = 0; d < days; d++) {
        ck_assert(season_plan_day(plan, d, &day));
        for (size_t i = 0; i < day.op_count; i++) add_op(&all, &day, i);
    }
    ck_assert_uint_eq(plan->carried_count, 0); /* nothing comes after the end */
    season_day_fini(&day);
    season_destroy(plan);
    return all;
}

START_TEST(the_same_seed_makes_the_same_plan)
{
    ck_assert_uint_eq(plan_of(PEOPLE, DAYS, 7).print, plan_of(PEOPLE, DAYS, 7).print);
    ck_assert_uint_ne(plan_of(PEOPLE, DAYS, 7).print, plan_of(PEOPLE, DAYS, 8).print);
    ck_assert_uint_ne(plan_of(PEOPLE, DAYS, 7).print, plan_of(PEOPLE, DAYS + 1, 7).print);
}
END_TEST

START_TEST(days_have_all_that_a_farm_has)
{
    sums all = plan_of(5000, DAYS, 7);
    ck_assert(all.in_order);
    for (size_t kind = 0; kind < SEASON_KINDS; kind++) ck_assert_msg(all.kinds[kind] > 0, "none of kind %zu", kind);
    ck_assert_uint_eq(all.kinds[SEASON_HIRE], 5000);
    ck_assert_uint_gt(all.late * 20, all.scans); /* a twentieth at least comes in batches */
    ck_assert_uint_lt(all.late * 4, all.scans);
    ck_assert_uint_gt(all.refused, 0);
}
END_TEST

START_TEST(one_day_with_one_crew_is_a_season_too)
{
    sums all = plan_of(SEASON_CREW, 1, 1);
    ck_assert_uint_eq(all.kinds[SEASON_HIRE], SEASON_CREW);
    ck_assert_uint_eq(all.kinds[SEASON_SHEET], 0);
    ck_assert_uint_gt(all.scans, 0);
}
END_TEST

/* Dawn: nobody clocks out who has not clocked in, and breaks have an end. */
START_TEST(shifts_are_whole)
{
    season *plan = season_create(PEOPLE, DAYS, 3);
    ck_assert_ptr_nonnull(plan);
    for (uint32_t p = 0; p < PEOPLE; p++) {
        season_shift shift = season_shift_of(plan, p, p % DAYS);
        ck_assert_int_lt(shift.in_s, shift.meal_s);
        ck_assert_int_lt(shift.meal_s, shift.back_s);
        ck_assert_int_lt(shift.back_s, shift.out_s);
        ck_assert_int_lt(shift.out_s, SEASON_DAY_S - 7200); /* also where clocks are put forward */
        if (shift.rest_s) ck_assert(shift.in_s < shift.rest_s && shift.rested_s < shift.meal_s);
        if (shift.switch_s) ck_assert(shift.back_s < shift.switch_s && shift.switch_s < shift.out_s);
        ck_assert_uint_lt(shift.place, plan->places);
        ck_assert_uint_lt(shift.job, SEASON_DONE);
    }
    season_destroy(plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("season");
    TCase *plans = tcase_create("plan");
    tcase_add_test(plans, the_same_seed_makes_the_same_plan);
    tcase_add_test(plans, days_have_all_that_a_farm_has);
    tcase_add_test(plans, one_day_with_one_crew_is_a_season_too);
    tcase_add_test(plans, shifts_are_whole);
    suite_add_tcase(suite, plans);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
