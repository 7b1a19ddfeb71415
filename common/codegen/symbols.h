/**
 * The C names that generated code defines, in one place: the emitters write them and the checks make sure that no two
 * things of a file get the same. May depend on: base, protobuf-c.
 */
#ifndef FURROW_CODEGEN_SYMBOLS_H
#define FURROW_CODEGEN_SYMBOLS_H

#include "codegen/model.h"

/* "employee_v1_employee_file", of employee/v1/employee.proto. */
const char *furrow_symbols_file(furrow_arena *arena, const furrow_model_file *file);

/* "employee_v1_employee_descriptors". */
const char *furrow_symbols_descriptors(furrow_arena *arena, const furrow_model_file *file);

/* "employee_v1_employee_entity", "timesheet_v1_employee_replica". */
const char *furrow_symbols_message(furrow_arena *arena, const furrow_model_message *message);

/* Of a message that is `checked`: what the author writes, "employee_check_badge_claim", and what tables hold,
 * "employee_v1_badge_claim_rules". */
const char *furrow_symbols_check(furrow_arena *arena, const furrow_model_message *message);
const char *furrow_symbols_rules(furrow_arena *arena, const furrow_model_message *message);

/* "timesheet_on_employee_change": what the author writes for a replica with a reaction. */
const char *furrow_symbols_reaction(furrow_arena *arena, const furrow_model_message *message);

/* "employee_v1_hire_employee_request_field_rules". */
const char *furrow_symbols_field_rules(furrow_arena *arena, const furrow_model_message *message);

/* "employee_v1_employee_service". */
const char *furrow_symbols_service(furrow_arena *arena, const furrow_model_file *file,
                                   const furrow_model_service *service);

/* "EMPLOYEE_V1_EMPLOYEE_SERVICE_GET_EMPLOYEE". */
const char *furrow_symbols_method_index(furrow_arena *arena, const furrow_model_file *file,
                                        const furrow_model_service *service, const furrow_model_method *method);

/* "employee_get_employee": what the service's author writes; the client's is this with _call after it. */
const char *furrow_symbols_method(furrow_arena *arena, const furrow_model_service *service,
                                  const furrow_model_method *method);

/* Of a unique field: the entity that says who holds which value, "employee_v1_badge_claim_entity". */
const char *furrow_symbols_claim(furrow_arena *arena, const furrow_model_message *entity,
                                 const furrow_model_field *field);

/* What is known of @message is called so in what a decision is given: "picker". */
const char *furrow_symbols_known(furrow_arena *arena, const furrow_known_options *known,
                                 const furrow_model_message *message);

#endif
