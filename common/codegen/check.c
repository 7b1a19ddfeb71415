/**
 * The judge of one request: rules that a single file can break (entities, fields, methods), and those that only two
 * things together can (stream names, generated names, two replicas of one entity). A rule is a function; what the wire
 * of a replica must look like is in subset.c.
 */
#include "codegen/check.h"

#include "base/bytes.h"
#include "codegen/names.h"
#include "codegen/rules.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

enum { RESERVED_FIRST = 2047, RESERVED_LAST = 2048 };

/* A subject is at most 255 bytes (FURROW_SUBJECT_MAX of wire/subject.h), an id 64, a method or an id is one token more.
 * Streams: so that `deadletter.<service>.<STREAM>` and the names of consumers and keys stay far from their limits. */
enum {
    SUBJECT_MAX = 255,
    ID_MAX = 64,
    ENTITY_NAME_MAX = SUBJECT_MAX - 1 - ID_MAX,
    STREAM_MAX = 64,
    STREAM_REPLICAS_MAX = 5
};

typedef struct judge {
    const furrow_model *model;
    furrow_report *report;
} judge;

/* Of Google's files there is C code only for these; another would end the build at a header that is missing. */
static void check_imports(const judge *by, const furrow_model_file *file)
{
    static const char *const with_code[] = {
        "google/protobuf/timestamp.proto",  "google/protobuf/duration.proto", "google/protobuf/field_mask.proto",
        "google/protobuf/empty.proto",      "google/protobuf/struct.proto",   "google/protobuf/wrappers.proto",
        "google/protobuf/descriptor.proto",
    };
    for (size_t i = 0; i < file->proto->n_dependency; i++) {
        const char *name = file->proto->dependency[i];
        bool has = !furrow_bytes_after(name, "google/");
        for (size_t known = 0; !has && known < sizeof with_code / sizeof *with_code; known++)
            has = strcmp(name, with_code[known]) == 0;
        if (!has)
            furrow_report_add(
                by->report, (furrow_place){file->name, 1, 1},
                "the file imports %s, which has no C code here: declare what it needs of that in a file of "
                "its own",
                name);
    }
}

static void check_proto_file(const judge *by, const furrow_model_file *file)
{
    furrow_place place = {file->name, 1, 1};
    if (!file->proto->syntax || strcmp(file->proto->syntax, "proto3") != 0)
        furrow_report_add(by->report, place, "the file is %s; a contract is proto3: write syntax = \"proto3\";",
                          file->proto->syntax && file->proto->syntax[0] ? file->proto->syntax : "proto2");
    if (file->package[0] == '\0')
        furrow_report_add(by->report, place,
                          "the file has no package; subjects begin with it: write package <service>.v1;");
    if (file->c_package)
        furrow_report_add(by->report, place,
                          "option (pb_c_file).c_package = \"%s\" renames what our code refers to: remove it",
                          file->c_package);
    check_imports(by, file);
}

static void check_id_field(const judge *by, const furrow_model_message *message)
{
    const furrow_model_field *field = furrow_model_find_field(message, 1);
    const char *kind = message->options.entity ? "entity" : "replica";
    if (!field)
        furrow_report_add(by->report, message->place, "%s %s has no field 1; it must be: string id = 1;", kind,
                          message->name);
    else if (strcmp(field->name, "id") != 0 ||
             field->proto->type != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING ||
             furrow_model_repeated(field) || furrow_model_in_oneof(field))
        furrow_report_add(by->report, field->place, "field 1 of %s %s is \"%s %s\"%s; it must be: string id = 1;", kind,
                          message->name, furrow_model_type_text(by->model, field), field->name,
                          furrow_model_in_oneof(field) ? " in a oneof" : "");
}

/* The write path keeps its own bookkeeping in an entity's bytes under these numbers (log/window.h, log/claim.c). */
static void check_reserved_numbers(const judge *by, const furrow_model_message *entity)
{
    for (size_t i = 0; i < entity->field_count; i++) {
        int32_t number = entity->fields[i].proto->number;
        if (number >= RESERVED_FIRST && number <= RESERVED_LAST)
            furrow_report_add(by->report, entity->fields[i].place,
                              "field %s of entity %s has number %d; %d to %d are the entity log's: use another",
                              entity->fields[i].name, entity->name, number, RESERVED_FIRST, RESERVED_LAST);
    }
}

