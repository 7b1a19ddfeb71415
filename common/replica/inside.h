/**
 * The inside of a replica, shared by its parts and by nobody else:
 *   replica.c  life cycle and the public getters     apply.c   events -> records: the intake, its batches and workers
 *   look.c     what there is, for the keeper to judge
 *   keeper.c   the state machine, one task           repair.c  lease, clearing and side reads
 *   react.c    pending reactions -> the handler      wait.c    who waits for a version
 *   redo.c     what is in the dead letters, once more   age.c  how old the records are
 *   auditor.c  compares records with the log, slowly
 *   steward.c  who else keeps the table, in what shape  beside.c  events by own reading, not through the durable
 *   lost.c     is what was delivered in somebody's hands?
 *   owner.c    what only owners do: bad events put right    loss.c  a log that lost something
 * All run on the loop's thread; every task of a replica is counted in `tasks`, and destroy waits for the last.
 */
#ifndef FURROW_REPLICA_INSIDE_H
#define FURROW_REPLICA_INSIDE_H

#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "link/deadletter.h"
#include "replica/replica.h"
#include "replica/verdict.h"
#include "store/generation.h"
#include "store/trust.h"
#include "wire/projection.h"

#define FURROW_REPLICA_WORKERS 8    /* batches of FURROW_RECORD_BATCH events on their way to Redis at once */
#define FURROW_REPLICA_TICK_MS 1000 /* how often a ready replica looks after its marker and stores its position */

/* Until when one question to NATS may take. */
static inline uint64_t furrow_replica_soon(void)
{
    return furrow_clock_in_ms(5000);
}

static inline uint64_t furrow_larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#define FURROW_REPLICA_COUNTED 1024 /* dead letters of which it is known that they were counted */

#define FURROW_PEERS_MAX 64 /* other processes of the service that are told apart */
#define FURROW_PEER_DEAD 10 /* looks at a process that says nothing new, a second apart: it is gone */

typedef struct furrow_intake_batch furrow_intake_batch;
typedef struct furrow_reactor furrow_reactor;
typedef struct furrow_version_waiter furrow_version_waiter;
typedef struct furrow_age_waiter furrow_age_waiter;

typedef enum furrow_phase {
    FURROW_PHASE_CONNECT,
    FURROW_PHASE_ASSESS,
    FURROW_PHASE_LEASE,
    FURROW_PHASE_RESTORE,
    FURROW_PHASE_CLEAR,
    FURROW_PHASE_REPLAY,
    FURROW_PHASE_FOLLOW,
    FURROW_PHASE_GUARD,
} furrow_phase;

/* The messages between the pull and the workers, and the workers' batches. */
typedef struct furrow_intake {
    furrow_js_pull *pull; /* NULL while closed */
    furrow_msg **ring;    /* received, not yet in a batch */
    size_t capacity, head, queued;
    furrow_intake_batch *idle; /* batches without a worker */
    size_t working;            /* workers alive */
    size_t in_hand;            /* received and not yet settled */
    bool discarding;           /* what is in hand goes back to the log unapplied */
    uint64_t links;            /* reconnects to NATS when it was opened: what came before another is not applied */
    uint64_t last_pending;     /* what the server still had when it sent the newest message */
} furrow_intake;

/* Another process of the service that keeps the table, as we see it. */
typedef struct furrow_peer {
    char instance[FURROW_ID_MAX + 1], word[48]; /* what it said last */
    int generation;
    unsigned still;    /* looks a second apart, and in a row, at which it said nothing new */
    uint64_t still_ns; /* when the last of them was */
    uint64_t heard;    /* the look at which it last did */
    size_t in_hand;    /* as it says */
    bool ready, gone, listed;
} furrow_peer;

