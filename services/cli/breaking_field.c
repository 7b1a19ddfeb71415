/* Fields, by Buf's rules of WIRE_JSON: https://buf.build/docs/breaking/rules */
#include "cli/breaking.h"

#include <inttypes.h>
#include <stdio.h>

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

/* "field grams = 4 of picking.v1.Bin" */
typedef char field_text[384];

static const char *describe_field(field_text out, const descriptor_message *message, const descriptor_field *field)
{
    snprintf(out, sizeof(field_text), "field %s = %" PRId32 " of %s", field->name, field->number, message->name);
    return out;
}

/* Types of one group have the same bytes and the same JSON. */
static int group_of_type(int type)
{
    switch (type) {
    case TYPE(UINT32):
        return TYPE(INT32);
    case TYPE(UINT64):
        return TYPE(INT64);
    case TYPE(SFIXED32):
        return TYPE(FIXED32);
    case TYPE(SFIXED64):
        return TYPE(FIXED64);
    default:
        return type;
    }
}

/* Has @after every value of @before, under its name? */
static bool is_enum_within(const descriptor_enum *before, const descriptor_enum *after)
{
    for (size_t i = 0; i < before->proto->n_value; i++) {
        size_t k = 0;
        while (k < after->proto->n_value && (after->proto->value[k]->number != before->proto->value[i]->number ||
                                             strcmp(after->proto->value[k]->name, before->proto->value[i]->name) != 0))
            k++;
        if (k == after->proto->n_value) return false;
    }
    return true;
}

/* Another enum is as good if it is called the same, in another place, and has all values. */
static bool is_same_named(const breaking *judge, const descriptor_field *before, const descriptor_field *after)
{
    if (!before->type_name || !after->type_name || strcmp(before->type_name, after->type_name) == 0) return true;
    if (before->type != TYPE(ENUM)) return false;
    const descriptor_enum *was = descriptor_find_enum(judge->before, before->type_name);
    const descriptor_enum *is = descriptor_find_enum(judge->after, after->type_name);
    return was && is && strcmp(was->proto->name, is->proto->name) == 0 && is_enum_within(was, is);
}

static void compare_type(breaking *judge, const char *text, const descriptor_field *before,
                         const descriptor_field *after, const descriptor_path *at)
{
    if (group_of_type((int)before->type) == group_of_type((int)after->type) && is_same_named(judge, before, after))
        return;
    breaking_report(judge, "FIELD_WIRE_JSON_COMPATIBLE_TYPE", at,
                    "keep the type; add a field with a number of its own, and reserve this one when nobody uses it",
                    "%s was %s and is %s: what was written before is read as something else", text,
                    descriptor_type_text(judge->before, before), descriptor_type_text(judge->after, after));
}

typedef enum cardinality { ONE, REQUIRED, REPEATED, MAP } cardinality;

static cardinality cardinality_of(const descriptor_pool *pool, const descriptor_field *field)
{
    if (field->label == LABEL(REQUIRED)) return REQUIRED;
    if (field->label != LABEL(REPEATED)) return ONE;
    return descriptor_map_entry(pool, field) ? MAP : REPEATED;
}

static bool is_map_entry(const descriptor_message *message)
{
    return message->proto->options && message->proto->options->map_entry;
}

static void compare_cardinality(breaking *judge, const char *text, const descriptor_field *before,
                                const descriptor_field *after, const descriptor_path *at)
{
    cardinality was = cardinality_of(judge->before, before), is = cardinality_of(judge->after, after);
    if (was == is) return;
    breaking_report(judge, "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY", at, "add a field with a number of its own",
                    "%s was %s and is %s", text, descriptor_type_text(judge->before, before),
                    descriptor_type_text(judge->after, after));
}

/* proto2: what is read where nothing was written. Zero is what nothing means anyway. */
static const char *default_of(const descriptor_field *field)
{
    static const char *const zeros[] = {"0", "-0", "false"};
    const char *text = field->default_value ? field->default_value : "";
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (strcmp(text, zeros[i]) == 0 && field->type != TYPE(STRING) && field->type != TYPE(BYTES)) return "";
    return text;
}

static const char *oneof_of(const descriptor_message *message, const descriptor_field *field)
{
    bool in = field->has_oneof_index && !field->proto3_optional && field->oneof_index >= 0 &&
              (size_t)field->oneof_index < message->proto->n_oneof_decl;
    return in ? message->proto->oneof_decl[field->oneof_index]->name : "";
}

static void compare_oneof(breaking *judge, const descriptor_message *messages[2], const descriptor_field *fields[2],
                          const char *text, const descriptor_path *at)
{
    const char *was = oneof_of(messages[0], fields[0]), *is = oneof_of(messages[1], fields[1]);
    if (strcmp(was, is) == 0) return;
    breaking_report(judge, "FIELD_SAME_ONEOF", at, "leave it where it was; add a field with a number of its own",
                    "%s was in %s%s and is in %s%s", text, was[0] ? "oneof " : "no oneof", was,
                    is[0] ? "oneof " : "no oneof", is);
}

