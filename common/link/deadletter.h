/**
 * Dead letters: an event that a replica cannot apply is kept with its reason on deadletter.<service>.<STREAM> (stream
 * DEADLETTER), so that the rest flows on and somebody can look and replay.
 * Headers: Furrow-Reason, Furrow-Stream, Furrow-Sequence, Furrow-Subject, and the event's own. There is no body: it may
 * tell of somebody more than the replica may keep, and must not outlive an erasure. It is in its stream under its
 * sequence until newer states push it out; who replays needs the newest state anyway. So a reason names fields, never
 * their values.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LINK_DEADLETTER_H
#define FURROW_LINK_DEADLETTER_H

#include "link/jetstream.h"

/* Parks until it is stored (the same event is stored once: its message id follows from service, stream and sequence).
 */
furrow_status furrow_deadletter_put(furrow_link *link, const char *service, const furrow_js_stored *event,
                                    const char *stream, const char *reason, uint64_t deadline_ns,
                                    furrow_error *err) FURROW_MUST_USE;

#endif
