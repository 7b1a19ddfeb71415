/* See trust.h; and for the readers and writers of store/, table.h. May depend on table, pipeline. */
#include "store/trust.h"

#include "base/fault.h"
#include "store/redis.h"
#include "store/table.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_NS (50 * FURROW_NS_PER_MS) /* left of a call's time, for the answer to travel */

/* Somebody who waits until the table is trusted, or its log known. */
typedef struct furrow_trust_waiter {
    struct furrow_trust_waiter *next;
    furrow_waiter waiter;
} furrow_trust_waiter;

static void wake_all(furrow_table *table)
{
    for (furrow_trust_waiter *waiting = table->trust.waiters; waiting; waiting = waiting->next)
        furrow_waiter_done(&waiting->waiter);
}

void furrow_table_set_guard(furrow_table *table, furrow_table_guard *guard)
{
    table->trust = (furrow_trust){.guard = guard, .waiters = table->trust.waiters, .moment = table->trust.moment + 1};
    snprintf(table->trust.why, sizeof table->trust.why, "not looked at yet");
}

void furrow_table_adopt(furrow_table *table, const char *build)
{
    snprintf(table->trust.build, sizeof table->trust.build, "%s", build);
}

void furrow_table_trust(furrow_table *table, uint64_t generation)
{
    table->trust.generation = generation;
    table->trust.trusted = table->trust.build[0] != '\0';
    wake_all(table);
}

void furrow_table_doubt(furrow_table *table, const char *why)
{
    furrow_trust *trust = &table->trust;
    bool was = trust->trusted;
    trust->trusted = false;
    trust->moment++;
    if (why != trust->why) snprintf(trust->why, sizeof trust->why, "%s", why);
    if (was && trust->guard) trust->guard->doubted(trust->guard);
}

void furrow_table_spread(furrow_table *table, const char *id, uint64_t version)
{
    furrow_table_guard *guard = table->trust.guard;
    if (guard && guard->written) guard->written(guard, id, version);
}

void furrow_table_explain(furrow_table *table, const char *why)
{
    snprintf(table->trust.why, sizeof table->trust.why, "%s", why);
}

bool furrow_table_trusted(const furrow_table *table)
{
    const furrow_trust *trust = &table->trust;
    if (!trust->guard || (furrow_fault("trust-all") && trust->build[0])) return true;
    return trust->trusted && trust->generation == table->store->generation;
}

void furrow_table_know_log(furrow_table *table, bool known)
{
    table->trust.log_known = known;
    if (known) wake_all(table);
}

void furrow_table_set_epoch(furrow_table *table, int64_t begun)
{
    table->epoch = begun;
}

int64_t furrow_table_epoch(const furrow_table *table)
{
    return table->epoch;
}

uint64_t furrow_table_moment(const furrow_table *table)
{
    return table->trust.moment;
}

static bool knows_log(const furrow_table *table)
{
    return !table->trust.guard || table->trust.log_known;
}

static void stop_trust_wait(furrow_table *table, furrow_trust_waiter *waiting)
{
    furrow_trust_waiter **at = &table->trust.waiters;
    while (*at != waiting) at = &(*at)->next;
    *at = waiting->next;
}

/* Without its place among those who work: what it waits for may need one. */
static furrow_status await(furrow_table *table, bool (*holds)(const furrow_table *table), uint64_t until_ns,
                           furrow_error *err)
{
    while (!holds(table)) {
        furrow_trust_waiter waiting = {.waiter = furrow_waiter_make(), .next = table->trust.waiters};
        /* cppcheck-suppress autoVariables ; it is out of the list before this returns */
        table->trust.waiters = &waiting;
        bool woken = furrow_clock_now_ns() < until_ns && furrow_wait_aside(&waiting.waiter, until_ns);
        stop_trust_wait(table, &waiting);
        if (!woken && !holds(table))
            return furrow_fail(err, FURROW_UNAVAILABLE, "the records of %s cannot be relied on now: %s",
                               table->options.entity, table->trust.why);
    }
    return FURROW_OK;
}

static uint64_t before_deadline(uint64_t deadline_ns)
{
    return deadline_ns > ANSWER_NS ? deadline_ns - ANSWER_NS : 0;
}

furrow_status furrow_table_await_log(furrow_table *table, uint64_t deadline_ns, furrow_error *err)
{
    return knows_log(table) ? FURROW_OK : await(table, knows_log, before_deadline(deadline_ns), err);
}

furrow_status furrow_table_await_trust(furrow_table *table, uint64_t deadline_ns, furrow_error *err)
{
    return await(table, furrow_table_trusted, before_deadline(deadline_ns), err);
}

uint64_t furrow_trust_until(void)
{
    uint64_t now = furrow_clock_now_ns(), until = now + FURROW_TRUST_WAIT_MS * FURROW_NS_PER_MS;
    uint64_t deadline = furrow_task_deadline();
    if (deadline != FURROW_NEVER) deadline = before_deadline(deadline);
    return deadline < until ? deadline : until;
}

furrow_status furrow_table_await(furrow_table *table, uint64_t until_ns, furrow_error *err)
{
    if (furrow_table_trusted(table)) return FURROW_OK;
    /* A Redis that is away says why itself, at once. */
    if (table->store->state != FURROW_REDIS_READY)
        return furrow_fail(err, FURROW_UNAVAILABLE, "redis: %s", table->store->last_error);
    return await(table, furrow_table_trusted, until_ns, err);
}

furrow_status furrow_tables_await(furrow_table *const tables[], size_t count, uint64_t until_ns, furrow_error *err)
{
    for (size_t i = 0; i < count;) {
        if (furrow_table_trusted(tables[i])) {
            i++;
            continue;
        }
        furrow_status status = furrow_table_await(tables[i], until_ns, err);
        if (status) return status;
        i = 0; /* another may have come into doubt meanwhile */
    }
    return FURROW_OK;
}

bool furrow_build_begins(furrow_bytes stored, const char *build)
{
    furrow_bytes name = furrow_bytes_of(build);
    return name.len > 0 && stored.len > name.len && furrow_bytes_begin(stored, name) &&
           ((const char *)stored.data)[name.len] == ' ';
}

bool furrow_table_is_ours(furrow_table *table, const furrow_value *build)
{
    const furrow_trust *trust = &table->trust;
    if (!furrow_table_trusted(table)) return false; /* somebody else has met it already */
    if (furrow_fault("trust-all")) return true;
    bool ours = build->kind == FURROW_VALUE_TEXT && furrow_build_begins(build->text, trust->build);
    if (!ours) furrow_table_doubt(table, "Redis holds other records than those that were verified");
    return ours;
}

furrow_status furrow_table_written(furrow_table *table, const furrow_pipelined *request, furrow_status status)
{
    if (status != FURROW_OK && furrow_bytes_after(request->text, "REBUILT"))
        furrow_table_doubt(table, "another process builds them anew");
    return status;
}
