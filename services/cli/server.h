/**
 * Which NATS the tool works on, and as whom. As the nats CLI finds it, beside the tool's own settings: for each of
 * server, user, certificates and inbox the first that says it,
 *
 *   1. FURROW_NATS_URL, FURROW_NATS_NKEY, …
 *   2. NATS_URL, NATS_NKEY, NATS_CREDS, NATS_USER and NATS_PASSWORD, NATS_CA, NATS_CERT, NATS_KEY
 *   3. the context NATS_CONTEXT: $XDG_CONFIG_HOME/nats/context/<name>.json (~/.config/nats/…)
 *   4. the selected context (nats/context.txt), if none of the above is set at all: a key that somebody names is never
 *      taken to the server that was selected some day
 *   5. nats://127.0.0.1:4222, as nobody
 */
#ifndef FURROW_CLI_SERVER_H
#define FURROW_CLI_SERVER_H

#include "cli/cli.h"

#define SERVER_TEXT_MAX 1024

/* Fills what tool->config does not have from the environment. False: a context cannot be read, which was printed. */
bool server_find(cli *tool);

/* "nats://127.0.0.1:4222 as operator (key keys/operator.nk)": no secret is in it. */
void server_describe(const cli *tool, char out[SERVER_TEXT_MAX]);
/* "operator (key keys/operator.nk)" alone. */
void server_describe_user(const cli *tool, char out[SERVER_TEXT_MAX]);

/* Prints why there is no connection, and sets exit code 1. */
int server_fail(cli *tool, const char *why);

#endif
