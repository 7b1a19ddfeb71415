/* Arguments, connection and dispatch of the furrow tool. */
#include "cli/cli.h"

#include "base/number.h"
#include "cli/contracts.h"

#include "base/clock.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#define CONNECT_MS 5000

static const cli_command commands[] = {
    {"provision", "[--replicas N] [--wait SECONDS] [--only nats|redis] [--single-account] [--watch]",
     "make the streams and durable consumers of every contract, and load the library of functions into every\n"
     "      Redis of FURROW_REDIS_URL (separated by commas), where it is missing; safe to run again. The library's\n"
     "      name changes with its text: nothing is replaced, and one that no service uses may be deleted. --watch:\n"
     "      goes on and puts back what is missing within seconds; it says nothing while nothing is",
     cli_provision},
    {"call", "SUBJECT [JSON|-] [-H 'Name: value']… [--timeout MS]", "call a method with JSON and print the answer",
     cli_call},
    {"import", "[--kind employees|locations|jobs] FILE.csv…",
     "import CSV files with headers; bad rows are reported, good ones kept", cli_import},
    {"seed", "[--seed N] [--people N] --out FOLDER",
     "make the CSV files of a ranch of any size, the same for the same seed", cli_seed},
    {"health", "[--wait SECONDS] [SERVICE…] | --probe live|ready [--timeout MS] SERVICE",
     "state of services (default: all) and of what they replicate; --probe: of the instance FURROW_INSTANCE_ID, by "
     "exit code",
     cli_health},
    {"audit", "[SERVICE [ENTITY]] [--repair] [--json] [--single-account] | ENTITY ID --erased [--json]",
     "compare what services keep in Redis with the log, record by record; --repair: put right what is wrong;\n"
     "      --erased: is anything left of an entity that was erased?",
     cli_audit},
    {"erase", "ENTITY ID [--wait SECONDS] [--json] [--single-account]",
     "have an entity erased by its owner, wait until nothing is left of it in the log, in Redis, at any consumer, in\n"
     "      dead letters and remembered results (30 seconds), and print a receipt; safe to run again",
     cli_erase},
    {"history", "ENTITY ID [--json] [--single-account]",
     "what the log still has of one entity: when, whose command, which event, which fields it changed", cli_history},
    {"lineage", "[--json | --dot | --svg] [--single-account]",
     "which service keeps which fields of whose entity, what that takes in Redis beside a full copy, and which\n"
     "      bandwidth it saves; read from the running mesh and from FURROW_REDIS_URL (several with commas), as\n"
     "      operator or inspector. A service that is down is marked. Figures:\n"
     "      BYTES     mean body of a record that is kept, ALL the bodies of all; FULL: of the owner's records, all\n"
     "                declared fields; KEPT: ALL of FULL\n"
     "      EVENTS    that came to the running instances since each began, in each the whole entity; BYTES: bodies\n"
     "      READS     of single records for calls since then; IF ASKED: had the owner answered each with the entity,\n"
     "                private fields left out; SAVED: IF ASKED less BYTES",
     cli_lineage},
    {"keys", "[--client NAME]… FOLDER",
     "make the keys of every user that are missing: NKey seeds, secret prefixes of inboxes, Redis passwords,\n"
     "      sealing keys; --client: one more client's, for each program its own",
     cli_keys},
    {"permissions", "[--format json | --format nats|redis --keys FOLDER] [--single-account]",
     "what every user may do in NATS and in Redis, as follows from the contracts;\n"
     "      --single-account: for a NATS where one account is all there is; it says what that gives up",
     cli_permissions},
    {"deadletter",
     "list|show|replay|discard [LETTER…] [--service S] [--entity E] [--id ID] [--all] [--json] [--single-account]",
     "what services could not apply, with the reason; replay: apply the newest state once more, when the cause is\n"
     "      mended; discard: take it away. LETTER is <service>/<number>, as list shows it",
     cli_deadletter},
    {"rebuild", "SERVICE ENTITY [ID] [--wait SECONDS]",
     "SERVICE builds what it keeps of ENTITY anew from the log, and is not ready until that is done; with ID: reads\n"
     "      the newest state of that one again, beside its work",
     cli_rebuild},
    {"restore", "SERVICE [--accept] [--wait SECONDS]",
     "when the log of an entity of SERVICE lost something that its Redis still holds, and SERVICE waits for a word:\n"
     "      publish it again (--accept: do without it, and take the log for the truth); then until SERVICE serves\n"
     "      (60 seconds). Safe to run again; nothing to restore is no error",
     cli_restore},
    {"decode", "[--record] MESSAGE", "protobuf bytes on standard input to JSON; --record: as they lie in Redis",
     cli_decode},
};

static void print_help(FILE *out)
{
    fprintf(out, "furrow: the tool of the Furrow mesh\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  furrow %s %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    fprintf(
        out,
        "\nConnects by the FURROW_NATS_… settings, provision by FURROW_REDIS_… too; `employee --settings` "
        "lists them.\n"
        "The user of the key NAME.nk has the inbox that NAME.inbox beside it says, else _INBOX_NAME.\n"
        "FURROW_CONTRACTS: paths of shared objects with the contracts of services of your own, separated by \":\".\n");
}

