/** What differs between two states of an entity, field by field. Pure. */
#ifndef FURROW_CLI_DIFF_H
#define FURROW_CLI_DIFF_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

#define DIFF_PATH_MAX 512

/*
 * A field that differs: its path ("contact.phone"), and its value before and now as JSON (no data: not set, or its
 * default). The bytes of a `bytes` field are not told: "12 bytes". @field is NULL for fields that the contract here does
 * not know.
 */
typedef void diff_fn(void *arg, const char *path, const ProtobufCFieldDescriptor *field, furrow_bytes before,
                     furrow_bytes now);

/* Calls @fn for each. NULL: a message with nothing set. Texts live in @arena, which must be large enough: false when it
 * is not. */
bool diff_messages(const ProtobufCMessage *before, const ProtobufCMessage *now, furrow_arena *arena, diff_fn *fn,
                   void *arg);

#endif
