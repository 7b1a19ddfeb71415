/*
 * Events that somebody puts on the streams of the mesh, all the way: subject and id, the projection that a replica
 * keeps, unpacking, index entries, the entity's rules, and every decision of the domain on a state that passed them.
 * Properties: what is no good state is DATA_LOSS, from the log as from Redis; who deletes for the owner deletes for
 * all; who reads the whole of it and who keeps a part agree on its id; a state that a decision makes of a good one is
 * good.
 */
#include "fuzz.h"

#include "base/id.h"
#include "fuzz_events.h"
#include "log/write.h"
#include "mutate.h"
#include "store/index.h"
#include "wire/message.h"
#include "wire/projection.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ENTITIES_MAX 16
#define SEQUENCE     7
#define DELETION     0x80 /* in the first byte: the event has no body, the rest are its headers */

static furrow_entity *entities[ENTITIES_MAX];
static furrow_projection *projections[ENTITIES_MAX];
static size_t kinds_count, kept_count;

static void set_up(void)
{
    setenv("TZ", "America/Los_Angeles", 1);
    tzset();
    while (events_kinds[kinds_count].entity) kinds_count++;
    while (events_kept[kept_count].replica) kept_count++;
    FURROW_REQUIRE(kinds_count <= ENTITIES_MAX && kept_count <= ENTITIES_MAX);
    for (size_t i = 0; i < kinds_count; i++) {
        furrow_entity_options options = {
            .contract = events_kinds[i].entity, .service = "fuzz", .rules = events_kinds[i].rules};
        entities[i] = furrow_entity_create(&options, NULL);
        FURROW_REQUIRE(entities[i]);
    }
    for (size_t i = 0; i < kept_count; i++) {
        projections[i] = furrow_projection_create(events_kept[i].replica->descriptor, NULL);
        FURROW_REQUIRE(projections[i]);
    }
}

/* The id inside of @body, so that most events are on their own subject; "E1" when it has none. */
static void find_id(const ProtobufCMessageDescriptor *type, furrow_bytes body, char out[FURROW_ID_MAX + 1])
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    ProtobufCMessage *message;
    strcpy(out, "E1");
    if (furrow_message_unpack(type, body, arena, &message, NULL) == FURROW_OK) {
        const char *inside = *(char *const *)((const char *)message + furrow_rules_id(type)->offset);
        if (furrow_id_valid(inside, strlen(inside))) strcpy(out, inside);
    }
    furrow_arena_destroy(arena);
}

static void check_indexes(const furrow_index_contract *indexes, size_t count, const ProtobufCMessageDescriptor *type,
                          const char *id, furrow_bytes body, furrow_arena *arena)
{
    furrow_index_entries entries;
    furrow_status status = furrow_index_compute(type, indexes, count, furrow_bytes_of(id), body, arena, &entries, NULL);
    FURROW_REQUIRE(status == FURROW_OK || status == FURROW_RESOURCE_EXHAUSTED);
}

static void check_refusal(furrow_status status, const furrow_error *err)
{
    FURROW_REQUIRE(status == FURROW_RESOURCE_EXHAUSTED || (status == FURROW_DATA_LOSS && err->text[0]));
}

/* As the owner reads it: from the log, and from its own records. */
static void check_own(size_t kind, const char *id, const furrow_js_stored *stored, events_moment moment)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    furrow_error err = {0};
    furrow_state state = {0}, again = {0};
    furrow_record record = {.found = true, .version = SEQUENCE, .body = stored->data};
    furrow_status status = furrow_entity_stored_state(entities[kind], id, stored, arena, &state, &err);
    FURROW_REQUIRE(status == furrow_entity_unpack(entities[kind], id, &record, arena, &again, NULL));
    if (status != FURROW_OK) {
        check_refusal(status, &err);
    } else if (state.message) {
        const furrow_entity_contract *contract = events_kinds[kind].entity;
        FURROW_REQUIRE(state.version == SEQUENCE && again.message && !furrow_window_in(state.message));
        check_indexes(contract->indexes, contract->index_count, contract->descriptor, id, stored->data, arena);
        events_kinds[kind].use(entities[kind], state.message, moment, arena);
    }
    furrow_arena_destroy(arena);
}

