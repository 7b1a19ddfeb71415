/* Tables: names of keys, and what concerns a table as a whole: clearing it, leases on it. See table.h and record.h. */
#include "store/table.h"

#include "base/id.h"
#include "store/index.h"
#include "store/library.h"
#include "store/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAMES_BYTES = 64 * 1024,
    CLEAR_ELEMENTS = 200,
    CLEAR_RECORDS = 1000,
    CLEAR_ARENA_BYTES = 8 << 20,
    NAME_MAX_BYTES = 128
};

/* ---- keys ---- */

static bool name_key(furrow_table *table, const char *what, const char *field, furrow_bytes *out)
{
    const char *key = furrow_arena_printf(table->names, "%s%s%s", (const char *)table->prefix.data, what, field);
    if (key) *out = furrow_bytes_of(key);
    return key != NULL;
}

/* Generation 0, which is all there is but for a rollout, has the plain names. */
static bool name_prefix(furrow_table *table, int generation)
{
    const char *service = table->options.service, *entity = table->options.entity;
    const char *base = furrow_arena_printf(table->names, "%s:{%s}:", service, entity);
    const char *prefix =
        generation > 0 ? furrow_arena_printf(table->names, "%s@%d:", base ? base : "", generation) : base;
    const char *generations = furrow_arena_printf(table->names, "%s@generations", base ? base : "");
    if (!base || !prefix || !generations) return false;
    table->base = furrow_bytes_of(base);
    table->prefix = furrow_bytes_of(prefix);
    table->generations_key = furrow_bytes_of(generations);
    table->generation = generation;
    return true;
}

bool furrow_table_name_keys(furrow_table *table, int generation)
{
    furrow_arena_reset(table->names);
    bool named = name_prefix(table, generation);
    table->index_keys = furrow_arena_alloc(table->names, (table->options.index_count + 1) * sizeof *table->index_keys);
    named = named && table->index_keys && name_key(table, "@reactions", "", &table->reactions_key) &&
            name_key(table, "@parked", "", &table->parked_key) && name_key(table, "@replica", "", &table->marker_key) &&
            name_key(table, "@ids", "", &table->ids_key) && name_key(table, "@build", "", &table->build_key) &&
            name_key(table, "@applied", "", &table->applied_key);
    for (size_t i = 0; named && i < table->options.index_count; i++)
        named = name_key(table, "@by:", table->options.indexes[i].field, &table->index_keys[i]);
    return named;
}

static furrow_status check_options(const furrow_table_options *options, furrow_error *err)
{
    /* Names end up between braces and colons: only what an id may hold. */
    if (!furrow_id_valid(options->service, strlen(options->service)) ||
        !furrow_id_valid(options->entity, strlen(options->entity)))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "table %s of %s: names hold letters, digits, _ and - only",
                           options->entity, options->service);
    if (options->index_count > FURROW_INDEXES_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "table %s has %zu indexes, at most %d are possible",
                           options->entity, options->index_count, FURROW_INDEXES_MAX);
    for (size_t i = 0; i < options->index_count; i++) {
        furrow_status status = furrow_index_check(&options->indexes[i], err);
        if (status) return status;
    }
    return FURROW_OK;
}

furrow_table *furrow_table_create(furrow_store *store, const furrow_table_options *options, furrow_error *err)
{
    if (check_options(options, err)) return NULL;
    furrow_table *table = calloc(1, sizeof *table);
    if (table) {
        table->store = store;
        table->options = *options;
        table->names = furrow_arena_create(NAMES_BYTES);
        table->next = store->tables;
        store->tables = table;
        if (table->names && furrow_table_name_keys(table, 0)) return table;
    }
    furrow_table_destroy(table);
    furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return NULL;
}

void furrow_table_destroy(furrow_table *table)
{
    if (!table) return;
    for (furrow_table **at = &table->store->tables; *at; at = &(*at)->next) {
        if (*at != table) continue;
        *at = table->next;
        break;
    }
    furrow_table_free_batches(table);
    free(table->vouched);
    furrow_arena_destroy(table->names);
    free(table);
}

