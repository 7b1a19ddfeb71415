/*
 * What aggregates come to (see record.h): a range of the groups, then their sums, all of one build. A group is read
 * before its sum, so one that has gone meanwhile is left out; the sums of one page are of one moment.
 */
#include "base/number.h"
#include "store/aggregate.h"
#include "store/eviction.h"
#include "store/index.h"
#include "store/table.h"
#include "store/token.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT_MAX = 1000 };

typedef struct totals_page {
    const furrow_totals_query *query;
    size_t which;            /* the aggregate */
    furrow_bytes head, from; /* of the groups; where the range begins, for ZRANGEBYLEX */
    uint8_t hash[FURROW_HASH_BYTES];
    furrow_total *list;
    size_t count;
    furrow_bytes last; /* the last group of the range, if there are more */
    bool more;
} totals_page;

static furrow_status no_room(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the totals do not fit the request's memory: ask for fewer");
}

static furrow_status no_totals(furrow_error *err)
{
    return furrow_fail(err, FURROW_INTERNAL, "redis: totals were answered with something else");
}

static const furrow_aggregate_contract *aggregate_of(const furrow_table *table, const totals_page *page)
{
    return &table->options.aggregates[page->which];
}

static furrow_status find_aggregate(const furrow_table *table, const furrow_totals_query *query, size_t *out,
                                    furrow_error *err)
{
    for (size_t i = 0; i < table->options.aggregate_count; i++) {
        if (strcmp(table->options.aggregates[i].name, query->aggregate) != 0) continue;
        *out = i;
        if (query->value_count <= table->options.aggregates[i].by_count) return FURROW_OK;
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is by %zu fields, not %zu", query->aggregate,
                           table->options.aggregates[i].by_count, query->value_count);
    }
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s has no aggregate %s", table->options.entity, query->aggregate);
}

static furrow_bytes bound(furrow_arena *arena, char how, furrow_bytes group, char past)
{
    char *text = furrow_arena_alloc(arena, group.len + 2);
    if (!text) return (furrow_bytes){NULL, 0};
    text[0] = how;
    memcpy(text + 1, group.data, group.len);
    text[group.len + 1] = past;
    return (furrow_bytes){text, group.len + 1 + (past != '\0')};
}

static furrow_status plan_page(const furrow_table *table, const furrow_totals_query *query, furrow_arena *arena,
                               totals_page *page, furrow_error *err)
{
    *page = (totals_page){.query = query};
    if (query->limit < 1 || query->limit > LIMIT_MAX)
        return furrow_fail_field(err, "page_size", "a page has 1 to %d totals", LIMIT_MAX);
    furrow_status status = find_aggregate(table, query, &page->which, err);
    if (status) return status;
    page->head =
        furrow_aggregate_group(table->options.aggregates, page->which, query->values, query->value_count, arena);
    if (!page->head.data) return no_room(err);
    furrow_bytes from = page->head;
    const furrow_bytes parts[] = {table->base, FURROW_BYTES_LITERAL("totals"), page->head};
    furrow_hash(parts, 3, page->hash);
    bool resumes = query->after && query->after[0];
    if (resumes) status = furrow_token_read(query->after, page->hash, arena, &from, err);
    if (!status && !furrow_bytes_begin(from, page->head))
        status = furrow_fail_field(err, "page_token", "this is no page token");
    if (status) return status;
    page->from = bound(arena, resumes ? '(' : '[', from, '\0');
    return page->from.data ? FURROW_OK : no_room(err);
}

/* The groups of the page, one more than it holds if there is one. A whole group needs no look: it is there or not. */
static furrow_status read_groups(furrow_table *table, totals_page *page, furrow_arena *arena, furrow_bytes groups[],
                                 size_t *count, furrow_error *err)
{
    char limit[24];
    furrow_value members;
    if (page->query->value_count == aggregate_of(table, page)->by_count) {
        groups[0] = page->head;
        *count = !(page->query->after && page->query->after[0]);
        return FURROW_OK;
    }
    furrow_bytes past = bound(arena, '(', page->head, '\xff'); /* which no member holds */
    if (!past.data) return no_room(err);
    snprintf(limit, sizeof limit, "%zu", page->query->limit + 1);
    const furrow_bytes argv[] = {
        FURROW_BYTES_LITERAL("ZRANGEBYLEX"), table->groups_key,     page->from, past, FURROW_BYTES_LITERAL("LIMIT"),
        FURROW_BYTES_LITERAL("0"),           furrow_bytes_of(limit)};
    furrow_status status = furrow_store_command(table->store, argv, 7, arena, &members, err);
    if (status) return status;
    if (members.kind != FURROW_VALUE_LIST) return no_totals(err);
    page->more = members.count > page->query->limit;
    *count = page->more ? page->query->limit : members.count;
    for (size_t i = 0; i < *count; i++) {
        if (members.items[i].kind != FURROW_VALUE_TEXT) return no_totals(err);
        groups[i] = members.items[i].text;
    }
    if (page->more) page->last = groups[*count - 1];
    return FURROW_OK;
}

