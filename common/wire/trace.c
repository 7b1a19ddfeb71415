/*
 * See trace.h. The grammar is W3C's: traceparent in 2.2 of https://www.w3.org/TR/trace-context-2/, tracestate in 2.3,
 * what becomes of what breaks it in 3.2. May depend on base and wire/header.
 */
#include "wire/trace.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define LARGE_MEMBER 128
#define KEY_MAX      256
#define VALUE_MAX    256
#define CE_STATE_MAX 1024 /* a header's value has no more */

enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, END_AT = 55 };
enum { TRACE_DIGITS = 32, PARENT_DIGITS = 16 };

/* @count lower-case hexadecimal digits, not all of them zero unless @zero. */
static bool hex_run(const char *text, size_t count, bool zero)
{
    for (size_t i = 0; i < count; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f'))) return false;
        zero |= text[i] != '0';
    }
    return zero;
}

/* Of the flags sampled (1) is known, and in version 00 random (2): "Vendors MUST set those to zero" says 2.2.5.3 of all
 * others. */
static char known_flags(char low, bool version_00)
{
    int value = low <= '9' ? low - '0' : low - 'a' + 10;
    return (char)('0' + (value & (version_00 ? 3 : 1)));
}

/* "<version>-<trace-id>-<parent-id>-<flags>"; version ff is none, and one after 00 may go on behind another dash. */
bool furrow_trace_parse_parent(const char *text, char out[FURROW_TRACE_PARENT_SIZE])
{
    while (furrow_bytes_blank(*text)) text++;
    if (strnlen(text, END_AT) < END_AT || !hex_run(text, 2, true) || furrow_bytes_after(text, "ff")) return false;
    bool version_00 = furrow_bytes_after(text, "00") != NULL;
    const char *rest = text + END_AT + strspn(text + END_AT, " \t");
    if (*rest != '\0' && (version_00 || text[END_AT] != '-')) return false;
    if (text[TRACE_AT - 1] != '-' || text[PARENT_AT - 1] != '-' || text[FLAGS_AT - 1] != '-' ||
        !hex_run(text + TRACE_AT, TRACE_DIGITS, false) || !hex_run(text + PARENT_AT, PARENT_DIGITS, false) ||
        !hex_run(text + FLAGS_AT, 2, true))
        return false;
    memcpy(out, "00", 2);
    memcpy(out + 2, text + 2, FLAGS_AT - 2);
    out[FLAGS_AT] = '0';
    out[FLAGS_AT + 1] = known_flags(text[FLAGS_AT + 1], version_00);
    out[END_AT] = '\0';
    return true;
}

