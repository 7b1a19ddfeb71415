/**
 * Sets of descriptors as bytes: a contract's own .proto files and what they import, as protoc-gen-furrow puts them beside
 * it (a google.protobuf.FileDescriptorSet; contract.h). A file that a contract declares has its source info, which holds
 * the comments; one that it only imports has not. So it can be told whose a file is wherever the bytes have got to: in a
 * program, in an answer on furrow.v1.Reflection.<service>, in the stream DESCRIPTOR of the service's account.
 */
#ifndef FURROW_WIRE_DESCRIPTOR_H
#define FURROW_WIRE_DESCRIPTOR_H

#include "base/buffer.h"
#include "base/bytes.h"

#define FURROW_DESCRIPTOR_FILES_MAX 512

/* Where a service answers its set, and where the set that was provisioned lies; both with the service's name behind. */
#define FURROW_DESCRIPTOR_REFLECTION "furrow.v1.Reflection."
#define FURROW_DESCRIPTOR_STREAM     "DESCRIPTOR"
#define FURROW_DESCRIPTOR_SUBJECT    "descriptor."

/*
 * Appends to @out the set of all files of @sets, each once: as its own contract has it, where that is among them, else as
 * the first that imports it has it. Imported files stay before who imports them.
 * INVALID_ARGUMENT: not a set. RESOURCE_EXHAUSTED: more than FURROW_DESCRIPTOR_FILES_MAX files, or past @out's limit.
 */
furrow_status furrow_descriptor_unite(const furrow_bytes sets[], size_t count, furrow_buffer *out,
                                      furrow_error *err) FURROW_MUST_USE;

#endif
