/**
 * The chain of a call on its server: each link does one thing around what stands behind it, the last is the handler.
 * The server's own are listed in chain.c; an author's stand right before the handler's, see "The chain" in README.md.
 *
 * Threads: the loop's, in the call's task: a link may park.
 */
#ifndef FURROW_RPC_INTERCEPTOR_H
#define FURROW_RPC_INTERCEPTOR_H

#include "base/status.h"

typedef struct furrow_call furrow_call;
typedef struct furrow_interceptor furrow_interceptor;

/**
 * Around the call: what it does before furrow_interceptor_next comes before the handler, what it does after, behind it.
 * It answers what next answered, or refuses with a status and @err of its own; then the caller is told that, whatever
 * the handler has done. It may call next not at all, or again. @err is never NULL.
 */
typedef furrow_status furrow_intercept_fn(const furrow_interceptor *self, furrow_call *call, furrow_error *err);

typedef struct furrow_interceptor_ops {
    furrow_intercept_fn *call;
} furrow_interceptor_ops;

struct furrow_interceptor {
    const char *name;
    const furrow_interceptor_ops *ops; /* constant, outlives the server */
    void *ctx;                         /* the link's own; lent */
    const furrow_interceptor *next;    /* the server's to set, in a copy of its own */
};

static inline furrow_status furrow_interceptor_next(const furrow_interceptor *self, furrow_call *call,
                                                    furrow_error *err)
{
    return self->next->ops->call(self->next, call, err);
}

#endif
