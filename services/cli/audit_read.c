/*
 * Each event against its record, as fast as the log comes: a batch of events is one MGET, and where the version is the
 * event's, the bytes must be. What an event finds is kept by id, for its newest event alone (ledger.h). Then the other
 * way round: a key that no event had is one too many; what the indexes have must be what the records ask for.
 *
 * Services go on meanwhile. A record that is newer than the log was when the audit began is not looked at; whatever else
 * does not fit is only a suspect.
 */
#include "cli/audit.h"

#include "base/clock.h"
#include "store/index.h"
#include "wire/member.h"
#include "wire/message.h"
#include "wire/rules.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS    4
#define ROOM_BYTES ((size_t)1 << 30)

furrow_bytes audit_key(audit_table *table, furrow_arena *arena, const char *rest)
{
    char *key = furrow_arena_printf(arena, "%s%s", table->prefix, rest);
    FURROW_REQUIRE(key);
    return furrow_bytes_of(key);
}

uint64_t audit_version(furrow_bytes value)
{
    uint64_t version = 0;
    for (size_t i = 0; i < AUDIT_VERSION_BYTES; i++) version = version << 8 | ((const uint8_t *)value.data)[i];
    return version;
}

void audit_suspect(audit_table *table, size_t at)
{
    ledger_entry *entry = ledger_at(table->ledger, at);
    if (!entry->suspect) table->suspects++;
    entry->suspect = true;
}

/* ---- the log ---- */

static bool project_event(const audit_table *table, furrow_bytes event, furrow_arena *scratch, furrow_bytes *body)
{
    size_t len;
    *body = event;
    if (!table->projection) return true;
    uint8_t *into = furrow_arena_alloc(scratch, event.len);
    if (!into || furrow_projection_apply(table->projection, event, into, &len, NULL) != FURROW_OK) return false;
    *body = (furrow_bytes){into, len};
    return true;
}

bool audit_state_of(const audit_table *table, const furrow_js_stored *event, furrow_arena *scratch, furrow_bytes *id,
                    furrow_bytes *body)
{
    ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field = furrow_rules_id(table->descriptor);
    if (furrow_subject_id(event->subject, table->entity, id, NULL) != FURROW_OK) return false;
    *body = (furrow_bytes){"", 0};
    if (event->data.len == 0)
        return furrow_js_stored_check_deletion(event, table->entity, table->own ? table->owner : NULL, scratch, NULL) ==
               FURROW_OK;
    if (!project_event(table, event->data, scratch, body) ||
        furrow_message_unpack(table->descriptor, *body, scratch, &message, NULL) != FURROW_OK)
        return false;
    const char *inside = furrow_member_text(message, field);
    return inside && furrow_bytes_is(*id, inside);
}

/* ---- an event and its record ---- */

typedef enum finding {
    FOUND_RIGHT,
    FOUND_WRONG,
    FOUND_NEWER, /* another event must be the record's */
    FOUND_NONE,  /* the event is no state: it says nothing */
} finding;

static finding find_out(const audit_table *table, const furrow_js_stored *event, const furrow_value *value,
                        furrow_arena *scratch)
{
    furrow_bytes id, body;
    bool there = value->kind == FURROW_VALUE_TEXT && value->text.len >= AUDIT_VERSION_BYTES;
    uint64_t version = there ? audit_version(value->text) : 0;
    if (version > table->frozen && version <= table->end) return FOUND_RIGHT; /* made since */
    if (version > event->sequence) return FOUND_NEWER;
    furrow_arena_reset(scratch);
    if (version == event->sequence) { /* applied, so it is a state */
        if (!project_event(table, event->data, scratch, &body)) return FOUND_WRONG;
        furrow_bytes is = {(const uint8_t *)value->text.data + AUDIT_VERSION_BYTES,
                           value->text.len - AUDIT_VERSION_BYTES};
        return furrow_bytes_equal(is, body) ? FOUND_RIGHT : FOUND_WRONG;
    }
    if (!audit_state_of(table, event, scratch, &id, &body)) return FOUND_NONE;
    return value->kind == FURROW_VALUE_NIL && body.len == 0 ? FOUND_RIGHT
                                                            : FOUND_WRONG; /* a tombstone goes with time */
}

/* What totals must hold of it. */
static void expect_counted(audit_table *table, size_t at, furrow_bytes body, furrow_arena *scratch)
{
    furrow_bytes contribution;
    if (table->aggregate_count == 0) return;
    if (audit_contribution(table, body, scratch, &contribution, NULL) != FURROW_OK)
        audit_suspect(table, at);
    else
        ledger_at(table->ledger, at)->counted = contribution.len ? ledger_hash(contribution) : 0;
}

