/*
 * The intake: events of the durable become records. The pull hands messages over per turn; they queue in a ring, and up
 * to FURROW_REPLICA_WORKERS tasks take a batch of FURROW_RECORD_BATCH each, check and project it into one buffer, write
 * it with one script call and ack it. So fetch, apply and ack overlap, and an event costs no allocation of ours.
 *
 * Invariants: an ack leaves only after Redis has answered for that event. Redis being away or full is no fault of an
 * event: it is tried again until the replica stops or discards. What an event itself is to blame for (bytes, subject,
 * id, or a write that Redis refuses alone, too) goes to the dead letters; until it is stored there it is not settled
 * either. The record keeps the last good state meanwhile, and an own entity's is put on top of the log again.
 */
#include "replica/inside.h"

#include "base/fault.h"
#include "wire/message.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES_MAX   (4u << 20)   /* a batch of larger events has fewer of them */
#define BATCH_BYTES_KEPT  (256u << 10) /* a buffer that had to grow past it is given back */
#define EVENT_BYTES_MAX   (16u << 20)  /* a larger one is refused */
#define CHECK_ARENA_BYTES ((size_t)256 << 20)
#define REFUSED_TRIES     3
#define RETURN_DELAY_MS   5000

typedef enum fate {
    FATE_WRITE,  /* fit to be written */
    FATE_DONE,   /* Redis has answered for it */
    FATE_BURY,   /* not fit: to the dead letters */
    FATE_BURIED, /* is there */
    FATE_RETURN, /* not settled: the log shall bring it again */
    FATE_ALIEN,  /* no event of a stream: nothing to ack */
} fate;

struct furrow_intake_batch {
    furrow_intake_batch *next;
    furrow_replica *replica;
    bool patient; /* waits for Redis instead of failing */
    size_t count, write_count;
    furrow_js_stored events[FURROW_RECORD_BATCH];
    furrow_msg *messages[FURROW_RECORD_BATCH]; /* what they were delivered as; not the side reader's */
    uint8_t fates[FURROW_RECORD_BATCH];
    furrow_record_write writes[FURROW_RECORD_BATCH];
    uint16_t origin[FURROW_RECORD_BATCH]; /* of a write: its message */
    furrow_buffer bodies;
    furrow_arena *arena;
    furrow_error failure; /* why something is FATE_RETURN */
    uint64_t epoch_seq;   /* of the newest message in it that tells the log's epoch, or 0 */
    int64_t epoch_ns;
};

/* ---- one event ---- */

/* rule 6: an entity has a non-empty id equal to its subject's token. Unpacking also proves that readers will be able
 * to. Of an own entity a state that breaks its rules is none either: it must not become the last good one. */
static furrow_status check_body(furrow_intake_batch *batch, furrow_bytes body, furrow_bytes id, furrow_error *err)
{
    furrow_replica *replica = batch->replica;
    ProtobufCMessage *message;
    furrow_arena_reset(batch->arena);
    furrow_status status = furrow_message_unpack(replica->about.descriptor, body, batch->arena, &message, err);
    if (status != FURROW_OK) return status;
    const char *inside = *(char *const *)((const char *)message + replica->rules.id->offset);
    furrow_error why = {0};
    bool same = inside && furrow_bytes_is(id, inside);
    if (same && replica->options.own) status = furrow_rules_hold(&replica->rules, message, &why);
    if (same && status == FURROW_OK) return FURROW_OK;
    if (status == FURROW_RESOURCE_EXHAUSTED) return furrow_fail(err, status, "%s", why.text);
    if (same) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the state breaks the rule of its field %s", why.field);
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the event's id is \"%.64s\", its subject's is \"%.*s\"",
                       inside ? inside : "", (int)id.len, (const char *)id.data);
}