const furrow_table_options *furrow_table_about(const furrow_table *table)
{
    return &table->options;
}

furrow_store *furrow_table_store(const furrow_table *table)
{
    return table->store;
}

furrow_status furrow_table_check_id(furrow_bytes id, furrow_error *err)
{
    if (furrow_id_valid(id.data, id.len)) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "an id has 1 to %d characters of A-Z a-z 0-9 _ -", FURROW_ID_MAX);
}

/* ---- clear ---- */

static furrow_status clear_derived(furrow_table *table, const char *build, furrow_error *err)
{
    furrow_pipelined request;
    size_t keys = 4 + table->options.index_count;
    furrow_buffer *out = furrow_pipeline_begin(table->store, &request, NULL, 4 + keys, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "FCALL", 5);
    furrow_pipeline_arg(out, FURROW_FUNCTION("drop"), strlen(FURROW_FUNCTION("drop")));
    furrow_pipeline_arg_number(out, keys);
    furrow_pipeline_arg(out, table->build_key.data, table->build_key.len);
    furrow_pipeline_arg(out, table->reactions_key.data, table->reactions_key.len);
    furrow_pipeline_arg(out, table->parked_key.data, table->parked_key.len);
    furrow_pipeline_arg(out, table->applied_key.data, table->applied_key.len);
    for (size_t i = 0; i < table->options.index_count; i++)
        furrow_pipeline_arg(out, table->index_keys[i].data, table->index_keys[i].len);
    furrow_pipeline_arg(out, build, strlen(build));
    furrow_status status = furrow_pipeline_send(table->store, &request, err);
    return status ? status : furrow_pipeline_wait(table->store, &request, err);
}

static furrow_status read_id_list(furrow_table *table, size_t elements, furrow_arena *arena, furrow_value *out,
                                  furrow_error *err)
{
    char last[24];
    snprintf(last, sizeof last, "%zu", elements - 1);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("LRANGE"), table->ids_key, FURROW_BYTES_LITERAL("0"),
                                 furrow_bytes_of(last)};
    furrow_status status = furrow_store_command(table->store, argv, 4, arena, out, err);
    if (status) return status;
    if (out->kind != FURROW_VALUE_LIST) return furrow_fail(err, FURROW_INTERNAL, "redis: LRANGE answered no list");
    return FURROW_OK;
}

/* The keys of the ids in @elements, which stand with spaces between; @keys NULL: only counts them. */
static size_t take_keys(const furrow_table *table, const furrow_value *elements, size_t count, furrow_buffer *keys)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = elements[i].text.data, *end = at ? at + elements[i].text.len : at;
        while (at < end) {
            const char *space = memchr(at, ' ', (size_t)(end - at));
            size_t len = (size_t)((space ? space : end) - at);
            if (furrow_id_valid(at, len)) { /* nothing else is a record */
                if (keys) furrow_pipeline_arg_pair(keys, table->prefix, (furrow_bytes){at, len});
                taken++;
            }
            at += len + 1;
        }
    }
    return taken;
}

/* Unlinks the records that the first @count elements of the list name, and takes those off the list, in one step. */
static furrow_status unlink_elements(furrow_table *table, const char *build, const furrow_value *elements, size_t count,
                                     furrow_error *err)
{
    furrow_pipelined request;
    size_t keys = 2 + take_keys(table, elements, count, NULL);
    furrow_buffer *out = furrow_pipeline_begin(table->store, &request, NULL, 4 + keys + count, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "FCALL", 5);
    furrow_pipeline_arg(out, FURROW_FUNCTION("clear"), strlen(FURROW_FUNCTION("clear")));
    furrow_pipeline_arg_number(out, keys);
    furrow_pipeline_arg(out, table->build_key.data, table->build_key.len);
    furrow_pipeline_arg(out, table->ids_key.data, table->ids_key.len);
    (void)take_keys(table, elements, count, out);
    furrow_pipeline_arg(out, build, strlen(build));
    for (size_t i = 0; i < count; i++) furrow_pipeline_arg(out, elements[i].text.data, elements[i].text.len);
    furrow_status status = furrow_pipeline_send(table->store, &request, err);
    if (!status) status = furrow_pipeline_wait(table->store, &request, err);
    if (!status && request.value.integer == 0)
        return furrow_fail(err, FURROW_ABORTED, "another process clears it, too");
    return status;
}

