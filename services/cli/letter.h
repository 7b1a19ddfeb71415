/**
 * Dead letters as the tool sees them: read from the accounts of services, chosen by what they are about. A letter is
 * called "<service>/<sequence in its DEADLETTER stream>".
 */
#ifndef FURROW_CLI_LETTER_H
#define FURROW_CLI_LETTER_H

#include "cli/cli.h"
#include "link/jetstream.h"

typedef struct letter {
    const char *service;
    uint64_t at; /* its sequence */
    int64_t time_ns;
    const char *stream, *subject, *entity, *id; /* of the event; "" where the letter does not say */
    const char *kind, *sequence, *reason;
    const furrow_header *headers; /* all */
    size_t header_count;
} letter;

/* Which letters are meant; NULL: any. */
typedef struct letter_choice {
    const char *service, *entity, *id;
    bool single; /* all services are in one account */
} letter_choice;

/* All that @choice means, by service and age, in @arena. Services that cannot be asked are reported, which sets the exit
 * code, and left out. */
void letter_find(cli *tool, const letter_choice *choice, furrow_arena *arena, letter **out, size_t *count);

/* The one called @name. NOT_FOUND: it is not there any more; INVALID_ARGUMENT: there never was one, or it is no name. */
furrow_status letter_get(cli *tool, const char *name, bool single, furrow_arena *arena, letter *out,
                         furrow_error *err) FURROW_MUST_USE;

/* From now on the tool's questions about @stream go to the account of @service. */
furrow_status letter_turn_to(cli *tool, bool single, const char *stream, const char *service,
                             furrow_error *err) FURROW_MUST_USE;

#endif
