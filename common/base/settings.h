/**
 * Settings: a table of what can be set, read from the environment, checked and documented in one place.
 *
 *   static const furrow_setting table[] = {
 *       {"FURROW_NATS_URL", FURROW_SETTING_TEXT, offsetof(config, url), "nats://127.0.0.1:4222", 0, 0, "NATS server"},
 *       {"FURROW_MAX_CALLS", FURROW_SETTING_NUMBER, offsetof(config, calls), "1024", 1, 100000, "calls in flight"},
 *   };
 *
 * Fields are `const char *` (lent for the life of the process) or `int64_t`. A variable that is set to nothing counts
 * as unset. A wrong value is INVALID_ARGUMENT and names the setting, the value and what is allowed. A secret may also
 * stand in the first line of a file, named by the variable with "_FILE" behind its name: others cannot see it there, and
 * who uses it may read it anew each time (furrow_settings_secret_file), so that it can be exchanged.
 */
#ifndef FURROW_BASE_SETTINGS_H
#define FURROW_BASE_SETTINGS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FURROW_SETTING_SECRET_MAX 512 /* with its NUL */

typedef enum furrow_setting_kind {
    FURROW_SETTING_TEXT,
    FURROW_SETTING_NUMBER,
    FURROW_SETTING_SECRET /* a text */
} furrow_setting_kind;

typedef struct furrow_setting {
    const char *name; /* of the environment variable */
    furrow_setting_kind kind;
    size_t offset;
    const char *fallback; /* NULL: unset stays NULL (text only) */
    int64_t min, max;     /* numbers only */
    const char *help;
} furrow_setting;

furrow_status furrow_settings_read(const furrow_setting table[], size_t count, void *into,
                                   furrow_error *err) FURROW_MUST_USE;

/* The file that @secret, a field as furrow_settings_read filled it, was read from; NULL: it stands in the environment.
 * Lent for the life of the process. */
const char *furrow_settings_secret_file(const char *secret);

/* The secret as it stands in the file @path now. INVALID_ARGUMENT names the file as @name. */
furrow_status furrow_settings_read_secret(const char *name, const char *path, char out[FURROW_SETTING_SECRET_MAX],
                                          furrow_error *err) FURROW_MUST_USE;

/* Is @variable one of the table's, or the file of one of its secrets? */
bool furrow_settings_known(const furrow_setting table[], size_t count, const char *variable);

/* The setting of the table whose name is nearest to @variable, if it is so near that it must be what was meant: a letter in
 * four may be wrong behind the prefix, three at most, or its end missing. Else NULL. */
const char *furrow_settings_nearest(const furrow_setting table[], size_t count, const char *variable);

/* "NAME=value NAME=value" of what furrow_settings_read filled @from with, without those that are unset, from setting *next
 * on as far as @size goes; *next is where to go on. A secret is "(set)", and what stands before "@" in an address is left out. */
void furrow_settings_describe(const furrow_setting table[], size_t count, const void *from, size_t *next, char *out,
                              size_t size);

/* The manual: one line per setting with default, range and help. */
void furrow_settings_print(const furrow_setting table[], size_t count, FILE *out);

#endif
