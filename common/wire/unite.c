/*
 * See unite.h. Fields that are no messages keep their order; embedded messages follow them. Invariant: what comes out is
 * never longer than what goes in, since two lengths take no less than that of both together. May depend on base.
 */
#include "wire/unite.h"

#include "wire/member.h"
#include "wire/wirescan.h"

/* What has come so far of the message in a field. */
typedef struct part {
    uint8_t *bytes; /* room for all that comes */
    size_t total, used;
    const uint8_t *tag;
    size_t tag_len;
    bool set;
} part;

typedef struct uniting {
    const ProtobufCMessageDescriptor *descriptor;
    furrow_arena *arena;
    part *parts; /* one per field */
    uint8_t *out;
} uniting;

static bool is_single_message(const ProtobufCFieldDescriptor *field)
{
    return field && field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED;
}

static const ProtobufCFieldDescriptor *scanned_field(const uniting *self, const furrow_wirescan_field *found)
{
    return protobuf_c_message_descriptor_get_field(self->descriptor, found->number);
}

static part *part_of(const uniting *self, const ProtobufCFieldDescriptor *field)
{
    return &self->parts[field - self->descriptor->fields];
}

static void put_bytes(uniting *self, const uint8_t *bytes, size_t len)
{
    memcpy(self->out, bytes, len);
    self->out += len;
}

static bool put_united(uniting *self, const ProtobufCFieldDescriptor *field, const part *from)
{
    furrow_bytes inside;
    if (!furrow_unite(field->descriptor, (furrow_bytes){from->bytes, from->used}, self->arena, &inside)) return false;
    put_bytes(self, from->tag, from->tag_len);
    self->out = furrow_wirescan_put_varint(self->out, inside.len);
    put_bytes(self, inside.data, inside.len);
    return true;
}

/* Another member of its oneof takes the place of what came before. */
static void forget_others(const uniting *self, const ProtobufCFieldDescriptor *field)
{
    if (!furrow_member_in_oneof(field)) return;
    for (unsigned i = 0; i < self->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &self->descriptor->fields[i];
        if (other == field || !furrow_member_in_oneof(other) || other->quantifier_offset != field->quantifier_offset)
            continue;
        self->parts[i].set = false;
        self->parts[i].used = 0;
    }
}

static size_t tag_size(const furrow_wirescan_field *field)
{
    size_t size = 1;
    while (field->start[size - 1] >= 0x80) size++;
    return size;
}

static bool add_field_part(uniting *self, const ProtobufCFieldDescriptor *field, const furrow_wirescan_field *found)
{
    part *into = part_of(self, field);
    if (!into->bytes && !(into->bytes = furrow_arena_alloc(self->arena, into->total + 1))) return false;
    memcpy(into->bytes + into->used, found->value, found->len);
    into->used += found->len;
    into->tag = found->start;
    into->tag_len = tag_size(found);
    into->set = true;
    return true;
}

static bool take_field(uniting *self, const furrow_wirescan_field *found, const uint8_t *end)
{
    const ProtobufCFieldDescriptor *field = scanned_field(self, found);
    if (field) forget_others(self, field);
    if (is_single_message(field)) return add_field_part(self, field, found);
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        part one = {.bytes = (uint8_t *)(uintptr_t)found->value,
                    .used = found->len,
                    .tag = found->start,
                    .tag_len = tag_size(found)};
        return put_united(self, field, &one);
    }
    put_bytes(self, found->start, (size_t)(end - found->start));
    return true;
}

bool furrow_unite(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_arena *arena,
                  furrow_bytes *out)
{
    const uint8_t *data = bytes.data;
    size_t parts_size = (descriptor->n_fields + 1) * sizeof(part);
    uniting self = {descriptor, arena, furrow_arena_alloc(arena, parts_size), furrow_arena_alloc(arena, bytes.len + 1)};
    uint8_t *start = self.out;
    furrow_wirescan_field found;
    if (!self.parts || !start) return false;
    memset(self.parts, 0, parts_size);
    for (furrow_wirescan scan = {data, data + bytes.len}; scan.at < scan.end;) {
        if (furrow_wirescan_next(&scan, &found)) return false;
        const ProtobufCFieldDescriptor *field = scanned_field(&self, &found);
        if (is_single_message(field)) part_of(&self, field)->total += found.len;
    }
    for (furrow_wirescan scan = {data, data + bytes.len}; scan.at < scan.end;)
        if (furrow_wirescan_next(&scan, &found) || !take_field(&self, &found, scan.at)) return false;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (self.parts[i].set && !put_united(&self, &descriptor->fields[i], &self.parts[i])) return false;
    *out = (furrow_bytes){start, (size_t)(self.out - start)};
    return true;
}
