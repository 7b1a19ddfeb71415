/* See descriptor.h. Files are unpacked by protobuf-c, which keeps our options as unknown fields: that is where they are
 * read. */
#include "cli/descriptor.h"

#include "base/buffer.h"
#include "wire/descriptor.h"
#include "wire/message.h"
#include "wire/wirescan.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define UNITED_MAX  ((size_t)64 << 20)
#define FILES_MAX   FURROW_DESCRIPTOR_FILES_MAX
#define NAMES_MAX   65536 /* messages, enums and services, of each */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* In descriptor.proto. */
enum { FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };

static bool is_ours_or_googles(const char *name)
{
    return furrow_bytes_after(name, "google/") || furrow_bytes_after(name, "furrow/");
}

/* Once there is source info in a set, what has none is only imported. */
static void find_own(descriptor_pool *pool)
{
    bool told = false;
    for (size_t i = 0; i < pool->file_count; i++) told |= pool->files[i].proto->source_code_info != NULL;
    for (size_t i = 0; i < pool->file_count; i++) {
        descriptor_file *file = &pool->files[i];
        file->foreign = is_ours_or_googles(file->proto->name);
        file->own = (!told || file->proto->source_code_info) && !file->foreign;
    }
}

static const char *join_name(descriptor_pool *pool, const char *scope, const char *name)
{
    const char *joined = furrow_arena_printf(pool->arena, "%s%s%s", scope, scope[0] ? "." : "", name);
    FURROW_REQUIRE(joined);
    return joined;
}

/* What this module and who uses it takes for granted. */
static bool is_enum_whole(const Google__Protobuf__EnumDescriptorProto *proto)
{
    bool whole = proto->name && proto->n_value > 0;
    for (size_t i = 0; i < proto->n_value; i++) whole &= proto->value[i]->name != NULL;
    for (size_t i = 0; i < proto->n_reserved_range; i++)
        whole &= proto->reserved_range[i]->start <= proto->reserved_range[i]->end;
    return whole;
}

/* As protoc writes them, from the root. */
static bool is_type_name(const char *name)
{
    return name && name[0] == '.';
}

/* @in: the message that it is in; NULL for an extension. */
static bool is_field_whole(const Google__Protobuf__DescriptorProto *in, const descriptor_field *field)
{
    bool typed = field->type == TYPE(MESSAGE) || field->type == TYPE(ENUM) || field->type == TYPE(GROUP);
    bool placed =
        !field->has_oneof_index || (in && field->oneof_index >= 0 && (size_t)field->oneof_index < in->n_oneof_decl);
    return field->name && field->number > 0 && placed && (!typed || is_type_name(field->type_name));
}

static bool is_message_whole(const Google__Protobuf__DescriptorProto *proto)
{
    bool whole = proto->name != NULL;
    for (size_t i = 0; i < proto->n_field; i++) whole &= is_field_whole(proto, proto->field[i]);
    for (size_t i = 0; i < proto->n_oneof_decl; i++) whole &= proto->oneof_decl[i]->name != NULL;
    return whole;
}

static bool is_service_whole(const Google__Protobuf__ServiceDescriptorProto *proto)
{
    bool whole = proto->name != NULL;
    for (size_t i = 0; i < proto->n_method; i++)
        whole &= proto->method[i]->name && is_type_name(proto->method[i]->input_type) &&
                 is_type_name(proto->method[i]->output_type);
    return whole;
}

static bool index_enum(descriptor_pool *pool, const char *scope, const Google__Protobuf__EnumDescriptorProto *proto,
                       descriptor_path path)
{
    if (!is_enum_whole(proto)) return false;
    if (pool->enum_count < NAMES_MAX)
        pool->enums[pool->enum_count++] = (descriptor_enum){join_name(pool, scope, proto->name), proto, path};
    return true;
}

