/*
 * Pending reactions (see record.h). The hash "@reactions" holds, by id, the oldest record that no reaction has seen;
 * the apply step sets it where none is pending. Looks for pending ones go round by a cursor, so that some that fail
 * again and again do not hide the others.
 *
 *            apply                 reacted
 *   (none) --------> @reactions -------------> (none, not parked either)
 *                     ^  |
 *               retry |  | park
 *                     |  v
 *                    @parked: the id, and the version for which it would not run
 */
#include "store/library.h"
#include "store/table.h"

#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX          1000
#define RETRY_MAX          1000 /* ids that one call of furrow.lua takes */
#define ENDINGS_MAX        64   /* reactions that end in one call */
#define PARKED_ARENA_BYTES ((size_t)4 << 20)

/* [cursor, [id, old, id, old, ...]]. What is no id was not put there by us, and could not be looked up. */
furrow_status furrow_reaction_page(const furrow_value *answer, uint64_t *cursor, furrow_value *pairs, furrow_error *err)
{
    uint64_t next;
    if (answer->kind != FURROW_VALUE_LIST || answer->count != 2 || answer->items[0].kind != FURROW_VALUE_TEXT ||
        answer->items[1].kind != FURROW_VALUE_LIST || answer->items[1].count % 2 != 0)
        return furrow_fail(err, FURROW_INTERNAL, "redis: HSCAN answered something else");
    if (!furrow_number_parse(answer->items[0].text, UINT64_MAX, &next))
        return furrow_fail(err, FURROW_INTERNAL, "redis: HSCAN answered no cursor");
    furrow_value list = answer->items[1];
    size_t kept = 0;
    for (size_t i = 0; i < list.count; i += 2) {
        const furrow_value *id = &list.items[i];
        if (id->kind != FURROW_VALUE_TEXT || !furrow_id_valid(id->text.data, id->text.len)) continue;
        list.items[kept] = list.items[i];
        list.items[kept + 1] = list.items[i + 1];
        kept += 2;
    }
    list.count = kept;
    *cursor = next;
    *pairs = list;
    return FURROW_OK;
}

static furrow_status scan(furrow_table *table, furrow_bytes key, uint64_t *at, size_t max, furrow_arena *arena,
                          furrow_value *out, furrow_error *err)
{
    char cursor[24], step[24];
    snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)*at);
    snprintf(step, sizeof step, "%zu", max);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HSCAN"), key, furrow_bytes_of(cursor),
                                 FURROW_BYTES_LITERAL("COUNT"), furrow_bytes_of(step)};
    furrow_value answer;
    furrow_status status = furrow_store_command(table->store, argv, 5, arena, &answer, err);
    return status ? status : furrow_reaction_page(&answer, at, out, err);
}

/* The next @max of a page, which a small hash is as a whole, and which is looked at again until nothing of it is left. */
static void take_slice(furrow_table *table, size_t max, uint64_t next, furrow_value *page)
{
    size_t pairs = page->count / 2, from = table->reaction_offset;
    bool rest = pairs > from && pairs - from > max;
    page->items += from < pairs ? from * 2 : 0;
    page->count = rest ? max * 2 : from < pairs ? (pairs - from) * 2 : 0;
    table->reaction_offset = rest ? from + max : 0;
    if (!rest) table->reaction_cursor = next;
}

/*
 * At least one pending reaction, unless once round the hash there is none. How many steps a round takes is Redis's to
 * say, so one look takes STEPS_MAX at most; the next goes on where it ended.
 */
static furrow_status find_pending(furrow_table *table, size_t max, furrow_arena *arena, furrow_value *out,
                                  furrow_error *err)
{
    /* Begun in the middle: the rest, and then all of it. */
    int rounds = table->reaction_cursor == 0 && table->reaction_offset == 0 ? 1 : 2;
    for (int step = 0; step < STEPS_MAX; step++) {
        uint64_t next = table->reaction_cursor;
        furrow_status status = scan(table, table->reactions_key, &next, max, arena, out, err);
        if (status) return status;
        take_slice(table, max, next, out);
        if (out->count > 0 || (next == 0 && --rounds == 0)) return FURROW_OK;
    }
    return furrow_fail(err, FURROW_UNAVAILABLE, "redis: HSCAN of %s found no pending reaction in %d steps, and no end",
                       (const char *)table->reactions_key.data, STEPS_MAX);
}

