/**
 * From protoc's descriptors to the model, in two passes: first all files with their names, places, comments and
 * options, then the types that fields and methods name. Nothing is judged here, only that the request is whole; see
 * check.c.
 */
#include "codegen/model.h"

#include "base/bytes.h"
#include "codegen/names.h"
#include "codegen/rules.h"
#include "codegen/text.h"

#include <string.h>

typedef Google__Protobuf__DescriptorProto descriptor;
typedef Google__Protobuf__SourceCodeInfo__Location location;

/* Field numbers of descriptor.proto: the steps of a location's path. */
enum {
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    SERVICE_METHOD = 2
};

enum { PATH_MAX_STEPS = 128 };

typedef struct path {
    int32_t steps[PATH_MAX_STEPS];
    size_t len;
} path;

typedef struct loader {
    furrow_arena *arena;
    furrow_model_file *file;
    furrow_error *err;
} loader;

static path path_step(const path *at, int32_t what, size_t which)
{
    path next = *at;
    if (next.len + 2 > PATH_MAX_STEPS) return next; /* nested past what protoc accepts: places get vague, no more */
    next.steps[next.len++] = what;
    next.steps[next.len++] = (int32_t)which;
    return next;
}

static const location *find_location(const furrow_model_file *file, const path *at)
{
    const Google__Protobuf__SourceCodeInfo *info = file->proto->source_code_info;
    for (size_t i = 0; info && i < info->n_location; i++) {
        const location *found = info->location[i];
        if (found->n_path == at->len && memcmp(found->path, at->steps, at->len * sizeof *at->steps) == 0) return found;
    }
    return NULL;
}

static furrow_place place_at_path(const furrow_model_file *file, const path *at)
{
    const location *found = find_location(file, at);
    if (!found || found->n_span < 2) return (furrow_place){file->name, 0, 0};
    return (furrow_place){file->name, found->span[0] + 1, found->span[1] + 1};
}

static const char *comment_of(const loader *load, const path *at)
{
    const location *found = find_location(load->file, at);
    return furrow_text_summary(load->arena, found ? found->leading_comments : NULL);
}

static const char *join_names(furrow_arena *arena, const char *scope, const char *name)
{
    return scope[0] ? furrow_text_printf(arena, "%s.%s", scope, name) : name;
}

static furrow_status malformed(const loader *load, const char *name)
{
    return furrow_fail(load->err, FURROW_INVALID_ARGUMENT,
                       "%s: options of %s are not what furrow/v1/options.proto says", load->file->name, name);
}

static furrow_status load_fields(loader *load, furrow_model_message *message, const path *at)
{
    size_t count = message->proto->n_field;
    message->fields = furrow_text_zalloc(load->arena, count * sizeof *message->fields);
    for (size_t i = 0; i < count; i++) {
        furrow_model_field *field = &message->fields[message->field_count++];
        path here = path_step(at, MESSAGE_FIELD, i);
        field->proto = message->proto->field[i];
        field->name = field->proto->name;
        field->place = place_at_path(load->file, &here);
        if (!furrow_options_of_field(field->proto->options, load->arena, &field->options) ||
            !furrow_rules_of_field(field->proto->options, load->arena, &field->rules))
            return malformed(load, field->name);
    }
    return FURROW_OK;
}

static void load_enums(loader *load, const char *scope, Google__Protobuf__EnumDescriptorProto **from, size_t count,
                       const path *at, int32_t step)
{
    for (size_t i = 0; i < count; i++) {
        path here = path_step(at, step, i);
        load->file->enums[load->file->enum_count++] = (furrow_model_enum){join_names(load->arena, scope, from[i]->name),
                                                                          place_at_path(load->file, &here), from[i]};
    }
}

