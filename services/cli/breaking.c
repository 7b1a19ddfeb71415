/* See breaking.h. Here: files, enums, services, and what brings the rules of messages together. */
#include "cli/breaking.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef Google__Protobuf__EnumValueDescriptorProto enum_value;

void breaking_report(breaking *judge, const char *rule, const descriptor_path *at, const char *remedy,
                     const char *format, ...)
{
    char what[BREAKING_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const char *package = at->file->proto->package;
    breaking_finding finding = {.rule = rule,
                                .owner = descriptor_owner(judge->before, package ? package : ""),
                                .file = at->file->proto->name,
                                .what = what,
                                .remedy = remedy};
    descriptor_place(at, &finding.line, &finding.column);
    judge->fn(judge->arg, &finding);
    judge->count++;
}

static const descriptor_file *find_file_named(const descriptor_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->file_count; i++)
        if (strcmp(pool->files[i].proto->name, name) == 0) return &pool->files[i];
    return NULL;
}

static void compare_packages(breaking *judge, const descriptor_file *file)
{
    const descriptor_file *now = find_file_named(judge->after, file->proto->name);
    const char *before = file->proto->package ? file->proto->package : "";
    const char *after = now && now->proto->package ? now->proto->package : "";
    if (now && strcmp(before, after) != 0)
        breaking_report(judge, "FILE_SAME_PACKAGE", &(descriptor_path){.file = now},
                        "put the other package into a file of its own, beside this one",
                        "package %s is now %s: every subject and stream has another name", before, after);
}

/* ---- enums ---- */

static bool has_value(const descriptor_enum *in, int32_t number, const char *name)
{
    for (size_t i = 0; i < in->proto->n_value; i++)
        if (in->proto->value[i]->number == number && (!name || strcmp(in->proto->value[i]->name, name) == 0))
            return true;
    return false;
}

/* What follows the reserved range that @number is in; @number itself if there is none. Their ends belong to them. */
static int64_t past_reserved_values(const descriptor_enum *in, int64_t number)
{
    for (size_t i = 0; i < in->proto->n_reserved_range; i++)
        if (number >= in->proto->reserved_range[i]->start && number <= in->proto->reserved_range[i]->end)
            return (int64_t)in->proto->reserved_range[i]->end + 1;
    return number;
}

