/*
 * Recursive descent over RE2's grammar: alternatives, sequences, repetitions, atoms. A failure anywhere sets `why` once, and
 * every loop ends at it. Captures and laziness say nothing about whether a text matches, and are read over.
 */
#include "codegen/pattern_parse.h"

#include "base/bytes.h"
#include "codegen/text.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 200, REPEAT_MAX = 1000, SET_MAX = 1024, CODE_POINT_MAX = 0x10ffff };

typedef struct parser {
    furrow_arena *arena;
    const char *at;
    const char *why; /* NULL: all is well */
    bool ignore_case, dot_all;
    int depth;
} parser;

/* A set as it is read: ranges in any order. */
typedef struct set {
    furrow_node_range ranges[SET_MAX];
    size_t count;
} set;

static const furrow_node *parse_either(parser *in);

static const char *fail_at(parser *in, const char *why)
{
    if (!in->why) in->why = why;
    return in->why;
}

static furrow_node *new_node(parser *in, furrow_node_kind kind)
{
    furrow_node *node = furrow_text_zalloc(in->arena, sizeof *node);
    node->kind = kind;
    return node;
}

static const furrow_node *join_nodes(parser *in, furrow_node_kind kind, const furrow_node *left,
                                     const furrow_node *right)
{
    if (!left) return right;
    furrow_node *node = new_node(in, kind);
    node->left = left;
    node->right = right;
    return node;
}

/* ---- sets ---- */

static void add_range(parser *in, set *to, uint32_t low, uint32_t high)
{
    if (to->count == SET_MAX)
        fail_at(in, "has a set of more than 1024 ranges");
    else
        to->ranges[to->count++] = (furrow_node_range){low, high};
}

static int order_ranges(const void *a, const void *b)
{
    const furrow_node_range *one = a, *other = b;
    return one->low < other->low ? -1 : one->low > other->low;
}

/* In order, touching ones united. */
static void tidy_set(set *of)
{
    size_t kept = 0;
    qsort(of->ranges, of->count, sizeof *of->ranges, order_ranges);
    for (size_t i = 0; i < of->count; i++) {
        furrow_node_range range = of->ranges[i];
        if (kept > 0 && range.low <= of->ranges[kept - 1].high + 1) {
            if (range.high > of->ranges[kept - 1].high) of->ranges[kept - 1].high = range.high;
        } else {
            of->ranges[kept++] = range;
        }
    }
    of->count = kept;
}

static void negate(parser *in, set *of)
{
    set *others = furrow_text_zalloc(in->arena, sizeof *others);
    uint32_t next = 0;
    tidy_set(of);
    for (size_t i = 0; i < of->count; i++) {
        if (of->ranges[i].low > next) add_range(in, others, next, of->ranges[i].low - 1);
        next = of->ranges[i].high + 1;
    }
    if (next <= CODE_POINT_MAX) add_range(in, others, next, CODE_POINT_MAX);
    *of = *others;
}

static void add_both_cases(parser *in, set *of, size_t from)
{
    for (size_t i = from, count = of->count; in->ignore_case && i < count; i++) {
        for (uint32_t c = 'A'; c <= 'Z'; c++) {
            furrow_node_range range = of->ranges[i];
            if (range.low <= c && c <= range.high) add_range(in, of, c + 32, c + 32);
            if (range.low <= c + 32 && c + 32 <= range.high) add_range(in, of, c, c);
        }
    }
}

static const furrow_node *node_of_set(parser *in, set *of)
{
    furrow_node *node = new_node(in, FURROW_NODE_CHARACTERS);
    tidy_set(of);
    furrow_node_range *ranges = furrow_text_zalloc(in->arena, of->count * sizeof *ranges);
    if (of->count > 0) memcpy(ranges, of->ranges, of->count * sizeof *ranges);
    node->ranges = ranges;
    node->range_count = of->count;
    return node;
}

static const furrow_node *node_of_range(parser *in, uint32_t low, uint32_t high)
{
    set *of = furrow_text_zalloc(in->arena, sizeof *of);
    add_range(in, of, low, high);
    add_both_cases(in, of, 0);
    return node_of_set(in, of);
}

/* ---- characters ---- */