static furrow_status load_message(loader *load, const char *scope, const descriptor *from, const path *at)
{
    furrow_model_message *message = &load->file->messages[load->file->message_count++];
    message->name = join_names(load->arena, scope, from->name);
    message->short_name = from->name;
    message->comment = comment_of(load, at);
    message->place = place_at_path(load->file, at);
    message->file = load->file;
    message->proto = from;
    message->nested = at->len > 2;
    message->map_entry = from->options && from->options->map_entry;
    if (!furrow_options_of_message(from->options, load->arena, &message->options))
        return malformed(load, message->name);
    furrow_status status = load_fields(load, message, at);
    load_enums(load, message->name, from->enum_type, from->n_enum_type, at, MESSAGE_ENUM);
    for (size_t i = 0; status == FURROW_OK && i < from->n_nested_type; i++) {
        path inner = path_step(at, MESSAGE_NESTED, i);
        status = load_message(load, message->name, from->nested_type[i], &inner);
    }
    return status;
}

static furrow_status load_methods(loader *load, furrow_model_service *service,
                                  const Google__Protobuf__ServiceDescriptorProto *from, const path *at)
{
    service->methods = furrow_text_zalloc(load->arena, from->n_method * sizeof *service->methods);
    for (size_t i = 0; i < from->n_method; i++) {
        furrow_model_method *method = &service->methods[service->method_count++];
        path here = path_step(at, SERVICE_METHOD, i);
        method->proto = from->method[i];
        method->name = method->proto->name;
        method->comment = comment_of(load, &here);
        method->place = place_at_path(load->file, &here);
        if (!furrow_options_of_method(method->proto->options, load->arena, &method->options))
            return malformed(load, method->name);
    }
    return FURROW_OK;
}

static furrow_status load_service(loader *load, const Google__Protobuf__ServiceDescriptorProto *from, size_t which)
{
    furrow_model_service *service = &load->file->services[load->file->service_count++];
    path here = path_step(&(path){.len = 0}, FILE_SERVICE, which);
    service->name = join_names(load->arena, load->file->package, from->name);
    service->own_name = from->name;
    service->comment = comment_of(load, &here);
    service->place = place_at_path(load->file, &here);
    furrow_service_options options;
    if (!furrow_options_of_service(from->options, load->arena, &options)) return malformed(load, service->name);
    service->short_name = options.short_name;
    service->calls = options.calls;
    service->startup = options.startup;
    if (!service->short_name)
        service->short_name = furrow_text_copy(load->arena, load->file->package, strcspn(load->file->package, "."));
    return load_methods(load, service, from, &here);
}

static void count_nested(const descriptor *from, size_t *messages, size_t *enums)
{
    *messages += 1;
    *enums += from->n_enum_type;
    for (size_t i = 0; i < from->n_nested_type; i++) count_nested(from->nested_type[i], messages, enums);
}

static void reserve(loader *load)
{
    const Google__Protobuf__FileDescriptorProto *from = load->file->proto;
    size_t messages = 0, enums = from->n_enum_type;
    for (size_t i = 0; i < from->n_message_type; i++) count_nested(from->message_type[i], &messages, &enums);
    load->file->messages = furrow_text_zalloc(load->arena, messages * sizeof *load->file->messages);
    load->file->enums = furrow_text_zalloc(load->arena, enums * sizeof *load->file->enums);
    load->file->services = furrow_text_zalloc(load->arena, from->n_service * sizeof *load->file->services);
}

static furrow_status load_file(loader *load)
{
    furrow_model_file *file = load->file;
    const Google__Protobuf__FileDescriptorProto *from = file->proto;
    const path root = {.len = 0};
    file->name = from->name;
    file->package = from->package ? from->package : "";
    if (!furrow_options_of_file(from->options, load->arena, &file->c_package)) return malformed(load, file->name);
    reserve(load);
    load_enums(load, file->package, from->enum_type, from->n_enum_type, &root, FILE_ENUM);
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < from->n_message_type; i++) {
        path at = path_step(&root, FILE_MESSAGE, i);
        status = load_message(load, file->package, from->message_type[i], &at);
    }
    for (size_t i = 0; status == FURROW_OK && i < from->n_service; i++)
        status = load_service(load, from->service[i], i);
    return status;
}

const furrow_model_file *furrow_model_find_file(const furrow_model *model, const char *name)
{
    for (size_t f = 0; f < model->file_count; f++) {
        if (strcmp(model->files[f].name, name) == 0) return &model->files[f];
    }
    return NULL;
}

