/**
 * Many states in one round trip, for methods that are written by hand: whatever a decision needs to know is asked for
 * first, read at once and all of one moment, and then taken. The generated <stem>.access.h calls these with types.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_GATHER_H
#define FURROW_RUNTIME_GATHER_H

#include "runtime/listing.h"
#include "runtime/service.h"

#define FURROW_GATHER_MAX 16

/* Of whom a state is asked for. */
typedef union furrow_gather_source {
    furrow_entity *entity;
    furrow_replica *replica;
} furrow_gather_source;

/* What is asked for. Ids are lent until it is read for the last time. */
typedef struct furrow_gather {
    furrow_service *service;
    furrow_record_read reads[FURROW_GATHER_MAX];
    furrow_gather_source sources[FURROW_GATHER_MAX]; /* of the reads */
    size_t count;
    furrow_record_ids listed; /* one listing beside them; table NULL: none */
} furrow_gather;

void furrow_gather_init(furrow_gather *gather, furrow_service *service);

/* One more; the result names it when it is taken. It is a bug to ask for more than FURROW_GATHER_MAX. */
size_t furrow_gather_entity(furrow_gather *gather, const furrow_entity_contract *contract, const char *id);
size_t furrow_gather_replica(furrow_gather *gather, const furrow_replica_contract *contract, const char *id);

/* Along with at least one state of the same entity: the first @limit ids that @index has under @value. */
void furrow_gather_ids(furrow_gather *gather, const furrow_entity_contract *contract, const char *index,
                       furrow_bytes value, size_t limit);

/* Reads all of it, again if it was read before. Parks. UNAVAILABLE while Redis is away or a table in doubt. */
furrow_status furrow_gather_read(furrow_gather *gather, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/* The ids that were listed; next is NULL whether there are more or not. */
static inline furrow_ids furrow_gather_listed(const furrow_gather *gather)
{
    return (furrow_ids){.ids = gather->listed.ids, .count = gather->listed.count};
}

/* What was read, @which of an entity or of a replica. None: *out has no message, or is NULL. DATA_LOSS: it breaks its
 * rules. */
furrow_status furrow_gather_state(const furrow_gather *gather, size_t which, furrow_arena *arena, furrow_state *out,
                                  furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_gather_kept(const furrow_gather *gather, size_t which, furrow_arena *arena, ProtobufCMessage **out,
                                 furrow_error *err) FURROW_MUST_USE;

#endif
