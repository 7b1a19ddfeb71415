/**
 * The judge of methods that read: that what their option names is there and fits, in the entity, the request and the
 * response. Each problem says what to write instead.
 */
#include "codegen/check.h"

#include "codegen/reading.h"
#include "codegen/refer.h"

#include <string.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

enum {
    BY_MAX = 16,
    JOINS_MAX = 15
}; /* FURROW_QUERY_BY_MAX of runtime/query.h; FURROW_READ_TABLES_MAX of store/record.h */

typedef struct judge {
    const furrow_model *model;
    const furrow_model_file *file;
    const furrow_model_service *service;
    const furrow_model_method *method;
    furrow_reading reading;
    furrow_report *report;
} judge;

#define REPORT(by, format, ...)                                                                                        \
    furrow_report_add((by)->report, (by)->method->place, "%s.%s " format, (by)->service->name, (by)->method->name,     \
                      __VA_ARGS__)

static const char *told(const char *text)
{
    return text ? text : "";
}

/* The option's own name, for people. */
static const char *option_of(const judge *by)
{
    return by->method->options.list.given ? "list" : "get";
}

static void check_query_entity(const judge *by)
{
    if (!by->reading.entity)
        REPORT(by, "has %s of \"%s\", which is no entity of package %s: name one of its own", option_of(by),
               told(by->reading.options->entity), by->file->package);
}

/* Where the entity stands in the answer. */
static void check_query_item(const judge *by)
{
    const furrow_reading *reading = &by->reading;
    const char *entity = reading->entity->short_name, *output = by->method->output->name;
    if (reading->many && !reading->items)
        REPORT(by, "answers %s, which must have exactly one list of messages: a repeated %s, or of what holds one",
               output, entity);
    else if (!reading->item.message)
        REPORT(by, "answers %s, but %s has no place for the %s: give it exactly one field of that type", output,
               reading->many ? reading->items->message->name : output, entity);
}

static void check_query_list(const judge *by, const char *name, const furrow_model_field *field)
{
    if (!field) REPORT(by, "answers %s, which must have: repeated string %s", by->method->output->name, name);
}

/* The answer is what was sealed: of one entity, to who is allowed it by name. */
static void check_unsealed(const judge *by)
{
    const furrow_query_options *options = by->reading.options;
    bool sealed = false;
    for (size_t i = 0; i < by->reading.entity->field_count; i++)
        sealed = sealed || by->reading.entity->fields[i].options.is_private;
    if (!sealed)
        REPORT(by, "answers what is unsealed of %s, which has no private field: remove unsealed",
               by->reading.entity->name);
    if (!by->method->options.restricted)
        REPORT(by, "answers what is unsealed of %s: write option (furrow.v1.restricted) = true;",
               by->reading.entity->name);
    if (by->reading.many || options->join_count > 0 || options->shown)
        REPORT(by, "answers what is unsealed of %s: of one by id, and with nothing beside it",
               by->reading.entity->name);
}

static void check_get(const judge *by)
{
    const furrow_query_options *options = by->reading.options;
    if (!by->reading.id) {
        REPORT(by, "has get by \"%s\", but %s has no such string field: name it by id",
               options->id ? options->id : "id", by->method->input->name);
        return;
    }
    if (by->reading.options->unsealed)
        check_unsealed(by);
    else
        check_query_item(by);
    if (by->reading.many) {
        check_query_list(by, "missing_ids", by->reading.missing_ids);
        check_query_list(by, "damaged_ids", by->reading.damaged_ids);
    }
}

static bool same_type(const furrow_model_field *one, const furrow_model_field *other)
{
    return one->proto->type == other->proto->type && one->message == other->message &&
           one->enumeration == other->enumeration;
}

static void check_by(const judge *by, const char *name, bool indexed)
{
    furrow_reading_by of = furrow_reading_by_of(by->model, &by->reading, by->method, name);
    const char *entity = by->reading.entity->name, *what = indexed ? "by" : "filter";
    if (!of.field || furrow_model_repeated(of.field) || furrow_model_in_oneof(of.field))
        REPORT(by, "has list %s \"%s\", but %s has no such single field: add it to the request", what, name,
               by->method->input->name);
    else if (!of.of)
        REPORT(by,
               "has list %s \"%s\", but %s has no field of that name: say which it matches, by "
               "(furrow.v1.matches) on the request's field",
               what, name, entity);
    else if (!furrow_reading_comparable(of.of) || !same_type(of.field, of.of) || furrow_model_in_oneof(of.of))
        REPORT(by,
               "has list %s \"%s\" (%s), which is compared to %s of %s (%s): both are to be the same of string, "
               "enum, bool, int32, uint32 or int64",
               what, name, furrow_model_type_text(by->model, of.field), of.of->name, entity,
               furrow_model_type_text(by->model, of.of));
    else if (of.prefix && of.of->proto->type != TYPE(STRING))
        REPORT(by, "has list %s \"%s\", but %s of %s is of type %s, which has no beginning: compare it whole", what,
               name, of.of->name, entity, furrow_model_type_text(by->model, of.of));
    else if (indexed && !of.of->options.listed)
        REPORT(by,
               "has list by \"%s\", but %s of %s has no index: add [(furrow.v1.index) = {listed: true}], or write "
               "filter instead of by",
               name, of.of->name, entity);
}

