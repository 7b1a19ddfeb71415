/* See aggregate.h. */
#include "store/aggregate.h"

#include "store/index.h"

#include <stdio.h>
#include <string.h>

#define MARK       '\xff' /* in no text (UTF-8), so in no value */
#define AMOUNT_MAX 24

static bool is_integer(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return field->label != PROTOBUF_C_LABEL_REPEATED;
    default:
        return false;
    }
}

furrow_status furrow_aggregate_check(const furrow_aggregate_contract *aggregate, furrow_error *err)
{
    if (aggregate->by_count > FURROW_AGGREGATE_BY_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "aggregate %s is by %zu fields, at most %d are possible",
                           aggregate->name, aggregate->by_count, FURROW_AGGREGATE_BY_MAX);
    if (aggregate->sum && !is_integer(aggregate->sum))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "aggregate %s adds up %s, which is no signed integer",
                           aggregate->name, aggregate->sum->name);
    for (size_t i = 0; i < aggregate->by_count; i++) {
        const furrow_index_contract *by = &aggregate->by[i];
        furrow_status status = furrow_index_check(by, err);
        if (status) return status;
        if (by->descriptor->label == PROTOBUF_C_LABEL_REPEATED)
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "aggregate %s is by %s, which has several values",
                               aggregate->name, by->field);
    }
    return FURROW_OK;
}

/* The letter, the values with their NULs, and @tail. */
static furrow_bytes join_group_key(size_t which, const furrow_bytes values[], size_t count, const char *tail,
                                   furrow_arena *arena)
{
    size_t len = 1 + strlen(tail);
    for (size_t i = 0; i < count; i++) len += values[i].len + 1;
    char *text = furrow_arena_alloc(arena, len + 1), *end = text;
    if (!text) return (furrow_bytes){NULL, 0};
    *end++ = (char)('a' + which);
    for (size_t i = 0; i < count; i++) {
        if (values[i].len) memcpy(end, values[i].data, values[i].len);
        end += values[i].len;
        *end++ = '\0';
    }
    memcpy(end, tail, strlen(tail) + 1);
    return (furrow_bytes){text, len};
}

/* What one aggregate has of @record; len 0: nothing. */
static furrow_status add_part(const ProtobufCMessage *record, const furrow_aggregate_contract *aggregate, size_t which,
                              furrow_arena *arena, furrow_bytes *out, furrow_error *err)
{
    furrow_bytes values[FURROW_AGGREGATE_BY_MAX];
    char tail[AMOUNT_MAX + 2];
    *out = (furrow_bytes){"", 0};
    if (aggregate->when && furrow_index_integer(aggregate->when, record) != aggregate->when_value) return FURROW_OK;
    int64_t amount = aggregate->sum ? furrow_index_integer(aggregate->sum, record) : 0;
    if (amount > FURROW_AGGREGATE_MOST || amount < -FURROW_AGGREGATE_MOST)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is %lld: more than one record can add to the totals %s",
                           aggregate->sum->name, (long long)amount, aggregate->name);
    bool fits = true;
    for (size_t i = 0; i < aggregate->by_count && fits; i++) {
        values[i] = furrow_index_value(&aggregate->by[i], record, arena);
        fits = values[i].data != NULL;
    }
    snprintf(tail, sizeof tail, "%c%lld%c", MARK, (long long)amount, MARK);
    if (fits) *out = join_group_key(which, values, aggregate->by_count, tail, arena);
    if (fits && out->data) return FURROW_OK;
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "what a record adds to totals does not fit its memory");
}

furrow_status furrow_aggregate_contribution(const ProtobufCMessage *record,
                                            const furrow_aggregate_contract aggregates[], size_t count,
                                            furrow_arena *arena, furrow_bytes *out, furrow_error *err)
{
    furrow_bytes parts[FURROW_AGGREGATES_MAX];
    size_t len = 0;
    *out = (furrow_bytes){"", 0};
    if (!record || count == 0) return FURROW_OK;
    for (size_t i = 0; i < count; i++) {
        furrow_status status = add_part(record, &aggregates[i], i, arena, &parts[i], err);
        if (status) return status;
        len += parts[i].len;
    }
    char *text = furrow_arena_alloc(arena, len + 1), *end = text;
    if (!text)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "what a record adds to totals does not fit its memory");
    for (size_t i = 0; i < count; i++) {
        memcpy(end, parts[i].data, parts[i].len);
        end += parts[i].len;
    }
    *out = (furrow_bytes){text, len};
    return FURROW_OK;
}

furrow_bytes furrow_aggregate_group(const furrow_aggregate_contract aggregates[], size_t which,
                                    const furrow_bytes values[], size_t value_count, furrow_arena *arena)
{
    furrow_bytes held[FURROW_AGGREGATE_BY_MAX];
    for (size_t i = 0; i < value_count; i++) {
        const furrow_index_contract *by = &aggregates[which].by[i];
        bool text = by->descriptor->type == PROTOBUF_C_TYPE_STRING;
        held[i] = text ? furrow_index_text(values[i], by->fold, arena) : values[i];
        if (!held[i].data) return (furrow_bytes){NULL, 0};
    }
    return join_group_key(which, held, value_count, "", arena);
}