/* "<count> <sum>" of a group, whose values are between its NULs. */
static furrow_status take_total(const furrow_aggregate_contract *aggregate, furrow_bytes group, furrow_bytes text,
                                furrow_total *out, furrow_error *err)
{
    const char *at = (const char *)group.data + 1, *end = (const char *)group.data + group.len;
    for (size_t i = 0; i < aggregate->by_count; i++) {
        const char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        if (!nul) return no_totals(err);
        out->values[i] = (furrow_bytes){at, (size_t)(nul - at)};
        at = nul + 1;
    }
    const char *space = memchr(text.data, ' ', text.len);
    if (!space) return no_totals(err);
    const furrow_bytes count = {text.data, (size_t)(space - (const char *)text.data)};
    const furrow_bytes sum = {space + 1, text.len - count.len - 1};
    bool good = furrow_number_parse_signed(count, INT64_MIN, INT64_MAX, &out->count) &&
                furrow_number_parse_signed(sum, INT64_MIN, INT64_MAX, &out->sum);
    return good ? FURROW_OK : no_totals(err);
}

static furrow_status read_sums(furrow_table *table, totals_page *page, const furrow_bytes groups[], size_t count,
                               furrow_arena *arena, furrow_error *err)
{
    furrow_bytes *argv = furrow_arena_alloc(arena, (count + 2) * sizeof *argv);
    furrow_value values;
    if (!argv) return no_room(err);
    page->count = 0;
    if (count == 0) return FURROW_OK;
    argv[0] = FURROW_BYTES_LITERAL("HMGET");
    argv[1] = table->sums_key;
    memcpy(argv + 2, groups, count * sizeof *groups);
    furrow_status status = furrow_store_command(table->store, argv, count + 2, arena, &values, err);
    if (!status && (values.kind != FURROW_VALUE_LIST || values.count != count)) status = no_totals(err);
    for (size_t i = 0; i < count && !status; i++) {
        if (values.items[i].kind != FURROW_VALUE_TEXT) continue;
        status = take_total(aggregate_of(table, page), groups[i], values.items[i].text, &page->list[page->count], err);
        page->count++;
    }
    return status;
}

/* Whose it all was comes last: if it is ours then, the rest was. *ours false: to be read again. */
static furrow_status is_still_ours(furrow_table *table, uint64_t moment, furrow_arena *arena, bool *ours,
                                   furrow_error *err)
{
    furrow_value build;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), table->build_key};
    *ours = true;
    if (!table->trust.guard) return FURROW_OK;
    furrow_status status = furrow_store_command(table->store, argv, 2, arena, &build, err);
    if (!status) status = furrow_eviction_confirm(table->store, err);
    if (!status) *ours = furrow_table_is_ours(table, &build) && table->trust.moment == moment;
    return status;
}

furrow_status furrow_record_totals(furrow_table *table, const furrow_totals_query *query, furrow_arena *arena,
                                   furrow_total **out, size_t *count, char **next, furrow_error *err)
{
    totals_page page;
    furrow_status status = plan_page(table, query, arena, &page, err);
    if (status) return status;
    furrow_bytes *groups = furrow_arena_alloc(arena, query->limit * sizeof *groups);
    page.list = furrow_arena_zalloc(arena, query->limit * sizeof *page.list);
    if (!groups || !page.list) return no_room(err);
    uint64_t until_ns = furrow_trust_until();
    for (bool ours = false; !status && !ours;) {
        size_t found = 0;
        status = furrow_table_await(table, until_ns, err);
        uint64_t moment = table->trust.moment;
        if (!status) status = read_groups(table, &page, arena, groups, &found, err);
        if (!status) status = read_sums(table, &page, groups, found, arena, err);
        if (!status) status = is_still_ours(table, moment, arena, &ours, err);
    }
    if (status) return status;
    char *token = page.more ? furrow_token_make(page.hash, page.last, arena) : NULL;
    if (page.more && !token) return no_room(err);
    *out = page.list;
    *count = page.count;
    *next = token;
    return FURROW_OK;
}
