/**
 * Commands on the store's connection, for the modules of store/ that pipeline: begin, append the arguments, send; then
 * wait.
 *
 *   furrow_pipelined request;
 *   furrow_buffer *out = furrow_pipeline_begin(store, &request, arena, 2, err);
 *   if (!out) return request.status;
 *   furrow_pipeline_arg(out, "GET", 3);
 *   furrow_pipeline_arg(out, key, len);
 *   status = furrow_pipeline_send(store, &request, err);
 *   …more requests…
 *   status = furrow_pipeline_wait(store, &request, err);   // request.value
 *
 * The task must not park between begin and send. What was sent must be waited for: the request is the connection's
 * until then. Threads: the loop's, in a task. Private to store/.
 */
#ifndef FURROW_STORE_PIPELINE_H
#define FURROW_STORE_PIPELINE_H

#include "base/buffer.h"
#include "store/store.h"

typedef struct furrow_pipelined {
    furrow_waiter waiter;
    void (*done)(furrow_store *store,
                 struct furrow_pipelined *request); /* the connection's own: called instead of waking a task */
    struct furrow_pipelined *prev, *next;
    size_t skip; /* answers before its own that nobody waits for any more */
    furrow_arena *arena;
    furrow_value value;
    furrow_status status;
    size_t mark;    /* where its command begins in the output */
    char text[200]; /* of an error */
} furrow_pipelined;

/* NULL: request->status says why (UNAVAILABLE, RESOURCE_EXHAUSTED). @arena may be NULL when the answer is an integer.
 */
furrow_buffer *furrow_pipeline_begin(furrow_store *store, furrow_pipelined *request, furrow_arena *arena, size_t argc,
                                     furrow_error *err);
void furrow_pipeline_arg(furrow_buffer *out, const void *data, size_t len);
void furrow_pipeline_arg_number(furrow_buffer *out, uint64_t number);
/* One argument out of two parts: a key from its table's prefix and an id. */
void furrow_pipeline_arg_pair(furrow_buffer *out, furrow_bytes first, furrow_bytes second);
furrow_status furrow_pipeline_send(furrow_store *store, furrow_pipelined *request, furrow_error *err) FURROW_MUST_USE;

/* The task's deadline (base/task.h) less a little, so that its answer still reaches the caller in time. */
uint64_t furrow_pipeline_deadline(const furrow_store *store);

/*
 * Parks until the answer, at most until furrow_pipeline_deadline: then UNAVAILABLE, and the connection knows nothing of
 * @request any more. A request that was never sent may be waited for too: its status is what begin or send said.
 */
furrow_status furrow_pipeline_wait(furrow_store *store, furrow_pipelined *request, furrow_error *err) FURROW_MUST_USE;

/*
 * Sends a call of @function, by its whole name (FURROW_FUNCTION of library.h): @body holds @argc arguments, formatted
 * by furrow_pipeline_arg: count of keys, keys, arguments.
 */
furrow_status furrow_pipeline_call(furrow_store *store, const char *function, size_t argc, furrow_bytes body,
                                   furrow_pipelined *request, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/* The same from texts, and waits. *out may be NULL. */
furrow_status furrow_pipeline_ask(furrow_store *store, const char *function, const furrow_bytes keys[],
                                  size_t key_count, const furrow_bytes args[], size_t arg_count, furrow_arena *arena,
                                  furrow_value *out, furrow_error *err) FURROW_MUST_USE;

#endif
