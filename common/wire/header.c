/*
 * The grammar of header values. Every parser reads the whole value or refuses it; none allocates.
 * May depend on base and wire/subject.
 */
#include "wire/header.h"

#include "base/number.h"
#include "wire/epoch.h"

#include <stdio.h>

/* From fine to coarse; `next` is how many of a unit make one of the following. */
static const struct {
    char letter;
    uint64_t ns;
    unsigned next;
} units[] = {
    {'n', 1, 1000},        {'u', 1000, 1000},         {'m', 1000000, 1000},
    {'S', 1000000000, 60}, {'M', 60000000000ULL, 60}, {'H', 3600000000000ULL, 0},
};
#define UNIT_COUNT  (sizeof units / sizeof units[0])
#define TIMEOUT_MAX 99999999u /* TimeoutValue: "positive integer as ASCII string of at most 8 digits" */
#define VALUE_MAX   1024
#define LONGEST_NS  ((uint64_t)INT64_MAX) /* so that now + timeout never wraps */

/* The whole of @text, or false. */
static bool parse_timeout(const char *text, uint64_t *ns)
{
    size_t digits = 0;
    uint64_t value = 0;

    for (; digits < 9 && text[digits] >= '0' && text[digits] <= '9'; digits++)
        value = value * 10 + (uint64_t)(text[digits] - '0');
    if (digits >= 1 && digits <= 8 && text[digits] != '\0' && text[digits + 1] == '\0') {
        for (size_t i = 0; i < UNIT_COUNT; i++) {
            if (units[i].letter != text[digits]) continue;
            *ns = value > LONGEST_NS / units[i].ns ? LONGEST_NS : value * units[i].ns;
            return true;
        }
    }
    return false;
}

furrow_status furrow_header_parse_timeout(const char *text, uint64_t *ns, furrow_error *err)
{
    if (parse_timeout(text, ns)) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       FURROW_HEADER_TIMEOUT " must be 1 to 8 digits and one of H M S m u n, such as 250m");
}

furrow_status furrow_header_parse_max_age(const char *text, uint64_t *ns, furrow_error *err)
{
    if (parse_timeout(text, ns)) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       FURROW_HEADER_MAX_AGE " must be 1 to 8 digits and one of H M S m u n, such as 2S");
}

/* Rounds up in the finest unit that 8 digits hold, so a callee never sees less time than there is. */
void furrow_header_format_timeout(uint64_t ns, char out[16])
{
    size_t unit = 0;
    uint64_t value = ns;

    while (value > TIMEOUT_MAX) {
        unit++;
        value = ns / units[unit].ns + (ns % units[unit].ns != 0);
    }
    while (value > 0 && units[unit].next && value % units[unit].next == 0) value /= units[unit++].next;
    snprintf(out, 16, "%u%c", (unsigned)value, units[unit].letter);
}

furrow_status furrow_header_encoding(const char *content_type, const void *body, size_t len, furrow_encoding *out,
                                     furrow_error *err)
{
    if (!content_type || !*content_type) {
        *out = len > 0 && *(const uint8_t *)body == '{' ? FURROW_JSON : FURROW_PROTOBUF;
        return FURROW_OK;
    }
    const char *start = content_type + strspn(content_type, " \t");
    size_t length = strcspn(start, ";");
    while (length > 0 && (start[length - 1] == ' ' || start[length - 1] == '\t')) length--;
    if (furrow_bytes_is_nocase((furrow_bytes){start, length}, FURROW_TYPE_PROTOBUF))
        *out = FURROW_PROTOBUF;
    else if (furrow_bytes_is_nocase((furrow_bytes){start, length}, FURROW_TYPE_JSON))
        *out = FURROW_JSON;
    else
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           FURROW_HEADER_CONTENT_TYPE " must be " FURROW_TYPE_PROTOBUF " or " FURROW_TYPE_JSON);
    return FURROW_OK;
}

