/*
 * Messages that came in: a pooled wrapper around nats.c's own. The pool belongs to a link but outlives it until the
 * last message has been freed, so a message may be kept for as long as its owner likes.
 *
 * nats.c frees messages on a thread of its own, which it wakes whenever that sleeps. One message every other
 * microsecond wakes it each time: two system calls and a fight for its lock, half of what a call costs. So messages are
 * handed back to nats.c by the hundreds. May depend on: nats.c.
 */
#include "link/block.h"
#include "link/internal.h"
#include "wire/subject.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    furrow_block block; /* once it is known that there is one */
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

static void free_unused_pool(furrow_message_pool *pool)
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

static furrow_status check_layout(furrow_error *err)
{
    natsMsg *probe = NULL;
    if (nats_Open(-1) != NATS_OK || natsMsg_Create(&probe, "subject", "reply", "data", 4) != NATS_OK)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    const char *subject = natsMsg_GetSubject(probe), *reply = natsMsg_GetReply(probe), *data = natsMsg_GetData(probe);
    bool so = reply == subject + sizeof "subject" && data == reply + sizeof "reply";
    natsMsg_Destroy(probe);
    return so ? FURROW_OK
              : furrow_fail(err, FURROW_INTERNAL, "this nats.c lays out a message in a way that is not known here");
}

furrow_message_pool *furrow_message_pool_create(furrow_error *err)
{
    if (check_layout(err) != FURROW_OK) return NULL;
    furrow_message_pool *pool = calloc(1, sizeof *pool);
    if (!pool) furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return pool;
}

void furrow_message_pool_release(furrow_message_pool *pool)
{
    if (!pool) return;
    pool->released = true;
    destroy_used(pool);
    free_unused_pool(pool);
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
    free_unused_pool(pool);
}

/*
 * nats.c takes an empty message with the status 503 for "no responders", destroys it and tells only that there was one.
 * A request is never that: what the server answers has no reply subject. So a request loses its status, of which our
 * own reading of the block knows anyway, before nats.c looks at it. Every nats.c from 3.4 to 3.14 has this function,
 * though no header declares it; without it such a request is answered by nobody.
 */
extern void natsConn_setFilterWithClosure(natsConnection *native,
                                          void (*filter)(natsConnection *native, natsMsg **msg, void *closure),
                                          void *closure) __attribute__((weak));

static void keep_request(natsConnection *native, natsMsg **msg, void *closure)
{
    if (natsMsg_GetDataLength(*msg) == 0 && furrow_subject_is_inbox(natsMsg_GetReply(*msg)))
        (void)natsMsgHeader_Delete(*msg, "Status");
}

void furrow_message_keep_requests(natsConnection *native)
{
    if (natsConn_setFilterWithClosure) natsConn_setFilterWithClosure(native, keep_request, NULL);
}

/*
 * Where nats.c keeps the block: it lays subject, reply, block and body one behind the other, each with a NUL behind it
 * (whether it does is looked at when the pool is made). None: the body comes right behind the one before.
 */
static char *find_block(const furrow_msg *msg, size_t *len)
{
    const char *before = msg->reply ? msg->reply : msg->subject, *at = before + strlen(before) + 1,
               *data = msg->data.data;
    *len = data > at ? (size_t)(data - at) - 1 : 0;
    return (char *)(uintptr_t)at;
}

/* Read at the first look. */
static const furrow_block *block_of(const furrow_msg *msg)
{
    box *held = (box *)msg;
    if (held->headers == HEADERS_UNKNOWN) {
        size_t len;
        char *at = find_block(msg, &len);
        held->headers = len > 0 ? HEADERS_SOME : HEADERS_NONE;
        held->block = (furrow_block){.description = ""};
        if (len > 0) furrow_block_read(at, len, msg->data.len == 0, &held->block);
    }
    return &held->block;
}

bool furrow_msg_has_headers(const furrow_msg *msg)
{
    (void)block_of(msg);
    return ((const box *)msg)->headers == HEADERS_SOME;
}

furrow_status furrow_msg_check_headers(const furrow_msg *msg, furrow_error *err)
{
    const furrow_block *block = block_of(msg);
    if (block->wrong_line == 0) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "line %u of the headers cannot be read: %s", block->wrong_line,
                       block->why);
}

const char *furrow_msg_header_next(const furrow_msg *msg, const char *name, const char *value)
{
    const furrow_block *block = block_of(msg);
    /* From there on, not from the start: a block may be one name, tens of thousands of times. */
    for (const char *at = value ? value + strlen(value) + 1 : block->pairs; at < block->end;) {
        const char *own = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0) return own;
        at = own + strlen(own) + 1;
    }
    return NULL;
}

const char *furrow_msg_header(const furrow_msg *msg, const char *name)
{
    return furrow_msg_header_next(msg, name, NULL);
}

void furrow_msg_each_header(const furrow_msg *msg, void (*fn)(void *arg, const char *name, const char *value),
                            void *arg)
{
    const furrow_block *block = block_of(msg);
    const char *at = block->pairs;
    for (size_t i = 0; i < block->count; i++) {
        const char *value = at + strlen(at) + 1;
        fn(arg, at, value);
        at = value + strlen(value) + 1;
    }
}

const char *furrow_message_last_header(const furrow_msg *msg, const char *name)
{
    const char *last = NULL;
    for (const char *value = NULL; (value = furrow_msg_header_next(msg, name, value)) != NULL;) last = value;
    return last;
}

int furrow_message_status(const furrow_msg *msg, const char **description)
{
    const furrow_block *block = block_of(msg);
    if (description) *description = block->description;
    return msg->data.len == 0 ? block->status : 0;
}
