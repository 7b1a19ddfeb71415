/*
 * Answers of Redis, in whatever pieces they come. Properties: the pieces do not matter; a value is whole, in the memory
 * given, or the reply is an overflow or an error; records, versions and members are within the value they came in; and
 * a reply that is dropped half read is read to its end without a touch of the memory that it was for.
 */
#include "fuzz.h"

#include "base/arena.h"
#include "mutate.h"
#include "store/index.h"
#include "store/reply.h"
#include "store/table.h"

#include <stdlib.h>

#define DEPTH_MAX 16

typedef struct outcome {
    int replies; /* whole ones, before the end or what is no reply */
    bool broken, overflow, error;
    uint64_t sum; /* of all that the values say */
} outcome;

static uint64_t mix(uint64_t sum, uint64_t number)
{
    return (sum ^ number) * 0x9e3779b97f4a7c15u + 1;
}

static uint64_t mix_bytes(uint64_t sum, furrow_bytes bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) sum = mix(sum, at[i]);
    return sum;
}

/* A page of pending reactions: only what can be looked up. */
static void check_page(const furrow_value *value)
{
    furrow_value pairs;
    uint64_t cursor = 1;
    furrow_error err = {0};
    if (furrow_reaction_page(value, &cursor, &pairs, &err) != FURROW_OK) {
        FURROW_REQUIRE(cursor == 1 && err.text[0]);
        return;
    }
    FURROW_REQUIRE(pairs.count % 2 == 0 && pairs.count <= value->items[1].count);
    for (size_t i = 0; i < pairs.count; i += 2) {
        const char *id = pairs.items[i].text.data;
        FURROW_REQUIRE(furrow_table_check_id(furrow_bytes_of(id), NULL) == FURROW_OK);
    }
}

static uint64_t check_value(const furrow_value *value, unsigned depth, uint64_t sum)
{
    FURROW_REQUIRE(depth < DEPTH_MAX && value->kind <= FURROW_VALUE_LIST);
    sum = mix(sum, value->kind);
    if (value->kind == FURROW_VALUE_INTEGER) return mix(sum, (uint64_t)value->integer);
    if (value->kind == FURROW_VALUE_TEXT) {
        FURROW_REQUIRE(((const char *)value->text.data)[value->text.len] == '\0');
        furrow_record record = furrow_record_of_value(value);
        FURROW_REQUIRE(record.found == (value->text.len >= FURROW_VERSION_BYTES));
        furrow_bytes id = furrow_index_id(value->text);
        FURROW_REQUIRE(id.len == 0 || furrow_table_check_id(furrow_bytes_of(id.data), NULL) == FURROW_OK);
        FURROW_REQUIRE(!record.found || record.body.len == value->text.len - FURROW_VERSION_BYTES);
        return mix_bytes(mix(sum, record.version), value->text);
    }
    FURROW_REQUIRE(!furrow_record_of_value(value).found && value->text.len == 0);
    FURROW_REQUIRE((value->kind == FURROW_VALUE_LIST && value->items) || value->count == 0);
    for (size_t i = 0; i < value->count; i++) sum = check_value(&value->items[i], depth + 1, sum);
    return sum;
}

/* Takes every reply that is whole. */
static bool take_replies(redisReader *reader, furrow_reply_target *target, furrow_arena *arena, outcome *out)
{
    static furrow_value value; /* half a reply may be in it from the piece before */
    for (;;) {
        void *reply = NULL;
        if (reader->ridx == -1) {
            furrow_arena_reset(arena);
            furrow_reply_aim(reader, arena, &value);
        }
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) return false;
        if (!reply) return true;
        out->replies++;
        out->overflow |= target->overflow;
        out->error |= target->error;
        if (target->error) (void)furrow_reply_status(target->error_text);
        if (target->overflow || target->value != &value) continue;
        out->sum = check_value(&value, 0, out->sum);
        if (!target->error) check_page(&value);
    }
}

/* @dropping: who waits for a reply gives up whenever one is half read. */
static outcome read_all(const uint8_t *data, size_t size, size_t piece, size_t arena_bytes, bool dropping)
{
    furrow_reply_target target = {0};
    furrow_arena *arena = furrow_arena_create(arena_bytes);
    redisReader *reader = furrow_reply_reader_create(&target);
    outcome out = {.replies = 0};
    FURROW_REQUIRE(reader && arena);
    for (size_t at = 0; at < size && !out.broken; at += piece) {
        size_t len = piece < size - at ? piece : size - at;
        out.broken = redisReaderFeed(reader, (const char *)data + at, len) != REDIS_OK ||
                     !take_replies(reader, &target, arena, &out);
        if (out.broken || !dropping || !furrow_reply_begun(reader)) continue;
        furrow_reply_drop(reader);
        furrow_arena_destroy(arena);
        arena = furrow_arena_create(arena_bytes);
        FURROW_REQUIRE(arena);
    }
    redisReaderFree(reader);
    furrow_arena_destroy(arena);
    return out;
}

static bool same(outcome a, outcome b)
{
    return a.replies == b.replies && a.broken == b.broken && a.overflow == b.overflow && a.error == b.error &&
           a.sum == b.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t memory = data[0] & 1 ? 512 : 1u << 20, piece = (size_t)data[0] / 2 + 1;
    outcome whole = read_all(data + 1, size - 1, size, memory, false);
    outcome pieces = read_all(data + 1, size - 1, piece, memory, false);
    outcome dropped = read_all(data + 1, size - 1, piece, memory, true);
    FURROW_REQUIRE(same(whole, pieces));
    FURROW_REQUIRE(dropped.replies == whole.replies && dropped.broken == whole.broken);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size == 0 || mutate_below(&dice, 16) == 0) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    mutate_text reply = {data + 1, size - 1, max_size - 1};
    mutate_resp(&reply, &dice);
    return reply.size + 1;
}
