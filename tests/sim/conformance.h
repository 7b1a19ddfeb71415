/**
 * What conformance.c needs of a world: conformance_sim.c gives it the simulated servers, conformance_real.c real ones.
 * There is a stream THING (subjects conf.Thing.*, two messages of each kept) with the durables "one" and "two", a Redis
 * with furrow.lua, and a task.
 */
#ifndef FURROW_SIM_CONFORMANCE_H
#define FURROW_SIM_CONFORMANCE_H

#include "link/jetstream.h"
#include "store/record.h"

typedef struct conformance_world {
    furrow_loop *loop;
    furrow_link *link;
    furrow_store *store;
} conformance_world;

#define CONFORMANCE_STREAM   "THING"
#define CONFORMANCE_SUBJECTS "conf.Thing.*"

/* Prints what happens when @seed decides what is done, in a task of @world. */
void conformance_run(conformance_world *world, uint64_t seed);

#endif
