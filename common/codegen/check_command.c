/**
 * The judge of commands: that the names in the option stand for something, and that what is promised together can be
 * kept together. Each problem says what to write instead.
 */
#include "codegen/check.h"

#include "codegen/names.h"
#include "codegen/refer.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

enum { KNOWS_MAX = 15 }; /* with the entity's own: tables of one read (FURROW_READ_TABLES_MAX of store/record.h) */

typedef struct judge {
    const furrow_model *model;
    const furrow_model_file *file;
    const furrow_model_method *method;
    const char *name; /* of the method, in full */
    const furrow_model_message *entity;
    furrow_report *report;
} judge;

#define REPORT(by, ...) furrow_report_add((by)->report, (by)->method->place, __VA_ARGS__)

static bool is_of_package(const judge *by, const furrow_model_message *message)
{
    return message && strcmp(message->file->package, by->file->package) == 0;
}

/* Of the service's own entities the one called @name, or NULL after a report of what @what has to do with it. */
static const furrow_model_message *own_entity(const judge *by, const char *name, const char *what)
{
    const furrow_model_message *entity = furrow_refer_message(by->model, by->file, name);
    if (is_of_package(by, entity) && entity->options.entity) return entity;
    REPORT(by, "%s %s %s, which is no entity of package %s: name one of its own", by->name, what,
           name && name[0] ? name : "\"\"", by->file->package);
    return NULL;
}

static bool is_word(const char *text)
{
    bool word = text[0] >= 'a' && text[0] <= 'z';
    for (const char *at = text; word && *at; at++)
        word = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '_';
    return word;
}

static void check_event(const judge *by)
{
    const char *event = by->method->options.command.event;
    bool deletes = by->method->options.command.deletes;
    if (!event || !is_word(event))
        REPORT(by, "%s says event \"%s\"; write what has happened then, in lower case: \"picked\"", by->name,
               event ? event : "");
    else if (strcmp(event, "deleted") == 0 && !deletes)
        REPORT(by, "%s says event \"deleted\", but does not delete: write deletes: true, or another event", by->name);
}

/* The string field of the request called @name; @what is for people. */
static void check_request_field(const judge *by, const char *name, Google__Protobuf__FieldDescriptorProto__Type type,
                                const char *option, const char *type_name)
{
    furrow_refer_path path;
    bool found = furrow_refer_field(by->model, by->method->input, name, &path);
    if (!found || !furrow_refer_is(path.field, type))
        REPORT(by, "%s says %s: \"%s\", but %s has no such %s field: name one", by->name, option, name,
               by->method->input->name, type_name);
}

static void check_command_id(const judge *by)
{
    const furrow_command_options *command = &by->method->options.command;
    if (command->computed_id && command->id)
        REPORT(by, "%s has both id and computed_id: leave one of them out", by->name);
    else if (!command->computed_id)
        check_request_field(by, command->id ? command->id : "id", TYPE(STRING), "id", "string");
    if (command->version) check_request_field(by, command->version, TYPE(INT64), "version", "int64");
}

static void check_modes(const judge *by)
{
    const furrow_command_options *command = &by->method->options.command;
    const Google__Protobuf__MethodOptions *options = by->method->proto->options;
    if (command->creates && command->allow_missing)
        REPORT(by, "%s has both creates and allow_missing: what it creates must not exist, so leave one of them out",
               by->name);
    if (command->deletes && command->creates) REPORT(by, "%s both creates and deletes: make two methods", by->name);
    if (command->deletes && command->also)
        REPORT(by, "%s deletes, and has nothing to write along: leave out also, or deletes", by->name);
    if (options && options->has_idempotency_level &&
        options->idempotency_level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS)
        REPORT(by, "%s is a command and says NO_SIDE_EFFECTS: leave that out, or write IDEMPOTENT", by->name);
}

static void check_known_id(const judge *by, const furrow_known_options *known)
{
    const furrow_model_message *from = known->of_state ? by->entity : by->method->input;
    furrow_refer_path path;
    bool found = furrow_refer_field(by->model, from, known->id, &path);
    if (known->of_state && by->method->options.command.creates)
        REPORT(by, "%s creates, and knows %s by a field of a state that is not there yet: leave out of_state", by->name,
               known->replica ? known->replica : known->entity);
    if (found && path.field->proto->type == TYPE(STRING)) return;
    REPORT(by, "%s knows %s by \"%s\", but %s has no such string field: name the field that has its id", by->name,
           known->replica ? known->replica : known->entity, known->id ? known->id : "", from->name);
}

/* NULL after a report. */
static const furrow_model_message *check_known_what(const judge *by, const furrow_known_options *known)
{
    if (!known->replica == !known->entity) {
        REPORT(by, "%s has a `knows` with %s: name a replica, or an entity of its own", by->name,
               known->replica ? "both replica and entity" : "neither replica nor entity");
        return NULL;
    }
    if (known->entity) return own_entity(by, known->entity, "knows");
    const furrow_model_message *replica = furrow_refer_message(by->model, by->file, known->replica);
    if (is_of_package(by, replica) && replica->options.replica_of) return replica;
    REPORT(by, "%s knows %s, which is no replica of package %s: declare what it keeps of that entity first", by->name,
           known->replica, by->file->package);
    return NULL;
}

