/*
 * What is in the dead letters, once more: when whoever mended the cause asks for it. The letter has no body, and an old
 * state must never come over a newer one, so it is always the newest state of the subject that is applied, by the same
 * step as any event: whatever Redis has that is newer stays. A reaction becomes pending again and takes the reactor's
 * ordinary way, with its tries and its end in a new letter. So asking twice, or two at once, does no harm.
 */
#include "replica/inside.h"

#include "wire/subject.h"

#define STATE_BYTES ((size_t)96 << 20)

static furrow_status read_newest_state(furrow_replica *replica, const char *subject, uint64_t deadline_ns,
                                       furrow_arena *arena, furrow_js_stored *out, furrow_error *err)
{
    furrow_status status = furrow_js_get_last(replica->link, replica->stream, subject, deadline_ns, arena, out, err);
    if (status == FURROW_NOT_FOUND)
        return furrow_fail(err, FURROW_NOT_FOUND, "%s has nothing of %s any more: there is nothing to do again",
                           replica->stream, subject);
    return status == FURROW_OK ? status : furrow_wrap(err, "read the newest state of %s", subject);
}

/* An owner puts its last good state on top of one that is none; nobody else can. */
static furrow_status apply_newest(furrow_replica *replica, const char *id, const char *subject, uint64_t deadline_ns,
                                  uint64_t *version, furrow_error *err)
{
    const furrow_replica_options *options = &replica->options;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(STATE_BYTES);
    furrow_js_stored newest;
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = read_newest_state(replica, subject, deadline_ns, arena, &newest, err);
    if (status == FURROW_OK) status = furrow_intake_apply_one(replica, &newest, err);
    if (status == FURROW_INVALID_ARGUMENT && options->own && options->restore) {
        status = options->restore(options->user, options->own, id, err);
        furrow_arena_reset(arena);
        if (status == FURROW_OK) status = read_newest_state(replica, subject, deadline_ns, arena, &newest, err);
        if (status == FURROW_OK) status = furrow_intake_apply_one(replica, &newest, err);
    }
    if (status == FURROW_OK) *version = newest.sequence;
    /* That nothing was there to go back to is over; what else is broken has a letter of its own. */
    if (status == FURROW_OK && furrow_bytes_after(replica->notice, "restore: ")) replica->notice[0] = '\0';
    if (status != FURROW_INVALID_ARGUMENT) return status;
    furrow_wrap(err, "event %llu, its newest, cannot be applied either", (unsigned long long)newest.sequence);
    if (err) err->code = FURROW_FAILED_PRECONDITION;
    return FURROW_FAILED_PRECONDITION;
}

furrow_status furrow_replica_redo(furrow_replica *replica, const char *subject, bool reaction, uint64_t deadline_ns,
                                  uint64_t *version, furrow_error *err)
{
    furrow_bytes id; /* the subject's last token, so it ends with a NUL */
    furrow_status status = furrow_subject_id(subject, replica->entity, &id, err);
    if (status != FURROW_OK) return status;
    if (reaction && !replica->options.react)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s does not react to %s (any more)",
                           replica->options.service, replica->entity);
    if (furrow_replica_state_of(replica) != FURROW_REPLICA_READY || !furrow_store_connected(replica->store))
        return furrow_fail(err, FURROW_UNAVAILABLE, "%s is not ready: %s", replica->options.service,
                           furrow_replica_describe(replica));
    status = apply_newest(replica, id.data, subject, deadline_ns, version, err);
    if (status == FURROW_OK && reaction) status = furrow_record_pend(replica->table, id.data, err);
    if (status == FURROW_OK && reaction) furrow_reactor_wake(replica);
    return status;
}
