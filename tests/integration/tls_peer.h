/**
 * What tests of TLS share: a certificate, and a server that asks for TLS and then says no more.
 */
#ifndef FURROW_TEST_TLS_PEER_H
#define FURROW_TEST_TLS_PEER_H

#include <stddef.h>

/* A self-signed certificate for 127.0.0.1, in cert.pem, and its key, in key.pem, of the folder @dir. */
void test_tls_make(const char *dir);

typedef struct test_mute test_mute;

test_mute *test_mute_start(void);
/* "nats://127.0.0.1:4711". Lent. */
const char *test_mute_url(const test_mute *mute);
/* How many connections it has greeted. */
size_t test_mute_greeted(test_mute *mute);
void test_mute_stop(test_mute *mute);

#endif
