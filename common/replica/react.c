/*
 * Reactions: pending changes, which the apply step left in Redis together with the record, go to the handler. A change
 * stays pending until the handler has returned OK, so a crash in between runs it again: at least once. What changed
 * meanwhile is merged into one (old, new): intermediate states may be skipped.
 *
 * One entity has one handler at a time and in order: a slot here, and across processes a lease per id. The lease is
 * kept until it expires even when the handler is done: a process that listed the change before cannot run it again
 * behind our back. A reaction that fails for a reason that will not pass, or for too long, is parked: reported as a dead
 * letter and taken off the pending ones, so that it hides none of them. The entity's next change runs it again; so does
 * a start, and then the clock, since the reason may have gone away where nobody tells us: PARKED_MAX in each
 * parked_retry_ms, once each and without a further letter; and so does whoever replays the letter. Bounded: max_reactions
 * handlers at once, SLOTS ids that run or wait after a failure. A slot may go to another id meanwhile, so how often and
 * for how long something has failed is kept beside them, by a hash of id and version. Where there is no room for one more
 * it is not counted until there is: those before it come to their end. Handlers run only while the replica is ready.
 */
#include "replica/inside.h"

#include "base/fault.h"
#include "base/hash.h"
#include "wire/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNNING_LOW     8 /* when so few are left, more are fetched */
#define SLOTS           FURROW_REACTIONS_MAX
#define LIST_MAX        64
#define PARKED_MAX      64
#define TRACE_MS        1000
#define POLL_MS         1000 /* changes that another process or a command of ours has written */
#define LEASE_MS        15000
#define LEASE_RENEW_NS  (5 * FURROW_NS_PER_S)
#define RETRY_MIN_MS    100
#define RETRY_MAX_MS    30000
#define HELD_RETRY_MS   1000
#define ARENA_BYTES_MAX ((size_t)256 << 20)
#define NOTICE          "reaction to "
#define NOTICE_NS       (60 * FURROW_NS_PER_S)  /* after the last failure: another process may have succeeded */
#define FAILURES        4096                    /* that are remembered; a power of 2 */
#define FAILURE_WAYS    16                      /* places that one may have */
#define FAILURE_OLD_NS  (300 * FURROW_NS_PER_S) /* has not failed since: somebody else has handled it */

typedef enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_DONE, SLOT_WAITING } slot_state;

typedef struct reactor_slot {
    furrow_reactor *reactor;
    slot_state state;
    char id[FURROW_ID_MAX + 1];
    furrow_record_reaction reaction; /* in arena */
    furrow_arena *arena;
    uint64_t leased_ns; /* 0: not yet */
    uint64_t due_ns;    /* SLOT_WAITING: not before */
    furrow_backoff backoff;
} reactor_slot;

/* A change whose reaction has failed. */
typedef struct reaction_failure {
    uint64_t of;       /* hash of id and version; 0: none */
    uint64_t since_ns; /* when it failed first */
    uint64_t last_ns;  /* and last */
    unsigned refusals; /* in a row, for a reason that will not pass */
} reaction_failure;

struct furrow_reactor {
    furrow_replica *replica;
    furrow_arena *list;
    furrow_waiter *sleeper;
    bool woken, more;
    uint64_t retry_ns; /* when parked ones are tried again */
    size_t running;
    uint64_t failed_ns; /* when one failed last */
    reactor_slot slots[SLOTS];
    reaction_failure failures[FAILURES], uncounted;
};

void furrow_reactor_wake(furrow_replica *replica)
{
    furrow_reactor *reactor = replica->reactor;
    if (!reactor) return;
    reactor->woken = true;
    furrow_replica_rouse(&reactor->sleeper);
}

/* ---- one reaction ---- */

/* In one round trip: a lease on each of @slots, at most LIST_MAX. */
static furrow_status take_leases(reactor_slot *const slots[], size_t count, bool held[], furrow_error *err)
{
    const char *ids[LIST_MAX] = {NULL};
    if (count == 0) return FURROW_OK;
    furrow_replica *replica = slots[0]->reactor->replica;
    for (size_t i = 0; i < count; i++) ids[i] = slots[i]->id;
    furrow_status status =
        furrow_table_leases(replica->table, "react:", ids, count, replica->options.instance, LEASE_MS, held, err);
    for (size_t i = 0; i < count && status == FURROW_OK; i++)
        if (held[i]) slots[i]->leased_ns = furrow_clock_now_ns();
    return status;
}

