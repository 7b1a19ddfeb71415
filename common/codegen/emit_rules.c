/**
 * The rules of a file's messages as tables of types wire/rule.h. What one field has is written before the field's own row:
 *
 *   <symbol>__<field>            its rules
 *   <symbol>__<field>_<rule>     what a rule compares with, or its automaton
 *   <symbol>__<field>__fit       what is enough for a text, and so __ranges
 *   <symbol>__<field>__items     the set of its items, and so __keys
 *   <symbol>                     the message
 */
#include "codegen/emit.h"

#include "base/bytes.h"
#include "codegen/names.h"
#include "codegen/pattern.h"
#include "codegen/rules.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERS_A_LINE = 20 };

static const char *const kinds[] = {
    [FURROW_RULE_CONST] = "CONST",
    [FURROW_RULE_IN] = "IN",
    [FURROW_RULE_NOT_IN] = "NOT_IN",
    [FURROW_RULE_RANGE] = "RANGE",
    [FURROW_RULE_FINITE] = "FINITE",
    [FURROW_RULE_DEFINED] = "DEFINED",
    [FURROW_RULE_NOT_EMPTY] = "NOT_EMPTY",
    [FURROW_RULE_CHARS] = "CHARS",
    [FURROW_RULE_BYTES] = "BYTES",
    [FURROW_RULE_PREFIX] = "PREFIX",
    [FURROW_RULE_SUFFIX] = "SUFFIX",
    [FURROW_RULE_CONTAINS] = "CONTAINS",
    [FURROW_RULE_NOT_CONTAINS] = "NOT_CONTAINS",
    [FURROW_RULE_PATTERN] = "PATTERN",
    [FURROW_RULE_FORMAT] = "FORMAT",
    [FURROW_RULE_SIZES] = "SIZES",
    [FURROW_RULE_ITEMS] = "ITEMS",
    [FURROW_RULE_UNIQUE] = "UNIQUE",
    [FURROW_RULE_LT_NOW] = "LT_NOW",
    [FURROW_RULE_GT_NOW] = "GT_NOW",
    [FURROW_RULE_WITHIN] = "WITHIN",
};

static const char *const formats[] = {
    [FURROW_FORMAT_HOSTNAME] = "HOSTNAME",
    [FURROW_FORMAT_IP] = "IP",
    [FURROW_FORMAT_IPV4] = "IPV4",
    [FURROW_FORMAT_IPV6] = "IPV6",
    [FURROW_FORMAT_ADDRESS] = "ADDRESS",
    [FURROW_FORMAT_IP_WITH_PREFIXLEN] = "IP_WITH_PREFIXLEN",
    [FURROW_FORMAT_IPV4_WITH_PREFIXLEN] = "IPV4_WITH_PREFIXLEN",
    [FURROW_FORMAT_IPV6_WITH_PREFIXLEN] = "IPV6_WITH_PREFIXLEN",
    [FURROW_FORMAT_IP_PREFIX] = "IP_PREFIX",
    [FURROW_FORMAT_IPV4_PREFIX] = "IPV4_PREFIX",
    [FURROW_FORMAT_IPV6_PREFIX] = "IPV6_PREFIX",
    [FURROW_FORMAT_HOST_AND_PORT] = "HOST_AND_PORT",
    [FURROW_FORMAT_URI] = "URI",
    [FURROW_FORMAT_URI_REF] = "URI_REF",
};

/* A byte as a C string has it; octal, of three digits, so that no digit behind it becomes part of it. */
static const char *bytes_literal(furrow_arena *arena, const furrow_rule_operand *value)
{
    char *out = furrow_text_zalloc(arena, 4 * (size_t)value->more + 3), *at = out;
    *at++ = '"';
    for (int64_t i = 0; i < value->more; i++) at += sprintf(at, "\\%03o", (uint8_t)value->text[i]);
    *at = '"';
    return out;
}

