/*
 * From (furrow.v1.field) to rules. The option's message is read by its descriptor, so that fifteen types of numbers are one
 * piece of code: a rule is found by its name, its value by its type.
 */
#include "codegen/rules.h"

#include "base/bytes.h"
#include "codegen/rules_inside.h"
#include "codegen/text.h"
#include "furrow/v1/validate.pb-c.h"

#include <stdio.h>
#include <string.h>

enum { OPTION_FIELD = 50514, OPTION_ONEOF = 50541 }; /* proto/furrow/v1/options.proto */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* ---- reading the options ---- */

static void *take_memory(void *arena, size_t size)
{
    return furrow_text_zalloc(arena, size);
}

static void keep_memory(void *arena, void *memory)
{
}

/* protobuf-c keeps an unknown field as its value's bytes, the length prefix included. */
static furrow_bytes unknown_value(const ProtobufCMessageUnknownField *field)
{
    size_t at = 0;
    if (field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) return (furrow_bytes){NULL, 0};
    while (at < field->len && field->data[at] >= 0x80) at++;
    return at < field->len ? (furrow_bytes){field->data + at + 1, field->len - at - 1} : (furrow_bytes){NULL, 0};
}

/* `(x).a = 1, (x).b = 2` are two occurrences of one option; one after the other they are one message (encoding, "Last One
 * Wins"). NULL: it is not there, or no message of @descriptor, which *valid says. */
static const ProtobufCMessage *read_option(const ProtobufCMessage *options, uint32_t number,
                                           const ProtobufCMessageDescriptor *descriptor, furrow_arena *arena,
                                           bool *valid)
{
    ProtobufCAllocator allocator = {take_memory, keep_memory, arena};
    size_t len = 0;
    bool there = false;
    *valid = true;
    for (unsigned i = 0; options && i < options->n_unknown_fields; i++) {
        if (options->unknown_fields[i].tag != number) continue;
        there = true;
        len += unknown_value(&options->unknown_fields[i]).len;
    }
    if (!there) return NULL;
    uint8_t *all = furrow_text_zalloc(arena, len), *end = all;
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        furrow_bytes value = unknown_value(&options->unknown_fields[i]);
        if (options->unknown_fields[i].tag != number || value.len == 0) continue;
        memcpy(end, value.data, value.len);
        end += value.len;
    }
    const ProtobufCMessage *read = protobuf_c_message_unpack(descriptor, &allocator, len, all);
    *valid = read != NULL;
    return read;
}

bool furrow_rules_of_field(const Google__Protobuf__FieldOptions *options, furrow_arena *arena,
                           const ProtobufCMessage **out)
{
    bool valid;
    *out =
        read_option(options ? &options->base : NULL, OPTION_FIELD, &furrow__v1__field_rules__descriptor, arena, &valid);
    return valid;
}

bool furrow_rules_oneof_required(const Google__Protobuf__OneofDescriptorProto *oneof)
{
    bool valid, required = false;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(1 << 20);
    const ProtobufCMessage *rules =
        arena && oneof->options
            ? read_option(&oneof->options->base, OPTION_ONEOF, &furrow__v1__oneof_rules__descriptor, arena, &valid)
            : NULL;
    if (rules) required = furrow_rules_is_true(rules, "required");
    return required;
}

/* ---- members of the rules, by name ---- */

const void *furrow_rules_given(const ProtobufCMessage *from, const char *name, const ProtobufCFieldDescriptor **type,
                               size_t *count)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(from->descriptor, name);
    if (!field) return NULL;
    const void *at = (const char *)from + field->offset, *quantifier = (const char *)from + field->quantifier_offset;
    *type = field;
    *count = 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *count = *(const size_t *)quantifier;
        return *count > 0 ? *(const void *const *)at : NULL;
    }
    bool pointer = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    bool there = pointer ? *(const void *const *)at != NULL : *(const protobuf_c_boolean *)quantifier;
    return there ? at : NULL;
}

bool furrow_rules_is_true(const ProtobufCMessage *from, const char *name)
{
    const ProtobufCFieldDescriptor *type;
    size_t count;
    const protobuf_c_boolean *value = furrow_rules_given(from, name, &type, &count);
    return value && *value;
}

bool furrow_rules_get_size(const ProtobufCMessage *from, const char *name, uint64_t *out)
{
    const ProtobufCFieldDescriptor *type;
    size_t count;
    const uint64_t *value = furrow_rules_given(from, name, &type, &count);
    if (value) *out = *value;
    return value != NULL;
}

