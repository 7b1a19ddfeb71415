/*
 * The keeper: one task per replica that runs its state machine. Each phase is a step that does its work, may park, and
 * names the next phase; `phases` says what the world sees meanwhile and which steps may follow. README.md beside this
 * file has the protocol that it keeps.
 *
 *   CONNECT -> ASSESS -> FOLLOW -> GUARD           all is well
 *              ASSESS -> GUARD                     all still is, after a look because of a doubt
 *              ASSESS -> LEASE -> ASSESS           something must be repaired: by the process that holds the lease,
 *                                                  after another look
 *              ASSESS -> RESTORE -> ASSESS         an owner's log has lost something: loss.h
 *              ASSESS -> [CLEAR ->] REPLAY -> FOLLOW
 *                                  GUARD -> ASSESS | CONNECT
 *                                                  what it guards is in doubt, or no longer so | a part is gone
 *
 * CLEAR begins a build of its own and empties the table. REPLAY reads what may have been acked for a Redis that lost it:
 * up to what the durable had delivered once the present Redis was known; anything later is acked only after this Redis
 * has it. FOLLOW lets the durable bring the rest up to where the log was. Only a look at marker, log and consumer with
 * nothing amiss, and no doubt since it began, leads to GUARD, the resting phase, in which the records are trusted: it
 * stores the position and looks again every second, and at once when there is a doubt.
 */
#include "replica/inside.h"
#include "replica/loss.h"

#include <stdio.h>
#include <string.h>

#define POLL_MS    100 /* of the durable's progress while catching up */
#define LOST_LOOKS 2   /* a second apart, before what is in nobody's hands is read aside … */
#define LOST_POLLS 10  /* … and while catching up */

void furrow_replica_say(furrow_replica *replica, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(replica->text, sizeof replica->text, format, args);
    va_end(args);
    if (replica->table) furrow_table_explain(replica->table, replica->text); /* not yet while it is created */
}

void furrow_replica_nudge(furrow_replica *replica)
{
    replica->woken = true;
    furrow_replica_rouse(&replica->sleeper);
}

static void pause_ms(furrow_replica *replica, uint64_t ms)
{
    if (!replica->woken) furrow_replica_rest(replica, &replica->sleeper, ms);
    replica->woken = false;
}

static furrow_phase in_trouble(furrow_replica *replica, const furrow_error *err)
{
    furrow_repair_release(replica);
    furrow_replica_say(replica, err->code == FURROW_NOT_FOUND ? "waiting for %s" : "waiting: %s", err->text);
    pause_ms(replica, furrow_backoff_next_ms(&replica->trouble));
    return FURROW_PHASE_CONNECT;
}

/* From here on the marker is known to hold for this Redis, as far as this process is concerned. */
static void remember_marker(furrow_replica *replica)
{
    snprintf(replica->sight.seen_run_id, sizeof replica->sight.seen_run_id, "%s", replica->sight.run_id);
    snprintf(replica->sight.seen_tally, sizeof replica->sight.seen_tally, "%s", replica->sight.tally);
    replica->sight.seen_position = replica->stats.position = replica->marker.position;
}

void furrow_replica_adopt(furrow_replica *replica)
{
    snprintf(replica->build, sizeof replica->build, "%s", replica->marker.build);
    furrow_table_adopt(replica->table, replica->build);
    replica->behind = true;
}

/* What the records still miss may have to be put right in the log first (an event that is no state). */
void furrow_replica_know_log(furrow_replica *replica)
{
    if (furrow_look_knows_log(replica)) furrow_table_know_log(replica->table, true);
}

static bool is_adopted(const furrow_replica *replica)
{
    return replica->build[0] && strcmp(replica->build, replica->marker.build) == 0;
}

/* Has nothing happened since the last look began that could have made it old? */
static bool look_stands(const furrow_replica *replica)
{
    return furrow_table_moment(replica->table) == replica->moment &&
           furrow_store_generation(replica->store) == replica->generation &&
           furrow_store_evictions(replica->store) == replica->evictions && furrow_look_knows_log(replica);
}

/*
 * What was delivered before the log was away, or for another build, is not applied after it: it may be of a log that is
 * no more. It goes back unapplied, and the log brings what it still has.
 */
static void let_go_of_the_old(furrow_replica *replica)
{
    if (furrow_link_reconnects(replica->link) != replica->intake.links) furrow_intake_close(replica);
}

/* ---- the phases ---- */

