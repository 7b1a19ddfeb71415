/*
 * Which keys there are. Redis is walked once for all tables: by table, the hashes of the ids that have a key. That is
 * enough to see whether one is too many; what it is called a second walk of that table alone finds out.
 */
#include "cli/audit.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define TABLES_MAX  512

typedef struct key_list {
    char prefix[FURROW_SUBJECT_MAX];
    size_t prefix_len;
    uint64_t *hashes;
    size_t count, capacity;
} key_list;

struct audit_keys {
    key_list *tables[TABLES_MAX];
    size_t count;
    key_list *last; /* keys of one table often come together */
};

furrow_status audit_scan_step(furrow_store *store, const furrow_bytes argv[], size_t argc, furrow_arena *arena,
                              uint64_t *cursor, furrow_value *items, furrow_error *err)
{
    furrow_value answer;
    furrow_arena_reset(arena);
    furrow_status status = furrow_store_command(store, argv, argc, arena, &answer, err);
    if (status != FURROW_OK) return status;
    if (answer.kind != FURROW_VALUE_LIST || answer.count != 2 || answer.items[1].kind != FURROW_VALUE_LIST ||
        !furrow_number_parse(answer.items[0].text, UINT64_MAX, cursor))
        return furrow_fail(err, FURROW_INTERNAL, "redis: SCAN answered something else");
    *items = answer.items[1];
    return FURROW_OK;
}

furrow_status audit_keys_walk(furrow_store *store, const char *pattern, furrow_arena *arena, audit_key_fn *fn,
                              void *arg, furrow_error *err)
{
    uint64_t cursor = 0;
    furrow_status status = FURROW_OK;
    do {
        furrow_value keys;
        char at[24];
        snprintf(at, sizeof at, "%" PRIu64, cursor);
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("SCAN"),  furrow_bytes_of(at),
                                     FURROW_BYTES_LITERAL("MATCH"), furrow_bytes_of(pattern),
                                     FURROW_BYTES_LITERAL("COUNT"), FURROW_BYTES_LITERAL(AUDIT_SCAN_COUNT)};
        status = audit_scan_step(store, argv, 6, arena, &cursor, &keys, err);
        for (size_t i = 0; status == FURROW_OK && i < keys.count; i++) status = fn(arg, keys.items[i].text, err);
    } while (status == FURROW_OK && cursor != 0);
    return status;
}

static key_list *list_of(audit_keys *self, const char *key, size_t prefix_len)
{
    furrow_bytes prefix = {key, prefix_len};
    if (self->last && furrow_bytes_is(prefix, self->last->prefix)) return self->last;
    for (size_t i = 0; i < self->count; i++) {
        self->last = self->tables[i];
        if (furrow_bytes_is(prefix, self->last->prefix)) return self->last;
    }
    self->last = NULL;
    if (self->count == TABLES_MAX || prefix_len >= FURROW_SUBJECT_MAX) return NULL;
    key_list *made = calloc(1, sizeof *made);
    FURROW_REQUIRE(made);
    memcpy(made->prefix, key, prefix_len);
    made->prefix_len = prefix_len;
    return self->last = self->tables[self->count++] = made;
}

/* "<service>:{<Entity>}:<id>", or "<service>:{<Entity>}:@2:<id>" of a later generation; what else begins with "@" is no
 * record. */
static furrow_status take_key(void *arg, furrow_bytes key, furrow_error *err)
{
    (void)err;
    const char *text = key.data, *end = memmem(key.data, key.len, "}:", 2);
    if (!end) return FURROW_OK;
    const char *last = text + key.len;
    if (last - end > 5 && end[2] == '@' && end[3] >= '0' && end[3] <= '9' && end[4] == ':') end += 3;
    if (end + 2 == last || end[2] == '@') return FURROW_OK;
    key_list *list = list_of(arg, text, (size_t)(end + 2 - text));
    if (!list) return FURROW_OK;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 1024;
        list->hashes = realloc(list->hashes, list->capacity * sizeof *list->hashes);
        FURROW_REQUIRE(list->hashes);
    }
    list->hashes[list->count++] = ledger_hash((furrow_bytes){end + 2, key.len - list->prefix_len});
    return FURROW_OK;
}

static int by_value(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;
    return (one > two) - (one < two);
}

/* SCAN may tell of a key more than once. */
static void drop_repeated(key_list *list)
{
    size_t kept = 0;
    qsort(list->hashes, list->count, sizeof *list->hashes, by_value);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || list->hashes[i] != list->hashes[kept - 1]) list->hashes[kept++] = list->hashes[i];
    list->count = kept;
}

furrow_status audit_keys_read(furrow_store *store, const char *pattern, audit_keys **out, furrow_error *err)
{
    audit_keys *self = calloc(1, sizeof *self);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    FURROW_REQUIRE(self && arena);
    furrow_status status = audit_keys_walk(store, pattern, arena, take_key, self, err);
    for (size_t i = 0; i < self->count; i++) drop_repeated(self->tables[i]);
    if (status == FURROW_OK)
        *out = self;
    else
        audit_keys_destroy(self);
    return status;
}

void audit_keys_destroy(audit_keys *self)
{
    if (!self) return;
    for (size_t i = 0; i < self->count; i++) {
        free(self->tables[i]->hashes);
        free(self->tables[i]);
    }
    free(self);
}

const uint64_t *audit_keys_of(const audit_keys *self, const char *prefix, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->tables[i]->prefix, prefix) != 0) continue;
        *count = self->tables[i]->count;
        return self->tables[i]->hashes;
    }
    return NULL;
}