static void compare_same_field(breaking *judge, const descriptor_message *was_in, const descriptor_message *is_in,
                               const descriptor_field *before, const descriptor_field *after, const descriptor_path *at)
{
    field_text text;
    describe_field(text, was_in, before);
    if (strcmp(before->name, after->name) != 0)
        breaking_report(judge, "FIELD_SAME_NAME", at, "keep the name: JSON, indexes and replicas go by it",
                        "%s is now called %s", text, after->name);
    if (before->json_name && after->json_name && strcmp(before->json_name, after->json_name) != 0)
        breaking_report(judge, "FIELD_SAME_JSON_NAME", at, "keep the name, or set json_name to what it was",
                        "%s was \"%s\" in JSON and is \"%s\"", text, before->json_name, after->json_name);
    compare_type(judge, text, before, after, at);
    if (!(is_map_entry(was_in) && is_map_entry(is_in))) compare_cardinality(judge, text, before, after, at);
    if (strcmp(default_of(before), default_of(after)) != 0)
        breaking_report(judge, "FIELD_SAME_DEFAULT", at, "keep the default", "%s had default %s and has %s", text,
                        default_of(before), default_of(after));
    compare_oneof(judge, (const descriptor_message *[]){was_in, is_in}, (const descriptor_field *[]){before, after},
                  text, at);
    breaking_field_options(judge, was_in, before, after, at);
}

/* ---- what is gone, and what is reserved ---- */

/* The end of a reserved range that @number is in; @number itself if there is none. */
static int32_t past_reserved_fields(const descriptor_message *message, int32_t number)
{
    const Google__Protobuf__DescriptorProto *proto = message->proto;
    for (size_t i = 0; i < proto->n_reserved_range; i++)
        if (number >= proto->reserved_range[i]->start && number < proto->reserved_range[i]->end)
            return proto->reserved_range[i]->end;
    return number;
}

static bool is_field_name_reserved(const descriptor_message *message, const char *name)
{
    for (size_t i = 0; i < message->proto->n_reserved_name; i++)
        if (strcmp(message->proto->reserved_name[i], name) == 0) return true;
    return false;
}

static void report_gone(breaking *judge, const descriptor_message *before, const descriptor_message *after,
                        const descriptor_field *field)
{
    static const char remedy[] = "keep the field, or reserve its number and its name";
    field_text text;
    describe_field(text, before, field);
    if (past_reserved_fields(after, field->number) == field->number)
        breaking_report(judge, "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", &after->path, remedy,
                        "%s is gone and its number not reserved", text);
    if (!is_field_name_reserved(after, field->name))
        breaking_report(judge, "FIELD_NO_DELETE_UNLESS_NAME_RESERVED", &after->path, remedy,
                        "%s is gone and its name not reserved", text);
}

/* By number range: one finding for each that has lost something. */
static void compare_reserved(breaking *judge, const descriptor_message *before, const descriptor_message *after)
{
    const Google__Protobuf__DescriptorProto *was = before->proto;
    for (size_t i = 0; i < was->n_reserved_range; i++) {
        int32_t number = was->reserved_range[i]->start, end = was->reserved_range[i]->end, next;
        while (number < end && (next = past_reserved_fields(after, number)) > number) number = next;
        if (number < end)
            breaking_report(judge, "RESERVED_MESSAGE_NO_DELETE", &after->path, "keep it reserved",
                            "number %" PRId32 " of %s was reserved and is not", number, before->name);
    }
    for (size_t i = 0; i < was->n_reserved_name; i++)
        if (!is_field_name_reserved(after, was->reserved_name[i]))
            breaking_report(judge, "RESERVED_MESSAGE_NO_DELETE", &after->path, "keep it reserved",
                            "name %s of %s was reserved and is not", was->reserved_name[i], before->name);
}

static bool is_required_field(const descriptor_field *field)
{
    return field && field->label == LABEL(REQUIRED);
}

void breaking_fields(breaking *judge, const descriptor_message *before, const descriptor_message *after)
{
    for (size_t i = 0; i < before->proto->n_field; i++) {
        const descriptor_field *field = before->proto->field[i];
        const descriptor_field *now = descriptor_find_field(after, field->number);
        if (!now) report_gone(judge, before, after, field);
        if (is_required_field(field) && !is_required_field(now))
            breaking_report(judge, "MESSAGE_SAME_REQUIRED_FIELDS", &after->path, "keep it required",
                            "required field %s of %s is gone", field->name, before->name);
    }
    for (size_t i = 0; i < after->proto->n_field; i++) {
        const descriptor_field *now = after->proto->field[i], *field = descriptor_find_field(before, now->number);
        descriptor_path at = descriptor_path_to(&after->path, DESCRIPTOR_PARTS, i);
        if (field) compare_same_field(judge, before, after, field, now, &at);
        if (is_required_field(now) && !is_required_field(field))
            breaking_report(judge, "MESSAGE_SAME_REQUIRED_FIELDS", &at, "add it without `required`",
                            "required field %s of %s is new", now->name, after->name);
    }
    compare_reserved(judge, before, after);
}
