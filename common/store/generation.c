/* See generation.h; the steps are in furrow.lua. May depend on table, pipeline. */
#include "store/generation.h"

#include "base/buffer.h"
#include "base/id.h"
#include "store/library.h"
#include "store/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES  ((size_t)4 << 20)
#define INDEXES_BYTES (32 * 1024)
#define RECORDS_BYTES ((size_t)192 << 20) /* one of each generation */

static furrow_status no_memory(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- what is known ---- */

/* "3" of "3" and of "3:a1"; -1 of anything else. */
static int number_before(const char *field, char end)
{
    bool digit = field[0] >= '0' && field[0] <= '9';
    return digit && field[1] == end ? field[0] - '0' : -1;
}

/* "<shape> <indexes>", or "-<identity> <indexes>". */
static void read_generation(const char *value, furrow_generation *out)
{
    size_t len = strcspn(value, " ");
    out->indexes = value[len] ? value + len + 1 : "";
    if (value[0] == '-') {
        snprintf(out->shape, sizeof out->shape, "-");
        snprintf(out->clearing, sizeof out->clearing, "%.*s", (int)len - 1, value + 1);
    } else {
        snprintf(out->shape, sizeof out->shape, "%.*s", (int)len, value);
    }
}

static void read_field(const char *field, const char *value, furrow_generations *out)
{
    int which = number_before(field, '\0'), held = number_before(field, ':');
    if (which >= 0)
        read_generation(value, &out->of[which]);
    else if (held >= 0)
        out->holders[out->holder_count++] = (furrow_generation_holder){held, field + 2, value};
    else if (strcmp(field, "durable") == 0)
        out->durable = number_before(value, '\0');
    else if (strcmp(field, "behind") == 0)
        out->behind = true;
}

static furrow_status read_generations(const furrow_value *answer, furrow_arena *arena, furrow_generations *out,
                                      furrow_error *err)
{
    bool good = answer->kind == FURROW_VALUE_LIST && answer->count == 2 &&
                answer->items[0].kind == FURROW_VALUE_INTEGER && answer->items[1].kind == FURROW_VALUE_LIST;
    if (!good) return furrow_fail(err, FURROW_INTERNAL, "redis: a claim was answered with something else");
    const furrow_value *list = &answer->items[1];
    *out = (furrow_generations){.ours = (int)answer->items[0].integer, .durable = -1};
    out->holders = furrow_arena_alloc(arena, (list->count / 2 + 1) * sizeof *out->holders);
    if (!out->holders) return no_memory(err);
    for (size_t i = 0; i + 1 < list->count; i += 2)
        if (list->items[i].kind == FURROW_VALUE_TEXT && list->items[i + 1].kind == FURROW_VALUE_TEXT)
            read_field(list->items[i].text.data, list->items[i + 1].text.data, out);
    return FURROW_OK;
}

static furrow_bytes name_indexes(const furrow_table *table, furrow_buffer *out)
{
    for (size_t i = 0; i < table->options.index_count; i++)
        furrow_buffer_printf(out, "%s%s", i ? " " : "", table->options.indexes[i].field);
    return (furrow_bytes){out->data, out->len};
}

furrow_status furrow_generation_claim_one(furrow_table *table, const furrow_generation_claim *claim,
                                          furrow_arena *arena, furrow_generations *out, furrow_error *err)
{
    char wanted[8], marker[512];
    furrow_buffer indexes;
    furrow_value answer;
    furrow_buffer_init(&indexes, INDEXES_BYTES);
    snprintf(wanted, sizeof wanted, "%d", table->generation);
    snprintf(marker, sizeof marker, "%s@replica", (const char *)table->base.data);
    const furrow_bytes keys[] = {table->generations_key, furrow_bytes_of(marker)};
    const furrow_bytes args[] = {furrow_bytes_of(claim->shape),    name_indexes(table, &indexes),
                                 furrow_bytes_of(claim->instance), furrow_bytes_of(claim->word),
                                 furrow_bytes_of(wanted),          furrow_bytes_of(claim->allocate ? "1" : "0")};
    furrow_status status =
        furrow_pipeline_ask(table->store, FURROW_FUNCTION("claim"), keys, 2, args, 6, arena, &answer, err);
    furrow_buffer_fini(&indexes);
    if (status == FURROW_OK) status = read_generations(&answer, arena, out, err);
    return status ? furrow_wrap(err, "generations of %s", table->options.entity) : FURROW_OK;
}

static furrow_status ask_generations(furrow_table *table, const char *function, const furrow_bytes keys[],
                                     size_t key_count, const furrow_bytes args[], size_t arg_count, bool *done,
                                     furrow_error *err)
{
    furrow_value answer;
    furrow_status status =
        furrow_pipeline_ask(table->store, function, keys, key_count, args, arg_count, NULL, &answer, err);
    if (status) return furrow_wrap(err, "generations of %s", table->options.entity);
    *done = answer.kind == FURROW_VALUE_INTEGER && answer.integer == 1;
    return FURROW_OK;
}

furrow_status furrow_generation_release(furrow_table *table, const char *instance, furrow_error *err)
{
    char ours[8];
    bool done;
    snprintf(ours, sizeof ours, "%d", table->generation);
    const furrow_bytes args[] = {furrow_bytes_of(ours), furrow_bytes_of(instance)};
    return ask_generations(table, FURROW_FUNCTION("release"), &table->generations_key, 1, args, 2, &done, err);
}

furrow_status furrow_generation_settle(furrow_table *table, furrow_error *err)
{
    char ours[8];
    bool done;
    snprintf(ours, sizeof ours, "%d", table->generation);
    const furrow_bytes args[] = {furrow_bytes_of(ours)};
    return ask_generations(table, FURROW_FUNCTION("settle"), &table->generations_key, 1, args, 1, &done, err);
}

/* ---- where a table lies ---- */

void furrow_table_place(furrow_table *table, int generation)
{
    if (table->generation == generation) return;
    FURROW_REQUIRE(furrow_table_name_keys(table, generation)); /* no longer than what was there */
    table->reaction_cursor = table->parked_cursor = table->reaction_offset = 0;
}

int furrow_table_generation(const furrow_table *table)
{
    return table->generation;
}

furrow_bytes furrow_table_prefix(const furrow_table *table)
{
    return table->prefix;
}

furrow_status furrow_table_place_current(furrow_table *table, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return no_memory(err);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HGET"), table->generations_key, FURROW_BYTES_LITERAL("durable")};
    furrow_value answer;
    furrow_status status = furrow_store_command(table->store, argv, 3, arena, &answer, err);
    if (status) return furrow_wrap(err, "generations of %s", table->options.entity);
    int which = answer.kind == FURROW_VALUE_TEXT ? number_before(answer.text.data, '\0') : 0;
    furrow_table_place(table, which > 0 ? which : 0);
    return FURROW_OK;
}

/* ---- those of others ---- */

/* Their names are all that a table needs of its indexes to be cleared. */
static furrow_index_contract *name_contracts(const char *indexes, furrow_arena *arena, size_t *count)
{
    furrow_index_contract *contracts = furrow_arena_zalloc(arena, FURROW_INDEXES_MAX * sizeof *contracts);
    char *names = furrow_arena_strdup(arena, indexes), *rest = NULL;
    *count = 0;
    if (!contracts || !names) return NULL;
    for (char *name = strtok_r(names, " ", &rest); name && *count < FURROW_INDEXES_MAX;
         name = strtok_r(NULL, " ", &rest))
        contracts[(*count)++].field = name;
    return contracts;
}

/* A table for the keys of another generation; lives as long as @arena, then furrow_table_destroy. */
static furrow_table *open_other(furrow_table *table, int which, const char *indexes, furrow_arena *arena,
                                furrow_error *err)
{
    furrow_table_options options = table->options;
    size_t count = 0;
    options.indexes = NULL;
    options.index_count = options.aggregate_count = 0;
    furrow_table *other = furrow_table_create(table->store, &options, err);
    if (!other) return NULL;
    other->options.indexes = name_contracts(indexes, arena, &count);
    other->options.index_count = other->options.indexes ? count : 0;
    if (other->options.indexes && furrow_table_name_keys(other, which)) return other;
    furrow_table_destroy(other);
    no_memory(err);
    return NULL;
}

furrow_status furrow_generation_marker(furrow_table *table, int which, furrow_marker *out, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return no_memory(err);
    furrow_table *other = open_other(table, which, "", arena, err);
    if (!other) return err ? err->code : FURROW_RESOURCE_EXHAUSTED;
    furrow_status status = furrow_marker_read(other, out, err);
    furrow_table_destroy(other);
    return status;
}

furrow_status furrow_generation_versions(furrow_table *table, const char *id, const int generations[], size_t count,
                                         uint64_t versions[], furrow_error *err)
{
    FURROW_REQUIRE(count <= FURROW_GENERATIONS_MAX);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(RECORDS_BYTES);
    furrow_bytes argv[1 + FURROW_GENERATIONS_MAX] = {FURROW_BYTES_LITERAL("MGET")};
    const char *base = (const char *)table->base.data;
    furrow_value answer;
    if (!arena) return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        char *key = generations[i] > 0 ? furrow_arena_printf(arena, "%s@%d:%s", base, generations[i], id)
                                       : furrow_arena_printf(arena, "%s%s", base, id);
        if (!key) return no_memory(err);
        argv[1 + i] = furrow_bytes_of(key);
    }
    furrow_status status = furrow_store_command(table->store, argv, 1 + count, arena, &answer, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++)
        versions[i] = i < answer.count ? furrow_record_of_value(&answer.items[i]).version : 0;
    return FURROW_OK;
}

