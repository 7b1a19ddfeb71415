/*
 * See zero.h. Nearly no message holds a -0.0, so first it is only looked for. What protobuf-c packs for certain are
 * unknown fields: the copy of a message has its -0.0 among them, and so once. May depend on base.
 */
#include "wire/zero.h"

#include "wire/member.h"
#include "wire/wirescan.h"

#include <string.h>

/* -0.0 in a field that is there when it differs from 0? */
static bool is_lost(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_NONE || furrow_member_in_oneof(field)) return false;
    const void *member = furrow_member_at(message, field->offset);
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) memcpy(&wide, member, sizeof wide);
    if (field->type == PROTOBUF_C_TYPE_FLOAT) memcpy(&narrow, member, sizeof narrow);
    return wide == (uint64_t)1 << 63 || narrow == (uint32_t)1 << 31; /* the sign, and nothing else */
}

static bool any_lost(ProtobufCMessage *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (furrow_zero_is_lost(messages[i])) return true;
    return false;
}

/* In the messages of @field; entries of maps are messages, too. */
static bool is_lost_within(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return any_lost(*(ProtobufCMessage * *const *)furrow_member_at(message, field->offset),
                        *(const size_t *)furrow_member_at(message, field->quantifier_offset));
    const ProtobufCMessage *inner = furrow_member_submessage(message, field);
    return inner && furrow_zero_is_lost(inner);
}

bool furrow_zero_is_lost(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (is_lost(message, &descriptor->fields[i]) || is_lost_within(message, &descriptor->fields[i])) return true;
    return false;
}

/* As it stands on the wire: little-endian, the sign in the last byte. */
static ProtobufCMessageUnknownField unknown_of(const ProtobufCFieldDescriptor *field)
{
    static const uint8_t wide[] = {0, 0, 0, 0, 0, 0, 0, 0x80};
    size_t len = field->type == PROTOBUF_C_TYPE_DOUBLE ? 8 : 4;
    return (ProtobufCMessageUnknownField){.tag = field->id,
                                          .wire_type =
                                              len == 8 ? PROTOBUF_C_WIRE_TYPE_64BIT : PROTOBUF_C_WIRE_TYPE_32BIT,
                                          .len = len,
                                          .data = (uint8_t *)(uintptr_t)wide + (sizeof wide - len)};
}

static bool add_unknown(ProtobufCMessage *copy, const ProtobufCFieldDescriptor *field, furrow_arena *arena)
{
    size_t before = copy->n_unknown_fields;
    ProtobufCMessageUnknownField *grown = furrow_arena_alloc(arena, (before + 1) * sizeof *grown);
    if (!grown) return false;
    if (before) memcpy(grown, copy->unknown_fields, before * sizeof *grown);
    grown[before] = unknown_of(field);
    copy->unknown_fields = grown;
    copy->n_unknown_fields = (unsigned)(before + 1);
    return true;
}

static bool keep_within(ProtobufCMessage *copy, const ProtobufCFieldDescriptor *field, furrow_arena *arena)
{
    void *member = furrow_member_at(copy, field->offset);
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    size_t count = repeated ? *(const size_t *)furrow_member_at(copy, field->quantifier_offset) : 1;
    ProtobufCMessage **list = member;
    if (repeated) {
        list = furrow_arena_memdup(arena, *(ProtobufCMessage ***)member, count * sizeof *list);
        if (!list) return false;
        *(ProtobufCMessage ***)member = list;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = (ProtobufCMessage *)(uintptr_t)furrow_zero_keep(list[i], arena);
        if (!list[i]) return false;
    }
    return true;
}

const ProtobufCMessage *furrow_zero_keep(const ProtobufCMessage *message, furrow_arena *arena)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (!furrow_zero_is_lost(message)) return message;
    ProtobufCMessage *copy = furrow_arena_memdup(arena, message, descriptor->sizeof_message);
    for (unsigned i = 0; copy && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (is_lost(message, field) && !add_unknown(copy, field, arena)) return NULL;
        if (is_lost_within(message, field) && !keep_within(copy, field, arena)) return NULL;
    }
    return copy;
}