/* protoc has checked that it is UTF-8. */
static uint32_t take_character(parser *in)
{
    uint8_t first = (uint8_t)*in->at++;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t value = more == 0 ? first : first & (0x3fu >> more);
    for (; more > 0 && *in->at; more--) value = value << 6 | ((uint8_t)*in->at++ & 0x3f);
    return value;
}

static int hexadecimal(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, furrow_bytes_lower(c)) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Behind "\x": two digits, or any number of them in braces. */
static uint32_t take_hex(parser *in)
{
    bool braces = *in->at == '{';
    uint32_t value = 0;
    int count = 0;
    if (braces) in->at++;
    for (; hexadecimal(*in->at) >= 0 && count < (braces ? 8 : 2); count++)
        value = value * 16 + (uint32_t)hexadecimal(*in->at++);
    bool closed = braces ? count > 0 && *in->at == '}' : count == 2;
    if (!closed || value > CODE_POINT_MAX) return fail_at(in, "has a \\x that is no character"), 0;
    if (braces) in->at++;
    return value;
}

/* The rest of an escape that means one character; its letter is next. */
static uint32_t take_escaped(parser *in)
{
    static const char letters[] = "aftnrv", means[] = "\a\f\t\n\r\v";
    const char *letter = *in->at ? strchr(letters, *in->at) : NULL;
    if (letter) return in->at++, (uint32_t)means[letter - letters];
    if (*in->at == 'x') return in->at++, take_hex(in);
    if (*in->at >= '0' && *in->at <= '7') {
        uint32_t value = 0;
        if (*in->at != '0' && !(in->at[1] >= '0' && in->at[1] <= '7'))
            return fail_at(in, "has a reference to a group, which RE2 does not know"), 0;
        for (int i = 0; i < 3 && *in->at >= '0' && *in->at <= '7'; i++) value = value * 8 + (uint32_t)(*in->at++ - '0');
        return value;
    }
    bool plain = *in->at == '\0' || *in->at == '_' || hexadecimal(*in->at) >= 0 ||
                 (furrow_bytes_lower(*in->at) >= 'a' && furrow_bytes_lower(*in->at) <= 'z');
    if (plain) return fail_at(in, "has an escape that is not known here: \\b, \\B, \\p, \\C and others are not"), 0;
    return take_character(in);
}

static void add_ranges(parser *in, set *to, const char *pairs, bool negated)
{
    set *of = furrow_text_zalloc(in->arena, sizeof *of);
    for (; pairs[0]; pairs += 2) add_range(in, of, (uint8_t)pairs[0], (uint8_t)pairs[1]);
    if (negated) negate(in, of);
    for (size_t i = 0; i < of->count; i++) add_range(in, to, of->ranges[i].low, of->ranges[i].high);
}

/* "\d", "\W" and the like: adds its characters and goes past it. */
static bool take_class(parser *in, set *to)
{
    static const struct {
        char letter;
        const char *pairs;
    } classes[] = {{'d', "09"}, {'s', "\t\n\f\r  "}, {'w', "09AZ__az"}};
    if (in->at[0] != '\\' || in->at[1] == '\0') return false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (furrow_bytes_lower(in->at[1]) != classes[i].letter) continue;
        add_ranges(in, to, classes[i].pairs, in->at[1] != classes[i].letter);
        in->at += 2;
        return true;
    }
    return false;
}

/* "[:alpha:]", "[:^alpha:]" within brackets. */
static bool take_named_class(parser *in, set *to)
{
    static const char *const classes[][2] = {
        {"alnum", "09AZaz"},
        {"alpha", "AZaz"},
        {"ascii", "\x01\x7f"},
        {"blank", "\t\t  "},
        {"cntrl", "\x01\x1f\x7f\x7f"},
        {"digit", "09"},
        {"graph", "!~"},
        {"lower", "az"},
        {"print", " ~"},
        {"punct", "!/:@[`{~"},
        {"space", "\t\r  "},
        {"upper", "AZ"},
        {"word", "09AZaz__"},
        {"xdigit", "09AFaf"},
    };
    if (in->at[0] != '[' || in->at[1] != ':') return false;
    bool negated = in->at[2] == '^';
    const char *name = in->at + 2 + negated;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const char *end = furrow_bytes_after(name, classes[i][0]);
        if (!end || end[0] != ':' || end[1] != ']') continue;
        add_ranges(in, to, classes[i][1], negated);
        in->at = end + 2;
        return true;
    }
    return fail_at(in, "has a [:class:] that is not known"), false;
}

