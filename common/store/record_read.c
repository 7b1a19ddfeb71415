/*
 * Reading records: any number of any tables in one MGET. See record.h. What is there is right; that something is not
 * there, or not in an index, counts only if Redis has evicted nothing (eviction.h).
 */
#include "store/eviction.h"
#include "store/read_group.h"

#include <string.h>

void furrow_version_put(uint64_t version, uint8_t out[FURROW_VERSION_BYTES])
{
    for (int i = FURROW_VERSION_BYTES; i-- > 0; version >>= 8) out[i] = (uint8_t)version;
}

furrow_record furrow_record_of_value(const furrow_value *value)
{
    furrow_record record = {0};
    if (value->kind != FURROW_VALUE_TEXT || value->text.len < FURROW_VERSION_BYTES) return record;
    const uint8_t *bytes = value->text.data;
    for (int i = 0; i < FURROW_VERSION_BYTES; i++) record.version = record.version << 8 | bytes[i];
    record.found = true;
    record.deleted = value->text.len == FURROW_VERSION_BYTES;
    record.body = (furrow_bytes){bytes + FURROW_VERSION_BYTES, value->text.len - FURROW_VERSION_BYTES};
    return record;
}

furrow_status furrow_table_send_mget(furrow_table *table, const furrow_bytes ids[], size_t count,
                                     furrow_pipelined *request, furrow_arena *arena, furrow_error *err)
{
    furrow_buffer *out = furrow_pipeline_begin(table->store, request, arena, 2 + count, err);
    if (!out) return request->status;
    furrow_pipeline_arg(out, "MGET", 4);
    for (size_t i = 0; i < count; i++) furrow_pipeline_arg_pair(out, table->prefix, ids[i]);
    furrow_pipeline_arg(out, table->build_key.data, table->build_key.len);
    return furrow_pipeline_send(table->store, request, err);
}

furrow_status furrow_table_mget(furrow_table *table, const furrow_bytes ids[], size_t count, furrow_arena *arena,
                                furrow_value *out, furrow_error *err)
{
    furrow_pipelined request;
    furrow_status status = furrow_table_send_mget(table, ids, count, &request, arena, err);
    if (!status) status = furrow_pipeline_wait(table->store, &request, err);
    if (status) return status;
    if (request.value.kind != FURROW_VALUE_LIST || request.value.count != count + 1)
        return furrow_fail(err, FURROW_INTERNAL, "redis: MGET of %zu keys answered something else", count + 1);
    *out = request.value;
    return FURROW_OK;
}

static furrow_status find_tables(furrow_read *read, furrow_error *err)
{
    read->table_count = 0;
    for (size_t i = 0; i < read->count; i++) {
        furrow_table *table = read->reads[i].table;
        furrow_status status = furrow_table_check_id(furrow_bytes_of(read->reads[i].id), err);
        if (status) return status;
        FURROW_REQUIRE(table->store == read->store);
        size_t at = 0;
        while (at < read->table_count && read->tables[at] != table) at++;
        FURROW_REQUIRE(at < FURROW_READ_TABLES_MAX);
        if (at == read->table_count) read->tables[read->table_count++] = table;
    }
    return FURROW_OK;
}

static bool are_ours(const furrow_read *read, const furrow_value builds[])
{
    bool ours = true;
    for (size_t i = 0; i < read->table_count; i++)
        if (read->tables[i]->trust.guard) ours = furrow_table_is_ours(read->tables[i], &builds[i]) && ours;
    return ours;
}

