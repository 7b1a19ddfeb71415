/*
 * The loop: libuv's turn with tasks and hooks put around its poll. Before and after it polls, ready tasks run and then
 * the deferred hooks, until neither is left, or for so many rounds that the sockets must have their share; then libuv
 * polls without waiting, so nothing is ever ready while it waits. Deadlines of tasks are one timer, armed for the
 * nearest. Depends on libuv, tasks.h and the clock.
 */
#include "base/loop.h"

#include "base/clock.h"
#include "base/tasks.h"

#include <pthread.h>
#include <stdlib.h>

#define DEFAULT_TASKS 4096
#define MAX_ROUNDS    64   /* of tasks or hooks between two polls */
#define TRIM_MS       1000 /* how long a stack is idle before it goes back */
#define MAX_CLOSING   64   /* turns in which handles that others have closed may end */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_STACK (256 * 1024)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DEFAULT_STACK (256 * 1024)
#endif
#endif
#ifndef DEFAULT_STACK
#define DEFAULT_STACK (64 * 1024)
#endif

typedef struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
} post;

struct furrow_loop {
    uv_loop_t uv;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t deadline;
    uint64_t armed_ns;    /* what the timer is armed for; FURROW_NEVER when it is not */
    uv_idle_t unfinished; /* active while something is left for the next turn, so that the poll does not wait */
    uv_timer_t trim;      /* active while there are idle stacks to give back */
    uv_async_t posted;
    pthread_mutex_t lock; /* of posts and closing */
    post *posts, **posts_tail;
    bool closing;
    size_t works; /* in the pool */
    furrow_tasks tasks;
    furrow_hook *hooks, **hooks_tail;
};

/* Deadlines nearer than the timer re-arm it; farther ones leave it to fire early, which is harmless and rare. */
static void arm_deadline(furrow_loop *loop);

static void on_deadline(uv_timer_t *timer)
{
    furrow_loop *loop = timer->data;
    loop->armed_ns = FURROW_NEVER;
    furrow_tasks_expire(&loop->tasks, furrow_clock_now_ns());
    arm_deadline(loop);
}

static void arm_deadline(furrow_loop *loop)
{
    uint64_t next = furrow_tasks_next_deadline(&loop->tasks);
    if (next >= loop->armed_ns) return;
    uint64_t now = furrow_clock_now_ns();
    uint64_t ms = next > now ? (next - now + FURROW_NS_PER_MS - 1) / FURROW_NS_PER_MS : 0;
    loop->armed_ns = next;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->deadline, on_deadline, ms, 0);
}

static void run_hooks(furrow_loop *loop)
{
    furrow_hook *hook = loop->hooks;
    loop->hooks = NULL;
    loop->hooks_tail = &loop->hooks;
    while (hook) {
        furrow_hook *next = hook->next;
        hook->queued = false;
        hook->fn(hook);
        hook = next;
    }
}

static void on_trim(uv_timer_t *timer)
{
    furrow_loop *loop = timer->data;
    if (!furrow_tasks_trim(&loop->tasks)) uv_timer_stop(timer);
}

static void on_unfinished(uv_idle_t *handle)
{
    (void)handle; /* that it is active is all it is for */
}

static void end_loop_turn(furrow_loop *loop)
{
    for (int round = 0; round < MAX_ROUNDS && (loop->tasks.ready || loop->hooks); round++) {
        if (!furrow_tasks_run_ready(&loop->tasks)) run_hooks(loop);
    }
    run_hooks(loop); /* what tasks that never come to an end have produced leaves in this turn all the same */
    if (loop->tasks.ready || loop->hooks)
        uv_idle_start(&loop->unfinished, on_unfinished);
    else
        uv_idle_stop(&loop->unfinished);
    if (loop->tasks.idle_count > FURROW_TASKS_IDLE_KEPT && !uv_is_active((uv_handle_t *)&loop->trim))
        uv_timer_start(&loop->trim, on_trim, TRIM_MS, TRIM_MS);
    arm_deadline(loop);
}

static void on_prepare(uv_prepare_t *handle)
{
    end_loop_turn(handle->data);
}

static void on_check(uv_check_t *handle)
{
    end_loop_turn(handle->data);
}

static void on_posted(uv_async_t *handle)
{
    furrow_loop *loop = handle->data;
    pthread_mutex_lock(&loop->lock);
    post *posts = loop->posts;
    loop->posts = NULL;
    loop->posts_tail = &loop->posts;
    pthread_mutex_unlock(&loop->lock);
    while (posts) {
        post *next = posts->next;
        posts->fn(posts->arg);
        free(posts);
        posts = next;
    }
}

static bool init_handles(furrow_loop *loop)
{
    if (uv_loop_init(&loop->uv) != 0) return false;
    /* The only one that can fail: it takes file descriptors. */
    if (uv_async_init(&loop->uv, &loop->posted, on_posted) != 0) {
        uv_loop_close(&loop->uv);
        return false;
    }
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_timer_init(&loop->uv, &loop->deadline);
    uv_idle_init(&loop->uv, &loop->unfinished);
    uv_timer_init(&loop->uv, &loop->trim);
    loop->before_poll.data = loop->after_poll.data = loop->deadline.data = loop->trim.data = loop->posted.data = loop;
    uv_prepare_start(&loop->before_poll, on_prepare);
    uv_check_start(&loop->after_poll, on_check);
    return true;
}

