/** See refer.h. */
#include "codegen/refer.h"

#include "codegen/text.h"

#include <string.h>

const furrow_model_message *furrow_refer_message(const furrow_model *model, const furrow_model_file *file,
                                                 const char *name)
{
    if (!name) return NULL;
    const furrow_model_message *own =
        furrow_model_find_message(model, furrow_text_printf(model->arena, "%s.%s", file->package, name));
    return own ? own : furrow_model_find_message(model, name);
}

const furrow_model_field *furrow_refer_own_field(const furrow_model_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    return NULL;
}

bool furrow_refer_field(const furrow_model *model, const furrow_model_message *message, const char *name,
                        furrow_refer_path *out)
{
    const char *dot = name ? strchr(name, '.') : NULL;
    furrow_refer_path path = {.name = name};
    if (!name) return false;
    if (dot) {
        path.outer = furrow_refer_own_field(message, furrow_text_copy(model->arena, name, (size_t)(dot - name)));
        if (!path.outer || !path.outer->message || furrow_model_repeated(path.outer)) return false;
        message = path.outer->message;
        name = dot + 1;
    }
    path.field = furrow_refer_own_field(message, name);
    if (!path.field || furrow_model_in_oneof(path.field)) return false;
    *out = path;
    return true;
}

const furrow_model_field *furrow_refer_field_of_type(const furrow_model_message *message,
                                                     const furrow_model_message *type)
{
    const furrow_model_field *found = NULL;
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (field->message != type || furrow_model_repeated(field) || furrow_model_in_oneof(field)) continue;
        if (found) return NULL;
        found = field;
    }
    return found;
}

bool furrow_refer_is(const furrow_model_field *field, Google__Protobuf__FieldDescriptorProto__Type type)
{
    return field && field->proto->type == type && !furrow_model_repeated(field) && !furrow_model_in_oneof(field);
}

bool furrow_refer_value(const furrow_model_field *field, const char *name, int32_t *number)
{
    if (!name || !furrow_refer_is(field, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_ENUM)) return false;
    const Google__Protobuf__EnumDescriptorProto *type = field->enumeration->proto;
    for (size_t i = 0; i < type->n_value; i++) {
        if (strcmp(type->value[i]->name, name) != 0) continue;
        *number = type->value[i]->number;
        return true;
    }
    return false;
}

const furrow_model_field *furrow_refer_updated_at(const furrow_model_message *entity)
{
    const furrow_model_field *field = furrow_refer_own_field(entity, "updated_at");
    bool is_time = field && field->message && strcmp(field->message->name, "google.protobuf.Timestamp") == 0;
    return is_time && !furrow_model_repeated(field) && !furrow_model_in_oneof(field) ? field : NULL;
}
