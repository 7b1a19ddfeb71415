/* Reading records: any number of any tables in one MGET. See record.h. */
#include "store/table.h"

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

/* The tables that are read, each once. */
typedef struct read_tables {
    furrow_table *list[FURROW_READ_TABLES_MAX];
    size_t count;
} read_tables;

static furrow_status find_tables(const furrow_store *store, const furrow_record_read reads[], size_t count,
                                 read_tables *out, furrow_error *err)
{
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        furrow_status status = furrow_table_check_id(furrow_bytes_of(reads[i].id), err);
        if (status) return status;
        FURROW_REQUIRE(reads[i].table->store == store);
        size_t at = 0;
        while (at < out->count && out->list[at] != reads[i].table) at++;
        FURROW_REQUIRE(at < FURROW_READ_TABLES_MAX);
        if (at == out->count) out->list[out->count++] = reads[i].table;
    }
    return FURROW_OK;
}

/* One MGET: the records, then the build of each table. All of them are of one moment of Redis. */
static furrow_status send_reads(furrow_store *store, const furrow_record_read reads[], size_t count,
                                const read_tables *tables, furrow_pipelined *request, furrow_arena *arena,
                                furrow_error *err)
{
    furrow_buffer *out = furrow_pipeline_begin(store, request, arena, 1 + count + tables->count, err);
    if (!out) return request->status;
    furrow_pipeline_arg(out, "MGET", 4);
    for (size_t i = 0; i < count; i++)
        furrow_pipeline_arg_pair(out, reads[i].table->prefix, furrow_bytes_of(reads[i].id));
    for (size_t i = 0; i < tables->count; i++)
        furrow_pipeline_arg(out, tables->list[i]->build_key.data, tables->list[i]->build_key.len);
    return furrow_pipeline_send(store, request, err);
}

/* What is listed goes first: if the records behind it are of the build that was verified, the index was. */
static furrow_status read_once(furrow_store *store, furrow_record_read reads[], size_t count, const read_tables *tables,
                               furrow_record_ids *listed, furrow_arena *arena, furrow_value *builds, furrow_error *err)
{
    furrow_pipelined request, members;
    size_t all = count + tables->count;
    furrow_status status = listed ? furrow_table_send_ids(listed, &members, arena, err) : FURROW_OK;
    if (status) return status;
    furrow_status sent = send_reads(store, reads, count, tables, &request, arena, err);
    if (listed) status = furrow_pipeline_wait(store, &members, sent ? NULL : err); /* in any case: it is on our stack */
    if (!sent) sent = furrow_pipeline_wait(store, &request, status ? NULL : err);
    if (sent || status) return sent ? sent : status;
    if (listed) status = furrow_table_take_ids(listed, &members.value, arena, err);
    if (status) return status;
    if (request.value.kind != FURROW_VALUE_LIST || request.value.count != all)
        return furrow_fail(err, FURROW_INTERNAL, "redis: MGET of %zu keys answered something else", all);
    for (size_t i = 0; i < count; i++) reads[i].record = furrow_record_of_value(&request.value.items[i]);
    for (size_t i = 0; i < tables->count; i++) builds[i] = request.value.items[count + i];
    return FURROW_OK;
}

static furrow_status await_all(const read_tables *tables, uint64_t until_ns, furrow_error *err)
{
    for (size_t i = 0; i < tables->count;) {
        if (furrow_table_trusted(tables->list[i])) {
            i++;
            continue;
        }
        furrow_status status = furrow_table_await(tables->list[i], until_ns, err);
        if (status) return status;
        i = 0; /* another may have come into doubt meanwhile */
    }
    return FURROW_OK;
}

static bool are_ours(const read_tables *tables, const furrow_value builds[])
{
    bool ours = true;
    for (size_t i = 0; i < tables->count; i++)
        if (tables->list[i]->trust.guard) ours = furrow_table_is_ours(tables->list[i], &builds[i]) && ours;
    return ours;
}

static bool is_read(const furrow_table *table, const read_tables *tables)
{
    size_t at = 0;
    while (at < tables->count && tables->list[at] != table) at++;
    return at < tables->count;
}

furrow_status furrow_record_read_with_ids(furrow_store *store, furrow_record_read reads[], size_t count,
                                          furrow_record_ids *listed, furrow_arena *arena, furrow_error *err)
{
    if (count == 0) return FURROW_OK;
    read_tables tables;
    furrow_value builds[FURROW_READ_TABLES_MAX];
    furrow_status status = find_tables(store, reads, count, &tables, err);
    FURROW_REQUIRE(status || !listed || is_read(listed->table, &tables));
    for (uint64_t until_ns = 0; !status;) {
        if (!until_ns) until_ns = furrow_trust_until();
        status = await_all(&tables, until_ns, err);
        if (!status) status = read_once(store, reads, count, &tables, listed, arena, builds, err);
        if (!status && are_ours(&tables, builds)) return FURROW_OK;
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
    furrow_value build;
    furrow_record_read read = {.table = table, .id = id};
    read_tables tables;
    furrow_status status = find_tables(table->store, &read, 1, &tables, err);
    if (!status) status = read_once(table->store, &read, 1, &tables, NULL, arena, &build, err);
    if (!status) *out = read.record;
    return status;
}
