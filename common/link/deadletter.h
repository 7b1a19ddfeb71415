/**
 * Dead letters: an event that a replica cannot apply, or a reaction that was given up, is kept with its reason on
 * deadletter.<service>.<STREAM> (stream DEADLETTER of the service's account), so that the rest flows on and somebody can
 * look, mend the cause and have it done again (`furrow deadletter`).
 *
 * There is no body: it may tell of somebody more than the replica may keep, and must not outlive an erasure. It is in
 * its stream under its sequence until newer states push it out; what is done again is done with the newest state
 * anyway. So a reason names fields, never their values. The event's own headers travel along.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LINK_DEADLETTER_H
#define FURROW_LINK_DEADLETTER_H

#include "link/jetstream.h"

#define FURROW_DEADLETTER_LOG      "DEADLETTER" /* the stream */
#define FURROW_DEADLETTER_REASON   "Furrow-Reason"
#define FURROW_DEADLETTER_KIND     "Furrow-Kind" /* "event", or … */
#define FURROW_DEADLETTER_REACTION "reaction"
#define FURROW_DEADLETTER_STREAM   "Furrow-Stream"
#define FURROW_DEADLETTER_SEQUENCE "Furrow-Sequence"
#define FURROW_DEADLETTER_SUBJECT  "Furrow-Subject"

typedef struct furrow_deadletter {
    const char *service, *stream;
    const furrow_js_stored *event; /* of a reaction: the entity's subject and version, and when it was given up */
    const char *reason;
    bool reaction;
} furrow_deadletter;

/* Parks until it is stored (the same event is stored once: its message id follows from service, stream, sequence and
 * time). */
furrow_status furrow_deadletter_put(furrow_link *link, const furrow_deadletter *letter, uint64_t deadline_ns,
                                    furrow_error *err) FURROW_MUST_USE;

/* Asks how many letters of @service there are; @fn gets the reply, which counted reads stream by stream. Parks not.
 * False: @reply is an error, or something else. */
furrow_status furrow_deadletter_count(furrow_link *link, const char *service, uint64_t deadline_ns, furrow_reply_fn *fn,
                                      void *arg, furrow_error *err) FURROW_MUST_USE;
bool furrow_deadletter_counted(const furrow_msg *reply, const char *service, const char *stream, uint64_t *count);

/* Takes the letter @sequence of the stream away; *was_there false: there is none (any more). Needs an operator's
 * rights. Parks. */
furrow_status furrow_deadletter_remove(furrow_link *link, uint64_t sequence, uint64_t deadline_ns, bool *was_there,
                                       furrow_error *err) FURROW_MUST_USE;

#endif
