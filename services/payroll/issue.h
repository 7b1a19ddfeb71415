/**
 * Statements of closed periods, issued by the service itself: for all that it has heard of, some at a time, the
 * earliest period first. A process that ends leaves what it has written; the next one goes on with whoever has none.
 * Two at once do no harm, since each statement is written once (statements.h). When everybody has theirs, the period is
 * ISSUED; somebody whose statement cannot be made (rules that say nothing of a day) keeps it from that, and nobody else
 * from theirs.
 *
 * Threads: the loop's, in a task. Parks.
 */
#ifndef FURROW_PAYROLL_ISSUE_H
#define FURROW_PAYROLL_ISSUE_H

#include "runtime/service.h"

/* furrow_startup.work: some statements more. The error is of the first that could not be issued. */
furrow_status issue_some(furrow_service *service, bool *more, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
