/**
 * The emitters: one file of the model into the text of one pair of generated files. The model has been checked; nothing
 * here can fail but for a full buffer, which its `failed` says. May depend on: base, protobuf-c.
 *
 *   <stem>.furrow.h/.c   the contract's tables                     links: wire
 *   <stem>.descriptor.h/.c  the .proto itself, as bytes           links: base
 *   <stem>.client.h/.c   typed calls                               links: rpc
 *   <stem>.domain.h/.c   the pure functions of the author          links: wire
 *   <stem>.server.h/.c   what else the author implements           links: runtime
 *   <stem>.access.h      typed access for what is written by hand  links: runtime
 *   <stem>.main.c        the service's definition and main         links: runtime
 */
#ifndef FURROW_CODEGEN_EMIT_H
#define FURROW_CODEGEN_EMIT_H

#include "codegen/model.h"

#include "base/buffer.h"

typedef struct furrow_emit {
    const furrow_model *model;
    const furrow_model_file *file;
    const char *stem; /* "employee/v1/employee" */
    furrow_buffer *header, *source;
} furrow_emit;

void furrow_emit_contract(const furrow_emit *emit);
void furrow_emit_descriptor(const furrow_emit *emit);
void furrow_emit_client(const furrow_emit *emit);
/* Of one method, into the client's files. @call: "employee_get_employee_call"; C types; @contract: an expression. */
void furrow_emit_blocking(const furrow_emit *emit, const char *call, const char *input, const char *output,
                          const char *contract);
void furrow_emit_domain(const furrow_emit *emit);
void furrow_emit_server(const furrow_emit *emit);
void furrow_emit_access(const furrow_emit *emit);
void furrow_emit_main(const furrow_emit *emit);

/* Constant expression of the protobuf-c descriptor of a field, in the contract's source. */
const char *furrow_emit_field(const furrow_emit *emit, const furrow_model_message *message,
                              const furrow_model_field *field);

/* Of an entity with unique fields: their tables, before its own, and the members of its own that name them. */
bool furrow_emit_has_unique(const furrow_model_message *message);
void furrow_emit_uniques(const furrow_emit *emit, const furrow_model_message *entity, const char *symbol);
void furrow_emit_unique_members(const furrow_emit *emit, const furrow_model_message *entity, const char *symbol);

/* Of an entity or a replica with aggregates: their tables, before its own, and the members of its own that name them. */
void furrow_emit_aggregates(const furrow_emit *emit, const furrow_model_message *message, const char *symbol);
void furrow_emit_aggregate_members(const furrow_emit *emit, const furrow_model_message *message, const char *symbol);

/*
 * Of the commands of the file: what each decision is given and the functions that its author writes, into the header.
 */
void furrow_emit_decisions(const furrow_emit *emit);
/* The description of one command, and @handler that runs it, into the source. */
void furrow_emit_command(const furrow_emit *emit, const furrow_model_service *service,
                         const furrow_model_method *method, const char *handler);
/* Is it a method that the runtime serves, by its option get or list? */
bool furrow_emit_is_query(const furrow_model_method *method);
/* The description of such a method, and @handler that runs it, into the source. */
void furrow_emit_query(const furrow_emit *emit, const furrow_model_service *service, const furrow_model_method *method,
                       const char *handler);
/* What their author writes to check requests and to complete answers, into the header. */
void furrow_emit_query_parts(const furrow_emit *emit);

/* The rules of the file's messages, a part of its contract. */
void furrow_emit_rules(const furrow_emit *emit);

/* What all generated files open with; @what is one sentence for people. The header's guard is left open. */
void furrow_emit_opening(const furrow_emit *emit, const char *kind, const char *what);

#endif
