/* Tasks: parking and waking, deadlines against completions, limits, stacks and their guard pages. */
#include "base/clock.h"
#include "base/loop.h"
#include "base/task.h"
#include "support/wait.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define MANY 1500 /* the thread sanitizer counts each fibre as a thread and has room for 8,000 */
#else
#define MANY 20000
#endif

static furrow_loop *make_loop(size_t max_tasks)
{
    furrow_error err;
    furrow_loop *loop = furrow_loop_create(&(furrow_loop_options){.max_tasks = max_tasks}, &err);
    ck_assert_msg(loop != NULL, "%s", err.text);
    return loop;
}

static void spawn(furrow_loop *loop, furrow_task_fn *fn, void *arg)
{
    furrow_error err;
    ck_assert_msg(furrow_loop_spawn(loop, fn, arg, &err) == FURROW_OK, "%s", err.text);
}

static void run_task(furrow_loop *loop, furrow_task_fn *fn, void *arg)
{
    furrow_error err;
    ck_assert_msg(furrow_loop_run_task(loop, fn, arg, &err) == FURROW_OK, "%s", err.text);
}

/* Stacks are counted by their guard pages: mappings of one page that nobody may touch. */
static size_t stacks(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], rights[5];
    size_t count = 0;
    for (unsigned long from, to; fgets(line, sizeof line, maps);) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3) continue;
        count += to - from == (unsigned long)sysconf(_SC_PAGESIZE) && strcmp(rights, "---p") == 0;
    }
    fclose(maps);
    return count;
}

struct scene {
    furrow_loop *loop;
    furrow_waiter waiter;
    furrow_waiter *waiters;
    size_t count, woken;
    char trace[64];
};

static void trace(struct scene *scene, const char *what)
{
    strncat(scene->trace, what, sizeof scene->trace - strlen(scene->trace) - 1);
}

static void wait_and_trace(void *arg)
{
    struct scene *scene = arg;
    trace(scene, "[");
    ck_assert(furrow_wait(&scene->waiter, FURROW_NEVER));
    trace(scene, "]");
}

static void wake_and_trace(void *arg)
{
    struct scene *scene = arg;
    spawn(scene->loop, wait_and_trace, scene);
    trace(scene, "a");
    furrow_task_yield();
    trace(scene, "b");
    furrow_waiter_done(&scene->waiter);
    furrow_waiter_done(&scene->waiter); /* done once is done */
    trace(scene, "c");
    furrow_task_yield();
    trace(scene, "d");
}

START_TEST(a_parked_task_goes_on_when_its_waiter_is_done)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    struct scene scene = {.loop = loop};
    run_task(loop, wake_and_trace, &scene);
    ck_assert_str_eq(scene.trace, "a[bc]d");
    ck_assert_uint_eq(furrow_loop_tasks(loop), 0);
}
END_TEST

static void see_self(void *arg)
{
    *(furrow_task **)arg = furrow_task_self();
}

START_TEST(only_a_task_has_a_self)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    furrow_task *self = NULL;
    ck_assert_ptr_null(furrow_task_self());
    run_task(loop, see_self, &self);
    ck_assert_ptr_nonnull(self);
    ck_assert_ptr_null(furrow_task_self());
}
END_TEST

static void wait_for_what_is_done(void *arg)
{
    furrow_waiter waiter = furrow_waiter_make();
    furrow_waiter_done(&waiter);
    ck_assert(furrow_wait(&waiter, 0)); /* the deadline is long past, and does not matter */
    ck_assert(furrow_wait(&waiter, FURROW_NEVER));
    furrow_waiter_reset(&waiter);
    ck_assert(!furrow_wait(&waiter, 0));
    furrow_waiter_done(&waiter);
    ck_assert(furrow_wait(&waiter, 0));
    *(bool *)arg = true;
}

START_TEST(a_waiter_that_is_done_is_not_waited_for)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    bool reached = false;
    run_task(loop, wait_for_what_is_done, &reached);
    ck_assert(reached);
}
END_TEST

