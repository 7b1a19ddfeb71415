/*
 * The one apply step (see record.h). Writes go in windows of batches that are in flight together.
 *
 * A plain table's batch is one function call that compares versions and sets what is newer. A table with indexes or
 * reactions, and a rewrite of any, takes two: MGET of the old records; then, with the index entries of old and new worked
 * out here, a function that writes a record with all that follows from it only if the old version still stands, and says
 * which did not. Those go through the same again, a bounded number of times; each round somebody wins, so that bound is
 * reached only by a record that is written without pause. (A command, which has read the record to decide on it, passes
 * it along and saves the MGET; its record goes with those of other commands, see write_group.h.)
 *
 * Invariant: a batch that was sent is waited for before its memory is used again, whatever else failed.
 */
#include "store/batch.h"
#include "store/write_group.h"
#include "store/library.h"

#include <string.h>

enum { ROUNDS = 16 };

/* A window of batches on its way through the steps below; the first failure stands, and ends it once all answers are
 * in. */
typedef struct window {
    furrow_table *table;
    furrow_batch *batches[FURROW_BATCH_WINDOW];
    size_t count;
    size_t applied;
    uint64_t moment; /* of the table, when this began */
    bool again;      /* what is stored of the same version, too */
    furrow_status status;
    furrow_error *err;
} window;

/* Where a further failure's text goes: nowhere, once there is one. */
static furrow_error *err_of(window *self)
{
    return self->status ? NULL : self->err;
}

static void keep_first_failure(window *self, furrow_status status)
{
    if (!self->status) self->status = status;
}

/* ---- plain tables ---- */

/* What was begun before a doubt is not written after it: it may be of a log, or for a Redis, that is no more. */
static furrow_status send_step(window *self, furrow_batch *batch, const char *function)
{
    if (self->moment != self->table->trust.moment)
        return furrow_fail(err_of(self), FURROW_ABORTED, "the records of %s were put in doubt meanwhile",
                           self->table->options.entity);
    return furrow_batch_send(self->table, batch, function, err_of(self));
}

static furrow_status wait_step(window *self, furrow_batch *batch)
{
    furrow_status status = furrow_pipeline_wait(self->table->store, &batch->request, err_of(self));
    return furrow_table_written(self->table, &batch->request, status);
}

static void apply_plain(window *self)
{
    size_t sent = 0;
    for (; sent < self->count && !self->status; sent++) {
        furrow_batch_build_upsert(self->table, self->batches[sent]);
        keep_first_failure(self, send_step(self, self->batches[sent], FURROW_FUNCTION("upsert")));
        if (self->status) break;
    }
    for (size_t i = 0; i < sent; i++) {
        furrow_batch *batch = self->batches[i];
        furrow_status status = wait_step(self, batch);
        keep_first_failure(self, status);
        if (!status && batch->request.value.kind == FURROW_VALUE_INTEGER)
            self->applied += (size_t)batch->request.value.integer;
    }
}

/* ---- tables with indexes or reactions, and rewrites ---- */

/* Requests the batch's old records. */
static furrow_status send_read(furrow_table *table, furrow_batch *batch, furrow_error *err)
{
    furrow_bytes ids[FURROW_RECORD_BATCH];
    for (size_t i = 0; i < batch->count; i++) ids[i] = batch->writes[i]->id;
    furrow_status status = furrow_batch_clear_arena(batch, err);
    if (status) return status;
    return furrow_table_send_mget(table, ids, batch->count, &batch->request, batch->arena, err);
}

/* Drops the writes that are not newer than what is stored; the old values of the others move along. */
static void drop_stale(furrow_batch *batch, furrow_value *old, bool again)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        furrow_record record = furrow_record_of_value(&old[i]);
        if (record.found && batch->writes[i]->version + again <= record.version) continue;
        batch->writes[kept] = batch->writes[i];
        old[kept++] = old[i];
    }
    batch->count = kept;
}

/* From the old records to the function call on its way; a batch of nothing but stale writes is done with a note. */
static furrow_status send_apply(window *self, furrow_batch *batch)
{
    furrow_table *table = self->table;
    furrow_value *old = &batch->request.value;
    if (old->kind != FURROW_VALUE_LIST || old->count != batch->count + 1)
        return furrow_fail(err_of(self), FURROW_INTERNAL, "redis: MGET of %zu keys answered something else",
                           batch->count + 1);
    drop_stale(batch, old->items, self->again);
    if (batch->count == 0) {
        furrow_batch_build_note(table, batch);
        return send_step(self, batch, FURROW_FUNCTION("note"));
    }
    furrow_status status = furrow_batch_build_apply(table, batch, old->items, err_of(self));
    return status ? status : send_step(self, batch, FURROW_FUNCTION("apply"));
}

