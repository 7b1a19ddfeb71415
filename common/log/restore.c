/*
 * See restore.h. Redis is asked first: its record is the newest good state unless it is behind, and then the log still
 * has what came between. How many messages the log keeps of a subject bounds the search, and tells an entity that never
 * was (nothing can have been pushed out) from one that is lost.
 * May depend on event, window, link, store.
 */
#include "log/restore.h"

#include "log/event.h"
#include "wire/member.h"
#include "wire/message.h"

#include <stdio.h>

typedef struct search {
    furrow_entity *entity;
    const char *id;
    const furrow_js_stored *poison; /* the newest message */
    uint64_t deadline_ns;
    furrow_arena *arena;
    furrow_state good; /* version 0: none found */
    uint32_t kept;     /* messages the log has from where we looked, the poison too */
    bool redis_asked;
    bool broken; /* a message was a state of this very entity, but for its rules: it did exist */
} search;

static void note_broken(search *self, const furrow_js_stored *stored)
{
    ProtobufCMessage *message;
    const furrow_rules *rules = &self->entity->rules;
    if (stored->data.len == 0 ||
        furrow_message_unpack(rules->descriptor, stored->data, self->arena, &message, NULL) != FURROW_OK)
        return;
    const char *inside = furrow_member_text(message, rules->id);
    if (inside && strcmp(inside, self->id) == 0) self->broken = true;
}

/* A record that cannot be read is as good as none. */
static furrow_status search_redis(search *self, furrow_error *err)
{
    furrow_state state = {.message = NULL};
    furrow_record record;
    /* As it lies there: whatever it is worth, what the log has after it comes on top. */
    furrow_status status = furrow_record_read_unverified(self->entity->table, self->id, self->arena, &record, err);
    if (status == FURROW_OK) status = furrow_entity_unpack(self->entity, self->id, &record, self->arena, &state, err);
    self->redis_asked = status == FURROW_OK || status == FURROW_DATA_LOSS;
    if (status == FURROW_OK && state.version < self->poison->sequence) self->good = state;
    return self->redis_asked ? FURROW_OK : status;
}

/* What the log has after the record, oldest first; what is no state is passed over. A tombstone is read once more, for
 * the commands that Redis does not keep of it. */
static furrow_status search_log(search *self, furrow_error *err)
{
    const char *stream = self->entity->contract->stream;
    furrow_js_stored stored;
    self->kept = 1;
    for (uint64_t from = self->good.version + !self->good.deleted;; from = stored.sequence + 1) {
        furrow_state state;
        furrow_status status = furrow_js_get_next(self->entity->link, stream, self->poison->subject, from,
                                                  self->deadline_ns, self->arena, &stored, err);
        if (status == FURROW_NOT_FOUND || (status == FURROW_OK && stored.sequence >= self->poison->sequence))
            return FURROW_OK;
        if (status == FURROW_OK)
            status = furrow_entity_stored_state(self->entity, self->id, &stored, self->arena, &state, err);
        if (status != FURROW_OK && status != FURROW_DATA_LOSS) return status;
        if (status == FURROW_OK) {
            self->good = state;
        } else {
            note_broken(self, &stored);
        }
        self->kept++;
    }
}

static furrow_status publish_restored(search *self, furrow_state *out, furrow_error *err)
{
    char type[FURROW_EVENT_TYPE_MAX], commands[FURROW_WINDOW_HEX_SIZE];
    const furrow_state *good = &self->good;
    furrow_event event = {.subject = self->poison->subject,
                          .body = good->body,
                          .expected = self->poison->sequence,
                          .type = type,
                          .by = ""};
    snprintf(type, sizeof type, "%s.%s", self->entity->contract->name, good->deleted ? "restored.deleted" : "restored");
    if (good->deleted && good->window) {
        furrow_window_format(good->window, commands);
        event.commands = commands;
    }
    furrow_js_puback ack;
    furrow_status status = furrow_event_publish(self->entity, &event, self->deadline_ns, &ack, err);
    if (status != FURROW_OK) return status;
    *out = *good;
    out->version = ack.sequence;
    furrow_record_write write = {.id = furrow_bytes_of(self->id), .version = ack.sequence, .body = good->body};
    /* Best effort, as after every write: the owner's reader does it later. */
    (void)!furrow_record_apply(self->entity->table, &write, 1, NULL, NULL);
    return FURROW_OK;
}

furrow_status furrow_restore(furrow_entity *entity, const char *id, const furrow_js_stored *poison,
                             const furrow_error *why, uint64_t deadline_ns, furrow_arena *arena, furrow_state *out,
                             furrow_error *err)
{
    search self = {.entity = entity, .id = id, .poison = poison, .deadline_ns = deadline_ns, .arena = arena};
    furrow_error redis = {0};
    furrow_status asked = search_redis(&self, &redis);
    furrow_status status = search_log(&self, err);
    if (status != FURROW_OK) return status;
    if (self.good.version > 0) return publish_restored(&self, out, err);
    if (!self.redis_asked) {
        if (err) *err = redis;
        return asked;
    }
    note_broken(&self, poison);
    if (self.broken) { /* nothing may be put over what a person can still read */
        if (err) *err = *why;
        return FURROW_DATA_LOSS;
    }
    if (self.kept < entity->contract->history) { /* nothing has been pushed out: there never was a state */
        *out = (furrow_state){.version = poison->sequence};
        return FURROW_OK;
    }
    return furrow_fail(err, FURROW_DATA_LOSS,
                       "none of the %u messages that the log keeps is a state of it, and Redis has none: publish its "
                       "last good state from a backup on this subject",
                       self.kept);
}
