/* The cache, single-flight and queue of the hybrid way, without any I/O: time is what the test says it is. */
#include "ways/gather.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL 100

static furrow_arena *arena;
static gather *all;

static void make_gather(void)
{
    arena = furrow_arena_create(0);
    all = gather_create(&(gather_options){.ttl_ns = TTL, .max_known = 3, .max_wanted = 4});
    ck_assert(arena && all);
}

static void drop_gather(void)
{
    gather_destroy(all);
    furrow_arena_destroy(arena);
}

static gather_outcome ask(gather_place *place, const char *id, uint64_t now)
{
    *place = (gather_place){.arena = arena};
    return gather_ask(all, id, now, place);
}

static void take(const char *id)
{
    const char *ids[4];
    ck_assert_uint_eq(gather_take(all, ids, 1), 1);
    ck_assert_str_eq(ids[0], id);
}

static void learn(const char *id, uint64_t now)
{
    gather_place place;
    ck_assert_int_eq(ask(&place, id, now), GATHER_WAIT);
    take(id);
    gather_found(all, id, furrow_bytes_of(id), 7, now);
    ck_assert(place.waiter.done && place.status == FURROW_OK && place.version == 7);
}

START_TEST(what_was_found_is_known_until_its_time_limit)
{
    gather_place place;
    learn("a", 1000);
    ck_assert_int_eq(ask(&place, "a", 1000 + TTL - 1), GATHER_KNOWN);
    ck_assert(place.version == 7 && place.value.len == 1 && memcmp(place.value.data, "a", 1) == 0);
    ck_assert_uint_eq(gather_wanted(all), 0);
    ck_assert_int_eq(ask(&place, "a", 1000 + TTL), GATHER_WAIT);
    take("a");
    gather_found(all, "a", furrow_bytes_of("other"), 8, 1000 + TTL);
    ck_assert(place.version == 8 && place.value.len == 5 && memcmp(place.value.data, "other", 5) == 0);
    ck_assert_int_eq(ask(&place, "a", 1000 + 2 * TTL - 1), GATHER_KNOWN);
    ck_assert_uint_eq(place.version, 8);
}
END_TEST

START_TEST(all_who_want_the_same_get_one_answer)
{
    gather_place places[5];
    for (int i = 0; i < 3; i++) ck_assert_int_eq(ask(&places[i], "a", 1), GATHER_WAIT);
    ck_assert_uint_eq(gather_wanted(all), 1);
    take("a");
    for (int i = 3; i < 5; i++) ck_assert_int_eq(ask(&places[i], "a", 1), GATHER_WAIT); /* it is on its way */
    ck_assert_uint_eq(gather_wanted(all), 0);
    gather_found(all, "a", furrow_bytes_of("value"), 3, 2);
    for (int i = 0; i < 5; i++) {
        ck_assert(places[i].waiter.done && places[i].status == FURROW_OK && places[i].version == 3);
        ck_assert(places[i].value.len == 5 && memcmp(places[i].value.data, "value", 5) == 0);
    }
}
END_TEST

START_TEST(what_does_not_exist_is_known_too)
{
    gather_place place;
    ck_assert_int_eq(ask(&place, "a", 1), GATHER_WAIT);
    take("a");
    gather_found(all, "a", (furrow_bytes){0}, 0, 1);
    ck_assert(place.waiter.done && place.status == FURROW_OK && place.version == 0);
    ck_assert_int_eq(ask(&place, "a", 2), GATHER_KNOWN);
    ck_assert_uint_eq(place.version, 0);
}
END_TEST

START_TEST(a_failure_is_told_and_not_remembered)
{
    gather_place places[2];
    furrow_error err = {.code = FURROW_UNAVAILABLE, .text = "gone"};
    for (int i = 0; i < 2; i++) ck_assert_int_eq(ask(&places[i], "a", 1), GATHER_WAIT);
    take("a");
    gather_failed(all, "a", FURROW_UNAVAILABLE, &err);
    for (int i = 0; i < 2; i++) {
        ck_assert(places[i].waiter.done && places[i].status == FURROW_UNAVAILABLE);
        ck_assert_str_eq(places[i].err.text, "gone");
    }
    ck_assert_int_eq(ask(&places[0], "a", 1), GATHER_WAIT);
    ck_assert_uint_eq(gather_wanted(all), 1);
}
END_TEST

/* A batch's owner may answer what it was not asked for, or twice. */
START_TEST(an_answer_that_nobody_waits_for_changes_nothing)
{
    gather_place place;
    furrow_error err = {.text = "gone"};
    gather_found(all, "a", furrow_bytes_of("x"), 1, 1);
    gather_failed(all, "a", FURROW_INTERNAL, &err);
    ck_assert_int_eq(ask(&place, "a", 1), GATHER_WAIT);
    gather_found(all, "a", furrow_bytes_of("x"), 1, 1); /* wanted, but not asked for yet */
    ck_assert(!place.waiter.done);
    take("a");
    gather_found(all, "a", furrow_bytes_of("right"), 2, 1);
    gather_found(all, "a", furrow_bytes_of("again"), 3, 1);
    gather_failed(all, "a", FURROW_INTERNAL, &err);
    ck_assert_int_eq(ask(&place, "a", 2), GATHER_KNOWN);
    ck_assert_uint_eq(place.version, 2);
}
END_TEST