/* What must follow from the record: index entries, and what totals hold. */
static void expect_followers(audit_table *table, size_t at, furrow_bytes id, furrow_bytes value, furrow_arena *scratch)
{
    furrow_index_entries entries;
    if (value.len <= AUDIT_VERSION_BYTES) return;
    furrow_bytes body = {(const uint8_t *)value.data + AUDIT_VERSION_BYTES, value.len - AUDIT_VERSION_BYTES};
    furrow_arena_reset(scratch);
    expect_counted(table, at, body, scratch);
    if (table->index_count == 0) return;
    if (furrow_index_compute(table->descriptor, table->indexes, table->index_count, id, body, scratch, &entries,
                             NULL) != FURROW_OK) {
        audit_suspect(table, at);
        return;
    }
    for (size_t i = 0; i < entries.count; i++)
        ledger_members_add(table->members, entries.list[i].index, entries.list[i].member, at);
}

static void compare_event(audit_table *table, const furrow_js_stored *event, furrow_bytes id, const furrow_value *value,
                          furrow_arena *scratch)
{
    size_t at = ledger_find(table->ledger, ledger_hash(id));
    ledger_entry *entry = ledger_at(table->ledger, at);
    if (event->sequence <= entry->version) return; /* batches come in any order */
    finding found = find_out(table, event, value, scratch);
    if (found == FOUND_NONE) return;
    entry->version = event->sequence;
    entry->counted = 0;
    entry->right = found == FOUND_RIGHT;
    if (entry->right && value->kind == FURROW_VALUE_TEXT) expect_followers(table, at, id, value->text, scratch);
}

static audit_room *take_room(audit_table *table)
{
    audit_room *room = table->rooms;
    if (room) {
        table->rooms = room->next;
    } else {
        room = calloc(1, sizeof *room);
        FURROW_REQUIRE(room && (room->arena = furrow_arena_create(ROOM_BYTES)) &&
                       (room->scratch = furrow_arena_create(ROOM_BYTES)));
    }
    furrow_arena_reset(room->arena);
    return room;
}

static furrow_bytes key_of(const audit_table *table, furrow_bytes id, furrow_arena *arena)
{
    size_t prefix = strlen(table->prefix);
    char *key = furrow_arena_alloc(arena, prefix + id.len);
    FURROW_REQUIRE(key);
    memcpy(key, table->prefix, prefix);
    memcpy(key + prefix, id.data, id.len);
    return (furrow_bytes){key, prefix + id.len};
}

/* Some record is newer than the log was when last asked: where does it end now? */
static furrow_status follow_stream_end(audit_table *table, const furrow_value *values, furrow_error *err)
{
    furrow_js_stream_state state;
    uint64_t newest = 0;
    for (size_t i = 0; i < values->count; i++) {
        const furrow_value *value = &values->items[i];
        if (value->kind != FURROW_VALUE_TEXT || value->text.len < AUDIT_VERSION_BYTES) continue;
        uint64_t version = audit_version(value->text);
        if (version > newest) newest = version;
    }
    if (newest <= table->end) return FURROW_OK;
    uint64_t deadline_ns = furrow_clock_in_ms(AUDIT_ASK_MS);
    furrow_status status = furrow_js_stream_info(table->tool->link, table->stream, deadline_ns, &state, err);
    if (status == FURROW_OK && state.last_seq > table->end) table->end = state.last_seq;
    return status;
}

static furrow_status compare_batch(audit_table *table, const furrow_js_stored *events, size_t count, audit_room *room,
                                   furrow_error *err)
{
    furrow_value values;
    size_t argc = 1;
    furrow_bytes *argv = furrow_arena_alloc(room->arena, (count + 1) * sizeof *argv),
                 *ids = furrow_arena_alloc(room->arena, count * sizeof *ids);
    FURROW_REQUIRE(argv && ids);
    argv[0] = FURROW_BYTES_LITERAL("MGET");
    for (size_t i = 0; i < count; i++) {
        if (furrow_subject_id(events[i].subject, table->entity, &ids[i], NULL) != FURROW_OK)
            ids[i] = (furrow_bytes){"@", 1}; /* no subject of the entity: no key of a record, either */
        argv[argc++] = key_of(table, ids[i], room->arena);
    }
    furrow_status status = furrow_store_command(table->store, argv, argc, room->arena, &values, err);
    if (status != FURROW_OK) return status;
    if (values.kind != FURROW_VALUE_LIST || values.count != count)
        return furrow_fail(err, FURROW_INTERNAL, "redis: MGET answered something else");
    status = follow_stream_end(table, &values, err);
    if (status != FURROW_OK) return status;
    for (size_t i = 0; i < count; i++)
        if (*(const char *)ids[i].data != '@')
            compare_event(table, &events[i], ids[i], &values.items[i], room->scratch);
    return FURROW_OK;
}

static furrow_status on_audit_events(void *arg, const furrow_js_stored *events, size_t count, uint64_t reached,
                                     furrow_error *err)
{
    audit_table *table = arg;
    (void)reached;
    audit_room *room = take_room(table);
    furrow_status status = compare_batch(table, events, count, room, err);
    room->next = table->rooms;
    table->rooms = room;
    return status;
}

