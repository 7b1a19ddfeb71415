/** 128-bit BLAKE2b of a list of parts (libsodium). Each part is hashed with its length, so ("a","bc") != ("ab","c"). */
#ifndef FURROW_BASE_HASH_H
#define FURROW_BASE_HASH_H

#include "base/bytes.h"

#define FURROW_HASH_BYTES 16
#define FURROW_HASH_HEX   33 /* with its NUL */

void furrow_hash(const furrow_bytes parts[], size_t count, uint8_t out[FURROW_HASH_BYTES]);
/* The same with a key of 16 to 64 bytes: who does not have it cannot try what might have been hashed. */
void furrow_hash_keyed(const uint8_t *key, size_t key_len, const furrow_bytes parts[], size_t count,
                       uint8_t out[FURROW_HASH_BYTES]);
void furrow_hash_hex(const uint8_t hash[FURROW_HASH_BYTES], char out[FURROW_HASH_HEX]);

#endif