/* "0", "1", "0.123": in thousandths (RFC 9110, 12.4.2). */
static bool parse_weight(furrow_bytes text, unsigned *out)
{
    const char *at = text.data;
    unsigned value = 0, place = 1000;
    if (text.len == 0 || text.len > 5 || (at[0] != '0' && at[0] != '1') || (text.len > 1 && at[1] != '.')) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1) continue;
        if (at[i] < '0' || at[i] > '9') return false;
        value += (unsigned)(at[i] - '0') * place;
        place /= 10;
    }
    *out = value;
    return value <= 1000;
}

static furrow_bytes trim_blanks(const char *at, size_t len)
{
    for (; len > 0 && (*at == ' ' || *at == '\t'); len--) at++;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t')) len--;
    return (furrow_bytes){at, len};
}

/* "type;parameter=value;q=0.5": the type, its weight, which is 1 if it says none. */
static bool parse_range(const char *at, size_t len, furrow_bytes *type, unsigned *weight)
{
    const char *end = at + len;
    size_t part = 0;
    *weight = 1000;
    for (bool first = true; at < end; at += part + 1, first = false) {
        const char *semicolon = memchr(at, ';', (size_t)(end - at));
        part = (size_t)((semicolon ? semicolon : end) - at);
        furrow_bytes text = trim_blanks(at, part);
        if (first)
            *type = text;
        else if (text.len >= 2 && furrow_bytes_is_nocase((furrow_bytes){text.data, 2}, "q=") &&
                 !parse_weight((furrow_bytes){(const char *)text.data + 2, text.len - 2}, weight))
            return false;
    }
    return true;
}

/* What a list says of one encoding: by the range that names it most exactly. */
typedef struct preference {
    unsigned weight;
    int exact;    /* 2: it is named, 1: any application, 0: anything, -1: not at all */
    size_t place; /* in the list */
} preference;

static int match_range(furrow_bytes type, furrow_encoding encoding)
{
    if (furrow_bytes_is_nocase(type, encoding == FURROW_JSON ? FURROW_TYPE_JSON : FURROW_TYPE_PROTOBUF)) return 2;
    if (furrow_bytes_is_nocase(type, "application/*")) return 1;
    return furrow_bytes_is(type, "*/*") ? 0 : -1;
}

/* Is @one to be chosen rather than @other? Of two that are as welcome, the one that is named, and first. */
static bool is_preferred(const preference *one, const preference *other)
{
    if (one->weight != other->weight) return one->weight > other->weight;
    if (one->exact != other->exact) return one->exact > other->exact;
    return one->exact == 2 && one->place < other->place;
}

furrow_status furrow_header_accept(const char *accept, furrow_encoding *out, furrow_error *err)
{
    preference all[] = {{0, -1, 0}, {0, -1, 0}};
    size_t place = 0, len;
    for (const char *at = accept; *at; at += len, at += *at == ',', place++) {
        len = strcspn(at, ",");
        furrow_bytes type = {at, 0};
        unsigned weight;
        if (!parse_range(at, len, &type, &weight))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               FURROW_HEADER_ACCEPT ": a weight is a number from 0 to 1, such as q=0.5");
        for (furrow_encoding encoding = FURROW_PROTOBUF; encoding <= FURROW_JSON; encoding++) {
            int exact = match_range(type, encoding);
            if (exact > all[encoding].exact) all[encoding] = (preference){weight, exact, place};
        }
    }
    furrow_encoding other = *out == FURROW_JSON ? FURROW_PROTOBUF : FURROW_JSON;
    if (all[*out].weight == 0 && all[other].weight == 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           FURROW_HEADER_ACCEPT ": %.60s is not spoken here; " FURROW_TYPE_PROTOBUF
                                                " and " FURROW_TYPE_JSON " are",
                           accept);
    if (is_preferred(&all[other], &all[*out])) *out = other;
    return FURROW_OK;
}

static bool subject_char(char c)
{
    return c > ' ' && c <= '~' && c != '*' && c != '>' && c != '=' && c != ',';
}

