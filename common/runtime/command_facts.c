/*
 * What a command must know: its entity's state and the declared facts. They are read together, ahead of the turn that the
 * write takes; a decision on another state than that one was made after somebody wrote, perhaps because of what became
 * of a fact, so it reads them anew. May depend on log, replica, store.
 */
#include "runtime/command_run.h"

#include "wire/detail.h"

const ProtobufCMessage *furrow_command_holder(const furrow_command_field *field, const ProtobufCMessage *message)
{
    if (!message || !field->within) return message;
    return *(const ProtobufCMessage *const *)((const char *)message + field->within);
}

const char *furrow_command_text(const furrow_command_field *field, const ProtobufCMessage *message)
{
    const ProtobufCMessage *holder = furrow_command_holder(field, message);
    return holder ? *(const char *const *)((const char *)holder + field->at) : "";
}

/* The ids in @field of @message; one that is "" is none. */
static size_t ids_in(const furrow_command_field *field, const ProtobufCMessage *message, const char *const **ids)
{
    const ProtobufCMessage *holder = furrow_command_holder(field, message);
    if (!holder) return 0;
    if (field->count_at) {
        *ids = *(const char *const *const *)((const char *)holder + field->at);
        return *(const size_t *)((const char *)holder + field->count_at);
    }
    *ids = (const char *const *)((const char *)holder + field->at);
    return (*ids)[0][0] ? 1 : 0;
}

static furrow_status check_fact_ids(const furrow_command_fact *fact, const ProtobufCMessage *request, furrow_error *err)
{
    const char *const *ids = NULL, *name = fact->id.name;
    size_t count = ids_in(&fact->id, request, &ids);
    if (count > FURROW_COMMAND_IDS_MAX)
        return furrow_fail_field(err, name, "has %zu; at most %d", count, FURROW_COMMAND_IDS_MAX);
    if (count == 0 && fact->required && !fact->id.count_at) return furrow_subject_check_id("", 0, name, err);
    for (size_t i = 0; i < count; i++) {
        char place[96];
        if (furrow_subject_check_id(ids[i], strlen(ids[i]), name, NULL) == FURROW_OK) continue;
        snprintf(place, sizeof place, "%s[%zu]", name, i);
        return furrow_subject_check_id(ids[i], strlen(ids[i]), fact->id.count_at ? place : name, err);
    }
    return FURROW_OK;
}

furrow_status furrow_command_check_ids(const furrow_command_run_state *run, furrow_error *err)
{
    const furrow_command_contract *command = run->command;
    furrow_status status =
        furrow_subject_check_id(run->known.id, strlen(run->known.id), command->id.name ? command->id.name : "id", err);
    for (size_t i = 0; status == FURROW_OK && i < command->fact_count; i++)
        if (!command->facts[i].of_state) status = check_fact_ids(&command->facts[i], run->known.request, err);
    return status;
}

static furrow_table *table_of(const furrow_command_run_state *run, const furrow_command_fact *fact)
{
    if (fact->entity) return furrow_entity_table(furrow_service_entity(run->service, fact->entity));
    return furrow_replica_table(furrow_service_replica(run->service, fact->replica));
}

/* Sets the ids of the facts that are read of @message: the request's, or the state's. Returns how many there are. */
static size_t find_ids(furrow_command_run_state *run, bool of_state, const ProtobufCMessage *message)
{
    size_t count = 0;
    for (size_t i = 0; i < run->command->fact_count; i++) {
        if (run->command->facts[i].of_state != of_state) continue;
        run->facts[i].count = ids_in(&run->command->facts[i].id, message, &run->facts[i].ids);
        count += run->facts[i].count;
    }
    return count;
}

static void plan_facts(const furrow_command_run_state *run, bool of_state, furrow_record_read *reads)
{
    for (size_t i = 0; i < run->command->fact_count; i++) {
        const furrow_command_fact *fact = &run->command->facts[i];
        if (fact->of_state != of_state || run->facts[i].count == 0) continue;
        furrow_table *table = table_of(run, fact);
        for (size_t k = 0; k < run->facts[i].count; k++)
            *reads++ = (furrow_record_read){.table = table, .id = run->facts[i].ids[k]};
    }
}

static furrow_status unpack_fact(const furrow_command_run_state *run, const furrow_command_fact *fact,
                                 const furrow_record_read *read, furrow_arena *arena, ProtobufCMessage **out,
                                 furrow_error *err)
{
    furrow_state state;
    if (fact->replica)
        return furrow_replica_unpack(furrow_service_replica(run->service, fact->replica), read->id, &read->record,
                                     arena, out, err);
    furrow_status status = furrow_entity_unpack(furrow_service_entity(run->service, fact->entity), read->id,
                                                &read->record, arena, &state, err);
    if (status == FURROW_OK) *out = state.message;
    return status;
}

