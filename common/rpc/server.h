/**
 * The server: requests on a service's subjects become handler calls, each in a task with an arena of its own.
 *
 * One queue subscription `<package>.<Service>.*` per service; an unknown last token is UNIMPLEMENTED. What stands
 * between the message and the handler is a chain of links (interceptor.h, README.md), an author's own among them. The
 * common case (protobuf, no headers, success) reads no header and writes none.
 *
 * A request's answer comes in the encoding of the request (its Content-Type, else JSON if byte 0 is '{', else protobuf;
 * so an empty body is answered in protobuf), or in what Accept asks. What is refused says why, with a status:
 *   UNIMPLEMENTED no such method; RESOURCE_EXHAUSTED more requests than the service can work on, or the process's
 * memory budget has no room for it (each with a retry delay, before anything is read of it, or where the memory ran out
 * later; one without a delay asks for less); UNAVAILABLE not ready;
 *   INVALID_ARGUMENT wrong body, type, header or size; DEADLINE_EXCEEDED too late to begin: the handler did not run.
 * A handler that ends OK after its deadline is answered OK all the same.
 *
 * Admission: so many calls run at once as do not slow each other down, between min_calls and max_calls by what they are
 * measured to take; others queue, max_calls in all and for max_queue_ms at most. Past that the service is overloaded:
 * the newest goes first, and whoever has queued for 20 ms is refused. A call that waits for what others bring (the
 * versions of Furrow-After, another call with its idempotency key, memory for a large read, its turn on an entity)
 * leaves its place meanwhile; of the first three max_waiting wait at once, half of them for one caller, and for
 * max_wait_ms at most.
 *
 * Threads: the loop's.
 */
#ifndef FURROW_RPC_SERVER_H
#define FURROW_RPC_SERVER_H

#include "base/secret.h"
#include "link/link.h"
#include "rpc/interceptor.h"
#include "rpc/timeout.h"
#include "store/store.h"
#include "wire/command.h"
#include "wire/contract.h"

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
/* For interceptors, which know no types of one method. The answer is NULL until the handler has given one. */
const ProtobufCMessage *furrow_call_request(const furrow_call *call);
const ProtobufCMessage *furrow_call_response(const furrow_call *call);
const char *furrow_call_metadata(furrow_call *call, const char *key); /* header value or NULL */

/* For the write path: idempotency key, request hash, deadline. */
const furrow_command *furrow_call_command(furrow_call *call);

/* Tells the caller which version its command made: "Furrow-Version: <subject>=<sequence>@<epoch>[,…]". 511 bytes in
 * all; a version that does not fit is left out. Name every entity that the answer tells something of: a remembered
 * answer goes when one of them is deleted. */
void furrow_call_wrote(furrow_call *call, const char *entity_subject, uint64_t sequence);

/* Furrow-After pairs of the request are handed to this before the handler runs; it parks until each is satisfied.
 * DEADLINE_EXCEEDED, with what is missing; a deadline of 0 only asks whether it is. OK at once for what this service
 * does not keep, so that one list of pairs, of all that a caller has done, serves everywhere. */
typedef furrow_status furrow_after_fn(void *user, const furrow_version_token *token, uint64_t deadline_ns,
                                      furrow_error *err);

/* Of which epoch is the log of the own entity whose @subject that is (wire/epoch.h)? 0: not known. */
typedef int64_t furrow_epoch_fn(void *user, const char *subject);

/*
 * How old is what answers are built on: how long ago was it last known to hold all that its logs had? *age_ns is
 * UINT64_MAX when that has never been known; it is set in any case. OK when it is at most @max_ns, or that was after the
 * request came, at @arrival_ns. It may be found out by asking: parks until @deadline_ns at most, not at all when that is
 * 0. UNAVAILABLE with what is too old.
 */
typedef furrow_status furrow_age_fn(void *user, uint64_t arrival_ns, uint64_t max_ns, uint64_t deadline_ns,
                                    uint64_t *age_ns, furrow_error *err);

