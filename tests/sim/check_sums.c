/*
 * Are the totals of a table what the log comes to? The newest state of each entity is counted, one by one, and nothing else
 * is taken from the store but what a single record contributes.
 */
#include "checks.h"
#include "redis.h"

#include "store/aggregate.h"
#include "store/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 1024
#define SAID_BYTES 300

typedef struct group {
    const char *name;
    size_t len;
    long long count, sum;
} group;

static group groups[GROUPS_MAX];
static size_t group_count, counted;
static char said[SAID_BYTES];

void sim_sums_begin(void)
{
    group_count = counted = 0;
    said[0] = '\0';
}

static group *group_of(const char *name, size_t len)
{
    for (size_t i = 0; i < group_count; i++)
        if (groups[i].len == len && memcmp(groups[i].name, name, len) == 0) return &groups[i];
    if (group_count == GROUPS_MAX) abort();
    groups[group_count] = (group){.name = sim_memdup(name, len), .len = len};
    return &groups[group_count++];
}

/* "<group>0xff<amount>0xff", again and again. */
static void add_parts(furrow_bytes contribution)
{
    const char *at = contribution.data, *end = at + contribution.len;
    while (at < end) {
        const char *mark = memchr(at, '\xff', (size_t)(end - at));
        group *into = group_of(at, (size_t)(mark - at));
        char *rest;
        into->count++;
        into->sum += strtoll(mark + 1, &rest, 10);
        at = rest + 1;
    }
}

void sim_sums_add(furrow_table *table, const char *id, furrow_bytes kept, furrow_arena *arena)
{
    const furrow_table_options *about = furrow_table_about(table);
    furrow_bytes contribution = {"", 0};
    if (about->aggregate_count == 0 || kept.len == 0) return;
    ProtobufCMessage *record = protobuf_c_message_unpack(about->descriptor, NULL, kept.len, kept.data);
    if (!record || furrow_aggregate_contribution(record, about->aggregates, about->aggregate_count, arena,
                                                 &contribution, NULL) != FURROW_OK)
        return;
    add_parts(contribution);
    counted += contribution.len > 0;
    const sim_reply *stored = sim_redis_ask("HGET", (const char *)table->counted_key.data, id, NULL);
    size_t len = stored->kind == SIM_TEXT ? stored->text.len : 0;
    if (!said[0] && (len != contribution.len || (len && memcmp(stored->text.data, contribution.data, len) != 0)))
        snprintf(said, sizeof said, "%s is counted as something else", id);
}

static void compare_group(const group *one, const sim_reply *stored)
{
    long long count = 0, sum = 0;
    if (stored && stored->kind == SIM_TEXT) sscanf(stored->text.data, "%lld %lld", &count, &sum);
    if (!said[0] && (count != one->count || sum != one->sum))
        snprintf(said, sizeof said, "the total of %.60s is %lld of %lld, and the log comes to %lld of %lld", one->name,
                 sum, count, one->sum, one->count);
}

const char *sim_sums_wrong(furrow_table *table)
{
    if (furrow_table_about(table)->aggregate_count == 0) return "";
    const sim_reply *all = sim_redis_ask("HGETALL", (const char *)table->sums_key.data, NULL);
    const sim_reply *order = sim_redis_ask("ZCARD", (const char *)table->groups_key.data, NULL);
    const sim_reply *there = sim_redis_ask("HLEN", (const char *)table->counted_key.data, NULL);
    size_t stored = all->kind == SIM_LIST ? all->count / 2 : 0;
    for (size_t i = 0; i < group_count; i++) {
        const sim_reply *value = NULL;
        for (size_t j = 0; j < stored; j++) {
            const sim_bytes name = all->items[2 * j]->text;
            if (name.len == groups[i].len && memcmp(name.data, groups[i].name, name.len) == 0)
                value = all->items[2 * j + 1];
        }
        compare_group(&groups[i], value);
    }
    if (!said[0] && (stored != group_count || (size_t)order->integer != group_count))
        snprintf(said, sizeof said, "%zu totals, %lld in order, and the log comes to %zu", stored,
                 (long long)order->integer, group_count);
    if (!said[0] && (size_t)there->integer != counted)
        snprintf(said, sizeof said, "%lld records are counted, and the log has %zu", (long long)there->integer,
                 counted);
    return said;
}
