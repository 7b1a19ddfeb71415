/* See clients.h. */
#include "cli/clients.h"

#include "base/id.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_KEY "log.nk" /* what of a service lies beside its key, and of no client */

/* What errno says of @path, and what to do where nothing is there. */
static bool unreadable(cli *tool, const char *path)
{
    cli_fail(tool, 1, "%s: %s%s", path, strerror(errno), errno == ENOENT ? ": `furrow keys` makes it" : "");
    return false;
}

bool clients_key_there(cli *tool, const char *path)
{
    return access(path, R_OK) == 0 || unreadable(tool, path);
}

bool clients_read_secret(cli *tool, const char *path, char secret[CLIENTS_SECRET_MAX])
{
    FILE *file = fopen(path, "re");
    if (!file) return unreadable(tool, path);
    bool good = fgets(secret, CLIENTS_SECRET_MAX, file);
    if (!good) cli_fail(tool, 1, "%s: is empty", path);
    if (good) secret[strcspn(secret, "\r\n")] = '\0';
    fclose(file);
    return good;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rights_client *)a)->name, ((const rights_client *)b)->name);
}

static void note_client(clients *list, const char *name)
{
    FURROW_REQUIRE((list->all[list->count++].name = strdup(name)) != NULL);
}

void clients_fini(clients *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->all[i].name);
        free((char *)(uintptr_t)list->all[i].inbox);
    }
}

/* Its prefix is as `furrow keys` makes it: a file by hand must not let it hear what is another's. */
static bool read_client_inbox(cli *tool, const char *folder, rights_client *client)
{
    char path[CLI_PATH_MAX], text[CLIENTS_SECRET_MAX], expected[CLI_INBOX_MAX];
    cli_key_path(path, folder, client->name, "nk");
    if (access(path, F_OK) != 0) return true; /* without a key it is no user: that is told below */
    cli_key_path(path, folder, client->name, LOG_KEY);
    if (access(path, F_OK) == 0)
        return cli_fail(tool, 1,
                        "%s: %s is a service whose contract is not known here, and would be locked out: name it in "
                        "FURROW_CONTRACTS, or, when there is no such service any more, move its keys away",
                        path, client->name),
               false;
    cli_key_path(path, folder, client->name, CLI_INBOX_FILE);
    if (!clients_read_secret(tool, path, text)) return false;
    int len = snprintf(expected, sizeof expected, "_INBOX_%s.~", client->name);
    const char *secret = furrow_bytes_after(text, expected);
    if (!secret || !furrow_id_valid(secret, strlen(secret)) || (size_t)len + strlen(secret) >= CLI_INBOX_MAX)
        return cli_fail(tool, 1, "%s: must be %s and a secret of A-Z, a-z, 0-9, '_' and '-'", path, expected), false;
    FURROW_REQUIRE((client->inbox = strdup(text)) != NULL);
    return true;
}

bool clients_find(cli *tool, const char *folder, clients *list)
{
    note_client(list, CLI_CLIENT);
    DIR *files = folder ? opendir(folder) : NULL;
    if (folder && !files) return unreadable(tool, folder);
    bool room = true;
    for (struct dirent *entry; files && room && (entry = readdir(files)) != NULL;) {
        char name[CLI_CLIENT_MAX + 1];
        if (!cli_client_key(entry->d_name, name) || strcmp(name, CLI_CLIENT) == 0) continue;
        room = list->count < CLIENTS_MAX;
        if (room) note_client(list, name);
    }
    if (files) closedir(files);
    qsort(list->all, list->count, sizeof list->all[0], by_name); /* the same file from the same folder */
    if (!room) return cli_fail(tool, 1, "%s: keys of more than %d clients", folder, CLIENTS_MAX), false;
    for (size_t i = 0; folder && i < list->count; i++)
        if (!read_client_inbox(tool, folder, &list->all[i])) return false;
    return true;
}