const furrow_model_message *furrow_model_find_message(const furrow_model *model, const char *name)
{
    for (size_t f = 0; f < model->file_count; f++) {
        for (size_t i = 0; i < model->files[f].message_count; i++) {
            if (strcmp(model->files[f].messages[i].name, name) == 0) return &model->files[f].messages[i];
        }
    }
    return NULL;
}

/* The part of @name after "@scope." or NULL. */
static const char *name_in(const char *scope, const char *name)
{
    const char *rest = furrow_bytes_after(name, scope);
    return rest && *rest == '.' ? rest + 1 : NULL;
}

const furrow_model_method *furrow_model_find_method(const furrow_model *model, const char *name,
                                                    const furrow_model_service **service)
{
    for (size_t f = 0; f < model->file_count; f++) {
        for (size_t s = 0; s < model->files[f].service_count; s++) {
            *service = &model->files[f].services[s];
            const char *wanted = name_in((*service)->name, name);
            for (size_t i = 0; wanted && i < (*service)->method_count; i++) {
                if (strcmp((*service)->methods[i].name, wanted) == 0) return &(*service)->methods[i];
            }
        }
    }
    return NULL;
}

static const furrow_model_enum *find_enum(const furrow_model *model, const char *name)
{
    for (size_t f = 0; f < model->file_count; f++) {
        for (size_t i = 0; i < model->files[f].enum_count; i++) {
            if (strcmp(model->files[f].enums[i].name, name) == 0) return &model->files[f].enums[i];
        }
    }
    return NULL;
}

const furrow_model_field *furrow_model_find_field(const furrow_model_message *message, int32_t number)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].proto->number == number) return &message->fields[i];
    }
    return NULL;
}

size_t furrow_model_rank(const furrow_model_message *message, const furrow_model_field *field)
{
    size_t rank = 0;
    for (size_t i = 0; i < message->field_count; i++) rank += message->fields[i].proto->number < field->proto->number;
    return rank;
}

const furrow_model_field *furrow_model_at_rank(const furrow_model_message *message, size_t rank)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (furrow_model_rank(message, &message->fields[i]) == rank) return &message->fields[i];
    }
    return NULL;
}

/* protoc writes resolved names with a leading dot. */
static const char *without_dot(const char *name)
{
    return name && name[0] == '.' ? name + 1 : "";
}

static furrow_status unresolved(const furrow_model_file *file, const char *name, const char *in, furrow_error *err)
{
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s: type %s of %s is not in the request", file->name, name, in);
}

static furrow_status resolve_fields(const furrow_model *model, furrow_model_message *message, furrow_error *err)
{
    for (size_t i = 0; i < message->field_count; i++) {
        furrow_model_field *field = &message->fields[i];
        const char *type = without_dot(field->proto->type_name);
        if (type[0] == '\0') continue;
        field->message = furrow_model_find_message(model, type);
        field->enumeration = field->message ? NULL : find_enum(model, type);
        if (!field->message && !field->enumeration) return unresolved(message->file, type, field->name, err);
    }
    return FURROW_OK;
}

static furrow_status resolve_methods(const furrow_model *model, furrow_model_file *file, furrow_model_service *service,
                                     furrow_error *err)
{
    for (size_t i = 0; i < service->method_count; i++) {
        furrow_model_method *method = &service->methods[i];
        method->input = furrow_model_find_message(model, without_dot(method->proto->input_type));
        method->output = furrow_model_find_message(model, without_dot(method->proto->output_type));
        if (!method->input) return unresolved(file, method->proto->input_type, method->name, err);
        if (!method->output) return unresolved(file, method->proto->output_type, method->name, err);
    }
    return FURROW_OK;
}

/* The service of the same package: in the same file, else anywhere in the request, else the package's first part. */
static const char *owner_of(const furrow_model *model, const furrow_model_file *file)
{
    if (file->service_count > 0) return file->services[0].short_name;
    for (size_t i = 0; i < model->file_count; i++) {
        const furrow_model_file *other = &model->files[i];
        if (other->service_count > 0 && strcmp(other->package, file->package) == 0)
            return other->services[0].short_name;
    }
    return furrow_text_copy(model->arena, file->package, strcspn(file->package, "."));
}

