/*
 * Tasks: a fibre each, pooled, with a queue of ready ones and a heap of deadlines per loop. A fibre's body is a loop
 * that runs one function after another, so a task from the pool costs two switches and no allocation. Idle stacks
 * beyond a few go back to the system once a while has passed in which they were not needed.
 *
 * Invariants: exactly one of running, ready (queued), parked (its waiter points to it) or idle (in the pool) holds for
 * a task. A parked task is in the heap if and only if its wait has a deadline.
 */
#include "base/tasks.h"

#include "base/budget.h"
#include "base/clock.h"

#include <stdlib.h>

#define NOT_IN_HEAP SIZE_MAX
#define TASK_BYTES  ((size_t)16 << 10) /* that a task's stack touches, as a rule: what counts in the budget */

struct furrow_task {
    furrow_tasks *tasks;
    furrow_fiber *fiber;
    furrow_task_fn *fn;
    void *arg;
    void *slot;                  /* furrow_task_slot */
    struct furrow_trace *trace;  /* or NULL */
    furrow_task *next;           /* in the ready queue or the pool */
    furrow_task *before, *after; /* among all */
    uint64_t deadline_ns;        /* of its present wait */
    uint64_t work_deadline_ns;
    size_t heap_index;
    bool queued;         /* is in the ready queue */
    furrow_place *place; /* or NULL */
};

static _Thread_local furrow_task *running;

furrow_task *furrow_task_self(void)
{
    return running;
}

uint64_t furrow_task_deadline(void)
{
    return running ? running->work_deadline_ns : FURROW_NEVER;
}

uint64_t furrow_task_set_deadline(uint64_t deadline_ns)
{
    FURROW_REQUIRE(running != NULL);
    uint64_t before = running->work_deadline_ns;
    running->work_deadline_ns = deadline_ns;
    return before;
}

void **furrow_task_slot(void)
{
    FURROW_REQUIRE(running != NULL);
    return &running->slot;
}

struct furrow_trace *furrow_task_trace(void)
{
    return running ? running->trace : NULL;
}

void furrow_task_set_trace(struct furrow_trace *trace)
{
    FURROW_REQUIRE(running != NULL);
    running->trace = trace;
}

static void heap_place(furrow_tasks *tasks, furrow_task *task, size_t index)
{
    tasks->heap[index] = task;
    task->heap_index = index;
}