static furrow_status project(furrow_intake_batch *batch, const furrow_js_stored *event, furrow_bytes *body,
                             furrow_error *err)
{
    furrow_replica *replica = batch->replica;
    if (!replica->projection) { /* an own entity: whole, unknown fields of a newer owner included */
        *body = event->data;
        return FURROW_OK;
    }
    uint8_t *into = furrow_buffer_reserve(&batch->bodies, event->data.len);
    if (!into) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for %zu bytes", event->data.len);
    size_t len;
    furrow_status status = furrow_projection_apply(replica->projection, event->data, into, &len, err);
    if (status != FURROW_OK) return status;
    batch->bodies.len += len;
    *body = (furrow_bytes){into, len};
    return FURROW_OK;
}

/* INVALID_ARGUMENT: the event is to blame. An empty body is a deletion if its headers say so. */
static furrow_status read_event(furrow_intake_batch *batch, const furrow_js_stored *event, furrow_record_write *out,
                                furrow_error *err)
{
    furrow_record_write write = {.version = 0};
    if (event->data.len > EVENT_BYTES_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%zu bytes are more than a record holds", event->data.len);
    furrow_status status = furrow_subject_id(event->subject, batch->replica->entity, &write.id, err);
    if (status == FURROW_OK && event->data.len == 0) {
        const furrow_entity_contract *own = batch->replica->options.own;
        furrow_arena_reset(batch->arena);
        status =
            furrow_js_stored_check_deletion(event, batch->replica->entity, own ? own->owner : NULL, batch->arena, err);
    } else if (status == FURROW_OK) {
        status = project(batch, event, &write.body, err);
        write.version = event->sequence;
        bool checked = status != FURROW_OK || furrow_record_vouched(batch->replica->table, &write);
        if (!checked) status = check_body(batch, write.body, write.id, err);
    }
    if (status == FURROW_OK) *out = write;
    return status;
}

/* The log's epoch, told by the log itself: no record, but to be looked at when it is another than we know. */
static bool is_epoch(furrow_intake_batch *batch, const furrow_js_stored *event)
{
    furrow_replica *replica = batch->replica;
    furrow_epoch epoch;
    if (!furrow_epoch_is_subject(event->subject, replica->entity)) return false;
    if (event->sequence > batch->epoch_seq) {
        batch->epoch_seq = event->sequence;
        batch->epoch_ns = event->timestamp_ns;
    }
    if (batch->patient && furrow_epoch_parse(event->data, &epoch) && epoch.begun > furrow_table_epoch(replica->table))
        furrow_table_doubt(replica->table, "the log has another epoch");
    return true;
}

/* By it the log is known again. */
static void note_epoch(furrow_intake_batch *batch)
{
    if (batch->epoch_seq == 0) return;
    furrow_status status =
        furrow_marker_note(batch->replica->table, batch->epoch_seq, batch->epoch_ns, &batch->failure);
    for (size_t i = 0; status != FURROW_OK && i < batch->count; i++)
        if (batch->fates[i] == FATE_DONE) batch->fates[i] = FATE_RETURN;
}

/* ---- a batch ---- */

static void prepare(furrow_intake_batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++) bytes += batch->events[i].data.len;
    furrow_buffer_reset(&batch->bodies);
    /* Room for all at once: later ones must not move what earlier writes point at. */
    bool room = !batch->replica->projection || bytes == 0 || furrow_buffer_reserve(&batch->bodies, bytes) != NULL;
    batch->write_count = 0;
    batch->epoch_seq = 0;
    for (size_t i = 0; i < batch->count; i++) {
        furrow_record_write *write = &batch->writes[batch->write_count];
        const furrow_js_stored *event = &batch->events[i];
        if (event->sequence > 0 && is_epoch(batch, event)) {
            batch->fates[i] = FATE_DONE;
            continue;
        }
        furrow_status status = room ? read_event(batch, event, write, NULL) : FURROW_RESOURCE_EXHAUSTED;
        batch->fates[i] = event->sequence == 0                  ? FATE_ALIEN
                          : status == FURROW_OK                 ? FATE_WRITE
                          : status == FURROW_RESOURCE_EXHAUSTED ? FATE_RETURN
                                                                : FATE_BURY;
        if (batch->fates[i] == FATE_RETURN)
            furrow_fail(&batch->failure, FURROW_RESOURCE_EXHAUSTED, "no memory for a batch of %zu bytes", bytes);
        if (batch->fates[i] != FATE_WRITE) continue;
        if (!batch->replica->options.own && furrow_fault("event-skipped")) continue;
        write->version = event->sequence;
        write->time_ns = event->timestamp_ns; /* by that a log is known again */
        batch->origin[batch->write_count++] = (uint16_t)i;
    }
}

