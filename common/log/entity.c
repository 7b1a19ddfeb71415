/* Life of an entity, and reading its states from Redis and the log; see entity.h. May depend on link, store, window. */
#include "log/patience.h"
#include "log/restore.h"
#include "log/seal.h"

#include "base/clock.h"
#include "google/protobuf/timestamp.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

/* A Timestamp that a message has or has not; NULL: there is no such field. */
static const ProtobufCFieldDescriptor *find_updated_at(const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, "updated_at");
    bool single = field && field->label != PROTOBUF_C_LABEL_REPEATED && !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
    return single && field->descriptor == &google__protobuf__timestamp__descriptor ? field : NULL;
}

furrow_entity *furrow_entity_create(const furrow_entity_options *options, furrow_error *err)
{
    const ProtobufCFieldDescriptor *id = furrow_rules_id(options->contract->descriptor);
    if (!id) {
        (void)furrow_fail(err, FURROW_INTERNAL, "%s has no `string id`", options->contract->name);
        return NULL;
    }
    furrow_entity *entity = calloc(1, sizeof *entity);
    if (!entity) {
        (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    entity->contract = options->contract;
    entity->link = options->link;
    entity->table = options->table;
    entity->secret = options->secret;
    entity->rules = (furrow_rules){.entity = options->contract->name,
                                   .stream = options->contract->stream,
                                   .descriptor = options->contract->descriptor,
                                   .id = id,
                                   .check = options->rules,
                                   .declared = options->contract->field_rules};
    entity->updated_at = find_updated_at(entity->rules.descriptor);
    entity->turns.max_waiting = options->max_waiting ? options->max_waiting : FURROW_ENTITY_WAITING;
    snprintf(entity->source, sizeof entity->source, "/%s", options->service);
    return entity;
}

void furrow_entity_destroy(furrow_entity *entity)
{
    free(entity);
}

const furrow_entity_contract *furrow_entity_about(const furrow_entity *entity)
{
    return entity->contract;
}

size_t furrow_entity_waiting(const furrow_entity *entity)
{
    return entity->turns.waiting;
}

furrow_table *furrow_entity_table(const furrow_entity *entity)
{
    return entity->table;
}

uint64_t furrow_entity_deadline(const furrow_command *command)
{
    return command->deadline_ns ? command->deadline_ns : furrow_clock_in_ms(FURROW_ENTITY_TIMEOUT_MS);
}

void furrow_entity_new_id(const furrow_command *command, char out[FURROW_ID_SIZE])
{
    if (command->has_key) {
        furrow_id_from_hash(command->key, out);
    } else {
        furrow_id_make(out);
    }
}

/* What is private is private in the log too. */
static furrow_status check_sealed(const furrow_entity *entity, const char *id, uint64_t version,
                                  const ProtobufCMessage *state, furrow_error *err)
{
    const ProtobufCFieldDescriptor *field = entity->contract->private_field;
    if (!field) return FURROW_OK;
    const ProtobufCBinaryData *sealed = (const void *)((const char *)state + field->offset);
    if (sealed->len == 0 || furrow_seal_looks_sealed((furrow_bytes){sealed->data, sealed->len})) return FURROW_OK;
    furrow_error why = {0};
    furrow_fail_field(&why, field->name, "is not sealed");
    return furrow_rules_broken(&entity->rules, id, version, &why, err);
}

furrow_status furrow_entity_check(const furrow_entity *entity, const char *id, uint64_t version,
                                  const ProtobufCMessage *state, furrow_error *err)
{
    furrow_status status = furrow_rules_check(&entity->rules, id, version, state, err);
    return status == FURROW_OK ? check_sealed(entity, id, version, state, err) : status;
}

/* @state has version and body; the rest follows from the body. */
static furrow_status unpack(furrow_entity *entity, const char *id, furrow_state *state, furrow_arena *arena,
                            furrow_error *err)
{
    bool full;
    furrow_status status =
        furrow_rules_unpack(&entity->rules, id, state->version, state->body, arena, &state->message, err);
    if (status == FURROW_OK) status = check_sealed(entity, id, state->version, state->message, err);
    if (status != FURROW_OK) return status;
    state->window = furrow_window_take(state->message, arena, &full);
    return full ? furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%s: no memory for its commands", entity->contract->name)
                : FURROW_OK;
}

furrow_status furrow_entity_unpack(furrow_entity *entity, const char *id, const furrow_record *record,
                                   furrow_arena *arena, furrow_state *out, furrow_error *err)
{
    furrow_state state = {.version = record->version, .deleted = record->deleted};
    if (record->found && !record->deleted) {
        state.body = record->body;
        furrow_status status = unpack(entity, id, &state, arena, err);
        if (status != FURROW_OK) return status;
    }
    *out = state;
    return FURROW_OK;
}

static furrow_status load_record(furrow_entity *entity, const char *id, bool to_write, furrow_arena *arena,
                                 furrow_state *out, furrow_error *err)
{
    furrow_record_read read = {.table = entity->table, .id = id, .to_write = to_write};
    furrow_status status = furrow_subject_check_id(id, strlen(id), "id", err);
    if (status != FURROW_OK) return status;
    status = furrow_record_read_many(furrow_table_store(entity->table), &read, 1, arena, err);
    if (status == FURROW_OK) status = furrow_entity_unpack(entity, id, &read.record, arena, out, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "load %s %s", entity->contract->short_name, id);
}

furrow_status furrow_entity_load(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                 furrow_error *err)
{
    return load_record(entity, id, false, arena, out, err);
}

furrow_status furrow_entity_load_to_write(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                          furrow_error *err)
{
    return load_record(entity, id, true, arena, out, err);
}

furrow_status furrow_entity_stored_state(furrow_entity *entity, const char *id, const furrow_js_stored *stored,
                                         furrow_arena *arena, furrow_state *out, furrow_error *err)
{
    furrow_state state = {.version = stored->sequence, .deleted = stored->data.len == 0, .body = stored->data};
    if (!state.deleted) {
        furrow_status status = unpack(entity, id, &state, arena, err);
        if (status == FURROW_OK) *out = state;
        return status;
    }
    furrow_error why = {0};
    if (furrow_js_stored_check_deletion(stored, entity->contract->name, entity->source + 1, arena, &why) != FURROW_OK)
        return furrow_rules_broken(&entity->rules, id, stored->sequence, &why, err);
    state.window = furrow_window_parse(furrow_js_stored_header(stored, FURROW_WINDOW_HEADER, arena), arena);
    *out = state;
    return FURROW_OK;
}

/* The newest message; a log that does not answer now is asked again. */
static furrow_status read_last(furrow_entity *entity, const char *subject, uint64_t deadline_ns, furrow_arena *arena,
                               furrow_js_stored *out, furrow_error *err)
{
    furrow_patience patience = furrow_patience_make(deadline_ns);
    furrow_status status;
    do {
        status = furrow_js_get_last(entity->link, entity->contract->stream, subject, furrow_patience_attempt(&patience),
                                    arena, out, err);
    } while (furrow_patience_again(&patience, status));
    return status;
}

furrow_status furrow_entity_newest(furrow_entity *entity, const char *id, uint64_t deadline_ns, furrow_arena *arena,
                                   furrow_state *out, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_stored stored;
    furrow_status status = furrow_subject_of_entity(entity->contract->name, id, subject, err);
    if (status != FURROW_OK) return status;
    do { /* who restores may meet another who does, or a writer */
        status = read_last(entity, subject, deadline_ns, arena, &stored, err);
        if (status == FURROW_NOT_FOUND) {
            *out = (furrow_state){.version = 0};
            return FURROW_OK;
        }
        if (status != FURROW_OK) break;
        furrow_error why = {0};
        status = furrow_entity_stored_state(entity, id, &stored, arena, out, &why);
        if (status == FURROW_DATA_LOSS) {
            status = furrow_restore(entity, id, &stored, &why, deadline_ns, arena, out, err);
        } else if (status != FURROW_OK && err) {
            *err = why;
        }
        if (status == FURROW_OK) return status;
    } while ((status == FURROW_ABORTED || status == FURROW_DEADLINE_EXCEEDED) && furrow_clock_now_ns() < deadline_ns);
    return status == FURROW_OK ? status : furrow_wrap(err, "read %s from the log", subject);
}

furrow_status furrow_entity_load_log(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                     furrow_error *err)
{
    return furrow_entity_newest(entity, id, furrow_entity_deadline(&(furrow_command){0}), arena, out, err);
}
