/*
 * The write path; see entity.h. One command on one entity: read the state, let the caller decide, publish with the
 * version it was decided on, apply. Whatever made the decision old (a conflict) leads back to the decision, never
 * around it. May depend on event, turn, window, store, link.
 */
#include "log/write.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/fault.h"
#include "log/event.h"
#include "log/patience.h"
#include "store/trust.h"
#include "wire/message.h"
#include "wire/nul.h"
#include "wire/zero.h"

#include <stdlib.h>
#include <string.h>

#define CONFLICT_MIN_MS 1
#define CONFLICT_MAX_MS 40
#define DOUBTS          3 /* that an event which the log has is written after */

typedef struct write_job {
    furrow_entity *entity;
    const furrow_write *write;
    const furrow_command *command;
    uint64_t deadline_ns;
    furrow_arena *arena;
    const char *subject;
    char msg_id[FURROW_HASH_HEX];     /* "" without a key */
    char type[FURROW_EVENT_TYPE_MAX]; /* ce-type */
    char commands[FURROW_WINDOW_HEX_SIZE];
    bool conflict;          /* the last step failed because the state it stood on is old */
    bool again;             /* it wrote nothing, and might on a newer state */
    bool sure;              /* that state came from the log */
    furrow_turn *turn;      /* or NULL */
    furrow_turn_state left; /* what the next writer in our process begins with */
} write_job;

/* A command may write several entities of one stream, so the subject takes part. */
static void make_msg_id(const furrow_command *command, const char *subject, char out[FURROW_HASH_HEX])
{
    uint8_t hash[FURROW_HASH_BYTES];
    furrow_bytes parts[] = {{command->key, sizeof command->key}, furrow_bytes_of(subject)};
    furrow_hash(parts, 2, hash);
    furrow_hash_hex(hash, out);
}

static furrow_status key_reused(furrow_error *err)
{
    return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                       "this idempotency key was used for another request: use a new one for each command");
}

static furrow_status check_same(const furrow_window_entry *entry, const write_job *job, furrow_error *err)
{
    return furrow_window_same_request(entry, job->command) ? FURROW_OK : key_reused(err);
}

static furrow_status read_at(const write_job *job, uint64_t sequence, furrow_js_stored *out, furrow_error *err)
{
    const furrow_entity *entity = job->entity;
    furrow_patience patience = furrow_patience_make(job->deadline_ns);
    furrow_status status;
    do {
        status = furrow_js_get(entity->link, entity->contract->stream, sequence, furrow_patience_attempt(&patience),
                               job->arena, out, err);
    } while (furrow_patience_again(&patience, status));
    return status;
}

/* The state that event @sequence made, if the log still has it; else @newest, what came of it since. */
static furrow_status state_at(const write_job *job, uint64_t sequence, const furrow_state *newest, furrow_state *out,
                              furrow_error *err)
{
    furrow_js_stored stored;
    *out = *newest;
    if (sequence == 0 || sequence == newest->version) return FURROW_OK;
    furrow_status status = read_at(job, sequence, &stored, err);
    if (status == FURROW_NOT_FOUND || (status == FURROW_OK && strcmp(stored.subject, job->subject) != 0))
        return FURROW_OK;
    if (status == FURROW_OK)
        status = furrow_entity_stored_state(job->entity, job->write->id, &stored, job->arena, out, err);
    return status == FURROW_DATA_LOSS ? FURROW_OK : status;
}

/* Who wrote a state is owed one: where it is gone and the entity too, that is the answer, and no OK without a state. */
static furrow_status owe_state(const write_job *job, const furrow_state *state, furrow_error *err)
{
    if (!state->deleted || job->write->removes) return FURROW_OK;
    return furrow_fail(err, FURROW_NOT_FOUND, "%s is deleted: this command took effect before that", job->subject);
}

static furrow_status answer_repeated(const write_job *job, const furrow_state *state, const furrow_window_entry *entry,
                                     furrow_written *out, furrow_error *err)
{
    furrow_status status = check_same(entry, job, err);
    if (status == FURROW_OK) status = state_at(job, entry->sequence, state, &out->state, err);
    if (status == FURROW_OK) status = owe_state(job, &out->state, err);
    out->repeated = true;
    return status;
}

