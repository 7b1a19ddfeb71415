/**
 * Tasks: coroutines with small pooled stacks, switched without a system call (made with ucontext, switched with
 * sigsetjmp/siglongjmp), with a guard page under each stack and the sanitizers' fibre annotations.
 *
 * A task belongs to one loop (see loop.h, which creates the pool) and runs on its thread. It runs until it parks or
 * returns; nothing else on the loop runs meanwhile. Code that must wait makes a furrow_waiter on its stack, hands it to
 * whoever will complete it, and calls furrow_wait:
 *
 *   furrow_waiter waiter = furrow_waiter_make();
 *   start_something(on_done, &waiter);            // on_done calls furrow_waiter_done(&waiter)
 *   if (!furrow_wait(&waiter, deadline)) cancel;  // false: the deadline passed first
 *
 * Threads: the loop's.
 */
#ifndef FURROW_BASE_TASK_H
#define FURROW_BASE_TASK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct furrow_task furrow_task;
typedef void furrow_task_fn(void *arg);

/* The running task, or NULL outside of one. */
furrow_task *furrow_task_self(void);

/* A pointer of the running task's own, NULL when it begins: for the turns of common/log. */
void **furrow_task_slot(void);

/* The trace that the running task's work belongs to (wire/trace.h), lent until the task ends or another is set; NULL
 * when it begins, and outside of a task. */
struct furrow_trace;
struct furrow_trace *furrow_task_trace(void);
void furrow_task_set_trace(struct furrow_trace *trace);

typedef struct furrow_waiter {
    furrow_task *task; /* who waits, or NULL while nobody does */
    bool done;
} furrow_waiter;

static inline furrow_waiter furrow_waiter_make(void)
{
    return (furrow_waiter){0};
}

/* Parks the running task until @waiter is done (true) or @deadline_ns passes (false). True at once if already done. */
bool furrow_wait(furrow_waiter *waiter, uint64_t deadline_ns);

/*
 * Where only so many tasks are to work at once, each has a place. One that waits for what others hold or bring, for as
 * long as that takes, leaves it to another meanwhile.
 */
typedef struct furrow_place {
    void (*leave)(struct furrow_place *place);
    void (*enter)(struct furrow_place *place);
} furrow_place;

/* The running task has @place until it returns. */
void furrow_task_set_place(furrow_place *place);

/* furrow_wait without the task's place, if it has one. */
bool furrow_wait_aside(furrow_waiter *waiter, uint64_t deadline_ns);

/* Marks @waiter done and makes its task ready to run within this turn of the loop. Call it on the loop's thread. */
void furrow_waiter_done(furrow_waiter *waiter);

/* Makes @waiter fit for another wait. */
static inline void furrow_waiter_reset(furrow_waiter *waiter)
{
    *waiter = furrow_waiter_make();
}

/* Parks for @ms milliseconds. */
void furrow_task_sleep_ms(uint64_t ms);

/*
 * Until when the running task's work is wanted, for those who wait on its behalf and have no deadline of their own (see
 * store/store.h). FURROW_NEVER until somebody sets it; a new task begins without one. set returns the one before.
 */
uint64_t furrow_task_deadline(void);
uint64_t furrow_task_set_deadline(uint64_t deadline_ns);

/* Lets the other ready tasks run first. */
void furrow_task_yield(void);

#endif
