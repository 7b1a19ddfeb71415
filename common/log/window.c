/*
 * See window.h. protobuf-c keeps fields it does not know with their length prefix; ours has one byte of it.
 * May depend on wire, libsodium.
 */
#include "log/window.h"

#include <sodium.h>
#include <string.h>

#define TAG_0 0xfa /* (FURROW_WINDOW_FIELD << 3 | 2) as a varint */
#define TAG_1 0x7f

static void write_entry(const furrow_window_entry *entry, uint8_t *out)
{
    memcpy(out, entry->key, FURROW_WINDOW_PART);
    memcpy(out + FURROW_WINDOW_PART, entry->request, FURROW_WINDOW_PART);
    for (int i = 0; i < 8; i++) out[2 * FURROW_WINDOW_PART + i] = (uint8_t)(entry->sequence >> (56 - 8 * i));
}

static void read_entry(const uint8_t *bytes, furrow_window_entry *out)
{
    memcpy(out->key, bytes, FURROW_WINDOW_PART);
    memcpy(out->request, bytes + FURROW_WINDOW_PART, FURROW_WINDOW_PART);
    out->sequence = 0;
    for (int i = 0; i < 8; i++) out->sequence = out->sequence << 8 | bytes[2 * FURROW_WINDOW_PART + i];
}

/* The newest ones stay. */
static void push_command(furrow_window *window, const furrow_window_entry *entry)
{
    if (window->count == FURROW_ENTITY_COMMANDS)
        memmove(window->entries, window->entries + 1, --window->count * sizeof window->entries[0]);
    window->entries[window->count++] = *entry;
}

static bool is_window_field(const ProtobufCMessageUnknownField *field)
{
    return field->tag == FURROW_WINDOW_FIELD;
}

bool furrow_window_in(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        if (is_window_field(&message->unknown_fields[i])) return true;
    return false;
}

const furrow_window *furrow_window_take(ProtobufCMessage *message, furrow_arena *arena, bool *full)
{
    *full = false;
    if (!furrow_window_in(message)) return NULL;
    furrow_window *window = furrow_arena_zalloc(arena, sizeof *window);
    *full = window == NULL;
    if (!window) return NULL;
    unsigned kept = 0;
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        if (!is_window_field(field)) {
            message->unknown_fields[kept++] = *field;
        } else if (field->len == 1 + FURROW_WINDOW_ENTRY && field->data[0] == FURROW_WINDOW_ENTRY) {
            furrow_window_entry entry;
            read_entry(field->data + 1, &entry);
            push_command(window, &entry);
        }
    }
    message->n_unknown_fields = kept;
    return window;
}

void furrow_window_next(const furrow_state *state, const furrow_command *command, furrow_window *out)
{
    *out = (furrow_window){0};
    if (state->window) *out = *state->window;
    for (size_t i = 0; i < out->count; i++)
        if (out->entries[i].sequence == 0) out->entries[i].sequence = state->version;
    if (!command->has_key) return;
    furrow_window_entry mine = {.sequence = 0};
    memcpy(mine.key, command->key, FURROW_WINDOW_PART);
    memcpy(mine.request, command->request, FURROW_WINDOW_PART);
    push_command(out, &mine);
}

const furrow_window_entry *furrow_window_find(const furrow_window *window, const furrow_command *command)
{
    for (size_t i = window && command->has_key ? window->count : 0; i > 0; i--)
        if (memcmp(window->entries[i - 1].key, command->key, FURROW_WINDOW_PART) == 0) return &window->entries[i - 1];
    return NULL;
}

bool furrow_window_same_request(const furrow_window_entry *entry, const furrow_command *command)
{
    return memcmp(entry->request, command->request, FURROW_WINDOW_PART) == 0;
}

size_t furrow_window_pack(const furrow_window *window, uint8_t *out)
{
    uint8_t *at = out;
    for (size_t i = 0; i < window->count; i++) {
        *at++ = TAG_0;
        *at++ = TAG_1;
        *at++ = FURROW_WINDOW_ENTRY;
        write_entry(&window->entries[i], at);
        at += FURROW_WINDOW_ENTRY;
    }
    return (size_t)(at - out);
}

void furrow_window_format(const furrow_window *window, char out[FURROW_WINDOW_HEX_SIZE])
{
    uint8_t bytes[FURROW_ENTITY_COMMANDS * FURROW_WINDOW_ENTRY];
    for (size_t i = 0; i < window->count; i++) write_entry(&window->entries[i], bytes + i * FURROW_WINDOW_ENTRY);
    sodium_bin2hex(out, FURROW_WINDOW_HEX_SIZE, bytes, window->count * FURROW_WINDOW_ENTRY);
}

const furrow_window *furrow_window_parse(const char *text, furrow_arena *arena)
{
    uint8_t bytes[FURROW_ENTITY_COMMANDS * FURROW_WINDOW_ENTRY];
    size_t len = 0;
    if (!text || sodium_hex2bin(bytes, sizeof bytes, text, strlen(text), NULL, &len, NULL) != 0 ||
        len % FURROW_WINDOW_ENTRY != 0)
        return NULL;
    furrow_window *window = furrow_arena_zalloc(arena, sizeof *window);
    for (size_t i = 0; window && i < len / FURROW_WINDOW_ENTRY; i++) {
        furrow_window_entry entry;
        read_entry(bytes + i * FURROW_WINDOW_ENTRY, &entry);
        push_command(window, &entry);
    }
    return window;
}
