/*
 * Who waits for a version: a bounded list, looked through for every batch that is applied. A batch may also have been
 * applied by another process of the service, or by a command of our own, so a waiter reads its record now and then by
 * itself as well.
 */
#include "replica/inside.h"

#include "base/hash.h"

#include <string.h>

#define READ_AGAIN_MIN_MS 5
#define READ_AGAIN_MAX_MS 200
#define RECORD_BYTES_MAX  ((size_t)128 << 20)

struct furrow_version_waiter {
    furrow_version_waiter *next;
    furrow_bytes id;
    uint64_t hash;
    uint64_t version;
    furrow_waiter waiter;
};

/* Tells nearly all ids of a batch from ours at the price of one comparison. */
static uint64_t quick_hash_of(furrow_bytes id)
{
    return furrow_hash_quick(FURROW_HASH_QUICK, id);
}

void furrow_replica_arrived(furrow_replica *replica, const furrow_record_write writes[], size_t count)
{
    if (!replica->waiters) return;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = quick_hash_of(writes[i].id);
        for (furrow_version_waiter *waiting = replica->waiters; waiting; waiting = waiting->next)
            if (waiting->hash == hash && writes[i].version >= waiting->version &&
                furrow_bytes_equal(waiting->id, writes[i].id))
                furrow_waiter_done(&waiting->waiter);
    }
}

static bool position_passed(const furrow_replica *replica, uint64_t version)
{
    return replica->state == FURROW_REPLICA_READY && replica->stats.position >= version;
}

static furrow_status has_version(furrow_replica *replica, const char *id, uint64_t version, furrow_arena *arena,
                                 bool *has, furrow_error *err)
{
    furrow_record_read read = {.table = replica->table, .id = id};
    furrow_arena_reset(arena);
    furrow_status status = furrow_record_read_many(replica->store, &read, 1, arena, err);
    if (status == FURROW_OK) *has = read.record.version >= version || position_passed(replica, version);
    return status;
}

static void list_remove(furrow_replica *replica, furrow_version_waiter *waiting)
{
    furrow_version_waiter **at = &replica->waiters;
    while (*at != waiting) at = &(*at)->next;
    *at = waiting->next;
    replica->waiter_count--;
}

/* Listed first, then read: what arrives in between is not missed. */
static furrow_status wait_listed(furrow_replica *replica, const char *id, furrow_version_waiter *waiting,
                                 furrow_arena *arena, uint64_t deadline_ns, furrow_error *err)
{
    for (uint64_t pause_ms = READ_AGAIN_MIN_MS;;
         pause_ms = pause_ms * 2 < READ_AGAIN_MAX_MS ? pause_ms * 2 : READ_AGAIN_MAX_MS) {
        bool has = false;
        furrow_status status = has_version(replica, id, waiting->version, arena, &has, err);
        if (status != FURROW_OK || has) return status;
        furrow_beside_hurry(replica);
        uint64_t until = furrow_clock_in_ms(pause_ms);
        furrow_wait(&waiting->waiter, until < deadline_ns ? until : deadline_ns);
        furrow_waiter_reset(&waiting->waiter);
        /* Not read once more: without time left Redis would get the blame. */
        if (furrow_clock_now_ns() >= deadline_ns)
            return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "version %llu of %s has not arrived here yet",
                               (unsigned long long)waiting->version, id);
    }
}

/* A younger epoch than ours is one that we have not seen yet. */
static furrow_status await_epoch(furrow_replica *replica, const char *id, uint64_t version, int64_t epoch,
                                 uint64_t deadline_ns, furrow_error *err)
{
    int64_t ours;
    while ((ours = furrow_table_epoch(replica->table)) < epoch) {
        if (furrow_clock_now_ns() >= deadline_ns)
            return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "version %llu of %s is of a log that was not seen yet",
                               (unsigned long long)version, id);
        furrow_replica_nudge(replica);
        furrow_task_sleep_ms(READ_AGAIN_MAX_MS / 4);
    }
    if (epoch == 0 || ours == epoch) return FURROW_OK;
    return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                       "version %llu of %s is of a log that is no more (%s was restored, or made anew): read it again, "
                       "without this version",
                       (unsigned long long)version, id, replica->stream);
}

furrow_status furrow_replica_wait(furrow_replica *replica, const char *id, uint64_t version, int64_t epoch,
                                  uint64_t deadline_ns, furrow_error *err)
{
    furrow_status known = await_epoch(replica, id, version, epoch, deadline_ns, err);
    if (known != FURROW_OK) return known;
    if (position_passed(replica, version)) return FURROW_OK;
    if (replica->waiter_count >= replica->options.max_waiting)
        return furrow_fail_busy(err, FURROW_RETRY_MS, "%zu calls wait for events of %s already", replica->waiter_count,
                                replica->stream);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(RECORD_BYTES_MAX);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_bytes bytes = furrow_bytes_of(id);
    furrow_version_waiter waiting = {
        .next = replica->waiters, .id = bytes, .hash = quick_hash_of(bytes), .version = version};
    replica->waiters = &waiting;
    replica->waiter_count++;
    furrow_status status = wait_listed(replica, id, &waiting, arena, deadline_ns, err);
    list_remove(replica, &waiting);
    return status;
}