/*
 * Of a build that was in a Redis that may evict, nobody knows what is gone: it must be followed by another. Whatever the
 * keeper is about then: a build that it is making is no better. An eviction that is seen only after the fact counts the
 * same. False: nothing has been evicted since, or the marker cannot be told.
 */
static bool condemn_evicted(furrow_replica *replica)
{
    uint64_t evictions = furrow_store_evictions(replica->store);
    if (evictions == replica->evictions) return false;
    furrow_table_doubt(replica->table, "Redis may have evicted some of them");
    if (furrow_repair_condemn(replica, NULL) != FURROW_OK) return false;
    replica->evictions = evictions;
    return true;
}

static furrow_phase wait_for_no_eviction(furrow_replica *replica)
{
    furrow_table_doubt(replica->table, "Redis may evict them");
    furrow_repair_release(replica);
    furrow_replica_say(replica, "waiting: Redis %s", furrow_store_refusal(replica->store));
    pause_ms(replica, FURROW_REPLICA_TICK_MS);
    return FURROW_PHASE_CONNECT;
}

static furrow_phase connect_step(furrow_replica *replica)
{
    if (!furrow_link_connected(replica->link)) {
        furrow_replica_say(replica, "waiting for NATS: %s", furrow_link_last_error(replica->link));
    } else if (!furrow_store_connected(replica->store)) {
        furrow_replica_say(replica, "waiting for Redis: %s", furrow_store_last_error(replica->store));
    } else if (furrow_store_evicts(replica->store)) {
        return wait_for_no_eviction(replica);
    } else {
        return FURROW_PHASE_ASSESS;
    }
    pause_ms(replica, FURROW_REPLICA_TICK_MS);
    return FURROW_PHASE_CONNECT;
}

/* All is as it should be, unless there was a doubt meanwhile. */
static furrow_phase begin_to_guard(furrow_replica *replica)
{
    if (!look_stands(replica)) return FURROW_PHASE_ASSESS;
    furrow_replica_know_log(replica);
    furrow_table_trust(replica->table, replica->generation);
    replica->behind = false;
    return FURROW_PHASE_GUARD;
}

static furrow_phase begin_to_follow(furrow_replica *replica)
{
    furrow_error err = {0};
    furrow_repair_release(replica);
    furrow_replica_know_log(replica);
    remember_marker(replica);
    replica->told = false; /* all is well, whoever did it */
    if (!is_adopted(replica)) {
        furrow_feed_close(replica);
        furrow_replica_adopt(replica);
    }
    replica->floor = replica->marker.position;
    replica->lost.looks = 0;
    if (furrow_feed_open(replica, &err) != FURROW_OK) return in_trouble(replica, &err);
    furrow_backoff_reset(&replica->trouble);
    return replica->behind ? FURROW_PHASE_FOLLOW : begin_to_guard(replica);
}

static furrow_phase stand_back(furrow_replica *replica, const furrow_verdict *verdict)
{
    furrow_feed_close(replica);
    furrow_repair_release(replica);
    furrow_table_doubt(replica->table, verdict->why);
    if (verdict->kind == FURROW_VERDICT_REFUSE) {
        furrow_table_know_log(replica->table, false);
        furrow_replica_say(replica, "%s: %s; run `furrow restore %s`, with --accept to do without what it lost",
                           replica->stream, verdict->why, replica->options.service);
    } else {
        furrow_replica_say(replica, "%s: %s", replica->stream, verdict->why);
    }
    pause_ms(replica, FURROW_REPLICA_TICK_MS);
    return FURROW_PHASE_CONNECT;
}

/* Nothing is written before the log has what it lost; what came from it meanwhile is not applied. */
static furrow_phase begin_to_restore(furrow_replica *replica, const furrow_verdict *verdict, bool had_lease)
{
    furrow_table_doubt(replica->table, verdict->why);
    replica->moment = furrow_table_moment(replica->table);
    replica->behind = true;
    furrow_table_know_log(replica->table, false);
    furrow_replica_say(replica, "restoring: %s", verdict->why);
    furrow_feed_close(replica);
    return had_lease && !replica->lease_lost ? FURROW_PHASE_RESTORE : FURROW_PHASE_LEASE;
}

