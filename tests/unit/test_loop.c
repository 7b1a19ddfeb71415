/* The loop: what runs within a turn, what leaves at its end, and what other threads may do. */
#include "base/clock.h"
#include "base/loop.h"
#include "support/wait.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static furrow_loop *loop;
static uv_prepare_t turn_counter;
static size_t turns;

static void on_turn(uv_prepare_t *handle)
{
    turns++;
}

static void setup(void)
{
    furrow_error err;
    loop = furrow_loop_create(NULL, &err);
    ck_assert_msg(loop != NULL, "%s", err.text);
    uv_prepare_init(furrow_loop_uv(loop), &turn_counter);
    uv_prepare_start(&turn_counter, on_turn);
    turns = 0;
}

static void teardown(void)
{
    uv_close((uv_handle_t *)&turn_counter, NULL);
    furrow_loop_destroy(loop);
}

static void spawn(furrow_task_fn *fn, void *arg)
{
    furrow_error err;
    ck_assert_msg(furrow_loop_spawn(loop, fn, arg, &err) == FURROW_OK, "%s", err.text);
}

static void run_task(furrow_task_fn *fn, void *arg)
{
    furrow_error err;
    ck_assert_msg(furrow_loop_run_task(loop, fn, arg, &err) == FURROW_OK, "%s", err.text);
}

static void start_timer(uv_timer_t *timer, uv_timer_cb callback, uint64_t ms, void *data)
{
    uv_timer_init(furrow_loop_uv(loop), timer);
    timer->data = data;
    uv_timer_start(timer, callback, ms, 0);
}

static void note_turn(void *arg)
{
    *(size_t *)arg = turns;
    furrow_loop_stop(loop);
}

static size_t turn_of_timer;

static void spawn_from_timer(uv_timer_t *timer)
{
    turn_of_timer = turns;
    spawn(note_turn, timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

START_TEST(a_task_spawned_by_a_callback_runs_within_the_turn)
{
    uv_timer_t timer;
    size_t turn_of_task = 0;
    start_timer(&timer, spawn_from_timer, 5, &turn_of_task);
    furrow_loop_run(loop);
    ck_assert_uint_gt(turn_of_task, 0);
    ck_assert_uint_le(turn_of_task, turn_of_timer + 1);
}
END_TEST

struct output {
    furrow_hook hook;
    size_t runs, produced, left;
    furrow_waiter waiter;
    size_t rounds;
};

static void write_output(furrow_hook *hook)
{
    struct output *output = (struct output *)hook;
    output->runs++;
    output->left = output->produced;
}

static void produce(void *arg)
{
    struct output *output = arg;
    output->produced++;
    furrow_loop_defer(loop, &output->hook);
    furrow_loop_defer(loop, &output->hook);
}

static void produce_in_ten_tasks(void *arg)
{
    struct output *output = arg;
    for (int i = 0; i < 10; i++) spawn(produce, output);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(output->left == 10, 5000));
}

START_TEST(what_a_turn_defers_leaves_once_after_all_its_tasks)
{
    struct output output = {.hook = {.fn = write_output}};
    run_task(produce_in_ten_tasks, &output);
    ck_assert_uint_eq(output.runs, 1);
    ck_assert_uint_eq(output.left, 10);
}
END_TEST

static void wake_writer(furrow_hook *hook)
{
    struct output *output = (struct output *)hook;
    output->runs++;
    furrow_waiter_done(&output->waiter);
}

static void defer_and_wait(void *arg)
{
    struct output *output = arg;
    size_t first = turns;
    for (output->rounds = 0; output->rounds < 5; output->rounds++) {
        furrow_waiter_reset(&output->waiter);
        furrow_loop_defer(loop, &output->hook);
        ck_assert(furrow_wait(&output->waiter, FURROW_NEVER));
    }
    ck_assert_uint_eq(turns, first);
}

START_TEST(a_hook_that_wakes_a_task_does_so_in_the_same_turn)
{
    struct output output = {.hook = {.fn = wake_writer}};
    run_task(defer_and_wait, &output);
    ck_assert_uint_eq(output.runs, 5);
}
END_TEST

static void on_flag_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
    uv_close((uv_handle_t *)timer, NULL);
}

