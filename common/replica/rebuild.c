/*
 * Builds anew what somebody asks for, though nothing seems amiss: a table, or one record. For a table the keeper's next
 * look finds its build asked for, and takes the way of any rebuild; the other processes meet the new one. Of one record
 * the newest state of the log takes the place of whatever is stored, unless that is newer.
 */
#include "replica/inside.h"

#include "wire/subject.h"

#include <stdio.h>
#include <string.h>

#define STATE_BYTES ((size_t)96 << 20)
#define LOOK_MS     10

static furrow_status check_ready(furrow_replica *replica, furrow_error *err)
{
    if (furrow_replica_state_of(replica) == FURROW_REPLICA_READY && furrow_store_connected(replica->store))
        return FURROW_OK;
    return furrow_fail(err, FURROW_UNAVAILABLE, "%s is not ready: %s", replica->options.service,
                       furrow_replica_describe(replica));
}

furrow_status furrow_replica_rebuild(furrow_replica *replica, uint64_t deadline_ns, furrow_error *err)
{
    furrow_status status = check_ready(replica, err);
    if (status != FURROW_OK) return status;
    snprintf(replica->sight.asked, sizeof replica->sight.asked, "%s", replica->build);
    furrow_table_doubt(replica->table, "somebody asked to build them anew");
    furrow_replica_nudge(replica);
    while (strcmp(replica->sight.asked, replica->build) == 0 && furrow_clock_now_ns() < deadline_ns &&
           !replica->draining)
        furrow_task_sleep_ms(LOOK_MS);
    if (strcmp(replica->sight.asked, replica->build) != 0) return FURROW_OK;
    return furrow_fail(err, FURROW_UNAVAILABLE, "the rebuild has not begun yet: %s", furrow_replica_describe(replica));
}

furrow_status furrow_replica_reread(furrow_replica *replica, const char *subject, uint64_t deadline_ns,
                                    uint64_t *version, furrow_error *err)
{
    furrow_bytes id;
    furrow_js_stored newest;
    furrow_status status = furrow_subject_id(subject, replica->entity, &id, err);
    if (status == FURROW_OK) status = check_ready(replica, err);
    if (status != FURROW_OK) return status;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(STATE_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    status = furrow_js_get_last(replica->link, replica->stream, subject, deadline_ns, arena, &newest, err);
    if (status == FURROW_NOT_FOUND)
        return furrow_fail(err, FURROW_NOT_FOUND,
                           "%s has nothing of %s; `furrow audit --repair` takes away what is kept", replica->stream,
                           subject);
    if (status == FURROW_OK) status = furrow_intake_rewrite(replica, &newest, err);
    if (status == FURROW_OK) *version = newest.sequence;
    return status;
}
