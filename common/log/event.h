/**
 * One event: its CloudEvents headers (binary mode, with the extension for distributed tracing), its publish with an
 * expected sequence, and the settling of an unknown outcome. Private to log.
 */
#ifndef FURROW_LOG_EVENT_H
#define FURROW_LOG_EVENT_H

#include "log/write.h"

#define FURROW_EVENT_ACK_MS   2000 /* without an ack for so long the outcome is looked up */
#define FURROW_EVENT_TYPE_MAX 192

typedef struct furrow_event {
    const char *subject;
    furrow_bytes body;       /* empty: a tombstone */
    uint64_t expected;       /* version it follows; 0: none */
    const char *type;        /* ce-type */
    const char *by;          /* whose command it is, or "" */
    const char *msg_id;      /* or NULL */
    const char *commands;    /* the window of a tombstone, or NULL */
    int64_t happened_ns;     /* ce-time; 0: now */
    bool regardless;         /* of whether the log is known: by who restores it */
    char id[FURROW_ID_SIZE]; /* ce-id; made by publish */
} furrow_event;

/**
 * Publishes @event. On OK ack->sequence is the version it has, unless ack->duplicate: then a message of the same msg_id
 * is there, which may be this very event (compare its ce-id).
 *
 * Errors: ABORTED (another wrote after `expected`; this event is not and never will be in the log), UNAVAILABLE and
 * other refusals (nothing was written), DEADLINE_EXCEEDED (it may have been written).
 */
furrow_status furrow_event_publish(furrow_entity *entity, furrow_event *event, uint64_t deadline_ns,
                                   furrow_js_puback *ack, furrow_error *err) FURROW_MUST_USE;

/*
 * When what leads from @before to @after (NULL: none) happened: as @after says, where it has a field updated_at that moved
 * on with it; else now, but not before what @before says. So one entity's times are in order, whatever the clocks of
 * those who write it say, if its own are (runtime/timestamp.h). 0: neither says anything.
 */
int64_t furrow_event_moment(const furrow_entity *entity, const ProtobufCMessage *before, const ProtobufCMessage *after);

/* Is @stored the event of this id? */
bool furrow_event_is(const furrow_js_stored *stored, const char *id, furrow_arena *arena);

#endif
