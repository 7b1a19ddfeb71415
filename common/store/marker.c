/* The marker of a replica (see record.h): a hash that says what the table's records are worth. */
#include "store/library.h"
#include "store/table.h"

#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 16 * 1024, FIELDS = 5 };

static void copy_text(const furrow_value *value, char *out, size_t size)
{
    size_t len = value->kind == FURROW_VALUE_TEXT ? value->text.len : 0;
    if (len >= size) len = size - 1;
    if (len) memcpy(out, value->text.data, len);
    out[len] = '\0';
}

/* 0, which is before everything, when there is none. */
static uint64_t number_of(const furrow_value *value, uint64_t max)
{
    uint64_t number = 0;
    if (value->kind == FURROW_VALUE_TEXT) (void)furrow_number_parse(value->text, max, &number);
    return number;
}

furrow_status furrow_marker_read(furrow_table *table, furrow_marker *out, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ANSWER_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HMGET"),  table->marker_key,
                                 FURROW_BYTES_LITERAL("shape"),  FURROW_BYTES_LITERAL("epoch"),
                                 FURROW_BYTES_LITERAL("run_id"), FURROW_BYTES_LITERAL("position"),
                                 FURROW_BYTES_LITERAL("time")};
    furrow_value fields;
    furrow_status status = furrow_store_command(table->store, argv, 2 + FIELDS, arena, &fields, err);
    if (status) return furrow_wrap(err, "marker of %s", table->options.entity);
    if (fields.kind != FURROW_VALUE_LIST || fields.count != FIELDS)
        return furrow_fail(err, FURROW_INTERNAL, "redis: HMGET answered something else");
    furrow_marker marker = {.found = fields.items[0].kind == FURROW_VALUE_TEXT};
    copy_text(&fields.items[0], marker.shape, sizeof marker.shape);
    copy_text(&fields.items[2], marker.run_id, sizeof marker.run_id);
    marker.epoch_ns = (int64_t)number_of(&fields.items[1], INT64_MAX);
    marker.position = number_of(&fields.items[3], UINT64_MAX);
    marker.position_ns = (int64_t)number_of(&fields.items[4], INT64_MAX);
    *out = marker;
    return FURROW_OK;
}

furrow_status furrow_marker_write(furrow_table *table, const furrow_marker *marker, furrow_error *err)
{
    char epoch[24], position[24], time[24];
    snprintf(epoch, sizeof epoch, "%lld", (long long)marker->epoch_ns);
    snprintf(position, sizeof position, "%llu", (unsigned long long)marker->position);
    snprintf(time, sizeof time, "%lld", (long long)marker->position_ns);
    const furrow_bytes args[] = {furrow_bytes_of(marker->shape), furrow_bytes_of(epoch),
                                 furrow_bytes_of(marker->run_id), furrow_bytes_of(position), furrow_bytes_of(time)};
    furrow_status status = furrow_pipeline_ask(table->store, FURROW_FUNCTION("mark"), &table->marker_key, 1, args,
                                               FIELDS, NULL, NULL, err);
    return status ? furrow_wrap(err, "marker of %s", table->options.entity) : FURROW_OK;
}

furrow_status furrow_marker_move(furrow_table *table, const furrow_marker *from, const furrow_marker *to, bool *moved,
                                 furrow_error *err)
{
    char from_epoch[24], to_epoch[24], position[24], time[24];
    snprintf(from_epoch, sizeof from_epoch, "%lld", (long long)from->epoch_ns);
    snprintf(to_epoch, sizeof to_epoch, "%lld", (long long)to->epoch_ns);
    snprintf(position, sizeof position, "%llu", (unsigned long long)to->position);
    snprintf(time, sizeof time, "%lld", (long long)to->position_ns);
    const furrow_bytes args[] = {furrow_bytes_of(from->shape),  furrow_bytes_of(from_epoch),
                                 furrow_bytes_of(from->run_id), furrow_bytes_of(to->shape),
                                 furrow_bytes_of(to_epoch),     furrow_bytes_of(to->run_id),
                                 furrow_bytes_of(position),     furrow_bytes_of(time)};
    furrow_value answer;
    furrow_status status =
        furrow_pipeline_ask(table->store, FURROW_FUNCTION("move"), &table->marker_key, 1, args, 8, NULL, &answer, err);
    if (status) return furrow_wrap(err, "marker of %s", table->options.entity);
    *moved = answer.kind == FURROW_VALUE_INTEGER && answer.integer == 1;
    return FURROW_OK;
}