static furrow_phase assess_step(furrow_replica *replica)
{
    furrow_error err = {0};
    bool had_lease = replica->leased;
    let_go_of_the_old(replica);
    if (furrow_look(replica, &err) != FURROW_OK) return in_trouble(replica, &err);
    furrow_verdict verdict = furrow_verdict_of(&replica->sight);
    replica->verdict = verdict.kind;
    replica->judged++;
    replica->goal = replica->sight.stream.last_seq;
    replica->replay_from = verdict.from;
    switch (verdict.kind) {
    case FURROW_VERDICT_FOLLOW:
        return begin_to_follow(replica);
    case FURROW_VERDICT_YIELD:
    case FURROW_VERDICT_REFUSE:
    case FURROW_VERDICT_WAIT:
        return stand_back(replica, &verdict);
    case FURROW_VERDICT_RESTORE:
    case FURROW_VERDICT_ACCEPT:
        return begin_to_restore(replica, &verdict, had_lease);
    case FURROW_VERDICT_REPLAY:
    case FURROW_VERDICT_REBUILD:
        break;
    }
    furrow_table_doubt(replica->table, verdict.why);
    furrow_beside_stop(replica);
    replica->moment = furrow_table_moment(replica->table);
    replica->behind = true;
    furrow_replica_know_log(replica);
    furrow_replica_say(replica, "catching up: %s", verdict.why);
    if (!is_adopted(replica)) furrow_intake_close(replica); /* others can have what we may not write */
    if (!had_lease || replica->lease_lost) return FURROW_PHASE_LEASE;
    return verdict.kind == FURROW_VERDICT_REBUILD ? FURROW_PHASE_CLEAR : FURROW_PHASE_REPLAY;
}

/* After the lease comes another look: who held it before may have mended all. */
static furrow_phase lease_step(furrow_replica *replica)
{
    furrow_error err = {0};
    bool held = false;
    if (replica->lease_lost) furrow_repair_release(replica);
    if (furrow_repair_lease(replica, &held, &err) != FURROW_OK) return in_trouble(replica, &err);
    if (held) return FURROW_PHASE_ASSESS;
    furrow_replica_say(replica, "catching up: another process of %s repairs %s", replica->options.service,
                       replica->stream);
    pause_ms(replica, 5 * POLL_MS);
    return FURROW_PHASE_ASSESS;
}

static furrow_phase restore_step(furrow_replica *replica)
{
    furrow_error err = {0};
    furrow_status status = replica->verdict == FURROW_VERDICT_ACCEPT ? furrow_loss_accept(replica, &err)
                                                                     : furrow_loss_restore(replica, &err);
    if (status != FURROW_OK) return in_trouble(replica, &err);
    furrow_repair_release(replica); /* the next look may find all well, and then nobody would */
    return FURROW_PHASE_ASSESS;
}

static furrow_phase clear_step(furrow_replica *replica)
{
    furrow_error err = {0};
    if (furrow_repair_clear(replica, &err) != FURROW_OK) return in_trouble(replica, &err);
    replica->replay_from = 0;
    return FURROW_PHASE_REPLAY;
}

static furrow_phase replay_step(furrow_replica *replica)
{
    furrow_error err = {0};
    bool moved = true;
    furrow_status status = furrow_look_at_consumer(replica, &err);
    bool all = replica->sight.starving || replica->deserted || !replica->beside.durable;
    uint64_t to = furrow_larger(replica->consumer.delivered_seq, all ? replica->goal : 0);
    if (status == FURROW_OK && !is_adopted(replica)) furrow_replica_adopt(replica);
    if (status == FURROW_OK && replica->beside.durable) status = furrow_intake_open(replica, &err);
    if (status == FURROW_OK) status = furrow_repair_read(replica, &replica->replay_from, to, &err);
    if (status == FURROW_OK)
        status = furrow_repair_mark(replica, replica->replay_from, replica->sight.run_id, &moved, &err);
    if (status != FURROW_OK) return in_trouble(replica, &err);
    replica->starved = 0;
    replica->sight.starving = false;
    return moved ? begin_to_follow(replica) : FURROW_PHASE_ASSESS;
}

/* All is delivered, but to somebody who is gone: instead of waiting until the server sends it again, read it aside. */
static furrow_status read_the_gap(furrow_replica *replica, furrow_error *err)
{
    bool held = false;
    furrow_status status = furrow_repair_lease(replica, &held, err);
    if (status != FURROW_OK || !held) return status;
    status = furrow_repair_read(replica, &replica->floor, replica->goal, err);
    if (status == FURROW_OK) furrow_lost_settled(replica);
    furrow_repair_release(replica);
    return status;
}

/* All is applied up to here, as far as whoever brings the events can tell. */
static uint64_t applied_floor(const furrow_replica *replica)
{
    uint64_t reached = replica->beside.durable ? replica->consumer.ack_floor_seq : replica->beside.reached;
    return furrow_larger(replica->floor, reached);
}

