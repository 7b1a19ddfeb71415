/*
 * Small values with an expiry (see record.h): what an idempotency key answered. The first value of a key stands until
 * it expires. Of each entity that a value tells something of there is a list of such values, a sorted set by the second
 * in which each expires, so that they go when the entity does. Another, "<service>:@idem:@kept", has all of them by the
 * microsecond: of more than there may be the oldest go. What the members are stands in furrow.lua.
 *
 * Invariant: who forgets comes after the tombstone of the entity is in Redis, and a value is stored only while there is
 * none, in one step with its place in the list; so none stays behind. May depend on pipeline.
 */
#include "store/pipeline.h"
#include "store/library.h"
#include "store/record.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES ((size_t)16 << 20)
#define FORGET_MAX  100 /* in one command: members 0 to 99 */

static furrow_status no_memory(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "a remembered result does not fit the request's memory");
}

static furrow_bytes text_of(const char *text)
{
    return text ? furrow_bytes_of(text) : (furrow_bytes){NULL, 0};
}

static furrow_bytes value_key(const char *service, const char *key, furrow_arena *arena)
{
    return text_of(furrow_arena_printf(arena, "%s:@idem:%s", service, key));
}

static furrow_bytes kept_key(const char *service, furrow_arena *arena)
{
    return value_key(service, "@kept", arena);
}

static furrow_bytes list_key(const char *service, const char *subject, furrow_arena *arena)
{
    return text_of(furrow_arena_printf(arena, "%s:@idem:of:%s", service, subject));
}

/* "employee.v1.Employee.E1" is kept at "<service>:{Employee}:E1". */
static furrow_bytes record_key(const char *service, const char *subject, furrow_arena *arena)
{
    const char *id = strrchr(subject, '.'), *name = id;
    while (name && name > subject && name[-1] != '.') name--;
    int len = name ? (int)(id - name) : 0;
    return text_of(furrow_arena_printf(arena, "%s:{%.*s}:%s", service, len, name ? name : "", id ? id + 1 : ""));
}

furrow_status furrow_store_remember(furrow_store *store, const furrow_remembered *what, uint64_t ttl_s, size_t *kept,
                                    furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    furrow_bytes keys[2 + 2 * FURROW_REMEMBERED_OF_MAX];
    furrow_value answer;
    char ttl[24], now[24], max[24];
    size_t count = 2;
    if (!arena) return no_memory(err);
    FURROW_REQUIRE(what->of_count <= FURROW_REMEMBERED_OF_MAX);
    keys[0] = value_key(what->service, what->key, arena);
    keys[1] = kept_key(what->service, arena);
    for (size_t i = 0; i < what->of_count; i++) {
        keys[count++] = record_key(what->service, what->of[i], arena);
        keys[count++] = list_key(what->service, what->of[i], arena);
    }
    for (size_t i = 0; i < count; i++)
        if (!keys[i].data) return no_memory(err);
    snprintf(ttl, sizeof ttl, "%" PRIu64, ttl_s);
    snprintf(now, sizeof now, "%lld", (long long)(furrow_clock_wall_ns() / 1000));
    snprintf(max, sizeof max, "%zu", what->max ? what->max : FURROW_REMEMBERED_MAX);
    const furrow_bytes args[] = {what->value, furrow_bytes_of(ttl), furrow_bytes_of(now), furrow_bytes_of(max)};
    furrow_status status =
        furrow_pipeline_ask(store, FURROW_FUNCTION("remember"), keys, count, args, 4, arena, &answer, err);
    if (status == FURROW_OK && kept) *kept = answer.kind == FURROW_VALUE_INTEGER ? (size_t)answer.integer : 0;
    return status;
}

furrow_status furrow_store_recall(furrow_store *store, const char *service, const char *key, furrow_arena *arena,
                                  furrow_value *out, furrow_error *err)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), value_key(service, key, arena)};
    if (!argv[1].data) return no_memory(err);
    return furrow_store_command(store, argv, 2, arena, out, err);
}

