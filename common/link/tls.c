/*
 * What may be wrong with TLS, by file and cause. nats.c says of a client certificate that the server does not take
 * "Expected 'PONG', got ''": with TLS 1.3 that comes after the handshake, and it does not look. So the files are read
 * before it has them, and after a failure the likely cause is sought in them. Depends on: libcrypto, nats.c's texts.
 */
#include "link/internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 96

/* Where somebody has to look who is to mend it: a setting, or the file of one. */
static const char *ca_from(const furrow_link_options *options)
{
    return options->tls_ca_from ? options->tls_ca_from : "FURROW_NATS_CA";
}

static const char *cert_from(const furrow_link_options *options)
{
    return options->tls_cert_from ? options->tls_cert_from : "FURROW_NATS_CERT";
}

static const char *key_from(const furrow_link_options *options)
{
    return options->tls_key_from ? options->tls_key_from : "FURROW_NATS_KEY";
}

static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* The file, or NULL and why. */
static FILE *open_pem(const char *what, const char *path, furrow_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s: cannot read %s: %s", what, path, strerror(errno));
    return file;
}

static X509 *read_certificate(const char *what, const char *path, furrow_error *err)
{
    FILE *file = open_pem(what, path, err);
    if (!file) return NULL;
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    if (!certificate) furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s: no certificate in PEM form in %s", what, path);
    fclose(file);
    ERR_clear_error(); /* nats.c would take what is left for its own */
    return certificate;
}

static EVP_PKEY *read_private_key(const char *what, const char *path, furrow_error *err)
{
    FILE *file = open_pem(what, path, err);
    if (!file) return NULL;
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "");
    if (!key) furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s: no private key in PEM form in %s", what, path);
    fclose(file);
    ERR_clear_error();
    return key;
}

static furrow_status check_key_pair(const furrow_link_options *options, furrow_error *err)
{
    __attribute__((cleanup(free_certificate))) X509 *certificate = NULL;
    __attribute__((cleanup(free_key))) EVP_PKEY *key = NULL;
    if (!(certificate = read_certificate(cert_from(options), options->tls_cert, err)) ||
        !(key = read_private_key(key_from(options), options->tls_key, err)))
        return FURROW_INVALID_ARGUMENT;
    bool match = X509_check_private_key(certificate, key) == 1;
    ERR_clear_error();
    return match ? FURROW_OK
                 : furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s: %s is not the key of the certificate in %s",
                               key_from(options), options->tls_key, options->tls_cert);
}

furrow_status furrow_tls_check(const furrow_link_options *options, furrow_error *err)
{
    const char *cert = cert_from(options), *key = key_from(options);
    if ((options->tls_cert || options->tls_key) && !options->tls_ca)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "%s is set without %s, so the server would not be checked: set it to the file of the "
                           "authority that signed the server's certificate",
                           options->tls_cert ? cert : key, ca_from(options));
    if (!options->tls_cert != !options->tls_key)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is set without %s: set both",
                           options->tls_cert ? cert : key, options->tls_cert ? key : cert);
    if (!options->tls_ca) return FURROW_OK;
    __attribute__((cleanup(free_certificate))) X509 *authority =
        read_certificate(ca_from(options), options->tls_ca, err);
    if (!authority) return FURROW_INVALID_ARGUMENT;
    return options->tls_cert ? check_key_pair(options, err) : FURROW_OK;
}

/* "nobody", if it has no name. */
static void issuer_of(X509 *certificate, char out[NAME_MAX_BYTES])
{
    X509_NAME *issuer = X509_get_issuer_name(certificate);
    int len = X509_NAME_get_text_by_NID(issuer, NID_commonName, out, NAME_MAX_BYTES);
    if (len <= 0) snprintf(out, NAME_MAX_BYTES, "nobody");
    for (char *at = out; *at; at++)
        if (*at < ' ' || *at > '~') *at = '?';
}

static bool signed_by(X509 *certificate, const char *authority_path)
{
    furrow_error err;
    __attribute__((cleanup(free_certificate))) X509 *authority = read_certificate("", authority_path, &err);
    if (!authority) return false;
    bool is = X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(authority)) == 0 &&
              X509_verify(certificate, X509_get0_pubkey(authority)) == 1;
    ERR_clear_error();
    return is;
}

/* What is wrong with our own certificate, as far as the file says. */
static void explain_certificate(const furrow_link_options *options, char *text, size_t size)
{
    furrow_error err;
    char issuer[NAME_MAX_BYTES];
    __attribute__((cleanup(free_certificate))) X509 *own =
        read_certificate(cert_from(options), options->tls_cert, &err);
    if (!own) {
        snprintf(text, size, "%s", err.text);
        return;
    }
    issuer_of(own, issuer);
    const char *file = options->tls_cert, *from = cert_from(options);
    if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0)
        snprintf(text, size, "the client certificate in %s (%s) has expired", file, from);
    else if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0)
        snprintf(text, size, "the client certificate in %s (%s) is not valid yet", file, from);
    else if (!signed_by(own, options->tls_ca))
        snprintf(text, size,
                 "the server does not take the client certificate in %s (%s): %s signed it, another authority than "
                 "that in %s (%s)",
                 file, from, issuer, options->tls_ca, ca_from(options));
    else
        snprintf(text, size, "the server does not take the client certificate in %s (%s), signed by %s", file, from,
                 issuer);
}

/* The end of a connection right after its handshake, in nats.c's words. */
static bool was_dropped(const char *text)
{
    static const char *const words[] = {"Expected 'PONG'", "SSL_read error", "SSL_write error", "Connection Closed",
                                        "alert",           "IO Error",       "reset by peer"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(text, words[i])) return true;
    return false;
}

void furrow_tls_explain(const furrow_link_options *options, char *text, size_t size)
{
    ERR_clear_error();
    if (strcasestr(text, "certificate has expired")) {
        snprintf(text, size, "the server's certificate has expired, or that of its authority");
    } else if (strcasestr(text, "handshake error") && strstr(text, "issuer")) {
        char said[128];
        const char *issuer = strstr(text, "issuer=");
        snprintf(said, sizeof said, "%.100s", issuer ? issuer + strlen("issuer=") : "nobody");
        if (options->tls_ca)
            snprintf(text, size, "the server's certificate is none of the authority in %s (%s): %s signed it",
                     options->tls_ca, ca_from(options), said);
        else
            snprintf(
                text, size,
                "the server asks for TLS, and its certificate, signed by %s, is not trusted: set FURROW_NATS_CA to "
                "the file of its authority",
                said);
    } else if (was_dropped(text) && options->tls_cert) {
        explain_certificate(options, text, size);
    } else if (was_dropped(text) && options->tls_ca) {
        snprintf(
            text, size,
            "the server ended the connection after the handshake, as it does when it wants a client certificate: set "
            "FURROW_NATS_CERT and FURROW_NATS_KEY");
    }
}
