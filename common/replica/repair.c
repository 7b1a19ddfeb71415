/*
 * Repairs: what the keeper's verdict asks for. One process of the service repairs a table at a time (a lease in Redis,
 * renewed by a task of its own while the repair lasts); the shared durable is never rewound, a side reader reads again
 * instead.
 *
 * The lease spares work, it keeps nothing safe: that is done by identities. Each repair draws one for its lease, and
 * each rebuild one for the build that it begins, if the build there is still the one that was looked at; from then on
 * every step of any other, in whatever process, is refused by Redis. The marker is only ever moved on from what we know
 * it to be, in one atomic step. While a replay runs, the marker's position follows it under the old run id, so a replay
 * that is cut short goes on where it was, and is known not to be done.
 */
#include "replica/inside.h"

#include <stdio.h>
#include <string.h>

/* As long as everybody waits for a holder that died, or whose release a Redis that was restarted did not take. */
#define LEASE_MS       2000
#define LEASE_RENEW_MS 500
#define PROGRESS_NS    FURROW_NS_PER_S

/* ---- the lease ---- */

static void keep_repair_lease(void *arg)
{
    furrow_replica *replica = arg;
    while (replica->leased && !replica->stopping) {
        furrow_replica_rest(replica, &replica->lease_sleeper, LEASE_RENEW_MS);
        if (!replica->leased) break;
        bool held = false;
        furrow_status status = furrow_table_lease(replica->table, "repair", replica->repair, LEASE_MS, &held, NULL);
        if (status == FURROW_OK && !held) replica->lease_lost = true;
    }
    furrow_replica_task_ended(replica);
}

furrow_status furrow_repair_lease(furrow_replica *replica, bool *held, furrow_error *err)
{
    bool ours = false;
    if (!replica->leased) furrow_id_make(replica->repair);
    furrow_status status = furrow_table_lease(replica->table, "repair", replica->repair, LEASE_MS, &ours, err);
    if (status != FURROW_OK) return furrow_wrap(err, "lease the repair of %s", replica->stream);
    if (ours && !replica->leased) {
        replica->leased = true;
        replica->lease_lost = false;
        status = furrow_replica_spawn(replica, keep_repair_lease, replica, err);
        if (status != FURROW_OK) {
            replica->leased = false;
            return status;
        }
    }
    *held = ours;
    return FURROW_OK;
}

void furrow_repair_release(furrow_replica *replica)
{
    if (!replica->leased) return;
    replica->leased = false;
    furrow_replica_rouse(&replica->lease_sleeper);
    bool held;
    /* Letting it end now is a courtesy to who waits for it; it would end by itself. */
    (void)!furrow_table_lease(replica->table, "repair", replica->repair, 0, &held, NULL);
}

/* ---- the marker ---- */

furrow_status furrow_repair_mark(furrow_replica *replica, uint64_t position, const char *run_id, bool *moved,
                                 furrow_error *err)
{
    furrow_marker to = replica->marker;
    if (position > to.position) to.position = position;
    to.astray = replica->astray_seq;
    snprintf(to.tally, sizeof to.tally, "%s", replica->sight.tally);
    snprintf(to.run_id, sizeof to.run_id, "%s", run_id);
    /* The command goes out on the connection of this very moment, so it must be the one that was looked at. */
    if (furrow_store_generation(replica->store) != replica->generation)
        return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was connected anew");
    bool done = false;
    furrow_status status = furrow_marker_move(replica->table, &replica->marker, &to, &done, err);
    if (status != FURROW_OK) return furrow_wrap(err, "store the position of %s", replica->stream);
    if (done) {
        replica->marker = to;
        replica->stats.position = to.position;
    }
    *moved = done;
    return FURROW_OK;
}

/* Whoever knows that is not needed for it any more: nobody takes them for whole, whatever Redis they are in by then. */
furrow_status furrow_repair_condemn(furrow_replica *replica, furrow_error *err)
{
    furrow_marker marker;
    bool moved = false;
    furrow_status status = furrow_marker_read(replica->table, &marker, err);
    if (status != FURROW_OK || !marker.found || strcmp(marker.shape, replica->shape) != 0) return status;
    const char *tally = furrow_store_tally(replica->store);
    bool begun_since = tally && tally[0] && strcmp(marker.tally, tally) == 0;
    if (begun_since && !furrow_store_evicts(replica->store)) return FURROW_OK;
    furrow_marker to = marker;
    furrow_verdict_building(replica->shape, to.shape);
    status = furrow_marker_move(replica->table, &marker, &to, &moved, err);
    if (status == FURROW_OK && !moved) return furrow_fail(err, FURROW_ABORTED, "another process has moved the marker");
    return status;
}

