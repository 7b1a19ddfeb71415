/*
 * The log. A line is built on the stack and written once. The fields' format is walked value by value, because only so
 * can a value be told from the next field: whatever a peer's text contains, it stays inside its own quotes and on its
 * own line. Lines that come again and again are counted. Depends on clock.
 */
#include "base/logger.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES  2048
#define VALUE_MAX_BYTES 1024
#define ESCAPE_MAX      6 /* \u001f */
#define REPEATED_SLOTS  32

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static furrow_log_level most_verbose = FURROW_LOG_INFO;
static char service_name[64];

typedef struct text {
    char *data;
    size_t len, cap;
} text;

typedef struct fields {
    const char *at;
    va_list args;
} fields;

void furrow_logger_init(const char *service, furrow_log_level level)
{
    snprintf(service_name, sizeof(service_name), "%s", service ? service : "");
    most_verbose = level;
}

bool furrow_logger_on(furrow_log_level level)
{
    return level <= most_verbose;
}

static void put_raw(text *to, const char *data, size_t len)
{
    size_t room = to->cap - to->len;
    if (len > room) len = room;
    memcpy(to->data + to->len, data, len);
    to->len += len;
}

static void put_cstring(text *to, const char *data)
{
    put_raw(to, data, strlen(data));
}

static bool is_plain_value(const text *value)
{
    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char)value->data[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f) return false;
    }
    return value->len > 0;
}

static void put_escaped(text *to, char c)
{
    char escape[ESCAPE_MAX + 1];
    if (c == '"' || c == '\\') {
        snprintf(escape, sizeof(escape), "\\%c", c);
    } else if (c == '\n') {
        snprintf(escape, sizeof(escape), "\\n");
    } else if ((unsigned char)c < ' ' || c == 0x7f) {
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)c);
    } else {
        snprintf(escape, sizeof(escape), "%c", c);
    }
    put_cstring(to, escape);
}

/* As it is, or in quotes when a reader of logfmt could take it for something else. */
static void put_value(text *to, const text *value)
{
    if (is_plain_value(value)) {
        put_raw(to, value->data, value->len);
        return;
    }
    put_raw(to, "\"", 1);
    for (size_t i = 0; i < value->len && to->cap - to->len > ESCAPE_MAX; i++) put_escaped(to, value->data[i]);
    put_raw(to, "\"", 1);
}

/* One conversion: its text rebuilt for the widest type, with every * replaced by its argument. */
typedef struct conversion {
    char spec[48];
    size_t len;
    char modifier; /* the length modifier; H is hh, q is ll */
    char kind;
} conversion;

static void put_star(conversion *conv, int number)
{
    bool precision = conv->len > 0 && conv->spec[conv->len - 1] == '.';
    if (precision && number < 0) {
        conv->len--; /* a negative precision is none */
        return;
    }
    int len = snprintf(conv->spec + conv->len, sizeof(conv->spec) - conv->len, "%d", number);
    conv->len += (size_t)len;
}

static conversion read_conversion(fields *from)
{
    conversion conv = {.spec = "%", .len = 1};
    for (from->at++; *from->at && strchr("-+ #0123456789.*", *from->at) && conv.len < 24; from->at++) {
        if (*from->at == '*') {
            put_star(&conv, va_arg(from->args, int));
        } else {
            conv.spec[conv.len++] = *from->at;
        }
    }
    for (; *from->at && strchr("hlqjztL", *from->at); from->at++) {
        if (*from->at == conv.modifier) {
            conv.modifier = *from->at == 'h' ? 'H' : 'q';
        } else {
            conv.modifier = *from->at;
        }
    }
    conv.kind = *from->at;
    if (*from->at) from->at++;
    if (strchr("diuoxX", conv.kind)) conv.len += (size_t)sprintf(conv.spec + conv.len, "ll");
    conv.spec[conv.len] = conv.kind;
    conv.spec[conv.len + 1] = '\0';
    return conv;
}

