/*
 * See command.h. The decision is made inside of the entity's write (log/entity.h), which makes it again on a newer
 * state until one holds: so nothing of a decision outlives it but what the last one left in the run. May depend on
 * log, replica.
 */
#include "runtime/command_run.h"

#include "wire/detail.h"

furrow_status furrow_known_no_memory(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
}

/* What the command would make is there already, or what it would change is not. */
static furrow_status fail_presence(const furrow_command_run_state *run, bool exists, furrow_error *err)
{
    furrow_status code = exists ? FURROW_ALREADY_EXISTS : FURROW_NOT_FOUND;
    furrow_fail(err, code, exists ? "%s %s exists" : "no %s %s", run->command->noun, run->known.id);
    (void)furrow_detail_add_resource(err, run->command->entity->name, run->known.id);
    return code;
}

/*
 * Before @current is decided on: is there, or is there not, what the command needs, in the version that it was made
 * for?
 */
static furrow_status check_present(const furrow_command_run_state *run, const furrow_state *current, furrow_error *err)
{
    const furrow_command_contract *command = run->command;
    const ProtobufCMessage *holder = furrow_command_holder(&command->version, run->known.request);
    int64_t expected =
        command->version.name && holder ? *(const int64_t *)((const char *)holder + command->version.at) : 0;
    if (current->message && command->creates) return fail_presence(run, true, err);
    bool erased = command->erases && current->deleted; /* there may be something left of it */
    if (!current->message && !command->creates && !command->allow_missing && !erased)
        return fail_presence(run, false, err);
    if (!current->message || expected == 0 || (uint64_t)expected == current->version) return FURROW_OK;
    furrow_fail(err, FURROW_ABORTED, "%s %s is at version %llu, the change was made for %lld: read it again",
                command->noun, run->known.id, (unsigned long long)current->version, (long long)expected);
    (void)furrow_detail_add_precondition(err, "VERSION", run->known.id);
    return FURROW_ABORTED;
}

static Google__Protobuf__Timestamp **updated_in(const furrow_command_run_state *run, const ProtobufCMessage *state)
{
    return (Google__Protobuf__Timestamp **)((char *)(uintptr_t)state + run->command->updated_at);
}

/* What the author's function is given. Now is never before the state that it follows: another's clock may be ahead. */
static void know(furrow_command_run_state *run, const furrow_state *current, furrow_arena *arena)
{
    furrow_known *known = &run->known;
    known->state = current->message;
    known->version = current->version;
    known->deleted = current->deleted;
    known->arena = arena;
    known->now_ns = furrow_clock_wall_ns();
    if (!current->message || !run->command->updated_at) return;
    int64_t updated_ns = furrow_timestamp_ns(*updated_in(run, current->message));
    if (known->now_ns < updated_ns) known->now_ns = updated_ns;
}

ProtobufCMessage *furrow_command_begin_next(const furrow_entity_contract *entity, size_t id_at, const char *id,
                                            const ProtobufCMessage *present, furrow_arena *arena)
{
    if (present) return furrow_arena_memdup(arena, present, entity->descriptor->sizeof_message);
    ProtobufCMessage *next = furrow_message_new(entity->descriptor, arena);
    char *copy = furrow_arena_strdup(arena, id);
    if (!next || !copy) return NULL;
    *(char **)((char *)next + id_at) = copy;
    return next;
}

/*
 * By its bytes: what was set to what it was is unchanged, and what was changed in place, in a nested message, is not.
 */
furrow_status furrow_command_is_unchanged(const furrow_state *current, const ProtobufCMessage *next,
                                          furrow_arena *arena, bool *unchanged, furrow_error *err)
{
    furrow_bytes bytes;
    *unchanged = false;
    if (!current->message) return FURROW_OK;
    furrow_status status = furrow_message_pack(next, arena, &bytes, err);
    if (status == FURROW_OK) *unchanged = !furrow_message_difference(next->descriptor, current->body, bytes);
    return status;
}

static furrow_status stamp(const furrow_command_run_state *run, const furrow_state *current, ProtobufCMessage *next,
                           furrow_arena *arena, furrow_error *err)
{
    if (!run->command->updated_at) return FURROW_OK;
    Google__Protobuf__Timestamp **updated = updated_in(run, next);
    const Google__Protobuf__Timestamp *before = current->message ? *updated_in(run, current->message) : NULL;
    if (*updated != before) return FURROW_OK;
    *updated = furrow_timestamp_after(before, run->known.now_ns, arena);
    return *updated ? FURROW_OK : furrow_known_no_memory(err);
}

