/* The calls that batches become; see batch.h, and furrow.lua for what they do. */
#include "store/batch.h"

#include "base/fault.h"
#include "store/aggregate.h"
#include "store/index.h"
#include "wire/message.h"

#include <string.h>

/* The build that the batch belongs to, and what it adds to what is known of it. */
static void put_build(furrow_table *table, furrow_batch *batch)
{
    furrow_batch_arg(batch, table->trust.build, strlen(table->trust.build));
    furrow_batch_arg_number(batch, batch->newest);
    furrow_batch_arg_number(batch, batch->dated);
    furrow_batch_arg_number(batch, batch->dated_ns);
}

void furrow_batch_build_upsert(furrow_table *table, furrow_batch *batch)
{
    furrow_batch_begin(batch);
    furrow_batch_arg_number(batch, batch->count + 2);
    for (size_t i = 0; i < batch->count; i++) furrow_batch_arg_pair(batch, table->prefix, batch->writes[i]->id);
    furrow_batch_arg(batch, table->ids_key.data, table->ids_key.len);
    furrow_batch_arg(batch, table->build_key.data, table->build_key.len);
    put_build(table, batch);
    furrow_batch_arg_ids(batch);
    for (size_t i = 0; i < batch->count; i++) furrow_batch_arg_value(batch, batch->writes[i]);
}

typedef struct difference {
    furrow_index_entries gone, added; /* sorted; entries in both are left out */
} difference;

static difference compare_entries(furrow_index_entries before, furrow_index_entries after)
{
    size_t b = 0, a = 0, gone = 0, added = 0;
    while (b < before.count || a < after.count) {
        int order = b == before.count ? 1 : a == after.count ? -1 : 0;
        if (order == 0 && before.list[b].index != after.list[a].index)
            order = before.list[b].index < after.list[a].index ? -1 : 1;
        else if (order == 0)
            order = furrow_index_compare(before.list[b].member, after.list[a].member);
        if (order == 0)
            b++, a++;
        else if (order < 0)
            before.list[gone++] = before.list[b++];
        else
            after.list[added++] = after.list[a++];
    }
    if (furrow_fault("entry-left")) gone = 0;
    return (difference){{before.list, gone}, {after.list, added}};
}

static void put_entries(furrow_batch *batch, furrow_index_entries entries, char first_letter)
{
    for (size_t i = 0; i < entries.count; i++) {
        char letter = (char)(first_letter + (char)entries.list[i].index);
        furrow_batch_arg(batch, &letter, 1);
        furrow_batch_arg(batch, entries.list[i].member.data, entries.list[i].member.len);
    }
}

/* A record as it was before: what the function compares, and what the index entries were made of. */
typedef struct old_record {
    uint8_t prefix[FURROW_VERSION_BYTES];
    size_t prefix_len;
    furrow_bytes body;
} old_record;

static old_record old_of_value(const furrow_value *value)
{
    old_record old = {.body = furrow_record_of_value(value).body};
    if (value->kind != FURROW_VALUE_TEXT) return old;
    old.prefix_len = value->text.len < FURROW_VERSION_BYTES ? value->text.len : FURROW_VERSION_BYTES;
    memcpy(old.prefix, value->text.data, old.prefix_len);
    return old;
}

static old_record old_of_record(const furrow_record *record)
{
    old_record old = {.body = record->body};
    if (!record->found) return old;
    old.prefix_len = FURROW_VERSION_BYTES;
    furrow_version_put(record->version, old.prefix);
    return old;
}