/* Passes by itself, and is no fault of the event: Redis away, full, or forbidding us; a record that others write
 * without pause. */
static bool is_outage(furrow_status status)
{
    return status == FURROW_UNAVAILABLE || status == FURROW_ABORTED || status == FURROW_RESOURCE_EXHAUSTED ||
           status == FURROW_DEADLINE_EXCEEDED || status == FURROW_PERMISSION_DENIED || status == FURROW_UNAUTHENTICATED;
}

/* The log was away since these events were delivered, and may have lost them. */
static bool is_outdated(const furrow_replica *replica)
{
    return replica->intake.links != furrow_link_reconnects(replica->link);
}

static bool gives_up(const furrow_intake_batch *batch)
{
    return !batch->patient || batch->replica->stopping || batch->replica->intake.discarding;
}

/* Ends when Redis comes back, too: whoever waits for these events should not wait longer than that. */
static void pause_for_redis(furrow_replica *replica, uint64_t ms)
{
    if (furrow_store_connected(replica->store))
        furrow_task_sleep_ms(ms);
    else
        (void)furrow_store_wait_connected(replica->store, furrow_clock_in_ms(ms));
}

/* Writes, and again while Redis is away. A refusal is tried a few times before it counts, and alone (see write_range).
 */
static furrow_status write_some(furrow_intake_batch *batch, size_t first, size_t count, furrow_error *err)
{
    furrow_replica *replica = batch->replica;
    furrow_backoff backoff = {.base_ms = 20, .max_ms = 250};
    for (unsigned refused = 0;;) {
        size_t applied = 0;
        if (batch->patient && is_outdated(replica)) return furrow_fail(err, FURROW_UNAVAILABLE, "NATS was away");
        furrow_status status = furrow_record_apply(replica->table, batch->writes + first, count, &applied, err);
        if (status == FURROW_OK) status = furrow_owner_forget(replica, batch->writes + first, count, err);
        if (status == FURROW_OK) {
            replica->stats.applied += applied;
            replica->stats.stale += count - applied;
            if (applied) furrow_reactor_wake(replica);
            return FURROW_OK;
        }
        bool outage = is_outage(status);
        if (outage && gives_up(batch)) return status;
        if (!outage && (count > 1 || ++refused == REFUSED_TRIES)) return status;
        pause_for_redis(replica, furrow_backoff_next_ms(&backoff));
    }
}

static void set_fates(furrow_intake_batch *batch, size_t first, size_t count, fate as)
{
    for (size_t i = first; i < first + count; i++) batch->fates[batch->origin[i]] = (uint8_t)as;
}

/*
 * Into the dead letters with it; a failure leaves it for another delivery, and people are told. That it was seen stands in
 * the build first, as of what is applied: what the durable was told is done with, the log must still have.
 */
static void bury(furrow_intake_batch *batch, size_t at, const char *reason)
{
    furrow_replica *replica = batch->replica;
    furrow_error err = {0};
    const furrow_js_stored *event = &batch->events[at];
    furrow_status status = furrow_marker_note(replica->table, event->sequence, event->timestamp_ns, &err);
    if (status == FURROW_OK)
        status = furrow_replica_bury(replica, (furrow_deadletter){.event = event, .reason = reason}, &err);
    if (status == FURROW_OK) {
        batch->fates[at] = FATE_BURIED;
        /* It may come again: its state could not be restored yet, or the server did not hear that it is settled. */
        replica->stats.dead_lettered += furrow_replica_is_first_letter(replica, event->sequence);
        replica->notice[0] = '\0';
        return;
    }
    batch->fates[at] = FATE_RETURN;
    furrow_wrap(&err, "store dead letter of event %llu", (unsigned long long)event->sequence);
    snprintf(replica->notice, sizeof replica->notice, "%s", err.text);
    batch->failure = err;
}

