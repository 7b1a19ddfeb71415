/**
 * One embedded message that stands twice in another's bytes is one message: its parts are merged, and of a oneof the last
 * one counts (https://protobuf.dev/programming-guides/encoding/#last-one-wins). protobuf-c loses a part, or refuses both,
 * so the parts are put together before it sees them: messages one behind the other are the merged one. Pure; private to
 * wire (message).
 */
#ifndef FURROW_WIRE_UNITE_H
#define FURROW_WIRE_UNITE_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* @bytes with each embedded message once, in @arena; they are well-formed (message.c has walked them). False past the
 * arena's limit. */
bool furrow_unite(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_arena *arena,
                  furrow_bytes *out);

#endif
