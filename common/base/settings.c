/*
 * Settings from the environment. All are checked before the first is written, so a failure leaves the caller's struct
 * as it was. Depends on status.
 */
#include "base/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is set, or the fallback. A variable that is set to nothing counts as unset: container files pass those on. */
static const char *value_of(const furrow_setting *setting)
{
    const char *value = getenv(setting->name);
    return value && *value ? value : setting->fallback;
}

/* Decimal, whole and in range; strtoll's own leniency (leading blanks, "+") is not ours. */
static bool parse_number(const furrow_setting *setting, const char *text, int64_t *out)
{
    if (!text || strchr("-0123456789", *text) == NULL || *text == '\0') return false;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text) return false;
    if (number < setting->min || number > setting->max) return false;
    *out = number;
    return true;
}

static furrow_status check(const furrow_setting *setting, furrow_error *err)
{
    int64_t number;
    if (setting->kind != FURROW_SETTING_NUMBER || parse_number(setting, value_of(setting), &number)) return FURROW_OK;
    FURROW_REQUIRE(value_of(setting) != setting->fallback);
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       "%s is \"%.64s\": it must be a number from %" PRId64 " to %" PRId64, setting->name,
                       value_of(setting), setting->min, setting->max);
}

furrow_status furrow_settings_read(const furrow_setting table[], size_t count, void *into, furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        furrow_status status = check(&table[i], err);
        if (status != FURROW_OK) return status;
    }
    for (size_t i = 0; i < count; i++) {
        char *field = (char *)into + table[i].offset;
        const char *text = value_of(&table[i]);
        int64_t number = 0;
        if (table[i].kind == FURROW_SETTING_TEXT) {
            memcpy(field, &text, sizeof(text));
        } else if (parse_number(&table[i], text, &number)) {
            memcpy(field, &number, sizeof(number));
        }
    }
    return FURROW_OK;
}

void furrow_settings_print(const furrow_setting table[], size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const furrow_setting *setting = &table[i];
        fprintf(out, "%-28s %s (default: %s", setting->name, setting->help,
                setting->fallback && *setting->fallback ? setting->fallback : "none");
        if (setting->kind == FURROW_SETTING_NUMBER)
            fprintf(out, "; %" PRId64 " to %" PRId64, setting->min, setting->max);
        fputs(")\n", out);
    }
}
