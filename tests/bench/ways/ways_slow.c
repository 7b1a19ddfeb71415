/*
 * A relay in front of nats-server that makes whoever connects through it slow: what the server sends reaches it
 * --delay-ms later, what it sends goes on at once. So each of its answers is that much late, and nothing else changes.
 *
 *   ways_slow --listen 4300 --to 4222 --delay-ms 200
 *   -> ready
 *
 * Both ports are of the loopback. May depend on: POSIX, measure.h. Threads: one.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 64
#define CHUNK     65536
#define NS_PER_MS 1000000ull
#define HELD_MAX  (256u << 20) /* bytes on their way, of one connection; past it the server is not read */

typedef struct chunk {
    uint64_t due_ns;
    size_t at, len;
    struct chunk *next;
    char data[];
} chunk;

/* One way of a connection. */
typedef struct flow {
    int from, to;
    uint64_t delay_ns;
    chunk *first, **last;
    size_t held;
} flow;

typedef struct pair {
    int client, server; /* client 0: free */
    flow down, up;
} pair;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "ways_slow: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in loopback(size_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_on(size_t port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 16) != 0) die("listen");
    return fd;
}

static void open_flow(flow *self, int from, int to, uint64_t delay_ns)
{
    *self = (flow){.from = from, .to = to, .delay_ns = delay_ns};
    self->last = &self->first;
}

static void accept_pair(pair pairs[PAIRS_MAX], int listener, size_t port, uint64_t delay_ns)
{
    struct sockaddr_in to = loopback(port);
    int client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    pair *made = pairs;
    while (made < pairs + PAIRS_MAX && made->client) made++;
    if (client < 0) return;
    if (made == pairs + PAIRS_MAX || server < 0 || connect(server, (struct sockaddr *)&to, sizeof to) != 0) {
        close(client);
        if (server >= 0) close(server);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    made->client = client;
    made->server = server;
    open_flow(&made->down, server, client, delay_ns);
    open_flow(&made->up, client, server, 0);
}

/* False: the connection has ended. */
static bool read_flow(flow *self, uint64_t now_ns)
{
    chunk *made = malloc(sizeof *made + CHUNK);
    if (!made) die("memory");
    ssize_t got = read(self->from, made->data, CHUNK);
    if (got <= 0) {
        free(made);
        return false;
    }
    made = realloc(made, sizeof *made + (size_t)got);
    made->due_ns = now_ns + self->delay_ns;
    made->at = 0, made->len = (size_t)got, made->next = NULL;
    *self->last = made;
    self->last = &made->next;
    self->held += made->len;
    return true;
}

static bool write_flow(flow *self, uint64_t now_ns)
{
    for (chunk *first; (first = self->first) && first->due_ns <= now_ns;) {
        ssize_t put = send(self->to, first->data + first->at, first->len - first->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0) return errno == EAGAIN;
        first->at += (size_t)put;
        self->held -= (size_t)put;
        if (first->at < first->len) return true;
        if (!(self->first = first->next)) self->last = &self->first;
        free(first);
    }
    return true;
}

static void close_pair(pair *self)
{
    flow *flows[] = {&self->down, &self->up};
    for (int i = 0; i < 2; i++)
        for (chunk *at; (at = flows[i]->first);) {
            flows[i]->first = at->next;
            free(at);
        }
    close(self->client);
    close(self->server);
    self->client = 0;
}

/* What poll is to look for, and until when at most. */
static short events_of(const flow *in, const flow *out, uint64_t now_ns, int *wait_ms)
{
    short events = in->held < HELD_MAX ? POLLIN : 0;
    if (!out->first) return events;
    if (out->first->due_ns <= now_ns) return (short)(events | POLLOUT);
    int ms = (int)((out->first->due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
    if (*wait_ms < 0 || ms < *wait_ms) *wait_ms = ms;
    return events;
}

static void turn(pair pairs[PAIRS_MAX], int listener, size_t port, uint64_t delay_ns)
{
    struct pollfd fds[1 + 2 * PAIRS_MAX] = {{.fd = listener, .events = POLLIN}};
    uint64_t now_ns = measure_now_ns();
    int wait_ms = -1;
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        bool used = pairs[i].client != 0;
        fds[1 + 2 * i] = (struct pollfd){.fd = used ? pairs[i].client : -1};
        fds[2 + 2 * i] = (struct pollfd){.fd = used ? pairs[i].server : -1};
        if (!used) continue;
        fds[1 + 2 * i].events = events_of(&pairs[i].up, &pairs[i].down, now_ns, &wait_ms);
        fds[2 + 2 * i].events = events_of(&pairs[i].down, &pairs[i].up, now_ns, &wait_ms);
    }
    if (poll(fds, 1 + 2 * PAIRS_MAX, wait_ms) < 0 && errno != EINTR) die("poll");
    now_ns = measure_now_ns();
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        if (!pairs[i].client) continue;
        bool good = true;
        if (fds[1 + 2 * i].revents & (POLLIN | POLLHUP | POLLERR)) good = read_flow(&pairs[i].up, now_ns);
        if (good && fds[2 + 2 * i].revents & (POLLIN | POLLHUP | POLLERR)) good = read_flow(&pairs[i].down, now_ns);
        if (good) good = write_flow(&pairs[i].up, now_ns) && write_flow(&pairs[i].down, now_ns);
        if (!good) close_pair(&pairs[i]);
    }
    if (fds[0].revents & POLLIN) accept_pair(pairs, listener, port, delay_ns);
}

int main(int argc, char **argv)
{
    static pair pairs[PAIRS_MAX];
    size_t port = 0, to = 0, delay_ms = 0;
    for (; argc > 2; argc -= 2, argv += 2) {
        if (strcmp(argv[1], "--listen") == 0) port = measure_number(argv[2]);
        if (strcmp(argv[1], "--to") == 0) to = measure_number(argv[2]);
        if (strcmp(argv[1], "--delay-ms") == 0) delay_ms = measure_number(argv[2]);
    }
    if (argc != 1 || port < 1 || port > 65535 || to < 1 || to > 65535) {
        fprintf(stderr, "usage: ways_slow --listen PORT --to PORT --delay-ms N\n");
        return 2;
    }
    int listener = listen_on(port);
    printf("ready\n");
    fflush(stdout);
    for (;;) turn(pairs, listener, to, delay_ms * NS_PER_MS);
}
