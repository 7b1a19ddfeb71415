/* The timing wheel against a plain list of deadlines: nothing early, nothing lost, at most a tick late. */
#include "link/wheel.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ULL

static furrow_wheel wheel;

START_TEST(nothing_expires_early_or_more_than_a_tick_late)
{
    enum { COUNT = 2000 };
    static furrow_wheel_node nodes[COUNT];
    static uint64_t due[COUNT];
    size_t expired = 0;
    uint64_t now = 12345 * MS;
    memset(nodes, 0, sizeof nodes);
    srand(7);
    furrow_wheel_init(&wheel, now);
    for (size_t i = 0; i < COUNT; i++) {
        due[i] = now + (uint64_t)(rand() % 20000) * MS; /* up to five revolutions */
        furrow_wheel_add(&wheel, &nodes[i], due[i]);
    }
    for (; expired < COUNT; now += (uint64_t)(1 + rand() % 30) * MS) {
        ck_assert_uint_lt(now, 40000 * MS);
        furrow_wheel_node *node;
        uint64_t next = furrow_wheel_next_ns(&wheel);
        bool any = false;
        while ((node = furrow_wheel_expire(&wheel, now))) {
            uint64_t deadline = due[node - nodes];
            ck_assert_uint_ge(now, deadline);
            ck_assert_uint_lt(now - deadline, 31 * MS + FURROW_WHEEL_TICK_NS);
            any = true;
            expired++;
        }
        if (any) ck_assert_uint_ge(now, next);
    }
    ck_assert_uint_eq(furrow_wheel_next_ns(&wheel), UINT64_MAX);
}
END_TEST

START_TEST(a_removed_node_does_not_expire)
{
    furrow_wheel_node a = {0}, b = {0};
    furrow_wheel_init(&wheel, 0);
    furrow_wheel_add(&wheel, &a, 10 * MS);
    furrow_wheel_add(&wheel, &b, 10 * MS);
    furrow_wheel_remove(&wheel, &a);
    furrow_wheel_remove(&wheel, &a);
    ck_assert_ptr_eq(furrow_wheel_expire(&wheel, 100 * MS), &b);
    ck_assert_ptr_null(furrow_wheel_expire(&wheel, 100 * MS));
}
END_TEST

START_TEST(a_deadline_in_the_past_expires_at_once)
{
    furrow_wheel_node a = {0};
    furrow_wheel_init(&wheel, 1000 * MS);
    ck_assert_ptr_null(furrow_wheel_expire(&wheel, 5000 * MS));
    furrow_wheel_add(&wheel, &a, 2000 * MS);
    ck_assert_ptr_eq(furrow_wheel_expire(&wheel, 5000 * MS + FURROW_WHEEL_TICK_NS), &a);
}
END_TEST

START_TEST(a_long_pause_loses_nothing)
{
    furrow_wheel_node near = {0}, far = {0};
    furrow_wheel_init(&wheel, 0);
    furrow_wheel_add(&wheel, &near, 5 * MS);
    furrow_wheel_add(&wheel, &far, 9000 * MS);
    ck_assert_ptr_nonnull(furrow_wheel_expire(&wheel, 60000 * MS));
    ck_assert_ptr_nonnull(furrow_wheel_expire(&wheel, 60000 * MS));
    ck_assert_ptr_null(furrow_wheel_expire(&wheel, 60000 * MS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wheel");
    TCase *tests = tcase_create("wheel");
    tcase_add_test(tests, nothing_expires_early_or_more_than_a_tick_late);
    tcase_add_test(tests, a_removed_node_does_not_expire);
    tcase_add_test(tests, a_deadline_in_the_past_expires_at_once);
    tcase_add_test(tests, a_long_pause_loses_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
