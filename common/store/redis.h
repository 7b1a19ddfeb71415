/**
 * The connection's inside, shared by redis.c (its life), pulse.c (does Redis answer?) and pipeline.c (commands on it).
 * Private to store/.
 *
 *   AWAY ---retry timer---> CONNECTING: socket, then AUTH, SELECT, INFO and a probe
 *     ^                         |
 *     | broken, refused,        | the probe was answered
 *     | silent for long         v
 *     +---------------- READY <---> STALLED: Redis is silent, busy or without our functions
 *
 * READY is one that refuses writes (furrow_store_refusal), too: it can be read, and given room.
 *
 * Commands are taken when READY only. A probe asks all the time whether Redis serves; STALLED keeps the connection, so
 * that all is well the moment that the probe is answered, and nothing was lost that a new connection would have to look
 * for. Answers come in the order of the commands, so requests wait in one queue; whoever gives up leaves a count behind
 * of answers to skip.
 */
#ifndef FURROW_STORE_REDIS_H
#define FURROW_STORE_REDIS_H

#include "base/backoff.h"
#include "base/budget.h"
#include "base/buffer.h"
#include "store/address.h"
#include "store/eviction.h"
#include "store/reply.h"
#include "store/pipeline.h"
#include "store/socket.h"
#include "store/store.h"

/* What may wait for the socket at once; past it commands fail RESOURCE_EXHAUSTED. */
#define FURROW_REDIS_OUTPUT_BYTES ((size_t)64 << 20)

#define FURROW_REDIS_READ_ARENAS 4 /* kept for answers to groups of reads */

enum furrow_redis_state {
    FURROW_REDIS_AWAY,
    FURROW_REDIS_CONNECTING,
    FURROW_REDIS_READY,
    FURROW_REDIS_STALLED,
    FURROW_REDIS_DESTROYED
};
enum { FURROW_REDIS_GREETINGS = 3 };

typedef struct furrow_redis_waiting {
    furrow_waiter waiter;
    bool connected;
    struct furrow_redis_waiting *next;
} furrow_redis_waiting;

struct furrow_store {
    furrow_loop *loop;
    furrow_address address;
    char *user, *password, *password_file;
    bool provisioning;
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
    char refused[200]; /* it takes no writes, as it says; or "" */
    char unfit[200];   /* it is none to keep records in, as its INFO says; or "" */
    furrow_eviction eviction;
    uint64_t complaints;

    furrow_buffer out; /* commands; up to `flushed` they are with the kernel */
    size_t flushed;
    furrow_hook flush; /* at the end of each turn that appended to out */
    furrow_pipelined *head, *tail;
    size_t skip;      /* answers after the tail's that nobody waits for any more */
    size_t in_flight; /* all answers that are to come */

    furrow_pipelined greetings[FURROW_REDIS_GREETINGS];
    furrow_arena *greeting_arena;
    furrow_pipelined inspection; /* INFO, now and then */
    furrow_arena *inspection_arena;
    bool inspecting;
    uint64_t inspected_ms;
    furrow_backoff backoff;
    uv_timer_t retry, pulse;
    int handles; /* open timers; the last one to close frees the store */

    furrow_pipelined probe;
    bool probing;          /* it is in flight */
    uint64_t probed_ms;    /* when it was last sent */
    uint64_t heard_ms;     /* when something last came, or was asked first when nothing was due */
    uint64_t suspected_ms; /* when Redis was first seen to be overdue, and nothing has come since; or 0 */

    struct furrow_table *tables;          /* that live */
    struct furrow_read_group *read_group; /* of read_group.c: that others may join in this turn; or NULL */
    furrow_arena *read_arenas[FURROW_REDIS_READ_ARENAS];
    size_t read_arena_count;
    furrow_store_watch *watches, *next_watch; /* next_watch: the one to be called next, while they are called */
    furrow_redis_waiting *waiting;
};

/* Puts what was appended to out since @mark on its way as one command, answered to @request. */
void furrow_redis_enqueue(furrow_store *store, furrow_pipelined *request);

/* Takes @request out of the queue: its answer, when it comes, is nobody's. */
void furrow_redis_abandon(furrow_store *store, furrow_pipelined *request);

/* The changes of state that pulse.c sees: Redis serves; it does not, and the connection stays; the connection is bad.
 */
void furrow_redis_serve(furrow_store *store);
void furrow_redis_stall(furrow_store *store, const char *why);
void furrow_redis_lose(furrow_store *store, const char *why);

/* Redis takes no writes, because of @why; or takes them again (""). Connected it is all the same. */
void furrow_redis_refuse(furrow_store *store, const char *why);
/* What INFO says of it: sets `unfit`, and its tally. */
void furrow_redis_inspect(furrow_store *store, const furrow_value *info);

/* pulse.c: begins with a connection and ends with it. probe, inspect: now, unless one is in flight. */
void furrow_pulse_start(furrow_store *store);
void furrow_pulse_stop(furrow_store *store);
void furrow_pulse_probe(furrow_store *store);
void furrow_pulse_inspect(furrow_store *store);

#endif
