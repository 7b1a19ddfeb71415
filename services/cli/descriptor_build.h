/**
 * protobuf-c's descriptors of messages that this program was not compiled with, made from a pool, so that all that works
 * by descriptor (wire/message.h, wire/json.h) works on them: `furrow decode` of a service whose .proto this machine has
 * never seen, and options of any kind.
 */
#ifndef FURROW_CLI_DESCRIPTOR_BUILD_H
#define FURROW_CLI_DESCRIPTOR_BUILD_H

#include "cli/descriptor.h"

/*
 * Of the message called @name, and of all that is in it. Lives as long as the pool; each is made once.
 * NOT_FOUND: there is no such message, or one that it has a field of. UNIMPLEMENTED: groups.
 */
furrow_status descriptor_build(descriptor_pool *pool, const char *name, const ProtobufCMessageDescriptor **out,
                               furrow_error *err) FURROW_MUST_USE;

#endif