/* One MGET of its own: the records, then the build of each table. All of them are of one moment of Redis. */
static furrow_status read_alone(furrow_read *read, furrow_error *err)
{
    furrow_pipelined request;
    size_t all = read->count + read->table_count;
    furrow_buffer *out = furrow_pipeline_begin(read->store, &request, read->arena, 1 + all, err);
    if (!out) return request.status;
    furrow_read_group_put_mget(&read, 1, read->tables, read->table_count, out);
    furrow_status status = furrow_pipeline_send(read->store, &request, err);
    if (!status) status = furrow_pipeline_wait(read->store, &request, err);
    if (status) return status;
    if (request.value.kind != FURROW_VALUE_LIST || request.value.count != all)
        return furrow_fail(err, FURROW_INTERNAL, "redis: MGET of %zu keys answered something else", all);
    for (size_t i = 0; i < read->count; i++) read->reads[i].record = furrow_record_of_value(&request.value.items[i]);
    read->ours = are_ours(read, request.value.items + read->count);
    return FURROW_OK;
}

static furrow_status read_together(furrow_read *read, furrow_error *err)
{
    return furrow_read_group_join(read) ? FURROW_OK : read_alone(read, err);
}

/* What is listed goes first: if the records behind it are of the build that was verified, the index was. */
static furrow_status read_once(furrow_read *read, furrow_record_ids *listed, furrow_error *err)
{
    furrow_pipelined members;
    if (!listed) return read_together(read, err);
    furrow_status sent = furrow_table_send_ids(listed, &members, read->arena, err);
    if (sent) return sent;
    furrow_status status = read_together(read, err);
    sent = furrow_pipeline_wait(read->store, &members, status ? NULL : err); /* in any case: it is on our stack */
    if (sent || status) return status ? status : sent;
    return furrow_table_take_ids(listed, &members.value, read->arena, err);
}

static bool is_guarded(const furrow_read *read)
{
    for (size_t i = 0; i < read->table_count; i++)
        if (read->tables[i]->trust.guard) return true;
    return false;
}

static bool misses_some(const furrow_read *read)
{
    for (size_t i = 0; i < read->count; i++)
        if (!read->reads[i].record.found && !read->reads[i].to_write) return true;
    return false;
}

/* Each table's only grows: as long as it is the same, there was no doubt. */
static uint64_t moments(const furrow_read *read)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < read->table_count; i++) sum += read->tables[i]->trust.moment;
    return sum;
}

static bool is_read(const furrow_table *table, const furrow_read *read)
{
    size_t at = 0;
    while (at < read->table_count && read->tables[at] != table) at++;
    return at < read->table_count;
}

furrow_status furrow_record_read_with_ids(furrow_store *store, furrow_record_read reads[], size_t count,
                                          furrow_record_ids *listed, furrow_arena *arena, furrow_error *err)
{
    if (count == 0) return FURROW_OK;
    furrow_read read = {.store = store, .reads = reads, .count = count, .arena = arena};
    furrow_status status = find_tables(&read, err);
    FURROW_REQUIRE(status || !listed || is_read(listed->table, &read));
    for (uint64_t until_ns = 0; !status;) {
        if (!until_ns) until_ns = furrow_trust_until();
        status = furrow_tables_await(read.tables, read.table_count, until_ns, err);
        uint64_t moment = moments(&read);
        if (!status) status = read_once(&read, listed, err);
        if (status || !read.ours) continue;
        bool missing = listed || misses_some(&read);
        if (!missing || !is_guarded(&read)) return FURROW_OK;
        status = furrow_eviction_confirm(store, err);
        if (!status && moments(&read) == moment) return FURROW_OK;
    }
    return status;
}

furrow_status furrow_record_read_many(furrow_store *store, furrow_record_read reads[], size_t count,
                                      furrow_arena *arena, furrow_error *err)
{
    return furrow_record_read_with_ids(store, reads, count, NULL, arena, err);
}

furrow_status furrow_record_read_unverified(furrow_table *table, const char *id, furrow_arena *arena,
                                            furrow_record *out, furrow_error *err)
{
    furrow_record_read one = {.table = table, .id = id};
    furrow_read read = {.store = table->store, .reads = &one, .count = 1, .arena = arena};
    furrow_status status = find_tables(&read, err);
    if (!status) status = read_alone(&read, err);
    if (!status) *out = one.record;
    return status;
}
