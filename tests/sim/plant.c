/*
 * Faults put into the code on purpose, one at a time: a line of furrow.lua, a function of common/ through the linker's
 * --wrap, or the simulated server. A run in which the checks find nothing then has checks that find nothing.
 */
#include "redis.h"
#include "world.h"

#include "log/window.h"
#include "replica/verdict.h"
#include "store/eviction.h"
#include "store/table.h"

#include <string.h>

static const struct {
    const char *name, *what;
    const char *from, *to; /* in furrow.lua */
} plants[] = {
    {"build-unchecked", "Redis takes the steps of any build",
     "if stored and string.sub(stored, 1, #build + 1) == build .. ' ' then return stored end",
     "if stored then return stored end"},
    {"apply-blind", "an older record takes the place of a newer one", "if sub(cur, 1, 8) == A[at] then",
     "if true then"},
    {"counted-twice", "what a record contributed before stays in the totals", "count_in(changes, groups, before, -1)",
     "local _ = before"},
    {"reads-unverified", "records are read whosever they are", NULL, NULL},
    {"verdict-blind", "whatever has a marker is followed", NULL, NULL},
    {"apply-lies", "one batch in eight is acked and not written", NULL, NULL},
    {"log-takes-stale", "the log does not look at the expected sequence", NULL, NULL},
    {"commands-forgotten", "neither the log nor an entity knows a command again", NULL, NULL},
    {"redis-unknown", "a Redis that was restarted is taken for the same", NULL, NULL},
    {"eviction-unseen", "nobody looks at what Redis has evicted", NULL, NULL},
};

static const char *planted = "";

bool sim_plant(const char *name)
{
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        if (strcmp(plants[i].name, name) != 0) continue;
        planted = plants[i].name;
        if (plants[i].from) sim_lua_change(plants[i].from, plants[i].to);
        if (strcmp(name, "log-takes-stale") == 0) sim_js_take_stale();
        if (strcmp(name, "commands-forgotten") == 0) sim_js_forget_ids();
        return true;
    }
    return false;
}

void sim_plant_list(FILE *out)
{
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++)
        fprintf(out, "  %-20s %s\n", plants[i].name, plants[i].what);
}

static bool is_planted(const char *name)
{
    return strcmp(planted, name) == 0;
}

/* ---- functions of common/ with another one before them ---- */

furrow_status __real_furrow_table_await(furrow_table *table, uint64_t until_ns, furrow_error *err);
furrow_status __wrap_furrow_table_await(furrow_table *table, uint64_t until_ns, furrow_error *err);
bool __real_furrow_table_is_ours(furrow_table *table, const furrow_value *build);
bool __wrap_furrow_table_is_ours(furrow_table *table, const furrow_value *build);
furrow_verdict __real_furrow_verdict_of(const furrow_sight *sight);
furrow_verdict __wrap_furrow_verdict_of(const furrow_sight *sight);
furrow_status __real_furrow_record_apply(furrow_table *table, const furrow_record_write writes[], size_t count,
                                         size_t *applied, furrow_error *err);
furrow_status __wrap_furrow_record_apply(furrow_table *table, const furrow_record_write writes[], size_t count,
                                         size_t *applied, furrow_error *err);
const furrow_window_entry *__real_furrow_window_find(const furrow_window *window, const furrow_command *command);
const furrow_window_entry *__wrap_furrow_window_find(const furrow_window *window, const furrow_command *command);
const char *__real_furrow_store_run_id(const furrow_store *store);
const char *__wrap_furrow_store_run_id(const furrow_store *store);
void __real_furrow_eviction_inspect(furrow_store *store, const char *info);
void __wrap_furrow_eviction_inspect(furrow_store *store, const char *info);

furrow_status __wrap_furrow_table_await(furrow_table *table, uint64_t until_ns, furrow_error *err)
{
    return is_planted("reads-unverified") ? FURROW_OK : __real_furrow_table_await(table, until_ns, err);
}

bool __wrap_furrow_table_is_ours(furrow_table *table, const furrow_value *build)
{
    return is_planted("reads-unverified") || __real_furrow_table_is_ours(table, build);
}

furrow_verdict __wrap_furrow_verdict_of(const furrow_sight *sight)
{
    furrow_verdict verdict = __real_furrow_verdict_of(sight);
    if (is_planted("verdict-blind") && sight->marker.found) verdict.kind = FURROW_VERDICT_FOLLOW;
    return verdict;
}

furrow_status __wrap_furrow_record_apply(furrow_table *table, const furrow_record_write writes[], size_t count,
                                         size_t *applied, furrow_error *err)
{
    if (is_planted("apply-lies") && sim_chance(125)) {
        if (applied) *applied = count;
        return FURROW_OK;
    }
    return __real_furrow_record_apply(table, writes, count, applied, err);
}

const furrow_window_entry *__wrap_furrow_window_find(const furrow_window *window, const furrow_command *command)
{
    return is_planted("commands-forgotten") ? NULL : __real_furrow_window_find(window, command);
}

const char *__wrap_furrow_store_run_id(const furrow_store *store)
{
    return is_planted("redis-unknown") ? "one" : __real_furrow_store_run_id(store);
}

void __wrap_furrow_eviction_inspect(furrow_store *store, const char *info)
{
    if (!is_planted("eviction-unseen")) __real_furrow_eviction_inspect(store, info);
}
