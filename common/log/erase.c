/*
 * Erasing: a deletion that leaves nothing of the entity behind. The log keeps the last states of each subject, so
 * tombstones are written until it holds nothing else of this one: each by compare-and-set on what was seen before, by
 * the caller's own decision where somebody has written meanwhile. That is the whole state of an erasure, so one that
 * was cut short is finished by the next. May depend on write, link, store.
 */
#include "log/write.h"

#include "base/clock.h"

#define STRAY_MAX 64 /* tombstones beyond the history: strangers' messages in between, or a stream that keeps more */

typedef struct erase_job {
    furrow_entity *entity;
    const furrow_write *write;
    uint64_t deadline_ns;
    char subject[FURROW_SUBJECT_MAX];
} erase_job;

/* How many messages that are no tombstone does the log hold of it? Any bytes count, a state or not. */
static furrow_status count_left(const erase_job *job, uint32_t *left, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(FURROW_ENTITY_LOG_BYTES);
    furrow_js_stored stored = {.sequence = 0};
    furrow_status status = arena ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    *left = 0;
    while (status == FURROW_OK) {
        status = furrow_js_get_next(job->entity->link, job->entity->contract->stream, job->subject, stored.sequence + 1,
                                    job->deadline_ns, arena, &stored, err);
        if (status == FURROW_OK && stored.data.len > 0) (*left)++;
        furrow_arena_reset(arena);
    }
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

/* One more tombstone; if the entity has come to be again, whoever asked for the erasure decides on that too. */
static furrow_status decide_again(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *err)
{
    const erase_job *job = arg;
    if (!current->deleted) return job->write->decide(job->write->arg, current, arena, out, err);
    *out = (furrow_decision){.remove = true, .event = "erased.deleted"};
    return FURROW_OK;
}

static furrow_status write_more(erase_job *job, furrow_arena *arena, furrow_written *out, furrow_error *err)
{
    furrow_command side = *job->write->command;
    side.has_key = false; /* the key belongs to the deletion itself */
    side.deadline_ns = job->deadline_ns;
    furrow_write write = {
        .id = job->write->id, .command = &side, .from_log = true, .removes = true, .decide = decide_again, .arg = job};
    furrow_written written;
    furrow_status status = furrow_entity_write(job->entity, &write, arena, &written, err);
    if (status == FURROW_OK) out->state = written.state;
    return status;
}

static furrow_status clean_log(erase_job *job, furrow_arena *arena, furrow_written *out, furrow_error *err)
{
    uint32_t left, most = job->entity->contract->history + STRAY_MAX;
    furrow_status status = count_left(job, &left, err);
    for (uint32_t i = 0; status == FURROW_OK && left > 0 && out->state.deleted && i < most; i++) {
        status = write_more(job, arena, out, err);
        if (status == FURROW_OK) status = count_left(job, &left, err);
    }
    if (status != FURROW_OK || !out->state.deleted || left == 0) return status;
    return furrow_fail(err, FURROW_UNAVAILABLE, "stream %s keeps more than %u states of it: run `furrow provision`",
                       job->entity->contract->stream, most);
}

/* After a write Redis is told as well as may be; here it must have heard. */
static furrow_status clean_redis(const erase_job *job, const furrow_state *state, furrow_error *err)
{
    furrow_record_write write = {.id = furrow_bytes_of(job->write->id), .version = state->version};
    furrow_status status = furrow_record_apply(job->entity->table, &write, 1, NULL, err);
    if (status != FURROW_OK) return status;
    return furrow_store_forget(furrow_table_store(job->entity->table), job->entity->source + 1, job->subject, err);
}

furrow_status furrow_entity_erase(furrow_entity *entity, const furrow_write *write, furrow_arena *arena,
                                  furrow_erased *out, furrow_error *err)
{
    erase_job job = {.entity = entity, .write = write, .deadline_ns = furrow_entity_deadline(write->command)};
    furrow_erased erased = {.states = 0};
    furrow_write deletion = *write;
    deletion.removes = true;
    furrow_status status = furrow_subject_of_entity(entity->contract->name, write->id, job.subject, err);
    if (status == FURROW_OK) status = count_left(&job, &erased.states, err);
    if (status == FURROW_OK) status = furrow_entity_write(entity, &deletion, arena, &erased.written, err);
    /* A repeated command answers what it made then; what is to be cleaned is what is there now. */
    if (status == FURROW_OK && erased.written.repeated)
        status = furrow_entity_newest(entity, write->id, job.deadline_ns, arena, &erased.written.state, err);
    if (status != FURROW_OK) return status;
    if (erased.written.state.deleted) {
        status = clean_log(&job, arena, &erased.written, err);
        if (status == FURROW_OK && erased.written.state.deleted) status = clean_redis(&job, &erased.written.state, err);
        if (status != FURROW_OK)
            return furrow_wrap(err, "%s is deleted, but not all of it is erased yet: ask again", job.subject);
    }
    *out = erased;
    return FURROW_OK;
}
