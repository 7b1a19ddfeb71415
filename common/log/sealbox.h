/**
 * The bytes of what is sealed: how they are framed, sealed and opened. See seal.h for whose keys and which counters.
 * Private to log. Pure but for the random nonce. Depends on libsodium.
 *
 *   box = 2, counter (64 bits, big endian), nonce, XChaCha20-Poly1305
 *         1, nonce, XChaCha20-Poly1305                                 as earlier versions made them: counter 0
 *
 * A box is bound to the subject it was sealed for, and to its counter. Random nonces of 192 bits do not meet.
 */
#ifndef FURROW_LOG_SEALBOX_H
#define FURROW_LOG_SEALBOX_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define FURROW_SEALBOX_KEY      32
#define FURROW_SEALBOX_TAG      16
#define FURROW_SEALBOX_OVERHEAD (1 + 8 + 24 + FURROW_SEALBOX_TAG)

/* The parts of what was sealed; they point into it. */
typedef struct furrow_sealbox {
    uint8_t version;
    uint64_t counter; /* what it says: authentic once it is opened */
    const uint8_t *nonce;
    furrow_bytes text; /* ciphertext and tag: FURROW_SEALBOX_TAG bytes more than what is in it */
} furrow_sealbox;

/* False: not framed so. */
bool furrow_sealbox_parse(furrow_bytes sealed, furrow_sealbox *out);

/* @out has plain.len + FURROW_SEALBOX_OVERHEAD bytes. */
void furrow_sealbox_seal(const uint8_t *key, const char *subject, uint64_t counter, furrow_bytes plain, uint8_t *out);

/* @out has box->text.len - FURROW_SEALBOX_TAG bytes. False: not sealed under @key for @subject, or damaged. */
bool furrow_sealbox_open(const uint8_t *key, const char *subject, const furrow_sealbox *box, uint8_t *out);

#endif