/* False: not whole, or nested too deeply. */
static bool index_message(descriptor_pool *pool, const char *scope, const Google__Protobuf__DescriptorProto *proto,
                          descriptor_path path)
{
    if (!is_message_whole(proto)) return false;
    const char *name = join_name(pool, scope, proto->name);
    bool good = path.count < 2 * DESCRIPTOR_DEPTH_MAX;
    if (pool->message_count < NAMES_MAX)
        pool->messages[pool->message_count++] = (descriptor_message){name, proto, path};
    for (size_t i = 0; good && i < proto->n_enum_type; i++)
        good = index_enum(pool, name, proto->enum_type[i], descriptor_path_to(&path, MESSAGE_ENUM, i));
    for (size_t i = 0; good && i < proto->n_nested_type; i++)
        good = index_message(pool, name, proto->nested_type[i], descriptor_path_to(&path, MESSAGE_NESTED, i));
    return good;
}

static bool index_file(descriptor_pool *pool, const descriptor_file *file)
{
    const Google__Protobuf__FileDescriptorProto *proto = file->proto;
    const descriptor_path top = {.file = file};
    const char *package = proto->package ? proto->package : "";
    bool good = true;
    for (size_t i = 0; good && i < proto->n_extension; i++)
        good = is_type_name(proto->extension[i]->extendee) && is_field_whole(NULL, proto->extension[i]);
    for (size_t i = 0; good && i < proto->n_enum_type; i++)
        good = index_enum(pool, package, proto->enum_type[i], descriptor_path_to(&top, FILE_ENUM, i));
    for (size_t i = 0; good && i < proto->n_message_type; i++)
        good = index_message(pool, package, proto->message_type[i], descriptor_path_to(&top, FILE_MESSAGE, i));
    for (size_t i = 0; good && i < proto->n_service; i++) {
        good = is_service_whole(proto->service[i]);
        if (good && pool->service_count < NAMES_MAX)
            pool->services[pool->service_count++] =
                (descriptor_service){join_name(pool, package, proto->service[i]->name), proto->service[i],
                                     descriptor_path_to(&top, FILE_SERVICE, i)};
    }
    return good;
}

/* One by one, checked: what a service of the mesh answers is anybody's bytes, and protobuf-c recurses without bound. */
static furrow_status read_files(descriptor_pool *pool, furrow_error *err)
{
    furrow_wirescan scan = {pool->set.data, (const uint8_t *)pool->set.data + pool->set.len};
    furrow_wirescan_field field;
    while (scan.at < scan.end && !furrow_wirescan_next(&scan, &field)) {
        ProtobufCMessage *message;
        furrow_status status =
            furrow_message_unpack(&google__protobuf__file_descriptor_proto__descriptor,
                                  (furrow_bytes){field.value, field.len}, pool->arena, &message, err);
        if (status != FURROW_OK) return status;
        pool->files[pool->file_count++].proto = (const Google__Protobuf__FileDescriptorProto *)message;
    }
    return FURROW_OK;
}

/* Names are what everything goes by, and proto2 does not make anybody set them. */
static bool are_files_named(const descriptor_pool *pool)
{
    bool named = true;
    for (size_t i = 0; i < pool->file_count; i++) named &= pool->files[i].proto->name != NULL;
    return named;
}

static furrow_status index_files(descriptor_pool *pool, furrow_error *err)
{
    if (!are_files_named(pool)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "a file has no name");
    find_own(pool);
    for (size_t i = 0; i < pool->file_count; i++)
        if (!index_file(pool, &pool->files[i]))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "%s: a declaration has no name or type, or is within more than %d others",
                               pool->files[i].proto->name, DESCRIPTOR_DEPTH_MAX);
    return FURROW_OK;
}

