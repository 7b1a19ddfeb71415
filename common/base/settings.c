/*
 * Settings from the environment. All are checked before the first is written, so a failure leaves the caller's struct
 * as it was. Secrets read from files are kept to the end of the process. Depends on status.
 */
#include "base/settings.h"

#include "base/bytes.h"
#include "base/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 80
#define NEAR         3   /* letters that a name may be wrong in: past it, it is another program's */
#define VALUE_SHOWN  200 /* more is cut off */

typedef struct secret {
    struct secret *next;
    const furrow_setting *setting;
    char *path;
    char text[FURROW_SETTING_SECRET_MAX];
} secret;

static secret *secrets; /* the last read first */

/* What is set, or the fallback. A variable that is set to nothing counts as unset: container files pass those on. */
static const char *setting_value(const furrow_setting *setting)
{
    const char *value = getenv(setting->name);
    return value && *value ? value : setting->fallback;
}

static bool parse_number(const furrow_setting *setting, const char *text, int64_t *out)
{
    return text && furrow_number_parse_signed(furrow_bytes_of(text), setting->min, setting->max, out);
}

/* The file that @setting's secret stands in; NULL when none is named. */
static const char *secret_file(const furrow_setting *setting, char name[NAME_MAX_LEN])
{
    FURROW_REQUIRE(snprintf(name, NAME_MAX_LEN, "%s_FILE", setting->name) < NAME_MAX_LEN);
    const char *path = getenv(name);
    return path && *path ? path : NULL;
}

furrow_status furrow_settings_read_secret(const char *name, const char *path, char out[FURROW_SETTING_SECRET_MAX],
                                          furrow_error *err)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (!file) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is \"%.120s\": %s", name, path, strerror(errno));
    bool there = fgets(out, FURROW_SETTING_SECRET_MAX, file) != NULL;
    bool whole = strchr(out, '\n') || feof(file);
    fclose(file);
    out[strcspn(out, "\r\n")] = '\0';
    if (there && whole && out[0] != '\0') return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is \"%.120s\": its first line must have 1 to %d bytes", name,
                       path, FURROW_SETTING_SECRET_MAX - 2);
}

const char *furrow_settings_secret_file(const char *text)
{
    const secret *kept = secrets;
    while (kept && kept->text != text) kept = kept->next;
    return kept ? kept->path : NULL;
}

/* Keeps what the file says, if one is named. */
static furrow_status read_secret(const furrow_setting *setting, furrow_error *err)
{
    char name[NAME_MAX_LEN], text[FURROW_SETTING_SECRET_MAX];
    const char *path = secret_file(setting, name);
    if (!path) return FURROW_OK;
    if (setting_value(setting))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s and %s are both set: use one", setting->name, name);
    furrow_status status = furrow_settings_read_secret(name, path, text, err);
    if (status != FURROW_OK) return status;
    secret *kept = calloc(1, sizeof *kept);
    if (!kept || !(kept->path = strdup(path))) {
        free(kept);
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    }
    memcpy(kept->text, text, sizeof text);
    kept->setting = setting;
    kept->next = secrets;
    secrets = kept;
    return FURROW_OK;
}

/* After read_secret. */
static const char *setting_text(const furrow_setting *setting)
{
    char name[NAME_MAX_LEN];
    if (setting->kind != FURROW_SETTING_SECRET || !secret_file(setting, name)) return setting_value(setting);
    const secret *kept = secrets;
    while (kept->setting != setting) kept = kept->next;
    return kept->text;
}

static furrow_status check_setting(const furrow_setting *setting, furrow_error *err)
{
    int64_t number;
    if (setting->kind == FURROW_SETTING_SECRET) return read_secret(setting, err);
    if (setting->kind != FURROW_SETTING_NUMBER || parse_number(setting, setting_value(setting), &number))
        return FURROW_OK;
    FURROW_REQUIRE(setting_value(setting) != setting->fallback);
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       "%s is \"%.64s\": it must be a number from %" PRId64 " to %" PRId64, setting->name,
                       setting_value(setting), setting->min, setting->max);
}

