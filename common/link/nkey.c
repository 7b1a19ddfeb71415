/*
 * NKeys as text: a seed is base32 of a prefix of two bytes, 32 bytes of Ed25519 seed and a CRC-16 (XMODEM, little end
 * first); a public key is base32 of a prefix of one byte, 32 bytes and the CRC-16. May depend on: libsodium.
 */
#include "link/nkey.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SEED_CHARS   58
#define SEED_BYTES   36 /* 2 + 32 + 2 */
#define PUBLIC_BYTES 35 /* 1 + 32 + 2 */
#define PREFIX_SEED  (18 << 3)
#define PREFIX_USER  (20 << 3)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static uint16_t crc16(const uint8_t *data, size_t len)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)(data[i] << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static bool base32_decode(const char *text, size_t chars, uint8_t *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < chars; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at) return false;
        bits = bits << 5 | (uint32_t)(at - alphabet);
        held += 5;
        if (held >= 8) *out++ = (uint8_t)(bits >> (held -= 8));
    }
    return true;
}

static void base32_encode(const uint8_t *data, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (held += 8; held >= 5;) *out++ = alphabet[bits >> (held -= 5) & 31];
    }
    if (held > 0) *out++ = alphabet[bits << (5 - held) & 31];
    *out = '\0';
}

/* Puts the checksum into the last two of @len bytes and writes them as text. */
static void finish(uint8_t *data, size_t len, char *out)
{
    uint16_t crc = crc16(data, len - 2);
    data[len - 2] = (uint8_t)(crc & 0xff);
    data[len - 1] = (uint8_t)(crc >> 8);
    base32_encode(data, len, out);
}

/* The seed may stand in a file of its own or between the lines of a decorated one: it is the word that begins with S.
 */
static bool read_seed(const char *path, char seed[SEED_CHARS + 1])
{
    char line[256];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \t\r\n")] = '\0';
        found = line[0] == 'S' && strlen(line) == SEED_CHARS;
        if (found) memcpy(seed, line, SEED_CHARS + 1);
    }
    if (file) fclose(file);
    sodium_memzero(line, sizeof line);
    return found;
}

typedef struct key_pair {
    uint8_t kind; /* the first byte of the public key: user, account, … */
    uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
} key_pair;

/* The keys of the seed in the file at @path; wipe them after use. */
static furrow_status read_key_pair(const char *path, key_pair *pair, furrow_error *err)
{
    char seed[SEED_CHARS + 1];
    uint8_t raw[SEED_BYTES + 1];
    errno = 0;
    if (!read_seed(path, seed))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "no NKey seed in %s%s%s", path, errno ? ": " : "",
                           errno ? strerror(errno) : "");
    bool good = base32_decode(seed, SEED_CHARS, raw) && (raw[0] & 0xf8) == PREFIX_SEED &&
                crc16(raw, SEED_BYTES - 2) == (raw[SEED_BYTES - 2] | raw[SEED_BYTES - 1] << 8);
    if (good) {
        pair->kind = (uint8_t)((raw[0] & 7) << 5 | raw[1] >> 3);
        crypto_sign_seed_keypair(pair->public, pair->secret, raw + 2);
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(raw, sizeof raw);
    return good ? FURROW_OK : furrow_fail(err, FURROW_INVALID_ARGUMENT, "the NKey seed in %s is damaged", path);
}

furrow_status furrow_nkey_public(const char *path, char out[FURROW_NKEY_MAX], furrow_error *err)
{
    key_pair pair;
    uint8_t key[PUBLIC_BYTES];
    furrow_status status = read_key_pair(path, &pair, err);
    if (status == FURROW_OK) {
        key[0] = pair.kind;
        memcpy(key + 1, pair.public, sizeof pair.public);
        finish(key, PUBLIC_BYTES, out);
    }
    sodium_memzero(&pair, sizeof pair);
    return status;
}

furrow_status furrow_nkey_sign(const char *path, const char *text, uint8_t signature[FURROW_NKEY_SIGNATURE],
                               furrow_error *err)
{
    key_pair pair;
    furrow_status status = read_key_pair(path, &pair, err);
    if (status == FURROW_OK) crypto_sign_detached(signature, NULL, (const uint8_t *)text, strlen(text), pair.secret);
    sodium_memzero(&pair, sizeof pair);
    return status;
}

void furrow_nkey_make_user(char seed[FURROW_NKEY_MAX])
{
    uint8_t raw[SEED_BYTES] = {PREFIX_SEED | PREFIX_USER >> 5, (PREFIX_USER & 31) << 3};
    randombytes_buf(raw + 2, crypto_sign_SEEDBYTES);
    finish(raw, sizeof raw, seed);
    sodium_memzero(raw, sizeof raw);
}