static const char *double_text(furrow_arena *arena, double value)
{
    if (isinf(value)) return value > 0 ? "__builtin_inf()" : "-__builtin_inf()";
    return furrow_text_printf(arena, "%a", value);
}

static const char *operand_text(const furrow_emit *emit, furrow_rule_form form, const furrow_rule_operand *value)
{
    furrow_arena *arena = emit->model->arena;
    switch (form) {
    case FURROW_FORM_INT:
        if (value->i == INT64_MIN) return "{.i = INT64_MIN}";
        return furrow_text_printf(arena, "{.i = %" PRId64 "}", value->i);
    case FURROW_FORM_UINT:
        return furrow_text_printf(arena, "{.u = %" PRIu64 "u}", value->u);
    case FURROW_FORM_DOUBLE:
        return furrow_text_printf(arena, "{.d = %s}", double_text(arena, value->d));
    case FURROW_FORM_TIME:
        return furrow_text_printf(arena, "{.i = %" PRId64 ", .more = %" PRId64 "}", value->i, value->more);
    case FURROW_FORM_BYTES:
        return furrow_text_printf(arena, "{.text = %s, .more = %" PRId64 "}", bytes_literal(arena, value), value->more);
    default:
        return furrow_text_printf(arena, "{.text = %s, .more = %" PRId64 "}", furrow_text_literal(arena, value->text),
                                  value->more);
    }
}

/* @width: of one of them, in bytes, 1 or 2. */
static void write_numbers(const furrow_emit *emit, const char *name, const void *numbers, size_t width, size_t count)
{
    const uint8_t *bytes = numbers;
    const uint16_t *pairs = numbers;
    furrow_buffer_printf(emit->source, "static const %s %s[] = {", width == 1 ? "uint8_t" : "uint16_t", name);
    for (size_t i = 0; i < count; i++)
        furrow_buffer_printf(emit->source, "%s%u,", i % NUMBERS_A_LINE ? " " : "\n    ",
                             width == 1 ? bytes[i] : pairs[i]);
    furrow_buffer_append_text(emit->source, "\n};\n");
}

static void write_pattern(const furrow_emit *emit, const char *name, const furrow_rule_pattern *table)
{
    furrow_arena *arena = emit->model->arena;
    const furrow_pattern *pattern = (const furrow_pattern *)(const void *)table;
    const char *classes = furrow_text_printf(arena, "%s_classes", name);
    const char *next = furrow_text_printf(arena, "%s_next", name);
    write_numbers(emit, classes, table->classes, sizeof *table->classes, 256);
    write_numbers(emit, next, table->next, sizeof *table->next, pattern->state_count * pattern->class_count);
    furrow_buffer_printf(emit->source,
                         "static const furrow_rule_pattern %s = {\n    .classes = %s,\n    .next = %s,\n"
                         "    .start = %u,\n    .sinks = %u,\n    .accepts = %u,\n};\n",
                         name, classes, next, table->start, table->sinks, table->accepts);
}

/* "string.min_len" of employee_v1_employee_rules__badge: "employee_v1_employee_rules__badge_min_len". */
static const char *part_symbol(const furrow_emit *emit, const char *symbol, const furrow_rule *rule)
{
    furrow_arena *arena = emit->model->arena;
    return furrow_text_printf(arena, "%s_%s", symbol, furrow_names_identifier(arena, strchr(rule->id, '.') + 1));
}

/* What a rule points to stands before it. */
static void write_operands(const furrow_emit *emit, const char *symbol, const furrow_rule *rule, furrow_rule_form form)
{
    const char *name = part_symbol(emit, symbol, rule);
    if (rule->pattern) write_pattern(emit, name, rule->pattern);
    if (rule->count == 0) return;
    furrow_buffer_printf(emit->source, "static const furrow_rule_operand %s[] = {", name);
    for (size_t i = 0; i < rule->count; i++)
        furrow_buffer_printf(emit->source, "%s%s", i ? ", " : "", operand_text(emit, form, &rule->list[i]));
    furrow_buffer_append_text(emit->source, "};\n");
}

