/**
 * The chain of a call on its client: each link does one thing on the way out and one on the way back, whether the
 * caller waits in a task or is called back. An author's stand before the client's own (outbound.c), so they see a call once,
 * however often it is sent. See "The chain" in README.md.
 *
 * Threads: the loop's. A call that waits goes both ways in its task; one that is called back goes out where it is made,
 * and back outside of any task: no link may park.
 */
#ifndef FURROW_RPC_OUTBOUND_H
#define FURROW_RPC_OUTBOUND_H

#include "wire/contract.h"
#include "wire/header.h"

typedef struct furrow_outbound furrow_outbound;
typedef struct furrow_outbound_interceptor furrow_outbound_interceptor;
typedef struct furrow_outbound_interceptor_ops {
    /* On the way out, before it is packed; goes on by furrow_outbound_next, or refuses with a status and @err, which is
     * never NULL. NULL: the link has nothing to do there. */
    furrow_status (*start)(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_error *err);
    /* On the way back, once for each start that answered OK; goes on by furrow_outbound_back, with what it wants the
     * caller to be told (@err counts unless the status is OK). NULL: as above. */
    void (*end)(const furrow_outbound_interceptor *self, furrow_outbound *call, furrow_status status,
                furrow_error *err);
} furrow_outbound_interceptor_ops;

struct furrow_outbound_interceptor {
    const char *name;
    const furrow_outbound_interceptor_ops *ops; /* constant, outlives the client */
    void *ctx;                                  /* the link's own; lent */
    const furrow_outbound_interceptor *next;    /* the next that has a start, and the one before that has an end: */
    const furrow_outbound_interceptor *prev;    /* the client's to set, in a copy of its own */
};

static inline furrow_status furrow_outbound_next(const furrow_outbound_interceptor *self, furrow_outbound *call,
                                                 furrow_error *err)
{
    return self->next->ops->start(self->next, call, err);
}

static inline void furrow_outbound_back(const furrow_outbound_interceptor *self, furrow_outbound *call,
                                        furrow_status status, furrow_error *err)
{
    self->prev->ops->end(self->prev, call, status, err);
}

const furrow_method_contract *furrow_outbound_method(const furrow_outbound *call);
uint64_t furrow_outbound_begun_ns(const furrow_outbound *call);
/* In start: what is sent. In end: what came; NULL unless the status is OK. */
const ProtobufCMessage *furrow_outbound_request(const furrow_outbound *call);
const ProtobufCMessage *furrow_outbound_response(const furrow_outbound *call);
/* In start: another header of metadata, lent until the call has ended. INVALID_ARGUMENT: with the caller's they are
 * more than 16. */
furrow_status furrow_outbound_add(furrow_outbound *call, furrow_header header, furrow_error *err) FURROW_MUST_USE;

#endif
