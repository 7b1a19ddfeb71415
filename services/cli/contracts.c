/* The list of contracts, those beside the tool and what FURROW_CONTRACTS adds, and look-ups over it. */
#include "cli/contracts.h"

#include "base/id.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 256
#define FOLDER    "../lib/furrow/contracts" /* from where the program is */

const furrow_file_contract *cli_contracts[FILES_MAX];
size_t cli_contract_count;

/* A service's name is a user's, a stream's is one owner's: two that share one would share their rights. */
static const char *taken(const furrow_file_contract *file, const furrow_file_contract *by)
{
    for (size_t i = 0; i < file->service_count; i++)
        for (size_t k = 0; k < by->service_count; k++)
            if (strcmp(file->services[i]->short_name, by->services[k]->short_name) == 0)
                return file->services[i]->short_name;
    for (size_t i = 0; i < file->entity_count; i++)
        for (size_t k = 0; k < by->entity_count; k++)
            if (strcmp(file->entities[i]->stream, by->entities[k]->stream) == 0) return file->entities[i]->stream;
    return NULL;
}

/* Users, and accounts, that are there already. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {CLI_OPERATOR, CLI_INSPECTOR, CLI_CLIENT, "MESH", "OPS", "INSPECT", "SYS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static const char *reserved(const furrow_file_contract *file)
{
    for (size_t i = 0; i < file->service_count; i++)
        if (is_reserved(file->services[i]->short_name)) return file->services[i]->short_name;
    return NULL;
}

/* @known: how many there were before this object, whose own files may be versions of one contract. */
static bool add_contract_file(cli *tool, const char *path, const furrow_file_contract *file, size_t known)
{
    const char *name = reserved(file), *services[CLI_SERVICES_MAX];
    if (name) return cli_fail(tool, 2, "%s: %s: no service may be called %s", path, file->file, name), false;
    for (size_t i = 0; i < known; i++)
        if ((name = taken(file, cli_contracts[i])) != NULL)
            return cli_fail(tool, 2, "%s: %s: %s is taken by %s: call yours otherwise", path, file->file, name,
                            cli_contracts[i]->file),
                   false;
    if (cli_contract_count == FILES_MAX || cli_services(services) + file->service_count > CLI_SERVICES_MAX)
        return cli_fail(tool, 2, "%s: more than %d files or %d services", path, FILES_MAX, CLI_SERVICES_MAX), false;
    cli_contracts[cli_contract_count++] = file;
    return true;
}

/* Never closed: its tables are used to the end. */
static bool load_module(cli *tool, const char *from, const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) return cli_fail(tool, 2, "%s: %s", from, dlerror()), false;
    const int *layout = dlsym(module, FURROW_CONTRACT_LAYOUT_SYMBOL);
    const furrow_file_contract *const *files = dlsym(module, FURROW_CONTRACTS_SYMBOL);
    if (!layout || !files)
        return cli_fail(tool, 2, "%s: %s has no contracts; furrow_proto(… CONTRACTS) makes one", from, path), false;
    if (*layout != FURROW_CONTRACT_LAYOUT)
        return cli_fail(tool, 2, "%s: %s was compiled with another Furrow: compile it again", from, path), false;
    size_t known = cli_contract_count;
    bool good = true;
    for (; good && *files; files++) good = add_contract_file(tool, path, *files, known);
    return good;
}

static int is_shared_object(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

/* In the order of their names. A folder is looked into by each command anew, so no shell has to be told who came or went. */
static bool load_folder(cli *tool, const char *from, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_shared_object, alphasort);
    if (count < 0) return cli_fail(tool, 2, "%s: %s: %s", from, folder, strerror(errno)), false;
    bool good = true;
    for (int i = 0; i < count; i++) {
        static char path[CLI_PATH_MAX]; /* more than a task's stack likes; cut short it is not there, and named */
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        good = good && load_module(tool, from, path);
        free(entries[i]);
    }
    free(entries);
    return good;
}

static bool load_path(cli *tool, const char *path)
{
    struct stat at;
    if (!strchr(path, '/')) return cli_fail(tool, 2, "FURROW_CONTRACTS: %s is not a path", path), false;
    if (stat(path, &at) != 0)
        return cli_fail(tool, 2, "FURROW_CONTRACTS: %s: %s; build it, or set FURROW_CONTRACTS to what is there", path,
                        strerror(errno)),
               false;
    return S_ISDIR(at.st_mode) ? load_folder(tool, "FURROW_CONTRACTS", path)
                               : load_module(tool, "FURROW_CONTRACTS", path);
}

