/* Dispatch and connection of a program with commands: of the furrow tool, of the farm's. */
#include "cli/cli.h"

#include "cli/contracts.h"
#include "cli/server.h"
#include "cli/trace.h"

#include "base/clock.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#define CONNECT_MS  5000
#define TEXTS_BYTES ((size_t)1 << 20)

int cli_fail(cli *tool, int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", cli_self.name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return tool->exit_code = exit_code;
}

/* Nobody answers for a service's log: it is down, or is called otherwise. */
static bool no_such_log(const furrow_error *err)
{
    const char *log = strstr(err->text, "$JS.");
    return log && !furrow_bytes_after(log, "$JS.API.") && strstr(log, "no responders");
}

int cli_fail_error(cli *tool, const char *what, const furrow_error *err)
{
    char user[SERVER_TEXT_MAX] = "";
    bool refused = err->code == FURROW_PERMISSION_DENIED || err->code == FURROW_UNAUTHENTICATED;
    if (refused && tool->server_from) server_describe_user(tool, user);
    return cli_fail(tool, 1, "%s: %s: %s%s%s%s%s%s", what, furrow_status_name(err->code), err->field,
                    err->field[0] ? ": " : "", err->text, user[0] ? "; as " : "", user,
                    no_such_log(err) ? " (--single-account where all is in one)" : "");
}

/* As it lies in @path; false when nothing does. */
static bool read_inbox(const char *path, char inbox[CLI_INBOX_MAX])
{
    FILE *file = fopen(path, "re");
    bool good = file && fgets(inbox, CLI_INBOX_MAX, file) && (inbox[strcspn(inbox, "\r\n")] = '\0', inbox[0]);
    if (file) fclose(file);
    return good;
}

furrow_link_options cli_link_options(const cli *tool, char inbox[CLI_INBOX_MAX])
{
    const char *key = tool->config.nats_nkey ? tool->config.nats_nkey : "furrow", *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key, *end = strrchr(name, '.');
    int folder_len = (int)(name - key), len = (int)(end && end > name ? end - name : (ptrdiff_t)strlen(name));
    char path[CLI_PATH_MAX];
    snprintf(path, sizeof path, "%.*s%.*s." CLI_INBOX_FILE, folder_len, key, len, name);
    if (!read_inbox(path, inbox)) snprintf(inbox, CLI_INBOX_MAX, "_INBOX_%.*s", len, name);
    furrow_link_options options = furrow_config_link(&tool->config, cli_self.name, inbox);
    options.tls_ca_from = tool->ca_from;
    options.tls_cert_from = tool->cert_from;
    options.tls_key_from = tool->key_from;
    return options;
}

bool cli_link(cli *tool)
{
    furrow_error err;
    char inbox[CLI_INBOX_MAX];
    if (!server_find(tool)) return false;
    furrow_link_options options = cli_link_options(tool, inbox);
    tool->link = furrow_link_create(tool->loop, &options, &err);
    if (!tool->link) cli_fail_error(tool, "connect", &err);
    return tool->link != NULL;
}

bool cli_connect(cli *tool)
{
    furrow_error err;
    if (!cli_link(tool)) return false;
    tool->client = furrow_client_create(tool->link, &(furrow_client_options){.trace = cli_trace(tool)}, &err);
    if (!tool->client)
        cli_fail_error(tool, "connect", &err);
    else if (!furrow_link_wait_connected(tool->link, furrow_clock_in_ms(CONNECT_MS)))
        server_fail(tool, furrow_link_last_error(tool->link));
    else
        return true;
    return false;
}

static void run_as_task(void *arg)
{
    cli *tool = arg;
    tool->command->run(tool);
    furrow_client_destroy(tool->client);
    if (tool->link) furrow_link_destroy(tool->link);
}

static void warn_unknown(void *arg, const char *variable, const char *meant)
{
    (void)arg;
    if (meant) fprintf(stderr, "%s: warning: %s is no setting: did you mean %s?\n", cli_self.name, variable, meant);
}

