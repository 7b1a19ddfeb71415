/**
 * The client: calls methods over a link. Typed stubs (protoc-gen-furrow's *.client.h) are thin wrappers of these.
 *
 * Both kinds of call go one way, the chain's; who waits is woken where the other is called back. Retries (of
 * furrow_outbound; call_async makes one attempt): only methods marked NO_SIDE_EFFECTS or IDEMPOTENT, or
 * calls with an idempotency key, only on UNAVAILABLE and on DEADLINE_EXCEEDED of one attempt (the connection broke, or
 * attempt_timeout_ms passed), with jittered back-off or after the delay the server asks for, within the deadline and a
 * retry budget (10 % of calls).
 *
 * A call of a task that has a trace carries it on, each attempt with a span id of its own (wire/trace.h), unless its
 * metadata have a traceparent. The first call of a reaction parks until its event's trace is found.
 *
 * The deadline is sent when it is another than the server assumes by itself. A client may be destroyed while calls are
 * in flight: each ends as it would have, without further attempts. Threads: the loop's, in a task (call) or anywhere on
 * the loop (call_async).
 */
#ifndef FURROW_RPC_CLIENT_H
#define FURROW_RPC_CLIENT_H

#include "base/arena.h"
#include "link/link.h"
#include "rpc/outbound.h"
#include "rpc/timeout.h"
#include "wire/contract.h"
#include "wire/trace.h"

typedef struct furrow_client furrow_client;

typedef struct furrow_client_options {
    uint32_t timeout_ms;       /* of calls that state none, to methods that state none; 0: FURROW_RPC_TIMEOUT_MS */
    uint32_t max_attempts;     /* 0: 3; 1: never retry */
    const furrow_trace *trace; /* of calls of tasks that have none; lent; or NULL */
    uint32_t
        attempt_timeout_ms; /* an attempt that others may follow is given up after so long; 0: only at the deadline */
    const furrow_outbound_interceptor *interceptors; /* the author's, up to one without a name; copied; or NULL */
} furrow_client_options;

furrow_client *furrow_client_create(furrow_link *link, const furrow_client_options *options, furrow_error *err);
void furrow_client_destroy(furrow_client *client);

typedef struct furrow_call_options {
    uint32_t timeout_ms;  /* 0: the method's, else the client's default */
    uint64_t deadline_ns; /* absolute; 0: from timeout_ms. The nearer one counts. A nested call passes its own on. */
    const char *idempotency_key; /* or NULL */
    const furrow_header *metadata;
    size_t metadata_count; /* at most 12 */
    const char *after;     /* Furrow-After value, or NULL */
    char *version;         /* NULL, or 512 bytes that receive Furrow-Version of the reply ("" when none) */
    furrow_arena *arena;   /* of call_async: what the response lives in, which then stays; NULL: it is lent to @fn */
    bool send_deadline;    /* send Grpc-Timeout even when it is the default (a header costs; the default is known to the
                              server) */
} furrow_call_options;

/**
 * Calls and parks until the reply. @response lives in @arena.
 * Errors: the server's status with its text; UNAVAILABLE (nobody serves it, not connected), DEADLINE_EXCEEDED (it may
 * have run).
 */
furrow_status furrow_client_call(furrow_client *client, const furrow_method_contract *method,
                                 const ProtobufCMessage *request, const furrow_call_options *options,
                                 furrow_arena *arena, ProtobufCMessage **response, furrow_error *err) FURROW_MUST_USE;

/* @fn runs exactly once unless this fails, on the loop and never before this returns; @response (NULL on error) is lent
 * until it returns, or lives in the arena of @options. */
typedef void furrow_client_fn(void *arg, furrow_status status, const furrow_error *err,
                              const ProtobufCMessage *response);
furrow_status furrow_client_call_async(furrow_client *client, const furrow_method_contract *method,
                                       const ProtobufCMessage *request, const furrow_call_options *options,
                                       furrow_client_fn *fn, void *arg, furrow_error *err) FURROW_MUST_USE;

/* The error of a reply (its Nats-Service-Error headers, and the details of a protobuf status body), or OK. For tools
 * that call without a contract. */
furrow_status furrow_client_reply_status(const furrow_msg *reply, furrow_error *err);

#endif
