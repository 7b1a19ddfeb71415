/*
 * Rules that compare: const, in, not_in, lt, lte, gt, gte, and what floating point and moments have beside them. Whether
 * they can hold is asked of the very code that checks at run time (furrow_rule_holds), so both are of one mind.
 */
#include "codegen/rules_inside.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "codegen/text.h"
#include "wire/moment.h"

#include "google/protobuf/field_mask.pb-c.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A FieldMask's paths are its values. */
static const furrow_rule_operand *mask_operands(const furrow_rules_work *in, const void *at, size_t *count)
{
    const Google__Protobuf__FieldMask *mask = *(const Google__Protobuf__FieldMask *const *)at;
    furrow_rule_operand *list = furrow_text_zalloc(in->model->arena, mask->n_paths * sizeof *list);
    for (size_t i = 0; i < mask->n_paths; i++)
        list[i] = (furrow_rule_operand){.text = mask->paths[i], .more = (int64_t)strlen(mask->paths[i])};
    *count = mask->n_paths;
    return list;
}

const furrow_rule_operand *furrow_rules_operands(furrow_rules_work *in, const char *name, size_t *count)
{
    const ProtobufCFieldDescriptor *type;
    const void *at = furrow_rules_given(in->from, name, &type, count);
    if (!at) return NULL;
    if (in->form == FURROW_FORM_MASK && type->label != PROTOBUF_C_LABEL_REPEATED) return mask_operands(in, at, count);
    furrow_rule_operand *list = furrow_text_zalloc(in->model->arena, *count * sizeof *list);
    size_t size = furrow_rule_item_size(type);
    for (size_t i = 0; i < *count; i++) {
        list[i] = furrow_rule_read(type, (const char *)at + i * size).operand;
        if (in->form == FURROW_FORM_DOUBLE && isnan(list[i].d))
            furrow_rules_refuse(in, "has %s nan, which nothing equals and nothing is above: name a number", name);
    }
    return list;
}

static const char *show_time(const furrow_rules_work *in, const furrow_rule_operand *value)
{
    furrow_arena *arena = in->model->arena;
    char day[64], fraction[16] = "";
    time_t seconds = (time_t)value->i;
    struct tm parts;
    bool negative = value->i < 0 || value->more < 0;
    if (value->more) {
        snprintf(fraction, sizeof fraction, ".%09d", (int)(value->more < 0 ? -value->more : value->more));
        for (size_t len = strlen(fraction); len > 0 && fraction[len - 1] == '0';) fraction[--len] = '\0';
    }
    if (strcmp(in->type, "duration") == 0)
        return furrow_text_printf(arena, "%s%" PRId64 "%ss", negative ? "-" : "", value->i < 0 ? -value->i : value->i,
                                  fraction);
    if (!gmtime_r(&seconds, &parts) || !strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts)) return "a moment";
    return furrow_text_printf(arena, "%s%sZ", day, fraction);
}

static const char *show_bytes(const furrow_rules_work *in, const furrow_rule_operand *value)
{
    char *out = furrow_text_zalloc(in->model->arena, (size_t)value->more * 2 + 3), *at = out;
    at += sprintf(at, "0x");
    for (int64_t i = 0; i < value->more; i++) at += sprintf(at, "%02x", (uint8_t)value->text[i]);
    return out;
}

/* As many digits as the type is sure of. */
static const char *show_double(const furrow_rules_work *in, double value)
{
    return furrow_text_printf(in->model->arena, "%.*g", strcmp(in->type, "float") == 0 ? 6 : 15, value);
}

static const char *show_enum(const furrow_rules_work *in, int64_t number)
{
    const Google__Protobuf__EnumDescriptorProto *of = in->enumeration->proto;
    for (size_t i = 0; i < of->n_value; i++)
        if (of->value[i]->number == number) return of->value[i]->name;
    return furrow_text_printf(in->model->arena, "%" PRId64, number);
}

