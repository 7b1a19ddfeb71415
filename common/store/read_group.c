/*
 * See read_group.h. Whoever comes first in a turn leads: it lets the other ready tasks run, which join, and then asks,
 * waits and hands out. The group lies on the leader's stack, each read on its task's own, so those who give up earlier
 * leave it. What is answered lies in an arena of the group, for a leader's is bounded for its own call, and is copied.
 */
#include "store/read_group.h"

#include "store/redis.h"

#define ARENA_BYTES ((size_t)1 << 20)

typedef struct furrow_read_group {
    furrow_read *reads[FURROW_READ_GROUP_MAX];    /* NULL: it has left */
    size_t count, keys;                           /* keys: of all who entered */
    furrow_table *tables[FURROW_READ_TABLES_MAX]; /* of all of them, each once */
    bool ours[FURROW_READ_TABLES_MAX];
    size_t table_count;
} read_group;

void furrow_read_group_put_mget(furrow_read *const reads[], size_t count, furrow_table *const tables[],
                                size_t table_count, furrow_buffer *out)
{
    furrow_pipeline_arg(out, "MGET", 4);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; reads[i] && k < reads[i]->count; k++)
            furrow_pipeline_arg_pair(out, reads[i]->reads[k].table->prefix, furrow_bytes_of(reads[i]->reads[k].id));
    for (size_t i = 0; i < table_count; i++)
        furrow_pipeline_arg(out, tables[i]->build_key.data, tables[i]->build_key.len);
}

static size_t place_of_table(const read_group *group, const furrow_table *table)
{
    size_t at = 0;
    while (at < group->table_count && group->tables[at] != table) at++;
    return at;
}

static bool group_takes_read(const read_group *group, const furrow_read *read)
{
    size_t added = 0;
    if (!group || group->count == FURROW_READ_GROUP_MAX || group->keys + read->count > FURROW_READ_GROUP_KEYS)
        return false;
    for (size_t i = 0; i < read->table_count; i++)
        added += place_of_table(group, read->tables[i]) == group->table_count;
    return group->table_count + added <= FURROW_READ_TABLES_MAX;
}

static size_t enter_group(read_group *group, furrow_read *read)
{
    for (size_t i = 0; i < read->table_count; i++) {
        size_t at = place_of_table(group, read->tables[i]);
        if (at == group->table_count) group->tables[group->table_count++] = read->tables[i];
    }
    read->done = false;
    group->keys += read->count;
    group->reads[group->count] = read;
    return group->count++;
}

static furrow_arena *take_arena(furrow_store *store)
{
    return store->read_arena_count ? store->read_arenas[--store->read_arena_count] : furrow_arena_create(ARENA_BYTES);
}

static void give_arena(furrow_store *store, furrow_arena *arena)
{
    if (!arena || store->read_arena_count == FURROW_REDIS_READ_ARENAS) {
        furrow_arena_destroy(arena);
        return;
    }
    furrow_arena_reset(arena);
    store->read_arenas[store->read_arena_count++] = arena;
}

/* keys[i]: how many records the read at place i asks for, 0 where it has left already. */
static bool ask_for_group(furrow_store *store, const read_group *group, uint16_t keys[], furrow_pipelined *request,
                          furrow_arena *arena)
{
    size_t all = group->table_count;
    for (size_t i = 0; i < group->count; i++) all += keys[i] = group->reads[i] ? (uint16_t)group->reads[i]->count : 0;
    furrow_buffer *out = furrow_pipeline_begin(store, request, arena, 1 + all, NULL);
    if (!out) return false;
    furrow_read_group_put_mget(group->reads, group->count, group->tables, group->table_count, out);
    if (furrow_pipeline_send(store, request, NULL) || furrow_pipeline_wait(store, request, NULL)) return false;
    return request->value.kind == FURROW_VALUE_LIST && request->value.count == all;
}

static void judge_builds(read_group *group, const furrow_value builds[])
{
    for (size_t i = 0; i < group->table_count; i++)
        group->ours[i] = !group->tables[i]->trust.guard || furrow_table_is_ours(group->tables[i], &builds[i]);
}

/* Its records, into its own arena, which may be too small for them. */
static bool take_records(const read_group *group, furrow_read *read, const furrow_value values[])
{
    for (size_t i = 0; i < read->count; i++) {
        furrow_record record = furrow_record_of_value(&values[i]);
        if (record.found) record.body.data = furrow_arena_memdup(read->arena, record.body.data, record.body.len);
        if (record.found && !record.body.data) return false;
        read->reads[i].record = record;
    }
    read->ours = true;
    for (size_t i = 0; i < read->table_count; i++) read->ours &= group->ours[place_of_table(group, read->tables[i])];
    return true;
}

static void hand_out(read_group *group, const uint16_t keys[], const furrow_value *answer)
{
    const furrow_value *values = answer->items;
    judge_builds(group, values + answer->count - group->table_count);
    for (size_t i = 0; i < group->count; values += keys[i++])
        if (group->reads[i]) group->reads[i]->done = take_records(group, group->reads[i], values);
}

static void lead_reads(furrow_store *store, read_group *group)
{
    furrow_pipelined request;
    uint16_t keys[FURROW_READ_GROUP_MAX];
    furrow_arena *arena = take_arena(store);
    if (arena && ask_for_group(store, group, keys, &request, arena)) hand_out(group, keys, &request.value);
    give_arena(store, arena);
    for (size_t i = 0; i < group->count; i++)
        if (group->reads[i]) furrow_waiter_done(&group->reads[i]->waiter);
}

bool furrow_read_group_join(furrow_read *read)
{
    furrow_store *store = read->store;
    read->waiter = furrow_waiter_make();
    if (group_takes_read(store->read_group, read)) {
        read_group *group = store->read_group;
        size_t place = enter_group(group, read);
        if (!furrow_wait(&read->waiter, furrow_pipeline_deadline(store))) group->reads[place] = NULL;
        return read->done;
    }
    if (read->count > FURROW_READ_GROUP_KEYS / 2) return false;
    read_group group = {.count = 0};
    enter_group(&group, read);
    store->read_group = &group;
    furrow_task_yield();
    if (store->read_group == &group) store->read_group = NULL;
    if (group.count > 1) lead_reads(store, &group);
    return read->done;
}
