/*
 * Bytes that should be a message. Properties: what was unpacked packs and unpacks again; what has a JSON form reads
 * back from it to the same text.
 */
#include "fuzz.h"

#include "mutate.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire_test.pb-c.h"

static const ProtobufCMessageDescriptor *const type = &wiretest__v1__all__descriptor;

static bool done(furrow_status status)
{
    FURROW_REQUIRE(status == FURROW_OK || status == FURROW_RESOURCE_EXHAUSTED);
    return status == FURROW_OK;
}

static void check_json(const ProtobufCMessage *message, furrow_arena *arena)
{
    furrow_buffer text, again;
    furrow_error err;
    ProtobufCMessage *back;

    furrow_buffer_init(&text, 64u << 20);
    furrow_buffer_init(&again, 64u << 20);
    /* Not every message has a JSON form: times out of range, depth. */
    furrow_status status = furrow_json_encode(message, NULL, &text, &err);
    FURROW_REQUIRE(status != FURROW_OK || text.len >= 2);
    FURROW_REQUIRE(status == FURROW_OK || text.len == 0);
    if (status == FURROW_OK &&
        done(furrow_json_decode(type, (furrow_bytes){text.data, text.len}, arena, &back, &err)) &&
        done(furrow_json_encode(back, NULL, &again, &err)))
        FURROW_REQUIRE(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
    furrow_buffer_fini(&text);
    furrow_buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    furrow_error err = {0};
    ProtobufCMessage *message = NULL, *copy;

    furrow_status status = furrow_message_unpack(type, (furrow_bytes){data, size}, arena, &message, &err);
    if (status == FURROW_OK) {
        (void)done(furrow_message_copy(message, arena, &copy, &err));
        check_json(message, arena);
    } else {
        FURROW_REQUIRE(!message && err.text[0]);
    }
    furrow_arena_destroy(arena);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    mutate_wire(&text, &wiretest__v1__all__descriptor, &dice);
    return text.size;
}
