/**
 * The trace that work belongs to: W3C Trace Context, level 2 (https://www.w3.org/TR/trace-context-2/), headers
 * traceparent and tracestate. It is carried on and not recorded: whatever leaves a task (a call, an event) has the
 * task's trace, with a span id of its own.
 *
 *   request --> the call's task --> its events --> a reaction's task --> its events
 *                              \--> its calls                       \--> its calls
 *
 * A header that is no trace, or is there twice, begins a new one, as does a tracestate alone; that is where the
 * sender's trace ends. A tracestate that is none is left out, and the trace goes on.
 *
 * Threads: the loop's; reading is pure.
 */
#ifndef FURROW_WIRE_TRACE_H
#define FURROW_WIRE_TRACE_H

#include "base/arena.h"
#include "base/task.h"
#include "wire/header.h"

#define FURROW_TRACE_PARENT_SIZE 56
#define FURROW_TRACE_MEMBERS     32 /* of a tracestate: with more it is none */
#define FURROW_TRACE_STATE_MAX                                                                                         \
    512 /* characters of a tracestate that are carried on: of a longer one whole members are
                                        left out, first those of more than 128, then from its end */

typedef struct furrow_trace {
    char parent[FURROW_TRACE_PARENT_SIZE]; /* as version 00; "": there is none */
    const char *state;                     /* tracestate, or "" */
    const char *ce_state; /* the same as the value of a CloudEvents attribute: percent-encoded; <= 1024 characters */
    /* Not NULL: nobody has looked yet. Called once, when somebody wants to know; may park. */
    void (*find)(struct furrow_trace *trace);
} furrow_trace;

/* Reads the headers of one message: zeroed, then each is handed to furrow_trace_headers_add, as furrow_msg_each_header
 * and furrow_js_stored_each_header do. Values are lent until it is read. */
typedef struct furrow_trace_headers {
    const char *parent;
    size_t parents; /* headers called traceparent, */
    size_t states;  /* and tracestate */
    bool state_bad; /* what they say is no tracestate */
    size_t count;   /* its members */
    furrow_bytes members[FURROW_TRACE_MEMBERS];
} furrow_trace_headers;
void furrow_trace_headers_add(void *headers, const char *name, const char *value);

/* The trace that the headers tell of, or a new one instead, in @arena; false when they tell of none, and *out is as it
 * was. */
bool furrow_trace_read(const furrow_trace_headers *headers, furrow_arena *arena, furrow_trace *out);

/* A new trace, not sampled, with a random id and the flag that says so. */
void furrow_trace_begin(furrow_trace *out);

/*
 * A traceparent, with blanks around it, as version 00 into @out; of a later version what 00 has of it; of the flags
 * those that are known. False when it is not well-formed.
 */
bool furrow_trace_parse_parent(const char *text, char out[FURROW_TRACE_PARENT_SIZE]);

/* The traceparent of something that goes out: @trace with a new span id. */
void furrow_trace_child(const furrow_trace *trace, char out[FURROW_TRACE_PARENT_SIZE]);

/* The trace of the running task (furrow_task_set_trace), NULL when it has none; outside of a task, too. May park. */
const furrow_trace *furrow_trace_current(void);

#endif