static const ProtobufCMessage *given_message(const ProtobufCMessage *from, const char *name)
{
    const ProtobufCFieldDescriptor *type;
    size_t count;
    const void *at = from ? furrow_rules_given(from, name, &type, &count) : NULL;
    return at ? *(const ProtobufCMessage *const *)at : NULL;
}

/* ---- what fits what ---- */

/* The type of a value: a field's, an item's, a key's. */
typedef struct value_type {
    const furrow_model_field *field; /* that says so */
    const char *rules;               /* "string": what its rules are called; NULL: it has none */
    furrow_rule_form form;
} value_type;

static const char *wrapped_rules(const char *name)
{
    static const char *const wrappers[][2] = {
        {"DoubleValue", "double"}, {"FloatValue", "float"},    {"Int64Value", "int64"},  {"UInt64Value", "uint64"},
        {"Int32Value", "int32"},   {"UInt32Value", "uint32"},  {"BoolValue", "bool"},    {"StringValue", "string"},
        {"BytesValue", "bytes"},   {"Timestamp", "timestamp"}, {"Duration", "duration"}, {"FieldMask", "field_mask"},
    };
    name = furrow_bytes_after(name, "google.protobuf.");
    for (size_t i = 0; name && i < sizeof wrappers / sizeof *wrappers; i++)
        if (strcmp(name, wrappers[i][0]) == 0) return wrappers[i][1];
    return NULL;
}

static furrow_rule_form form_of(const char *rules)
{
    static const struct {
        const char *rules;
        furrow_rule_form form;
    } forms[] = {
        {"int32", FURROW_FORM_INT},       {"int64", FURROW_FORM_INT},      {"sint32", FURROW_FORM_INT},
        {"sint64", FURROW_FORM_INT},      {"sfixed32", FURROW_FORM_INT},   {"sfixed64", FURROW_FORM_INT},
        {"enum", FURROW_FORM_INT},        {"uint32", FURROW_FORM_UINT},    {"uint64", FURROW_FORM_UINT},
        {"fixed32", FURROW_FORM_UINT},    {"fixed64", FURROW_FORM_UINT},   {"bool", FURROW_FORM_UINT},
        {"float", FURROW_FORM_DOUBLE},    {"double", FURROW_FORM_DOUBLE},  {"string", FURROW_FORM_TEXT},
        {"bytes", FURROW_FORM_BYTES},     {"timestamp", FURROW_FORM_TIME}, {"duration", FURROW_FORM_TIME},
        {"field_mask", FURROW_FORM_MASK},
    };
    for (size_t i = 0; rules && i < sizeof forms / sizeof *forms; i++)
        if (strcmp(rules, forms[i].rules) == 0) return forms[i].form;
    return FURROW_FORM_MESSAGE;
}

/* Of one value of @field, whether or not that is repeated. */
static value_type value_type_of(const furrow_model *model, const furrow_model_field *field)
{
    Google__Protobuf__FieldDescriptorProto single = *field->proto;
    furrow_model_field one = *field;
    single.label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
    one.proto = &single;
    value_type type = {.field = field};
    type.rules = field->message       ? wrapped_rules(field->message->name)
                 : field->enumeration ? "enum"
                                      : furrow_model_type_text(model, &one);
    type.form = form_of(type.rules);
    return type;
}

static bool field_is_map(const furrow_model_field *field)
{
    return field->message && field->message->map_entry && field->message->field_count == 2;
}

/* ---- compiling ---- */

void furrow_rules_refuse(furrow_rules_work *in, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!in->report) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    furrow_report_add(in->report, in->field->place, "%sfield %s of %s %s", in->part, in->field->name, in->message->name,
                      text);
}

furrow_rule *furrow_rules_add(furrow_rules_work *in, furrow_rule_kind kind, const char *name, const char *text)
{
    furrow_rule *rule = &in->rules[in->count];
    if (in->count + 1 < FURROW_RULES_MAX) in->count++;
    *rule = (furrow_rule){
        .kind = (uint8_t)kind, .id = furrow_text_printf(in->model->arena, "%s.%s", in->type, name), .text = text};
    return rule;
}

