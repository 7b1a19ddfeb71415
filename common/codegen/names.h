/**
 * Names: protobuf's in, C's and NATS's out. The first group reproduces protoc-gen-c letter by letter, since our code
 * refers to what it generates; the second is ours. Pure. May depend on: base.
 */
#ifndef FURROW_CODEGEN_NAMES_H
#define FURROW_CODEGEN_NAMES_H

#include "base/arena.h"

#include <stdbool.h>

/* "employee.v1.GetEmployeeRequest" -> "Employee__V1__GetEmployeeRequest", the struct. */
const char *furrow_names_c_type(furrow_arena *arena, const char *full_name);

/* "employee.v1.GetEmployeeRequest" -> "employee__v1__get_employee_request", what descriptors and functions begin with.
 */
const char *furrow_names_c_lower(furrow_arena *arena, const char *full_name);

/* "private" -> "private_", the member of a struct: a word that C or C++ has taken gets a '_'. */
const char *furrow_names_c_member(furrow_arena *arena, const char *field);

/* "license_plate" -> "LicensePlateClaim": the entity that says who holds which value of the field. */
const char *furrow_names_claim(furrow_arena *arena, const char *field);

/* "employee/v1/employee.proto" -> "employee/v1/employee". */
const char *furrow_names_stem(furrow_arena *arena, const char *file);

/* "employee.v1" or "employee/v1/employee" -> "employee_v1…": other than letters and digits become '_'. */
const char *furrow_names_identifier(furrow_arena *arena, const char *text);

/* Snake case by words: "WorkDay" -> "work_day", "HTTPServer" -> "http_server", "already_snake" -> itself. */
const char *furrow_names_snake(furrow_arena *arena, const char *name);
/* "work_day" -> "work day", for people. */
const char *furrow_names_spaced(furrow_arena *arena, const char *snake);
const char *furrow_names_upper(furrow_arena *arena, const char *text); /* A-Z for a-z, no more */

/* May it be a service's short name: a NATS token, a Redis prefix and the beginning of a C name? */
bool furrow_names_short_ok(const char *name);

#endif
