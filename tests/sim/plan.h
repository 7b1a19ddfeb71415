/**
 * A plan: what clients ask and what breaks, and when; drawn from the seed before anything runs, so that a step can be
 * left out and the rest stays as it was. Pure.
 */
#ifndef FURROW_SIM_PLAN_H
#define FURROW_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PLAN_STEPS_MAX 64
#define PLAN_PEOPLE    3 /* E0, E1, …: hired before anything breaks */

typedef enum plan_kind {
    /* commands and questions; `who` is the person, `number` the step's own */
    PLAN_UPDATE,
    PLAN_TERMINATE,
    PLAN_REHIRE,
    PLAN_HIRE,
    PLAN_CLOCK_IN,
    PLAN_CLOCK_OUT,
    PLAN_CLOSE_JOB, /* J2, at which nobody works */
    PLAN_REOPEN_JOB,
    PLAN_SCAN, /* one of a few tickets: the same scan each time */
    PLAN_CORRECT,
    PLAN_VOID,
    PLAN_GET,
    PLAN_LIST,
    PLAN_COMMANDS, /* how many of those there are */
    /* faults; `who` is the process, `for_ms` how long */
    PLAN_KILL = PLAN_COMMANDS,
    PLAN_STOP,
    PLAN_NATS_BREAK,
    PLAN_NATS_DARK,
    PLAN_NATS_DOWN,
    PLAN_NATS_LOSE,
    PLAN_NATS_SLOW,
    PLAN_REDIS_BREAK,
    PLAN_REDIS_DOWN,
    PLAN_REDIS_HANG,
    PLAN_REDIS_SLOW,
    PLAN_REDIS_FULL,
    PLAN_REDIS_FLUSH,
    PLAN_REDIS_FLUSH_TWICE,
    PLAN_REDIS_OLDER,
    PLAN_REDIS_EMPTY,
    PLAN_NO_MEMORY,
    PLAN_LOG_LOSS,
    PLAN_BAD_EVENT,   /* somebody puts what is no state on the subject of a person */
    PLAN_REDIS_EVICT, /* it evicts; with every second `who` while nobody of that one's service runs */
    PLAN_KINDS
} plan_kind;

typedef struct plan_step {
    plan_kind kind;
    uint32_t at_ms, for_ms;
    unsigned who, number;
    bool left_out;
} plan_step;

typedef struct plan {
    uint64_t seed;
    plan_step steps[PLAN_STEPS_MAX]; /* by time */
    size_t count;
} plan;

/* @faults: a bit for each kind that may happen. */
void plan_draw(plan *out, uint64_t seed, uint64_t faults);
uint64_t plan_all_faults(void);
/* "redis-flush"; NULL: there is none. */
const char *plan_kind_name(plan_kind kind);
bool plan_kind_find(const char *name, plan_kind *out);
bool plan_is_fault(const plan_step *step);
void plan_print(const plan *of, FILE *out);

#endif