static void check_entity(const judge *by, const furrow_model_message *entity)
{
    const furrow_message_options *options = &entity->options;
    const char *stream = furrow_model_stream(by->model, entity);
    if (options->history == 1)
        furrow_report_add(
            by->report, entity->place,
            "entity %s has history 1; a poisoned last state must have one before it to go back to: use 2 or more, or "
            "0 for the default",
            entity->name);
    if (options->replicas > STREAM_REPLICAS_MAX)
        furrow_report_add(by->report, entity->place, "entity %s has %u stream replicas; JetStream keeps at most %d",
                          entity->name, options->replicas, STREAM_REPLICAS_MAX);
    if (strlen(entity->name) > ENTITY_NAME_MAX)
        furrow_report_add(by->report, entity->place,
                          "the name of entity %s has %zu bytes; with an id behind it a subject allows %d", entity->name,
                          strlen(entity->name), ENTITY_NAME_MAX);
    if (strlen(stream) > STREAM_MAX)
        furrow_report_add(by->report, entity->place,
                          "stream name %s of entity %s has %zu bytes; %d are allowed: shorten the name", stream,
                          entity->name, strlen(stream), STREAM_MAX);
    if (strcmp(stream, "DEADLETTER") == 0 || strcmp(stream, "DESCRIPTOR") == 0)
        furrow_report_add(by->report, entity->place, "entity %s would own stream %s, which is the mesh's: rename it",
                          entity->name, stream);
    check_reserved_numbers(by, entity);
}

static void check_replica_contract(const judge *by, const furrow_model_message *replica)
{
    const char *name = replica->options.replica_of;
    const furrow_model_message *entity = furrow_model_find_message(by->model, name);
    if (!entity)
        furrow_report_add(
            by->report, replica->place,
            "%s is a replica of %s, which is in no imported file: import the owner's .proto, and write its full name",
            replica->name, name[0] ? name : "\"\"");
    else if (!entity->options.entity)
        furrow_report_add(by->report, replica->place,
                          "%s is a replica of %s, which is a message but no entity (%s:%d): name an entity",
                          replica->name, name, entity->place.file, entity->place.line);
    else if (entity->options.internal)
        furrow_report_add(
            by->report, replica->place,
            "%s is a replica of %s, which is internal to its owner (%s:%d): ask the owner for an entity that is not",
            replica->name, name, entity->place.file, entity->place.line);
    else
        furrow_check_subset(by->model, replica, entity, by->report);
}

bool furrow_check_is_indexable(const furrow_model_field *field)
{
    switch (field->proto->type) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FLOAT:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP:
        return false;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE:
        return field->message && strcmp(field->message->name, "google.protobuf.Timestamp") == 0;
    default:
        return true;
    }
}

static void check_index(const judge *by, const furrow_model_message *message, const furrow_model_field *field)
{
    const char *type = furrow_model_type_text(by->model, field);
    if (!furrow_model_is_contract(message))
        furrow_report_add(by->report, field->place,
                          "field %s (%s) of %s has an index, but only fields of an entity or a replica can",
                          field->name, type, message->name);
    if (field->options.listed && !furrow_check_is_indexable(field))
        furrow_report_add(
            by->report, field->place,
            "field %s of %s is listed, but its type is %s; an index takes string, enum, bool, integers and "
            "google.protobuf.Timestamp, also repeated",
            field->name, message->name, type);
    if (field->options.listed && furrow_model_in_oneof(field))
        furrow_report_add(by->report, field->place, "field %s (%s) of %s is listed, but stands in a oneof: move it out",
                          field->name, type, message->name);
    if (field->options.fold && !field->options.listed)
        furrow_report_add(by->report, field->place,
                          "field %s (%s) of %s has fold without listed: write {listed: true, fold: true}", field->name,
                          type, message->name);
    if (field->options.fold && field->proto->type != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING)
        furrow_report_add(by->report, field->place,
                          "field %s of %s has fold, but its type is %s; only text can be folded", field->name,
                          message->name, type);
}

static void check_private_field(const judge *by, const furrow_model_message *message, const furrow_model_field *field)
{
    const char *type = furrow_model_type_text(by->model, field);
    if (!message->options.entity)
        furrow_report_add(by->report, field->place,
                          "field %s (%s) of %s is private, but %s is no entity: only an entity can seal", field->name,
                          type, message->name, message->name);
    if (field->proto->type != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES ||
        furrow_model_repeated(field) || furrow_model_in_oneof(field))
        furrow_report_add(by->report, field->place,
                          "field %s of %s is private, but its type is %s%s; what is sealed is one bytes field: pack a "
                          "message into it",
                          field->name, message->name, type, furrow_model_in_oneof(field) ? " in a oneof" : "");
}

