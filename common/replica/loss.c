/* See loss.h. May depend on link, store, wire. */
#include "replica/loss.h"

#include "base/clock.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVENT_ARENA_BYTES ((size_t)96 << 20)
#define PAGE_ARENA_BYTES  ((size_t)512 << 20)
#define WORKERS           16
#define RESCUE_MS         10000
#define FILL_AT_ONCE      2000

static void epoch_subject(const furrow_replica *replica, char out[FURROW_SUBJECT_MAX])
{
    snprintf(out, FURROW_SUBJECT_MAX, "%s.%s", replica->entity, FURROW_EPOCH_ID);
}

/* ---- looking ---- */

static furrow_status look_at_epoch(furrow_replica *replica, furrow_error *err)
{
    furrow_sight *sight = &replica->sight;
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_stored stored;
    sight->epoch = (furrow_epoch){.begun = sight->stream.created_ns, .whole = true};
    sight->epoch_seq = 0;
    if (sight->stream.last_seq == 0) return FURROW_OK;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(EVENT_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    epoch_subject(replica, subject);
    furrow_status status =
        furrow_js_get_last(replica->link, replica->stream, subject, furrow_replica_soon(), arena, &stored, err);
    if (status == FURROW_NOT_FOUND) return FURROW_OK;
    if (status != FURROW_OK) return furrow_wrap(err, "look at the epoch of %s", replica->stream);
    sight->epoch_seq = stored.sequence;
    furrow_epoch epoch; /* what is none was put there by a stranger, and says nothing */
    if (furrow_epoch_parse(stored.data, &epoch)) sight->epoch = epoch;
    return FURROW_OK;
}

/*
 * A log that went back (power loss, a restored copy) gives its sequences away again. So the event that it has at the
 * newest version of ours whose time we know is compared with it; where that was superseded, the next one before it that
 * is still there: it cannot be younger.
 */
static furrow_status look_at_event(furrow_replica *replica, furrow_error *err)
{
    furrow_sight *sight = &replica->sight;
    const furrow_marker *marker = &sight->marker;
    char subjects[FURROW_SUBJECT_MAX];
    sight->event_seq = 0;
    if (!marker->dated || marker->dated > sight->stream.last_seq) return FURROW_OK;
    snprintf(subjects, sizeof subjects, "%s.*", replica->entity);
    for (uint64_t back = 0; marker->dated > back; back = back ? 2 * back : 1) {
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(EVENT_ARENA_BYTES);
        furrow_js_stored event = {0};
        if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        furrow_status status = furrow_js_get_next(replica->link, replica->stream, subjects, marker->dated - back,
                                                  furrow_replica_soon(), arena, &event, err);
        if (status != FURROW_OK && status != FURROW_NOT_FOUND)
            return furrow_wrap(err, "look at an event of %s", replica->stream);
        if (status == FURROW_OK && event.sequence <= marker->dated) {
            sight->event_seq = event.sequence;
            sight->event_ns = event.timestamp_ns;
            return FURROW_OK;
        }
        if (marker->dated - back <= sight->stream.first_seq) break;
    }
    return FURROW_OK;
}

furrow_status furrow_loss_look(furrow_replica *replica, furrow_error *err)
{
    furrow_sight *sight = &replica->sight;
    furrow_status status = look_at_epoch(replica, err);
    if (status == FURROW_OK) status = look_at_event(replica, err);
    if (status != FURROW_OK) return status;
    furrow_loss_mode mode = replica->options.republish ? replica->options.loss : FURROW_LOSS_WAIT;
    furrow_loss_mode anew = mode == FURROW_LOSS_RESTORE ? FURROW_LOSS_WAIT : mode;
    sight->loss = replica->told ? replica->told_mode : mode;
    sight->loss_anew = replica->told ? replica->told_mode : anew;
    return FURROW_OK;
}

/* ---- the epoch ---- */

/* By compare-and-set, and only to the log that was looked at: one that went back again since is not whole. */
static furrow_status publish_epoch(furrow_replica *replica, const furrow_epoch *epoch, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX], text[FURROW_EPOCH_TEXT];
    furrow_sight *sight = &replica->sight;
    furrow_js_publish_options options = {.expected_seq = (int64_t)sight->epoch_seq};
    furrow_js_puback ack;
    epoch_subject(replica, subject);
    furrow_epoch_format(epoch, text);
    if (!furrow_look_knows_log(replica)) return furrow_fail(err, FURROW_UNAVAILABLE, "NATS was lost");
    furrow_status status =
        furrow_js_publish(replica->link, subject, furrow_bytes_of(text), &options, furrow_replica_soon(), &ack, err);
    if (status != FURROW_OK) return furrow_wrap(err, "write the epoch of %s", replica->stream);
    sight->epoch = *epoch;
    sight->epoch_seq = ack.sequence;
    return FURROW_OK;
}