static void heap_up(furrow_tasks *tasks, furrow_task *task, size_t index)
{
    while (index > 0 && tasks->heap[(index - 1) / 2]->deadline_ns > task->deadline_ns) {
        heap_place(tasks, tasks->heap[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    heap_place(tasks, task, index);
}

static void heap_down(furrow_tasks *tasks, furrow_task *task, size_t index)
{
    for (size_t child; (child = 2 * index + 1) < tasks->heap_len; index = child) {
        if (child + 1 < tasks->heap_len && tasks->heap[child + 1]->deadline_ns < tasks->heap[child]->deadline_ns)
            child++;
        if (tasks->heap[child]->deadline_ns >= task->deadline_ns) break;
        heap_place(tasks, tasks->heap[child], index);
    }
    heap_place(tasks, task, index);
}

/* Room was made when the task was: there are never more waits than tasks. */
static void heap_add(furrow_tasks *tasks, furrow_task *task)
{
    heap_up(tasks, task, tasks->heap_len++);
}

static void heap_remove(furrow_tasks *tasks, furrow_task *task)
{
    size_t index = task->heap_index;
    if (index == NOT_IN_HEAP) return;
    task->heap_index = NOT_IN_HEAP;
    furrow_task *last = tasks->heap[--tasks->heap_len];
    if (last == task) return;
    if (index > 0 && tasks->heap[(index - 1) / 2]->deadline_ns > last->deadline_ns)
        heap_up(tasks, last, index);
    else
        heap_down(tasks, last, index);
}

static void make_ready(furrow_task *task)
{
    furrow_tasks *tasks = task->tasks;
    task->queued = true;
    task->next = NULL;
    *tasks->ready_tail = task;
    tasks->ready_tail = &task->next;
}

static void body(void *arg)
{
    furrow_task *task = arg;
    for (;;) {
        task->fn(task->arg);
        task->fn = NULL;
        furrow_fiber_switch(task->fiber, task->tasks->thread);
    }
}

static furrow_task *make_task(furrow_tasks *tasks)
{
    if (tasks->made == tasks->heap_cap) {
        size_t cap = tasks->heap_cap ? tasks->heap_cap * 2 : 64;
        furrow_task **heap = realloc(tasks->heap, cap * sizeof(furrow_task *));
        if (!heap) return NULL;
        tasks->heap = heap;
        tasks->heap_cap = cap;
    }
    furrow_task *task = calloc(1, sizeof *task);
    furrow_fiber *fiber = task ? furrow_fiber_create(tasks->stack_bytes, body, task) : NULL;
    if (!fiber) {
        free(task);
        return NULL;
    }
    furrow_budget_hold(TASK_BYTES); /* not taken: what has been admitted could not begin; `max` bounds them */
    task->tasks = tasks;
    task->fiber = fiber;
    task->heap_index = NOT_IN_HEAP;
    tasks->made++;
    task->after = tasks->all;
    if (tasks->all) tasks->all->before = task;
    tasks->all = task;
    return task;
}

static void free_task(furrow_task *task)
{
    task->tasks->made--;
    if (task->before)
        task->before->after = task->after;
    else
        task->tasks->all = task->after;
    if (task->after) task->after->before = task->before;
    furrow_fiber_destroy(task->fiber);
    furrow_budget_give(TASK_BYTES);
    free(task);
}

bool furrow_tasks_init(furrow_tasks *tasks, size_t max, size_t stack_bytes)
{
    *tasks = (furrow_tasks){.max = max, .stack_bytes = stack_bytes};
    tasks->ready_tail = &tasks->ready;
    tasks->thread = furrow_fiber_of_thread();
    return tasks->thread != NULL;
}

void furrow_tasks_fini(furrow_tasks *tasks)
{
    while (tasks->all) free_task(tasks->all);
    free(tasks->heap);
    furrow_fiber_destroy(tasks->thread);
}

furrow_status furrow_tasks_spawn(furrow_tasks *tasks, furrow_task_fn *fn, void *arg, furrow_error *err)
{
    if (tasks->live >= tasks->max)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%zu tasks run already, the most allowed", tasks->live);
    furrow_task *task = tasks->idle;
    if (task) {
        tasks->idle = task->next;
        if (--tasks->idle_count < tasks->idle_low) tasks->idle_low = tasks->idle_count;
    } else if (!(task = make_task(tasks))) {
        return furrow_fail(
            err, FURROW_RESOURCE_EXHAUSTED,
            "no memory for the stack of another task than the %zu there are (or vm.max_map_count is too low)",
            tasks->made);
    }
    task->fn = fn;
    task->arg = arg;
    task->work_deadline_ns = FURROW_NEVER;
    task->slot = NULL;
    task->trace = NULL;
    task->place = NULL;
    tasks->live++;
    make_ready(task);
    return FURROW_OK;
}

static void retire_task(furrow_task *task)
{
    furrow_tasks *tasks = task->tasks;
    tasks->live--;
    task->next = tasks->idle;
    tasks->idle = task;
    tasks->idle_count++;
}

bool furrow_tasks_trim(furrow_tasks *tasks)
{
    for (size_t unneeded = tasks->idle_low; unneeded > 0 && tasks->idle_count > FURROW_TASKS_IDLE_KEPT; unneeded--) {
        furrow_task *task = tasks->idle;
        tasks->idle = task->next;
        tasks->idle_count--;
        free_task(task);
    }
    tasks->idle_low = tasks->idle_count;
    return tasks->idle_count > FURROW_TASKS_IDLE_KEPT;
}

bool furrow_tasks_run_ready(furrow_tasks *tasks)
{
    furrow_task *task = tasks->ready;
    if (!task) return false;
    tasks->ready = NULL;
    tasks->ready_tail = &tasks->ready;
    while (task) {
        furrow_task *next = task->next;
        task->queued = false;
        running = task;
        furrow_fiber_switch(tasks->thread, task->fiber);
        running = NULL;
        if (!task->fn) retire_task(task);
        task = next;
    }
    return true;
}

uint64_t furrow_tasks_next_deadline(const furrow_tasks *tasks)
{
    return tasks->heap_len > 0 ? tasks->heap[0]->deadline_ns : FURROW_NEVER;
}

void furrow_tasks_expire(furrow_tasks *tasks, uint64_t now_ns)
{
    while (tasks->heap_len > 0 && tasks->heap[0]->deadline_ns <= now_ns) {
        furrow_task *task = tasks->heap[0];
        heap_remove(tasks, task);
        make_ready(task);
    }
}

static void park(void)
{
    furrow_task *task = running;
    furrow_fiber_switch(task->fiber, task->tasks->thread);
}

bool furrow_wait(furrow_waiter *waiter, uint64_t deadline_ns)
{
    furrow_task *task = running;
    FURROW_REQUIRE(task != NULL);
    if (waiter->done) return true;
    FURROW_ASSERT(waiter->task == NULL);
    waiter->task = task;
    if (deadline_ns != FURROW_NEVER) {
        task->deadline_ns = deadline_ns;
        heap_add(task->tasks, task);
    }
    park();
    waiter->task = NULL;
    return waiter->done;
}

void furrow_task_set_place(furrow_place *place)
{
    FURROW_REQUIRE(running != NULL);
    running->place = place;
}

bool furrow_wait_aside(furrow_waiter *waiter, uint64_t deadline_ns)
{
    FURROW_REQUIRE(running != NULL);
    furrow_place *place = running->place;
    if (waiter->done || !place) return furrow_wait(waiter, deadline_ns);
    place->leave(place);
    bool done = furrow_wait(waiter, deadline_ns);
    place->enter(place);
    return done;
}

void furrow_waiter_done(furrow_waiter *waiter)
{
    furrow_task *task = waiter->task;
    if (waiter->done) return;
    waiter->done = true;
    if (!task || task->queued) return; /* queued: its deadline passed in this very turn; it will find its waiter done */
    heap_remove(task->tasks, task);
    make_ready(task);
}

void furrow_task_sleep_ms(uint64_t ms)
{
    furrow_waiter waiter = furrow_waiter_make();
    uint64_t now = furrow_clock_now_ns();
    bool finite = ms < (FURROW_NEVER - now) / FURROW_NS_PER_MS;
    (void)furrow_wait(&waiter, finite ? now + ms * FURROW_NS_PER_MS : FURROW_NEVER);
}

void furrow_task_yield(void)
{
    FURROW_REQUIRE(running != NULL);
    make_ready(running);
    park();
}
