/**
 * The model: every file of the request with its messages, enums and services, types resolved to what they name, options
 * decoded and places and comments looked up. Constant once loaded; all of it lives in the arena and lends from the
 * request. May depend on: base, protobuf-c.
 */
#ifndef FURROW_CODEGEN_MODEL_H
#define FURROW_CODEGEN_MODEL_H

#include "codegen/options.h"
#include "codegen/report.h"
#include "google/protobuf/compiler/plugin.pb-c.h"

typedef struct furrow_model_file furrow_model_file;
typedef struct furrow_model_message furrow_model_message;

typedef struct furrow_model_enum {
    const char *name; /* full: "employee.v1.EmploymentStatus" */
    furrow_place place;
    const Google__Protobuf__EnumDescriptorProto *proto;
} furrow_model_enum;

typedef struct furrow_model_field {
    const char *name;
    furrow_place place;
    const Google__Protobuf__FieldDescriptorProto *proto;
    furrow_field_options options;
    const ProtobufCMessage *rules;        /* a furrow.v1.FieldRules (codegen/rules.h), or NULL */
    const furrow_model_message *message;  /* its type, or NULL */
    const furrow_model_enum *enumeration; /* its type, or NULL */
} furrow_model_field;

struct furrow_model_message {
    const char *name;       /* full: "employee.v1.Employee" */
    const char *short_name; /* "Employee" */
    const char *comment;    /* summary of the leading comment, or "" */
    furrow_place place;
    const furrow_model_file *file;
    const Google__Protobuf__DescriptorProto *proto;
    furrow_message_options options;
    furrow_model_field *fields; /* in the order of the .proto */
    size_t field_count;
    bool nested, map_entry;
};

typedef struct furrow_model_method {
    const char *name, *comment;
    furrow_place place;
    const Google__Protobuf__MethodDescriptorProto *proto;
    furrow_method_options options;
    const furrow_model_message *input, *output;
} furrow_model_method;

typedef struct furrow_model_service {
    const char *name;       /* full: "employee.v1.EmployeeService" */
    const char *own_name;   /* "EmployeeService" */
    const char *short_name; /* option, or the first part of the package */
    const char *comment;
    furrow_option_texts calls; /* of others: full names of methods */
    bool startup;
    furrow_place place;
    furrow_model_method *methods;
    size_t method_count;
} furrow_model_service;

struct furrow_model_file {
    const char *name; /* "employee/v1/employee.proto" */
    const char *package;
    const char *owner;     /* short name of the package's service */
    const char *c_package; /* protobuf-c's renaming option, or NULL */
    const Google__Protobuf__FileDescriptorProto *proto;
    furrow_model_message *messages; /* nested ones right after what they stand in */
    size_t message_count;
    furrow_model_enum *enums; /* nested ones too */
    size_t enum_count;
    furrow_model_service *services;
    size_t service_count;
    bool generate; /* asked for on protoc's command line, not only imported */
};

typedef struct furrow_model {
    furrow_arena *arena;
    furrow_model_file *files; /* imported ones before who imports them */
    size_t file_count;
} furrow_model;

/* INVALID_ARGUMENT: the request is not what protoc sends. @request is lent to the model for as long as that lives. */
furrow_status furrow_model_load(const Google__Protobuf__Compiler__CodeGeneratorRequest *request, furrow_arena *arena,
                                furrow_model *out, furrow_error *err) FURROW_MUST_USE;

/* By its name, as imports say it; NULL when it is not in the request. */
const furrow_model_file *furrow_model_find_file(const furrow_model *model, const char *name);
/* By full name; NULL when no file of the request declares it. */
const furrow_model_message *furrow_model_find_message(const furrow_model *model, const char *name);
/* "employee.v1.EmployeeService.GetEmployee"; *service, whose it is. */
const furrow_model_method *furrow_model_find_method(const furrow_model *model, const char *name,
                                                    const furrow_model_service **service);
const furrow_model_field *furrow_model_find_field(const furrow_model_message *message, int32_t number);

/* protobuf-c orders a message's fields by number; where @field stands then, and which stands there. */
size_t furrow_model_rank(const furrow_model_message *message, const furrow_model_field *field);
const furrow_model_field *furrow_model_at_rank(const furrow_model_message *message, size_t rank);

/* The names that follow from an entity's (DESIGN section 1). */
const char *furrow_model_stream(const furrow_model *model, const furrow_model_message *entity);

/* As the .proto says it: "repeated int64", "employee.v1.EmploymentStatus", "map<string, int64>". */
const char *furrow_model_type_text(const furrow_model *model, const furrow_model_field *field);

static inline bool furrow_model_is_contract(const furrow_model_message *message)
{
    return message->options.entity || message->options.replica_of;
}

static inline bool furrow_model_repeated(const furrow_model_field *field)
{
    return field->proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
}

/* A oneof that stands in the .proto; the one protoc makes up around a proto3 `optional` is none. */
static inline bool furrow_model_in_oneof(const furrow_model_field *field)
{
    return field->proto->has_oneof_index && !field->proto->proto3_optional;
}

#endif
