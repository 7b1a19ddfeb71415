/*
 * Rules of strings and bytes: sizes, parts, patterns and formats. Those formats that are regular are patterns, and cost what
 * a pattern costs.
 */
#include "codegen/rules_inside.h"

#include "codegen/pattern.h"
#include "codegen/text.h"

#include <string.h>

#define LABEL      "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
#define HEX        "[0-9a-fA-F]"
#define IDENTIFIER "[A-Za-z_][A-Za-z_0-9]*"

/* A size in characters or bytes: "" as in "string.len", or "_bytes". */
static void compile_size(furrow_rules_work *in, furrow_rule_kind kind, const char *names[3], const char *unit)
{
    static const char *const words[] = {"", "at least ", "at most "};
    for (int i = 0; i < 3; i++) {
        uint64_t size;
        if (!furrow_rules_get_size(in->from, names[i], &size)) continue;
        const char *text = furrow_text_printf(in->model->arena, "must be %s%llu %s%s", words[i],
                                              (unsigned long long)size, unit, size == 1 ? "" : "s");
        furrow_rule *rule = furrow_rules_add(in, kind, names[i], text);
        rule->least = i == 2 ? 0 : size;
        rule->most = i == 1 ? UINT64_MAX : size;
    }
}

void furrow_rules_judge_sizes(furrow_rules_work *in, furrow_rule_kind kind, const char *what)
{
    const furrow_rule *least = NULL, *most = NULL;
    for (size_t i = 0; i < in->count; i++) {
        const furrow_rule *rule = &in->rules[i];
        if (rule->kind != kind) continue;
        if (!least || rule->least > least->least) least = rule;
        if (!most || rule->most < most->most) most = rule;
    }
    if (least && least->least > most->most)
        furrow_rules_refuse(in, "has %s above %s: no number of %ss is both", strchr(least->id, '.') + 1,
                            strchr(most->id, '.') + 1, what);
}

/* Characters take at least a byte each, and at most four. */
static void judge_units(furrow_rules_work *in)
{
    const furrow_rule *chars = NULL, *bytes = NULL;
    for (size_t i = 0; i < in->count; i++) {
        if (in->rules[i].kind == FURROW_RULE_CHARS && in->rules[i].least > 0) chars = &in->rules[i];
        if (in->rules[i].kind == FURROW_RULE_BYTES && in->rules[i].most < UINT64_MAX) bytes = &in->rules[i];
    }
    if (chars && bytes && chars->least > bytes->most)
        furrow_rules_refuse(in, "has %s above %s, but a character takes a byte or more: no text is both",
                            strchr(chars->id, '.') + 1, strchr(bytes->id, '.') + 1);
}

