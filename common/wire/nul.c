/*
 * See nul.h. Strings change their length, and with that the lengths of all messages around them: each is counted before it
 * is written. Only a message that has a NUL is walked at all. May depend on base.
 */
#include "wire/nul.h"

#include "wire/message.h"
#include "wire/wirescan.h"

/* Which way: from the wire into memory, or back. */
typedef enum way { INTO_MEMORY, ONTO_WIRE } way;

static const char *find_pair(const char *at, const char *end)
{
    while (at < end && (at = memchr(at, 0xc0, (size_t)(end - at))) != NULL) {
        if (end - at >= FURROW_NUL_LEN && at[1] == FURROW_NUL[1]) return at;
        at++;
    }
    return NULL;
}

size_t furrow_nul_count(furrow_bytes text)
{
    const char *at = text.data, *end = text.len ? at + text.len : at;
    size_t count = 0;
    while ((at = find_pair(at, end)) != NULL) {
        count++;
        at += FURROW_NUL_LEN;
    }
    return count;
}

bool furrow_nul_text_valid(furrow_bytes text)
{
    const char *at = text.data, *end = text.len ? at + text.len : at;
    for (const char *pair; (pair = find_pair(at, end)) != NULL; at = pair + FURROW_NUL_LEN)
        if (!furrow_utf8_valid(at, (size_t)(pair - at))) return false;
    return furrow_utf8_valid(at, (size_t)(end - at));
}

static size_t count_zeros(furrow_bytes text)
{
    const char *at = text.data;
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += at[i] == '\0';
    return count;
}

static size_t string_size(furrow_bytes text, way to)
{
    return to == INTO_MEMORY ? text.len + count_zeros(text) : text.len - furrow_nul_count(text);
}

/* Behind what is written. On the way onto the wire @out may lie before @text in the same memory. */
static uint8_t *put_converted(uint8_t *out, furrow_bytes text, way to)
{
    const uint8_t *at = text.data, *end = at + text.len;
    while (at < end) {
        bool pair = to == ONTO_WIRE && *at == 0xc0 && end - at >= FURROW_NUL_LEN && at[1] == 0x80;
        if (to == INTO_MEMORY && *at == 0) {
            memcpy(out, FURROW_NUL, FURROW_NUL_LEN);
            out += FURROW_NUL_LEN;
        } else {
            *out++ = pair ? 0 : *at;
        }
        at += pair ? FURROW_NUL_LEN : 1;
    }
    return out;
}

char *furrow_nul_hide(furrow_bytes text, furrow_arena *arena)
{
    size_t size = string_size(text, INTO_MEMORY);
    char *out = furrow_arena_alloc(arena, size + 1);
    if (!out) return NULL;
    *put_converted((uint8_t *)out, text, INTO_MEMORY) = '\0';
    return out;
}

static size_t message_size(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, way to);

/* Does it hold text somewhere? Then *size is how long what is in it becomes. */
static bool has_text(const ProtobufCMessageDescriptor *descriptor, const furrow_wirescan_field *field, way to,
                     size_t *size)
{
    const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(descriptor, field->number);
    furrow_bytes value = {field->value, field->len};
    if (!known || field->wire != FURROW_WIRE_LENGTH) return false;
    if (known->type == PROTOBUF_C_TYPE_STRING)
        *size = string_size(value, to);
    else if (known->type == PROTOBUF_C_TYPE_MESSAGE)
        *size = message_size(known->descriptor, value, to);
    else
        return false;
    return true;
}

static size_t tag_len(const furrow_wirescan_field *field)
{
    size_t len = 1;
    while (field->start[len - 1] >= 0x80) len++;
    return len;
}

static size_t message_size(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, way to)
{
    furrow_wirescan scan = {bytes.data, (const uint8_t *)bytes.data + bytes.len};
    furrow_wirescan_field field;
    size_t total = 0, size;
    while (scan.at < scan.end && !furrow_wirescan_next(&scan, &field)) {
        if (has_text(descriptor, &field, to, &size))
            total += tag_len(&field) + furrow_wirescan_varint_size(size) + size;
        else
            total += (size_t)(scan.at - field.start);
    }
    return total;
}

static uint8_t *put_nested(uint8_t *out, const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, way to)
{
    furrow_wirescan scan = {bytes.data, (const uint8_t *)bytes.data + bytes.len};
    furrow_wirescan_field field;
    size_t size;
    while (scan.at < scan.end && !furrow_wirescan_next(&scan, &field)) {
        bool text = has_text(descriptor, &field, to, &size);
        size_t head = text ? tag_len(&field) : (size_t)(scan.at - field.start);
        memmove(out, field.start, head);
        out += head;
        if (!text) continue;
        const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(descriptor, field.number);
        furrow_bytes value = {field.value, field.len};
        out = furrow_wirescan_put_varint(out, size);
        out = known->type == PROTOBUF_C_TYPE_STRING ? put_converted(out, value, to)
                                                    : put_nested(out, known->descriptor, value, to);
    }
    return out;
}

bool furrow_nul_unpack(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_arena *arena,
                       furrow_bytes *out)
{
    size_t size = message_size(descriptor, bytes, INTO_MEMORY);
    uint8_t *data = furrow_arena_alloc(arena, size + 1);
    if (!data) return false;
    (void)put_nested(data, descriptor, bytes, INTO_MEMORY);
    *out = (furrow_bytes){data, size};
    return true;
}

size_t furrow_nul_pack(const ProtobufCMessage *message, uint8_t *out)
{
    size_t len = protobuf_c_message_pack(message, out);
    if (!find_pair((const char *)out, (const char *)out + len)) return len;
    /* In its place: what is written is never ahead of what is read. */
    return (size_t)(put_nested(out, message->descriptor, (furrow_bytes){out, len}, ONTO_WIRE) - out);
}