static furrow_status retire_generation(furrow_table *table, const furrow_table *other, const furrow_generations *seen,
                                       furrow_bytes args[], bool *done, furrow_error *err)
{
    char which[8], heir[8] = "", id[FURROW_ID_SIZE];
    size_t count = 0;
    snprintf(which, sizeof which, "%d", other->generation);
    if (seen->durable == other->generation) snprintf(heir, sizeof heir, "%d", table->generation);
    furrow_id_make(id);
    args[count++] = furrow_bytes_of(which);
    args[count++] = furrow_bytes_of(id);
    args[count++] = furrow_bytes_of(heir);
    for (size_t i = 0; i < seen->holder_count; i++) {
        if (seen->holders[i].generation != other->generation) continue;
        args[count++] = furrow_bytes_of(seen->holders[i].instance);
        args[count++] = furrow_bytes_of(seen->holders[i].word);
    }
    const furrow_bytes keys[] = {table->generations_key, other->marker_key, other->build_key};
    return ask_generations(table, FURROW_FUNCTION("retire"), keys, 3, args, count, done, err);
}

furrow_status furrow_generation_retire(furrow_table *table, const furrow_generations *seen, int which, bool *done,
                                       furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_bytes *args = arena ? furrow_arena_alloc(arena, (3 + 2 * seen->holder_count) * sizeof *args) : NULL;
    if (!args) return no_memory(err);
    furrow_table *other = open_other(table, which, "", arena, err);
    if (!other) return err ? err->code : FURROW_RESOURCE_EXHAUSTED;
    furrow_status status = retire_generation(table, other, seen, args, done, err);
    furrow_table_destroy(other);
    return status;
}

