/**
 * A server's disk, put aside and put back: what a power cut, or a restored backup, leaves. Threads: of a task on a loop,
 * whose links go on meanwhile.
 */
#ifndef FURROW_TEST_DISK_H
#define FURROW_TEST_DISK_H

#include "support/servers.h"

/* Copies the data of @server as @name; it is stopped meanwhile, and runs afterwards. */
void furrow_test_disk_save(furrow_test_server *server, const char *name);
/* The server is stopped, and its data are those of @name; it does not run afterwards. */
void furrow_test_disk_put_back(furrow_test_server *server, const char *name);

#endif
