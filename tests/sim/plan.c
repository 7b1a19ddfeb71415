/* See plan.h. Has dice of its own: those of the world begin anew when it runs. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define SPAN_MS       4000 /* in which all happens */
#define COMMANDS_MIN  10
#define COMMANDS_MORE 20
#define FAULTS_MAX    3
#define PROCESSES     10

static const char *const names[PLAN_KINDS] = {[PLAN_UPDATE] = "update",
                                              [PLAN_TERMINATE] = "terminate",
                                              [PLAN_REHIRE] = "rehire",
                                              [PLAN_HIRE] = "hire",
                                              [PLAN_CLOCK_IN] = "clock-in",
                                              [PLAN_CLOCK_OUT] = "clock-out",
                                              [PLAN_CLOSE_JOB] = "close-job",
                                              [PLAN_REOPEN_JOB] = "reopen-job",
                                              [PLAN_SCAN] = "scan",
                                              [PLAN_CORRECT] = "correct",
                                              [PLAN_VOID] = "void",
                                              [PLAN_GET] = "get",
                                              [PLAN_LIST] = "list",
                                              [PLAN_KILL] = "kill",
                                              [PLAN_STOP] = "stop",
                                              [PLAN_NATS_BREAK] = "nats-break",
                                              [PLAN_NATS_DARK] = "nats-dark",
                                              [PLAN_NATS_DOWN] = "nats-down",
                                              [PLAN_NATS_LOSE] = "nats-lose",
                                              [PLAN_NATS_SLOW] = "nats-slow",
                                              [PLAN_REDIS_BREAK] = "redis-break",
                                              [PLAN_REDIS_DOWN] = "redis-down",
                                              [PLAN_REDIS_HANG] = "redis-hang",
                                              [PLAN_REDIS_SLOW] = "redis-slow",
                                              [PLAN_REDIS_FULL] = "redis-full",
                                              [PLAN_REDIS_FLUSH] = "redis-flush",
                                              [PLAN_REDIS_FLUSH_TWICE] = "redis-flush-twice",
                                              [PLAN_REDIS_OLDER] = "redis-older",
                                              [PLAN_REDIS_EMPTY] = "redis-empty",
                                              [PLAN_NO_MEMORY] = "no-memory",
                                              [PLAN_LOG_LOSS] = "log-loss",
                                              [PLAN_BAD_EVENT] = "bad-event",
                                              [PLAN_REDIS_EVICT] = "redis-evict"};

static uint64_t dice;

static uint32_t draw(uint32_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    uint64_t mixed = (dice ^ dice >> 29) * 0xbf58476d1ce4e5b9U;
    return (uint32_t)((mixed >> 32) % below);
}

const char *plan_kind_name(plan_kind kind)
{
    return kind < PLAN_KINDS ? names[kind] : NULL;
}

bool plan_kind_find(const char *name, plan_kind *out)
{
    for (size_t i = 0; i < PLAN_KINDS; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (plan_kind)i;
        return true;
    }
    return false;
}

bool plan_is_fault(const plan_step *step)
{
    return step->kind >= PLAN_COMMANDS;
}

uint64_t plan_all_faults(void)
{
    uint64_t all = 0;
    for (unsigned kind = PLAN_COMMANDS; kind < PLAN_KINDS; kind++) all |= (uint64_t)1 << kind;
    return all;
}

static int by_time(const void *a, const void *b)
{
    const plan_step *left = a, *right = b;
    if (left->at_ms != right->at_ms) return left->at_ms < right->at_ms ? -1 : 1;
    return left->number < right->number ? -1 : 1;
}

/* Often a few at once: what waits for the same thing is where order matters. */
static void draw_command(plan *out)
{
    static const plan_kind kinds[] = {PLAN_UPDATE,   PLAN_UPDATE,   PLAN_TERMINATE, PLAN_REHIRE,    PLAN_HIRE,
                                      PLAN_CLOCK_IN, PLAN_CLOCK_IN, PLAN_CLOCK_OUT, PLAN_CLOSE_JOB, PLAN_REOPEN_JOB,
                                      PLAN_SCAN,     PLAN_SCAN,     PLAN_SCAN,      PLAN_SCAN,      PLAN_CORRECT,
                                      PLAN_CORRECT,  PLAN_VOID,     PLAN_GET,       PLAN_GET,       PLAN_LIST};
    plan_step *before = out->count > 0 ? &out->steps[out->count - 1] : NULL;
    uint32_t at = before && draw(3) == 0 ? before->at_ms + draw(3) : draw(SPAN_MS);
    out->steps[out->count] = (plan_step){.kind = kinds[draw(sizeof kinds / sizeof *kinds)],
                                         .at_ms = at,
                                         .who = draw(PLAN_PEOPLE),
                                         .number = (unsigned)out->count};
    out->count++;
}

static void draw_fault(plan *out, uint64_t faults)
{
    plan_kind kind = PLAN_KINDS;
    for (int tries = 0; tries < 500 && (kind == PLAN_KINDS || !(faults >> kind & 1)); tries++)
        kind = (plan_kind)(PLAN_COMMANDS + draw(PLAN_KINDS - PLAN_COMMANDS));
    if (!(faults >> kind & 1)) return;
    out->steps[out->count] = (plan_step){.kind = kind,
                                         .at_ms = draw(SPAN_MS - 1000),
                                         .for_ms = draw(3) == 0 ? 1000 + draw(3000) : 1 + draw(1000),
                                         .who = draw(PROCESSES + 2), /* past the last: all */
                                         .number = (unsigned)out->count};
    out->count++;
}

void plan_draw(plan *out, uint64_t seed, uint64_t faults)
{
    *out = (plan){.seed = seed};
    dice = seed * 0x9e3779b97f4a7c15U + 0x7f4a7c15U;
    size_t commands = COMMANDS_MIN + draw(COMMANDS_MORE), breaks = 1 + draw(FAULTS_MAX);
    for (size_t i = 0; i < commands; i++) draw_command(out);
    for (size_t i = 0; i < breaks; i++) draw_fault(out, faults);
    qsort(out->steps, out->count, sizeof out->steps[0], by_time);
}

void plan_print(const plan *of, FILE *out)
{
    for (size_t i = 0; i < of->count; i++) {
        const plan_step *step = &of->steps[i];
        if (step->left_out) continue;
        fprintf(out, "  %5u ms  %-17s", step->at_ms, names[step->kind]);
        if (!plan_is_fault(step))
            fprintf(out, " of E%u, if of anybody (command %u)\n", step->who, step->number);
        else if (step->who < PROCESSES)
            fprintf(out, " process %u, %u ms\n", step->who, step->for_ms);
        else
            fprintf(out, " all, %u ms\n", step->for_ms);
    }
}
