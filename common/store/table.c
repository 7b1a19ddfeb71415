/* Tables: names of keys, and what concerns a table as a whole: clearing it, leases on it. See table.h and record.h. */
#include "store/table.h"

#include "base/id.h"
#include "store/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_BYTES = 64 * 1024, CLEAR_STEP = 1000, CLEAR_ARENA_BYTES = 8 << 20, NAME_MAX_BYTES = 128 };

/* ---- keys ---- */

static bool name_key(furrow_table *table, const char *what, const char *field, furrow_bytes *out)
{
    const char *key =
        furrow_arena_printf(table->names, "%s:{%s}:%s%s", table->options.service, table->options.entity, what, field);
    if (key) *out = furrow_bytes_of(key);
    return key != NULL;
}

static bool name_keys(furrow_table *table)
{
    table->index_keys = furrow_arena_alloc(table->names, (table->options.index_count + 1) * sizeof *table->index_keys);
    bool named = table->index_keys && name_key(table, "", "", &table->prefix) &&
                 name_key(table, "@reactions", "", &table->reactions_key) &&
                 name_key(table, "@replica", "", &table->marker_key);
    for (size_t i = 0; named && i < table->options.index_count; i++)
        named = name_key(table, "@by:", table->options.indexes[i].field, &table->index_keys[i]);
    return named;
}

static furrow_status check_options(const furrow_table_options *options, furrow_error *err)
{
    /* Names end up in a glob and between braces: only what an id may hold. */
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
        if (table->names && name_keys(table)) return table;
    }
    furrow_table_destroy(table);
    furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return NULL;
}

void furrow_table_destroy(furrow_table *table)
{
    if (!table) return;
    furrow_table_free_batches(table);
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

/* The marker goes first: whoever finds a half-cleared table sees that it holds nothing that can be relied on. */
static furrow_status clear_bookkeeping(furrow_table *table, furrow_error *err)
{
    furrow_pipelined request;
    furrow_buffer *out = furrow_pipeline_begin(table->store, &request, NULL, 3 + table->options.index_count, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "UNLINK", 6);
    furrow_pipeline_arg(out, table->marker_key.data, table->marker_key.len);
    furrow_pipeline_arg(out, table->reactions_key.data, table->reactions_key.len);
    for (size_t i = 0; i < table->options.index_count; i++)
        furrow_pipeline_arg(out, table->index_keys[i].data, table->index_keys[i].len);
    furrow_status status = furrow_pipeline_send(table->store, &request, err);
    return status ? status : furrow_pipeline_wait(&request, err);
}

/* Bookkeeping is spared: leases stand over a clear, and index entries written meanwhile belong to records written
 * meanwhile. */
static bool is_record(const furrow_table *table, const furrow_value *key)
{
    return key->kind == FURROW_VALUE_TEXT && key->text.len > table->prefix.len &&
           ((const char *)key->text.data)[table->prefix.len] != '@';
}

static furrow_status unlink_records(furrow_table *table, const furrow_value *keys, furrow_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++) count += is_record(table, &keys->items[i]);
    if (count == 0) return FURROW_OK;
    furrow_pipelined request;
    furrow_buffer *out = furrow_pipeline_begin(table->store, &request, NULL, 1 + count, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "UNLINK", 6);
    for (size_t i = 0; i < keys->count; i++)
        if (is_record(table, &keys->items[i]))
            furrow_pipeline_arg(out, keys->items[i].text.data, keys->items[i].text.len);
    furrow_status status = furrow_pipeline_send(table->store, &request, err);
    return status ? status : furrow_pipeline_wait(&request, err);
}

static furrow_status scan_step(furrow_table *table, furrow_bytes pattern, furrow_bytes cursor, furrow_arena *arena,
                               furrow_value *out, furrow_error *err)
{
    char step[16];
    snprintf(step, sizeof step, "%d", CLEAR_STEP);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("SCAN"),  cursor,
                                 FURROW_BYTES_LITERAL("MATCH"), pattern,
                                 FURROW_BYTES_LITERAL("COUNT"), furrow_bytes_of(step)};
    furrow_status status = furrow_store_command(table->store, argv, 6, arena, out, err);
    if (status) return status;
    if (out->kind != FURROW_VALUE_LIST || out->count != 2 || out->items[0].kind != FURROW_VALUE_TEXT ||
        out->items[0].text.len > 20)
        return furrow_fail(err, FURROW_INTERNAL, "redis: SCAN answered something else");
    return FURROW_OK;
}

furrow_status furrow_table_clear(furrow_table *table, furrow_error *err)
{
    furrow_status status = clear_bookkeeping(table, err);
    if (status) return status;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(CLEAR_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    char pattern[2 * NAME_MAX_BYTES + 8], cursor[24] = "0";
    snprintf(pattern, sizeof pattern, "%s*", (const char *)table->prefix.data);
    do {
        furrow_value found;
        furrow_arena_reset(arena);
        status = scan_step(table, furrow_bytes_of(pattern), furrow_bytes_of(cursor), arena, &found, err);
        if (!status) status = unlink_records(table, &found.items[1], err);
        if (status) return furrow_wrap(err, "clear %s", table->options.entity);
        snprintf(cursor, sizeof cursor, "%s", (const char *)found.items[0].text.data);
    } while (strcmp(cursor, "0") != 0);
    return FURROW_OK;
}

/* ---- leases ---- */

furrow_status furrow_table_lease(furrow_table *table, const char *what, const char *holder, uint64_t ms, bool *held,
                                 furrow_error *err)
{
    static furrow_script script = {.source = "local holder = redis.call('GET', KEYS[1])\n"
                                             "if holder and holder ~= ARGV[1] then return 0 end\n"
                                             "if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) return 0 end\n"
                                             "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                             "return 1\n"};
    char key[3 * NAME_MAX_BYTES], duration[24];
    int len = snprintf(key, sizeof key, "%s@lease:%s", (const char *)table->prefix.data, what);
    FURROW_REQUIRE(len > 0 && (size_t)len < sizeof key);
    snprintf(duration, sizeof duration, "%llu", (unsigned long long)ms);
    furrow_value answer;
    furrow_bytes name = {key, (size_t)len};
    const furrow_bytes args[] = {furrow_bytes_of(holder), furrow_bytes_of(duration)};
    furrow_status status = furrow_store_script(table->store, &script, &name, 1, args, 2, NULL, &answer, err);
    if (status) return status;
    *held = answer.kind == FURROW_VALUE_INTEGER && answer.integer == 1;
    return FURROW_OK;
}
