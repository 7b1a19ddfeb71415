/* See log_proxy.h. */
#include "log_proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 64
#define SAID_MAX  1024

typedef struct proxied {
    int client, server; /* -1: it has ended, or its end was lost; both: free */
    char said[SAID_MAX];
    size_t said_len;
} proxied;

typedef struct orders {
    test_proxy_mode mode;
    const char *only;
    bool cut, reset, stop;
} orders;

struct test_proxy {
    int listener, server_port, wake[2];
    char url[64];
    proxied pairs[PAIRS_MAX]; /* the thread's alone */
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t obeyed;
    orders orders; /* the thread works by a copy */
    unsigned given, done;
    size_t lost;
};

static int connect_server(const test_proxy *proxy)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)proxy->server_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static void close_pair(proxied *pair)
{
    if (pair->client >= 0) close(pair->client);
    if (pair->server >= 0) close(pair->server);
    pair->client = pair->server = -1;
}

static void accept_one(test_proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; client >= 0 && i < PAIRS_MAX; i++) {
        if (proxy->pairs[i].client >= 0 || proxy->pairs[i].server >= 0) continue;
        int server = connect_server(proxy);
        if (server < 0) break;
        proxy->pairs[i] = (proxied){.client = client, .server = server};
        return;
    }
    if (client >= 0) close(client);
}

static bool write_all(int fd, const char *data, ssize_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, (size_t)len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) return false;
        if (sent > 0) {
            data += sent;
            len -= sent;
        }
    }
    return true;
}

static void lose_bytes(test_proxy *proxy, ssize_t count)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->lost += (size_t)count;
    pthread_mutex_unlock(&proxy->lock);
}

static void note_said(proxied *pair, const char *data, size_t len)
{
    size_t room = SAID_MAX - 1 - pair->said_len;
    if (len > room) len = room;
    memcpy(pair->said + pair->said_len, data, len);
    pair->said_len += len;
}

static bool loses(const orders *now, const proxied *pair, bool from_server)
{
    test_proxy_mode one_way = from_server ? PROXY_LOSE_ANSWERS : PROXY_LOSE_REQUESTS;
    if (now->mode != PROXY_LOSE_ALL && now->mode != one_way) return false;
    return !now->only || strstr(pair->said, now->only);
}

static void move(test_proxy *proxy, proxied *pair, bool from_server, const orders *now)
{
    char data[4096];
    int *from = from_server ? &pair->server : &pair->client, to = from_server ? pair->client : pair->server;
    ssize_t got = read(*from, data, sizeof data);
    if (got > 0 && !from_server) note_said(pair, data, (size_t)got);
    bool lose = loses(now, pair, from_server) || to < 0;
    if (got > 0 && lose) lose_bytes(proxy, got);
    if (got <= 0 && lose) {
        close(*from);
        *from = -1;
    } else if (got <= 0 || (!lose && !write_all(to, data, got))) {
        close_pair(pair);
    }
}

static void cut_all(test_proxy *proxy, bool reset)
{
    struct linger at_once = {.l_onoff = 1};
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        if (reset && proxy->pairs[i].client >= 0)
            setsockopt(proxy->pairs[i].client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close_pair(&proxy->pairs[i]);
    }
}

static orders obey(test_proxy *proxy)
{
    char drained[64];
    pthread_mutex_lock(&proxy->lock);
    if (proxy->done != proxy->given && read(proxy->wake[0], drained, sizeof drained) < 0) abort();
    if (proxy->orders.cut) {
        cut_all(proxy, proxy->orders.reset);
        proxy->orders.mode = PROXY_PASS;
        proxy->orders.cut = proxy->orders.reset = false;
    }
    proxy->done = proxy->given;
    orders now = proxy->orders;
    pthread_cond_broadcast(&proxy->obeyed);
    pthread_mutex_unlock(&proxy->lock);
    return now;
}

static void *work(void *arg)
{
    test_proxy *proxy = arg;
    for (;;) {
        struct pollfd polled[2 + 2 * PAIRS_MAX] = {{proxy->wake[0], POLLIN, 0}, {proxy->listener, POLLIN, 0}};
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            polled[2 + 2 * i] = (struct pollfd){proxy->pairs[i].client, POLLIN, 0};
            polled[3 + 2 * i] = (struct pollfd){proxy->pairs[i].server, POLLIN, 0};
        }
        poll(polled, 2 + 2 * PAIRS_MAX, -1);
        orders now = obey(proxy);
        if (now.stop) break;
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (polled[2 + 2 * i].revents && proxy->pairs[i].client >= 0) move(proxy, &proxy->pairs[i], false, &now);
            if (polled[3 + 2 * i].revents && proxy->pairs[i].server >= 0) move(proxy, &proxy->pairs[i], true, &now);
        }
        if (polled[1].revents) accept_one(proxy);
    }
    cut_all(proxy, false);
    return NULL;
}

/* Gives what has been changed in the orders, and returns when it is obeyed. The lock is held. */
static void order(test_proxy *proxy)
{
    unsigned mine = ++proxy->given;
    ck_assert(write(proxy->wake[1], "x", 1) == 1);
    while (proxy->done < mine) pthread_cond_wait(&proxy->obeyed, &proxy->lock);
}

test_proxy *test_proxy_start(int server_port)
{
    test_proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    proxy->server_port = server_port;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(bind(proxy->listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(proxy->listener, PAIRS_MAX) == 0);
    ck_assert(getsockname(proxy->listener, (struct sockaddr *)&at, &len) == 0 && pipe(proxy->wake) == 0);
    snprintf(proxy->url, sizeof proxy->url, "nats://127.0.0.1:%d", ntohs(at.sin_port));
    for (size_t i = 0; i < PAIRS_MAX; i++) proxy->pairs[i] = (proxied){-1, -1};
    pthread_mutex_init(&proxy->lock, NULL);
    pthread_cond_init(&proxy->obeyed, NULL);
    ck_assert(pthread_create(&proxy->thread, NULL, work, proxy) == 0);
    return proxy;
}

const char *test_proxy_url(const test_proxy *proxy)
{
    return proxy->url;
}

void test_proxy_set(test_proxy *proxy, test_proxy_mode mode)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->orders.mode = mode;
    proxy->lost = 0;
    order(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

void test_proxy_only(test_proxy *proxy, const char *text)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->orders.only = text;
    order(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

size_t test_proxy_lost(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    size_t lost = proxy->lost;
    pthread_mutex_unlock(&proxy->lock);
    return lost;
}

void test_proxy_cut(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->orders.cut = true;
    order(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

void test_proxy_reset(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->orders.cut = proxy->orders.reset = true;
    order(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

void test_proxy_stop(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->orders.stop = true;
    order(proxy);
    pthread_mutex_unlock(&proxy->lock);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    close(proxy->wake[0]);
    close(proxy->wake[1]);
    free(proxy);
}
