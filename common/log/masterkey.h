/**
 * The owner's master key, from its file into locked memory. Private to log.
 */
#ifndef FURROW_LOG_MASTERKEY_H
#define FURROW_LOG_MASTERKEY_H

#include "base/status.h"

#define FURROW_MASTERKEY_BYTES 32

/*
 * Read-only memory that is neither swapped nor dumped, FURROW_MASTERKEY_BYTES long; sodium_free ends it. The file has
 * the key raw or as 64 hex digits (and perhaps a line's end). NULL, FAILED_PRECONDITION: it cannot be read, is no
 * regular file, gives any right to group or others (a file of root's may be read by its group if we are not root), or
 * holds no key.
 */
uint8_t *furrow_masterkey_load(const char *path, furrow_error *err);

#endif
