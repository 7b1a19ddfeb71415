/*
 * See write_group.h. Whoever comes first in a turn leads: it lets the other ready tasks run, which join, and then sends, waits
 * and tells them. The group lies on the leader's stack, each writer on its own, so those who give up earlier leave it.
 * A second record of one id opens a group of its own, which leaves after the first.
 */
#include "store/write_group.h"

#include "store/batch.h"
#include "store/library.h"

typedef struct writer {
    furrow_waiter waiter;
    const furrow_record_write *write;
    uint64_t moment;
    furrow_status status;
    bool alone;
    furrow_error *err;
} writer;

typedef struct furrow_write_group {
    writer *writers[FURROW_WRITE_GROUP_MAX]; /* NULL: it has left, or was told */
    size_t count;
} group;

static bool group_takes_write(const group *self, furrow_bytes id)
{
    if (!self || self->count == FURROW_WRITE_GROUP_MAX) return false;
    for (size_t i = 0; i < self->count; i++)
        if (self->writers[i] && furrow_bytes_equal(self->writers[i]->write->id, id)) return false;
    return true;
}

/* Who is told is there no more: its stack may be another's the next time that we park. */
static void tell_writer(group *self, size_t place, furrow_status status)
{
    writer *one = self->writers[place];
    self->writers[place] = NULL;
    one->status = status;
    furrow_waiter_done(&one->waiter);
}

/* Those who are still there, and began in no doubt, are the batch: @places says who. The others are told. */
static void fill_write_batch(const furrow_table *table, group *self, furrow_batch *batch, size_t places[])
{
    batch->again = furrow_table_is_being_filled(table);
    for (size_t i = 0; i < self->count; i++) {
        writer *one = self->writers[i];
        if (!one) continue;
        if (one->moment == table->trust.moment) {
            places[batch->count] = i;
            furrow_batch_add(batch, one->write);
        } else {
            tell_writer(self, i,
                        furrow_fail(one->err, FURROW_ABORTED, "the records of %s were put in doubt meanwhile",
                                    table->options.entity));
        }
    }
}

static furrow_status write_batch(furrow_table *table, furrow_batch *batch, furrow_error *err)
{
    const char *function = FURROW_FUNCTION("upsert");
    furrow_status status = FURROW_OK;
    if (furrow_table_is_full(table)) {
        function = FURROW_FUNCTION("apply");
        status = furrow_batch_clear_arena(batch, err);
        if (!status) status = furrow_batch_build_apply(table, batch, NULL, err);
    } else {
        furrow_batch_build_upsert(table, batch);
    }
    if (!status) status = furrow_batch_send(table, batch, function, err);
    if (status) return status;
    status = furrow_pipeline_wait(table->store, &batch->request, err);
    return furrow_table_written(table, &batch->request, status);
}

/* Of a plain table only the count is said, and nobody has to do it again: what is newer stands. */
static void mark_lost(const group *self, const furrow_batch *batch, const size_t places[])
{
    const furrow_value *lost = &batch->request.value;
    for (size_t i = 0; i < lost->count; i++) {
        size_t number = (size_t)lost->items[i].integer;
        writer *one = number >= 1 && number <= batch->count ? self->writers[places[number - 1]] : NULL;
        if (one) one->alone = true;
    }
}

static void lead_writers(furrow_table *table, group *self)
{
    furrow_error why = {0};
    size_t places[FURROW_WRITE_GROUP_MAX];
    furrow_batch *batch = furrow_batch_take(table);
    furrow_status status =
        batch ? FURROW_OK : furrow_fail(&why, FURROW_RESOURCE_EXHAUSTED, "no memory to write a record");
    if (batch) fill_write_batch(table, self, batch, places);
    size_t count = batch ? batch->count : 0;
    if (count > 0) status = write_batch(table, batch, &why);
    if (count > 0 && !status) mark_lost(self, batch, places);
    furrow_batch_give(table, batch);
    /* What Redis or the index refuses may be about one of them; that it is away is about all. */
    bool alone = status && status != FURROW_UNAVAILABLE && count > 1;
    for (size_t i = 0; i < self->count; i++) {
        writer *one = self->writers[i];
        if (!one) continue;
        one->alone |= alone;
        tell_writer(self, i, status && !alone ? furrow_fail(one->err, status, "%s", why.text) : FURROW_OK);
    }
}

/* False: the task's deadline passed, and the leader, who still waits, knows nothing of @one any more. */
static bool join_group(group *self, writer *one)
{
    size_t place = self->count++;
    self->writers[place] = one;
    if (furrow_wait(&one->waiter, furrow_task_deadline())) return true;
    self->writers[place] = NULL;
    return false;
}

furrow_status furrow_write_group_apply(furrow_table *table, const furrow_record_write *write, uint64_t moment,
                                       bool *alone, furrow_error *err)
{
    writer one = {.write = write, .moment = moment, .err = err};
    *alone = false;
    if (!group_takes_write(table->group, write->id)) {
        group own = {.writers = {&one}, .count = 1};
        table->group = &own;
        furrow_task_yield();
        if (table->group == &own) table->group = NULL;
        lead_writers(table, &own);
    } else if (!join_group(table->group, &one)) {
        return furrow_fail(err, FURROW_UNAVAILABLE, "redis: no answer within the time of the call");
    }
    *alone = one.alone;
    return one.status;
}