/* One "<subject>=<sequence>", or with "@<epoch>" behind, at *at, which moves past it and the blanks behind it. */
static bool parse_token(const char **at, furrow_version_token *out)
{
    const char *text = *at + strspn(*at, " \t");
    size_t len = 0;
    uint64_t sequence;
    int64_t epoch = 0;

    while (subject_char(text[len])) len++;
    if (len == 0 || len >= FURROW_SUBJECT_MAX || text[len] != '=') return false;
    const char *digit = text + len + 1;
    size_t digits = furrow_number_digits(furrow_bytes_of(digit));
    if (!furrow_number_parse((furrow_bytes){digit, digits}, UINT64_MAX, &sequence)) return false;
    digit += digits;
    if (*digit == '@') {
        size_t hex = furrow_epoch_hex_parse(digit + 1, &epoch);
        if (hex == 0) return false;
        digit += 1 + hex;
    }
    if (out) {
        memcpy(out->subject, text, len);
        out->subject[len] = '\0';
        out->sequence = sequence;
        out->epoch = epoch;
    }
    *at = digit + strspn(digit, " \t");
    return true;
}

furrow_status furrow_header_parse_after(const char *text, furrow_version_token out[FURROW_AFTER_MAX], size_t *count,
                                        furrow_error *err)
{
    /* The first pass only checks: outputs are untouched on failure. */
    for (int pass = 0; pass < 2; pass++) {
        const char *at = text;
        size_t found = 0;
        for (;; at++) {
            if (found == FURROW_AFTER_MAX)
                return furrow_fail(err, FURROW_INVALID_ARGUMENT, FURROW_HEADER_AFTER " may hold at most %d pairs",
                                   FURROW_AFTER_MAX);
            if (!parse_token(&at, pass ? &out[found] : NULL) || (*at != ',' && *at != '\0'))
                return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                                   FURROW_HEADER_AFTER " must be <subject>=<sequence>[@<epoch>][,...], pair %zu is not",
                                   found + 1);
            found++;
            if (*at == '\0') break;
        }
        *count = found;
    }
    return FURROW_OK;
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '%';
}

/* Bytes of the character at @at, as its first byte says; what is none is one. */
static size_t character_len(const char *at)
{
    size_t len = 1;

    while (len < 4 && ((unsigned char)at[len] & 0xc0) == 0x80) len++;
    return len;
}

void furrow_header_escape(const char *text, char out[FURROW_HEADER_TEXT_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (size_t len; *text; text += len) {
        len = character_len(text);
        if (used + 3 * len >= FURROW_HEADER_TEXT_MAX) break;
        for (size_t i = 0; i < len; i++) {
            unsigned char byte = (unsigned char)text[i];
            if (is_plain(text[i])) {
                out[used++] = text[i];
                continue;
            }
            out[used++] = '%';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
        }
    }
    out[used] = '\0';
}

void furrow_header_unescape(const char *value, char out[FURROW_HEADER_TEXT_MAX])
{
    size_t used = 0;

    for (; *value && used + 1 < FURROW_HEADER_TEXT_MAX; value++) {
        int high = *value == '%' ? furrow_number_hex(value[1]) : -1, low = high >= 0 ? furrow_number_hex(value[2]) : -1;
        bool escaped = low >= 0 && (high > 0 || low > 0); /* no NUL */
        out[used++] = escaped ? (char)(high << 4 | low) : *value;
        if (escaped) value += 2;
    }
    out[used] = '\0';
}

bool furrow_header_name_valid(const char *text)
{
    const char *at = text;

    while (*at > ' ' && *at <= '~' && *at != ':') at++;
    return *at == '\0' && at != text;
}

bool furrow_header_value_valid(const char *text)
{
    size_t len = strcspn(text, "\r\n");

    return len <= VALUE_MAX && text[len] == '\0';
}

bool furrow_header_valid(const char *name, const char *value)
{
    return furrow_header_name_valid(name) && furrow_header_value_valid(value);
}
