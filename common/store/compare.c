/* What somebody asks who compares records with the log: see record.h. By the rights that every service has. */
#include "store/index.h"
#include "store/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ELEMENTS 4 /* of the list, each with up to a batch of ids */

/* A range of one member. */
static furrow_status is_listed(furrow_table *table, const furrow_index_entry *entry, furrow_arena *arena, bool *there,
                               furrow_error *err)
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
        status = is_listed(table, &entries.list[i], arena, &there, err);
        if (!status && !there) *field = options->indexes[entries.list[i].index].field;
    }
    return status;
}

static furrow_status split_ids(const furrow_value *elements, furrow_arena *arena, char ***out, size_t *count,
                               furrow_error *err)
{
    size_t most = 0;
    for (size_t e = 0; e < elements->count; e++) most += elements->items[e].text.len / 2 + 1;
    char **ids = furrow_arena_alloc(arena, (most + 1) * sizeof *ids);
    if (!ids) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    *count = 0;
    for (size_t e = 0; e < elements->count; e++) {
        char *text = furrow_arena_strdup(arena, elements->items[e].text.data), *rest = NULL;
        if (!text) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        for (char *id = strtok_r(text, " ", &rest); id; id = strtok_r(NULL, " ", &rest))
            if (furrow_id_valid(id, strlen(id))) ids[(*count)++] = id;
    }
    *out = ids;
    return FURROW_OK;
}

furrow_status furrow_record_next_ids(furrow_table *table, uint64_t *at, furrow_arena *arena, char ***ids, size_t *count,
                                     furrow_error *err)
{
    char from[24], to[24];
    furrow_value answer;
    snprintf(from, sizeof from, "%" PRIu64, *at);
    snprintf(to, sizeof to, "%" PRIu64, *at + ELEMENTS - 1);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("LRANGE"), table->ids_key, furrow_bytes_of(from),
                                 furrow_bytes_of(to)};
    furrow_status status = furrow_store_command(table->store, argv, 4, arena, &answer, err);
    if (status) return status;
    if (answer.kind != FURROW_VALUE_LIST) return furrow_fail(err, FURROW_INTERNAL, "redis: LRANGE answered no list");
    *at += answer.count;
    return split_ids(&answer, arena, ids, count, err);
}
