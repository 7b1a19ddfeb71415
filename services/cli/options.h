/**
 * A program's commands and their options: one table (commands.c, of the tool and of the farm's program), from which
 * come what is accepted, --help, the man pages and the completions. Everything is checked before a command begins: an
 * option that the table does not have, one that is given twice, a value that is missing or wrong, an argument too many
 * or too few are wrong usage, exit code 2.
 *
 * "--name VALUE" and "--name=VALUE" are the same; "--" ends the options; "-" by itself is an argument. --help and
 * --version, wherever they stand before "--", win: nothing is done.
 */
#ifndef FURROW_CLI_OPTIONS_H
#define FURROW_CLI_OPTIONS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdbool.h>

#define CLI_MANY      INT_MAX
#define CLI_GIVEN_MAX 128 /* options in one call of the tool */

typedef struct cli cli;

typedef struct cli_option_row {
    const char *name;     /* "--wait"; the end of a list: NULL */
    const char *value;    /* what help calls its value: "SECONDS"; "a|b|c": one of these; NULL: it has none */
    const char *fallback; /* NULL: none */
    int64_t min, max;     /* max > 0: a number from @min to @max */
    bool many;            /* may be given more than once */
    const char *help;
} cli_option_row;

typedef struct cli_command {
    const char *name;      /* "health"; of a group "deadletter list" */
    const char *arguments; /* as help writes them: "[SERVICE…]" */
    int least, most;       /* of them */
    const char *summary;   /* half a line */
    const char *help;      /* more, for `furrow NAME --help`; "": nothing more. Wraps at 110 columns */
    const cli_option_row *options;
    int (*run)(cli *tool); /* returns the exit code */
} cli_command;

/* An option as it was given. */
typedef struct cli_given {
    const cli_option_row *row;
    const char *value; /* "" for one that has none */
} cli_given;

/* The program that this is linked into, and its table: each program has its own. */
typedef struct cli_program {
    const char *name, *title; /* "furrow", "the tool of the Furrow mesh" */
    const char *environment;  /* where it finds its servers, in lines */
    bool contracts;           /* it works on contracts: those of FURROW_CONTRACTS are loaded */
} cli_program;

extern const cli_program cli_self;
extern const cli_command cli_commands[];
extern const size_t cli_command_count;
/* What every command takes; --help and --version. */
extern const cli_option_row cli_common_options[];
extern const char *const cli_exit_codes[3];

/* The command that @argv begins with, and how many words its name has; NULL: none. */
const cli_command *cli_find_command(int argc, char **argv, int *words);
/* Is @name the first word of commands with two? */
bool cli_is_group(const char *name);

/* Takes the options out of tool->argv, by tool->command. False: the reason and how the command is used were printed, and
 * exit_code is set. */
bool cli_parse(cli *tool);

/* ---- for commands: what was given. Each name must be in the command's table ---- */

/* The value of "--name", or the table's fallback. */
const char *cli_option(const cli *tool, const char *name);
/* The value of the @nth "--name"; NULL: there are not so many. */
const char *cli_option_nth(const cli *tool, const char *name, size_t nth);
bool cli_flag(const cli *tool, const char *name);
int64_t cli_number(const cli *tool, const char *name);

/* Narrows what the table allows, where it depends on the options. False: what is wrong was printed, and exit_code is 2. */
bool cli_arguments(cli *tool, int least, int most);

/* ---- help.c ---- */

/* "PROGRAM NAME ARGUMENTS [OPTIONS]", in one line. */
void cli_print_usage(const cli_command *command, FILE *out);
void cli_print_help(FILE *out);
/* Of the command, or of all of the group, called @name. */
void cli_print_command_help(const char *name, FILE *out);

#endif
