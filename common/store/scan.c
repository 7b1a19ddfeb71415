/*
 * See scan.h. Three passes: the list of ids, sorted, as it may name one twice (its tombstone expired, and it came back);
 * the records; the memory of a sample. May depend on: store.
 */
#include "store/scan.h"

#include "store/table.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 500 }; /* records of one MGET */
#define ANSWER_BYTES ((size_t)1 << 30)

typedef struct id_list {
    char **ids;
    size_t count, capacity;
} id_list;

typedef struct scan {
    furrow_table *table;
    furrow_arena *arena;       /* of one answer */
    furrow_record_read *reads; /* PAGE */
    furrow_scan_fn *each;
    void *arg;
    furrow_scan_size size;
} scan;

/* ---- ids ---- */

static furrow_status add_id(id_list *list, const char *id, furrow_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 1024;
        char **grown = realloc(list->ids, capacity * sizeof *grown);
        if (!grown) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        list->ids = grown;
        list->capacity = capacity;
    }
    char *copy = strdup(id);
    if (!copy) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    list->ids[list->count++] = copy;
    return FURROW_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void keep_unique(id_list *list)
{
    size_t kept = 0;
    if (list->count > 0) qsort(list->ids, list->count, sizeof list->ids[0], compare_ids);
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->ids[i], list->ids[kept - 1]) == 0)
            free(list->ids[i]);
        else
            list->ids[kept++] = list->ids[i];
    }
    list->count = kept;
}

static furrow_status read_table_ids(scan *on, id_list *list, furrow_error *err)
{
    furrow_walk walk = {0};
    furrow_walked *page;
    size_t count = 1;
    while (count > 0) {
        furrow_arena_reset(on->arena);
        furrow_status status = furrow_record_walk_ids(on->table, &walk, on->arena, &page, &count, err);
        for (size_t i = 0; status == FURROW_OK && i < count; i++) status = add_id(list, page[i].id, err);
        if (status != FURROW_OK) return status;
    }
    keep_unique(list);
    return FURROW_OK;
}

/* ---- records ---- */

static void count_record(scan *on, const char *id, const furrow_record *record)
{
    if (!record->found || record->deleted) return;
    on->size.records++;
    on->size.bytes += record->body.len;
    if (on->each) on->each(on->arg, id, record);
}

/* What does not fit into one answer comes in two. */
static furrow_status read_and_count(scan *on, char *const ids[], size_t count, furrow_error *err)
{
    furrow_record_read *reads = on->reads;
    furrow_arena_reset(on->arena);
    for (size_t i = 0; i < count; i++) reads[i] = (furrow_record_read){.table = on->table, .id = ids[i]};
    furrow_status status = furrow_record_read_many(on->table->store, reads, count, on->arena, err);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) count_record(on, ids[i], &reads[i].record);
    if (status != FURROW_RESOURCE_EXHAUSTED || count == 1) return status;
    status = read_and_count(on, ids, count / 2, err);
    return status == FURROW_OK ? read_and_count(on, ids + count / 2, count - count / 2, err) : status;
}

/* ---- memory ---- */

/* 0 for what is not there. */
static furrow_status ask_memory(scan *on, furrow_bytes key, uint64_t *bytes, furrow_error *err)
{
    furrow_value answer;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("MEMORY"), FURROW_BYTES_LITERAL("USAGE"), key};
    furrow_arena_reset(on->arena);
    furrow_status status = furrow_store_command(on->table->store, argv, 3, on->arena, &answer, err);
    if (status == FURROW_OK && answer.kind == FURROW_VALUE_INTEGER) *bytes += (uint64_t)answer.integer;
    return status;
}

static furrow_status measure_rest(scan *on, furrow_error *err)
{
    const furrow_table *table = on->table;
    const furrow_bytes keys[] = {table->ids_key,       table->marker_key, table->build_key,
                                 table->reactions_key, table->parked_key, table->generations_key};
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < sizeof keys / sizeof *keys; i++)
        status = ask_memory(on, keys[i], &on->size.memory_bytes, err);
    for (size_t i = 0; status == FURROW_OK && i < table->options.index_count; i++)
        status = ask_memory(on, table->index_keys[i], &on->size.memory_bytes, err);
    return status;
}

static furrow_status measure_records(scan *on, const id_list *list, furrow_error *err)
{
    size_t sample = list->count < FURROW_SCAN_SAMPLE ? list->count : FURROW_SCAN_SAMPLE;
    uint64_t bytes = 0;
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < sample; i++) {
        char key[512];
        int len = snprintf(key, sizeof key, "%s%s", (const char *)on->table->prefix.data,
                           list->ids[i * list->count / sample]);
        FURROW_REQUIRE(len > 0 && (size_t)len < sizeof key);
        status = ask_memory(on, (furrow_bytes){key, (size_t)len}, &bytes, err);
    }
    if (sample > 0) on->size.memory_bytes += bytes * list->count / sample;
    return status;
}

/* ---- all ---- */

static furrow_status scan_all(scan *on, id_list *list, furrow_error *err)
{
    furrow_status status = read_table_ids(on, list, err);
    for (size_t done = 0; status == FURROW_OK && done < list->count; done += PAGE)
        status = read_and_count(on, list->ids + done, list->count - done < PAGE ? list->count - done : PAGE, err);
    if (status != FURROW_OK) return status;
    status = measure_rest(on, err);
    if (status == FURROW_OK) status = measure_records(on, list, err);
    on->size.memory_known = status == FURROW_OK;
    return status == FURROW_PERMISSION_DENIED ? FURROW_OK : status;
}

furrow_status furrow_scan_table(furrow_table *table, furrow_scan_fn *each, void *arg, furrow_scan_size *out,
                                furrow_error *err)
{
    scan on = {.table = table, .each = each, .arg = arg, .arena = furrow_arena_create(ANSWER_BYTES)};
    id_list list = {.count = 0};
    on.reads = calloc(PAGE, sizeof *on.reads);
    furrow_status status =
        on.arena && on.reads ? scan_all(&on, &list, err) : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_OK) *out = on.size;
    if (!on.size.memory_known && status == FURROW_OK) out->memory_bytes = 0;
    while (list.count > 0) free(list.ids[--list.count]);
    free(list.ids);
    free(on.reads);
    furrow_arena_destroy(on.arena);
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "scan %s", (const char *)table->prefix.data);
}
