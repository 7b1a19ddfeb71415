/**
 * The emitters: one file of the model into the text of one pair of generated files. The model has been checked; nothing
 * here can fail but for a full buffer, which its `failed` says. May depend on: base, protobuf-c.
 *
 *   <stem>.furrow.h/.c   the contract's tables                     links: wire
 *   <stem>.client.h/.c   typed calls                               links: rpc
 *   <stem>.domain.h/.c   the pure functions of the author          links: wire
 *   <stem>.server.h/.c   what else the author implements           links: runtime
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
void furrow_emit_client(const furrow_emit *emit);
void furrow_emit_domain(const furrow_emit *emit);
void furrow_emit_server(const furrow_emit *emit);
void furrow_emit_main(const furrow_emit *emit);

/* What all generated files open with; @what is one sentence for people. The header's guard is left open. */
void furrow_emit_opening(const furrow_emit *emit, const char *kind, const char *what);

#endif