furrow_loop *furrow_loop_create(const furrow_loop_options *options, furrow_error *err)
{
    size_t max = options && options->max_tasks ? options->max_tasks : DEFAULT_TASKS;
    size_t stack = options && options->stack_bytes ? options->stack_bytes : DEFAULT_STACK;
    furrow_loop *loop = calloc(1, sizeof *loop);
    if (!loop || !furrow_tasks_init(&loop->tasks, max, stack)) {
        free(loop);
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    loop->armed_ns = FURROW_NEVER;
    loop->posts_tail = &loop->posts;
    loop->hooks_tail = &loop->hooks;
    pthread_mutex_init(&loop->lock, NULL);
    if (!init_handles(loop)) {
        furrow_tasks_fini(&loop->tasks);
        pthread_mutex_destroy(&loop->lock);
        free(loop);
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "libuv cannot make a loop");
        return NULL;
    }
    return loop;
}

void furrow_loop_destroy(furrow_loop *loop)
{
    if (!loop) return;
    pthread_mutex_lock(&loop->lock);
    loop->closing = true;
    pthread_mutex_unlock(&loop->lock);
    on_posted(&loop->posted);
    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->deadline, NULL);
    uv_close((uv_handle_t *)&loop->unfinished, NULL);
    uv_close((uv_handle_t *)&loop->trim, NULL);
    uv_close((uv_handle_t *)&loop->posted, NULL);
    /* Work in the pool uses the stack of its parked task: it must end before the stacks go. */
    while (loop->works > 0) uv_run(&loop->uv, UV_RUN_ONCE);
    /* A name that is being looked up cannot be called back; its thread writes to the loop. */
    while (loop->uv.active_reqs.count > 0) uv_run(&loop->uv, UV_RUN_ONCE);
    /* Closed handles need a few turns to end; one that nobody closed would make waiting for it endless. */
    for (int turn = 0; turn < MAX_CLOSING && uv_run(&loop->uv, UV_RUN_NOWAIT) != 0; turn++) continue;
    FURROW_REQUIRE(uv_loop_close(&loop->uv) == 0);
    furrow_tasks_fini(&loop->tasks);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

uv_loop_t *furrow_loop_uv(furrow_loop *loop)
{
    return &loop->uv;
}

void furrow_loop_run(furrow_loop *loop)
{
    FURROW_REQUIRE(furrow_task_self() == NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void furrow_loop_stop(furrow_loop *loop)
{
    uv_stop(&loop->uv);
}

furrow_status furrow_loop_spawn(furrow_loop *loop, furrow_task_fn *fn, void *arg, furrow_error *err)
{
    return furrow_tasks_spawn(&loop->tasks, fn, arg, err);
}

size_t furrow_loop_tasks(const furrow_loop *loop)
{
    return loop->tasks.live;
}

bool furrow_loop_post(furrow_loop *loop, void (*fn)(void *arg), void *arg)
{
    post *entry = malloc(sizeof *entry);
    if (!entry) return false;
    *entry = (post){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    bool open = !loop->closing;
    if (open) {
        *loop->posts_tail = entry;
        loop->posts_tail = &entry->next;
        uv_async_send(&loop->posted);
    }
    pthread_mutex_unlock(&loop->lock);
    if (!open) free(entry);
    return open;
}

void furrow_loop_defer(furrow_loop *loop, furrow_hook *hook)
{
    if (hook->queued) return;
    hook->queued = true;
    hook->next = NULL;
    *loop->hooks_tail = hook;
    loop->hooks_tail = &hook->next;
}

typedef struct work {
    uv_work_t request;
    furrow_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    furrow_waiter waiter;
} work;

static void on_work(uv_work_t *request)
{
    work *job = request->data;
    job->fn(job->arg);
}

static void on_worked(uv_work_t *request, int status)
{
    work *job = request->data;
    job->loop->works--;
    furrow_waiter_done(&job->waiter);
}

furrow_status furrow_loop_work(furrow_loop *loop, void (*fn)(void *arg), void *arg, furrow_error *err)
{
    FURROW_REQUIRE(furrow_task_self() != NULL);
    work job = {.loop = loop, .fn = fn, .arg = arg, .waiter = furrow_waiter_make()};
    job.request.data = &job;
    int failed = uv_queue_work(&loop->uv, &job.request, on_work, on_worked);
    if (failed) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "thread pool: %s", uv_strerror(failed));
    loop->works++;
    (void)furrow_wait(&job.waiter, FURROW_NEVER);
    return FURROW_OK;
}

typedef struct whole_run {
    furrow_loop *loop;
    furrow_task_fn *fn;
    void *arg;
    bool returned;
} whole_run;

static void run_whole(void *arg)
{
    whole_run *run = arg;
    run->fn(run->arg);
    run->returned = true;
    furrow_loop_stop(run->loop);
}

furrow_status furrow_loop_run_task(furrow_loop *loop, furrow_task_fn *fn, void *arg, furrow_error *err)
{
    whole_run run = {.loop = loop, .fn = fn, .arg = arg};
    furrow_status status = furrow_loop_spawn(loop, run_whole, &run, err);
    /* Whoever else stops the loop: the task uses this frame until it returns. */
    while (status == FURROW_OK && !run.returned) furrow_loop_run(loop);
    return status;
}
