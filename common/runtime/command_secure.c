/*
 * What a command's state stands on: see command_run.h. All of it is done inside of the decision, so that whatever makes
 * the decision be made again proves it again (log/claim.h, log/seal.h rely on that). What is done for a decision that is
 * not written in the end does no harm: the other entity's state is right by itself, a claim that nobody makes use of is
 * taken over. May depend on log.
 */
#include "runtime/command_run.h"

#include "runtime/listing.h"
#include "wire/claim_message.h"
#include "wire/member.h"

/* A write beside the command's own: without its key, which belongs to what it does to its own entity. */
static furrow_command side_command(const furrow_command_run_state *run)
{
    furrow_command side = *furrow_call_command(run->call);
    side.has_key = false;
    return side;
}

static furrow_seal_target seal_target(const furrow_command_run_state *run)
{
    return (furrow_seal_target){.entity = run->entity, .id = run->known.id, .command = furrow_call_command(run->call)};
}

static furrow_status seal_into(const furrow_command_run_state *run, const furrow_state *current, ProtobufCMessage *next,
                               furrow_arena *arena, furrow_error *err)
{
    furrow_bytes sealed;
    furrow_seal_target target = seal_target(run);
    furrow_sealer *sealer = furrow_service_sealer(run->service);
    if (!sealer)
        return furrow_fail(err, FURROW_INTERNAL, "%s has private fields, but the service has no entity of keys",
                           run->command->entity->name);
    furrow_status status = furrow_seal(sealer, &target, current, run->plain, arena, &sealed, err);
    if (status != FURROW_OK) return furrow_wrap(err, "seal private fields");
    *(ProtobufCBinaryData *)((char *)next + run->command->private_at) =
        (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)sealed.data, .len = sealed.len};
    return FURROW_OK;
}

furrow_status furrow_command_confirm(const furrow_command_run_state *run, const furrow_state *written,
                                     furrow_arena *arena, furrow_error *err)
{
    furrow_seal_target target = seal_target(run);
    furrow_status status = furrow_seal_confirm(furrow_service_sealer(run->service), &target, written, arena, err);
    return status == FURROW_OK
               ? status
               : furrow_wrap(err, "the private fields are changed, but those before still count too: ask again");
}

furrow_status furrow_command_erase_key(const furrow_command_run_state *run, furrow_arena *arena, furrow_error *err)
{
    furrow_sealer *sealer = furrow_service_sealer(run->service);
    if (!run->command->private_at || !sealer) return FURROW_OK;
    return furrow_seal_erase(sealer, run->known.id, furrow_call_command(run->call), arena, err);
}

/* The other entity's decision, for log/entity.h. */
typedef struct also_job {
    const furrow_command_run_state *run;
    const ProtobufCMessage *decided;
    const char *id;
} also_job;

static furrow_status decide_also(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    const also_job *job = arg;
    const furrow_command_also *also = job->run->command->also;
    bool unchanged;
    ProtobufCMessage *next = furrow_command_begin_next(also->entity, also->own_id_at, job->id, current->message, arena);
    if (!next) return furrow_known_no_memory(err);
    furrow_status status = also->decide(&job->run->known, job->decided, current->message, next, err);
    if (status == FURROW_OK) status = furrow_command_is_unchanged(current, next, arena, &unchanged, err);
    if (status == FURROW_OK && !unchanged) *out = (furrow_decision){.next = next, .event = "changed"};
    return status;
}

/* From the log: who won a place there a moment ago must be seen. Idempotent by its nature. */
static furrow_status write_also_entity(const furrow_command_run_state *run, const ProtobufCMessage *next,
                                       furrow_arena *arena, furrow_error *err)
{
    const furrow_command_also *also = run->command->also;
    if (also->when.at && *(const int *)((const char *)next + also->when.at) != also->when.value) return FURROW_OK;
    furrow_command command = side_command(run);
    also_job job = {.run = run, .decided = next, .id = furrow_command_text(&also->id, next)};
    furrow_write write = {.id = job.id, .command = &command, .from_log = true, .decide = decide_also, .arg = &job};
    furrow_written written;
    return furrow_entity_write(furrow_service_entity(run->service, also->entity), &write, arena, &written, err);
}

/* The value that @state holds; NULL: none. A decision may have set it to NULL, as protobuf-c lets it: that is "". */
static const char *unique_value_held(const furrow_entity_contract *entity, const furrow_unique_contract *unique,
                                     const ProtobufCMessage *state)
{
    const char *value = state ? furrow_member_text(state, unique->descriptor) : NULL;
    if (!value || !value[0]) return NULL;
    const ProtobufCFieldDescriptor *when = entity->unique_while;
    bool holds = !when || *(const int *)((const char *)state + when->offset) == entity->unique_while_value;
    return holds ? value : NULL;
}

