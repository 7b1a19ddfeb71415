/*
 * store/socket.h over the Redis in memory: bytes travel, commands are taken out of them as they come whole, answers
 * travel back. Linked before the real one. Depends on redis.h.
 */
#include "store/socket.h"

#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY_MIN_NS (20 * SIM_US)
#define WORDS_MAX      20000

/* What is left of a connection when its socket is gone: events may still be on their way to it. */
struct furrow_socket {
    furrow_socket *next;
    sim_process *process;
    const furrow_socket_events *events;
    void *owner;
    bool open, closed, cut; /* cut: the server's side is gone */
    uint64_t up_ns, down_ns;
    char *input; /* at the server, not yet a whole command */
    size_t len, room;
};

typedef struct parcel {
    furrow_socket *socket;
    const char *data;
    size_t len;
} parcel;

static furrow_socket *sockets;
static uint64_t latency_ns;

void sim_socket_start(void)
{
    sockets = NULL;
    latency_ns = 150 * SIM_US;
}

void sim_socket_latency(uint64_t max_ns)
{
    latency_ns = max_ns;
}

static uint64_t arrival_ns(uint64_t *last_ns)
{
    uint64_t at = sim_now_ns() + sim_random_between(LATENCY_MIN_NS, latency_ns);
    *last_ns = at > *last_ns ? at : *last_ns + 1;
    return *last_ns;
}

/* ---- answers ---- */

typedef struct text {
    char *data;
    size_t len, room;
} text;

static void append(text *out, const void *data, size_t len)
{
    if (out->len + len > out->room) {
        size_t room = 2 * (out->len + len) + 256;
        char *grown = sim_alloc(room);
        if (out->len) memcpy(grown, out->data, out->len);
        out->data = grown;
        out->room = room;
    }
    if (len) memcpy(out->data + out->len, data, len);
    out->len += len;
}

static void append_line(text *out, char mark, int64_t number)
{
    char line[32];
    append(out, line, (size_t)snprintf(line, sizeof line, "%c%lld\r\n", mark, (long long)number));
}

static void encode(text *out, const sim_reply *reply)
{
    switch (reply->kind) {
    case SIM_NIL:
        append(out, "$-1\r\n", 5);
        break;
    case SIM_TEXT:
        append_line(out, '$', (int64_t)reply->text.len);
        append(out, reply->text.data, reply->text.len);
        append(out, "\r\n", 2);
        break;
    case SIM_STATUS:
    case SIM_ERROR:
        append(out, reply->kind == SIM_STATUS ? "+" : "-", 1);
        append(out, reply->text.data, reply->text.len);
        append(out, "\r\n", 2);
        break;
    case SIM_INTEGER:
        append_line(out, ':', reply->integer);
        break;
    case SIM_LIST:
        append_line(out, '*', (int64_t)reply->count);
        for (size_t i = 0; i < reply->count; i++) encode(out, reply->items[i]);
        break;
    }
}

static void arrive_at_client(void *arg)
{
    parcel *what = arg;
    if (!what->socket->closed) what->socket->events->received(what->socket->owner, what->data, what->len);
}

static void answer(furrow_socket *socket, const text *out)
{
    parcel *sent = sim_alloc(sizeof *sent);
    *sent = (parcel){socket, out->data, out->len};
    sim_at_process(socket->process, arrival_ns(&socket->down_ns), arrive_at_client, sent);
}

/* ---- commands ---- */

/* "*2\r\n" or "$5\r\n" at @at: the number, and what is behind the line; NULL: it is not whole yet. */
static const char *read_line(const char *at, const char *end, size_t *number)
{
    const char *line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (!line) return NULL;
    *number = strtoul(at + 1, NULL, 10);
    return line + 1;
}

/* Bytes of the first command, in @argv; 0: it is not whole yet. */
static size_t parse(const furrow_socket *socket, sim_bytes argv[WORDS_MAX], size_t *argc)
{
    const char *end = socket->input + socket->len, *at = read_line(socket->input, end, argc);
    if (at && *argc > WORDS_MAX) abort();
    for (size_t i = 0; at && i < *argc; i++) {
        size_t len;
        at = read_line(at, end, &len);
        if (!at || (size_t)(end - at) < len + 2) return 0;
        argv[i] = (sim_bytes){at, len};
        at += len + 2;
    }
    return at ? (size_t)(at - socket->input) : 0;
}

static void serve(furrow_socket *socket)
{
    static sim_bytes argv[WORDS_MAX];
    size_t argc, used = 0;
    text out = {NULL, 0, 0};
    while (socket->len > 0 && (used = parse(socket, argv, &argc)) > 0) {
        encode(&out, sim_redis_execute(argv, argc, false));
        socket->len -= used;
        memmove(socket->input, socket->input + used, socket->len);
    }
    if (out.len > 0) answer(socket, &out);
}

static void arrive_at_server(void *arg)
{
    parcel *what = arg;
    furrow_socket *socket = what->socket;
    if (socket->cut) return;
    if (sim_redis_hangs_until() > sim_now_ns()) {
        socket->up_ns = socket->up_ns > sim_redis_hangs_until() ? socket->up_ns + 1 : sim_redis_hangs_until() + 1;
        sim_at(socket->up_ns, arrive_at_server, what);
        return;
    }
    if (socket->len + what->len + 1 > socket->room) {
        size_t room = 2 * (socket->len + what->len + 1);
        char *grown = sim_alloc(room);
        if (socket->len) memcpy(grown, socket->input, socket->len);
        socket->input = grown;
        socket->room = room;
    }
    memcpy(socket->input + socket->len, what->data, what->len);
    socket->len += what->len;
    socket->input[socket->len] = '\0';
    serve(socket);
}

/* ---- store/socket.h ---- */

static void on_connected(void *arg)
{
    furrow_socket *socket = arg;
    if (socket->closed) return;
    if (!sim_redis_listens()) {
        socket->events->broken(socket->owner, "connect to redis: refused");
        return;
    }
    socket->open = true;
    socket->events->opened(socket->owner);
}

furrow_socket *furrow_socket_open(uv_loop_t *uv, const furrow_address *address, const furrow_socket_events *events,
                                  void *owner, furrow_error *err)
{
    (void)uv;
    (void)address;
    (void)err;
    furrow_socket *made = sim_alloc(sizeof *made);
    *made = (furrow_socket){.next = sockets, .process = sim_current(), .events = events, .owner = owner};
    sockets = made;
    sim_at_process(made->process, arrival_ns(&made->down_ns), on_connected, made);
    return made;
}

ptrdiff_t furrow_socket_send(furrow_socket *socket, const void *data, size_t len)
{
    if (!socket->open) return 0;
    parcel *sent = sim_alloc(sizeof *sent);
    *sent = (parcel){socket, sim_memdup(data, len), len};
    sim_at(arrival_ns(&socket->up_ns), arrive_at_server, sent);
    return (ptrdiff_t)len;
}

void furrow_socket_close(furrow_socket *socket)
{
    if (!socket) return;
    socket->closed = true;
    /* What had been sent still arrives: that is so of TCP. */
}

static void tell_broken(void *arg)
{
    furrow_socket *socket = arg;
    if (socket->closed) return;
    socket->events->broken(socket->owner, "connection to redis: closed by the server");
}

void sim_socket_break(const sim_process *process)
{
    for (furrow_socket *at = sockets; at; at = at->next) {
        if ((process && at->process != process) || at->closed || at->cut) continue;
        at->cut = true;
        sim_at_process(at->process, arrival_ns(&at->down_ns), tell_broken, at);
    }
}
