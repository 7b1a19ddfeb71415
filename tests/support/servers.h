/**
 * Real servers for integration tests: nats-server with JetStream and redis-server, each on a free port of the loopback
 * with its data in a temporary directory. They die with the test (see process.h). Other binaries than those in PATH:
 * FURROW_NATS_SERVER and FURROW_REDIS_SERVER in the environment, so that the suite runs on newer servers too.
 * What cannot work aborts the test with the server's log. Threads: one at a time per server.
 */
#ifndef FURROW_TEST_SERVERS_H
#define FURROW_TEST_SERVERS_H

#include <stdbool.h>

typedef struct furrow_test_server furrow_test_server;

typedef struct furrow_test_nats_options {
    const char *config; /* text of a configuration file (users, permissions, TLS, limits), or NULL */
    bool no_jetstream;
    bool stopped; /* only choose the port; furrow_test_server_restart starts it */
} furrow_test_nats_options;

typedef struct furrow_test_redis_options {
    bool appendonly;             /* data survives kill and restart; without it a restart comes back empty */
    const char *const *args;     /* further arguments, NULL-terminated ("--maxmemory", "10mb"), or NULL */
    const char *library;         /* text of a library of functions that it has at each start, or NULL; lent */
    const char *user, *password; /* to ask it as, where @args forbid anonymous users; or NULL */
    bool stopped;
} furrow_test_redis_options;

/* Started and taking commands. @options NULL: defaults. */
furrow_test_server *furrow_test_nats_start(const furrow_test_nats_options *options);
furrow_test_server *furrow_test_redis_start(const furrow_test_redis_options *options);

/* "nats://127.0.0.1:4711" or "redis://127.0.0.1:4711". The same over restarts. Lent. */
const char *furrow_test_server_url(const furrow_test_server *server);
int furrow_test_server_port(const furrow_test_server *server);

/* Redis: path of its unix socket; nats-server: NULL. */
const char *furrow_test_server_socket(const furrow_test_server *server);

/* What it has logged on standard error. Lent until the next call or destroy. */
const char *furrow_test_server_log(const furrow_test_server *server);

/* Its data directory. */
const char *furrow_test_server_dir(const furrow_test_server *server);

/* SIGKILL; SIGTERM and wait; both return when the process is gone. */
void furrow_test_server_kill(furrow_test_server *server);
void furrow_test_server_stop(furrow_test_server *server);

/* Starts it again on the same port and data (killing it first if it runs); returns when it takes commands. */
void furrow_test_server_restart(furrow_test_server *server);

/* SIGSTOP and SIGCONT: a server that is there but does not answer. */
void furrow_test_server_pause(furrow_test_server *server);
void furrow_test_server_resume(furrow_test_server *server);
/* Any other; it runs on. */
void furrow_test_server_signal(furrow_test_server *server, int signal);
bool furrow_test_server_running(furrow_test_server *server);

/* Its resident memory in KiB; 0 when it does not run. */
long furrow_test_server_memory_kib(const furrow_test_server *server);

void furrow_test_server_destroy(furrow_test_server *server);

#endif
