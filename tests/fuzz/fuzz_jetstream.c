/*
 * What JetStream answers: acknowledgements, stored messages, infos, errors. Properties: an answer is an error, or what
 * was asked for, or no answer of JetStream's; a stored message's bytes are all of its base64 and nothing else; text has
 * no NUL in it that would cut it short, headers no line end.
 */
#include "fuzz.h"

#include "link/api.h"
#include "mutate.h"

#include <sodium.h>
#include <stdlib.h>

static void check_header(void *arg, const char *name, const char *value)
{
    FURROW_REQUIRE(!strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n") && value[0] != ' ');
}

/* Is @bytes what @raw, without escapes, says in base64? */
static void check_base64(furrow_bytes raw, furrow_bytes bytes)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    FURROW_REQUIRE(text);
    sodium_bin2base64(text, size, bytes.data, bytes.len, sodium_base64_VARIANT_ORIGINAL);
    FURROW_REQUIRE(furrow_bytes_is(raw, text));
    free(text);
}

static void check_stored(furrow_bytes json, furrow_arena *arena)
{
    furrow_js_stored_reply reply;
    furrow_js_stored stored;
    furrow_error err = {0};
    if (furrow_js_stored_parse(json, &reply, &err) != FURROW_OK) {
        FURROW_REQUIRE(err.code == FURROW_INTERNAL && err.text[0]);
        return;
    }
    FURROW_REQUIRE(reply.sequence > 0);
    furrow_status status = furrow_js_stored_decode(&reply, arena, &stored, &err);
    if (status != FURROW_OK) {
        FURROW_REQUIRE(status == FURROW_INTERNAL || status == FURROW_RESOURCE_EXHAUSTED);
        return;
    }
    FURROW_REQUIRE(stored.sequence == reply.sequence && strlen(stored.subject) <= reply.subject.raw.len);
    check_base64(reply.data.raw, stored.data);
    if (stored.headers) check_base64(reply.headers.raw, furrow_bytes_of(stored.headers));
    if (furrow_js_stored_has_headers(&stored)) furrow_js_stored_each_header(&stored, arena, check_header, NULL);
    (void)furrow_js_stored_header(&stored, "ce-id", arena);
}

static void check_infos(furrow_bytes json)
{
    furrow_js_stream_state stream = furrow_js_stream_parse(json);
    furrow_js_consumer_state consumer = furrow_js_consumer_parse(json);
    FURROW_REQUIRE(stream.last_seq <= INT64_MAX && stream.messages <= INT64_MAX);
    FURROW_REQUIRE(consumer.pending <= INT64_MAX && consumer.created_ns == stream.created_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_bytes json = {data, size};
    furrow_arena *arena = furrow_arena_create(8u << 20);
    furrow_js_puback ack = {UINT64_MAX, false};
    furrow_error err = {0};
    int64_t code;
    FURROW_REQUIRE(arena);
    furrow_status status = furrow_js_reply_status(json, &err);
    FURROW_REQUIRE((status == FURROW_OK) == !furrow_json_find_int(json, "error.code", &code));
    FURROW_REQUIRE(status == FURROW_OK || (err.code == status && err.text[0]));
    if (furrow_js_ack_parse(json, &ack, &err) != FURROW_OK)
        FURROW_REQUIRE(ack.sequence == UINT64_MAX && err.code != FURROW_OK && err.text[0]);
    check_stored(json, arena);
    check_infos(json);
    furrow_arena_destroy(arena);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char *const keys[] = {
        "error",           "code",      "err_code", "description", "stream",    "seq",        "duplicate",
        "message",         "subject",   "hdrs",     "data",        "time",      "created",    "state",
        "messages",        "first_seq", "last_seq", "delivered",   "ack_floor", "stream_seq", "num_pending",
        "num_ack_pending", "s\\u0065q", NULL};
    static const char *const values[] = {"2026-11-23T06:00:00.123456789Z",
                                         "2026-11-23T06:00:00+01:00",
                                         "9999-12-31T23:59:59Z",
                                         "0001-01-01T00:00:00Z",
                                         "TkFUUy8xLjANCmNlLWlkOiAxDQoNCg==",
                                         "AA==",
                                         "AB==",
                                         "CgJFMQ",
                                         "a.b\\u0000c",
                                         "employee.v1.Employee.E1",
                                         NULL};
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    mutate_json(&text, keys, values, &dice);
    return text.size;
}
