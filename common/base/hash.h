/** 128-bit BLAKE2b of a list of parts (libsodium). Each part is hashed with its length, so ("a","bc") != ("ab","c"). */
#ifndef FURROW_BASE_HASH_H
#define FURROW_BASE_HASH_H

#include "base/bytes.h"

#define FURROW_HASH_BYTES 16
#define FURROW_HASH_HEX   33 /* with its NUL */

void furrow_hash(const furrow_bytes parts[], size_t count, uint8_t out[FURROW_HASH_BYTES]);
void furrow_hash_hex(const uint8_t hash[FURROW_HASH_BYTES], char out[FURROW_HASH_HEX]);

#endif
