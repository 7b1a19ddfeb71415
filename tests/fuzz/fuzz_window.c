/*
 * The commands that an entity has seen, as they travel in its bytes and in a tombstone's header. Properties: what is
 * taken off a message and put back is taken off again as it was, and nothing of it stays behind; at most the newest
 * FURROW_ENTITY_COMMANDS are kept; a header that is read is written as it stood.
 */
#include "fuzz.h"

#include "log/window.h"
#include "mutate.h"
#include "wire/message.h"
#include "wire/nul.h"
#include "wire_test.pb-c.h"

#include <ctype.h>
#include <stdlib.h>

static const ProtobufCMessageDescriptor *const type = &wiretest__v1__person__descriptor;

static ProtobufCMessage *unpack(furrow_bytes bytes, furrow_arena *arena)
{
    ProtobufCMessage *message;
    return furrow_message_unpack(type, bytes, arena, &message, NULL) == FURROW_OK ? message : NULL;
}

static bool same_window(const furrow_window *a, const furrow_window *b)
{
    return a->count == b->count && memcmp(a->entries, b->entries, a->count * sizeof a->entries[0]) == 0;
}

static void check_next(const furrow_window *window, const uint8_t *data)
{
    furrow_state state = {.version = 7, .window = window};
    furrow_command command = {.has_key = true};
    furrow_window next;
    memcpy(command.key, data, FURROW_WINDOW_PART);
    furrow_window_next(&state, &command, &next);
    FURROW_REQUIRE(next.count > 0 && next.count <= FURROW_ENTITY_COMMANDS);
    const furrow_window_entry *found = furrow_window_find(&next, &command);
    FURROW_REQUIRE(found == &next.entries[next.count - 1] && found->sequence == 0);
    FURROW_REQUIRE(furrow_window_same_request(found, &command));
    for (size_t i = 0; i + 1 < next.count; i++) FURROW_REQUIRE(next.entries[i].sequence != 0);
}

static void check_message(furrow_bytes bytes, furrow_arena *arena)
{
    ProtobufCMessage *message = unpack(bytes, arena);
    bool full;
    if (!message) return;
    const furrow_window *window = furrow_window_take(message, arena, &full);
    FURROW_REQUIRE(!full && !furrow_window_in(message));
    if (!window) return;
    FURROW_REQUIRE(window->count <= FURROW_ENTITY_COMMANDS);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + FURROW_WINDOW_BYTES_MAX);
    FURROW_REQUIRE(packed);
    size = furrow_nul_pack(message, packed);
    size_t added = furrow_window_pack(window, packed + size);
    FURROW_REQUIRE(added <= FURROW_WINDOW_BYTES_MAX);
    ProtobufCMessage *again = unpack((furrow_bytes){packed, size + added}, arena);
    FURROW_REQUIRE(again);
    const furrow_window *back = furrow_window_take(again, arena, &full);
    FURROW_REQUIRE(window->count == 0 ? !back : back && same_window(window, back));
    FURROW_REQUIRE(again->n_unknown_fields == message->n_unknown_fields);
    if (bytes.len >= FURROW_WINDOW_PART) check_next(window, bytes.data);
    free(packed);
}

static void check_header(const char *text, furrow_arena *arena)
{
    char written[FURROW_WINDOW_HEX_SIZE];
    const furrow_window *window = furrow_window_parse(text, arena);
    if (!window) return;
    FURROW_REQUIRE(window->count <= FURROW_ENTITY_COMMANDS);
    furrow_window_format(window, written);
    FURROW_REQUIRE(strcasecmp(written, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    char *text = malloc(size + 1);
    FURROW_REQUIRE(arena && text);
    memcpy(text, data, size);
    text[size] = '\0';
    check_message((furrow_bytes){data, size}, arena);
    check_header(text, arena);
    free(text);
    furrow_arena_destroy(arena);
    return 0;
}

/* An entry as a field: of the right length, as a rule. */
static void add_entry(mutate_text *text, mutate_dice *dice)
{
    uint8_t field[3 + FURROW_WINDOW_ENTRY + 1] = {0xfa, 0x7f, FURROW_WINDOW_ENTRY};
    size_t len = FURROW_WINDOW_ENTRY;
    for (size_t i = 3; i < sizeof field; i++) field[i] = (uint8_t)mutate_below(dice, 3);
    if (mutate_below(dice, 8) == 0) len += mutate_below(dice, 3) - 1;
    field[2] = (uint8_t)len;
    mutate_splice(text, text->size, 0, field, 3 + len);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    bool hex = size > 0;
    for (size_t i = 0; i < size; i++) hex = hex && isxdigit(data[i]);
    if (hex && mutate_below(&dice, 4)) {
        char entry[2 * FURROW_WINDOW_ENTRY];
        memset(entry, '0' + (int)mutate_below(&dice, 10), sizeof entry);
        mutate_splice(&text, mutate_below(&dice, size), 0, entry, sizeof entry - !mutate_below(&dice, 4));
    } else if (mutate_below(&dice, 3) == 0)
        add_entry(&text, &dice);
    else
        mutate_wire(&text, type, &dice);
    return text.size;
}
