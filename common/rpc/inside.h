/**
 * What the parts of the server share: the call and its life. For common/rpc only. Who does what:
 *   server.c       subscriptions, the pool of calls, a call's life from message to reply
 *   stages.c       what stands between the message and its handler
 *   idempotency.c  the same key, the same answer
 *   reply.c        the answer or the error, in the caller's encoding (status_message.c)
 *   call.c         what handlers see of a call
 *   methods.c      methods by name
 */
#ifndef FURROW_RPC_INSIDE_H
#define FURROW_RPC_INSIDE_H

#include "base/buffer.h"
#include "rpc/methods.h"
#include "rpc/server.h"

#define FURROW_CALL_VERSIONS 512 /* bytes of Furrow-Version */
#define FURROW_CALL_KEYED    256 /* buckets of running calls with an idempotency key */

/* A service that is served. */
typedef struct furrow_served {
    furrow_server *server;
    const furrow_handlers *handlers;
    furrow_methods methods;
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
    const furrow_method_contract *method; /* NULL when there is none of that name */
    size_t method_index;
    furrow_msg *msg;
    furrow_arena *arena; /* kept while pooled */
    furrow_encoding encoding, answer_encoding;
    bool accept_given;
    uint64_t arrival_ns, deadline_ns;
    furrow_follower *followers; /* calls with the same idempotency key, waiting for this one */
    struct furrow_call *next;   /* in the pool, or among keyed calls that run */
    size_t versions_len;
    furrow_command command;
    char versions[FURROW_CALL_VERSIONS]; /* stands behind what a fresh call must have zeroed */
};

struct furrow_server {
    furrow_link *link;
    furrow_server_options options;
    char *queue;
    furrow_served **served;
    size_t served_count;
    furrow_call *idle;                     /* pool */
    size_t idle_count, idle_low;           /* and its lowest since the last trim */
    furrow_call *keyed[FURROW_CALL_KEYED]; /* running calls that carry an idempotency key, by its first byte */
    size_t running;
    uint64_t arrival_ns; /* of the requests that one read brought; 0 once the first of their tasks has run */
    uint64_t dropped;
    furrow_waiter *drained;
    bool gone; /* destroyed while calls ran: the last of them frees it, and nothing of the owner's is touched */
    furrow_buffer packed; /* the reply being sent; copied by publish */
};

/* stages.c: everything between message and handler; *response is set when OK is returned. */
furrow_status furrow_call_work(furrow_call *call, ProtobufCMessage **response, furrow_error *err) FURROW_MUST_USE;
/* The encodings of a call that is refused before its stages begin. */
void furrow_call_guess_encoding(furrow_call *call);
/* May it begin (still, after a wait)? DEADLINE_EXCEEDED, counted, when it is too late; UNAVAILABLE when the server is
 * gone. */
furrow_status furrow_call_may_begin(furrow_call *call, furrow_error *err) FURROW_MUST_USE;

/* idempotency.c */
typedef furrow_status furrow_call_run(furrow_call *call, const ProtobufCMessage *request, ProtobufCMessage **response,
                                      furrow_error *err);
furrow_status furrow_call_once(furrow_call *call, const ProtobufCMessage *request, furrow_call_run *run,
                               ProtobufCMessage **response, furrow_error *err) FURROW_MUST_USE;

/* reply.c */
void furrow_reply_ok(furrow_call *call, const ProtobufCMessage *response);
void furrow_reply_error(furrow_call *call, const furrow_error *err);

#endif