static furrow_status read_now(furrow_table *table, furrow_record_reaction *reactions, size_t count, furrow_arena *arena,
                              furrow_error *err)
{
    furrow_record_read *reads = furrow_arena_alloc(arena, count * sizeof *reads);
    if (!reads) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "pending reactions do not fit the memory given");
    for (size_t i = 0; i < count; i++) reads[i] = (furrow_record_read){.table = table, .id = reactions[i].id};
    furrow_status status = furrow_record_read_many(table->store, reads, count, arena, err);
    for (size_t i = 0; i < count && !status; i++) reactions[i].now = reads[i].record;
    return status;
}

furrow_status furrow_record_reactions(furrow_table *table, size_t max, furrow_arena *arena,
                                      furrow_record_reaction **out, size_t *count, furrow_error *err)
{
    FURROW_REQUIRE(max > 0);
    furrow_value found = {0};
    furrow_status status = find_pending(table, max, arena, &found, err);
    if (status) return status;
    size_t taken = found.count / 2;
    furrow_record_reaction *reactions = furrow_arena_alloc(arena, (taken + 1) * sizeof *reactions);
    if (!reactions) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "pending reactions do not fit the memory given");
    for (size_t i = 0; i < taken; i++) {
        const furrow_value *pair = &found.items[i * 2];
        reactions[i] = (furrow_record_reaction){.id = pair[0].text.data, .before = furrow_record_of_value(&pair[1])};
    }
    if (taken > 0) status = read_now(table, reactions, taken, arena, err);
    if (status) return status;
    *out = reactions;
    *count = taken;
    return FURROW_OK;
}

furrow_status furrow_record_pend(furrow_table *table, const char *id, furrow_error *err)
{
    furrow_status status = furrow_table_check_id(furrow_bytes_of(id), err);
    if (status) return status;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    const furrow_bytes pend[] = {FURROW_BYTES_LITERAL("HSETNX"), table->reactions_key, furrow_bytes_of(id), {"", 0}};
    const furrow_bytes forget[] = {FURROW_BYTES_LITERAL("HDEL"), table->parked_key, furrow_bytes_of(id)};
    furrow_value answer;
    status = furrow_store_command(table->store, pend, 4, arena, &answer, err);
    return status ? status : furrow_store_command(table->store, forget, 3, arena, &answer, err);
}

static furrow_bytes version_bytes(const furrow_record *record, uint8_t room[FURROW_VERSION_BYTES])
{
    if (!record->found) return (furrow_bytes){"", 0};
    furrow_version_put(record->version, room);
    return (furrow_bytes){room, FURROW_VERSION_BYTES};
}

/* Those that end in one turn, as write_group.c does it: on the leader's stack, and each on its own task's, which waits. */
typedef struct ending {
    furrow_waiter waiter;
    const furrow_record_reaction *reaction;
    furrow_status status;
    furrow_error *err;
} ending;

typedef struct furrow_endings {
    ending *of[ENDINGS_MAX];
    size_t count;
} endings;