/* The server knows the message id but the state we stood on does not: what counts is what the log has. */
static furrow_status answer_duplicate(const write_job *job, uint64_t sequence, furrow_written *out, furrow_error *err)
{
    furrow_state newest;
    furrow_status status =
        furrow_entity_newest(job->entity, job->write->id, job->deadline_ns, job->arena, &newest, err);
    if (status == FURROW_OK) status = state_at(job, sequence, &newest, &out->state, err);
    if (status != FURROW_OK) return status;
    const furrow_window_entry *entry = furrow_window_find(out->state.window, job->command);
    if (!entry) entry = furrow_window_find(newest.window, job->command);
    out->repeated = true;
    if (entry) status = check_same(entry, job, err);
    return status == FURROW_OK ? owe_state(job, &out->state, err) : status;
}

static furrow_status check_decided(const write_job *job, const ProtobufCMessage *next, furrow_error *err)
{
    const furrow_entity_contract *contract = job->entity->contract;
    if (next->descriptor != contract->descriptor)
        return furrow_fail(err, FURROW_INTERNAL, "the decision made a %s where a %s belongs", next->descriptor->name,
                           contract->name);
    return furrow_entity_check(job->entity, job->write->id, 0, next, err);
}

/* @next without the window of the state it was made from; its own message is left as it is. */
static furrow_status without_window(const write_job *job, ProtobufCMessage *next, ProtobufCMessage **out,
                                    furrow_error *err)
{
    bool full = false;
    *out = next;
    if (!furrow_window_in(next)) return FURROW_OK;
    ProtobufCMessage *copy = furrow_arena_memdup(job->arena, next, next->descriptor->sizeof_message);
    if (copy) {
        copy->unknown_fields = furrow_arena_memdup(job->arena, next->unknown_fields,
                                                   next->n_unknown_fields * sizeof next->unknown_fields[0]);
        if (copy->unknown_fields) (void)furrow_window_take(copy, job->arena, &full);
    }
    if (!copy || !copy->unknown_fields || full)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the new state");
    *out = copy;
    return FURROW_OK;
}

static furrow_status pack_next(const write_job *job, const ProtobufCMessage *next, const furrow_window *window,
                               furrow_bytes *body, furrow_error *err)
{
    const ProtobufCMessage *whole = furrow_zero_keep(next, job->arena);
    size_t size = protobuf_c_message_get_packed_size(whole ? whole : next);
    uint8_t *bytes = whole ? furrow_arena_alloc(job->arena, size + FURROW_WINDOW_BYTES_MAX) : NULL;
    if (!bytes) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the new state of %zu bytes", size);
    size = furrow_nul_pack(whole, bytes);
    furrow_bytes packed = {bytes, size + furrow_window_pack(window, bytes + size)};
    furrow_error why = {0};
    if (furrow_message_check(next->descriptor, packed, &why) != FURROW_OK) /* nobody could read it */
        return furrow_rules_broken(&job->entity->rules, job->write->id, 0, &why, err);
    *body = packed;
    return FURROW_OK;
}

/* "deleted" and whatever ends in ".deleted" is for tombstones, and tombstones are nothing else. */
static furrow_status name_event(write_job *job, const furrow_decision *decision, furrow_error *err)
{
    const char *event = decision->event ? decision->event : decision->remove ? "deleted" : "changed";
    size_t len = strlen(event);
    bool deletes = strcmp(event, "deleted") == 0 || (len > 8 && strcmp(event + len - 8, ".deleted") == 0);
    if (deletes && !decision->remove)
        return furrow_fail(err, FURROW_INTERNAL, "the event \"%s\" carries a state", event);
    const char *name = job->entity->contract->name, *end = decision->remove && !deletes ? ".deleted" : "";
    size_t name_len = strlen(name), end_len = strlen(end);
    if (name_len + 1 + len + end_len >= sizeof job->type)
        return furrow_fail(err, FURROW_INTERNAL, "the event's name \"%s\" is too long", event);
    memcpy(job->type, name, name_len);
    job->type[name_len] = '.';
    memcpy(job->type + name_len + 1, event, len);
    memcpy(job->type + name_len + 1 + len, end, end_len + 1);
    return FURROW_OK;
}

static void leave_state(write_job *job, const furrow_state *state, bool acked)
{
    job->left = (furrow_turn_state){.record = {.found = state->version > 0,
                                               .deleted = state->deleted,
                                               .version = state->version,
                                               .body = state->body},
                                    .known = state->deleted || state->version == 0 || state->body.len > 0,
                                    .sure = acked || job->sure,
                                    .fresh = acked};
}

/* The next writer needs nothing of Redis: what is applied there comes in order, since it is sent in order. */
static void pass_turn(write_job *job)
{
    if (job->turn) furrow_turn_give(job->turn, &job->left);
}

