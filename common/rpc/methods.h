/**
 * The methods of a service by name: one hash and one comparison a request, whatever their number. For common/rpc only.
 * Pure.
 */
#ifndef FURROW_RPC_METHODS_H
#define FURROW_RPC_METHODS_H

#include "wire/contract.h"

#define FURROW_METHOD_NONE SIZE_MAX

typedef struct furrow_methods {
    const furrow_service_contract *service; /* lent */
    uint16_t *slots;                        /* index + 1, 0: free; a power of two of them, at most half full */
    size_t mask;
} furrow_methods;

/* False when out of memory. */
bool furrow_methods_init(furrow_methods *methods, const furrow_service_contract *service);
void furrow_methods_fini(furrow_methods *methods);

/* Place of the method @name in the contract, or FURROW_METHOD_NONE. */
size_t furrow_methods_find(const furrow_methods *methods, const char *name);

/* "GetJob, ListJobs, ...": as many whole names as fit into @size. */
void furrow_methods_list(const furrow_methods *methods, char *out, size_t size);

#endif
