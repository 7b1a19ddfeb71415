/* See disk.h. */
#include "support/disk.h"

#include "support/process.h"

#include <check.h>

#define OTHERS "find \"$1\" -mindepth 1 -maxdepth 1 ! -name 'aside-*' -exec "

/* Copies lie within the data's own directory, which goes with the test. */
static void run(const char *script, const furrow_test_server *server, const char *name)
{
    const char *argv[] = {"sh", "-ec", script, "sh", furrow_test_server_dir(server), name, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 30000, NULL), 0);
}

void furrow_test_disk_save(furrow_test_server *server, const char *name)
{
    furrow_test_server_stop(server);
    run("rm -rf \"$1/aside-$2\"; mkdir \"$1/aside-$2\"; " OTHERS "cp -a {} \"$1/aside-$2/\" \\;", server, name);
    furrow_test_server_restart(server);
}

void furrow_test_disk_put_back(furrow_test_server *server, const char *name)
{
    furrow_test_server_kill(server);
    run(OTHERS "rm -rf {} +; cp -a \"$1/aside-$2/.\" \"$1/\"", server, name);
}
