/*
 * protobuf-c messages in arenas.
 *
 * protobuf-c recurses without bound, takes any bytes for a string, and says "NULL" for every failure. So unpack first
 * walks the wire bytes beside the descriptor: what passes that walk is shallow, well-formed and UTF-8, and what does
 * not is refused with the name of the field. May depend on base.
 */
#include "wire/message.h"

#include "wire/json_parts.h"
#include "wire/moment.h"
#include "wire/nul.h"
#include "wire/unite.h"
#include "wire/wirescan.h"
#include "wire/zero.h"

static void *arena_alloc(void *arena, size_t size)
{
    return furrow_arena_alloc(arena, size);
}

static void arena_free(void *arena, void *pointer)
{
}

ProtobufCAllocator furrow_message_allocator(furrow_arena *arena)
{
    return (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
}

ProtobufCMessage *furrow_message_new(const ProtobufCMessageDescriptor *descriptor, furrow_arena *arena)
{
    ProtobufCMessage *message = furrow_arena_alloc(arena, descriptor->sizeof_message);

    if (message) protobuf_c_message_init(descriptor, message);
    return message;
}

/*
 * What protobuf-c takes of an arena, at most: for each field its note while it scans (40 bytes, in slabs that double and
 * that an arena does not take back) and its place in an array; then what the field holds.
 */
#define FIELD_COST   (2 * 40 + sizeof(void *))
#define UNKNOWN_COST sizeof(ProtobufCMessageUnknownField)

/* Where the walk is: one link a level, turned into a path only when something is wrong. */
typedef struct level {
    const struct level *outer;
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCFieldDescriptor *field; /* being looked at; NULL between fields */
    unsigned depth;
} level;

static size_t append_path(const level *at, char *out, size_t size)
{
    size_t used = at->outer ? append_path(at->outer, out, size) : 0;

    if (!at->field) return used;
    size_t len = strlen(at->field->name);
    if (used + len + 2 > size) return used;
    if (used > 0) out[used++] = '.';
    memcpy(out + used, at->field->name, len);
    return used + len;
}

static furrow_status refuse_field(const level *at, const char *why, furrow_error *err)
{
    char path[96];
    const level *top = at;

    path[append_path(at, path, sizeof path)] = '\0';
    while (top->outer) top = top->outer;
    return furrow_fail_field(err, path, "these bytes are no %s: %s", top->descriptor->name, why);
}

/* Seconds and nanos of a Timestamp or Duration, which has bounds that its types have not. */
typedef struct moment {
    furrow_json_known known;
    int64_t seconds;
    int32_t nanos;
} moment;

static void note_part(moment *at, const furrow_wirescan_field *field)
{
    uint64_t value = 0;

    if (field->wire != FURROW_WIRE_VARINT) return;
    for (size_t i = 0; i < field->len; i++) value |= (uint64_t)(field->value[i] & 0x7f) << (7 * i);
    if (field->number == 1) at->seconds = (int64_t)value;
    if (field->number == 2) at->nanos = (int32_t)(uint32_t)value;
}

static const char *check_time_value(const moment *at)
{
    if (at->known == FURROW_JSON_TIMESTAMP) return furrow_moment_check_timestamp(at->seconds, at->nanos);
    return at->known == FURROW_JSON_DURATION ? furrow_moment_check_duration(at->seconds, at->nanos) : NULL;
}

/* What a walk has left and found. */
typedef struct walk {
    size_t room; /* bytes that it may take unpacked */
    bool twice;  /* an embedded message may stand twice in another */
    bool nul;    /* a string has a NUL in it */
} walk;

/* Of the first fields each is a bit of *seen; of more nobody keeps a count. */
static void note_single(walk *found, const level *at, uint64_t *seen)
{
    size_t index = (size_t)(at->field - at->descriptor->fields);
    uint64_t bit = index < 64 ? (uint64_t)1 << index : 0;

    if (at->field->label == PROTOBUF_C_LABEL_REPEATED) return;
    found->twice |= bit == 0 || (*seen & bit);
    *seen |= bit;
}

static furrow_status check_wire(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t len,
                                const level *outer, walk *found, furrow_error *err)
{
    uint64_t seen = 0;
    moment time = {.known = outer ? furrow_json_known_of(descriptor) : FURROW_JSON_ORDINARY};
    level here = {.outer = outer, .descriptor = descriptor, .depth = outer ? outer->depth + 1 : 1};
    furrow_wirescan scan = {data, data + len};
    furrow_wirescan_field field;
    const ProtobufCFieldDescriptor *next = descriptor->fields; /* if they come in its order, as they mostly do */
    const ProtobufCFieldDescriptor *end = next ? next + descriptor->n_fields : NULL;

    while (scan.at < scan.end) {
        here.field = NULL;
        const char *wrong = furrow_wirescan_next(&scan, &field);
        if (wrong) return refuse_field(&here, wrong, err);
        here.field = next != end && next->id == field.number
                         ? next
                         : protobuf_c_message_descriptor_get_field(descriptor, field.number);
        size_t cost = FIELD_COST + (here.field ? 0 : UNKNOWN_COST) +
                      (here.field && here.field->type == PROTOBUF_C_TYPE_MESSAGE
                           ? ((const ProtobufCMessageDescriptor *)here.field->descriptor)->sizeof_message
                           : 0);
        if (cost > found->room)
            return refuse_field(&here, "unpacked, it would take far more memory than it has bytes", err);
        found->room -= cost;
        if (!here.field) continue;
        const ProtobufCFieldDescriptor *of = here.field;
        const bool repeated = of->label == PROTOBUF_C_LABEL_REPEATED;
        next = repeated ? of : of + 1;
        wrong = furrow_wirescan_check(of->type, repeated, &field);
        if (wrong) {
            if (wrong != furrow_wirescan_nul) return refuse_field(&here, wrong, err);
            found->nul = true;
        }
        if (time.known != FURROW_JSON_ORDINARY) note_part(&time, &field);
        if (of->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (here.depth == FURROW_MESSAGE_DEPTH_MAX) return refuse_field(&here, "nested too deeply", err);
        note_single(found, &here, &seen);
        furrow_status status = check_wire(of->descriptor, field.value, field.len, &here, found, err);
        if (status) return status;
    }
    here.field = NULL;
    const char *wrong = check_time_value(&time);
    return wrong ? refuse_field(&here, wrong, err) : FURROW_OK;
}

/* Tells protobuf-c's two reasons for NULL apart. */
typedef struct watched_arena {
    furrow_arena *arena;
    bool full;
} watched_arena;

static void *watched_alloc(void *data, size_t size)
{
    watched_arena *watched = data;
    void *memory = furrow_arena_alloc(watched->arena, size);

    watched->full |= !memory;
    return memory;
}

static const uint8_t nothing;

static furrow_status check_within(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, size_t room,
                                  furrow_error *err)
{
    walk found = {.room = room};
    return check_wire(descriptor, bytes.len ? bytes.data : &nothing, bytes.len, NULL, &found, err);
}

furrow_status furrow_message_check(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, furrow_error *err)
{
    return check_within(descriptor, bytes, FURROW_MESSAGE_SPREAD_MAX, err);
}

static furrow_status unpack_within(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, size_t room,
                                   furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    watched_arena watched = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = watched_alloc, .free = arena_free, .allocator_data = &watched};
    const uint8_t *data = bytes.len ? bytes.data : &nothing;

    walk found = {.room = room};
    furrow_status status = check_wire(descriptor, data, bytes.len, NULL, &found, err);
    if (status) return status;
    if (found.twice) {
        watched.full = !furrow_unite(descriptor, (furrow_bytes){data, bytes.len}, arena, &bytes);
        data = bytes.data;
        /* What each part may be, the whole need not: a duration's seconds and nanos. */
        status = watched.full ? FURROW_OK : check_within(descriptor, bytes, room, err);
        if (status) return status;
    }
    if (found.nul && !watched.full) {
        watched.full = !furrow_nul_unpack(descriptor, bytes, arena, &bytes);
        data = bytes.data;
    }
    ProtobufCMessage *message =
        watched.full ? NULL : protobuf_c_message_unpack(descriptor, &allocator, bytes.len, data);
    if (!message && watched.full)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%s: unpacked, it exceeds the memory limit",
                           descriptor->name);
    if (!message) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "these bytes are no %s", descriptor->name);
    *out = message;
    return FURROW_OK;
}

