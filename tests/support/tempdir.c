/*
 * Temporary directories: a list of what this process made, removed by one atexit handler. A fork inherits the list and
 * the handler, so each entry carries the pid of its maker. May depend on: the C library.
 */
#include "support/tempdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct tempdir {
    struct tempdir *next;
    pid_t maker;
    char path[80]; /* short: a unix socket's path lies below it and may have 107 bytes */
} tempdir;

static tempdir *made;

static _Noreturn void give_up(const char *what, const char *path)
{
    perror("test support");
    fprintf(stderr, "test support: cannot %s %s\n", what, path);
    abort();
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

static void remove_all(void)
{
    for (tempdir *dir = made; dir; dir = dir->next)
        if (dir->maker == getpid()) nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *furrow_test_tempdir(void)
{
    tempdir *dir = calloc(1, sizeof *dir);
    const char *root = getenv("TMPDIR");
    if (!dir) give_up("allocate", "a directory");
    if (!root || strlen(root) > 40) root = "/tmp";
    snprintf(dir->path, sizeof dir->path, "%s/furrow-test-XXXXXX", root);
    if (!mkdtemp(dir->path)) give_up("make", dir->path);
    if (!made) atexit(remove_all);
    dir->maker = getpid();
    dir->next = made;
    made = dir;
    return dir->path;
}

char *furrow_test_read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t len = 0;
    FILE *into = open_memstream(&text, &len);
    if (!into) give_up("read", path);
    char block[4096];
    size_t n;
    while (file && (n = fread(block, 1, sizeof block, file)) > 0) fwrite(block, 1, n, into);
    if (file) fclose(file);
    fclose(into);
    return text;
}

void furrow_test_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) give_up("write", path);
}
