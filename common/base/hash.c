/* BLAKE2b over parts, each led by its length in eight little-endian bytes. Depends on libsodium. */
#include "base/hash.h"

#include "base/status.h"

#include <sodium.h>

void furrow_hash(const furrow_bytes parts[], size_t count, uint8_t out[FURROW_HASH_BYTES])
{
    furrow_hash_keyed(NULL, 0, parts, count, out);
}

void furrow_hash_keyed(const uint8_t *key, size_t key_len, const furrow_bytes parts[], size_t count,
                       uint8_t out[FURROW_HASH_BYTES])
{
    crypto_generichash_state state;
    FURROW_REQUIRE(sodium_init() >= 0); /* idempotent, and safe from any thread */
    crypto_generichash_init(&state, key, key_len, FURROW_HASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        uint8_t length[8];
        for (int byte = 0; byte < 8; byte++) length[byte] = (uint8_t)((uint64_t)parts[i].len >> (8 * byte));
        crypto_generichash_update(&state, length, sizeof(length));
        crypto_generichash_update(&state, parts[i].data, parts[i].len);
    }
    crypto_generichash_final(&state, out, FURROW_HASH_BYTES);
}

void furrow_hash_hex(const uint8_t hash[FURROW_HASH_BYTES], char out[FURROW_HASH_HEX])
{
    sodium_bin2hex(out, FURROW_HASH_HEX, hash, FURROW_HASH_BYTES);
}
