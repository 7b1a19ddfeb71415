/*
 * Header blocks, as they lie in a message: read through nats.c where a message is received, and by ourselves where it
 * is read back from a stream. Properties: a value is text without line ends within the block, whichever way it is read;
 * an error reply is an error, and one only.
 */
#include "fuzz.h"

#include "link/internal.h"
#include "link/jetstream.h"
#include "mutate.h"
#include "rpc/client.h"

#include <stdlib.h>

/* nats.c's own: how it makes a message of what the connection read. */
natsStatus natsMsg_create(natsMsg **msg, const char *subject, int subject_len, const char *reply, int reply_len,
                          const char *buffer, int buffer_len, int header_len);

static const char *const names[] = {FURROW_HEADER_CONTENT_TYPE,
                                    FURROW_HEADER_ACCEPT,
                                    FURROW_HEADER_TIMEOUT,
                                    FURROW_HEADER_IDEMPOTENCY_KEY,
                                    FURROW_HEADER_VERSION,
                                    FURROW_HEADER_AFTER,
                                    FURROW_HEADER_TRACEPARENT,
                                    FURROW_HEADER_ERROR,
                                    FURROW_HEADER_ERROR_CODE,
                                    FURROW_HEADER_MSG_ID,
                                    FURROW_HEADER_EXPECTED_SEQ,
                                    "Status",
                                    "Description",
                                    "ce-id",
                                    "Furrow-Commands",
                                    "Nats-Pending-Messages",
                                    NULL};

static furrow_message_pool *pool;

static void check_value(void *arg, const char *name, const char *value)
{
    size_t *count = arg;
    natsMsg *copy = NULL;
    const char *back = NULL;
    FURROW_REQUIRE(name && value);
    (*count)++;
    if (!furrow_header_name_valid(name) || !furrow_header_value_valid(value)) return;
    FURROW_REQUIRE(natsMsg_Create(&copy, "a.b", NULL, NULL, 0) == NATS_OK);
    FURROW_REQUIRE(natsMsgHeader_Set(copy, name, value) == NATS_OK);
    FURROW_REQUIRE(natsMsgHeader_Get(copy, name, &back) == NATS_OK && strcmp(back, value) == 0);
    furrow_message_discard(pool, copy);
}

static void check_received(const uint8_t *data, size_t size, size_t header_len)
{
    natsMsg *native = NULL;
    size_t count = 0;
    furrow_error err = {0};
    if (!pool) pool = furrow_message_pool_create(NULL);
    FURROW_REQUIRE(pool);
    if (natsMsg_create(&native, "a.b", 3, "_INBOX.x", 8, (const char *)data, (int)size, (int)header_len) != NATS_OK)
        return;
    furrow_msg *msg = furrow_message_wrap(pool, native);
    FURROW_REQUIRE(msg && msg->data.len == size - header_len);
    bool any = furrow_msg_has_headers(msg);
    furrow_msg_each_header(msg, check_value, &count);
    FURROW_REQUIRE(any || count == 0);
    FURROW_REQUIRE(count == 0 || furrow_msg_check_headers(msg, &err) == FURROW_OK);
    for (size_t i = 0; names[i]; i++) {
        const char *value = furrow_msg_header(msg, names[i]);
        if (value) FURROW_REQUIRE(any && strlen(value) <= size);
    }
    int code = furrow_message_status(msg, NULL);
    FURROW_REQUIRE(code >= 0 && code <= 999);
    furrow_status status = furrow_client_reply_status(msg, &err);
    FURROW_REQUIRE(status == FURROW_OK || (err.code == status && (furrow_msg_header(msg, FURROW_HEADER_ERROR) ||
                                                                  furrow_msg_header(msg, FURROW_HEADER_ERROR_CODE))));
    furrow_msg_free(msg);
}

static void check_stored(const uint8_t *data, size_t size)
{
    char *block = malloc(size + 1);
    furrow_arena *arena = furrow_arena_create(1u << 20);
    FURROW_REQUIRE(block && arena);
    memcpy(block, data, size);
    block[size] = '\0';
    furrow_js_stored stored = {.headers = block};
    for (size_t i = 0; names[i]; i++) {
        const char *value = furrow_js_stored_header(&stored, names[i], arena);
        if (!value) continue;
        FURROW_REQUIRE(value[0] != ' ' && !strpbrk(value, "\r\n") && strlen(value) <= size);
        FURROW_REQUIRE(strstr(block, names[i]));
    }
    furrow_arena_destroy(arena);
    free(block);
}

/* The first byte says how much of the rest is body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t body = data[0] < size - 1 ? data[0] : size - 1;
    check_received(data + 1, size - 1, size - 1 - body);
    check_stored(data + 1, size - 1);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char *const values[] = {"application/json",
                                         "500m",
                                         "14",
                                         "0",
                                         "-1",
                                         "x",
                                         "",
                                         "404",
                                         "a.b=7,c.d=8",
                                         "200 OK",
                                         "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                         NULL};
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size == 0 || mutate_below(&dice, 16) == 0) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    size_t body = data[0] < size - 1 ? data[0] : size - 1;
    mutate_text block = {data + 1, size - 1 - body, max_size - 1 - body};
    uint8_t kept[UINT8_MAX];
    memcpy(kept, data + size - body, body);
    mutate_headers(&block, names, values, &dice);
    memcpy(block.data + block.size, kept, body);
    return 1 + block.size + body;
}
