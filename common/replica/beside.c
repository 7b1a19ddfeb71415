/*
 * Events by own reading. The service's durable feeds one generation of the table (store/generation.h). A process that
 * keeps another one asks the log itself for what is new, and applies it as it comes; all up to `reached` is there.
 *
 *                 the durable is ours, and all it had delivered is read
 *   own reading --------------------------------------------------------> the durable
 *
 * One way is open at a time. Invariant: what the durable was acked of is in the generation whose it is; so who inherits
 * it reads up to what had been delivered then, before it takes anything from it.
 */
#include "replica/inside.h"

#include <stdio.h>

#define POLL_MIN_MS       10
#define POLL_MAX_MS       50
#define TROUBLE_MS        250
#define EVENT_ARENA_BYTES ((size_t)96 << 20)

static bool is_wanted(const furrow_replica *replica)
{
    return replica->beside.on && !replica->stopping && !replica->draining;
}

static furrow_status check_beside(const furrow_replica *replica, furrow_error *err)
{
    if (!is_wanted(replica)) return furrow_fail(err, FURROW_CANCELLED, "stopping");
    return furrow_look_is_undisturbed(replica, err);
}

static furrow_status on_side_events(void *arg, const furrow_js_stored *events, size_t count, uint64_t reached,
                                    furrow_error *err)
{
    furrow_replica *replica = arg;
    furrow_status status = check_beside(replica, err);
    if (status == FURROW_OK) status = furrow_intake_replay(replica, events, count, err);
    if (status == FURROW_OK && reached > replica->beside.reached) replica->beside.reached = reached;
    return status;
}

/* The sequence of the first event that we have not read, or 0. */
static furrow_status find_news(furrow_replica *replica, uint64_t *sequence, furrow_error *err)
{
    char subjects[FURROW_SUBJECT_MAX];
    furrow_js_stored event = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(EVENT_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(subjects, sizeof subjects, "%s.*", replica->entity);
    furrow_status status = furrow_js_get_next(replica->link, replica->stream, subjects, replica->beside.reached + 1,
                                              furrow_replica_soon(), arena, &event, err);
    *sequence = status == FURROW_OK ? event.sequence : 0;
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

static furrow_status read_news(furrow_replica *replica, bool *any, furrow_error *err)
{
    uint64_t first = 0;
    furrow_js_stream_state log;
    furrow_status status = check_beside(replica, err);
    if (status == FURROW_OK) status = find_news(replica, &first, err);
    *any = first > 0;
    if (status != FURROW_OK || !*any) return status;
    furrow_replica_set_current(replica, false);
    status = furrow_js_stream_info(replica->link, replica->stream, furrow_replica_soon(), &log, err);
    if (status != FURROW_OK) return status;
    furrow_js_read_options options = {.stream = replica->stream, .start_seq = first, .end_seq = log.last_seq};
    status = furrow_js_read(replica->link, &options, on_side_events, replica, err);
    if (status == FURROW_OK && log.last_seq > replica->beside.reached) replica->beside.reached = log.last_seq;
    return status;
}

static void read_on(void *arg)
{
    furrow_replica *replica = arg;
    uint64_t pause_ms = POLL_MIN_MS;
    while (is_wanted(replica)) {
        furrow_error err = {0};
        bool any = false;
        furrow_status status = read_news(replica, &any, &err);
        if (status == FURROW_OK) furrow_replica_set_current(replica, true);
        pause_ms = any ? POLL_MIN_MS : pause_ms < POLL_MAX_MS ? pause_ms + POLL_MIN_MS : POLL_MAX_MS;
        if (is_wanted(replica))
            furrow_replica_rest(replica, &replica->beside.sleeper, status == FURROW_OK ? pause_ms : TROUBLE_MS);
    }
    replica->beside.reading = false;
    furrow_replica_task_ended(replica);
}

void furrow_beside_stop(furrow_replica *replica)
{
    replica->beside.on = false;
    while (replica->beside.reading) {
        furrow_replica_rouse(&replica->beside.sleeper);
        furrow_task_sleep_ms(5);
    }
}

static furrow_status start_reading(furrow_replica *replica, furrow_error *err)
{
    furrow_beside *beside = &replica->beside;
    if (beside->reading || replica->draining) return FURROW_OK;
    beside->reached = replica->marker.position;
    beside->on = beside->reading = true;
    furrow_status status = furrow_replica_spawn(replica, read_on, replica, err);
    if (status != FURROW_OK) beside->on = beside->reading = false;
    return status;
}

furrow_status furrow_feed_open(furrow_replica *replica, furrow_error *err)
{
    if (replica->beside.durable) {
        bool gathers = replica->options.own && replica->beside.alone;
        furrow_beside_stop(replica);
        if (replica->intake.pull && replica->intake.gathers != gathers) furrow_intake_close(replica);
        return furrow_intake_open(replica, err);
    }
    furrow_intake_close(replica);
    return start_reading(replica, err);
}

void furrow_feed_close(furrow_replica *replica)
{
    furrow_beside_stop(replica);
    furrow_intake_close(replica);
}
