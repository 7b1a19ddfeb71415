/**
 * A pool of .proto files, from sets of descriptors (wire/descriptor.h, protoc -o, buf build): its messages, enums and
 * services by full name, with the places and comments of their declarations, and our options of them. Names are without
 * the leading dot that protobuf writes before a type's.
 *
 * Lends from itself; whoever is given something of a pool keeps it no longer than the pool.
 */
#ifndef FURROW_CLI_DESCRIPTOR_H
#define FURROW_CLI_DESCRIPTOR_H

#include "base/arena.h"
#include "base/bytes.h"
#include "google/protobuf/descriptor.pb-c.h"

/* Our options, by their numbers in furrow/v1/options.proto. */
enum {
    DESCRIPTOR_ENTITY = 50501,
    DESCRIPTOR_REPLICA_OF = 50502,
    DESCRIPTOR_INDEX = 50511,
    DESCRIPTOR_PRIVATE = 50512,
    DESCRIPTOR_UNIQUE = 50513,
    DESCRIPTOR_SHORT_NAME = 50531,
};

typedef Google__Protobuf__FieldDescriptorProto descriptor_field;
typedef Google__Protobuf__MethodDescriptorProto descriptor_method;

typedef struct descriptor_file {
    const Google__Protobuf__FileDescriptorProto *proto;
    bool own;     /* not only imported by another of the set; see wire/descriptor.h */
    bool foreign; /* of google/ or furrow/: nobody's contract, and never own */
} descriptor_file;

#define DESCRIPTOR_DEPTH_MAX 32 /* messages within messages */

/* Where something is declared: numbers and indexes in its file's descriptor, as SourceCodeInfo has them. */
typedef struct descriptor_path {
    const descriptor_file *file;
    int32_t steps[2 * DESCRIPTOR_DEPTH_MAX + 2];
    size_t count;
} descriptor_path;

typedef struct descriptor_message {
    const char *name;
    const Google__Protobuf__DescriptorProto *proto;
    descriptor_path path;
} descriptor_message;

typedef struct descriptor_enum {
    const char *name;
    const Google__Protobuf__EnumDescriptorProto *proto;
    descriptor_path path;
} descriptor_enum;

typedef struct descriptor_service {
    const char *name;
    const Google__Protobuf__ServiceDescriptorProto *proto;
    descriptor_path path;
} descriptor_service;

typedef struct descriptor_pool {
    furrow_arena *arena;
    furrow_bytes set; /* of all, united */
    descriptor_file *files;
    descriptor_message *messages;
    descriptor_enum *enums;
    descriptor_service *services;
    size_t file_count, message_count, enum_count, service_count;
    size_t building;                    /* messages that are being built, each a field of the one before */
    ProtobufCMessageDescriptor **built; /* of the messages, once somebody needs it; descriptor_build.h */
} descriptor_pool;

/* Freed by descriptor_pool_fini, also after a failure and when it is all zeros. INVALID_ARGUMENT: one is no set, or nested too deeply. */
furrow_status descriptor_pool_init(descriptor_pool *pool, const furrow_bytes sets[], size_t count,
                                   furrow_error *err) FURROW_MUST_USE;
void descriptor_pool_fini(descriptor_pool *pool);

/* NULL: there is none. A leading dot is passed over. */
const descriptor_message *descriptor_find_message(const descriptor_pool *pool, const char *name);
const descriptor_enum *descriptor_find_enum(const descriptor_pool *pool, const char *name);
const descriptor_service *descriptor_find_service(const descriptor_pool *pool, const char *name);
/* "picking.v1.PickingService.PickBin"; *service, whose it is. */
const descriptor_method *descriptor_find_method(const descriptor_pool *pool, const char *name,
                                                const descriptor_service **service);
const descriptor_field *descriptor_find_field(const descriptor_message *message, int32_t number);

/* The short name of the services of @package, and so the owner of what it declares; in @pool. */
const char *descriptor_owner(const descriptor_pool *pool, const char *package);

/* @path and one step more: field 2 of a message, of an enum and of a service are its fields, values and methods. */
enum { DESCRIPTOR_PARTS = 2 };
descriptor_path descriptor_path_to(const descriptor_path *path, int32_t number, size_t index);
/* From 1; 0: not known. */
void descriptor_place(const descriptor_path *path, int *line, int *column);
/* The comment before the declaration, else the one behind it, as it was written; "" for none. */
const char *descriptor_comment(const descriptor_path *path);

/*
 * The option @number of something's options (which may be NULL): its bytes, of all of its occurrences one after the
 * other. Of a varint, the value. False: it is not set.
 */
bool descriptor_option(const void *options, uint32_t number, furrow_arena *arena, furrow_bytes *out);
bool descriptor_option_number(const void *options, uint32_t number, uint64_t *out);

/* Is @field a map, and then of which entries? NULL: it is none. */
const descriptor_message *descriptor_map_entry(const descriptor_pool *pool, const descriptor_field *field);
/* As the .proto says it: "repeated int64", "map<string, employee.v1.Contact>". In the pool's arena. */
const char *descriptor_type_text(const descriptor_pool *pool, const descriptor_field *field);

#endif
