/**
 * Every contract there is, for commands that work on all of them, and the users that follow from them. All come as
 * shared objects (furrow_proto(… CONTRACTS)): those in ../lib/furrow/contracts beside the tool, where services that
 * are installed with it put theirs, and those named in FURROW_CONTRACTS.
 */
#ifndef FURROW_CLI_CONTRACTS_H
#define FURROW_CLI_CONTRACTS_H

#include "base/settings.h"
#include "cli/cli.h"
#include "wire/contract.h"

#define CLI_PATH_MAX   4096
#define CLI_CLIENT_MAX 32 /* characters of a client's name */

/* Users that are no service: all that provisions and repairs; reads and changes nothing; calls what is not restricted.
 */
#define CLI_OPERATOR  "operator"
#define CLI_INSPECTOR "inspector"
#define CLI_CLIENT    "client"
#define CLI_LOG_USER  ".log" /* after a service's name: the user that works on its log; see rights.h */

extern const furrow_file_contract *cli_contracts[];
extern size_t cli_contract_count;

/* What the tool reads beside the settings that services have too. */
extern const furrow_setting cli_contracts_setting;

/* Finds them all. False: the reason was printed. */
bool cli_contracts_load(cli *tool);

/* The message called @name, among entities, replicas, requests and responses; NULL when there is none. */
const ProtobufCMessageDescriptor *cli_find_message(const char *name);

/* The entity called @name, by its full name or by its short one if no other has that; NULL when there is none. */
const furrow_entity_contract *cli_find_entity(const char *name);
/* The entity of @stream. */
const furrow_entity_contract *cli_find_stream(const char *stream);

/* The short names of the services, each once, in the order of the contracts. */
size_t cli_services(const char *names[CLI_SERVICES_MAX]);
bool cli_has_service(const char *name);

/* Does @service own an entity with private fields? */
bool cli_seals(const char *service);

/* Where `furrow keys FOLDER` puts the key of kind @kind ("nk", "redis", "seal") of @user. */
void cli_key_path(char out[CLI_PATH_MAX], const char *folder, const char *user, const char *kind);

/* May a client be called @name: 1 to CLI_CLIENT_MAX of [A-Za-z0-9_-], and nobody else's? */
bool cli_client_ok(const char *name);
/* The client whose NKey @file, in a folder of keys, is: "scanner.nk". False: it is nobody's, or another kind of key. */
bool cli_client_key(const char *file, char name[CLI_CLIENT_MAX + 1]);

#endif