static long long take_signed(fields *from, char modifier)
{
    switch (modifier) {
    case 'H':
        return (signed char)va_arg(from->args, int);
    case 'h':
        return (short)va_arg(from->args, int);
    case 'l':
        return va_arg(from->args, long);
    case 'q':
        return va_arg(from->args, long long);
    case 'j':
        return va_arg(from->args, intmax_t);
    case 'z':
    case 't':
        return va_arg(from->args, ptrdiff_t);
    default:
        return va_arg(from->args, int);
    }
}

static unsigned long long take_unsigned(fields *from, char modifier)
{
    switch (modifier) {
    case 'H':
        return (unsigned char)va_arg(from->args, unsigned);
    case 'h':
        return (unsigned short)va_arg(from->args, unsigned);
    case 'l':
        return va_arg(from->args, unsigned long);
    case 'q':
        return va_arg(from->args, unsigned long long);
    case 'j':
        return va_arg(from->args, uintmax_t);
    case 'z':
    case 't':
        return va_arg(from->args, size_t);
    default:
        return va_arg(from->args, unsigned);
    }
}

/* The compiler has checked the whole format against its arguments at the call; here it is used in pieces. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int print_conversion(const conversion *conv, fields *from, char *out, size_t size)
{
    switch (conv->kind) {
    case 'd':
    case 'i':
        return snprintf(out, size, conv->spec, take_signed(from, conv->modifier));
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        return snprintf(out, size, conv->spec, take_unsigned(from, conv->modifier));
    case 'a':
    case 'e':
    case 'f':
    case 'g':
        return snprintf(out, size, conv->spec, va_arg(from->args, double));
    case 'c':
        return snprintf(out, size, conv->spec, va_arg(from->args, int));
    case 's':
        return snprintf(out, size, conv->spec, va_arg(from->args, const char *));
    case 'p':
        return snprintf(out, size, conv->spec, va_arg(from->args, void *));
    case '%':
        return snprintf(out, size, "%%");
    default: /* its argument's type is not known, so nothing after it can be read */
        from->at = "";
        return 0;
    }
}
#pragma GCC diagnostic pop

/* The value that the format describes up to its closing quote, or else up to the next blank. */
static void put_log_field(text *to, fields *from)
{
    bool quoted = *from->at == '"';
    char end = quoted ? '"' : ' ';
    if (quoted) from->at++;
    char data[VALUE_MAX_BYTES];
    text value = {.data = data, .cap = sizeof(data) - 1};
    while (*from->at && *from->at != end) {
        if (*from->at != '%') {
            put_raw(&value, from->at++, 1);
            continue;
        }
        conversion conv = read_conversion(from);
        int len = print_conversion(&conv, from, data + value.len, sizeof(data) - value.len);
        size_t room = value.cap - value.len;
        if (len > 0) value.len += (size_t)len < room ? (size_t)len : room;
    }
    if (quoted && *from->at) from->at++;
    put_value(to, &value);
}

static void put_fields(text *to, fields *from)
{
    while (*from->at) {
        size_t blanks = strspn(from->at, " ");
        from->at += blanks;
        if (!*from->at) return;
        put_raw(to, " ", 1);
        size_t key = strcspn(from->at, "= %\"");
        if (from->at[key] == '=') {
            put_raw(to, from->at, key + 1);
            from->at += key + 1;
        }
        put_log_field(to, from);
    }
}

static void put_line_head(text *to, furrow_log_level level, const char *message)
{
    put_cstring(to, "level=");
    put_cstring(to, level_names[level]);
    if (*service_name) {
        put_cstring(to, " service=");
        put_value(to, &(text){.data = service_name, .len = strlen(service_name)});
    }
    put_cstring(to, " msg=\"");
    for (const char *c = message; *c && to->cap - to->len > ESCAPE_MAX; c++) put_escaped(to, *c);
    put_cstring(to, "\"");
}

/* ---- the same line again ---- */

/* What was written lately, by a hash of all but its time. Where more different lines than that come in turn, none of them
 * is held back. */
typedef struct repeated {
    uint64_t hash, since_ns; /* hash 0: free */
    uint32_t written, dropped;
    char text[LINE_MAX_BYTES]; /* behind the time */
} repeated;

