/*
 * nats.c's functions, as far as common/link calls them, over a simulated connection: connections and subscriptions.
 * Messages are in client_msg.c. What nats.c does on threads of its own happens in the process's turn. What blocks
 * (connect, flush) is called on the pool, and says when it would have returned.
 */
#include "client.h"
#include "sim_uv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTOR 1000000 /* the first one that stands for a connection: no real one is as large */
#define REFUSED_NS (200 * SIM_US)

static natsConnection *connections[100000]; /* by descriptor */
static int opened;

/* ---- options ---- */

natsStatus natsOptions_Create(natsOptions **out)
{
    natsOptions *made = calloc(1, sizeof *made);
    if (!made) return NATS_NO_MEMORY;
    *out = made;
    return NATS_OK;
}

void natsOptions_Destroy(natsOptions *options)
{
    free(options);
}

natsStatus natsOptions_SetEventLoop(natsOptions *options, void *loop, natsEvLoop_Attach attach,
                                    natsEvLoop_ReadAddRemove read, natsEvLoop_WriteAddRemove write,
                                    natsEvLoop_Detach detach)
{
    *options = (natsOptions){loop, attach, read, write, detach};
    return NATS_OK;
}

/* Whatever else is set does not matter in here. */
#define IGNORED(name, ...)                                                                                             \
    natsStatus name(natsOptions *options, __VA_ARGS__)                                                                 \
    {                                                                                                                  \
        (void)options;                                                                                                 \
        return NATS_OK;                                                                                                \
    }
IGNORED(natsOptions_SetServers, const char **servers, int count)
IGNORED(natsOptions_SetName, const char *name)
IGNORED(natsOptions_SetTimeout, int64_t ms)
IGNORED(natsOptions_SetSendAsap, bool on)
IGNORED(natsOptions_SetIOBufSize, int bytes)
IGNORED(natsOptions_SetAllowReconnect, bool on)
IGNORED(natsOptions_SetPingInterval, int64_t ms)
IGNORED(natsOptions_SetUserInfo, const char *user, const char *password)
IGNORED(natsOptions_SetErrorHandler, natsErrHandler fn, void *arg)
IGNORED(natsOptions_SetLameDuckModeCB, natsConnectionHandler fn, void *arg)
IGNORED(natsOptions_SetSecure, bool on)
IGNORED(natsOptions_LoadCATrustedCertificates, const char *file)
IGNORED(natsOptions_LoadCertificatesChain, const char *chain, const char *key)
IGNORED(natsOptions_SetNKey, const char *key, natsSignatureHandler fn, void *arg)
IGNORED(natsOptions_SetUserCredentialsCallbacks, natsUserJWTHandler jwt, void *jwt_arg, natsSignatureHandler fn,
        void *arg)

/* ---- what is said of failures ---- */

const char *natsStatus_GetText(natsStatus status)
{
    return status == NATS_OK ? "OK" : "simulated failure";
}

const char *nats_GetLastError(natsStatus *status)
{
    if (status) *status = NATS_OK;
    return NULL;
}

natsStatus nats_Open(int64_t lock_spin_count)
{
    (void)lock_spin_count;
    return NATS_OK;
}

void nats_ReleaseThreadMemory(void)
{
}

/* ---- connections ---- */

static void on_readable(void *client)
{
    natsConnection *conn = client;
    if (conn->poll) sim_uv_readable(conn->poll);
}

natsStatus natsConnection_Connect(natsConnection **out, natsOptions *options)
{
    static const sim_conn_events events = {.readable = on_readable};
    natsConnection *made = calloc(1, sizeof *made);
    if (!made) return NATS_NO_MEMORY;
    made->options = *options;
    made->line = sim_conn_open(sim_current(), &events, made);
    if (!made->line) {
        free(made);
        sim_uv_work_takes_until(sim_now_ns() + REFUSED_NS);
        return NATS_NO_SERVER;
    }
    made->fd = DESCRIPTOR + opened;
    connections[opened++ % (int)(sizeof connections / sizeof *connections)] = made;
    natsStatus status = options->attach(&made->user, options->loop, made, (natsSock)made->fd);
    if (status == NATS_OK) {
        sim_uv_work_takes_until(sim_now_ns() + sim_random_between(100 * SIM_US, SIM_MS));
        *out = made;
        return NATS_OK;
    }
    sim_conn_close(made->line);
    free(made);
    return status;
}

