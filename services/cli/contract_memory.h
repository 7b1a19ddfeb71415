/**
 * What the mesh remembers of contracts: of each service, the descriptors of its contract as it was provisioned last, in
 * the stream DESCRIPTOR of its account. What is about to be provisioned is held against all of that first.
 */
#ifndef FURROW_CLI_CONTRACT_MEMORY_H
#define FURROW_CLI_CONTRACT_MEMORY_H

#include "base/buffer.h"
#include "cli/breaking.h"
#include "cli/contracts.h"
#include "link/provision.h"

typedef struct contract_memory_entry {
    const char *service;
    furrow_bytes before; /* as provisioned last; no data: never */
    furrow_buffer after; /* of the contracts that are known here */
    uint64_t sequence;
} contract_memory_entry;

typedef struct contract_memory {
    furrow_arena *arena;
    contract_memory_entry entries[CLI_SERVICES_MAX];
    size_t count;
} contract_memory;

/* Of every service of the contracts, by @provisioner; @single: one account for all. Freed by contract_memory_fini, also
 * after a failure. */
furrow_status contract_memory_init(contract_memory *memory, furrow_provisioner *provisioner, bool single,
                                   furrow_error *err) FURROW_MUST_USE;
void contract_memory_fini(contract_memory *memory);

/* What would break (breaking.h); of a service that was never provisioned nothing does. How many findings. */
furrow_status contract_memory_judge(const contract_memory *memory, breaking_fn *fn, void *arg, size_t *count,
                                    furrow_error *err) FURROW_MUST_USE;

#endif
