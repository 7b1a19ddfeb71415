/**
 * A replica: keeps in Redis the declared fields of every entity of a stream, through a durable pull consumer. A
 * service's own entities are kept by the same code, whole.
 *
 * Fetch, apply and ack overlap: batches are projected and applied each in a task, acked only after Redis has answered.
 * An event that cannot be applied (bad bytes, wrong subject, id not its subject's, empty but no deletion) goes to the
 * dead letters with its reason, the record stays as it was and the rest flows on; Redis being away is not such a
 * reason: nothing is acked, all waits.
 *
 * Health: README.md beside this file has the protocol. The marker in Redis says whose the records are, in what shape, of
 * which log, up to which position and for which process of Redis they hold. What contradicts it:
 *
 * - no marker: the table is cleared and rebuilt. What another shape has is kept beside, under keys of its own
 *   (store/generation.h): old and new programs serve side by side.
 * - another log, or one that went back: cleared, too. But an own entity is never wiped: it publishes again what the log
 *   lost, or is not ready until somebody says what to do (loss.h).
 * - another run of Redis: a side reader replays what may have been lost. The shared durable is never rewound.
 * - the consumer is missing: it serves what it has, and says so; it grows old until the provisioner comes.
 * - the stream is missing: not ready, says so, waits for the provisioner.
 *
 * Records are read only after all that was found right, and as long as nothing has happened since: another process that
 * builds, a Redis or a log that was away. Who reads in between waits a moment (store/trust.h). One process of the service
 * repairs at a time. What was delivered to a connection or a process that died is read aside as soon as that is certain,
 * not after the server's ack wait; what is only slow is not.
 *
 * State: WAITING (no stream or Redis; or somebody must decide) -> CATCHING_UP (replay, or behind where the log was at
 * the start) -> READY. A lost NATS keeps READY for reads but age_ns grows, and so does a consumer that was deleted; so
 * does a doubt for a second; what needs more goes back.
 *
 * Threads: the loop's.
 */
#ifndef FURROW_REPLICA_REPLICA_H
#define FURROW_REPLICA_REPLICA_H

#include "link/jetstream.h"
#include "store/record.h"
#include "wire/contract.h"
#include "wire/rules.h"

typedef struct furrow_replica furrow_replica;

typedef enum furrow_replica_state {
    FURROW_REPLICA_WAITING,
    FURROW_REPLICA_CATCHING_UP,
    FURROW_REPLICA_READY
} furrow_replica_state;

/* A change, in the arena of the reaction. At least once, in order per entity, intermediate states may be skipped. */
typedef struct furrow_change {
    const char *id;
    /* NULL: did not exist / was deleted; before also when it broke the rules, so that nobody can have used it, and of a
     * record that was built anew, of which nobody knows what was reacted to */
    const ProtobufCMessage *before, *now;
    uint64_t version; /* of now */
} furrow_change;
/*
 * Runs in a task, may park and write entities; what it writes and calls carries on the trace of the event that brought
 * the change, the newest one. Other than OK: tried again with back-off, while it may pass (UNAVAILABLE,
 * FAILED_PRECONDITION, …) for reaction_patience_ms. What will not (DATA_LOSS, INVALID_ARGUMENT, INTERNAL, NOT_FOUND,
 * ALREADY_EXISTS, OUT_OF_RANGE, UNIMPLEMENTED) is tried FURROW_REACTION_TRIES times. Then it is parked: a dead letter
 * without a body says why. The reaction runs again with the entity's next change, and without one when the letter is
 * replayed (furrow_replica_redo), when a process of the service is ready for the first time, and every parked_retry_ms
 * from then on (64 of them at most), with `before` NULL: until it returns OK.
 */
#define FURROW_REACTION_TRIES 5
#define FURROW_REACTIONS_MAX  256
typedef furrow_status furrow_react_fn(void *user, const furrow_change *change, furrow_arena *arena, furrow_error *err);

/*
 * The owner's answer to an event that is no state: makes sure that the newest message of the entity @id in the log is
 * one. Runs in a task, may park. DATA_LOSS: there is none to go back to. Else than OK: asked again.
 */
typedef furrow_status furrow_restore_fn(void *user, const furrow_entity_contract *own, const char *id,
                                        furrow_error *err);

/* Has the process @instance of the service ended, for certain? One that only does not answer has not. Parks. */
typedef bool furrow_is_gone_fn(void *user, const char *instance);

/* What an owner does when its log lost something that its Redis holds (loss.h). A stream that was made anew is restored
 * only when somebody says so (furrow_replica_restore): it may be another log. */
typedef enum furrow_loss_mode {
    FURROW_LOSS_RESTORE, /* publishes it again, by itself */
    FURROW_LOSS_WAIT,    /* is not ready until somebody decides */
    FURROW_LOSS_ACCEPT,  /* takes the log for the truth */
} furrow_loss_mode;