/* Calls @function ("reacted", "park") of furrow.lua. */
static furrow_status end_reactions(furrow_table *table, const char *function, const endings *all, furrow_error *err)
{
    furrow_pipelined request;
    furrow_buffer *out = furrow_pipeline_begin(table->store, &request, NULL, 3 + 2 + 4 * all->count, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "FCALL", 5);
    furrow_pipeline_arg(out, function, strlen(function));
    furrow_pipeline_arg_number(out, 2 + all->count);
    furrow_pipeline_arg(out, table->reactions_key.data, table->reactions_key.len);
    furrow_pipeline_arg(out, table->parked_key.data, table->parked_key.len);
    for (size_t i = 0; i < all->count; i++)
        furrow_pipeline_arg_pair(out, table->prefix, furrow_bytes_of(all->of[i]->reaction->id));
    for (size_t i = 0; i < all->count; i++) {
        const furrow_record_reaction *reaction = all->of[i]->reaction;
        uint8_t before[FURROW_VERSION_BYTES], now[FURROW_VERSION_BYTES];
        furrow_bytes before_version = version_bytes(&reaction->before, before);
        furrow_pipeline_arg(out, reaction->id, strlen(reaction->id));
        furrow_pipeline_arg(out, before_version.data, before_version.len);
        furrow_pipeline_arg_pair(out, version_bytes(&reaction->now, now), reaction->now.body);
    }
    furrow_status status = furrow_pipeline_send(table->store, &request, err);
    return status ? status : furrow_pipeline_wait(table->store, &request, err);
}

static void lead_endings(furrow_table *table, const endings *all)
{
    furrow_error why = {0};
    furrow_status status = end_reactions(table, FURROW_FUNCTION("reacted"), all, &why);
    for (size_t i = 0; i < all->count; i++) {
        ending *one = all->of[i];
        one->status = status ? furrow_fail(one->err, status, "%s", why.text) : FURROW_OK;
        furrow_waiter_done(&one->waiter);
    }
}

furrow_status furrow_record_reacted(furrow_table *table, const furrow_record_reaction *reaction, furrow_error *err)
{
    ending one = {.waiter = furrow_waiter_make(), .reaction = reaction, .err = err};
    endings own = {.of = {&one}, .count = 1}, *joined = table->endings;
    furrow_status status = furrow_table_check_id(furrow_bytes_of(reaction->id), err);
    if (status) return status;
    if (joined && joined->count < ENDINGS_MAX) {
        joined->of[joined->count++] = &one;
        (void)furrow_wait(&one.waiter, FURROW_NEVER);
        return one.status;
    }
    table->endings = &own;
    furrow_task_yield();
    if (table->endings == &own) table->endings = NULL;
    lead_endings(table, &own);
    return one.status;
}

furrow_status furrow_record_park(furrow_table *table, const furrow_record_reaction *reaction, furrow_error *err)
{
    ending one = {.reaction = reaction};
    const endings alone = {.of = {&one}, .count = 1};
    furrow_status status = furrow_table_check_id(furrow_bytes_of(reaction->id), err);
    return status ? status : end_reactions(table, FURROW_FUNCTION("park"), &alone, err);
}

furrow_status furrow_record_is_parked(furrow_table *table, const furrow_record_reaction *reaction, bool *parked,
                                      furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(PARKED_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    uint8_t now[FURROW_VERSION_BYTES];
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HGET"), table->parked_key, furrow_bytes_of(reaction->id)};
    furrow_value answer;
    furrow_status status = furrow_store_command(table->store, argv, 3, arena, &answer, err);
    if (status) return status;
    *parked = answer.kind == FURROW_VALUE_TEXT && furrow_bytes_equal(answer.text, version_bytes(&reaction->now, now));
    return FURROW_OK;
}

furrow_status furrow_record_retry_parked(furrow_table *table, size_t max, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(PARKED_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_value found;
    furrow_status status = scan(table, table->parked_key, &table->parked_cursor, max, arena, &found, err);
    size_t count = status ? 0 : found.count / 2;
    if (count > RETRY_MAX) count = RETRY_MAX;
    if (count == 0) return status;
    furrow_bytes *ids = furrow_arena_alloc(arena, count * sizeof *ids);
    if (!ids) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "parked reactions do not fit the memory given");
    for (size_t i = 0; i < count; i++) ids[i] = found.items[2 * i].text;
    furrow_value answer;
    return furrow_pipeline_ask(table->store, FURROW_FUNCTION("retry"), &table->reactions_key, 1, ids, count, arena,
                               &answer, err);
}
