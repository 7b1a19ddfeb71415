/* See basis.h. Depends on protobuf-c. */
#include "log/basis.h"

#define BASIS_FIELD 2048 /* no entity may declare it: the code generator keeps such numbers for the log */
#define VARINT_MAX  10

uint64_t furrow_basis_of(const ProtobufCMessage *claim)
{
    uint64_t basis = 0;
    for (unsigned i = 0; i < claim->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &claim->unknown_fields[i];
        if (field->tag != BASIS_FIELD || field->wire_type != PROTOBUF_C_WIRE_TYPE_VARINT || field->len > VARINT_MAX)
            continue;
        basis = 0;
        for (size_t at = 0; at < field->len; at++) basis |= (uint64_t)(field->data[at] & 0x7f) << (7 * at);
    }
    return basis;
}

bool furrow_basis_set(ProtobufCMessage *claim, uint64_t basis, furrow_arena *arena)
{
    ProtobufCMessageUnknownField *field = furrow_arena_zalloc(arena, sizeof *field);
    uint8_t *bytes = furrow_arena_alloc(arena, VARINT_MAX);
    if (!field || !bytes) return false;
    size_t len = 0;
    for (; basis >= 0x80; basis >>= 7) bytes[len++] = (uint8_t)(basis | 0x80);
    bytes[len++] = (uint8_t)basis;
    *field = (ProtobufCMessageUnknownField){
        .tag = BASIS_FIELD, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = len, .data = bytes};
    claim->unknown_fields = field;
    claim->n_unknown_fields = 1;
    return true;
}
