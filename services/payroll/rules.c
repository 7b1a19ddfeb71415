/* See rules.h. */
#include "payroll/rules.h"

#include "wire/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)
#define FOREVER  INT64_MAX

typedef struct validity {
    int64_t from, to;
    int64_t min, max; /* people employed */
} validity;

/* Of a row that passed check_validity; what is no bound is the furthest that there is. */
static validity validity_of(const char *from, const char *to, const Payroll__V1__EmployerSize *employers)
{
    validity valid = {.to = FOREVER, .max = INT64_MAX};
    calendar_day(from, &valid.from);
    if (to[0]) calendar_day(to, &valid.to);
    if (employers) valid.min = employers->min;
    if (employers && employers->max) valid.max = employers->max;
    return valid;
}

static bool holds(validity valid, const rules_employer *employer, int64_t day)
{
    return day >= valid.from && day <= valid.to && employer->size >= valid.min && employer->size <= valid.max;
}

static furrow_status check_validity(const char *row, size_t at, const char *from, const char *to,
                                    const Payroll__V1__EmployerSize *employers, furrow_error *err)
{
    int64_t first, last = FOREVER;
    if (!calendar_day(from, &first))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s[%zu].from: \"%.20s\" is no date; write 2026-01-01", row,
                           at, from);
    if (to[0] && !calendar_day(to, &last))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "%s[%zu].to: \"%.20s\" is no date; write 2026-12-31, or leave it out", row, at, to);
    if (last < first)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s[%zu]: ends on %s, before it begins on %s", row, at, to,
                           from);
    if (employers && employers->max && employers->max < employers->min)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s[%zu].employers: max is below min", row, at);
    return FURROW_OK;
}

static bool overlap(validity a, validity b)
{
    return a.from <= b.to && b.from <= a.to && a.min <= b.max && b.min <= a.max;
}

static furrow_status check_thresholds(size_t row, const char *name, Payroll__V1__Threshold *const all[], size_t count,
                                      furrow_error *err)
{
    for (size_t i = 1; i < count; i++) {
        if (all[i]->after_minutes <= all[i - 1]->after_minutes)
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "overtime[%zu].%s[%zu].afterMinutes: must be more than %d",
                               row, name, i, (int)all[i - 1]->after_minutes);
        if (all[i]->percent <= all[i - 1]->percent)
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "overtime[%zu].%s[%zu].percent: must be more than %d", row,
                               name, i, (int)all[i - 1]->percent);
    }
    return FURROW_OK;
}

static furrow_status check_overtime(const Payroll__V1__RuleSet *rules, size_t at, furrow_error *err)
{
    const Payroll__V1__Overtime *row = rules->overtime[at];
    furrow_status status = check_validity("overtime", at, row->from, row->to, row->employers, err);
    if (status == FURROW_OK) status = check_thresholds(at, "daily", row->daily, row->n_daily, err);
    if (status == FURROW_OK) status = check_thresholds(at, "weekly", row->weekly, row->n_weekly, err);
    if (status == FURROW_OK) status = check_thresholds(at, "seventhDay", row->seventh_day, row->n_seventh_day, err);
    validity valid = status == FURROW_OK ? validity_of(row->from, row->to, row->employers) : (validity){0};
    for (size_t i = 0; status == FURROW_OK && i < at; i++) {
        const Payroll__V1__Overtime *other = rules->overtime[i];
        if (overlap(valid, validity_of(other->from, other->to, other->employers)))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "overtime[%zu] and overtime[%zu] hold for the same days and employers; end one the day "
                               "before the other begins",
                               i, at);
    }
    return status;
}

static furrow_status check_method_row(const Payroll__V1__RuleSet *rules, size_t at, furrow_error *err)
{
    const Payroll__V1__Method *row = rules->methods[at];
    furrow_status status = check_validity("methods", at, row->from, row->to, NULL, err);
    validity valid = status == FURROW_OK ? validity_of(row->from, row->to, NULL) : (validity){0};
    for (size_t i = 0; status == FURROW_OK && i < at; i++) {
        const Payroll__V1__Method *other = rules->methods[i];
        if (overlap(valid, validity_of(other->from, other->to, NULL)))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "methods[%zu] and methods[%zu] hold for the same days; end one the day before the "
                               "other begins",
                               i, at);
    }
    return status;
}

