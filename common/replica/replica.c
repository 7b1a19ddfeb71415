/*
 * A replica's life cycle and what the world may ask of it; the work is in the other parts (see inside.h).
 * Invariant: nothing of a replica is freed while a task of it lives.
 */
#include "replica/inside.h"

#include "base/hash.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH           1000
#define DEFAULT_WAITING         4096
#define DEFAULT_REACTIONS       32
#define DEFAULT_IN_HAND         4000
#define DRAIN_LOOK_MS           5
#define DOUBT_MS                1000 /* a doubt so long is no readiness any more */
#define DEFAULT_PARKED_RETRY_MS 30000
#define DEFAULT_PATIENCE_MS     ((uint64_t)3600 * 1000)
#define LAYOUT                  "1" /* of records in Redis: another one is another shape */

/* ---- tasks and rests ---- */

furrow_status furrow_replica_spawn(furrow_replica *replica, furrow_task_fn *fn, void *arg, furrow_error *err)
{
    furrow_status status = furrow_loop_spawn(replica->loop, fn, arg, err);
    if (status == FURROW_OK) replica->tasks++;
    return status;
}

void furrow_replica_task_ended(furrow_replica *replica)
{
    if (--replica->tasks == 0) furrow_replica_rouse(&replica->last_task);
}

void furrow_replica_rest(furrow_replica *replica, furrow_waiter **slot, uint64_t ms)
{
    if (replica->stopping) return;
    furrow_waiter waiter = furrow_waiter_make();
    *slot = &waiter;
    (void)furrow_wait(&waiter, furrow_clock_in_ms(ms));
    *slot = NULL;
}

void furrow_replica_rouse(furrow_waiter **slot)
{
    if (*slot) furrow_waiter_done(*slot);
}

void furrow_replica_set_current(furrow_replica *replica, bool current)
{
    if (current || replica->current) replica->known_ns = furrow_clock_now_ns();
    replica->current = current;
}

void furrow_replica_note_letter(furrow_replica *replica, const furrow_js_stored *event, const char *reason)
{
    snprintf(replica->letter, sizeof replica->letter, "%s: %s", event->subject, reason);
}

bool furrow_replica_is_first_letter(furrow_replica *replica, uint64_t sequence)
{
    for (size_t i = 0; i < FURROW_REPLICA_COUNTED; i++)
        if (replica->counted[i] == sequence + 1) return false;
    replica->counted[replica->counted_next++ % FURROW_REPLICA_COUNTED] = sequence + 1;
    return true;
}

furrow_status furrow_replica_bury(furrow_replica *replica, furrow_deadletter letter, furrow_error *err)
{
    letter.service = replica->options.service;
    letter.stream = replica->stream;
    furrow_status status = furrow_deadletter_put(replica->link, &letter, furrow_replica_soon(), err);
    if (status == FURROW_OK) furrow_replica_note_letter(replica, letter.event, letter.reason);
    return status;
}

/* ---- create ---- */

/* Every entity has `string id = 1`, and every subset of one must keep it: it is what an event is checked by. */
static furrow_status make_rules(furrow_replica *replica, furrow_error *err)
{
    const ProtobufCMessageDescriptor *descriptor = replica->about.descriptor;
    const ProtobufCFieldDescriptor *id = furrow_rules_id(descriptor);
    if (!id || id->id != 1)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s has no `string id = 1`", descriptor->name);
    replica->rules = (furrow_rules){.entity = replica->entity,
                                    .stream = replica->stream,
                                    .descriptor = descriptor,
                                    .id = id,
                                    .check = replica->options.rules,
                                    .declared = replica->options.own ? replica->options.own->field_rules
                                                                     : replica->options.contract->field_rules};
    return FURROW_OK;
}

#define FOLDING "~2" /* how indexes fold text: all of Unicode, accents too */

