/*
 * Runs a fuzz target without libFuzzer: over the files of a corpus directory, whole, cut short at every byte and, if
 * the target has a mutator, changed by it in a few ways that are the same each time.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX   (1u << 20)
#define CUT_MAX     1024 /* longer inputs are replayed whole only */
#define CHANGES_MAX 64   /* of one input, each made of the one before */
#define GROWTH_MAX  4096

static uint8_t input[INPUT_MAX];

#pragma weak LLVMFuzzerCustomMutator
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* What libFuzzer has: one byte changed, taken away or put in. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    size_t at = size ? (state >> 8) % size : 0;
    if (state >> 30 == 0 && size < max_size) {
        memmove(data + at + 1, data + at, size - at);
        data[at] = (uint8_t)(state >> 16);
        return size + 1;
    }
    if (state >> 30 == 1 && size > 1) {
        memmove(data + at, data + at + 1, size - at - 1);
        return size - 1;
    }
    if (size > 0) data[at] = (uint8_t)(state >> 16);
    return size;
}

/* A block of exactly @size bytes, so that a sanitizer sees a read past its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    FURROW_REQUIRE(copy);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_changed(size_t size)
{
    uint8_t *changed = malloc(size + GROWTH_MAX);

    FURROW_REQUIRE(changed);
    memcpy(changed, input, size);
    for (unsigned seed = 0; seed < CHANGES_MAX; seed++) {
        size = LLVMFuzzerCustomMutator(changed, size, size + GROWTH_MAX / CHANGES_MAX, seed);
        run(changed, size);
    }
    free(changed);
}

static void replay(const char *directory, const char *name)
{
    char path[4096];

    FURROW_REQUIRE(snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    FURROW_REQUIRE(file);
    size_t size = fread(input, 1, sizeof input, file);
    fclose(file);
    for (size_t cut = size <= CUT_MAX ? 0 : size; cut <= size; cut++) run(input, cut);
    if (LLVMFuzzerCustomMutator) run_changed(size);
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
