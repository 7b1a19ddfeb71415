/* furrow keys: the keys of every user of the mesh, made where they are missing and never changed. */
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/rights.h"
#include "cli/text.h"

#include "link/nkey.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES      32
#define PASSWORD_BYTES 24
#define INBOX_BYTES    12
#define CLIENTS_MAX    64 /* made at a time */

static int fail_file(cli *tool, const char *path)
{
    return cli_fail(tool, 1, "%s: %s", path, strerror(errno));
}

/* A line a file that is made, for --json and --dry-run. */
static void tell_made(const cli *tool, const char *path)
{
    bool dry_run = cli_flag(tool, "--dry-run");
    if (cli_flag(tool, "--json"))
        text_json_line("made", path, dry_run);
    else if (dry_run)
        printf("%s would be made\n", path);
}

/* Creates @path with @len bytes, mode 0600; one that is there stays as it is. */
static bool make(cli *tool, const char *path, const void *data, size_t len)
{
    if (cli_flag(tool, "--dry-run")) {
        if (access(path, F_OK) != 0) tell_made(tool, path);
        return true;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return true;
    bool good = fd >= 0 && write(fd, data, len) == (ssize_t)len && fsync(fd) == 0;
    if (!good) fail_file(tool, path);
    if (fd >= 0) close(fd);
    if (!good && fd >= 0) unlink(path); /* half a key would never be made whole */
    if (good) tell_made(tool, path);
    return good;
}

static bool make_nkey(cli *tool, const char *folder, const char *user)
{
    char path[CLI_PATH_MAX], seed[FURROW_NKEY_MAX];
    cli_key_path(path, folder, user, "nk");
    furrow_nkey_make_user(seed);
    bool good = make(tool, path, seed, strlen(seed));
    sodium_memzero(seed, sizeof seed);
    return good;
}

static bool make_password(cli *tool, const char *folder, const char *user)
{
    char path[CLI_PATH_MAX], password[2 * PASSWORD_BYTES + 1];
    unsigned char random[PASSWORD_BYTES];
    cli_key_path(path, folder, user, "redis");
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(password, sizeof password, random, sizeof random);
    bool good = make(tool, path, password, strlen(password));
    sodium_memzero(password, sizeof password);
    sodium_memzero(random, sizeof random);
    return good;
}

/* The prefix of its inboxes, of which only itself and whom it asks know the last part. */
static bool make_inbox(cli *tool, const char *folder, const char *user)
{
    char path[CLI_PATH_MAX], prefix[CLI_INBOX_MAX], secret[2 * INBOX_BYTES + 1];
    unsigned char random[INBOX_BYTES];
    cli_key_path(path, folder, user, CLI_INBOX_FILE);
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(secret, sizeof secret, random, sizeof random);
    int len = snprintf(prefix, sizeof prefix, "_INBOX_%s.~%s", user, secret);
    return make(tool, path, prefix, (size_t)len);
}

static bool make_random(cli *tool, const char *folder, const char *service, const char *kind)
{
    char path[CLI_PATH_MAX];
    unsigned char key[KEY_BYTES];
    cli_key_path(path, folder, service, kind);
    randombytes_buf(key, sizeof key);
    bool good = make(tool, path, key, sizeof key);
    sodium_memzero(key, sizeof key);
    return good;
}

/* The master key of private fields, for whoever owns some. */
static bool make_seal(cli *tool, const char *folder, const char *service)
{
    return !cli_seals(service) || make_random(tool, folder, service, "seal");
}

/* A service's are two: one to answer calls, one to work on its log. */
static bool make_service(cli *tool, const char *folder, const char *service)
{
    char log[RIGHTS_NAME_MAX];
    snprintf(log, sizeof log, "%s" CLI_LOG_USER, service);
    return make_nkey(tool, folder, service) && make_nkey(tool, folder, log) && make_password(tool, folder, service) &&
           make_random(tool, folder, service, "secret") && make_seal(tool, folder, service);
}

static bool make_client(cli *tool, const char *folder, const char *user)
{
    return make_nkey(tool, folder, user) && make_inbox(tool, folder, user);
}

/* --client NAME, as often as it is given. */
static size_t take_clients(cli *tool, const char *names[CLIENTS_MAX])
{
    size_t count = 0;
    for (const char *name; !tool->exit_code && (name = cli_option_nth(tool, "--client", count)) != NULL;) {
        if (!cli_client_ok(name))
            cli_fail(
                tool, 2,
                "--client is \"%s\": use 1 to %d of A-Z a-z 0-9 _ -, and no name of a service, operator or inspector",
                name, CLI_CLIENT_MAX);
        else if (count == CLIENTS_MAX)
            cli_fail(tool, 2, "--client: at most %d at a time", CLIENTS_MAX);
        else
            names[count++] = name;
    }
    return count;
}

int cli_keys(cli *tool)
{
    static const char *const people[] = {CLI_OPERATOR, CLI_INSPECTOR, CLI_CLIENT};
    const char *services[CLI_SERVICES_MAX], *clients[CLIENTS_MAX];
    size_t count = cli_services(services), client_count = take_clients(tool, clients);
    if (tool->exit_code) return tool->exit_code;
    const char *folder = tool->argv[0];
    if (sodium_init() < 0) return cli_fail(tool, 1, "libsodium does not start");
    if (!cli_flag(tool, "--dry-run") && mkdir(folder, 0700) != 0 && errno != EEXIST) return fail_file(tool, folder);
    for (size_t i = 0; i < count && !tool->exit_code; i++) (void)make_service(tool, folder, services[i]);
    for (size_t i = 0; i < sizeof people / sizeof *people && !tool->exit_code; i++)
        (void)(make_client(tool, folder, people[i]) && make_password(tool, folder, people[i]));
    for (size_t i = 0; i < client_count && !tool->exit_code; i++) (void)make_client(tool, folder, clients[i]);
    return tool->exit_code;
}
