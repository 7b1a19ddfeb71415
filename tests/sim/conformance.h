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

/* What is done next, as the seed decides: a number below @below, a word, one of a few subjects. Texts live until the next. */
uint64_t conformance_draw(uint64_t below);
const char *conformance_text(const char *format, ...) FURROW_PRINTF(1, 2);
const char *conformance_word(void);
const char *conformance_subject(void);
void conformance_print_bytes(furrow_bytes text);
extern conformance_world *conformance_servers;
extern furrow_arena *conformance_arena;

/* conformance_redis.c: each does one thing to Redis and prints it; the steps of furrow.lua as the store calls them. */
void conformance_string(void);
void conformance_hash(void);
void conformance_list(void);
void conformance_sorted(void);
void conformance_lex(void);
void conformance_keys(void);
void conformance_remember(void);
void conformance_records(furrow_table *table);
void conformance_marker(furrow_table *table);

/* Prints what happens when @seed decides what is done, in a task of @world. */
void conformance_run(conformance_world *world, uint64_t seed);

#endif
