/* What one caller may take: who is one, what it is sent, and for how long it must wait. Time is the test's. */
#include "rpc/caller.h"

#include "base/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE 100000

static furrow_callers callers;
static uint64_t now_ns;
static int64_t retry_ms;

static void setup(void)
{
    memset(&callers, 0, sizeof callers);
    callers.bytes_per_s = 10 * LARGE;
    callers.max_waiting = 2;
    now_ns = 1000 * FURROW_NS_PER_S;
}

/* How many of @count large answers @reply may be sent now. */
static int send_many(const char *reply, int count)
{
    int sent = 0;
    for (int i = 0; i < count; i++) sent += furrow_caller_may_send(&callers, reply, LARGE, now_ns, &retry_ms);
    return sent;
}

START_TEST(an_inbox_is_its_prefixs_or_its_connections)
{
    static const char *const same[][2] = {{"_INBOX_web.a.1", "_INBOX_web.b.2"},
                                          {"_INBOX_web", "_INBOX_web.x"},
                                          {"_INBOX_web.~s.a.1", "_INBOX_web.~s.b.2"},
                                          {"_INBOX.abc.1", "_INBOX.abc.2"},
                                          {"_INBOX.one", "_INBOX.two"}},
                             *const other[][2] = {{"_INBOX_web.a", "_INBOX_app.a"},
                                                  {"_INBOX_web.~s.a", "_INBOX_web.a"},
                                                  {"_INBOX_web.~s.a", "_INBOX_web.~t.a"},
                                                  {"_INBOX.abc.1", "_INBOX.abd.1"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        ck_assert_ptr_eq(furrow_caller_of(&callers, same[i][0], now_ns),
                         furrow_caller_of(&callers, same[i][1], now_ns));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        furrow_caller *one = furrow_caller_of(&callers, other[i][0], now_ns);
        one->waiting = 1; /* else its slot is free for the next */
        ck_assert_ptr_ne(one, furrow_caller_of(&callers, other[i][1], now_ns));
    }
    ck_assert_ptr_null(furrow_caller_of(&callers, "_R_.abc.def", now_ns));
}
END_TEST

START_TEST(a_burst_gets_a_seconds_worth_and_then_that_much_a_second)
{
    ck_assert_int_eq(send_many("_INBOX_web.a.1", 50), 11);
    ck_assert_int_gt(retry_ms, 0);
    ck_assert_int_le(retry_ms, 101);
    ck_assert(furrow_caller_is_full(&callers, "_INBOX_web.b.2", now_ns, &retry_ms));
    now_ns += (uint64_t)retry_ms * FURROW_NS_PER_MS;
    ck_assert_int_eq(send_many("_INBOX_web.a.1", 50), 1);
    now_ns += FURROW_NS_PER_S;
    ck_assert_int_eq(send_many("_INBOX_web.a.1", 50), 10);
}
END_TEST

START_TEST(others_are_not_held_back)
{
    send_many("_INBOX_web.a.1", 50);
    ck_assert(!furrow_caller_is_full(&callers, "_INBOX_app.a.1", now_ns, &retry_ms));
    ck_assert_int_eq(send_many("_INBOX_app.a.1", 5), 5);
}
END_TEST

START_TEST(what_was_answered_in_any_case_counts)
{
    for (int i = 0; i < 11; i++) furrow_caller_sent(&callers, "_INBOX_web.a.1", LARGE, now_ns);
    ck_assert_int_eq(send_many("_INBOX_web.a.1", 5), 0);
}
END_TEST

START_TEST(large_reads_of_one_caller_take_half_and_of_all_the_whole)
{
    furrow_caller *web = furrow_caller_of(&callers, "_INBOX_web.a.1", now_ns);
    ck_assert(furrow_caller_may_work(&callers, web, 3, 10));
    ck_assert(furrow_caller_may_work(&callers, web, 2, 10));
    ck_assert(!furrow_caller_may_work(&callers, web, 1, 10));
    furrow_caller *app = furrow_caller_of(&callers, "_INBOX_app.a.1", now_ns);
    ck_assert(furrow_caller_may_work(&callers, app, 4, 10));
    ck_assert(!furrow_caller_may_work(&callers, NULL, 2, 10));
    ck_assert(furrow_caller_may_work(&callers, NULL, 1, 10));
    ck_assert(!furrow_caller_may_work(&callers, app, 1, 10));
    furrow_caller_worked(&callers, web, 3);
    ck_assert(furrow_caller_may_work(&callers, app, 1, 10));
    ck_assert_ptr_eq(furrow_caller_of(&callers, "_INBOX_web.b.2", now_ns), web); /* it keeps its slot meanwhile */
    ck_assert_uint_eq(web->working, 2);
}
END_TEST

START_TEST(more_callers_than_the_table_holds_share_what_is_left)
{
    char reply[32];
    for (int i = 0; i < 4 * FURROW_CALLERS; i++) {
        snprintf(reply, sizeof reply, "_INBOX_p%d.a", i);
        furrow_caller *caller = furrow_caller_of(&callers, reply, now_ns);
        ck_assert_ptr_nonnull(caller);
        caller->waiting++;
    }
    ck_assert_uint_gt(callers.others.waiting, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {an_inbox_is_its_prefixs_or_its_connections,
                                  a_burst_gets_a_seconds_worth_and_then_that_much_a_second,
                                  others_are_not_held_back,
                                  what_was_answered_in_any_case_counts,
                                  large_reads_of_one_caller_take_half_and_of_all_the_whole,
                                  more_callers_than_the_table_holds_share_what_is_left};
    Suite *suite = suite_create("caller");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, NULL);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
