/*
 * See claim.h. The proof, for a taker T and a present holder H whose claim has the basis b:
 *   - T reads the claim at version c, then H from the log at version w, without the value.
 *   - w > b: who claimed for H at basis b expects H at b and fails. Who claims for H anew writes the claim, so the
 *     compare-and-set of T at c fails.
 *   - w = b: T fences H, so H is at w' > b, and we are in the first case.
 * So when T's compare-and-set succeeds, no write that gives H the value can succeed on what was claimed before, and
 * whoever decides anew finds T.
 *
 * May depend on basis, write, wire.
 */
#include "log/claim.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/fault.h"
#include "log/basis.h"
#include "log/write.h"
#include "wire/detail.h"
#include "wire/member.h"
#include "wire/message.h"

#include <stdlib.h>

#define LOOK_AGAIN_MIN 4
#define LOOK_AGAIN_MAX 40

typedef struct claim_fields {
    const ProtobufCFieldDescriptor *id, *value, *holder;
} claim_fields;

typedef struct claim_job {
    const furrow_claim_request *request;
    claim_fields fields;
    furrow_command command; /* without the key: that belongs to what the command does to the holder */
    uint64_t deadline_ns;
    char id[FURROW_ID_SIZE]; /* of the claim */
} claim_job;

static const ProtobufCFieldDescriptor *find_string(const ProtobufCMessageDescriptor *descriptor, const char *name)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
    return field && field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED ? field : NULL;
}

static void set_text(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, char *text)
{
    *(char **)((char *)message + field->offset) = text;
}

static claim_fields find_fields(const ProtobufCMessageDescriptor *descriptor)
{
    return (claim_fields){find_string(descriptor, "id"), find_string(descriptor, "value"),
                          find_string(descriptor, "holder")};
}

static void make_claim_id(const furrow_secret *secret, const char *value, char out[FURROW_ID_SIZE])
{
    uint8_t hash[FURROW_HASH_BYTES];
    furrow_bytes part = furrow_bytes_of(value);
    furrow_secret_hash(secret, "claim", &part, 1, hash);
    furrow_id_from_hash(hash, out);
}

furrow_status furrow_claim_check_state(const ProtobufCMessage *claim, furrow_error *err)
{
    claim_fields fields = find_fields(claim->descriptor);
    if (!fields.id || !fields.value || !fields.holder)
        return furrow_fail(err, FURROW_INTERNAL, "it lacks id, value or holder");
    const char *holder = furrow_member_text(claim, fields.holder);
    if (!furrow_member_text(claim, fields.value)[0]) return furrow_fail_field(err, "value", "is required");
    return furrow_subject_check_id(holder, strlen(holder), "holder", err);
}

static furrow_status begin_claim(const furrow_claim_request *request, claim_job *job, furrow_error *err)
{
    const furrow_entity_contract *contract = furrow_entity_about(request->claims);
    *job = (claim_job){.request = request, .command = *request->command};
    job->command.has_key = false;
    job->command.deadline_ns = job->deadline_ns = furrow_entity_deadline(request->command);
    job->fields = find_fields(contract->descriptor);
    if (!job->fields.id || !job->fields.value || !job->fields.holder)
        return furrow_fail(err, FURROW_INTERNAL, "%s is no claim: it lacks id, value or holder", contract->name);
    if (!request->claims->secret)
        return furrow_fail(err, FURROW_INTERNAL, "%s needs a secret to make ids of values", contract->name);
    make_claim_id(request->claims->secret, request->value, job->id);
    return FURROW_OK;
}

static furrow_status make_claim(const claim_job *job, uint64_t basis, furrow_arena *arena, furrow_decision *out,
                                furrow_error *err)
{
    const furrow_claim_request *request = job->request;
    ProtobufCMessage *next = furrow_message_new(furrow_entity_about(request->claims)->descriptor, arena);
    char *value = furrow_arena_strdup(arena, request->value), *holder = furrow_arena_strdup(arena, request->holder);
    char *id = furrow_arena_strdup(arena, job->id);
    if (!next || !value || !holder || !id || !furrow_basis_set(next, basis, arena))
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a claim");
    set_text(next, job->fields.id, id);
    set_text(next, job->fields.value, value);
    set_text(next, job->fields.holder, holder);
    *out = (furrow_decision){.next = next, .event = "taken"};
    return FURROW_OK;
}

/* Writes the state it has again, so that whoever decided on that version must decide anew. */
static furrow_status decide_bump(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    const furrow_state *seen = arg;
    if (current->version != seen->version) return furrow_fail(err, FURROW_ABORTED, "the holder was written meanwhile");
    *out = (furrow_decision){
        .next = current->message, .remove = !current->message, .event = current->message ? "fenced" : "deleted"};
    return FURROW_OK;
}

