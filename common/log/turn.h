/**
 * Turns: tasks of one loop that write the same entity do it one after the other, first come first served, each waiting
 * until its deadline. Private to log.
 *
 *   take --(nobody has it)--> has ---------------------> give (the state handed to the next in the queue)
 *     \--> queue --(given)--/ ^
 *             \--(deadline)--> nothing was written: DEADLINE_EXCEEDED
 *
 * Who gives the turn leaves the state it wrote, or found, to the next one, in memory: a queue moves on by one round
 * trip to the log a writer and reads nothing.
 *
 * Not a lock: a write within another's decision may have to wait for a task that waits for us. Then it goes ahead
 * without its turn, and the expected sequence decides between them, as it does between processes.
 */
#ifndef FURROW_LOG_TURN_H
#define FURROW_LOG_TURN_H

#include "base/arena.h"
#include "base/task.h"
#include "store/record.h"

#include <stdbool.h>
#include <stdint.h>

#define FURROW_TURNS_BUCKETS 256

typedef struct furrow_turns furrow_turns;

/* What is known of an entity when a turn is given. */
typedef struct furrow_turn_state {
    furrow_record record; /* not found: nothing is known, or there is none */
    bool known;
    bool sure;  /* acked by the log or read there, and handed over only if fresh; else Redis said so */
    bool fresh; /* acked; handed over only if it was after the next one had come */
} furrow_turn_state;

typedef struct furrow_turn {
    furrow_turns *turns;
    const char *id;
    furrow_arena *arena;               /* where what is handed over is copied to */
    struct furrow_turn *next;          /* in the bucket while it has the turn */
    struct furrow_turn *after, *ahead; /* in the queue while it waits */
    struct furrow_turn *queue, *last;  /* who waits for it to end */
    struct furrow_turn *outer, *inner; /* other turns of the same task: its writes are nested in this order */
    furrow_waiter waiter;
    uint64_t came, published; /* by turns->clock */
    unsigned rivalry;         /* another process writes it as well: so many turns more read the log first */
    bool has, waits, waited, given;
    furrow_turn_state handed;
} furrow_turn;

struct furrow_turns {
    furrow_turn *buckets[FURROW_TURNS_BUCKETS]; /* those who have a turn */
    uint64_t clock;
    size_t waiting, max_waiting;
};

/*
 * @turn, @id and @arena are lent until give. OK: it has the turn, or must do without (see above).
 * Errors: DEADLINE_EXCEEDED (still not its turn), RESOURCE_EXHAUSTED at once, with a retry delay (max_waiting wait
 * already). Nothing was written, and there is nothing to give.
 */
furrow_status furrow_turn_take(furrow_turns *turns, furrow_turn *turn, const char *id, furrow_arena *arena,
                               uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

/* A publish begins whose ack will be what is handed over. */
void furrow_turn_publishing(furrow_turn *turn);

/* The log has another event than ours: somebody else writes this entity. */
void furrow_turn_met_rival(furrow_turn *turn);

/* Ends it; a second time does nothing. @state may be NULL and is copied. */
void furrow_turn_give(furrow_turn *turn, const furrow_turn_state *state);

#endif