/* What follows from a record as it is to be: its index entries, and what it contributes. */
static furrow_status follow_write(const furrow_table_options *options, const furrow_record_write *write,
                                  furrow_arena *arena, furrow_index_entries *entries, furrow_bytes *contribution,
                                  furrow_error *err)
{
    const ProtobufCMessage *record = write->message;
    furrow_status status = FURROW_OK;
    *entries = (furrow_index_entries){0};
    *contribution = (furrow_bytes){"", 0};
    if (write->body.len == 0 || options->index_count + options->aggregate_count == 0) return FURROW_OK;
    if (!record) {
        ProtobufCMessage *unpacked;
        status = furrow_message_unpack(options->descriptor, write->body, arena, &unpacked, err);
        if (status) return status;
        record = unpacked;
    }
    if (options->index_count)
        status =
            furrow_index_entries_of(record, options->indexes, options->index_count, write->id, arena, entries, err);
    if (status) return status;
    return furrow_aggregate_contribution(record, options->aggregates, options->aggregate_count, arena, contribution,
                                         err);
}

static furrow_status put_record(furrow_table *table, furrow_batch *batch, const furrow_record_write *write,
                                const old_record *old, furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    furrow_index_entries before, after;
    furrow_bytes contribution;
    bool named = options->reactions || options->aggregate_count > 0;
    /* Old bytes that cannot be read have no entries that could be found again; they must not keep the record from being
     * mended. */
    furrow_status status = furrow_index_compute(options->descriptor, options->indexes, options->index_count, write->id,
                                                old->body, batch->arena, &before, err);
    if (status == FURROW_INVALID_ARGUMENT)
        before = (furrow_index_entries){0};
    else if (status)
        return status;
    status = follow_write(options, write, batch->arena, &after, &contribution, err);
    if (status) return furrow_wrap(err, "%s %.*s", options->entity, (int)write->id.len, (const char *)write->id.data);
    difference entries = {before, after};
    if (!batch->again) entries = compare_entries(before, after);
    furrow_batch_arg(batch, old->prefix, old->prefix_len);
    furrow_batch_arg_value(batch, write);
    furrow_batch_arg(batch, write->id.data, named ? write->id.len : 0);
    if (options->aggregate_count > 0) furrow_batch_arg(batch, contribution.data, contribution.len);
    furrow_batch_arg_number(batch, entries.gone.count + entries.added.count);
    put_entries(batch, entries.gone, 'A');
    put_entries(batch, entries.added, 'a');
    return FURROW_OK;
}

static void put_key(furrow_batch *batch, furrow_bytes key)
{
    furrow_batch_arg(batch, key.data, key.len);
}

furrow_status furrow_batch_build_apply(furrow_table *table, furrow_batch *batch, const furrow_value *old,
                                       furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    bool sums = options->aggregate_count > 0;
    furrow_batch_begin(batch);
    furrow_batch_arg_number(batch, batch->count + options->index_count + 2 + (sums ? 3 : 0) + options->reactions);
    for (size_t i = 0; i < batch->count; i++) furrow_batch_arg_pair(batch, table->prefix, batch->writes[i]->id);
    for (size_t i = 0; i < options->index_count; i++) put_key(batch, table->index_keys[i]);
    put_key(batch, table->ids_key);
    put_key(batch, table->build_key);
    if (sums) {
        put_key(batch, table->counted_key);
        put_key(batch, table->sums_key);
        put_key(batch, table->groups_key);
    }
    if (options->reactions) put_key(batch, table->reactions_key);
    put_build(table, batch);
    furrow_batch_arg_number(batch, batch->count);
    furrow_batch_arg_number(batch, options->index_count);
    furrow_batch_arg_number(batch, furrow_table_is_being_filled(table));
    furrow_batch_arg_number(batch, sums);
    furrow_batch_arg_ids(batch);
    furrow_status status = FURROW_OK;
    for (size_t i = 0; i < batch->count && !status; i++) {
        old_record before = old ? old_of_value(&old[i]) : old_of_record(batch->writes[i]->known);
        status = put_record(table, batch, batch->writes[i], &before, err);
    }
    return status;
}

void furrow_batch_build_note(furrow_table *table, furrow_batch *batch)
{
    furrow_batch_begin(batch);
    furrow_batch_arg_number(batch, 1);
    furrow_batch_arg(batch, table->build_key.data, table->build_key.len);
    put_build(table, batch);
}
