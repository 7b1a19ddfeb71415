/**
 * Users that only call: who has a key in a folder of keys and is nobody else. `furrow keys --client` makes them.
 */
#ifndef FURROW_CLI_CLIENTS_H
#define FURROW_CLI_CLIENTS_H

#include "cli/rights.h"

#define CLIENTS_MAX        256
#define CLIENTS_SECRET_MAX 256

typedef struct clients {
    rights_client all[CLIENTS_MAX]; /* their texts are ours */
    size_t count;
} clients;

/* Those with keys in @folder, and CLI_CLIENT in any case, the only one where @folder is NULL. clients_fini() frees, also
 * after false: the reason was printed. */
bool clients_find(cli *tool, const char *folder, clients *list);
void clients_fini(clients *list);

/* False: the file cannot be read, and the reason was printed, with what to do. */
bool clients_key_there(cli *tool, const char *path);
/* The first line of @path. False: the reason was printed. */
bool clients_read_secret(cli *tool, const char *path, char secret[CLIENTS_SECRET_MAX]);

#endif