/* An empty event, which only its headers make a deletion. */
static void check_deletion(size_t kind, const char *id, const uint8_t *headers, size_t size)
{
    furrow_arena *arena = furrow_arena_create(1u << 20);
    const char *entity = events_kinds[kind].entity->name;
    furrow_error err = {0};
    furrow_state state = {0};
    char *text = malloc(size + 1);
    FURROW_REQUIRE(arena && text);
    memcpy(text, headers, size);
    text[size] = '\0';
    furrow_js_stored stored = {.sequence = SEQUENCE, .subject = "", .data = {"", 0}, .headers = text};
    furrow_status status = furrow_entity_stored_state(entities[kind], id, &stored, arena, &state, &err);
    if (status == FURROW_OK) {
        FURROW_REQUIRE(state.deleted && !state.message && state.version == SEQUENCE);
        FURROW_REQUIRE(furrow_js_stored_check_deletion(&stored, entity, NULL, arena, &err) == FURROW_OK);
        FURROW_REQUIRE(strstr(text, "deleted") && strstr(text, entity));
    } else {
        check_refusal(status, &err);
    }
    free(text);
    furrow_arena_destroy(arena);
}

/* As replica/apply takes it in and a handler reads it later. */
static void check_kept(size_t which, const char *id, furrow_bytes event, bool whole, events_moment moment)
{
    const events_replica *kept = &events_kept[which];
    const ProtobufCMessageDescriptor *type = kept->replica->descriptor;
    furrow_rules rules = {kept->replica->entity, kept->replica->stream, type,
                          furrow_rules_id(type), kept->rules,           kept->replica->field_rules};
    furrow_arena *arena = furrow_arena_create(16u << 20);
    uint8_t *out = malloc(event.len ? event.len : 1);
    ProtobufCMessage *message = NULL;
    furrow_error err = {0};
    size_t len = 0;
    FURROW_REQUIRE(arena && out);
    furrow_status status = furrow_projection_apply(projections[which], event, out, &len, &err);
    FURROW_REQUIRE(status == FURROW_OK || !whole);
    if (status == FURROW_OK) {
        furrow_bytes body = {out, len};
        status = furrow_message_unpack(type, body, arena, &message, &err);
        FURROW_REQUIRE(status == FURROW_OK || !whole || status == FURROW_RESOURCE_EXHAUSTED);
        if (status == FURROW_OK)
            check_indexes(kept->replica->indexes, kept->replica->index_count, type, id, body, arena);
        status = furrow_rules_unpack(&rules, id, SEQUENCE, body, arena, &message, &err);
        if (status == FURROW_OK)
            kept->use(message, moment, arena);
        else
            check_refusal(status, &err);
    }
    free(out);
    furrow_arena_destroy(arena);
}

static bool unpacks(const ProtobufCMessageDescriptor *type, furrow_bytes body)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    ProtobufCMessage *message;
    bool good = furrow_message_unpack(type, body, arena, &message, NULL) == FURROW_OK;
    furrow_arena_destroy(arena);
    return good;
}

/* The first byte says which entity, the second when. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (kinds_count == 0) set_up();
    if (size < 2) return 0;
    size_t kind = (data[0] & ~DELETION) % kinds_count;
    if (data[0] & DELETION || size == 2) {
        check_deletion(kind, "E1", data + 2, size - 2);
        return 0;
    }
    const furrow_entity_contract *contract = events_kinds[kind].entity;
    furrow_js_stored stored = {.sequence = SEQUENCE, .data = {data + 2, size - 2}};
    events_moment moment = {data[1]};
    char id[FURROW_ID_MAX + 1], subject[FURROW_SUBJECT_MAX];
    furrow_bytes token;
    find_id(contract->descriptor, stored.data, id);
    FURROW_REQUIRE(furrow_subject_of_entity(contract->name, id, subject, NULL) == FURROW_OK);
    FURROW_REQUIRE(furrow_subject_id(subject, contract->name, &token, NULL) == FURROW_OK && furrow_bytes_is(token, id));
    stored.subject = subject;
    check_own(kind, id, &stored, moment);
    bool whole = unpacks(contract->descriptor, stored.data);
    for (size_t i = 0; i < kept_count; i++)
        if (strcmp(events_kept[i].replica->entity, contract->name) == 0) check_kept(i, id, stored.data, whole, moment);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (kinds_count == 0) set_up();
    if (size < 2 || mutate_below(&dice, 32) == 0) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    if (mutate_below(&dice, 16) == 0) data[1] = (uint8_t)mutate_roll(&dice);
    mutate_text body = {data + 2, size - 2, max_size - 2};
    const furrow_entity_contract *contract = events_kinds[(data[0] & ~DELETION) % kinds_count].entity;
    if (data[0] & DELETION) {
        char source[64], type[96];
        snprintf(source, sizeof source, "/%s", contract->owner);
        snprintf(type, sizeof type, "%s.deleted", contract->name);
        const char *const names[] = {"ce-specversion", "ce-id", "ce-type", "ce-source", "Furrow-Commands", NULL};
        const char *const values[] = {"1.0", source, type, "deleted", "01", "/fuzz", NULL};
        mutate_headers(&body, names, values, &dice);
    } else {
        mutate_wire(&body, contract->descriptor, &dice);
    }
    return body.size + 2;
}
