/**
 * The entity log: the write path. One durable write (the event in JetStream), then the owner's own record in Redis.
 *
 *   load       the record from Redis (fast), or from the log when asked (true)
 *   decide     the caller's pure function: from the current state to the next one
 *   publish    the whole new state with expected sequence and message id; the ack's sequence is the new version
 *   apply      the same versioned upsert the replicas use; after the ack the answer is OK whatever Redis does
 *
 * A wrong-sequence answer reloads from the log and decides again, at most FURROW_ENTITY_ATTEMPTS times, then ABORTED. An unknown outcome
 * (lost ack, broken connection) is settled by publishing again under the same id and expectation and by comparing the newest
 * message's id with ours; past the deadline DEADLINE_EXCEEDED.
 *
 * Idempotency: with a key in the command the message id is hash(method, key) and the entity's event carries the last
 * FURROW_ENTITY_COMMANDS command hashes (header Furrow-Commands): a repeated command is answered from the state it made,
 * the same key with another request is INVALID_ARGUMENT.
 *
 * Events: subject <entity>.<id>, body the entity's bytes (empty: deleted), CloudEvents headers in binary mode, traceparent.
 * Private fields: sealed before publish, see seal.h.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_ENTITY_H
#define FURROW_LOG_ENTITY_H

#include "link/jetstream.h"
#include "store/record.h"
#include "wire/command.h"

#define FURROW_ENTITY_ATTEMPTS 8
#define FURROW_ENTITY_COMMANDS 16

typedef struct furrow_entity furrow_entity;

typedef struct furrow_entity_options {
    const furrow_entity_contract *contract;
    furrow_link *link;
    furrow_table *table; /* of the own records; shared with the owner's replica of itself */
    const char *service; /* ce-source: "/<service>" */
} furrow_entity_options;
furrow_entity *furrow_entity_create(const furrow_entity_options *options, furrow_error *err);
void furrow_entity_destroy(furrow_entity *entity);
const furrow_entity_contract *furrow_entity_about(const furrow_entity *entity);
furrow_table *furrow_entity_table(const furrow_entity *entity);

/* A state of an entity, in the arena it was read into. */
typedef struct furrow_state {
    ProtobufCMessage *message; /* NULL: does not exist, or deleted */
    uint64_t version;          /* 0: never existed */
    bool deleted;
} furrow_state;

/* From Redis. A missing entity is OK with message NULL. UNAVAILABLE while Redis is away. */
furrow_status furrow_entity_load(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out, furrow_error *err)
    FURROW_MUST_USE;
/* The newest state in the log. */
furrow_status furrow_entity_load_log(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out, furrow_error *err)
    FURROW_MUST_USE;
/* Unpacks a record that was read in bulk (furrow_record_read_many) into a state. */
furrow_status furrow_entity_unpack(furrow_entity *entity, const furrow_record *record, furrow_arena *arena, furrow_state *out,
                                   furrow_error *err) FURROW_MUST_USE;

/* What a decision came to. */
typedef struct furrow_decision {
    ProtobufCMessage *next; /* the whole new state; its id field equals the entity's id. NULL with `remove` false: nothing to write */
    bool remove;            /* write a tombstone */
    const char *event;      /* past tense, last part of ce-type: "hired" */
} furrow_decision;

/**
 * From @current to a decision, in @arena; any status other than OK ends the command with it. May be called several times with newer
 * states, so it must be pure but for @arena and @arg. May park (to read replicas).
 */
typedef furrow_status furrow_decide_fn(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out, furrow_error *err);

typedef struct furrow_write {
    const char *id;
    const furrow_command *command;   /* deadline, idempotency, trace */
    const furrow_state *known;       /* the state already read in bulk, or NULL: load it */
    bool from_log;                   /* start from the newest state of the log instead of Redis */
    furrow_decide_fn *decide;
    void *arg;
} furrow_write;

/* The outcome: the state now in force (what was written, or what a repeated command wrote before, or unchanged). */
typedef struct furrow_written {
    furrow_state state;
    bool wrote;    /* by this very call */
    bool repeated; /* this command took effect before */
    char subject[FURROW_SUBJECT_MAX];
} furrow_written;

furrow_status furrow_entity_write(furrow_entity *entity, const furrow_write *write, furrow_arena *arena, furrow_written *out,
                                  furrow_error *err) FURROW_MUST_USE;

/* The id a create gets: derived from the command's key when it has one (so a retry finds the first), else a fresh ULID. */
void furrow_entity_new_id(const furrow_command *command, char out[FURROW_ID_SIZE]);

/* Publishes a tombstone with expected sequence 0, so that nobody can create @id any more with that expectation: a fence.
 * ALREADY_EXISTS when the entity has a state. */
furrow_status furrow_entity_fence(furrow_entity *entity, const char *id, const furrow_command *command, furrow_error *err) FURROW_MUST_USE;

#endif