/* What records and index entries follow from: the kept fields, the indexes, the layout. */
static void make_shape(furrow_replica *replica)
{
    char kept[33] = "whole";
    if (replica->projection) furrow_projection_shape(replica->projection, kept);
    furrow_buffer text;
    furrow_buffer_init(&text, 1 << 20);
    furrow_buffer_printf(&text, "%s %s", LAYOUT, kept);
    for (size_t i = 0; i < replica->about.index_count; i++)
        furrow_buffer_printf(&text, " %s%s", replica->about.indexes[i].field,
                             replica->about.indexes[i].fold ? FOLDING : "");
    uint8_t hash[FURROW_HASH_BYTES];
    furrow_hash(&(furrow_bytes){text.data, text.len}, 1, hash);
    furrow_hash_hex(hash, replica->shape);
    furrow_buffer_fini(&text);
    replica->sight.shape = replica->shape;
}

static void take_contract(furrow_replica *replica)
{
    const furrow_entity_contract *own = replica->options.own;
    const furrow_replica_contract *foreign = replica->options.contract;
    replica->entity = own ? own->name : foreign->entity;
    replica->stream = own ? own->stream : foreign->stream;
    replica->sight.own = own != NULL;
    replica->about = (furrow_table_options){
        .service = replica->options.service,
        .entity = own ? own->short_name : foreign->short_name,
        .descriptor = own ? own->descriptor : foreign->descriptor,
        .indexes = own ? own->indexes : foreign->indexes,
        .index_count = own ? own->index_count : foreign->index_count,
        .reactions = replica->options.react != NULL,
        .owned = own != NULL,
    };
}

static furrow_status set_up_replica(furrow_replica *replica, furrow_error *err)
{
    furrow_replica_options *options = &replica->options;
    options->service = strdup(options->service);
    options->instance = strdup(options->instance);
    if (!options->service || !options->instance) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (!options->batch) options->batch = DEFAULT_BATCH;
    if (!options->max_reactions) options->max_reactions = DEFAULT_REACTIONS;
    if (!options->reaction_patience_ms) options->reaction_patience_ms = DEFAULT_PATIENCE_MS;
    if (options->max_reactions > FURROW_REACTIONS_MAX) options->max_reactions = FURROW_REACTIONS_MAX;
    if (!options->parked_retry_ms) options->parked_retry_ms = DEFAULT_PARKED_RETRY_MS;
    if (!options->max_waiting) options->max_waiting = DEFAULT_WAITING;
    if (!options->max_in_hand) options->max_in_hand = DEFAULT_IN_HAND;
    if (options->max_in_hand < options->batch) options->max_in_hand = options->batch;
    take_contract(replica);
    furrow_status status = make_rules(replica, err);
    if (status != FURROW_OK) return status;
    if (options->contract) {
        replica->projection = furrow_projection_create(replica->about.descriptor, err);
        if (!replica->projection) return FURROW_INVALID_ARGUMENT;
    }
    make_shape(replica);
    replica->table = furrow_table_create(replica->store, &replica->about, err);
    if (!replica->table) return FURROW_INVALID_ARGUMENT;
    return furrow_intake_init(replica, err);
}

static void replica_free(furrow_replica *replica)
{
    furrow_reactor_destroy(replica);
    furrow_intake_fini(replica);
    furrow_table_destroy(replica->table);
    furrow_projection_destroy(replica->projection);
    free((char *)replica->options.service);
    free((char *)replica->options.instance);
    free(replica);
}

furrow_replica *furrow_replica_create(furrow_link *link, furrow_store *store, const furrow_replica_options *options,
                                      furrow_error *err)
{
    FURROW_REQUIRE(options->service && options->instance && !options->own != !options->contract);
    furrow_replica *replica = calloc(1, sizeof *replica);
    if (!replica) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    replica->link = link;
    replica->store = store;
    replica->loop = furrow_link_loop(link);
    replica->options = *options;
    replica->known_ns = furrow_clock_now_ns();
    replica->behind = true;
    replica->trouble = (furrow_backoff){.base_ms = 100, .max_ms = 1000};
    furrow_replica_say(replica, "waiting: not started");
    if (set_up_replica(replica, err) == FURROW_OK) return replica;
    replica_free(replica);
    return NULL;
}

/* ---- start, drain, destroy ---- */

