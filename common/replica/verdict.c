/* See verdict.h. The rows of `rules` are asked in order; the first that applies is the verdict. May depend on nothing
 * but types. */
#include "replica/verdict.h"

#include <stdio.h>
#include <string.h>

void furrow_verdict_building(const char *shape, char out[33])
{
    snprintf(out, 33, "!%.31s", shape);
}

static bool being_built(const furrow_sight *sight)
{
    char building[33];
    furrow_verdict_building(sight->shape, building);
    return strcmp(sight->marker.shape, building) == 0;
}

static bool no_marker(const furrow_sight *sight)
{
    return !sight->marker.found;
}

static bool other_shape(const furrow_sight *sight)
{
    return strcmp(sight->marker.shape, sight->shape) != 0;
}

/* Two programs that want different shapes would clear each other's records for ever: who came later keeps the table. */
static bool taken_over(const furrow_sight *sight)
{
    return sight->settled && other_shape(sight) && !being_built(sight);
}

static bool other_log(const furrow_sight *sight)
{
    return sight->marker.epoch_ns != sight->epoch.begun;
}

/*
 * Shorter than it was; or, grown again since, with another event where our newest is: another time at that version, or a
 * younger event before it; or, of what a command wrote and the log has not told the time of yet, one of another entity.
 */
static bool log_went_back(const furrow_sight *sight)
{
    const furrow_marker *marker = &sight->marker;
    bool same = sight->event_seq == marker->dated;
    bool other =
        sight->event_seq > 0 && (same ? sight->event_ns != marker->dated_ns : sight->event_ns > marker->dated_ns);
    other |= sight->newest == FURROW_NEWEST_OTHER;
    other |= sight->newest == FURROW_NEWEST_MISSING && !furrow_verdict_lacks(sight, marker);
    return sight->stream.last_seq < marker->position || sight->stream.last_seq < marker->newest || other;
}

/* Its owner began to publish again what it lost, and has not ended. */
static bool own_is_restored(const furrow_sight *sight)
{
    return sight->own && !sight->epoch.whole;
}

static bool is_restored(const furrow_sight *sight)
{
    return !sight->own && !sight->epoch.whole;
}

const furrow_marker *furrow_verdict_known(const furrow_sight *sight)
{
    return sight->marker.found ? &sight->marker : &sight->elder;
}

/* The log tells of a younger epoch than the records are of. */
static bool own_is_younger(const furrow_sight *sight)
{
    const furrow_marker *known = furrow_verdict_known(sight);
    return sight->own && known->found && known->epoch_ns > 0 && sight->epoch.begun > known->epoch_ns;
}

/* And nobody has restored it: it has nothing of what they were made from. */
static bool own_made_anew(const furrow_sight *sight)
{
    return own_is_younger(sight) && sight->epoch_seq == 0;
}

/* It was restored out of other records of the same log, in another shape; these may have more. */
static bool own_not_joined(const furrow_sight *sight)
{
    return own_is_younger(sight) && sight->epoch_seq > 0 && !sight->epoch.accepted && sight->marker.found &&
           sight->epoch.before == sight->marker.epoch_ns;
}

static bool own_older_records(const furrow_sight *sight)
{
    return own_is_younger(sight) && sight->epoch_seq > 0 && sight->marker.found;
}

/* Shorter, or of an epoch before that of the records. */
static bool own_went_back(const furrow_sight *sight)
{
    const furrow_marker *known = furrow_verdict_known(sight);
    if (!sight->own || !known->found || known->epoch_ns == 0) return false;
    if (sight->marker.found && log_went_back(sight)) return true;
    bool shorter = sight->stream.last_seq < known->position || sight->stream.last_seq < known->newest;
    return sight->epoch.begun < known->epoch_ns || (shorter && sight->epoch.begun == known->epoch_ns);
}

static bool restore_anew(const furrow_sight *sight)
{
    return own_made_anew(sight) && sight->loss_anew == FURROW_LOSS_RESTORE;
}

static bool accept_anew(const furrow_sight *sight)
{
    return own_made_anew(sight) && sight->loss_anew == FURROW_LOSS_ACCEPT;
}

static bool restore_back(const furrow_sight *sight)
{
    return own_went_back(sight) && sight->loss == FURROW_LOSS_RESTORE;
}

static bool accept_back(const furrow_sight *sight)
{
    return own_went_back(sight) && sight->loss == FURROW_LOSS_ACCEPT;
}

/*
 * Another process of the service may have mended the marker already, but it cannot know what we applied to the old
 * Redis and acked while it did (a failed-over Redis that still took our writes): so each process replays from what it
 * knew itself.
 */
static bool redis_changed_under_us(const furrow_sight *sight)
{
    return sight->seen_run_id[0] != '\0' && strcmp(sight->seen_run_id, sight->run_id) != 0;
}

