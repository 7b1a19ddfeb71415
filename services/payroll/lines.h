/**
 * A statement's lines while they are made: exact amounts, one line for all of a kind, job, unit, rate, percentage and
 * week, with the days and tickets that it comes from. What does not fit or finds no memory is told at the end.
 *
 * Threads: any. Memory is the arena's.
 */
#ifndef FURROW_PAYROLL_LINES_H
#define FURROW_PAYROLL_LINES_H

#include "payroll/ratio.h"
#include "payroll/v1/payroll.domain.h"

#define LINES_MAX 2000 /* as the contract says */

typedef struct lines_entry {
    Payroll__V1__LineKind kind;
    int64_t week; /* its first day; of the whole period: LINES_NO_WEEK */
    const char *job_id, *unit;
    ratio rate; /* cents an hour or a unit; 0: none is shown */
    int32_t percent;
    /* Of this share of it: */
    ratio cents;
    int64_t seconds, quantity;
    const char *day_id, *ticket_id; /* or NULL */
} lines_entry;

#define LINES_NO_WEEK INT64_MIN

typedef struct lines_line {
    lines_entry sum;
    const char **days, **tickets;
    size_t day_count, ticket_count;
} lines_line;

typedef struct lines_made {
    furrow_arena *arena;
    lines_line *all;
    size_t count;
    bool full; /* of memory, or of lines */
} lines_made;

/* Adds to the line that is alike, or makes one. */
void lines_add(lines_made *lines, lines_entry entry);

/* Each amount rounded, half up, in the order in which lines were begun; those that came to nothing are left out.
 * OUT_OF_RANGE: an amount does not fit. RESOURCE_EXHAUSTED: too many lines, or no memory. */
furrow_status lines_finish(const lines_made *lines, Payroll__V1__Statement *out, furrow_error *err) FURROW_MUST_USE;

#endif
