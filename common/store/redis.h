/**
 * The connection's inside, shared by redis.c (its life) and pipeline.c (commands on it). Private to store/.
 *
 * AWAY (timer runs) -> CONNECTING (socket, then AUTH, SELECT, INFO, PING) -> READY -> AWAY. Commands are taken when
 * READY only. Answers come in the order of the commands, so requests wait in one queue and the head is who the next
 * answer is for.
 */
#ifndef FURROW_STORE_REDIS_H
#define FURROW_STORE_REDIS_H

#include "base/backoff.h"
#include "base/budget.h"
#include "base/buffer.h"
#include "store/address.h"
#include "store/reply.h"
#include "store/pipeline.h"
#include "store/socket.h"
#include "store/store.h"

/* What may wait for the socket at once; past it commands fail RESOURCE_EXHAUSTED. */
#define FURROW_REDIS_OUTPUT_BYTES ((size_t)64 << 20)

enum furrow_redis_state { FURROW_REDIS_AWAY, FURROW_REDIS_CONNECTING, FURROW_REDIS_READY, FURROW_REDIS_DESTROYED };
enum { FURROW_REDIS_GREETINGS = 4 };

typedef struct furrow_redis_waiting {
    furrow_waiter waiter;
    bool connected;
    struct furrow_redis_waiting *next;
} furrow_redis_waiting;

struct furrow_store {
    furrow_loop *loop;
    furrow_address address;
    char *user, *password;
    uint64_t timeout_ms;
    size_t max_commands;

    enum furrow_redis_state state;
    furrow_socket *socket;
    redisReader *reader;
    furrow_budget_account unread; /* of answers, in the reader */
    furrow_reply_target target;
    uint64_t generation;
    char run_id[41];
    char last_error[256], complaint[256];
    uint64_t complaints;

    furrow_buffer out; /* commands; up to `flushed` they are with the kernel */
    size_t flushed;
    furrow_hook flush; /* at the end of each turn that appended to out */
    furrow_pipelined *head, *tail;
    size_t in_flight;
    bool suspected; /* the head is overdue; no answer has come since */

    furrow_pipelined greetings[FURROW_REDIS_GREETINGS];
    furrow_arena *greeting_arena;
    furrow_backoff backoff;
    uv_timer_t retry, watchdog;
    int handles; /* open timers; the last one to close frees the store */

    furrow_store_watch *watches, *next_watch; /* next_watch: the one to be called next, while they are called */
    furrow_redis_waiting *waiting;
};

/* Puts what was appended to out since @mark on its way as one command, answered to @request. */
void furrow_redis_enqueue(furrow_store *store, furrow_pipelined *request);

#endif
