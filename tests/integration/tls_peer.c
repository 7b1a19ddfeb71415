/* See tls_peer.h. */
#include "tls_peer.h"
#include "support/process.h"

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct test_mute {
    int listener;
    char url[48];
    atomic_size_t greeted;
    pthread_t thread;
};

void test_tls_make(const char *dir)
{
    char key[256], cert[256];
    snprintf(key, sizeof key, "%s/key.pem", dir);
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    const char *const make[] = {"openssl",  "req",
                                "-x509",    "-newkey",
                                "rsa:2048", "-nodes",
                                "-days",    "1",
                                "-subj",    "/CN=127.0.0.1",
                                "-addext",  "subjectAltName=IP:127.0.0.1",
                                "-keyout",  key,
                                "-out",     cert,
                                NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = make}, 30000, NULL), 0);
}

/* The connections stay open until the process ends. */
static void *greet(void *arg)
{
    static const char info[] = "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"max_payload\":1048576,"
                               "\"tls_required\":true}\r\n";
    test_mute *mute = arg;
    for (int fd; (fd = accept(mute->listener, NULL, NULL)) >= 0;)
        if (write(fd, info, sizeof info - 1) == (ssize_t)sizeof info - 1) atomic_fetch_add(&mute->greeted, 1);
    return NULL;
}

test_mute *test_mute_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    test_mute *mute = calloc(1, sizeof *mute);
    mute->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(bind(mute->listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(mute->listener, 8) == 0);
    ck_assert(getsockname(mute->listener, (struct sockaddr *)&at, &len) == 0);
    snprintf(mute->url, sizeof mute->url, "nats://127.0.0.1:%d", ntohs(at.sin_port));
    ck_assert(pthread_create(&mute->thread, NULL, greet, mute) == 0);
    return mute;
}

const char *test_mute_url(const test_mute *mute)
{
    return mute->url;
}

size_t test_mute_greeted(test_mute *mute)
{
    return atomic_load(&mute->greeted);
}

void test_mute_stop(test_mute *mute)
{
    shutdown(mute->listener, SHUT_RDWR);
    pthread_join(mute->thread, NULL);
    close(mute->listener);
    free(mute);
}