/* Younger than all that came before, whatever the clock says. */
static int64_t next_epoch(const furrow_sight *sight)
{
    int64_t begun = furrow_clock_wall_ns();
    const int64_t before[] = {sight->epoch.begun, sight->stream.created_ns, furrow_verdict_known(sight)->epoch_ns};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        if (begun <= before[i]) begun = before[i] + 1;
    return begun;
}

static bool is_made_anew(const furrow_sight *sight)
{
    return sight->epoch_seq == 0 && sight->stream.created_ns > furrow_verdict_known(sight)->epoch_ns;
}

/* It was restored out of others' records; what these have more comes into the same epoch. */
static bool joins(const furrow_sight *sight)
{
    return sight->epoch_seq > 0 && sight->epoch.whole && sight->epoch.begun > sight->marker.epoch_ns &&
           sight->epoch.before == sight->marker.epoch_ns;
}

static furrow_status begin_epoch(furrow_replica *replica, bool accepted, furrow_error *err)
{
    const furrow_sight *sight = &replica->sight;
    if (!sight->epoch.whole || joins(sight)) return FURROW_OK; /* somebody did */
    furrow_epoch epoch = {.begun = next_epoch(sight),
                          .before = furrow_verdict_known(sight)->epoch_ns,
                          .kept = is_made_anew(sight) ? 0 : sight->stream.last_seq,
                          .since = sight->stream.last_seq,
                          .whole = accepted,
                          .accepted = accepted};
    return publish_epoch(replica, &epoch, err);
}

static furrow_status end_epoch(furrow_replica *replica, furrow_error *err)
{
    furrow_status status = look_at_epoch(replica, err); /* filling has told it again and again */
    furrow_epoch whole = replica->sight.epoch;
    if (status != FURROW_OK || whole.whole) return status;
    whole.whole = true;
    return publish_epoch(replica, &whole, err);
}

/* ---- fill ---- */

static furrow_status look_at_stream_again(furrow_replica *replica, furrow_error *err)
{
    if (replica->stopping || replica->draining) return furrow_fail(err, FURROW_CANCELLED, "stopping");
    if (replica->lease_lost) return furrow_fail(err, FURROW_ABORTED, "another process has taken over the repair");
    if (!furrow_look_knows_log(replica)) return furrow_fail(err, FURROW_UNAVAILABLE, "NATS was lost");
    furrow_status status =
        furrow_js_stream_info(replica->link, replica->stream, furrow_replica_soon(), &replica->sight.stream, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "look at stream %s", replica->stream);
}

/* Without an ack for each: only how long the log gets by it counts. */
static furrow_status fill_log(furrow_replica *replica, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX], text[FURROW_EPOCH_TEXT];
    furrow_sight *sight = &replica->sight;
    const furrow_marker *marker = furrow_verdict_known(sight);
    uint64_t to = marker->newest > marker->position ? marker->newest : marker->position;
    epoch_subject(replica, subject);
    furrow_epoch_format(&sight->epoch, text);
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of(text)};
    furrow_status status = look_at_stream_again(replica, err);
    while (status == FURROW_OK && sight->stream.last_seq < to) {
        uint64_t from = sight->stream.last_seq, missing = to - from;
        furrow_replica_say(replica, "restoring: the log is made as long as it was, %" PRIu64 "/%" PRIu64, from, to);
        if (missing > FILL_AT_ONCE) missing = FILL_AT_ONCE;
        for (uint64_t i = 0; status == FURROW_OK && i < missing; i++)
            status = furrow_link_publish(replica->link, &out, err);
        if (status == FURROW_OK) status = furrow_link_flush(replica->link, furrow_replica_soon(), err);
        if (status == FURROW_OK) status = look_at_stream_again(replica, err);
        if (status == FURROW_OK && sight->stream.last_seq == from) furrow_task_sleep_ms(10);
    }
    if (status != FURROW_OK) return furrow_wrap(err, "fill %s", replica->stream);
    return FURROW_OK;
}