/* Of the log as it was: the newest version that Redis knew, the newest whose time is known, and that time; and after
 * which sequence it is restored. */
typedef struct furrow_loss_log {
    uint64_t newest, dated;
    int64_t dated_ns;
    uint64_t since;
} furrow_loss_log;
typedef struct furrow_rescued {
    bool published, superseded; /* superseded: the log's own state stays in force */
    uint64_t version;           /* superseded: under which the record's state can be looked at */
} furrow_rescued;
/* The owner's answer to a record that the log may have lost: publishes it again, unless the log has it or a newer state.
 * A record that is not found was deleted longer ago than Redis remembers. Runs in a task, may park, and be done again. */
typedef furrow_status furrow_republish_fn(void *user, const furrow_entity_contract *own, const char *id,
                                          const furrow_record *record, const furrow_loss_log *log, furrow_rescued *out,
                                          furrow_error *err);

typedef struct furrow_replica_options {
    const char *service;                     /* the consuming service's short name: the durable's name */
    const char *instance;                    /* unique id of this process, for leases */
    const furrow_replica_contract *contract; /* a foreign entity… */
    const furrow_entity_contract *own;       /* …or an own one (exactly one of the two) */
    furrow_react_fn *react;                  /* or NULL */
    furrow_rules_fn *rules;                  /* what every state satisfies, before anybody here uses it; or NULL */
    furrow_restore_fn *restore;              /* of an own entity; or NULL */
    furrow_is_gone_fn *is_gone;              /* or NULL: after ten seconds of silence it is */
    furrow_republish_fn *republish;          /* of an own entity; NULL: what is lost waits for somebody */
    furrow_loss_mode loss;                   /* of an own entity */
    void *user;
    size_t batch;                  /* events a pull asks for; 0: 1000 */
    size_t max_in_hand;            /* events fetched and not yet acked; 0: 4000 */
    size_t max_waiting;            /* calls of furrow_replica_wait at once; 0: 4096 */
    size_t max_reactions;          /* handlers of reactions that run at once, up to FURROW_REACTIONS_MAX; 0: 32 */
    uint64_t reaction_patience_ms; /* with one that fails for a reason that may pass; 0: an hour */
    uint64_t parked_retry_ms;      /* between two looks after parked reactions; 0: 30000 */
    uint64_t audit_rate;           /* events and records a second that are compared in the background; 0: none */
    uint64_t audit_pause_ms;       /* between the end of one such audit and the next; 0: 60000 */
} furrow_replica_options;

furrow_replica *furrow_replica_create(furrow_link *link, furrow_store *store, const furrow_replica_options *options,
                                      furrow_error *err);
