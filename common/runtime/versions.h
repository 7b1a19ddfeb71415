/**
 * Versions of what a service owns and keeps: what Furrow-After waits for, and the epoch that Furrow-Version tells. The
 * user of both is the service. For common/runtime only. Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_VERSIONS_H
#define FURROW_RUNTIME_VERSIONS_H

#include "rpc/server.h"

/* furrow_after_fn and furrow_epoch_fn of the service's server. */
furrow_status furrow_versions_await(void *service, const furrow_version_token *token, uint64_t deadline_ns,
                                    furrow_error *err) FURROW_MUST_USE;
int64_t furrow_versions_epoch(void *service, const char *subject);

#endif
