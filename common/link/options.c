/*
 * furrow_link_options as natsOptions, for the link and for the provisioner, and nats.c's failures in our words.
 * May depend on: nats.c.
 */
#include "link/internal.h"

#include "base/settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVERS_MAX 32

const char *furrow_link_native_text(natsStatus status)
{
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);
    if (!text || !text[0] || last != status) return natsStatus_GetText(status);
    /* "(conn.c:1234): what happened": the position says nothing to our users. */
    const char *end = text[0] == '(' ? strstr(text, "): ") : NULL;
    return end ? end + 3 : text;
}

furrow_status furrow_link_fail_native(furrow_error *err, natsStatus status, const char *doing)
{
    static const struct {
        natsStatus native;
        furrow_status ours;
    } known[] = {
        {NATS_OK, FURROW_OK},
        {NATS_TIMEOUT, FURROW_DEADLINE_EXCEEDED},
        {NATS_CONNECTION_AUTH_FAILED, FURROW_UNAUTHENTICATED},
        {NATS_NOT_PERMITTED, FURROW_PERMISSION_DENIED},
        {NATS_NO_MEMORY, FURROW_RESOURCE_EXHAUSTED},
        {NATS_INVALID_ARG, FURROW_INVALID_ARGUMENT},
        {NATS_NOT_FOUND, FURROW_NOT_FOUND},
        {NATS_NO_SERVER, FURROW_UNAVAILABLE},
        {NATS_NO_RESPONDERS, FURROW_UNAVAILABLE},
        {NATS_CONNECTION_CLOSED, FURROW_UNAVAILABLE},
        {NATS_IO_ERROR, FURROW_UNAVAILABLE},
    };
    furrow_status ours = FURROW_UNKNOWN;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].native == status) ours = known[i].ours;
    return ours == FURROW_OK ? ours : furrow_fail(err, ours, "%s: %s", doing, furrow_link_native_text(status));
}

/* "a,b,c" to nats.c's list. */
static natsStatus set_servers(natsOptions *native, const char *url)
{
    const char *servers[SERVERS_MAX];
    int count = 0;
    char *copy = strdup(url ? url : "nats://127.0.0.1:4222"), *rest = NULL;
    if (!copy) return NATS_NO_MEMORY;
    for (char *one = strtok_r(copy, ", ", &rest); one && count < SERVERS_MAX; one = strtok_r(NULL, ", ", &rest))
        servers[count++] = one;
    natsStatus status = natsOptions_SetServers(native, servers, count);
    free(copy);
    return status;
}

static furrow_status set_identity(natsOptions *native, const furrow_link_options *options, furrow_signer *signer,
                                  furrow_error *err)
{
    char secret[FURROW_SETTING_SECRET_MAX];
    furrow_status status = furrow_signer_init(signer, native, options, err);
    if (status != FURROW_OK || !options->user) return status;
    if (options->password_file) {
        status = furrow_settings_read_secret("the NATS password's file", options->password_file, secret, err);
        if (status != FURROW_OK) return status;
    }
    status = furrow_link_fail_native(
        err, natsOptions_SetUserInfo(native, options->user, options->password_file ? secret : options->password),
        "NATS identity");
    sodium_memzero(secret, sizeof secret);
    return status;
}

static furrow_status set_tls(natsOptions *native, const furrow_link_options *options, furrow_error *err)
{
    furrow_status checked = furrow_tls_check(options, err);
    if (checked != FURROW_OK || !options->tls_ca) return checked;
    natsStatus status = natsOptions_SetSecure(native, true);
    if (status == NATS_OK) status = natsOptions_LoadCATrustedCertificates(native, options->tls_ca);
    if (status == NATS_OK && options->tls_cert)
        status = natsOptions_LoadCertificatesChain(native, options->tls_cert, options->tls_key);
    return furrow_link_fail_native(err, status, "TLS for NATS");
}

static natsStatus set_behaviour(natsOptions *native, const furrow_link_options *options)
{
    natsStatus status = set_servers(native, options->url);
    if (status == NATS_OK && options->name) status = natsOptions_SetName(native, options->name);
    if (status == NATS_OK) status = natsOptions_SetTimeout(native, FURROW_LINK_CONNECT_MS);
    if (status == NATS_OK) status = natsOptions_SetSendAsap(native, true);
    if (status == NATS_OK) status = natsOptions_SetIOBufSize(native, FURROW_LINK_READ_BYTES);
    /* Reconnecting and probing are connection.c's: nats.c would do both on threads of its own. */
    if (status == NATS_OK) status = natsOptions_SetAllowReconnect(native, false);
    if (status == NATS_OK) status = natsOptions_SetPingInterval(native, 0);
    return status;
}

natsOptions *furrow_link_make_options(const furrow_link_options *options, furrow_signer *signer, furrow_error *err)
{
    natsOptions *native = NULL;
    *signer = (furrow_signer){0};
    natsStatus status = natsOptions_Create(&native);
    if (status == NATS_OK) status = set_behaviour(native, options);
    if (furrow_link_fail_native(err, status, "NATS options") == FURROW_OK &&
        set_identity(native, options, signer, err) == FURROW_OK && set_tls(native, options, err) == FURROW_OK)
        return native;
    furrow_signer_fini(signer);
    natsOptions_Destroy(native);
    return NULL;
}

/* Where the texts are in furrow_link_options. */
static const size_t texts[] = {
    offsetof(furrow_link_options, url),           offsetof(furrow_link_options, name),
    offsetof(furrow_link_options, nkey_seed),     offsetof(furrow_link_options, inbox_prefix),
    offsetof(furrow_link_options, credentials),   offsetof(furrow_link_options, user),
    offsetof(furrow_link_options, password),      offsetof(furrow_link_options, password_file),
    offsetof(furrow_link_options, tls_ca),        offsetof(furrow_link_options, tls_cert),
    offsetof(furrow_link_options, tls_key),       offsetof(furrow_link_options, tls_ca_from),
    offsetof(furrow_link_options, tls_cert_from), offsetof(furrow_link_options, tls_key_from),
};

static char **option_text(furrow_link_options *options, size_t i)
{
    return (char **)(void *)((char *)options + texts[i]);
}

bool furrow_link_copy_options(const furrow_link_options *options, furrow_link_options *out)
{
    bool copied = true;
    *out = *options;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char **text = option_text(out, i);
        if (!*text) continue;
        *text = strdup(*text);
        if (!*text) copied = false;
    }
    return copied;
}

void furrow_link_free_options(furrow_link_options *options)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(*option_text(options, i));
    *options = (furrow_link_options){0};
}
