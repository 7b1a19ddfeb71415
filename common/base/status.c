/*
 * Status codes and the error value. Text is formatted aside and then copied, so an error's own text may be an argument
 * of its new text; what does not fit is cut at a character, not inside one, for it travels as a protobuf string.
 * Depends on nothing.
 */
#include "base/status.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define X(number, name) [number] = #name,
    FURROW_STATUS_MAP(X)
#undef X
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *furrow_status_name(furrow_status code)
{
    return (size_t)code < NAME_COUNT ? names[code] : "UNKNOWN";
}

furrow_status furrow_status_from_number(long number)
{
    return number >= 0 && (size_t)number < NAME_COUNT ? (furrow_status)number : FURROW_UNKNOWN;
}

furrow_status furrow_status_from_name(const char *name)
{
    for (size_t i = 0; name && i < NAME_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) return (furrow_status)i;
    }
    return FURROW_UNKNOWN;
}

/* Copies @text, cutting it in front of the first UTF-8 character that does not fit whole. */
static void copy_whole_characters(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

/* One longer than an error's text, so that a cut shows as a cut. */
#define SCRATCH (sizeof(((furrow_error *)NULL)->text) + 1)

__attribute__((format(printf, 4, 0))) static void fill(furrow_error *err, furrow_status code, const char *field,
                                                       const char *format, va_list args)
{
    char text[SCRATCH];
    vsnprintf(text, sizeof(text), format, args);
    char path[sizeof(err->field) + 1];
    snprintf(path, sizeof(path), "%s", field);
    furrow_error_clear(err);
    err->code = code;
    copy_whole_characters(err->text, sizeof(err->text), text);
    copy_whole_characters(err->field, sizeof(err->field), path);
}

furrow_status furrow_fail(furrow_error *err, furrow_status code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, code, "", format, args);
        va_end(args);
    }
    return code;
}

furrow_status furrow_fail_busy(furrow_error *err, int64_t retry_ms, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, FURROW_RESOURCE_EXHAUSTED, "", format, args);
        va_end(args);
        err->retry_ms = retry_ms;
    }
    return FURROW_RESOURCE_EXHAUSTED;
}

furrow_status furrow_fail_field(furrow_error *err, const char *field, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, FURROW_INVALID_ARGUMENT, field ? field : "", format, args);
        va_end(args);
    }
    return FURROW_INVALID_ARGUMENT;
}

furrow_status furrow_fail_reason(furrow_error *err, furrow_status code, const char *reason, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, code, "", format, args);
        va_end(args);
        copy_whole_characters(err->reason, sizeof err->reason, reason);
    }
    return code;
}

furrow_status furrow_wrap(furrow_error *err, const char *format, ...)
{
    if (!err) return FURROW_UNKNOWN;
    if (err->code == FURROW_OK) err->code = FURROW_UNKNOWN;
    char text[SCRATCH];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(text)) {
        len = snprintf(text + len, sizeof(text) - (size_t)len, ": %s", err->text);
    }
    if (len < 0) return err->code;
    copy_whole_characters(err->text, sizeof(err->text), text);
    return err->code;
}

void furrow_bug(const char *what, const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, condition);
    fflush(stderr);
    abort();
}
