/**
 * Walks the fields of one message's bytes without unpacking them; for wire and the tool, not installed.
 *
 * Stricter than the libraries where that closes a gap: tags and lengths take at most 5 bytes, field number 0 and groups
 * are refused. All functions return NULL when all is well, else the reason, a constant text.
 */
#ifndef FURROW_WIRE_WIRESCAN_H
#define FURROW_WIRE_WIRESCAN_H

#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

#define FURROW_WIRE_VARINT 0u
#define FURROW_WIRE_64BIT  1u
#define FURROW_WIRE_LENGTH 2u
#define FURROW_WIRE_32BIT  5u

typedef struct furrow_wirescan {
    const uint8_t *at, *end;
} furrow_wirescan;

/* One field: [start, value) is the tag and the length, [value, value + len) the payload. */
typedef struct furrow_wirescan_field {
    uint32_t number, wire;
    const uint8_t *start, *value;
    size_t len;
} furrow_wirescan_field;

/* A varint of at most 5 bytes and 32 bits; false when it is not. */
static inline bool furrow_wirescan_varint32(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    const uint8_t *p = *at;
    uint32_t value = 0;

    for (unsigned shift = 0; p < end && shift < 35; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 28 && byte > 0x0f) return false;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *out = value;
            return true;
        }
    }
    return false;
}

/* Bytes of @value as a varint. */
static inline size_t furrow_wirescan_varint_size(size_t value)
{
    size_t size = 1;

    while (value >>= 7) size++;
    return size;
}

/* @value as a varint; behind what is written. */
static inline uint8_t *furrow_wirescan_put_varint(uint8_t *out, size_t value)
{
    for (; value >= 0x80; value >>= 7) *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

/* Moves past a varint of at most 10 bytes; false when it does not end. */
static inline bool furrow_wirescan_skip_varint(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    const uint8_t *limit = end - p > 10 ? p + 10 : end;

    while (p < limit)
        if (*p++ < 0x80) {
            *at = p;
            return true;
        }
    return false;
}

/* Reads the field at scan->at, which is before scan->end, and moves past it. */
static inline const char *furrow_wirescan_next(furrow_wirescan *scan, furrow_wirescan_field *out)
{
    uint32_t tag, len;

    out->start = scan->at;
    if (scan->at < scan->end && *scan->at < 0x80)
        tag = *scan->at++;
    else if (!furrow_wirescan_varint32(&scan->at, scan->end, &tag))
        return "a tag is malformed";
    out->number = tag >> 3;
    out->wire = tag & 7;
    out->value = scan->at;
    if (out->number == 0) return "field number 0";
    switch (out->wire) {
    case FURROW_WIRE_VARINT:
        if (!furrow_wirescan_skip_varint(&scan->at, scan->end)) return "a varint does not end";
        out->len = (size_t)(scan->at - out->value);
        return NULL;
    case FURROW_WIRE_LENGTH:
        if (scan->at < scan->end && *scan->at < 0x80)
            len = *scan->at++;
        else if (!furrow_wirescan_varint32(&scan->at, scan->end, &len))
            return "a length is malformed";
        out->value = scan->at;
        break;
    case FURROW_WIRE_64BIT:
        len = 8;
        break;
    case FURROW_WIRE_32BIT:
        len = 4;
        break;
    default:
        return "groups are not supported";
    }
    if (len > (size_t)(scan->end - scan->at)) return "a field is cut short";
    out->len = len;
    scan->at += len;
    return NULL;
}

/*
 * May a field of @type hold this payload? Wire type, packed elements, UTF-8; not the inside of a submessage. A string with
 * a NUL byte is told by furrow_wirescan_nul, itself: it is allowed, and C would cut it short (wire/nul.h).
 */
extern const char furrow_wirescan_nul[];
const char *furrow_wirescan_check(ProtobufCType type, bool repeated, const furrow_wirescan_field *field);

#endif
