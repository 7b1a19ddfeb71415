/**
 * Days whose clock-out was forgotten. Somebody has one open day at the most: of those that the index knows every one but
 * the newest is closed at its own boundary (or when the employment ended, if that is known and was before), and the
 * newest too where it ended so long ago that nothing carries it over any more. Each is a write of its own that a
 * repetition finds done.
 */
#ifndef FURROW_TIMESHEET_FORGOTTEN_H
#define FURROW_TIMESHEET_FORGOTTEN_H

#include "runtime/service.h"
#include "timesheet/domain.h"

typedef struct forgotten {
    furrow_service *service;
    const char *employee_id;
    const Timesheet__V1__Employee *employee; /* as kept here; NULL: not known, or not looked at */
    int64_t now_ns;
    int64_t until_ns;   /* whatever ended by then is forgotten */
    const char *spared; /* the id of a day that stays as it is, or NULL */
} forgotten;

/* Closes one, if it is open. */
furrow_status forgotten_close_day(const forgotten *who, const char *id, const workday_window *window,
                                  furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/* Closes those of @ids that are forgotten: open days of the employee, in order. A damaged one stays, and keeps none of
 * the others open. */
furrow_status forgotten_close_listed(const forgotten *who, const char *const ids[], size_t count, furrow_arena *arena,
                                     furrow_error *err) FURROW_MUST_USE;

/* The same of all that the index has, however many. */
furrow_status forgotten_close_all(const forgotten *who, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