/* ---- what may be missing ---- */

typedef struct rescue {
    furrow_replica *replica;
    furrow_table *table; /* whose records: ours, or those in the shape that is there */
    furrow_loss_log log;
    uint64_t from;       /* up to here the log is what it was */
    bool forgotten;      /* it may be so old that Redis has forgotten deletions since */
    furrow_walked *page; /* what is at hand, */
    size_t count, next;  /* and how far the workers are with it */
    size_t working;
    furrow_waiter *ended; /* the last of them wakes who waits */
    furrow_status status; /* of the first that failed, */
    furrow_error err;     /* and why */
    uint64_t seen, published, superseded;
} rescue;

/* The last event that is as old as what Redis knows: up to there the log is the one it was. */
static furrow_status find_fork(furrow_replica *replica, rescue *job, furrow_error *err)
{
    const furrow_marker *marker = furrow_verdict_known(&replica->sight);
    uint64_t low = 0, high = replica->sight.epoch.kept < marker->dated ? replica->sight.epoch.kept : marker->dated;
    int64_t last_ns = 0;
    char subjects[FURROW_SUBJECT_MAX];
    snprintf(subjects, sizeof subjects, "%s.*", replica->entity);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(EVENT_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    while (low < high) {
        furrow_js_stored event;
        uint64_t middle = low + (high - low + 1) / 2;
        furrow_arena_reset(arena);
        furrow_status status = furrow_js_get_next(replica->link, replica->stream, subjects, middle,
                                                  furrow_replica_soon(), arena, &event, err);
        if (status != FURROW_OK && status != FURROW_NOT_FOUND)
            return furrow_wrap(err, "look at an event of %s", replica->stream);
        if (status == FURROW_OK && event.sequence <= high && event.timestamp_ns <= marker->dated_ns) {
            low = event.sequence;
            last_ns = event.timestamp_ns;
        } else {
            high = middle - 1;
        }
    }
    job->from = low;
    int64_t remembered_ns = furrow_clock_wall_ns() - (int64_t)FURROW_TOMBSTONE_SECONDS * (int64_t)FURROW_NS_PER_S;
    job->forgotten = last_ns < remembered_ns && !furrow_verdict_lacks(&replica->sight, marker);
    return FURROW_OK;
}

/* Of the log as it was. Where nothing was known of its times, what the log has counts as older; not in another log. */
static furrow_loss_log known_log(const furrow_replica *replica)
{
    const furrow_marker *marker = furrow_verdict_known(&replica->sight);
    furrow_loss_log log = {.newest = marker->newest,
                           .dated = marker->dated,
                           .dated_ns = marker->dated_ns,
                           .since = replica->sight.epoch.since};
    if (replica->sight.epoch.kept == 0)
        log.newest = log.dated = 0; /* all that is there came after */
    else if (marker->dated == 0)
        log.dated_ns = INT64_MAX;
    return log;
}

static bool is_candidate(const rescue *job, const furrow_walked *walked)
{
    return walked->record.found ? walked->record.version > job->from : job->forgotten;
}

/* ---- rescue ---- */

static furrow_status bury_superseded(rescue *job, const char *id, const furrow_record *record,
                                     const furrow_rescued *outcome, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX], reason[256];
    furrow_replica *replica = job->replica;
    snprintf(subject, sizeof subject, "%s.%s", replica->entity, id);
    snprintf(reason, sizeof reason,
             "the log went back, and has a newer state than version %" PRIu64
             ", which was acknowledged; its state is under sequence %" PRIu64,
             record->version, outcome->version);
    furrow_js_stored event = {.sequence = outcome->version, .subject = subject, .timestamp_ns = job->log.dated_ns};
    furrow_status status = furrow_replica_bury(replica, (furrow_deadletter){.event = &event, .reason = reason}, err);
    if (status == FURROW_OK) replica->stats.dead_lettered++;
    return status;
}

static furrow_status rescue_one(rescue *job, const furrow_walked *walked, furrow_error *err)
{
    furrow_rescued outcome = {.superseded = false};
    const furrow_replica_options *options = &job->replica->options;
    (void)furrow_task_set_deadline(furrow_clock_in_ms(RESCUE_MS));
    furrow_status status =
        options->republish(options->user, options->own, walked->id, &walked->record, &job->log, &outcome, err);
    if (status == FURROW_OK && outcome.superseded)
        status = bury_superseded(job, walked->id, &walked->record, &outcome, err);
    job->published += outcome.published;
    job->superseded += outcome.superseded;
    return status;
}

