/**
 * Stacks and the switch between them: the machine's part of tasks. Only task.c uses it.
 *
 * A fibre is made once, with makecontext, and afterwards switched with _setjmp/_longjmp, which save registers and make
 * no system call. Under a sanitizer it is switched with swapcontext: the sanitizers follow that, with their own
 * annotations, and take a longjmp between stacks for damage.
 */
#ifndef FURROW_BASE_FIBER_H
#define FURROW_BASE_FIBER_H

#include <stddef.h>

typedef struct furrow_fiber furrow_fiber;

/* A fibre that runs @body(@arg) at its first switch; body never returns. A guard page lies under its stack. NULL: out
 * of memory. */
furrow_fiber *furrow_fiber_create(size_t stack_bytes, void (*body)(void *arg), void *arg);

/* Stands for the thread that calls it. */
furrow_fiber *furrow_fiber_of_thread(void);

/* Neither the running one nor one that still has something to do. */
void furrow_fiber_destroy(furrow_fiber *fiber);

/* Leaves @from, which is the running one, for @to; returns when somebody switches back. */
void furrow_fiber_switch(furrow_fiber *from, furrow_fiber *to);

#endif
