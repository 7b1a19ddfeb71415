/**
 * The tasks of one loop: pool, ready queue and deadlines. Between task.c and loop.c; everybody else uses task.h and
 * loop.h.
 */
#ifndef FURROW_BASE_TASKS_H
#define FURROW_BASE_TASKS_H

#include "base/fiber.h"
#include "base/status.h"
#include "base/task.h"

#define FURROW_TASKS_IDLE_KEPT 16 /* idle stacks that stay for good; more go back once a trim finds them unneeded */

typedef struct furrow_tasks {
    furrow_fiber *thread; /* the loop's own stack */
    size_t max, stack_bytes;
    size_t live; /* running, ready or parked */
    size_t made; /* live and idle */
    furrow_task *ready, **ready_tail;
    furrow_task *all; /* live and idle */
    furrow_task *idle;
    size_t idle_count, idle_low; /* and its lowest since the last trim */
    furrow_task **heap;          /* parked with a deadline, nearest first */
    size_t heap_len, heap_cap;
} furrow_tasks;

bool furrow_tasks_init(furrow_tasks *tasks, size_t max, size_t stack_bytes);
void furrow_tasks_fini(furrow_tasks *tasks);

furrow_status furrow_tasks_spawn(furrow_tasks *tasks, furrow_task_fn *fn, void *arg, furrow_error *err) FURROW_MUST_USE;

/* Gives back the idle stacks that were not needed since the last trim; false when there is nothing left to trim. */
bool furrow_tasks_trim(furrow_tasks *tasks);

/* Runs once each task that is ready now; what they make ready waits for the next call. False when none was. */
bool furrow_tasks_run_ready(furrow_tasks *tasks);

/* The nearest deadline, or FURROW_NEVER; and making ready those whose deadline has come. */
uint64_t furrow_tasks_next_deadline(const furrow_tasks *tasks);
void furrow_tasks_expire(furrow_tasks *tasks, uint64_t now_ns);

#endif
