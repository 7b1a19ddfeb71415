/**
 * The entities and replicas of the mesh, and all that the services' domains do with their states: for fuzz_events.c.
 */
#ifndef FURROW_TEST_FUZZ_EVENTS_H
#define FURROW_TEST_FUZZ_EVENTS_H

#include "fuzz.h"
#include "log/entity.h"

/* When and how a decision is asked for. */
typedef struct events_moment {
    uint8_t pick;
} events_moment;

typedef struct events_kind {
    const furrow_entity_contract *entity;
    furrow_rules_fn *rules;
    /* Decides on a good state all that can be decided; requires that each next state is good, too. */
    void (*use)(furrow_entity *entity, const ProtobufCMessage *state, events_moment moment, furrow_arena *arena);
} events_kind;

typedef struct events_replica {
    const furrow_replica_contract *replica;
    furrow_rules_fn *rules;
    void (*use)(const ProtobufCMessage *state, events_moment moment, furrow_arena *arena);
} events_replica;

/* Both end with an empty one. */
extern const events_kind events_kinds[];
extern const events_replica events_kept[];

#endif