const furrow_setting cli_contracts_setting = {
    "FURROW_CONTRACTS",
    FURROW_SETTING_TEXT,
    0,
    "",
    0,
    0,
    "shared objects, or folders of them, with contracts of services of one's own"};

/* Of the services that were installed with the tool. One that stands alone has no such folder, and knows none. */
static bool load_installed(cli *tool)
{
    static char path[PATH_MAX + sizeof "/" FOLDER];
    /* Not of /proc/self/exe: containers and chroots may be without. */
    if (!realpath((const char *)getauxval(AT_EXECFN), path))
        return cli_fail(tool, 1, "contracts: where is this program? %s", strerror(errno)), false;
    memcpy(strrchr(path, '/'), "/" FOLDER, sizeof "/" FOLDER);
    return access(path, F_OK) != 0 || load_folder(tool, "contracts", path);
}

bool cli_contracts_load(cli *tool)
{
    if (!load_installed(tool)) return false;
    const char *set = getenv(cli_contracts_setting.name);
    char *paths = strdup(set ? set : ""), *rest = paths;
    bool good = paths != NULL;
    for (char *path; good && (path = strsep(&rest, ":"));)
        if (path[0]) good = load_path(tool, path);
    free(paths);
    return good;
}

static const ProtobufCMessageDescriptor *find_in_service(const furrow_service_contract *service, const char *name)
{
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].input->name, name) == 0) return service->methods[i].input;
        if (strcmp(service->methods[i].output->name, name) == 0) return service->methods[i].output;
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *find_in_file(const furrow_file_contract *file, const char *name)
{
    const ProtobufCMessageDescriptor *found = NULL;
    for (size_t i = 0; i < file->entity_count; i++)
        if (strcmp(file->entities[i]->descriptor->name, name) == 0) return file->entities[i]->descriptor;
    for (size_t i = 0; i < file->replica_count; i++)
        if (strcmp(file->replicas[i]->descriptor->name, name) == 0) return file->replicas[i]->descriptor;
    for (size_t i = 0; !found && i < file->service_count; i++) found = find_in_service(file->services[i], name);
    return found;
}

const ProtobufCMessageDescriptor *cli_find_message(const char *name)
{
    const ProtobufCMessageDescriptor *found = NULL;
    for (size_t i = 0; !found && i < cli_contract_count; i++) found = find_in_file(cli_contracts[i], name);
    return found;
}

const furrow_entity_contract *cli_find_entity(const char *name)
{
    const furrow_entity_contract *found = NULL;
    size_t count = 0;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            if (strcmp(entity->name, name) == 0) return entity;
            if (strcmp(entity->short_name, name) != 0) continue;
            found = entity;
            count++;
        }
    return count == 1 ? found : NULL;
}

const furrow_entity_contract *cli_find_stream(const char *stream)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++)
            if (strcmp(cli_contracts[f]->entities[i]->stream, stream) == 0) return cli_contracts[f]->entities[i];
    return NULL;
}

size_t cli_services(const char *names[CLI_SERVICES_MAX])
{
    size_t count = 0;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t s = 0; s < cli_contracts[f]->service_count && count < CLI_SERVICES_MAX; s++) {
            const char *name = cli_contracts[f]->services[s]->short_name;
            size_t known = 0;
            while (known < count && strcmp(names[known], name) != 0) known++;
            if (known == count) names[count++] = name;
        }
    return count;
}

bool cli_has_service(const char *name)
{
    const char *services[CLI_SERVICES_MAX];
    for (size_t i = cli_services(services); i > 0; i--)
        if (strcmp(name, services[i - 1]) == 0) return true;
    return false;
}

bool cli_seals(const char *service)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            if (entity->private_field && strcmp(entity->owner, service) == 0) return true;
        }
    return false;
}

void cli_key_path(char out[CLI_PATH_MAX], const char *folder, const char *user, const char *kind)
{
    snprintf(out, CLI_PATH_MAX, "%s/%s.%s", folder, user, kind);
}

bool cli_client_ok(const char *name)
{
    size_t len = strlen(name);
    if (len > CLI_CLIENT_MAX || !furrow_id_valid(name, len)) return false;
    return strcmp(name, CLI_CLIENT) == 0 || !(is_reserved(name) || cli_has_service(name));
}

bool cli_client_key(const char *file, char name[CLI_CLIENT_MAX + 1])
{
    static const char ending[] = ".nk";
    size_t len = strlen(file);
    if (len < sizeof ending || strcmp(file + len - (sizeof ending - 1), ending) != 0) return false;
    len -= sizeof ending - 1;
    if (len > CLI_CLIENT_MAX) return false;
    memcpy(name, file, len);
    name[len] = '\0';
    return cli_client_ok(name);
}
