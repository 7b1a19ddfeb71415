/** What the parts of the server share: the call and its life. For common/rpc only. */
#ifndef FURROW_RPC_INSIDE_H
#define FURROW_RPC_INSIDE_H

#include "base/buffer.h"
#include "rpc/server.h"

#define FURROW_CALL_VERSIONS 512 /* bytes of Furrow-Version */

/* A service that is served, with its methods by name. */
typedef struct furrow_served {
    furrow_server *server;
    const furrow_handlers *handlers;
    furrow_subscription *subscription;
    furrow_method_stats *stats; /* one per method */
} furrow_served;

/* Waits in another call's line: a node on the waiting task's stack. */
typedef struct furrow_follower {
    furrow_waiter waiter;
    struct furrow_follower *next;
} furrow_follower;

struct furrow_call {
    furrow_served *served;
    const furrow_method_contract *method; /* NULL until known */
    size_t method_index;
    furrow_msg *msg;
    furrow_arena *arena;
    furrow_encoding encoding, answer_encoding;
    bool accept_given;
    uint64_t arrival_ns, deadline_ns;
    furrow_command command;
    char versions[FURROW_CALL_VERSIONS];
    furrow_follower *followers; /* calls with the same idempotency key, waiting for this one */
    struct furrow_call *next;   /* in the pool, or among keyed calls that run */
};

struct furrow_server {
    furrow_link *link;
    furrow_server_options options;
    furrow_served **served;
    size_t served_count;
    furrow_call *idle; /* pool */
    size_t idle_count;
    furrow_call *keyed; /* running calls that carry an idempotency key */
    size_t running;
    uint64_t dropped; /* requests that nobody could be answered */
    furrow_waiter *drained;
    furrow_buffer packed; /* the reply being sent; copied by publish */
};

/* stages.c: everything between message and handler; *response is set when OK is returned. */
furrow_status furrow_call_work(furrow_call *call, ProtobufCMessage **response, furrow_error *err) FURROW_MUST_USE;

/* idempotency.c */
typedef furrow_status furrow_call_run(furrow_call *call, const ProtobufCMessage *request, ProtobufCMessage **response, furrow_error *err);
furrow_status furrow_call_once(furrow_call *call, const ProtobufCMessage *request, furrow_call_run *run, ProtobufCMessage **response,
                               furrow_error *err) FURROW_MUST_USE;

/* reply.c */
void furrow_reply_ok(furrow_call *call, const ProtobufCMessage *response);
void furrow_reply_error(furrow_call *call, const furrow_error *err);

#endif