/* Best effort: once the log has it the command is done; what fails here the owner's reader does later. */
static furrow_status apply(const write_job *job, const furrow_state *from, const furrow_state *next, furrow_error *err)
{
    if (furrow_fault("stale-record")) return FURROW_OK;
    furrow_record known = {
        .found = from->version > 0, .deleted = from->deleted, .version = from->version, .body = from->body};
    furrow_record_write write = {
        .id = furrow_bytes_of(job->write->id), .version = next->version, .body = next->body, .message = next->message};
    if (!from->message || from->body.len > 0) write.known = &known;
    uint64_t deadline = furrow_task_set_deadline(furrow_clock_in_ms(FURROW_ENTITY_APPLY_MS));
    furrow_status status = furrow_record_apply(job->entity->table, &write, 1, NULL, err);
    furrow_record_vouch(job->entity->table, &write);
    if (status == FURROW_OK && next->deleted) /* remembered results tell of it */
        (void)!furrow_store_forget(furrow_table_store(job->entity->table), job->entity->source + 1, job->subject, NULL);
    (void)furrow_task_set_deadline(deadline);
    return status;
}

/* Only a command with a key has a message id, and only a message id finds duplicates; the first may be our own first
 * copy. */
static furrow_status is_own_event(const write_job *job, const furrow_event *event, uint64_t sequence, bool *own,
                                  furrow_error *err)
{
    furrow_js_stored stored;
    furrow_status status = read_at(job, sequence, &stored, err);
    *own = status == FURROW_OK && furrow_event_is(&stored, event->id, job->arena);
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

/*
 * The records were put in doubt since ours was decided. The log may have lost our event, and then nobody else has it; and
 * Redis may be away from us alone, so that others read on what is older. OK is answered only when the log, as it is known
 * again, has it still, and its record is there; UNAVAILABLE, after which the command may be run again, only when it has
 * it no more.
 */
static furrow_status apply_after_doubt(const write_job *job, const furrow_event *event, const furrow_state *from,
                                       const furrow_state *next, furrow_error *err)
{
    furrow_table *table = job->entity->table;
    furrow_error why = {0};
    furrow_status status = FURROW_OK;
    for (int round = 0; status == FURROW_OK && round < DOUBTS; round++) {
        bool own = false;
        status = furrow_table_await_log(table, job->deadline_ns, &why);
        if (status == FURROW_OK) status = is_own_event(job, event, next->version, &own, &why);
        if (status == FURROW_OK && !own)
            return furrow_fail(err, FURROW_UNAVAILABLE, "the log took it as %llu and lost it: nothing was written",
                               (unsigned long long)next->version);
        if (status == FURROW_OK && apply(job, from, next, &why) == FURROW_OK) return FURROW_OK;
        if (status == FURROW_OK) status = furrow_table_await_trust(table, job->deadline_ns, &why);
    }
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "it may have been written, as version %llu: %s",
                       (unsigned long long)next->version, why.text);
}

/* @moment: of the table, when it was decided. What Redis does not take, or not in time, is left to the owner's reader,
 * and the answer is OK, while the records are what was verified. */
static furrow_status apply_decided(const write_job *job, uint64_t moment, const furrow_event *event,
                                   const furrow_state *from, const furrow_state *next, furrow_error *err)
{
    const furrow_table *table = job->entity->table;
    if (apply(job, from, next, NULL) == FURROW_OK) return FURROW_OK;
    if (furrow_table_moment(table) == moment && furrow_table_trusted(table)) return FURROW_OK;
    return apply_after_doubt(job, event, from, next, err);
}

