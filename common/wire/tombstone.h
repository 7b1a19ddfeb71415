/**
 * What makes an empty message a deletion: the CloudEvents headers of an owner's event. The server makes empty messages
 * of its own (the statuses of pulls and requests), and whoever may publish to an entity's subject can store one; they
 * delete nothing. Only empty messages are looked at, so an event with a state costs no header.
 * Pure.
 */
#ifndef FURROW_WIRE_TOMBSTONE_H
#define FURROW_WIRE_TOMBSTONE_H

#include "base/status.h"

/* Values of the headers ce-…; NULL: absent. */
typedef struct furrow_tombstone {
    const char *specversion, *id, *type, *source;
} furrow_tombstone;

/*
 * INVALID_ARGUMENT says what is missing or wrong: CloudEvents 1.0 with an id, the source "/<service>" (of @owner, if
 * that is known; NULL: of any) and a type that is @entity's name, a dot, and a text that ends in "deleted".
 */
furrow_status furrow_tombstone_check(const furrow_tombstone *headers, const char *entity, const char *owner,
                                     furrow_error *err) FURROW_MUST_USE;

#endif
