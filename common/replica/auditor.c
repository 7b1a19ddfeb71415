/*
 * The background audit: one task per replica that compares, so slowly that nobody notices, each record with the log.
 *
 *   REST --(ready, and the lease is ours)--> EVENTS --> RECORDS --> SUMS --> REST
 *
 * EVENTS asks the log for event after event up to where it ended when the round began. Where the record is of that
 * version its bytes and index entries must be what follows from the event; where it is older, or missing, it is suspect;
 * where it is newer, another event says what it must be. RECORDS goes through the list of ids: each record must have an
 * event of its version in the log. So what is missing, behind or different the first finds, what is ahead or too many the
 * second. SUMS adds up what the totals hold of each record (store/sums.h). Claims, keys and all else that a service owns
 * are tables like any other.
 *
 * Services go on meanwhile: a suspect is looked at by itself, against the newest state in the log, LOOKS times. It is
 * judged only when the replica says that it has applied all up to that state, and when nothing newer comes meanwhile.
 *
 * Memory: a batch, however large the table. Cost: `audit_rate` a second, each one question to the log, one look into
 * Redis per batch and one per index entry. Trouble (NATS or Redis away, records in doubt, a bad state that its owner has
 * yet to mend) ends a round; the next begins after the pause.
 */
#include "replica/inside.h"

#include "store/sums.h"
#include "wire/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH            16
#define LOOKS            3
#define LOOK_MS          700
#define DEFAULT_PAUSE_MS 60000
#define FIRST_REST_MS    2000 /* after the start: what is begun anew has other things to do */
#define LEASE_MS         60000
#define ARENA_BYTES      ((size_t)96 << 20)

typedef struct auditor {
    furrow_replica *replica;
    furrow_arena *arena, *scratch;
    char subjects[FURROW_SUBJECT_MAX]; /* of all ids */
    uint64_t frozen, end;              /* the log's end, when the round began, and when it was last asked */
    uint64_t records, wrong;
    uint64_t leased_ns;
    char first[sizeof((furrow_audit *)0)->first];
} auditor;

static bool goes_on(const auditor *self)
{
    const furrow_replica *replica = self->replica;
    return !replica->stopping && !replica->draining && furrow_replica_state_of(replica) == FURROW_REPLICA_READY;
}

static furrow_status interrupted(furrow_error *err)
{
    return furrow_fail(err, FURROW_UNAVAILABLE, "the replica is not ready, or ends");
}

/* One process at a time: the lease is kept by whoever is at it. */
static furrow_status keep_audit_lease(auditor *self, furrow_error *err)
{
    furrow_replica *replica = self->replica;
    uint64_t now = furrow_clock_now_ns();
    bool held = false;
    if (self->leased_ns && now - self->leased_ns < LEASE_MS / 4 * FURROW_NS_PER_MS) return FURROW_OK;
    furrow_status status = furrow_table_lease(replica->table, "audit", replica->options.instance, LEASE_MS, &held, err);
    if (status == FURROW_OK && !held) status = furrow_fail(err, FURROW_ABORTED, "another process is at it");
    if (status == FURROW_OK) self->leased_ns = now;
    return status;
}

/* So long as @count may take. */
static furrow_status pace(auditor *self, size_t count, furrow_error *err)
{
    furrow_replica *replica = self->replica;
    uint64_t ms = count * 1000 / replica->options.audit_rate;
    if (ms > 0) furrow_replica_rest(replica, &replica->auditor, ms);
    if (!goes_on(self)) return interrupted(err);
    return keep_audit_lease(self, err);
}

/* ---- what must be ---- */

/* What would be stored of @event, in the scratch arena. INVALID_ARGUMENT: it is no state, and nobody stored it. */
static furrow_status state_of(auditor *self, const furrow_js_stored *event, furrow_bytes id, furrow_bytes *body,
                              furrow_error *err)
{
    furrow_replica *replica = self->replica;
    const furrow_entity_contract *own = replica->options.own;
    ProtobufCMessage *message;
    size_t len;
    *body = event->data;
    if (event->data.len == 0)
        return furrow_js_stored_check_deletion(event, replica->entity, own ? own->owner : NULL, self->scratch, err);
    if (replica->projection) {
        uint8_t *into = furrow_arena_alloc(self->scratch, event->data.len);
        if (!into) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        furrow_status status = furrow_projection_apply(replica->projection, event->data, into, &len, err);
        if (status != FURROW_OK) return status;
        *body = (furrow_bytes){into, len};
    }
    furrow_status status = furrow_message_unpack(replica->about.descriptor, *body, self->scratch, &message, err);
    if (status != FURROW_OK) return status;
    const char *inside = *(char *const *)((const char *)message + replica->rules.id->offset);
    if (!inside || !furrow_bytes_is(id, inside)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "another's id");
    return own ? furrow_rules_hold(&replica->rules, message, err) : FURROW_OK;
}