/* In steps of some CLEAR_RECORDS records: an element names one, or a batch of them. */
static furrow_status clear_elements(furrow_table *table, const char *build, const furrow_value *elements,
                                    furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t done = 0, next; done < elements->count && !status; done = next) {
        size_t records = 0;
        for (next = done; next < elements->count && records < CLEAR_RECORDS; next++)
            records += take_keys(table, &elements->items[next], 1, NULL);
        status = unlink_elements(table, build, &elements->items[done], next - done, err);
    }
    return status;
}

/*
 * Bookkeeping is spared: leases stand over a clear, and index entries written meanwhile belong to records written
 * meanwhile. Those are not chased either: the list is cleared as far as it was when this began.
 */
static furrow_status clear_records(furrow_table *table, const char *build, furrow_arena *arena, furrow_error *err)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("LLEN"), table->ids_key};
    furrow_value length, elements;
    furrow_status status = furrow_store_command(table->store, argv, 2, NULL, &length, err);
    if (status) return status;
    for (int64_t left = length.integer; left > 0; left -= (int64_t)elements.count) {
        furrow_arena_reset(arena);
        status = read_id_list(table, left < CLEAR_ELEMENTS ? (size_t)left : CLEAR_ELEMENTS, arena, &elements, err);
        if (status || elements.count == 0) return status;
        status = clear_elements(table, build, &elements, err);
        if (status) return status;
    }
    return FURROW_OK;
}

furrow_status furrow_table_clear(furrow_table *table, const char *build, furrow_error *err)
{
    furrow_status status = clear_derived(table, build, err);
    if (status) return furrow_wrap(err, "clear %s", table->options.entity);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(CLEAR_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    status = clear_records(table, build, arena, err);
    return status ? furrow_wrap(err, "clear %s", table->options.entity) : FURROW_OK;
}

/* ---- leases ---- */

static void put_lease(const furrow_table *table, const char *what, const char *of, furrow_buffer *out)
{
    char name[NAME_MAX_BYTES + FURROW_ID_MAX];
    int len = snprintf(name, sizeof name, "@lease:%s%s", what, of);
    FURROW_REQUIRE(len > 0 && (size_t)len < sizeof name);
    furrow_pipeline_arg_pair(out, table->prefix, (furrow_bytes){name, (size_t)len});
}

furrow_status furrow_table_leases(furrow_table *table, const char *what, const char *const of[], size_t count,
                                  const char *holder, uint64_t ms, bool held[], furrow_error *err)
{
    furrow_pipelined request;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_buffer *out = furrow_pipeline_begin(table->store, &request, arena, 3 + count + 2, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "FCALL", 5);
    furrow_pipeline_arg(out, FURROW_FUNCTION("lease"), strlen(FURROW_FUNCTION("lease")));
    furrow_pipeline_arg_number(out, count);
    for (size_t i = 0; i < count; i++) put_lease(table, what, of[i], out);
    furrow_pipeline_arg(out, holder, strlen(holder));
    furrow_pipeline_arg_number(out, ms);
    furrow_status status = furrow_pipeline_send(table->store, &request, err);
    if (!status) status = furrow_pipeline_wait(table->store, &request, err);
    if (status) return status;
    const furrow_value *numbers = &request.value;
    for (size_t i = 0; i < count; i++) held[i] = false;
    for (size_t i = 0; numbers->kind == FURROW_VALUE_LIST && i < numbers->count; i++) {
        size_t number = (size_t)numbers->items[i].integer;
        if (number >= 1 && number <= count) held[number - 1] = true;
    }
    return FURROW_OK;
}

furrow_status furrow_table_lease(furrow_table *table, const char *what, const char *holder, uint64_t ms, bool *held,
                                 furrow_error *err)
{
    return furrow_table_leases(table, what, &(const char *){""}, 1, holder, ms, held, err);
}
