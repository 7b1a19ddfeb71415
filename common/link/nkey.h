/**
 * NKeys (https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth): Ed25519 keys by
 * which a client signs in without a secret on the server. The server's configuration names the public key.
 */
#ifndef FURROW_LINK_NKEY_H
#define FURROW_LINK_NKEY_H

#include "base/status.h"

#include <stdint.h>

#define FURROW_NKEY_MAX       64 /* a seed or a public key as text, with its end */
#define FURROW_NKEY_SIGNATURE 64 /* Ed25519's */

/* The public key that belongs to the seed in the file at @path. INVALID_ARGUMENT when there is no whole seed. */
furrow_status furrow_nkey_public(const char *path, char out[FURROW_NKEY_MAX], furrow_error *err) FURROW_MUST_USE;

/* Signs @text with the seed in the file at @path. INVALID_ARGUMENT when there is no whole seed. */
furrow_status furrow_nkey_sign(const char *path, const char *text, uint8_t signature[FURROW_NKEY_SIGNATURE],
                               furrow_error *err) FURROW_MUST_USE;

/* A new user's seed ("SU…"). Secret: wipe it when it has been stored. */
void furrow_nkey_make_user(char seed[FURROW_NKEY_MAX]);

#endif
