/** The judge of unique fields, and of the entities of claims that they make. */
#include "codegen/check.h"

#include "codegen/names.h"
#include "codegen/refer.h"
#include "codegen/text.h"

#include <string.h>

/* What else in the package would be called like the entity of claims of @field of @entity: another message, or that of
 * another unique field. */
static const char *find_rival(const furrow_model *model, const furrow_model_message *entity,
                              const furrow_model_field *field)
{
    const char *claim = furrow_names_claim(model->arena, field->name);
    const furrow_model_message *message = furrow_refer_message(model, entity->file, claim);
    if (message) return message->name;
    for (size_t f = 0; f < model->file_count; f++) {
        const furrow_model_file *file = &model->files[f];
        if (strcmp(file->package, entity->file->package) != 0) continue;
        for (size_t i = 0; i < file->message_count; i++) {
            const furrow_model_message *other = &file->messages[i];
            for (size_t k = 0; k < other->field_count; k++) {
                if (&other->fields[k] == field) return NULL; /* the first of two is not to be renamed */
                if (other->fields[k].options.unique &&
                    strcmp(furrow_names_claim(model->arena, other->fields[k].name), claim) == 0)
                    return furrow_text_printf(model->arena, "%s.%s", other->name, other->fields[k].name);
            }
        }
    }
    return NULL;
}

static void check_field(const furrow_model *model, const furrow_model_message *message, const furrow_model_field *field,
                        furrow_report *report)
{
    if (!message->options.entity || message->options.internal) {
        furrow_report_add(report, field->place,
                          "field %s of %s is unique, but only fields of an entity that is not internal can be",
                          field->name, message->name);
        return;
    }
    if (!furrow_refer_is(field, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING) ||
        field->proto->number == 1)
        furrow_report_add(report, field->place,
                          "field %s of %s is unique, but it is %s%s; only a single string beside the id can be claimed",
                          field->name, message->name,
                          field->proto->number == 1 ? "the id" : furrow_model_type_text(model, field),
                          furrow_model_in_oneof(field) ? " in a oneof" : "");
    const char *rival = find_rival(model, message, field);
    if (rival)
        furrow_report_add(report, field->place,
                          "field %s of %s is unique, and makes an entity %s.%s, as it is called of %s: rename one",
                          field->name, message->name, message->file->package,
                          furrow_names_claim(model->arena, field->name), rival);
}

static void check_while(const furrow_model_message *message, bool has_unique, furrow_report *report)
{
    const furrow_condition_options *when = &message->options.unique_while;
    const furrow_model_field *field = when->field ? furrow_refer_own_field(message, when->field) : NULL;
    int32_t value;
    if (!when->given) return;
    if (!has_unique)
        furrow_report_add(report, message->place, "%s has unique_while, but no unique field: leave it out",
                          message->name);
    if (!furrow_refer_value(field, when->is, &value))
        furrow_report_add(report, message->place,
                          "%s is unique while %s is %s, but has no such enum field with that value: name both",
                          message->name, when->field ? when->field : "\"\"", when->is ? when->is : "\"\"");
}

void furrow_check_unique(const furrow_model *model, const furrow_model_message *message, furrow_report *report)
{
    bool has_unique = false;
    for (size_t i = 0; i < message->field_count; i++) {
        if (!message->fields[i].options.unique) continue;
        has_unique = true;
        check_field(model, message, &message->fields[i], report);
    }
    check_while(message, has_unique, report);
}
