/**
 * "Give me these facts": what a clock-in needs to know of an employee, a job and a location of others. Behind it stand
 * the three ways of the comparison:
 *
 *   facts_sequential, facts_parallel   regular: each command asks the owners            facts_regular.c
 *   facts_hybrid                       a cache, single-flight, batches, a bounded queue  facts_hybrid.c
 *   facts_replica                      event-driven: what the crew keeps of them         facts_replica.c
 *
 * A command makes a `facts` on its stack, lets its source ask, reads its own records meanwhile, and takes what came:
 * who asks by NATS has its calls on their way while Redis is read, and who reads Redis shares that one round trip.
 * After ask take must follow, whatever else fails: calls in flight point here. Threads: the loop's, in a task.
 */
#ifndef FURROW_WAYS_FACTS_H
#define FURROW_WAYS_FACTS_H

#include "runtime/service.h"
#include "timesheet/v1/timesheet.pb-c.h"
#include "ways/gather.h"

enum { FACTS_EMPLOYEE, FACTS_JOB, FACTS_LOCATION, FACTS_KINDS };

#define FACTS_BATCH_MAX 256

/* Of the hybrid way. */
typedef struct facts_settings {
    const char *way;
    int64_t ttl_ms, cache_max, batch_max, batches, queue_max;
} facts_settings;
extern facts_settings facts_config;

typedef struct facts {
    furrow_call *call;
    furrow_arena *arena; /* of what is found */
    const char *ids[FACTS_KINDS];

    /* What is found, as timesheet's rules take it. Version 0: there is no such entity. */
    Timesheet__V1__Employee employee;
    Timesheet__V1__Job job;
    Timesheet__V1__Location location;
    uint64_t versions[FACTS_KINDS];

    /* Of the source that is finding out. */
    furrow_waiter waiter;
    size_t missing; /* answers that have not come */
    furrow_status statuses[FACTS_KINDS];
    furrow_error errors[FACTS_KINDS];
    furrow_record_read reads[FACTS_KINDS];
    gather_place places[FACTS_KINDS];
} facts;

typedef struct facts_source {
    const char *name; /* in WAYS_WAY */
    bool keeps;       /* it lives on replicas */
    /* Begins. The reads it returns (*count of them, those of @what) are to be done in the caller's round trip. */
    furrow_record_read *(*ask)(facts *what, size_t *count);
    /* Waits. Other than OK: not known, and why. */
    furrow_status (*take)(facts *what, furrow_error *err);
} facts_source;

extern const facts_source facts_sequential, facts_parallel, facts_hybrid, facts_replica;

/* From an owner's answer (EmployeeState, JobState, LocationState) to what timesheet's rules take of it, with strings in
 * the arena of @what. RESOURCE_EXHAUSTED; INTERNAL when there is no state in it. */
furrow_status facts_set(facts *what, int kind, const ProtobufCMessage *answer, furrow_error *err) FURROW_MUST_USE;

/* What is to be told to an owner of the command's deadline: 0 while that is the one which it assumes by itself. */
uint64_t facts_deadline(const facts *what);

#endif
