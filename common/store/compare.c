/* What somebody asks who compares records with the log: see record.h. By the rights that every service has. */
#include "store/aggregate.h"
#include "store/index.h"
#include "store/table.h"
#include "wire/message.h"

#include <string.h>

/* A range of one member. */
static furrow_status is_member_listed(furrow_table *table, const furrow_index_entry *entry, furrow_arena *arena,
                                      bool *there, furrow_error *err)
{
    char *from = furrow_arena_alloc(arena, entry->member.len + 1);
    furrow_value answer;
    if (!from) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    from[0] = '[';
    memcpy(from + 1, entry->member.data, entry->member.len);
    const furrow_bytes member = {from, entry->member.len + 1};
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("ZRANGEBYLEX"), table->index_keys[entry->index], member, member};
    furrow_status status = furrow_store_command(table->store, argv, 4, arena, &answer, err);
    if (!status) *there = answer.kind == FURROW_VALUE_LIST && answer.count > 0;
    return status;
}

/* Do the sums hold of the record what follows from it? */
static furrow_status is_counted(furrow_table *table, const char *id, furrow_bytes body, furrow_arena *arena, bool *so,
                                furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    ProtobufCMessage *record = NULL;
    furrow_bytes contribution = {"", 0};
    furrow_value answer = {.kind = FURROW_VALUE_NIL};
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HGET"), table->counted_key, furrow_bytes_of(id)};
    furrow_status status = FURROW_OK;
    if (body.len) status = furrow_message_unpack(options->descriptor, body, arena, &record, err);
    if (!status)
        status = furrow_aggregate_contribution(record, options->aggregates, options->aggregate_count, arena,
                                               &contribution, err);
    if (!status) status = furrow_store_command(table->store, argv, 3, arena, &answer, err);
    if (!status)
        *so = furrow_bytes_equal(answer.kind == FURROW_VALUE_TEXT ? answer.text : (furrow_bytes){"", 0}, contribution);
    return status;
}

furrow_status furrow_record_find_unlisted(furrow_table *table, const char *id, furrow_bytes body, furrow_arena *arena,
                                          const char **field, furrow_error *err)
{
    furrow_index_entries entries = {.count = 0};
    const furrow_table_options *options = &table->options;
    bool counted = true;
    *field = NULL;
    if (options->aggregate_count > 0) {
        furrow_status status = is_counted(table, id, body, arena, &counted, err);
        if (!status && !counted) *field = "@counted";
        if (status || !counted) return status;
    }
    if (options->index_count == 0) return FURROW_OK;
    furrow_status status = furrow_index_compute(options->descriptor, options->indexes, options->index_count,
                                                furrow_bytes_of(id), body, arena, &entries, err);
    for (size_t i = 0; !status && !*field && i < entries.count; i++) {
        bool there = true;
        status = is_member_listed(table, &entries.list[i], arena, &there, err);
        if (!status && !there) *field = options->indexes[entries.list[i].index].field;
    }
    return status;
}