/* The generations of the table (store/generation.h), and how events come into ours. */
typedef struct furrow_beside {
    bool durable;          /* through the durable; else by own reading, as an owner always does */
    bool leads;            /* ours is the generation whose the durable is: reactions run in it */
    bool heir;             /* it is, but what the durable had delivered before has to be read first */
    uint64_t announced_ns; /* since when others can know that we serve; 0: we do not */
    bool alone;            /* no other generation is kept */
    bool served;           /* we have served, or may: others know */
    uint64_t word;         /* how often we have said that we are there */
    uint64_t looks;        /* at what the others say */
    furrow_peer peers[FURROW_PEERS_MAX];
    size_t peer_count;
    bool on, reading;         /* wanted; its task lives */
    uint64_t reached;         /* own reading has applied all up to here */
    bool hurried;             /* somebody waits: what is not applied is not given time to be */
    uint64_t settled;         /* of an owner: what is not applied up to here is not on its way any more */
    uint64_t end_seq, end_ns; /* where the log ended, and when; soon enough it is what has settled */
    furrow_waiter *sleeper, *steward;
} furrow_beside;

/* What the durable says of what it delivered, look by look. */
typedef struct furrow_lost {
    uint64_t delivered_seq, floor_seq, ack_pending, received;
    unsigned looks;      /* in a row at which nothing of it moved, and somebody may have lost something */
    uint64_t since;      /* the look at the others before the first of them */
    uint64_t floor_ns;   /* when the floor was first seen where it is */
    uint64_t lingers_ns; /* until then the durable may hold back what was read aside */
} furrow_lost;

struct furrow_replica {
    furrow_link *link;
    furrow_store *store;
    furrow_loop *loop;
    furrow_table *table;
    furrow_projection *projection;
    furrow_replica_options options; /* service and instance are our copies */
    furrow_table_options about;     /* what the table was made of; lent to it */
    const char *entity, *stream;
    char shape[33];
    furrow_rules rules;

    furrow_intake intake;
    furrow_intake_batch *side; /* the side reader's batch */

    /* keeper.c */
    furrow_phase phase;
    furrow_replica_state state;
    furrow_waiter *sleeper; /* the keeper, while it pauses */
    bool woken, keeping;
    bool settled; /* has been ready in this process */
    bool behind;  /* what is acknowledged may be missing in Redis: the durable has to bring it first */
    furrow_table_guard guard;
    uint64_t doubted_ns;        /* since when the records are in doubt */
    char build[FURROW_ID_SIZE]; /* that our writes belong to; "": none */
    furrow_marker marker;       /* as we last read or wrote it */
    furrow_sight sight;         /* what the last look saw */
    furrow_js_consumer_state consumer;
    uint64_t generation, moment; /* of the store's connection and of the table, at the last look */
    uint64_t looked_links;       /* reconnects to NATS, plus 1, at the last look */
    uint64_t evictions;          /* of Redis, when a build was last condemned for them */
    uint64_t goal;               /* ready when all up to here is applied */
    uint64_t floor;              /* the newest proof of it */
    uint64_t replay_from;
    furrow_lost lost;
    unsigned starved;    /* looks in a row at which the durable left events out */
    bool deserted;       /* there is no durable */
    uint64_t astray_seq; /* up to here it tells of a log that is no more; 0: it does not */
    furrow_beside beside;
    furrow_backoff trouble;

    /* loss.c */
    furrow_verdict_kind verdict; /* of the last look that was judged */
    uint64_t judged;             /* looks that were */
    bool told;                   /* somebody has said what to do about what the log lost: */
    furrow_loss_mode told_mode;  /* this */
    char restored[160];          /* what the last restore came to, or "" */

    /* repair.c */
    bool leased, lease_lost;
    char repair[FURROW_ID_SIZE]; /* the identity of our repair, by which it holds the lease */
    furrow_waiter *lease_sleeper;

    furrow_reactor *reactor;
    furrow_waiter *auditor; /* auditor.c, while it pauses */
    furrow_audit audit;
    furrow_version_waiter *waiters;
    size_t waiter_count;

    /* age.c */
    uint64_t proven_ns; /* when nothing was missing for certain; 0: never yet */
    bool probing, probe_failed;
    char probe_why[200]; /* why the last probe failed, or "" */
    furrow_age_waiter *age_waiters;

    furrow_link_watch link_watch;
    furrow_store_watch store_watch;
    size_t tasks;
    furrow_waiter *last_task; /* destroy, waiting for it */
    bool started, draining, stopping;

