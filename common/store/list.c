/*
 * Listings (see record.h): a range of an index, then its records in one MGET.
 *
 * The index is read before the records, so an entry is taken only if the record that was found still has it, and only
 * the first of the entries by which the query can reach a record (a repeated field under a prefix has several). So a
 * record is on one page, once, without any memory of the pages before. What is missing in an index nobody sees: so a page
 * counts only if Redis has evicted nothing (eviction.h).
 */
#include "store/eviction.h"
#include "store/index.h"
#include "store/table.h"
#include "store/token.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT_MAX = 1000, ROUNDS = 8 };

/* A query in terms of the index: members that begin with `head`. */
typedef struct range {
    size_t index;
    furrow_bytes head;               /* value and NUL, or the prefix */
    furrow_bytes min, max;           /* of ZRANGEBYLEX */
    uint8_t hash[FURROW_HASH_BYTES]; /* of the query, for its tokens */
} range;

typedef struct page {
    furrow_listed *list;
    size_t count, limit;
    bool more;
} page;

static furrow_status no_room_for_page(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED,
                       "the page does not fit the request's memory: ask for fewer records");
}

static furrow_status find_index(const furrow_table *table, const char *field, size_t *out, furrow_error *err)
{
    if (!field) field = "id";
    for (size_t i = 0; i < table->options.index_count; i++) {
        if (strcmp(table->options.indexes[i].field, field) != 0) continue;
        *out = i;
        return FURROW_OK;
    }
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s has no index on %s", table->options.entity, field);
}

/* @first, @bytes and (if it is one) @last in one. data NULL: no room. */
static furrow_bytes join_bytes(furrow_arena *arena, const char *first, furrow_bytes bytes, furrow_bytes last)
{
    size_t first_len = strlen(first);
    char *joined = furrow_arena_alloc(arena, first_len + bytes.len + last.len + 1);
    if (!joined) return (furrow_bytes){NULL, 0};
    memcpy(joined, first, first_len);
    if (bytes.len) memcpy(joined + first_len, bytes.data, bytes.len);
    if (last.len) memcpy(joined + first_len + bytes.len, last.data, last.len);
    return (furrow_bytes){joined, first_len + bytes.len + last.len};
}

static furrow_status resolve_range(const furrow_table *table, const furrow_record_query *query, furrow_arena *arena,
                                   range *out, furrow_error *err)
{
    furrow_status status = find_index(table, query->index, &out->index, err);
    if (status) return status;
    const furrow_index_contract *index = &table->options.indexes[out->index];
    furrow_bytes value = query->value;
    if (index->descriptor->type == PROTOBUF_C_TYPE_STRING) value = furrow_index_text(value, index->fold, arena);
    /* No member holds a byte 0xff, and in none a NUL is followed by a byte below 1, so these are the first member past
     * each range. */
    static const char nul[1] = {'\0'}, one[1] = {'\1'}, top[1] = {'\xff'};
    out->head = query->prefix ? value : join_bytes(arena, "", value, (furrow_bytes){nul, 1});
    out->min = join_bytes(arena, "[", out->head, (furrow_bytes){0});
    out->max = query->prefix ? join_bytes(arena, "(", value, (furrow_bytes){top, 1})
                             : join_bytes(arena, "(", value, (furrow_bytes){one, 1});
    if ((value.len && !value.data) || !out->min.data || !out->max.data || (!query->prefix && !out->head.data))
        return no_room_for_page(err);
    const furrow_bytes parts[] = {table->base, furrow_bytes_of(index->field), value, {query->prefix ? "p" : "e", 1}};
    furrow_hash(parts, 4, out->hash);
    return FURROW_OK;
}

static furrow_status resume(const char *after, range *within, furrow_arena *arena, furrow_error *err)
{
    furrow_bytes last;
    furrow_status status = furrow_token_read(after, within->hash, arena, &last, err);
    if (status) return status;
    if (!furrow_bytes_begin(last, within->head)) return furrow_fail_field(err, "page_token", "this is no page token");
    within->min = join_bytes(arena, "(", last, (furrow_bytes){0});
    return within->min.data ? FURROW_OK : no_room_for_page(err);
}

static furrow_status no_list(furrow_error *err)
{
    return furrow_fail(err, FURROW_INTERNAL, "redis: a listing was answered with something else");
}

