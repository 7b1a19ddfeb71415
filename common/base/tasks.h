/**
 * The tasks of one loop: pool, ready queue and deadlines. Between task.c and loop.c; everybody else uses task.h and loop.h.
 */
#ifndef FURROW_BASE_TASKS_H
#define FURROW_BASE_TASKS_H

#include "base/fiber.h"
#include "base/status.h"
#include "base/task.h"

#define FURROW_TASKS_IDLE_MAX 256 /* stacks kept for reuse; more are freed when their task ends */

typedef struct furrow_tasks {
    furrow_fiber *thread; /* the loop's own stack */
    size_t max, stack_bytes;
    size_t live;  /* running, ready or parked */
    size_t made;  /* live and idle */
    furrow_task *ready, **ready_tail;
    furrow_task *idle;
    size_t idle_count;
    furrow_task **heap; /* parked with a deadline, nearest first */
    size_t heap_len, heap_cap;
} furrow_tasks;

bool furrow_tasks_init(furrow_tasks *tasks, size_t max, size_t stack_bytes);
void furrow_tasks_fini(furrow_tasks *tasks);

furrow_status furrow_tasks_spawn(furrow_tasks *tasks, furrow_task_fn *fn, void *arg, furrow_error *err) FURROW_MUST_USE;

/* Runs ready tasks until none is; false when none was. */
bool furrow_tasks_run_ready(furrow_tasks *tasks);

/* The nearest deadline, or FURROW_NEVER; and making ready those whose deadline has come. */
uint64_t furrow_tasks_next_deadline(const furrow_tasks *tasks);
void furrow_tasks_expire(furrow_tasks *tasks, uint64_t now_ns);

#endif
