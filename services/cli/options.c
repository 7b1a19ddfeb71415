/* What the command line says, checked against the table of commands before anything is done. */
#include "cli/options.h"

#include "base/number.h"
#include "cli/cli.h"
#include "cli/rows.h"

#include <string.h>

const cli_option_row cli_common_options[] = {
    FLAG("--help", "print this and do nothing"), FLAG("--version", "print the version and do nothing"), {.name = NULL}};

const char *const cli_exit_codes[3] = {"done", "it failed, or not all is well: the reason is on standard error",
                                       "wrong usage: nothing was asked and nothing was done"};

const cli_command *cli_find_command(int argc, char **argv, int *words)
{
    for (size_t i = 0; argc > 0 && i < cli_command_count; i++) {
        const char *rest = furrow_bytes_after(cli_commands[i].name, argv[0]);
        bool pair = rest && *rest == ' ' && argc > 1 && strcmp(argv[1], rest + 1) == 0;
        if (!rest || (*rest && !pair)) continue;
        *words = pair ? 2 : 1;
        return &cli_commands[i];
    }
    return NULL;
}

bool cli_is_group(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *rest = furrow_bytes_after(cli_commands[i].name, name);
        if (rest && *rest == ' ') return true;
    }
    return false;
}

static bool refuse_usage(cli *tool, const char *what, const char *argument)
{
    cli_fail(tool, 2, "%s: %s%s", tool->command->name, what, argument);
    fprintf(stderr, "usage: ");
    cli_print_usage(tool->command, stderr);
    return false;
}

/* The row of "--name" or "--name=…"; *value is what follows '=', or NULL. */
static const cli_option_row *find_row(const cli_command *command, const char *argument, const char **value)
{
    const char *joined = argument[1] == '-' ? strchr(argument, '=') : NULL;
    size_t len = joined ? (size_t)(joined - argument) : strlen(argument);
    *value = joined ? joined + 1 : NULL;
    for (const cli_option_row *row = command->options; row && row->name; row++)
        if (furrow_bytes_is((furrow_bytes){argument, len}, row->name)) return row;
    return NULL;
}

/* Is @value one of "a|b|c"? */
static bool is_choice(const char *choices, const char *value)
{
    for (const char *at = choices; *at; at += at[0] == '|') {
        size_t word = strcspn(at, "|");
        if (furrow_bytes_is((furrow_bytes){at, word}, value)) return true;
        at += word;
    }
    return false;
}

/* "a|b|c" as "a, b or c". */
static void list_choices(const char *choices, char *out, size_t size)
{
    for (const char *at = choices; *at;) {
        size_t word = strcspn(at, "|"), len = strlen(out);
        const char *before = at == choices ? "" : at[word] ? ", " : " or ";
        snprintf(out + len, size - len, "%s%.*s", before, (int)word, at);
        at += word + (at[word] == '|');
    }
}

static bool check_value(cli *tool, const cli_option_row *row, const char *value)
{
    int64_t number;
    if (row->max > 0 && !furrow_number_parse_signed(furrow_bytes_of(value), row->min, row->max, &number)) {
        cli_fail(tool, 2, "%s is \"%s\": use a number from %lld to %lld", row->name, value, (long long)row->min,
                 (long long)row->max);
        return false;
    }
    if (strchr(row->value, '|') && !is_choice(row->value, value)) {
        char words[128] = "";
        list_choices(row->value, words, sizeof words);
        cli_fail(tool, 2, "%s is \"%s\": use %s", row->name, value, words);
        return false;
    }
    return true;
}

/* The option at @argv[0]; how many words it took. 0: it is wrong, which was printed. */
static int take_option(cli *tool, char **argv, int argc)
{
    const char *value;
    const cli_option_row *row = find_row(tool->command, argv[0], &value);
    int words = 1;
    if (!row) return refuse_usage(tool, "no option ", argv[0]), 0;
    if (!row->value && value) return refuse_usage(tool, "takes no value: ", argv[0]), 0;
    if (row->value && !value) {
        /* Another option is no value: it is more likely that the value was forgotten. */
        if (argc > 1 && !furrow_bytes_after(argv[1], "--")) value = argv[words++];
        if (!value) return cli_fail(tool, 2, "%s needs a value", row->name), 0;
    }
    if (row->value && !check_value(tool, row, value)) return 0;
    for (size_t i = 0; i < tool->given_count && !row->many; i++)
        if (tool->given[i].row == row) return refuse_usage(tool, "given twice: ", row->name), 0;
    if (tool->given_count == CLI_GIVEN_MAX) return refuse_usage(tool, "too many options: ", row->name), 0;
    tool->given[tool->given_count++] = (cli_given){row, value ? value : ""};
    return words;
}

bool cli_parse(cli *tool)
{
    int kept = 0, argc = tool->argc;
    bool ended = false;
    for (int i = 0; i < argc;) {
        const char *argument = tool->argv[i];
        if (ended || argument[0] != '-' || !argument[1]) {
            tool->argv[kept++] = tool->argv[i++];
        } else if (strcmp(argument, "--") == 0) {
            ended = true;
            i++;
        } else {
            int words = take_option(tool, tool->argv + i, argc - i);
            if (words == 0) return false;
            i += words;
        }
    }
    tool->argc = kept;
    return cli_arguments(tool, tool->command->least, tool->command->most);
}

bool cli_arguments(cli *tool, int least, int most)
{
    if (tool->argc < least) return refuse_usage(tool, "something is missing", "");
    if (tool->argc > most) return refuse_usage(tool, "too much: ", tool->argv[most]);
    return true;
}

static const cli_option_row *row_of(const cli *tool, const char *name)
{
    const char *value;
    const cli_option_row *row = find_row(tool->command, name, &value);
    FURROW_REQUIRE(row); /* a command asks for what its row in the table has, and nothing else */
    return row;
}

const char *cli_option_nth(const cli *tool, const char *name, size_t nth)
{
    const cli_option_row *row = row_of(tool, name);
    for (size_t i = 0; i < tool->given_count; i++)
        if (tool->given[i].row == row && nth-- == 0) return tool->given[i].value;
    return NULL;
}

const char *cli_option(const cli *tool, const char *name)
{
    const char *value = cli_option_nth(tool, name, 0);
    return value ? value : row_of(tool, name)->fallback;
}

bool cli_flag(const cli *tool, const char *name)
{
    return cli_option_nth(tool, name, 0) != NULL;
}

int64_t cli_number(const cli *tool, const char *name)
{
    const cli_option_row *row = row_of(tool, name);
    int64_t number = 0;
    FURROW_REQUIRE(furrow_number_parse_signed(furrow_bytes_of(cli_option(tool, name)), row->min, row->max, &number));
    return number;
}