/* The trace of a reaction is its event's; of several that are merged, the newest's. */
typedef struct reaction_trace {
    furrow_trace trace; /* first */
    reactor_slot *slot;
} reaction_trace;

/* The log knows it, and is asked only when something is about to carry it on. Without an answer there is none: a trace
 * is worth no failure. */
static void find_trace(furrow_trace *trace)
{
    reactor_slot *slot = ((reaction_trace *)trace)->slot;
    furrow_replica *replica = slot->reactor->replica;
    furrow_trace_headers headers = {.parents = 0};
    furrow_js_stored event;
    char subject[FURROW_SUBJECT_MAX];
    FURROW_AUTO(furrow_arena) scratch = furrow_arena_create(ARENA_BYTES_MAX);
    if (!scratch || furrow_subject_of_entity(replica->entity, slot->id, subject, NULL) != FURROW_OK ||
        furrow_js_get(replica->link, replica->stream, slot->reaction.now.version, furrow_clock_in_ms(TRACE_MS), scratch,
                      &event, NULL) != FURROW_OK ||
        strcmp(event.subject, subject) != 0)
        return;
    furrow_js_stored_each_header(&event, scratch, furrow_trace_headers_add, &headers);
    (void)furrow_trace_read(&headers, slot->arena, trace);
}

static furrow_status call_handler(reactor_slot *slot, furrow_error *err)
{
    furrow_replica *replica = slot->reactor->replica;
    const furrow_record_reaction *reaction = &slot->reaction;
    ProtobufCMessage *before, *now;
    furrow_status status = furrow_replica_unpack_state(replica, slot->id, &reaction->before, slot->arena, &before, err);
    if (status == FURROW_DATA_LOSS) { /* a damaged state that was mended: it must not keep the good one from us */
        before = NULL;
        status = FURROW_OK;
    }
    if (status == FURROW_OK)
        status = furrow_replica_unpack_state(replica, slot->id, &reaction->now, slot->arena, &now, err);
    if (status != FURROW_OK) return status;
    furrow_change change = {.id = slot->id, .before = before, .now = now, .version = reaction->now.version};
    reaction_trace trace = {.trace.find = find_trace, .slot = slot};
    furrow_task_set_trace(&trace.trace);
    if (!furrow_fault("reaction-skipped"))
        status = replica->options.react(replica->options.user, &change, slot->arena, err);
    furrow_task_set_trace(NULL);
    return status == FURROW_OK ? furrow_record_reacted(replica->table, reaction, err) : status;
}

static void wait_until(reactor_slot *slot, uint64_t ms)
{
    slot->state = SLOT_WAITING;
    slot->due_ns = furrow_clock_in_ms(ms);
}

static uint64_t hash_of_change(const reactor_slot *slot)
{
    uint64_t hash = furrow_hash_quick(FURROW_HASH_QUICK ^ slot->reaction.now.version, furrow_bytes_of(slot->id));
    return hash ? hash : 1;
}

static reaction_failure *find_failure(reactor_slot *slot, uint64_t hash)
{
    for (size_t i = 0; i < FAILURE_WAYS; i++) {
        reaction_failure *failure = &slot->reactor->failures[((hash ^ hash >> 32) + i) & (FAILURES - 1)];
        if (failure->of == hash) return failure;
    }
    return NULL;
}

static reaction_failure *begin_failure(reactor_slot *slot, uint64_t hash, uint64_t now)
{
    for (size_t i = 0; i < FAILURE_WAYS; i++) {
        reaction_failure *failure = &slot->reactor->failures[((hash ^ hash >> 32) + i) & (FAILURES - 1)];
        if (failure->of != 0 && now - failure->last_ns < FAILURE_OLD_NS) continue;
        *failure = (reaction_failure){.of = hash, .since_ns = now};
        return failure;
    }
    slot->reactor->uncounted = (reaction_failure){.since_ns = now};
    return &slot->reactor->uncounted;
}

static reaction_failure *count_failure(reactor_slot *slot)
{
    uint64_t hash = hash_of_change(slot), now = furrow_clock_now_ns();
    reaction_failure *failure = find_failure(slot, hash);
    if (!failure) failure = begin_failure(slot, hash, now);
    failure->last_ns = now;
    return failure;
}

static void forget_failure(reactor_slot *slot)
{
    reaction_failure *failure = find_failure(slot, hash_of_change(slot));
    if (failure) failure->of = 0;
}

