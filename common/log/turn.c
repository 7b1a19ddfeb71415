/* See turn.h. Everything lies on the stacks of the tasks; who ends hands the queue to its first. May depend on base. */
#include "log/turn.h"

#include "base/clock.h"

#include <string.h>

static furrow_turn **bucket_of(furrow_turns *turns, const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *id; id++) hash = (hash ^ (uint8_t)*id) * 16777619u;
    return &turns->buckets[(hash ^ hash >> 16) % FURROW_TURNS_BUCKETS];
}

/* Where the one that has the turn for @id is linked in; points to NULL at the end when there is none. */
static furrow_turn **find(furrow_turns *turns, const char *id)
{
    furrow_turn **at = bucket_of(turns, id);
    while (*at && strcmp((*at)->id, id) != 0) at = &(*at)->next;
    return at;
}

static void join_queue(furrow_turn *holder, furrow_turn *turn)
{
    if (holder->queue) {
        holder->last->next = turn;
    } else {
        holder->queue = turn;
    }
    holder->last = turn;
}

static void leave_queue(furrow_turn *holder, const furrow_turn *turn)
{
    furrow_turn **at = &holder->queue, *before = NULL;
    for (; *at && *at != turn; at = &(*at)->next) before = *at;
    if (!*at) return;
    *at = turn->next;
    if (holder->last == turn) holder->last = before;
}

static uint64_t patience(uint64_t deadline_ns)
{
    uint64_t wait = furrow_clock_now_ns() + FURROW_TURN_WAIT_MS * FURROW_NS_PER_MS;
    return wait < deadline_ns ? wait : deadline_ns;
}

bool furrow_turn_take(furrow_turns *turns, furrow_turn *turn, const char *id, uint64_t deadline_ns)
{
    furrow_turn **at = find(turns, id);
    *turn = (furrow_turn){.id = id, .waiter = furrow_waiter_make()};
    if (!*at) {
        *at = turn;
        turn->has = true;
        return false;
    }
    join_queue(*at, turn);
    turn->has = furrow_wait(&turn->waiter, patience(deadline_ns));
    if (!turn->has) leave_queue(*find(turns, id), turn);
    return true;
}

void furrow_turn_give(furrow_turns *turns, furrow_turn *turn)
{
    if (!turn->has) return;
    furrow_turn **at = find(turns, turn->id), *heir = turn->queue;
    if (!heir) {
        *at = turn->next;
        return;
    }
    heir->queue = heir->next;
    heir->last = heir->queue ? turn->last : NULL;
    heir->next = turn->next;
    *at = heir;
    furrow_waiter_done(&heir->waiter);
}
