/**
 * Rules of pay: read from a file, checked as a whole, and asked for a day. What they mean is said beside their messages
 * in payroll.proto. Pure but for rules_read; threads: any.
 * Days are counted since 1970.
 */
#ifndef FURROW_PAYROLL_RULES_H
#define FURROW_PAYROLL_RULES_H

#include "payroll/ratio.h"
#include "payroll/calendar.h"

/* Whose rules are asked for. */
typedef struct rules_employer {
    int64_t size;      /* people employed */
    const char *place; /* of a local minimum wage; "": none */
} rules_employer;

/* Reads a rule set, in JSON, into @arena. INVALID_ARGUMENT names the file, the place in it and what is wrong there. */
furrow_status rules_read(const char *path, furrow_arena *arena, Payroll__V1__RuleSet **out,
                         furrow_error *err) FURROW_MUST_USE;

/* The same of text. What is checked: the contract's rules of fields; dates that are none or stand the wrong way round;
 * thresholds that do not rise; two rows of overtime or of the method for one employer and day. */
furrow_status rules_parse(furrow_bytes text, furrow_arena *arena, Payroll__V1__RuleSet **out,
                          furrow_error *err) FURROW_MUST_USE;

/* Cents an hour. FAILED_PRECONDITION when the rules have none for that day. */
furrow_status rules_minimum_wage(const Payroll__V1__RuleSet *rules, const rules_employer *employer, int64_t day,
                                 int64_t *out, furrow_error *err) FURROW_MUST_USE;

/* NULL: no overtime is due for that day. */
const Payroll__V1__Overtime *rules_overtime(const Payroll__V1__RuleSet *rules, const rules_employer *employer,
                                            int64_t day);

/* FAILED_PRECONDITION when the rules have none for that day. */
furrow_status rules_method(const Payroll__V1__RuleSet *rules, int64_t day, const Payroll__V1__Method **out,
                           furrow_error *err) FURROW_MUST_USE;

#endif
