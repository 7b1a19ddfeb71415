/*
 * Is what Redis keeps the projection of the log, byte for byte? Each table of one process of each service: every entity's
 * record, no other records, the entries of its indexes and its totals. The prefix is the one that the service uses now.
 */
#include "checks.h"
#include "redis.h"

#include "store/index.h"
#include "store/table.h"
#include "wire/projection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA       ((size_t)8 << 20)
#define ENTRIES_MAX 4096

typedef struct table_view {
    const furrow_service *service;
    furrow_table *table;
    const sim_stream *stream;
    const char *entity;
    const furrow_projection *projection; /* NULL: the owner's, whole */
    const char *why_of;                  /* "timesheet's Employee" */
    char *why;
    furrow_arena *arena;
    sim_bytes entries[ENTRIES_MAX]; /* of all indexes, as they must be */
    size_t entry_of[ENTRIES_MAX], entry_count;
} table_view;

const char *sim_id_of(const sim_message *event)
{
    const char *dot = strrchr(event->subject, '.');
    return dot ? dot + 1 : event->subject;
}

void *sim_unpack(const ProtobufCMessageDescriptor *descriptor, const sim_message *event)
{
    return event->len > 0 ? protobuf_c_message_unpack(descriptor, NULL, event->len, event->data) : NULL;
}

static void fail(table_view *view, const char *id, const char *what, uint64_t is, uint64_t must)
{
    if (!view->why[0])
        snprintf(view->why, WORLD_FAILURE, "%s %s: %s (version %llu, the log's is %llu)", view->why_of, id, what,
                 (unsigned long long)is, (unsigned long long)must);
}

static bool is_newest(const sim_stream *stream, const sim_stored *stored)
{
    return !stored->gone_at && sim_js_newest(stream, stored->message->subject) == stored;
}

static furrow_bytes kept_of(table_view *view, const sim_message *event)
{
    size_t len = event->len;
    if (!view->projection || len == 0) return (furrow_bytes){event->data, len};
    uint8_t *out = sim_alloc(len);
    if (furrow_projection_apply(view->projection, (furrow_bytes){event->data, event->len}, out, &len, NULL) !=
        FURROW_OK)
        len = 0;
    return (furrow_bytes){out, len};
}

static uint64_t version_in(sim_bytes value)
{
    uint64_t version = 0;
    for (size_t i = 0; i < 8 && i < value.len; i++) version = version << 8 | (uint8_t)value.data[i];
    return version;
}

static void note_entries(table_view *view, const char *id, furrow_bytes kept)
{
    const furrow_table_options *about = furrow_table_about(view->table);
    furrow_index_entries entries = {.count = 0};
    if (kept.len == 0 || about->index_count == 0) return;
    if (furrow_index_compute(about->descriptor, about->indexes, about->index_count, furrow_bytes_of(id), kept,
                             view->arena, &entries, NULL) != FURROW_OK)
        return;
    for (size_t i = 0; i < entries.count && view->entry_count < ENTRIES_MAX; i++, view->entry_count++) {
        view->entry_of[view->entry_count] = entries.list[i].index;
        view->entries[view->entry_count] = (sim_bytes){entries.list[i].member.data, entries.list[i].member.len};
    }
}

static void check_record(table_view *view, const sim_stored *stored)
{
    const char *id = sim_id_of(stored->message);
    furrow_bytes kept = kept_of(view, stored->message);
    sim_bytes argv[2] = {{"GET", 3}, {NULL, 0}};
    char key[400];
    argv[1].data = key;
    argv[1].len = (size_t)snprintf(key, sizeof key, "%s%s", (const char *)view->table->prefix.data, id);
    const sim_reply *value = sim_redis_call(argv, 2);
    note_entries(view, id, kept);
    sim_sums_add(view->table, id, kept, view->arena);
    if (value->kind != SIM_TEXT) {
        if (kept.len > 0) fail(view, id, "has no record", 0, stored->sequence);
        return;
    }
    uint64_t version = version_in(value->text);
    if (version != stored->sequence)
        fail(view, id, "is of another version", version, stored->sequence);
    else if (value->text.len - 8 != kept.len || memcmp(value->text.data + 8, kept.data, kept.len) != 0)
        fail(view, id, "has other bytes", version, stored->sequence);
}

