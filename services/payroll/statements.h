/**
 * Statements out of what the service keeps: computed at any time, written once.
 *
 * A statement has what its period came to, and what earlier periods lack of what is known of them now: those of which a
 * statement was issued, as far back as the settings say. What their statements and adjustments have paid before is
 * read, so a statement that is issued twice, or late, pays nothing twice.
 *
 * Threads: the loop's, in a task. Parks.
 */
#ifndef FURROW_PAYROLL_STATEMENTS_H
#define FURROW_PAYROLL_STATEMENTS_H

#include "payroll/rules.h"
#include "runtime/service.h"

#define STATEMENTS_ADJUSTED_MAX 8

typedef struct statements_settings {
    const char *rules_file, *period_start, *place;
    int64_t period_weeks, employees, adjusted;
} statements_settings;

/* Filled before the service starts: startup.c. */
extern statements_settings statements_config;
extern Payroll__V1__RuleSet *statements_rules;

/* What the statement of the period that begins on @first_day would be now. FAILED_PRECONDITION when the rules have
 * nothing for a day of it. */
furrow_status statements_compute(furrow_service *service, const char *employee_id, int64_t first_day,
                                 furrow_arena *arena, Payroll__V1__Statement *out, furrow_error *err) FURROW_MUST_USE;

/* Whose statement is written. */
typedef struct statements_issuing {
    furrow_service *service;
    const char *employee_id;
    int64_t first_day;
    const furrow_command *command;
    bool unless_empty; /* somebody who has nothing and lacks nothing gets none */
} statements_issuing;

/*
 * Writes it, unless there is one already: @out is the one that was written. Those of earlier periods that were closed
 * come first, the earliest of them before all: what a later one adjusts must have been issued. FAILED_PRECONDITION: the
 * period is not closed, or as of statements_compute.
 */
furrow_status statements_issue(const statements_issuing *what, furrow_arena *arena, furrow_written *out,
                               furrow_error *err) FURROW_MUST_USE;

#endif
