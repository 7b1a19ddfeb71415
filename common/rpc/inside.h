/**
 * What the parts of the server share: the call and its life. For common/rpc only. Who does what:
 *   server.c       subscriptions, the pool of calls, the life of a server
 *   intake.c       a request from its message to its task or its refusal; admission.c decides which, caller.c keeps one
 *                  caller from taking all
 *   chain.c        the links of a call's chain, in their order; most of them are in stages.c
 *   share.c        the memory of large reads
 *   idempotency.c  the same key, the same answer
 *   stream.c       answers of many messages
 *   reply.c        the answer or the error, in the caller's encoding (status_message.c)
 *   violations.c   what is wrong with a request by its contract's rules
 *   call.c         what handlers see of a call
 *   methods.c      methods by name
 */
#ifndef FURROW_RPC_INSIDE_H
#define FURROW_RPC_INSIDE_H

#include "base/buffer.h"
#include "base/id.h"
#include "rpc/admission.h"
#include "rpc/caller.h"
#include "rpc/interceptor.h"
#include "rpc/methods.h"
#include "rpc/server.h"
#include "rpc/violations.h"
#include "store/record.h"
#include "wire/trace.h"

#define FURROW_CALL_VERSIONS  512 /* bytes of Furrow-Version */
#define FURROW_STREAM_BUCKETS 256
#define FURROW_CALL_KEYED     256 /* buckets of running calls with an idempotency key */

/* A service that is served. */
typedef struct furrow_served {
    furrow_server *server;
    const furrow_handlers *handlers;
    furrow_methods methods;
    furrow_subscription *subscription;
    furrow_subscription *words; /* what callers say of their streams; NULL where no method streams */
    furrow_subscription *left;  /* the one before, which may still bring what was on its way */
    furrow_method_stats *stats; /* one per method, */
    furrow_pace *paces;         /* and so here */
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
    bool headers; /* its message has any */
    uint64_t arrival_ns, deadline_ns;
    uint64_t begun_ns;     /* when it got its place; later by what it waited without one */
    uint64_t left_ns;      /* when it last left its place */
    size_t company;        /* calls that ran when it began */
    furrow_caller *caller; /* while it is among its waiting ones; or NULL */
    uint64_t ended_ns;     /* when it left it for good */
    furrow_place place;
    ProtobufCMessage *request;        /* once it is decoded */
    const ProtobufCMessage *response; /* NULL unless it has ended OK */
    struct furrow_stream *stream;     /* once it is open; or NULL */
    furrow_follower *followers;       /* calls with the same idempotency key, waiting for this one */
    struct furrow_call *next;         /* in the pool, or among keyed calls that run, or hungry ones */
    size_t budget_refused;            /* how often the budget had said no when it began */
    size_t share;                     /* what it has of the memory of large reads, */
    furrow_caller *sharer;            /* in whose name; or NULL */
    bool shares;                      /* it has its share, which may be nothing */
    bool cold;                        /* it waits for one without knowing how much it takes */
    furrow_waiter *fed;               /* while it waits */
    char age[16];                     /* Furrow-Age of the answer, or "" */
    size_t versions_len;
    bool versions_cut; /* one did not fit */
    furrow_trace trace;
    furrow_command command;
    const furrow_violations *violations; /* of the contract's rules, in the request; or NULL */
    char versions[FURROW_CALL_VERSIONS]; /* stands behind what a fresh call must have zeroed */
};

struct furrow_server {
    furrow_link *link;
    furrow_loop *loop; /* the link's */
    furrow_server_options options;
    char *queue;
    furrow_served **served;
    size_t served_count;
    furrow_interceptor *chain;             /* the first link */
    furrow_call *idle;                     /* pool */
    size_t idle_count, idle_low;           /* and its lowest since the last trim */
    furrow_call *hungry;                   /* reads that wait for memory, the first first */
    furrow_call *keyed[FURROW_CALL_KEYED]; /* running calls that carry an idempotency key, by its first byte */
    furrow_admission admission;
    furrow_callers callers;
    size_t live;         /* calls begun and not ended: those that run, and those aside, */
    size_t aside;        /* which wait for what others hold, */
    size_t waiting;      /* and of these, who are bounded by max_waiting */
    bool watching;       /* a task looks after the queue, */
    furrow_waiter watch; /* and is woken to end */
    uint64_t refused, expired;
    furrow_remembered_total results;                      /* when the last was remembered */
    uint64_t refused_ns;                                  /* when the last was */
    uint64_t refusing_since_ns;                           /* the first since a call ended; 0: none */
    struct furrow_stream *streams[FURROW_STREAM_BUCKETS]; /* open ones, by their ids */
    size_t stream_count;
    bool ticking;                  /* a task looks after them, */
    furrow_waiter tick;            /* and is woken to end */
    char instance[FURROW_ID_SIZE]; /* in the names of its streams */
    furrow_ready_made *busy[2];    /* the refusal of who is too much, by furrow_encoding */
    uint64_t arrival_ns;           /* of the requests that one read brought; 0 once the first of their tasks has run, */
    furrow_hook turn_end;          /* or the turn has ended without */
    uint64_t dropped;
    furrow_waiter *drained;
    bool gone; /* destroyed while calls ran: the last of them frees it, and nothing of the owner's is touched */
    furrow_buffer packed; /* the reply being sent; copied by publish */
};

