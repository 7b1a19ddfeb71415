/**
 * The rules of tickets. Pure: no NATS, no Redis, no clock.
 *
 * A scan becomes a ticket once: the ticket remembers what was scanned (a hash), so the same scan, however late and
 * often it comes, also after a correction, is known again, and another scan under the same id is refused. What
 * decides is when the container was picked, not when the scan arrives.
 */
#ifndef FURROW_HARVEST_DOMAIN_H
#define FURROW_HARVEST_DOMAIN_H

#include "harvest/v1/harvest.domain.h"

#define HARVEST_PAST_DAYS       90
#define HARVEST_FUTURE_S        (5 * 60)
#define HARVEST_CORRECTIONS_MAX 32
#define HARVEST_SCAN_BYTES      16

/* What the decision on a scan is given. People: those who have its badge, or the one of its employee_id. */
typedef struct ticket_facts {
    const Harvest__V1__Scan *scan;
    uint8_t scanned[HARVEST_SCAN_BYTES]; /* a hash of all that the scan says */
    const Harvest__V1__Ticket *present;  /* NULL: there is none yet */
    const Harvest__V1__Employee *const *people;
    size_t people_count;
    const Harvest__V1__Job *job;           /* NULL: not known here */
    const Harvest__V1__Location *location; /* the same */
    const char *date;                      /* the working day of picked_at */
    int64_t now_ns;
    furrow_arena *arena;
} ticket_facts;

/* May a scan say so, whatever else is known? INVALID_ARGUMENT names its field. */
furrow_status ticket_check_scan(const Harvest__V1__Scan *scan, int64_t now_ns, furrow_error *err) FURROW_MUST_USE;

/*
 * From a checked scan to the ticket's first state, in *next, which begins as a copy of `present` or as a fresh one;
 * *known: it is recorded already, and stays as it is. Lends from the facts.
 *
 * Errors: ALREADY_EXISTS (another scan has this id), FAILED_PRECONDITION (who, what or where is not known here, not
 * employed then, closed, or paid by the hour).
 */
furrow_status ticket_record(const ticket_facts *facts, Harvest__V1__Ticket *next, bool *known,
                            furrow_error *err) FURROW_MUST_USE;

/*
 * Whose the container was that was picked at @picked_ns: of those who have the badge the one who left next after
 * that, else the one who has it now; NULL: nobody. Somebody who has left keeps the number until a successor gets the
 * badge.
 */
const Harvest__V1__Employee *ticket_holder(const Harvest__V1__Employee *const people[], size_t count,
                                           int64_t picked_ns);

#endif