static void wait_until(void *arg)
{
    furrow_waiter waiter = furrow_waiter_make();
    uint64_t deadline = furrow_clock_now_ns() + 20 * FURROW_NS_PER_MS;
    ck_assert(!furrow_wait(&waiter, deadline));
    ck_assert_uint_ge(furrow_clock_now_ns(), deadline);
    *(bool *)arg = true;
}

START_TEST(a_wait_ends_at_its_deadline_and_not_before)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    bool reached = false;
    run_task(loop, wait_until, &reached);
    ck_assert(reached);
}
END_TEST

static void wait_with_the_rest(void *arg)
{
    struct scene *scene = arg;
    furrow_waiter *waiter = &scene->waiters[scene->count++];
    /* Half of them with a deadline that is never reached, so that the heap is taken apart in the middle. */
    uint64_t deadline =
        scene->count % 2 ? FURROW_NEVER : furrow_clock_now_ns() + (3600 + scene->count * 7919 % 1000) * FURROW_NS_PER_S;
    ck_assert(furrow_wait(waiter, deadline));
    scene->woken++;
}

static void park_many_and_wake_them(void *arg)
{
    struct scene *scene = arg;
    for (int i = 0; i < MANY; i++) spawn(scene->loop, wait_with_the_rest, scene);
    while (scene->count < MANY) furrow_task_yield();
    ck_assert_uint_eq(furrow_loop_tasks(scene->loop), MANY + 1);
    for (size_t i = 0; i < MANY; i++) furrow_waiter_done(&scene->waiters[i * 7 % MANY]);
    while (scene->woken < MANY) furrow_task_yield();
}

START_TEST(thousands_are_parked_at_once_and_each_is_woken_once)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(MANY + 1);
    struct scene scene = {.loop = loop, .waiters = calloc(MANY, sizeof *scene.waiters)};
    run_task(loop, park_many_and_wake_them, &scene);
    ck_assert_uint_eq(scene.woken, MANY);
    ck_assert_uint_eq(furrow_loop_tasks(loop), 0);
    free(scene.waiters);
}
END_TEST

#define RACES 600

struct race {
    furrow_waiter waiter;
    uint64_t deadline;
    uv_timer_t timer;
    size_t *returned;
};

static void on_race_timer(uv_timer_t *timer)
{
    struct race *race = timer->data;
    furrow_waiter_done(&race->waiter);
    uv_close((uv_handle_t *)timer, NULL);
}

static void wait_in_race(void *arg)
{
    struct race *race = arg;
    bool done = furrow_wait(&race->waiter, race->deadline);
    ck_assert_int_eq(done, race->waiter.done);
    ck_assert_ptr_null(race->waiter.task);
    ++*race->returned;
}

struct races {
    furrow_loop *loop;
    struct race all[RACES];
    size_t returned;
};

static void run_races(void *arg)
{
    struct races *races = arg;
    for (size_t i = 0; i < RACES; i++) {
        struct race *race = &races->all[i];
        race->deadline = furrow_clock_now_ns() + i * 31 % 4000 * 1000;
        race->returned = &races->returned;
        uv_timer_init(furrow_loop_uv(races->loop), &race->timer);
        race->timer.data = race;
        uv_timer_start(&race->timer, on_race_timer, i % 5, 0);
        spawn(races->loop, wait_in_race, race);
    }
    /* Hold the loop until all are due, so that deadlines and completions meet in one turn. */
    furrow_task_yield();
    uint64_t until = furrow_clock_now_ns() + 6 * FURROW_NS_PER_MS;
    while (furrow_clock_now_ns() < until) continue;
    while (races->returned < RACES) furrow_task_yield();
    for (size_t i = 0; i < RACES; i++) ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(races->all[i].waiter.done, 5000));
}

