/*
 * The bare baseline that Furrow's catch-up is measured against: nats.c in event-loop mode and hiredis without its own
 * event library, driven by one poll(2); no Furrow code. Two pulls of 1,000 are outstanding, batches of 200 events go to
 * Redis in one versioned bulk upsert each, up to 10 of them at once, and every event is acked by a message of its own
 * after Redis has answered.
 *
 *   baseline_catchup fill  --url nats://127.0.0.1:4222 --events 1000000     publishes <entity>.<n>, 200 bytes each
 *   baseline_catchup drain --url nats://127.0.0.1:4222 --redis-port 6379 --events 1000000 --consumer bare --keep 60
 *   -> baseline_catchup events=1000000 events_per_s=300000
 *
 * The stream and the durable consumer must be there. May depend on: nats.c, hiredis and the C library only.
 */
#include <hiredis/hiredis.h>
#include <nats/nats.h>

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH     200
#define IN_FLIGHT 10
#define PULL      1000
#define PULLS     2

typedef struct settings {
    const char *url, *stream, *consumer, *entity;
    int redis_port;
    size_t events, size, keep;
} settings;

typedef struct connection {
    natsConnection *nc;
    int fd;
    bool want_write;
} connection;

static void check(natsStatus status, const char *what)
{
    if (status == NATS_OK) return;
    fprintf(stderr, "baseline_catchup: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static natsStatus on_attach(void **user, void *loop, natsConnection *nc, natsSock fd)
{
    connection *conn = loop;
    conn->nc = nc;
    conn->fd = fd;
    *user = conn;
    return NATS_OK;
}

static natsStatus on_read(void *user, bool add)
{
    (void)user;
    (void)add;
    return NATS_OK;
}

static natsStatus on_write(void *user, bool add)
{
    ((connection *)user)->want_write = add;
    return NATS_OK;
}

static natsStatus on_detach(void *user)
{
    (void)user;
    return NATS_OK;
}

static void open_connection(connection *conn, const char *url)
{
    natsOptions *options = NULL;
    natsConnection *nc = NULL;
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, url), "url");
    check(natsOptions_SetSendAsap(options, true), "send asap");
    check(natsOptions_SetAllowReconnect(options, false), "no reconnect");
    check(natsOptions_SetEventLoop(options, conn, on_attach, on_read, on_write, on_detach), "event loop");
    check(natsConnection_Connect(&nc, options), "connect");
    natsOptions_Destroy(options);
}

/* ---- fill ---- */

/* An entity of 200 bytes: id, name and status as fields 1, 2 and 6, and filler as field 15. */
static size_t make_event(char *out, size_t size, size_t n)
{
    char id[32], name[64];
    int id_len = snprintf(id, sizeof id, "p%zu", n), name_len = snprintf(name, sizeof name, "Person number %zu", n);
    size_t len = 0;
    out[len++] = 0x0a, out[len++] = (char)id_len;
    memcpy(out + len, id, (size_t)id_len), len += (size_t)id_len;
    out[len++] = 0x12, out[len++] = (char)name_len;
    memcpy(out + len, name, (size_t)name_len), len += (size_t)name_len;
    out[len++] = 0x30, out[len++] = 1;
    size_t filler = size - len - 3;
    out[len++] = 0x7a, out[len++] = (char)(0x80 | (filler & 0x7f)), out[len++] = (char)(filler >> 7);
    memset(out + len, 'x', filler);
    return len + filler;
}

static void fill(const settings *set)
{
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    char subject[128], *event = malloc(set->size + 256);
    check(natsConnection_ConnectTo(&nc, set->url), "connect");
    check(natsConnection_JetStream(&js, nc, NULL), "jetstream");
    for (size_t n = 0; n < set->events; n++) {
        snprintf(subject, sizeof subject, "%s.p%zu", set->entity, n);
        check(natsConnection_Publish(nc, subject, event, (int)make_event(event, set->size, n)), "publish");
        if (n % 10000 == 9999) check(natsConnection_Flush(nc), "flush");
    }
    for (uint64_t stored = 0; stored < set->events; nats_Sleep(50)) {
        check(js_GetStreamInfo(&info, js, set->stream, NULL, NULL), "stream");
        stored = info->State.Msgs;
        jsStreamInfo_Destroy(info);
    }
    free(event);
}

