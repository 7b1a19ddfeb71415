/* See hours.h. */
#include "payroll/hours.h"

#define DAYS 7
#define MOST 9 /* slices of a span: it is cut at four thresholds of the day and at four of the week */

/* What was counted before, and of what. */
typedef struct counting {
    const Payroll__V1__Overtime *rule; /* of the day that is counted; NULL: none */
    int64_t day;
    int64_t day_s, week_s; /* so far: of the day, and at 100 percent of the week */
    bool seventh;          /* it is one */
} counting;

/* The percentage at @counted_s, and in *left_s how long it stays so. */
static int32_t percent_at(Payroll__V1__Threshold *const all[], size_t count, int64_t counted_s, int64_t *left_s)
{
    int32_t percent = 100;
    *left_s = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t at_s = (int64_t)all[i]->after_minutes * 60;
        if (counted_s >= at_s)
            percent = all[i]->percent;
        else if (at_s - counted_s < *left_s)
            *left_s = at_s - counted_s;
    }
    return percent;
}

/* The next slice of @span from @start_s on. */
static hours_slice next_slice(counting *now, const pay_span *span, int64_t start_s)
{
    int64_t left_s = span->end_s - start_s, stays_s;
    int32_t percent = 100;
    if (now->rule) {
        percent = now->seventh ? percent_at(now->rule->seventh_day, now->rule->n_seventh_day, now->day_s, &stays_s)
                               : percent_at(now->rule->daily, now->rule->n_daily, now->day_s, &stays_s);
        if (stays_s < left_s) left_s = stays_s;
    }
    bool straight = percent == 100;
    if (now->rule && straight) {
        percent = percent_at(now->rule->weekly, now->rule->n_weekly, now->week_s, &stays_s);
        if (stays_s < left_s) left_s = stays_s;
        straight = percent == 100 || now->rule->n_weekly > 1; /* a second threshold of the week counts on */
    }
    now->day_s += left_s;
    if (straight) now->week_s += left_s;
    return (hours_slice){span, start_s, start_s + left_s, percent};
}

static bool all_days_are_worked(int64_t first_day, const pay_span *spans, size_t count)
{
    unsigned worked = 0;
    for (size_t i = 0; i < count; i++) worked |= 1u << (spans[i].day - first_day);
    return worked == (1u << DAYS) - 1;
}

furrow_status hours_cut(const Payroll__V1__RuleSet *rules, const rules_employer *employer, int64_t first_day,
                        const pay_span *spans, size_t count, furrow_arena *arena, hours_slice **out, size_t *out_count,
                        furrow_error *err)
{
    hours_slice *slices = furrow_arena_alloc(arena, (count * MOST + 1) * sizeof *slices);
    if (!slices) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a workweek");
    bool all_worked = all_days_are_worked(first_day, spans, count);
    counting now = {.day = INT64_MIN};
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].day != now.day) {
            now.day = spans[i].day;
            now.day_s = 0;
            now.rule = rules_overtime(rules, employer, now.day);
            now.seventh = all_worked && now.day == first_day + DAYS - 1 && now.rule && now.rule->n_seventh_day > 0;
        }
        for (int64_t at_s = spans[i].start_s; at_s < spans[i].end_s; at_s = slices[made - 1].end_s)
            slices[made++] = next_slice(&now, &spans[i], at_s);
    }
    *out = slices;
    *out_count = made;
    return FURROW_OK;
}