/* Halves what Redis refuses until the event that it refuses stands alone: at most 2 * log2(batch) further calls for
 * each. */
static void write_range(furrow_intake_batch *batch, size_t first, size_t count)
{
    furrow_error err = {0};
    furrow_status status = write_some(batch, first, count, &err);
    if (status == FURROW_OK) {
        set_fates(batch, first, count, FATE_DONE);
    } else if (is_outage(status)) {
        set_fates(batch, first, count, FATE_RETURN);
        batch->failure = err;
    } else if (count > 1) {
        write_range(batch, first, count / 2);
        write_range(batch, first + count / 2, count - count / 2);
    } else {
        bury(batch, batch->origin[first], err.text);
    }
}

static void apply_batch(furrow_intake_batch *batch)
{
    prepare(batch);
    note_epoch(batch);
    if (batch->write_count) {
        write_range(batch, 0, batch->write_count);
        furrow_replica_arrived(batch->replica, batch->writes, batch->write_count);
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->fates[i] != FATE_BURY) continue;
        furrow_error err = {0};
        furrow_record_write unused;
        (void)!read_event(batch, &batch->events[i], &unused, &err); /* once more, for the reason */
        bury(batch, i, err.text);
        if (batch->fates[i] == FATE_BURIED &&
            furrow_owner_restore(batch->replica, &batch->events[i], &batch->failure) != FURROW_OK)
            batch->fates[i] = FATE_RETURN;
    }
    if (batch->bodies.cap > BATCH_BYTES_KEPT) furrow_buffer_fini(&batch->bodies);
}

/* ---- workers ---- */

static furrow_msg *ring_take(furrow_intake *intake)
{
    furrow_msg *msg = intake->ring[intake->head];
    intake->head = (intake->head + 1) % intake->capacity;
    intake->queued--;
    return msg;
}

static bool fill(furrow_intake_batch *batch)
{
    furrow_intake *intake = &batch->replica->intake;
    size_t bytes = 0;
    for (batch->count = 0; intake->queued && batch->count < FURROW_RECORD_BATCH; batch->count++) {
        size_t len = intake->ring[intake->head]->data.len;
        if (batch->count && bytes + len > BATCH_BYTES_MAX) break;
        bytes += len;
        furrow_msg *msg = batch->messages[batch->count] = ring_take(intake);
        if (!furrow_js_stored_of(msg, &batch->events[batch->count])) /* sequence 0: it has no fate of ours */
            batch->events[batch->count] = (furrow_js_stored){.subject = msg->subject};
    }
    return batch->count > 0;
}

static void settle(furrow_intake_batch *batch)
{
    furrow_replica *replica = batch->replica;
    bool back_at_once = replica->intake.discarding || is_outdated(replica);
    for (size_t i = 0; i < batch->count; i++) {
        furrow_msg *msg = batch->messages[i];
        /* An ack counts for whatever has the event's sequence by now. */
        if (is_outdated(replica) && batch->fates[i] != FATE_ALIEN) batch->fates[i] = FATE_RETURN;
        switch ((fate)batch->fates[i]) {
        case FATE_DONE:
            furrow_js_ack(replica->link, msg);
            break;
        case FATE_BURIED:
            furrow_js_term(replica->link, msg);
            break;
        case FATE_ALIEN:
            break;
        case FATE_WRITE:
        case FATE_BURY:
        case FATE_RETURN:
            furrow_js_nak(replica->link, msg, back_at_once ? 0 : RETURN_DELAY_MS);
            break;
        }
        furrow_msg_free(msg);
    }
    replica->intake.in_hand -= batch->count;
    if (replica->intake.pull) furrow_js_pull_release(replica->intake.pull, batch->count);
    if (replica->intake.in_hand > 0 || replica->intake.last_pending > 0) return;
    furrow_replica_set_current(replica, true);
    if (replica->phase == FURROW_PHASE_FOLLOW) furrow_replica_nudge(replica);
}