static void yield_until_timer(void *arg)
{
    static uv_timer_t timer;
    bool fired = false;
    start_timer(&timer, on_flag_timer, 3, &fired);
    while (!fired) furrow_task_yield();
}

START_TEST(tasks_that_are_always_ready_do_not_keep_the_loop_from_polling)
{
    run_task(yield_until_timer, NULL);
}
END_TEST

static void defer_again(furrow_hook *hook)
{
    struct output *output = (struct output *)hook;
    output->runs++;
    if (output->left == 0) furrow_loop_defer(loop, hook);
}

static void outlast_an_endless_hook(void *arg)
{
    struct output *output = arg;
    furrow_loop_defer(loop, &output->hook);
    furrow_task_sleep_ms(5);
    output->left = 1;
}

START_TEST(a_hook_that_always_defers_itself_does_not_either)
{
    struct output output = {.hook = {.fn = defer_again}};
    run_task(outlast_an_endless_hook, &output);
    ck_assert_uint_gt(output.runs, 1);
}
END_TEST

static void sleep_quietly(void *arg)
{
    size_t first = turns;
    furrow_task_sleep_ms(100);
    ck_assert_uint_lt(turns - first, 20);
}

START_TEST(a_loop_with_nothing_to_do_does_nothing)
{
    run_task(sleep_quietly, NULL);
}
END_TEST

#define THREADS 4
#define POSTS   3000

struct poster {
    pthread_t thread;
    size_t next; /* expected, on the loop's thread */
    struct message {
        struct poster *poster;
        size_t number;
    } messages[POSTS];
};

static struct poster posters[THREADS];
static pthread_t loop_thread;

static void on_message(void *arg)
{
    struct message *message = arg;
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    ck_assert_uint_eq(message->number, message->poster->next++);
}

static void *post_many(void *arg)
{
    struct poster *poster = arg;
    for (size_t i = 0; i < POSTS; i++) {
        poster->messages[i] = (struct message){.poster = poster, .number = i};
        if (!furrow_loop_post(loop, on_message, &poster->messages[i])) abort();
    }
    return NULL;
}

static size_t received(void)
{
    size_t sum = 0;
    for (int i = 0; i < THREADS; i++) sum += posters[i].next;
    return sum;
}

static void take_posts(void *arg)
{
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(received() == THREADS * POSTS, 20000));
    for (int i = 0; i < THREADS; i++) pthread_join(posters[i].thread, NULL);
}

START_TEST(other_threads_posts_run_on_the_loops_thread_in_their_order)
{
    loop_thread = pthread_self();
    run_task(take_posts, NULL);
    ck_assert_uint_eq(received(), THREADS * POSTS);
}
END_TEST

static void post_stop(void *arg)
{
    furrow_loop_stop(loop);
}

static void *post_one(void *arg)
{
    (void)furrow_loop_post(loop, post_stop, NULL);
    return NULL;
}

START_TEST(a_post_wakes_a_loop_that_blocks)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, post_one, NULL), 0);
    furrow_loop_run(loop);
    pthread_join(thread, NULL);
}
END_TEST

static bool posted_while_closing;

static void post_when_closed(uv_handle_t *handle)
{
    posted_while_closing = furrow_loop_post(loop, post_stop, NULL);
}

START_TEST(a_loop_that_is_being_destroyed_takes_no_posts)
{
    static uv_timer_t timer;
    uv_timer_init(furrow_loop_uv(loop), &timer);
    posted_while_closing = true;
    uv_close((uv_handle_t *)&timer, post_when_closed);
    teardown();
    ck_assert(!posted_while_closing);
    setup();
}
END_TEST

struct job {
    atomic_int *meeting;
    pthread_t ran_on;
    bool met;
};

static void meet(void *arg)
{
    struct job *job = arg;
    job->ran_on = pthread_self();
    atomic_fetch_add(job->meeting, 1);
    job->met = FURROW_TEST_EVENTUALLY(atomic_load(job->meeting) == 2, 5000);
}