static bool will_not_pass(furrow_status status)
{
    return status == FURROW_DATA_LOSS || status == FURROW_INVALID_ARGUMENT || status == FURROW_INTERNAL ||
           status == FURROW_NOT_FOUND || status == FURROW_ALREADY_EXISTS || status == FURROW_OUT_OF_RANGE ||
           status == FURROW_UNIMPLEMENTED;
}

/* Has it been parked for this very version, and told? Where that cannot be known, no. */
static bool was_parked(const reactor_slot *slot)
{
    bool parked = false;
    return furrow_record_is_parked(slot->reactor->replica->table, &slot->reaction, &parked, NULL) == FURROW_OK &&
           parked;
}

/* One that fails stays the notice while others go well. */
static void end_notice(const reactor_slot *slot)
{
    char *notice = slot->reactor->replica->notice;
    const char *about = furrow_bytes_after(notice, NOTICE);
    const char *rest = about ? furrow_bytes_after(about, slot->id) : NULL;
    if (rest && *rest == ' ') notice[0] = '\0';
}

/* The letter has no body: what is kept of the entity lies in the log under its version, and should not lie anywhere
 * else. */
static furrow_status park_reaction(reactor_slot *slot, const reaction_failure *failure, bool told, furrow_error *err)
{
    furrow_replica *replica = slot->reactor->replica;
    char subject[FURROW_SUBJECT_MAX], reason[sizeof err->text + 120];
    uint64_t for_s = (furrow_clock_now_ns() - failure->since_ns) / FURROW_NS_PER_S;
    const char *name = furrow_status_name(err->code);
    furrow_status status = furrow_subject_of_entity(replica->entity, slot->id, subject, err);
    if (status != FURROW_OK) return status;
    if (will_not_pass(err->code))
        snprintf(reason, sizeof reason, "the reaction failed %u times: %s: %s", failure->refusals, name, err->text);
    else
        snprintf(reason, sizeof reason, "the reaction has failed for %llu seconds: %s: %s", (unsigned long long)for_s,
                 name, err->text);
    furrow_js_stored event = {.sequence = slot->reaction.now.version,
                              .timestamp_ns = furrow_clock_wall_ns(),
                              .subject = subject,
                              .data = {"", 0}};
    if (told)
        furrow_replica_note_letter(replica, &event, reason);
    else
        status =
            furrow_replica_bury(replica, (furrow_deadletter){.event = &event, .reason = reason, .reaction = true}, err);
    if (status == FURROW_OK) status = furrow_record_park(replica->table, &slot->reaction, err);
    if (status != FURROW_OK) return furrow_wrap(err, "park the reaction");
    forget_failure(slot);
    slot->state = SLOT_DONE;
    end_notice(slot);
    replica->stats.parked += furrow_replica_is_first_letter(replica, event.sequence);
    return FURROW_OK;
}

static void note_reaction_failure(reactor_slot *slot, const furrow_error *err)
{
    furrow_replica *replica = slot->reactor->replica;
    replica->stats.reaction_failures++;
    slot->reactor->failed_ns = furrow_clock_now_ns();
    snprintf(replica->notice, sizeof replica->notice, NOTICE "%s fails: %.150s", slot->id, err->text);
    snprintf(replica->failure, sizeof replica->failure, "%s: %s: %.150s", slot->id, furrow_status_name(err->code),
             err->text);
    wait_until(slot, furrow_backoff_next_ms(&slot->backoff));
}

static void note_success(reactor_slot *slot)
{
    slot->state = SLOT_DONE; /* until the next listing has begun: one begun before may still show it */
    forget_failure(slot);
    slot->reactor->replica->stats.reactions++;
    end_notice(slot);
}

/* Parks it if it has failed often or for long enough; else it stays as it is. */
static furrow_status judge_failure(reactor_slot *slot, furrow_status failed, furrow_error *err)
{
    reaction_failure *failure = count_failure(slot);
    uint64_t patience_ns = slot->reactor->replica->options.reaction_patience_ms * FURROW_NS_PER_MS;
    bool refused = will_not_pass(failed), told = was_parked(slot);
    if (refused) failure->refusals++;
    err->code = failed; /* a handler may return a status and say nothing */
    bool enough = failure->refusals >= FURROW_REACTION_TRIES || (refused && told);
    if (!enough && furrow_clock_now_ns() - failure->since_ns < patience_ns) return failed;
    return park_reaction(slot, failure, told, err);
}