static void return_all(furrow_intake_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) batch->fates[i] = FATE_RETURN;
}

static void work(void *arg)
{
    furrow_intake_batch *batch = arg;
    furrow_replica *replica = batch->replica;
    while (fill(batch)) {
        if (replica->intake.discarding || is_outdated(replica))
            return_all(batch);
        else
            apply_batch(batch);
        settle(batch);
    }
    batch->next = replica->intake.idle;
    replica->intake.idle = batch;
    replica->intake.working--;
    furrow_replica_task_ended(replica);
}

void furrow_intake_pump(furrow_replica *replica)
{
    furrow_intake *intake = &replica->intake;
    size_t wanted = (intake->queued + FURROW_RECORD_BATCH - 1) / FURROW_RECORD_BATCH;
    while (wanted-- && intake->idle) {
        furrow_intake_batch *batch = intake->idle;
        if (furrow_replica_spawn(replica, work, batch, NULL) != FURROW_OK) return; /* the keeper pumps again */
        intake->idle = batch->next;
        intake->working++;
    }
}

/* The pull keeps to max_in_hand; a server that sends more than it was asked for gets it back. */
static void enqueue(furrow_replica *replica, furrow_msg *msg)
{
    furrow_intake *intake = &replica->intake;
    if (intake->queued == intake->capacity) {
        furrow_js_nak(replica->link, msg, RETURN_DELAY_MS);
        furrow_msg_free(msg);
        furrow_js_pull_release(intake->pull, 1);
        return;
    }
    intake->ring[(intake->head + intake->queued++) % intake->capacity] = msg;
    intake->in_hand++;
}

static void on_messages(void *arg, furrow_msg **messages, size_t count)
{
    furrow_replica *replica = arg;
    furrow_intake *intake = &replica->intake;
    furrow_ack ack;
    replica->stats.received += count;
    if (count && messages[count - 1]->reply && furrow_subject_parse_ack(messages[count - 1]->reply, &ack)) {
        intake->last_pending = ack.pending;
        if (ack.pending) furrow_replica_set_current(replica, false);
    }
    for (size_t i = 0; i < count; i++) {
        replica->stats.event_bytes += messages[i]->data.len;
        enqueue(replica, messages[i]);
    }
    furrow_intake_pump(replica);
}

static void on_pull_state(void *arg, furrow_status status, const char *text)
{
    (void)text; /* the keeper looks for itself, and says what it sees */
    furrow_replica *replica = arg;
    if (status == FURROW_OK) return;
    furrow_replica_set_current(replica, false);
    furrow_replica_nudge(replica);
}

/* ---- life cycle ---- */

static void batch_destroy(furrow_intake_batch *batch)
{
    if (!batch) return;
    furrow_buffer_fini(&batch->bodies);
    furrow_arena_destroy(batch->arena);
    free(batch);
}

static furrow_intake_batch *batch_create(furrow_replica *replica, bool patient)
{
    furrow_intake_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->replica = replica;
    batch->patient = patient;
    furrow_buffer_init(&batch->bodies, BATCH_BYTES_MAX + EVENT_BYTES_MAX);
    batch->arena = furrow_arena_create(CHECK_ARENA_BYTES);
    if (batch->arena) return batch;
    batch_destroy(batch);
    return NULL;
}

furrow_status furrow_intake_init(furrow_replica *replica, furrow_error *err)
{
    furrow_intake *intake = &replica->intake;
    intake->capacity = replica->options.max_in_hand + replica->options.batch;
    intake->ring = calloc(intake->capacity, sizeof *intake->ring);
    replica->side = batch_create(replica, false);
    if (!intake->ring || !replica->side) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < FURROW_REPLICA_WORKERS; i++) {
        furrow_intake_batch *batch = batch_create(replica, true);
        if (!batch) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        batch->next = intake->idle;
        intake->idle = batch;
    }
    return FURROW_OK;
}

