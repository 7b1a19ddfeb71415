/**
 * How the bare consumer of the comparison finds out, in each way but from replicas: the same requests to the owners in
 * the same order as facts_regular.c and facts_hybrid.c, the same cache, single-flight and batches, and no Furrow code.
 * Depends on nats.c and messages as protobuf-c makes them. Threads: one.
 */
#ifndef FURROW_WAYS_BARE_FACTS_H
#define FURROW_WAYS_BARE_FACTS_H

#include "bare.h"

#include <stdint.h>

enum { BARE_EMPLOYEE, BARE_JOB, BARE_LOCATION, BARE_KINDS };

typedef enum bare_way { BARE_SEQUENTIAL, BARE_PARALLEL, BARE_HYBRID, BARE_REPLICA, BARE_WAYS } bare_way;
extern const char *const bare_way_names[BARE_WAYS];

/* One command's. */
typedef struct bare_inquiry {
    size_t number; /* of it, for reply subjects; set once */
    char ids[BARE_KINDS][64];
    uint64_t versions[BARE_KINDS];
    int missing;                           /* answers that have not come */
    struct bare_inquiry *next[BARE_KINDS]; /* among those that wait for the same */
} bare_inquiry;

typedef struct bare_facts bare_facts;

/* @fn is called when the last answer about one of @inquiries has come. What is wrong ends the program. */
bare_facts *bare_facts_create(bare_nats *nats, bare_way way, bare_inquiry *(*inquiry_of)(void *arg, size_t number),
                              void (*fn)(void *arg, bare_inquiry *inquiry), void *arg);

/* Begins; true: all is known at once, and @fn is not called. */
bool bare_facts_ask(bare_facts *self, bare_inquiry *inquiry);

/* Takes what has come, and sends the batches that this turn has gathered. */
void bare_facts_turn(bare_facts *self);

/* May somebody work on what this packed state says? Ends the program when it is none. */
bool bare_facts_good(int kind, const uint8_t *state, size_t len);

#endif
