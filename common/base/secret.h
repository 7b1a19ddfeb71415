/**
 * A service's secret: 32 bytes that nobody else has. What must be the same each time without telling what it was made
 * of (ids of claims, ids derived from idempotency keys, the fingerprint of a request) is hashed with it; what is kept
 * for a while and must not be read by others (remembered results) is sealed with it. A plain hash of a tax id is found
 * by trying all tax ids; this one is not.
 *
 * It must outlive the data: claims and created ids of another secret are not recognised.
 * Threads: any, once it is made.
 */
#ifndef FURROW_BASE_SECRET_H
#define FURROW_BASE_SECRET_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/status.h"

#define FURROW_SECRET_BYTES    32
#define FURROW_SECRET_OVERHEAD 40 /* of what is sealed: nonce and tag */

typedef struct furrow_secret furrow_secret;

/* From a file, see base/keyfile.h. NULL, FAILED_PRECONDITION says what to do. */
furrow_secret *furrow_secret_load(const char *path, furrow_error *err);
/* NULL when there is no locked memory. */
furrow_secret *furrow_secret_create(const uint8_t bytes[FURROW_SECRET_BYTES], furrow_error *err);
void furrow_secret_destroy(furrow_secret *secret);

/* As furrow_hash, keyed. Hashes of different purposes have nothing to do with each other. */
void furrow_secret_hash(const furrow_secret *secret, const char *purpose, const furrow_bytes parts[], size_t count,
                        uint8_t out[FURROW_HASH_BYTES]);

/* XChaCha20-Poly1305, bound to @purpose and @name. @out has plain.len + FURROW_SECRET_OVERHEAD bytes. */
void furrow_secret_seal(const furrow_secret *secret, const char *purpose, const char *name, furrow_bytes plain,
                        uint8_t *out);
/* False: not sealed so. @out has sealed.len - FURROW_SECRET_OVERHEAD bytes. */
bool furrow_secret_open(const furrow_secret *secret, const char *purpose, const char *name, furrow_bytes sealed,
                        uint8_t *out);

#endif
