/* Life of an entity, and reading its states from Redis and the log; see entity.h. May depend on link, store, window. */
#include "log/write.h"

#include "base/clock.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>

furrow_entity *furrow_entity_create(const furrow_entity_options *options, furrow_error *err)
{
    const ProtobufCFieldDescriptor *id =
        protobuf_c_message_descriptor_get_field_by_name(options->contract->descriptor, "id");
    if (!id || id->type != PROTOBUF_C_TYPE_STRING || id->label == PROTOBUF_C_LABEL_REPEATED) {
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
    entity->id_field = id;
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

furrow_table *furrow_entity_table(const furrow_entity *entity)
{
    return entity->table;
}

uint64_t furrow_entity_deadline(const furrow_command *command)
{
    return command->deadline_ns ? command->deadline_ns
                                : furrow_clock_now_ns() + FURROW_ENTITY_TIMEOUT_MS * FURROW_NS_PER_MS;
}

void furrow_entity_new_id(const furrow_command *command, char out[FURROW_ID_SIZE])
{
    if (command->has_key) {
        furrow_id_from_hash(command->key, out);
    } else {
        furrow_id_make(out);
    }
}

/* What is stored was packed from such a message, so a failure here is not the caller's mistake. */
static furrow_status unpack(furrow_entity *entity, furrow_bytes body, furrow_arena *arena, furrow_state *out,
                            furrow_error *err)
{
    ProtobufCMessage *message;
    bool full;
    furrow_status status = furrow_message_unpack(entity->contract->descriptor, body, arena, &message, err);
    if (status == FURROW_INVALID_ARGUMENT) {
        if (!err) return FURROW_DATA_LOSS;
        err->code = FURROW_DATA_LOSS;
        err->field[0] = '\0';
        return furrow_wrap(err, "what is stored is damaged");
    }
    if (status != FURROW_OK) return status;
    const furrow_window *window = furrow_window_take(message, arena, &full);
    if (full)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%s: no memory for its commands", entity->contract->name);
    out->message = message;
    out->window = window;
    return FURROW_OK;
}

furrow_status furrow_entity_unpack(furrow_entity *entity, const furrow_record *record, furrow_arena *arena,
                                   furrow_state *out, furrow_error *err)
{
    furrow_state state = {.version = record->version, .deleted = record->deleted};
    if (record->found && !record->deleted) {
        state.body = record->body;
        furrow_status status = unpack(entity, record->body, arena, &state, err);
        if (status != FURROW_OK) return status;
    }
    *out = state;
    return FURROW_OK;
}

furrow_status furrow_entity_load(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                 furrow_error *err)
{
    furrow_record_read read = {.table = entity->table, .id = id};
    furrow_status status = furrow_subject_check_id(id, strlen(id), "id", err);
    if (status != FURROW_OK) return status;
    status = furrow_record_read_many(furrow_table_store(entity->table), &read, 1, arena, err);
    if (status == FURROW_OK) status = furrow_entity_unpack(entity, &read.record, arena, out, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "load %s %s", entity->contract->short_name, id);
}

furrow_status furrow_entity_stored_state(furrow_entity *entity, const furrow_js_stored *stored, furrow_arena *arena,
                                         furrow_state *out, furrow_error *err)
{
    furrow_state state = {.version = stored->sequence, .deleted = stored->data.len == 0};
    if (state.deleted) {
        state.window = furrow_window_parse(furrow_js_stored_header(stored, FURROW_WINDOW_HEADER, arena), arena);
    } else {
        state.body = stored->data;
        furrow_status status = unpack(entity, stored->data, arena, &state, err);
        if (status != FURROW_OK) return status;
    }
    *out = state;
    return FURROW_OK;
}

furrow_status furrow_entity_newest(furrow_entity *entity, const char *id, uint64_t deadline_ns, furrow_arena *arena,
                                   furrow_state *out, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_stored stored;
    furrow_status status = furrow_subject_of_entity(entity->contract->name, id, subject, err);
    if (status != FURROW_OK) return status;
    do { /* the connection broke under the question: ask again, and hear UNAVAILABLE while there is none */
        status = furrow_js_get_last(entity->link, entity->contract->stream, subject, deadline_ns, arena, &stored, err);
    } while (status == FURROW_DEADLINE_EXCEEDED && furrow_clock_now_ns() < deadline_ns);
    if (status == FURROW_NOT_FOUND) {
        *out = (furrow_state){.version = 0};
        return FURROW_OK;
    }
    if (status == FURROW_OK) status = furrow_entity_stored_state(entity, &stored, arena, out, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "read %s from the log", subject);
}

furrow_status furrow_entity_load_log(furrow_entity *entity, const char *id, furrow_arena *arena, furrow_state *out,
                                     furrow_error *err)
{
    return furrow_entity_newest(entity, id, furrow_entity_deadline(&(furrow_command){0}), arena, out, err);
}
