/**
 * Threads that sleep until one other says so, which wakes many with one system call: a semaphore each costs a call for
 * every one of them. For common/rpc only.
 *
 *   sleeper                                          waker
 *   furrow_sleeper sleeper = furrow_sleeper_make();
 *   … hands it over …                                furrow_wakeups_note(wakeups, sleeper);     for each that may go on
 *   furrow_sleeper_await(wakeups, &sleeper);         furrow_wakeups_send(wakeups);              once
 *
 * A sleeper is its thread's again, and may be gone, from note on. Threads: any may sleep; one notes and sends.
 */
#ifndef FURROW_RPC_WAKEUPS_H
#define FURROW_RPC_WAKEUPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FURROW_WAKEUPS_WORDS 32 /* of 32 threads each; with more of them some are woken in vain, and sleep on */

typedef struct furrow_wakeups {
    atomic_uint turns[FURROW_WAKEUPS_WORDS]; /* what threads sleep on: counts sends */
    uint32_t noted[FURROW_WAKEUPS_WORDS];    /* the waker's */
} furrow_wakeups;

typedef struct furrow_sleeper {
    atomic_bool awake;
    unsigned word;
    uint32_t bit;
} furrow_sleeper;

furrow_sleeper furrow_sleeper_make(void);
void furrow_sleeper_await(furrow_wakeups *wakeups, furrow_sleeper *sleeper);

void furrow_wakeups_note(furrow_wakeups *wakeups, furrow_sleeper *sleeper);
void furrow_wakeups_send(furrow_wakeups *wakeups);

#endif
