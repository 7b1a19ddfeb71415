/**
 * Claims: uniqueness of a value across entities (one badge number, one employee). A claim is an internal entity whose
 * id is a hash of the value, keyed with the owner's secret, and whose state names the holder; it is won by
 * compare-and-set before the holder is written.
 *
 * The claim message has: string id = 1; string value = 2; string holder = 3.
 *
 * Take a claim inside of the decision that makes the holder hold the value (furrow_decide_fn), never before the write:
 * then whatever makes the holder's write be decided again proves the claim again, and that is what the fence below
 * relies on.
 *
 * A claim remembers the basis: the holder's version when it was taken. The command that took it can only write the
 * holder while that is its version. So once the holder has a newer version and does not hold the value, nobody can make
 * use of the claim any more, and it is released or taken over by plain compare-and-set. While the holder still is at
 * the basis its command may be under way or have died: the taker waits for FURROW_CLAIM_GRACE_MS, then fences the
 * holder (a tombstone where there is nothing, else the same state again, event "fenced"), so that the late write fails
 * and is decided again, and then takes the claim.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_CLAIM_H
#define FURROW_LOG_CLAIM_H

#include "log/entity.h"

#define FURROW_CLAIM_GRACE_MS 500

typedef struct furrow_claim_request {
    furrow_entity *claims;  /* the claim entity */
    furrow_entity *holders; /* the entity type of holders */
    const char *value;
    const char *holder; /* id of the entity that wants it */
    const furrow_command *command;
    /* Does @state (newest, from the log; message may be NULL) still hold the request's value? Pure. */
    bool (*holds)(const struct furrow_claim_request *request, const furrow_state *state);
    const void *arg; /* of holds */
} furrow_claim_request;

/* The rules of every claim entity, for its definition: it has a value and a holder. (That its id is its
 * value's cannot be told without the secret.) */
furrow_status furrow_claim_check_state(const ProtobufCMessage *claim, furrow_error *err);

/*
 * OK: @holder has the claim (also if it had it before). ALREADY_EXISTS: another entity holds the value; its id is in
 * the text. Else as furrow_entity_write.
 */
furrow_status furrow_claim_take(const furrow_claim_request *request, furrow_arena *arena,
                                furrow_error *err) FURROW_MUST_USE;

/*
 * Gives it back if @holder has it and has been written since without the value, and erases it, so that the log does not
 * tell who held what; OK otherwise too. Call it after the
 * write that gave the value up. A claim that was not given back costs the next taker a look at the holder, nothing
 * else.
 */
furrow_status furrow_claim_release(const furrow_claim_request *request, furrow_arena *arena,
                                   furrow_error *err) FURROW_MUST_USE;

#endif
