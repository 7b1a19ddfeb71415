/**
 * What an owner's Redis still holds of a log that went back, published again. The log loses nothing by it: what it has
 * that is newer stays in force, and only by compare-and-set is anything put on top.
 *
 *   the log has                                    then
 *   the record's own event, or a newer state       KEPT: nothing to do
 *   an older state, or none                        PUBLISHED: the record's state goes on top, as the event "restored"
 *   another event, taken after it went back        SUPERSEDED: that one stays in force. The record's state is put under
 *                                                  it (event "superseded"), so that it can be looked at, and its own
 *                                                  again on top
 *
 * A deletion is published as often as it takes to push every state out of the log that came back with it: what was
 * erased stays erased. So a version never comes to mean another state: what is published again gets a new one, above
 * all that Redis knew.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_REPUBLISH_H
#define FURROW_LOG_REPUBLISH_H

#include "log/entity.h"

/* Of the log as it was: what Redis knew of it. */
typedef struct furrow_republish_log {
    uint64_t newest;  /* version */
    uint64_t dated;   /* the newest whose time is known */
    int64_t dated_ns; /* and that time */
    uint64_t since;   /* what comes after it was put there by who restores the log, or later */
} furrow_republish_log;

typedef enum furrow_republished_as {
    FURROW_REPUBLISH_KEPT,
    FURROW_REPUBLISH_PUBLISHED,
    FURROW_REPUBLISH_SUPERSEDED
} furrow_republished_as;

typedef struct furrow_republished {
    furrow_republished_as as;
    uint64_t version; /* SUPERSEDED: under which the record's state can be looked at */
} furrow_republished;

/*
 * @record not found: it was deleted longer ago than Redis remembers, so a state that the log still has from before is
 * deleted again. May be asked again: what is done is KEPT. Parks.
 *
 * Errors: UNAVAILABLE, DEADLINE_EXCEEDED (it may have been published), ABORTED (others keep changing it), those of the
 * server.
 */
furrow_status furrow_entity_republish(furrow_entity *entity, const char *id, const furrow_record *record,
                                      const furrow_republish_log *log, uint64_t deadline_ns, furrow_republished *out,
                                      furrow_error *err) FURROW_MUST_USE;

#endif