furrow_status furrow_message_unpack(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes,
                                    furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    return unpack_within(descriptor, bytes, FURROW_MESSAGE_SPREAD_MAX, arena, out, err);
}

furrow_status furrow_message_unpack_answer(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes,
                                           furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    return unpack_within(descriptor, bytes, SIZE_MAX, arena, out, err);
}

furrow_status furrow_message_pack(const ProtobufCMessage *message, furrow_arena *arena, furrow_bytes *out,
                                  furrow_error *err)
{
    const ProtobufCMessage *whole = furrow_zero_keep(message, arena);
    size_t size = protobuf_c_message_get_packed_size(whole ? whole : message);
    uint8_t *data = whole ? furrow_arena_alloc(arena, size ? size : 1) : NULL;

    if (!data)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%s: packed, its %zu bytes exceed the memory limit",
                           message->descriptor->name, size);
    *out = (furrow_bytes){data, furrow_nul_pack(whole, data)};
    return FURROW_OK;
}

static void append_packed(const ProtobufCMessage *message, furrow_buffer *out)
{
    uint8_t *room = furrow_buffer_reserve(out, protobuf_c_message_get_packed_size(message));
    if (room) out->len += furrow_nul_pack(message, room);
}

void furrow_message_append(const ProtobufCMessage *message, furrow_buffer *out)
{
    if (!furrow_zero_is_lost(message)) {
        append_packed(message, out);
        return;
    }
    FURROW_AUTO(furrow_arena) scratch = furrow_arena_create(FURROW_MESSAGE_SPREAD_MAX);
    const ProtobufCMessage *whole = scratch ? furrow_zero_keep(message, scratch) : NULL;
    if (whole)
        append_packed(whole, out);
    else
        out->failed = true;
}

furrow_status furrow_message_copy(const ProtobufCMessage *message, furrow_arena *arena, ProtobufCMessage **out,
                                  furrow_error *err)
{
    furrow_bytes packed = {0};
    furrow_status status = furrow_message_pack(message, arena, &packed, err);

    return status ? status : furrow_message_unpack(message->descriptor, packed, arena, out, err);
}

const ProtobufCFieldDescriptor *furrow_message_difference(const ProtobufCMessageDescriptor *descriptor,
                                                          furrow_bytes one, furrow_bytes other)
{
    const uint8_t *a = one.data, *b = other.data;
    size_t same = 0;
    while (same < one.len && same < other.len && a[same] == b[same]) same++;
    const uint8_t *from = same < other.len ? b : a;
    furrow_wirescan scan = {from, from + (same < other.len ? other.len : one.len)};
    while (scan.at < scan.end) {
        furrow_wirescan_field field;
        if (furrow_wirescan_next(&scan, &field)) return NULL;
        if ((size_t)(scan.at - from) > same) return protobuf_c_message_descriptor_get_field(descriptor, field.number);
    }
    return NULL;
}