int __real_dup(int fd);
int __real_close(int fd);
int __wrap_dup(int fd);
int __wrap_close(int fd);

int __wrap_dup(int fd)
{
    return fd >= DESCRIPTOR ? fd : __real_dup(fd);
}

int __wrap_close(int fd)
{
    return fd >= DESCRIPTOR ? 0 : __real_close(fd);
}

void sim_uv_poll_made(uv_poll_t *handle, int fd)
{
    natsConnection *conn = connections[(fd - DESCRIPTOR) % (int)(sizeof connections / sizeof *connections)];
    conn->poll = handle;
    sim_conn_look(conn->line); /* what came, or ended, before somebody watched */
}

static void end_connection(natsConnection *conn)
{
    if (conn->ended) return;
    conn->ended = true;
    conn->poll = NULL;
    sim_conn_close(conn->line);
    (void)conn->options.read(conn->user, false);
    (void)conn->options.write(conn->user, false);
    (void)conn->options.detach(conn->user);
}

void natsConnection_Destroy(natsConnection *conn)
{
    if (!conn) return;
    end_connection(conn);
    conn->destroyed = true;
    if (conn->subscriptions == 0) free(conn);
}

static void take_message(natsConnection *conn, uint64_t sid, const sim_message *message)
{
    conn->messages++;
    conn->bytes += message->len;
    for (natsSubscription *at = conn->by_sid[sid % CLIENT_LISTS]; at; at = at->next) {
        if (at->sid != sid) continue;
        sim_queued *queued = malloc(sizeof *queued);
        if (!queued) return;
        *queued = (sim_queued){.message = message};
        *at->tail = queued;
        at->tail = &queued->next;
        at->count++;
        return;
    }
}

/* Of 3.9.2 and newer, where whoever polls has to let the connection's descriptor go; there is none here. */
void natsConnection_ProcessCloseEvent(natsSock *socket);
void natsConnection_ProcessCloseEvent(natsSock *socket)
{
    *socket = -1;
}

void natsConnection_ProcessReadEvent(natsConnection *conn)
{
    uint64_t sid;
    const sim_message *message;
    if (conn->ended) return;
    while (sim_conn_next(conn->line, &sid, &message)) take_message(conn, sid, message);
    if (sim_conn_over(conn->line)) end_connection(conn);
}

static void put_out(natsConnection *conn, sim_item item)
{
    sim_item *sent = sim_alloc(sizeof *sent);
    *sent = item;
    *(conn->out_tail ? conn->out_tail : &conn->out) = sent;
    conn->out_tail = &sent->next;
    (void)conn->options.write(conn->user, true);
}

void natsConnection_ProcessWriteEvent(natsConnection *conn)
{
    if (conn->ended) return;
    for (sim_item *at = conn->out; at; at = at->next) {
        if (at->message)
            sim_conn_publish(conn->line, at->message);
        else if (at->subject)
            sim_conn_subscribe(conn->line, at->sid, at->subject, at->queue);
        else
            sim_conn_unsubscribe(conn->line, at->sid);
    }
    conn->out = NULL;
    conn->out_tail = NULL;
    (void)conn->options.write(conn->user, false);
}

/* On the pool. What was buffered leaves; then a PING and its PONG. */
natsStatus natsConnection_FlushTimeout(natsConnection *conn, int64_t timeout_ms)
{
    natsConnection_ProcessWriteEvent(conn);
    uint64_t until = sim_now_ns() + (uint64_t)timeout_ms * SIM_MS;
    uint64_t pong = conn->ended ? UINT64_MAX : sim_conn_pong_ns(conn->line);
    if (conn->ended) return NATS_CONNECTION_CLOSED;
    sim_uv_work_takes_until(pong < until ? pong : until);
    return pong < until ? NATS_OK : NATS_TIMEOUT;
}

int natsConnection_Buffered(natsConnection *conn)
{
    return conn->out ? 1 : 0;
}

int64_t natsConnection_GetMaxPayload(natsConnection *conn)
{
    (void)conn;
    return 1 << 20;
}

natsStatus natsConnection_GetLastError(natsConnection *conn, const char **text)
{
    (void)conn;
    *text = "simulated end of the connection";
    return NATS_IO_ERROR;
}

natsStatus natsConnection_GetStats(natsConnection *conn, natsStatistics *stats)
{
    stats->messages = conn->messages;
    stats->bytes = conn->bytes;
    return NATS_OK;
}

