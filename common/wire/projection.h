/**
 * Projection: copies the fields a replica declares out of an event's bytes, and nothing else; a filter over the wire
 * format, nested messages included, that unpacks nothing.
 *
 * Fields are kept in the order in which they stand, so the result depends on the event's bytes alone. Packed and
 * unpacked forms of a repeated field are both accepted and copied as they are. Groups and malformed bytes are
 * INVALID_ARGUMENT.
 */
#ifndef FURROW_WIRE_PROJECTION_H
#define FURROW_WIRE_PROJECTION_H

#include "base/auto.h"
#include "base/bytes.h"
#include "base/status.h"

#include <protobuf-c/protobuf-c.h>

typedef struct furrow_projection furrow_projection;

/* Compiles the subset message @subset; recursion of message types is followed. */
furrow_projection *furrow_projection_create(const ProtobufCMessageDescriptor *subset, furrow_error *err);
void furrow_projection_destroy(furrow_projection *projection);
FURROW_AUTO_DEFINE(furrow_projection, furrow_projection_destroy);

/* Writes at most @event.len bytes to @out; *len is how many. Threads: any, the projection is constant. */
furrow_status furrow_projection_apply(const furrow_projection *projection, furrow_bytes event, uint8_t *out,
                                      size_t *len, furrow_error *err) FURROW_MUST_USE;

/* A short stable text that changes when the kept fields do: the shape of the replica (fields' numbers and types,
 * nested). */
void furrow_projection_shape(const furrow_projection *projection, char out[33]);

#endif
