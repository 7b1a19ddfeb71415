/* The marker of a replica (see record.h): a hash that says what the table's records are worth,
 * and the build's own key beside it. They are written in one step, and one without the other is no marker. */
#include "store/library.h"
#include "store/table.h"

#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 16 * 1024, FIELDS = 7 };

static void copy_value_text(const furrow_value *value, char *out, size_t size)
{
    size_t len = value->kind == FURROW_VALUE_TEXT ? value->text.len : 0;
    if (len >= size) len = size - 1;
    if (len) memcpy(out, value->text.data, len);
    out[len] = '\0';
}

/* 0, which is before everything, when there is none. */
static uint64_t value_number(const furrow_value *value, uint64_t max)
{
    uint64_t number = 0;
    if (value->kind == FURROW_VALUE_TEXT) (void)furrow_number_parse(value->text, max, &number);
    return number;
}

/* The words of "<build> <newest> <dated> <time>" are numbers from the second on; what is none counts as 0. */
static void read_build(const furrow_value *value, furrow_marker *marker)
{
    uint64_t numbers[3] = {0};
    if (value->kind != FURROW_VALUE_TEXT) return;
    if (!furrow_build_begins(value->text, marker->build)) return;
    const char *at = value->text.data, *end = at + value->text.len;
    marker->found = true;
    at += strlen(marker->build) + 1;
    for (size_t i = 0; i < 3 && at < end; i++) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        furrow_bytes word = {at, (size_t)((space ? space : end) - at)};
        (void)furrow_number_parse(word, i < 2 ? UINT64_MAX : INT64_MAX, &numbers[i]);
        at += word.len + 1;
    }
    marker->newest = numbers[0];
    marker->dated = numbers[1];
    marker->dated_ns = (int64_t)numbers[2];
}

furrow_status furrow_marker_of(const furrow_value *fields, const furrow_value *build, furrow_marker *out,
                               furrow_error *err)
{
    furrow_marker marker = {.found = false};
    if (fields->kind != FURROW_VALUE_LIST || fields->count != FIELDS)
        return furrow_fail(err, FURROW_INTERNAL, "redis: HMGET answered something else");
    copy_value_text(&fields->items[0], marker.build, sizeof marker.build);
    read_build(build, &marker);
    if (!marker.found) marker.build[0] = '\0';
    copy_value_text(&fields->items[1], marker.shape, sizeof marker.shape);
    marker.epoch_ns = (int64_t)value_number(&fields->items[2], INT64_MAX);
    copy_value_text(&fields->items[3], marker.run_id, sizeof marker.run_id);
    marker.position = value_number(&fields->items[4], UINT64_MAX);
    marker.astray = value_number(&fields->items[5], UINT64_MAX);
    copy_value_text(&fields->items[6], marker.tally, sizeof marker.tally);
    *out = marker;
    return FURROW_OK;
}

furrow_status furrow_marker_read(furrow_table *table, furrow_marker *out, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ANSWER_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HMGET"),    table->marker_key,
                                 FURROW_BYTES_LITERAL("build"),    FURROW_BYTES_LITERAL("shape"),
                                 FURROW_BYTES_LITERAL("epoch"),    FURROW_BYTES_LITERAL("run_id"),
                                 FURROW_BYTES_LITERAL("position"), FURROW_BYTES_LITERAL("astray"),
                                 FURROW_BYTES_LITERAL("tally")};
    const furrow_bytes build_argv[] = {FURROW_BYTES_LITERAL("GET"), table->build_key};
    furrow_value fields, build;
    furrow_status status = furrow_store_command(table->store, argv, 2 + FIELDS, arena, &fields, err);
    if (!status) status = furrow_store_command(table->store, build_argv, 2, arena, &build, err);
    if (status) return furrow_wrap(err, "marker of %s", table->options.entity);
    return furrow_marker_of(&fields, &build, out, err);
}

/* Calls @function on marker and build, and @applied, @key_count of them; *done: it answered 1. */
static furrow_status call_step(furrow_table *table, const char *function, size_t key_count, const furrow_bytes args[],
                               size_t count, bool *done, furrow_error *err)
{
    const furrow_bytes keys[] = {table->marker_key, table->build_key, table->applied_key};
    furrow_value answer;
    furrow_status status =
        furrow_pipeline_ask(table->store, function, keys, key_count, args, count, NULL, &answer, err);
    if (status) return furrow_wrap(err, "marker of %s", table->options.entity);
    *done = answer.kind == FURROW_VALUE_INTEGER && answer.integer == 1;
    return FURROW_OK;
}

furrow_status furrow_marker_begin(furrow_table *table, const furrow_marker *from, const furrow_marker *to, bool *begun,
                                  furrow_error *err)
{
    char epoch[24];
    snprintf(epoch, sizeof epoch, "%lld", (long long)to->epoch_ns);
    const furrow_bytes args[] = {furrow_bytes_of(from->found ? from->build : ""), furrow_bytes_of(to->build),
                                 furrow_bytes_of(to->shape), furrow_bytes_of(epoch), furrow_bytes_of(to->tally)};
    return call_step(table, FURROW_FUNCTION("begin"), 2, args, 5, begun, err);
}

furrow_status furrow_marker_move(furrow_table *table, const furrow_marker *from, const furrow_marker *to, bool *moved,
                                 furrow_error *err)
{
    char from_epoch[24], to_epoch[24], from_astray[24], to_astray[24], position[24];
    snprintf(from_epoch, sizeof from_epoch, "%lld", (long long)from->epoch_ns);
    snprintf(to_epoch, sizeof to_epoch, "%lld", (long long)to->epoch_ns);
    snprintf(from_astray, sizeof from_astray, "%llu", (unsigned long long)from->astray);
    snprintf(to_astray, sizeof to_astray, "%llu", (unsigned long long)to->astray);
    snprintf(position, sizeof position, "%llu", (unsigned long long)to->position);
    const furrow_bytes args[] = {
        furrow_bytes_of(from->build),  furrow_bytes_of(from->shape), furrow_bytes_of(from_epoch),
        furrow_bytes_of(from->run_id), furrow_bytes_of(from_astray), furrow_bytes_of(to->shape),
        furrow_bytes_of(to_epoch),     furrow_bytes_of(to->run_id),  furrow_bytes_of(to_astray),
        furrow_bytes_of(to->tally),    furrow_bytes_of(position)};
    return call_step(table, FURROW_FUNCTION("move"), table->options.owned ? 3 : 2, args, 11, moved, err);
}

furrow_status furrow_marker_note(furrow_table *table, uint64_t version, int64_t time_ns, furrow_error *err)
{
    char seen[24], time[24];
    furrow_value answer;
    snprintf(seen, sizeof seen, "%llu", (unsigned long long)version);
    snprintf(time, sizeof time, "%lld", (long long)time_ns);
    const furrow_bytes args[] = {furrow_bytes_of(table->trust.build), furrow_bytes_of(seen), furrow_bytes_of(seen),
                                 furrow_bytes_of(time)};
    furrow_status status =
        furrow_pipeline_ask(table->store, FURROW_FUNCTION("note"), &table->build_key, 1, args, 4, NULL, &answer, err);
    return status ? furrow_wrap(err, "marker of %s", table->options.entity) : FURROW_OK;
}
