/*
 * The basis of a claim, as a varint in a field that the message does not declare. Properties: whatever stands there, in
 * whatever wire type, how often, how long, is a basis or none; one that is set is read back the same, from the message
 * and from its bytes, and takes nothing from the rest of it.
 */
#include "fuzz.h"

#include "log/basis.h"
#include "mutate.h"
#include "wire/message.h"
#include "wire_test.pb-c.h"

#include <stdlib.h>

static const ProtobufCMessageDescriptor *const type = &wiretest__v1__person__descriptor;

static void check_set(uint64_t basis, furrow_arena *arena)
{
    ProtobufCMessage *claim = furrow_message_new(type, arena), *again;
    FURROW_REQUIRE(claim && furrow_basis_set(claim, basis, arena) && furrow_basis_of(claim) == basis);
    size_t size = protobuf_c_message_get_packed_size(claim);
    uint8_t *packed = malloc(size);
    FURROW_REQUIRE(packed && protobuf_c_message_pack(claim, packed) == size);
    FURROW_REQUIRE(furrow_message_unpack(type, (furrow_bytes){packed, size}, arena, &again, NULL) == FURROW_OK);
    FURROW_REQUIRE(furrow_basis_of(again) == basis && again->n_unknown_fields == 1);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    ProtobufCMessage *claim;
    uint64_t basis = 0;
    FURROW_REQUIRE(arena);
    if (furrow_message_unpack(type, (furrow_bytes){data, size}, arena, &claim, NULL) == FURROW_OK)
        check_set(furrow_basis_of(claim), arena);
    memcpy(&basis, data, size < sizeof basis ? size : sizeof basis);
    check_set(basis, arena);
    furrow_arena_destroy(arena);
    return 0;
}

/* The field's tag (2048, a varint) and so many bytes that go on, one that does not, or none. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (mutate_below(&dice, 2)) {
        mutate_wire(&text, type, &dice);
        return text.size;
    }
    uint8_t field[16] = {0x80, 0x80, 0x01};
    size_t len = 3 + mutate_below(&dice, 12);
    for (size_t i = 3; i < len; i++) field[i] = (uint8_t)(0x80 | mutate_roll(&dice));
    if (len > 3 && mutate_below(&dice, 8)) field[len - 1] &= 0x7f;
    mutate_splice(&text, mutate_below(&dice, 2) ? text.size : 0, 0, field, len);
    return text.size;
}