/* The build is ours from here on, and has nothing yet that could be relied on: its shape is nobody's. */
static furrow_status begin_build(furrow_replica *replica, furrow_error *err)
{
    furrow_marker marker = {.found = true, .epoch_ns = replica->sight.epoch.begun};
    bool begun = false;
    furrow_id_make(marker.build);
    furrow_verdict_building(replica->shape, marker.shape);
    snprintf(marker.tally, sizeof marker.tally, "%s", replica->sight.tally);
    if (furrow_store_generation(replica->store) != replica->generation)
        return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was connected anew");
    furrow_status status = furrow_marker_begin(replica->table, &replica->sight.marker, &marker, &begun, err);
    if (status != FURROW_OK) return status;
    if (!begun) return furrow_fail(err, FURROW_ABORTED, "another process has begun to build them");
    replica->marker = marker;
    return FURROW_OK;
}

/* Empty, in our shape: what is filled in from here on counts. */
static furrow_status begin_to_fill(furrow_replica *replica, furrow_error *err)
{
    furrow_marker to = replica->marker;
    bool moved = false;
    to.astray = replica->astray_seq;
    snprintf(to.shape, sizeof to.shape, "%s", replica->shape);
    furrow_status status = furrow_marker_move(replica->table, &replica->marker, &to, &moved, err);
    if (status == FURROW_OK && !moved)
        return furrow_fail(err, FURROW_ABORTED, "another process has begun to build them");
    if (status == FURROW_OK) replica->marker = to;
    return status;
}

furrow_status furrow_repair_clear(furrow_replica *replica, furrow_error *err)
{
    furrow_feed_close(replica);
    memset(replica->counted, 0, sizeof replica->counted); /* of another log, perhaps */
    furrow_status status = begin_build(replica, err);
    if (status == FURROW_OK) status = furrow_table_clear(replica->table, replica->marker.build, err);
    if (status == FURROW_OK) status = begin_to_fill(replica, err);
    if (status != FURROW_OK) return furrow_wrap(err, "clear the records of %s", replica->stream);
    furrow_replica_adopt(replica);
    return FURROW_OK;
}

/* ---- the side reader ---- */

typedef struct side_read {
    furrow_replica *replica;
    uint64_t reached;
    uint64_t stored_ns;
} side_read;

/* Only a marker that still says "not this Redis" may follow: one that another process has mended claims more than we
 * know. */
static furrow_status store_progress(side_read *replay, furrow_error *err)
{
    furrow_replica *replica = replay->replica;
    uint64_t now = furrow_clock_now_ns();
    if (now - replay->stored_ns < PROGRESS_NS || strcmp(replica->marker.run_id, replica->sight.run_id) == 0)
        return FURROW_OK;
    replay->stored_ns = now;
    bool moved = false;
    furrow_status status = furrow_repair_mark(replica, replay->reached, replica->marker.run_id, &moved, err);
    if (status == FURROW_OK && !moved)
        return furrow_fail(err, FURROW_ABORTED, "the marker of %s was changed", replica->stream);
    return status;
}

static furrow_status check_repair(const furrow_replica *replica, furrow_error *err)
{
    if (replica->stopping || replica->draining) return furrow_fail(err, FURROW_CANCELLED, "stopping");
    if (replica->lease_lost) return furrow_fail(err, FURROW_ABORTED, "another process has taken over the repair");
    return furrow_look_is_undisturbed(replica, err);
}

static furrow_status on_replayed(void *arg, const furrow_js_stored *events, size_t count, uint64_t reached,
                                 furrow_error *err)
{
    side_read *replay = arg;
    furrow_replica *replica = replay->replica;
    furrow_status status = check_repair(replica, err);
    if (status == FURROW_OK) status = furrow_intake_replay(replica, events, count, err);
    if (status != FURROW_OK || reached <= replay->reached) return status;
    replay->reached = reached;
    furrow_replica_say(replica, "catching up %llu/%llu", (unsigned long long)reached,
                       (unsigned long long)replica->goal);
    return store_progress(replay, err);
}

furrow_status furrow_repair_read(furrow_replica *replica, uint64_t *from, uint64_t to, furrow_error *err)
{
    side_read replay = {.replica = replica, .reached = *from, .stored_ns = furrow_clock_now_ns()};
    furrow_js_read_options options = {.stream = replica->stream, .start_seq = *from + 1, .end_seq = to};
    furrow_status status = furrow_js_read(replica->link, &options, on_replayed, &replay, err);
    if (status == FURROW_OK && to > replay.reached) replay.reached = to;
    *from = replay.reached;
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "replay %s", replica->stream);
}
