/**
 * The last commands with a key that an entity has seen, so that a repeated one is recognised long after the server's
 * window for duplicates has closed. Private to log.
 *
 * It travels with the state: inside of the entity's bytes as entries of field FURROW_WINDOW_FIELD (length-delimited, 24
 * bytes: 8 of the command's key, 8 of its request, big-endian sequence of the event it made). A tombstone has no bytes,
 * so there the entries stand as hex in the header Furrow-Commands. In the event that a command made its own sequence is
 * not known yet: it is 0, "this very message", and becomes the version of the state it is read from when the next event
 * carries it on.
 *
 * Pure.
 */
#ifndef FURROW_LOG_WINDOW_H
#define FURROW_LOG_WINDOW_H

#include "base/arena.h"
#include "log/entity.h"
#include "wire/command.h"

#define FURROW_WINDOW_FIELD     2047 /* the code generator refuses entities that declare it */
#define FURROW_WINDOW_HEADER    "Furrow-Commands"
#define FURROW_WINDOW_PART      8
#define FURROW_WINDOW_ENTRY     (2 * FURROW_WINDOW_PART + 8)
#define FURROW_WINDOW_BYTES_MAX (FURROW_ENTITY_COMMANDS * (3 + FURROW_WINDOW_ENTRY)) /* with tags and lengths */
#define FURROW_WINDOW_HEX_SIZE  (FURROW_ENTITY_COMMANDS * FURROW_WINDOW_ENTRY * 2 + 1)

typedef struct furrow_window_entry {
    uint8_t key[FURROW_WINDOW_PART], request[FURROW_WINDOW_PART];
    uint64_t sequence; /* 0: of the message it stands in */
} furrow_window_entry;

typedef struct furrow_window {
    size_t count; /* oldest first */
    furrow_window_entry entries[FURROW_ENTITY_COMMANDS];
} furrow_window;

/* Takes the entries off a message that was unpacked into @arena. NULL when there are none (or, with `*full`, no room
 * for them). */
const furrow_window *furrow_window_take(ProtobufCMessage *message, furrow_arena *arena, bool *full);

/* Has @message entries among its unknown fields? A message that was built from another may. */
bool furrow_window_in(const ProtobufCMessage *message);

/* The next event's window: what @state has seen, and @command if it has a key. */
void furrow_window_next(const furrow_state *state, const furrow_command *command, furrow_window *out);

/* The entry of @command's key, or NULL. */
const furrow_window_entry *furrow_window_find(const furrow_window *window, const furrow_command *command);
bool furrow_window_same_request(const furrow_window_entry *entry, const furrow_command *command);

/* As fields of a message; @out has FURROW_WINDOW_BYTES_MAX. Returns how many bytes. */
size_t furrow_window_pack(const furrow_window *window, uint8_t *out);

/* As a header's value, and back (NULL for what is none). */
void furrow_window_format(const furrow_window *window, char out[FURROW_WINDOW_HEX_SIZE]);
const furrow_window *furrow_window_parse(const char *text, furrow_arena *arena);

#endif
