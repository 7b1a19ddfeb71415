/**
 * Asks a service to do something about what it keeps, on furrow.v1.Replay.<service>: the kinds and what they do are in
 * runtime/letters.h.
 */
#ifndef FURROW_CLI_REPLAY_H
#define FURROW_CLI_REPLAY_H

#include "cli/cli.h"

#include "base/id.h"

typedef struct replay_request {
    const char *service, *stream, *subject, *kind; /* @subject "" where the kind has none */
    uint64_t version;                              /* out */
    char instance[FURROW_ID_MAX + 1];              /* out: the process that did it */
} replay_request;

/* Parks for up to 7 seconds, which is more than the service takes. Errors: the service's; UNAVAILABLE or
 * DEADLINE_EXCEEDED when none is there; RESOURCE_EXHAUSTED when it is at as many as it may: again after a moment. */
furrow_status replay_ask(cli *tool, replay_request *what, furrow_error *err) FURROW_MUST_USE;

#endif
