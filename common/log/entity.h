/**
 * The entity log: the write path. One durable write (the event in JetStream), then the owner's own record in Redis.
 *
 *   load       the record from Redis (fast), or from the log when asked (true)
 *   decide     the caller's pure function: from the current state to the next one
 *   publish    the whole new state with expected sequence and message id; the ack's sequence is the new version
 *   apply      the same versioned upsert the replicas use; after the ack the answer is OK whatever Redis does, and
 *              waits at most FURROW_ENTITY_APPLY_MS for it: what is not applied then the owner's consumer applies
 *
 * A wrong-sequence answer reloads from the log and decides again, at most FURROW_ENTITY_ATTEMPTS times, then ABORTED.
 * An unknown outcome (lost ack, broken connection) is settled by looking who wrote the version after ours: with our
 * event id (ce-id) it is written, with another it is lost, and if nobody did the event is published again under the
 * same expectation, which makes that safe. Past the deadline DEADLINE_EXCEEDED. Without a deadline in the command
 * FURROW_ENTITY_TIMEOUT_MS applies.
 *
 * Writers of one entity within one process take turns, first come first served, each until its deadline; the next
 * begins with the state that the one before has just written. So they never meet each other in a conflict, however many
 * there are, and a busy entity takes one write per round trip to the log. Past max_waiting of them: RESOURCE_EXHAUSTED
 * at once, with a retry delay. What keeps versions in order is the expected sequence all the same: other processes
 * write, too, and what wrote within a decision that waits for us goes ahead.
 *
 * Idempotency: with a key in the command the message id is hash(command's key, subject) and the event carries the
 * hashes of the last FURROW_ENTITY_COMMANDS commands with a key, whichever they wrote: inside of the entity's bytes as
 * field 2047, which no entity may declare, and in a tombstone as header Furrow-Commands. See log/window.h. Whoever
 * reads a message sees none of it: unpacking takes it off into furrow_state.window, writing puts it back. A repeated
 * command is answered from the state it made while the log has it, else from the present one, or with NOT_FOUND if the
 * entity is deleted by now (unless it is what `removes`); the same key with another request is INVALID_ARGUMENT. One
 * command writes one entity once: a second write under the same key counts as repeated.
 *
 * Events: subject <entity>.<id>, body the entity's bytes, CloudEvents headers in binary mode, the trace of the task
 * that writes (wire/trace.h), also as CloudEvents' extension for it, and Furrow-By: whose command it was. An empty body
 * is a deletion only with those headers (wire/tombstone.h). ce-time is the state's updated_at, where it has one that
 * moved on with it, and never before the one it follows. Whatever else lies on the subject is no state: whoever
 * meets it here as the newest puts the last good one on top again and goes on from that.
 *
 * Rules: no state is handed to a decision that does not satisfy the entity's rules (wire/rules.h), whoever put it into
 * the log or into Redis, and none is written.
 *
 * Private fields: sealed by the caller before they get here, see seal.h; what does not look sealed is refused.
 *
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_LOG_ENTITY_H
#define FURROW_LOG_ENTITY_H

#include "base/secret.h"
#include "link/jetstream.h"
#include "store/record.h"
#include "wire/command.h"
#include "wire/rules.h"

#define FURROW_ENTITY_ATTEMPTS   16
#define FURROW_ENTITY_COMMANDS   8
#define FURROW_ENTITY_TIMEOUT_MS 10000
#define FURROW_ENTITY_APPLY_MS   250
#define FURROW_ENTITY_WAITING    1024 /* writers that wait for their turn, of all ids together */

typedef struct furrow_entity furrow_entity;

typedef struct furrow_entity_options {
    const furrow_entity_contract *contract;
    furrow_link *link;
    furrow_table *table;    /* of the own records; shared with the owner's replica of itself */
    const char *service;    /* ce-source: "/<service>" */
    furrow_rules_fn *rules; /* what every state satisfies: read ones are checked, and those to be written; or NULL */
    const furrow_secret *secret; /* lent; the ids of claims are hashed with it: only an entity of claims needs it */
    size_t max_waiting;          /* 0: FURROW_ENTITY_WAITING */
} furrow_entity_options;
/* The service's name is copied, the contract lent. INTERNAL when the contract's message has no `string id`. */
furrow_entity *furrow_entity_create(const furrow_entity_options *options, furrow_error *err);
void furrow_entity_destroy(furrow_entity *entity);
const furrow_entity_contract *furrow_entity_about(const furrow_entity *entity);
/* How many writers wait for their turn now. */
size_t furrow_entity_waiting(const furrow_entity *entity);
furrow_table *furrow_entity_table(const furrow_entity *entity);

/* A state of an entity, in the arena it was read into. */
typedef struct furrow_state {
    ProtobufCMessage *message; /* NULL: does not exist, or deleted */
    uint64_t version;          /* 0: never existed */
    bool deleted;
    furrow_bytes body;                  /* its bytes as they are stored; none when there is no message */
    const struct furrow_window *window; /* the log's own bookkeeping: goes with the state; NULL: none */
} furrow_state;