static furrow_status send_range(furrow_table *table, const range *within, size_t limit, furrow_pipelined *members,
                                furrow_arena *arena, furrow_error *err)
{
    furrow_bytes index = table->index_keys[within->index];
    furrow_buffer *to = furrow_pipeline_begin(table->store, members, arena, 7, err);
    if (!to) return members->status;
    furrow_pipeline_arg(to, "ZRANGEBYLEX", 11);
    furrow_pipeline_arg(to, index.data, index.len);
    furrow_pipeline_arg(to, within->min.data, within->min.len);
    furrow_pipeline_arg(to, within->max.data, within->max.len);
    furrow_pipeline_arg(to, "LIMIT", 5);
    furrow_pipeline_arg_number(to, 0);
    furrow_pipeline_arg_number(to, limit);
    return furrow_pipeline_send(table->store, members, err);
}

furrow_status furrow_table_send_ids(const furrow_record_ids *listed, furrow_pipelined *request, furrow_arena *arena,
                                    furrow_error *err)
{
    range within;
    const furrow_record_query query = {.index = listed->index, .value = listed->value};
    furrow_status status = resolve_range(listed->table, &query, arena, &within, err);
    return status ? status : send_range(listed->table, &within, listed->limit, request, arena, err);
}

furrow_status furrow_table_take_ids(furrow_record_ids *listed, const furrow_value *members, furrow_arena *arena,
                                    furrow_error *err)
{
    if (members->kind != FURROW_VALUE_LIST) return no_list(err);
    const char **ids = furrow_arena_alloc(arena, (members->count + 1) * sizeof *ids);
    if (!ids) return no_room_for_page(err);
    for (size_t i = 0; i < members->count; i++) {
        if (members->items[i].kind != FURROW_VALUE_TEXT) return no_list(err);
        furrow_bytes id = furrow_index_id(members->items[i].text);
        if (!furrow_id_valid(id.data, id.len)) return no_list(err);
        ids[i] = id.data; /* a reply's text ends in a NUL, and so does the id */
    }
    listed->ids = ids;
    listed->count = members->count;
    return FURROW_OK;
}

/* Whose the index is comes behind it: if it is ours then, the index was. *ours false: to be read again. */
static furrow_status read_members(furrow_table *table, const range *within, size_t limit, furrow_arena *arena,
                                  furrow_value *out, bool *ours, furrow_error *err)
{
    furrow_pipelined members, build;
    furrow_status status = send_range(table, within, limit, &members, arena, err);
    if (status) return status;
    furrow_buffer *to = furrow_pipeline_begin(table->store, &build, arena, 2, err);
    status = to ? FURROW_OK : build.status;
    if (to) {
        furrow_pipeline_arg(to, "GET", 3);
        furrow_pipeline_arg(to, table->build_key.data, table->build_key.len);
        status = furrow_pipeline_send(table->store, &build, err);
    }
    furrow_status read = furrow_pipeline_wait(table->store, &members, status ? NULL : err);
    if (!status) status = furrow_pipeline_wait(table->store, &build, read ? NULL : err);
    if (read || status) return read ? read : status;
    *out = members.value;
    bool good = out->kind == FURROW_VALUE_LIST;
    for (size_t i = 0; good && i < out->count; i++) good = out->items[i].kind == FURROW_VALUE_TEXT;
    *ours = !table->trust.guard || furrow_table_is_ours(table, &build.value);
    return good ? FURROW_OK : no_list(err);
}

static furrow_status read_listed(furrow_table *table, const furrow_value members[], size_t count, furrow_arena *arena,
                                 furrow_value *out, bool *ours, furrow_error *err)
{
    furrow_bytes *ids = furrow_arena_alloc(arena, count * sizeof *ids);
    if (!ids) return no_room_for_page(err);
    for (size_t i = 0; i < count; i++) ids[i] = furrow_index_id(members[i].text);
    furrow_status status = furrow_table_mget(table, ids, count, arena, out, err);
    if (!status) *ours = !table->trust.guard || furrow_table_is_ours(table, &out->items[count]);
    return status;
}

