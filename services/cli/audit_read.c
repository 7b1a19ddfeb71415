/*
 * What the log says and what Redis has: each is walked once in large steps, at the speed of catch-up, and compared by
 * version and hash. Services go on meanwhile, so what does not fit is only a suspect.
 */
#include "cli/audit.h"

#include "base/clock.h"
#include "base/number.h"
#include "store/index.h"
#include "wire/message.h"
#include "wire/rules.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_COUNT    "5000"
#define MGET_MAX      400
#define VERSION_BYTES 8

furrow_bytes audit_key(audit_table *table, furrow_arena *arena, const char *rest)
{
    char *key = furrow_arena_printf(arena, "%s%s", table->prefix, rest);
    FURROW_REQUIRE(key);
    return furrow_bytes_of(key);
}

/* ---- the log ---- */

static bool project_event(audit_table *table, furrow_bytes event, furrow_bytes *body)
{
    size_t len;
    *body = event;
    if (!table->projection) return true;
    uint8_t *into = furrow_arena_alloc(table->scratch, event.len);
    if (!into || furrow_projection_apply(table->projection, event, into, &len, NULL) != FURROW_OK) return false;
    *body = (furrow_bytes){into, len};
    return true;
}

bool audit_state_of(audit_table *table, const furrow_js_stored *event, furrow_bytes *id, furrow_bytes *body)
{
    ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field = furrow_rules_id(table->descriptor);
    if (furrow_subject_id(event->subject, table->entity, id, NULL) != FURROW_OK) return false;
    *body = (furrow_bytes){"", 0};
    if (event->data.len == 0)
        return furrow_js_stored_check_deletion(event, table->entity, table->own ? table->owner : NULL, table->scratch,
                                               NULL) == FURROW_OK;
    if (!project_event(table, event->data, body) ||
        furrow_message_unpack(table->descriptor, *body, table->scratch, &message, NULL) != FURROW_OK)
        return false;
    const char *inside = *(char *const *)(const void *)((const char *)message + field->offset);
    return inside && furrow_bytes_is(*id, inside);
}

static furrow_status on_events(void *arg, const furrow_js_stored *events, size_t count, uint64_t reached,
                               furrow_error *err)
{
    audit_table *table = arg;
    (void)reached;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        furrow_bytes id, body;
        furrow_arena_reset(table->scratch);
        if (audit_state_of(table, &events[i], &id, &body)) ledger_note(table->ledger, id, events[i].sequence, body);
    }
    return FURROW_OK;
}

static furrow_status read_log(audit_table *table, furrow_error *err)
{
    furrow_js_stream_state state;
    uint64_t deadline_ns = furrow_clock_now_ns() + AUDIT_ASK_MS * FURROW_NS_PER_MS;
    furrow_status status = furrow_js_stream_info(table->tool->link, table->stream, deadline_ns, &state, err);
    if (status != FURROW_OK) return furrow_wrap(err, "stream %s", table->stream);
    table->frozen = state.last_seq;
    if (state.messages == 0) return FURROW_OK;
    furrow_js_read_options options = {.stream = table->stream, .start_seq = state.first_seq, .end_seq = state.last_seq};
    return furrow_js_read(table->tool->link, &options, on_events, table, err);
}

/* ---- the records ---- */

static void suspect(audit_table *table, size_t at)
{
    ledger_entry *entry = ledger_at(table->ledger, at);
    if (!entry->suspect) table->suspects++;
    entry->suspect = true;
}

static uint64_t version_in(furrow_bytes value)
{
    uint64_t version = 0;
    for (size_t i = 0; i < VERSION_BYTES; i++) version = version << 8 | ((const uint8_t *)value.data)[i];
    return version;
}

/* The index entries that the record must have. */
static void expect_members(audit_table *table, ledger_members *members, size_t at, furrow_bytes body)
{
    furrow_index_entries entries;
    furrow_bytes id = furrow_bytes_of(ledger_at(table->ledger, at)->id);
    if (table->index_count == 0 || body.len == 0) return;
    furrow_arena_reset(table->scratch);
    if (furrow_index_compute(table->descriptor, table->indexes, table->index_count, id, body, table->scratch, &entries,
                             NULL) != FURROW_OK) {
        suspect(table, at);
        return;
    }
    for (size_t i = 0; i < entries.count; i++)
        ledger_members_add(members, entries.list[i].index, entries.list[i].member, at);
}

static void compare_record(audit_table *table, ledger_members *members, furrow_bytes id, furrow_bytes value)
{
    uint8_t hash[FURROW_HASH_BYTES];
    size_t at = ledger_find(table->ledger, id);
    ledger_entry *entry = ledger_at(table->ledger, at);
    entry->seen = true;
    table->records++;
    if (value.len < VERSION_BYTES) {
        suspect(table, at);
        return;
    }
    furrow_bytes body = {(const uint8_t *)value.data + VERSION_BYTES, value.len - VERSION_BYTES};
    ledger_hash(body, hash);
    bool same = version_in(value) == entry->version &&
                furrow_bytes_equal((furrow_bytes){hash, sizeof hash}, (furrow_bytes){entry->hash, sizeof hash});
    if (!same) suspect(table, at);
    expect_members(table, members, at, body);
}

