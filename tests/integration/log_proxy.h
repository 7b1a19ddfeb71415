/**
 * A TCP proxy before a server, on a thread of its own, that loses what goes through it when told to: so a test can lose
 * just the ack, or just the request, and knows which. What is lost includes the end of a connection: one that has gone
 * dark ends on one side only. Threads: any; the functions return when the proxy obeys.
 */
#ifndef FURROW_TEST_LOG_PROXY_H
#define FURROW_TEST_LOG_PROXY_H

#include <stddef.h>

typedef struct test_proxy test_proxy;

typedef enum test_proxy_mode {
    PROXY_PASS,
    PROXY_LOSE_ANSWERS,  /* what the server sends; a stream with a hole is of no use any more, so cut before passing
                            again */
    PROXY_LOSE_REQUESTS, /* what the client sends */
    PROXY_LOSE_ALL,
} test_proxy_mode;

test_proxy *test_proxy_start(int server_port);
const char *test_proxy_url(const test_proxy *proxy);
void test_proxy_set(test_proxy *proxy, test_proxy_mode mode);
/* Only of connections on which the client has said @text in its first bytes, from now on; NULL: of all. Lent. */
void test_proxy_only(test_proxy *proxy, const char *text);
/* Bytes lost since the mode was set. */
size_t test_proxy_lost(test_proxy *proxy);
/* Closes all connections and passes again what comes over new ones. */
void test_proxy_cut(test_proxy *proxy);
/* The same by a TCP reset, as when a server gives up a client that has not read what it was sent. */
void test_proxy_reset(test_proxy *proxy);
void test_proxy_stop(test_proxy *proxy);

#endif