/* ---- drain ---- */

static const char script[] = "local old = redis.call('MGET', unpack(KEYS)) local set, n = {}, 0 "
                             "for i, key in ipairs(KEYS) do local new = ARGV[i] "
                             "if not old[i] or string.sub(old[i], 1, 8) < string.sub(new, 1, 8) then "
                             "set[n + 1] = key set[n + 2] = new n = n + 2 end end "
                             "if n > 0 then redis.call('MSET', unpack(set)) end return n / 2";

typedef struct bulk {
    natsMsg *messages[BATCH];
    size_t count;
} bulk;

typedef struct drainer {
    const settings *set;
    connection conn;
    natsSubscription *inbox;
    char inbox_name[96], next[160], sha[41];
    redisContext *redis;
    bulk batches[IN_FLIGHT + 1]; /* a ring: being applied, and the last one being filled */
    size_t first, flying, done, asked;
} drainer;

static void pull(drainer *drain)
{
    char body[64];
    int len = snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":30000000000}", PULL);
    check(natsConnection_PublishRequest(drain->conn.nc, drain->next, drain->inbox_name, body, len), "pull");
    drain->asked += PULL;
}

/* $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.… */
static unsigned long long sequence_of(natsMsg *msg)
{
    const char *at = natsMsg_GetReply(msg);
    for (int dots = 0; dots < 5; at++) dots += *at == '.';
    return strtoull(at, NULL, 10);
}

static bulk *filling(drainer *drain)
{
    return &drain->batches[(drain->first + drain->flying) % (IN_FLIGHT + 1)];
}

static void send_batch(drainer *drain)
{
    static char keys[BATCH][80], values[BATCH][512];
    const char *argv[3 + 2 * BATCH];
    size_t lens[3 + 2 * BATCH];
    bulk *batch = filling(drain);
    char count[16];
    snprintf(count, sizeof count, "%zu", batch->count);
    argv[0] = "EVALSHA", lens[0] = 7, argv[1] = drain->sha, lens[1] = 40, argv[2] = count, lens[2] = strlen(count);
    for (size_t i = 0; i < batch->count; i++) {
        natsMsg *msg = batch->messages[i];
        unsigned long long sequence = sequence_of(msg);
        const char *id = strrchr(natsMsg_GetSubject(msg), '.') + 1;
        for (int b = 0; b < 8; b++) values[i][b] = (char)(sequence >> (56 - 8 * b));
        memcpy(values[i] + 8, natsMsg_GetData(msg), drain->set->keep);
        argv[3 + i] = keys[i], lens[3 + i] = (size_t)snprintf(keys[i], sizeof keys[i], "bare:{Person}:%s", id);
        argv[3 + batch->count + i] = values[i], lens[3 + batch->count + i] = 8 + drain->set->keep;
    }
    if (redisAppendCommandArgv(drain->redis, (int)(3 + 2 * batch->count), argv, lens) != REDIS_OK) exit(1);
    drain->flying++;
    filling(drain)->count = 0;
}

static void finish_batch(drainer *drain, redisReply *reply)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "baseline_catchup: redis: %s\n", reply ? reply->str : drain->redis->errstr);
        exit(1);
    }
    freeReplyObject(reply);
    bulk *batch = &drain->batches[drain->first];
    for (size_t i = 0; i < batch->count; i++) {
        check(natsConnection_Publish(drain->conn.nc, natsMsg_GetReply(batch->messages[i]), "+ACK", 4), "ack");
        natsMsg_Destroy(batch->messages[i]);
    }
    drain->done += batch->count;
    batch->count = 0;
    drain->first = (drain->first + 1) % (IN_FLIGHT + 1);
    drain->flying--;
}