static void work_in_pool(void *arg)
{
    struct job *job = arg;
    furrow_error err;
    ck_assert_int_eq(furrow_loop_work(loop, meet, job, &err), FURROW_OK);
    ck_assert(!pthread_equal(job->ran_on, pthread_self()));
    ck_assert(job->met);
}

static void work_in_two_tasks(void *arg)
{
    struct job *jobs = arg;
    spawn(work_in_pool, &jobs[0]);
    work_in_pool(&jobs[1]);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_loop_tasks(loop) == 1, 5000));
}

START_TEST(work_runs_in_the_pool_while_its_tasks_are_parked)
{
    atomic_int meeting = 0;
    struct job jobs[2] = {{.meeting = &meeting}, {.meeting = &meeting}};
    run_task(work_in_two_tasks, jobs);
}
END_TEST

static void begin_meeting(void *arg)
{
    struct job *job = arg;
    furrow_status status = furrow_loop_work(loop, meet, job, NULL);
    (void)status;
}

static void wait_for_one_to_come(void *arg)
{
    atomic_int *meeting = arg;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(atomic_load(meeting) == 1, 5000));
}

static void *come_second(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return NULL;
}

START_TEST(destroy_waits_for_work_that_still_uses_a_parked_tasks_stack)
{
    atomic_int meeting = 0;
    struct job job = {.meeting = &meeting};
    pthread_t thread;
    spawn(begin_meeting, &job);
    run_task(wait_for_one_to_come, &meeting);
    ck_assert_int_eq(pthread_create(&thread, NULL, come_second, &meeting), 0);
    teardown();
    ck_assert(job.met);
    pthread_join(thread, NULL);
    setup();
}
END_TEST

static void count(void *arg)
{
    ++*(size_t *)arg;
}

START_TEST(one_loop_runs_one_task_after_another)
{
    size_t runs = 0;
    for (int i = 0; i < 100; i++) run_task(count, &runs);
    ck_assert_uint_eq(runs, 100);
}
END_TEST

static void stop_and_go_on(void *arg)
{
    furrow_loop_stop(loop);
    furrow_task_sleep_ms(5);
    *(bool *)arg = true;
}

START_TEST(running_one_task_lasts_until_it_returns_whoever_stops_the_loop)
{
    bool finished = false;
    run_task(stop_and_go_on, &finished);
    ck_assert(finished);
}
END_TEST

START_TEST(a_stopped_loop_can_go_on_where_it_was)
{
    bool finished = false;
    spawn(stop_and_go_on, &finished);
    furrow_loop_run(loop);
    ck_assert(!finished);
    ck_assert_uint_eq(furrow_loop_tasks(loop), 1);
    run_task(sleep_quietly, NULL);
    ck_assert(finished);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tests = tcase_create("loop");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_task_spawned_by_a_callback_runs_within_the_turn);
    tcase_add_test(tests, what_a_turn_defers_leaves_once_after_all_its_tasks);
    tcase_add_test(tests, a_hook_that_wakes_a_task_does_so_in_the_same_turn);
    tcase_add_test(tests, tasks_that_are_always_ready_do_not_keep_the_loop_from_polling);
    tcase_add_test(tests, a_hook_that_always_defers_itself_does_not_either);
    tcase_add_test(tests, a_loop_with_nothing_to_do_does_nothing);
    tcase_add_test(tests, other_threads_posts_run_on_the_loops_thread_in_their_order);
    tcase_add_test(tests, a_post_wakes_a_loop_that_blocks);
    tcase_add_test(tests, a_loop_that_is_being_destroyed_takes_no_posts);
    tcase_add_test(tests, work_runs_in_the_pool_while_its_tasks_are_parked);
    tcase_add_test(tests, destroy_waits_for_work_that_still_uses_a_parked_tasks_stack);
    tcase_add_test(tests, one_loop_runs_one_task_after_another);
    tcase_add_test(tests, running_one_task_lasts_until_it_returns_whoever_stops_the_loop);
    tcase_add_test(tests, a_stopped_loop_can_go_on_where_it_was);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
