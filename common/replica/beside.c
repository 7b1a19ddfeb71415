/*
 * Events by own reading. The service's durable feeds one generation of the table (store/generation.h). A process that
 * keeps another one asks the log itself for what is new, and applies it as it comes; all up to `reached` is there. So does
 * an owner, always, of what store/applied.h does not note.
 *
 *                 the durable is ours, and all it had delivered is read
 *   own reading --------------------------------------------------------> the durable
 *
 * One way is open at a time. Invariant: what the durable was acked of is in the generation whose it is; so who inherits
 * it reads up to what had been delivered then, before it takes anything from it.
 */
#include "replica/inside.h"

#include "store/applied.h"

#include <stdio.h>

#define POLL_MIN_MS       10
#define POLL_MAX_MS       50
#define TROUBLE_MS        250
#define OWN_POLL_MS       250
#define SETTLE_NS         (200 * FURROW_NS_PER_MS) /* by then a command has applied what it wrote, or never will */
#define NOTED_ARENA_BYTES ((size_t)4 << 20)
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

static void note_reached(furrow_replica *replica, uint64_t sequence)
{
    if (sequence > replica->beside.reached) replica->beside.reached = sequence;
}

static furrow_status on_side_events(void *arg, const furrow_js_stored *events, size_t count, uint64_t reached,
                                    furrow_error *err)
{
    furrow_replica *replica = arg;
    furrow_status status = check_beside(replica, err);
    if (status == FURROW_OK) status = furrow_intake_replay(replica, events, count, err);
    if (status == FURROW_OK) note_reached(replica, reached);
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

static furrow_status read_events(furrow_replica *replica, uint64_t from, uint64_t to, furrow_error *err)
{
    furrow_js_read_options options = {.stream = replica->stream, .start_seq = from, .end_seq = to};
    return furrow_js_read(replica->link, &options, on_side_events, replica, err);
}

static furrow_status read_all_news(furrow_replica *replica, bool *any, furrow_error *err)
{
    uint64_t first = 0;
    furrow_js_stream_state log;
    furrow_status status = find_news(replica, &first, err);
    *any = first > 0;
    if (status != FURROW_OK || !*any) return status;
    furrow_replica_set_current(replica, false);
    status = furrow_js_stream_info(replica->link, replica->stream, furrow_replica_soon(), &log, err);
    if (status == FURROW_OK) status = read_events(replica, first, log.last_seq, err);
    if (status == FURROW_OK) note_reached(replica, log.last_seq);
    return status;
}

/* ---- an owner's ---- */

/* Up to where what is not applied is not on its way to be, either. Other shapes' processes apply nothing for us. */
static uint64_t settled_at(furrow_replica *replica, uint64_t log_end, bool *anew)
{
    furrow_beside *beside = &replica->beside;
    uint64_t now = furrow_clock_now_ns();
    *anew = now - beside->end_ns >= SETTLE_NS;
    if (*anew) {
        beside->settled = beside->end_seq;
        beside->end_seq = log_end;
        beside->end_ns = now;
    }
    if (beside->hurried || !beside->alone) beside->settled = log_end;
    beside->hurried = false;
    return beside->settled;
}

/* One that cannot be applied stops none behind it. */
static furrow_status read_gaps(furrow_replica *replica, const furrow_applied *applied, uint64_t to, furrow_error *err)
{
    furrow_status first_failure = FURROW_OK;
    for (uint64_t at = replica->beside.reached;;) {
        furrow_applied_gap gap = furrow_applied_next_gap(applied, at);
        if (first_failure == FURROW_OK) note_reached(replica, gap.first - 1);
        if (gap.first > to) return first_failure;
        if (gap.last > to) gap.last = to;
        furrow_replica_set_current(replica, false);
        at = replica->beside.reached;
        furrow_status status = read_events(replica, gap.first, gap.last, first_failure == FURROW_OK ? err : NULL);
        if (first_failure != FURROW_OK) replica->beside.reached = at;
        if (first_failure == FURROW_OK) first_failure = status;
        if (first_failure == FURROW_OK) note_reached(replica, gap.last);
        at = gap.last;
    }
}

static furrow_status read_own_news(furrow_replica *replica, bool *any, furrow_error *err)
{
    furrow_js_stream_state log;
    furrow_applied applied;
    bool anew;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(NOTED_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = furrow_js_stream_info(replica->link, replica->stream, furrow_replica_soon(), &log, err);
    if (status == FURROW_OK) status = furrow_applied_read(replica->table, replica->build, arena, &applied, err);
    if (status == FURROW_OK) status = check_beside(replica, err);
    if (status != FURROW_OK) return status;
    uint64_t settled = settled_at(replica, log.last_seq, &anew);
    status = read_gaps(replica, &applied, settled, err);
    *any = replica->beside.reached < log.last_seq;
    return status == FURROW_OK && anew ? furrow_look_date_newest(replica, log.last_seq, err) : status;
}

/* ---- the task ---- */

static furrow_status read_news(furrow_replica *replica, bool *any, furrow_error *err)
{
    furrow_status status = check_beside(replica, err);
    if (status != FURROW_OK) return status;
    return replica->options.own ? read_own_news(replica, any, err) : read_all_news(replica, any, err);
}

/* Others' events come without our doing; of our own only what somebody did not live to apply. */
static uint64_t next_pause_ms(const furrow_replica *replica, bool any, uint64_t pause_ms)
{
    uint64_t most = replica->options.own && replica->beside.alone ? OWN_POLL_MS : POLL_MAX_MS;
    if (any) return most == OWN_POLL_MS ? POLL_MAX_MS : POLL_MIN_MS;
    return pause_ms + POLL_MIN_MS < most ? pause_ms + POLL_MIN_MS : most;
}

static void read_on(void *arg)
{
    furrow_replica *replica = arg;
    uint64_t pause_ms = POLL_MIN_MS;
    while (is_wanted(replica)) {
        furrow_error err = {0};
        bool any = false;
        furrow_status status = read_news(replica, &any, &err);
        if (status == FURROW_OK)
            furrow_replica_set_current(replica, true);
        else
            replica->beside.hurried = false; /* it is slow enough by itself */
        pause_ms = next_pause_ms(replica, any, pause_ms);
        if (is_wanted(replica) && !replica->beside.hurried)
            furrow_replica_rest(replica, &replica->beside.sleeper, status == FURROW_OK ? pause_ms : TROUBLE_MS);
    }
    replica->beside.reading = false;
    furrow_replica_task_ended(replica);
}

void furrow_beside_hurry(furrow_replica *replica)
{
    if (!replica->beside.on || !replica->options.own) return;
    replica->beside.hurried = true;
    furrow_replica_rouse(&replica->beside.sleeper);
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
    beside->hurried = true;
    beside->end_seq = beside->end_ns = 0;
    beside->on = beside->reading = true;
    furrow_status status = furrow_replica_spawn(replica, read_on, replica, err);
    if (status != FURROW_OK) beside->on = beside->reading = false;
    return status;
}

furrow_status furrow_feed_open(furrow_replica *replica, furrow_error *err)
{
    if (replica->beside.durable) {
        furrow_beside_stop(replica);
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
