/**
 * What may this connection's user do? Asked of the server itself, right by right, and without doing any of it.
 *
 * A publish carries a reply subject that nats-server takes of no client (_R_., which it makes itself). It looks at the
 * right first: so it names either the subject or that reply subject, and drops the message in both cases. A subscription
 * is made and ended within one turn. To a queue group that somebody serves on a subject without a wildcard it is a member
 * for that moment. The server logs every publish, and every subscription that is refused, as a violation.
 */
#ifndef FURROW_LINK_ATTEMPT_H
#define FURROW_LINK_ATTEMPT_H

#include "link/link.h"

typedef struct furrow_attempt {
    const char *subject; /* without wildcards; at most FURROW_ATTEMPT_MAX bytes */
    const char *queue;   /* of a subscription; or NULL */
    bool publish;        /* else subscribe */
    bool allowed;        /* out */
} furrow_attempt;

#define FURROW_ATTEMPT_MAX 190 /* what nats.c keeps of a refusal names it whole */

/*
 * Fills in what each of @attempts came to. Parks; one at a time per link.
 * Errors: INVALID_ARGUMENT (no such subject), UNAVAILABLE (not connected), DEADLINE_EXCEEDED (nothing is known).
 */
furrow_status furrow_attempt_all(furrow_link *link, furrow_attempt attempts[], size_t count, uint64_t deadline_ns,
                                 furrow_error *err) FURROW_MUST_USE;

#endif