START_TEST(the_queue_is_bounded_and_what_is_asked_for_is_not_in_it)
{
    gather_place places[6];
    const char *ids[] = {"a", "b", "c", "d", "e"}, *taken[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(ask(&places[i], ids[i], 1), GATHER_WAIT);
    ck_assert_int_eq(ask(&places[4], "e", 1), GATHER_FULL);
    ck_assert_int_eq(ask(&places[5], "d", 1), GATHER_WAIT); /* no further question */
    ck_assert_uint_eq(gather_take(all, taken, 3), 3);
    for (int i = 0; i < 3; i++) ck_assert_str_eq(taken[i], ids[i]); /* first come, first asked for */
    ck_assert_int_eq(ask(&places[4], "e", 1), GATHER_WAIT);
    ck_assert_uint_eq(gather_take(all, taken, 4), 2);
    ck_assert_str_eq(taken[0], "d");
    ck_assert_str_eq(taken[1], "e");
    ck_assert_uint_eq(gather_take(all, taken, 4), 0);
}
END_TEST

/* What is known, but too old, is not thrown away for a full queue. */
START_TEST(a_full_queue_also_refuses_what_has_become_too_old)
{
    gather_place place;
    learn("old", 1);
    for (const char *id = "abcd"; *id; id++) ck_assert_int_eq(ask(&place, (char[]){*id, 0}, 1), GATHER_WAIT);
    ck_assert_int_eq(ask(&place, "old", 1 + TTL), GATHER_FULL);
    ck_assert_int_eq(ask(&place, "old", TTL), GATHER_KNOWN);
}
END_TEST

START_TEST(of_too_many_the_one_not_asked_for_longest_goes)
{
    gather_place place;
    learn("a", 1);
    learn("b", 1);
    learn("c", 1);
    ck_assert_int_eq(ask(&place, "a", 1), GATHER_KNOWN);
    learn("d", 1);
    ck_assert_int_eq(ask(&place, "b", 1), GATHER_WAIT);
    ck_assert_int_eq(ask(&place, "a", 1), GATHER_KNOWN);
    ck_assert_int_eq(ask(&place, "c", 1), GATHER_KNOWN);
    ck_assert_int_eq(ask(&place, "d", 1), GATHER_KNOWN);
}
END_TEST

START_TEST(who_leaves_hears_no_more)
{
    gather_place stays, leaves;
    ck_assert_int_eq(ask(&stays, "a", 1), GATHER_WAIT);
    ck_assert_int_eq(ask(&leaves, "a", 1), GATHER_WAIT);
    gather_leave(&leaves);
    gather_leave(&leaves);
    take("a");
    gather_found(all, "a", furrow_bytes_of("x"), 1, 1);
    ck_assert(stays.waiter.done && !leaves.waiter.done);
    gather_leave(&stays);
}
END_TEST

/* Ids whose hashes meet, and more of them than buckets. */
START_TEST(a_thousand_are_told_apart)
{
    gather_place place;
    char id[16];
    gather_destroy(all);
    all = gather_create(&(gather_options){.ttl_ns = TTL, .max_known = 1000, .max_wanted = 1});
    for (int i = 0; i < 1500; i++) {
        snprintf(id, sizeof id, "E%07d", i);
        learn(id, 1);
    }
    for (int i = 500; i < 1500; i++) {
        snprintf(id, sizeof id, "E%07d", i);
        ck_assert_int_eq(ask(&place, id, 1), GATHER_KNOWN);
        ck_assert(place.value.len == 8 && memcmp(place.value.data, id, 8) == 0);
    }
    ck_assert_int_eq(ask(&place, "E0000499", 1), GATHER_WAIT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gather");
    TCase *tests = tcase_create("gather");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, make_gather, drop_gather);
    tcase_add_test(tests, what_was_found_is_known_until_its_time_limit);
    tcase_add_test(tests, all_who_want_the_same_get_one_answer);
    tcase_add_test(tests, what_does_not_exist_is_known_too);
    tcase_add_test(tests, a_failure_is_told_and_not_remembered);
    tcase_add_test(tests, an_answer_that_nobody_waits_for_changes_nothing);
    tcase_add_test(tests, the_queue_is_bounded_and_what_is_asked_for_is_not_in_it);
    tcase_add_test(tests, a_full_queue_also_refuses_what_has_become_too_old);
    tcase_add_test(tests, of_too_many_the_one_not_asked_for_longest_goes);
    tcase_add_test(tests, who_leaves_hears_no_more);
    tcase_add_test(tests, a_thousand_are_told_apart);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
