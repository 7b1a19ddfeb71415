/* See bare.h. */
#include "bare.h"
#include "measure.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bare_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

void bare_check(natsStatus status, const char *what)
{
    if (status != NATS_OK) bare_die(what, natsStatus_GetText(status));
}

static natsStatus on_attach(void **user, void *loop, natsConnection *native, natsSock fd)
{
    bare_nats *nats = loop;
    nats->native = native;
    nats->fd = fd;
    *user = nats;
    return NATS_OK;
}

static natsStatus on_read(void *user, bool add)
{
    return NATS_OK;
}

static natsStatus on_write(void *user, bool add)
{
    ((bare_nats *)user)->want_write = add;
    return NATS_OK;
}

static natsStatus on_detach(void *user)
{
    ((bare_nats *)user)->closed = true;
    return NATS_OK;
}

/* On a thread of nats.c's. */
static void on_error(natsConnection *native, natsSubscription *sub, natsStatus status, void *arg)
{
    const char *text = NULL;
    (void)natsConnection_GetLastError(native, &text);
    if (status == NATS_NOT_PERMITTED) bare_die("nats", text ? text : "refused");
}

void bare_connect(bare_nats *nats, const char *url)
{
    char prefix[64];
    natsOptions *options = NULL;
    natsConnection *native = NULL;
    natsInbox *inbox = NULL;
    bare_check(natsOptions_Create(&options), "options");
    bare_check(natsOptions_SetURL(options, url), "url");
    bare_check(natsOptions_SetSendAsap(options, true), "send asap");
    bare_check(natsOptions_SetAllowReconnect(options, false), "no reconnect");
    bare_check(natsOptions_SetErrorHandler(options, on_error, NULL), "error handler");
    bare_check(natsOptions_SetEventLoop(options, nats, on_attach, on_read, on_write, on_detach), "event loop");
    bare_check(natsConnection_Connect(&native, options), "connect");
    natsOptions_Destroy(options);
    bare_check(natsInbox_Create(&inbox), "inbox");
    measure_inbox(url, prefix);
    snprintf(nats->inbox, sizeof nats->inbox, "%s%s", prefix, strrchr(inbox, '.'));
    natsInbox_Destroy(inbox);
}

natsSubscription *bare_subscribe(bare_nats *nats, const char *subject, const char *queue)
{
    natsSubscription *sub = NULL;
    bare_check(queue ? natsConnection_QueueSubscribeSync(&sub, nats->native, subject, queue)
                     : natsConnection_SubscribeSync(&sub, nats->native, subject),
               subject);
    bare_check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    return sub;
}

natsMsg *bare_next(natsSubscription *sub)
{
    natsMsg *msg = NULL;
    natsStatus status = natsSubscription_NextMsg(&msg, sub, 0);
    if (status == NATS_OK) return msg;
    if (status != NATS_TIMEOUT) bare_check(status, "next message");
    return NULL;
}

redisContext *bare_redis(const char *where)
{
    measure_redis of = measure_redis_of(where);
    redisContext *redis = redisConnectUnix(of.path);
    if (!redis || redis->err) bare_die(of.path, redis ? redis->errstr : "out of memory");
    redisReply *reply = of.user[0] ? redisCommand(redis, "AUTH %s %s", of.user, of.password) : NULL;
    if (of.user[0] && (!reply || reply->type == REDIS_REPLY_ERROR))
        bare_die(of.user, reply ? reply->str : redis->errstr);
    freeReplyObject(reply);
    redis->flags &= ~REDIS_BLOCK;
    fcntl(redis->fd, F_SETFL, fcntl(redis->fd, F_GETFL) | O_NONBLOCK);
    return redis;
}

enum { FDS_MAX = 3 }; /* Redis, and two of NATS */

void bare_turn(bare_nats *nats, redisContext *redis, int wanted)
{
    bare_turn_within(nats, redis, wanted, -1);
}

void bare_turn_within(bare_nats *nats, redisContext *redis, int wanted, int ms)
{
    int all_sent = 1;
    struct pollfd fds[FDS_MAX];
    nfds_t count = 1;
    if (redis && redisBufferWrite(redis, &all_sent) != REDIS_OK) bare_die("redis", redis->errstr);
    fds[0] = (struct pollfd){.fd = redis ? redis->fd : -1,
                             .events = (short)((wanted & BARE_REDIS ? POLLIN : 0) | (all_sent ? 0 : POLLOUT))};
    for (bare_nats *each = nats; each && count < FDS_MAX; each = each->also) {
        if (each->want_write) natsConnection_ProcessWriteEvent(each->native);
        fds[count++] = (struct pollfd){
            .fd = each->fd, .events = (short)((wanted & BARE_NATS ? POLLIN : 0) | (each->want_write ? POLLOUT : 0))};
    }
    if (poll(fds, count, ms) < 0) bare_die("poll", "failed");
    if (fds[0].revents & (POLLIN | POLLHUP) && redisBufferRead(redis) != REDIS_OK) bare_die("redis", redis->errstr);
    count = 1;
    for (bare_nats *each = nats; each && count < FDS_MAX; each = each->also) {
        if (fds[count++].revents & (POLLIN | POLLHUP)) natsConnection_ProcessReadEvent(each->native);
        if (each->closed) bare_die("nats", "connection closed");
    }
}

void bare_flush(bare_nats *nats)
{
    while (nats->want_write) natsConnection_ProcessWriteEvent(nats->native);
}

redisReply *bare_answer(redisContext *redis)
{
    void *reply = NULL;
    if (redisGetReplyFromReader(redis, &reply) != REDIS_OK) bare_die("redis", redis->errstr);
    if (reply && ((redisReply *)reply)->type == REDIS_REPLY_ERROR) bare_die("redis", ((redisReply *)reply)->str);
    return reply;
}
