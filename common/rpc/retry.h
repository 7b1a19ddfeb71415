/**
 * Retries of a client: on UNAVAILABLE, and on an attempt's own DEADLINE_EXCEEDED, with jittered back-off, within the call's deadline and the
 * client's budget (gRPC's retry throttling: each retry costs what ten calls earn).
 * Threads: the loop's; furrow_retry_again parks.
 */
#ifndef FURROW_RPC_RETRY_H
#define FURROW_RPC_RETRY_H

#include "base/backoff.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct furrow_retry_budget {
    double tokens;
} furrow_retry_budget;

typedef struct furrow_retry {
    furrow_retry_budget *budget;
    unsigned left; /* attempts, with the one under way */
    uint64_t deadline_ns;
    furrow_backoff backoff;
} furrow_retry;

furrow_retry_budget furrow_retry_budget_make(void);

/* A call of at most @attempts attempts. */
furrow_retry furrow_retry_make(furrow_retry_budget *budget, unsigned attempts, uint64_t deadline_ns);

/* When the attempt under way is given up: the call's deadline, or its share of what is left when more may follow. */
uint64_t furrow_retry_attempt_deadline(const furrow_retry *retry);

/* After an attempt ended with @status: true when another is worth it; waits before it. */
bool furrow_retry_again(furrow_retry *retry, furrow_status status);

#endif
