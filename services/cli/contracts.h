/** Every contract of the tree, for tools that work on all of them. */
#ifndef FURROW_CLI_CONTRACTS_H
#define FURROW_CLI_CONTRACTS_H

#include "wire/contract.h"

extern const furrow_file_contract *const cli_contracts[];
extern const size_t cli_contract_count;

/* The message called @name, among entities, replicas, requests and responses; NULL when there is none. */
const ProtobufCMessageDescriptor *cli_find_message(const char *name);

#endif
