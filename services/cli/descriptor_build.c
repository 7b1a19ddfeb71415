/*
 * See descriptor_build.h. A message's structure is laid out as protoc-gen-c's is: members in the order of the .proto, so
 * that code which knows the C type of a well-known message finds its members where it looks.
 */
#include "cli/descriptor_build.h"

#include "wire/member.h"

#include <stdlib.h>

#define BUILDING_MAX 64 /* messages that are fields of one another: each takes of the task's stack */

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

static void *take_zeroed(descriptor_pool *pool, size_t size)
{
    void *memory = furrow_arena_zalloc(pool->arena, size > 0 ? size : 1);
    FURROW_REQUIRE(memory);
    return memory;
}

/*
 * Runs of consecutive numbers, each with the index that it begins at; behind them the end. How protobuf-c finds a number.
 */
static ProtobufCIntRange *find_number_ranges(descriptor_pool *pool, const int numbers[], size_t count, unsigned *ranges)
{
    ProtobufCIntRange *out = take_zeroed(pool, (count + 1) * sizeof *out);
    *ranges = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || numbers[i] != numbers[i - 1] + 1) out[(*ranges)++] = (ProtobufCIntRange){numbers[i], (unsigned)i};
    out[*ranges] = (ProtobufCIntRange){0, (unsigned)count};
    return out;
}

/* ---- enums ---- */

static int by_enum_number(const void *a, const void *b)
{
    const ProtobufCEnumValue *one = a, *other = b;
    return (one->value > other->value) - (one->value < other->value);
}

static int by_enum_name(const void *a, const void *b)
{
    return strcmp(((const ProtobufCEnumValueIndex *)a)->name, ((const ProtobufCEnumValueIndex *)b)->name);
}

static const ProtobufCEnumDescriptor *build_enum(descriptor_pool *pool, const descriptor_enum *from)
{
    size_t count = from->proto->n_value;
    ProtobufCEnumDescriptor *made = take_zeroed(pool, sizeof *made);
    ProtobufCEnumValue *values = take_zeroed(pool, count * sizeof *values);
    ProtobufCEnumValueIndex *names = take_zeroed(pool, count * sizeof *names);
    int *numbers = take_zeroed(pool, count * sizeof *numbers);
    unsigned kept = 0;
    for (size_t i = 0; i < count; i++) { /* of those with one number, the first */
        const Google__Protobuf__EnumValueDescriptorProto *value = from->proto->value[i];
        unsigned k = 0;
        while (k < kept && values[k].value != value->number) k++;
        if (k == kept) values[kept++] = (ProtobufCEnumValue){value->name, value->name, value->number};
    }
    qsort(values, kept, sizeof *values, by_enum_number);
    for (unsigned i = 0; i < kept; i++) numbers[i] = values[i].value;
    for (size_t i = 0; i < count; i++) {
        names[i].name = from->proto->value[i]->name;
        while (values[names[i].index].value != from->proto->value[i]->number) names[i].index++;
    }
    qsort(names, count, sizeof *names, by_enum_name);
    *made = (ProtobufCEnumDescriptor){.magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,
                                      .name = from->name,
                                      .short_name = from->proto->name,
                                      .c_name = from->proto->name,
                                      .package_name = "",
                                      .n_values = kept,
                                      .values = values,
                                      .n_value_names = (unsigned)count,
                                      .values_by_name = names};
    made->value_ranges = find_number_ranges(pool, numbers, kept, &made->n_value_ranges);
    return made;
}

/* ---- messages ---- */

