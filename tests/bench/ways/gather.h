/**
 * A cache with a time limit in front of an owner, with single-flight and a bounded queue of what is to be asked: the
 * machinery of the hybrid way, without any I/O.
 *
 * An id is known until its time limit; else whoever asks waits, and the first of them puts the id into the queue.
 * Somebody takes ids off the queue, many at once, asks the owner, and tells what came: all who wait for an id get the
 * one answer.
 *
 *   absent -ask-> wanted -take-> asked -found-> known -time limit, then ask-> wanted
 *                                asked -failed-> absent (nobody learns anything from a failure but who waits)
 *
 * That an entity does not exist is known like any other state of it. Of more than max_known the one that was not asked
 * for longest goes. Threads: one at a time.
 */
#ifndef FURROW_WAYS_GATHER_H
#define FURROW_WAYS_GATHER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/task.h"

typedef struct gather gather;

typedef struct gather_options {
    uint64_t ttl_ns;
    size_t max_known;  /* entries that are kept */
    size_t max_wanted; /* in the queue: back-pressure */
} gather_options;

/* NULL: out of memory. */
gather *gather_create(const gather_options *options);
void gather_destroy(gather *all);

/* Who asks, and what becomes of it. */
typedef struct gather_place {
    furrow_arena *arena; /* of the answer to who waited */
    furrow_waiter waiter;
    furrow_status status;
    furrow_error err;
    furrow_bytes value; /* none, and version 0: there is no such entity */
    uint64_t version;
    struct gather_entry *entry; /* whose answer is awaited */
    struct gather_place *next;
} gather_place;

typedef enum gather_outcome {
    GATHER_KNOWN, /* value and version are set; the value is lent until the next call of any function here */
    GATHER_WAIT,  /* until the place's waiter is done; gather_leave if not */
    GATHER_FULL,  /* the queue is */
} gather_outcome;
gather_outcome gather_ask(gather *all, const char *id, uint64_t now_ns, gather_place *place);
void gather_leave(gather_place *place);

/* Takes at most @max ids off the queue. For each found or failed must follow; they are
 * lent until the first of these calls. */
size_t gather_take(gather *all, const char *ids[], size_t max);
size_t gather_wanted(const gather *all);

/* The answer about @id: copied. @version 0: there is no such entity. An id that was not taken is passed over. */
void gather_found(gather *all, const char *id, furrow_bytes value, uint64_t version, uint64_t now_ns);
void gather_failed(gather *all, const char *id, furrow_status status, const furrow_error *err);

#endif