static const char *size_text(furrow_arena *arena, uint64_t size)
{
    return size == UINT64_MAX ? "UINT64_MAX" : furrow_text_printf(arena, "%" PRIu64 "u", size);
}

static const char *bounds_text(uint8_t bounds, furrow_arena *arena)
{
    static const char *const names[] = {"GT", "GTE", "LT", "LTE", "OUTSIDE"};
    const char *text = "";
    for (int bit = 0; bit < 5; bit++)
        if (bounds >> bit & 1)
            text = furrow_text_printf(arena, "%s%sFURROW_BOUND_%s", text, text[0] ? " | " : "", names[bit]);
    return text;
}

static void write_rule(const furrow_emit *emit, const char *symbol, const furrow_rule *rule)
{
    furrow_arena *arena = emit->model->arena;
    furrow_buffer_printf(emit->source, "    {\n        .kind = FURROW_RULE_%s,\n", kinds[rule->kind]);
    if (rule->bounds) furrow_buffer_printf(emit->source, "        .bounds = %s,\n", bounds_text(rule->bounds, arena));
    furrow_buffer_printf(emit->source, "        .id = \"%s\",\n        .text = %s,\n", rule->id,
                         furrow_text_literal(arena, rule->text));
    if (rule->kind == FURROW_RULE_FORMAT)
        furrow_buffer_printf(emit->source, "        .least = FURROW_FORMAT_%s,\n", formats[rule->least]);
    else if (rule->least > 0)
        furrow_buffer_printf(emit->source, "        .least = %s,\n", size_text(arena, rule->least));
    if (rule->most > 0) furrow_buffer_printf(emit->source, "        .most = %s,\n", size_text(arena, rule->most));
    const char *part = part_symbol(emit, symbol, rule);
    if (rule->count > 0)
        furrow_buffer_printf(emit->source, "        .list = %s,\n        .count = %zu,\n", part, rule->count);
    if (rule->pattern) furrow_buffer_printf(emit->source, "        .pattern = &%s,\n", part);
    furrow_buffer_append_text(emit->source, "    },\n");
}

static void write_rule_list(const furrow_emit *emit, const char *symbol, const furrow_rules_set *set)
{
    if (set->count == 0) return;
    for (size_t i = 0; i < set->count; i++) {
        furrow_rule_form form = set->rules[i].kind == FURROW_RULE_WITHIN ? FURROW_FORM_TIME : set->form;
        write_operands(emit, symbol, &set->rules[i], form);
    }
    furrow_buffer_printf(emit->source, "static const furrow_rule %s[] = {\n", symbol);
    for (size_t i = 0; i < set->count; i++) write_rule(emit, symbol, &set->rules[i]);
    furrow_buffer_append_text(emit->source, "};\n");
}

/* Everything the set needs, and then its members as an initialiser. */
static const char *write_set(const furrow_emit *emit, const char *symbol, const furrow_rules_set *set);

static const char *write_inner(const furrow_emit *emit, const char *symbol, const char *part,
                               const furrow_rules_set *set)
{
    furrow_arena *arena = emit->model->arena;
    if (!set) return "";
    const char *name = furrow_text_printf(arena, "%s__%s", symbol, part);
    const char *members = write_set(emit, furrow_text_printf(arena, "%s_each", name), set);
    furrow_buffer_printf(emit->source, "static const furrow_rule_set %s = {%s};\n", name, members);
    return furrow_text_printf(arena, ".%s = &%s, ", part, name);
}

