/*
 * The bare baseline that Furrow's echo is measured against: nats.c in event-loop mode with its own poll(2), no Furrow
 * code. One connection, SendAsap, pending limits off, one synchronous subscription drained after each read, all output of
 * a turn in one write; the client has one wildcard inbox with the call's slot as its last token.
 *
 *   baseline_echo serve --url nats://127.0.0.1:4222
 *   baseline_echo call --url nats://127.0.0.1:4222 --in-flight 256 --calls 1000000
 *   -> baseline_echo in_flight=256 calls=1000000 calls_per_s=430000 p50_us=505 p99_us=900 cpu_us_per_call=1.2
 *
 * May depend on: nats.c and the C library only.
 */
#include <nats/nats.h>

#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_IN_FLIGHT 65536

typedef struct settings {
    const char *url, *subject;
    size_t in_flight, calls, warm_up, payload;
} settings;

typedef struct connection {
    natsConnection *nc;
    int fd;
    bool want_write, closed;
} connection;

static void check(natsStatus status, const char *what)
{
    if (status == NATS_OK) return;
    fprintf(stderr, "baseline_echo: %s: %s\n", what, natsStatus_GetText(status));
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
    return NATS_OK;
}

static natsStatus on_write(void *user, bool add)
{
    ((connection *)user)->want_write = add;
    return NATS_OK;
}

static natsStatus on_detach(void *user)
{
    ((connection *)user)->closed = true;
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

/* Waits for input, reads once; the caller drains its subscription and then ends the turn. */
static void begin_turn(connection *conn)
{
    struct pollfd fd = {.fd = conn->fd, .events = (short)(POLLIN | (conn->want_write ? POLLOUT : 0))};
    poll(&fd, 1, -1);
    if (fd.revents & (POLLIN | POLLERR | POLLHUP)) natsConnection_ProcessReadEvent(conn->nc);
}

static void end_turn(connection *conn)
{
    if (conn->want_write) natsConnection_ProcessWriteEvent(conn->nc);
}

static void serve(const settings *set)
{
    connection conn = {0};
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;
    open_connection(&conn, set->url);
    check(natsConnection_QueueSubscribeSync(&sub, conn.nc, set->subject, "echo"), "subscribe");
    check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    end_turn(&conn);
    printf("ready\n");
    fflush(stdout);
    while (!conn.closed) {
        begin_turn(&conn);
        while (natsSubscription_NextMsg(&msg, sub, 0) == NATS_OK) {
            natsConnection_Publish(conn.nc, natsMsg_GetReply(msg), natsMsg_GetData(msg), natsMsg_GetDataLength(msg));
            natsMsg_Destroy(msg);
        }
        end_turn(&conn);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double cpu_us(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

typedef struct caller {
    const settings *set;
    connection conn;
    natsSubscription *inbox;
    char prefix[96], *payload;
    uint64_t started_ns[MAX_IN_FLIGHT];
    uint32_t *latency_ns;
    size_t sent, done, total;
} caller;

static void call(caller *client, size_t slot)
{
    char reply[128];
    snprintf(reply, sizeof reply, "%s.%zu", client->prefix, slot);
    client->started_ns[slot] = now_ns();
    client->sent++;
    check(natsConnection_PublishRequest(client->conn.nc, client->set->subject, reply, client->payload, (int)client->set->payload),
          "publish");
}

static void take_reply(caller *client, natsMsg *msg)
{
    size_t slot = strtoul(strrchr(natsMsg_GetSubject(msg), '.') + 1, NULL, 10);
    if (client->done >= client->set->warm_up)
        client->latency_ns[client->done - client->set->warm_up] = (uint32_t)(now_ns() - client->started_ns[slot]);
    client->done++;
    natsMsg_Destroy(msg);
    if (client->sent < client->total) call(client, slot);
}

static void turn(caller *client)
{
    natsMsg *msg = NULL;
    natsStatus status;
    begin_turn(&client->conn);
    while ((status = natsSubscription_NextMsg(&msg, client->inbox, 0)) == NATS_OK) take_reply(client, msg);
    if (status != NATS_TIMEOUT) check(status, "reply");
    end_turn(&client->conn);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(const caller *client, uint64_t elapsed_ns, double cpu)
{
    size_t n = client->set->calls;
    qsort(client->latency_ns, n, sizeof client->latency_ns[0], by_value);
    printf("baseline_echo in_flight=%zu calls=%zu calls_per_s=%.0f p50_us=%.1f p99_us=%.1f cpu_us_per_call=%.2f\n",
           client->set->in_flight, n, (double)n / ((double)elapsed_ns / 1e9), client->latency_ns[n / 2] / 1e3,
           client->latency_ns[n * 99 / 100] / 1e3, cpu / (double)n);
}

static void run_client(const settings *set)
{
    static caller client;
    natsInbox *inbox = NULL;
    char wildcard[128];
    client.set = set;
    client.total = set->calls + set->warm_up;
    client.payload = calloc(1, set->payload + 1);
    client.latency_ns = calloc(set->calls, sizeof client.latency_ns[0]);
    if (!client.payload || !client.latency_ns) exit(1);
    memset(client.payload, 'x', set->payload);
    open_connection(&client.conn, set->url);
    check(natsInbox_Create(&inbox), "inbox");
    snprintf(client.prefix, sizeof client.prefix, "%s", inbox);
    natsInbox_Destroy(inbox);
    snprintf(wildcard, sizeof wildcard, "%s.*", client.prefix);
    check(natsConnection_SubscribeSync(&client.inbox, client.conn.nc, wildcard), "subscribe");
    check(natsSubscription_SetPendingLimits(client.inbox, -1, -1), "limits");
    for (size_t slot = 0; slot < set->in_flight; slot++) call(&client, slot);
    end_turn(&client.conn);
    while (client.done < set->warm_up) turn(&client);
    uint64_t start_ns = now_ns();
    double start_cpu = cpu_us();
    while (client.done < client.total) turn(&client);
    report(&client, now_ns() - start_ns, cpu_us() - start_cpu);
    free(client.payload);
    free(client.latency_ns);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: baseline_echo serve|call [--url U] [--subject S] [--in-flight N] [--calls M] [--warm-up M] "
                    "[--payload BYTES]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    settings set = {"nats://127.0.0.1:4222", "bench.echo", 1, 100000, 0, 64};
    static const struct option long_options[] = {
        {"url", required_argument, NULL, 'u'},   {"subject", required_argument, NULL, 's'}, {"in-flight", required_argument, NULL, 'n'},
        {"calls", required_argument, NULL, 'm'}, {"warm-up", required_argument, NULL, 'w'}, {"payload", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'u': set.url = optarg; break;
        case 's': set.subject = optarg; break;
        case 'n': set.in_flight = strtoul(optarg, NULL, 10); break;
        case 'm': set.calls = strtoul(optarg, NULL, 10); break;
        case 'w': set.warm_up = strtoul(optarg, NULL, 10); break;
        case 'p': set.payload = strtoul(optarg, NULL, 10); break;
        default: usage();
        }
    }
    if (optind != argc - 1 || set.in_flight < 1 || set.in_flight > MAX_IN_FLIGHT || set.calls < set.in_flight) usage();
    if (strcmp(argv[optind], "serve") == 0) {
        serve(&set);
    } else if (strcmp(argv[optind], "call") == 0) {
        run_client(&set);
    } else {
        usage();
    }
    return 0;
}
