/*
 * Which payloads fit which field types. Shared by what unpacks and what projects, so that whatever a projection lets
 * through can be unpacked later.
 */
#include "wire/wirescan.h"

#include "wire/message.h"

/* The wire type of one value; protobuf-c's enumeration is dense from INT32 to MESSAGE. */
static const uint8_t wire_of[] = {
    [PROTOBUF_C_TYPE_INT32] = FURROW_WIRE_VARINT,   [PROTOBUF_C_TYPE_SINT32] = FURROW_WIRE_VARINT,
    [PROTOBUF_C_TYPE_SFIXED32] = FURROW_WIRE_32BIT, [PROTOBUF_C_TYPE_INT64] = FURROW_WIRE_VARINT,
    [PROTOBUF_C_TYPE_SINT64] = FURROW_WIRE_VARINT,  [PROTOBUF_C_TYPE_SFIXED64] = FURROW_WIRE_64BIT,
    [PROTOBUF_C_TYPE_UINT32] = FURROW_WIRE_VARINT,  [PROTOBUF_C_TYPE_FIXED32] = FURROW_WIRE_32BIT,
    [PROTOBUF_C_TYPE_UINT64] = FURROW_WIRE_VARINT,  [PROTOBUF_C_TYPE_FIXED64] = FURROW_WIRE_64BIT,
    [PROTOBUF_C_TYPE_FLOAT] = FURROW_WIRE_32BIT,    [PROTOBUF_C_TYPE_DOUBLE] = FURROW_WIRE_64BIT,
    [PROTOBUF_C_TYPE_BOOL] = FURROW_WIRE_VARINT,    [PROTOBUF_C_TYPE_ENUM] = FURROW_WIRE_VARINT,
    [PROTOBUF_C_TYPE_STRING] = FURROW_WIRE_LENGTH,  [PROTOBUF_C_TYPE_BYTES] = FURROW_WIRE_LENGTH,
    [PROTOBUF_C_TYPE_MESSAGE] = FURROW_WIRE_LENGTH,
};

static const char *check_packed(unsigned element, const furrow_wirescan_field *field)
{
    const uint8_t *at = field->value, *end = at + field->len;

    switch (element) {
    case FURROW_WIRE_32BIT:
        return field->len % 4 ? "packed elements are cut short" : NULL;
    case FURROW_WIRE_64BIT:
        return field->len % 8 ? "packed elements are cut short" : NULL;
    default:
        while (at < end)
            if (!furrow_wirescan_skip_varint(&at, end)) return "a packed varint does not end";
        return NULL;
    }
}

/* Are all eight bytes 0x01 to 0x7f? The subtraction borrows into a byte's top bit only from a zero byte. */
static inline bool are_plain_bytes(uint64_t eight)
{
    return (((eight - 0x0101010101010101ULL) | eight) & 0x8080808080808080ULL) == 0;
}

static inline uint64_t load8(const uint8_t *at)
{
    uint64_t eight;

    memcpy(&eight, at, sizeof eight);
    return eight;
}

static inline uint64_t load4(const uint8_t *at)
{
    uint32_t four;

    memcpy(&four, at, sizeof four);
    return four;
}

/* Text without a NUL byte and beyond ASCII, which nearly all is, is told by a few overlapping looks. */
static bool plain_text(const uint8_t *at, size_t len)
{
    if (len >= 8) {
        const uint8_t *last = at + len - 8;
        for (; at < last; at += 8)
            if (!are_plain_bytes(load8(at))) return false;
        return are_plain_bytes(load8(last));
    }
    if (len >= 4) return are_plain_bytes(load4(at) | load4(at + len - 4) << 32);
    while (len > 0)
        if ((uint8_t)(at[--len] - 1) >= 0x7f) return false;
    return true;
}

const char furrow_wirescan_nul[] = "holds a NUL byte";

const char *furrow_wirescan_check(ProtobufCType type, bool repeated, const furrow_wirescan_field *field)
{
    unsigned expected = wire_of[type];

    if (field->wire == expected) {
        if (type != PROTOBUF_C_TYPE_STRING || plain_text(field->value, field->len)) return NULL;
        if (!furrow_utf8_valid(field->value, field->len)) return "not UTF-8";
        return memchr(field->value, 0, field->len) ? furrow_wirescan_nul : NULL;
    }
    if (repeated && field->wire == FURROW_WIRE_LENGTH) return check_packed(expected, field);
    return "has the wrong wire type";
}
