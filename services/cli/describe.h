/**
 * What people are told of contracts, from a pool of descriptors: comments, fields with their rules and options, and an
 * example of a request.
 */
#ifndef FURROW_CLI_DESCRIBE_H
#define FURROW_CLI_DESCRIBE_H

#include "base/buffer.h"
#include "cli/descriptor.h"

/* The first line of a declaration's comment; "" for none. In the pool's arena. */
const char *describe_summary(const descriptor_pool *pool, const descriptor_path *path);

/*
 * Our options of a declaration, as a .proto writes their names and JSON their values:
 * "(furrow.v1.index) = {"listed":true}", each after @before. Whatever option it is: its definition is in the pool.
 * @extendee: "google.protobuf.FieldOptions", whose @options are, or NULL.
 */
void describe_options(descriptor_pool *pool, const char *extendee, const void *options, const char *before,
                      furrow_buffer *out);

/* A JSON object that is a @message, with every field: values that say what belongs there. */
void describe_example(descriptor_pool *pool, const descriptor_message *message, furrow_buffer *out);

#endif
