/**
 * Turns: tasks of one loop that write the same entity do it one after the other. Private to log.
 *
 * Not a lock: after a bounded wait a task goes ahead without its turn, so writes that wait for each other crosswise go
 * on too, and the expected sequence decides between them.
 */
#ifndef FURROW_LOG_TURN_H
#define FURROW_LOG_TURN_H

#include "base/task.h"

#include <stdbool.h>
#include <stdint.h>

#define FURROW_TURNS_BUCKETS 256
#define FURROW_TURN_WAIT_MS  500

typedef struct furrow_turn {
    const char *id;
    struct furrow_turn *next;         /* in the bucket while it has the turn, in the queue while it waits */
    struct furrow_turn *queue, *last; /* who waits for it to end, first come first */
    furrow_waiter waiter;
    bool has;
} furrow_turn;

typedef struct furrow_turns {
    furrow_turn *buckets[FURROW_TURNS_BUCKETS]; /* those who have a turn */
} furrow_turns;

/* @turn and @id are lent until give. True when it had to wait: what was read before may be old. */
bool furrow_turn_take(furrow_turns *turns, furrow_turn *turn, const char *id, uint64_t deadline_ns);
void furrow_turn_give(furrow_turns *turns, furrow_turn *turn);

#endif
