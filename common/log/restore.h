/**
 * What an entity's subject holds that is no state of it ("poison"), and how the entity goes on: the last good state is
 * found (in Redis, or among the earlier messages that the log still keeps) and published again on top, by
 * compare-and-set, as the event "restored". Private to log; furrow_entity_newest (write.h) does it by itself.
 *
 * Poison is: an empty message without the headers of a deletion (wire/tombstone.h), bytes that are no such message,
 * another entity's id, a state that breaks the rules of its kind.
 */
#ifndef FURROW_LOG_RESTORE_H
#define FURROW_LOG_RESTORE_H

#include "log/write.h"

/*
 * @poison is the newest message of @id's subject, @why what is wrong with it. On OK *out is the state now in force:
 * what was republished, or, where the entity never was, its absence at the version of the poison.
 *
 * Errors: ABORTED, DEADLINE_EXCEEDED (somebody may have written meanwhile: look again); UNAVAILABLE (Redis must be
 * asked and is away); DATA_LOSS (no good state is left anywhere).
 */
furrow_status furrow_restore(furrow_entity *entity, const char *id, const furrow_js_stored *poison,
                             const furrow_error *why, uint64_t deadline_ns, furrow_arena *arena, furrow_state *out,
                             furrow_error *err) FURROW_MUST_USE;

#endif
