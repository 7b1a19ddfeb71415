/**
 * -0.0 of fields without presence; private to the layers that pack messages.
 *
 * proto3 leaves out what has the default value, and -0.0 is not it ("Field presence": a float or double is compared bit
 * by bit). protobuf-c compares with ==, so it would leave out both.
 */
#ifndef FURROW_WIRE_ZERO_H
#define FURROW_WIRE_ZERO_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* Does @message, or one in it, hold a -0.0 that protobuf-c would leave out? */
bool furrow_zero_is_lost(const ProtobufCMessage *message);

/*
 * @message as protobuf-c packs all of it: itself, or, where a -0.0 would be lost, a copy in @arena that shares what it
 * can and has those fields among its unknown ones. For packing only. NULL past the arena's limit.
 */
const ProtobufCMessage *furrow_zero_keep(const ProtobufCMessage *message, furrow_arena *arena);

#endif