static furrow_status follow_durable(furrow_replica *replica, furrow_error *err)
{
    furrow_status status = furrow_look_at_consumer(replica, err);
    if (status != FURROW_OK) return status;
    replica->floor = applied_floor(replica);
    if (!replica->beside.durable || replica->floor >= replica->goal) return FURROW_OK;
    bool all_delivered = replica->consumer.delivered_seq >= replica->goal || replica->consumer.pending == 0;
    bool lost = all_delivered && furrow_lost_is(replica, replica->floor, LOST_POLLS);
    return lost || replica->deserted || replica->astray_seq > 0 ? read_the_gap(replica, err) : FURROW_OK;
}

/* One more look, since following may have taken long: at the marker, the log and the consumer as they are now. */
static furrow_phase confirm(furrow_replica *replica)
{
    furrow_error err = {0};
    if (furrow_look(replica, &err) != FURROW_OK) return in_trouble(replica, &err);
    if (furrow_verdict_of(&replica->sight).kind != FURROW_VERDICT_FOLLOW || !is_adopted(replica))
        return FURROW_PHASE_ASSESS;
    return begin_to_guard(replica);
}

static furrow_phase follow_step(furrow_replica *replica)
{
    furrow_error err = {0};
    bool moved = true;
    if (!look_stands(replica)) return FURROW_PHASE_ASSESS;
    furrow_status status = follow_durable(replica, &err);
    bool there = replica->floor >= replica->goal;
    bool news = replica->floor > replica->marker.position;
    if (status == FURROW_OK && news)
        status = furrow_repair_mark(replica, replica->floor, replica->sight.run_id, &moved, &err);
    if (status != FURROW_OK) return in_trouble(replica, &err);
    if (!moved) return FURROW_PHASE_ASSESS;
    remember_marker(replica);
    const char *refusal = furrow_store_refusal(replica->store);
    if (there && !refusal[0]) return confirm(replica);
    if (refusal[0])
        furrow_replica_say(replica, "waiting: Redis takes no writes: %s", refusal);
    else
        furrow_replica_say(replica, "catching up %llu/%llu", (unsigned long long)replica->floor,
                           (unsigned long long)replica->goal);
    pause_ms(replica, POLL_MS);
    return FURROW_PHASE_FOLLOW;
}

/* A ready replica does not wait for what is in nobody's hands, either. */
static furrow_status fill_gaps(furrow_replica *replica, furrow_error *err)
{
    replica->floor = furrow_larger(replica->marker.position, applied_floor(replica));
    replica->goal = replica->consumer.delivered_seq;
    bool astray = replica->astray_seq > 0 && replica->floor < replica->goal;
    if (!replica->beside.durable || (!astray && !furrow_lost_is(replica, replica->floor, LOST_LOOKS))) return FURROW_OK;
    return read_the_gap(replica, err);
}

/* The durable is ours: what it had delivered to others before that is read, so from here on it brings what comes. */
static furrow_status inherit(furrow_replica *replica, furrow_error *err)
{
    bool read = replica->beside.reached >= replica->consumer.delivered_seq;
    if (!replica->beside.heir || replica->deserted || !read) return FURROW_OK;
    return furrow_generation_settle(replica->table, err);
}

static bool is_current(const furrow_replica *replica)
{
    const furrow_js_consumer_state *consumer = &replica->consumer;
    bool all = consumer->ack_pending == 0 || replica->marker.position >= consumer->delivered_seq;
    return !replica->deserted && consumer->pending == 0 && all;
}

static furrow_phase guard(furrow_replica *replica)
{
    furrow_error err = {0};
    bool moved = true;
    furrow_status status = furrow_look(replica, &err);
    if (status == FURROW_NOT_FOUND) return in_trouble(replica, &err);
    if (status != FURROW_OK) { /* reads go on; the age tells */
        furrow_replica_set_current(replica, false);
        return FURROW_PHASE_GUARD;
    }
    furrow_look_for_starvation(replica);
    if (furrow_verdict_of(&replica->sight).kind != FURROW_VERDICT_FOLLOW || !is_adopted(replica)) {
        furrow_table_doubt(replica->table, "they are no longer what was verified");
        return FURROW_PHASE_ASSESS;
    }
    status = fill_gaps(replica, &err);
    if (status == FURROW_OK) status = inherit(replica, &err);
    if (status == FURROW_OK) status = furrow_feed_open(replica, &err);
    if (status == FURROW_OK && replica->floor > replica->marker.position)
        status = furrow_repair_mark(replica, replica->floor, replica->sight.run_id, &moved, &err);
    if (status != FURROW_OK) return FURROW_PHASE_GUARD;
    if (!moved) return FURROW_PHASE_ASSESS;
    remember_marker(replica);
    if (replica->beside.durable) furrow_replica_set_current(replica, is_current(replica));
    return FURROW_PHASE_GUARD;
}

