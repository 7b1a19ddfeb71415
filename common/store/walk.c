/*
 * Walking over all records of a table: by the list of its ids, which is what a clear goes by, too; nobody may look for
 * keys. An element of the list is an id, or a batch of them with spaces between. See record.h.
 */
#include "store/table.h"

#include <stdio.h>
#include <string.h>

enum { ELEMENTS = 200, ROOM = 2 * FURROW_RECORD_BATCH + ELEMENTS };

/* As many as will be taken, by what the page before took: of single ids many, of batches few. */
static furrow_status read_elements(furrow_table *table, const furrow_walk *walk, furrow_arena *arena, furrow_value *out,
                                   furrow_error *err)
{
    char from[24], to[24];
    size_t ask = 2 * walk->taken + 1;
    if (ask > ELEMENTS) ask = ELEMENTS;
    snprintf(from, sizeof from, "%zu", walk->at);
    snprintf(to, sizeof to, "%zu", walk->at + ask - 1);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("LRANGE"), table->ids_key, furrow_bytes_of(from),
                                 furrow_bytes_of(to)};
    furrow_status status = furrow_store_command(table->store, argv, 4, arena, out, err);
    if (status) return status;
    if (out->kind != FURROW_VALUE_LIST) return furrow_fail(err, FURROW_INTERNAL, "redis: LRANGE answered no list");
    return FURROW_OK;
}

/* The ids in @text, as strings of their own; false: out of memory, or more than there is room for. */
static bool take_ids(furrow_bytes text, furrow_arena *arena, furrow_walked *list, size_t *count)
{
    const char *at = text.data, *end = at + text.len;
    while (at < end) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        size_t len = (size_t)((space ? space : end) - at);
        if (furrow_id_valid(at, len)) { /* nothing else is a record */
            if (*count == ROOM) return false;
            char *id = furrow_arena_alloc(arena, len + 1);
            if (!id) return false;
            memcpy(id, at, len);
            id[len] = '\0';
            list[(*count)++] = (furrow_walked){.id = id};
        }
        at += len + 1;
    }
    return true;
}

static furrow_status read_walked(furrow_table *table, furrow_walked *list, size_t count, furrow_arena *arena,
                                 furrow_error *err)
{
    furrow_value values;
    furrow_bytes *ids = furrow_arena_alloc(arena, count * sizeof *ids);
    if (!ids) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a page of records");
    for (size_t i = 0; i < count; i++) ids[i] = furrow_bytes_of(list[i].id);
    furrow_status status = furrow_table_mget(table, ids, count, arena, &values, err);
    for (size_t i = 0; !status && i < count; i++) list[i].record = furrow_record_of_value(&values.items[i]);
    return status;
}

/* The ids of the next elements; none when the list has no more. */
static furrow_status next_ids(furrow_table *table, furrow_walk *walk, furrow_arena *arena, furrow_walked *list,
                              size_t *count, furrow_error *err)
{
    furrow_value elements;
    *count = 0;
    do {
        furrow_status status = read_elements(table, walk, arena, &elements, err);
        if (status) return status;
        size_t taken = 0;
        for (; taken < elements.count && *count < FURROW_RECORD_BATCH; taken++) {
            size_t before = *count;
            if (elements.items[taken].kind != FURROW_VALUE_TEXT) continue;
            if (take_ids(elements.items[taken].text, arena, list, count)) continue;
            if (before == 0) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a page of records");
            *count = before; /* the next page begins with it */
            break;
        }
        walk->at += taken;
        walk->taken = taken;
    } while (*count == 0 && elements.count > 0);
    return FURROW_OK;
}

furrow_status furrow_record_walk_ids(furrow_table *table, furrow_walk *walk, furrow_arena *arena, furrow_walked **out,
                                     size_t *count, furrow_error *err)
{
    furrow_walked *list = furrow_arena_alloc(arena, ROOM * sizeof *list);
    if (!list) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a page of records");
    furrow_status status = next_ids(table, walk, arena, list, count, err);
    if (status) return furrow_wrap(err, "ids of %s", table->options.entity);
    *out = list;
    return FURROW_OK;
}

furrow_status furrow_record_walk(furrow_table *table, furrow_walk *walk, furrow_arena *arena, furrow_walked **out,
                                 size_t *count, furrow_error *err)
{
    furrow_status status = furrow_record_walk_ids(table, walk, arena, out, count, err);
    if (status || *count == 0) return status;
    status = read_walked(table, *out, *count, arena, err);
    return status ? furrow_wrap(err, "records of %s", table->options.entity) : FURROW_OK;
}
