/** Workweeks of tests, in few words: what was worked and picked, as rows that become what pay_compute() takes. */
#ifndef FURROW_TEST_PAYROLL_EXAMPLE_H
#define FURROW_TEST_PAYROLL_EXAMPLE_H

#include "payroll/pay.h"

/* On each of the days @from to @to, counted from the period's first, from 6:00 on or after what is there already. */
typedef struct worked {
    int from, to;
    pay_basis basis;
    int rate;          /* cents an hour */
    int minutes, rest; /* of the minutes, in their middle */
} worked;

/* So much on each of the days, scanned @at minutes after 6:00. */
typedef struct picked {
    int from, to;
    int quantity; /* thousandths */
    int rate;
    int at, sharers, share;
} picked;

typedef struct extra {
    pay_extra_kind kind;
    int day, cents;
} extra;

typedef struct worked_example {
    const char *name;
    const char *rules; /* as examples_rules() knows them */
    const char *first_date;
    int weeks, employer_size;
    worked worked[6]; /* until one without minutes */
    picked picked[6]; /* until one without a quantity */
    extra extras[3];
    const char *lines; /* "HOURLY 20000, OVERTIME 2000" */
    int64_t gross;
} worked_example;

/* "ca" is config/rules' sample; the others are ways of it, or small sets of their own. */
Payroll__V1__RuleSet *example_rules(const char *name, furrow_arena *arena);

pay_work example_work(const worked_example *example, furrow_arena *arena);

/* "HOURLY 20000, OVERTIME 2000" */
char *example_lines(const Payroll__V1__Statement *statement, furrow_arena *arena);

#endif