static void work_rescues(void *arg)
{
    rescue *job = arg;
    furrow_replica *replica = job->replica;
    while (job->status == FURROW_OK && job->next < job->count && !replica->stopping && !replica->lease_lost) {
        const furrow_walked *walked = &job->page[job->next++];
        furrow_error err = {0};
        if (!is_candidate(job, walked)) continue;
        furrow_status status = rescue_one(job, walked, &err);
        if (status == FURROW_OK || job->status != FURROW_OK) continue;
        job->status = status;
        job->err = err;
    }
    if (--job->working == 0) furrow_replica_rouse(&job->ended);
    furrow_replica_task_ended(replica);
}

static bool has_candidates(const rescue *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (is_candidate(job, &job->page[i])) return true;
    return false;
}

/* All workers have ended when this returns. */
static furrow_status rescue_page(rescue *job, furrow_error *err)
{
    job->next = 0;
    job->working = 1; /* ourselves, so that none is the last before all have begun */
    for (size_t i = 0; i < WORKERS && i < job->count; i++) {
        if (furrow_replica_spawn(job->replica, work_rescues, job, err) != FURROW_OK) break;
        job->working++;
    }
    if (job->working == 1) job->status = FURROW_RESOURCE_EXHAUSTED;
    furrow_waiter waiter = furrow_waiter_make();
    job->ended = &waiter;
    if (--job->working > 0) furrow_wait(&waiter, FURROW_NEVER);
    job->ended = NULL;
    if (job->status != FURROW_OK && job->err.code != FURROW_OK && err) *err = job->err;
    return job->status;
}

