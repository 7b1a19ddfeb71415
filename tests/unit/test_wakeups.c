/* Sleepers and their waker: who is noted goes on, who is woken in vain sleeps on. */
#include "rpc/wakeups.h"
#include "support/wait.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#define THREADS     8
#define ROUNDS      500
#define PATIENCE_MS 20000

static furrow_wakeups wakeups;
static atomic_uint gone_on;

static void *sleep_once(void *arg)
{
    furrow_sleeper_await(&wakeups, arg);
    atomic_fetch_add(&gone_on, 1);
    return NULL;
}

START_TEST(who_shares_a_bit_with_another_is_woken_in_vain_and_sleeps_on)
{
    furrow_sleeper sleepers[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        sleepers[i] = (furrow_sleeper){.word = 1, .bit = 1};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sleep_once, &sleepers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        furrow_wakeups_note(&wakeups, &sleepers[i]);
        furrow_wakeups_send(&wakeups);
        ck_assert(FURROW_TEST_EVENTUALLY(atomic_load(&gone_on) > i, PATIENCE_MS));
        ck_assert_uint_eq(atomic_load(&gone_on), i + 1);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}
END_TEST

/* A thread that sleeps again and again, each time until the waker has taken it. */
typedef struct restless {
    _Atomic(furrow_sleeper *) handed;
    pthread_t thread;
} restless;

static void *sleep_often(void *arg)
{
    restless *self = arg;
    for (size_t i = 0; i < ROUNDS; i++) {
        furrow_sleeper sleeper = furrow_sleeper_make();
        atomic_store(&self->handed, &sleeper);
        furrow_sleeper_await(&wakeups, &sleeper);
    }
    atomic_fetch_add(&gone_on, 1);
    return NULL;
}

static void wake_all_handed(restless threads[])
{
    for (size_t i = 0; i < THREADS; i++) {
        furrow_sleeper *sleeper = atomic_exchange(&threads[i].handed, NULL);
        if (sleeper) furrow_wakeups_note(&wakeups, sleeper);
    }
    furrow_wakeups_send(&wakeups);
}

START_TEST(no_wakeup_is_lost)
{
    restless threads[THREADS] = {{NULL}};
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i].thread, NULL, sleep_often, &threads[i]), 0);
    uint64_t end = furrow_test_now_ms() + PATIENCE_MS;
    while (atomic_load(&gone_on) < THREADS && furrow_test_now_ms() < end) wake_all_handed(threads);
    ck_assert_uint_eq(atomic_load(&gone_on), THREADS);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i].thread, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wakeups");
    TCase *all = tcase_create("wakeups");
    tcase_add_test(all, who_shares_a_bit_with_another_is_woken_in_vain_and_sleeps_on);
    tcase_add_test(all, no_wakeup_is_lost);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