static bool is_in(const furrow_option_texts *texts, const char *name)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->texts[i], name) == 0) return true;
    return false;
}

/* A field of the request that nothing is done with would be ignored in silence. */
static void check_list_request(const judge *by)
{
    const furrow_model_message *input = by->method->input;
    const furrow_query_options *options = by->reading.options;
    if (!by->reading.page_size || !by->reading.page_token)
        REPORT(by, "has list, but %s lacks %s: a list has pages", input->name,
               by->reading.page_size ? "string page_token" : "int32 page_size");
    for (size_t i = 0; i < input->field_count; i++) {
        const furrow_model_field *field = &input->fields[i];
        if (field == by->reading.page_size || field == by->reading.page_token || is_in(&options->by, field->name) ||
            is_in(&options->filter, field->name))
            continue;
        REPORT(by, "has list, which does nothing with %s of %s: name it in by or filter, or remove it", field->name,
               input->name);
    }
}

static void check_order(const judge *by)
{
    const furrow_query_options *options = by->reading.options;
    if (!options->order) {
        if (options->by.count == 0)
            REPORT(by, "has list by nothing: write by or order, with an indexed field of %s", by->reading.entity->name);
        return;
    }
    const furrow_model_field *field = furrow_refer_own_field(by->reading.entity, options->order);
    if (!field || !field->options.listed)
        REPORT(by,
               "has list in the order of \"%s\", which is no indexed field of %s: add [(furrow.v1.index) = {listed: "
               "true}] to it, or name another",
               options->order, by->reading.entity->name);
}

static void check_list(const judge *by)
{
    const furrow_query_options *options = by->reading.options;
    check_query_item(by);
    check_list_request(by);
    check_query_list(by, "damaged_ids", by->reading.damaged_ids);
    if (!by->reading.next_page_token)
        REPORT(by, "answers %s, which must have: string next_page_token", by->method->output->name);
    if (options->by.count + options->filter.count > BY_MAX)
        REPORT(by, "has list by %zu fields; at most %d", options->by.count + options->filter.count, BY_MAX);
    for (size_t i = 0; i < options->by.count; i++) check_by(by, options->by.texts[i], true);
    for (size_t i = 0; i < options->filter.count; i++) check_by(by, options->filter.texts[i], false);
    check_order(by);
}

static void check_join(const judge *by, const furrow_join_options *join)
{
    furrow_reading_join of = furrow_reading_join_of(by->model, by->file, &by->reading, join);
    const char *holder = by->reading.item.message->name;
    if (!by->reading.item.entity)
        REPORT(by, "joins %s, but answers %s itself: answer a message that holds it", told(join->as), holder);
    else if (!of.replica)
        REPORT(by, "joins \"%s\", which is no replica of package %s: declare what the service keeps",
               told(join->replica), by->file->package);
    else if (!of.id)
        REPORT(by, "joins %s by id \"%s\", which is no string field of %s: name the one that has its id",
               of.replica->name, told(join->id), by->reading.entity->name);
    else if (!of.field || furrow_model_repeated(of.field) || furrow_model_in_oneof(of.field))
        REPORT(by, "joins field \"%s\", which is no single field of %s: name one that is kept", told(join->field),
               of.replica->name);
    else if (!of.as || furrow_model_repeated(of.as) || furrow_model_in_oneof(of.as) || !same_type(of.field, of.as))
        REPORT(by, "joins %s of %s as \"%s\", which is no single field of %s of the same type (%s): add it",
               of.field->name, of.replica->name, told(join->as), holder, furrow_model_type_text(by->model, of.field));
}

void furrow_check_query(const furrow_model *model, const furrow_model_file *file, const furrow_model_service *service,
                        const furrow_model_method *method, furrow_report *report)
{
    if (!method->options.get.given && !method->options.list.given) return;
    const judge by = {model, file, service, method, furrow_reading_of(model, file, method), report};
    const Google__Protobuf__MethodOptions *options = method->proto->options;
    if (method->options.get.given && method->options.list.given)
        REPORT(&by, "has both get and list: a method is %s", "one of them");
    if (!options || options->idempotency_level != GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS)
        REPORT(&by, "has %s and only reads: write option idempotency_level = NO_SIDE_EFFECTS;", option_of(&by));
    check_query_entity(&by);
    if (!by.reading.entity) return;
    (method->options.list.given ? check_list : check_get)(&by);
    if (!by.reading.item.message) return;
    for (size_t i = 0; i < by.reading.options->join_count; i++) check_join(&by, &by.reading.options->joins[i]);
    if (by.reading.options->join_count > JOINS_MAX)
        REPORT(&by, "joins %zu fields; at most %d", by.reading.options->join_count, JOINS_MAX);
    if (by.reading.options->shown && !by.reading.item.entity)
        REPORT(&by, "is shown, but answers %s itself: answer a message that holds it, with what is to be shown",
               by.reading.item.message->name);
}
