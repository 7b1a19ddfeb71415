/*
 * The well-known types whose JSON is text: Timestamp (RFC 3339), Duration ("1.5s") and FieldMask ("a,b.c").
 * Recognised by the full name of their descriptor, so it does not matter who compiled them.
 */
#include "wire/json_parts.h"

#include "wire/json.h"
#include "wire/json_scalar.h"
#include "wire/moment.h"

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#include <stdio.h>

#define SECONDS_A_DAY 86400

furrow_json_known furrow_json_known_of(const ProtobufCMessageDescriptor *descriptor)
{
    static const struct {
        const char *name;
        furrow_json_known known;
    } types[] = {
        {"Timestamp", FURROW_JSON_TIMESTAMP},  {"Duration", FURROW_JSON_DURATION},
        {"FieldMask", FURROW_JSON_FIELD_MASK}, {"DoubleValue", FURROW_JSON_WRAPPER},
        {"FloatValue", FURROW_JSON_WRAPPER},   {"Int64Value", FURROW_JSON_WRAPPER},
        {"UInt64Value", FURROW_JSON_WRAPPER},  {"Int32Value", FURROW_JSON_WRAPPER},
        {"UInt32Value", FURROW_JSON_WRAPPER},  {"BoolValue", FURROW_JSON_WRAPPER},
        {"StringValue", FURROW_JSON_WRAPPER},  {"BytesValue", FURROW_JSON_WRAPPER},
    };

    const char *name = furrow_bytes_after(descriptor->name, "google.protobuf.");
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) return types[i].known;
    return FURROW_JSON_ORDINARY;
}

/* A cursor over text; every step says whether what it expected was there. */
typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static bool take_byte(cursor *text, char expected)
{
    if (text->at == text->end || *text->at != (uint8_t)expected) return false;
    text->at++;
    return true;
}

/* Between @least and @most digits, as many as there are. */
static bool take_digits(cursor *text, int least, int most, int64_t *out)
{
    int64_t value = 0;
    int count = 0;

    for (; count < most && text->at < text->end && *text->at >= '0' && *text->at <= '9'; count++)
        value = value * 10 + (*text->at++ - '0');
    *out = value;
    return count >= least;
}

