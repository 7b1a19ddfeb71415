/*
 * See completion.h. What may follow is known from the table alone: names of commands and options, words that an option
 * chooses from, files and folders by what a value is called, services and entities of the contracts.
 */
#include "cli/completion.h"
#include "cli/cli.h"
#include "cli/contracts.h"

#include <string.h>

/* What a value or an argument called @name is. */
typedef enum completion_kind { NOTHING, FILES, FOLDERS, SERVICES, ENTITIES, WORDS } completion_kind;

static completion_kind completion_of(const char *name)
{
    if (strstr(name, "FOLDER")) return FOLDERS;
    if (strstr(name, "FILE")) return FILES;
    if (strstr(name, "SERVICE")) return SERVICES;
    if (strstr(name, "ENTITY")) return ENTITIES;
    return strchr(name, '|') && name[strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0' ? WORDS : NOTHING;
}

/* The words of @name, with blanks between. */
static void put_words(FILE *out, completion_kind kind, const char *name)
{
    const char *services[CLI_SERVICES_MAX];
    size_t count = kind == SERVICES ? cli_services(services) : 0;
    for (size_t i = 0; i < count; i++) fprintf(out, "%s%s", i ? " " : "", services[i]);
    for (size_t f = 0; kind == ENTITIES && f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++)
            fprintf(out, "%s%s", f || i ? " " : "", cli_contracts[f]->entities[i]->name);
    for (const char *at = name; kind == WORDS && *at; at++) fputc(*at == '|' ? ' ' : *at, out);
}

static size_t group_len(const cli_command *command)
{
    return strcspn(command->name, " ");
}

/* Is @at the first command of its first word? */
static bool is_first(size_t at)
{
    size_t len = group_len(&cli_commands[at]);
    return at == 0 || !furrow_bytes_equal((furrow_bytes){cli_commands[at].name, len},
                                          (furrow_bytes){cli_commands[at - 1].name, group_len(&cli_commands[at - 1])});
}

/* ---- bash ---- */

static void put_bash_reply(FILE *out, completion_kind kind, const char *name)
{
    if (kind == FILES || kind == FOLDERS) {
        fprintf(out, "COMPREPLY=($(compgen -%c -- \"$cur\"))", kind == FILES ? 'f' : 'd');
    } else if (kind == NOTHING) {
        fputs("COMPREPLY=()", out);
    } else {
        fputs("COMPREPLY=($(compgen -W '", out);
        put_words(out, kind, name);
        fputs("' -- \"$cur\"))", out);
    }
}

static void put_bash_commands(FILE *out)
{
    fputs("    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; i < cli_command_count; i++)
        if (is_first(i)) fprintf(out, "%.*s ", (int)group_len(&cli_commands[i]), cli_commands[i].name);
    fputs("help --help --version' -- \"$cur\"))\n        return\n    fi\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t len = group_len(&cli_commands[i]);
        const char *second = cli_commands[i].name + len;
        if (!*second) continue;
        if (is_first(i))
            fprintf(out,
                    "    if [[ $command == %.*s ]]; then\n"
                    "        if ((COMP_CWORD == 2)); then\n            COMPREPLY=($(compgen -W '",
                    (int)len, cli_commands[i].name);
        fputs(second + (is_first(i) ? 1 : 0), out);
        if (i + 1 == cli_command_count || is_first(i + 1))
            fputs("' -- \"$cur\"))\n            return\n        fi\n        command=\"$command ${COMP_WORDS[2]}\"\n    "
                  "fi\n",
                  out);
    }
}

static void put_bash_values(FILE *out)
{
    fputs("    case \"$command $prev\" in\n", out);
    for (size_t i = 0; i < cli_command_count; i++)
        for (const cli_option_row *row = cli_commands[i].options; row && row->name; row++) {
            if (!row->value) continue;
            fprintf(out, "    '%s %s') ", cli_commands[i].name, row->name);
            put_bash_reply(out, completion_of(row->value), row->value);
            fputs("; return ;;\n", out);
        }
    fputs("    esac\n", out);
}

static void put_bash_options(FILE *out)
{
    fputs("    case $command in\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, "    '%s')\n        if [[ $cur == -* ]]; then\n            COMPREPLY=($(compgen -W '",
                cli_commands[i].name);
        for (const cli_option_row *row = cli_commands[i].options; row && row->name; row++)
            fprintf(out, "%s ", row->name);
        fputs("--help --version' -- \"$cur\"))\n        else\n            ", out);
        put_bash_reply(out, completion_of(cli_commands[i].arguments), cli_commands[i].arguments);
        fputs("\n        fi\n        ;;\n", out);
    }
    fputs("    esac\n", out);
}

void completion_print_bash(FILE *out)
{
    fprintf(out,
            "# bash completion of %s; made by `%s completion bash`\n_%s() {\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
            "    COMPREPLY=()\n",
            cli_self.name, cli_self.name, cli_self.name);
    put_bash_commands(out);
    put_bash_values(out);
    put_bash_options(out);
    fprintf(out, "}\ncomplete -F _%s %s\n", cli_self.name, cli_self.name);
}

/* ---- zsh ---- */

/* Text inside of single quotes, in which @special, too, mean something. */
static void put_zsh_text(FILE *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text)) fputc('\\', out);
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void put_zsh_action(FILE *out, completion_kind kind, const char *name)
{
    if (kind == FILES || kind == FOLDERS) {
        fputs(kind == FILES ? "_files" : "_files -/", out);
    } else if (kind == NOTHING) {
        fputc(' ', out);
    } else {
        fputc('(', out);
        put_words(out, kind, name);
        fputc(')', out);
    }
}

static void put_zsh_options(FILE *out, const cli_option_row *rows)
{
    for (; rows && rows->name; rows++) {
        fprintf(out, " '%s%s[", rows->many ? "*" : "", rows->name);
        put_zsh_text(out, rows->help, "[]\\");
        fputc(']', out);
        if (rows->value) {
            fputc(':', out);
            put_zsh_text(out, rows->value, ":[]\\");
            fputc(':', out);
            put_zsh_action(out, completion_of(rows->value), rows->value);
        }
        fputc('\'', out);
    }
}

static void put_zsh_command(FILE *out, const cli_command *command)
{
    fprintf(out, "        '%s')\n            _arguments", command->name);
    put_zsh_options(out, command->options);
    put_zsh_options(out, cli_common_options);
    if (command->most > 0) {
        fputs(" '*:argument:", out);
        put_zsh_action(out, completion_of(command->arguments), command->arguments);
        fputc('\'', out);
    }
    fputs("\n            ;;\n", out);
}

/* The first words, or the second ones of a group, each with what it does. */
static void put_zsh_names(FILE *out, const char *group)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t len = group_len(&cli_commands[i]);
        bool of_group =
            group && cli_commands[i].name[len] && furrow_bytes_is((furrow_bytes){cli_commands[i].name, len}, group);
        if (group ? !of_group : !is_first(i)) continue;
        fputs(" '", out);
        fprintf(out, "%.*s", group ? (int)strlen(cli_commands[i].name + len + 1) : (int)len,
                cli_commands[i].name + (group ? len + 1 : 0));
        fputc(':', out);
        put_zsh_text(out, cli_commands[i].summary, ":\\");
        fputc('\'', out);
    }
}

