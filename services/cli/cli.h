/**
 * The frame of a program with commands, which the furrow tool and the farm's program share: a table of commands
 * (options.h), each a function that runs in a task and prints for people, or with --json for programs. What it prints is
 * whole, or the exit code says that it is not.
 */
#ifndef FURROW_CLI_CLI_H
#define FURROW_CLI_CLI_H

#include "cli/options.h"
#include "rpc/client.h"
#include "runtime/config.h"

#define CLI_SERVICES_MAX 64

struct cli {
    const cli_command *command;
    furrow_loop *loop;
    furrow_link *link;     /* NULL until cli_link() */
    furrow_client *client; /* NULL until cli_connect() */
    furrow_config config;
    const char *server_from;                    /* what said where NATS is; NULL until server_find() */
    const char *ca_from, *cert_from, *key_from; /* and which certificates; NULL: the tool's own settings */
    furrow_arena *texts;                        /* that config lends; to the end of the process */
    furrow_trace trace;                         /* cli/trace.h */
    int argc;                                   /* arguments after the command's name, without its options */
    char **argv;
    cli_given given[CLI_GIVEN_MAX];
    size_t given_count;
    int exit_code;
};

int cli_audit(cli *tool);
int cli_breaking(cli *tool);
int cli_call(cli *tool);
int cli_check(cli *tool);
int cli_completion(cli *tool);
int cli_deadletter_discard(cli *tool);
int cli_deadletter_list(cli *tool);
int cli_deadletter_replay(cli *tool);
int cli_deadletter_show(cli *tool);
int cli_decode(cli *tool);
int cli_describe(cli *tool);
int cli_dev_leave(cli *tool);
int cli_dev_list(cli *tool);
int cli_dev_run(cli *tool);
int cli_erase(cli *tool);
int cli_health(cli *tool);
int cli_history(cli *tool);
int cli_keys(cli *tool);
int cli_lineage(cli *tool);
int cli_ls(cli *tool);
int cli_manual(cli *tool);
int cli_new(cli *tool);
int cli_permissions(cli *tool);
int cli_provision(cli *tool);
int cli_rebuild(cli *tool);
int cli_restore(cli *tool);

#define CLI_INBOX_MAX 96

#define CLI_INBOX_FILE "inbox" /* scanner.inbox, beside the key scanner.nk */

/* How the tool connects: the user of the key "scanner.nk" has the inbox prefix that lies in scanner.inbox beside it, else
 * _INBOX_scanner, unless a setting names another. @inbox is lent to what is returned. */
furrow_link_options cli_link_options(const cli *tool, char inbox[CLI_INBOX_MAX]);

/* Makes the tool's link, which connects in the background. False: the reason was printed. */
bool cli_link(cli *tool);
/* The same, with a client, and waits until it is connected. */
bool cli_connect(cli *tool);

/* A connection that provisions, as the tool's user. NULL: @err, and where no server is named that was printed. */
struct furrow_provisioner *cli_provisioner(cli *tool, furrow_error *err);

/* Prints "PROGRAM: …", sets the exit code and returns it. */
int cli_fail(cli *tool, int exit_code, const char *format, ...) FURROW_PRINTF(3, 4);
int cli_fail_error(cli *tool, const char *what, const furrow_error *err);

#endif