static const ProtobufCType types[] = {
    [TYPE(DOUBLE)] = PROTOBUF_C_TYPE_DOUBLE,     [TYPE(FLOAT)] = PROTOBUF_C_TYPE_FLOAT,
    [TYPE(INT64)] = PROTOBUF_C_TYPE_INT64,       [TYPE(UINT64)] = PROTOBUF_C_TYPE_UINT64,
    [TYPE(INT32)] = PROTOBUF_C_TYPE_INT32,       [TYPE(FIXED64)] = PROTOBUF_C_TYPE_FIXED64,
    [TYPE(FIXED32)] = PROTOBUF_C_TYPE_FIXED32,   [TYPE(BOOL)] = PROTOBUF_C_TYPE_BOOL,
    [TYPE(STRING)] = PROTOBUF_C_TYPE_STRING,     [TYPE(MESSAGE)] = PROTOBUF_C_TYPE_MESSAGE,
    [TYPE(BYTES)] = PROTOBUF_C_TYPE_BYTES,       [TYPE(UINT32)] = PROTOBUF_C_TYPE_UINT32,
    [TYPE(ENUM)] = PROTOBUF_C_TYPE_ENUM,         [TYPE(SFIXED32)] = PROTOBUF_C_TYPE_SFIXED32,
    [TYPE(SFIXED64)] = PROTOBUF_C_TYPE_SFIXED64, [TYPE(SINT32)] = PROTOBUF_C_TYPE_SINT32,
    [TYPE(SINT64)] = PROTOBUF_C_TYPE_SINT64,
};

/* A structure that grows by member after member. */
typedef struct layout {
    size_t size;
} layout;

static unsigned lay_out(layout *of, size_t size)
{
    size_t align = size > sizeof(void *) ? sizeof(void *) : size;
    size_t at = (of->size + align - 1) / align * align;
    of->size = at + size;
    return (unsigned)at;
}

static bool is_proto3(const descriptor_message *message)
{
    const char *syntax = message->path.file->proto->syntax;
    return syntax && strcmp(syntax, "proto3") == 0;
}

static uint32_t flags_of(const descriptor_message *message, const descriptor_field *field)
{
    bool packable = field->type != TYPE(STRING) && field->type != TYPE(BYTES) && field->type != TYPE(MESSAGE);
    bool told = field->options && field->options->has_packed;
    bool packed = told ? field->options->packed : is_proto3(message);
    uint32_t flags = field->has_oneof_index && !field->proto3_optional ? PROTOBUF_C_FIELD_FLAG_ONEOF : 0;
    return flags | (field->label == LABEL(REPEATED) && packable && packed ? PROTOBUF_C_FIELD_FLAG_PACKED : 0);
}

static ProtobufCLabel label_of(const descriptor_message *message, const descriptor_field *field)
{
    if (field->label == LABEL(REPEATED)) return PROTOBUF_C_LABEL_REPEATED;
    if (field->label == LABEL(REQUIRED)) return PROTOBUF_C_LABEL_REQUIRED;
    return is_proto3(message) && !field->proto3_optional ? PROTOBUF_C_LABEL_NONE : PROTOBUF_C_LABEL_OPTIONAL;
}

/* Texts, bytes and messages are there or not by what they point to; of the others a flag says so. */
static bool has_flag(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_MESSAGE;
}

static void place_field(ProtobufCFieldDescriptor *field, layout *of)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        field->quantifier_offset = lay_out(of, sizeof(size_t));
        field->offset = lay_out(of, sizeof(void *));
        return;
    }
    if (has_flag(field)) field->quantifier_offset = lay_out(of, sizeof(protobuf_c_boolean));
    field->offset = lay_out(of, furrow_member_size(field->type));
}

static furrow_status fill_field(descriptor_pool *pool, const descriptor_message *message, const descriptor_field *from,
                                ProtobufCFieldDescriptor *to, furrow_error *err)
{
    size_t type = (size_t)from->type;
    if (type == TYPE(GROUP) || type == 0 || type >= sizeof types / sizeof *types)
        return furrow_fail(err, FURROW_UNIMPLEMENTED, "field %s of %s is a group", from->name, message->name);
    *to = (ProtobufCFieldDescriptor){.name = from->name,
                                     .id = (uint32_t)from->number,
                                     .label = label_of(message, from),
                                     .type = types[type],
                                     .flags = flags_of(message, from)};
    if (to->type == PROTOBUF_C_TYPE_STRING && to->label == PROTOBUF_C_LABEL_NONE)
        to->default_value = &protobuf_c_empty_string;
    if (to->type == PROTOBUF_C_TYPE_ENUM) {
        const descriptor_enum *type_of = descriptor_find_enum(pool, from->type_name);
        if (!type_of) return furrow_fail(err, FURROW_NOT_FOUND, "no enum %s", from->type_name);
        to->descriptor = build_enum(pool, type_of);
    }
    if (to->type != PROTOBUF_C_TYPE_MESSAGE) return FURROW_OK;
    const ProtobufCMessageDescriptor *inner;
    furrow_status status = descriptor_build(pool, from->type_name, &inner, err);
    to->descriptor = inner;
    return status;
}