furrow_status furrow_settings_read(const furrow_setting table[], size_t count, void *into, furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        furrow_status status = check_setting(&table[i], err);
        if (status != FURROW_OK) return status;
    }
    for (size_t i = 0; i < count; i++) {
        char *field = (char *)into + table[i].offset;
        const char *text = setting_text(&table[i]);
        int64_t number = 0;
        if (table[i].kind != FURROW_SETTING_NUMBER) {
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
        if (setting->kind != FURROW_SETTING_SECRET) continue;
        char name[NAME_MAX_LEN];
        (void)secret_file(setting, name);
        fprintf(out, "%-28s file whose first line it is, instead\n", name);
    }
}

bool furrow_settings_known(const furrow_setting table[], size_t count, const char *variable)
{
    for (size_t i = 0; i < count; i++) {
        const char *rest = furrow_bytes_after(variable, table[i].name);
        if (rest && (!*rest || (table[i].kind == FURROW_SETTING_SECRET && strcmp(rest, "_FILE") == 0))) return true;
    }
    return false;
}

/* Levenshtein's distance; NAME_MAX_LEN for names that are longer than any setting's. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN], len = strlen(b);
    if (len >= NAME_MAX_LEN || strlen(a) >= NAME_MAX_LEN) return NAME_MAX_LEN;
    for (size_t j = 0; j <= len; j++) row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]), shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
            diagonal = row[j];
            row[j] = changed < shorter + 1 ? changed : shorter + 1;
        }
    }
    return row[len];
}

/* The shorter it is, the more are like it: FURROW_RUN is none of ours. */
static size_t letters_wrong(const char *variable)
{
    const char *own = strchr(variable, '_');
    size_t letters = 1 + strlen(own ? own + 1 : variable) / 4;
    return letters < NEAR ? letters : NEAR;
}

/* FURROW_TIMEOUT for FURROW_TIMEOUT_MS: the first whose name only goes on. */
static const char *longer(const furrow_setting table[], size_t count, const char *variable)
{
    for (size_t i = 0; i < count; i++) {
        const char *rest = furrow_bytes_after(table[i].name, variable);
        if (rest && *rest == '_') return table[i].name;
    }
    return NULL;
}

const char *furrow_settings_nearest(const furrow_setting table[], size_t count, const char *variable)
{
    const char *nearest = NULL, *end = strstr(variable, "_FILE");
    char base[NAME_MAX_LEN];
    snprintf(base, sizeof base, "%.*s", (int)(end ? (size_t)(end - variable) : strlen(variable)), variable);
    size_t least = letters_wrong(variable) + 1;
    for (size_t i = 0; i < count; i++) {
        size_t apart = edit_distance(table[i].kind == FURROW_SETTING_SECRET ? base : variable, table[i].name);
        if (apart >= least) continue;
        least = apart;
        nearest = table[i].name;
    }
    return nearest ? nearest : longer(table, count, variable);
}

/* As it may be shown. */
static void show_value(const furrow_setting *setting, const void *from, char *out, size_t size)
{
    const char *text;
    int64_t number;
    const void *field = (const char *)from + setting->offset;
    if (setting->kind == FURROW_SETTING_NUMBER) {
        memcpy(&number, field, sizeof number);
        snprintf(out, size, "%" PRId64, number);
        return;
    }
    memcpy(&text, field, sizeof text);
    const char *host = text ? strrchr(text, '@') : NULL, *scheme = text ? strstr(text, "://") : NULL;
    if (!text)
        out[0] = '\0';
    else if (setting->kind == FURROW_SETTING_SECRET)
        snprintf(out, size, "(set)");
    else if (host)
        snprintf(out, size, "%.*s%s", scheme ? (int)(scheme + 3 - text) : 0, text, host + 1);
    else
        snprintf(out, size, "%s", text);
}

void furrow_settings_describe(const furrow_setting table[], size_t count, const void *from, size_t *next, char *out,
                              size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (; *next < count; ++*next) {
        char value[VALUE_SHOWN];
        const char *name = table[*next].name;
        show_value(&table[*next], from, value, sizeof value);
        if (!value[0]) continue;
        if (len > 0 && len + strlen(name) + strlen(value) + 2 >= size) return;
        len += (size_t)snprintf(out + len, size - len, "%s%s=%s", len ? " " : "", name, value);
    }
}