/* A rule of a later validate.proto, or of protovalidate's that is none of ours. */
static void check_known_rules(furrow_rules_work *in, const ProtobufCMessage *from)
{
    if (from && from->n_unknown_fields > 0)
        furrow_rules_refuse(in,
                            "has a rule with number %u in %s, which this protoc-gen-furrow does not know: use one of "
                            "its furrow/v1/validate.proto",
                            from->unknown_fields[0].tag, from->descriptor->short_name);
}

/* The rules of the value's type; those of other types are refused. */
static const ProtobufCMessage *choose(furrow_rules_work *in, const ProtobufCMessage *rules, const char *type,
                                      const char *shown)
{
    const ProtobufCMessage *chosen = NULL;
    for (unsigned i = 0; rules && i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const ProtobufCMessage *given =
            field->type == PROTOBUF_C_TYPE_MESSAGE ? given_message(rules, field->name) : NULL;
        if (!given) continue;
        check_known_rules(in, given);
        if (type && strcmp(field->name, type) == 0)
            chosen = given;
        else if (type)
            furrow_rules_refuse(in, "has %s rules, but its type is %s: write (furrow.v1.field).%s", field->name, shown,
                                type);
        else
            furrow_rules_refuse(in, "has %s rules, but its type is %s: give them to its fields, or say required",
                                field->name, shown);
    }
    check_known_rules(in, rules);
    return chosen;
}

static furrow_rule_ignore ignore_of(const ProtobufCMessage *rules)
{
    const Furrow__V1__FieldRules *of = (const Furrow__V1__FieldRules *)rules;
    if (!of || !of->has_ignore) return FURROW_IGNORE_UNSET;
    return of->ignore == FURROW__V1__IGNORE__IGNORE_ALWAYS          ? FURROW_IGNORE_ALWAYS
           : of->ignore == FURROW__V1__IGNORE__IGNORE_IF_ZERO_VALUE ? FURROW_IGNORE_ZERO
                                                                    : FURROW_IGNORE_UNSET;
}

static bool is_required_by(const ProtobufCMessage *rules)
{
    const Furrow__V1__FieldRules *of = (const Furrow__V1__FieldRules *)rules;
    return of && of->has_required && of->required;
}

static bool is_empty(const furrow_rules_set *set)
{
    return set->count == 0 && !set->message && !set->keys && !set->items;
}

static void take_rules(furrow_rules_work *in, furrow_rules_set *out)
{
    furrow_rule *rules = furrow_text_zalloc(in->model->arena, in->count * sizeof *rules);
    memcpy(rules, in->rules, in->count * sizeof *rules);
    out->rules = rules;
    out->count = in->count;
    out->form = in->form;
}

/* One value: a singular field, an item, a key or a value. */
static furrow_rules_set compile_value(furrow_rules_work *in, const ProtobufCMessage *rules, const value_type *type)
{
    furrow_rules_set set = {.form = type->form, .ignore = ignore_of(rules)};
    in->type = type->rules;
    in->form = type->form;
    in->enumeration = type->field->enumeration;
    in->count = 0;
    const char *shown = type->field->message ? type->field->message->name : type->rules;
    if (type->field->enumeration) shown = type->field->enumeration->name;
    in->from = choose(in, rules, type->rules, shown);
    if (set.ignore == FURROW_IGNORE_ALWAYS) return set;
    if (in->from) {
        furrow_rules_compile_values(in);
        furrow_rules_compile_texts(in);
        furrow_rules_judge_values(in, is_required_by(rules));
    }
    take_rules(in, &set);
    if (type->form == FURROW_FORM_MESSAGE && furrow_rules_any(in->model, type->field->message))
        set.message = type->field->message;
    return set;
}

/* Items, keys, values: NULL when they have no rules. */
static const furrow_rules_set *compile_inner(const furrow_rules_work *outer, const char *part,
                                             const ProtobufCMessage *rules, const furrow_model_field *field)
{
    furrow_rules_work in = *outer;
    value_type type = value_type_of(in.model, field);
    in.part = part;
    if (is_required_by(rules))
        furrow_rules_refuse(&in, "are required, but what stands in a list is there: leave it out");
    furrow_rules_set *set = furrow_text_zalloc(in.model->arena, sizeof *set);
    *set = compile_value(&in, rules, &type);
    return is_empty(set) ? NULL : set;
}

