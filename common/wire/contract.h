/**
 * Contracts: what protoc-gen-furrow compiles a .proto into. Constant tables, linked into every program that serves,
 * calls, owns or replicates; nothing here is made at run time.
 */
#ifndef FURROW_WIRE_CONTRACT_H
#define FURROW_WIRE_CONTRACT_H

#include "base/bytes.h"
#include "wire/rule.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An index of an entity or a replica: lists the records by one field. */
typedef struct furrow_index_contract {
    const char *field; /* name in the .proto, and of the index */
    const ProtobufCFieldDescriptor *descriptor;
    bool fold; /* text is compared without case and accents */
} furrow_index_contract;

/*
 * A running total over the records of an entity or a replica: of each group of them that have the same values in the
 * fields of `by`, how many there are, and what `sum` adds up to.
 */
#define FURROW_AGGREGATE_BY_MAX 4
#define FURROW_AGGREGATE_MOST   ((int64_t)1 << 40) /* that one record may add or take away */
typedef struct furrow_aggregate_contract {
    const char *name;
    const furrow_index_contract *by; /* fields of one value each, in the order in which groups stand */
    size_t by_count;
    const ProtobufCFieldDescriptor *sum;  /* an integer; NULL: records are counted only */
    const ProtobufCFieldDescriptor *when; /* an enum: a record counts only while it is `when_value`; NULL: always */
    int when_value;
} furrow_aggregate_contract;

/* A field whose values no two entities hold at once. */
typedef struct furrow_unique_contract {
    const char *field; /* name in the .proto */
    const ProtobufCFieldDescriptor *descriptor;
    const struct furrow_entity_contract *claims; /* the internal entity that says who holds which value */
} furrow_unique_contract;

typedef struct furrow_entity_contract {
    const char *name;        /* "employee.v1.Employee" */
    const char *short_name;  /* "Employee" */
    const char *owner;       /* the owning service's short name: "employee" */
    const char *stream;      /* "EMPLOYEE" */
    const char *subjects;    /* "employee.v1.Employee.*" */
    const char *description; /* for people; "" when none */
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCFieldDescriptor *private_field; /* sealed `bytes` field, or NULL */
    const furrow_index_contract *indexes;
    size_t index_count;
    const furrow_aggregate_contract *aggregates;
    size_t aggregate_count;
    const furrow_unique_contract *uniques;
    size_t unique_count;
    const ProtobufCFieldDescriptor *unique_while; /* an enum field: only with that value are they held; NULL: always */
    int unique_while_value;
    const furrow_rule_message *field_rules; /* of its fields, or NULL */
    uint32_t history;                       /* states kept per entity, >= 2 */
    uint32_t replicas;                      /* of the stream; 0: the deployment's default */
    bool memory;
    bool internal;
} furrow_entity_contract;

/* A replica: the subset of a foreign entity that one service keeps. */
typedef struct furrow_replica_contract {
    const char *name;       /* of the declaring message: "timesheet.v1.Employee" */
    const char *service;    /* the consuming service's short name: "timesheet" */
    const char *owner;      /* the owning service's: "employee" */
    const char *entity;     /* "employee.v1.Employee" */
    const char *short_name; /* "Employee": of the entity, as in its Redis keys */
    const char *stream;     /* "EMPLOYEE" */
    const char *subjects;   /* "employee.v1.Employee.*" */
    const char *keeps;      /* "id,display_name,contact.phone": a message kept in part is listed part by part */
    const ProtobufCMessageDescriptor *descriptor; /* of the subset */
    const furrow_index_contract *indexes;
    size_t index_count;
    const furrow_aggregate_contract *aggregates;
    size_t aggregate_count;
    const furrow_rule_message *field_rules; /* of what is kept, or NULL */
} furrow_replica_contract;

typedef enum furrow_idempotency {
    FURROW_IDEMPOTENCY_UNKNOWN,
    FURROW_NO_SIDE_EFFECTS,
    FURROW_IDEMPOTENT,
} furrow_idempotency;

typedef struct furrow_method_contract {
    const char *name;    /* "GetEmployee" */
    const char *subject; /* "employee.v1.EmployeeService.GetEmployee" */
    const char *summary; /* "" when none */
    const ProtobufCMessageDescriptor *input, *output;
    const furrow_rule_message *input_rules; /* checked before the handler; or NULL */
    furrow_idempotency idempotency;
    uint32_t timeout_ms; /* 0: the service's default */
    bool restricted;
    bool server_streams; /* it answers many messages */
} furrow_method_contract;

typedef struct furrow_service_contract {
    const char *name;       /* "employee.v1.EmployeeService" */
    const char *short_name; /* "employee": queue group, Redis prefix, $SRV name */
    const char *package;    /* "employee.v1" */
    const char *summary;
    const furrow_method_contract *methods;
    size_t method_count;
    const furrow_bytes *descriptors; /* its file's; see below */
    const char *const *calls;        /* subjects of methods of other services that this one may call */
    size_t call_count;
} furrow_service_contract;

/* One per .proto file: all it declares. */
typedef struct furrow_file_contract {
    const char *file; /* "employee/v1/employee.proto" */
    /* A google.protobuf.FileDescriptorSet: the file with its comments, after all that it imports; wire/descriptor.h. */
    const furrow_bytes *descriptors;
    const furrow_service_contract *const *services;
    size_t service_count;
    const furrow_entity_contract *const *entities;
    size_t entity_count;
    const furrow_replica_contract *const *replicas;
    size_t replica_count;
} furrow_file_contract;

/*
 * A shared object for the furrow tool (FURROW_CONTRACTS) exports these two: FURROW_CONTRACT_LAYOUT as it was when it
 * was compiled, and its files, NULL-terminated. furrow_proto(… CONTRACTS) makes one.
 */
#define FURROW_CONTRACT_LAYOUT        6 /* grows when a struct above changes */
#define FURROW_CONTRACT_LAYOUT_SYMBOL "furrow_contract_layout"
#define FURROW_CONTRACTS_SYMBOL       "furrow_contracts"

#endif
