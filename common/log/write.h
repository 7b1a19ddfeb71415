/**
 * The inside of an entity, shared by entity.c (life and reading), write.c (the write path) and event.c (one event); and
 * what claims need of it beyond entity.h. Private to log.
 */
#ifndef FURROW_LOG_WRITE_H
#define FURROW_LOG_WRITE_H

#include "log/entity.h"
#include "log/turn.h"
#include "log/window.h"

#define FURROW_ENTITY_SOURCE_MAX 72
#define FURROW_ENTITY_LOG_BYTES  ((size_t)64 << 20) /* an arena that takes any message of the log */

struct furrow_entity {
    const furrow_entity_contract *contract;
    furrow_link *link;
    furrow_table *table;
    const furrow_secret *secret; /* or NULL */
    furrow_rules rules;
    furrow_turns turns;
    const ProtobufCFieldDescriptor *updated_at; /* a google.protobuf.Timestamp of this name, or NULL */
    char source[FURROW_ENTITY_SOURCE_MAX];      /* ce-source */
    int64_t time_ms;                            /* what `time` says: many events fall into one millisecond */
    char time[40];
};

/* The command's deadline; without one FURROW_ENTITY_TIMEOUT_MS from now. */
uint64_t furrow_entity_deadline(const furrow_command *command);

/* furrow_entity_load for who writes on it: where there is nothing, the write proves it (store/record.h, to_write). */
furrow_status furrow_entity_load_to_write(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                          furrow_error *err) FURROW_MUST_USE;

/* The state of @id that one message of the log holds. DATA_LOSS: it holds none, see restore.h. */
furrow_status furrow_entity_stored_state(furrow_entity *entity, const char *id, const furrow_js_stored *stored,
                                         furrow_arena *arena, furrow_state *out, furrow_error *err) FURROW_MUST_USE;

/* furrow_entity_load_log within @deadline_ns. A newest message that is no state is put right first (restore.h). */
furrow_status furrow_entity_newest(furrow_entity *entity, const char *id, uint64_t deadline_ns, furrow_arena *arena,
                                   furrow_state *out, furrow_error *err) FURROW_MUST_USE;

/* furrow_entity_write without waiting for a turn: for who writes an entity whose present writer may be waiting for him.
 */
furrow_status furrow_entity_write_now(furrow_entity *entity, const furrow_write *write, furrow_arena *arena,
                                      furrow_written *out, furrow_error *err) FURROW_MUST_USE;

#endif
