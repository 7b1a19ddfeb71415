/* What the payroll service has of its own beside its contract: its rules, its periods, and who pays by them. */
#include "payroll/issue.h"
#include "payroll/calendar.h"
#include "payroll/pay.h"
#include "payroll/statements.h"
#include "payroll/v1/payroll.server.h"

#define RULES_BYTES ((size_t)8 << 20) /* in the arena that keeps them as long as the process runs */

#define SETTING(name, kind, field, fallback, min, max, help)                                                           \
    {                                                                                                                  \
        "PAYROLL_" name, FURROW_SETTING_##kind, offsetof(statements_settings, field), fallback, min, max, help         \
    }

static const furrow_setting settings[] = {
    SETTING("RULES", TEXT, rules_file, NULL, 0, 0,
            "file with the rules of pay, as config/rules/us-ca-agriculture.json"),
    SETTING("PERIOD_START", TEXT, period_start, "2026-01-05", 0, 0,
            "first day of any one pay period; workweeks begin on its weekday"),
    SETTING("PERIOD_WEEKS", NUMBER, period_weeks, "1", 1, PAY_WEEKS_MAX, "workweeks of a pay period"),
    SETTING("EMPLOYEES", NUMBER, employees, "26", 1, 10000000, "people that the farm employs, as the rules count them"),
    SETTING("PLACE", TEXT, place, "", 0, 0, "place of the farm, where the rules have local minimum wages"),
    SETTING("ADJUSTED", NUMBER, adjusted, "8", 0, STATEMENTS_ADJUSTED_MAX,
            "periods before one that its statements adjust"),
};

static furrow_status prepare_rules(furrow_error *err)
{
    statements_settings *config = &statements_config;
    if (!config->rules_file)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "PAYROLL_RULES is not set: name the file with the rules of pay");
    if (!calendar_day(config->period_start, &farm_calendar.anchor_day))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "PAYROLL_PERIOD_START is \"%.20s\": no date; write 2026-01-05",
                           config->period_start);
    farm_calendar.weeks = config->period_weeks;
    furrow_arena *arena = furrow_arena_create(RULES_BYTES); /* never destroyed: the rules live in it */
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the rules of pay");
    return rules_read(config->rules_file, arena, &statements_rules, err);
}

const furrow_startup payroll_startup = {
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
    .settings_into = &statements_config,
    .prepare = prepare_rules,
    .work = issue_some,
};
