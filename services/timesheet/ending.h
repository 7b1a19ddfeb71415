/**
 * The reaction to the end of an employment: no work that began in it goes on. Decided from what the employee's state
 * carries (ended_at), not from seeing the termination: a rehire may be all that comes here.
 */
#ifndef FURROW_TIMESHEET_ENDING_H
#define FURROW_TIMESHEET_ENDING_H

#include "runtime/service.h"

/*
 * Closes whatever day of the employee is open and was clocked in before the latest employment ended, at that moment (at
 * the day's boundary, if that came first), and keeps clock-ins in flight from opening one. May run any number of times.
 */
furrow_react_fn ending_on_employee_change;

#endif