/* ---- one record, looked at closely ---- */

typedef struct closer_look {
    const char *id;
    bool right, unclear;
    uint64_t newest; /* of the log */
    char how[200];   /* it differs */
} closer_look;

static furrow_status compare_with_log(auditor *self, const furrow_record *record, const furrow_js_stored *newest,
                                      furrow_bytes body, closer_look *look, furrow_error *err)
{
    uint64_t version = newest ? newest->sequence : 0;
    const char *unlisted = NULL;
    look->newest = version;
    if (!record->found) {
        look->right = body.len == 0; /* a tombstone goes with time */
        snprintf(look->how, sizeof look->how, "missing: the log has version %" PRIu64, version);
    } else if (record->version != version) {
        snprintf(look->how, sizeof look->how, "version %" PRIu64 ", the log's is %" PRIu64, record->version, version);
    } else if (!furrow_bytes_equal(record->body, body)) {
        const ProtobufCFieldDescriptor *field =
            furrow_message_difference(self->replica->about.descriptor, record->body, body);
        snprintf(look->how, sizeof look->how, "version %" PRIu64 " has other bytes than the log%s%s", version,
                 field ? ": " : "", field ? field->name : "");
    } else if (body.len > 0) {
        furrow_status status =
            furrow_record_find_unlisted(self->replica->table, look->id, body, self->scratch, &unlisted, err);
        look->right = !unlisted;
        if (unlisted && unlisted[0] == '@')
            snprintf(look->how, sizeof look->how, "the totals hold something else of it");
        else
            snprintf(look->how, sizeof look->how, "its entry in the index by %s is missing", unlisted ? unlisted : "");
        return status;
    } else {
        look->right = true;
    }
    return FURROW_OK;
}

static furrow_status look_closely(auditor *self, closer_look *look, furrow_error *err)
{
    furrow_replica *replica = self->replica;
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_stored newest;
    furrow_bytes body = {"", 0};
    furrow_record_read read = {.table = replica->table, .id = look->id};
    look->right = look->unclear = false;
    furrow_arena_reset(self->scratch);
    furrow_status status = furrow_record_read_many(replica->store, &read, 1, self->scratch, err);
    if (status == FURROW_OK) status = furrow_subject_of_entity(replica->entity, look->id, subject, err);
    if (status != FURROW_OK) return status;
    /* After the record, so that the log has whatever that can have. */
    status =
        furrow_js_get_last(replica->link, replica->stream, subject, furrow_replica_soon(), self->scratch, &newest, err);
    if (status == FURROW_NOT_FOUND) return compare_with_log(self, &read.record, NULL, body, look, err);
    if (status != FURROW_OK) return status;
    if (state_of(self, &newest, furrow_bytes_of(look->id), &body, NULL) != FURROW_OK) {
        look->unclear = true; /* no state: its owner puts the last good one on top */
        return FURROW_OK;
    }
    return compare_with_log(self, &read.record, &newest, body, look, err);
}

static void note_wrong(auditor *self, const closer_look *look)
{
    furrow_audit *audit = &self->replica->audit;
    snprintf(audit->last, sizeof audit->last, "%s: %s", look->id, look->how);
    if (self->wrong++ == 0) snprintf(self->first, sizeof self->first, "%s", audit->last);
    audit->found++;
    audit->found_now = self->wrong;
}

/* A suspect is wrong when it stays so while the log has nothing newer of it. */
static furrow_status judge_suspect(auditor *self, const char *id, furrow_error *err)
{
    closer_look look = {.id = id};
    uint64_t newest = 0;
    for (int number = 0; number < LOOKS; number++) {
        furrow_status status = look_closely(self, &look, err);
        if (status != FURROW_OK || look.right || look.unclear) return status;
        if (number > 0 && look.newest != newest) return FURROW_OK;         /* it changes: the next round */
        if (look.newest > self->replica->stats.position) return FURROW_OK; /* nobody says yet that it is applied */
        newest = look.newest;
        if (number + 1 == LOOKS) break;
        furrow_replica_rest(self->replica, &self->replica->auditor, LOOK_MS);
        if (!goes_on(self)) return interrupted(err);
    }
    note_wrong(self, &look);
    return FURROW_OK;
}

/* ---- events ---- */

