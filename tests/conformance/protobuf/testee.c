/*
 * What protobuf's conformance runner talks to: reads a request of its (a length of four bytes, little-endian, then a
 * ConformanceRequest) from standard input, reads and writes the message in it with common/wire, and answers the same
 * way on standard output, until the input ends.
 */
#include "base/auto.h"
#include "conformance/conformance.pb-c.h"
#include "google/protobuf/test_messages_proto3.pb-c.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t)64 << 20)

typedef Conformance__ConformanceRequest request;
typedef Conformance__ConformanceResponse response;

static const ProtobufCMessageDescriptor *const type =
    &protobuf_test_messages__proto3__test_all_types_proto3__descriptor;

static void answer_text(response *out, Conformance__ConformanceResponse__ResultCase what, furrow_arena *arena,
                        const char *text)
{
    out->result_case = what;
    out->parse_error = furrow_arena_memdup(arena, text, strlen(text) + 1); /* one member of a union of strings */
}

/* Why this one is none of ours, or NULL. */
static const char *not_ours(const request *in)
{
    if (strcmp(in->message_type, type->name) != 0) return "proto3 only";
    if (in->payload_case != CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_PROTOBUF_PAYLOAD &&
        in->payload_case != CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_JSON_PAYLOAD)
        return "binary and JSON only";
    if (in->test_category == CONFORMANCE__TEST_CATEGORY__JSON_IGNORE_UNKNOWN_PARSING_TEST)
        return "unknown JSON fields are refused";
    return in->requested_output_format == CONFORMANCE__WIRE_FORMAT__PROTOBUF ||
                   in->requested_output_format == CONFORMANCE__WIRE_FORMAT__JSON
               ? NULL
               : "binary and JSON only";
}

static furrow_status read_payload(const request *in, furrow_arena *arena, ProtobufCMessage **message, furrow_error *err)
{
    if (in->payload_case == CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_JSON_PAYLOAD)
        return furrow_json_decode(type, furrow_bytes_of(in->json_payload), arena, message, err);
    return furrow_message_unpack(type, (furrow_bytes){in->protobuf_payload.data, in->protobuf_payload.len}, arena,
                                 message, err);
}

static furrow_status write_json(const ProtobufCMessage *message, furrow_arena *arena, response *out, furrow_error *err)
{
    furrow_buffer text;
    furrow_buffer_init(&text, MEMORY_MAX);
    furrow_status status = furrow_json_encode(message, NULL, &text, err);
    if (status == FURROW_OK) {
        furrow_buffer_append_byte(&text, '\0');
        answer_text(out, CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_JSON_PAYLOAD, arena, (char *)text.data);
    }
    furrow_buffer_fini(&text);
    return status;
}

static furrow_status write_binary(const ProtobufCMessage *message, furrow_arena *arena, response *out,
                                  furrow_error *err)
{
    furrow_bytes packed;
    furrow_status status = furrow_message_pack(message, arena, &packed, err);
    if (status) return status;
    out->result_case = CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_PROTOBUF_PAYLOAD;
    out->protobuf_payload = (ProtobufCBinaryData){packed.len, (uint8_t *)(uintptr_t)packed.data};
    return FURROW_OK;
}

/*
 * A Timestamp or Duration out of its range is refused when it is read, with the name of its field. The runner asks the
 * writer of JSON, who must refuse it as well, whoever has read it.
 */
static bool writer_refuses_time(const request *in, furrow_arena *arena, response *out, furrow_error *err)
{
    ProtobufCAllocator allocator = furrow_message_allocator(arena);
    if (in->payload_case != CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_PROTOBUF_PAYLOAD ||
        in->requested_output_format != CONFORMANCE__WIRE_FORMAT__JSON ||
        (!strstr(err->field, "timestamp") && !strstr(err->field, "duration")))
        return false;
    const ProtobufCMessage *read =
        protobuf_c_message_unpack(type, &allocator, in->protobuf_payload.len, in->protobuf_payload.data);
    return read && write_json(read, arena, out, err) == FURROW_INVALID_ARGUMENT;
}

static void work(const request *in, furrow_arena *arena, response *out)
{
    ProtobufCMessage *message;
    furrow_error err = {0};
    const char *why = not_ours(in);
    if (why) {
        answer_text(out, CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_SKIPPED, arena, why);
    } else if (read_payload(in, arena, &message, &err) != FURROW_OK) {
        bool by_writer = writer_refuses_time(in, arena, out, &err);
        answer_text(out,
                    by_writer ? CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_SERIALIZE_ERROR
                              : CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_PARSE_ERROR,
                    arena, err.text);
    } else {
        bool json = in->requested_output_format == CONFORMANCE__WIRE_FORMAT__JSON;
        if ((json ? write_json : write_binary)(message, arena, out, &err) != FURROW_OK)
            answer_text(out, CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_SERIALIZE_ERROR, arena, err.text);
    }
}

/* The runner's first question: which failures are expected? It has a list of them itself. */
static void answer_failure_set(furrow_arena *arena, response *out)
{
    Conformance__FailureSet none = CONFORMANCE__FAILURE_SET__INIT;
    furrow_error err;
    if (write_binary(&none.base, arena, out, &err) != FURROW_OK) exit(1);
}

static bool read_exactly(void *to, size_t len)
{
    return fread(to, 1, len, stdin) == len;
}

/* False at the end of the input. */
static bool serve(void)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(MEMORY_MAX);
    ProtobufCAllocator allocator = furrow_message_allocator(arena);
    response out = CONFORMANCE__CONFORMANCE_RESPONSE__INIT;
    uint8_t size[4];
    if (!read_exactly(size, sizeof size)) return false;
    size_t len = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    uint8_t *bytes = furrow_arena_alloc(arena, len + 1);
    if (!bytes || !read_exactly(bytes, len)) return false;
    request *in = conformance__conformance_request__unpack(&allocator, len, bytes);
    if (!in) return false;
    if (strcmp(in->message_type, "conformance.FailureSet") == 0)
        answer_failure_set(arena, &out);
    else
        work(in, arena, &out);
    len = conformance__conformance_response__get_packed_size(&out);
    bytes = furrow_arena_alloc(arena, len + 1);
    if (!bytes) return false;
    conformance__conformance_response__pack(&out, bytes);
    for (unsigned i = 0; i < sizeof size; i++) size[i] = (uint8_t)(len >> (8 * i));
    return fwrite(size, 1, sizeof size, stdout) == sizeof size && fwrite(bytes, 1, len, stdout) == len &&
           fflush(stdout) == 0;
}

int main(void)
{
    while (serve()) continue;
    return 0;
}
