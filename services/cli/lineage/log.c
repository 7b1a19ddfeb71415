/*
 * Streams and durable consumers of each entity, as JetStream's API tells of them: read-only requests that the inspector
 * may send, too. A durable that keeps fields (its description says which) is a replica, whoever has its contract.
 */
#include "cli/lineage/lineage.h"

#include "base/clock.h"
#include "base/id.h"
#include "wire/json.h"

#include <string.h>

#define ASK_MS        2000
#define CONSUMERS_MAX 4096 /* of one stream */

/* @verb of the JetStream of the entity's owner: as that account is imported, or of the one account there is. */
static furrow_status ask_log(const lineage *all, const lineage_entity *entity, const char *verb, const char *body,
                             furrow_msg **reply, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    if (all->single_account)
        snprintf(subject, sizeof subject, "$JS.API.%s.%s", verb, entity->stream);
    else
        snprintf(subject, sizeof subject, "$JS.%s.API.%s.%s", entity->owner, verb, entity->stream);
    furrow_outgoing out = {.subject = subject, .data = furrow_bytes_of(body)};
    return furrow_link_request(all->tool->link, &out, furrow_clock_in_ms(ASK_MS), reply, err);
}

static void note_log_failure(lineage *all, const lineage_entity *entity, const furrow_error *err)
{
    if (err->code == FURROW_PERMISSION_DENIED)
        lineage_note(all, false, "this user may not look at the log of %s: no streams, consumers or events of it",
                     entity->owner);
    else
        lineage_note(all, true, "the log of %s: %s%s", entity->owner, err->text,
                     all->single_account ? "" : " (--single-account where all is in one)");
}

static uint64_t json_number(furrow_bytes json, const char *path)
{
    int64_t value = 0;
    return furrow_json_find_int(json, path, &value) && value > 0 ? (uint64_t)value : 0;
}

/* False: it could not be read. */
static bool read_stream(lineage *all, lineage_entity *entity)
{
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    int64_t code = 0;
    char *text = NULL;
    if (ask_log(all, entity, "STREAM.INFO", "", &reply, &err) != FURROW_OK)
        return note_log_failure(all, entity, &err), false;
    if (furrow_json_find_int(reply->data, "error.code", &code)) {
        (void)furrow_json_find_text(reply->data, "error.description", all->arena, &text);
        lineage_note(all, code != 404, "stream %s of %s: %s%s", entity->stream, entity->owner, text ? text : "refused",
                     code == 404 ? "; furrow provision makes it" : "");
        return false;
    }
    entity->log_messages = json_number(reply->data, "state.messages");
    entity->log_bytes = json_number(reply->data, "state.bytes");
    return true;
}

typedef struct listing {
    lineage *all;
    lineage_entity *entity;
    uint64_t seen;
} listing;

static void on_consumer(void *arg, furrow_bytes unused, furrow_bytes json)
{
    listing *of = arg;
    lineage *all = of->all;
    char *name, *description = NULL;
    (void)unused;
    of->seen++;
    if (!furrow_json_find_text(json, "name", all->arena, &name) || strcmp(name, of->entity->owner) == 0) return;
    (void)furrow_json_find_text(json, "config.description", all->arena, &description);
    const char *keeps = description ? furrow_bytes_after(description, "keeps=") : NULL;
    if (!keeps || !furrow_id_valid(name, strlen(name))) {
        lineage_note(all, false, "stream %s has a consumer that is no replica: %s takes whole events",
                     of->entity->stream, lineage_text(all, name));
        return;
    }
    lineage_service *service = lineage_service_of(all, name);
    lineage_replica *replica = service ? lineage_replica_of(all, name, of->entity) : NULL;
    if (!replica) return;
    if (!replica->fields[0]) lineage_set_fields(all, replica, keeps);
    replica->consumer = true;
    replica->delivered = json_number(json, "delivered.consumer_seq");
    replica->redelivered = json_number(json, "num_redelivered");
    replica->pending = json_number(json, "num_pending");
}

static void read_consumers(lineage *all, lineage_entity *entity)
{
    furrow_error err;
    listing of = {.all = all, .entity = entity};
    for (uint64_t total = 1, before = 0; of.seen < total && of.seen < CONSUMERS_MAX; before = of.seen) {
        FURROW_AUTO(furrow_msg) reply = NULL;
        char body[64];
        snprintf(body, sizeof body, "{\"offset\":%llu}", (unsigned long long)of.seen);
        if (ask_log(all, entity, "CONSUMER.LIST", body, &reply, &err) != FURROW_OK) {
            note_log_failure(all, entity, &err);
            return;
        }
        total = json_number(reply->data, "total");
        if (!furrow_json_each(reply->data, "consumers", on_consumer, &of) || of.seen == before) return;
    }
}

void lineage_read_log(lineage *all)
{
    const char *failed = NULL; /* an owner whose JetStream does not answer is asked once */
    for (size_t i = 0; i < all->entity_count; i++) {
        lineage_entity *entity = all->entities[i];
        bool there = furrow_id_valid(entity->owner, strlen(entity->owner)) &&
                     furrow_id_valid(entity->stream, strlen(entity->stream));
        if (entity->internal || !there || (failed && strcmp(failed, entity->owner) == 0)) continue;
        size_t notes = all->note_count;
        if (read_stream(all, entity))
            read_consumers(all, entity);
        else if (all->note_count > notes)
            failed = entity->owner;
    }
}
