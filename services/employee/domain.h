/**
 * The rules of employment: from a state and a request to the next state, or a refusal. Pure: no NATS, no Redis, no
 * clock.
 *
 * States and their transitions: (none) -hire-> ACTIVE -terminate-> TERMINATED -rehire-> ACTIVE; TERMINATED -erase->
 * (none). Results live in the arena or share memory with the inputs.
 */
#ifndef FURROW_EMPLOYEE_DOMAIN_H
#define FURROW_EMPLOYEE_DOMAIN_H

#include "base/arena.h"

#include "employee/v1/employee.domain.h"

#include <stdbool.h>

#define EMPLOYEE_ID_MAX 48 /* so that <id>_<yyyymmdd> is an id too */

/* By the clock of who decides, which may be behind that of who wrote the state: no time or date that a rule takes from
 * it is before what it follows. */
typedef struct employee_moment {
    const char *today; /* "2026-11-23" */
    int64_t now_ns;    /* wall clock */
} employee_moment;

/* INVALID_ARGUMENT names the field. */
furrow_status employee_check_hire(const Employee__V1__HireEmployeeRequest *request, furrow_error *err) FURROW_MUST_USE;
furrow_status employee_check_private(const Employee__V1__EmployeePrivate *private_fields,
                                     furrow_error *err) FURROW_MUST_USE;
furrow_status employee_check_badge(const char *badge, furrow_error *err) FURROW_MUST_USE;

/* ALREADY_EXISTS when @current is somebody. Private fields are not of the rules: the caller seals them. */
furrow_status employee_hire(const Employee__V1__Employee *current, const Employee__V1__HireEmployeeRequest *request,
                            const char *id, employee_moment moment, furrow_arena *arena, Employee__V1__Employee **next,
                            furrow_error *err) FURROW_MUST_USE;

/* NOT_FOUND; INVALID_ARGUMENT for a path that may not be updated or a value that may not be. */
furrow_status employee_update(const Employee__V1__Employee *current, const Employee__V1__UpdateEmployeeRequest *request,
                              employee_moment moment, furrow_arena *arena, Employee__V1__Employee **next,
                              furrow_error *err) FURROW_MUST_USE;

/* *next NULL: already terminated, nothing to do. FAILED_PRECONDITION for a date before the hire. */
furrow_status employee_terminate(const Employee__V1__Employee *current, const char *id, const char *date,
                                 employee_moment moment, furrow_arena *arena, Employee__V1__Employee **next,
                                 furrow_error *err) FURROW_MUST_USE;

/* FAILED_PRECONDITION when employed, or the date is before the termination. */
furrow_status employee_rehire(const Employee__V1__Employee *current, const Employee__V1__RehireEmployeeRequest *request,
                              employee_moment moment, furrow_arena *arena, Employee__V1__Employee **next,
                              furrow_error *err) FURROW_MUST_USE;

/* May @current be erased? FAILED_PRECONDITION while employed. */
furrow_status employee_check_erase(const Employee__V1__Employee *current, const char *id,
                                   furrow_error *err) FURROW_MUST_USE;

/* Does @employee (NULL: nobody) hold @badge? Only those employed do. */
bool employee_holds_badge(const Employee__V1__Employee *employee, const char *badge);

/* The listing filter. */
bool employee_matches(const Employee__V1__Employee *employee, const Employee__V1__ListEmployeesRequest *request);

#endif
