/* An example of a message in JSON: each field with a value of its type that says what it is. */
#include "cli/describe.h"

#include "wire/json.h"

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name
#define DEPTH_MAX   4

/* Messages that have a JSON of their own. */
static const char *known_value(const char *type)
{
    static const struct {
        const char *type, *value;
    } known[] = {{".google.protobuf.Timestamp", "\"2026-01-31T06:00:00Z\""},
                 {".google.protobuf.Duration", "\"3600s\""},
                 {".google.protobuf.Empty", "{}"},
                 {".google.protobuf.StringValue", "\"text\""},
                 {".google.protobuf.BoolValue", "true"},
                 {".google.protobuf.Int32Value", "1"},
                 {".google.protobuf.UInt32Value", "1"},
                 {".google.protobuf.Int64Value", "\"1\""},
                 {".google.protobuf.UInt64Value", "\"1\""},
                 {".google.protobuf.FloatValue", "1.5"},
                 {".google.protobuf.DoubleValue", "1.5"},
                 {".google.protobuf.BytesValue", "\"AA==\""}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].type, type) == 0) return known[i].value;
    return NULL;
}

static void write_example_object(descriptor_pool *pool, const descriptor_message *message, unsigned depth,
                                 furrow_buffer *out);

/* The first that means something: 0 is what is not set. */
static void write_example_enum(const descriptor_pool *pool, const char *type, furrow_buffer *out)
{
    const descriptor_enum *of = descriptor_find_enum(pool, type);
    size_t at = 0;
    while (of && at + 1 < of->proto->n_value && of->proto->value[at]->number == 0) at++;
    furrow_json_append_string(out, furrow_bytes_of(of && at < of->proto->n_value ? of->proto->value[at]->name : ""));
}

/* The paths of a mask are names of the message's own fields, beside it. */
static void write_example_mask(const descriptor_message *parent, furrow_buffer *out)
{
    const char *name = "";
    for (size_t i = 0; i < parent->proto->n_field && !name[0]; i++)
        if (parent->proto->field[i]->type != TYPE(MESSAGE) && strcmp(parent->proto->field[i]->name, "id") != 0)
            name = parent->proto->field[i]->json_name ? parent->proto->field[i]->json_name : "";
    furrow_json_append_string(out, furrow_bytes_of(name));
}

static void write_example_element(descriptor_pool *pool, const descriptor_message *parent,
                                  const descriptor_field *field, unsigned depth, furrow_buffer *out)
{
    const char *known = field->type_name ? known_value(field->type_name) : NULL;
    const descriptor_message *inner;
    switch (field->type) {
    case TYPE(STRING):
        furrow_json_append_string(out, furrow_bytes_of(field->name));
        break;
    case TYPE(BYTES):
        furrow_buffer_append_text(out, "\"AA==\"");
        break;
    case TYPE(BOOL):
        furrow_buffer_append_text(out, "true");
        break;
    case TYPE(FLOAT):
    case TYPE(DOUBLE):
        furrow_buffer_append_text(out, "1.5");
        break;
    case TYPE(ENUM):
        write_example_enum(pool, field->type_name, out);
        break;
    case TYPE(INT64):
    case TYPE(UINT64):
    case TYPE(SINT64):
    case TYPE(FIXED64):
    case TYPE(SFIXED64):
        furrow_buffer_append_text(out, "\"1\"");
        break;
    case TYPE(MESSAGE):
        inner = descriptor_find_message(pool, field->type_name);
        if (known)
            furrow_buffer_append_text(out, known);
        else if (strcmp(field->type_name, ".google.protobuf.FieldMask") == 0)
            write_example_mask(parent, out);
        else if (inner)
            write_example_object(pool, inner, depth + 1, out);
        break;
    default:
        furrow_buffer_append_text(out, "1");
    }
}

static void write_example_value(descriptor_pool *pool, const descriptor_message *parent, const descriptor_field *field,
                                unsigned depth, furrow_buffer *out)
{
    const descriptor_message *entry = descriptor_map_entry(pool, field);
    bool many = field->label == LABEL(REPEATED);
    if (entry) {
        const descriptor_field *key = entry->proto->field[0];
        bool text = key->type == TYPE(STRING);
        furrow_buffer_append_text(out, text ? "{\"key\":" : key->type == TYPE(BOOL) ? "{\"true\":" : "{\"1\":");
        write_example_element(pool, entry, entry->proto->field[1], depth, out);
        furrow_buffer_append_byte(out, '}');
        return;
    }
    if (many) furrow_buffer_append_byte(out, '[');
    write_example_element(pool, parent, field, depth, out);
    if (many) furrow_buffer_append_byte(out, ']');
}

/* Of a oneof the first member; at the bottom nothing, since a message may be within itself. */
static void write_example_object(descriptor_pool *pool, const descriptor_message *message, unsigned depth,
                                 furrow_buffer *out)
{
    bool first = true;
    furrow_buffer_append_byte(out, '{');
    for (size_t i = 0; depth < DEPTH_MAX && i < message->proto->n_field; i++) {
        const descriptor_field *field = message->proto->field[i];
        bool taken = false;
        for (size_t k = 0; k < i && field->has_oneof_index && !field->proto3_optional; k++)
            taken |= message->proto->field[k]->has_oneof_index &&
                     message->proto->field[k]->oneof_index == field->oneof_index;
        if (taken) continue;
        if (!first) furrow_buffer_append_byte(out, ',');
        first = false;
        furrow_json_append_string(out, furrow_bytes_of(field->json_name ? field->json_name : field->name));
        furrow_buffer_append_byte(out, ':');
        write_example_value(pool, message, field, depth, out);
    }
    furrow_buffer_append_byte(out, '}');
}

void describe_example(descriptor_pool *pool, const descriptor_message *message, furrow_buffer *out)
{
    write_example_object(pool, message, 0, out);
}