static bool other_redis(const furrow_sight *sight)
{
    return strcmp(sight->marker.run_id, sight->run_id) != 0;
}

static bool is_rebuild_asked(const furrow_sight *sight)
{
    return sight->asked[0] != '\0' && strcmp(sight->asked, sight->marker.build) == 0;
}

/* Whose tally it is. */
static furrow_bytes run_of(const char *tally)
{
    return (furrow_bytes){tally, strcspn(tally, " ")};
}

/*
 * Of the same process of Redis another tally than the one with which nothing was missing; or another process that has
 * evicted something since it began, with these records in it. One that has evicted nothing is taken for one that brought
 * all with it.
 */
static bool has_evicted(const furrow_sight *sight, const furrow_marker *marker)
{
    furrow_bytes run = run_of(sight->tally);
    if (run.len == 0 || strcmp(sight->tally, marker->tally) == 0) return false;
    return furrow_bytes_equal(run, run_of(marker->tally)) || strcmp(sight->tally + run.len, " 0") != 0;
}

/* Redis came back with records of before we knew what its last process had evicted, and were told so by nobody else. */
static bool came_back_evicted(const furrow_sight *sight)
{
    furrow_bytes run = run_of(sight->marker.tally);
    return redis_changed_under_us(sight) && run.len > 0 && furrow_bytes_equal(run, run_of(sight->seen_tally)) &&
           strcmp(sight->marker.tally, sight->seen_tally) != 0;
}

static bool evicted(const furrow_sight *sight)
{
    return has_evicted(sight, &sight->marker) || came_back_evicted(sight);
}

bool furrow_verdict_lacks(const furrow_sight *sight, const furrow_marker *marker)
{
    return marker->shape[0] == '!' || has_evicted(sight, marker);
}

static bool starving(const furrow_sight *sight)
{
    return sight->starving;
}

static bool astray_untold(const furrow_sight *sight)
{
    return sight->untold > 0;
}

static const struct {
    bool (*applies)(const furrow_sight *sight);
    furrow_verdict_kind kind;
    const char *why;
} rules[] = {
    {own_is_restored, FURROW_VERDICT_RESTORE, "the log is being restored"},
    {is_restored, FURROW_VERDICT_WAIT, "its owner is restoring the log"},
    {own_not_joined, FURROW_VERDICT_RESTORE, "the log was restored, perhaps without these records"},
    {own_older_records, FURROW_VERDICT_REBUILD, "the log was restored since"},
    {restore_anew, FURROW_VERDICT_RESTORE, "the stream was made anew"},
    {accept_anew, FURROW_VERDICT_ACCEPT, "the stream was made anew"},
    {own_made_anew, FURROW_VERDICT_REFUSE, "the log is not the one these records were made from"},
    {restore_back, FURROW_VERDICT_RESTORE, "the log is older than these records"},
    {accept_back, FURROW_VERDICT_ACCEPT, "the log is older than these records"},
    {own_went_back, FURROW_VERDICT_REFUSE, "the log is older than these records"},
    {no_marker, FURROW_VERDICT_REBUILD, "Redis is empty"},
    {taken_over, FURROW_VERDICT_YIELD,
     "a newer program keeps these records in another shape; upgrade or stop this one"},
    {being_built, FURROW_VERDICT_REBUILD, "a rebuild was not finished"},
    {other_shape, FURROW_VERDICT_REBUILD, "the records have another shape"},
    {is_rebuild_asked, FURROW_VERDICT_REBUILD, "somebody asked to build them anew"},
    {evicted, FURROW_VERDICT_REBUILD, "Redis may have evicted records"},
    {other_log, FURROW_VERDICT_REBUILD, "the log was restored, or the stream made anew"},
    {log_went_back, FURROW_VERDICT_REBUILD, "the log is older than the records"},
    {redis_changed_under_us, FURROW_VERDICT_REPLAY, "Redis was restarted"},
    {other_redis, FURROW_VERDICT_REPLAY, "Redis was restarted"},
    {astray_untold, FURROW_VERDICT_REPLAY, "the consumer tells of a log that is no more"},
    {starving, FURROW_VERDICT_REPLAY, "the consumer leaves events out"},
};

static uint64_t replay_from(const furrow_sight *sight)
{
    uint64_t from = sight->marker.position;
    if (redis_changed_under_us(sight) && sight->seen_position < from) from = sight->seen_position;
    if (astray_untold(sight) && sight->untold_from < from) from = sight->untold_from;
    return from;
}

furrow_verdict furrow_verdict_of(const furrow_sight *sight)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!rules[i].applies(sight)) continue;
        uint64_t from = rules[i].kind == FURROW_VERDICT_REPLAY ? replay_from(sight) : 0;
        return (furrow_verdict){rules[i].kind, from, rules[i].why};
    }
    return (furrow_verdict){FURROW_VERDICT_FOLLOW, sight->marker.position, ""};
}