static furrow_status unpack_facts(const furrow_command_run_state *run, bool of_state, const furrow_record_read *reads,
                                  furrow_arena *arena, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < run->command->fact_count; i++) {
        const furrow_command_fact *about = &run->command->facts[i];
        furrow_fact *fact = &run->facts[i];
        if (about->of_state != of_state || fact->count == 0) continue;
        fact->messages = furrow_arena_zalloc(arena, fact->count * sizeof(ProtobufCMessage *));
        if (!fact->messages) return furrow_known_no_memory(err);
        for (size_t k = 0; status == FURROW_OK && k < fact->count; k++)
            status = unpack_fact(run, about, reads++, arena, &fact->messages[k], err);
    }
    return status;
}

furrow_status furrow_command_read_ahead(furrow_command_run_state *run, furrow_arena *arena, furrow_state *state,
                                        furrow_error *err)
{
    size_t count = 1 + find_ids(run, false, run->known.request);
    if (count == 1) return FURROW_OK;
    run->read = furrow_arena_alloc(arena, count * sizeof *run->read);
    if (!run->read) return furrow_known_no_memory(err);
    run->read[0] =
        (furrow_record_read){.table = furrow_entity_table(run->entity), .id = run->known.id, .to_write = true};
    plan_facts(run, false, run->read + 1);
    furrow_status status = furrow_record_read_many(furrow_service_store(run->service), run->read, count, arena, err);
    if (status == FURROW_OK)
        status = furrow_entity_unpack(run->entity, run->known.id, &run->read[0].record, arena, state, err);
    run->ahead = status == FURROW_OK;
    run->ahead_version = run->ahead ? state->version : 0;
    return status;
}

static furrow_status read_anew(furrow_command_run_state *run, bool of_state, const ProtobufCMessage *message,
                               furrow_arena *arena, furrow_error *err)
{
    size_t count = find_ids(run, of_state, message);
    if (count == 0) return FURROW_OK;
    if (count > FURROW_COMMAND_IDS_MAX) return furrow_known_no_memory(err);
    furrow_record_read *reads = furrow_arena_alloc(arena, count * sizeof *reads);
    if (!reads) return furrow_known_no_memory(err);
    plan_facts(run, of_state, reads);
    furrow_status status = furrow_record_read_many(furrow_service_store(run->service), reads, count, arena, err);
    return status == FURROW_OK ? unpack_facts(run, of_state, reads, arena, err) : status;
}

static furrow_status fail_unknown_fact(const furrow_command_fact *about, const char *id, furrow_error *err)
{
    furrow_fail(err, FURROW_FAILED_PRECONDITION, about->replica ? "%s %s is not known here" : "%s %s does not exist",
                about->name, id);
    (void)furrow_detail_add_precondition(err, about->replica ? about->replica->entity : about->entity->name, id);
    return FURROW_FAILED_PRECONDITION;
}

static furrow_status check_required(const furrow_command_run_state *run, furrow_error *err)
{
    for (size_t i = 0; i < run->command->fact_count; i++) {
        const furrow_command_fact *about = &run->command->facts[i];
        const furrow_fact *fact = &run->facts[i];
        if (about->required && fact->count == 0 &&
            !about->id.count_at) { /* a state's; a request's was refused before */
            furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s %s has no %s", run->command->noun, run->known.id,
                        about->id.name);
            (void)furrow_detail_add_precondition(err, run->command->entity->name, run->known.id);
            return FURROW_FAILED_PRECONDITION;
        }
        for (size_t k = 0; about->required && k < fact->count; k++)
            if (!fact->messages[k]) return fail_unknown_fact(about, fact->ids[k], err);
    }
    return FURROW_OK;
}

furrow_status furrow_command_learn(furrow_command_run_state *run, const furrow_state *current, furrow_arena *arena,
                                   furrow_error *err)
{
    bool fits = run->ahead && run->ahead_version == current->version;
    run->ahead = false;
    furrow_status status = fits ? unpack_facts(run, false, run->read + 1, arena, err)
                                : read_anew(run, false, run->known.request, arena, err);
    if (status == FURROW_OK) status = read_anew(run, true, current->message, arena, err);
    return status == FURROW_OK ? check_required(run, err) : status;
}