/* The members that a decision is given besides. */
static bool is_taken(const judge *by, const char *name, size_t which)
{
    static const char *const members[] = {"request", "id", "version", "deleted", "now_ns", "caller", "arena"};
    const furrow_command_options *command = &by->method->options.command;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strcmp(name, members[i]) == 0) return true;
    if (strcmp(name, furrow_names_snake(by->model->arena, by->entity->short_name)) == 0) return true;
    for (size_t i = 0; i < which; i++) {
        const furrow_known_options *other = &command->knows[i];
        const furrow_model_message *message =
            furrow_refer_message(by->model, by->file, other->replica ? other->replica : other->entity);
        if (message && strcmp(name, furrow_symbols_known(by->model->arena, other, message)) == 0) return true;
    }
    return false;
}

static void check_known_entity(const judge *by, size_t which)
{
    const furrow_known_options *known = &by->method->options.command.knows[which];
    const furrow_model_message *message = check_known_what(by, known);
    if (!message) return;
    const char *name = furrow_symbols_known(by->model->arena, known, message);
    if (known->as && !is_word(known->as))
        REPORT(by, "%s knows %s as \"%s\"; write a name in lower case: \"picker\"", by->name, message->name, known->as);
    else if (is_taken(by, name, which))
        REPORT(by, "%s knows %s as \"%s\", and something else by that name: write another with as", by->name,
               message->name, name);
    check_known_id(by, known);
}

static void check_also(const judge *by)
{
    const furrow_command_options *command = &by->method->options.command;
    const furrow_model_message *also = own_entity(by, command->also_entity, "also writes");
    const furrow_condition_options *when = &command->also_when;
    furrow_refer_path path;
    int32_t value;
    if (also == by->entity) REPORT(by, "%s also writes %s, which it is about: leave out also", by->name, also->name);
    if (!furrow_refer_field(by->model, by->entity, command->also_id, &path) || path.outer ||
        !furrow_refer_is(path.field, TYPE(STRING)))
        REPORT(by, "%s also writes what \"%s\" names, but %s has no such string field: name the field that has its id",
               by->name, command->also_id ? command->also_id : "", by->entity->name);
    if (when->given &&
        !furrow_refer_value(when->field ? furrow_refer_own_field(by->entity, when->field) : NULL, when->is, &value))
        REPORT(by, "%s also writes when %s is %s, but %s has no such enum field with that value: name both", by->name,
               when->field ? when->field : "\"\"", when->is ? when->is : "\"\"", by->entity->name);
}

static const furrow_model_field *private_field(const furrow_model_message *entity)
{
    for (size_t i = 0; i < entity->field_count; i++)
        if (entity->fields[i].options.is_private) return &entity->fields[i];
    return NULL;
}

static void check_command_seals(const judge *by)
{
    const furrow_command_options *command = &by->method->options.command;
    furrow_refer_path path;
    if (!furrow_refer_field(by->model, by->method->input, command->seals, &path) || !path.field->message ||
        furrow_model_repeated(path.field))
        REPORT(by, "%s seals \"%s\", but %s has no such message field: name one", by->name, command->seals,
               by->method->input->name);
    if (!private_field(by->entity))
        REPORT(by, "%s seals something for %s, which has no private field: give it one of type bytes", by->name,
               by->entity->name);
    if (command->deletes) REPORT(by, "%s both seals and deletes: make two methods", by->name);
}

/* May the response be what was sealed, instead of the state? */
static bool answers_sealed(const judge *by)
{
    furrow_refer_path path;
    return furrow_refer_field(by->model, by->method->input, by->method->options.command.seals, &path) &&
           path.field->message == by->method->output;
}

static void check_response(const judge *by)
{
    const furrow_model_message *response = by->method->output;
    if (by->method->options.command.deletes || answers_sealed(by)) return;
    if (!furrow_refer_field_of_type(response, by->entity))
        REPORT(by, "%s answers %s, which has no field for the state: give it one of type %s", by->name, response->name,
               by->entity->name);
    if (!furrow_refer_is(furrow_refer_own_field(response, "version"), TYPE(INT64)))
        REPORT(by, "%s answers %s, which cannot tell the state's version: give it a field int64 version", by->name,
               response->name);
}

void furrow_check_command(const furrow_model *model, const furrow_model_file *file, const furrow_model_service *service,
                          const furrow_model_method *method, furrow_report *report)
{
    judge by = {.model = model, .file = file, .method = method, .report = report};
    const furrow_command_options *command = &method->options.command;
    by.name = furrow_text_printf(model->arena, "%s.%s", service->name, method->name);
    check_event(&by);
    check_command_id(&by);
    check_modes(&by);
    by.entity = own_entity(&by, command->entity, "is a command on");
    if (!by.entity) return;
    if (command->known_count > KNOWS_MAX)
        furrow_report_add(report, method->place, "%s knows %zu things; a command can know %d: leave some out", by.name,
                          command->known_count, KNOWS_MAX);
    for (size_t i = 0; i < command->known_count; i++) check_known_entity(&by, i);
    if (command->also) check_also(&by);
    if (command->seals) check_command_seals(&by);
    check_response(&by);
}
