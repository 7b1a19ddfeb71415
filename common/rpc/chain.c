/*
 * The server's chain: which links there are, in which order, and their copies, which one server has for all its calls.
 * A link that has nothing to do in a call passes it on by a jump, so what a call does not use costs it next to nothing.
 */
#include "rpc/inside.h"

#include <stdlib.h>

#define OWN(name, fn)                                                                                                  \
    {                                                                                                                  \
        name, &(const furrow_interceptor_ops){fn}, NULL, NULL                                                          \
    }

/* From the task's begin to the handler. What is left of a call when it ends, the first four see to. */
static const furrow_interceptor before[] = {
    OWN("statistics", furrow_stage_statistics), /* counts it, with what it ended with */
    OWN("place", furrow_stage_place),           /* it runs, or waits for others without its place */
    OWN("reply", furrow_stage_reply),           /* the answer, or the error */
    OWN("encoding", furrow_stage_encoding),     /* of both; before all that may refuse */
    OWN("deadline", furrow_stage_deadline),     /* from its arrival */
    OWN("admission", furrow_stage_admission),   /* ready, its caller's share, its size; not too late */
    OWN("trace", furrow_stage_trace),           /* and whose command it is */
    OWN("key", furrow_stage_key),               /* Idempotency-Key */
    OWN("after", furrow_stage_after),           /* Furrow-After. Before decoding: who waits keeps no memory for it */
    OWN("age", furrow_stage_age),               /* Furrow-Max-Age */
    OWN("memory", furrow_stage_memory),         /* of large reads */
    OWN("decode", furrow_stage_decode),         /* the request's message */
    OWN("rules", furrow_stage_rules),           /* and its contract's rules */
    OWN("stream", furrow_stage_stream),         /* of many answers: open as long as what stands behind it runs */
};

/* Behind the author's: they see a call once, however often it is handled, and one whose result is remembered. */
static const furrow_interceptor behind[] = {
    OWN("patience", furrow_stage_patience), /* once more, when a connection broke under it */
    OWN("once", furrow_stage_once),         /* the same key, the same answer */
    OWN("handler", furrow_stage_handler),   /* the last: calls no next */
};

#define COUNT(links) (sizeof(links) / sizeof *(links))

static furrow_interceptor *append_links(furrow_interceptor *at, const furrow_interceptor *links, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *at = links[i];
        at->next = at + 1;
        at++;
    }
    return at;
}

furrow_interceptor *furrow_chain_create(const furrow_interceptor *authors)
{
    size_t count = 0;
    while (authors && authors[count].name) {
        FURROW_REQUIRE(authors[count].ops && authors[count].ops->call);
        count++;
    }
    furrow_interceptor *chain = calloc(COUNT(before) + count + COUNT(behind), sizeof *chain);
    if (!chain) return NULL;
    furrow_interceptor *end = append_links(chain, before, COUNT(before));
    end = append_links(end, authors, count);
    end = append_links(end, behind, COUNT(behind));
    end[-1].next = NULL;
    return chain;
}
