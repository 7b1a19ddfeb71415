/**
 * The blocking client: typed calls for ordinary programs, from any number of threads over one connection. Typed stubs
 * (protoc-gen-furrow's *.client.h, `…_call_blocking`) are thin wrappers of these.
 *
 * One thread of the client's own has the loop and the connection. A call hands its request to that thread and waits:
 * many requests leave in one write, many replies come in one read, so threads that call at once help one another. What
 * is retried, headers, deadlines and errors are as in rpc/client.h, whose client is underneath.
 *
 *   furrow_blocking *client = furrow_blocking_create(&(furrow_blocking_options){.link = {.url = url}}, &err);
 *   status = employee_get_employee_call_blocking(client, &request, NULL, arena, &response, &err);   // in any thread
 *   furrow_blocking_destroy(client);
 *
 * Each call ends exactly once, and its status says whether it may have run:
 *   UNAVAILABLE          nobody has begun it: not sent, nobody serves it, the client is closed; or its service says so
 *   DEADLINE_EXCEEDED    it may have run: the time is over, or the connection broke under it
 *   CANCELLED            it may have run: it had been sent when the client was closed
 * After several attempts of one call (of methods that may be repeated) it is DEADLINE_EXCEEDED as soon as one of them
 * may have run.
 *
 * Threads: any, at once, but not a task of a loop, which would stand still: that has rpc/client.h. A call is no point
 * of cancellation: a thread that is cancelled in one ends after it, so give it a deadline that you can wait for. Signals
 * do not end a call, and are handled in the program's threads, never in the client's.
 * Processes: the child of a fork has no thread that would serve it. Its calls fail with FAILED_PRECONDITION, destroy
 * does nothing there; the parent's client goes on. Make one in the child, or call exec.
 */
#ifndef FURROW_RPC_BLOCKING_H
#define FURROW_RPC_BLOCKING_H

#include "rpc/client.h"

typedef struct furrow_blocking furrow_blocking;

typedef struct furrow_blocking_options {
    furrow_link_options link;
    furrow_client_options client;
    uint32_t connect_ms; /* create waits so long for the connection; 0: 5000 */
} furrow_blocking_options;

/*
 * Connects and waits for that; later the connection is made anew by itself whenever it breaks. Copies what it keeps of
 * @options. NULL and UNAVAILABLE with the reason when there is no connection in time, or as furrow_link_create.
 */
furrow_blocking *furrow_blocking_create(const furrow_blocking_options *options, furrow_error *err);

/* Ends all calls that wait, within half a second, and refuses further ones with UNAVAILABLE. Does not wait for their
 * threads. Again, or at once from several: the same. */
void furrow_blocking_close(furrow_blocking *client);

/* Closes, and frees. No thread is in a call, nor begins one: so close, join them, destroy. */
void furrow_blocking_destroy(furrow_blocking *client);
FURROW_AUTO_DEFINE(furrow_blocking, furrow_blocking_destroy);

/**
 * Calls and waits. @request, and what @options name, are lent until it returns; @response lives in @arena, which the
 * calling thread has for itself.
 */
furrow_status furrow_blocking_call(furrow_blocking *client, const furrow_method_contract *method,
                                   const ProtobufCMessage *request, const furrow_call_options *options,
                                   furrow_arena *arena, ProtobufCMessage **response, furrow_error *err) FURROW_MUST_USE;

#endif
