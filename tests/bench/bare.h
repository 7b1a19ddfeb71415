/**
 * nats.c and hiredis as a program without Furrow drives them best (FLOOR: event-loop mode on both sides): one
 * connection each (or two of nats.c, where two accounts are reached), SendAsap, synchronous subscriptions drained after
 * each read, all output of a turn in one write, one poll(2) for both. The baselines share this. Whatever fails ends the
 * program with the reason. Depends on nats.c, hiredis and the C library. Threads: one.
 */
#ifndef FURROW_BENCH_BARE_H
#define FURROW_BENCH_BARE_H

#include <hiredis/hiredis.h>
#include <nats/nats.h>
#include <stdbool.h>

typedef struct bare_nats {
    struct bare_nats *also; /* another connection that takes its turn with this one, or NULL */
    natsConnection *native;
    int fd;
    bool want_write, closed;
    char inbox[96]; /* prefix of our own, for any use */
} bare_nats;

_Noreturn void bare_die(const char *what, const char *why);
void bare_check(natsStatus status, const char *what);

/* As the user whom @url names; what the server refuses that user ends the program. */
void bare_connect(bare_nats *nats, const char *url);

/* Without a limit on what is pending; @queue may be NULL. */
natsSubscription *bare_subscribe(bare_nats *nats, const char *subject, const char *queue);

/* The next message of @sub that is there already, or NULL. Ends the program when a request had no responder. */
natsMsg *bare_next(natsSubscription *sub);

/* Non-blocking, over a unix socket; see measure_redis_of. */
redisContext *bare_redis(const char *where);

/* What a turn may take in. */
enum { BARE_NATS = 1, BARE_REDIS = 2 };

/* Sends what is pending, waits until one of @wanted has input, reads once. @redis may be NULL. */
void bare_turn(bare_nats *nats, redisContext *redis, int wanted);
/* The same, but waits for @ms at the most. */
void bare_turn_within(bare_nats *nats, redisContext *redis, int wanted, int ms);

/* Hands all that is pending to the kernel. */
void bare_flush(bare_nats *nats);

/* The next answer that has been read, or NULL; an error answer ends the program. */
redisReply *bare_answer(redisContext *redis);

#endif