#define REPLICA_OF(watch, member) ((furrow_replica *)((char *)(watch)-offsetof(furrow_replica, member)))

/* While NATS is away reads go on; a log that comes back may have lost its end. */
static void on_link(furrow_link_watch *watch, bool connected)
{
    furrow_replica *replica = REPLICA_OF(watch, link_watch);
    furrow_table_know_log(replica->table, false);
    if (!connected) furrow_replica_set_current(replica, false);
    if (connected) furrow_table_doubt(replica->table, "NATS was away");
    furrow_replica_nudge(replica);
}

/* What was acknowledged meanwhile may not be in Redis, and Redis may have lost what was. */
static void on_replica_store(furrow_store_watch *watch, bool connected)
{
    furrow_replica *replica = REPLICA_OF(watch, store_watch);
    if (!connected) furrow_replica_set_current(replica, false);
    replica->behind = true;
    furrow_table_doubt(replica->table, "Redis was away");
    furrow_replica_nudge(replica);
}

static void on_doubt(furrow_table_guard *guard)
{
    furrow_replica *replica = REPLICA_OF(guard, guard);
    replica->doubted_ns = furrow_clock_now_ns();
    furrow_replica_nudge(replica);
}

static void on_written(furrow_table_guard *guard, const char *id, uint64_t version)
{
    furrow_steward_spread(REPLICA_OF(guard, guard), id, version);
}

furrow_status furrow_replica_start(furrow_replica *replica, furrow_error *err)
{
    FURROW_REQUIRE(!replica->started);
    furrow_status status = furrow_replica_spawn(replica, furrow_replica_keep, replica, err);
    if (status == FURROW_OK) status = furrow_replica_spawn(replica, furrow_steward_keep, replica, err);
    if (status == FURROW_OK) status = furrow_reactor_start(replica, err);
    if (status == FURROW_OK && replica->options.audit_rate > 0)
        status = furrow_replica_spawn(replica, furrow_auditor_run, replica, err);
    if (status != FURROW_OK) {
        replica->stopping = true;
        return status;
    }
    replica->started = true;
    replica->guard.doubted = on_doubt;
    replica->guard.written = on_written;
    furrow_table_set_guard(replica->table, &replica->guard);
    replica->link_watch.fn = on_link;
    replica->store_watch.fn = on_replica_store;
    furrow_link_watch_add(replica->link, &replica->link_watch);
    furrow_store_watch_add(replica->store, &replica->store_watch);
    return FURROW_OK;
}

static void stop_tasks(furrow_replica *replica)
{
    replica->draining = replica->stopping = true;
    furrow_replica_rouse(&replica->sleeper);
    furrow_replica_rouse(&replica->lease_sleeper);
    furrow_replica_rouse(&replica->beside.sleeper);
    furrow_replica_rouse(&replica->beside.steward);
    furrow_reactor_wake(replica);
    furrow_replica_rouse(&replica->auditor);
}

static void wait_for_tasks(furrow_replica *replica, uint64_t deadline_ns)
{
    while (replica->tasks > 0) {
        furrow_waiter waiter = furrow_waiter_make();
        replica->last_task = &waiter;
        bool ended = furrow_wait(&waiter, deadline_ns);
        replica->last_task = NULL;
        if (!ended) return;
    }
}

/* Until what is in hand is settled and the keeper has ended what it was at. */
static bool come_to_rest(furrow_replica *replica, uint64_t deadline_ns)
{
    while (replica->intake.in_hand > 0 || replica->keeping) {
        if (furrow_clock_now_ns() >= deadline_ns) return false;
        furrow_intake_pump(replica);
        furrow_task_sleep_ms(DRAIN_LOOK_MS);
    }
    return true;
}