static void compile_sizes(furrow_rules_work *in, const char *least, const char *most, const char *what)
{
    uint64_t size;
    if (furrow_rules_get_size(in->from, least, &size)) {
        const char *text = furrow_text_printf(in->model->arena, "must contain at least %llu %s%s",
                                              (unsigned long long)size, what, size == 1 ? "" : "s");
        furrow_rule *rule = furrow_rules_add(in, FURROW_RULE_ITEMS, least, text);
        rule->least = size;
        rule->most = UINT64_MAX;
    }
    if (furrow_rules_get_size(in->from, most, &size)) {
        const char *text = furrow_text_printf(in->model->arena, "must contain no more than %llu %s%s",
                                              (unsigned long long)size, what, size == 1 ? "" : "s");
        furrow_rules_add(in, FURROW_RULE_ITEMS, most, text)->most = size;
    }
    furrow_rules_judge_sizes(in, FURROW_RULE_ITEMS, what);
}

static furrow_rules_set compile_map(furrow_rules_work *in, const ProtobufCMessage *rules)
{
    furrow_rules_set set = {.ignore = ignore_of(rules)};
    const furrow_model_message *pair = in->field->message;
    in->type = "map";
    in->from = choose(in, rules, in->type, furrow_model_type_text(in->model, in->field));
    if (set.ignore == FURROW_IGNORE_ALWAYS) return set;
    if (in->from) compile_sizes(in, "min_pairs", "max_pairs", "pair");
    take_rules(in, &set);
    set.keys = compile_inner(in, "keys of ", given_message(in->from, "keys"), &pair->fields[0]);
    set.items = compile_inner(in, "values of ", given_message(in->from, "values"), &pair->fields[1]);
    return set;
}

static furrow_rules_set compile_list(furrow_rules_work *in, const ProtobufCMessage *rules)
{
    furrow_rules_set set = {.ignore = ignore_of(rules)};
    in->type = "repeated";
    in->from = choose(in, rules, in->type, furrow_model_type_text(in->model, in->field));
    if (set.ignore == FURROW_IGNORE_ALWAYS) return set;
    if (in->from) compile_sizes(in, "min_items", "max_items", "item");
    if (in->from && furrow_rules_is_true(in->from, "unique")) {
        if (in->field->message)
            furrow_rules_refuse(in, "is unique, but its items are %s: only numbers, enums, strings and bytes can be",
                                in->field->message->name);
        furrow_rules_add(in, FURROW_RULE_UNIQUE, "unique", "must contain unique items");
    }
    take_rules(in, &set);
    set.items = compile_inner(in, "items of ", given_message(in->from, "items"), in->field);
    return set;
}

bool furrow_rules_compile(const furrow_model *model, const furrow_model_message *message,
                          const furrow_model_field *field, furrow_report *report, furrow_rules_field *out)
{
    furrow_rules_work in = {.model = model, .report = report, .message = message, .field = field, .part = ""};
    furrow_rules_field made = {.required = is_required_by(field->rules)};
    if (furrow_model_repeated(field)) {
        made.set = (field_is_map(field) ? compile_map : compile_list)(&in, field->rules);
    } else {
        value_type type = value_type_of(model, field);
        made.set = compile_value(&in, field->rules, &type);
    }
    if (made.required && made.set.ignore == FURROW_IGNORE_ALWAYS)
        furrow_rules_refuse(&in, "is required and always ignored: say one of the two");
    if (made.set.ignore == FURROW_IGNORE_ALWAYS) return false;
    *out = made;
    return made.required || !is_empty(&made.set);
}

/* ---- which messages have any ---- */

typedef struct trail {
    const struct trail *up;
    const furrow_model_message *message;
} trail;

static bool has_own(const furrow_model_message *message)
{
    for (size_t i = 0; i < message->proto->n_oneof_decl; i++)
        if (furrow_rules_oneof_required(message->proto->oneof_decl[i])) return true;
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].rules && ignore_of(message->fields[i].rules) != FURROW_IGNORE_ALWAYS) return true;
    return false;
}

/* A type met again on its own way adds nothing. */
static bool any_below(const furrow_model_message *message, const trail *up)
{
    const trail here = {up, message};
    for (const trail *at = up; at; at = at->up)
        if (at->message == message) return false;
    if (furrow_bytes_after(message->name, "google.")) return false;
    if (!message->map_entry && has_own(message)) return true;
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (field->message && ignore_of(field->rules) != FURROW_IGNORE_ALWAYS && any_below(field->message, &here))
            return true;
    }
    return false;
}

bool furrow_rules_any(const furrow_model *model, const furrow_model_message *message)
{
    return any_below(message, NULL);
}