furrow_status descriptor_pool_init(descriptor_pool *pool, const furrow_bytes sets[], size_t count, furrow_error *err)
{
    furrow_buffer united;
    *pool = (descriptor_pool){.arena = furrow_arena_create(ARENA_BYTES)};
    pool->files = calloc(FILES_MAX, sizeof *pool->files);
    pool->messages = calloc(NAMES_MAX, sizeof *pool->messages);
    pool->enums = calloc(NAMES_MAX, sizeof *pool->enums);
    pool->services = calloc(NAMES_MAX, sizeof *pool->services);
    FURROW_REQUIRE(pool->arena && pool->files && pool->messages && pool->enums && pool->services);
    furrow_buffer_init(&united, UNITED_MAX);
    furrow_status status = furrow_descriptor_unite(sets, count, &united, err);
    const void *copy = furrow_arena_memdup(pool->arena, united.data ? united.data : (const uint8_t *)"", united.len);
    if (status == FURROW_OK && !copy) status = furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    pool->set = (furrow_bytes){copy, united.len};
    furrow_buffer_fini(&united);
    if (status == FURROW_OK) status = read_files(pool, err);
    return status == FURROW_OK ? index_files(pool, err) : status;
}

void descriptor_pool_fini(descriptor_pool *pool)
{
    free(pool->files);
    free(pool->messages);
    free(pool->enums);
    free(pool->services);
    furrow_arena_destroy(pool->arena);
    *pool = (descriptor_pool){0};
}

/* ---- by name ---- */

static const char *skip_dot(const char *name)
{
    return name + (name[0] == '.');
}

const descriptor_message *descriptor_find_message(const descriptor_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->message_count; i++)
        if (strcmp(pool->messages[i].name, skip_dot(name)) == 0) return &pool->messages[i];
    return NULL;
}

const descriptor_enum *descriptor_find_enum(const descriptor_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->enum_count; i++)
        if (strcmp(pool->enums[i].name, skip_dot(name)) == 0) return &pool->enums[i];
    return NULL;
}

const descriptor_service *descriptor_find_service(const descriptor_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->service_count; i++)
        if (strcmp(pool->services[i].name, skip_dot(name)) == 0) return &pool->services[i];
    return NULL;
}

const descriptor_method *descriptor_find_method(const descriptor_pool *pool, const char *name,
                                                const descriptor_service **service)
{
    for (size_t i = 0; i < pool->service_count; i++) {
        const char *rest = furrow_bytes_after(name, pool->services[i].name);
        const Google__Protobuf__ServiceDescriptorProto *proto = pool->services[i].proto;
        for (size_t m = 0; rest && rest[0] == '.' && m < proto->n_method; m++) {
            if (strcmp(proto->method[m]->name, rest + 1) != 0) continue;
            *service = &pool->services[i];
            return proto->method[m];
        }
    }
    return NULL;
}

const descriptor_field *descriptor_find_field(const descriptor_message *message, int32_t number)
{
    for (size_t i = 0; i < message->proto->n_field; i++)
        if (message->proto->field[i]->number == number) return message->proto->field[i];
    return NULL;
}

const char *descriptor_owner(const descriptor_pool *pool, const char *package)
{
    furrow_bytes set;
    for (size_t i = 0; i < pool->service_count; i++) {
        const descriptor_service *service = &pool->services[i];
        const char *theirs = service->path.file->proto->package;
        if (strcmp(theirs ? theirs : "", package) != 0) continue;
        if (descriptor_option(service->proto->options, DESCRIPTOR_SHORT_NAME, pool->arena, &set))
            return furrow_arena_printf(pool->arena, "%.*s", (int)set.len, (const char *)set.data);
    }
    return furrow_arena_printf(pool->arena, "%.*s", (int)strcspn(package, "."), package);
}

/* ---- places and comments ---- */

descriptor_path descriptor_path_to(const descriptor_path *path, int32_t number, size_t index)
{
    descriptor_path longer = *path;
    FURROW_REQUIRE(path->count + 2 <= sizeof path->steps / sizeof *path->steps);
    longer.steps[longer.count++] = number;
    longer.steps[longer.count++] = (int32_t)index;
    return longer;
}

static const Google__Protobuf__SourceCodeInfo__Location *find_source_location(const descriptor_path *path)
{
    const Google__Protobuf__SourceCodeInfo *info = path->file->proto->source_code_info;
    for (size_t i = 0; info && i < info->n_location; i++)
        if (furrow_bytes_equal((furrow_bytes){info->location[i]->path, info->location[i]->n_path * sizeof(int32_t)},
                               (furrow_bytes){path->steps, path->count * sizeof(int32_t)}))
            return info->location[i];
    return NULL;
}