static uint32_t take_set_character(parser *in)
{
    if (*in->at == '\0') return fail_at(in, "has a [ without its ]"), 0;
    if (*in->at != '\\') return take_character(in);
    in->at++;
    return take_escaped(in);
}

static void take_set_range(parser *in, set *to)
{
    uint32_t low = take_set_character(in), high = low;
    if (in->at[0] == '-' && in->at[1] != ']' && in->at[1] != '\0') {
        in->at++;
        high = take_set_character(in);
        if (high < low) fail_at(in, "has a range that ends before it begins");
    }
    add_range(in, to, low, high);
}

/* Behind its "[". */
static const furrow_node *parse_set(parser *in)
{
    set *of = furrow_text_zalloc(in->arena, sizeof *of);
    bool negated = *in->at == '^';
    if (negated) in->at++;
    for (bool first = true; !in->why && (first || *in->at != ']'); first = false) {
        if (take_class(in, of) || take_named_class(in, of) || in->why) continue;
        take_set_range(in, of);
    }
    if (in->why) return NULL;
    in->at++;
    add_both_cases(in, of, 0);
    if (negated) negate(in, of);
    return node_of_set(in, of);
}

/* ---- groups ---- */

/* Letters behind "(?": true when a group follows them, false when they are for what stands behind the ")". */
static bool take_flags(parser *in)
{
    bool on = true;
    for (;; in->at++) {
        if (*in->at == 'i')
            in->ignore_case = on;
        else if (*in->at == 's')
            in->dot_all = on;
        else if (*in->at == '-' && on)
            on = false;
        else if (*in->at != 'U') /* which match is found first is nothing to us */
            break;
    }
    if (*in->at == ':' || *in->at == ')') return *in->at++ == ':';
    fail_at(in, "has a (? that is not known here: there are (?:, (?P<name>, (?i) and (?s)");
    return false;
}

/* Behind "(?": past "P<name>" or "<name>"; false when there is none. */
static bool take_group_name(parser *in)
{
    const char *at = in->at + (*in->at == 'P');
    const char *close = *at == '<' ? strchr(at, '>') : NULL;
    if (!close || close == at + 1) return false;
    in->at = close + 1;
    return true;
}

/* Behind its "(". */
static const furrow_node *parse_group(parser *in)
{
    bool ignore_case = in->ignore_case, dot_all = in->dot_all;
    if (*in->at == '?') {
        in->at++;
        if (!take_group_name(in) && !take_flags(in)) return in->why ? NULL : new_node(in, FURROW_NODE_EMPTY);
    }
    const furrow_node *inner = parse_either(in);
    if (!in->why && *in->at != ')') fail_at(in, "has a ( without its )");
    if (in->why) return NULL;
    in->at++;
    in->ignore_case = ignore_case;
    in->dot_all = dot_all;
    return inner;
}

/* ---- atoms and what repeats them ---- */

/* From "\Q" up to "\E" or the end: the last character, which may be repeated, and all before it. */
static const furrow_node *parse_quoted(parser *in, const furrow_node **before)
{
    const furrow_node *last = NULL;
    for (in->at += 2; *in->at && !furrow_bytes_after(in->at, "\\E");) {
        uint32_t c = take_character(in);
        if (last) *before = join_nodes(in, FURROW_NODE_CONCAT, *before, last);
        last = node_of_range(in, c, c);
    }
    if (*in->at) in->at += 2;
    return last ? last : new_node(in, FURROW_NODE_EMPTY);
}

static const furrow_node *parse_escape(parser *in)
{
    set *of = furrow_text_zalloc(in->arena, sizeof *of);
    if (take_class(in, of)) return node_of_set(in, of);
    char letter = *++in->at;
    if (letter == 'A' || letter == 'z')
        return in->at++, new_node(in, letter == 'A' ? FURROW_NODE_BEGIN : FURROW_NODE_END);
    uint32_t c = take_escaped(in);
    return in->why ? NULL : node_of_range(in, c, c);
}

