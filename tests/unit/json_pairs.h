/*
 * Checks of the JSON mapping by table: texts that are read and written again, and texts that are refused with a path.
 * Included once by each JSON test.
 */
#ifndef FURROW_TEST_JSON_PAIRS_H
#define FURROW_TEST_JSON_PAIRS_H

#include "wire/json.h"
#include "wire/message.h"

#include <check.h>

static furrow_arena *arena;
static furrow_buffer out;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
    furrow_buffer_init(&out, 1u << 20);
}

static void teardown(void)
{
    furrow_buffer_fini(&out);
    furrow_arena_destroy(arena);
}

static void *decode(const ProtobufCMessageDescriptor *type, const char *text)
{
    ProtobufCMessage *message = NULL;
    furrow_status status = furrow_json_decode(type, furrow_bytes_of(text), arena, &message, &err);

    ck_assert_msg(status == FURROW_OK, "%s: %s %s", text, err.field, err.text);
    return message;
}

static const char *encode(const void *message, const furrow_json_options *options)
{
    furrow_buffer_reset(&out);
    furrow_status status = furrow_json_encode(message, options, &out, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s", err.field, err.text);
    furrow_buffer_append_byte(&out, '\0');
    return (const char *)out.data;
}

typedef struct pair {
    const ProtobufCMessageDescriptor *type;
    const char *text, *canonical; /* NULL: as @text */
} pair;

static void check_pairs(const pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *expected = pairs[i].canonical ? pairs[i].canonical : pairs[i].text;
        ProtobufCMessage *message = decode(pairs[i].type, pairs[i].text), *copy;
        ck_assert_str_eq(encode(message, NULL), expected);
        /* and the same through the wire format */
        ck_assert_int_eq(furrow_message_copy(message, arena, &copy, &err), FURROW_OK);
        ck_assert_str_eq(encode(copy, NULL), expected);
    }
}
#define CHECK_PAIRS(pairs) check_pairs(pairs, sizeof(pairs) / sizeof *(pairs))

typedef struct refusal {
    const ProtobufCMessageDescriptor *type;
    const char *text, *field;
} refusal;

static void check_refusals(const refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ProtobufCMessage *message = NULL;
        furrow_status status =
            furrow_json_decode(refusals[i].type, furrow_bytes_of(refusals[i].text), arena, &message, &err);
        ck_assert_msg(status == FURROW_INVALID_ARGUMENT && !message, "%s was taken", refusals[i].text);
        ck_assert_msg(strcmp(err.field, refusals[i].field) == 0, "%s: field \"%s\", %s", refusals[i].text, err.field,
                      err.text);
    }
}
#define CHECK_REFUSALS(refusals) check_refusals(refusals, sizeof(refusals) / sizeof *(refusals))

#endif
