/**
 * Claims: uniqueness of a value across entities (one badge number, one employee). A claim is an internal entity whose id is a hash of
 * the value and whose state names the holder; it is won by compare-and-set before the holder is written.
 *
 * The claim message has: string id = 1; string value = 2; string holder = 3.
 * A claim whose holder never came to be (its command died half-way) or no longer holds the value is taken over: first the holder
 * is fenced (a tombstone with expected sequence 0, so its late creation fails), then the claim is compare-and-set.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_CLAIM_H
#define FURROW_LOG_CLAIM_H

#include "log/entity.h"

typedef struct furrow_claim_request {
    furrow_entity *claims;  /* the claim entity */
    furrow_entity *holders; /* the entity type of holders */
    const char *value;
    const char *holder;     /* id of the entity that wants it */
    const furrow_command *command;
    /* Does @state (newest, from the log; message may be NULL) still hold @value? Pure. */
    bool (*holds)(const furrow_state *state, const char *value);
} furrow_claim_request;

/* OK: @holder has the claim (also if it had it before). ALREADY_EXISTS: another entity holds the value; its id is in the text. */
furrow_status furrow_claim_take(const furrow_claim_request *request, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/* Gives it back if @holder has it; OK otherwise too. */
furrow_status furrow_claim_release(const furrow_claim_request *request, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

#endif