static void turn(drainer *drain)
{
    int unsent = 0;
    redisBufferWrite(drain->redis, &unsent);
    struct pollfd fds[2] = {{.fd = drain->conn.fd, .events = (short)(POLLIN | (drain->conn.want_write ? POLLOUT : 0))},
                            {.fd = drain->redis->fd, .events = (short)(POLLIN | (unsent ? 0 : POLLOUT))}};
    if (drain->flying == IN_FLIGHT) fds[0].events &= ~POLLIN;
    if (poll(fds, 2, -1) < 0) exit(1);
    if (fds[1].revents & POLLIN) {
        if (redisBufferRead(drain->redis) != REDIS_OK) exit(1);
        void *reply = NULL;
        while (redisGetReplyFromReader(drain->redis, &reply) == REDIS_OK && reply) finish_batch(drain, reply);
    }
    if (fds[0].revents & POLLIN) natsConnection_ProcessReadEvent(drain->conn.nc);
    natsMsg *msg = NULL;
    while (drain->flying < IN_FLIGHT && natsSubscription_NextMsg(&msg, drain->inbox, 0) == NATS_OK) {
        if (!natsMsg_GetReply(msg)) { /* a status */
            natsMsg_Destroy(msg);
            continue;
        }
        bulk *batch = filling(drain);
        batch->messages[batch->count++] = msg;
        if (--drain->asked <= PULL * (PULLS - 1)) pull(drain);
        if (batch->count == BATCH) send_batch(drain);
    }
    if (drain->flying < IN_FLIGHT && filling(drain)->count) send_batch(drain);
    if (drain->conn.want_write) natsConnection_ProcessWriteEvent(drain->conn.nc);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void drain(const settings *set)
{
    static drainer drain;
    natsInbox *inbox = NULL;
    drain.set = set;
    drain.redis = redisConnect("127.0.0.1", set->redis_port);
    if (!drain.redis || drain.redis->err) exit(1);
    redisReply *loaded = redisCommand(drain.redis, "SCRIPT LOAD %s", script);
    snprintf(drain.sha, sizeof drain.sha, "%s", loaded->str);
    freeReplyObject(loaded);
    drain.redis->flags &= ~REDIS_BLOCK;
    fcntl(drain.redis->fd, F_SETFL, fcntl(drain.redis->fd, F_GETFL) | O_NONBLOCK);
    open_connection(&drain.conn, set->url);
    check(natsInbox_Create(&inbox), "inbox");
    snprintf(drain.inbox_name, sizeof drain.inbox_name, "%s", inbox);
    natsInbox_Destroy(inbox);
    snprintf(drain.next, sizeof drain.next, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", set->stream, set->consumer);
    check(natsConnection_SubscribeSync(&drain.inbox, drain.conn.nc, drain.inbox_name), "subscribe");
    check(natsSubscription_SetPendingLimits(drain.inbox, -1, -1), "limits");
    double begun = now_s();
    for (int i = 0; i < PULLS; i++) pull(&drain);
    while (drain.done < set->events) turn(&drain);
    double seconds = now_s() - begun;
    printf("baseline_catchup events=%zu seconds=%.2f events_per_s=%.0f\n", drain.done, seconds,
           (double)drain.done / seconds);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},        {"stream", 1, NULL, 's'}, {"consumer", 1, NULL, 'c'},
        {"entity", 1, NULL, 'e'},     {"size", 1, NULL, 'z'},   {"keep", 1, NULL, 'k'},
        {"redis-port", 1, NULL, 'r'}, {"events", 1, NULL, 'n'}, {0}};
    settings set = {.url = "nats://127.0.0.1:4222",
                    .stream = "PERSON",
                    .consumer = "bare",
                    .entity = "replicatest.v1.Person",
                    .redis_port = 6379,
                    .events = 1000000,
                    .size = 200,
                    .keep = 40};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 's':
            set.stream = optarg;
            break;
        case 'c':
            set.consumer = optarg;
            break;
        case 'e':
            set.entity = optarg;
            break;
        case 'z':
            set.size = strtoul(optarg, NULL, 10);
            break;
        case 'k':
            set.keep = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            set.redis_port = atoi(optarg);
            break;
        case 'n':
            set.events = strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    if (optind < argc && strcmp(argv[optind], "fill") == 0)
        fill(&set);
    else if (optind < argc && strcmp(argv[optind], "drain") == 0)
        drain(&set);
    else
        return 2;
    return 0;
}