static repeated lately[REPEATED_SLOTS];
static pthread_mutex_t lately_lock = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a, without the digits behind "count=". */
static uint64_t hash_line(const char *data, size_t len)
{
    static const char count[] = " count=";
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)data[i]) * 0x100000001b3u;
        if (data[i] != '=' || i + 2 < sizeof count || memcmp(data + i + 2 - sizeof count, count, sizeof count - 1) != 0)
            continue;
        while (i + 1 < len && data[i + 1] >= '0' && data[i + 1] <= '9') i++;
    }
    return hash;
}

static void write_line(const char *data, size_t len)
{
    /* A log that cannot be written has nobody left to tell. */
    while (write(STDERR_FILENO, data, len) < 0 && errno == EINTR) continue;
}

static void put_time(text *to)
{
    char when[36];
    furrow_clock_format(furrow_clock_wall_ns(), when);
    put_cstring(to, "ts=");
    put_raw(to, when, strlen("2026-11-23T06:00:00.000"));
    put_cstring(to, "Z ");
}

/* Under the lock. */
static void tell_repeated(repeated *slot)
{
    char data[LINE_MAX_BYTES + 128], tail[32];
    text line = {.data = data, .cap = sizeof data - 1};
    if (slot->dropped > 0) {
        snprintf(tail, sizeof tail, " repeated=%u\n", slot->dropped);
        put_time(&line);
        put_cstring(&line, slot->text);
        put_cstring(&line, tail);
        write_line(data, line.len);
    }
    slot->hash = slot->since_ns = 0;
    slot->dropped = slot->written = 0;
}

static bool is_over(const repeated *slot, uint64_t now_ns)
{
    return now_ns - slot->since_ns >= FURROW_LOG_SAME_MS * FURROW_NS_PER_MS && now_ns >= slot->since_ns;
}

/* Of this line; else the one whose time began first. */
static repeated *repeated_slot(uint64_t hash)
{
    repeated *oldest = &lately[0];
    for (size_t i = 0; i < REPEATED_SLOTS; i++) {
        if (lately[i].hash == hash) return &lately[i];
        if (lately[i].since_ns < oldest->since_ns) oldest = &lately[i];
    }
    return oldest;
}

/* @line is what stands behind the time. False: it was written often enough, and is counted. */
static bool may_write(const char *line, size_t len)
{
    uint64_t now_ns = furrow_clock_now_ns(), hash = hash_line(line, len);
    (void)pthread_mutex_lock(&lately_lock);
    repeated *slot = repeated_slot(hash);
    if (slot->hash != hash || is_over(slot, now_ns)) {
        tell_repeated(slot);
        *slot = (repeated){.hash = hash, .since_ns = now_ns};
        snprintf(slot->text, sizeof slot->text, "%.*s", (int)len, line);
    }
    bool good = slot->written < FURROW_LOG_SAME;
    slot->written += good;
    slot->dropped += !good;
    (void)pthread_mutex_unlock(&lately_lock);
    return good;
}

void furrow_logger_flush(uint64_t now_ns)
{
    (void)pthread_mutex_lock(&lately_lock);
    for (size_t i = 0; i < REPEATED_SLOTS; i++)
        if (lately[i].hash && is_over(&lately[i], now_ns)) tell_repeated(&lately[i]);
    (void)pthread_mutex_unlock(&lately_lock);
}

void furrow_logger(furrow_log_level level, const char *message, const char *fields_format, ...)
{
    if (!furrow_logger_on(level)) return;
    int saved = errno;
    char data[LINE_MAX_BYTES];
    text line = {.data = data, .cap = sizeof(data) - 1};
    put_time(&line);
    size_t time_len = line.len;
    put_line_head(&line, level, message);
    if (fields_format) {
        fields from = {.at = fields_format};
        va_start(from.args, fields_format);
        put_fields(&line, &from);
        va_end(from.args);
    }
    if (level > FURROW_LOG_WARN || may_write(data + time_len, line.len - time_len)) {
        data[line.len++] = '\n';
        write_line(data, line.len);
    }
    errno = saved;
}