const char *furrow_rules_show(const furrow_rules_work *in, const furrow_rule_operand *value)
{
    furrow_arena *arena = in->model->arena;
    switch (in->form) {
    case FURROW_FORM_INT:
        return in->enumeration ? show_enum(in, value->i) : furrow_text_printf(arena, "%" PRId64, value->i);
    case FURROW_FORM_UINT:
        if (strcmp(in->type, "bool") == 0) return value->u ? "true" : "false";
        return furrow_text_printf(arena, "%" PRIu64, value->u);
    case FURROW_FORM_DOUBLE:
        return show_double(in, value->d);
    case FURROW_FORM_TIME:
        return show_time(in, value);
    case FURROW_FORM_BYTES:
        return show_bytes(in, value);
    default:
        return furrow_text_printf(arena, "`%.*s`", (int)value->more, value->text);
    }
}

static const char *show_list(const furrow_rules_work *in, const furrow_rule_operand *list, size_t count)
{
    enum { SHOWN = 12 };
    const char *text = "";
    for (size_t i = 0; i < count && i < SHOWN; i++)
        text = furrow_text_printf(in->model->arena, "%s%s%s", text, i ? ", " : "", furrow_rules_show(in, &list[i]));
    if (count > SHOWN) text = furrow_text_printf(in->model->arena, "%s and %zu more", text, count - SHOWN);
    return text;
}

static void compile_const(furrow_rules_work *in)
{
    size_t count;
    const furrow_rule_operand *value = furrow_rules_operands(in, "const", &count);
    if (!value) return;
    const char *text = in->form == FURROW_FORM_MASK ? "must equal the paths " : "must equal ";
    text = furrow_text_printf(in->model->arena, "%s%s", text, show_list(in, value, count));
    furrow_rule *rule = furrow_rules_add(in, FURROW_RULE_CONST, "const", text);
    rule->list = value;
    rule->count = count;
}

