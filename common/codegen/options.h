/**
 * The options of furrow/v1/options.proto as they stand in a descriptor. protoc hands custom options over as fields its
 * descriptors do not know; protobuf-c keeps those, and they are decoded here by number.
 * Texts live in the arena. False: the bytes are not what options.proto says. May depend on: base, protobuf-c.
 */
#ifndef FURROW_CODEGEN_OPTIONS_H
#define FURROW_CODEGEN_OPTIONS_H

#include "base/arena.h"
#include "google/protobuf/descriptor.pb-c.h"

#include <stdbool.h>

typedef struct furrow_condition_options {
    bool given;
    const char *field, *is; /* NULL: not given */
} furrow_condition_options;

typedef struct furrow_option_texts {
    const char **texts;
    size_t count;
} furrow_option_texts;

typedef struct furrow_aggregate_options {
    const char *name, *sum; /* NULL: not given */
    furrow_option_texts by;
    furrow_condition_options when;
} furrow_aggregate_options;

typedef struct furrow_message_options {
    bool entity; /* the option stands there, with or without content */
    uint32_t history, replicas;
    bool memory, internal, keys;
    const char *description; /* NULL: not given */
    const char *replica_of;  /* NULL: not given */
    bool reaction, checked;
    furrow_condition_options unique_while;
    furrow_aggregate_options *aggregates;
    size_t aggregate_count;
} furrow_message_options;

typedef struct furrow_field_options {
    bool index; /* the option stands there */
    bool listed, fold;
    bool is_private, unique;
    const char *matches; /* NULL: not given */
} furrow_field_options;

/* Texts are NULL where they are not given. */
typedef struct furrow_known_options {
    const char *replica, *entity, *id, *as;
    bool of_state, required;
} furrow_known_options;

typedef struct furrow_command_options {
    bool given;
    const char *entity, *id, *event, *version, *seals;
    furrow_known_options *knows;
    size_t known_count;
    bool creates, allow_missing, computed_id, deletes, erases, prepared;
    bool also;
    const char *also_entity, *also_id;
    furrow_condition_options also_when;
} furrow_command_options;

typedef struct furrow_join_options {
    const char *replica, *id, *field, *as;
} furrow_join_options;

/* Of get or of list, which share most. */
typedef struct furrow_query_options {
    bool given;
    const char *entity;
    const char *id;                 /* get */
    furrow_option_texts by, filter; /* list */
    const char *order;              /* list */
    furrow_join_options *joins;
    size_t join_count;
    bool shown, checked;
    bool unsealed; /* get */
} furrow_query_options;

typedef struct furrow_method_options {
    uint32_t timeout_ms;
    const char *summary; /* NULL: not given */
    bool restricted;
    furrow_command_options command;
    furrow_query_options get, list;
} furrow_method_options;

typedef struct furrow_service_options {
    const char *short_name;    /* NULL: not given */
    furrow_option_texts calls; /* full names of methods */
    bool startup;
} furrow_service_options;

bool furrow_options_of_message(const Google__Protobuf__MessageOptions *from, furrow_arena *arena,
                               furrow_message_options *out);
bool furrow_options_of_field(const Google__Protobuf__FieldOptions *from, furrow_arena *arena,
                             furrow_field_options *out);
bool furrow_options_of_method(const Google__Protobuf__MethodOptions *from, furrow_arena *arena,
                              furrow_method_options *out);

bool furrow_options_of_service(const Google__Protobuf__ServiceOptions *from, furrow_arena *arena,
                               furrow_service_options *out);

/* *c_package is protobuf-c's (pb_c_file).c_package, which renames what protoc-gen-c generates; NULL when not given. */
bool furrow_options_of_file(const Google__Protobuf__FileOptions *from, furrow_arena *arena, const char **c_package);

#endif