static furrow_status rescue_all(furrow_replica *replica, rescue *job, furrow_error *err)
{
    furrow_walk walk = {.at = 0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(PAGE_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (;;) {
        furrow_arena_reset(arena);
        furrow_status status = look_at_stream_again(replica, err);
        if (status == FURROW_OK) status = furrow_record_walk(job->table, &walk, arena, &job->page, &job->count, err);
        if (status != FURROW_OK || job->count == 0) return status;
        if (has_candidates(job)) status = rescue_page(job, err);
        if (status != FURROW_OK) return status;
        job->seen += job->count;
        furrow_replica_say(replica, "restoring: %" PRIu64 " records looked at, %" PRIu64 " published again", job->seen,
                           job->published);
    }
}

/* ---- all of it ---- */

/* What came into the log while it was restored is applied; then the marker is of the new epoch. */
static furrow_status adopt_epoch(furrow_replica *replica, uint64_t from, furrow_error *err)
{
    furrow_marker to = replica->marker;
    bool moved = false;
    to.epoch_ns = replica->sight.epoch.begun;
    furrow_replica_adopt(replica);
    furrow_status status = look_at_stream_again(replica, err);
    if (status == FURROW_OK) furrow_replica_know_log(replica); /* all that Redis has is in it again */
    if (status == FURROW_OK) status = furrow_repair_read(replica, &from, replica->sight.stream.last_seq, err);
    if (status == FURROW_OK) status = furrow_marker_move(replica->table, &replica->marker, &to, &moved, err);
    if (status == FURROW_OK && !moved) return furrow_fail(err, FURROW_ABORTED, "the marker was changed");
    return status;
}

/* Where the records are: ours, or, before we have any, those in the shape that is there. */
static furrow_status find_records(furrow_replica *replica, rescue *job, furrow_error *err)
{
    job->replica = replica;
    job->table = replica->table;
    if (replica->sight.marker.found || !replica->sight.elder.found) return FURROW_OK;
    job->table = furrow_table_create(replica->store, &replica->about, err);
    if (!job->table) return FURROW_RESOURCE_EXHAUSTED;
    return furrow_table_place_current(job->table, err);
}

static void forget_records(rescue *job)
{
    if (job->table != job->replica->table) furrow_table_destroy(job->table);
}

static furrow_status rescue_records(furrow_replica *replica, rescue *job, furrow_error *err)
{
    furrow_status status = fill_log(replica, err);
    if (status == FURROW_OK) status = find_fork(replica, job, err);
    job->log = known_log(replica);
    if (status == FURROW_OK) status = find_records(replica, job, err);
    if (status == FURROW_OK) status = rescue_all(replica, job, err);
    forget_records(job);
    if (status == FURROW_OK && replica->sight.marker.found) status = adopt_epoch(replica, job->from, err);
    return status;
}

furrow_status furrow_loss_restore(furrow_replica *replica, furrow_error *err)
{
    rescue job = {.replica = replica, .table = replica->table};
    furrow_status status = begin_epoch(replica, false, err);
    if (status == FURROW_OK && furrow_verdict_known(&replica->sight)->found)
        status = rescue_records(replica, &job, err);
    if (status == FURROW_OK) status = end_epoch(replica, err);
    if (status != FURROW_OK) return furrow_wrap(err, "restore %s", replica->stream);
    replica->told = false;
    snprintf(replica->restored, sizeof replica->restored,
             "the log was restored: of %" PRIu64 " records %" PRIu64 " were published again, %" PRIu64 " superseded",
             job.seen, job.published, job.superseded);
    return FURROW_OK;
}

/* Results that are remembered of commands that are lost must not be answered. */
static furrow_status forget_results(rescue *job, furrow_error *err)
{
    furrow_replica *replica = job->replica;
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < job->count; i++) {
        char subject[FURROW_SUBJECT_MAX];
        if (!is_candidate(job, &job->page[i])) continue;
        snprintf(subject, sizeof subject, "%s.%s", replica->entity, job->page[i].id);
        status = furrow_store_forget(replica->store, replica->options.service, subject, err);
    }
    return status;
}

static furrow_status forget_all(rescue *job, furrow_error *err)
{
    furrow_walk walk = {.at = 0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(PAGE_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (;;) {
        furrow_arena_reset(arena);
        furrow_status status = look_at_stream_again(job->replica, err);
        if (status == FURROW_OK) status = furrow_record_walk(job->table, &walk, arena, &job->page, &job->count, err);
        if (status != FURROW_OK || job->count == 0) return status;
        status = forget_results(job, err);
        if (status != FURROW_OK) return status;
    }
}

furrow_status furrow_loss_accept(furrow_replica *replica, furrow_error *err)
{
    rescue job = {.replica = replica, .table = replica->table};
    replica->sight.epoch.kept = is_made_anew(&replica->sight) ? 0 : replica->sight.stream.last_seq;
    furrow_status status = find_fork(replica, &job, err);
    if (status == FURROW_OK) status = find_records(replica, &job, err);
    if (status == FURROW_OK) status = forget_all(&job, err);
    forget_records(&job);
    if (status == FURROW_OK) status = begin_epoch(replica, true, err);
    if (status != FURROW_OK) return furrow_wrap(err, "accept what %s lost", replica->stream);
    replica->told = false;
    return FURROW_OK;
}

/* Looks anew: at rest the last look is up to a second old. */
static furrow_status judge_again(furrow_replica *replica, uint64_t deadline_ns, furrow_error *err)
{
    uint64_t before = replica->judged;
    furrow_table_doubt(replica->table, "somebody asks what the log lost");
    while (replica->judged == before) {
        if (furrow_clock_now_ns() >= deadline_ns || replica->stopping)
            return furrow_fail(err, FURROW_UNAVAILABLE, "%s could not be looked at: %s", replica->stream,
                               furrow_replica_describe(replica));
        furrow_replica_nudge(replica);
        furrow_task_sleep_ms(20);
    }
    return FURROW_OK;
}

furrow_status furrow_replica_restore(furrow_replica *replica, bool accept, bool *needed, uint64_t deadline_ns,
                                     furrow_error *err)
{
    if (!replica->options.own || !replica->options.republish)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s is not %s's own: its owner restores it",
                           replica->stream, replica->options.service);
    bool under_way = replica->phase == FURROW_PHASE_RESTORE;
    furrow_status status = under_way ? FURROW_OK : judge_again(replica, deadline_ns, err);
    if (status != FURROW_OK) return status;
    *needed = under_way || replica->verdict == FURROW_VERDICT_REFUSE || replica->verdict == FURROW_VERDICT_RESTORE ||
              replica->verdict == FURROW_VERDICT_ACCEPT;
    if (replica->verdict != FURROW_VERDICT_REFUSE) return FURROW_OK;
    replica->told = true;
    replica->told_mode = accept ? FURROW_LOSS_ACCEPT : FURROW_LOSS_RESTORE;
    furrow_replica_nudge(replica);
    return FURROW_OK;
}

const char *furrow_replica_restored(const furrow_replica *replica)
{
    return replica->restored;
}