/* What else is written is, also for a state that is right already: the first try may have ended in between. */
static furrow_status decide_next(furrow_command_run_state *run, const furrow_state *current, furrow_arena *arena,
                                 furrow_decision *out, furrow_error *err)
{
    bool unchanged;
    const furrow_command_contract *command = run->command;
    ProtobufCMessage *next =
        furrow_command_begin_next(command->entity, command->id_at, run->known.id, current->message, arena);
    if (!next) return furrow_known_no_memory(err);
    furrow_status status = command->decide(&run->known, next, err);
    if (status == FURROW_OK) status = furrow_command_is_unchanged(current, next, arena, &unchanged, err);
    if (status != FURROW_OK) return status;
    bool writes = !unchanged || run->sealing;
    if (writes) status = stamp(run, current, next, arena, err);
    if (status == FURROW_OK) status = furrow_command_secure(run, current, next, arena, err);
    if (status != FURROW_OK || !writes) return status;
    furrow_command_give_up(run, current, next);
    *out = (furrow_decision){.next = next, .event = command->event};
    return FURROW_OK;
}

static furrow_status decide_removal(furrow_command_run_state *run, const furrow_state *current, furrow_arena *arena,
                                    furrow_decision *out, furrow_error *err)
{
    if (!current->message) return FURROW_OK; /* it may be missing, and is */
    furrow_status status = run->command->decide(&run->known, NULL, err);
    if (status == FURROW_OK && run->command->erases) status = furrow_command_erase_key(run, arena, err);
    if (status != FURROW_OK) return status;
    furrow_command_give_up(run, current, NULL);
    *out = (furrow_decision){.remove = true, .event = run->command->event};
    return FURROW_OK;
}

static furrow_status decide_command(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    furrow_command_run_state *run = arg;
    furrow_status status = check_present(run, current, err);
    if (status == FURROW_OK) status = furrow_command_learn(run, current, arena, err);
    if (status != FURROW_OK) return status;
    know(run, current, arena);
    return run->command->deletes ? decide_removal(run, current, arena, out, err)
                                 : decide_next(run, current, arena, out, err);
}

/* The id that the request names, that is made for it, or that the author's function computes. */
static furrow_status name_entity(furrow_command_run_state *run, char made[FURROW_ID_MAX + 1], furrow_error *err)
{
    const furrow_command_contract *command = run->command;
    run->known.id = made;
    if (command->compute_id) return command->compute_id(&run->known, made, err);
    run->known.id = furrow_command_text(&command->id, run->known.request);
    if (run->known.id[0] || !command->creates) return FURROW_OK;
    furrow_entity_new_id(furrow_call_command(run->call), made);
    run->known.id = made;
    return FURROW_OK;
}

static furrow_status check_version(const furrow_command_run_state *run, furrow_error *err)
{
    const furrow_command_field *version = &run->command->version;
    const ProtobufCMessage *holder = furrow_command_holder(version, run->known.request);
    if (!version->name || !holder) return FURROW_OK;
    return furrow_input_range(version->name, *(const int64_t *)((const char *)holder + version->at), 0, INT64_MAX, err);
}

/* A creation may go without; else what is to be sealed is what the method is for. */
static furrow_status take_sealing(furrow_command_run_state *run, furrow_error *err)
{
    const furrow_command_field *seals = &run->command->seals;
    if (!seals->name) return FURROW_OK;
    const ProtobufCMessage *holder = furrow_command_holder(seals, run->known.request);
    if (holder) run->sealing = *(const ProtobufCMessage *const *)((const char *)holder + seals->at);
    if (run->sealing) return furrow_message_pack(run->sealing, run->known.arena, &run->plain, err);
    return run->command->creates ? FURROW_OK : furrow_fail_field(err, seals->name, "is required");
}

