/**
 * A byte stream to Redis on the loop: resolves off the loop, connects, reads, writes. Knows nothing of what the bytes
 * mean.
 *
 * hiredis's own connection is not used: it resolves names on the calling thread and writes without MSG_NOSIGNAL.
 * Threads: the loop's. Only store/redis.c uses it.
 */
#ifndef FURROW_STORE_SOCKET_H
#define FURROW_STORE_SOCKET_H

#include "store/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

typedef struct furrow_socket furrow_socket;

/* None is called after furrow_socket_close, nor from within another function of this header. Each may close the socket.
 */
typedef struct furrow_socket_events {
    void (*opened)(void *owner);
    void (*received)(void *owner, const char *data, size_t len);
    void (*writable)(void *owner); /* after a send that took less than all */
    void (*broken)(void *owner, const char *why);
} furrow_socket_events;

/* Starts to resolve and connect. @events is lent, @address copied. NULL (and *err UNAVAILABLE) when not even that
 * works. */
furrow_socket *furrow_socket_open(uv_loop_t *uv, const furrow_address *address, const furrow_socket_events *events,
                                  void *owner, furrow_error *err);

/* Takes as much as the kernel does now and says how much; -1: the connection is broken (errno says why), close it. */
ptrdiff_t furrow_socket_send(furrow_socket *socket, const void *data, size_t len);

/* Closes at once; its memory goes when the loop has let go of it. NULL is fine. */
void furrow_socket_close(furrow_socket *socket);

#endif