static void compile_lists(furrow_rules_work *in)
{
    static const struct {
        const char *name;
        furrow_rule_kind kind;
        const char *text, *paths;
    } lists[] = {
        {"in", FURROW_RULE_IN, "must be one of", "must only contain paths in"},
        {"not_in", FURROW_RULE_NOT_IN, "must not be one of", "must not contain any paths in"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t count;
        const furrow_rule_operand *list = furrow_rules_operands(in, lists[i].name, &count);
        if (!list) continue;
        const char *text = in->form == FURROW_FORM_MASK ? lists[i].paths : lists[i].text;
        text = furrow_text_printf(in->model->arena, "%s %s", text, show_list(in, list, count));
        furrow_rule *rule = furrow_rules_add(in, lists[i].kind, lists[i].name, text);
        rule->list = list;
        rule->count = count;
    }
}

/* One side of a range. */
typedef struct bound {
    const furrow_rule_operand *value; /* NULL: there is none */
    const char *name, *words;         /* "gte", "greater than or equal to" */
    uint8_t bit;
} bound;

static bound find_bound(furrow_rules_work *in, const bound sides[2])
{
    bound found = {NULL, NULL, NULL, 0};
    for (int i = 0; i < 2; i++) {
        size_t count;
        const furrow_rule_operand *value = furrow_rules_operands(in, sides[i].name, &count);
        if (value && found.value)
            furrow_rules_refuse(in, "has both %s and %s: say one of the two", sides[0].name, sides[1].name);
        if (!value) continue;
        found = sides[i];
        found.value = value;
    }
    return found;
}

static bool satisfies(const furrow_rules_work *in, const furrow_rule *rule, const furrow_rule_operand *value)
{
    const furrow_rule_value one = {.form = in->form, .operand = *value};
    return furrow_rule_holds(rule, &one);
}

static bool comes_before(const furrow_rules_work *in, const furrow_rule_operand *a, const furrow_rule_operand *b)
{
    const furrow_rule below = {
        .kind = FURROW_RULE_RANGE, .bounds = FURROW_BOUND_LT, .list = (furrow_rule_operand[]){{.i = 0}, *b}};
    return satisfies(in, &below, a);
}

/* No value lies between neighbours. */
static bool is_empty_range(const furrow_rules_work *in, const furrow_rule *rule)
{
    if (satisfies(in, rule, &rule->list[0]) || satisfies(in, rule, &rule->list[1])) return false;
    return in->form == FURROW_FORM_INT ? rule->list[0].i + 1 >= rule->list[1].i
           : in->form == FURROW_FORM_UINT
               ? rule->list[0].u + 1 >= rule->list[1].u
               : !comes_before(in, &rule->list[0], &rule->list[1]) && !comes_before(in, &rule->list[1], &rule->list[0]);
}

static const char *say_range(const furrow_rules_work *in, const bound *low, const bound *high, const char *joined)
{
    furrow_arena *arena = in->model->arena;
    const char *least = low->value ? furrow_rules_show(in, low->value) : "";
    const char *most = high->value ? furrow_rules_show(in, high->value) : "";
    if (low->bit == FURROW_BOUND_GTE && high->bit == FURROW_BOUND_LTE && strcmp(joined, " and ") == 0)
        return furrow_text_printf(arena, "must be between %s and %s", least, most);
    return furrow_text_printf(arena, "must be %s%s%s%s%s%s%s", low->value ? low->words : "", low->value ? " " : "",
                              least, joined, high->value ? high->words : "", high->value ? " " : "", most);
}

static void compile_range(furrow_rules_work *in)
{
    static const bound lows[] = {{NULL, "gt", "greater than", FURROW_BOUND_GT},
                                 {NULL, "gte", "greater than or equal to", FURROW_BOUND_GTE}};
    static const bound highs[] = {{NULL, "lt", "less than", FURROW_BOUND_LT},
                                  {NULL, "lte", "less than or equal to", FURROW_BOUND_LTE}};
    furrow_arena *arena = in->model->arena;
    const bound low = find_bound(in, lows), high = find_bound(in, highs);
    if (!low.value && !high.value) return;
    furrow_rule_operand *list = furrow_text_zalloc(arena, 2 * sizeof *list);
    if (low.value) list[0] = *low.value;
    if (high.value) list[1] = *high.value;
    bool both = low.value && high.value, outside = both && comes_before(in, high.value, low.value);
    const char *name = furrow_text_printf(arena, "%s%s%s%s", low.value ? low.name : "", both ? "_" : "",
                                          high.value ? high.name : "", outside ? "_exclusive" : "");
    const char *text = say_range(in, &low, &high, both ? outside ? " or " : " and " : "");
    furrow_rule *rule = furrow_rules_add(in, FURROW_RULE_RANGE, name, text);
    rule->bounds = (uint8_t)(low.bit | high.bit | (outside ? FURROW_BOUND_OUTSIDE : 0));
    rule->list = list;
    rule->count = 2;
    if (both && !outside && is_empty_range(in, rule))
        furrow_rules_refuse(in, "%s, which no value can be: move one of the bounds", text);
}

static void compile_defined(furrow_rules_work *in)
{
    if (in->enumeration && furrow_rules_is_true(in->from, "defined_only"))
        furrow_rules_add(
            in, FURROW_RULE_DEFINED, "defined_only",
            furrow_text_printf(in->model->arena, "must be a value that %s defines", in->enumeration->proto->name));
}

static void compile_clock(furrow_rules_work *in)
{
    size_t count;
    const ProtobufCFieldDescriptor *type;
    static const struct {
        const char *name, *against[2];
        furrow_rule_kind kind;
        const char *text;
    } rules[] = {{"lt_now", {"lt", "lte"}, FURROW_RULE_LT_NOW, "must not lie in the future"},
                 {"gt_now", {"gt", "gte"}, FURROW_RULE_GT_NOW, "must not lie in the past"}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!furrow_rules_is_true(in->from, rules[i].name)) continue;
        for (size_t k = 0; k < 2; k++)
            if (furrow_rules_given(in->from, rules[i].against[k], &type, &count))
                furrow_rules_refuse(in, "has both %s and %s: say one of the two", rules[i].name, rules[i].against[k]);
        furrow_rules_add(in, rules[i].kind, rules[i].name, rules[i].text);
    }
    const void *within = furrow_rules_given(in->from, "within", &type, &count);
    if (!within) return;
    furrow_rules_work shown = *in;
    shown.type = "duration";
    furrow_rule_operand *span = furrow_text_zalloc(in->model->arena, sizeof *span);
    *span = furrow_rule_read(type, within).operand;
    if (span->i < 0 || span->more < 0 || (span->i == 0 && span->more == 0))
        furrow_rules_refuse(in, "has within %s, which is no time at all: write one that is longer",
                            furrow_rules_show(&shown, span));
    const char *text =
        furrow_text_printf(in->model->arena, "must be within %s of now", furrow_rules_show(&shown, span));
    furrow_rule *rule = furrow_rules_add(in, FURROW_RULE_WITHIN, "within", text);
    rule->list = span;
    rule->count = 1;
}

