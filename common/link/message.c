/*
 * Messages that came in: a pooled wrapper around nats.c's own. The pool belongs to a link but outlives it until the
 * last message has been freed, so a message may be kept for as long as its owner likes.
 *
 * nats.c frees messages on a thread of its own, which it wakes whenever that sleeps. One message every other
 * microsecond wakes it each time: two system calls and a fight for its lock, half of what a call costs. So messages are
 * handed back to nats.c by the hundreds. May depend on: nats.c.
 */
#include "link/internal.h"

#include "base/number.h"

#include <stdlib.h>
#include <string.h>

#define POOLED_MAX     4096
#define USED_MAX       512 /* freed and not yet handed back */
#define USED_BYTES_MAX (256u << 10)
#define WEIGHT_BESIDE  512 /* of a message's own structures, subject and reply, in nats.c and here */

typedef enum header_state { HEADERS_UNKNOWN, HEADERS_NONE, HEADERS_SOME } header_state;

typedef struct box {
    furrow_msg msg; /* first: what others hold is a pointer to it */
    furrow_message_pool *pool;
    struct box *next;
    header_state headers;
} box;

struct furrow_message_pool {
    box *used; /* freed, but nats.c has not heard of it */
    size_t used_count, used_bytes;
    box *free;
    size_t free_count, outstanding;
    size_t expected; /* bytes of each message of the last read */
    furrow_budget_account account;
    bool released;
};

static void free_if_unused(furrow_message_pool *pool)
{
    if (!pool->released || pool->outstanding > 0) return;
    for (box *held = pool->free, *next; held; held = next) {
        next = held->next;
        free(held);
    }
    furrow_budget_put(&pool->account, 0);
    free(pool);
}

static void destroy_used(furrow_message_pool *pool)
{
    box *held = pool->used;
    pool->used = NULL;
    pool->used_count = pool->used_bytes = 0;
    for (box *at = held; at; at = at->next) natsMsg_Destroy(at->msg.native);
    while (held) {
        box *next = held->next;
        if (pool->free_count < POOLED_MAX) {
            held->next = pool->free;
            pool->free = held;
            pool->free_count++;
        } else {
            free(held);
        }
        held = next;
    }
}

furrow_message_pool *furrow_message_pool_create(void)
{
    return calloc(1, sizeof(furrow_message_pool));
}

void furrow_message_pool_release(furrow_message_pool *pool)
{
    if (!pool) return;
    pool->released = true;
    destroy_used(pool);
    free_if_unused(pool);
}

void furrow_message_pool_expect(furrow_message_pool *pool, size_t bytes)
{
    pool->expected = bytes;
}

furrow_msg *furrow_message_wrap(furrow_message_pool *pool, natsMsg *native)
{
    box *made = pool->free;
    if (made) {
        pool->free = made->next;
        pool->free_count--;
    } else if (!(made = malloc(sizeof *made))) {
        natsMsg_Destroy(native);
        return NULL;
    }
    pool->outstanding++;
    made->pool = pool;
    made->headers = HEADERS_UNKNOWN;
    size_t len = (size_t)natsMsg_GetDataLength(native);
    made->msg = (furrow_msg){.subject = natsMsg_GetSubject(native),
                             .reply = natsMsg_GetReply(native),
                             .data = {natsMsg_GetData(native), len},
                             .weight = WEIGHT_BESIDE + (len > pool->expected ? len : pool->expected),
                             .native = native};
    furrow_budget_add(&pool->account, made->msg.weight);
    return &made->msg;
}

void furrow_message_discard(furrow_message_pool *pool, natsMsg *native)
{
    furrow_msg_free(furrow_message_wrap(pool, native));
}

void furrow_msg_free(furrow_msg *msg)
{
    if (!msg) return;
    box *held = (box *)msg;
    furrow_message_pool *pool = held->pool;
    pool->outstanding--;
    held->next = pool->used;
    pool->used = held;
    pool->used_count++;
    pool->used_bytes += msg->weight - WEIGHT_BESIDE;
    furrow_budget_sub(&pool->account, msg->weight);
    if (pool->used_count == USED_MAX || pool->used_bytes > USED_BYTES_MAX || pool->released) destroy_used(pool);
    free_if_unused(pool);
}

bool furrow_msg_has_headers(const furrow_msg *msg)
{
    box *held = (box *)msg;
    if (held->headers == HEADERS_UNKNOWN) {
        const char **names = NULL;
        int count = 0;
        held->headers = natsMsgHeader_Keys(msg->native, &names, &count) == NATS_OK ? HEADERS_SOME : HEADERS_NONE;
        free((void *)names);
    }
    return held->headers == HEADERS_SOME;
}

const char *furrow_msg_header(const furrow_msg *msg, const char *name)
{
    const char *value = NULL;
    if (((const box *)msg)->headers == HEADERS_NONE || natsMsgHeader_Get(msg->native, name, &value) != NATS_OK)
        return NULL;
    return value;
}

void furrow_msg_each_header(const furrow_msg *msg, void (*fn)(void *arg, const char *name, const char *value),
                            void *arg)
{
    const char **names = NULL;
    int count = 0;
    if (natsMsgHeader_Keys(msg->native, &names, &count) != NATS_OK) return;
    for (int i = 0; i < count; i++) {
        const char *value = furrow_msg_header(msg, names[i]);
        if (value) fn(arg, names[i], value);
    }
    free((void *)names);
}

/* Three digits, as in HTTP; what else calls itself a status is none. */
const char *furrow_message_last_header(const furrow_msg *msg, const char *name)
{
    const char **values = NULL, *last = NULL;
    int count = 0;
    if (natsMsgHeader_Values(msg->native, name, &values, &count) == NATS_OK && count > 0) last = values[count - 1];
    free((void *)values);
    return last;
}

int furrow_message_status(const furrow_msg *msg)
{
    const char *status = msg->data.len == 0 ? furrow_msg_header(msg, "Status") : NULL;
    uint64_t number = 0;
    return status && furrow_number_parse(furrow_bytes_of(status), 999, &number) ? (int)number : 0;
}
