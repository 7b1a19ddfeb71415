/** Every contract of the tree, for tools that work on all of them, and the users that follow from them. */
#ifndef FURROW_CLI_CONTRACTS_H
#define FURROW_CLI_CONTRACTS_H

#include "wire/contract.h"

#define CLI_SERVICES_MAX 64
#define CLI_PATH_MAX     4096

/* Users that are no service: all that provisions and repairs; reads and changes nothing; calls what is not restricted.
 */
#define CLI_OPERATOR  "operator"
#define CLI_INSPECTOR "inspector"
#define CLI_CLIENT    "client"

extern const furrow_file_contract *const cli_contracts[];
extern const size_t cli_contract_count;

/* The message called @name, among entities, replicas, requests and responses; NULL when there is none. */
const ProtobufCMessageDescriptor *cli_find_message(const char *name);

/* The short names of the services, each once, in the order of the contracts. */
size_t cli_services(const char *names[CLI_SERVICES_MAX]);
/* Does @service own an entity with private fields? */
bool cli_seals(const char *service);

/* Where `furrow keys FOLDER` puts the key of kind @kind ("nk", "redis", "seal") of @user. */
void cli_key_path(char out[CLI_PATH_MAX], const char *folder, const char *user, const char *kind);

#endif
