/**
 * Hashes: 128-bit BLAKE2b of a list of parts (libsodium; each is hashed with its length, so ("a","bc") != ("ab","c")),
 * and a quick one for tables in memory.
 */
#ifndef FURROW_BASE_HASH_H
#define FURROW_BASE_HASH_H

#include "base/bytes.h"

#define FURROW_HASH_BYTES 16
#define FURROW_HASH_HEX   33 /* with its NUL */

void furrow_hash(const furrow_bytes parts[], size_t count, uint8_t out[FURROW_HASH_BYTES]);
/* The same with a key of 16 to 64 bytes: who does not have it cannot try what might have been hashed. */
void furrow_hash_keyed(const uint8_t *key, size_t key_len, const furrow_bytes parts[], size_t count,
                       uint8_t out[FURROW_HASH_BYTES]);
/* FNV-1a of 64 bits, for tables in memory: quick, and whoever chooses what is hashed can make it collide. Goes on from
 * @hash, FURROW_HASH_QUICK at first. */
#define FURROW_HASH_QUICK 14695981039346656037u
static inline uint64_t furrow_hash_quick(uint64_t hash, furrow_bytes bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

void furrow_hash_hex(const uint8_t hash[FURROW_HASH_BYTES], char out[FURROW_HASH_HEX]);

#endif
