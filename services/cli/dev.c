/*
 * furrow dev: services of one's own in the local mesh. What they do is the mesh's own script, .run/join, which
 * config/dev/up made: it knows where all of the mesh is, and up takes the same steps. We become that script, so that
 * Ctrl-C and exit codes are its own.
 */
#include "cli/cli.h"
#include "cli/contracts.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A Furrow that lies where CMake does not look by itself: PREFIX/bin/furrow, beside PREFIX/bin/protoc-gen-furrow. */
static void tell_prefix(void)
{
    static char path[CLI_PATH_MAX], plugin[CLI_PATH_MAX + sizeof "/bin/protoc-gen-furrow"];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len < 0) return;
    path[len] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');
        if (!slash) return;
        *slash = '\0';
    }
    snprintf(plugin, sizeof plugin, "%s/bin/protoc-gen-furrow", path);
    if (access(plugin, X_OK) == 0) setenv("FURROW_DEV_PREFIX", path, 1);
}

/* Returns only when it cannot be. */
static int become_join(cli *tool, const char *const arguments[])
{
    const char *mesh = getenv("FURROW_DEV");
    static char path[CLI_PATH_MAX]; /* more than a task's stack likes */
    const char *argv[6] = {path};
    if (!mesh || !mesh[0])
        return cli_fail(tool, 1,
                        "no local mesh is known here: config/dev/up starts one, and its .run/env, read into this "
                        "shell, says where it is");
    if (snprintf(path, sizeof path, "%s/join", mesh) >= (int)sizeof path)
        return cli_fail(tool, 1, "FURROW_DEV is longer than a path can be");
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    tell_prefix();
    signal(SIGPIPE, SIG_DFL); /* a program that we become inherits what is ignored */
    execv(path, (char *const *)argv);
    return cli_fail(tool, 1, "%s: %s: FURROW_DEV is to be the folder of a mesh that config/dev/up started", path,
                    strerror(errno));
}

int cli_dev_run(cli *tool)
{
    const char *arguments[5] = {"run"};
    size_t count = 1;
    if (cli_flag(tool, "--detach")) arguments[count++] = "--detach";
    if (cli_flag(tool, "--accept")) arguments[count++] = "--accept";
    arguments[count] = tool->argv[0];
    return become_join(tool, arguments);
}

int cli_dev_leave(cli *tool)
{
    return become_join(tool, (const char *const[]){"leave", tool->argv[0], NULL});
}

int cli_dev_list(cli *tool)
{
    return become_join(tool, (const char *const[]){"list", NULL});
}
