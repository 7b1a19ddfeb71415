/**
 * Retries of a client: which status is worth another attempt, when, and how many all in all (gRPC's retry throttling:
 * each retry costs what ten calls earn). For common/rpc only. Threads: the loop's; furrow_retry_again parks.
 */
#ifndef FURROW_RPC_RETRY_H
#define FURROW_RPC_RETRY_H

#include "base/backoff.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct furrow_retry_budget {
    unsigned tenths; /* of a retry */
} furrow_retry_budget;

/* A full one: ten retries. */
furrow_retry_budget furrow_retry_budget_make(void);

/* What one call may do. */
typedef struct furrow_retry {
    furrow_retry_budget *budget;
    unsigned left; /* attempts, with the one under way */
    uint64_t deadline_ns;
    uint64_t attempt_ns; /* of an attempt that others may follow; 0: no limit of its own */
    furrow_backoff backoff;
} furrow_retry;

/* A call of at most @attempts attempts. */
furrow_retry furrow_retry_make(furrow_retry_budget *budget, unsigned attempts, uint64_t attempt_ms,
                               uint64_t deadline_ns);

/* When the attempt that begins now is given up. */
uint64_t furrow_retry_attempt_deadline(const furrow_retry *retry, uint64_t now_ns);

/* After an attempt ended with @status: true when another is worth it, after *pause_ms; @retry_ms: what the server asked
 * for. */
bool furrow_retry_after(furrow_retry *retry, furrow_status status, int64_t retry_ms, uint64_t *pause_ms);
/* The same, and parks for that long. */
bool furrow_retry_again(furrow_retry *retry, furrow_status status, int64_t retry_ms);

#endif