static const char *write_set(const furrow_emit *emit, const char *symbol, const furrow_rules_set *set)
{
    static const char *const ignores[] = {"UNSET", "ZERO", "ALWAYS"};
    furrow_arena *arena = emit->model->arena;
    const char *members = "";
    write_rule_list(emit, symbol, set);
    if (set->count > 0) members = furrow_text_printf(arena, ".rules = %s, .count = %zu, ", symbol, set->count);
    if (set->ignore != FURROW_IGNORE_UNSET)
        members = furrow_text_printf(arena, "%s.ignore = FURROW_IGNORE_%s, ", members, ignores[set->ignore]);
    members = furrow_text_printf(arena, "%s%s", members, write_inner(emit, symbol, "keys", set->keys));
    members = furrow_text_printf(arena, "%s%s", members, write_inner(emit, symbol, "items", set->items));
    if (set->message)
        members =
            furrow_text_printf(arena, "%s.message = &%s, ", members, furrow_symbols_field_rules(arena, set->message));
    size_t len = strlen(members);
    return len > 0 ? furrow_text_copy(arena, members, len - 2) : "0";
}

static const char *size_limit_text(furrow_arena *arena, size_t size)
{
    return size == SIZE_MAX ? "SIZE_MAX" : furrow_text_printf(arena, "%zu", size);
}

/* Its member of the field's row; "" when there is none. */
static const char *write_fit(const furrow_emit *emit, const char *symbol, const furrow_model_field *field,
                             const furrow_rules_field *rules)
{
    furrow_arena *arena = emit->model->arena;
    furrow_rule_fit fit;
    const char *member = "";
    if (!furrow_rules_fit(emit->model, field, rules, &fit)) return "";
    if (fit.ranges) {
        furrow_buffer_printf(emit->source, "static const furrow_rule_range %s__ranges[] = {\n", symbol);
        for (size_t i = 0; i < fit.count; i++) {
            unsigned first = fit.ranges[i].first & 0xff, more = fit.ranges[i].more & 0xff;
            furrow_buffer_printf(emit->source, "    FURROW_RULE_RANGE(0x%02x, 0x%02x),\n", first, first + more);
        }
        furrow_buffer_append_text(emit->source, "};\n");
        member = furrow_text_printf(arena, "    .ranges = %s__ranges,\n    .count = %zu,\n", symbol, fit.count);
    }
    furrow_buffer_printf(emit->source,
                         "static const furrow_rule_fit %s__fit = {\n    .least = %zu,\n    .most = %s,\n%s};\n", symbol,
                         fit.least, size_limit_text(arena, fit.most), member);
    return furrow_text_printf(arena, ".fit = &%s__fit, ", symbol);
}

/* The rows of the fields that have rules, in the order of their numbers; "" for none. */
static const char *write_field_rules(const furrow_emit *emit, const furrow_model_message *message, const char *symbol)
{
    furrow_arena *arena = emit->model->arena;
    const furrow_model_field *field;
    const char *rows = "";
    for (size_t rank = 0; (field = furrow_model_at_rank(message, rank)); rank++) {
        furrow_rules_field rules;
        if (!furrow_rules_compile(emit->model, message, field, NULL, &rules)) continue;
        const char *part = furrow_text_printf(arena, "%s__%s", symbol, field->name);
        const char *members = write_set(emit, part, &rules.set), *fit = write_fit(emit, part, field, &rules);
        bool map = field->message && field->message->map_entry;
        rows = furrow_text_printf(arena, "%s    {.at = %zu, %s%s%s.set = {%s}}, /* %s */\n", rows, rank,
                                  rules.required ? ".required = true, " : "", map ? ".map = true, " : "", fit, members,
                                  field->name);
    }
    return rows;
}