natsStatus natsStatistics_Create(natsStatistics **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? NATS_OK : NATS_NO_MEMORY;
}

void natsStatistics_Destroy(natsStatistics *stats)
{
    free(stats);
}

natsStatus natsStatistics_GetCounts(const natsStatistics *stats, uint64_t *in_messages, uint64_t *in_bytes,
                                    uint64_t *out_messages, uint64_t *out_bytes, uint64_t *reconnects)
{
    *in_messages = stats->messages;
    *in_bytes = stats->bytes;
    *out_messages = *out_bytes = *reconnects = 0;
    return NATS_OK;
}

/* ---- publishing ---- */

natsStatus natsConnection_PublishRequest(natsConnection *conn, const char *subject, const char *reply, const void *data,
                                         int len)
{
    if (conn->ended) return NATS_CONNECTION_CLOSED;
    put_out(conn, (sim_item){.message = sim_message_make(subject, reply, data, (size_t)len)});
    return NATS_OK;
}

natsStatus natsConnection_Publish(natsConnection *conn, const char *subject, const void *data, int len)
{
    return natsConnection_PublishRequest(conn, subject, NULL, data, len);
}

natsStatus natsConnection_PublishMsg(natsConnection *conn, natsMsg *msg)
{
    if (conn->ended) return NATS_CONNECTION_CLOSED;
    put_out(conn, (sim_item){.message = sim_client_message(msg)});
    return NATS_OK;
}

/* ---- subscriptions ---- */

natsStatus natsConnection_QueueSubscribeSync(natsSubscription **out, natsConnection *conn, const char *subject,
                                             const char *queue)
{
    if (conn->ended) return NATS_CONNECTION_CLOSED;
    natsSubscription *made = calloc(1, sizeof *made);
    if (!made) return NATS_NO_MEMORY;
    made->conn = conn;
    made->sid = ++conn->sids;
    made->tail = &made->head;
    made->next = conn->by_sid[made->sid % CLIENT_LISTS];
    conn->by_sid[made->sid % CLIENT_LISTS] = made;
    conn->subscriptions++;
    put_out(conn, (sim_item){.sid = made->sid, .subject = sim_strdup(subject), .queue = sim_strdup(queue)});
    *out = made;
    return NATS_OK;
}

natsStatus natsConnection_SubscribeSync(natsSubscription **out, natsConnection *conn, const char *subject)
{
    return natsConnection_QueueSubscribeSync(out, conn, subject, NULL);
}

natsStatus natsSubscription_SetPendingLimits(natsSubscription *subscription, int messages, int bytes)
{
    (void)subscription;
    (void)messages;
    (void)bytes;
    return NATS_OK;
}

static void unsubscribe(natsSubscription *subscription)
{
    if (subscription->stopped) return;
    subscription->stopped = true;
    if (!subscription->conn->ended) put_out(subscription->conn, (sim_item){.sid = subscription->sid});
}

natsStatus natsSubscription_DrainTimeout(natsSubscription *subscription, int64_t ms)
{
    (void)ms;
    unsubscribe(subscription);
    return NATS_OK;
}

void natsSubscription_Destroy(natsSubscription *subscription)
{
    if (!subscription) return;
    natsConnection *conn = subscription->conn;
    unsubscribe(subscription);
    natsSubscription **at = &conn->by_sid[subscription->sid % CLIENT_LISTS];
    while (*at != subscription) at = &(*at)->next;
    *at = subscription->next;
    while (subscription->head) {
        sim_queued *gone = subscription->head;
        subscription->head = gone->next;
        free(gone);
    }
    free(subscription);
    if (--conn->subscriptions == 0 && conn->destroyed) free(conn);
}

natsStatus natsSubscription_QueuedMsgs(natsSubscription *subscription, uint64_t *count)
{
    *count = subscription->count;
    return NATS_OK;
}

natsStatus natsSubscription_NextMsg(natsMsg **out, natsSubscription *subscription, int64_t timeout_ms)
{
    (void)timeout_ms;
    sim_queued *first = subscription->head;
    if (!first) return NATS_TIMEOUT;
    const sim_message *message = first->message;
    subscription->head = first->next;
    if (!subscription->head) subscription->tail = &subscription->head;
    subscription->count--;
    free(first);
    const char *status = message->len == 0 ? sim_message_header(message, "Status") : NULL;
    if (status && strcmp(status, "503") == 0) return NATS_NO_RESPONDERS;
    return sim_client_received(message, out);
}
