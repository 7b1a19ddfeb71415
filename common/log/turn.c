/*
 * See turn.h. Everything lies on the stacks of the tasks; who ends hands the queue to its first.
 *
 * Deadlock: a task can only be waited for in a circle if it has a turn already, since it waits for one at a time and
 * does its nested writes in order. So who has one looks, before it waits, whether the one it would wait for waits for
 * it: from a turn's holder to what that task waits for, to the holder of that, and so on. A circle can only be closed
 * by who begins to wait, so this look is enough. May depend on base, store.
 */
#include "log/turn.h"

#include "base/clock.h"
#include "base/hash.h"

#include <string.h>

#define RIVALRY_TURNS 64

static furrow_turn **bucket_of(furrow_turns *turns, const char *id)
{
    uint64_t hash = furrow_hash_quick(FURROW_HASH_QUICK, furrow_bytes_of(id));
    return &turns->buckets[(hash ^ hash >> 32) % FURROW_TURNS_BUCKETS];
}

/* Where the one that has the turn for @id is linked in; points to NULL at the end when there is none. */
static furrow_turn **find_holder(furrow_turns *turns, const char *id)
{
    furrow_turn **at = bucket_of(turns, id);
    while (*at && strcmp((*at)->id, id) != 0) at = &(*at)->next;
    return at;
}

static void join_queue(furrow_turn *holder, furrow_turn *turn)
{
    turn->ahead = holder->last;
    if (holder->last)
        holder->last->after = turn;
    else
        holder->queue = turn;
    holder->last = turn;
    turn->turns->waiting++;
}

static void leave_queue(furrow_turn *holder, furrow_turn *turn)
{
    if (turn->ahead)
        turn->ahead->after = turn->after;
    else
        holder->queue = turn->after;
    if (turn->after)
        turn->after->ahead = turn->ahead;
    else
        holder->last = turn->ahead;
    turn->turns->waiting--;
}

/* A task's turns are nested: the innermost is what it does now, or waits for. */
static void enter_turn(furrow_turn *turn)
{
    void **innermost = furrow_task_slot();
    turn->outer = *innermost;
    if (turn->outer) turn->outer->inner = turn;
    *innermost = turn;
}

static void leave_turn(furrow_turn *turn)
{
    void **innermost = furrow_task_slot();
    FURROW_ASSERT(*innermost == turn);
    if (turn->outer) turn->outer->inner = NULL;
    *innermost = turn->outer;
}

/* Does the task of @holder wait, by way of others or not, for the running one? */
static bool waits_for_us(furrow_turn *holder)
{
    const furrow_turn *ours = *furrow_task_slot();
    while (ours) {
        furrow_turn *innermost = holder;
        while (innermost->inner) innermost = innermost->inner;
        if (innermost == ours) return true;
        if (!innermost->waits) return false;
        holder = *find_holder(innermost->turns, innermost->id);
    }
    return false;
}

static furrow_status wait_in_queue(furrow_turn *turn, furrow_turn *holder, uint64_t deadline_ns, furrow_error *err)
{
    furrow_turns *turns = turn->turns;
    if (turns->waiting >= turns->max_waiting)
        return furrow_fail_busy(err, FURROW_RETRY_MS, "%zu writers wait already, as many as allowed; try again",
                                turns->waiting);
    turn->waited = turn->waits = true;
    join_queue(holder, turn);
    turn->has = furrow_wait_aside(&turn->waiter, deadline_ns);
    if (turn->has) return FURROW_OK;
    turn->waits = false;
    leave_queue(*find_holder(turns, turn->id), turn);
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED,
                       "%zu others are still waiting to write %s, or the one whose turn it is has not ended; nothing "
                       "was written",
                       turns->waiting, turn->id);
}

furrow_status furrow_turn_take(furrow_turns *turns, furrow_turn *turn, const char *id, furrow_arena *arena,
                               uint64_t deadline_ns, furrow_error *err)
{
    furrow_turn **at = find_holder(turns, id);
    *turn = (furrow_turn){.turns = turns, .id = id, .arena = arena, .waiter = furrow_waiter_make()};
    turn->came = ++turns->clock;
    bool circle = *at && waits_for_us(*at);
    enter_turn(turn);
    if (!*at) {
        *at = turn;
        turn->has = true;
    }
    if (turn->has || circle) return FURROW_OK;
    furrow_status status = wait_in_queue(turn, *at, deadline_ns, err);
    if (status != FURROW_OK) leave_turn(turn);
    return status;
}

void furrow_turn_publishing(furrow_turn *turn)
{
    turn->published = ++turn->turns->clock;
}

void furrow_turn_met_rival(furrow_turn *turn)
{
    turn->rivalry = RIVALRY_TURNS;
}

/* While there is a rival, what we know is soon old, and who is handed it would win each time: he asks the log, too. */
static void hand_over_turn(furrow_turn *turn, furrow_turn *heir, const furrow_turn_state *state)
{
    if (turn->rivalry > 0) {
        heir->rivalry = turn->rivalry - 1;
        return;
    }
    if (!state || !state->known) return;
    heir->handed = *state;
    heir->handed.fresh = state->fresh && heir->came < turn->published;
    /* Its ack may have been late: another process can have written since, and the heir have been asked after that. */
    heir->handed.sure = state->sure && heir->handed.fresh;
    furrow_bytes *body = &heir->handed.record.body;
    if (body->len == 0) return;
    body->data = furrow_arena_memdup(heir->arena, body->data, body->len);
    heir->handed.known = body->data != NULL;
}

static void pass_on(furrow_turn *turn, const furrow_turn_state *state)
{
    furrow_turn **at = find_holder(turn->turns, turn->id), *heir = turn->queue;
    if (!heir) {
        *at = turn->next;
        return;
    }
    leave_queue(turn, heir);
    heir->queue = turn->queue;
    heir->last = turn->last;
    heir->next = turn->next;
    heir->waits = false;
    *at = heir;
    hand_over_turn(turn, heir, state);
    furrow_waiter_done(&heir->waiter);
}

void furrow_turn_give(furrow_turn *turn, const furrow_turn_state *state)
{
    if (turn->given) return;
    turn->given = true;
    leave_turn(turn);
    if (turn->has) pass_on(turn, state);
}