furrow_table *furrow_replica_table(const furrow_replica *replica);
furrow_status furrow_replica_start(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;

/* Stops pulling and waits (parked) until what is in hand is applied and acked, or the deadline: the rest is returned
 * with a nak. */
void furrow_replica_drain(furrow_replica *replica, uint64_t deadline_ns);
/* In a task, once started: waits (parked) for the tasks of the replica, each of which ends within seconds; handlers of
 * reactions end when they do. NULL is fine. */
void furrow_replica_destroy(furrow_replica *replica);

furrow_replica_state furrow_replica_state_of(const furrow_replica *replica);
/* What people should look at although it may be ready: a reaction that fails, a dead letter that cannot be stored. "":
 * nothing. */
const char *furrow_replica_notice(const furrow_replica *replica);
/* For people: "waiting for stream EMPLOYEE: not found; run furrow provision", "catching up 120000/1000000", "ready". */
const char *furrow_replica_describe(furrow_replica *replica);

typedef struct furrow_replica_stats {
    uint64_t received, applied, stale, dead_lettered, replayed, reactions, reaction_failures;
    uint64_t event_bytes;        /* bodies of what was received and replayed */
    uint64_t reads;              /* records that were looked up for calls: get, and unpack of what was read in bulk */
    uint64_t parked;             /* reactions that were parked, each with a dead letter, by this process or before */
    uint64_t position, goal;     /* last stored; ready when all up to goal is applied */
    uint64_t age_ns;             /* since we last knew that nothing was missing; 0 when current */
    size_t waiting, waiting_max; /* calls of furrow_replica_wait, and how many there may be */
} furrow_replica_stats;
void furrow_replica_stats_of(const furrow_replica *replica, furrow_replica_stats *out);

/*
 * The background audit (auditor.c): is each record what the log says? One process of the service is at it at a time.
 * A round compares every event of the log with its record and index entries, then every record with its event. What does
 * not fit is looked at again for some seconds before it counts.
 */
typedef struct furrow_audit {
    int64_t ended_ns;   /* wall clock, of the last whole round of this process; 0: none yet. Of it: */
    uint64_t sequence;  /* where the log ended when it began */
    uint64_t records;   /* that were compared */
    uint64_t wrong;     /* that differed */
    char first[320];    /* "<id>: <how it differs>", or "" */
    uint64_t found;     /* since the process began */
    char last[320];     /* the latest of those */
    uint64_t found_now; /* in the round that goes on */
} furrow_audit;
void furrow_replica_audited(const furrow_replica *replica, furrow_audit *out);

/* Of the last dead letter of this process, an event's or a reaction's: "<subject>: <reason>"; "" when there was none.
 */
const char *furrow_replica_last_letter(const furrow_replica *replica);
/* What the last restore of the log by this process came to; "" when there was none. */
const char *furrow_replica_restored(const furrow_replica *replica);
/* Of the last reaction that failed in this process: "<id>: <status>: <text>"; "" when none did. */
const char *furrow_replica_last_failure(const furrow_replica *replica);

/* Parks until the record @id has at least @version or the replica's position has passed it. @epoch: of the log that the
 * version is of (wire/epoch.h); 0: not known. DEADLINE_EXCEEDED; RESOURCE_EXHAUSTED at once when max_waiting do;
 * FAILED_PRECONDITION at once when that log is no more. */
furrow_status furrow_replica_wait(furrow_replica *replica, const char *id, uint64_t version, int64_t epoch,
                                  uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

/*
 * Are the records at most @max_ns old: did they hold all that the log had at some moment since? *age_ns, which is set in
 * any case, says how old they are known to be; UINT64_MAX: not known. When they may be older, the log is asked, until
 * @deadline_ns at most; with 0 nothing is waited for, but the asking begins. An idle log's replica is young, and so is
 * one whose newest events are still on their way. Records that were whole after @since_ns, when the request came, are
 * young enough for any @max_ns. Parks.
 *
 * Errors: UNAVAILABLE says how old they are, and why.
 */
furrow_status furrow_replica_freshen(furrow_replica *replica, uint64_t since_ns, uint64_t max_ns, uint64_t deadline_ns,
                                     uint64_t *age_ns, furrow_error *err) FURROW_MUST_USE;

/*
 * Somebody decides what an owner that waits because of its log is to do: restore it, or @accept the loss. *needed false:
 * nothing is amiss. It is begun when this returns, and the replica is ready when it is done. Parks.
 *
 * Errors: FAILED_PRECONDITION (no own entity), UNAVAILABLE (it could not be looked at).
 */
furrow_status furrow_replica_restore(furrow_replica *replica, bool accept, bool *needed, uint64_t deadline_ns,
                                     furrow_error *err) FURROW_MUST_USE;

/*
 * Does again what went to the dead letters, after its cause is mended: applies the newest state of @subject, or leaves
 * what is newer, and makes the reaction to it pending, with no `before`, if it was a @reaction. *version: of that state.
 * Any number of times, from any process. Parks.
 *
 * Errors: FAILED_PRECONDITION (it still cannot be applied, and why; there is no such reaction), NOT_FOUND (the log has
 * nothing of it), INVALID_ARGUMENT (no subject of this entity), UNAVAILABLE (not ready), those of the log and of Redis.
 */
furrow_status furrow_replica_redo(furrow_replica *replica, const char *subject, bool reaction, uint64_t deadline_ns,
                                  uint64_t *version, furrow_error *err) FURROW_MUST_USE;

/*
 * Builds the table anew from the log: when this returns OK it has begun, and the replica is not ready until it is done.
 * Parks. Errors: UNAVAILABLE (not ready).
 */
furrow_status furrow_replica_rebuild(furrow_replica *replica, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;
/*
 * Puts the newest state of @subject in the place of what is stored of it, unless that is newer. Parks. Errors: NOT_FOUND
 * (the log has nothing of it), INVALID_ARGUMENT (no subject of this entity, or no state), UNAVAILABLE (not ready).
 */
furrow_status furrow_replica_reread(furrow_replica *replica, const char *subject, uint64_t deadline_ns,
                                    uint64_t *version, furrow_error *err) FURROW_MUST_USE;

/* Reads a record as its (subset) message; *out NULL when it does not exist or is deleted. DATA_LOSS when it is no such
 * message or breaks the rules: then this entity cannot be used, and all others can. */
furrow_status furrow_replica_get(furrow_replica *replica, const char *id, furrow_arena *arena, ProtobufCMessage **out,
                                 uint64_t *version, furrow_error *err) FURROW_MUST_USE;
/* Unpacks the record of @id that was read in bulk; as above. */
furrow_status furrow_replica_unpack(furrow_replica *replica, const char *id, const furrow_record *record,
                                    furrow_arena *arena, ProtobufCMessage **out, furrow_error *err) FURROW_MUST_USE;

#endif