/* Is @member the first entry of this record that the query reaches? */
static furrow_status belongs(const furrow_table *table, const range *within, furrow_bytes member, furrow_bytes id,
                             const furrow_record *record, furrow_arena *arena, bool *out, furrow_error *err)
{
    furrow_index_entries entries;
    *out = false;
    furrow_status status = furrow_index_compute(table->options.descriptor, &table->options.indexes[within->index], 1,
                                                id, record->body, arena, &entries, err);
    if (status) return status == FURROW_INVALID_ARGUMENT ? FURROW_OK : status;
    for (size_t i = 0; i < entries.count; i++) {
        if (!furrow_bytes_begin(entries.list[i].member, within->head)) continue;
        *out = furrow_bytes_equal(entries.list[i].member, member);
        return FURROW_OK;
    }
    return FURROW_OK;
}

/* Within one round the records are of one moment; between rounds one may have moved along the index. */
static bool is_on_page(const page *to, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(to->list[i].id, id) == 0) return true;
    return false;
}

static furrow_status take_members(furrow_table *table, const range *within, const furrow_value *members, size_t count,
                                  page *to, furrow_arena *arena, bool *ours, furrow_error *err)
{
    furrow_value values = {0};
    size_t before = to->count;
    furrow_status status = read_listed(table, members->items, count, arena, &values, ours, err);
    for (size_t i = 0; i < count && !status && *ours; i++) {
        furrow_record record = furrow_record_of_value(&values.items[i]);
        furrow_bytes id = furrow_index_id(members->items[i].text);
        bool wanted = false;
        if (!record.found || record.deleted) continue;
        status = belongs(table, within, members->items[i].text, id, &record, arena, &wanted, err);
        if (status || !wanted || is_on_page(to, before, id.data)) continue;
        to->list[to->count++] =
            (furrow_listed){.id = id.data, .record = record}; /* a reply's text ends in a NUL, and so does the id */
    }
    return status;
}

/* Fills the page in a few rounds; entries whose record is gone leave gaps that the next round fills. *last: where it
 * stopped. *ours false: the records were not those that had been verified, and the page is nothing. */
static furrow_status fill_page(furrow_table *table, range *within, page *to, furrow_bytes *last, furrow_arena *arena,
                               bool *ours, furrow_error *err)
{
    to->more = *ours = true;
    for (int round = 0; round < ROUNDS && to->more && to->count < to->limit; round++) {
        furrow_value members = {0};
        size_t wanted = to->limit - to->count;
        furrow_status status = read_members(table, within, wanted + 1, arena, &members, ours, err);
        if (status || !*ours) return status;
        size_t count = members.count < wanted ? members.count : wanted;
        to->more = members.count > wanted;
        if (count == 0) return FURROW_OK;
        status = take_members(table, within, &members, count, to, arena, ours, err);
        if (status || !*ours) return status;
        *last = members.items[count - 1].text;
        within->min = join_bytes(arena, "(", *last, (furrow_bytes){0});
        if (!within->min.data) return no_room_for_page(err);
    }
    return FURROW_OK;
}

furrow_status furrow_record_list(furrow_table *table, const furrow_record_query *query, furrow_arena *arena,
                                 furrow_listed **out, size_t *count, char **next, furrow_error *err)
{
    if (query->limit < 1 || query->limit > LIMIT_MAX)
        return furrow_fail_field(err, "page_size", "a page has 1 to %d records", LIMIT_MAX);
    range within;
    furrow_status status = resolve_range(table, query, arena, &within, err);
    if (!status && query->after && query->after[0]) status = resume(query->after, &within, arena, err);
    if (status) return status;
    page to = {.limit = query->limit, .list = furrow_arena_alloc(arena, query->limit * sizeof *to.list)};
    if (!to.list) return no_room_for_page(err);
    furrow_bytes last = {0};
    const range whole = within;
    uint64_t until_ns = furrow_trust_until();
    for (bool ours = false; !status && !ours;) {
        within = whole;
        to.count = 0;
        status = furrow_table_await(table, until_ns, err);
        uint64_t moment = table->trust.moment;
        if (!status) status = fill_page(table, &within, &to, &last, arena, &ours, err);
        if (status || !ours || !table->trust.guard) continue;
        status = furrow_eviction_confirm(table->store, err);
        ours = table->trust.moment == moment;
    }
    if (status) return status;
    char *token = to.more ? furrow_token_make(within.hash, last, arena) : NULL;
    if (to.more && !token) return no_room_for_page(err);
    *out = to.list;
    *count = to.count;
    *next = token;
    return FURROW_OK;
}
