/*
 * The command manual: what comes from the table of commands beside --help, as files: a man page for each command and
 * one for the program (man(7)), completions for bash and zsh (completion.c). The build runs it, and `cmake --install` installs them.
 */
#include "cli/cli.h"
#include "cli/completion.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 2048

/* Text for roff: nothing in it is a request or an escape. */
static void put_roff(FILE *out, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        begins = *text == '\n';
    }
}

static void put_option(FILE *out, const cli_option_row *row)
{
    fputs(".TP\n.B ", out);
    put_roff(out, row->name);
    if (row->value) {
        fputs(" \\fI", out);
        put_roff(out, row->value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_roff(out, row->help);
    if (row->max > 0)
        fprintf(out, " (%lld to %lld%s%s)", (long long)row->min, (long long)row->max, row->fallback ? ", default " : "",
                row->fallback ? row->fallback : "");
    else if (row->fallback && row->fallback[0])
        fprintf(out, " (default %s)", row->fallback);
    fputc('\n', out);
}

static void put_options(FILE *out, const cli_option_row *rows)
{
    for (; rows && rows->name; rows++) put_option(out, rows);
}

static void put_end(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (int code = 0; code < 3; code++) {
        fprintf(out, ".TP\n.B %d\n", code);
        put_roff(out, cli_exit_codes[code]);
        fputc('\n', out);
    }
}

static void put_page_head(FILE *out, const char *page, const char *summary)
{
    fprintf(out, ".TH \"%s\" 1 \"\" \"furrow %s\" \"Furrow\"\n.SH NAME\n", page, FURROW_VERSION);
    put_roff(out, page);
    fputs(" \\- ", out);
    put_roff(out, summary);
    fputs("\n.SH SYNOPSIS\n", out);
}

/* "furrow-deadletter-list" */
static void page_name(const cli_command *command, char out[96])
{
    snprintf(out, 96, "%s-%s", cli_self.name, command->name);
    for (char *at = out; *at; at++)
        if (*at == ' ') *at = '-';
}

static void put_command(FILE *out, const cli_command *command)
{
    char page[96];
    page_name(command, page);
    put_page_head(out, page, command->summary);
    fprintf(out, ".B %s ", cli_self.name);
    put_roff(out, command->name);
    fputc('\n', out);
    put_roff(out, command->arguments);
    fputs("\n[\\fIOPTION\\fR]\\&...\n.SH DESCRIPTION\n", out);
    put_roff(out, command->summary);
    fputs(".\n", out);
    if (command->help[0]) {
        fputs(".PP\n.nf\n", out);
        put_roff(out, command->help);
        fputs("\n.fi\n", out);
    }
    fputs(".SH OPTIONS\n", out);
    put_options(out, command->options);
    put_options(out, cli_common_options);
    put_end(out);
    fprintf(out, ".SH SEE ALSO\n.BR %s (1)\n", cli_self.name);
}

static void put_tool(FILE *out)
{
    put_page_head(out, cli_self.name, cli_self.title);
    fprintf(out, ".B %s\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR]\\&... [\\fIOPTION\\fR]\\&...\n.SH COMMANDS\n",
            cli_self.name);
    for (size_t i = 0; i < cli_command_count; i++) {
        char page[96];
        page_name(&cli_commands[i], page);
        fputs(".TP\n.BR ", out);
        put_roff(out, page);
        fputs(" (1)\n", out);
        put_roff(out, cli_commands[i].summary);
        fputc('\n', out);
    }
    fputs(".SH OPTIONS\n", out);
    put_options(out, cli_common_options);
    put_end(out);
    fputs(".SH ENVIRONMENT\n.nf\n", out);
    put_roff(out, cli_self.environment);
    fputs("\n.fi\n", out);
}

/* NULL: it cannot be written, which was printed. */
static FILE *open_page(cli *tool, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    FILE *out = NULL;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path) out = fopen(path, "we");
    if (!out) cli_fail(tool, 1, "%s/%s: %s", folder, name, strerror(errno));
    return out;
}

static void close_page(cli *tool, const char *folder, const char *name, FILE *out)
{
    bool bad = ferror(out);
    if (fclose(out) != 0 || bad) cli_fail(tool, 1, "%s/%s: could not be written", folder, name);
}

static void write_page(cli *tool, const char *folder, const char *name, void (*print)(FILE *out))
{
    FILE *out = open_page(tool, folder, name);
    if (!out) return;
    print(out);
    close_page(tool, folder, name, out);
}

static void write_command(cli *tool, const char *folder, const cli_command *command)
{
    char name[100], page[96];
    page_name(command, page);
    snprintf(name, sizeof name, "%s.1", page);
    FILE *out = open_page(tool, folder, name);
    if (!out) return;
    put_command(out, command);
    close_page(tool, folder, name, out);
}

int cli_manual(cli *tool)
{
    const char *folder = tool->argv[0];
    if (cli_flag(tool, "--dry-run"))
        return printf("%s: a man page for each of %zu commands, and completions, would be written\n", folder,
                      cli_command_count),
               0;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return cli_fail(tool, 1, "%s: %s", folder, strerror(errno));
    for (size_t i = 0; tool->exit_code == 0 && i < cli_command_count; i++)
        write_command(tool, folder, &cli_commands[i]);
    char page[64], zsh[64];
    snprintf(page, sizeof page, "%s.1", cli_self.name);
    snprintf(zsh, sizeof zsh, "_%s", cli_self.name);
    if (tool->exit_code == 0) write_page(tool, folder, page, put_tool);
    if (tool->exit_code == 0) write_page(tool, folder, cli_self.name, completion_print_bash);
    if (tool->exit_code == 0) write_page(tool, folder, zsh, completion_print_zsh);
    return tool->exit_code;
}

int cli_completion(cli *tool)
{
    bool zsh = strcmp(tool->argv[0], "zsh") == 0;
    if (!zsh && strcmp(tool->argv[0], "bash") != 0)
        return cli_fail(tool, 2, "completion: %s: use bash or zsh", tool->argv[0]);
    zsh ? completion_print_zsh(stdout) : completion_print_bash(stdout);
    return 0;
}
