/**
 * Admission: which request begins now, which one queues for a place, and which one is refused. For common/rpc only.
 * Pure: whoever calls says what time it is.
 *
 *   arrives --(a place is free)--> runs --> ends
 *      \--(none)--> queue --(a place is free)--> runs
 *                      \--(it is full: the oldest; it has waited too long)--> refused
 *
 * Places adapt: `limit`, between floor and most, falls when calls take more than SLOW times as long as they do when the
 * service is calm, and rises when the queue could use more places and calls are not slow. What is usual is measured for
 * each method by itself. More calls at once than a service can work on only make each of them slower; but what takes a
 * dozen milliseconds is never called slow, since calls that wait for the log and for Redis share their batches, and the
 * more of them there are, the cheaper each is. Where a turn of the loop brings so many requests that refusing them is
 * most of what it does, a part of them begins whatever the limit: else a service that is swamped would do nothing but
 * refuse. That is of cheap calls: of others, refusing is never most of the work, and more at once only take longer.
 *
 * The queue takes what comes in bursts: first come, first served, up to `most` calls with those that run. Once it was
 * full, or somebody has waited for patience_ns in vain, the service is overloaded, until it has refused nobody for
 * CALM_NS. Then the newest goes first and nobody waits longer than HASTE_NS: of requests that cannot all be done it
 * does those whose callers have waited least, and tells the others while they can still do something about it.
 */
#ifndef FURROW_RPC_ADMISSION_H
#define FURROW_RPC_ADMISSION_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FURROW_ADMISSION_HASTE_MS 20  /* the longest wait in the queue of an overloaded service */
#define FURROW_ADMISSION_CALM_MS  100 /* without a refusal until it is not overloaded any more */
#define FURROW_ADMISSION_PART     4   /* of what a turn brings, one in so many begins in any case … */
#define FURROW_ADMISSION_SWAMP_NS (40 * FURROW_NS_PER_MS) /* … as long as one after the other they took no longer */

/* A request in the queue. */
typedef struct furrow_queued {
    void *served;
    size_t method;
    void *msg;
    uint64_t arrival_ns;
} furrow_queued;

/* How long calls of one method take when few run, and how much memory its reads (share.c); 0: not known. */
typedef struct furrow_pace {
    uint64_t usual_ns;
    size_t bytes;
    bool tried; /* one of its reads has begun */
} furrow_pace;

typedef struct furrow_admission {
    size_t floor, most; /* bounds of limit */
    size_t limit, running;
    size_t arrived, swamp; /* requests in this turn of the loop; calls that begin because of those of the last one */
    uint64_t patience_ns;
    furrow_queued *ring; /* `most` places, the oldest at head */
    size_t head, queued;
    uint64_t overloaded_until_ns;
    size_t samples;              /* calls that ended since the limit was looked at, */
    uint64_t spent_ns, usual_ns; /* what they took, and would usually have */
    bool wanted;                 /* and whether somebody had to queue meanwhile */
    uint64_t typical_ns;         /* what one of them would usually have taken; 0: not known */
} furrow_admission;

/* False when out of memory. */
bool furrow_admission_init(furrow_admission *admission, size_t floor, size_t most, uint64_t patience_ns);
void furrow_admission_fini(furrow_admission *admission);

static inline bool furrow_admission_overloaded(const furrow_admission *admission, uint64_t now_ns)
{
    return now_ns < admission->overloaded_until_ns;
}

/* Calls that may run now. */
static inline size_t furrow_admission_places(const furrow_admission *admission)
{
    return admission->swamp > admission->limit ? admission->swamp : admission->limit;
}

/* Another turn begins to bring requests. */
static inline void furrow_admission_turn(furrow_admission *admission)
{
    size_t part = admission->arrived / FURROW_ADMISSION_PART, most = admission->most;
    if (admission->typical_ns * most > FURROW_ADMISSION_SWAMP_NS)
        most = FURROW_ADMISSION_SWAMP_NS / admission->typical_ns;
    admission->swamp = part < most ? part : most;
    admission->arrived = 0;
}

/* May a request that arrives now begin at once? Then running is the caller's to count. */
static inline bool furrow_admission_free(const furrow_admission *admission, uint64_t now_ns)
{
    return admission->running < furrow_admission_places(admission) &&
           (admission->queued == 0 || furrow_admission_overloaded(admission, now_ns));
}

/* Takes @request into the queue. True when somebody must be refused for it: *refused, which may be itself. */
bool furrow_admission_queue(furrow_admission *admission, const furrow_queued *request, uint64_t now_ns,
                            furrow_queued *refused);

/* The next that may begin. */
bool furrow_admission_next(furrow_admission *admission, uint64_t now_ns, furrow_queued *next);

/* The next that has waited too long. */
bool furrow_admission_tired(furrow_admission *admission, uint64_t now_ns, furrow_queued *refused);

/* A call has ended that took @spent_ns from its place on. @company: calls that ran when it began and when it ended. */
void furrow_admission_measure(furrow_admission *admission, furrow_pace *pace, uint64_t spent_ns, size_t company);

#endif
