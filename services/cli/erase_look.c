/*
 * Where something of an entity can be: the log of it and of what its owner keeps about it (keys, claims), the owner's and
 * every consumer's records, reactions that wait with the state of before, dead letters, remembered results. Of each place
 * a line, also of one where nothing is.
 */
#include "cli/audit.h"
#include "cli/contracts.h"
#include "cli/erase.h"
#include "cli/letter.h"

#include "base/clock.h"
#include "base/id.h"
#include "link/deadletter.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(erase_look *self, const char *where, bool left, const char *format, ...) FURROW_PRINTF(4, 5);
static void say(erase_look *self, const char *where, bool left, const char *format, ...)
{
    self->left += left;
    if (self->count == ERASE_FOUND_MAX) return;
    erase_found *found = &self->found[self->count++];
    va_list arguments;
    va_start(arguments, format);
    snprintf(found->where, sizeof found->where, "%s", where);
    vsnprintf(found->what, sizeof found->what, format, arguments);
    va_end(arguments);
    found->left = left;
}

/* ---- the log ---- */

static furrow_status look_into_log(erase_look *self, const furrow_entity_contract *entity, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX], where[160], sequences[120] = "";
    furrow_js_stored event = {.sequence = 0};
    size_t deletions = 0, others = 0, len = 0;
    furrow_status status = letter_turn_to(self->tool, self->single, entity->stream, entity->owner, err);
    if (status == FURROW_OK) status = furrow_subject_of_entity(entity->name, self->id, subject, err);
    while (status == FURROW_OK) {
        status = furrow_js_get_next(self->tool->link, entity->stream, subject, event.sequence + 1,
                                    furrow_clock_in_ms(AUDIT_ASK_MS), self->arena, &event, err);
        if (status != FURROW_OK) break;
        bool deletion = event.data.len == 0 && furrow_js_stored_check_deletion(&event, entity->name, entity->owner,
                                                                               self->arena, NULL) == FURROW_OK;
        deletion ? deletions++ : others++;
        if (len < sizeof sequences)
            len += (size_t)snprintf(sequences + len, sizeof sequences - len, "%s%" PRIu64, len ? ", " : "",
                                    event.sequence);
    }
    if (status != FURROW_NOT_FOUND) return status;
    snprintf(where, sizeof where, "log %s", entity->stream);
    if (others > 0)
        say(self, where, true, "%zu states among the sequences %s", others, sequences);
    else if (deletions > 0)
        say(self, where, false, "deletions alone, at %s", sequences);
    else
        say(self, where, false, "nothing");
    return FURROW_OK;
}

/* ---- Redis ---- */

static furrow_status ask_store(erase_look *self, const char *verb, const char *key, const char *field,
                               furrow_value *out, furrow_error *err)
{
    const furrow_bytes argv[] = {furrow_bytes_of(verb), furrow_bytes_of(key), furrow_bytes_of(field ? field : "")};
    return furrow_store_command(self->store, argv, field ? 3 : 2, self->arena, out, err);
}

/* The record, and the state of before that a pending reaction has. */
static furrow_status look_into_table(erase_look *self, const char *service, const char *short_name,
                                     const ProtobufCMessageDescriptor *descriptor, furrow_error *err)
{
    char prefix[FURROW_SUBJECT_MAX], key[FURROW_SUBJECT_MAX + FURROW_ID_MAX], where[160];
    furrow_value value = {.kind = FURROW_VALUE_NIL}, pending = {.kind = FURROW_VALUE_NIL};
    furrow_status status = audit_prefix(self->store, service, short_name, descriptor, prefix, err);
    snprintf(key, sizeof key, "%s%s", prefix, self->id);
    if (status == FURROW_OK) status = ask_store(self, "GET", key, NULL, &value, err);
    snprintf(where, sizeof where, "record %.150s", key);
    snprintf(key, sizeof key, "%s@reactions", prefix);
    if (status == FURROW_OK) status = ask_store(self, "HGET", key, self->id, &pending, err);
    if (status != FURROW_OK) return status;
    if (value.kind == FURROW_VALUE_NIL)
        say(self, where, false, "none");
    else if (value.kind == FURROW_VALUE_TEXT && value.text.len == AUDIT_VERSION_BYTES)
        say(self, where, false, "a tombstone of version %" PRIu64, audit_version(value.text));
    else
        say(self, where, true, "a state");
    if (pending.kind != FURROW_VALUE_NIL) say(self, where, true, "a reaction is yet to run on the state of before");
    return FURROW_OK;
}

