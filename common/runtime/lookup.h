/**
 * Many of a service's own entities by their ids, for BatchGet methods (AIP-231): ids checked, records read in one round
 * trip, unpacked. Unlike AIP-231, one that does not exist fails nobody else's: its id is told instead.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_LOOKUP_H
#define FURROW_RUNTIME_LOOKUP_H

#include "log/entity.h"

#define FURROW_LOOKUP_MAX 1000 /* ids of one request */

/* All of it in the order of the ids, in the arena; an id that is asked for twice is answered twice. */
typedef struct furrow_lookup {
    furrow_state *states; /* those that exist, without the log's bookkeeping */
    size_t count;
    char **missing_ids; /* never existed, or deleted */
    size_t missing_count;
    char *
        *damaged_ids; /* their stored state breaks the rules of its entity: it is shown to nobody, and hides no other */
    size_t damaged_count;
} furrow_lookup;

/* INVALID_ARGUMENT names the field ("ids[3]") or says that there are none or too many; others as furrow_entity_load. */
furrow_status furrow_lookup_read(furrow_entity *entity, char *const ids[], size_t count, furrow_arena *arena,
                                 furrow_lookup *out, furrow_error *err) FURROW_MUST_USE;

#endif
