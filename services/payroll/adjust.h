/**
 * What an earlier period's statements lack of what is known of it now. A statement that was issued stays as it is; what
 * it would have more or less today is a line of a later one, by kind. What later statements have adjusted of it already
 * was paid, too: so whatever comes, in whatever order, all statements together come to what was earned. Pure.
 */
#ifndef FURROW_PAYROLL_ADJUST_H
#define FURROW_PAYROLL_ADJUST_H

#include "payroll/v1/payroll.domain.h"

/**
 * Adds to @out the lines of what @now (computed today, of period @now->period_id) has beyond the @issued ones: that
 * period's own, and any others that may have adjusted it. Each names the days of that kind, and the tickets that are
 * new or gone. RESOURCE_EXHAUSTED: no memory.
 */
furrow_status adjust_statement(Payroll__V1__Statement *out, const Payroll__V1__Statement *now,
                               const Payroll__V1__Statement *const issued[], size_t count, furrow_arena *arena,
                               furrow_error *err) FURROW_MUST_USE;

#endif