static furrow_status vacate(furrow_table *table, const furrow_table *other, const char *clearing, furrow_error *err)
{
    char which[8];
    bool done;
    snprintf(which, sizeof which, "%d", other->generation);
    const furrow_bytes keys[] = {table->generations_key, other->build_key, other->ids_key};
    const furrow_bytes args[] = {furrow_bytes_of(which), furrow_bytes_of(clearing)};
    return ask_generations(table, FURROW_FUNCTION("vacate"), keys, 3, args, 2, &done, err);
}

furrow_status furrow_generation_clear(furrow_table *table, const furrow_generations *seen, int which, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ANSWER_BYTES);
    char clearing[FURROW_ID_SIZE];
    if (!arena) return no_memory(err);
    snprintf(clearing, sizeof clearing, "%s", seen->of[which].clearing);
    furrow_buffer ours;
    furrow_buffer_init(&ours, INDEXES_BYTES);
    (void)name_indexes(table, &ours);
    /* Of a table from before there were generations nobody noted which indexes it has; ours, most likely. */
    const char *indexes = seen->of[which].indexes[0] || !ours.data ? seen->of[which].indexes : (const char *)ours.data;
    furrow_table *other = open_other(table, which, indexes, arena, err);
    furrow_buffer_fini(&ours);
    if (!other) return err ? err->code : FURROW_RESOURCE_EXHAUSTED;
    furrow_status status = furrow_table_clear(other, clearing, err);
    if (status == FURROW_OK) status = vacate(table, other, clearing, err);
    furrow_table_destroy(other);
    return status;
}
