/*
 * Events on their way to a replica. Properties: the output is never longer than the event; projecting it again changes
 * nothing; it unpacks, and to the same message as the event does; what unpacks as the entity can be projected.
 */
#include "fuzz.h"

#include "mutate.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire/projection.h"
#include "wire_test.pb-c.h"

#include <stdlib.h>

static furrow_projection *projection;

/* @bytes as the subset message in JSON; empty when it does not unpack. */
static void describe(furrow_bytes bytes, furrow_arena *arena, furrow_buffer *out)
{
    furrow_error err;
    ProtobufCMessage *message;
    furrow_status status = furrow_message_unpack(&wiretest__v1__person_part__descriptor, bytes, arena, &message, &err);

    FURROW_REQUIRE(status == FURROW_OK || status == FURROW_RESOURCE_EXHAUSTED);
    if (status == FURROW_OK) (void)!furrow_json_encode(message, NULL, out, &err);
}

static void check_same_message(furrow_bytes event, furrow_bytes kept)
{
    furrow_arena *arena = furrow_arena_create(64u << 20);
    furrow_buffer before, after;

    furrow_buffer_init(&before, 64u << 20);
    furrow_buffer_init(&after, 64u << 20);
    describe(event, arena, &before);
    describe(kept, arena, &after);
    if (before.len > 0 && after.len > 0)
        FURROW_REQUIRE(before.len == after.len && memcmp(before.data, after.data, before.len) == 0);
    furrow_buffer_fini(&before);
    furrow_buffer_fini(&after);
    furrow_arena_destroy(arena);
}

static void check_output(furrow_bytes event, const uint8_t *out, size_t len)
{
    uint8_t *again = malloc(len ? len : 1);
    size_t again_len = 0;
    furrow_error err;

    FURROW_REQUIRE(again && len <= event.len);
    FURROW_REQUIRE(furrow_projection_apply(projection, (furrow_bytes){out, len}, again, &again_len, &err) == FURROW_OK);
    FURROW_REQUIRE(again_len == len && memcmp(again, out, len) == 0);
    check_same_message(event, (furrow_bytes){out, len});
    free(again);
}

static bool unpacks(furrow_bytes event)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    ProtobufCMessage *message;
    bool ok = furrow_message_unpack(&wiretest__v1__person__descriptor, event, arena, &message, NULL) == FURROW_OK;

    furrow_arena_destroy(arena);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_bytes event = {data, size};
    furrow_error err = {0};
    size_t len = 0;
    uint8_t *out = malloc(size ? size : 1);

    if (!projection) projection = furrow_projection_create(&wiretest__v1__person_part__descriptor, &err);
    FURROW_REQUIRE(projection && out);
    furrow_status status = furrow_projection_apply(projection, event, out, &len, &err);
    if (status == FURROW_OK)
        check_output(event, out, len);
    else
        FURROW_REQUIRE(status == FURROW_INVALID_ARGUMENT && err.text[0] && !unpacks(event));
    free(out);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    mutate_wire(&text, &wiretest__v1__person__descriptor, &dice);
    return text.size;
}