/* A type whose JSON depends on what it holds, which we cannot write. */
static bool is_dynamic(const furrow_model_message *type)
{
    static const char *const dynamic[] = {"google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value",
                                          "google.protobuf.ListValue"};
    for (size_t i = 0; type && i < sizeof dynamic / sizeof *dynamic; i++)
        if (strcmp(type->name, dynamic[i]) == 0) return true;
    return false;
}

static void check_dynamic(const judge *by, const furrow_model_message *message, const furrow_model_field *field)
{
    if (is_dynamic(field->message))
        furrow_report_add(by->report, field->place,
                          "field %s of %s is a %s, which a contract cannot hold: say in a message of its own what it "
                          "may be, or send bytes",
                          field->name, message->name, field->message->name);
}

static void check_fields(const judge *by, const furrow_model_message *message)
{
    const furrow_model_field *sealed = NULL;
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (field->proto->proto3_optional)
            furrow_report_add(
                by->report, field->place,
                "field %s (%s) of %s is proto3 optional, which protobuf-c refuses: drop the word, and use a field mask "
                "for partial updates",
                field->name, furrow_model_type_text(by->model, field), message->name);
        check_dynamic(by, message, field);
        if (field->options.index) check_index(by, message, field);
        if (!field->options.is_private) continue;
        check_private_field(by, message, field);
        if (sealed)
            furrow_report_add(by->report, field->place,
                              "field %s of %s is a second private field after %s (line %d): seal one message",
                              field->name, message->name, sealed->name, sealed->place.line);
        sealed = field;
    }
}

static void check_key_entity(const judge *by, const furrow_model_message *message)
{
    const furrow_model_field *wrapped = furrow_model_find_field(message, 2);
    if (!message->options.internal)
        furrow_report_add(by->report, message->place,
                          "entity %s holds keys but is not internal: write internal: true beside keys", message->name);
    if (!wrapped || strcmp(wrapped->name, "wrapped") != 0 || furrow_model_repeated(wrapped) ||
        wrapped->proto->type != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES)
        furrow_report_add(by->report, wrapped ? wrapped->place : message->place,
                          "entity %s holds keys; its field 2 must be: bytes wrapped = 2;", message->name);
}

/* Of what the author is asked for beside a message. */
static void check_duties(const judge *by, const furrow_model_message *message)
{
    const furrow_message_options *options = &message->options;
    if (options->checked && !furrow_model_is_contract(message))
        furrow_report_add(by->report, message->place,
                          "%s is checked, but only the states of an entity or a replica are: remove the option",
                          message->name);
    if (options->reaction && !options->replica_of)
        furrow_report_add(by->report, message->place,
                          "%s has a reaction, but only a service that keeps another's entity can react to it: declare "
                          "the option on a replica",
                          message->name);
    if (options->keys) check_key_entity(by, message);
}

static void check_message(const judge *by, const furrow_model_message *message)
{
    check_fields(by, message);
    check_duties(by, message);
    furrow_check_unique(by->model, message, by->report);
    furrow_check_aggregates(by->model, message, by->report);
    furrow_rules_check(by->model, message, by->report);
    if (!furrow_model_is_contract(message)) return;
    if (message->nested)
        furrow_report_add(by->report, message->place,
                          "%s stands inside another message; entities and replicas stand at the top", message->name);
    if (message->options.entity && message->options.replica_of)
        furrow_report_add(by->report, message->place, "%s is both an entity and a replica of %s: make two messages",
                          message->name, message->options.replica_of);
    check_id_field(by, message);
    if (message->options.entity) check_entity(by, message);
    if (message->options.replica_of) check_replica_contract(by, message);
}

static void check_method(const judge *by, const furrow_model_service *service, const furrow_model_method *method)
{
    size_t len = strlen(service->name) + 1 + strlen(method->name);
    if (method->proto->client_streaming)
        furrow_report_add(by->report, method->place,
                          "%s.%s streams its requests, which is not supported: take one request", service->name,
                          method->name);
    if (method->proto->server_streaming &&
        (method->options.command.given || method->options.get.given || method->options.list.given))
        furrow_report_add(by->report, method->place,
                          "%s.%s streams its responses, which a command, get or list does not: write its handler",
                          service->name, method->name);
    if (is_dynamic(method->input) || is_dynamic(method->output))
        furrow_report_add(by->report, method->place,
                          "%s.%s takes or answers a %s, which a contract cannot hold: say in a message of its own what "
                          "it may be",
                          service->name, method->name,
                          (is_dynamic(method->input) ? method->input : method->output)->name);
    if (len > SUBJECT_MAX)
        furrow_report_add(by->report, method->place, "subject %s.%s has %zu bytes; %d are allowed: shorten the names",
                          service->name, method->name, len, SUBJECT_MAX);
}

