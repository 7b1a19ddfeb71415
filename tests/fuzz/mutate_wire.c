/* The mutator of protobuf messages; see mutate.h. Nested messages are changed in a copy and put back with their length.
 */
#include "mutate.h"

#include "wire/wirescan.h"

#include <stdlib.h>

#define FIELDS_MAX 64
#define FRESH_MAX  512
#define DEPTH_MAX  4

static const char *const words[] = {
    "",    "E1",   "E00001", "B001",         "E1_20261123", "2026-11-23", "0000-00-00",          "\xc3\x9c", "a b",
    "A-1", "\x7f", "a",      "+15595550123", "a@b",         "en-US",      "America/Los_Angeles", "UTC",      NULL};

static size_t put_varint(uint8_t *out, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) out[len++] = (uint8_t)(value | 0x80);
    out[len++] = (uint8_t)value;
    return len;
}

static uint32_t wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FURROW_WIRE_64BIT;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FURROW_WIRE_32BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return FURROW_WIRE_LENGTH;
    default:
        return FURROW_WIRE_VARINT;
    }
}

static size_t put_fresh(const ProtobufCMessageDescriptor *type, uint8_t *out, size_t room, unsigned depth,
                        mutate_dice *dice);

/* The payload of a field of @field's type: at most @room bytes. */
static size_t put_payload(const ProtobufCFieldDescriptor *field, uint8_t *out, size_t room, unsigned depth,
                          mutate_dice *dice)
{
    uint64_t number = mutate_number(dice);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        size_t len = 0, count = depth < DEPTH_MAX ? mutate_below(dice, 4) : 0;
        while (count-- > 0) len += put_fresh(field->descriptor, out + len, room - len, depth + 1, dice);
        return len;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES) {
        const char *word = mutate_pick(dice, words);
        size_t len = strlen(word);
        if (mutate_below(dice, 8) == 0) { /* a long one */
            len = room < 300 ? room : 300;
            memset(out, 'a' + (int)mutate_below(dice, 26), len);
            return len;
        }
        len = len < room ? len : room;
        memcpy(out, word, len);
        return len;
    }
    if (wire_of(field->type) == FURROW_WIRE_VARINT && field->type == PROTOBUF_C_TYPE_ENUM && mutate_below(dice, 4))
        number = mutate_below(dice, 4);
    if (wire_of(field->type) == FURROW_WIRE_VARINT) return room < 10 ? 0 : put_varint(out, number);
    size_t len = wire_of(field->type) == FURROW_WIRE_64BIT ? 8 : 4;
    if (room < len) return 0;
    memcpy(out, &number, len);
    return len;
}

/* A whole field with a tag; 0 when it has no room. */
static size_t put_field(uint32_t number, uint32_t wire, const uint8_t *payload, size_t len, uint8_t *out, size_t room)
{
    uint8_t head[20];
    size_t head_len = put_varint(head, (uint64_t)number << 3 | wire);
    if (wire == FURROW_WIRE_LENGTH) head_len += put_varint(head + head_len, len);
    if (head_len + len > room) return 0;
    memcpy(out, head, head_len);
    if (len > 0) memcpy(out + head_len, payload, len);
    return head_len + len;
}

static size_t put_fresh(const ProtobufCMessageDescriptor *type, uint8_t *out, size_t room, unsigned depth,
                        mutate_dice *dice)
{
    uint8_t payload[FRESH_MAX];
    if (type->n_fields == 0) return 0;
    const ProtobufCFieldDescriptor *field = &type->fields[mutate_below(dice, type->n_fields)];
    size_t len = put_payload(field, payload, sizeof payload >> depth, depth, dice);
    uint32_t number = mutate_below(dice, 16) ? field->id : 2046 + (uint32_t)mutate_below(dice, 4);
    return put_field(number, wire_of(field->type), payload, len, out, room);
}

