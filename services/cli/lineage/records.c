/*
 * What lies in Redis. A replica's records are counted as they are; the owner's are cut to the fields that its contract
 * declares (as a replica of all of them would be), for beside them stands what only the log needs. Services may have a
 * Redis each: every one of FURROW_REDIS_URL is looked at, and a table counts where it is.
 */
#include "cli/lineage/lineage.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "store/generation.h"
#include "store/scan.h"
#include "wire/projection.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 3000

typedef struct looking {
    lineage *all;
    furrow_store *store;
    const char *url;
    bool gone; /* it does not answer: no more of it */
} looking;

/* Adds up what is left of the owner's records when only some fields of them are taken. */
typedef struct cut {
    ProtobufCMessageDescriptor subset;
    ProtobufCFieldDescriptor *fields;
    furrow_projection *projection;
    uint64_t bytes;
} cut;

typedef struct copying {
    cut full, answer; /* all declared fields; without the private one */
    furrow_buffer into;
} copying;

/* Of all fields of @entity but @without. */
static void cut_create(cut *made, const lineage_entity *entity, const ProtobufCFieldDescriptor *without)
{
    const ProtobufCMessageDescriptor *all = entity->descriptor;
    *made = (cut){.subset = *all, .fields = calloc(all->n_fields + 1, sizeof made->fields[0])};
    FURROW_REQUIRE(made->fields);
    made->subset.n_fields = 0;
    for (unsigned i = 0; i < all->n_fields; i++)
        if (!without || all->fields[i].id != without->id) made->fields[made->subset.n_fields++] = all->fields[i];
    made->subset.fields = made->fields;
    FURROW_REQUIRE((made->projection = furrow_projection_create(&made->subset, NULL)) != NULL);
}

static void cut_destroy(cut *made)
{
    furrow_projection_destroy(made->projection);
    free(made->fields);
}

/* A damaged state counts as it lies there. */
static void cut_add(cut *of, furrow_bytes body, furrow_buffer *into)
{
    size_t len = body.len;
    furrow_buffer_reset(into);
    uint8_t *room = furrow_buffer_reserve(into, len);
    if (!room || furrow_projection_apply(of->projection, body, room, &len, NULL) != FURROW_OK) len = body.len;
    of->bytes += len;
}

static void add_copy(void *arg, const char *id, const furrow_record *record)
{
    copying *copies = arg;
    (void)id;
    cut_add(&copies->full, record->body, &copies->into);
    cut_add(&copies->answer, record->body, &copies->into);
}

static bool scan_table(looking *at, const furrow_table_options *options, furrow_scan_fn *each, void *arg,
                       furrow_scan_size *size)
{
    furrow_error err;
    furrow_table *table = furrow_table_create(at->store, options, &err);
    furrow_status status = table ? furrow_table_place_current(table, &err) : err.code;
    if (status == FURROW_OK) status = furrow_scan_table(table, each, arg, size, &err);
    furrow_table_destroy(table);
    if (status == FURROW_OK) return true;
    at->gone = status == FURROW_UNAVAILABLE;
    lineage_note(at->all, status != FURROW_PERMISSION_DENIED, "Redis at %s: %s", at->url, err.text);
    return false;
}

static void add_known(uint64_t *sum, uint64_t value)
{
    *sum = (*sum == LINEAGE_UNKNOWN ? 0 : *sum) + value;
}

static void measure_entity(looking *at, lineage_entity *entity)
{
    furrow_scan_size size;
    copying copies;
    furrow_table_options options = {
        .service = entity->owner, .entity = entity->short_name, .descriptor = entity->descriptor};
    cut_create(&copies.full, entity, NULL);
    cut_create(&copies.answer, entity, entity->private_field);
    furrow_buffer_init(&copies.into, SIZE_MAX / 2);
    if (scan_table(at, &options, add_copy, &copies, &size)) {
        add_known(&entity->records, size.records);
        add_known(&entity->bytes, copies.full.bytes);
        add_known(&entity->answer_bytes, copies.answer.bytes);
    }
    furrow_buffer_fini(&copies.into);
    cut_destroy(&copies.answer);
    cut_destroy(&copies.full);
}

static void measure_replica(looking *at, lineage_replica *replica)
{
    furrow_scan_size size;
    furrow_table_options options = {.service = replica->service,
                                    .entity = replica->table,
                                    .indexes = replica->indexes,
                                    .index_count = replica->index_count};
    if (!scan_table(at, &options, NULL, NULL, &size)) return;
    add_known(&replica->records, size.records);
    add_known(&replica->bytes, size.bytes);
    if (size.memory_known)
        add_known(&replica->memory_bytes, size.memory_bytes);
    else
        lineage_note(at->all, false, "this user may not ask what keys take of Redis' memory (MEMORY USAGE)");
}

/* False: it is not there, or not for us. */
static bool look_at_redis(lineage *all, const char *url)
{
    furrow_error err;
    const furrow_config *config = &all->tool->config;
    furrow_store *store = furrow_store_create(
        all->tool->loop,
        &(furrow_store_options){
            .url = url, .user = config->redis_user, .password = config->redis_password, .provisioning = true},
        &err);
    looking at = {.all = all, .store = store, .url = url};
    if (!store) return lineage_note(all, true, "FURROW_REDIS_URL: %s", err.text), false;
    at.gone = !furrow_store_wait_connected(store, furrow_clock_in_ms(CONNECT_MS));
    if (at.gone)
        lineage_note(all, true, "no Redis at %s: %s (FURROW_REDIS_URL, FURROW_REDIS_USER, FURROW_REDIS_PASSWORD_FILE)",
                     url, furrow_store_last_error(store));
    for (size_t i = 0; i < all->entity_count && !at.gone; i++)
        if (!all->entities[i]->internal && all->entities[i]->descriptor) measure_entity(&at, all->entities[i]);
    for (size_t i = 0; i < all->replica_count && !at.gone; i++) measure_replica(&at, &all->replicas[i]);
    furrow_store_destroy(store);
    return !at.gone;
}

/* What was found nowhere may be where we could not look. */
static void forget_empty(lineage *all)
{
    for (size_t i = 0; i < all->entity_count; i++) {
        lineage_entity *entity = all->entities[i];
        if (entity->records == 0) entity->records = entity->bytes = entity->answer_bytes = LINEAGE_UNKNOWN;
    }
    for (size_t i = 0; i < all->replica_count; i++)
        if (all->replicas[i].records == 0)
            all->replicas[i].records = all->replicas[i].bytes = all->replicas[i].memory_bytes = LINEAGE_UNKNOWN;
}

void lineage_measure_records(lineage *all)
{
    char *urls = strdup(all->tool->config.redis_url), *rest = NULL;
    bool whole = true;
    FURROW_REQUIRE(urls);
    for (char *url = strtok_r(urls, ",", &rest); url; url = strtok_r(NULL, ",", &rest))
        whole = look_at_redis(all, lineage_text(all, url + strspn(url, " "))) && whole;
    if (!whole) forget_empty(all);
    free(urls);
}
