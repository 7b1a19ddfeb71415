/*
 * JSON text. Properties: what was read can be written; what was written reads back to the same text, in every layout;
 * what was read survives the wire format.
 */
#include "fuzz.h"

#include "mutate.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire_test.pb-c.h"

static const ProtobufCMessageDescriptor *const type = &wiretest__v1__all__descriptor;

/* Limits are no finding; anything else is. */
static bool done(furrow_status status)
{
    FURROW_REQUIRE(status == FURROW_OK || status == FURROW_RESOURCE_EXHAUSTED);
    return status == FURROW_OK;
}

/* @message in @options' layout, read again, must be @canonical. */
static void check_layout(const ProtobufCMessage *message, const furrow_json_options *options,
                         const furrow_buffer *canonical, furrow_arena *arena)
{
    furrow_buffer text, again;
    furrow_error err;
    ProtobufCMessage *back;

    furrow_buffer_init(&text, 16u << 20);
    furrow_buffer_init(&again, 16u << 20);
    if (done(furrow_json_encode(message, options, &text, &err)) &&
        done(furrow_json_decode(type, (furrow_bytes){text.data, text.len}, arena, &back, &err)) &&
        done(furrow_json_encode(back, NULL, &again, &err)))
        FURROW_REQUIRE(again.len == canonical->len && memcmp(again.data, canonical->data, again.len) == 0);
    furrow_buffer_fini(&text);
    furrow_buffer_fini(&again);
}

static void check_message(const ProtobufCMessage *message, furrow_arena *arena)
{
    furrow_buffer canonical;
    furrow_error err;
    ProtobufCMessage *copy;

    furrow_buffer_init(&canonical, 16u << 20);
    if (done(furrow_json_encode(message, NULL, &canonical, &err))) {
        check_layout(message, NULL, &canonical, arena);
        check_layout(message, &(furrow_json_options){.pretty = true, .proto_names = true}, &canonical, arena);
        check_layout(message, &(furrow_json_options){.with_defaults = true}, &canonical, arena);
    }
    (void)done(furrow_message_copy(message, arena, &copy, &err));
    furrow_buffer_fini(&canonical);
}

static void check_finds(furrow_bytes text, furrow_arena *arena)
{
    int64_t number;
    bool flag;
    char *found;

    (void)furrow_json_find_int(text, "scalars.anInt32", &number);
    (void)furrow_json_find_bool(text, "scalars.aBool", &flag);
    if (furrow_json_find_text(text, "tree.name", arena, &found)) FURROW_REQUIRE(strlen(found) <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    furrow_error err = {0};
    ProtobufCMessage *message = NULL;

    furrow_status status = furrow_json_decode(type, (furrow_bytes){data, size}, arena, &message, &err);
    if (status == FURROW_OK)
        check_message(message, arena);
    else
        FURROW_REQUIRE(!message && err.text[0] &&
                       (status == FURROW_INVALID_ARGUMENT || status == FURROW_RESOURCE_EXHAUSTED));
    check_finds((furrow_bytes){data, size}, arena);
    furrow_arena_destroy(arena);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char *const keys[] = {
        "scalars",  "anInt32",  "anUint64",  "aFloat", "aDouble",  "aBool",    "aString",        "someBytes", "color",
        "repeated", "numbers",  "names",     "blobs",  "maps",     "labels",   "byNumber",       "colors",    "seenAt",
        "choice",   "text",     "wellKnown", "at",     "took",     "mask",     "maybeLong",      "times",     "tree",
        "name",     "children", "next",      "all",    "an_int32", "a\\u0000", "\\ud83d\\ude00", NULL};
    static const char *const values[] = {"2026-11-23T06:00:00.123456789Z",
                                         "9999-12-31T23:59:59Z",
                                         "1.5s",
                                         "-0.000000001s",
                                         "COLOR_RED",
                                         "aGVsbG8=",
                                         "-_-_",
                                         "a.b,c",
                                         "NaN",
                                         "Infinity",
                                         "1e3",
                                         "\\u0000",
                                         "\\ud800",
                                         "\xc3\xbc",
                                         NULL};
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    mutate_json(&text, keys, values, &dice);
    return text.size;
}