static furrow_status check_rules(const Payroll__V1__RuleSet *rules, furrow_error *err)
{
    furrow_status status = furrow_rule_first(&payroll_v1_rule_set_field_rules, &rules->base, err);
    for (size_t i = 0; status == FURROW_OK && i < rules->n_minimum_wages; i++) {
        const Payroll__V1__MinimumWage *row = rules->minimum_wages[i];
        status = check_validity("minimumWages", i, row->from, row->to, row->employers, err);
    }
    for (size_t i = 0; status == FURROW_OK && i < rules->n_overtime; i++) status = check_overtime(rules, i, err);
    for (size_t i = 0; status == FURROW_OK && i < rules->n_methods; i++) status = check_method_row(rules, i, err);
    return status;
}

furrow_status rules_parse(furrow_bytes text, furrow_arena *arena, Payroll__V1__RuleSet **out, furrow_error *err)
{
    __typeof__((*out)->base) *message = NULL; /* as every message begins */
    furrow_status status = furrow_json_decode(&payroll__v1__rule_set__descriptor, text, arena, &message, err);
    if (status == FURROW_OK) status = check_rules((Payroll__V1__RuleSet *)message, err);
    if (status == FURROW_OK) *out = (Payroll__V1__RuleSet *)message;
    if (status != FURROW_OK && err && err->field[0]) return furrow_wrap(err, "%s", err->field);
    return status;
}

furrow_status rules_read(const char *path, furrow_arena *arena, Payroll__V1__RuleSet **out, furrow_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "rules of pay: cannot open %s: %s", path, strerror(errno));
    char *text = furrow_arena_alloc(arena, FILE_MAX);
    size_t len = text ? fread(text, 1, FILE_MAX, file) : 0;
    bool failed = ferror(file) != 0;
    fclose(file);
    if (!text) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    if (failed) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "rules of pay: cannot read %s", path);
    if (len == FILE_MAX) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "rules of pay: %s is larger than 1 MB", path);
    furrow_status status = rules_parse((furrow_bytes){(const uint8_t *)text, len}, arena, out, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "rules of pay in %s", path);
}

furrow_status rules_minimum_wage(const Payroll__V1__RuleSet *rules, const rules_employer *employer, int64_t day,
                                 int64_t *out, furrow_error *err)
{
    int64_t highest = 0;
    char date[11];
    for (size_t i = 0; i < rules->n_minimum_wages; i++) {
        const Payroll__V1__MinimumWage *row = rules->minimum_wages[i];
        if (row->place[0] && strcmp(row->place, employer->place) != 0) continue;
        if (row->cents_per_hour > highest && holds(validity_of(row->from, row->to, row->employers), employer, day))
            highest = row->cents_per_hour;
    }
    if (!highest)
        return furrow_fail_reason(
            err, FURROW_FAILED_PRECONDITION, "NO_RULE_OF_PAY",
            "the rules of pay \"%s\" have no minimum wage for %s and an employer of %lld; add a row", rules->id,
            calendar_date(day, date), (long long)employer->size);
    *out = highest;
    return FURROW_OK;
}

const Payroll__V1__Overtime *rules_overtime(const Payroll__V1__RuleSet *rules, const rules_employer *employer,
                                            int64_t day)
{
    for (size_t i = 0; i < rules->n_overtime; i++) {
        const Payroll__V1__Overtime *row = rules->overtime[i];
        if (holds(validity_of(row->from, row->to, row->employers), employer, day)) return row;
    }
    return NULL;
}

furrow_status rules_method(const Payroll__V1__RuleSet *rules, int64_t day, const Payroll__V1__Method **out,
                           furrow_error *err)
{
    char date[11];
    for (size_t i = 0; i < rules->n_methods; i++) {
        if (!holds(validity_of(rules->methods[i]->from, rules->methods[i]->to, NULL), &(rules_employer){0}, day))
            continue;
        *out = rules->methods[i];
        return FURROW_OK;
    }
    return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "NO_RULE_OF_PAY",
                              "the rules of pay \"%s\" have no method for %s; add a row", rules->id,
                              calendar_date(day, date));
}