static int by_field_number(const void *a, const void *b)
{
    const ProtobufCFieldDescriptor *one = a, *other = b;
    return (one->id > other->id) - (one->id < other->id);
}

static unsigned *sort_by_name(descriptor_pool *pool, const ProtobufCFieldDescriptor fields[], unsigned count)
{
    unsigned *order = take_zeroed(pool, count * sizeof *order);
    for (unsigned i = 0; i < count; i++) {
        unsigned at = i;
        for (; at > 0 && strcmp(fields[order[at - 1]].name, fields[i].name) > 0; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

/* Members of one oneof share a place, and another says which of them is there. */
static void place_fields(const descriptor_message *from, ProtobufCFieldDescriptor fields[], layout *of)
{
    for (size_t i = 0; i < from->proto->n_field; i++)
        if (!furrow_member_in_oneof(&fields[i])) place_field(&fields[i], of);
    for (size_t o = 0; o < from->proto->n_oneof_decl; o++) {
        unsigned which = lay_out(of, sizeof(uint32_t)), shared = lay_out(of, sizeof(ProtobufCBinaryData));
        for (size_t i = 0; i < from->proto->n_field; i++) {
            if (!furrow_member_in_oneof(&fields[i]) || (size_t)from->proto->field[i]->oneof_index != o) continue;
            fields[i].quantifier_offset = which;
            fields[i].offset = shared;
        }
    }
}

furrow_status descriptor_build(descriptor_pool *pool, const char *name, const ProtobufCMessageDescriptor **out,
                               furrow_error *err)
{
    const descriptor_message *from = descriptor_find_message(pool, name);
    if (!from) return furrow_fail(err, FURROW_NOT_FOUND, "no message %s", name);
    if (!pool->built) pool->built = take_zeroed(pool, pool->message_count * sizeof *pool->built);
    ProtobufCMessageDescriptor **known = &pool->built[from - pool->messages], *made = *known;
    if (made) return *out = made, FURROW_OK;
    if (pool->building == BUILDING_MAX)
        return furrow_fail(err, FURROW_UNIMPLEMENTED, "%s: more than %d messages in a row", name, BUILDING_MAX);
    unsigned count = (unsigned)from->proto->n_field;
    ProtobufCFieldDescriptor *fields = take_zeroed(pool, count * sizeof *fields);
    layout structure = {sizeof(ProtobufCMessage)};
    int *numbers = take_zeroed(pool, count * sizeof *numbers);
    furrow_status status = FURROW_OK;
    *known = made = take_zeroed(pool, sizeof *made); /* before its fields: one may be of its own type */
    pool->building++;
    for (unsigned i = 0; status == FURROW_OK && i < count; i++)
        status = fill_field(pool, from, from->proto->field[i], &fields[i], err);
    pool->building--;
    if (status != FURROW_OK) return *known = NULL, status;
    place_fields(from, fields, &structure);
    qsort(fields, count, sizeof *fields, by_field_number);
    for (unsigned i = 0; i < count; i++) numbers[i] = (int)fields[i].id;
    *made = (ProtobufCMessageDescriptor){.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                         .name = from->name,
                                         .short_name = from->proto->name,
                                         .c_name = from->proto->name,
                                         .package_name = "",
                                         .sizeof_message = (structure.size + 7) / 8 * 8,
                                         .n_fields = count,
                                         .fields = fields,
                                         .fields_sorted_by_name = sort_by_name(pool, fields, count)};
    made->field_ranges = find_number_ranges(pool, numbers, count, &made->n_field_ranges);
    *out = made;
    return FURROW_OK;
}
