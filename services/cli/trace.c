/*
 * The trace that a command belongs to, as others hand it to the programs they run: in TRACEPARENT and TRACESTATE, which
 * otel-cli and CI systems set (https://opentelemetry.io/docs/specs/otel/context/env-carriers/).
 */
#include "cli/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static void carry_on(cli *tool, const char *parent, const char *state)
{
    furrow_trace_headers headers = {.parents = 0};
    char checked[FURROW_TRACE_PARENT_SIZE];
    if (!furrow_trace_parse_parent(parent, checked)) {
        fprintf(stderr, "%s: TRACEPARENT is no W3C traceparent (00-<trace id>-<span id>-<flags>): ignored\n",
                cli_self.name);
        return;
    }
    furrow_trace_headers_add(&headers, FURROW_HEADER_TRACEPARENT, parent);
    if (state) furrow_trace_headers_add(&headers, FURROW_HEADER_TRACESTATE, state);
    (void)furrow_trace_read(&headers, tool->texts, &tool->trace);
}

const furrow_trace *cli_trace(cli *tool)
{
    const char *parent = getenv("TRACEPARENT");
    if (!tool->trace.parent[0] && parent && *parent) carry_on(tool, parent, getenv("TRACESTATE"));
    return tool->trace.parent[0] ? &tool->trace : NULL;
}

size_t cli_trace_add(cli *tool, char parent[FURROW_TRACE_PARENT_SIZE], furrow_header headers[], size_t count)
{
    const furrow_trace *trace = cli_trace(tool);
    if (!trace) return count;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(headers[i].name, FURROW_HEADER_TRACEPARENT) == 0) return count;
    furrow_trace_child(trace, parent);
    headers[count++] = (furrow_header){FURROW_HEADER_TRACEPARENT, parent};
    if (trace->state[0]) headers[count++] = (furrow_header){FURROW_HEADER_TRACESTATE, trace->state};
    return count;
}