static void check_stray(void *arg, sim_bytes key, sim_bytes value)
{
    table_view *view = arg;
    char subject[400];
    furrow_bytes prefix = view->table->prefix;
    if (key.len <= prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0) return;
    const char *id = sim_memdup(key.data + prefix.len, key.len - prefix.len);
    if (strchr(id, '@') || strchr(id, ':')) return;
    snprintf(subject, sizeof subject, "%s.%s", view->entity, id);
    if (!sim_js_newest(view->stream, subject)) fail(view, id, "is in no log", version_in(value), 0);
}

static bool is_expected(const table_view *view, size_t index, sim_bytes member)
{
    for (size_t i = 0; i < view->entry_count; i++)
        if (view->entry_of[i] == index && view->entries[i].len == member.len &&
            memcmp(view->entries[i].data, member.data, member.len) == 0)
            return true;
    return false;
}

static void check_indexes(table_view *view)
{
    const furrow_table_options *about = furrow_table_about(view->table);
    size_t there = 0;
    for (size_t i = 0; i < about->index_count; i++) {
        const sim_reply *members =
            sim_redis_ask("ZRANGE", (const char *)view->table->index_keys[i].data, "0", "-1", NULL);
        for (size_t j = 0; members->kind == SIM_LIST && j < members->count; j++) {
            const sim_bytes member = members->items[j]->text;
            if (!is_expected(view, i, member)) fail(view, about->indexes[i].field, "has a stray index entry", 0, 0);
            there++;
        }
    }
    if (there != view->entry_count) fail(view, "its indexes", "lack entries", there, view->entry_count);
}

static void check_table(table_view *view)
{
    view->entry_count = 0;
    sim_sums_begin();
    furrow_arena_reset(view->arena);
    for (uint64_t i = 1; i <= sim_js_last(view->stream); i++) {
        const sim_stored *stored = sim_js_at(view->stream, i);
        if (sim_id_of(stored->message)[0] == '@') continue; /* the log's own: no entity */
        if (is_newest(view->stream, stored)) check_record(view, stored);
    }
    sim_redis_each_string(check_stray, view);
    check_indexes(view);
    const char *wrong = sim_sums_wrong(view->table);
    if (wrong[0]) fail(view, "its totals", wrong, 0, 0);
}

static void check_service(const furrow_service *service, furrow_arena *arena, char *why)
{
    static table_view view;
    const furrow_service_definition *definition = service->definition;
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        bool own = i < service->entity_count;
        const furrow_entity_contract *entity = own ? definition->entities[i].contract : NULL;
        const furrow_replica_contract *replica = own ? NULL : definition->replicas[i - service->entity_count].contract;
        FURROW_AUTO(furrow_projection) projection = own ? NULL : furrow_projection_create(replica->descriptor, NULL);
        char name[160];
        snprintf(name, sizeof name, "%s's %s", definition->name, own ? entity->name : replica->entity);
        view.service = service; /* one by one: all of it would be made on the stack first */
        view.table = furrow_replica_table(furrow_assembly_replica(service, i));
        view.stream = sim_js_stream(own ? entity->stream : replica->stream);
        view.entity = own ? entity->name : replica->entity;
        view.projection = projection;
        view.why_of = name;
        view.why = why;
        view.arena = arena;
        check_table(&view);
    }
}

void sim_check_records(sim_service *const services[WORLD_PROCESSES], char why[WORLD_FAILURE])
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA);
    why[0] = '\0';
    for (size_t i = 0; arena && i < SIM_SERVICES; i++) check_service(&services[i]->service, arena, why);
}
