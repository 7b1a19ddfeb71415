/**
 * What a decision is given, and what else it may use: for the pure functions that a service's author writes for methods
 * with the option furrow.v1.command. The generated <stem>.domain.h declares them, each with a struct of its own
 * (job_open_job_known) that has the same members under the contract's names and types; nothing else need be included.
 *
 * A decision is pure: all that it knows is in what it is given, and it may be asked again with newer facts. What it makes
 * lives in the arena, or is lent from what it was given, and needs no free. Threads: any.
 *
 *   next       begins as a copy of the present state, or with nothing but its id; a state that comes out as it was is not
 *              written. Nested messages are those of the present state: replace them, rather than change them in place
 *   updated_at is set to now_ns by whoever writes, if the decision has not set it
 *   errors     whatever it returns other than OK is the caller's answer
 */
#ifndef FURROW_RUNTIME_KNOWN_H
#define FURROW_RUNTIME_KNOWN_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "runtime/input.h"
#include "runtime/timestamp.h"
#include "wire/detail.h"
#include "wire/message.h"
#include "wire/subject.h"
#include "wire/unicode.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One thing that is known of others, or of another entity of its own: under an id, or under each of several. */
typedef struct furrow_fact {
    const char *const *ids;
    ProtobufCMessage **messages; /* NULL: nothing is known under that id */
    size_t count;
} furrow_fact;

typedef struct furrow_known {
    const ProtobufCMessage *request;
    const ProtobufCMessage *state; /* the entity's present one; NULL: there is none */
    uint64_t version;              /* of the state, or of the deletion; 0: it never existed */
    bool deleted;
    const char *id;      /* of the entity */
    int64_t now_ns;      /* wall clock, never before the state's updated_at */
    const char *caller;  /* its inbox prefix; "": the service itself */
    furrow_arena *arena; /* for what the decision makes */
    const furrow_fact *facts;
} furrow_known;

/* What is known under the one id of fact @which; NULL: nothing, or nobody asked. */
static inline const ProtobufCMessage *furrow_known_fact(const furrow_known *known, size_t which)
{
    return known->facts[which].count ? known->facts[which].messages[0] : NULL;
}

/* RESOURCE_EXHAUSTED: what a decision answers when its arena has no more. */
furrow_status furrow_known_no_memory(furrow_error *err);

#endif
