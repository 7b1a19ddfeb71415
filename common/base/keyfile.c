/*
 * See keyfile.h. What is checked is the open file, not the path: nobody can exchange it in between.
 * Depends on libsodium.
 */
#include "base/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_DIGITS (2 * FURROW_KEYFILE_BYTES)
#define FILE_MAX   (HEX_DIGITS + 3) /* CR, LF, and one more to see that there is more */

static furrow_status check_key_file(int fd, const char *path, const char *what, furrow_error *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s %s: %s", what, path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s %s is no regular file", what, path);
    /* Root may hand it to a group: that is how a Kubernetes secret reaches a process that is not root. */
    mode_t too_much = about.st_uid == 0 && geteuid() != 0 ? 0037 : 0077;
    if (about.st_mode & too_much)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "%s %s has mode %04o: only its owner may have rights, chmod it to 0400", what, path,
                           (unsigned)about.st_mode & 07777);
    return FURROW_OK;
}

static bool decode_key(const char *text, size_t len, uint8_t *key)
{
    if (len == FURROW_KEYFILE_BYTES) {
        memcpy(key, text, len);
        return true;
    }
    if (len == FILE_MAX) return false;
    while (len > HEX_DIGITS && (text[len - 1] == '\n' || text[len - 1] == '\r')) len--;
    size_t decoded = 0;
    return len == HEX_DIGITS && sodium_hex2bin(key, FURROW_KEYFILE_BYTES, text, len, NULL, &decoded, NULL) == 0 &&
           decoded == FURROW_KEYFILE_BYTES;
}

static furrow_status read_key_bytes(int fd, const char *path, const char *what, uint8_t *key, furrow_error *err)
{
    char text[FILE_MAX];
    size_t len = 0;
    ssize_t got;
    while ((got = read(fd, text + len, sizeof text - len)) > 0) len += (size_t)got;
    bool good = got == 0 && decode_key(text, len, key);
    sodium_memzero(text, sizeof text);
    if (good && !sodium_is_zero(key, FURROW_KEYFILE_BYTES)) return FURROW_OK;
    return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s %s holds no key: 32 bytes, or 64 hex digits", what, path);
}

static uint8_t *read_locked_key(int fd, const char *path, const char *what, furrow_error *err)
{
    if (check_key_file(fd, path, what, err) != FURROW_OK) return NULL;
    uint8_t *key = sodium_malloc(FURROW_KEYFILE_BYTES);
    if (!key) {
        (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no locked memory for the %s", what);
        return NULL;
    }
    if (read_key_bytes(fd, path, what, key, err) != FURROW_OK) {
        sodium_free(key);
        return NULL;
    }
    (void)sodium_mprotect_readonly(key);
    return key;
}

uint8_t *furrow_keyfile_load(const char *path, const char *what, furrow_error *err)
{
    FURROW_REQUIRE(sodium_init() >= 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0) {
        (void)furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s %s: %s", what, path, strerror(errno));
        return NULL;
    }
    uint8_t *key = read_locked_key(fd, path, what, err);
    close(fd);
    return key;
}