/* From Redis. A missing entity is OK with message NULL. UNAVAILABLE while Redis is away, DATA_LOSS when the record is
 * no such message or breaks the entity's rules. */
furrow_status furrow_entity_load(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                 furrow_error *err) FURROW_MUST_USE;
/* The newest state in the log. Where the newest message is no state of the entity (a stranger's bytes, an empty message
 * that is no deletion), the last good state is found and published again as the event "restored", by compare-and-set.
 * DATA_LOSS: none is left, in the log or in Redis. */
furrow_status furrow_entity_load_log(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                     furrow_error *err) FURROW_MUST_USE;
/* Unpacks the record of @id that was read in bulk (furrow_record_read_many) into a state. DATA_LOSS as above. */
furrow_status furrow_entity_unpack(furrow_entity *entity, const char *id, const furrow_record *record,
                                   furrow_arena *arena, furrow_state *out, furrow_error *err) FURROW_MUST_USE;
/* Does @state satisfy the rules of @entity? DATA_LOSS names entity, @version and rule, and says what to do; INTERNAL
 * for
 * @version 0, which is not written yet. Whatever is read or written here has passed it. */
furrow_status furrow_entity_check(const furrow_entity *entity, const char *id, uint64_t version,
                                  const ProtobufCMessage *state, furrow_error *err) FURROW_MUST_USE;

/* What a decision came to. */
typedef struct furrow_decision {
    /* The whole new state; its id field equals the entity's id. NULL with `remove` false: nothing to write. */
    ProtobufCMessage *next;
    bool remove; /* write a tombstone */
    /* Past tense, last part of ce-type: "hired"; NULL: "changed". A tombstone's gets ".deleted" unless it is that. */
    const char *event;
} furrow_decision;

/**
 * From @current to a decision, in @arena; any status other than OK ends the command with it. May be called several
 * times with newer states, so it must be pure but for @arena and @arg. May park (to read replicas).
 */
typedef furrow_status furrow_decide_fn(void *arg, const furrow_state *current, furrow_arena *arena,
                                       furrow_decision *out, furrow_error *err);

typedef struct furrow_write {
    const char *id;
    const furrow_command *command; /* deadline, idempotency, whose */
    const furrow_state *known;     /* the state already read in bulk, or NULL: load it */
    bool from_log;                 /* start from the newest state of the log instead of Redis */
    bool removes;                  /* the decision deletes: a deletion answers it when it is repeated */
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

/**
 * One command on one entity. Parks.
 *
 * Errors: whatever @decide says; INVALID_ARGUMENT (wrong id, key used for another request, too large); UNAVAILABLE
 * (Redis could not be read or NATS not be reached: nothing was written); ABORTED (other processes kept changing the
 * entity); RESOURCE_EXHAUSTED (too many wait to write); DEADLINE_EXCEEDED (it may have been written, unless the text
 * says that it was not); DATA_LOSS (the present state breaks the entity's rules); INTERNAL (@decide made something that
 * is not this entity, or breaks its rules).
 */
furrow_status furrow_entity_write(furrow_entity *entity, const furrow_write *write, furrow_arena *arena,
                                  furrow_written *out, furrow_error *err) FURROW_MUST_USE;

/* What an erasure came to. */
typedef struct furrow_erased {
    furrow_written written; /* as the deletion itself */
    uint32_t states;        /* earlier messages of the entity that the log held, and holds no more */
} furrow_erased;

/**
 * A deletion that leaves nothing behind: as furrow_entity_write, whose decision deletes; then, if the entity is deleted
 * (now or from before), tombstones push out every earlier state that the log keeps of it, and Redis holds neither its
 * record nor results that were remembered of it. OK says that nothing is left. May be asked again, and must be after an
 * error: it finishes what was begun. Parks.
 *
 * What it cannot reach: bytes that nats-server or Redis have let go of but not yet overwritten on disk, and backups.
 *
 * Errors: those of furrow_entity_write; UNAVAILABLE with "not all of it is erased yet" (it is deleted already).
 */
furrow_status furrow_entity_erase(furrow_entity *entity, const furrow_write *write, furrow_arena *arena,
                                  furrow_erased *out, furrow_error *err) FURROW_MUST_USE;

/* The id a create gets: derived from the command's key if it has one (so a retry finds the first), else a fresh ULID.
 */
void furrow_entity_new_id(const furrow_command *command, char out[FURROW_ID_SIZE]);

/* Publishes a tombstone with expected sequence 0, so that nobody can create @id any more with that expectation: a
 * fence. OK if there is a tombstone already; ALREADY_EXISTS when the entity has a state. */
furrow_status furrow_entity_fence(furrow_entity *entity, const char *id, const furrow_command *command,
                                  furrow_error *err) FURROW_MUST_USE;

#endif
