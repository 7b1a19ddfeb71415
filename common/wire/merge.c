/*
 * Field masks: copies the named fields of one message into another of the same type.
 *
 * All paths are resolved before anything is changed, so a wrong mask changes nothing.
 */
#include "wire/message.h"

#include "wire/member.h"

#define NAME_MAX_LEN 63

/* The field that the first name of @path names; @rest is what follows its dot, or NULL. */
static const ProtobufCFieldDescriptor *resolve_field(const ProtobufCMessageDescriptor *descriptor, const char *path,
                                                     const char **rest)
{
    char name[NAME_MAX_LEN + 1];
    size_t len = strcspn(path, ".");

    if (len == 0 || len > NAME_MAX_LEN) return NULL;
    memcpy(name, path, len);
    name[len] = '\0';
    *rest = path[len] == '.' ? path + len + 1 : NULL;
    return protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
}

static bool path_exists(const ProtobufCMessageDescriptor *descriptor, const char *path)
{
    for (unsigned depth = 0; depth < FURROW_MESSAGE_DEPTH_MAX; depth++) {
        const char *rest;
        const ProtobufCFieldDescriptor *field = resolve_field(descriptor, path, &rest);
        if (!field) return false;
        if (!rest) return true;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED) return false;
        descriptor = field->descriptor;
        path = rest;
    }
    return false;
}

static void copy_field(ProtobufCMessage *into, const ProtobufCMessage *from, const ProtobufCFieldDescriptor *field)
{
    void *target = furrow_member_at(into, field->offset);
    const void *source = furrow_member_at(from, field->offset);
    size_t size = furrow_member_size(field->type);

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *(void **)target = *(void *const *)source;
        *(size_t *)furrow_member_at(into, field->quantifier_offset) =
            *(const size_t *)furrow_member_at(from, field->quantifier_offset);
        return;
    }
    if (furrow_member_in_oneof(field)) {
        uint32_t *set = furrow_member_case(into, field);
        if (*furrow_member_case(from, field) != field->id) {
            if (*set != field->id) return; /* another member is set, which this path does not name */
            *set = 0;
            memset(target, 0, size);
            return;
        }
        *set = field->id;
    } else if (furrow_member_has_flag(field)) {
        *(protobuf_c_boolean *)furrow_member_at(into, field->quantifier_offset) =
            *(const protobuf_c_boolean *)furrow_member_at(from, field->quantifier_offset);
    }
    memmove(target, source, size);
}

/* A default message for what @from leaves out, so that clearing "contact.phone" works without a contact. */
static const ProtobufCMessage *or_default(const ProtobufCMessage *message, const ProtobufCMessageDescriptor *descriptor,
                                          furrow_arena *arena)
{
    return message ? message : furrow_message_new(descriptor, arena);
}

/* False past the arena's limit. */
static bool merge_path(ProtobufCMessage *into, const ProtobufCMessage *from, const char *path, furrow_arena *arena)
{
    const char *rest;
    const ProtobufCFieldDescriptor *field;

    while ((field = resolve_field(into->descriptor, path, &rest)) && rest) {
        const ProtobufCMessage *source = furrow_member_submessage(from, field);
        ProtobufCMessage *target = furrow_member_submessage(into, field);
        if (!source && !target) return true;
        if (!(source = or_default(source, field->descriptor, arena))) return false;
        if (!target) {
            if (!(target = furrow_message_new(field->descriptor, arena))) return false;
            *(ProtobufCMessage **)furrow_member_at(into, field->offset) = target;
            if (furrow_member_in_oneof(field)) *furrow_member_case(into, field) = field->id;
        }
        into = target;
        from = source;
        path = rest;
    }
    if (field) copy_field(into, from, field);
    return true;
}

/* Names and dots only: nothing else of a peer's path goes into an error. */
static bool is_path_speakable(const char *path)
{
    return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")] == '\0';
}

furrow_status furrow_message_merge_mask(ProtobufCMessage *into, const ProtobufCMessage *from, char *const paths[],
                                        size_t count, furrow_arena *arena, furrow_error *err)
{
    const ProtobufCMessageDescriptor *descriptor = into->descriptor;

    FURROW_REQUIRE(descriptor == from->descriptor);
    for (size_t i = 0; i < count; i++)
        if (!path_exists(descriptor, paths[i]))
            return furrow_fail_field(err, is_path_speakable(paths[i]) ? paths[i] : "",
                                     "path %zu of the mask names no field of %s", i + 1, descriptor->name);
    for (size_t i = 0; i < count; i++)
        if (!merge_path(into, from, paths[i], arena))
            return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "merging %s exceeds the memory limit", descriptor->name);
    return FURROW_OK;
}
