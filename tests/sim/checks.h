/** What the checks share: the world's streams and what stands in their events. */
#ifndef FURROW_SIM_CHECKS_H
#define FURROW_SIM_CHECKS_H

#include "world.h"

#define SIM_NO_STATE "\xff\xff\xff" /* what a bad event says */

/* The id at the end of an event's subject. */
const char *sim_id_of(const sim_message *event);
/* Its state, unpacked, in memory that stays; NULL: a deletion, or no such message. */
void *sim_unpack(const ProtobufCMessageDescriptor *descriptor, const sim_message *event);

/* The totals of one table: begin, add the newest state of each entity as it is kept, then what is wrong, or "". */
void sim_sums_begin(void);
void sim_sums_add(furrow_table *table, const char *id, furrow_bytes kept, furrow_arena *arena);
const char *sim_sums_wrong(furrow_table *table);

#endif
