/* See batch.h. */
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

/* Of what is kept, the first are as large as a replica's; the others are for commands, of which each needs one. */
enum { IDLE_MAX = 128, IDLE_LARGE = 32, KEEP_BODY_BYTES = 64 << 10, KEEP_SMALL_BYTES = 4 << 10 };
enum { SLOTS = 512, FILL_BYTES = 1 << 20 };
_Static_assert(SLOTS >= 2 * FURROW_RECORD_BATCH && (SLOTS & (SLOTS - 1)) == 0, "the table of ids stays half empty");

#define BODY_LIMIT_BYTES  ((size_t)64 << 20)
#define ARENA_LIMIT_BYTES ((size_t)256 << 20)

static void free_batch(furrow_batch *batch)
{
    furrow_buffer_fini(&batch->body);
    furrow_arena_destroy(batch->arena);
    free(batch);
}

furrow_batch *furrow_batch_take(furrow_table *table)
{
    furrow_batch *batch = table->idle;
    if (batch) {
        table->idle = batch->next;
        table->idle_count--;
        batch->count = 0;
        batch->newest = batch->dated = batch->dated_ns = 0;
        return batch;
    }
    batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    furrow_buffer_init(&batch->body, BODY_LIMIT_BYTES);
    return batch;
}

furrow_status furrow_batch_clear_arena(furrow_batch *batch, furrow_error *err)
{
    if (batch->arena)
        furrow_arena_reset(batch->arena);
    else if (!(batch->arena = furrow_arena_create(ARENA_LIMIT_BYTES)))
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to write a record");
    return FURROW_OK;
}

void furrow_batch_give(furrow_table *table, furrow_batch *batch)
{
    if (!batch) return;
    size_t keep = table->idle_count < IDLE_LARGE ? KEEP_BODY_BYTES : KEEP_SMALL_BYTES;
    if (table->idle_count >= IDLE_MAX || batch->body.cap > keep) {
        free_batch(batch);
        return;
    }
    if (batch->arena) furrow_arena_reset(batch->arena);
    batch->next = table->idle;
    table->idle = batch;
    table->idle_count++;
}

void furrow_table_free_batches(furrow_table *table)
{
    while (table->idle) {
        furrow_batch *batch = table->idle;
        table->idle = batch->next;
        free_batch(batch);
    }
}

/* Eight bytes at a step; the last step overlaps the one before. Only spread matters, ids are compared after it. */
static size_t hash_slot(furrow_bytes id)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    const uint8_t *bytes = id.data;
    uint64_t hash = id.len, word = 0;
    for (size_t i = 0; i + 8 < id.len; i += 8) {
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, id.len < 8 ? bytes : bytes + id.len - 8, id.len < 8 ? id.len : 8);
    hash = (hash ^ word) * odd;
    return (size_t)(hash >> 40) & (SLOTS - 1);
}

static void note_version(furrow_batch *batch, const furrow_record_write *write)
{
    if (write->version > batch->newest) batch->newest = write->version;
    if (write->time_ns <= 0 || write->version <= batch->dated) return;
    batch->dated = write->version;
    batch->dated_ns = (uint64_t)write->time_ns;
}

void furrow_batch_add(furrow_batch *batch, const furrow_record_write *write)
{
    note_version(batch, write);
    batch->writes[batch->count++] = write;
}

size_t furrow_batch_fill(furrow_batch *batch, const furrow_record_write writes[], size_t count)
{
    uint16_t slots[SLOTS] = {0}; /* position in the batch + 1 */
    size_t bytes = 0, covered = 0;
    for (; covered < count && bytes < FILL_BYTES; covered++) {
        const furrow_record_write *write = &writes[covered];
        size_t slot = hash_slot(write->id);
        while (slots[slot] && !furrow_bytes_equal(batch->writes[slots[slot] - 1]->id, write->id))
            slot = (slot + 1) & (SLOTS - 1);
        if (slots[slot] || batch->count < FURROW_RECORD_BATCH) note_version(batch, write);
        if (slots[slot]) {
            const furrow_record_write **kept = &batch->writes[slots[slot] - 1];
            if (write->version > (*kept)->version) *kept = write;
            continue;
        }
        if (batch->count == FURROW_RECORD_BATCH) break;
        batch->writes[batch->count++] = write;
        slots[slot] = (uint16_t)batch->count;
        bytes += write->body.len;
    }
    return covered;
}

furrow_status furrow_batch_send(furrow_table *table, furrow_batch *batch, const char *function, furrow_error *err)
{
    furrow_bytes body = {batch->body.data, batch->body.len};
    if (batch->body.failed)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "a batch of records past %zu bytes", BODY_LIMIT_BYTES);
    return furrow_pipeline_call(table->store, function, batch->argc, body, &batch->request, batch->arena, err);
}
