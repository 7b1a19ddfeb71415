/* See address.h. */
#include "store/address.h"

#include "base/number.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static furrow_status parse_unix(const char *url, const char *path, furrow_address *out, furrow_error *err)
{
    if (path[0] != '/')
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: unix:// needs an absolute path", url);
    if (strlen(path) >= sizeof out->path)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: a socket's path has at most %zu bytes", url,
                           sizeof out->path - 1);
    snprintf(out->path, sizeof out->path, "%s", path);
    return FURROW_OK;
}

static furrow_status parse_authority(const char *url, const char *host, size_t len, furrow_address *out,
                                     furrow_error *err)
{
    const char *port = NULL;
    size_t host_len = len;
    bool bracketed = len > 0 && host[0] == '[';
    if (bracketed) {
        const char *close = memchr(host, ']', len);
        if (!close) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: '[' without ']'", url);
        host_len = (size_t)(close - host) - 1;
        host++;
        len--;
        if (host_len + 1 < len) {
            if (close[1] != ':')
                return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: ':port' expected after ']'", url);
            port = close + 2;
        }
    } else if ((port = memchr(host, ':', len))) {
        host_len = (size_t)(port - host);
        port++;
    }
    if (memchr(host, '[', host_len) || memchr(host, ']', host_len) || (bracketed && !memchr(host, ':', host_len)))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: brackets hold an IPv6 address", url);
    if (host_len == 0 || host_len >= sizeof out->host)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: no host, or one of more than %zu bytes", url,
                           sizeof out->host - 1);
    uint64_t number = 6379;
    if (port && (!furrow_number_parse((furrow_bytes){port, (size_t)(host + len - port)}, 65535, &number) || !number))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: the port is a number from 1 to 65535", url);
    memcpy(out->host, host, host_len);
    out->host[host_len] = '\0';
    snprintf(out->port, sizeof out->port, "%u", (unsigned)number);
    return FURROW_OK;
}

furrow_status furrow_address_parse(const char *url, furrow_address *out, furrow_error *err)
{
    furrow_address address = {0};
    const char *path = furrow_bytes_after(url, "unix://"), *authority = furrow_bytes_after(url, "redis://");
    if (path) {
        furrow_status status = parse_unix(url, path, &address, err);
        if (status) return status;
    } else if (authority) {
        size_t len = strcspn(authority, "/");
        if (memchr(authority, '@', len))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "a Redis URL holds no user or password: set them by themselves");
        furrow_status status = parse_authority(url, authority, len, &address, err);
        if (status) return status;
        const char *database = authority + len + (authority[len] == '/');
        uint64_t number = 0;
        if (*database && !furrow_number_parse(furrow_bytes_of(database), 65535, &number))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: the database is a number", url);
        address.database = (unsigned)number;
    } else {
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "Redis URL %s: it begins with redis:// or unix://", url);
    }
    *out = address;
    return FURROW_OK;
}
