/**
 * What the tests of common/rpc share: a real NATS (and a real Redis where it matters), a loop with a server that serves
 * rpctest.v1.ProbeService on one connection and a client on another, and the body of the test as a task.
 */
#ifndef FURROW_TEST_RPC_WORLD_H
#define FURROW_TEST_RPC_WORLD_H

#include "base/clock.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "store/record.h"
#include "support/servers.h"
#include "support/wait.h"

#include "rpc_test.client.h"
#include "rpc_test.server.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000
#define PROBE       "rpctest.v1.ProbeService."

/* The call names its error `failure`. */
#define ck_assert_ok(call)                                                                                             \
    do {                                                                                                               \
        furrow_error failed = {0}, *const failure = &failed;                                                           \
        furrow_status outcome = (call);                                                                                \
        ck_assert_msg(outcome == FURROW_OK, "%s: %s: %s", #call, furrow_status_name(outcome), failure->text);          \
    } while (0)

typedef struct rpc_world {
    furrow_test_server *nats, *redis;
    furrow_loop *loop;
    furrow_link *link, *caller; /* the server's connection and the client's */
    furrow_store *store;
    furrow_secret *secret;
    furrow_server *server;
    furrow_client *client;
    furrow_arena *arena; /* the test's own */
    void (*body)(struct rpc_world *world);

    /* What handlers did, and what they are to do. */
    size_t runs;               /* of any handler */
    size_t effects;            /* of Create */
    size_t counted;            /* messages that Count has sent, */
    size_t counting;           /* its calls that run, */
    furrow_status count_ended; /* and what the last of them ended with */
    size_t waiting;            /* at the gate */
    bool open;                 /* the gate */
    bool kill_redis;           /* Create does so once it has taken effect */
    uint64_t deadline_ns;      /* of the last call, as its handler saw it */
    furrow_command command;
    char metadata[64];                     /* x-test of the last call, */
    char traceparent[64], tracestate[600]; /* and its trace as it came, */
    char trace[64], state[600];            /* and as its task has it */
    size_t nested;                         /* calls of Create that Echo is to make */
    bool not_ready;
} rpc_world;

typedef struct rpc_world_options {
    bool redis;
    furrow_server_options server; /* completed with queue, user and store */
    furrow_client_options client;
} rpc_world_options;

/* Runs @body as a task with everything there and connected. @options may be NULL. */
void rpc_world_run(const rpc_world_options *options, void (*body)(rpc_world *world));

/* The parts again, for tests that take them away. */
void rpc_world_serve(rpc_world *world, const furrow_server_options *options);
furrow_link *rpc_world_connect(rpc_world *world, const char *name);
furrow_link *rpc_world_connect_as(rpc_world *world, const char *name, const char *inbox_prefix);
uint64_t rpc_world_in_ms(uint64_t ms);

/* A raw request of @method ("Echo"), which must be answered; freed with the world's next one. */
typedef struct rpc_raw {
    const char *method;
    furrow_bytes body;
    furrow_header headers[4]; /* up to the first without a name */
} rpc_raw;
const furrow_msg *rpc_world_raw(rpc_world *world, const rpc_raw *request);
/* The same with a text body and a text answer in the world's arena, which must be no error. */
const char *rpc_world_text(rpc_world *world, const rpc_raw *request);
/* The same for an answer that must be an error. */
furrow_error rpc_world_error(rpc_world *world, const rpc_raw *request);
/* It is refused with @code and a text that has @text in it, and no handler has run. */
void rpc_world_refuses(rpc_world *world, const rpc_raw *request, furrow_status code, const char *text);
/* The server answers as before, and nothing of what was is still under way. */
void rpc_world_alive(rpc_world *world);

/* Packed in the world's arena. */
furrow_bytes rpc_world_pack(rpc_world *world, const ProtobufCMessage *message);

/* One typed Echo of @text that must come back. */
furrow_status rpc_world_echo(rpc_world *world, const char *text, const furrow_call_options *options, furrow_error *err);

int rpc_world_main(const char *name, const TTest *const tests[], size_t count);

#endif
