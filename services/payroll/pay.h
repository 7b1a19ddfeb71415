/**
 * What somebody earned in a period: a pure function of the rules and of what was worked and picked. Nothing is rounded
 * before a line is whole: each line of the statement is an exact fraction that is rounded once, half up, to a cent.
 *
 * By workweek, of seven days from the period's first day on:
 *   hours     each second of work has one percentage: by its place in the day, on a seventh day worked by that, and
 *             else by the week's seconds at 100 percent
 *   straight  hours at their own rate, pieces, time without pieces at the minimum wage, what is missing to the
 *             minimum wage
 *   average   (straight pay without rests) / (hours without rests): rests of a week with pieces are paid at it, and
 *             never below the minimum wage; those of hours that are paid by the hour get what is missing to it
 *   regular   (all straight pay) / (all hours): what is beyond 100 percent is paid of it
 * Which of that holds, and with which numbers, the rules say; payroll.proto says what they mean.
 *
 * Threads: any. Memory is the arena's.
 */
#ifndef FURROW_PAYROLL_PAY_H
#define FURROW_PAYROLL_PAY_H

#include "payroll/rules.h"

#define PAY_WEEKS_MAX 6

typedef enum pay_basis { PAY_HOURLY, PAY_PIECE, PAY_NONPRODUCTIVE } pay_basis;

/* A stretch of paid time, within one day. Seconds are those of the clock: 1970's in UTC, whatever a wall says. */
typedef struct pay_span {
    int64_t day;        /* the working day, since 1970 */
    const char *day_id; /* lent, as all text here */
    const char *job_id;
    pay_basis basis;
    bool rest;
    int64_t start_s, end_s;
    int64_t rate_cents; /* of hourly ones */
} pay_span;

/* What was picked. Of a unit that several shared, each has a part that is whole cents, the first ones a cent more. */
typedef struct pay_piece {
    int64_t day;
    const char *day_id, *ticket_id, *job_id, *unit;
    int64_t at_s;
    int64_t quantity; /* thousandths; negative takes back */
    int64_t rate_cents;
    int32_t sharers, share; /* 0: nobody shares it; else which of them this is, from 0 on */
} pay_piece;

typedef enum pay_extra_kind {
    PAY_BONUS_FLAT,       /* for coming, not for producing: its overtime is of the hours at 100 percent alone */
    PAY_BONUS_PRODUCTION, /* part of the regular rate */
    PAY_MISSED_MEAL,      /* without a sum: the rules say how long */
    PAY_MISSED_REST,
} pay_extra_kind;

typedef struct pay_extra {
    pay_extra_kind kind;
    int64_t day;
    const char *day_id;
    int64_t cents;
} pay_extra;

/* All of a period, each list in the order of days, spans also of their start. */
typedef struct pay_work {
    rules_employer employer;
    int64_t first_day;
    int32_t weeks;
    const pay_span *spans;
    size_t span_count;
    const pay_piece *pieces;
    size_t piece_count;
    const pay_extra *extras;
    size_t extra_count;
} pay_work;

/**
 * Fills @out's lines, gross_cents, seconds, rules and currency; the rest is left as it is.
 *
 * FAILED_PRECONDITION: the rules say nothing of a day. INVALID_ARGUMENT: spans overlap, are out of order, or something
 * lies outside of the period. OUT_OF_RANGE: a sum does not fit.
 */
furrow_status pay_compute(const Payroll__V1__RuleSet *rules, const pay_work *work, furrow_arena *arena,
                          Payroll__V1__Statement *out, furrow_error *err) FURROW_MUST_USE;

#endif