void completion_print_zsh(FILE *out)
{
    fprintf(out,
            "#compdef %s\n# made by `%s completion zsh`\n_%s() {\n"
            "    local -a names\n    local command=$words[2] at=2\n"
            "    if ((CURRENT == 2)); then\n        names=(",
            cli_self.name, cli_self.name, cli_self.name);
    put_zsh_names(out, NULL);
    fputs(" )\n        _describe command names\n        return\n    fi\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t len = group_len(&cli_commands[i]);
        char group[64];
        if (!cli_commands[i].name[len] || !is_first(i)) continue;
        snprintf(group, sizeof group, "%.*s", (int)len, cli_commands[i].name);
        fprintf(out, "    if [[ $command == %s ]]; then\n        if ((CURRENT == 3)); then\n            names=(",
                group);
        put_zsh_names(out, group);
        fputs(" )\n            _describe command names\n            return\n        fi\n"
              "        command=\"$command $words[3]\" at=3\n    fi\n",
              out);
    }
    fprintf(out, "    words=(%s \"${(@)words[at + 1,-1]}\")\n    ((CURRENT -= at - 1))\n    case $command in\n",
            cli_self.name);
    for (size_t i = 0; i < cli_command_count; i++) put_zsh_command(out, &cli_commands[i]);
    fprintf(out, "    esac\n}\n_%s \"$@\"\n", cli_self.name);
}
