/**
 * A NUL in a string, which proto3 allows and C does not; private to the layers that unpack, pack and write out messages.
 *
 * In memory it is the two bytes C0 80, as in the modified UTF-8 of JNI. They are never valid UTF-8, so nothing that came
 * in can hold them (what a peer sends with them is refused), and no two texts become one. On the wire and in JSON it is a
 * NUL again. What is no string, and what a descriptor does not know, is left as it is. Pure.
 */
#ifndef FURROW_WIRE_NUL_H
#define FURROW_WIRE_NUL_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

#define FURROW_NUL     "\xc0\x80"
#define FURROW_NUL_LEN 2

/* How many of them @text has as it is in memory. */
size_t furrow_nul_count(furrow_bytes text);

/* UTF-8 but for them? */
bool furrow_nul_text_valid(furrow_bytes text);

/* @text with a NUL at its place for each, in @arena, and with a NUL behind it; NULL past the arena's limit. */
char *furrow_nul_hide(furrow_bytes text, furrow_arena *arena);

/* @bytes, which furrow_message_check takes, as protobuf-c is to unpack them; in @arena. False past its limit. */
bool furrow_nul_unpack(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_arena *arena,
                       furrow_bytes *out);

/* protobuf_c_message_pack as the wire has it: how long it became, which is never more than protobuf-c says. */
size_t furrow_nul_pack(const ProtobufCMessage *message, uint8_t *out);

#endif
