/**
 * Days that are closed without a clock-out: because it was forgotten, or because the employment has ended. Each is a
 * write of its own that a repetition finds done; a damaged one stays, and keeps none of the others open.
 *
 * Forgotten: somebody has one open day at the most. Of those that the index knows every one but the newest is closed at
 * its own boundary (or when the employment ended, if that is known and was before), and the newest too where it ended
 * so long ago that nothing carries it over any more.
 */
#ifndef FURROW_TIMESHEET_CLOSING_H
#define FURROW_TIMESHEET_CLOSING_H

#include "runtime/service.h"
#include "timesheet/domain.h"

typedef struct closing {
    furrow_service *service;
    const char *employee_id;
    const Timesheet__V1__Employee *employee; /* as kept here; NULL: not known, or not looked at; if `ends`: deleted */
    int64_t now_ns;
    int64_t until_ns;      /* whatever ended by then is forgotten */
    const char *spared;    /* the id of a day that stays as it is, or NULL */
    bool ends;             /* an employment: also the newest is closed if it began in it, by what the log has */
    furrow_status damaged; /* DATA_LOSS, and the error says of which: a day was skipped */
} closing;

/* Closes those of @ids that are to be closed: open days of the employee, in order. */
furrow_status closing_close_listed(closing *who, const char *const ids[], size_t count, furrow_arena *arena,
                                   furrow_error *err) FURROW_MUST_USE;

/* The same of all that the index has, however many. */
furrow_status closing_close_all(closing *who, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
