/*
 * Repairs: what the keeper's verdict asks for. One process of the service repairs a table at a time (a lease in Redis,
 * renewed by a task of its own while the repair lasts); the shared durable is never rewound, a side reader reads again
 * instead (rule 3).
 *
 * The marker is only ever moved on from what we know it to be, in one atomic step: a flushed Redis, a rebuild by
 * another program or another process's repair is noticed instead of overwritten. While a replay runs, the marker's
 * position follows it under the old run id, so a replay that is cut short goes on where it was, and is known not to be
 * done.
 */
#include "replica/inside.h"

#include <stdio.h>
#include <string.h>

#define LEASE_MS       10000
#define LEASE_RENEW_MS 2500
#define NOTICE_MS      2500 /* other processes look at the marker every FURROW_REPLICA_TICK_MS */
#define PROGRESS_NS    FURROW_NS_PER_S

/* ---- the lease ---- */

static void keep_lease(void *arg)
{
    furrow_replica *replica = arg;
    while (replica->leased && !replica->stopping) {
        furrow_replica_rest(replica, &replica->lease_sleeper, LEASE_RENEW_MS);
        if (!replica->leased) break;
        bool held = false;
        furrow_status status =
            furrow_table_lease(replica->table, "repair", replica->options.instance, LEASE_MS, &held, NULL);
        if (status == FURROW_OK && !held) replica->lease_lost = true;
    }
    furrow_replica_task_ended(replica);
}

furrow_status furrow_repair_claim(furrow_replica *replica, bool *held, furrow_error *err)
{
    bool ours = false;
    furrow_status status =
        furrow_table_lease(replica->table, "repair", replica->options.instance, LEASE_MS, &ours, err);
    if (status != FURROW_OK) return furrow_wrap(err, "claim the repair of %s", replica->stream);
    if (ours && !replica->leased) {
        replica->leased = true;
        replica->lease_lost = false;
        status = furrow_replica_spawn(replica, keep_lease, replica, err);
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
    (void)!furrow_table_lease(replica->table, "repair", replica->options.instance, 0, &held, NULL);
}

/* ---- the marker ---- */

furrow_status furrow_repair_mark(furrow_replica *replica, uint64_t position, const char *run_id, bool *moved,
                                 furrow_error *err)
{
    furrow_marker to = replica->marker;
    if (position > to.position) {
        to.position = position;
        to.position_ns = 0;
    }
    if (replica->intake.newest_seq == to.position) to.position_ns = replica->intake.newest_ns;
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

static furrow_status write_marker(furrow_replica *replica, const char *shape, furrow_error *err)
{
    furrow_marker marker = {.found = true, .epoch_ns = replica->sight.stream.created_ns};
    snprintf(marker.shape, sizeof marker.shape, "%s", shape);
    furrow_status status = furrow_marker_write(replica->table, &marker, err);
    if (status == FURROW_OK) replica->marker = marker;
    return status;
}

/*
 * Others may still have events of the old log, or of the old shape, in hand: the marker tells them to put them back,
 * and they get the time to see it. An empty Redis has nothing that could be mixed up.
 */
static furrow_status announce(furrow_replica *replica, furrow_error *err)
{
    if (!replica->sight.marker.found) return FURROW_OK;
    char building[33];
    furrow_verdict_building(replica->shape, building);
    furrow_status status = write_marker(replica, building, err);
    if (status != FURROW_OK) return status;
    uint64_t end = furrow_clock_now_ns() + NOTICE_MS * FURROW_NS_PER_MS;
    for (uint64_t now; !replica->stopping && (now = furrow_clock_now_ns()) < end;)
        furrow_replica_rest(replica, &replica->sleeper, (end - now) / FURROW_NS_PER_MS + 1);
    return replica->stopping ? furrow_fail(err, FURROW_CANCELLED, "stopping") : FURROW_OK;
}

furrow_status furrow_repair_clear(furrow_replica *replica, furrow_error *err)
{
    furrow_intake_close(replica);
    replica->intake.newest_seq = 0;                       /* of another log, perhaps, */
    memset(replica->counted, 0, sizeof replica->counted); /* … as are these sequences */
    furrow_status status = announce(replica, err);
    if (status == FURROW_OK) status = furrow_table_clear(replica->table, err);
    if (status == FURROW_OK && replica->lease_lost)
        status = furrow_fail(err, FURROW_ABORTED, "another process has taken over the repair");
    if (status == FURROW_OK) status = write_marker(replica, replica->shape, err);
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "clear the records of %s", replica->stream);
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

static furrow_status check(const furrow_replica *replica, furrow_error *err)
{
    if (replica->stopping || replica->draining) return furrow_fail(err, FURROW_CANCELLED, "stopping");
    if (replica->lease_lost) return furrow_fail(err, FURROW_ABORTED, "another process has taken over the repair");
    if (furrow_store_generation(replica->store) != replica->generation || !furrow_store_connected(replica->store))
        return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was lost");
    return FURROW_OK;
}

static furrow_status on_replayed(void *arg, const furrow_js_stored *events, size_t count, uint64_t reached,
                                 furrow_error *err)
{
    side_read *replay = arg;
    furrow_replica *replica = replay->replica;
    furrow_status status = check(replica, err);
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