static bool is_value_name_reserved(char *const names[], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* A number may have several names (allow_alias); each must be reserved when it goes. */
static void compare_value(breaking *judge, const descriptor_enum *before, const descriptor_enum *after,
                          const enum_value *value)
{
    if (has_value(after, value->number, NULL)) return;
    if (past_reserved_values(after, value->number) == value->number)
        breaking_report(judge, "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", &after->path,
                        "keep the value, or reserve its number and its name",
                        "value %s = %" PRId32 " of %s is gone and its number not reserved", value->name, value->number,
                        before->name);
    if (!is_value_name_reserved(after->proto->reserved_name, after->proto->n_reserved_name, value->name))
        breaking_report(judge, "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", &after->path,
                        "keep the value, or reserve its number and its name",
                        "value %s = %" PRId32 " of %s is gone and its name not reserved", value->name, value->number,
                        before->name);
}

/* Every name that a number had it must still have; where it has not, each that it has now is told. */
static void compare_value_name(breaking *judge, const descriptor_enum *before, const descriptor_enum *after, size_t at)
{
    const enum_value *now = after->proto->value[at];
    const char *was = NULL;
    for (size_t i = 0; i < before->proto->n_value && !was; i++)
        if (before->proto->value[i]->number == now->number &&
            !has_value(after, now->number, before->proto->value[i]->name))
            was = before->proto->value[i]->name;
    if (!was) return;
    descriptor_path path = descriptor_path_to(&after->path, DESCRIPTOR_PARTS, at);
    breaking_report(judge, "ENUM_VALUE_SAME_NAME", &path, "keep the name; it is what stands in JSON",
                    "value %" PRId32 " of %s was %s and is %s", now->number, before->name, was, now->name);
}

static void compare_enum_reserved(breaking *judge, const descriptor_enum *before, const descriptor_enum *after)
{
    const Google__Protobuf__EnumDescriptorProto *was = before->proto, *is = after->proto;
    for (size_t i = 0; i < was->n_reserved_range; i++) {
        int64_t number = was->reserved_range[i]->start, end = was->reserved_range[i]->end, next;
        while (number <= end && (next = past_reserved_values(after, number)) > number) number = next;
        if (number <= end)
            breaking_report(judge, "RESERVED_ENUM_NO_DELETE", &after->path, "keep it reserved",
                            "number %" PRId64 " of %s was reserved and is not", number, before->name);
    }
    for (size_t i = 0; i < was->n_reserved_name; i++)
        if (!is_value_name_reserved(is->reserved_name, is->n_reserved_name, was->reserved_name[i]))
            breaking_report(judge, "RESERVED_ENUM_NO_DELETE", &after->path, "keep it reserved",
                            "name %s of %s was reserved and is not", was->reserved_name[i], before->name);
}

/* JSON has one mapping in proto3, and what each language made of it in proto2. */
static bool loses_json(const descriptor_path *before, const descriptor_path *after)
{
    const char *was = before->file->proto->syntax, *is = after->file->proto->syntax;
    return was && strcmp(was, "proto3") == 0 && (!is || strcmp(is, "proto2") == 0);
}

static void compare_enum(breaking *judge, const descriptor_enum *before)
{
    const descriptor_enum *after = descriptor_find_enum(judge->after, before->name);
    if (!after) return;
    if (loses_json(&before->path, &after->path))
        breaking_report(judge, "ENUM_SAME_JSON_FORMAT", &after->path, "keep syntax = \"proto3\"",
                        "%s was in a file of proto3 and is in one of proto2", before->name);
    for (size_t i = 0; i < before->proto->n_value; i++) compare_value(judge, before, after, before->proto->value[i]);
    for (size_t i = 0; i < after->proto->n_value; i++) compare_value_name(judge, before, after, i);
    compare_enum_reserved(judge, before, after);
}

/* ---- services ---- */

static const char *type_name(const char *name)
{
    return name + (name[0] == '.');
}

static int idempotency_level_of(const descriptor_method *method)
{
    return method->options && method->options->has_idempotency_level ? (int)method->options->idempotency_level : 0;
}

static void compare_method(breaking *judge, const char *name, const descriptor_method *before,
                           const descriptor_method *after, const descriptor_path *at)
{
    static const char *const levels[] = {"IDEMPOTENCY_UNKNOWN", "NO_SIDE_EFFECTS", "IDEMPOTENT"};
    const char *remedy = "add a method beside it; a message may get new fields";
    if (strcmp(before->input_type, after->input_type) != 0)
        breaking_report(judge, "RPC_SAME_REQUEST_TYPE", at, remedy, "method %s took %s and takes %s", name,
                        type_name(before->input_type), type_name(after->input_type));
    if (strcmp(before->output_type, after->output_type) != 0)
        breaking_report(judge, "RPC_SAME_RESPONSE_TYPE", at, remedy, "method %s answered %s and answers %s", name,
                        type_name(before->output_type), type_name(after->output_type));
    if (before->client_streaming != after->client_streaming)
        breaking_report(judge, "RPC_SAME_CLIENT_STREAMING", at, remedy, "method %s: the caller's stream", name);
    if (before->server_streaming != after->server_streaming)
        breaking_report(judge, "RPC_SAME_SERVER_STREAMING", at, remedy, "method %s: the answers' stream", name);
    if (idempotency_level_of(before) != idempotency_level_of(after))
        breaking_report(judge, "RPC_SAME_IDEMPOTENCY_LEVEL", at, "keep idempotency_level; add a method beside it",
                        "method %s was %s and is %s: callers retry by it", name, levels[idempotency_level_of(before)],
                        levels[idempotency_level_of(after)]);
}

static void compare_service(breaking *judge, const descriptor_service *before)
{
    const descriptor_service *after = descriptor_find_service(judge->after, before->name);
    for (size_t i = 0; i < before->proto->n_method; i++) {
        const descriptor_method *method = before->proto->method[i];
        char name[512];
        size_t k = 0, count = after ? after->proto->n_method : 0;
        snprintf(name, sizeof name, "%s.%s", before->name, method->name);
        while (k < count && strcmp(after->proto->method[k]->name, method->name) != 0) k++;
        if (k == count) {
            breaking_report(judge, "METHOD_NO_DELETE", after ? &after->path : &before->path,
                            "keep it; drop methods with the package that has them, once nobody calls it",
                            "method %s is gone: who calls it is told that nobody serves it", name);
            continue;
        }
        descriptor_path at = descriptor_path_to(&after->path, DESCRIPTOR_PARTS, k);
        compare_method(judge, name, method, after->proto->method[k], &at);
    }
}

/* ---- all ---- */

static void compare_message(breaking *judge, const descriptor_message *before)
{
    const descriptor_message *after = descriptor_find_message(judge->after, before->name);
    breaking_entity(judge, before, after);
    if (!after) return;
    if (loses_json(&before->path, &after->path))
        breaking_report(judge, "MESSAGE_SAME_JSON_FORMAT", &after->path, "keep syntax = \"proto3\"",
                        "%s was in a file of proto3 and is in one of proto2", before->name);
    breaking_fields(judge, before, after);
}

size_t breaking_compare(const descriptor_pool *before, const descriptor_pool *after, breaking_fn *fn, void *arg)
{
    breaking judge = {.before = before, .after = after, .fn = fn, .arg = arg};
    for (size_t f = 0; f < before->file_count; f++) {
        const descriptor_file *file = &before->files[f];
        if (file->foreign) continue;
        compare_packages(&judge, file);
        for (size_t i = 0; i < before->enum_count; i++)
            if (before->enums[i].path.file == file) compare_enum(&judge, &before->enums[i]);
        for (size_t i = 0; i < before->message_count; i++)
            if (before->messages[i].path.file == file) compare_message(&judge, &before->messages[i]);
        for (size_t i = 0; i < before->service_count; i++)
            if (before->services[i].path.file == file) compare_service(&judge, &before->services[i]);
    }
    return judge.count;
}