static furrow_status begin_run(furrow_command_run_state *run, char made[FURROW_ID_MAX + 1], furrow_error *err)
{
    const furrow_command_contract *command = run->command;
    furrow_arena *arena = run->known.arena;
    run->facts = furrow_arena_zalloc(arena, (command->fact_count + 1) * sizeof *run->facts);
    run->released = furrow_arena_zalloc(arena, (command->entity->unique_count + 1) * sizeof *run->released);
    if (!run->facts || !run->released) return furrow_known_no_memory(err);
    run->known.facts = run->facts;
    run->known.now_ns = furrow_clock_wall_ns();
    run->known.caller = furrow_call_command(run->call)->caller;
    furrow_status status = name_entity(run, made, err);
    if (status == FURROW_OK) status = furrow_command_check_ids(run, err);
    if (status == FURROW_OK) status = check_version(run, err);
    return status == FURROW_OK ? take_sealing(run, err) : status;
}

/* As callers see it: neither sealed fields nor the log's own bookkeeping. */
static furrow_status answer_state(const furrow_command_run_state *run, const furrow_state *state,
                                  ProtobufCMessage *response, furrow_error *err)
{
    const furrow_command_contract *command = run->command;
    ProtobufCMessage *shown = state->message;
    if (command->answers_sealed) {
        memcpy(response, run->sealing, run->sealing->descriptor->sizeof_message);
        return FURROW_OK;
    }
    if (shown && command->private_at) {
        shown = furrow_arena_memdup(run->known.arena, shown, shown->descriptor->sizeof_message);
        if (!shown) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer needs more memory than it may use");
        *(ProtobufCBinaryData *)((char *)shown + command->private_at) = (ProtobufCBinaryData){0};
    }
    if (shown) shown->n_unknown_fields = 0;
    if (command->answer_state) *(ProtobufCMessage **)((char *)response + command->answer_state) = shown;
    if (command->answer_version) *(int64_t *)((char *)response + command->answer_version) = (int64_t)state->version;
    return FURROW_OK;
}

static furrow_status erase_entity(const furrow_command_run_state *run, furrow_write *write, furrow_written *written,
                                  ProtobufCMessage *response, furrow_error *err)
{
    furrow_erased erased;
    write->from_log = true;
    furrow_status status = furrow_entity_erase(run->entity, write, run->known.arena, &erased, err);
    if (status != FURROW_OK) return status;
    *written = erased.written;
    if (run->command->answer_erased)
        *(int32_t *)((char *)response + run->command->answer_erased) = (int32_t)erased.states;
    return written->state.deleted ? furrow_command_erase_claims(run, run->known.arena, err) : FURROW_OK;
}

/* A state that is damaged in Redis may be well in the log: the write looks there. */
static furrow_status write_entity_state(furrow_command_run_state *run, const furrow_write *about,
                                        furrow_written *written, furrow_error *err)
{
    furrow_state state;
    furrow_write write = *about;
    furrow_arena *arena = run->known.arena;
    furrow_status status = furrow_command_read_ahead(run, arena, &state, err);
    if (run->ahead) write.known = &state;
    if (status == FURROW_OK || status == FURROW_DATA_LOSS)
        status = furrow_entity_write(run->entity, &write, arena, written, err);
    if (status != FURROW_OK) return status;
    if (written->wrote) furrow_command_release(run, arena);
    bool replaced = run->sealing && !run->command->creates;
    return replaced ? furrow_command_confirm(run, &written->state, arena, err) : FURROW_OK;
}

furrow_status furrow_command_run(const furrow_command_contract *command, furrow_call *call,
                                 const ProtobufCMessage *request, ProtobufCMessage *response, furrow_error *err)
{
    char made[FURROW_ID_MAX + 1] = "";
    furrow_service *service = furrow_service_of(call);
    furrow_command_run_state run = {.command = command,
                                    .call = call,
                                    .service = service,
                                    .entity = furrow_service_entity(service, command->entity),
                                    .known = {.request = request, .arena = furrow_call_arena(call)}};
    furrow_written written;
    furrow_status status = begin_run(&run, made, err);
    if (status != FURROW_OK) return status;
    furrow_write write = {.id = run.known.id,
                          .command = furrow_call_command(call),
                          .removes = command->deletes,
                          .decide = decide_command,
                          .arg = &run};
    status = command->erases ? erase_entity(&run, &write, &written, response, err)
                             : write_entity_state(&run, &write, &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    return answer_state(&run, &written.state, response, err);
}