void furrow_replica_drain(furrow_replica *replica, uint64_t deadline_ns)
{
    if (!replica->started || replica->draining) return;
    replica->draining = true;
    furrow_replica_nudge(replica);
    furrow_reactor_wake(replica);
    if (replica->intake.pull) furrow_js_pull_stop(replica->intake.pull);
    (void)!furrow_link_flush(replica->link, deadline_ns, NULL); /* what was on its way to us has come */
    if (come_to_rest(replica, deadline_ns)) {
        (void)!furrow_link_flush(replica->link, deadline_ns,
                                 NULL); /* the acks are with the server: its floor is right */
        furrow_replica_keep_position(replica);
    }
    replica->intake.discarding = true;
    stop_tasks(replica);
    wait_for_tasks(replica, deadline_ns);
    furrow_steward_release(replica, deadline_ns);
}

void furrow_replica_destroy(furrow_replica *replica)
{
    if (!replica) return;
    stop_tasks(replica);
    replica->intake.discarding = true;
    FURROW_REQUIRE(replica->tasks == 0 || furrow_task_self());
    wait_for_tasks(replica, FURROW_NEVER);
    if (replica->started) {
        furrow_link_watch_remove(replica->link, &replica->link_watch);
        furrow_store_watch_remove(replica->store, &replica->store_watch);
    }
    if (replica->intake.pull) furrow_js_pull_destroy(replica->intake.pull);
    replica_free(replica);
}

/* ---- what may be asked ---- */

void furrow_replica_audited(const furrow_replica *replica, furrow_audit *out)
{
    *out = replica->audit;
}

furrow_table *furrow_replica_table(const furrow_replica *replica)
{
    return replica->table;
}

/* Records in doubt are nobody's to read; most doubts are over in a moment, and who reads waits for that. */
furrow_replica_state furrow_replica_state_of(const furrow_replica *replica)
{
    if (replica->state != FURROW_REPLICA_READY) return replica->state;
    if (!replica->beside.served) return FURROW_REPLICA_CATCHING_UP;
    if (furrow_table_trusted(replica->table)) return replica->state;
    bool short_yet = furrow_clock_now_ns() - replica->doubted_ns < DOUBT_MS * FURROW_NS_PER_MS;
    return short_yet ? FURROW_REPLICA_READY : FURROW_REPLICA_CATCHING_UP;
}

const char *furrow_replica_notice(const furrow_replica *replica)
{
    return replica->notice;
}

const char *furrow_replica_describe(furrow_replica *replica)
{
    snprintf(replica->described, sizeof replica->described, "%s%s%s", replica->text, replica->notice[0] ? "; " : "",
             replica->notice);
    return replica->described;
}

const char *furrow_replica_last_letter(const furrow_replica *replica)
{
    return replica->letter;
}

const char *furrow_replica_last_failure(const furrow_replica *replica)
{
    return replica->failure;
}

void furrow_replica_stats_of(const furrow_replica *replica, furrow_replica_stats *out)
{
    *out = replica->stats;
    out->waiting = replica->waiter_count;
    out->waiting_max = replica->options.max_waiting;
    out->goal = replica->goal;
    out->age_ns = replica->current ? 0 : furrow_clock_now_ns() - replica->known_ns;
}

furrow_status furrow_replica_unpack(furrow_replica *replica, const char *id, const furrow_record *record,
                                    furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    replica->stats.reads++;
    return furrow_replica_unpack_state(replica, id, record, arena, out, err);
}

furrow_status furrow_replica_unpack_state(furrow_replica *replica, const char *id, const furrow_record *record,
                                          furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    if (record->found && !record->deleted)
        return furrow_rules_unpack(&replica->rules, id, record->version, record->body, arena, out, err);
    *out = NULL;
    return FURROW_OK;
}

furrow_status furrow_replica_get(furrow_replica *replica, const char *id, furrow_arena *arena, ProtobufCMessage **out,
                                 uint64_t *version, furrow_error *err)
{
    furrow_record_read read = {.table = replica->table, .id = id};
    furrow_status status = furrow_record_read_many(replica->store, &read, 1, arena, err);
    if (status == FURROW_OK) status = furrow_replica_unpack(replica, id, &read.record, arena, out, err);
    if (status != FURROW_OK) return furrow_wrap(err, "read %s %s", replica->about.entity, id);
    if (version) *version = read.record.version;
    return FURROW_OK;
}