START_TEST(a_deadline_and_a_completion_in_one_turn_wake_once)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    struct races *races = calloc(1, sizeof *races);
    races->loop = loop;
    run_task(loop, run_races, races);
    ck_assert_uint_eq(races->returned, RACES);
    furrow_loop_destroy(FURROW_TAKE(loop));
    free(races);
}
END_TEST

struct sleeper {
    uint64_t deadline;
    size_t *woken;
    uint64_t *last;
};

static void sleep_and_check_order(void *arg)
{
    struct sleeper *sleeper = arg;
    furrow_waiter never = furrow_waiter_make();
    ck_assert(!furrow_wait(&never, sleeper->deadline));
    ck_assert_uint_ge(sleeper->deadline, *sleeper->last);
    *sleeper->last = sleeper->deadline;
    ++*sleeper->woken;
}

static void sleep_in_many(void *arg)
{
    furrow_loop *loop = arg;
    static struct sleeper sleepers[100];
    size_t woken = 0;
    uint64_t last = 0, start = furrow_clock_now_ns();
    for (size_t i = 0; i < 100; i++) {
        sleepers[i] = (struct sleeper){
            .deadline = start + (10 + i * 37 % 100) * FURROW_NS_PER_MS, .woken = &woken, .last = &last};
        spawn(loop, sleep_and_check_order, &sleepers[i]);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(woken == 100, 20000));
}

START_TEST(sleepers_wake_in_the_order_of_their_deadlines)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    run_task(loop, sleep_in_many, loop);
}
END_TEST

static void sleep_for_ever(void *arg)
{
    furrow_task_sleep_ms(UINT64_MAX);
    *(bool *)arg = true;
}

static void sleep_beside_it(void *arg)
{
    furrow_task_sleep_ms(5);
}

START_TEST(the_longest_sleep_does_not_wrap_around)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    bool woke = false;
    spawn(loop, sleep_for_ever, &woke);
    run_task(loop, sleep_beside_it, NULL);
    ck_assert(!woke);
    ck_assert_uint_eq(furrow_loop_tasks(loop), 1);
}
END_TEST

static void fill_to_the_limit(void *arg)
{
    struct scene *scene = arg;
    furrow_error err;
    for (int i = 0; i < 9; i++) spawn(scene->loop, wait_with_the_rest, scene);
    ck_assert_int_eq(furrow_loop_spawn(scene->loop, wait_with_the_rest, scene, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(err.code, FURROW_RESOURCE_EXHAUSTED);
    while (scene->count < 9) furrow_task_yield();
    ck_assert_int_eq(furrow_loop_spawn(scene->loop, wait_with_the_rest, scene, NULL), FURROW_RESOURCE_EXHAUSTED);
    furrow_waiter_done(&scene->waiters[4]);
    while (scene->woken < 1) furrow_task_yield();
    furrow_task_yield();
    spawn(scene->loop, wait_with_the_rest, scene);
    while (scene->count < 10) furrow_task_yield();
    for (int i = 0; i < 10; i++) furrow_waiter_done(&scene->waiters[i]);
    while (scene->woken < 10) furrow_task_yield();
}

START_TEST(one_task_too_many_is_refused_until_another_ends)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(10);
    furrow_waiter waiters[10] = {{0}};
    struct scene scene = {.loop = loop, .waiters = waiters};
    run_task(loop, fill_to_the_limit, &scene);
    ck_assert_uint_eq(scene.woken, 10);
}
END_TEST

static void park_for_ever(void *arg)
{
    furrow_waiter waiter = furrow_waiter_make();
    (void)furrow_wait(&waiter, FURROW_NEVER);
}

START_TEST(destroying_the_loop_gives_back_the_stacks_of_parked_tasks)
{
    for (int round = 0; round < 2; round++) {
        size_t before = stacks();
        furrow_loop *loop = make_loop(0);
        for (int i = 0; i < 300; i++) spawn(loop, park_for_ever, NULL);
        run_task(loop, sleep_beside_it, NULL);
        for (int i = 0; i < 50; i++) spawn(loop, park_for_ever, NULL); /* ready, never run */
        ck_assert_uint_eq(furrow_loop_tasks(loop), 350);
        ck_assert_uint_ge(stacks(), before + 350);
        furrow_loop_destroy(loop);
        ck_assert_uint_eq(stacks(), before);
    }
}
END_TEST

static void finish_many_and_wait(void *arg)
{
    furrow_loop *loop = arg;
    size_t before = stacks();
    for (int i = 0; i < 1000; i++) spawn(loop, sleep_beside_it, NULL);
    ck_assert_uint_ge(stacks(), before + 999);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_loop_tasks(loop) == 1, 10000));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(stacks() < before + 20, 10000));
}

