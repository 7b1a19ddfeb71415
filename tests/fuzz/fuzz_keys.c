/*
 * Files that hold keys: NKey seeds and master keys. Properties: whatever a file holds, it is a whole key or an error; a
 * key in hex and the same key in bytes are one; a file that holds more than a key holds none.
 */
#include "fuzz.h"

#include "link/nkey.h"
#include "base/keyfile.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int file = -1;
static char path[64];

/* One file for all inputs, which no disk has. */
static void fill_file(const uint8_t *data, size_t size)
{
    if (file < 0) {
        file = memfd_create("key", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        FURROW_REQUIRE(file >= 0 && fchmod(file, 0600) == 0);
    }
    FURROW_REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

/* An NKey's public part: 56 letters of base32, the first of which says whose key it is. */
static void check_nkey(void)
{
    char text[FURROW_NKEY_MAX];
    furrow_error err = {0};
    furrow_status status = furrow_nkey_public(path, text, &err);
    FURROW_REQUIRE(status == FURROW_OK || (status == FURROW_INVALID_ARGUMENT && err.text[0]));
    if (status == FURROW_OK)
        FURROW_REQUIRE(strlen(text) == 56 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == 56);
}

static bool rest_is_line_end(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != '\r' && data[i] != '\n') return false;
    return true;
}

static void check_keyfile(const uint8_t *data, size_t size)
{
    char hex[2 * FURROW_KEYFILE_BYTES + 1];
    uint8_t *key = furrow_keyfile_load(path, "key", NULL);
    if (!key) return;
    sodium_bin2hex(hex, sizeof hex, key, FURROW_KEYFILE_BYTES);
    if (size == FURROW_KEYFILE_BYTES)
        FURROW_REQUIRE(memcmp(key, data, size) == 0);
    else
        FURROW_REQUIRE(size >= sizeof hex - 1 && strncasecmp((const char *)data, hex, sizeof hex - 1) == 0 &&
                       rest_is_line_end(data + sizeof hex - 1, size - (sizeof hex - 1)));
    FURROW_REQUIRE(!sodium_is_zero(key, FURROW_KEYFILE_BYTES));
    sodium_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fill_file(data, size);
    check_nkey();
    check_keyfile(data, size);
    return 0;
}