static int run_command(cli *tool)
{
    furrow_error err;
    furrow_config_each_unknown(&cli_contracts_setting, 1, warn_unknown, NULL);
    if (cli_self.contracts && !cli_contracts_load(tool)) return tool->exit_code;
    tool->texts = furrow_arena_create(TEXTS_BYTES);
    FURROW_REQUIRE(tool->texts);
    if (furrow_settings_read(furrow_config_table, furrow_config_count, &tool->config, &err) != FURROW_OK ||
        !(tool->loop = furrow_loop_create(NULL, &err)) ||
        furrow_loop_run_task(tool->loop, run_as_task, tool, &err) != FURROW_OK)
        cli_fail_error(tool, tool->command->name, &err);
    furrow_loop_destroy(tool->loop);
    furrow_arena_destroy(tool->texts);
    return tool->exit_code;
}

/* Options that stand for themselves, wherever they are: `furrow keys --help` must never make a key. */
static bool is_asked(int argc, char **argv, const char *option)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0) return true;
    return false;
}

/* 0 or 2 when all is said with that; -1: there is a command to run. */
static int tell_about(int argc, char **argv, const cli_command *command)
{
    bool group = argc > 0 && cli_is_group(argv[0]);
    bool help = is_asked(argc, argv, "--help");
    if (is_asked(argc, argv, "--version") && !help) return printf("%s %s\n", cli_self.name, FURROW_VERSION), 0;
    if (argc == 0) return cli_print_help(stderr), 2;
    if (help && (command || group)) return cli_print_command_help(command ? command->name : argv[0], stdout), 0;
    if (strcmp(argv[0], "--help") == 0) return cli_print_help(stdout), 0;
    return -1;
}

/* `furrow deadletter`, without one of its commands behind it. */
static void refuse_in_group(cli *tool, const char *group, const char *word)
{
    char names[256] = "";
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *rest = furrow_bytes_after(cli_commands[i].name, group);
        if (rest && *rest == ' ')
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] ? ", " : "", rest + 1);
    }
    cli_fail(tool, 2, "%s: %s%suse %s", group, word, word[0] ? ": " : "", names);
}

/*
 * Another program's command, as git's and kubectl's: the program <this>-<command> beside this one, else on the PATH.
 * So `furrow import` is the farm's, and this knows nothing of it. Returns when there is none.
 */
static void become_other(char **argv)
{
    char path[CLI_PATH_MAX], name[CLI_PATH_MAX / 2];
    const char *own = (const char *)getauxval(AT_EXECFN), *slash = strrchr(own, '/');
    int len = snprintf(name, sizeof name, "%s-%s", cli_self.name, argv[0]);
    if (strchr(argv[0], '/') || argv[0][0] == '-' || len >= (int)sizeof name) return;
    snprintf(path, sizeof path, "%.*s/%s", slash ? (int)(slash - own) : 1, slash ? own : ".", name);
    execv(path, argv);
    execvp(name, argv);
}

/* Of what follows the program's name; `furrow help keys` is `furrow keys --help`. */
static int dispatch(cli *tool, int argc, char **argv)
{
    char help[] = "--help";
    char *asked[] = {argc > 1 ? argv[1] : help, argc > 2 ? argv[2] : help, help, NULL};
    if (argc > 0 && strcmp(argv[0], "help") == 0 && argc <= 3) return dispatch(tool, 3, asked);
    int words = 0;
    tool->command = cli_find_command(argc, argv, &words);
    int code = tell_about(argc, argv, tool->command);
    if (code >= 0) return code;
    if (!tool->command && cli_is_group(argv[0])) {
        refuse_in_group(tool, argv[0], argc > 1 ? argv[1] : "");
        return 2;
    }
    if (!tool->command) become_other(argv);
    if (!tool->command) return cli_fail(tool, 2, "no command %s; try --help", argv[0]);
    tool->argc = argc - words;
    tool->argv = argv + words;
    return cli_parse(tool) ? run_command(tool) : tool->exit_code;
}

int main(int argc, char **argv)
{
    static cli tool; /* more than a stack likes */
    char *dash = strrchr((char *)getauxval(AT_EXECFN), '-');
    char *called = dash ? dash + 1 : argv[0];
    int words = 0;
    signal(SIGPIPE, SIG_IGN);
    bool is_other = dash && cli_find_command(1, &called, &words); /* <another>-<command>: see become_other */
    if (is_other) argv[0] = called;
    int code = is_other ? dispatch(&tool, argc, argv) : dispatch(&tool, argc - 1, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        code = cli_fail(&tool, 1, "the output could not be written");
    return code;
}
