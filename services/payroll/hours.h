/**
 * Which percentage each second of a workweek is paid at. Pure.
 *
 * A day's seconds are counted in their order, and past a threshold of the day they are paid at its percentage; of a
 * workweek of which all seven days were worked the last has thresholds of its own. What is left at 100 percent is
 * counted toward the week's thresholds. So no second has two percentages. Each day goes by the rules that hold for it.
 */
#ifndef FURROW_PAYROLL_HOURS_H
#define FURROW_PAYROLL_HOURS_H

#include "payroll/pay.h"

/* Part of a span with one percentage. */
typedef struct hours_slice {
    const pay_span *span;
    int64_t start_s, end_s;
    int32_t percent;
} hours_slice;

/* Of the spans of the workweek that begins on @first_day; in their order. RESOURCE_EXHAUSTED: no memory. */
furrow_status hours_cut(const Payroll__V1__RuleSet *rules, const rules_employer *employer, int64_t first_day,
                        const pay_span *spans, size_t count, furrow_arena *arena, hours_slice **out, size_t *out_count,
                        furrow_error *err) FURROW_MUST_USE;

#endif
