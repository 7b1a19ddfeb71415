/*
 * Signing in with an NKey, or with credentials (a JWT and its NKey): the server sends a nonce, we sign it. Ours instead
 * of nats.c's, since nats.c takes a signature for a text and sends nothing for one whose first byte is 0 (3.4.1 does):
 * one connection of 256 was refused. Such a signature is refused here, before anything is sent, and the next attempt
 * has another nonce. The files are read for each signature, so that they may be exchanged. May depend on: nats.c.
 */
#include "base/bytes.h"
#include "link/internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A server whose nonces are not new each time is not asked for ever; by chance not one attempt in 2^64 ends here. */
#define ATTEMPTS 8

static char *error_text(const char *text)
{
    return strdup(text); /* nats.c frees it; NULL is a failure without a text */
}

natsStatus furrow_signer_sign(char **error, unsigned char **signature, int *len, const char *nonce, void *arg)
{
    furrow_signer *signer = arg;
    furrow_error err;
    unsigned char *made = malloc(FURROW_NKEY_SIGNATURE);
    if (!made) return NATS_NO_MEMORY;
    if (furrow_nkey_sign(signer->seed_file, nonce ? nonce : "", made, &err) != FURROW_OK) {
        *error = error_text(err.text);
    } else if (made[0] == 0) {
        signer->refused = true;
        *error = error_text("a signature that the library cannot send");
    } else {
        *signature = made;
        *len = FURROW_NKEY_SIGNATURE;
        return NATS_OK;
    }
    free(made);
    return NATS_ERR;
}

/* The JWT of a credentials file, which stands between two decorated lines: the line that begins as a JWT does, with
 * '{"' in base64. */
static natsStatus read_jwt(char **jwt, char **error, void *arg)
{
    furrow_signer *signer = arg;
    char *line = NULL, text[300];
    size_t size = 0;
    FILE *file = fopen(signer->seed_file, "re");
    *jwt = NULL;
    while (file && !*jwt && getline(&line, &size, file) > 0) {
        line[strcspn(line, " \t\r\n")] = '\0';
        if (furrow_bytes_after(line, "eyJ")) *jwt = strdup(line);
    }
    if (file) fclose(file);
    if (line) sodium_memzero(line, size); /* it may have been the seed's */
    free(line);
    if (*jwt) return NATS_OK;
    snprintf(text, sizeof text, "no JWT in %s", signer->seed_file);
    *error = error_text(text);
    return NATS_ERR;
}

furrow_status furrow_signer_init(furrow_signer *signer, natsOptions *native, const furrow_link_options *options,
                                 furrow_error *err)
{
    char key[FURROW_NKEY_MAX];
    const char *path = options->credentials ? options->credentials : options->nkey_seed;
    *signer = (furrow_signer){0};
    if (!path) return FURROW_OK;
    if (!options->credentials) {
        furrow_status status = furrow_nkey_public(path, key, err);
        if (status != FURROW_OK) return status;
    }
    signer->seed_file = strdup(path);
    if (!signer->seed_file) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    natsStatus status = options->credentials ? natsOptions_SetUserCredentialsCallbacks(native, read_jwt, signer,
                                                                                       furrow_signer_sign, signer)
                                             : natsOptions_SetNKey(native, key, furrow_signer_sign, signer);
    return furrow_link_fail_native(err, status, "NATS identity");
}

void furrow_signer_fini(furrow_signer *signer)
{
    free(signer->seed_file);
    signer->seed_file = NULL;
}

natsStatus furrow_signer_connect(furrow_signer *signer, natsOptions *options, natsConnection **out)
{
    natsStatus status = NATS_ERR;
    signer->refused = true;
    for (int i = 0; i < ATTEMPTS && status != NATS_OK && signer->refused; i++) {
        signer->refused = false;
        status = natsConnection_Connect(out, options);
    }
    return status;
}
