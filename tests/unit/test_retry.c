/* Which attempts are made, and how many: the budget, the deadline, the status. */
#include "base/clock.h"
#include "base/loop.h"
#include "rpc/retry.h"

#include <check.h>
#include <stdlib.h>

static uint64_t in_ms(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

static void run(furrow_task_fn *body)
{
    furrow_loop *loop = furrow_loop_create(NULL, NULL);
    ck_assert(loop != NULL);
    ck_assert_int_eq(furrow_loop_run_task(loop, body, NULL, NULL), FURROW_OK);
    furrow_loop_destroy(loop);
}

static void status_body(void *arg)
{
    for (int code = 0; code <= FURROW_UNAUTHENTICATED; code++) {
        furrow_retry_budget budget = furrow_retry_budget_make();
        furrow_retry retry = furrow_retry_make(&budget, 2, 0, in_ms(60000));
        ck_assert_int_eq(furrow_retry_again(&retry, (furrow_status)code, 0),
                         code == FURROW_UNAVAILABLE || code == FURROW_DEADLINE_EXCEEDED);
    }
}

START_TEST(only_unavailable_and_a_lost_attempt_are_retried)
{
    run(status_body);
}
END_TEST

static void attempts_body(void *arg)
{
    furrow_retry_budget budget = furrow_retry_budget_make();
    furrow_retry retry = furrow_retry_make(&budget, 3, 0, in_ms(60000));
    ck_assert(furrow_retry_again(&retry, FURROW_UNAVAILABLE, 0));
    ck_assert(furrow_retry_again(&retry, FURROW_UNAVAILABLE, 0));
    ck_assert(!furrow_retry_again(&retry, FURROW_UNAVAILABLE, 0));
    retry = furrow_retry_make(&budget, 1, 0, in_ms(60000));
    ck_assert(!furrow_retry_again(&retry, FURROW_UNAVAILABLE, 0));
}

START_TEST(no_more_attempts_than_asked_for)
{
    run(attempts_body);
}
END_TEST

static unsigned retries_of(furrow_retry_budget *budget, unsigned calls)
{
    unsigned retries = 0;
    for (unsigned i = 0; i < calls; i++) {
        furrow_retry retry = furrow_retry_make(budget, 2, 0, in_ms(60000));
        retries += furrow_retry_again(&retry, FURROW_UNAVAILABLE, 0);
    }
    return retries;
}

static void budget_body(void *arg)
{
    furrow_retry_budget budget = furrow_retry_budget_make();
    ck_assert_uint_eq(retries_of(&budget, 10), 10);
    unsigned more = retries_of(&budget, 200);
    ck_assert_uint_ge(more, 20);
    ck_assert_uint_le(more, 21);
}

START_TEST(in_the_long_run_one_call_in_ten_is_retried)
{
    run(budget_body);
}
END_TEST

static void refill_body(void *arg)
{
    furrow_retry_budget budget = furrow_retry_budget_make();
    for (int i = 0; i < 10000; i++) (void)furrow_retry_make(&budget, 1, 0, in_ms(1000));
    ck_assert_uint_le(retries_of(&budget, 12), 11);
}

START_TEST(good_days_save_up_no_more_than_a_full_budget)
{
    run(refill_body);
}
END_TEST

static void deadline_body(void *arg)
{
    furrow_retry_budget budget = furrow_retry_budget_make();
    uint64_t now = furrow_clock_now_ns();
    furrow_retry retry = furrow_retry_make(&budget, 5, 0, now);
    ck_assert(!furrow_retry_again(&retry, FURROW_UNAVAILABLE, 0));
    retry = furrow_retry_make(&budget, 5, 0, in_ms(500));
    ck_assert(!furrow_retry_again(&retry, FURROW_UNAVAILABLE, 1000));
    ck_assert_uint_lt(furrow_clock_now_ns() - now, 1000 * FURROW_NS_PER_MS);
    ck_assert_uint_eq(budget.tenths, furrow_retry_budget_make().tenths);
}

START_TEST(what_would_come_after_the_deadline_is_not_waited_for)
{
    run(deadline_body);
}
END_TEST

static void asked_body(void *arg)
{
    furrow_retry_budget budget = furrow_retry_budget_make();
    uint64_t before = furrow_clock_now_ns();
    furrow_retry retry = furrow_retry_make(&budget, 2, 0, in_ms(60000));
    ck_assert(furrow_retry_again(&retry, FURROW_UNAVAILABLE, 50));
    ck_assert_uint_ge(furrow_clock_now_ns() - before, 50 * FURROW_NS_PER_MS);
}

START_TEST(the_delay_that_the_server_asks_for_is_kept)
{
    run(asked_body);
}
END_TEST

START_TEST(only_an_attempt_that_others_may_follow_has_a_limit_of_its_own)
{
    furrow_retry_budget budget = furrow_retry_budget_make();
    uint64_t now = 1000 * FURROW_NS_PER_MS, end = now + 100 * FURROW_NS_PER_MS;
    furrow_retry retry = furrow_retry_make(&budget, 2, 30, end);
    ck_assert_uint_eq(furrow_retry_attempt_deadline(&retry, now), now + 30 * FURROW_NS_PER_MS);
    ck_assert_uint_eq(furrow_retry_attempt_deadline(&retry, end - 1), end);
    retry.left = 1;
    ck_assert_uint_eq(furrow_retry_attempt_deadline(&retry, now), end);
    retry = furrow_retry_make(&budget, 2, 0, end);
    ck_assert_uint_eq(furrow_retry_attempt_deadline(&retry, now), end);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retry");
    TCase *cases = tcase_create("retry");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, only_unavailable_and_a_lost_attempt_are_retried);
    tcase_add_test(cases, no_more_attempts_than_asked_for);
    tcase_add_test(cases, in_the_long_run_one_call_in_ten_is_retried);
    tcase_add_test(cases, good_days_save_up_no_more_than_a_full_budget);
    tcase_add_test(cases, what_would_come_after_the_deadline_is_not_waited_for);
    tcase_add_test(cases, the_delay_that_the_server_asks_for_is_kept);
    tcase_add_test(cases, only_an_attempt_that_others_may_follow_has_a_limit_of_its_own);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