static const furrow_node *parse_dot(parser *in)
{
    set *of = furrow_text_zalloc(in->arena, sizeof *of);
    if (!in->dot_all) add_range(in, of, '\n', '\n');
    negate(in, of);
    return node_of_set(in, of);
}

static const furrow_node *parse_atom(parser *in)
{
    uint32_t c;
    switch (*in->at) {
    case '(':
        return in->at++, parse_group(in);
    case '[':
        return in->at++, parse_set(in);
    case '.':
        return in->at++, parse_dot(in);
    case '^':
        return in->at++, new_node(in, FURROW_NODE_BEGIN);
    case '$':
        return in->at++, new_node(in, FURROW_NODE_END);
    case '\\':
        return parse_escape(in);
    case '*':
    case '+':
    case '?':
        return fail_at(in, "repeats nothing, or what is repeated already"), NULL;
    default:
        c = take_character(in);
        return node_of_range(in, c, c);
    }
}

static bool take_number(const char **at, uint32_t *out)
{
    const char *from = *at;
    uint32_t value = 0;
    for (; **at >= '0' && **at <= '9' && value <= REPEAT_MAX; ++*at) value = value * 10 + (uint32_t)(**at - '0');
    *out = value;
    return *at != from;
}

/* "{2}", "{2,}", "{2,5}"; any other brace stands for itself. */
static bool take_braces(parser *in, uint32_t *min, uint32_t *max)
{
    const char *at = in->at + 1;
    if (!take_number(&at, min)) return false;
    *max = *min;
    if (*at == ',') {
        at++;
        if (!take_number(&at, max)) *max = FURROW_NODE_NO_MAX;
    }
    if (*at != '}') return false;
    if (*min > REPEAT_MAX || (*max != FURROW_NODE_NO_MAX && (*max > REPEAT_MAX || *max < *min)))
        fail_at(in, "has a {n,m} that is no range within 0 to 1000");
    in->at = at + 1;
    return true;
}

static bool take_repetition(parser *in, uint32_t *min, uint32_t *max)
{
    if (*in->at == '{') return take_braces(in, min, max);
    if (*in->at != '*' && *in->at != '+' && *in->at != '?') return false;
    *min = *in->at == '+';
    *max = *in->at == '?' ? 1 : FURROW_NODE_NO_MAX;
    in->at++;
    return true;
}

static const furrow_node *parse_repeat(parser *in)
{
    uint32_t min, max;
    const furrow_node *before = NULL;
    const furrow_node *atom = furrow_bytes_after(in->at, "\\Q") ? parse_quoted(in, &before) : parse_atom(in);
    if (in->why || !take_repetition(in, &min, &max)) return join_nodes(in, FURROW_NODE_CONCAT, before, atom);
    if (*in->at == '?') in->at++; /* lazy */
    furrow_node *node = new_node(in, FURROW_NODE_REPEAT);
    node->left = atom;
    node->min = min;
    node->max = max;
    if (take_repetition(in, &min, &max)) fail_at(in, "repeats nothing, or what is repeated already");
    return join_nodes(in, FURROW_NODE_CONCAT, before, node);
}

static const furrow_node *parse_sequence(parser *in)
{
    const furrow_node *all = NULL;
    while (!in->why && *in->at && *in->at != '|' && *in->at != ')')
        all = join_nodes(in, FURROW_NODE_CONCAT, all, parse_repeat(in));
    return all ? all : new_node(in, FURROW_NODE_EMPTY);
}

static const furrow_node *parse_either(parser *in)
{
    if (++in->depth > DEPTH_MAX) return fail_at(in, "nests groups too deeply"), NULL;
    const furrow_node *all = parse_sequence(in);
    while (!in->why && *in->at == '|') {
        in->at++;
        all = join_nodes(in, FURROW_NODE_EITHER, all, parse_sequence(in));
    }
    in->depth--;
    return all;
}

const furrow_node *furrow_pattern_parse(const char *text, furrow_arena *arena, const char **why)
{
    parser in = {.arena = arena, .at = text};
    const furrow_node *all = parse_either(&in);
    if (!in.why && *in.at) fail_at(&in, "has a ) without its (");
    *why = in.why;
    return in.why ? NULL : all;
}