typedef struct furrow_server_options {
    const char *queue;           /* queue group: the service's short name */
    size_t max_calls;            /* running and in the queue; past it RESOURCE_EXHAUSTED with a retry delay; 0: 1024 */
    size_t min_calls;            /* that run at once however slow they are; 0: 64, or max_calls if that is less */
    uint32_t max_queue_ms;       /* 0: 2000 */
    size_t max_waiting;          /* 0: 1024 */
    uint32_t max_wait_ms;        /* 0: 3000 */
    size_t caller_bytes;         /* of answers of 16 KiB and more, or of any while NATS takes no more, a second and
                                    caller; past it RESOURCE_EXHAUSTED for its reads; 0: 4 MiB */
    size_t max_streams;          /* that are open at once (stream.h); 0: 1024 */
    size_t max_request_bytes;    /* 0: 1 MiB */
    size_t arena_bytes;          /* limit of a request's arena; 0: 8 MiB */
    uint32_t default_timeout_ms; /* of methods that state none; 0: FURROW_RPC_TIMEOUT_MS */
    uint32_t max_timeout_ms;     /* a caller's Grpc-Timeout counts up to this; 0: 10 minutes */
    furrow_store *store;         /* remembers results of idempotency keys for a day, … */
    const furrow_secret *secret; /* … sealed with it; NULL of either: no Idempotency-Key support */
    size_t max_results;          /* remembered of all the service's processes: of more the oldest go; 0: 100000 */
    size_t max_result_bytes;     /* of Redis that they take; 0: 256 MiB */
    furrow_after_fn *after;      /* NULL: nothing is kept here, and Furrow-After has nothing to wait for */
    furrow_epoch_fn *epoch;      /* NULL: versions are given without */
    furrow_age_fn *age;          /* NULL: nothing is kept here, and what is answered is never old */
    const furrow_interceptor *interceptors; /* the author's, up to one without a name; copied; or NULL */
    bool begin_traces; /* where a request brings none; else only what came is carried on (wire/trace.h) */
    bool (*ready)(void *user, const char **why); /* NULL or false: requests answer UNAVAILABLE with why, */
    bool (*passing)(void *user); /* unless that may be over in a moment (else, or NULL: false): then they wait for it */
    void *user;
} furrow_server_options;

furrow_server *furrow_server_create(furrow_link *link, const furrow_server_options *options, furrow_error *err);

/* Before open. @handlers and its contract are constant and outlive the server. */
furrow_status furrow_server_add(furrow_server *server, const furrow_handlers *handlers,
                                furrow_error *err) FURROW_MUST_USE;

/* Joins the queue group on every service's subjects: from now on requests come. Best when ready for the first time:
 * NATS hands each member its share, also one that can only refuse it while others could serve. Again: no effect. */
furrow_status furrow_server_open(furrow_server *server, furrow_error *err) FURROW_MUST_USE;

/* Leaves the queue group, until it is opened again: others get the requests. What was on its way is still answered. */
void furrow_server_close(furrow_server *server);

/* Stops taking requests, waits (parked) until those begun are answered or the deadline passes. DEADLINE_EXCEEDED: some
 * were not. */
furrow_status furrow_server_drain(furrow_server *server, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

/* Calls still running are not answered any more. What their handlers use must outlive them: drain first, and when that
 * failed, end the process instead. */
void furrow_server_destroy(furrow_server *server);

/* Frees pooled calls that were not needed since the last trim. To be called now and then, as once a second. */
void furrow_server_trim(furrow_server *server);

/* May an answer of @bytes that is no call's, but as large as one, leave for @reply? It counts as sent to who waits there
 * (FURROW_CALLER_BYTES); past that the asker has to ask again. */
bool furrow_server_may_tell(furrow_server *server, const char *reply, size_t bytes);

/* Per-method statistics, for $SRV.STATS. */
typedef struct furrow_method_stats {
    uint64_t requests, errors, expired, refused, processing_ns;
    char last_error[160]; /* "UNAVAILABLE: …", "INVALID_ARGUMENT: contact.phone" or "": nothing of what callers sent */
} furrow_method_stats;
size_t furrow_server_services(const furrow_server *server);
const furrow_handlers *furrow_server_service(const furrow_server *server, size_t service);
const furrow_method_stats *furrow_server_stats(const furrow_server *server, size_t service, size_t method);
size_t furrow_server_calls(const furrow_server *server);        /* begun and not ended */
size_t furrow_server_results(const furrow_server *server);      /* remembered, when this process last did so, … */
size_t furrow_server_result_bytes(const furrow_server *server); /* … and what they take of Redis */

/* How the service fares, for health. */
typedef struct furrow_server_load {
    size_t running, limit;  /* calls that work, and how many may */
    size_t queued, waiting; /* requests that have not begun; calls that wait for what others bring */
    uint64_t refused,
        expired;      /* since the start: for want of a place or of memory; because their deadline had passed */
    bool overloaded;  /* it has to refuse some */
    bool refuses_all; /* for a second it has ended no call and refused whatever came */
} furrow_server_load;
void furrow_server_load_of(const furrow_server *server, furrow_server_load *out);

/* Requests dropped unanswered and undone: without a reply subject, or with one that is no inbox; or refused for want of
 * a place while more than the link's max_buffered_bytes of answers wait to be sent. */
uint64_t furrow_server_dropped(const furrow_server *server);

#endif
