/*
 * See socket.h. RESOLVING -> CONNECTING (one address after the other) -> OPEN -> closed. The object outlives
 * furrow_socket_close until libuv has handed back its request and its poll handles: `holds` counts them and the owner.
 */
#include "store/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, READS_A_TURN = 16 };

struct furrow_socket {
    uv_loop_t *uv;
    const furrow_socket_events *events;
    void *owner;
    furrow_address address;
    uv_getaddrinfo_t resolve;
    bool resolving;
    struct addrinfo *found, *next; /* resolved; not yet tried from next on */
    uv_poll_t *poll;
    int fd;
    bool open, closed, full;
    int holds;
    char buffer[READ_BYTES];
};

static void release_socket(furrow_socket *socket)
{
    if (--socket->holds > 0) return;
    uv_freeaddrinfo(socket->found);
    free(socket);
}

static void on_socket_poll_closed(uv_handle_t *handle)
{
    furrow_socket *socket = handle->data;
    free(handle);
    release_socket(socket);
}

static void drop_fd(furrow_socket *socket)
{
    if (socket->poll) uv_close((uv_handle_t *)socket->poll, on_socket_poll_closed);
    socket->poll = NULL;
    if (socket->fd >= 0) close(socket->fd);
    socket->fd = -1;
}

void furrow_socket_close(furrow_socket *socket)
{
    if (!socket || socket->closed) return;
    socket->closed = true;
    drop_fd(socket);
    if (socket->resolving)
        uv_cancel((uv_req_t *)&socket->resolve); /* refused when it runs: then its callback sees `closed` */
    release_socket(socket);
}

static void report_broken(furrow_socket *socket, const char *what, const char *why)
{
    char text[400];
    snprintf(text, sizeof text, "%s %s: %s", what,
             socket->address.path[0] ? socket->address.path : socket->address.host, why);
    socket->events->broken(socket->owner, text);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static int watch_socket(furrow_socket *socket)
{
    int events = socket->open ? UV_READABLE | (socket->full ? UV_WRITABLE : 0) : UV_WRITABLE;
    return uv_poll_start(socket->poll, events, on_poll);
}

/* Commands are small and answered at once, and a peer that vanished without a word is noticed by the kernel too. */
static void tune(int fd, int family)
{
    int on = 1;
    if (family == AF_UNIX) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/* libuv says EBADF of every error; the socket knows which. */
static const char *broken_why(const furrow_socket *socket, int status)
{
    int failure = 0;
    socklen_t len = sizeof failure;
    (void)getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
    return failure ? strerror(failure) : uv_strerror(status);
}

/* Begins to connect to one address: 0, or an errno with nothing left open. */
static int begin_connect(furrow_socket *self, int family, const struct sockaddr *to, socklen_t len)
{
    self->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->fd < 0) return errno;
    tune(self->fd, family);
    if (connect(self->fd, to, len) != 0 && errno != EINPROGRESS) {
        int failure = errno;
        drop_fd(self);
        return failure;
    }
    uv_poll_t *poll = calloc(1, sizeof *poll);
    if (!poll || uv_poll_init(self->uv, poll, self->fd) != 0) {
        free(poll);
        drop_fd(self);
        return ENOMEM;
    }
    poll->data = self;
    self->poll = poll;
    self->holds++;
    if (watch_socket(self) == 0) return 0;
    drop_fd(self);
    return ENOMEM;
}

/* Begins with the next address that can be begun with: 0, or the errno of the last. */
static int begin_next(furrow_socket *socket)
{
    int failure = EADDRNOTAVAIL;
    while (socket->next) {
        struct addrinfo *address = socket->next;
        socket->next = address->ai_next;
        failure = begin_connect(socket, address->ai_family, address->ai_addr, address->ai_addrlen);
        if (failure == 0) return 0;
    }
    return failure;
}

static void on_connecting(furrow_socket *socket)
{
    int failure = 0;
    socklen_t len = sizeof failure;
    if (getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0) failure = errno;
    if (failure != 0) {
        drop_fd(socket);
        if (socket->next && begin_next(socket) == 0) return;
        report_broken(socket, "connect to", strerror(failure));
        return;
    }
    socket->open = true;
    watch_socket(socket);
    socket->events->opened(socket->owner);
}

static void read_socket(furrow_socket *socket)
{
    for (int reads = 0; reads < READS_A_TURN && !socket->closed; reads++) {
        ptrdiff_t got = recv(socket->fd, socket->buffer, sizeof socket->buffer, 0);
        if (got > 0) {
            socket->events->received(socket->owner, socket->buffer, (size_t)got);
            if ((size_t)got < sizeof socket->buffer) break;
        } else if (got == 0) {
            report_broken(socket, "connection to", "closed by the server");
            break;
        } else {
            if (errno != EAGAIN && errno != EINTR) report_broken(socket, "connection to", strerror(errno));
            break;
        }
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    furrow_socket *socket = poll->data;
    if (socket->closed) return;
    socket->holds++; /* an event may close it under our feet */
    if (!socket->open) {
        on_connecting(socket);
    } else if (status < 0) {
        report_broken(socket, "connection to", broken_why(socket, status));
    } else {
        if (events & UV_WRITABLE) {
            socket->full = false;
            watch_socket(socket);
            socket->events->writable(socket->owner);
        }
        if ((events & UV_READABLE) && !socket->closed) read_socket(socket);
    }
    release_socket(socket);
}

ptrdiff_t furrow_socket_send(furrow_socket *socket, const void *data, size_t len)
{
    if (socket->full) return 0;
    size_t sent = 0;
    while (sent < len) {
        ptrdiff_t took = send(socket->fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);
        if (took < 0 && errno == EINTR) continue;
        if (took < 0 && errno != EAGAIN) return -1;
        if (took < 0) break;
        sent += (size_t)took;
    }
    if (sent < len) {
        socket->full = true;
        watch_socket(socket);
    }
    return (ptrdiff_t)sent;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    furrow_socket *socket = request->data;
    socket->resolving = false;
    socket->found = socket->next = found;
    if (!socket->closed) {
        int failure = status == 0 ? begin_next(socket) : 0;
        if (status != 0)
            report_broken(socket, "resolve", uv_strerror(status));
        else if (failure)
            report_broken(socket, "connect to", strerror(failure));
    }
    release_socket(socket);
}

static int start_connecting(furrow_socket *socket)
{
    if (socket->address.path[0]) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        memcpy(to.sun_path, socket->address.path, sizeof to.sun_path);
        return begin_connect(socket, AF_UNIX, (struct sockaddr *)&to, sizeof to);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    socket->resolve.data = socket;
    int failure =
        uv_getaddrinfo(socket->uv, &socket->resolve, on_resolved, socket->address.host, socket->address.port, &hints);
    if (failure) return -failure;
    socket->resolving = true;
    socket->holds++;
    return 0;
}

furrow_socket *furrow_socket_open(uv_loop_t *uv, const furrow_address *address, const furrow_socket_events *events,
                                  void *owner, furrow_error *err)
{
    furrow_socket *socket = calloc(1, sizeof *socket);
    if (!socket) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    /* Member by member: a compound literal would lie on the task's stack first, with the buffer of 64 KiB. */
    socket->uv = uv;
    socket->events = events;
    socket->owner = owner;
    socket->address = *address;
    socket->fd = -1;
    socket->holds = 1;
    int failure = start_connecting(socket);
    if (failure == 0) return socket;
    furrow_fail(err, FURROW_UNAVAILABLE, "connect to %s: %s", address->path[0] ? address->path : address->host,
                strerror(failure));
    furrow_socket_close(socket);
    return NULL;
}
