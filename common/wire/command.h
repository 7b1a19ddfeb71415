/**
 * What the write path must know of the request it works for. rpc fills it, log reads it, neither knows the other.
 * A zeroed command is a fresh one without key or deadline: reactions and tools use that with a deadline set.
 */
#ifndef FURROW_WIRE_COMMAND_H
#define FURROW_WIRE_COMMAND_H

#include "base/hash.h"
#include "wire/header.h"

#define FURROW_CALLER_SIZE 48

typedef struct furrow_command {
    bool has_key;                   /* the caller sent an Idempotency-Key */
    uint8_t key[FURROW_HASH_BYTES]; /* hashed with the owner's secret: method, caller's inbox prefix, Idempotency-Key */
    uint8_t
        request[FURROW_HASH_BYTES];  /* the same of method and request: same key, other request is INVALID_ARGUMENT */
    uint64_t deadline_ns;            /* absolute monotonic; 0 means none */
    char caller[FURROW_CALLER_SIZE]; /* its inbox prefix ("_INBOX_payroll"), cut to fit; "": the service itself */
} furrow_command;

#endif
