/**
 * Members of protobuf-c messages by their descriptor; not installed.
 */
#ifndef FURROW_WIRE_MEMBER_H
#define FURROW_WIRE_MEMBER_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

static inline void *furrow_member_at(const ProtobufCMessage *message, unsigned offset)
{
    return (char *)(uintptr_t)message + offset;
}

/* The value of a singular field of text; NULL where nobody set one. */
static inline const char *furrow_member_text(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(char *const *)furrow_member_at(message, field->offset);
}

/* Bytes of one value in the C structure. */
static inline size_t furrow_member_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

static inline bool furrow_member_in_oneof(const ProtobufCFieldDescriptor *field)
{
    return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/* Which member of @field's oneof is set: its number, or 0. */
static inline uint32_t *furrow_member_case(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return furrow_member_at(message, field->quantifier_offset);
}

/* Has the field a `has_` member beside its value? (`optional` of proto2, and of proto3 from protobuf-c 1.5) */
static inline bool furrow_member_has_flag(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_OPTIONAL && !furrow_member_in_oneof(field) && field->quantifier_offset != 0;
}

/* The submessage in a singular field, or NULL. */
static inline ProtobufCMessage *furrow_member_submessage(const ProtobufCMessage *message,
                                                         const ProtobufCFieldDescriptor *field)
{
    if (furrow_member_in_oneof(field) && *furrow_member_case(message, field) != field->id) return NULL;
    return *(ProtobufCMessage **)furrow_member_at(message, field->offset);
}

#endif
