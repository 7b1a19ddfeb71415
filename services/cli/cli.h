/**
 * The furrow tool: a table of commands, each a function that runs in a task and prints for people.
 * Exit codes: 0 done, 1 it failed (the reason is on standard error), 2 wrong usage.
 */
#ifndef FURROW_CLI_CLI_H
#define FURROW_CLI_CLI_H

#include "rpc/client.h"
#include "runtime/config.h"

#include <limits.h>

typedef struct cli_command cli_command;

typedef struct cli {
    const cli_command *command;
    furrow_loop *loop;
    furrow_link *link;     /* NULL until cli_link() */
    furrow_client *client; /* NULL until cli_connect() */
    furrow_config config;
    int argc; /* arguments after the command's name */
    char **argv;
    int exit_code;
} cli;

struct cli_command {
    const char *name, *arguments, *help;
    int (*run)(cli *tool); /* returns the exit code */
};

int cli_audit(cli *tool);
int cli_call(cli *tool);
int cli_deadletter(cli *tool);
int cli_decode(cli *tool);
int cli_erase(cli *tool);
int cli_health(cli *tool);
int cli_history(cli *tool);
int cli_import(cli *tool);
int cli_keys(cli *tool);
int cli_lineage(cli *tool);
int cli_permissions(cli *tool);
int cli_provision(cli *tool);
int cli_rebuild(cli *tool);
int cli_restore(cli *tool);
int cli_seed(cli *tool);

#define CLI_INBOX_MAX 96

#define CLI_INBOX_FILE "inbox" /* scanner.inbox, beside the key scanner.nk */

/* How the tool connects: the user of the key "scanner.nk" has the inbox prefix that lies in scanner.inbox beside it, else
 * _INBOX_scanner, unless a setting names another. @inbox is lent to what is returned. */
furrow_link_options cli_link_options(const cli *tool, char inbox[CLI_INBOX_MAX]);

/* Makes the tool's link, which connects in the background. False: the reason was printed. */
bool cli_link(cli *tool);
/* The same, with a client, and waits until it is connected. */
bool cli_connect(cli *tool);

/* Prints "furrow: …", sets the exit code and returns it. */
int cli_fail(cli *tool, int exit_code, const char *format, ...) FURROW_PRINTF(3, 4);
int cli_fail_error(cli *tool, const char *what, const furrow_error *err);

#define CLI_MANY INT_MAX

/* What is left when the options have been taken: from @least to @most arguments, and no option that the command does not
 * know ("-" by itself is an argument). False: how it is used was printed, and exit_code set; also when an option was
 * wrong. */
bool cli_arguments(cli *tool, int least, int most);

/* Takes "--name VALUE" or "--name=VALUE" out of the arguments: VALUE, or @fallback. */
const char *cli_option(cli *tool, const char *name, const char *fallback);
/* Takes "--name" out of the arguments: was it there? */
bool cli_flag(cli *tool, const char *name);
/* The same for a number within @min and @max; wrong ones set exit_code 2. */
int64_t cli_option_number(cli *tool, const char *name, int64_t fallback, int64_t min, int64_t max);

#endif