int cli_fail(cli *tool, int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "furrow: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return tool->exit_code = exit_code;
}

int cli_fail_error(cli *tool, const char *what, const furrow_error *err)
{
    return cli_fail(tool, 1, "%s: %s: %s%s%s", what, furrow_status_name(err->code), err->field,
                    err->field[0] ? ": " : "", err->text);
}

static int refuse_usage(cli *tool, const char *what, const char *argument)
{
    cli_fail(tool, 2, "%s: %s%s", tool->command->name, what, argument);
    fprintf(stderr, "usage: furrow %s %s\n", tool->command->name, tool->command->arguments);
    return tool->exit_code;
}

bool cli_arguments(cli *tool, int least, int most)
{
    if (tool->exit_code) return false;
    for (int i = 0; i < tool->argc; i++)
        if (tool->argv[i][0] == '-' && tool->argv[i][1]) return refuse_usage(tool, "no option ", tool->argv[i]), false;
    if (tool->argc < least) return refuse_usage(tool, "something is missing", ""), false;
    if (tool->argc > most) return refuse_usage(tool, "too much: ", tool->argv[most]), false;
    return true;
}

static void remove_arguments(cli *tool, int at, int count)
{
    for (int i = at; i + count < tool->argc; i++) tool->argv[i] = tool->argv[i + count];
    tool->argc -= count;
}

const char *cli_option(cli *tool, const char *name, const char *fallback)
{
    for (int i = 0; i < tool->argc; i++) {
        const char *rest = furrow_bytes_after(tool->argv[i], name), *value;
        if (!rest || (*rest != '\0' && *rest != '=')) continue;
        bool joined = *rest == '=';
        value = joined ? rest + 1 : i + 1 < tool->argc ? tool->argv[i + 1] : NULL;
        if (!value) {
            cli_fail(tool, 2, "%s needs a value", name);
            return fallback;
        }
        remove_arguments(tool, i, joined ? 1 : 2);
        return value;
    }
    return fallback;
}

bool cli_flag(cli *tool, const char *name)
{
    for (int i = 0; i < tool->argc; i++) {
        if (strcmp(tool->argv[i], name) != 0) continue;
        remove_arguments(tool, i, 1);
        return true;
    }
    return false;
}

int64_t cli_option_number(cli *tool, const char *name, int64_t fallback, int64_t min, int64_t max)
{
    const char *text = cli_option(tool, name, NULL);
    int64_t value;
    if (!text) return fallback;
    if (furrow_number_parse_signed(furrow_bytes_of(text), min, max, &value)) return value;
    cli_fail(tool, 2, "%s is \"%s\": use a number from %lld to %lld", name, text, (long long)min, (long long)max);
    return fallback;
}

static const cli_command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
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
    return furrow_config_link(&tool->config, "furrow", inbox);
}

bool cli_link(cli *tool)
{
    furrow_error err;
    char inbox[CLI_INBOX_MAX];
    furrow_link_options options = cli_link_options(tool, inbox);
    tool->link = furrow_link_create(tool->loop, &options, &err);
    if (!tool->link) cli_fail_error(tool, "connect", &err);
    return tool->link != NULL;
}

bool cli_connect(cli *tool)
{
    furrow_error err;
    if (!cli_link(tool)) return false;
    tool->client = furrow_client_create(tool->link, NULL, &err);
    if (!tool->client)
        cli_fail_error(tool, "connect", &err);
    else if (!furrow_link_wait_connected(tool->link, furrow_clock_in_ms(CONNECT_MS)))
        cli_fail(tool, 1, "no NATS at %s: %s (FURROW_NATS_URL says where it is)", tool->config.nats_url,
                 furrow_link_last_error(tool->link));
    else
        return true;
    return false;
}

static void run(void *arg)
{
    cli *tool = arg;
    tool->command->run(tool);
    furrow_client_destroy(tool->client);
    if (tool->link) furrow_link_destroy(tool->link);
}

int main(int argc, char **argv)
{
    furrow_error err;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (argc == 3 && strcmp(argv[2], "--help") == 0 && find(argv[1])) {
        const cli_command *asked = find(argv[1]);
        printf("furrow %s %s\n    %s\n", asked->name, asked->arguments, asked->help);
        return 0;
    }
    cli tool = {.command = find(argv[1]), .argc = argc - 2, .argv = argv + 2};
    if (!tool.command) return cli_fail(&tool, 2, "no command %s; try --help", argv[1]);
    if (!cli_contracts_load(&tool)) return tool.exit_code;
    signal(SIGPIPE, SIG_IGN);
    if (furrow_settings_read(furrow_config_table, furrow_config_count, &tool.config, &err) != FURROW_OK ||
        !(tool.loop = furrow_loop_create(NULL, &err)) || furrow_loop_run_task(tool.loop, run, &tool, &err) != FURROW_OK)
        cli_fail_error(&tool, argv[1], &err);
    furrow_loop_destroy(tool.loop);
    return tool.exit_code;
}