void furrow_replica_keep_position(furrow_replica *replica)
{
    if (replica->phase == FURROW_PHASE_GUARD) (void)guard(replica);
}

static void say_ready(furrow_replica *replica)
{
    if (!replica->beside.served)
        furrow_replica_say(replica, "catching up: processes that keep another shape are told that we serve");
    else if (replica->beside.durable && replica->deserted)
        furrow_replica_say(replica,
                           "ready with what is kept, waiting for consumer %s on %s: not found; run `furrow provision`",
                           replica->options.service, replica->stream);
    else if (replica->beside.alone)
        furrow_replica_say(replica, "ready");
    else
        furrow_replica_say(replica, "ready, beside processes that keep another shape");
}

static furrow_phase guard_step(furrow_replica *replica)
{
    bool trusted = furrow_table_trusted(replica->table);
    if (trusted) {
        replica->settled = true;
        replica->beside.served = replica->beside.served || furrow_steward_may_serve(replica);
        say_ready(replica);
        furrow_reactor_wake(replica);
        pause_ms(replica, replica->beside.served ? FURROW_REPLICA_TICK_MS : POLL_MS);
    }
    if (replica->stopping || replica->draining) return FURROW_PHASE_GUARD;
    bool up = furrow_link_connected(replica->link) && furrow_store_connected(replica->store);
    if (!furrow_table_trusted(replica->table))
        return up && !furrow_store_evicts(replica->store) ? FURROW_PHASE_ASSESS : FURROW_PHASE_CONNECT;
    return up ? guard(replica) : FURROW_PHASE_GUARD;
}

#define BIT(name)    (1u << FURROW_PHASE_##name)
#define SHOWS(state) (FURROW_REPLICA_##state)
#define SHOWS_LAST   (-1)

static const struct {
    int shows; /* a furrow_replica_state, or what was shown before */
    furrow_phase (*step)(furrow_replica *replica);
    unsigned next;
} phases[] = {
    [FURROW_PHASE_CONNECT] = {SHOWS(WAITING), connect_step, BIT(CONNECT) | BIT(ASSESS)},
    [FURROW_PHASE_ASSESS] = {SHOWS_LAST, assess_step,
                             BIT(CONNECT) | BIT(ASSESS) | BIT(LEASE) | BIT(RESTORE) | BIT(CLEAR) | BIT(REPLAY) |
                                 BIT(FOLLOW) | BIT(GUARD)},
    [FURROW_PHASE_LEASE] = {SHOWS(CATCHING_UP), lease_step, BIT(CONNECT) | BIT(ASSESS)},
    [FURROW_PHASE_RESTORE] = {SHOWS(CATCHING_UP), restore_step, BIT(CONNECT) | BIT(ASSESS)},
    [FURROW_PHASE_CLEAR] = {SHOWS(CATCHING_UP), clear_step, BIT(CONNECT) | BIT(REPLAY)},
    [FURROW_PHASE_REPLAY] = {SHOWS(CATCHING_UP), replay_step, BIT(CONNECT) | BIT(ASSESS) | BIT(FOLLOW) | BIT(GUARD)},
    [FURROW_PHASE_FOLLOW] = {SHOWS(CATCHING_UP), follow_step, BIT(CONNECT) | BIT(ASSESS) | BIT(FOLLOW) | BIT(GUARD)},
    [FURROW_PHASE_GUARD] = {SHOWS(READY), guard_step, BIT(CONNECT) | BIT(ASSESS) | BIT(GUARD)},
};

void furrow_replica_keep(void *arg)
{
    furrow_replica *replica = arg;
    replica->keeping = true;
    replica->beside.alone = true;
    while (!replica->stopping && !replica->draining) {
        if (condemn_evicted(replica)) replica->phase = FURROW_PHASE_CONNECT;
        furrow_phase next = phases[replica->phase].step(replica);
        FURROW_ASSERT(phases[replica->phase].next & (1u << next));
        replica->phase = next;
        if (phases[next].shows != SHOWS_LAST) replica->state = (furrow_replica_state)phases[next].shows;
        furrow_intake_pump(replica);
    }
    furrow_repair_release(replica);
    replica->keeping = false;
    furrow_replica_task_ended(replica);
}
