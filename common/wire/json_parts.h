/**
 * What reading and writing JSON share: paths for errors, names, maps and the well-known types. Private to wire.
 */
#ifndef FURROW_WIRE_JSON_PARTS_H
#define FURROW_WIRE_JSON_PARTS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* Where reading or writing is: one link a step on the C stack, turned into text only when something is wrong. */
typedef struct furrow_json_path {
    const struct furrow_json_path *outer;
    const char *name; /* of a field, or NULL */
    size_t index;     /* else "[index]" … */
    furrow_bytes key; /* … or the key of a map, when its data is not NULL */
} furrow_json_path;

/* Fails with the path ("contact.phones[2].number"). Keys of a peer's are shown only if they are short plain text. */
furrow_status furrow_json_refuse(const furrow_json_path *path, furrow_error *err, const char *format, ...)
    FURROW_PRINTF(3, 4);

/* "display_name" is "displayName": writes it to @out, which has room for strlen(name); returns its length. */
size_t furrow_json_camel(const char *name, char *out);

/* Is @key the field @name, in either spelling? */
bool furrow_json_names(const char *name, furrow_bytes key);

/* Is the repeated field a map? protobuf-c shows a map<k,v> as repeated messages {key = 1, value = 2} named after the
 * field. */
bool furrow_json_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *field);

/* google.protobuf.NullValue, which null stands for. */
bool furrow_json_is_null_value(const ProtobufCEnumDescriptor *type);

/* Entries of a map, to be sorted by key; equal keys stay in their order. */
typedef struct furrow_json_entry {
    const ProtobufCMessage *message;
    size_t index;
} furrow_json_entry;
void furrow_json_sort(furrow_json_entry *entries, size_t count);
bool furrow_json_same_key(const furrow_json_entry *a, const furrow_json_entry *b);

/* The messages that are not an object in JSON. Empty is one. */
typedef enum furrow_json_known {
    FURROW_JSON_ORDINARY,
    FURROW_JSON_TIMESTAMP,
    FURROW_JSON_DURATION,
    FURROW_JSON_FIELD_MASK,
    FURROW_JSON_WRAPPER, /* its only field stands for it */
} furrow_json_known;
furrow_json_known furrow_json_known_of(const ProtobufCMessageDescriptor *descriptor);

/* Timestamp, Duration and FieldMask as text (without quotes). NULL when all is well, else the reason. */
const char *furrow_json_parse_known(furrow_json_known known, furrow_bytes text, furrow_arena *arena,
                                    ProtobufCMessage *message);
const char *furrow_json_print_known(furrow_json_known known, const ProtobufCMessage *message, furrow_buffer *out);

#endif
