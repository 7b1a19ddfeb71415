/* What --help prints: of the tool, of a command, of a group of commands; from the table. */
#include "cli/options.h"

#include "base/bytes.h"

#include <string.h>

#define OPTION_COLUMNS 26

static void print_options_usage(const cli_command *command, FILE *out)
{
    for (const cli_option_row *row = command->options; row && row->name; row++)
        fprintf(out, " [%s%s%s]%s", row->name, row->value ? " " : "", row->value ? row->value : "",
                row->many ? "…" : "");
}

void cli_print_usage(const cli_command *command, FILE *out)
{
    fprintf(out, "%s %s%s%s", cli_self.name, command->name, command->arguments[0] ? " " : "", command->arguments);
    print_options_usage(command, out);
    fputc('\n', out);
}

/* @text, whose lines after the first begin @indent columns further right. */
static void print_indented(FILE *out, const char *text, int indent)
{
    for (; *text; text++) {
        fputc(*text, out);
        if (*text == '\n') fprintf(out, "%*s", indent, "");
    }
    fputc('\n', out);
}

static void print_option(const cli_option_row *row, FILE *out)
{
    char head[96];
    snprintf(head, sizeof head, "%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
    fprintf(out, "  %-*s ", OPTION_COLUMNS, head);
    if (strlen(head) > OPTION_COLUMNS) fprintf(out, "\n  %-*s ", OPTION_COLUMNS, "");
    print_indented(out, row->help, OPTION_COLUMNS + 3);
    if (row->max > 0)
        fprintf(out, "  %-*s %lld to %lld%s%s\n", OPTION_COLUMNS, "", (long long)row->min, (long long)row->max,
                row->fallback ? ", default " : "", row->fallback ? row->fallback : "");
    else if (row->fallback && row->fallback[0])
        fprintf(out, "  %-*s default %s\n", OPTION_COLUMNS, "", row->fallback);
}

static void print_one(const cli_command *command, FILE *out)
{
    fprintf(out, "Usage: ");
    cli_print_usage(command, out);
    fprintf(out, "\n%s.\n", command->summary);
    if (command->help[0]) fprintf(out, "%s\n", command->help);
    fprintf(out, "\nOptions\n");
    for (const cli_option_row *row = command->options; row && row->name; row++) print_option(row, out);
    for (const cli_option_row *row = cli_common_options; row->name; row++) print_option(row, out);
    fprintf(out, "\nExit code\n");
    for (int code = 0; code < 3; code++) fprintf(out, "  %d  %s\n", code, cli_exit_codes[code]);
}

void cli_print_command_help(const char *name, FILE *out)
{
    bool first = true;
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *rest = furrow_bytes_after(cli_commands[i].name, name);
        if (!rest || (*rest && *rest != ' ')) continue;
        if (!first) fputs("\n", out);
        first = false;
        print_one(&cli_commands[i], out);
    }
}

void cli_print_help(FILE *out)
{
    fprintf(out, "%s: %s\n\nUsage: %s COMMAND …; `%s COMMAND --help` says more.\n\n", cli_self.name, cli_self.title,
            cli_self.name, cli_self.name);
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *command = &cli_commands[i];
        fprintf(out, "  %s %s%s%s\n      %s\n", cli_self.name, command->name, command->arguments[0] ? " " : "",
                command->arguments, command->summary);
    }
    fprintf(out, "\nOptions of every command\n");
    for (const cli_option_row *row = cli_common_options; row->name; row++) print_option(row, out);
    fprintf(out, "\nExit code\n");
    for (int code = 0; code < 3; code++) fprintf(out, "  %d  %s\n", code, cli_exit_codes[code]);
    fprintf(out, "\n%s\n", cli_self.environment);
}
