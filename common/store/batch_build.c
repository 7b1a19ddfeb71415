/* The calls that batches become; see batch.h, and furrow.lua for what they do. */
#include "store/batch.h"

#include "base/fault.h"
#include "store/index.h"

#include <string.h>

/* A new call of @keys keys: how many there are is its first argument. */
static void begin_arguments(furrow_batch *batch, size_t keys)
{
    furrow_buffer_reset(&batch->body);
    furrow_pipeline_arg_number(&batch->body, keys);
    batch->argc = 1 + keys;
}

/* The build that the batch belongs to, and what it adds to what is known of it. */
static void put_build(furrow_table *table, furrow_batch *batch)
{
    batch->argc += 4;
    furrow_pipeline_arg(&batch->body, table->trust.build, strlen(table->trust.build));
    furrow_pipeline_arg_number(&batch->body, batch->newest);
    furrow_pipeline_arg_number(&batch->body, batch->dated);
    furrow_pipeline_arg_number(&batch->body, batch->dated_ns);
}

/* The ids of the batch, joined by spaces, as one argument. */
static void put_ids(furrow_batch *batch)
{
    size_t len = batch->count - 1; /* spaces */
    for (size_t i = 0; i < batch->count; i++) len += batch->writes[i]->id.len;
    batch->argc++;
    furrow_buffer_printf(&batch->body, "$%zu\r\n", len);
    for (size_t i = 0; i < batch->count; i++) {
        if (i > 0) furrow_buffer_append_text(&batch->body, " ");
        furrow_buffer_append(&batch->body, batch->writes[i]->id.data, batch->writes[i]->id.len);
    }
    furrow_buffer_append_text(&batch->body, "\r\n");
}

/* What is stored for a write: its version and body. */
static void put_stored(furrow_batch *batch, const furrow_record_write *write)
{
    uint8_t version[FURROW_VERSION_BYTES];
    batch->argc++;
    furrow_version_put(write->version, version);
    furrow_pipeline_arg_pair(&batch->body, (furrow_bytes){version, sizeof version}, write->body);
}

void furrow_batch_build_upsert(furrow_table *table, furrow_batch *batch)
{
    furrow_buffer *out = &batch->body;
    begin_arguments(batch, batch->count + 3);
    for (size_t i = 0; i < batch->count; i++) furrow_pipeline_arg_pair(out, table->prefix, batch->writes[i]->id);
    furrow_pipeline_arg(out, table->ids_key.data, table->ids_key.len);
    furrow_pipeline_arg(out, table->build_key.data, table->build_key.len);
    furrow_pipeline_arg(out, table->applied_key.data, table->applied_key.len);
    put_build(table, batch);
    put_ids(batch);
    for (size_t i = 0; i < batch->count; i++) put_stored(batch, batch->writes[i]);
}

typedef struct difference {
    furrow_index_entries gone, added; /* sorted; entries in both are left out */
} difference;

static difference drop_common_entries(furrow_index_entries before, furrow_index_entries after)
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
    batch->argc += 2 * entries.count;
    for (size_t i = 0; i < entries.count; i++) {
        char letter = (char)(first_letter + (char)entries.list[i].index);
        furrow_pipeline_arg(&batch->body, &letter, 1);
        furrow_pipeline_arg(&batch->body, entries.list[i].member.data, entries.list[i].member.len);
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

static furrow_status put_record(furrow_table *table, furrow_batch *batch, const furrow_record_write *write,
                                const old_record *old, furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    furrow_index_entries before, after;
    /* Old bytes that cannot be read have no entries that could be found again; they must not keep the record from being
     * mended. */
    furrow_status status = furrow_index_compute(options->descriptor, options->indexes, options->index_count, write->id,
                                                old->body, batch->arena, &before, err);
    if (status == FURROW_INVALID_ARGUMENT)
        before = (furrow_index_entries){0};
    else if (status)
        return status;
    status = write->message ? furrow_index_entries_of(write->message, options->indexes, options->index_count, write->id,
                                                      batch->arena, &after, err)
                            : furrow_index_compute(options->descriptor, options->indexes, options->index_count,
                                                   write->id, write->body, batch->arena, &after, err);
    if (status) return furrow_wrap(err, "%s %.*s", options->entity, (int)write->id.len, (const char *)write->id.data);
    difference entries = {before, after};
    if (!batch->again) entries = drop_common_entries(before, after);
    batch->argc += 3; /* beside the value and the entries */
    furrow_pipeline_arg(&batch->body, old->prefix, old->prefix_len);
    put_stored(batch, write);
    furrow_pipeline_arg(&batch->body, write->id.data, options->reactions ? write->id.len : 0);
    furrow_pipeline_arg_number(&batch->body, entries.gone.count + entries.added.count);
    put_entries(batch, entries.gone, 'A');
    put_entries(batch, entries.added, 'a');
    return FURROW_OK;
}

furrow_status furrow_batch_build_apply(furrow_table *table, furrow_batch *batch, const furrow_value *old,
                                       furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    furrow_buffer *out = &batch->body;
    begin_arguments(batch, batch->count + options->index_count + (options->reactions ? 4 : 3));
    for (size_t i = 0; i < batch->count; i++) furrow_pipeline_arg_pair(out, table->prefix, batch->writes[i]->id);
    for (size_t i = 0; i < options->index_count; i++)
        furrow_pipeline_arg(out, table->index_keys[i].data, table->index_keys[i].len);
    furrow_pipeline_arg(out, table->ids_key.data, table->ids_key.len);
    furrow_pipeline_arg(out, table->build_key.data, table->build_key.len);
    furrow_pipeline_arg(out, table->applied_key.data, table->applied_key.len);
    if (options->reactions) furrow_pipeline_arg(out, table->reactions_key.data, table->reactions_key.len);
    put_build(table, batch);
    batch->argc += 3; /* beside the ids */
    furrow_pipeline_arg_number(out, batch->count);
    furrow_pipeline_arg_number(out, options->index_count);
    furrow_pipeline_arg_number(out, furrow_table_is_being_filled(table));
    put_ids(batch);
    furrow_status status = FURROW_OK;
    for (size_t i = 0; i < batch->count && !status; i++) {
        old_record before = old ? old_of_value(&old[i]) : old_of_record(batch->writes[i]->known);
        status = put_record(table, batch, batch->writes[i], &before, err);
    }
    return status;
}

void furrow_batch_build_note(furrow_table *table, furrow_batch *batch)
{
    begin_arguments(batch, 1);
    furrow_pipeline_arg(&batch->body, table->build_key.data, table->build_key.len);
    put_build(table, batch);
}
