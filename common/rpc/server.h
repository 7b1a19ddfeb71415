/**
 * The server: requests on a service's subjects become handler calls, each in a task with an arena of its own.
 *
 * One queue subscription `<package>.<Service>.*` per service; an unknown last token is UNIMPLEMENTED. What stands
 * between the message and the handler is the chain: decode, deadline, limit, idempotency, metrics (DESIGN section 2).
 * The common case (protobuf, no headers, success) reads no header and writes none.
 *
 * A request's answer comes in the encoding of the request (its Content-Type, else JSON if byte 0 is '{', else protobuf;
 * so an empty body is answered in protobuf), or in what Accept asks. What is refused says why, with a status:
 *   UNIMPLEMENTED no such method; RESOURCE_EXHAUSTED max_calls run already, or the process's memory budget has no room
 *   for it (each with a retry delay, before anything is read of it); UNAVAILABLE not ready;
 *   INVALID_ARGUMENT wrong body, type, header or size; DEADLINE_EXCEEDED too late to begin: the handler did not run.
 * A handler that ends OK after its deadline is answered OK all the same.
 * Threads: the loop's.
 */
#ifndef FURROW_RPC_SERVER_H
#define FURROW_RPC_SERVER_H

#include "link/link.h"
#include "rpc/timeout.h"
#include "store/store.h"
#include "wire/command.h"
#include "wire/contract.h"

typedef struct furrow_call furrow_call;
typedef struct furrow_server furrow_server;

/**
 * A method. @response has its defaults and is filled in; memory for it comes from furrow_call_arena and needs no free.
 * May park. On a status other than OK, @err says why and @response is not sent. Handlers of one loop never run at once
 * in two threads, but others run while one is parked.
 */
typedef furrow_status furrow_handler_fn(furrow_call *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                        furrow_error *err);

typedef struct furrow_handlers {
    const furrow_service_contract *service;
    furrow_handler_fn *const *methods; /* service->method_count, in the contract's order */
} furrow_handlers;

furrow_arena *furrow_call_arena(furrow_call *call);
void *furrow_call_user(const furrow_call *call); /* options.user */
const furrow_method_contract *furrow_call_method(const furrow_call *call);
uint64_t furrow_call_deadline(const furrow_call *call);
const char *furrow_call_metadata(furrow_call *call, const char *key); /* header value or NULL */

/* For the write path: idempotency key, request hash, deadline, trace. */
const furrow_command *furrow_call_command(furrow_call *call);

/* Tells the caller which version its command made: "Furrow-Version: <subject>=<sequence>[,…]". 511 bytes in all; a
 * version that does not fit is left out. */
void furrow_call_wrote(furrow_call *call, const char *entity_subject, uint64_t sequence);

/* Furrow-After pairs of the request are handed to this before the handler runs; it parks until each is satisfied.
 * FAILED_PRECONDITION for a stream this service does not keep. */
typedef furrow_status furrow_after_fn(void *user, const furrow_version_token *token, uint64_t deadline_ns,
                                      furrow_error *err);

typedef struct furrow_server_options {
    const char *queue;           /* queue group: the service's short name */
    size_t max_calls;            /* running at once; past it RESOURCE_EXHAUSTED with a retry delay; 0: 1024 */
    size_t max_request_bytes;    /* 0: 1 MiB */
    size_t arena_bytes;          /* limit of a request's arena; 0: 8 MiB */
    uint32_t default_timeout_ms; /* of methods that state none; 0: FURROW_RPC_TIMEOUT_MS */
    uint32_t max_timeout_ms;     /* a caller's Grpc-Timeout counts up to this; 0: 10 minutes */
    furrow_store *store;         /* remembers results of idempotency keys for a day; NULL: no Idempotency-Key support */
    furrow_after_fn *after;      /* NULL: Furrow-After is FAILED_PRECONDITION */
    bool (*ready)(void *user, const char **why); /* NULL or false: requests answer UNAVAILABLE with why */
    void *user;
} furrow_server_options;

furrow_server *furrow_server_create(furrow_link *link, const furrow_server_options *options, furrow_error *err);

/* Before open. @handlers and its contract are constant and outlive the server. */
furrow_status furrow_server_add(furrow_server *server, const furrow_handlers *handlers,
                                furrow_error *err) FURROW_MUST_USE;

/* Joins the queue group on every service's subjects: from now on requests come. Best when ready for the first time:
 * NATS hands each member its share, also one that can only refuse it while others could serve. Again: no effect. */
furrow_status furrow_server_open(furrow_server *server, furrow_error *err) FURROW_MUST_USE;

/* Stops taking requests, waits (parked) until those begun are answered or the deadline passes. DEADLINE_EXCEEDED: some
 * were not. */
furrow_status furrow_server_drain(furrow_server *server, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

/* Calls still running are not answered any more. What their handlers use must outlive them: drain first, and when that
 * failed, end the process instead. */
void furrow_server_destroy(furrow_server *server);

/* Frees pooled calls that were not needed since the last trim. To be called now and then, as once a second. */
void furrow_server_trim(furrow_server *server);

/* Per-method statistics, for $SRV.STATS. */
typedef struct furrow_method_stats {
    uint64_t requests, errors, expired, processing_ns;
    char last_error[160]; /* "NOT_FOUND: …" or "" */
} furrow_method_stats;
size_t furrow_server_services(const furrow_server *server);
const furrow_handlers *furrow_server_service(const furrow_server *server, size_t service);
const furrow_method_stats *furrow_server_stats(const furrow_server *server, size_t service, size_t method);
size_t furrow_server_calls(const furrow_server *server); /* running now */

/* Requests dropped unanswered and undone: without a reply subject, or with one that is no inbox. */
uint64_t furrow_server_dropped(const furrow_server *server);

#endif
