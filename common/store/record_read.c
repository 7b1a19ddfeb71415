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
    furrow_buffer *out = furrow_pipeline_begin(table->store, request, arena, 1 + count, err);
    if (!out) return request->status;
    furrow_pipeline_arg(out, "MGET", 4);
    for (size_t i = 0; i < count; i++) furrow_pipeline_arg_pair(out, table->prefix, ids[i]);
    return furrow_pipeline_send(table->store, request, err);
}

furrow_status furrow_record_read_many(furrow_store *store, furrow_record_read reads[], size_t count,
                                      furrow_arena *arena, furrow_error *err)
{
    if (count == 0) return FURROW_OK;
    for (size_t i = 0; i < count; i++) {
        furrow_status status = furrow_table_check_id(furrow_bytes_of(reads[i].id), err);
        if (status) return status;
        FURROW_REQUIRE(reads[i].table->store == store);
    }
    furrow_pipelined request;
    furrow_buffer *out = furrow_pipeline_begin(store, &request, arena, 1 + count, err);
    if (!out) return request.status;
    furrow_pipeline_arg(out, "MGET", 4);
    for (size_t i = 0; i < count; i++)
        furrow_pipeline_arg_pair(out, reads[i].table->prefix, furrow_bytes_of(reads[i].id));
    furrow_status status = furrow_pipeline_send(store, &request, err);
    if (!status) status = furrow_pipeline_wait(store, &request, err);
    if (status) return status;
    if (request.value.kind != FURROW_VALUE_LIST || request.value.count != count)
        return furrow_fail(err, FURROW_INTERNAL, "redis: MGET of %zu keys answered something else", count);
    for (size_t i = 0; i < count; i++) reads[i].record = furrow_record_of_value(&request.value.items[i]);
    return FURROW_OK;
}
