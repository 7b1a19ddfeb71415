/** See reading.h. */
#include "codegen/reading.h"

#include "codegen/refer.h"
#include "codegen/text.h"

#include <string.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

static const furrow_model_field *single(const furrow_model_message *message, const char *name,
                                        Google__Protobuf__FieldDescriptorProto__Type type)
{
    const furrow_model_field *field = furrow_refer_own_field(message, name);
    return furrow_refer_is(field, type) ? field : NULL;
}

static const furrow_model_field *texts(const furrow_model_message *message, const char *name)
{
    const furrow_model_field *field = furrow_refer_own_field(message, name);
    return field && furrow_model_repeated(field) && field->proto->type == TYPE(STRING) ? field : NULL;
}

/* The one list of messages in @message; NULL: none, or several. */
static const furrow_model_field *list_in(const furrow_model_message *message)
{
    const furrow_model_field *found = NULL;
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (!furrow_model_repeated(field) || !field->message || field->message->map_entry) continue;
        if (found) return NULL;
        found = field;
    }
    return found;
}

static furrow_reading_item item_in(const furrow_model_message *message, const furrow_model_message *entity)
{
    if (message == entity) return (furrow_reading_item){.message = entity};
    furrow_reading_item item = {.entity = furrow_refer_field_of_type(message, entity)};
    if (!item.entity) return item;
    item.message = message;
    item.version = single(message, "version", TYPE(INT64));
    return item;
}

furrow_reading furrow_reading_of(const furrow_model *model, const furrow_model_file *file,
                                 const furrow_model_method *method)
{
    bool lists = method->options.list.given;
    furrow_reading reading = {.options = lists ? &method->options.list : &method->options.get};
    const furrow_model_message *entity = furrow_refer_message(model, file, reading.options->entity);
    bool own = entity && entity->options.entity && strcmp(entity->file->package, file->package) == 0;
    reading.entity = own ? entity : NULL;
    if (!lists) {
        const char *id = reading.options->id ? reading.options->id : "id";
        const furrow_model_field *field = furrow_refer_own_field(method->input, id);
        bool fits = field && field->proto->type == TYPE(STRING) && !furrow_model_in_oneof(field);
        reading.id = fits ? field : NULL;
    }
    reading.many = lists || (reading.id && furrow_model_repeated(reading.id));
    reading.items = reading.many ? list_in(method->output) : NULL;
    const furrow_model_message *shown = reading.items ? reading.items->message : method->output;
    if (reading.entity && (reading.items || !reading.many)) reading.item = item_in(shown, entity);
    reading.missing_ids = texts(method->output, "missing_ids");
    reading.damaged_ids = texts(method->output, "damaged_ids");
    reading.page_size = single(method->input, "page_size", TYPE(INT32));
    reading.page_token = single(method->input, "page_token", TYPE(STRING));
    reading.next_page_token = single(method->output, "next_page_token", TYPE(STRING));
    return reading;
}

furrow_reading_by furrow_reading_by_of(const furrow_model *model, const furrow_reading *reading,
                                       const furrow_model_method *method, const char *name)
{
    static const char ending[] = "_prefix";
    furrow_reading_by by = {.field = furrow_refer_own_field(method->input, name)};
    if (!by.field || !reading->entity) return by;
    size_t len = strlen(name), stem = len > strlen(ending) ? len - strlen(ending) : 0;
    bool is_prefix = stem > 0 && strcmp(name + stem, ending) == 0;
    const char *matches = by.field->options.matches;
    by.of = furrow_refer_own_field(reading->entity, matches ? matches : name);
    by.prefix = is_prefix && (matches || !by.of);
    if (by.prefix && !matches)
        by.of = furrow_refer_own_field(reading->entity, furrow_text_copy(model->arena, name, stem));
    return by;
}

furrow_reading_join furrow_reading_join_of(const furrow_model *model, const furrow_model_file *file,
                                           const furrow_reading *reading, const furrow_join_options *join)
{
    furrow_reading_join of = {.replica = furrow_refer_message(model, file, join->replica)};
    bool own = of.replica && of.replica->options.replica_of && strcmp(of.replica->file->package, file->package) == 0;
    if (!own) of.replica = NULL;
    if (join->id && reading->entity) of.id = single(reading->entity, join->id, TYPE(STRING));
    if (join->field && of.replica) of.field = furrow_refer_own_field(of.replica, join->field);
    if (join->as && reading->item.entity) of.as = furrow_refer_own_field(reading->item.message, join->as);
    return of;
}

bool furrow_reading_comparable(const furrow_model_field *field)
{
    switch (field->proto->type) {
    case TYPE(STRING):
    case TYPE(ENUM):
    case TYPE(BOOL):
    case TYPE(INT32):
    case TYPE(SINT32):
    case TYPE(SFIXED32):
    case TYPE(UINT32):
    case TYPE(FIXED32):
    case TYPE(INT64):
    case TYPE(SINT64):
    case TYPE(SFIXED64):
        return true;
    default:
        return false;
    }
}