/* What a service calls of others: it follows what its key may do. */
static void check_call(const judge *by, const furrow_model_service *service, size_t which)
{
    const char *name = service->calls.texts[which];
    const furrow_model_service *of = NULL;
    const furrow_model_method *method = furrow_model_find_method(by->model, name, &of);
    if (!method)
        furrow_report_add(by->report, service->place,
                          "%s calls %s, which is no method of an imported file: import its .proto, and write "
                          "<package>.<Service>.<Method>",
                          service->name, name[0] ? name : "\"\"");
    else if (strcmp(of->short_name, service->short_name) == 0)
        furrow_report_add(by->report, service->place, "%s calls %s, which is its own: leave it out", service->name,
                          name);
    else if (method->options.restricted)
        furrow_report_add(by->report, service->place,
                          "%s calls %s, which is restricted (%s:%d): only a deployment can grant it", service->name,
                          name, method->place.file, method->place.line);
    for (size_t i = 0; i < which; i++)
        if (strcmp(service->calls.texts[i], name) == 0)
            furrow_report_add(by->report, service->place, "%s calls %s twice: once is enough", service->name, name);
}

static void check_service(const judge *by, const furrow_model_file *file, const furrow_model_service *service)
{
    if (!furrow_names_short_ok(service->short_name))
        furrow_report_add(by->report, service->place,
                          "short name \"%s\" of %s is not [a-z][a-z0-9_]{0,31}: set option (furrow.v1.short_name)",
                          service->short_name, service->name);
    else if (strcmp(service->short_name, file->owner) != 0)
        furrow_report_add(
            by->report, service->place,
            "short name \"%s\" of %s differs from \"%s\" of another service of package %s; a package has one owner",
            service->short_name, service->name, file->owner, file->package);
    if (service->method_count == 0)
        furrow_report_add(by->report, service->place,
                          "service %s has no method, which protobuf-c cannot compile: remove it", service->name);
    for (size_t i = 0; i < service->method_count; i++) {
        check_method(by, service, &service->methods[i]);
        if (service->methods[i].options.command.given)
            furrow_check_command(by->model, file, service, &service->methods[i], by->report);
        furrow_check_query(by->model, file, service, &service->methods[i], by->report);
    }
    for (size_t i = 0; i < service->calls.count; i++) check_call(by, service, i);
}

/* The next entity of @file's package that holds keys, from *at on; NULL: no more. */
static const furrow_model_message *next_keys(const judge *by, const furrow_model_file *file, size_t *at)
{
    for (size_t seen = 0, f = 0; f < by->model->file_count; f++) {
        const furrow_model_file *other = &by->model->files[f];
        if (strcmp(other->package, file->package) != 0) continue;
        for (size_t i = 0; i < other->message_count; i++) {
            if (!other->messages[i].options.keys || seen++ < *at) continue;
            *at += 1;
            return &other->messages[i];
        }
    }
    return NULL;
}

/* Who owns private fields has one place for their keys. */
static void check_sealing(const judge *by, const furrow_model_file *file)
{
    size_t at = 0;
    const furrow_model_message *keys = next_keys(by, file, &at), *second = keys ? next_keys(by, file, &at) : NULL;
    if (second)
        furrow_report_add(by->report, second->place, "entity %s holds keys, as %s does (%s:%d): one is enough",
                          second->name, keys->name, keys->place.file, keys->place.line);
    for (size_t i = 0; !keys && i < file->message_count; i++)
        for (size_t k = 0; k < file->messages[i].field_count; k++)
            if (file->messages[i].options.entity && file->messages[i].fields[k].options.is_private)
                furrow_report_add(by->report, file->messages[i].fields[k].place,
                                  "field %s of %s is private, but no entity of package %s holds keys: declare one with "
                                  "option (furrow.v1.entity) = {internal: true, keys: true}, string id = 1 and bytes "
                                  "wrapped = 2",
                                  file->messages[i].fields[k].name, file->messages[i].name, file->package);
}

