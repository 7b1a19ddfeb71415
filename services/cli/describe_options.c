/* Options of any kind, by their definition in the pool: an extension of a message of google.protobuf. */
#include "cli/describe.h"

#include "cli/descriptor_build.h"
#include "wire/json.h"
#include "wire/message.h"

#include <inttypes.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

typedef struct extension {
    const descriptor_field *field;
    const char *scope; /* the package that declares it */
} extension;

static bool find_extension(const descriptor_pool *pool, const char *extendee, uint32_t number, extension *out)
{
    for (size_t f = 0; f < pool->file_count; f++) {
        const Google__Protobuf__FileDescriptorProto *file = pool->files[f].proto;
        for (size_t i = 0; i < file->n_extension; i++) {
            const descriptor_field *field = file->extension[i];
            if ((uint32_t)field->number != number || !field->extendee || strcmp(field->extendee + 1, extendee) != 0)
                continue;
            *out = (extension){field, file->package ? file->package : ""};
            return true;
        }
    }
    return false;
}

static void write_option_message(descriptor_pool *pool, const char *type, furrow_bytes bytes, furrow_buffer *out)
{
    const ProtobufCMessageDescriptor *descriptor;
    ProtobufCMessage *message;
    furrow_error err;
    if (descriptor_build(pool, type, &descriptor, &err) != FURROW_OK ||
        furrow_message_unpack(descriptor, bytes, pool->arena, &message, &err) != FURROW_OK ||
        furrow_json_encode(message, &(furrow_json_options){.proto_names = true}, out, &err) != FURROW_OK)
        furrow_buffer_append_text(out, "?");
}

static void write_option_value(descriptor_pool *pool, const extension *of, const void *options, furrow_buffer *out)
{
    furrow_bytes bytes;
    uint64_t number;
    uint32_t tag = (uint32_t)of->field->number;
    if (!descriptor_option(options, tag, pool->arena, &bytes)) return;
    if (of->field->type == TYPE(MESSAGE))
        write_option_message(pool, of->field->type_name, bytes, out);
    else if (of->field->type == TYPE(STRING) || of->field->type == TYPE(BYTES))
        furrow_json_append_string(out, bytes);
    else if (!descriptor_option_number(options, tag, &number))
        furrow_buffer_append_text(out, "?");
    else if (of->field->type == TYPE(BOOL))
        furrow_buffer_append_text(out, number ? "true" : "false");
    else
        furrow_buffer_printf(out, "%" PRIu64, number);
}

void describe_options(descriptor_pool *pool, const char *extendee, const void *options, const char *before,
                      furrow_buffer *out)
{
    const ProtobufCMessage *message = options;
    for (unsigned i = 0; message && i < message->n_unknown_fields; i++) {
        extension found;
        unsigned first = 0;
        while (message->unknown_fields[first].tag != message->unknown_fields[i].tag) first++;
        if (first < i || !find_extension(pool, extendee, message->unknown_fields[i].tag, &found)) continue;
        furrow_buffer_printf(out, "%s(%s.%s) = ", before, found.scope, found.field->name);
        write_option_value(pool, &found, options, out);
    }
}
