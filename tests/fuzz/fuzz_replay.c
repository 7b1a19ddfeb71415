/*
 * Runs a fuzz target over the files of a corpus directory, whole and cut short at every byte, without libFuzzer.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1u << 20)
#define CUT_MAX   1024 /* longer inputs are replayed whole only */

static uint8_t input[INPUT_MAX];

/* A block of exactly @size bytes, so that a sanitizer sees a read past its end. */
static void run(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    FURROW_REQUIRE(copy);
    memcpy(copy, input, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(const char *directory, const char *name)
{
    char path[4096];

    FURROW_REQUIRE(snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    FURROW_REQUIRE(file);
    size_t size = fread(input, 1, sizeof input, file);
    fclose(file);
    for (size_t cut = size <= CUT_MAX ? 0 : size; cut <= size; cut++) run(cut);
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;

    if (!directory) {
        fprintf(stderr, "usage: %s <corpus directory>\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.') continue;
        replay(argv[1], entry->d_name);
        count++;
    }
    closedir(directory);
    printf("%u inputs replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
