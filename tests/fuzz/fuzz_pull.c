/*
 * What a server says of a pull request, as the header block of a status message. Properties: it is a sign of life, an
 * end of the request, or a reason why the consumer is not to be had; what is left unfilled is what it says, or all; the
 * text is the message's own, and ends in it.
 */
#include "fuzz.h"

#include "link/api.h"
#include "link/internal.h"
#include "mutate.h"

#include <stdlib.h>

#define BATCH 1000

/* nats.c's own: how it makes a message of what the connection read. */
natsStatus natsMsg_create(natsMsg **msg, const char *subject, int subject_len, const char *reply, int reply_len,
                          const char *buffer, int buffer_len, int header_len);

static furrow_message_pool *pool;

static void check_ending(const furrow_msg *msg, size_t size)
{
    furrow_js_pull_ending ending = furrow_js_pull_status(msg, BATCH);
    int code = ending.code;
    const char *pending = furrow_msg_header(msg, "Nats-Pending-Messages");
    FURROW_REQUIRE(ending.text && strlen(ending.text) <= size);
    FURROW_REQUIRE(ending.heartbeat == (code == 0 || code == 100));
    if (ending.heartbeat) return;
    FURROW_REQUIRE(ending.status == FURROW_OK || ending.status == FURROW_UNAVAILABLE ||
                   ending.status == FURROW_NOT_FOUND || ending.status == FURROW_RESOURCE_EXHAUSTED ||
                   ending.status == FURROW_FAILED_PRECONDITION);
    FURROW_REQUIRE(code == 409 || (ending.status == FURROW_OK) == (code == 404 || code == 408));
    FURROW_REQUIRE(ending.none == (code == 404) && (code == 409 || !ending.large));
    FURROW_REQUIRE(pending || ending.unfilled == BATCH || ending.unfilled == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    natsMsg *native = NULL;
    if (!pool) pool = furrow_message_pool_create(NULL);
    FURROW_REQUIRE(pool);
    if (natsMsg_create(&native, "_INBOX.x", 8, NULL, 0, (const char *)data, (int)size, (int)size) != NATS_OK) return 0;
    furrow_msg *msg = furrow_message_wrap(pool, native);
    FURROW_REQUIRE(msg);
    check_ending(msg, size);
    furrow_msg_free(msg);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char *const lines[] = {"NATS/1.0 404 No Messages\r\n",
                                        "NATS/1.0 408 Request Timeout\r\n",
                                        "NATS/1.0 100 Idle Heartbeat\r\n",
                                        "NATS/1.0 409 Message Size Exceeds MaxBytes\r\n",
                                        "NATS/1.0 409 Exceeded MaxWaiting\r\n",
                                        "NATS/1.0 409 Consumer Deleted\r\n",
                                        "NATS/1.0 409 Leadership Change\r\n",
                                        "NATS/1.0 409 Server Shutdown\r\n",
                                        "NATS/1.0 409 Batch Completed\r\n",
                                        "NATS/1.0 423 Nats-Wrong-Pin-Id\r\n",
                                        "NATS/1.0 503\r\n",
                                        "NATS/1.0\r\nStatus: 409\r\n",
                                        NULL},
                             *const names[] = {"Status", "Description", "Nats-Pending-Messages", "Nats-Pending-Bytes",
                                               NULL},
                             *const values[] = {
                                 "0",  "1",   "999", "18446744073709551615",       "18446744073709551616",
                                 "-1", "409", "100", "maxbytes completed deleted", "",
                                 NULL};
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (mutate_below(&dice, 3) == 0) {
        const char *line = mutate_pick(&dice, lines), *end = memmem(data, size, "\r\n", 2);
        mutate_splice(&text, 0, end ? (size_t)(end + 2 - (const char *)data) : 0, line, strlen(line));
        return text.size;
    }
    mutate_headers(&text, names, values, &dice);
    return text.size;
}
