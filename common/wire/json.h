/**
 * The proto3 JSON mapping (https://protobuf.dev/programming-guides/json/) over protobuf-c descriptors, straight between
 * text and message: no document tree. All scalar types, enums by name (numbers accepted), bytes as base64 (both
 * alphabets read), 64-bit integers as strings, maps, nested and repeated fields, oneofs, and the well-known types
 * Timestamp, Duration, FieldMask, Empty and the wrappers.
 *
 * Reading refuses, each with the field's path: unknown and duplicate fields, values out of range or of the wrong type,
 * text that is not UTF-8, depth past FURROW_JSON_DEPTH_MAX, two members of one oneof, anything after the value.
 */
#ifndef FURROW_WIRE_JSON_H
#define FURROW_WIRE_JSON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

#define FURROW_JSON_DEPTH_MAX 32

/* An empty or white-space body stands for the empty message. */
furrow_status furrow_json_decode(const ProtobufCMessageDescriptor *descriptor, furrow_bytes text, furrow_arena *arena,
                                 ProtobufCMessage **out, furrow_error *err) FURROW_MUST_USE;

typedef struct furrow_json_options {
    bool pretty;        /* two spaces an indent */
    bool with_defaults; /* also fields at their default value */
    bool proto_names;   /* field names as in the .proto instead of lowerCamelCase */
} furrow_json_options;

/*
 * Appends to @out, or leaves it as it was. Maps are written in the order of their keys, so equal messages give equal
 * text. INVALID_ARGUMENT names a field that has no JSON: a time out of range, text that is not UTF-8, depth.
 * RESOURCE_EXHAUSTED past the buffer's limit. options NULL: compact, lowerCamelCase, defaults left out.
 */
furrow_status furrow_json_encode(const ProtobufCMessage *message, const furrow_json_options *options,
                                 furrow_buffer *out, furrow_error *err) FURROW_MUST_USE;

/* Appends @text as a JSON string with its quotes. */
void furrow_json_append_string(furrow_buffer *out, furrow_bytes text);

/*
 * Reads one value out of JSON text that a server sent, by a dotted path of object keys ("state.last_seq"), without
 * building anything. False when it is absent or of another type. Text is unescaped into @arena.
 */
bool furrow_json_find_int(furrow_bytes text, const char *path, int64_t *out);
bool furrow_json_find_text(furrow_bytes text, const char *path, furrow_arena *arena, char **out);
bool furrow_json_find_bool(furrow_bytes text, const char *path, bool *out);

/*
 * Walks the object or array at @path ("": the whole text): @fn is called with each member's name, as it is written
 * between its quotes (an element of an array has none), and with its value as it is written; both borrowed from @text.
 * False: there is no such object or array, or it is not well-formed (what comes before that was handed out).
 */
typedef void furrow_json_each_fn(void *arg, furrow_bytes name, furrow_bytes value);
bool furrow_json_each(furrow_bytes text, const char *path, furrow_json_each_fn *fn, void *arg);

/* A value as it is written, if it is a string: what it means, in @arena. False as furrow_json_find_text. */
bool furrow_json_read_text(furrow_bytes value, furrow_arena *arena, char **out);

/* A time as JSON has it (RFC 3339) in nanoseconds since 1970; false when it is none or does not fit (1677 to 2262). */
bool furrow_json_parse_time(furrow_bytes text, int64_t *ns);

/* A string or a number as it is written: what stands between the quotes, escapes and all. No data: absent. */
typedef struct furrow_json_member {
    const char *name;
    furrow_bytes raw;
} furrow_json_member;

/* Finds several members of the object at @path in one pass; borrowed from @text. False when there is no such object. */
bool furrow_json_find_members(furrow_bytes text, const char *path, furrow_json_member members[], size_t count);

/* What the string means, in @arena, with a NUL behind it; data is NULL when it is absent or @arena is full. */
furrow_bytes furrow_json_member_text(const furrow_json_member *member, furrow_arena *arena);

#endif