static furrow_status publish_next(write_job *job, const furrow_state *state, const furrow_decision *decision,
                                  furrow_written *out, furrow_error *err)
{
    furrow_window *window = furrow_arena_alloc(job->arena, sizeof *window);
    if (!window) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the new state");
    furrow_window_next(state, job->command, window);
    furrow_event event = {.subject = job->subject,
                          .expected = state->version,
                          .type = job->type,
                          .by = job->command->caller,
                          .happened_ns = furrow_event_moment(job->entity, state->message, decision->next),
                          .msg_id = job->msg_id[0] ? job->msg_id : NULL};
    furrow_state next = {.deleted = decision->remove, .window = window->count ? window : NULL};
    furrow_status status = FURROW_OK;
    if (!decision->remove) {
        status = without_window(job, decision->next, &next.message, err);
        if (status == FURROW_OK) status = pack_next(job, next.message, window, &event.body, err);
    } else if (window->count > 0) {
        furrow_window_format(window, job->commands);
        event.commands = job->commands;
    }
    furrow_js_puback ack = {0};
    uint64_t moment = furrow_table_moment(job->entity->table);
    if (job->turn) furrow_turn_publishing(job->turn);
    if (furrow_fault("unwritten"))
        ack.sequence = state->version + 1;
    else if (status == FURROW_OK)
        status = furrow_event_publish(job->entity, &event, job->deadline_ns, &ack, err);
    job->conflict = status == FURROW_ABORTED;
    job->left.known = false; /* if it is not ours, we do not know what is there */
    bool own = true;
    if (status == FURROW_OK && ack.duplicate) status = is_own_event(job, &event, ack.sequence, &own, err);
    if (status != FURROW_OK) return furrow_wrap(err, "write %s", job->subject);
    if (!own) return answer_duplicate(job, ack.sequence, out, err);
    next.version = ack.sequence;
    next.body = event.body;
    leave_state(job, &next, true);
    pass_turn(job);
    status = apply_decided(job, moment, &event, state, &next, err);
    if (status != FURROW_OK) return furrow_wrap(err, "write %s", job->subject);
    furrow_table_spread(job->entity->table, job->write->id, next.version);
    out->state = next;
    out->wrote = true;
    return FURROW_OK;
}

/* A decision not to write, for a reason that lies in the state: only the newest state is reason enough. */
static bool rests_on_state(furrow_status status, const furrow_decision *decision)
{
    if (status == FURROW_OK) return !decision->next && !decision->remove;
    return status == FURROW_FAILED_PRECONDITION || status == FURROW_NOT_FOUND || status == FURROW_ALREADY_EXISTS;
}

static furrow_status decide_and_write(write_job *job, const furrow_state *state, furrow_written *out, furrow_error *err)
{
    leave_state(job, state, false);
    const furrow_window_entry *entry = furrow_window_find(state->window, job->command);
    if (entry && !furrow_fault("repeat-unseen")) return answer_repeated(job, state, entry, out, err);
    furrow_decision decision = {0};
    furrow_status status = job->write->decide(job->write->arg, state, job->arena, &decision, err);
    if (!job->sure && rests_on_state(status, &decision)) {
        job->again = true;
        return FURROW_ABORTED;
    }
    if (status != FURROW_OK) return status;
    if (!decision.next && !decision.remove) {
        out->state = *state;
        return FURROW_OK;
    }
    status = name_event(job, &decision, err);
    if (status == FURROW_OK && !decision.remove) status = check_decided(job, decision.next, err);
    return status == FURROW_OK ? publish_next(job, state, &decision, out, err) : status;
}

/* Is what the writer before us left good enough to begin with? */
static bool is_handed(const write_job *job)
{
    const furrow_turn *turn = job->turn;
    return turn && turn->handed.known && (turn->handed.fresh || !job->write->from_log);
}

/* Redis does not keep a tombstone's commands: who writes over one, or is one of them, looks into the log. So does who
 * cannot read what Redis has. */
static furrow_status first_state(write_job *job, furrow_state *out, furrow_error *err)
{
    const furrow_write *write = job->write;
    bool waited = job->turn && job->turn->waited, handed = is_handed(job);
    bool from_log = !handed && (write->from_log || (job->turn && job->turn->rivalry > 0));
    furrow_status status = FURROW_OK;
    if (handed)
        status = furrow_entity_unpack(job->entity, write->id, &job->turn->handed.record, job->arena, out, err);
    else if (!from_log && write->known && !waited) /* else it was read before somebody else wrote */
        *out = *write->known;
    else if (!from_log)
        status = furrow_entity_load_to_write(job->entity, write->id, job->arena, out, err);
    from_log |= status == FURROW_DATA_LOSS;
    if (status != FURROW_OK && !from_log) return status;
    job->sure = handed && job->turn->handed.sure;
    if (!from_log && !(out->deleted && !out->window)) return FURROW_OK;
    job->sure = true;
    return furrow_entity_newest(job->entity, write->id, job->deadline_ns, job->arena, out, err);
}

/*
 * Versions of an entity only grow, so a log whose newest is older than what we stood on has lost its end. To decide again
 * would be to decide on a state that somebody was told is past.
 */