static bool is_suspect(auditor *self, const furrow_js_stored *event, const furrow_record_read *read)
{
    const furrow_record *record = &read->record;
    const char *unlisted = NULL;
    furrow_bytes body;
    furrow_arena_reset(self->scratch);
    if (record->version > event->sequence) return record->version > self->end;
    bool state = state_of(self, event, furrow_bytes_of(read->id), &body, NULL) == FURROW_OK;
    if (!state) return record->version == event->sequence && record->found;
    if (!record->found) return body.len > 0;
    self->records += record->version == event->sequence;
    if (record->version != event->sequence || !furrow_bytes_equal(record->body, body)) return true;
    if (body.len == 0) return false;
    return furrow_record_find_unlisted(self->replica->table, read->id, body, self->scratch, &unlisted, NULL) ==
               FURROW_OK &&
           unlisted;
}

static furrow_status follow_log_end(auditor *self, const furrow_record_read reads[], size_t count, furrow_error *err)
{
    furrow_js_stream_state stream;
    uint64_t newest = 0;
    for (size_t i = 0; i < count; i++)
        if (reads[i].record.version > newest) newest = reads[i].record.version;
    if (newest <= self->end) return FURROW_OK;
    furrow_status status =
        furrow_js_stream_info(self->replica->link, self->replica->stream, furrow_replica_soon(), &stream, err);
    if (status == FURROW_OK && stream.last_seq > self->end) self->end = stream.last_seq;
    return status;
}

static furrow_status compare_events(auditor *self, const furrow_js_stored events[], size_t count, furrow_error *err)
{
    furrow_replica *replica = self->replica;
    furrow_record_read reads[BATCH];
    furrow_js_stored kept[BATCH];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        furrow_bytes id; /* the subject's last token, so it ends with a NUL */
        if (furrow_subject_id(events[i].subject, replica->entity, &id, NULL) != FURROW_OK) continue;
        kept[known] = events[i];
        reads[known++] = (furrow_record_read){.table = replica->table, .id = id.data};
    }
    furrow_status status = furrow_record_read_many(replica->store, reads, known, self->arena, err);
    if (status == FURROW_OK) status = follow_log_end(self, reads, known, err);
    for (size_t i = 0; status == FURROW_OK && i < known; i++)
        if (is_suspect(self, &kept[i], &reads[i])) status = judge_suspect(self, reads[i].id, err);
    return status;
}

static furrow_status next_events(auditor *self, uint64_t *at, furrow_js_stored events[BATCH], size_t *count,
                                 furrow_error *err)
{
    furrow_status status = FURROW_OK;
    furrow_arena_reset(self->arena);
    for (*count = 0; *count < BATCH && *at <= self->frozen; (*count)++) {
        furrow_js_stored *event = &events[*count];
        status = furrow_js_get_next(self->replica->link, self->replica->stream, self->subjects, *at,
                                    furrow_replica_soon(), self->arena, event, err);
        if (status == FURROW_NOT_FOUND || (status == FURROW_OK && event->sequence > self->frozen)) {
            *at = self->frozen + 1;
            return FURROW_OK;
        }
        if (status != FURROW_OK) return status;
        *at = event->sequence + 1;
    }
    return FURROW_OK;
}

static furrow_status audit_events(auditor *self, uint64_t first, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (uint64_t at = first; status == FURROW_OK && at <= self->frozen;) {
        furrow_js_stored events[BATCH];
        size_t count = 0;
        status = next_events(self, &at, events, &count, err);
        if (status == FURROW_OK && count > 0) status = compare_events(self, events, count, err);
        if (status == FURROW_OK) status = pace(self, count, err);
    }
    return status;
}

/* ---- records ---- */

/* Has the log the event of the record's version? What is newer than the round the next one asks. */
static furrow_status ask_for_event(auditor *self, const furrow_record_read *read, bool *suspect, furrow_error *err)
{
    furrow_replica *replica = self->replica;
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_stored event;
    *suspect = false;
    if (!read->record.found || read->record.deleted) return FURROW_OK;
    furrow_status status = furrow_subject_of_entity(replica->entity, read->id, subject, err);
    if (status != FURROW_OK) return status;
    furrow_arena_reset(self->scratch);
    status = furrow_js_get_next(replica->link, replica->stream, subject, read->record.version, furrow_replica_soon(),
                                self->scratch, &event, err);
    *suspect = status == FURROW_NOT_FOUND || (status == FURROW_OK && event.sequence != read->record.version);
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

static furrow_status audit_ids(auditor *self, const furrow_walked ids[], size_t count, furrow_error *err)
{
    furrow_record_read reads[BATCH];
    for (size_t i = 0; i < count; i++) reads[i] = (furrow_record_read){.table = self->replica->table, .id = ids[i].id};
    furrow_status status = furrow_record_read_many(self->replica->store, reads, count, self->arena, err);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        bool suspect;
        status = ask_for_event(self, &reads[i], &suspect, err);
        if (status == FURROW_OK && suspect) status = judge_suspect(self, reads[i].id, err);
    }
    return status == FURROW_OK ? pace(self, count, err) : status;
}