void furrow_intake_fini(furrow_replica *replica)
{
    furrow_intake *intake = &replica->intake;
    while (intake->idle) {
        furrow_intake_batch *batch = intake->idle;
        intake->idle = batch->next;
        batch_destroy(batch);
    }
    batch_destroy(replica->side);
    while (intake->queued) furrow_msg_free(ring_take(intake));
    free(intake->ring);
}

furrow_status furrow_intake_open(furrow_replica *replica, furrow_error *err)
{
    if (replica->intake.pull || replica->draining) return FURROW_OK;
    furrow_js_pull_options options = {
        .stream = replica->stream,
        .consumer = replica->options.service,
        .batch = replica->options.batch,
        .max_in_hand = replica->options.max_in_hand,
    };
    replica->intake.links = furrow_link_reconnects(replica->link);
    replica->intake.pull = furrow_js_pull_create(replica->link, &options, on_messages, on_pull_state, replica, err);
    return replica->intake.pull ? FURROW_OK : furrow_wrap(err, "pull from %s", replica->stream);
}

void furrow_intake_close(furrow_replica *replica)
{
    furrow_intake *intake = &replica->intake;
    if (!intake->pull) return;
    furrow_js_pull_stop(intake->pull);
    intake->discarding = true;
    while (intake->working || intake->queued) {
        furrow_intake_pump(replica);
        furrow_task_sleep_ms(10);
    }
    furrow_js_pull_destroy(intake->pull);
    intake->pull = NULL;
    intake->discarding = false;
}

furrow_status furrow_intake_replay(furrow_replica *replica, const furrow_js_stored *events, size_t count,
                                   furrow_error *err)
{
    furrow_intake_batch *batch = replica->side;
    for (size_t done = 0; done < count; done += batch->count) {
        size_t bytes = 0;
        for (batch->count = 0; batch->count < FURROW_RECORD_BATCH && done + batch->count < count; batch->count++) {
            bytes += events[done + batch->count].data.len;
            if (batch->count && bytes > BATCH_BYTES_MAX) break;
            batch->events[batch->count] = events[done + batch->count];
            replica->stats.event_bytes += events[done + batch->count].data.len;
        }
        apply_batch(batch);
        replica->stats.replayed += batch->count;
        for (size_t i = 0; i < batch->count; i++) {
            /* What is never delivered is settled by whoever finds it here. */
            if (batch->fates[i] == FATE_BURIED && replica->beside.durable)
                furrow_js_term_sequence(replica->link, replica->stream, replica->options.service,
                                        batch->events[i].sequence);
            if (batch->fates[i] != FATE_RETURN) continue;
            if (err) *err = batch->failure;
            return batch->failure.code;
        }
    }
    return FURROW_OK;
}

furrow_status furrow_intake_rewrite(furrow_replica *replica, const furrow_js_stored *event, furrow_error *err)
{
    furrow_intake_batch *batch = batch_create(replica, false);
    if (!batch) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = read_event(batch, event, &batch->writes[0], err);
    batch->writes[0].version = event->sequence;
    if (status == FURROW_OK) status = furrow_record_rewrite(replica->table, &batch->writes[0], err);
    batch_destroy(batch);
    return status;
}

furrow_status furrow_intake_apply_one(furrow_replica *replica, const furrow_js_stored *event, furrow_error *err)
{
    furrow_intake_batch *batch = batch_create(replica, false);
    if (!batch) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = read_event(batch, event, &batch->writes[0], err);
    batch->writes[0].version = event->sequence;
    if (status == FURROW_OK) status = write_some(batch, 0, 1, err);
    if (status == FURROW_OK) furrow_replica_arrived(replica, batch->writes, 1);
    batch_destroy(batch);
    return status;
}