static void end_slot(reactor_slot *slot)
{
    furrow_reactor *reactor = slot->reactor;
    furrow_arena_reset(slot->arena);
    reactor->running--;
    if (reactor->more && reactor->running <= RUNNING_LOW) furrow_reactor_wake(reactor->replica);
}

static void run_slot(void *arg)
{
    reactor_slot *slot = arg;
    furrow_replica *replica = slot->reactor->replica;
    furrow_error err = {0};
    furrow_status status = call_handler(slot, &err);
    if (status == FURROW_OK)
        note_success(slot);
    else
        status = judge_failure(slot, status, &err);
    if (status != FURROW_OK) note_reaction_failure(slot, &err);
    end_slot(slot);
    furrow_replica_task_ended(replica);
}

/* Those whose lease we have. They are SLOT_RUNNING while Redis is asked for it. */
static void run_leased(reactor_slot *const slots[], size_t count)
{
    furrow_error err = {0};
    bool held[LIST_MAX] = {false};
    furrow_status status = take_leases(slots, count, held, &err);
    for (size_t i = 0; i < count; i++) {
        reactor_slot *slot = slots[i];
        if (status == FURROW_OK && held[i] &&
            furrow_replica_spawn(slot->reactor->replica, run_slot, slot, NULL) == FURROW_OK)
            continue;
        if (status == FURROW_OK)
            wait_until(slot, HELD_RETRY_MS); /* another process is at it, or no task is free */
        else
            note_reaction_failure(slot, &err);
        end_slot(slot);
    }
}

/* ---- choosing what to run ---- */

static reactor_slot *slot_of_entity(furrow_reactor *reactor, const char *id)
{
    for (reactor_slot *slot = reactor->slots; slot < reactor->slots + SLOTS; slot++)
        if (slot->state != SLOT_FREE && strcmp(slot->id, id) == 0) return slot;
    return NULL;
}