START_TEST(stacks_that_a_burst_needed_are_given_back_when_it_is_over)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    run_task(loop, finish_many_and_wait, loop);
}
END_TEST

static double churn(int depth)
{
    volatile char frame[512];
    double kept = depth * 1.5;
    memset((void *)frame, depth, sizeof frame);
    furrow_task_yield();
    double below = depth > 0 ? churn(depth - 1) : 0;
    for (size_t i = 0; i < sizeof frame; i++) ck_assert_int_eq(frame[i], (char)depth);
    return kept + below;
}

static void churn_deep(void *arg)
{
    ck_assert_double_eq_tol(churn(60), 1.5 * 60 * 61 / 2, 1e-9);
    ++*(size_t *)arg;
}

START_TEST(a_stack_and_its_registers_survive_being_switched)
{
    FURROW_AUTO(furrow_loop) loop = make_loop(0);
    size_t finished = 0;
    for (int i = 0; i < 20; i++) spawn(loop, churn_deep, &finished);
    run_task(loop, churn_deep, &finished);
    ck_assert_uint_ge(finished, 20);
}
END_TEST

/* Writes page after page towards the guard; a plain recursion would be folded into a loop by the compiler. */
static int overflow(volatile char *above, int depth)
{
    volatile char frame[1024];
    frame[0] = above ? above[0] : 1;
    return depth == 0 ? frame[0] : overflow(frame, depth - 1) + frame[0];
}

static void overflow_the_stack(void *arg)
{
    *(int *)arg = overflow(NULL, 10000);
}

START_TEST(a_stack_that_overflows_kills_the_process_at_its_guard_page)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        if (!freopen("/dev/null", "w", stderr)) _exit(3);
        signal(SIGSEGV, SIG_DFL);
        int sum = 0;
        furrow_loop *loop = furrow_loop_create(NULL, NULL);
        if (furrow_loop_run_task(loop, overflow_the_stack, &sum, NULL) != FURROW_OK) _exit(2);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
#ifdef SANITIZED
    ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
#else
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task");
    TCase *tests = tcase_create("task");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_parked_task_goes_on_when_its_waiter_is_done);
    tcase_add_test(tests, only_a_task_has_a_self);
    tcase_add_test(tests, a_waiter_that_is_done_is_not_waited_for);
    tcase_add_test(tests, a_wait_ends_at_its_deadline_and_not_before);
    tcase_add_test(tests, thousands_are_parked_at_once_and_each_is_woken_once);
    tcase_add_test(tests, a_deadline_and_a_completion_in_one_turn_wake_once);
    tcase_add_test(tests, sleepers_wake_in_the_order_of_their_deadlines);
    tcase_add_test(tests, the_longest_sleep_does_not_wrap_around);
    tcase_add_test(tests, one_task_too_many_is_refused_until_another_ends);
    tcase_add_test(tests, destroying_the_loop_gives_back_the_stacks_of_parked_tasks);
    tcase_add_test(tests, stacks_that_a_burst_needed_are_given_back_when_it_is_over);
    tcase_add_test(tests, a_stack_and_its_registers_survive_being_switched);
    tcase_add_test(tests, a_stack_that_overflows_kills_the_process_at_its_guard_page);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
