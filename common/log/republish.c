/*
 * See republish.h. Whether an event of the log came after it went back is told by its time: all that Redis knew when it
 * was last told of one (`dated`) is older. Events between that and the newest known version are of the last half second
 * before the end: of them one that is not much younger counts as older. May depend on event, window, link, store.
 */
#include "log/republish.h"

#include "base/clock.h"
#include "base/number.h"
#include "log/event.h"

#include <stdio.h>
#include <string.h>

#define ARENA_BYTES ((size_t)96 << 20)
#define UNDATED_NS  ((int64_t)FURROW_NS_PER_S)
#define TRIES       16
#define UNDER       ".superseded"
#define TOMBSTONES  64 /* beyond the history: a stream that keeps more than it should */

typedef struct republish_job {
    furrow_entity *entity;
    const char *id;
    const furrow_record *record;
    const furrow_republish_log *log;
    uint64_t deadline_ns;
    furrow_arena *arena;
    char subject[FURROW_SUBJECT_MAX];
    bool found;              /* the log has something of it: */
    furrow_js_stored newest; /* this */
} republish_job;

static furrow_status read_newest_event(republish_job *job, furrow_error *err)
{
    furrow_arena_reset(job->arena);
    furrow_status status = furrow_js_get_last(job->entity->link, job->entity->contract->stream, job->subject,
                                              job->deadline_ns, job->arena, &job->newest, err);
    job->found = status == FURROW_OK;
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

static bool is_younger(const republish_job *job)
{
    const furrow_republish_log *log = job->log;
    const furrow_js_stored *newest = &job->newest;
    if (newest->timestamp_ns <= log->dated_ns) return false;
    bool undated = newest->sequence > log->dated && newest->sequence <= log->newest;
    return !undated || newest->timestamp_ns > log->dated_ns + UNDATED_NS;
}

static bool is_state(const republish_job *job)
{
    furrow_state unused;
    return furrow_entity_stored_state(job->entity, job->id, &job->newest, job->arena, &unused, NULL) == FURROW_OK;
}

static bool is_newest_same(const republish_job *job)
{
    furrow_bytes body = job->record->deleted ? (furrow_bytes){NULL, 0} : job->record->body;
    return furrow_bytes_equal(job->newest.data, body);
}

/* @body on top of what was seen. ABORTED: something else is there by now. */
static furrow_status put_on_top(republish_job *job, const char *event, furrow_bytes body, const char *commands,
                                furrow_error *err)
{
    char type[FURROW_EVENT_TYPE_MAX];
    furrow_js_puback ack;
    snprintf(type, sizeof type, "%s.%s%s", job->entity->contract->name, event, body.len ? "" : ".deleted");
    furrow_event what = {.subject = job->subject,
                         .body = body,
                         .expected = job->found ? job->newest.sequence : 0,
                         .type = type,
                         .by = "",
                         .commands = commands,
                         .regardless = true};
    furrow_status status = furrow_event_publish(job->entity, &what, job->deadline_ns, &ack, err);
    if (status != FURROW_OK) return status;
    job->found = true;
    job->newest.sequence = ack.sequence;
    return FURROW_OK;
}

/* Does the log hold a state of it, not only deletions? */
static furrow_status holds_states(republish_job *job, bool *any, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    furrow_js_stored stored = {.sequence = 0};
    furrow_status status = arena ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    *any = false;
    while (status == FURROW_OK && !*any) {
        status = furrow_js_get_next(job->entity->link, job->entity->contract->stream, job->subject, stored.sequence + 1,
                                    job->deadline_ns, arena, &stored, err);
        if (status == FURROW_OK) *any = stored.data.len > 0;
        furrow_arena_reset(arena);
    }
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

static furrow_status push_states_out(republish_job *job, furrow_error *err)
{
    bool any = false;
    furrow_status status = FURROW_OK;
    uint32_t most = job->entity->contract->history + TOMBSTONES;
    for (uint32_t i = 0; status == FURROW_OK && i < most; i++) {
        status = holds_states(job, &any, err);
        if (status != FURROW_OK || !any) break;
        status = put_on_top(job, "erased", (furrow_bytes){NULL, 0}, NULL, err);
    }
    return status;
}

static furrow_status put_deletions(republish_job *job, furrow_error *err)
{
    furrow_status status = put_on_top(job, "restored", (furrow_bytes){NULL, 0}, NULL, err);
    return status == FURROW_OK ? push_states_out(job, err) : status;
}

/* Who put the record's state under the log's did not live to put that on top again. */
static furrow_status finish_put_back(republish_job *job, furrow_error *err)
{
    furrow_js_stored below;
    uint64_t sequence;
    const char *follows = furrow_js_stored_header(&job->newest, FURROW_HEADER_EXPECTED_SEQ, job->arena);
    if (!follows || !furrow_number_parse(furrow_bytes_of(follows), UINT64_MAX, &sequence)) return FURROW_OK;
    furrow_status status = furrow_js_get(job->entity->link, job->entity->contract->stream, sequence, job->deadline_ns,
                                         job->arena, &below, err);
    if (status == FURROW_NOT_FOUND || (status == FURROW_OK && strcmp(below.subject, job->subject) != 0))
        return FURROW_OK;
    const char *commands =
        below.data.len == 0 ? furrow_js_stored_header(&below, FURROW_WINDOW_HEADER, job->arena) : NULL;
    return status == FURROW_OK ? put_on_top(job, "restored", below.data, commands, err) : status;
}

static bool is_put_under(const republish_job *job, const furrow_js_stored *stored)
{
    const char *type = furrow_js_stored_header(stored, "ce-type", job->arena);
    size_t len = type ? strlen(type) : 0;
    return len > sizeof UNDER - 1 && strcmp(type + len - (sizeof UNDER - 1), UNDER) == 0;
}

/* What the log has stays in force, and comes on top again: its version may be one that meant something else. */
static furrow_status put_back(republish_job *job, furrow_republished *out, furrow_error *err)
{
    furrow_js_stored stays = job->newest;
    const char *commands =
        stays.data.len == 0 ? furrow_js_stored_header(&stays, FURROW_WINDOW_HEADER, job->arena) : NULL;
    furrow_status status = FURROW_OK;
    if (!job->record->deleted && job->record->body.len > 0) {
        status = put_on_top(job, "superseded", job->record->body, NULL, err);
        out->version = job->newest.sequence;
    }
    if (status == FURROW_OK) status = put_on_top(job, "restored", stays.data, commands, err);
    return status;
}

/* Where the log has the record's state under another sequence, 0: nowhere. It was put there by who restored it before. */
static furrow_status find_again(republish_job *job, furrow_js_stored *out, furrow_error *err)
{
    furrow_js_stored stored = {.sequence = job->record->version};
    furrow_status status = FURROW_OK;
    while (status == FURROW_OK && job->record->body.len > 0) {
        status = furrow_js_get_next(job->entity->link, job->entity->contract->stream, job->subject, stored.sequence + 1,
                                    job->deadline_ns, job->arena, &stored, err);
        if (status != FURROW_OK || !furrow_bytes_equal(stored.data, job->record->body)) continue;
        *out = stored;
        break;
    }
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

/* The log has a newer one. Was ours before it, or was it lost? */
static furrow_status judge_newer(republish_job *job, furrow_republished *out, furrow_error *err)
{
    furrow_js_stored stored;
    if (job->record->deleted && job->newest.data.len == 0) return push_states_out(job, err);
    if (is_put_under(job, &job->newest)) {
        *out = (furrow_republished){.as = FURROW_REPUBLISH_SUPERSEDED, .version = job->newest.sequence};
        return finish_put_back(job, err);
    }
    if (!is_younger(job) || is_newest_same(job)) return FURROW_OK;
    furrow_js_stored again = {.sequence = 0};
    furrow_status status = find_again(job, &again, err);
    if (status != FURROW_OK) return status;
    if (again.sequence > 0) {
        if (is_put_under(job, &again))
            *out = (furrow_republished){.as = FURROW_REPUBLISH_SUPERSEDED, .version = again.sequence};
        return FURROW_OK;
    }
    if (job->newest.sequence > job->log->since) return FURROW_OK;
    status = furrow_js_get_next(job->entity->link, job->entity->contract->stream, job->subject, job->record->version,
                                job->deadline_ns, job->arena, &stored, err);
    if (status != FURROW_OK) return status;
    if (stored.sequence == job->record->version && stored.timestamp_ns <= job->log->dated_ns) return FURROW_OK;
    out->as = FURROW_REPUBLISH_SUPERSEDED;
    return FURROW_OK;
}

static furrow_status try_once(republish_job *job, furrow_republished *out, furrow_error *err)
{
    const furrow_record *record = job->record;
    *out = (furrow_republished){.as = FURROW_REPUBLISH_KEPT, .version = record->version};
    furrow_status status = read_newest_event(job, err);
    if (status != FURROW_OK) return status;
    if (!record->found) {
        if (!job->found || job->newest.data.len == 0 || is_younger(job)) return FURROW_OK;
        out->as = FURROW_REPUBLISH_PUBLISHED;
        return put_on_top(job, "restored", (furrow_bytes){NULL, 0}, NULL, err);
    }
    if (job->found && job->newest.sequence > record->version) return judge_newer(job, out, err);
    if (job->found && job->newest.sequence == record->version && is_newest_same(job)) return FURROW_OK;
    if (job->found && is_younger(job) && is_state(job)) {
        out->as = FURROW_REPUBLISH_SUPERSEDED;
        return put_back(job, out, err);
    }
    out->as = FURROW_REPUBLISH_PUBLISHED;
    return record->deleted ? put_deletions(job, err) : put_on_top(job, "restored", record->body, NULL, err);
}

furrow_status furrow_entity_republish(furrow_entity *entity, const char *id, const furrow_record *record,
                                      const furrow_republish_log *log, uint64_t deadline_ns, furrow_republished *out,
                                      furrow_error *err)
{
    furrow_republished done;
    republish_job job = {.entity = entity, .id = id, .record = record, .log = log, .deadline_ns = deadline_ns};
    furrow_status status = furrow_subject_of_entity(entity->contract->name, id, job.subject, err);
    if (status != FURROW_OK) return status;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    job.arena = arena;
    status = FURROW_ABORTED;
    for (int i = 0; status == FURROW_ABORTED && i < TRIES; i++) status = try_once(&job, &done, err);
    if (status != FURROW_OK) return furrow_wrap(err, "publish %s again", job.subject);
    *out = done;
    return FURROW_OK;
}
