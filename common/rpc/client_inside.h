/**
 * What the two halves of the client share: client.c begins and ends calls, outbound.c has the links between. For
 * common/rpc only.
 */
#ifndef FURROW_RPC_CLIENT_INSIDE_H
#define FURROW_RPC_CLIENT_INSIDE_H

#include "base/buffer.h"
#include "rpc/client.h"
#include "rpc/retry.h"

#define FURROW_OUTBOUND_METADATA 16 /* headers of the caller's and of interceptors */
#define FURROW_OUTBOUND_HEADERS  8 /* Grpc-Timeout, Idempotency-Key, Furrow-After, traceparent, tracestate; a stream's */
#define FURROW_READER_BUCKETS    64

/* A call while it is being sent: nobody needs this while it waits. */
typedef struct furrow_outbound_sending {
    const ProtobufCMessage *message;
    const furrow_call_options *options;
    uint64_t now_ns, deadline_ns; /* of the call, */
    uint64_t until_ns;            /* and of this attempt */
    bool usual;                   /* the server assumes the call's deadline by itself */
    bool stated;                  /* somebody asked for it: a stream has none else */
    size_t metadata_count, header_count;
    furrow_header headers[FURROW_OUTBOUND_METADATA + FURROW_OUTBOUND_HEADERS]; /* the metadata come first, and stay */
    char timeout[16], parent[FURROW_TRACE_PARENT_SIZE];
    furrow_bytes packed;
} furrow_outbound_sending;

/* A task waits for it. */
typedef struct furrow_outbound_waiting {
    furrow_waiter waiter;
    furrow_retry retry;
    furrow_status status; /* of the attempt that has ended, */
    const char *text;     /* constant; */
    bool opened;          /* a stream: it has not ended, but goes on with its reader */
    bool ended;           /* then of the call, */
    furrow_error *err;    /* with why */
} furrow_outbound_waiting;

struct furrow_outbound {
    furrow_client *client;
    const furrow_method_contract *method;
    uint64_t begun_ns;
    char *version;                    /* the caller's, or NULL */
    furrow_arena *arena;              /* of the response */
    furrow_msg *reply;                /* that came, until it is read */
    ProtobufCMessage *response;       /* in the arena, once it is read */
    furrow_outbound_sending *sending; /* NULL in one that is called back, once it is on its way */
    furrow_outbound_waiting *waiting; /* or NULL: it is called back, */
    struct furrow_reader *reader;     /* whose call it is; or NULL */
    furrow_client_fn *fn;             /* here */
    void *arg;
    struct furrow_outbound *next; /* in the pool */
};

struct furrow_client {
    furrow_link *link;
    furrow_client_options options;
    furrow_outbound_interceptor *chain;      /* the first link, and the last: */
    const furrow_outbound_interceptor *last; /* here a reply begins its way back */
    furrow_retry_budget budget;
    furrow_buffer packed;  /* the request being sent; copied by the link */
    furrow_arena *answers; /* of asynchronous calls' responses, reset after each */
    furrow_outbound *idle;
    struct furrow_reader *readers[FURROW_READER_BUCKETS]; /* by their ids */
    size_t reader_count;
    uint64_t readers_made;
    char inbox[FURROW_SUBJECT_MAX];    /* of their messages, their ids behind a dot, */
    furrow_subscription *inbox_of_all; /* made for the first */
    bool ticking;                      /* a task looks after them, */
    furrow_waiter tick;                /* and is woken to end */
    size_t in_flight;                  /* calls that still need the client's memory */
    bool gone;                         /* destroyed; the last call in flight frees it */
};

/* client.c: sends the call of @call->waiting, and parks until it has ended, or is open. @err is waiting->err. */
furrow_status furrow_client_send(furrow_outbound *call, const ProtobufCMessage *message,
                                 const furrow_call_options *options, furrow_error *err) FURROW_MUST_USE;
/* Somebody needs the client's memory no more. */
void furrow_client_settle(furrow_client *client);

static inline void furrow_outbound_header(furrow_outbound_sending *sending, const char *name, const char *value)
{
    sending->headers[sending->header_count++] = (furrow_header){name, value};
}

/* reader.c: the link that asks for a stream; and the reply that has opened one. */
furrow_status furrow_reader_ask(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err);
furrow_status furrow_reader_opened(furrow_outbound *call, furrow_error *err) FURROW_MUST_USE;

/* client.c: the first link's way back, to who called; and what came back to an attempt that was sent. */
void furrow_client_tell(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                        furrow_error *err);
furrow_reply_fn furrow_client_on_reply;

/* outbound.c: the client's links around the author's (NULL, or up to one without a name), in one piece to be freed;
 * *last is the last. NULL when out of memory. */
furrow_outbound_interceptor *furrow_outbound_chain(const furrow_outbound_interceptor *authors,
                                                   const furrow_outbound_interceptor **last);

#endif
