/*
 * Small values with an expiry (see record.h): what an idempotency key answered. The first value of a key stands until
 * it expires. Of each entity that a value tells something of there is a list of such values, a sorted set by the second
 * in which each expires, so that they go when the entity does. Another, "<service>:@idem:@kept", has all of them, and
 * "<service>:@idem:@bytes" says for how much they count: of more than there may be the oldest go. What the members are
 * stands in furrow.lua.
 *
 * Invariant: who forgets comes after the tombstone of the entity is in Redis, and a value is stored only while there is
 * none, in one step with its place in the list; so none stays behind. May depend on pipeline.
 */
#include "store/pipeline.h"
#include "store/library.h"
#include "store/record.h"
#include "store/redis.h"
#include "store/table.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES ((size_t)16 << 20)

static furrow_status no_room_for_result(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "a remembered result does not fit the request's memory");
}

static furrow_bytes bytes_or_none(const char *text)
{
    return text ? furrow_bytes_of(text) : (furrow_bytes){NULL, 0};
}

static furrow_bytes value_key(const char *service, const char *key, furrow_arena *arena)
{
    return bytes_or_none(furrow_arena_printf(arena, "%s:@idem:%s", service, key));
}

static furrow_bytes kept_key(const char *service, furrow_arena *arena)
{
    return value_key(service, "@kept", arena);
}

static furrow_bytes bytes_key(const char *service, furrow_arena *arena)
{
    return value_key(service, "@bytes", arena);
}

static furrow_bytes list_key(const char *service, const char *subject, furrow_arena *arena)
{
    return bytes_or_none(furrow_arena_printf(arena, "%s:@idem:of:%s", service, subject));
}

/* "employee.v1.Employee.E1" is kept at "<service>:{Employee}:E1", or where the table's generation has it. */
static furrow_bytes record_key(const furrow_store *store, const char *service, const char *subject, furrow_arena *arena)
{
    const char *id = strrchr(subject, '.'), *name = id;
    while (name && name > subject && name[-1] != '.') name--;
    int len = name ? (int)(id - name) : 0;
    for (const furrow_table *table = store->tables; table && len; table = table->next)
        if (table->trust.guard && strcmp(table->options.service, service) == 0 &&
            furrow_bytes_is((furrow_bytes){name, (size_t)len}, table->options.entity))
            return bytes_or_none(furrow_arena_printf(arena, "%s%s", (const char *)table->prefix.data, id + 1));
    return bytes_or_none(furrow_arena_printf(arena, "%s:{%.*s}:%s", service, len, name ? name : "", id ? id + 1 : ""));
}

static size_t count_at(const furrow_value *list, size_t at)
{
    bool there = list->kind == FURROW_VALUE_LIST && at < list->count;
    const furrow_value *item = there ? &list->items[at] : NULL;
    return item && item->kind == FURROW_VALUE_INTEGER && item->integer > 0 ? (size_t)item->integer : 0;
}

/* The value's, those of what there is, and two for each entity that it tells of; false: out of memory. */
static bool name_keys(const furrow_store *store, const furrow_remembered *what, furrow_arena *arena, furrow_bytes *keys,
                      size_t *count)
{
    *count = 0;
    keys[(*count)++] = value_key(what->service, what->key, arena);
    keys[(*count)++] = kept_key(what->service, arena);
    keys[(*count)++] = bytes_key(what->service, arena);
    for (size_t i = 0; i < what->of_count; i++) {
        keys[(*count)++] = record_key(store, what->service, what->of[i], arena);
        keys[(*count)++] = list_key(what->service, what->of[i], arena);
    }
    for (size_t i = 0; i < *count; i++)
        if (!keys[i].data) return false;
    return true;
}

furrow_status furrow_store_remember(furrow_store *store, const furrow_remembered *what, uint64_t ttl_s,
                                    furrow_remembered_total *total, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    furrow_bytes keys[3 + 2 * FURROW_REMEMBERED_OF_MAX];
    furrow_value answer;
    char ttl[24], now[24], max[24], max_bytes[24];
    size_t count;
    FURROW_REQUIRE(what->of_count <= FURROW_REMEMBERED_OF_MAX);
    if (!arena || !name_keys(store, what, arena, keys, &count)) return no_room_for_result(err);
    snprintf(ttl, sizeof ttl, "%" PRIu64, ttl_s);
    snprintf(now, sizeof now, "%lld", (long long)(furrow_clock_wall_ns() / 1000));
    snprintf(max, sizeof max, "%zu", what->max ? what->max : FURROW_REMEMBERED_MAX);
    snprintf(max_bytes, sizeof max_bytes, "%zu", what->max_bytes ? what->max_bytes : FURROW_REMEMBERED_BYTES_MAX);
    const furrow_bytes args[] = {what->value, furrow_bytes_of(ttl), furrow_bytes_of(now), furrow_bytes_of(max),
                                 furrow_bytes_of(max_bytes)};
    furrow_status status =
        furrow_pipeline_ask(store, FURROW_FUNCTION("remember"), keys, count, args, 5, arena, &answer, err);
    if (status == FURROW_OK && total) *total = (furrow_remembered_total){count_at(&answer, 0), count_at(&answer, 1)};
    return status;
}

furrow_status furrow_store_recall(furrow_store *store, const char *service, const char *key, furrow_arena *arena,
                                  furrow_value *out, furrow_error *err)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), value_key(service, key, arena)};
    if (!argv[1].data) return no_room_for_result(err);
    return furrow_store_command(store, argv, 2, arena, out, err);
}

furrow_status furrow_store_forget(furrow_store *store, const char *service, const char *subject, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) return no_room_for_result(err);
    const furrow_bytes keys[] = {list_key(service, subject, arena), kept_key(service, arena),
                                 bytes_key(service, arena)};
    furrow_status status = keys[0].data && keys[1].data && keys[2].data ? FURROW_OK : no_room_for_result(err);
    furrow_value answer = {.integer = 1};
    while (status == FURROW_OK && answer.integer > 0)
        status = furrow_pipeline_ask(store, FURROW_FUNCTION("forget"), keys, 3, NULL, 0, arena, &answer, err);
    return status;
}
