/**
 * A key that is only its owner's, from its file into locked memory: the master key of private fields, a service's
 * secret.
 */
#ifndef FURROW_BASE_KEYFILE_H
#define FURROW_BASE_KEYFILE_H

#include "base/status.h"

#define FURROW_KEYFILE_BYTES 32

/*
 * Read-only memory that is neither swapped nor dumped, FURROW_KEYFILE_BYTES long; sodium_free ends it. The file has
 * the key raw or as 64 hex digits (and perhaps a line's end). NULL, FAILED_PRECONDITION: it cannot be read, is no
 * regular file, gives any right to group or others (a file of root's may be read by its group if we are not root), or
 * holds no key; @what ("master key") names it to people.
 */
uint8_t *furrow_keyfile_load(const char *path, const char *what, furrow_error *err);

#endif