void descriptor_place(const descriptor_path *path, int *line, int *column)
{
    const Google__Protobuf__SourceCodeInfo__Location *at = find_source_location(path);
    bool known = at && at->n_span >= 2;
    *line = known ? at->span[0] + 1 : 0;
    *column = known ? at->span[1] + 1 : 0;
}

const char *descriptor_comment(const descriptor_path *path)
{
    const Google__Protobuf__SourceCodeInfo__Location *at = find_source_location(path);
    const char *comment = !at ? NULL : at->leading_comments ? at->leading_comments : at->trailing_comments;
    return comment ? comment : "";
}

/* ---- options ---- */

/* protobuf-c keeps an unknown varint as it is on the wire, and of what has a length that length, too. */
static furrow_bytes payload_of(const ProtobufCMessageUnknownField *field)
{
    size_t head = 0;
    if (field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        while (head < field->len && field->data[head] >= 0x80) head++;
        head += head < field->len;
    }
    return (furrow_bytes){field->data + head, field->len - head};
}

bool descriptor_option(const void *options, uint32_t number, furrow_arena *arena, furrow_bytes *out)
{
    const ProtobufCMessage *message = options;
    size_t len = 0;
    bool set = false;
    for (unsigned i = 0; message && i < message->n_unknown_fields; i++)
        if (message->unknown_fields[i].tag == number) len += payload_of(&message->unknown_fields[i]).len, set = true;
    if (!set) return false;
    uint8_t *data = furrow_arena_alloc(arena, len + 1);
    FURROW_REQUIRE(data);
    *out = (furrow_bytes){data, len};
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        if (message->unknown_fields[i].tag != number) continue;
        furrow_bytes part = payload_of(&message->unknown_fields[i]);
        memcpy(data, part.data, part.len);
        data += part.len;
    }
    *data = '\0';
    return true;
}

bool descriptor_option_number(const void *options, uint32_t number, uint64_t *out)
{
    const ProtobufCMessage *message = options;
    bool set = false;
    for (unsigned i = 0; message && i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        if (field->tag != number || field->wire_type != PROTOBUF_C_WIRE_TYPE_VARINT) continue;
        set = true;
        *out = 0;
        for (size_t b = 0; b < field->len && b < 10; b++) *out |= (uint64_t)(field->data[b] & 0x7f) << (7 * b);
    }
    return set;
}

/* ---- types ---- */

const descriptor_message *descriptor_map_entry(const descriptor_pool *pool, const descriptor_field *field)
{
    if (field->label != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED || !field->type_name)
        return NULL;
    const descriptor_message *message = descriptor_find_message(pool, field->type_name);
    bool map = message && message->proto->options && message->proto->options->map_entry;
    return map && message->proto->n_field == 2 ? message : NULL;
}

static const char *name_of_type(const descriptor_field *field)
{
    static const char *const names[] = {"?",       "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
                                        "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
                                        "enum",    "sfixed32", "sfixed64", "sint32", "sint64"};
    size_t type = (size_t)field->type;
    return field->type_name ? skip_dot(field->type_name) : names[type < sizeof names / sizeof *names ? type : 0];
}

const char *descriptor_type_text(const descriptor_pool *pool, const descriptor_field *field)
{
    const descriptor_message *entry = descriptor_map_entry(pool, field);
    const char *before = field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED   ? "repeated "
                         : field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED ? "required "
                         : field->proto3_optional                                                          ? "optional "
                                                                                                           : "";
    const char *text = entry ? furrow_arena_printf(pool->arena, "map<%s, %s>", name_of_type(entry->proto->field[0]),
                                                   name_of_type(entry->proto->field[1]))
                             : furrow_arena_printf(pool->arena, "%s%s", before, name_of_type(field));
    FURROW_REQUIRE(text);
    return text;
}
