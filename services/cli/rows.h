/**
 * How tables of commands and options are written (options.h): a macro for each kind of option, and the options that say
 * the same in every program. For the files that have such a table alone.
 */
#ifndef FURROW_CLI_ROWS_H
#define FURROW_CLI_ROWS_H

#include "cli/options.h"

#define ROWS(...)                                                                                                      \
    (const cli_option_row[])                                                                                           \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            .name = NULL                                                                                               \
        }                                                                                                              \
    }
#define FLAG(flag, text)                                                                                               \
    {                                                                                                                  \
        .name = flag, .help = text                                                                                     \
    }
#define TEXT(option, called, text)                                                                                     \
    {                                                                                                                  \
        .name = option, .value = called, .help = text                                                                  \
    }
#define NUMBER(option, called, usual, least, greatest, text)                                                           \
    {                                                                                                                  \
        .name = option, .value = called, .fallback = usual, .min = least, .max = greatest, .help = text                \
    }
#define MANY(option, called, text)                                                                                     \
    {                                                                                                                  \
        .name = option, .value = called, .many = true, .help = text                                                    \
    }
#define CHOICE(option, words, usual, text)                                                                             \
    {                                                                                                                  \
        .name = option, .value = words, .fallback = usual, .help = text                                                \
    }

#define JSON    FLAG("--json", "for programs: JSON, an object a line")
#define DRY_RUN FLAG("--dry-run", "say what would be done, and do nothing")

/* The commands that every program has. */
#define COMPLETION(program)                                                                                            \
    {                                                                                                                  \
        .name = "completion", .arguments = "bash|zsh", .least = 1, .most = 1,                                          \
        .summary = "Print the completions of a shell",                                                                 \
        .help = "source <(" program " completion bash); for zsh a file _" program                                      \
                " in $fpath. `cmake --install` installs both.",                                                        \
        .run = cli_completion                                                                                          \
    }
#define MANUAL                                                                                                         \
    {                                                                                                                  \
        .name = "manual", .arguments = "FOLDER", .least = 1, .most = 1,                                                \
        .summary = "Write the man pages and completions into a folder",                                                \
        .help = "A page for each command, all from the table that --help is from.", .options = ROWS(DRY_RUN),          \
        .run = cli_manual                                                                                              \
    }

/* Where every program finds its servers. */
#define CLI_ENVIRONMENT                                                                                                \
    "Finds NATS, and as whom, by the first that says it:\n"                                                            \
    "  FURROW_NATS_URL, FURROW_NATS_NKEY, … (a service's --settings lists them all, and FURROW_REDIS_…)\n"         \
    "  NATS_URL, NATS_NKEY, NATS_CREDS, NATS_USER, NATS_PASSWORD, NATS_CA, NATS_CERT, NATS_KEY\n"                      \
    "  NATS_CONTEXT, a context of the nats CLI; without any of the above, the selected context\n"                      \
    "  nats://127.0.0.1:4222\n"                                                                                        \
    "The user of the key NAME.nk has the inbox that NAME.inbox beside it says, else _INBOX_NAME.\n"

#endif
