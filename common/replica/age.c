/*
 * How old the records are: how long ago they were last known to hold all that the log had. Nobody keeps that up while
 * nobody asks. A probe reads where the log ends, and then waits until the durable has acked up to there, since what is
 * acked is in Redis: at the time of the first question nothing was missing. So a log that is idle proves its replica
 * young with two questions, and one that flows without end with a few more; pending events alone make nothing old.
 *
 *   asked at t0      proven young at t0
 *       |----- until the ack floor has passed the end of t0 -----|------ it ages ------>
 *
 * One probe at a time, for all who wait. It begins early when what is asked for is half over, so whoever asks again and
 * again finds the answer there.
 */
#include "replica/inside.h"

#include <stdio.h>

#define PAUSE_MIN_MS 2
#define PAUSE_MAX_MS 50
#define PROBE_MS     5000

struct furrow_age_waiter {
    furrow_age_waiter *next;
    furrow_waiter waiter;
};

static uint64_t age_of(const furrow_replica *replica)
{
    return replica->proven_ns ? furrow_clock_now_ns() - replica->proven_ns : UINT64_MAX;
}

static furrow_status still_ready(const furrow_replica *replica, uint64_t generation, furrow_error *err)
{
    if (replica->stopping) return furrow_fail(err, FURROW_UNAVAILABLE, "stopping");
    bool same = furrow_store_connected(replica->store) && furrow_store_generation(replica->store) == generation;
    if (!same) return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was lost");
    if (furrow_replica_state_of(replica) == FURROW_REPLICA_READY) return FURROW_OK;
    return furrow_fail(err, FURROW_UNAVAILABLE, "%s", replica->text);
}

/* Has the durable acked all up to @end? A durable with nothing pending and nothing in anybody's hands has, too: what it
 * was told to leave out is not acked. */
static furrow_status ask_reached(furrow_replica *replica, uint64_t end, uint64_t deadline_ns, bool *reached,
                                 furrow_error *err)
{
    furrow_js_consumer_state state;
    if (!replica->beside.durable) {
        furrow_beside_hurry(replica);
        *reached = replica->beside.reached >= end;
        return FURROW_OK;
    }
    furrow_status status =
        furrow_js_consumer_info(replica->link, replica->stream, replica->options.service, deadline_ns, &state, err);
    if (status != FURROW_OK) return status;
    /* What was read aside, since it had been delivered to somebody who is gone, is applied and not acked. */
    *reached = state.ack_floor_seq >= end || replica->stats.position >= end ||
               (state.delivered_seq >= end && state.ack_pending == 0 && state.pending == 0);
    return FURROW_OK;
}

static furrow_status probe_age(furrow_replica *replica, furrow_error *err)
{
    furrow_js_stream_state log;
    bool reached = false;
    uint64_t asked_ns = furrow_clock_now_ns(), deadline_ns = asked_ns + PROBE_MS * FURROW_NS_PER_MS;
    uint64_t generation = furrow_store_generation(replica->store), pause_ms = PAUSE_MIN_MS;
    furrow_status status = still_ready(replica, generation, err);
    if (status == FURROW_OK) status = furrow_js_stream_info(replica->link, replica->stream, deadline_ns, &log, err);
    while (status == FURROW_OK) {
        status = ask_reached(replica, log.last_seq, deadline_ns, &reached, err);
        if (status == FURROW_OK) status = still_ready(replica, generation, err);
        if (status != FURROW_OK || reached) break;
        if (furrow_clock_now_ns() >= deadline_ns)
            return furrow_fail(err, FURROW_UNAVAILABLE, "events up to %llu have not been applied yet",
                               (unsigned long long)log.last_seq);
        furrow_task_sleep_ms(pause_ms);
        if (pause_ms < PAUSE_MAX_MS) pause_ms *= 2;
    }
    if (status == FURROW_OK) replica->proven_ns = asked_ns;
    return status;
}

static void probe_task(void *arg)
{
    furrow_replica *replica = arg;
    furrow_error err = {0};
    replica->probe_failed = probe_age(replica, &err) != FURROW_OK;
    snprintf(replica->probe_why, sizeof replica->probe_why, "%.190s", replica->probe_failed ? err.text : "");
    replica->probing = false;
    for (furrow_age_waiter *waiting = replica->age_waiters; waiting; waiting = waiting->next)
        furrow_waiter_done(&waiting->waiter);
    furrow_replica_task_ended(replica);
}

static void begin_probe(furrow_replica *replica)
{
    if (replica->probing || replica->stopping || replica->draining) return;
    replica->probing = furrow_replica_spawn(replica, probe_task, replica, NULL) == FURROW_OK;
}

static void wait_for_probe(furrow_replica *replica, uint64_t deadline_ns)
{
    furrow_age_waiter waiting = {.next = replica->age_waiters}, **at;
    replica->age_waiters = &waiting;
    furrow_wait(&waiting.waiter, deadline_ns);
    for (at = &replica->age_waiters; *at != &waiting;) at = &(*at)->next;
    *at = waiting.next;
}

static furrow_status too_old(const furrow_replica *replica, uint64_t max_ns, uint64_t age_ns, furrow_error *err)
{
    char age[16] = "of unknown age", max[16];
    if (age_ns != UINT64_MAX) furrow_header_format_timeout(age_ns, age);
    furrow_header_format_timeout(max_ns, max);
    return furrow_fail(err, FURROW_UNAVAILABLE, "what is kept of %s is %s%s, and %s is the most that was asked for%s%s",
                       replica->entity, age, age_ns == UINT64_MAX ? "" : " old", max, replica->probe_why[0] ? ": " : "",
                       replica->probe_why);
}

/* A probe that began before the request came may prove too little for it: so there are up to two. */
furrow_status furrow_replica_freshen(furrow_replica *replica, uint64_t since_ns, uint64_t max_ns, uint64_t deadline_ns,
                                     uint64_t *age_ns, furrow_error *err)
{
    *age_ns = age_of(replica);
    if (*age_ns > max_ns / 2 && replica->proven_ns < since_ns) begin_probe(replica);
    for (int tries = 0; tries < 2 && deadline_ns > 0; tries++) {
        if (*age_ns <= max_ns || replica->proven_ns >= since_ns) break;
        begin_probe(replica);
        if (replica->probing) wait_for_probe(replica, deadline_ns);
        *age_ns = age_of(replica);
        if (replica->probe_failed || furrow_clock_now_ns() >= deadline_ns) break;
    }
    if (*age_ns > max_ns && replica->proven_ns < since_ns) return too_old(replica, max_ns, *age_ns, err);
    if (*age_ns > max_ns) *age_ns = max_ns; /* as seen from when the request came: not at all */
    return FURROW_OK;
}