static size_t find_fields(const mutate_text *text, furrow_wirescan_field fields[FIELDS_MAX])
{
    furrow_wirescan scan = {text->data, text->data + text->size};
    size_t count = 0;
    while (count < FIELDS_MAX && scan.at < scan.end && !furrow_wirescan_next(&scan, &fields[count])) count++;
    return count;
}

static void change_message(mutate_text *text, const ProtobufCMessageDescriptor *type, unsigned depth,
                           mutate_dice *dice);

/* Another payload for the field that stands at [start, value + len), with a length that is right. */
static void change_field(mutate_text *text, const ProtobufCMessageDescriptor *type, const furrow_wirescan_field *field,
                         unsigned depth, mutate_dice *dice)
{
    const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(type, field->number);
    size_t at = (size_t)(field->start - text->data), old = (size_t)(field->value - field->start) + field->len;
    size_t room = text->max - text->size + field->len + FRESH_MAX;
    uint8_t *payload = malloc(room), *whole = malloc(room + 20);
    mutate_text inner = {payload, field->len, room};
    FURROW_REQUIRE(payload && whole);
    if (field->len > 0) memcpy(payload, field->value, field->len);
    if (known && known->type == PROTOBUF_C_TYPE_MESSAGE && field->wire == FURROW_WIRE_LENGTH && depth < DEPTH_MAX)
        change_message(&inner, known->descriptor, depth + 1, dice);
    else if (known && wire_of(known->type) == field->wire && mutate_below(dice, 2))
        inner.size = put_payload(known, payload, room < FRESH_MAX ? room : FRESH_MAX, DEPTH_MAX, dice);
    else if (field->wire == FURROW_WIRE_LENGTH)
        mutate_raw(&inner, 0, inner.size);
    else if (field->wire == FURROW_WIRE_VARINT)
        inner.size = put_varint(payload, mutate_number(dice));
    size_t len = put_field(field->number, field->wire, payload, inner.size, whole, room + 20);
    mutate_splice(text, at, old, whole, len);
    free(payload);
    free(whole);
}

static void change_message(mutate_text *text, const ProtobufCMessageDescriptor *type, unsigned depth, mutate_dice *dice)
{
    furrow_wirescan_field fields[FIELDS_MAX];
    uint8_t fresh[FRESH_MAX + 20];
    size_t count = find_fields(text, fields), choice = mutate_below(dice, count ? 10 : 2);
    const furrow_wirescan_field *field = &fields[mutate_below(dice, count)];
    size_t to = count ? (size_t)(fields[mutate_below(dice, count)].start - text->data) : text->size;
    if (choice < 2) {
        size_t len = put_fresh(type, fresh, sizeof fresh, depth, dice);
        mutate_splice(text, mutate_below(dice, 2) ? to : text->size, 0, fresh, len);
        return;
    }
    size_t at = (size_t)(field->start - text->data), whole = (size_t)(field->value - field->start) + field->len;
    if (choice == 2) {
        mutate_splice(text, at, whole, "", 0);
    } else if (choice == 3) {
        size_t len = whole < sizeof fresh ? whole : 0;
        memcpy(fresh, field->start, len);
        mutate_splice(text, to, 0, fresh, len);
    } else if (choice == 4 && field->wire == FURROW_WIRE_LENGTH) { /* a length that lies */
        size_t len = put_varint(fresh, field->len + mutate_below(dice, 3) - 1);
        size_t digits = 1;
        while (field->value[-1 - (ptrdiff_t)digits] & 0x80 && digits < 5) digits++;
        mutate_splice(text, (size_t)(field->value - text->data) - digits, digits, fresh, len);
    } else {
        change_field(text, type, field, depth, dice);
    }
}

void mutate_wire(mutate_text *text, const ProtobufCMessageDescriptor *type, mutate_dice *dice)
{
    if (mutate_below(dice, 8) == 0)
        mutate_raw(text, 0, text->size);
    else
        change_message(text, type, 0, dice);
}