static furrow_status resolve_file(const furrow_model *model, furrow_model_file *file, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < file->message_count; i++)
        status = resolve_fields(model, &file->messages[i], err);
    for (size_t i = 0; status == FURROW_OK && i < file->service_count; i++)
        status = resolve_methods(model, file, &file->services[i], err);
    if (status == FURROW_OK) file->owner = owner_of(model, file);
    return status;
}

/* protoc names everything; a request that does not was made by something else. */
static bool enums_named(Google__Protobuf__EnumDescriptorProto **enums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!enums[i]->name) return false;
        for (size_t k = 0; k < enums[i]->n_value; k++) {
            if (!enums[i]->value[k]->name) return false;
        }
    }
    return true;
}

static bool messages_named(descriptor **messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const descriptor *message = messages[i];
        if (!message->name || !enums_named(message->enum_type, message->n_enum_type)) return false;
        for (size_t k = 0; k < message->n_field; k++) {
            if (!message->field[k]->name) return false;
        }
        for (size_t k = 0; k < message->n_oneof_decl; k++) {
            if (!message->oneof_decl[k]->name) return false;
        }
        if (!messages_named(message->nested_type, message->n_nested_type)) return false;
    }
    return true;
}

static bool services_named(Google__Protobuf__ServiceDescriptorProto **services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!services[i]->name) return false;
        for (size_t k = 0; k < services[i]->n_method; k++) {
            if (!services[i]->method[k]->name) return false;
        }
    }
    return true;
}

static bool file_named(const Google__Protobuf__FileDescriptorProto *file)
{
    return file->name && messages_named(file->message_type, file->n_message_type) &&
           enums_named(file->enum_type, file->n_enum_type) && services_named(file->service, file->n_service);
}

static bool is_to_generate(const Google__Protobuf__Compiler__CodeGeneratorRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_file_to_generate; i++) {
        if (strcmp(request->file_to_generate[i], name) == 0) return true;
    }
    return false;
}

furrow_status furrow_model_load(const Google__Protobuf__Compiler__CodeGeneratorRequest *request, furrow_arena *arena,
                                furrow_model *out, furrow_error *err)
{
    furrow_model model = {.arena = arena};
    furrow_status status = FURROW_OK;
    model.files = furrow_text_zalloc(arena, request->n_proto_file * sizeof *model.files);
    for (size_t i = 0; status == FURROW_OK && i < request->n_proto_file; i++) {
        if (!file_named(request->proto_file[i]))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "something has no name");
        loader load = {arena, &model.files[model.file_count++], err};
        load.file->proto = request->proto_file[i];
        load.file->generate = is_to_generate(request, load.file->proto->name);
        status = load_file(&load);
    }
    for (size_t i = 0; status == FURROW_OK && i < model.file_count; i++)
        status = resolve_file(&model, &model.files[i], err);
    if (status == FURROW_OK) *out = model;
    return status;
}

const char *furrow_model_stream(const furrow_model *model, const furrow_model_message *entity)
{
    return furrow_names_upper(model->arena, furrow_names_snake(model->arena, entity->short_name));
}

static const char *scalar_text(Google__Protobuf__FieldDescriptorProto__Type type)
{
    static const char *const names[] = {NULL,      "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
                                        "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
                                        "enum",    "sfixed32", "sfixed64", "sint32", "sint64"};
    size_t at = (size_t)type; /* a negative one becomes too large */
    return at > 0 && at < sizeof names / sizeof *names ? names[at] : "unknown";
}

static const char *element_text(const furrow_model_field *field)
{
    if (field->message) return field->message->name;
    return field->enumeration ? field->enumeration->name : scalar_text(field->proto->type);
}

const char *furrow_model_type_text(const furrow_model *model, const furrow_model_field *field)
{
    if (field->message && field->message->map_entry && field->message->field_count == 2)
        return furrow_text_printf(model->arena, "map<%s, %s>", element_text(&field->message->fields[0]),
                                  element_text(&field->message->fields[1]));
    if (furrow_model_repeated(field)) return furrow_text_printf(model->arena, "repeated %s", element_text(field));
    return element_text(field);
}
