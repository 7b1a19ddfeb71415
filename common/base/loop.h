/**
 * The loop: one thread, one libuv loop, its tasks, and the end of each turn.
 *
 * A turn is: libuv's callbacks (sockets, timers) run; every ready task runs until none is ready; then the deferred
 * hooks run, where the connections write all that the turn produced, each in one system call. So batching comes by
 * itself. A turn is bounded: tasks and hooks that make each other ready without end share the loop with its sockets and
 * timers. Threads: all functions on the loop's thread, but for furrow_loop_post.
 */
#ifndef FURROW_BASE_LOOP_H
#define FURROW_BASE_LOOP_H

#include "base/auto.h"
#include "base/status.h"
#include "base/task.h"

#include <stddef.h>
#include <uv.h>

typedef struct furrow_loop furrow_loop;

typedef struct furrow_loop_options {
    size_t max_tasks;   /* running or parked at once; 0 means 4096. Each takes two of the kernel's vm.max_map_count
                           mappings */
    size_t stack_bytes; /* of a task, without its guard page; 0 means 64 KiB (256 KiB under a sanitizer) */
} furrow_loop_options;

furrow_loop *furrow_loop_create(const furrow_loop_options *options, furrow_error *err);

/* Every handle on the loop has been closed by its owner before (else it aborts); waits for work in the pool; tasks
 * still parked are dropped. */
void furrow_loop_destroy(furrow_loop *loop);
FURROW_AUTO_DEFINE(furrow_loop, furrow_loop_destroy);

uv_loop_t *furrow_loop_uv(furrow_loop *loop);

/* Runs until furrow_loop_stop. */
void furrow_loop_run(furrow_loop *loop);
void furrow_loop_stop(furrow_loop *loop);

/* Starts a task, which runs within this turn. RESOURCE_EXHAUSTED when max_tasks run or out of memory. */
furrow_status furrow_loop_spawn(furrow_loop *loop, furrow_task_fn *fn, void *arg, furrow_error *err) FURROW_MUST_USE;
size_t furrow_loop_tasks(const furrow_loop *loop);

/* Runs @fn(@arg) on the loop's thread, soon, in order. Threads: any. False when the loop is being destroyed or out of
 * memory. */
bool furrow_loop_post(furrow_loop *loop, void (*fn)(void *arg), void *arg);

/* A hook owned by its module, run once at the end of the turn in which it was deferred; deferring twice is once. */
typedef struct furrow_hook {
    void (*fn)(struct furrow_hook *hook);
    struct furrow_hook *next;
    bool queued;
} furrow_hook;
void furrow_loop_defer(furrow_loop *loop, furrow_hook *hook);

/* Runs @fn(@arg) on libuv's thread pool while the calling task is parked. */
furrow_status furrow_loop_work(furrow_loop *loop, void (*fn)(void *arg), void *arg, furrow_error *err) FURROW_MUST_USE;

/* Runs @fn(@arg) as a task and the loop until it returns: for blocking programs (tools, tests). */
furrow_status furrow_loop_run_task(furrow_loop *loop, furrow_task_fn *fn, void *arg, furrow_error *err) FURROW_MUST_USE;

#endif
