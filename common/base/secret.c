/*
 * See secret.h. Each purpose has a key of its own, made from the secret by keyed BLAKE2b, so that no use of one tells
 * anything that helps with another. Random nonces of 192 bits do not meet. Depends on keyfile, hash, libsodium.
 */
#include "base/secret.h"

#include "base/keyfile.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(FURROW_SECRET_OVERHEAD == NONCE + TAG, "what sealing adds");
_Static_assert(FURROW_SECRET_BYTES == FURROW_KEYFILE_BYTES, "what a key's file holds");
_Static_assert(FURROW_SECRET_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a purpose's key seals");

struct furrow_secret {
    uint8_t *bytes; /* locked memory */
};

static furrow_secret *hold(uint8_t *bytes, furrow_error *err)
{
    furrow_secret *secret = bytes ? malloc(sizeof *secret) : NULL;
    if (secret) {
        secret->bytes = bytes;
        return secret;
    }
    if (bytes) (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    sodium_free(bytes);
    return NULL;
}

furrow_secret *furrow_secret_load(const char *path, furrow_error *err)
{
    return hold(furrow_keyfile_load(path, "secret", err), err);
}

furrow_secret *furrow_secret_create(const uint8_t bytes[FURROW_SECRET_BYTES], furrow_error *err)
{
    FURROW_REQUIRE(sodium_init() >= 0);
    uint8_t *copy = sodium_malloc(FURROW_SECRET_BYTES);
    if (copy)
        memcpy(copy, bytes, FURROW_SECRET_BYTES);
    else
        (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no locked memory for a secret");
    return hold(copy, err);
}

void furrow_secret_destroy(furrow_secret *secret)
{
    if (!secret) return;
    sodium_free(secret->bytes);
    free(secret);
}

static void make_key(const furrow_secret *secret, const char *purpose, uint8_t key[FURROW_SECRET_BYTES])
{
    crypto_generichash(key, FURROW_SECRET_BYTES, (const uint8_t *)purpose, strlen(purpose), secret->bytes,
                       FURROW_SECRET_BYTES);
}

void furrow_secret_hash(const furrow_secret *secret, const char *purpose, const furrow_bytes parts[], size_t count,
                        uint8_t out[FURROW_HASH_BYTES])
{
    uint8_t key[FURROW_SECRET_BYTES];
    make_key(secret, purpose, key);
    furrow_hash_keyed(key, sizeof key, parts, count, out);
    sodium_memzero(key, sizeof key);
}

void furrow_secret_seal(const furrow_secret *secret, const char *purpose, const char *name, furrow_bytes plain,
                        uint8_t *out)
{
    uint8_t key[FURROW_SECRET_BYTES];
    make_key(secret, purpose, key);
    randombytes_buf(out, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL, plain.data, plain.len, (const uint8_t *)name,
                                               strlen(name), NULL, out, key);
    sodium_memzero(key, sizeof key);
}

bool furrow_secret_open(const furrow_secret *secret, const char *purpose, const char *name, furrow_bytes sealed,
                        uint8_t *out)
{
    uint8_t key[FURROW_SECRET_BYTES];
    const uint8_t *bytes = sealed.data;
    if (sealed.len < FURROW_SECRET_OVERHEAD) return false;
    make_key(secret, purpose, key);
    int bad = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, bytes + NONCE, sealed.len - NONCE,
                                                         (const uint8_t *)name, strlen(name), bytes, key);
    sodium_memzero(key, sizeof key);
    return bad == 0;
}
