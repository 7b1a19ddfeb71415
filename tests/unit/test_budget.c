/* The memory budget: who is refused when, who never is, and that everything counted comes back. */
#include "base/arena.h"
#include "base/budget.h"
#include "base/buffer.h"
#include "base/loop.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#define MIB ((size_t)1 << 20)

static size_t used(void)
{
    return furrow_budget_stats_of_process().used;
}

START_TEST(what_is_taken_is_bounded_and_what_is_held_is_not)
{
    furrow_budget_set_limit(100);
    ck_assert(furrow_budget_take(100));
    ck_assert(!furrow_budget_take(1));
    furrow_budget_hold(50);
    ck_assert_uint_eq(used(), 150);
    furrow_budget_give(60);
    ck_assert(furrow_budget_take(10));
    ck_assert(!furrow_budget_take(SIZE_MAX));
    ck_assert_uint_eq(furrow_budget_stats_of_process().refused, 2);
}
END_TEST

START_TEST(a_quarter_is_kept_for_what_has_begun)
{
    furrow_budget_set_limit(1000);
    ck_assert(furrow_budget_admits(750));
    ck_assert(!furrow_budget_admits(751));
    ck_assert(!furrow_budget_admits(SIZE_MAX));
    furrow_budget_hold(750);
    ck_assert(!furrow_budget_admits(1));
    ck_assert(furrow_budget_tight());
    ck_assert(furrow_budget_take(250));
    furrow_budget_hold(500);
    ck_assert(!furrow_budget_admits(0));
}
END_TEST

START_TEST(without_a_limit_nothing_is_refused)
{
    furrow_budget_set_limit(0);
    furrow_budget_hold(SIZE_MAX / 2);
    ck_assert(furrow_budget_take(MIB));
    ck_assert(furrow_budget_admits(MIB));
    ck_assert(!furrow_budget_tight());
    furrow_budget_give(SIZE_MAX / 2 + MIB);
}
END_TEST

START_TEST(an_arena_stops_at_the_budget_and_gives_all_of_it_back)
{
    furrow_budget_set_limit(2 * MIB);
    size_t before = used(), count = 0;
    furrow_arena *arena = furrow_arena_create(SIZE_MAX);
    while (furrow_arena_alloc(arena, 1000)) count++;
    ck_assert_uint_gt(count, 1000);
    ck_assert_uint_le(used(), 2 * MIB);
    furrow_arena_reset(arena);
    ck_assert_ptr_nonnull(furrow_arena_alloc(arena, MIB));
    furrow_arena_destroy(arena);
    ck_assert_uint_eq(used(), before);
}
END_TEST

START_TEST(a_buffer_stops_at_the_budget_and_can_still_say_an_error)
{
    furrow_buffer large, small;
    size_t before = used();
    furrow_budget_set_limit(before + MIB);
    furrow_buffer_init(&large, SIZE_MAX);
    while (!large.failed) furrow_buffer_append_text(&large, "0123456789");
    ck_assert_uint_le(used(), before + MIB);
    furrow_budget_hold(MIB);
    furrow_buffer_init(&small, 10000);
    furrow_buffer_printf(&small, "%1000d", 1);
    ck_assert(!small.failed);
    furrow_buffer_printf(&small, "%5000d", 1);
    ck_assert(small.failed);
    furrow_budget_give(MIB);
    furrow_buffer_fini(&large);
    furrow_buffer_fini(&small);
    ck_assert_uint_eq(used(), before);
}
END_TEST

static void yield_to_all(void *arg)
{
    furrow_task_yield();
    if (arg) furrow_loop_stop(arg);
}

/* What begins has been let in before; how many there may be, the loop bounds. */
START_TEST(stacks_of_tasks_count_and_are_not_refused)
{
    furrow_error err;
    size_t before = used();
    furrow_budget_set_limit(before + MIB);
    furrow_budget_hold(MIB);
    furrow_loop *loop = furrow_loop_create(&(furrow_loop_options){.max_tasks = 100}, &err);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(furrow_loop_spawn(loop, yield_to_all, i == 0 ? loop : NULL, &err), FURROW_OK);
    ck_assert_int_eq(furrow_loop_spawn(loop, yield_to_all, NULL, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_uint_ge(used(), before + MIB + 100 * 4096);
    ck_assert(!furrow_budget_admits(0));
    furrow_loop_run(loop);
    furrow_budget_give(MIB);
    furrow_loop_destroy(loop);
    ck_assert_uint_eq(used(), before);
}
END_TEST

START_TEST(an_account_settles_by_the_grain_and_never_owes)
{
    furrow_budget_account account = {0};
    size_t before = used();
    for (size_t i = 1; i <= 10000; i++) {
        furrow_budget_add(&account, 100);
        ck_assert_uint_ge(used() - before, 100 * i);
        ck_assert_uint_le(used() - before, 100 * i + FURROW_BUDGET_GRAIN);
    }
    for (size_t i = 10000; i-- > 1;) {
        furrow_budget_sub(&account, 100);
        ck_assert_uint_ge(used() - before, 100 * i);
        ck_assert_uint_le(used() - before, 100 * i + 2 * FURROW_BUDGET_GRAIN);
    }
    furrow_budget_put(&account, 3 * MIB);
    ck_assert_uint_eq(used() - before, 3 * MIB);
    furrow_budget_put(&account, 0);
    ck_assert_uint_eq(used(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budget");
    TCase *tests = tcase_create("budget");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, what_is_taken_is_bounded_and_what_is_held_is_not);
    tcase_add_test(tests, a_quarter_is_kept_for_what_has_begun);
    tcase_add_test(tests, without_a_limit_nothing_is_refused);
    tcase_add_test(tests, an_arena_stops_at_the_budget_and_gives_all_of_it_back);
    tcase_add_test(tests, a_buffer_stops_at_the_budget_and_can_still_say_an_error);
    tcase_add_test(tests, stacks_of_tasks_count_and_are_not_refused);
    tcase_add_test(tests, an_account_settles_by_the_grain_and_never_owes);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