static bool holds_value(const furrow_claim_request *request, const furrow_state *state)
{
    const char *held = unique_value_held(furrow_entity_about(request->holders), request->arg, state->message);
    return held && strcmp(held, request->value) == 0;
}

static furrow_claim_request claim_of(const furrow_command_run_state *run, const furrow_unique_contract *unique,
                                     const char *value)
{
    return (furrow_claim_request){.claims = furrow_service_entity(run->service, unique->claims),
                                  .holders = run->entity,
                                  .value = value,
                                  .holder = run->known.id,
                                  .command = furrow_call_command(run->call),
                                  .holds = holds_value,
                                  .arg = unique};
}

static furrow_status claim_values(furrow_command_run_state *run, const furrow_state *current,
                                  const ProtobufCMessage *next, furrow_arena *arena, furrow_error *err)
{
    const furrow_entity_contract *entity = run->command->entity;
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < entity->unique_count; i++) {
        const furrow_unique_contract *unique = &entity->uniques[i];
        const char *before = unique_value_held(entity, unique, current->message),
                   *after = unique_value_held(entity, unique, next);
        if (!after || (before && strcmp(before, after) == 0)) continue;
        furrow_claim_request claim = claim_of(run, unique, after);
        status = furrow_claim_take(&claim, arena, err);
        if (status != FURROW_OK) status = furrow_wrap(err, "%s %s", unique->field, after);
    }
    return status;
}

void furrow_command_give_up(furrow_command_run_state *run, const furrow_state *current, const ProtobufCMessage *next)
{
    const furrow_entity_contract *entity = run->command->entity;
    for (size_t i = 0; i < entity->unique_count; i++) {
        const furrow_unique_contract *unique = &entity->uniques[i];
        const char *before = unique_value_held(entity, unique, current->message),
                   *after = unique_value_held(entity, unique, next);
        run->released[i] = before && after && strcmp(before, after) == 0 ? NULL : before;
    }
}

void furrow_command_release(const furrow_command_run_state *run, furrow_arena *arena)
{
    const furrow_entity_contract *entity = run->command->entity;
    for (size_t i = 0; i < entity->unique_count; i++) {
        if (!run->released[i]) continue;
        furrow_claim_request claim = claim_of(run, &entity->uniques[i], run->released[i]);
        (void)!furrow_claim_release(&claim, arena, NULL);
    }
}

/* Claims are given back when a value is given up; what was left over then is found by its holder. */
static furrow_status erase_claims_of(const furrow_command_run_state *run, const furrow_unique_contract *unique,
                                     furrow_arena *arena, furrow_error *err)
{
    furrow_listing listing = {.entity = furrow_service_entity(run->service, unique->claims),
                              .query = {.index = "holder", .value = furrow_bytes_of(run->known.id)},
                              .page_token = ""};
    furrow_status status;
    do {
        furrow_page page;
        status = furrow_listing_read(&listing, arena, &page, err);
        for (size_t i = 0; status == FURROW_OK && i < page.count; i++) {
            furrow_claim_request claim = claim_of(run, unique, ((const Furrow__V1__Claim *)page.messages[i])->value);
            status = furrow_claim_release(&claim, arena, err);
        }
        if (status == FURROW_OK) listing.page_token = page.next;
    } while (status == FURROW_OK && listing.page_token[0]);
    return status;
}

furrow_status furrow_command_erase_claims(const furrow_command_run_state *run, furrow_arena *arena, furrow_error *err)
{
    const furrow_entity_contract *entity = run->command->entity;
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < entity->unique_count; i++) {
        status = erase_claims_of(run, &entity->uniques[i], arena, err);
        if (status != FURROW_OK)
            status = furrow_wrap(err, "%s %s is erased, but for the claim on its %s: ask again", run->command->noun,
                                 run->known.id, entity->uniques[i].field);
    }
    return status;
}

furrow_status furrow_command_secure(furrow_command_run_state *run, const furrow_state *current, ProtobufCMessage *next,
                                    furrow_arena *arena, furrow_error *err)
{
    furrow_status status = run->sealing ? seal_into(run, current, next, arena, err) : FURROW_OK;
    if (status == FURROW_OK && run->command->also) status = write_also_entity(run, next, arena, err);
    if (status == FURROW_OK && run->command->entity->unique_count) /* claimed for nothing, were it refused later */
        status = furrow_entity_check(run->entity, run->known.id, 0, next, err);
    return status == FURROW_OK ? claim_values(run, current, next, arena, err) : status;
}
