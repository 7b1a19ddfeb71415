/*
 * See diff.h. A field's value is compared as its JSON, which is a function of the value: a message with this one field
 * set is written, and the text around it taken off. So maps, well-known types and enums need no code of their own here.
 */
#include "cli/diff.h"

#include "base/hash.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>
#include <string.h>

#define JSON_BYTES ((size_t)64 << 20)

/* Entries of the commands that an entity remembers (common/log/window.h): no field of anybody's. */
#define WINDOW_FIELD 2047

typedef struct differ {
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCMessage *before, *now;
    furrow_arena *arena;
    diff_fn *fn;
    void *arg;
    bool failed;
} differ;

static void diff_level(differ *self, const char *prefix);

static bool is_nested(const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *inner = field->descriptor;
    return field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED &&
           !furrow_bytes_after(inner->name, "google.protobuf.");
}

/* {"crew":"c1"} -> "c1"; {} -> nothing. */
static furrow_bytes value_in(furrow_bytes json)
{
    const char *text = json.data, *colon = json.len > 2 ? memchr(text, ':', json.len) : NULL;
    if (!colon) return (furrow_bytes){NULL, 0};
    return (furrow_bytes){colon + 1, json.len - (size_t)(colon + 1 - text) - 1};
}

static furrow_bytes opaque_value(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                                 furrow_arena *arena)
{
    const ProtobufCBinaryData *data = (const void *)((const char *)message + field->offset);
    if (data->len == 0) return (furrow_bytes){NULL, 0};
    return furrow_bytes_of(furrow_arena_printf(arena, "\"%zu bytes\"", data->len));
}

/* The value of @field of @message as JSON, in the arena. */
static furrow_bytes shown_value(differ *self, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    furrow_buffer out;
    ProtobufCMessage *alone = furrow_message_new(self->descriptor, self->arena);
    char *path = (char *)(uintptr_t)field->name;
    furrow_bytes value = {NULL, 0};
    furrow_buffer_init(&out, JSON_BYTES);
    if (!alone || furrow_message_merge_mask(alone, message, &path, 1, self->arena, NULL) != FURROW_OK) {
        self->failed = true;
    } else if (furrow_json_encode(alone, &(furrow_json_options){.proto_names = true}, &out, NULL) != FURROW_OK) {
        value = FURROW_BYTES_LITERAL("\"no JSON\"");
    } else {
        furrow_bytes inside = value_in((furrow_bytes){out.data, out.len});
        void *kept = furrow_arena_memdup(self->arena, inside.data ? inside.data : "", inside.len);
        if (!kept) self->failed = true;
        if (kept && inside.data) value = (furrow_bytes){kept, inside.len};
    }
    furrow_buffer_fini(&out);
    return value;
}

static ProtobufCMessage *inner_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    bool other = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
                 *(const uint32_t *)(const void *)((const char *)message + field->quantifier_offset) != field->id;
    return other ? NULL : *(ProtobufCMessage *const *)(const void *)((const char *)message + field->offset);
}

/* A message that is set on one side alone differs by what is set in it, and be it nothing. */
static bool diff_nested(differ *self, const char *path, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessage *before = inner_of(self->before, field), *now = inner_of(self->now, field);
    const ProtobufCMessageDescriptor *descriptor = field->descriptor;
    if (!before || !now) return false;
    differ inner = *self;
    inner.descriptor = descriptor;
    inner.before = before;
    inner.now = now;
    diff_level(&inner, path);
    self->failed |= inner.failed;
    return true;
}

static bool same_bytes(const ProtobufCMessage *before, const ProtobufCMessage *now,
                       const ProtobufCFieldDescriptor *field)
{
    const ProtobufCBinaryData *a = (const void *)((const char *)before + field->offset),
                              *b = (const void *)((const char *)now + field->offset);
    return furrow_bytes_equal((furrow_bytes){a->data, a->len}, (furrow_bytes){b->data, b->len});
}

static void diff_field(differ *self, const char *path, const ProtobufCFieldDescriptor *field)
{
    bool opaque = field->type == PROTOBUF_C_TYPE_BYTES && field->label != PROTOBUF_C_LABEL_REPEATED &&
                  !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
    if (is_nested(field) && diff_nested(self, path, field)) return;
    if (opaque && same_bytes(self->before, self->now, field)) return;
    furrow_bytes before =
        opaque ? opaque_value(self->before, field, self->arena) : shown_value(self, self->before, field);
    furrow_bytes now = opaque ? opaque_value(self->now, field, self->arena) : shown_value(self, self->now, field);
    if (opaque || !before.data != !now.data || !furrow_bytes_equal(before, now))
        self->fn(self->arg, path, field, before, now);
}

/* All the unknown fields of a message but the remembered commands, one after the other. */
static uint64_t sum_unknown(const ProtobufCMessage *message)
{
    uint64_t hash = FURROW_HASH_QUICK;
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        if (field->tag == WINDOW_FIELD) continue;
        hash = furrow_hash_quick(hash, (furrow_bytes){&field->tag, sizeof field->tag});
        hash = furrow_hash_quick(hash, (furrow_bytes){field->data, field->len});
    }
    return hash;
}

static void diff_level(differ *self, const char *prefix)
{
    char path[DIFF_PATH_MAX];
    for (unsigned i = 0; i < self->descriptor->n_fields; i++) {
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] ? "." : "", self->descriptor->fields[i].name);
        diff_field(self, path, &self->descriptor->fields[i]);
    }
    snprintf(path, sizeof path, "%s%s(fields not known here)", prefix, prefix[0] ? "." : "");
    if (sum_unknown(self->before) != sum_unknown(self->now))
        self->fn(self->arg, path, NULL, (furrow_bytes){NULL, 0}, (furrow_bytes){NULL, 0});
}

bool diff_messages(const ProtobufCMessage *before, const ProtobufCMessage *now, furrow_arena *arena, diff_fn *fn,
                   void *arg)
{
    const ProtobufCMessageDescriptor *descriptor = before ? before->descriptor : now ? now->descriptor : NULL;
    if (!descriptor) return true;
    ProtobufCMessage *nothing = furrow_message_new(descriptor, arena);
    if (!nothing) return false;
    differ self = {.descriptor = descriptor,
                   .before = before ? before : nothing,
                   .now = now ? now : nothing,
                   .arena = arena,
                   .fn = fn,
                   .arg = arg};
    diff_level(&self, "");
    return !self.failed;
}