static furrow_status read_log(audit_table *table, furrow_error *err)
{
    furrow_js_stream_state state;
    uint64_t deadline_ns = furrow_clock_in_ms(AUDIT_ASK_MS);
    furrow_status status = furrow_js_stream_info(table->tool->link, table->stream, deadline_ns, &state, err);
    if (status != FURROW_OK) return furrow_wrap(err, "stream %s", table->stream);
    table->frozen = table->end = state.last_seq;
    if (state.messages == 0) return FURROW_OK;
    furrow_js_read_options options = {
        .stream = table->stream, .start_seq = state.first_seq, .end_seq = state.last_seq, .workers = WORKERS};
    status = furrow_js_sweep(table->tool->link, &options, on_audit_events, table, err);
    for (audit_room *room; (room = table->rooms);) {
        table->rooms = room->next;
        furrow_arena_destroy(room->arena);
        furrow_arena_destroy(room->scratch);
        free(room);
    }
    return status;
}

/* ---- keys that no event had ---- */

static furrow_status name_extra(void *arg, furrow_bytes key, furrow_error *err)
{
    audit_table *table = arg;
    size_t prefix = strlen(table->prefix);
    (void)err;
    if (key.len <= prefix || ((const char *)key.data)[prefix] == '@') return FURROW_OK;
    furrow_bytes id = {(const char *)key.data + prefix, key.len - prefix};
    uint64_t hash = ledger_hash(id);
    if (ledger_has(table->ledger, hash)) return FURROW_OK;
    size_t at = ledger_find(table->ledger, hash);
    ledger_name(ledger_at(table->ledger, at), id);
    audit_suspect(table, at);
    return FURROW_OK;
}

static furrow_status find_extras(audit_table *table, furrow_error *err)
{
    size_t count, extra = 0;
    char pattern[FURROW_SUBJECT_MAX + 2];
    const uint64_t *hashes = audit_keys_of(table->keys, table->prefix, &count);
    table->records = count;
    for (size_t i = 0; i < count; i++) extra += !ledger_has(table->ledger, hashes[i]);
    if (extra == 0) return FURROW_OK;
    snprintf(pattern, sizeof pattern, "%s*", table->prefix);
    return audit_keys_walk(table->store, pattern, table->arena, name_extra, table, err);
}

/* ---- the indexes ---- */

static furrow_bytes copy_bytes(furrow_bytes of)
{
    char *copy = malloc(of.len + 1);
    FURROW_REQUIRE(copy);
    memcpy(copy, of.data, of.len);
    copy[of.len] = '\0';
    return (furrow_bytes){copy, of.len};
}

static void note_stray(audit_table *table, size_t index, furrow_bytes member)
{
    furrow_bytes id = furrow_index_id(member);
    if (furrow_subject_check_id(id.data, id.len, "", NULL) != FURROW_OK) {
        audit_report(table, "", "index", "an entry that leads to no id");
        return;
    }
    size_t at = ledger_find(table->ledger, ledger_hash(id));
    ledger_name(ledger_at(table->ledger, at), id);
    audit_suspect(table, at);
    if (table->stray_count == AUDIT_SUSPECTS) return;
    audit_stray *grown = realloc(table->strays, (table->stray_count + 1) * sizeof *grown);
    FURROW_REQUIRE(grown);
    table->strays = grown;
    table->strays[table->stray_count++] = (audit_stray){index, copy_bytes(member)};
}

static furrow_status read_index(audit_table *table, size_t index, furrow_error *err)
{
    char at[24], name[160];
    uint64_t cursor = 0;
    furrow_status status = FURROW_OK;
    snprintf(name, sizeof name, "@by:%s", table->indexes[index].field);
    do {
        furrow_value pairs;
        furrow_arena_reset(table->scratch);
        snprintf(at, sizeof at, "%" PRIu64, cursor);
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("ZSCAN"), audit_key(table, table->scratch, name),
                                     furrow_bytes_of(at), FURROW_BYTES_LITERAL("COUNT"),
                                     FURROW_BYTES_LITERAL(AUDIT_SCAN_COUNT)};
        status = audit_scan_step(table->store, argv, 5, table->arena, &cursor, &pairs, err);
        for (size_t i = 0; status == FURROW_OK && i + 1 < pairs.count; i += 2)
            if (!ledger_members_mark(table->members, index, pairs.items[i].text))
                note_stray(table, index, pairs.items[i].text);
    } while (status == FURROW_OK && cursor != 0);
    return status;
}

furrow_status audit_read(audit_table *table, furrow_error *err)
{
    furrow_status status = read_log(table, err);
    if (status == FURROW_OK) status = find_extras(table, err);
    for (size_t i = 0; status == FURROW_OK && i < table->index_count; i++) status = read_index(table, i, err);
    size_t at = 0, record;
    while (status == FURROW_OK && ledger_members_missing(table->members, &at, &record)) audit_suspect(table, record);
    for (size_t i = 0; status == FURROW_OK && i < ledger_count(table->ledger); i++) {
        const ledger_entry *entry = ledger_at(table->ledger, i);
        if (entry->version > 0 && !entry->right) audit_suspect(table, i);
    }
    return status == FURROW_OK ? audit_read_counted(table, err) : status;
}