/* Leaves those in the batch that lost against another writer. */
static void keep_lost(window *self, furrow_batch *batch)
{
    const furrow_value *lost = &batch->request.value; /* a list of numbers; or of a note, an integer */
    size_t kept = 0;
    for (size_t i = 0; i < lost->count; i++) {
        size_t number = (size_t)lost->items[i].integer;
        if (number > kept && number <= batch->count) batch->writes[kept++] = batch->writes[number - 1];
    }
    self->applied += batch->count - kept;
    batch->count = kept;
}

/* One round for all batches that still have something to write; false when none has, or on failure. */
static bool apply_round(window *self)
{
    bool reading[FURROW_BATCH_WINDOW] = {0}, writing[FURROW_BATCH_WINDOW] = {0}, any = false;
    for (size_t i = 0; i < self->count && !self->status; i++) {
        if (self->batches[i]->count == 0) continue;
        keep_first_failure(self, send_read(self->table, self->batches[i], err_of(self)));
        any = reading[i] = !self->status;
    }
    for (size_t i = 0; i < self->count; i++) {
        furrow_batch *batch = self->batches[i];
        if (!reading[i]) continue;
        keep_first_failure(self, furrow_pipeline_wait(self->table->store, &batch->request, err_of(self)));
        if (!self->status) keep_first_failure(self, send_apply(self, batch));
        writing[i] = !self->status;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (!writing[i]) continue;
        furrow_status status = wait_step(self, self->batches[i]);
        keep_first_failure(self, status);
        if (!status) keep_lost(self, self->batches[i]);
    }
    return any && !self->status;
}

static void apply_full(window *self)
{
    for (int round = 0; round < ROUNDS; round++)
        if (!apply_round(self)) return;
    for (size_t i = 0; i < self->count; i++)
        if (self->batches[i]->count > 0)
            keep_first_failure(self, furrow_fail(err_of(self), FURROW_ABORTED,
                                                 "records of %s change faster than they can be written",
                                                 self->table->options.entity));
}

/* ---- all ---- */

static furrow_status check_writes(const furrow_record_write writes[], size_t count, furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        furrow_status status = furrow_table_check_id(writes[i].id, err);
        if (status) return status;
        if (writes[i].version >= FURROW_VERSION_MAX)
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "version %llu is past 2^53",
                               (unsigned long long)writes[i].version);
    }
    return FURROW_OK;
}

static size_t fill_window(window *self, const furrow_record_write writes[], size_t count)
{
    size_t covered = 0;
    self->count = 0;
    while (self->count < FURROW_BATCH_WINDOW && covered < count) {
        furrow_batch *batch = furrow_batch_take(self->table);
        if (!batch) {
            keep_first_failure(self, furrow_fail(err_of(self), FURROW_RESOURCE_EXHAUSTED, "out of memory"));
            break;
        }
        batch->again = self->again;
        covered += furrow_batch_fill(batch, writes + covered, count - covered);
        self->batches[self->count++] = batch;
    }
    return covered;
}

/* One record, as a command writes it, whose old state the command has read. (A group of a plain table does not say whose
 * were newer than what was stored.) */
static bool goes_in_group(const furrow_table *table, const furrow_record_write *write, const size_t *applied)
{
    return write->known && write->version > write->known->version && (furrow_table_is_full(table) || !applied);
}

static furrow_status check_build(const furrow_table *table, furrow_error *err)
{
    if (!table->trust.guard || table->trust.build[0]) return FURROW_OK;
    return furrow_fail(err, FURROW_UNAVAILABLE, "the records of %s belong to no build yet", table->options.entity);
}

furrow_status furrow_record_rewrite(furrow_table *table, const furrow_record_write *write, furrow_error *err)
{
    furrow_status status = check_writes(write, 1, err);
    if (!status) status = check_build(table, err);
    window self = {.table = table, .moment = table->trust.moment, .again = true, .status = status, .err = err};
    if (!status) (void)fill_window(&self, write, 1);
    if (!self.status) apply_full(&self);
    for (size_t i = 0; i < self.count; i++) furrow_batch_give(table, self.batches[i]);
    return self.status;
}

furrow_status furrow_record_apply(furrow_table *table, const furrow_record_write writes[], size_t count,
                                  size_t *applied, furrow_error *err)
{
    furrow_status status = check_writes(writes, count, err);
    window self = {.table = table, .moment = table->trust.moment, .status = status, .err = err};
    self.again = furrow_table_is_being_filled(table);
    if (!status) self.status = check_build(table, err);
    if (!self.status && count == 1 && goes_in_group(table, &writes[0], applied)) {
        bool alone = false;
        self.status = furrow_write_group_apply(table, &writes[0], self.moment, &alone, err);
        if (!alone) self.applied = count--;
    }
    for (size_t done = 0; done < count && !self.status;) {
        done += fill_window(&self, writes + done, count - done);
        if (!self.status && furrow_table_is_full(table))
            apply_full(&self);
        else if (!self.status)
            apply_plain(&self);
        for (size_t i = 0; i < self.count; i++) furrow_batch_give(table, self.batches[i]);
    }
    if (!self.status && applied) *applied = self.applied;
    return self.status;
}
