/*
 * The body of an error that a service answers. Properties: the code, which the headers have, stays; whatever the body
 * says, the error is text that can be passed on; passed on in protobuf it says the same in each detail, in JSON it is JSON.
 */
#include "fuzz.h"

#include "mutate.h"
#include "rpc/status_message.h"
#include "wire/detail.h"
#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

static void check_json(const furrow_error *err, furrow_arena *arena)
{
    furrow_buffer out;
    int64_t code;
    furrow_buffer_init(&out, 1u << 20);
    furrow_status_message_encode(err, NULL, FURROW_JSON, &out);
    FURROW_REQUIRE(!out.failed && furrow_json_find_int((furrow_bytes){out.data, out.len}, "code", &code));
    FURROW_REQUIRE(code == (int64_t)err->code);
    furrow_error again = {.code = err->code};
    furrow_status_message_decode((furrow_bytes){out.data, out.len}, arena, &again);
    furrow_status_message_clean(&again);
    FURROW_REQUIRE(again.retry_ms == err->retry_ms);
    /* An ErrorInfo whose metadata has a key twice is none in JSON. */
    FURROW_REQUIRE(!again.reason[0] || strcmp(again.reason, err->reason) == 0);
    furrow_buffer_fini(&out);
}

static furrow_bytes pack_detail(const furrow_error *err, const ProtobufCMessageDescriptor *type, furrow_arena *arena)
{
    furrow_bytes packed = {NULL, 0};
    const ProtobufCMessage *detail = furrow_detail_find(err, type, arena);
    if (detail) FURROW_REQUIRE(furrow_message_pack(detail, arena, &packed, NULL) == FURROW_OK);
    return packed;
}

static void check_protobuf(const furrow_error *err, furrow_arena *arena)
{
    furrow_buffer out;
    furrow_error again = {.code = err->code};
    furrow_buffer_init(&out, 1u << 20);
    furrow_status_message_encode(err, NULL, FURROW_PROTOBUF, &out);
    FURROW_REQUIRE(!out.failed);
    furrow_status_message_decode((furrow_bytes){out.data, out.len}, arena, &again);
    FURROW_REQUIRE(again.retry_ms == err->retry_ms);
    /* A reason and a field alone take no room in the error, but do so once they have travelled. */
    bool room = err->details_len < FURROW_ERROR_DETAILS / 2;
    for (size_t i = 0; room && i < FURROW_DETAIL_TYPES; i++) {
        const ProtobufCMessageDescriptor *type = furrow_detail_types[i];
        if (type == &furrow__v1__bad_request__descriptor) continue; /* the error's own field was cleaned */
        FURROW_REQUIRE(furrow_bytes_equal(pack_detail(err, type, arena), pack_detail(&again, type, arena)));
    }
    furrow_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    furrow_arena *arena = furrow_arena_create(0);
    furrow_status code = furrow_status_from_number(data[0]);
    furrow_error err = {.code = code == FURROW_OK ? FURROW_UNKNOWN : code, .text = "refused"};
    code = err.code;
    FURROW_REQUIRE(arena);
    furrow_status_message_decode((furrow_bytes){data + 1, size - 1}, arena, &err);
    FURROW_REQUIRE(err.code == code && err.retry_ms >= 0);
    furrow_status_message_clean(&err);
    FURROW_REQUIRE(furrow_utf8_valid(err.text, strlen(err.text)) && furrow_utf8_valid(err.field, strlen(err.field)));
    check_json(&err, arena);
    check_protobuf(&err, arena);
    furrow_arena_destroy(arena);
    return 0;
}

/* A detail with the value that belongs to its type. */
static void add_detail(mutate_text *text, mutate_dice *dice)
{
    uint8_t value[512], packed[1024];
    const ProtobufCMessageDescriptor *type = furrow_detail_types[mutate_below(dice, FURROW_DETAIL_TYPES)];
    mutate_text inner = {value, 0, sizeof value};
    for (int i = 0; i < 6; i++) mutate_wire(&inner, type, dice);
    Furrow__V1__StatusDetail detail = FURROW__V1__STATUS_DETAIL__INIT, *details[] = {&detail};
    Furrow__V1__Status status = FURROW__V1__STATUS__INIT;
    char url[64];
    snprintf(url, sizeof url, "type.googleapis.com/google.rpc.%s", type->short_name);
    detail.type_url = url;
    detail.value = (ProtobufCBinaryData){inner.size, value};
    status.n_details = 1;
    status.details = details;
    size_t len = furrow__v1__status__pack(&status, packed);
    mutate_splice(text, text->size, 0, packed, len);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size == 0) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    mutate_text body = {data + 1, size - 1, max_size - 1};
    size_t choice = mutate_below(&dice, 6);
    if (choice == 0)
        add_detail(&body, &dice);
    else if (choice == 1) { /* the code of the headers */
        uint8_t code[2] = {0x08, data[0]};
        mutate_splice(&body, body.size, 0, code, sizeof code);
    } else
        mutate_wire(&body, &furrow__v1__status__descriptor, &dice);
    return body.size + 1;
}