static furrow_status look_into_results(erase_look *self, furrow_error *err)
{
    char key[2 * FURROW_SUBJECT_MAX];
    furrow_value there;
    snprintf(key, sizeof key, "%s:@idem:of:%s.%s", self->entity->owner, self->entity->name, self->id);
    furrow_status status = ask_store(self, "EXISTS", key, NULL, &there, err);
    if (status == FURROW_OK)
        say(self, "remembered results", there.integer != 0, "%s", there.integer ? "some are of it" : "none");
    return status;
}

/* Of an entity whose records name a holder: is it this one's? */
static furrow_status look_into_claims(erase_look *self, const furrow_entity_contract *claims, furrow_error *err)
{
    char prefix[FURROW_SUBJECT_MAX], key[FURROW_SUBJECT_MAX + 16], where[160];
    furrow_value members;
    furrow_status status =
        audit_prefix(self->store, claims->owner, claims->short_name, claims->descriptor, prefix, err);
    if (status != FURROW_OK) return status;
    snprintf(key, sizeof key, "%s@by:holder", prefix);
    char *from = furrow_arena_printf(self->arena, "[%s", self->id),
         *to = furrow_arena_printf(self->arena, "(%s\1", self->id);
    if (!from || !to) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("ZRANGEBYLEX"),
                                 furrow_bytes_of(key),
                                 {from, strlen(from) + 1}, /* with its NUL, that ends the value of a member */
                                 furrow_bytes_of(to)};
    status = furrow_store_command(self->store, argv, 4, self->arena, &members, err);
    if (status != FURROW_OK) return status;
    snprintf(where, sizeof where, "claims %s", claims->stream);
    say(self, where, members.count > 0, members.count ? "%zu are held" : "none is held", members.count);
    return FURROW_OK;
}

/* ---- all of it ---- */

static furrow_status take_letters(erase_look *self, const letter letters[], size_t count, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        bool was_there;
        status = letter_turn_to(self->tool, self->single, FURROW_DEADLETTER_LOG, letters[i].service, err);
        if (status == FURROW_OK)
            status = furrow_deadletter_remove(self->tool->link, letters[i].at, furrow_clock_in_ms(AUDIT_ASK_MS),
                                              &was_there, err);
    }
    return status;
}

static furrow_status look_at_letters(erase_look *self, furrow_error *err)
{
    const letter_choice choice = {.entity = self->entity->name, .id = self->id, .single = self->single};
    letter *letters = NULL;
    size_t count = 0;
    int before = self->tool->exit_code;
    letter_find(self->tool, &choice, self->arena, &letters, &count);
    furrow_status status = FURROW_OK;
    if (self->tool->exit_code != before)
        status = furrow_fail(err, FURROW_UNAVAILABLE, "not all dead letters could be looked at");
    else if (self->discard)
        status = take_letters(self, letters, count, err);
    free(letters);
    if (status != FURROW_OK) return status;
    if (count > 0)
        say(self, "dead letters", !self->discard, self->discard ? "%zu taken away" : "%zu tell of it", count);
    else
        say(self, "dead letters", false, "none");
    return FURROW_OK;
}

static bool names_holder(const furrow_entity_contract *entity)
{
    for (size_t i = 0; i < entity->index_count; i++)
        if (strcmp(entity->indexes[i].field, "holder") == 0) return true;
    return false;
}

static furrow_status look_at_owned(erase_look *self, const furrow_entity_contract *own, furrow_error *err)
{
    bool same = own == self->entity;
    if (strcmp(own->owner, self->entity->owner) != 0 || (!same && !own->internal)) return FURROW_OK;
    if (!same && names_holder(own)) return look_into_claims(self, own, err);
    furrow_status status = look_into_log(self, own, err);
    return status == FURROW_OK ? look_into_table(self, own->owner, own->short_name, own->descriptor, err) : status;
}

furrow_status erase_look_once(erase_look *self, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    self->count = self->left = 0;
    furrow_arena_reset(self->arena);
    for (size_t f = 0; f < cli_contract_count; f++) {
        const furrow_file_contract *file = cli_contracts[f];
        for (size_t i = 0; status == FURROW_OK && i < file->entity_count; i++)
            status = look_at_owned(self, file->entities[i], err);
        for (size_t i = 0; status == FURROW_OK && i < file->replica_count; i++)
            if (strcmp(file->replicas[i]->entity, self->entity->name) == 0)
                status = look_into_table(self, file->replicas[i]->service, file->replicas[i]->short_name,
                                         file->replicas[i]->descriptor, err);
    }
    if (status == FURROW_OK) status = look_into_results(self, err);
    return status == FURROW_OK ? look_at_letters(self, err) : status;
}