static void compile_parts(furrow_rules_work *in)
{
    static const struct {
        const char *name;
        furrow_rule_kind kind;
        const char *text;
    } parts[] = {{"prefix", FURROW_RULE_PREFIX, "must begin with"},
                 {"suffix", FURROW_RULE_SUFFIX, "must end with"},
                 {"contains", FURROW_RULE_CONTAINS, "must contain"},
                 {"not_contains", FURROW_RULE_NOT_CONTAINS, "must not contain"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t count;
        const furrow_rule_operand *part = furrow_rules_operands(in, parts[i].name, &count);
        if (!part) continue;
        const char *text = furrow_text_printf(in->model->arena, "%s %s", parts[i].text, furrow_rules_show(in, part));
        furrow_rule *rule = furrow_rules_add(in, parts[i].kind, parts[i].name, text);
        rule->list = part;
        rule->count = 1;
    }
}

static void add_pattern(furrow_rules_work *in, const char *name, const char *pattern, const char *text)
{
    const char *why;
    furrow_pattern *compiled = furrow_text_zalloc(in->model->arena, sizeof *compiled);
    if (!furrow_pattern_compile(pattern, in->model->arena, compiled, &why))
        furrow_rules_refuse(in, "has the pattern `%.200s`, which %s", pattern, why);
    else
        furrow_rules_add(in, FURROW_RULE_PATTERN, name, text)->pattern = &compiled->table;
}

/* A format: a pattern, or the check of one that no pattern is. */
typedef struct format {
    const char *name, *text;
    const char *pattern; /* NULL: by @check */
    furrow_rule_format check;
    bool may_be_empty;
} format;

static const format formats[] = {
    {"email", "email address", "^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@" LABEL "(?:\\." LABEL ")*$", 0, false},
    {"hostname", "hostname", NULL, FURROW_FORMAT_HOSTNAME, false},
    {"ip", "IP address", NULL, FURROW_FORMAT_IP, false},
    {"ipv4", "IPv4 address", NULL, FURROW_FORMAT_IPV4, false},
    {"ipv6", "IPv6 address", NULL, FURROW_FORMAT_IPV6, false},
    {"uri", "URI", NULL, FURROW_FORMAT_URI, false},
    {"uri_ref", "URI reference", NULL, FURROW_FORMAT_URI_REF, true},
    {"address", "hostname or IP address", NULL, FURROW_FORMAT_ADDRESS, false},
    {"uuid", "UUID", "^" HEX "{8}-" HEX "{4}-" HEX "{4}-" HEX "{4}-" HEX "{12}$", 0, false},
    {"tuuid", "UUID without dashes", "^" HEX "{32}$", 0, false},
    {"ip_with_prefixlen", "IP address with prefix length", NULL, FURROW_FORMAT_IP_WITH_PREFIXLEN, false},
    {"ipv4_with_prefixlen", "IPv4 address with prefix length", NULL, FURROW_FORMAT_IPV4_WITH_PREFIXLEN, false},
    {"ipv6_with_prefixlen", "IPv6 address with prefix length", NULL, FURROW_FORMAT_IPV6_WITH_PREFIXLEN, false},
    {"ip_prefix", "IP prefix", NULL, FURROW_FORMAT_IP_PREFIX, false},
    {"ipv4_prefix", "IPv4 prefix", NULL, FURROW_FORMAT_IPV4_PREFIX, false},
    {"ipv6_prefix", "IPv6 prefix", NULL, FURROW_FORMAT_IPV6_PREFIX, false},
    {"host_and_port", "host and port", NULL, FURROW_FORMAT_HOST_AND_PORT, false},
    {"ulid", "ULID", "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$", 0, false},
    {"protobuf_fqn", "full Protobuf name", "^" IDENTIFIER "(\\." IDENTIFIER ")*$", 0, false},
    {"protobuf_dot_fqn", "full Protobuf name with a dot before it", "^(\\." IDENTIFIER ")+$", 0, false},
};

static const char *valid_text(const furrow_rules_work *in, const char *what)
{
    return furrow_text_printf(in->model->arena, "must be a valid %s", what);
}

/* Empty text is told apart, as protovalidate does: then the format itself lets it pass. */
static void add_not_empty(furrow_rules_work *in, const char *name, const char *what)
{
    name = furrow_text_printf(in->model->arena, "%s_empty", name);
    furrow_rules_add(in, FURROW_RULE_NOT_EMPTY, name,
                     furrow_text_printf(in->model->arena, "is empty, which is no valid %s", what));
}

static void add_format(furrow_rules_work *in, const format *of)
{
    const char *text = valid_text(in, of->text);
    if (!of->may_be_empty) add_not_empty(in, of->name, of->text);
    if (of->pattern)
        add_pattern(in, of->name, furrow_text_printf(in->model->arena, "^$|%s", of->pattern), text);
    else
        furrow_rules_add(in, FURROW_RULE_FORMAT, of->name, text)->least = of->check;
}

/* RFC 7230, 3.2; or, not strictly, whatever ends no line. */
static void compile_header(furrow_rules_work *in)
{
    size_t count;
    const ProtobufCFieldDescriptor *type;
    const int32_t *which = furrow_rules_given(in->from, "well_known_regex", &type, &count);
    const protobuf_c_boolean *strict = furrow_rules_given(in->from, "strict", &type, &count);
    if (strict && (!which || *which == 0))
        furrow_rules_refuse(in, "has strict, which says something of well_known_regex alone: drop it");
    bool loose = strict && !*strict;
    if (which && *which == 1) {
        const char *pattern = loose ? "^[^\\n\\r]*$" : "^$|^:?[0-9a-zA-Z!#$%&'*+-.^_|~`]+$";
        add_not_empty(in, "well_known_regex.header_name", "HTTP header name");
        add_pattern(in, "well_known_regex.header_name", pattern, valid_text(in, "HTTP header name"));
    } else if (which && *which == 2) {
        const char *pattern = loose ? "^[^\\n\\r]*$" : "^[^\\x01-\\x08\\x0a-\\x1f\\x7f]*$";
        add_pattern(in, "well_known_regex.header_value", pattern, valid_text(in, "HTTP header value"));
    }
}

static void compile_string_formats(furrow_rules_work *in)
{
    const char *first = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!furrow_rules_is_true(in->from, formats[i].name)) continue;
        if (first) furrow_rules_refuse(in, "is to be %s and %s: say one of the two", first, formats[i].name);
        first = formats[i].name;
        add_format(in, &formats[i]);
    }
    compile_header(in);
}

static void compile_bytes_formats(furrow_rules_work *in)
{
    static const struct {
        const char *name, *text;
        uint64_t sizes[2];
    } sized[] = {{"ip", "IP address", {4, 16}},
                 {"ipv4", "IPv4 address", {4, 4}},
                 {"ipv6", "IPv6 address", {16, 16}},
                 {"uuid", "UUID", {16, 16}}};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof sized / sizeof *sized; i++) {
        if (!furrow_rules_is_true(in->from, sized[i].name)) continue;
        if (first) furrow_rules_refuse(in, "is to be %s and %s: say one of the two", first, sized[i].name);
        first = sized[i].name;
        add_not_empty(in, sized[i].name, sized[i].text);
        furrow_rule *rule = furrow_rules_add(in, FURROW_RULE_SIZES, sized[i].name, valid_text(in, sized[i].text));
        rule->least = sized[i].sizes[0];
        rule->most = sized[i].sizes[1];
    }
}

void furrow_rules_compile_texts(furrow_rules_work *in)
{
    const char *chars[] = {"len", "min_len", "max_len"}, *bytes[] = {"len_bytes", "min_bytes", "max_bytes"};
    size_t count;
    if (in->form != FURROW_FORM_TEXT && in->form != FURROW_FORM_BYTES) return;
    bool is_text = in->form == FURROW_FORM_TEXT;
    compile_size(in, is_text ? FURROW_RULE_CHARS : FURROW_RULE_BYTES, chars, is_text ? "character" : "byte");
    if (is_text) compile_size(in, FURROW_RULE_BYTES, bytes, "byte");
    furrow_rules_judge_sizes(in, FURROW_RULE_CHARS, "character");
    furrow_rules_judge_sizes(in, FURROW_RULE_BYTES, "byte");
    judge_units(in);
    const ProtobufCFieldDescriptor *type;
    const void *pattern = furrow_rules_given(in->from, "pattern", &type, &count);
    if (pattern) {
        const char *text = *(const char *const *)pattern;
        add_pattern(in, "pattern", text, furrow_text_printf(in->model->arena, "must match `%s`", text));
    }
    compile_parts(in);
    (is_text ? compile_string_formats : compile_bytes_formats)(in);
}
