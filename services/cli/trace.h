/**
 * The trace that the environment says the tool works for: what it calls carries it on.
 */
#ifndef FURROW_CLI_TRACE_H
#define FURROW_CLI_TRACE_H

#include "cli/cli.h"

/* From TRACEPARENT and TRACESTATE; NULL when there is none. One that is none is told once and ignored. */
const furrow_trace *cli_trace(cli *tool);

#define CLI_TRACE_HEADERS 2

/* Adds its headers, with a span id of their own in @parent, behind the @count there are, unless those have a
 * traceparent; returns how many there are then. */
size_t cli_trace_add(cli *tool, char parent[FURROW_TRACE_PARENT_SIZE], furrow_header headers[], size_t count);

#endif