/* The key of a listed value: the first word of the member, after the prefix. */
static furrow_bytes value_of_member(furrow_bytes prefix, furrow_bytes member, furrow_arena *arena)
{
    const char *space = memchr(member.data, ' ', member.len);
    int len = (int)(space ? (size_t)(space - (const char *)member.data) : member.len);
    return text_of(furrow_arena_printf(arena, "%.*s%.*s", (int)prefix.len, (const char *)prefix.data, len,
                                       (const char *)member.data));
}

/* Out of the lists of the other entities that the value tells something of: they name this one. */
static furrow_status unlist(furrow_store *store, furrow_bytes prefix, furrow_bytes list, furrow_bytes member,
                            furrow_arena *arena, furrow_error *err)
{
    char *words = furrow_arena_memdup(arena, member.data, member.len + 1), *at = words; /* a text's NUL is there */
    if (!words) return no_memory(err);
    furrow_status status = FURROW_OK;
    for (at += strcspn(at, " "); *at && status == FURROW_OK;) {
        char *subject = ++at;
        at += strcspn(at, " ");
        furrow_bytes other = text_of(furrow_arena_printf(arena, "%.*sof:%.*s", (int)prefix.len,
                                                         (const char *)prefix.data, (int)(at - subject), subject));
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("ZREM"), other, member};
        if (!other.data) return no_memory(err);
        if (!furrow_bytes_equal(other, list)) status = furrow_store_command(store, argv, 3, arena, NULL, err);
    }
    return status;
}

/* The list's members go after the values they name: one that is listed can be found again until it is gone. */
static furrow_status forget_some(furrow_store *store, furrow_bytes list, furrow_bytes kept, furrow_arena *arena,
                                 size_t *count, furrow_error *err)
{
    furrow_bytes argv[2 + FORGET_MAX], names[2 + FORGET_MAX] = {FURROW_BYTES_LITERAL("ZREM"), kept};
    furrow_bytes prefix = {kept.data, kept.len - (sizeof "@kept" - 1)};
    furrow_value listed;
    const furrow_bytes ask[] = {FURROW_BYTES_LITERAL("ZRANGE"), list, FURROW_BYTES_LITERAL("0"),
                                FURROW_BYTES_LITERAL("99")};
    furrow_status status = furrow_store_command(store, ask, 4, arena, &listed, err);
    *count = status == FURROW_OK ? listed.count : 0;
    if (*count == 0) return status;
    for (size_t i = 0; i < listed.count && i < FORGET_MAX; i++) {
        names[2 + i] = listed.items[i].text;
        argv[2 + i] = value_of_member(prefix, names[2 + i], arena);
        if (!argv[2 + i].data) return no_memory(err);
    }
    argv[1] = FURROW_BYTES_LITERAL("UNLINK");
    status = furrow_store_command(store, argv + 1, 1 + listed.count, arena, NULL, err);
    if (status == FURROW_OK) status = furrow_store_command(store, names, 2 + listed.count, arena, NULL, err);
    for (size_t i = 0; i < listed.count && i < FORGET_MAX && status == FURROW_OK; i++)
        status = unlist(store, prefix, list, names[2 + i], arena, err);
    if (status != FURROW_OK) return status;
    names[1] = list;
    return furrow_store_command(store, names, 2 + listed.count, arena, NULL, err);
}

furrow_status furrow_store_forget(furrow_store *store, const char *service, const char *subject, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    furrow_bytes list = arena ? list_key(service, subject, arena) : (furrow_bytes){NULL, 0};
    furrow_bytes kept = arena ? kept_key(service, arena) : list;
    furrow_status status = list.data && kept.data ? FURROW_OK : no_memory(err);
    for (size_t count = 1; status == FURROW_OK && count > 0;)
        status = forget_some(store, list, kept, arena, &count, err);
    return status;
}