static furrow_status compare_keys(audit_table *table, ledger_members *members, const furrow_value *keys, size_t first,
                                  size_t count, furrow_error *err)
{
    furrow_bytes argv[MGET_MAX + 1] = {FURROW_BYTES_LITERAL("MGET")};
    size_t prefix = strlen(table->prefix), argc = 1;
    furrow_value answer;
    for (size_t i = first; i < first + count; i++) {
        furrow_bytes key = keys->items[i].text;
        if (key.len > prefix && ((const char *)key.data)[prefix] != '@') argv[argc++] = key;
    }
    if (argc == 1) return FURROW_OK;
    furrow_status status = furrow_store_command(table->store, argv, argc, table->arena, &answer, err);
    if (status != FURROW_OK) return status;
    for (size_t i = 1; i < argc && i <= answer.count; i++) {
        if (answer.items[i - 1].kind != FURROW_VALUE_TEXT) continue; /* gone meanwhile */
        compare_record(table, members, (furrow_bytes){(const char *)argv[i].data + prefix, argv[i].len - prefix},
                       answer.items[i - 1].text);
    }
    return FURROW_OK;
}

/* One step of SCAN or ZSCAN; *cursor 0 again: it was the last. */
static furrow_status scan_step(audit_table *table, const furrow_bytes argv[], size_t argc, uint64_t *cursor,
                               furrow_value *items, furrow_error *err)
{
    furrow_value answer;
    furrow_arena_reset(table->arena);
    furrow_status status = furrow_store_command(table->store, argv, argc, table->arena, &answer, err);
    if (status != FURROW_OK) return status;
    if (answer.kind != FURROW_VALUE_LIST || answer.count != 2 || answer.items[1].kind != FURROW_VALUE_LIST ||
        !furrow_number_parse(answer.items[0].text, UINT64_MAX, cursor))
        return furrow_fail(err, FURROW_INTERNAL, "redis: SCAN answered something else");
    *items = answer.items[1];
    return FURROW_OK;
}

static furrow_status read_records(audit_table *table, ledger_members *members, furrow_error *err)
{
    char pattern[FURROW_SUBJECT_MAX + 2], at[24];
    uint64_t cursor = 0;
    furrow_status status = FURROW_OK;
    snprintf(pattern, sizeof pattern, "%s*", table->prefix);
    do {
        furrow_value keys;
        snprintf(at, sizeof at, "%" PRIu64, cursor);
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("SCAN"),  furrow_bytes_of(at),
                                     FURROW_BYTES_LITERAL("MATCH"), furrow_bytes_of(pattern),
                                     FURROW_BYTES_LITERAL("COUNT"), FURROW_BYTES_LITERAL(SCAN_COUNT)};
        status = scan_step(table, argv, 6, &cursor, &keys, err);
        for (size_t i = 0; status == FURROW_OK && i < keys.count; i += MGET_MAX)
            status = compare_keys(table, members, &keys, i, keys.count - i < MGET_MAX ? keys.count - i : MGET_MAX, err);
    } while (status == FURROW_OK && cursor != 0);
    return status;
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
    suspect(table, ledger_find(table->ledger, id));
    if (table->stray_count == AUDIT_SUSPECTS) return;
    audit_stray *grown = realloc(table->strays, (table->stray_count + 1) * sizeof *grown);
    FURROW_REQUIRE(grown);
    table->strays = grown;
    table->strays[table->stray_count++] = (audit_stray){index, copy_bytes(member)};
}

static furrow_status read_index(audit_table *table, ledger_members *members, size_t index, furrow_error *err)
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
                                     FURROW_BYTES_LITERAL(SCAN_COUNT)};
        status = scan_step(table, argv, 5, &cursor, &pairs, err);
        for (size_t i = 0; status == FURROW_OK && i + 1 < pairs.count; i += 2)
            if (!ledger_members_mark(members, index, pairs.items[i].text))
                note_stray(table, index, pairs.items[i].text);
    } while (status == FURROW_OK && cursor != 0);
    return status;
}

furrow_status audit_read(audit_table *table, furrow_error *err)
{
    ledger_members *members = ledger_members_create();
    furrow_status status = read_log(table, err);
    if (status == FURROW_OK) status = read_records(table, members, err);
    for (size_t i = 0; status == FURROW_OK && i < table->index_count; i++) status = read_index(table, members, i, err);
    size_t at = 0, record;
    while (status == FURROW_OK && ledger_members_missing(members, &at, &record)) suspect(table, record);
    for (size_t i = 0; status == FURROW_OK && i < ledger_count(table->ledger); i++) {
        const ledger_entry *entry = ledger_at(table->ledger, i);
        /* A tombstone goes with time. */
        if (!entry->seen && entry->version > 0 && !entry->deleted) suspect(table, i);
    }
    ledger_members_destroy(members);
    return status;
}
