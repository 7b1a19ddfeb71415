/**
 * The judge: what a .proto may not say, each problem reported with where it stands and what to do about it.
 * May depend on: base, protobuf-c.
 */
#ifndef FURROW_CODEGEN_CHECK_H
#define FURROW_CODEGEN_CHECK_H

#include "codegen/model.h"

/* Every file asked for, and what the whole request may declare only once. No code is generated when @report counts any.
 */
void furrow_check(const furrow_model *model, furrow_report *report);

/* Is @replica a wire-compatible subset of @entity? (DESIGN section 4) */
void furrow_check_subset(const furrow_model *model, const furrow_model_message *replica,
                         const furrow_model_message *entity, furrow_report *report);

/* A method with the option furrow.v1.command. */
void furrow_check_command(const furrow_model *model, const furrow_model_file *file, const furrow_model_service *service,
                          const furrow_model_method *method, furrow_report *report);

/* The unique fields of a message. */
void furrow_check_unique(const furrow_model *model, const furrow_model_message *message, furrow_report *report);

/* The aggregates of a message. */
void furrow_check_aggregates(const furrow_model *model, const furrow_model_message *message, furrow_report *report);

/* What the store can order and group records by. */
bool furrow_check_is_indexable(const furrow_model_field *field);

/* A method with the option furrow.v1.get or furrow.v1.list; any other passes. */
void furrow_check_query(const furrow_model *model, const furrow_model_file *file, const furrow_model_service *service,
                        const furrow_model_method *method, furrow_report *report);

#endif
