/**
 * protobuf-c messages in arenas. What protobuf-c leaves open is checked here before anything reads a message: nesting
 * depth (it recurses without bound) and UTF-8 of strings.
 *
 * A NUL in a string, which C takes for its end, is the two bytes C0 80 in memory (modified UTF-8), and a NUL again on the
 * wire and in JSON: what is no more than kept is kept, and no two texts become one. Those bytes are not valid UTF-8 and
 * are refused from a peer. What has rules of its own, an id or a name, refuses them as any other letter that it does not
 * take.
 */
#ifndef FURROW_WIRE_MESSAGE_H
#define FURROW_WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* protobuf-c takes about 1 KiB of stack a level, and a task has 64 KiB in all (base/loop.h). */
#define FURROW_MESSAGE_DEPTH_MAX 32

/*
 * What unpacking may take beside the bytes themselves. Two bytes of wire can become a hundred in memory: a message past
 * this is refused as wrong, so that what is stored can always be read, however small the reader's memory.
 */
#define FURROW_MESSAGE_SPREAD_MAX ((size_t)4 << 20)

ProtobufCAllocator furrow_message_allocator(furrow_arena *arena);

/* A fresh message with its defaults, in @arena; NULL past its limit. */
ProtobufCMessage *furrow_message_new(const ProtobufCMessageDescriptor *descriptor, furrow_arena *arena);

/*
 * INVALID_ARGUMENT: not a @descriptor (says where), too deep, or a string is not UTF-8, or a Timestamp or Duration within it is out of its range (names the field), or it has so many fields
 * that it would take FURROW_MESSAGE_SPREAD_MAX more than its bytes. RESOURCE_EXHAUSTED past
 * the arena's limit. Unknown fields are kept, groups refused.
 */
furrow_status furrow_message_unpack(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes,
                                    furrow_arena *arena, ProtobufCMessage **out, furrow_error *err) FURROW_MUST_USE;

/* The same of what was asked for: a page of a thousand takes more, and is bounded by the arena alone. */
furrow_status furrow_message_unpack_answer(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes,
                                           furrow_arena *arena, ProtobufCMessage **out,
                                           furrow_error *err) FURROW_MUST_USE;

/* Would they unpack, if there is memory? The same INVALID_ARGUMENT. */
furrow_status furrow_message_check(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes,
                                   furrow_error *err) FURROW_MUST_USE;

/* Bytes live in @arena. RESOURCE_EXHAUSTED past its limit. */
furrow_status furrow_message_pack(const ProtobufCMessage *message, furrow_arena *arena, furrow_bytes *out,
                                  furrow_error *err) FURROW_MUST_USE;

/* Appends @message's bytes to @out, which has failed when it has no room for them. */
void furrow_message_append(const ProtobufCMessage *message, furrow_buffer *out);

/* The first field in which the bytes of two messages differ; NULL: none that @descriptor knows, or they are none. */
const ProtobufCFieldDescriptor *furrow_message_difference(const ProtobufCMessageDescriptor *descriptor,
                                                          furrow_bytes one, furrow_bytes other);

bool furrow_utf8_valid(const void *data, size_t len);
/* How many bytes the character that @data begins with has; 0 when it begins with none. */
size_t furrow_utf8_first(const void *data, size_t len);

/* Deep copy in @arena by pack and unpack. */
furrow_status furrow_message_copy(const ProtobufCMessage *message, furrow_arena *arena, ProtobufCMessage **out,
                                  furrow_error *err) FURROW_MUST_USE;

/*
 * Copies the fields that @paths name from @from to @into (same descriptor), as google.protobuf.FieldMask updates do: a
 * path names a field or a field of a nested message ("contact.phone"); repeated fields and maps are replaced whole.
 * INVALID_ARGUMENT names a path that does not exist. Copied memory is shared with @from: keep its arena alive.
 */
furrow_status furrow_message_merge_mask(ProtobufCMessage *into, const ProtobufCMessage *from, char *const paths[],
                                        size_t count, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