    bool current;      /* nothing was missing when we last looked */
    uint64_t known_ns; /* when that was true for the last time */
    furrow_replica_stats stats;
    char text[320];                           /* what the state machine says */
    char notice[256];                         /* what people should know even of a ready replica, or "" */
    uint64_t counted[FURROW_REPLICA_COUNTED]; /* dead letters: sequence + 1; the oldest goes first */
    size_t counted_next;
    char failure[256]; /* of the last reaction that failed, or "" */
    char letter[640];  /* the reason of the last dead letter, or "" */
    char described[640];
};

/* replica.c */
furrow_status furrow_replica_spawn(furrow_replica *replica, furrow_task_fn *fn, void *arg,
                                   furrow_error *err) FURROW_MUST_USE;
void furrow_replica_task_ended(furrow_replica *replica);
void furrow_replica_set_current(furrow_replica *replica, bool current);
/* Parks the caller in *@slot until somebody wakes it there, @ms pass or the replica stops. */
void furrow_replica_rest(furrow_replica *replica, furrow_waiter **slot, uint64_t ms);
void furrow_replica_rouse(furrow_waiter **slot);

/* furrow_replica_unpack on the replica's own behalf: no call of the service's asked for it. */
furrow_status furrow_replica_unpack_state(furrow_replica *replica, const char *id, const furrow_record *record,
                                          furrow_arena *arena, ProtobufCMessage **out,
                                          furrow_error *err) FURROW_MUST_USE;

/* Into the dead letters, whose reason people are told; service and stream are filled in. Parks. */
furrow_status furrow_replica_bury(furrow_replica *replica, furrow_deadletter letter, furrow_error *err) FURROW_MUST_USE;
/* Tells people of a letter. */
void furrow_replica_note_letter(furrow_replica *replica, const furrow_js_stored *event, const char *reason);
/* Is this the first time that one is counted for @sequence? Remembers so many as are likely to come again. */
bool furrow_replica_is_first_letter(furrow_replica *replica, uint64_t sequence);

/*
 * look.c. A whole look, after which sight, marker and consumer say what there is, and moment, generation and looked_links
 * since when; at the consumer alone; and whether that has left events out, look after look.
 */