/* Free, or one whose wait is over and whose change was not listed just now. */
static reactor_slot *slot_take(furrow_reactor *reactor, const char *id, uint64_t now_ns)
{
    reactor_slot *found = NULL;
    for (reactor_slot *slot = reactor->slots; slot < reactor->slots + SLOTS; slot++) {
        if (slot->state == SLOT_FREE) {
            found = slot;
            break;
        }
        if (slot->state == SLOT_WAITING && slot->due_ns <= now_ns) found = slot;
    }
    if (!found) return NULL;
    if (!found->arena) found->arena = furrow_arena_create(ARENA_BYTES_MAX);
    if (!found->arena) return NULL;
    found->reactor = reactor;
    found->state = SLOT_FREE;
    found->backoff = (furrow_backoff){.base_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    snprintf(found->id, sizeof found->id, "%s", id);
    return found;
}

static bool keep_record(furrow_record *record, furrow_arena *arena)
{
    void *copy = furrow_arena_memdup(arena, record->body.data, record->body.len);
    record->body.data = copy;
    return copy != NULL;
}

static bool start_slot(reactor_slot *slot, const furrow_record_reaction *reaction)
{
    furrow_arena_reset(slot->arena);
    slot->reaction = *reaction;
    slot->reaction.id = slot->id;
    if (!keep_record(&slot->reaction.before, slot->arena) || !keep_record(&slot->reaction.now, slot->arena))
        return false;
    slot->state = SLOT_RUNNING;
    slot->leased_ns = 0;
    slot->reactor->running++;
    return true;
}

/* May the change of @reaction run now, and where? */
static reactor_slot *slot_for(furrow_reactor *reactor, const furrow_record_reaction *reaction, uint64_t now_ns)
{
    reactor_slot *slot = slot_of_entity(reactor, reaction->id);
    if (!slot) return slot_take(reactor, reaction->id, now_ns);
    return slot->state == SLOT_WAITING && slot->due_ns <= now_ns ? slot : NULL;
}

static void forget_done(furrow_reactor *reactor)
{
    for (reactor_slot *slot = reactor->slots; slot < reactor->slots + SLOTS; slot++)
        if (slot->state == SLOT_DONE) slot->state = SLOT_FREE;
}

static void list_and_start(furrow_reactor *reactor)
{
    furrow_replica *replica = reactor->replica;
    furrow_record_reaction *pending;
    reactor_slot *begun[LIST_MAX] = {NULL};
    size_t count, begun_count = 0;
    forget_done(reactor);
    furrow_arena_reset(reactor->list);
    if (furrow_record_reactions(replica->table, LIST_MAX, reactor->list, &pending, &count, NULL) != FURROW_OK) return;
    uint64_t now = furrow_clock_now_ns();
    reactor->more = count > 0;
    for (size_t i = 0; i < count; i++) {
        if (reactor->running >= replica->options.max_reactions || replica->draining || replica->stopping) {
            reactor->more = true;
            break;
        }
        reactor_slot *slot = slot_for(reactor, &pending[i], now);
        if (slot && start_slot(slot, &pending[i])) begun[begun_count++] = slot;
    }
    run_leased(begun, begun_count);
}

/* ---- the task ---- */

static void renew_leases(furrow_reactor *reactor)
{
    reactor_slot *old[LIST_MAX] = {NULL};
    bool held[LIST_MAX] = {false};
    size_t count = 0;
    for (reactor_slot *slot = reactor->slots; slot < reactor->slots + SLOTS && count < LIST_MAX; slot++) {
        if (slot->state != SLOT_RUNNING || !slot->leased_ns) continue;
        if (furrow_clock_now_ns() - slot->leased_ns >= LEASE_RENEW_NS) old[count++] = slot;
    }
    (void)!take_leases(old, count, held, NULL);
}

static uint64_t next_look_ms(const furrow_reactor *reactor)
{
    uint64_t now = furrow_clock_now_ns(), ms = POLL_MS;
    for (const reactor_slot *slot = reactor->slots; slot < reactor->slots + SLOTS; slot++) {
        if (slot->state != SLOT_WAITING || slot->due_ns <= now) continue;
        uint64_t left = (slot->due_ns - now) / FURROW_NS_PER_MS + 1;
        if (left < ms) ms = left;
    }
    return ms;
}

/* At the first look, too: it may have been a fault of the program, and this a better one. */
static void retry_parked(furrow_reactor *reactor)
{
    furrow_replica *replica = reactor->replica;
    uint64_t now = furrow_clock_now_ns();
    if (now < reactor->retry_ns || furrow_record_retry_parked(replica->table, PARKED_MAX, NULL) != FURROW_OK) return;
    reactor->retry_ns = now + replica->options.parked_retry_ms * FURROW_NS_PER_MS;
}

static void forget_notice(furrow_reactor *reactor)
{
    char *notice = reactor->replica->notice;
    bool old = furrow_clock_now_ns() - reactor->failed_ns > NOTICE_NS;
    if (old && furrow_bytes_after(notice, NOTICE)) notice[0] = '\0';
}

static void react(void *arg)
{
    furrow_reactor *reactor = arg;
    furrow_replica *replica = reactor->replica;
    while (!replica->stopping && !replica->draining) {
        reactor->woken = false;
        renew_leases(reactor);
        forget_notice(reactor);
        /* Of several generations the one that the durable feeds reacts; who inherits it has all the changes, too. */
        bool ready = replica->beside.leads && furrow_replica_state_of(replica) == FURROW_REPLICA_READY &&
                     furrow_table_trusted(replica->table);
        if (ready) retry_parked(reactor);
        if (ready && reactor->running <= RUNNING_LOW) list_and_start(reactor);
        if (reactor->running > RUNNING_LOW) reactor->more = true;
        if (!reactor->woken || reactor->running > RUNNING_LOW)
            furrow_replica_rest(replica, &reactor->sleeper, next_look_ms(reactor));
    }
    furrow_replica_task_ended(replica);
}

furrow_status furrow_reactor_start(furrow_replica *replica, furrow_error *err)
{
    if (!replica->options.react) return FURROW_OK;
    furrow_reactor *reactor = calloc(1, sizeof *reactor);
    if (!reactor) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    replica->reactor = reactor;
    reactor->replica = replica;
    reactor->list = furrow_arena_create(ARENA_BYTES_MAX);
    if (!reactor->list) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return furrow_replica_spawn(replica, react, reactor, err);
}

void furrow_reactor_destroy(furrow_replica *replica)
{
    furrow_reactor *reactor = replica->reactor;
    if (!reactor) return;
    for (reactor_slot *slot = reactor->slots; slot < reactor->slots + SLOTS; slot++) furrow_arena_destroy(slot->arena);
    furrow_arena_destroy(reactor->list);
    free(reactor);
    replica->reactor = NULL;
}