/* An optional fraction of 1 to 9 digits. */
static bool take_nanos(cursor *text, int64_t *nanos)
{
    *nanos = 0;
    if (!take_byte(text, '.')) return true;
    const uint8_t *start = text->at;
    if (!take_digits(text, 1, 9, nanos)) return false;
    for (int64_t digits = text->at - start; digits < 9; digits++) *nanos *= 10;
    return true;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = days / 146097, day_of_era = days % 146097; /* days >= 0 here */
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* "Z", or an offset that is taken off the seconds. */
static bool take_zone(cursor *text, int64_t *seconds)
{
    int64_t hours, minutes;

    if (take_byte(text, 'Z')) return true;
    bool east = take_byte(text, '+');
    if (!east && !take_byte(text, '-')) return false;
    if (!take_digits(text, 2, 2, &hours) || !take_byte(text, ':') || !take_digits(text, 2, 2, &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    *seconds += (hours * 3600 + minutes * 60) * (east ? -1 : 1);
    return true;
}

/* RFC 3339 section 5.6, in capitals, as the JSON mapping has it, without leap seconds, which a Timestamp cannot hold. */
static bool take_date_time(cursor *text, int64_t *seconds, int64_t *nanos)
{
    int64_t year, month, day, hour, minute, second;

    if (!take_digits(text, 4, 4, &year) || !take_byte(text, '-') || !take_digits(text, 2, 2, &month) ||
        !take_byte(text, '-') || !take_digits(text, 2, 2, &day) || !take_byte(text, 'T'))
        return false;
    if (!take_digits(text, 2, 2, &hour) || !take_byte(text, ':') || !take_digits(text, 2, 2, &minute) ||
        !take_byte(text, ':') || !take_digits(text, 2, 2, &second) || !take_nanos(text, nanos))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    *seconds = furrow_moment_days(year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    return take_zone(text, seconds) && text->at == text->end;
}

static const char *parse_timestamp(cursor text, Google__Protobuf__Timestamp *out)
{
    int64_t seconds, nanos;

    if (!take_date_time(&text, &seconds, &nanos)) return "a time such as \"2026-03-01T06:00:00Z\" was expected";
    const char *wrong = furrow_moment_check_timestamp(seconds, (int32_t)nanos);
    if (wrong) return wrong;
    out->seconds = seconds;
    out->nanos = (int32_t)nanos;
    return NULL;
}

bool furrow_json_parse_time(furrow_bytes text, int64_t *ns)
{
    cursor at = {text.data, (const uint8_t *)text.data + text.len};
    int64_t seconds, nanos;

    return take_date_time(&at, &seconds, &nanos) && furrow_moment_ns(seconds, (int32_t)nanos, ns);
}

static const char *parse_duration(cursor text, Google__Protobuf__Duration *out)
{
    int64_t seconds, nanos;
    bool negative = take_byte(&text, '-');

    if (!take_digits(&text, 1, 12, &seconds) || !take_nanos(&text, &nanos) || !take_byte(&text, 's') ||
        text.at != text.end)
        return "a duration such as \"1.5s\" was expected";
    if (negative) {
        seconds = -seconds;
        nanos = -nanos;
    }
    const char *wrong = furrow_moment_check_duration(seconds, (int32_t)nanos);
    if (wrong) return wrong;
    out->seconds = seconds;
    out->nanos = (int32_t)nanos;
    return NULL;
}

static bool lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

/* One path, "displayName" to "display_name": as long again at most. */
static char *take_path(cursor *text, char *at)
{
    for (; text->at < text->end && *text->at != ','; text->at++) {
        uint8_t c = *text->at;
        if (c >= 'A' && c <= 'Z') {
            *at++ = '_';
            c |= 0x20;
        } else if (!lower(c) && c != '.' && (c < '0' || c > '9')) {
            return NULL; /* an underscore would not come back */
        }
        *at++ = (char)c;
    }
    *at++ = '\0';
    return at;
}

static const char *parse_field_mask(cursor text, furrow_arena *arena, Google__Protobuf__FieldMask *out)
{
    size_t count = 1, len = (size_t)(text.end - text.at);

    if (len == 0) return NULL;
    for (const uint8_t *at = text.at; at < text.end; at++) count += *at == ',';
    char **paths = furrow_arena_alloc(arena, count * sizeof *paths);
    char *at = furrow_arena_alloc(arena, len * 2 + count + 1);
    if (!paths || !at) return furrow_json_no_memory;
    for (size_t i = 0; i < count; i++) {
        paths[i] = at;
        if (!(at = take_path(&text, at)) || at == paths[i] + 1)
            return "lowerCamelCase names of fields were expected, such as \"displayName,contact.phone\"";
        (void)take_byte(&text, ',');
    }
    out->paths = paths;
    out->n_paths = count;
    return NULL;
}

const char *furrow_json_parse_known(furrow_json_known known, furrow_bytes text, furrow_arena *arena,
                                    ProtobufCMessage *message)
{
    cursor at = {text.data, (const uint8_t *)text.data + text.len};

    switch (known) {
    case FURROW_JSON_TIMESTAMP:
        return parse_timestamp(at, (Google__Protobuf__Timestamp *)message);
    case FURROW_JSON_DURATION:
        return parse_duration(at, (Google__Protobuf__Duration *)message);
    default:
        return parse_field_mask(at, arena, (Google__Protobuf__FieldMask *)message);
    }
}

/* Nothing, or a fraction of 3, 6 or 9 digits. */
static void print_nanos(int nanos, furrow_buffer *out)
{
    if (nanos == 0) return;
    if (nanos % 1000000 == 0)
        furrow_buffer_printf(out, ".%03d", nanos / 1000000);
    else if (nanos % 1000 == 0)
        furrow_buffer_printf(out, ".%06d", nanos / 1000);
    else
        furrow_buffer_printf(out, ".%09d", nanos);
}

static const char *print_timestamp(const Google__Protobuf__Timestamp *time, furrow_buffer *out)
{
    int year, month, day;
    const char *wrong = furrow_moment_check_timestamp(time->seconds, time->nanos);

    if (wrong) return wrong;
    int64_t shifted = time->seconds - FURROW_MOMENT_SECONDS_MIN; /* positive, so that / and % round down */
    int64_t days = shifted / SECONDS_A_DAY + FURROW_MOMENT_SECONDS_MIN / SECONDS_A_DAY;
    int second = (int)(shifted % SECONDS_A_DAY);
    civil_from_days(days, &year, &month, &day);
    furrow_buffer_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, second / 3600, second / 60 % 60,
                         second % 60);
    print_nanos(time->nanos, out);
    furrow_buffer_append_byte(out, 'Z');
    return NULL;
}

static const char *print_duration(const Google__Protobuf__Duration *duration, furrow_buffer *out)
{
    long long seconds = duration->seconds;
    int nanos = duration->nanos;

    const char *wrong = furrow_moment_check_duration(seconds, nanos);

    if (wrong) return wrong;
    bool negative = seconds < 0 || nanos < 0;
    furrow_buffer_printf(out, "%s%lld", negative ? "-" : "", negative ? -seconds : seconds);
    print_nanos(negative ? -nanos : nanos, out);
    furrow_buffer_append_byte(out, 's');
    return NULL;
}

/* Only what comes back the same may go out: lower case, and a letter behind every underscore. */
static bool print_path(const char *path, furrow_buffer *out)
{
    if (!*path) return false;
    for (; *path; path++) {
        char c = *path;
        if (c == '_') {
            if (!lower((uint8_t) * ++path)) return false;
            c = (char)(*path - 'a' + 'A');
        } else if (!lower((uint8_t)c) && c != '.' && (c < '0' || c > '9')) {
            return false;
        }
        furrow_buffer_append_byte(out, (uint8_t)c);
    }
    return true;
}

static const char *print_field_mask(const Google__Protobuf__FieldMask *mask, furrow_buffer *out)
{
    for (size_t i = 0; i < mask->n_paths; i++) {
        if (i > 0) furrow_buffer_append_byte(out, ',');
        if (!print_path(mask->paths[i], out)) return "a path of the mask has no form in JSON";
    }
    return NULL;
}

const char *furrow_json_print_known(furrow_json_known known, const ProtobufCMessage *message, furrow_buffer *out)
{
    switch (known) {
    case FURROW_JSON_TIMESTAMP:
        return print_timestamp((const Google__Protobuf__Timestamp *)message, out);
    case FURROW_JSON_DURATION:
        return print_duration((const Google__Protobuf__Duration *)message, out);
    default:
        return print_field_mask((const Google__Protobuf__FieldMask *)message, out);
    }
}