furrow_status furrow_look(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_look_at_consumer(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
void furrow_look_for_starvation(furrow_replica *replica);
/* Of the newest version, if a command of ours wrote it, the marker learns when the log, which goes on to @log_end, took it. */
furrow_status furrow_look_date_newest(furrow_replica *replica, uint64_t log_end, furrow_error *err) FURROW_MUST_USE;
/* Is the log still the one that was looked at? And are both it and Redis? UNAVAILABLE: which of them was lost. */
bool furrow_look_knows_log(const furrow_replica *replica);
furrow_status furrow_look_is_undisturbed(const furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;

/* keeper.c: from now on what is written belongs to the build of the marker. */
void furrow_replica_adopt(furrow_replica *replica);
/* The log that was looked at last has all that Redis knows of it: it may be written to. */
void furrow_replica_know_log(furrow_replica *replica);
/* The task, and a nudge to look now. */
void furrow_replica_keep(void *arg);
void furrow_replica_nudge(furrow_replica *replica);
/* Stores the position once more, if the replica is ready: when it drains. */
void furrow_replica_keep_position(furrow_replica *replica);
void furrow_replica_say(furrow_replica *replica, const char *format, ...) FURROW_PRINTF(2, 3);

/* apply.c */
furrow_status furrow_intake_init(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
void furrow_intake_fini(furrow_replica *replica);
furrow_status furrow_intake_open(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
/* Returns what is in hand to the log unapplied and waits (parked) for the workers. */
void furrow_intake_close(furrow_replica *replica);
/* Starts workers for what is queued, if any could not be started before. */
void furrow_intake_pump(furrow_replica *replica);
/* Applies events of the side reader, which keeps them. Fails when Redis is away: the reader goes on later. */
furrow_status furrow_intake_replay(furrow_replica *replica, const furrow_js_stored *events, size_t count,
                                   furrow_error *err) FURROW_MUST_USE;

/* Applies @event now, with nothing but its outcome: INVALID_ARGUMENT when it is no state that can be applied, else what
 * Redis says. Whatever is newer stays. */
furrow_status furrow_intake_apply_one(furrow_replica *replica, const furrow_js_stored *event,
                                      furrow_error *err) FURROW_MUST_USE;

/* The same in place of whatever is stored, unless that is newer. */
furrow_status furrow_intake_rewrite(furrow_replica *replica, const furrow_js_stored *event,
                                    furrow_error *err) FURROW_MUST_USE;

/*
 * owner.c. An own entity's event was no state: the last good state goes on top of the log again, unless a newer one is
 * there. OK too where there is none to go back to: people are told. Else the event must come again.
 */
furrow_status furrow_owner_restore(furrow_replica *replica, const furrow_js_stored *event,
                                   furrow_error *err) FURROW_MUST_USE;

/* Own entities among @writes that were deleted: what Redis remembers of them goes too. */
furrow_status furrow_owner_forget(furrow_replica *replica, const furrow_record_write writes[], size_t count,
                                  furrow_error *err) FURROW_MUST_USE;

/* repair.c. lease: are we the one process that repairs? Keeps it until release. */
furrow_status furrow_repair_lease(furrow_replica *replica, bool *held, furrow_error *err) FURROW_MUST_USE;
void furrow_repair_release(furrow_replica *replica);
/* The build that is there may have lost records to a Redis that evicts: from here on it is one that was not finished. */
furrow_status furrow_repair_condemn(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
/* Begins a build of our own and empties the table for it: from then on Redis refuses what belongs to another. */
furrow_status furrow_repair_clear(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
/* Reads events (from, to] again into the table. *@from follows, so that what was done is done even on failure. */
furrow_status furrow_repair_read(furrow_replica *replica, uint64_t *from, uint64_t to,
                                 furrow_error *err) FURROW_MUST_USE;
/* Moves the stored marker on, if it still is the one we know; *@moved false: somebody or something changed it. */
furrow_status furrow_repair_mark(furrow_replica *replica, uint64_t position, const char *run_id, bool *moved,
                                 furrow_error *err) FURROW_MUST_USE;

/*
 * steward.c. The task that says every second that we are there, and sees who else is; a generation that nobody keeps any
 * more it ends and clears away. claim: takes our place among the generations, and says how events come into it.
 */
void furrow_steward_keep(void *arg);
furrow_status furrow_steward_claim(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
bool furrow_steward_may_serve(const furrow_replica *replica);
void furrow_steward_release(furrow_replica *replica, uint64_t deadline_ns);
/* How much the others of our generation have in hand that may live. */
size_t furrow_steward_in_hands(furrow_replica *replica);
/* Have all of those said so after our look number @since at them? */
bool furrow_steward_heard_all(furrow_replica *replica, uint64_t since);
/* Asks NATS whether some of them are gone; parks. */
void furrow_steward_ask(furrow_replica *replica);
/* Parks until generations that others serve from have @version of @id, as a rule some milliseconds. */
void furrow_steward_spread(furrow_replica *replica, const char *id, uint64_t version);

/* beside.c. Opens the way by which events come now, and closes the other. */
furrow_status furrow_feed_open(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
void furrow_feed_close(furrow_replica *replica);
void furrow_beside_stop(furrow_replica *replica);
/* Somebody waits for what own reading may bring: it looks at once. */
void furrow_beside_hurry(furrow_replica *replica);

/* lost.c. Has something that the durable delivered been in nobody's hands for @looks looks in a row? */
bool furrow_lost_is(furrow_replica *replica, uint64_t floor, unsigned looks);
/* It was read aside. */
void furrow_lost_settled(furrow_replica *replica);

/* auditor.c: the task. */
void furrow_auditor_run(void *arg);

/* react.c */
furrow_status furrow_reactor_start(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
void furrow_reactor_wake(furrow_replica *replica);
void furrow_reactor_destroy(furrow_replica *replica);

/* wait.c */
void furrow_replica_arrived(furrow_replica *replica, const furrow_record_write writes[], size_t count);

#endif