/* server.c: a zeroed call of the pool, NULL when out of memory; and back, its message freed. */
furrow_call *furrow_call_take(furrow_server *server);
void furrow_call_give_back(furrow_call *call);
/* UNAVAILABLE, with why. */
furrow_status furrow_server_ready(const furrow_server *server, furrow_error *err) FURROW_MUST_USE;
/* What makes it unready may be over in a moment. */
bool furrow_server_passing(const furrow_server *server);
/* Some task of the server has ended: was it the last that somebody waits for? */
void furrow_server_settle(furrow_server *server);

/* intake.c */
#define FURROW_BUSY_RETRY_MS 100
void furrow_intake_request(void *served, furrow_msg *msg);
/* Begins what is in the queue as far as there are places, and refuses who has waited too long. */
void furrow_intake_turn_end(furrow_hook *hook);
void furrow_intake_admit(furrow_server *server, uint64_t now_ns);
furrow_error furrow_intake_busy_error(void);

/* chain.c: the server's links around the author's (NULL, or up to one without a name). NULL when out of memory; to be
 * freed by free. */
furrow_interceptor *furrow_chain_create(const furrow_interceptor *authors);

/* What each is for is said in chain.c. In intake.c: */
furrow_intercept_fn furrow_stage_statistics, furrow_stage_place, furrow_stage_reply;
/* stages.c */
furrow_intercept_fn furrow_stage_encoding, furrow_stage_deadline, furrow_stage_admission, furrow_stage_trace,
    furrow_stage_key, furrow_stage_after, furrow_stage_age, furrow_stage_memory, furrow_stage_decode,
    furrow_stage_rules, furrow_stage_patience, furrow_stage_handler;
/* idempotency.c */
furrow_intercept_fn furrow_stage_once;
/* stream.c */
furrow_intercept_fn furrow_stage_stream;

/* stages.c */
/* The encodings of a call that is refused before its stages begin. */
void furrow_call_guess_encoding(furrow_call *call);
/* May it begin (still, after a wait)? DEADLINE_EXCEEDED, counted, when it is too late; UNAVAILABLE when the server is
 * gone. */
furrow_status furrow_call_may_begin(furrow_call *call, furrow_error *err) FURROW_MUST_USE;

/*
 * Around a wait for what others bring: the call leaves its place and may wait until *until_ns. RESOURCE_EXHAUSTED when
 * too many do; then there is nothing to end. End takes what became of the wait: a DEADLINE_EXCEEDED that is not of the
 * call's own deadline is UNAVAILABLE with the same text.
 */
furrow_status furrow_call_begin_wait(furrow_call *call, uint64_t *until_ns, furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_call_end_wait(furrow_call *call, furrow_status status, uint64_t until_ns,
                                   furrow_error *err) FURROW_MUST_USE;

/* share.c: the read may begin now, having its share of the memory; else it has to wait for it. RESOURCE_EXHAUSTED, with
 * a retry delay, when it has waited too long or too many do; else as furrow_call_may_begin. */
bool furrow_share_take(furrow_call *call);
furrow_status furrow_share_await(furrow_call *call, furrow_error *err) FURROW_MUST_USE;
/* It has ended, and its arena still has what it took. Who waits goes on. */
void furrow_share_give(furrow_call *call);
/* The server ends: who waits finds it gone. */
void furrow_share_end(furrow_server *server);

/* Its caller has been sent as many bytes as one may be: RESOURCE_EXHAUSTED, counted. */
furrow_status furrow_call_refuse_caller(furrow_call *call, int64_t retry_ms, furrow_error *err);

/* stream.c */
typedef struct furrow_stream furrow_stream;
furrow_msg_fn furrow_stream_on_word; /* arg is the furrow_served */
/* All of them end, with UNAVAILABLE and @why (constant), as soon as their handlers wait or send. */
void furrow_streams_break(furrow_server *server, const char *why);
/* One message of an open stream, numbered with how many messages have been sent. */
furrow_status furrow_stream_publish(furrow_call *call, const furrow_header *headers, size_t count, furrow_bytes data,
                                    furrow_error *err) FURROW_MUST_USE;

/* reply.c: one message of a stream. */
furrow_status furrow_reply_part(furrow_call *call, const ProtobufCMessage *message, furrow_error *err) FURROW_MUST_USE;
/* Sends call->response. Another status than OK when it cannot be: then nothing was sent. */
furrow_status furrow_reply_ok(furrow_call *call, furrow_error *err) FURROW_MUST_USE;
void furrow_reply_error(furrow_call *call, const furrow_error *err);
/* furrow_intake_busy_error, packed beforehand. */
void furrow_reply_ready_made(furrow_call *call);
bool furrow_reply_make_ready(furrow_server *server); /* false when out of memory */

#endif