/* The generated names of a file, each with what it stands for. */
typedef struct symbol {
    const char *name, *of;
} symbol;

static void check_symbol(const judge *by, symbol *symbols, size_t *count, furrow_place place, const char *name,
                         const char *of)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(symbols[i].name, name) != 0) continue;
        furrow_report_add(by->report, place, "%s and %s would both be called %s in C: rename one", symbols[i].of, of,
                          name);
        return;
    }
    symbols[(*count)++] = (symbol){name, of};
}

static void check_symbols(const judge *by, const furrow_model_file *file)
{
    furrow_arena *arena = by->model->arena;
    size_t most = 4 * file->message_count + 2 * file->service_count, count = 0;
    for (size_t i = 0; i < file->service_count; i++) most += 2 * file->services[i].method_count;
    symbol *symbols = furrow_text_zalloc(arena, (most + 1) * sizeof *symbols);
    for (size_t i = 0; i < file->message_count; i++) {
        const furrow_model_message *message = &file->messages[i];
        if (furrow_model_is_contract(message))
            check_symbol(by, symbols, &count, message->place, furrow_symbols_message(arena, message), message->name);
        if (message->options.checked)
            check_symbol(by, symbols, &count, message->place, furrow_symbols_check(arena, message), message->name);
        if (message->options.reaction)
            check_symbol(by, symbols, &count, message->place, furrow_symbols_reaction(arena, message), message->name);
        if (furrow_rules_any(by->model, message))
            check_symbol(by, symbols, &count, message->place, furrow_symbols_field_rules(arena, message),
                         message->name);
    }
    for (size_t s = 0; s < file->service_count; s++) {
        const furrow_model_service *service = &file->services[s];
        check_symbol(by, symbols, &count, service->place, furrow_symbols_service(arena, file, service), service->name);
        for (size_t i = 0; i < service->method_count; i++) {
            const furrow_model_method *method = &service->methods[i];
            const char *name = furrow_text_printf(arena, "%s.%s", service->name, method->name);
            check_symbol(by, symbols, &count, method->place, furrow_symbols_method(arena, service, method), name);
        }
    }
}

/* Walks all entities and replicas of the request in order; NULL after the last. */
static const furrow_model_message *next_contract(const furrow_model *model, size_t *file, size_t *message)
{
    for (; *file < model->file_count; *message = 0, ++*file) {
        while (*message < model->files[*file].message_count) {
            const furrow_model_message *found = &model->files[*file].messages[(*message)++];
            if (furrow_model_is_contract(found)) return found;
        }
    }
    return NULL;
}

static void check_message_pair(const judge *by, const furrow_model_message *first, const furrow_model_message *second)
{
    bool entities = first->options.entity && second->options.entity;
    if (entities && strcmp(furrow_model_stream(by->model, first), furrow_model_stream(by->model, second)) == 0)
        furrow_report_add(by->report, second->place, "entity %s would own stream %s, as %s does (%s:%d): rename one",
                          second->name, furrow_model_stream(by->model, second), first->name, first->place.file,
                          first->place.line);
    bool replicas = first->options.replica_of && second->options.replica_of;
    if (replicas && strcmp(first->options.replica_of, second->options.replica_of) == 0 &&
        strcmp(first->file->owner, second->file->owner) == 0)
        furrow_report_add(
            by->report, second->place,
            "%s is a second replica of %s in service %s, after %s (%s:%d): put the fields of both into one",
            second->name, second->options.replica_of, second->file->owner, first->name, first->place.file,
            first->place.line);
}

static void check_pairs(const judge *by)
{
    size_t file = 0, message = 0;
    const furrow_model_message *first, *second;
    while ((first = next_contract(by->model, &file, &message))) {
        size_t next_file = file, next_message = message;
        while ((second = next_contract(by->model, &next_file, &next_message))) check_message_pair(by, first, second);
    }
}

void furrow_check(const furrow_model *model, furrow_report *report)
{
    const judge by = {model, report};
    for (size_t f = 0; f < model->file_count; f++) {
        const furrow_model_file *file = &model->files[f];
        if (!file->generate) continue;
        check_proto_file(&by, file);
        for (size_t i = 0; i < file->message_count; i++) check_message(&by, &file->messages[i]);
        for (size_t i = 0; i < file->service_count; i++) check_service(&by, file, &file->services[i]);
        if (file->service_count > 0) check_sealing(&by, file);
        check_symbols(&by, file);
    }
    check_pairs(&by);
}