static furrow_status check_not_back(const write_job *job, uint64_t stood_on, const furrow_state *newest,
                                    furrow_error *err)
{
    if (newest->version >= stood_on) return FURROW_OK;
    furrow_table_doubt(job->entity->table, "the log is older than these records");
    return furrow_fail(err, FURROW_UNAVAILABLE,
                       "%s: the log has version %llu of it, and its record is of version %llu: the log went back, and "
                       "nothing was written; see the service's health for what to do",
                       job->subject, (unsigned long long)newest->version, (unsigned long long)stood_on);
}

/* The first conflict most likely means that Redis was behind; more of them mean rivals, who should not meet again. */
static void keep_distance(unsigned attempt, furrow_backoff *backoff)
{
    if (attempt > 0) furrow_task_sleep_ms(furrow_backoff_next_ms(backoff));
}

static furrow_status run_write(write_job *job, furrow_written *out, furrow_error *err)
{
    furrow_backoff backoff = {.base_ms = CONFLICT_MIN_MS, .max_ms = CONFLICT_MAX_MS};
    furrow_state state;
    furrow_status status = first_state(job, &state, err);
    for (unsigned attempt = 0; status == FURROW_OK; attempt++) {
        uint64_t stood_on = state.version;
        job->conflict = job->again = false;
        status = decide_and_write(job, &state, out, err);
        if (!job->conflict && !job->again) return status;
        if (job->conflict && job->turn && job->sure) furrow_turn_met_rival(job->turn);
        if (attempt + 1 == FURROW_ENTITY_ATTEMPTS)
            return furrow_fail(err, FURROW_ABORTED, "%s changed under each of %d attempts: try again", job->subject,
                               FURROW_ENTITY_ATTEMPTS);
        keep_distance(attempt, &backoff);
        status = furrow_entity_newest(job->entity, job->write->id, job->deadline_ns, job->arena, &state, err);
        if (status == FURROW_OK) status = check_not_back(job, stood_on, &state, err);
        job->sure = true;
    }
    return status;
}

static write_job make_job(furrow_entity *entity, const furrow_write *write, furrow_arena *arena)
{
    static const furrow_command plain;
    write_job job = {
        .entity = entity, .write = write, .command = write->command ? write->command : &plain, .arena = arena};
    job.deadline_ns = furrow_entity_deadline(job.command);
    return job;
}

static furrow_status run_job(write_job *job, furrow_written *out, furrow_error *err)
{
    furrow_written written = {.wrote = false};
    furrow_status status = furrow_subject_of_entity(job->entity->contract->name, job->write->id, written.subject, err);
    if (status != FURROW_OK) return status;
    job->subject = written.subject;
    if (job->command->has_key && !furrow_fault("repeat-unseen"))
        make_msg_id(job->command, written.subject, job->msg_id);
    status = run_write(job, &written, err);
    if (status == FURROW_OK) *out = written;
    return status;
}

furrow_status furrow_entity_write_now(furrow_entity *entity, const furrow_write *write, furrow_arena *arena,
                                      furrow_written *out, furrow_error *err)
{
    write_job job = make_job(entity, write, arena);
    return run_job(&job, out, err);
}

furrow_status furrow_entity_write(furrow_entity *entity, const furrow_write *write, furrow_arena *arena,
                                  furrow_written *out, furrow_error *err)
{
    furrow_turn turn;
    write_job job = make_job(entity, write, arena);
    /* The turn borrows the id, and nothing that is no id may take one. */
    if (!write->id || !furrow_id_valid(write->id, strlen(write->id))) return run_job(&job, out, err);
    furrow_status status = furrow_turn_take(&entity->turns, &turn, write->id, arena, job.deadline_ns, err);
    if (status != FURROW_OK) return status;
    job.turn = &turn;
    status = run_job(&job, out, err);
    pass_turn(&job);
    return status;
}

static furrow_status decide_fence(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *err)
{
    const char *const *id = arg;
    if (current->message) return furrow_fail(err, FURROW_ALREADY_EXISTS, "%s exists", *id);
    out->remove = current->version == 0; /* a tombstone refuses what expects 0 as well */
    return FURROW_OK;
}

furrow_status furrow_entity_fence(furrow_entity *entity, const char *id, const furrow_command *command,
                                  furrow_error *err)
{
    static const furrow_state never;
    furrow_command keyless = *command; /* the key belongs to what the command does to its own entity */
    furrow_written written;
    keyless.has_key = false;
    furrow_write write = {.id = id, .command = &keyless, .known = &never, .decide = decide_fence, .arg = &id};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return furrow_entity_write_now(entity, &write, arena, &written, err);
}