/* OK: fenced. ABORTED: somebody wrote the holder first. */
static furrow_status fence(const claim_job *job, const char *holder, const furrow_state *seen, furrow_arena *arena,
                           furrow_error *err)
{
    furrow_entity *holders = job->request->holders;
    if (seen->version == 0) {
        furrow_status status = furrow_entity_fence(holders, holder, &job->command, err);
        return status == FURROW_ALREADY_EXISTS ? furrow_fail(err, FURROW_ABORTED, "the holder came to be") : status;
    }
    furrow_state known = *seen;
    furrow_written written;
    furrow_write write = {
        .id = holder, .command = &job->command, .known = &known, .decide = decide_bump, .arg = &known};
    return furrow_entity_write_now(holders, &write, arena, &written, err);
}

static furrow_status fail_held(const furrow_claim_request *request, const char *holder, furrow_error *err)
{
    furrow_fail(err, FURROW_ALREADY_EXISTS, "held by %s", holder);
    (void)furrow_detail_add_resource(err, furrow_entity_about(request->holders)->name, holder);
    return FURROW_ALREADY_EXISTS;
}

/* May the claim of @holder at @basis be taken over? OK when it can not be made use of any more. */
static furrow_status contest(const claim_job *job, const char *holder, uint64_t basis, furrow_arena *arena,
                             furrow_error *err)
{
    const furrow_claim_request *request = job->request;
    uint64_t grace_ns = furrow_clock_in_ms(FURROW_CLAIM_GRACE_MS);
    furrow_backoff look_again = {.base_ms = LOOK_AGAIN_MIN, .max_ms = LOOK_AGAIN_MAX};
    for (unsigned fences = 0; fences < FURROW_ENTITY_ATTEMPTS;) {
        furrow_state state;
        furrow_status status = furrow_entity_newest(request->holders, holder, job->deadline_ns, arena, &state, err);
        if (status != FURROW_OK) return status;
        if (request->holds(request, &state)) return fail_held(request, holder, err);
        if (state.version > basis) return FURROW_OK;
        if (furrow_clock_now_ns() >= job->deadline_ns)
            return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "waiting for what %s does", holder);
        if (furrow_clock_now_ns() < grace_ns) {
            furrow_task_sleep_ms(furrow_backoff_next_ms(&look_again));
            continue;
        }
        status = fence(job, holder, &state, arena, err);
        if (status != FURROW_ABORTED) return status;
        fences++;
    }
    return furrow_fail(err, FURROW_ABORTED, "%s keeps changing", holder);
}

/* @current comes first, then the holder: see the proof above. */
static furrow_status decide_take(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    const claim_job *job = arg;
    const furrow_claim_request *request = job->request;
    if (current->message) {
        const char *holder = furrow_member_text(current->message, job->fields.holder);
        uint64_t basis = furrow_basis_of(current->message);
        if (strcmp(furrow_member_text(current->message, job->fields.value), request->value) != 0)
            return furrow_fail(err, FURROW_INTERNAL, "two values have one claim");
        if (strcmp(holder, request->holder) != 0) {
            furrow_status status = contest(job, holder, basis, arena, err);
            if (status != FURROW_OK) return status;
        }
    }
    furrow_state mine;
    furrow_status status = furrow_entity_newest(request->holders, request->holder, job->deadline_ns, arena, &mine, err);
    if (status != FURROW_OK) return status;
    bool had =
        current->message && strcmp(furrow_member_text(current->message, job->fields.holder), request->holder) == 0;
    if (had && furrow_basis_of(current->message) == mine.version) return FURROW_OK;
    return make_claim(job, mine.version, arena, out, err);
}

furrow_status furrow_claim_take(const furrow_claim_request *request, furrow_arena *arena, furrow_error *err)
{
    claim_job job;
    furrow_written written;
    furrow_status status = begin_claim(request, &job, err);
    if (status != FURROW_OK || furrow_fault("claim-unasked")) return status;
    furrow_write write = {.id = job.id, .command = &job.command, .decide = decide_take, .arg = &job};
    return furrow_entity_write(request->claims, &write, arena, &written, err);
}

static furrow_status decide_release(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    const claim_job *job = arg;
    const furrow_claim_request *request = job->request;
    furrow_state mine;
    if (!current->message || strcmp(furrow_member_text(current->message, job->fields.holder), request->holder) != 0)
        return FURROW_OK;
    furrow_status status = furrow_entity_newest(request->holders, request->holder, job->deadline_ns, arena, &mine, err);
    if (status != FURROW_OK) return status;
    if (mine.version > furrow_basis_of(current->message) && !request->holds(request, &mine))
        *out = (furrow_decision){.remove = true, .event = "released.deleted"};
    return FURROW_OK;
}

furrow_status furrow_claim_release(const furrow_claim_request *request, furrow_arena *arena, furrow_error *err)
{
    claim_job job;
    furrow_erased erased;
    furrow_status status = begin_claim(request, &job, err);
    if (status != FURROW_OK) return status;
    furrow_write write = {.id = job.id, .command = &job.command, .decide = decide_release, .arg = &job};
    return furrow_entity_erase(request->claims, &write, arena, &erased, err);
}
