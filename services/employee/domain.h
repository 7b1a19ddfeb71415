/**
 * The rules of employment, beside the decisions that the contract declares. Pure.
 *
 * States and their transitions: (none) -hire-> ACTIVE -terminate-> TERMINATED -rehire-> ACTIVE; TERMINATED -erase->
 * (none). Results live in the arena or share memory with the inputs.
 */
#ifndef FURROW_EMPLOYEE_DOMAIN_H
#define FURROW_EMPLOYEE_DOMAIN_H

#include "employee/v1/employee.domain.h"

#endif