static furrow_status audit_records(auditor *self, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    furrow_walk walk = {0};
    size_t count = 1;
    while (status == FURROW_OK && count > 0) {
        furrow_walked *ids = NULL;
        furrow_arena_reset(self->arena);
        status = furrow_record_walk_ids(self->replica->table, &walk, self->arena, &ids, &count, err);
        for (size_t i = 0; status == FURROW_OK && i < count; i += BATCH)
            status = audit_ids(self, ids + i, count - i < BATCH ? count - i : BATCH, err);
    }
    return status;
}

/* ---- totals ---- */

static furrow_status pace_sums(void *arg, size_t count, furrow_error *err)
{
    return pace(arg, count, err);
}

static furrow_status look_at_sums(auditor *self, furrow_sums *sums, furrow_error *err)
{
    size_t at = 0;
    furrow_sum wrong;
    for (int number = 0; number < LOOKS; number++) {
        furrow_status status = furrow_sums_look(sums, pace_sums, self, err);
        if (status != FURROW_OK || furrow_sums_suspects(sums) == 0) return status;
        if (number + 1 == LOOKS) break;
        furrow_replica_rest(self->replica, &self->replica->auditor, LOOK_MS);
        if (!goes_on(self)) return interrupted(err);
    }
    while (furrow_sums_next_wrong(sums, &at, &wrong)) {
        closer_look look = {.id = wrong.aggregate};
        snprintf(look.how, sizeof look.how, "%s", wrong.what);
        note_wrong(self, &look);
    }
    return FURROW_OK;
}

static furrow_status audit_sums(auditor *self, furrow_error *err)
{
    furrow_sums *sums = furrow_sums_create(self->replica->table);
    if (!sums) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = look_at_sums(self, sums, err);
    furrow_sums_destroy(sums);
    return status;
}

/* ---- the task ---- */

static furrow_status audit_round(auditor *self, furrow_error *err)
{
    furrow_replica *replica = self->replica;
    furrow_js_stream_state stream;
    self->records = self->wrong = self->leased_ns = 0;
    self->first[0] = '\0';
    replica->audit.found_now = 0;
    furrow_status status = keep_audit_lease(self, err);
    if (status == FURROW_OK)
        status = furrow_js_stream_info(replica->link, replica->stream, furrow_replica_soon(), &stream, err);
    if (status != FURROW_OK) return status;
    self->frozen = self->end = stream.last_seq;
    status = audit_events(self, stream.first_seq, err);
    if (status == FURROW_OK) status = audit_records(self, err);
    if (status == FURROW_OK) status = audit_sums(self, err);
    if (status != FURROW_OK) return status;
    furrow_audit *audit = &replica->audit;
    audit->ended_ns = furrow_clock_wall_ns();
    audit->sequence = self->frozen;
    audit->records = self->records;
    audit->wrong = self->wrong;
    audit->found_now = 0;
    snprintf(audit->first, sizeof audit->first, "%s", self->first);
    return FURROW_OK;
}

void furrow_auditor_run(void *arg)
{
    furrow_replica *replica = arg;
    auditor self = {.replica = replica};
    uint64_t pause_ms = replica->options.audit_pause_ms ? replica->options.audit_pause_ms : DEFAULT_PAUSE_MS;
    self.arena = furrow_arena_create(ARENA_BYTES);
    self.scratch = furrow_arena_create(ARENA_BYTES);
    furrow_replica_rest(replica, &replica->auditor, FIRST_REST_MS);
    bool able =
        self.arena && self.scratch && furrow_subject_of_entity(replica->entity, "x", self.subjects, NULL) == FURROW_OK;
    if (able) snprintf(self.subjects + strlen(self.subjects) - 1, 2, "*");
    while (able && !replica->stopping && !replica->draining) {
        /* Why a round ends early says who met the trouble: readiness, the log, Redis. */
        if (goes_on(&self)) (void)!audit_round(&self, NULL);
        furrow_arena_reset(self.arena);
        furrow_arena_reset(self.scratch);
        furrow_replica_rest(replica, &replica->auditor, pause_ms);
    }
    furrow_arena_destroy(self.arena);
    furrow_arena_destroy(self.scratch);
    furrow_replica_task_ended(replica);
}