static const char *oneof_rows(const furrow_emit *emit, const furrow_model_message *message)
{
    const char *rows = "";
    for (size_t i = 0; i < message->proto->n_oneof_decl; i++) {
        const furrow_model_field *field = NULL;
        for (size_t k = 0; k < message->field_count && !field; k++)
            if (furrow_model_in_oneof(&message->fields[k]) && (size_t)message->fields[k].proto->oneof_index == i)
                field = &message->fields[k];
        if (!field || !furrow_rules_oneof_required(message->proto->oneof_decl[i])) continue;
        rows = furrow_text_printf(emit->model->arena, "%s    {.name = \"%s\", .at = %zu},\n", rows,
                                  message->proto->oneof_decl[i]->name, furrow_model_rank(message, field));
    }
    return rows;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; (text = strchr(text, '\n')); text++) count++;
    return count;
}

static void write_rows(const furrow_emit *emit, const char *type, const char *symbol, const char *part,
                       const char *rows)
{
    if (rows[0]) furrow_buffer_printf(emit->source, "static const %s %s__%s[] = {\n%s};\n", type, symbol, part, rows);
}

static void write_message(const furrow_emit *emit, const furrow_model_message *message)
{
    furrow_arena *arena = emit->model->arena;
    const char *symbol = furrow_symbols_field_rules(arena, message);
    furrow_buffer_printf(emit->source, "/* Rules of %s. */\n", message->name);
    const char *fields = write_field_rules(emit, message, symbol), *oneofs = oneof_rows(emit, message);
    write_rows(emit, "furrow_rule_field", symbol, "_fields", fields);
    write_rows(emit, "furrow_rule_oneof", symbol, "_oneofs", oneofs);
    furrow_buffer_printf(emit->source, "const furrow_rule_message %s = {\n    .descriptor = &%s__descriptor,\n", symbol,
                         furrow_names_c_lower(arena, message->name));
    if (fields[0])
        furrow_buffer_printf(emit->source, "    .fields = %s___fields,\n    .field_count = %zu,\n", symbol,
                             count_lines(fields));
    if (oneofs[0])
        furrow_buffer_printf(emit->source, "    .oneofs = %s___oneofs,\n    .oneof_count = %zu,\n", symbol,
                             count_lines(oneofs));
    furrow_buffer_append_text(emit->source, "};\n\n");
}

/* Those of other files that a field of this one holds, or a method takes. */
static void declare_foreign(const furrow_emit *emit, const furrow_model_message *message, size_t *count)
{
    if (!message || message->file == emit->file || !furrow_rules_any(emit->model, message)) return;
    const char *line = furrow_text_printf(emit->model->arena, "extern const furrow_rule_message %s;\n",
                                          furrow_symbols_field_rules(emit->model->arena, message));
    if (memmem(emit->source->data, emit->source->len, line, strlen(line))) return; /* another field's, too */
    ++*count;
    furrow_buffer_append_text(emit->source, line);
}

static void declare_all(const furrow_emit *emit)
{
    const furrow_model_file *file = emit->file;
    size_t count = 0;
    for (size_t i = 0; i < file->message_count; i++) {
        const furrow_model_message *message = &file->messages[i];
        for (size_t k = 0; k < message->field_count; k++)
            if (furrow_rules_any(emit->model, message)) declare_foreign(emit, message->fields[k].message, &count);
    }
    for (size_t s = 0; s < file->service_count; s++)
        for (size_t k = 0; k < file->services[s].method_count; k++)
            declare_foreign(emit, file->services[s].methods[k].input, &count);
    if (count > 0) furrow_buffer_append_text(emit->source, "\n");
}

void furrow_emit_rules(const furrow_emit *emit)
{
    const furrow_model_file *file = emit->file;
    declare_all(emit);
    for (size_t i = 0; i < file->message_count; i++) {
        const furrow_model_message *message = &file->messages[i];
        if (message->map_entry || !furrow_rules_any(emit->model, message)) continue;
        furrow_buffer_printf(emit->header, "/* Rules of %s. */\nextern const furrow_rule_message %s;\n\n",
                             message->name, furrow_symbols_field_rules(emit->model->arena, message));
        write_message(emit, message);
    }
}
