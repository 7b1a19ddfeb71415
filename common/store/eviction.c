/* See eviction.h. May depend on redis, table. */
#include "store/eviction.h"

#include "base/number.h"
#include "store/redis.h"
#include "store/table.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES = 64 * 1024 };

typedef struct furrow_confirming {
    furrow_waiter waiter;
    bool good;
    struct furrow_confirming *next;
} furrow_confirming;

furrow_status furrow_eviction_init(furrow_eviction *eviction)
{
    eviction->arena = furrow_arena_create(ANSWER_BYTES);
    return eviction->arena ? FURROW_OK : FURROW_RESOURCE_EXHAUSTED;
}

void furrow_eviction_fini(furrow_eviction *eviction)
{
    furrow_arena_destroy(eviction->arena);
    eviction->arena = NULL;
}

/* ---- the tally ---- */

furrow_bytes furrow_eviction_field(const char *info, const char *name)
{
    char line[64];
    snprintf(line, sizeof line, "\n%s:", name);
    const char *found = strstr(info, line);
    if (!found) return (furrow_bytes){"", 0};
    found += strlen(line);
    return (furrow_bytes){found, strcspn(found, "\r\n")};
}

/* How often the statistics were reset since they were reset, and how long that took: the trace of the last time. */
static void describe_resets(const char *info, char out[32])
{
    furrow_bytes stats = furrow_eviction_field(info, "cmdstat_config|resetstat");
    size_t used = 0;
    out[0] = '\0';
    if (stats.len == 0) return;
    out[used++] = ' ';
    const char *text = stats.data;
    for (size_t i = 0, fields = 0; i < stats.len && fields < 2 && used < 31; i++) { /* calls=1,usec=60,… */
        if (text[i] == ',' && ++fields == 1) out[used++] = '.';
        if (text[i] >= '0' && text[i] <= '9') out[used++] = text[i];
    }
    out[used] = '\0';
}

static uint64_t info_number(const char *info, const char *name)
{
    uint64_t number = 0;
    (void)furrow_number_parse(furrow_eviction_field(info, name), UINT64_MAX, &number);
    return number;
}

static void has_changed(furrow_store *store)
{
    store->eviction.changes++;
    for (furrow_table *table = store->tables; table; table = table->next)
        if (table->trust.guard) furrow_table_doubt(table, "Redis may have evicted some of them");
}

void furrow_eviction_inspect(furrow_store *store, const char *info)
{
    furrow_eviction *eviction = &store->eviction;
    char tally[sizeof eviction->tally] = "", resets[32];
    furrow_bytes policy = furrow_eviction_field(info, "maxmemory_policy"),
                 most = furrow_eviction_field(info, "maxmemory"), count = furrow_eviction_field(info, "evicted_keys");
    eviction->may = policy.len > 0 && !furrow_bytes_is(policy, "noeviction") && !furrow_bytes_is(most, "0");
    eviction->keys = info_number(info, "evicted_keys");
    eviction->commands = info_number(info, "total_commands_processed");
    describe_resets(info, resets);
    if (count.len > 0 && store->run_id[0])
        snprintf(tally, sizeof tally, "%s %llu%s", store->run_id, (unsigned long long)eviction->keys, resets);
    /* Another process of Redis counts anew: what that says of the records, who compares with their marker knows. */
    bool same_run = furrow_bytes_begin(furrow_bytes_of(eviction->tally), furrow_bytes_of(store->run_id));
    bool changed = eviction->stale || (same_run && tally[0] && strcmp(eviction->tally, tally) != 0);
    eviction->stale = false;
    memcpy(eviction->tally, tally, sizeof tally);
    /* By its count, too: a policy that was another for a moment, or until just now, is seen no more, but what it did. */
    if (eviction->may || changed) has_changed(store);
}

/* ---- confirmations ---- */

static void wake_confirming(furrow_confirming *list, bool good)
{
    for (furrow_confirming *at = list, *next; at; at = next) {
        next = at->next;
        at->good = good;
        furrow_waiter_done(&at->waiter);
    }
}

/* Of the statistics alone, which cost Redis least: if they are others than they were, the next look says more. */
static void compare_tally(furrow_store *store, const char *info)
{
    furrow_eviction *eviction = &store->eviction;
    uint64_t commands = info_number(info, "total_commands_processed");
    bool same = info_number(info, "evicted_keys") == eviction->keys && commands >= eviction->commands;
    eviction->commands = commands;
    if (same || eviction->stale || !eviction->tally[0]) return;
    eviction->stale = true;
    has_changed(store);
    furrow_pulse_inspect(store);
}

static void ask_evicted(furrow_store *store);

static void on_answered(furrow_store *store, furrow_pipelined *request)
{
    furrow_eviction *eviction = &store->eviction;
    furrow_confirming *asked = eviction->asked;
    bool good = request->status == FURROW_OK && request->value.kind == FURROW_VALUE_TEXT;
    eviction->asking = false;
    eviction->asked = NULL;
    if (good) compare_tally(store, request->value.text.data);
    wake_confirming(asked, good);
    if (eviction->next && !eviction->asking) ask_evicted(store);
}

static void ask_evicted(furrow_store *store)
{
    furrow_eviction *eviction = &store->eviction;
    eviction->asked = eviction->next;
    eviction->next = NULL;
    furrow_arena_reset(eviction->arena);
    furrow_buffer *out = furrow_pipeline_begin(store, &eviction->request, eviction->arena, 2, NULL);
    if (out) {
        furrow_pipeline_arg(out, "INFO", 4);
        furrow_pipeline_arg(out, "stats", 5);
        eviction->request.done = on_answered;
        eviction->asking = furrow_pipeline_send(store, &eviction->request, NULL) == FURROW_OK;
    }
    if (!eviction->asking) furrow_eviction_abandon(store);
}

void furrow_eviction_abandon(furrow_store *store)
{
    furrow_eviction *eviction = &store->eviction;
    furrow_confirming *asked = eviction->asked, *next = eviction->next;
    eviction->asked = eviction->next = NULL;
    wake_confirming(asked, false);
    wake_confirming(next, false);
}

static void stop_confirming(furrow_confirming **list, const furrow_confirming *who)
{
    while (*list && *list != who) list = &(*list)->next;
    if (*list) *list = who->next;
}

furrow_status furrow_eviction_confirm(furrow_store *store, furrow_error *err)
{
    furrow_eviction *eviction = &store->eviction;
    if (store->state != FURROW_REDIS_READY) return furrow_fail(err, FURROW_UNAVAILABLE, "redis: it was lost");
    furrow_confirming self = {.waiter = furrow_waiter_make(), .next = eviction->next};
    /* cppcheck-suppress autoVariables ; it is out of the lists before this returns */
    eviction->next = &self;
    if (!eviction->asking) ask_evicted(store);
    bool answered = furrow_wait(&self.waiter, furrow_pipeline_deadline(store));
    if (answered && self.good) return FURROW_OK;
    if (answered) return furrow_fail(err, FURROW_UNAVAILABLE, "redis: it was lost"); /* and the store, perhaps */
    stop_confirming(&eviction->asked, &self);
    stop_confirming(&eviction->next, &self);
    return furrow_fail(err, FURROW_UNAVAILABLE, "redis: no answer within the time of the call");
}
