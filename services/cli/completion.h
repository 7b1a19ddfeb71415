/** Completions of the tool for shells, from its table of commands. */
#ifndef FURROW_CLI_COMPLETION_H
#define FURROW_CLI_COMPLETION_H

#include <stdio.h>

/* A script that bash reads (complete -F), or has in its folder of completions as "furrow". */
void completion_print_bash(FILE *out);
/* A function for zsh's $fpath, as "_furrow". */
void completion_print_zsh(FILE *out);

#endif