/* All zeros is no id. */
static void put_random(char *out, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[TRACE_DIGITS / 2];
    randombytes_buf(bytes, digits / 2);
    for (size_t i = 0; i < digits / 2; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
    if (!hex_run(out, digits, false)) out[digits - 1] = '1';
}

void furrow_trace_begin(furrow_trace *out)
{
    furrow_trace made = {
        .parent = "00-00000000000000000000000000000000-0000000000000000-02", .state = "", .ce_state = ""};
    put_random(made.parent + TRACE_AT, TRACE_DIGITS);
    put_random(made.parent + PARENT_AT, PARENT_DIGITS);
    *out = made;
}

void furrow_trace_child(const furrow_trace *trace, char out[FURROW_TRACE_PARENT_SIZE])
{
    memcpy(out, trace->parent, FURROW_TRACE_PARENT_SIZE);
    put_random(out + PARENT_AT, PARENT_DIGITS);
}

const furrow_trace *furrow_trace_current(void)
{
    furrow_trace *trace = furrow_task_trace();
    if (!trace) return NULL;
    void (*find)(furrow_trace *) = trace->find;
    trace->find = NULL; /* whoever else of this task asks meanwhile is told of none */
    if (find) find(trace);
    return trace->parent[0] ? trace : NULL;
}

/* ---- tracestate ---- */

static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key_char(char c)
{
    return is_key_start(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

/* "key=value", without blanks around it. */
static bool is_member(furrow_bytes member)
{
    const char *at = member.data;
    size_t key = 0;
    while (key < member.len && is_key_char(at[key])) key++;
    if (key == 0 || key > KEY_MAX || !is_key_start(at[0]) || key == member.len || at[key] != '=') return false;
    size_t value = member.len - key - 1;
    if (value == 0 || value > VALUE_MAX) return false;
    for (size_t i = key + 1; i < member.len; i++)
        if (at[i] < ' ' || at[i] > '~' || at[i] == '=') return false;
    return true;
}

/* One header's members behind those before; one that is empty is none. */
static void add_members(furrow_trace_headers *headers, const char *value)
{
    for (size_t len; !headers->state_bad; value += len + 1) {
        len = strcspn(value, ",");
        const char *from = value, *end = value + len;
        while (from < end && furrow_bytes_blank(*from)) from++;
        while (end > from && furrow_bytes_blank(end[-1])) end--;
        furrow_bytes member = {from, (size_t)(end - from)};
        if (member.len > 0) {
            headers->state_bad = headers->count == FURROW_TRACE_MEMBERS || !is_member(member);
            if (!headers->state_bad) headers->members[headers->count++] = member;
        }
        if (value[len] == '\0') break;
    }
}

void furrow_trace_headers_add(void *arg, const char *name, const char *value)
{
    furrow_trace_headers *headers = arg;
    if ((name[0] | 0x20) != 't') return; /* most are not */
    if (strcasecmp(name, FURROW_HEADER_TRACEPARENT) == 0) {
        headers->parent = value;
        headers->parents++;
    } else if (strcasecmp(name, FURROW_HEADER_TRACESTATE) == 0) {
        headers->states++;
        add_members(headers, value);
    }
}

/* The CloudEvents binding of NATS, 3.1.3.2: a blank, '"' and '%' are escaped; others that must be a tracestate has
 * not. */
static bool is_escaped(char c)
{
    return c == ' ' || c == '"' || c == '%';
}

static size_t escaped_len(furrow_bytes member)
{
    const char *at = member.data;
    size_t len = member.len;
    for (size_t i = 0; i < member.len; i++) len += is_escaped(at[i]) ? 2 : 0;
    return len;
}

/* Which members are carried on: with their commas they fit, escaped or not. */
static void choose_members(const furrow_trace_headers *headers, bool chosen[FURROW_TRACE_MEMBERS])
{
    size_t len = 0, escaped = 0, left = headers->count;
    for (size_t i = 0; i < headers->count; i++) {
        chosen[i] = true;
        len += headers->members[i].len + (i > 0);
        escaped += escaped_len(headers->members[i]) + (i > 0);
    }
    /* The large ones of the whole list, and then what is left of it: each from the end. */
    for (int small = 0; small < 2; small++)
        for (size_t i = headers->count; i-- > 0 && (len > FURROW_TRACE_STATE_MAX || escaped > CE_STATE_MAX);) {
            if (!chosen[i] || (!small && headers->members[i].len <= LARGE_MEMBER)) continue;
            chosen[i] = false;
            left--;
            len -= headers->members[i].len + (left > 0);
            escaped -= escaped_len(headers->members[i]) + (left > 0);
        }
}

static char *put_member(char *out, furrow_bytes member, bool escape)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *at = member.data;
    for (size_t i = 0; i < member.len; i++) {
        if (escape && is_escaped(at[i])) {
            *out++ = '%';
            *out++ = hex[at[i] >> 4];
            *out++ = hex[at[i] & 15];
        } else {
            *out++ = at[i];
        }
    }
    return out;
}

static const char *join_members(const furrow_trace_headers *headers, const bool chosen[FURROW_TRACE_MEMBERS],
                                bool escape, furrow_arena *arena)
{
    size_t size = 1;
    for (size_t i = 0; i < headers->count; i++)
        if (chosen[i]) size += 1 + (escape ? escaped_len(headers->members[i]) : headers->members[i].len);
    char *text = furrow_arena_alloc(arena, size), *end = text;
    if (!text) return "";
    for (size_t i = 0; i < headers->count; i++) {
        if (!chosen[i]) continue;
        if (end != text) *end++ = ',';
        end = put_member(end, headers->members[i], escape);
    }
    *end = '\0';
    return text;
}

static void read_state(const furrow_trace_headers *headers, furrow_arena *arena, furrow_trace *out)
{
    bool chosen[FURROW_TRACE_MEMBERS];
    if (headers->state_bad || headers->count == 0) return;
    choose_members(headers, chosen);
    out->state = out->ce_state = join_members(headers, chosen, false, arena);
    if (strpbrk(out->state, " \"%")) out->ce_state = join_members(headers, chosen, true, arena);
}

bool furrow_trace_read(const furrow_trace_headers *headers, furrow_arena *arena, furrow_trace *out)
{
    if (headers->parents == 0 && headers->states == 0) return false;
    furrow_trace found = {.state = "", .ce_state = ""};
    if (headers->parents == 1 && furrow_trace_parse_parent(headers->parent, found.parent))
        read_state(headers, arena, &found);
    else
        furrow_trace_begin(&found);
    *out = found;
    return true;
}
