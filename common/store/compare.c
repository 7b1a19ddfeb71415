/* What somebody asks who compares records with the log: see record.h. By the rights that every service has. */
#include "store/index.h"
#include "store/table.h"

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

furrow_status furrow_record_find_unlisted(furrow_table *table, const char *id, furrow_bytes body, furrow_arena *arena,
                                          const char **field, furrow_error *err)
{
    furrow_index_entries entries = {.count = 0};
    const furrow_table_options *options = &table->options;
    *field = NULL;
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