void furrow_rules_compile_values(furrow_rules_work *in)
{
    compile_const(in);
    compile_range(in);
    compile_lists(in);
    compile_defined(in);
    if (furrow_rules_is_true(in->from, "finite")) furrow_rules_add(in, FURROW_RULE_FINITE, "finite", "must be finite");
    if (in->form == FURROW_FORM_TIME) compile_clock(in);
}

/* The first rule that @value breaks, beside those that name it; NULL: none. What the clock says is not known yet. */
static const furrow_rule *broken_by(const furrow_rules_work *in, const furrow_rule_operand *value,
                                    const furrow_rule *but)
{
    for (size_t i = 0; i < in->count; i++) {
        const furrow_rule *rule = &in->rules[i];
        bool clock =
            rule->kind == FURROW_RULE_LT_NOW || rule->kind == FURROW_RULE_GT_NOW || rule->kind == FURROW_RULE_WITHIN;
        if (rule == but || clock || rule->kind == FURROW_RULE_DEFINED) continue;
        if (!satisfies(in, rule, value)) return rule;
    }
    return NULL;
}

static bool is_defined(const furrow_rules_work *in, const furrow_rule_operand *value)
{
    const Google__Protobuf__EnumDescriptorProto *of = in->enumeration->proto;
    for (size_t i = 0; i < of->n_value; i++)
        if (of->value[i]->number == value->i) return true;
    return false;
}

/* Some value of the list satisfies all the rest; and of an enum each is a value. */
static void judge_list(furrow_rules_work *in, const furrow_rule *list)
{
    const furrow_rule *broken = NULL;
    for (size_t i = 0; in->enumeration && i < list->count; i++)
        if (!is_defined(in, &list->list[i]))
            furrow_rules_refuse(in, "names %s, which is no value of %s: name one that is",
                                furrow_rules_show(in, &list->list[i]), in->enumeration->name);
    for (size_t i = 0; i < list->count; i++)
        if (!(broken = broken_by(in, &list->list[i], list))) return;
    furrow_rules_refuse(in, "%s, but also %s (%s), which that never is: drop one of the two", list->text, broken->text,
                        broken->id);
}

void furrow_rules_judge_values(furrow_rules_work *in, bool required)
{
    if (in->form == FURROW_FORM_MASK) return;
    for (size_t i = 0; i < in->count; i++) {
        const furrow_rule *rule = &in->rules[i];
        if (rule->kind != FURROW_RULE_CONST && rule->kind != FURROW_RULE_IN) continue;
        judge_list(in, rule);
        furrow_rule_value only = {.form = in->form, .operand = rule->list[0]};
        if (required && rule->count == 1 && !in->field->message && !furrow_model_in_oneof(in->field) &&
            furrow_rule_is_zero(&only))
            furrow_rules_refuse(in, "is required, but %s, which is what is not there: drop one of the two", rule->text);
    }
}
