/*
 * See peer.h. Every nats-server begins with a line "INFO {…}" in the clear, also where TLS follows, so nothing is needed
 * to read it but a socket. The table of versions holds what nats-server's release notes and issues say (the number is the
 * issue's at github.com/nats-io/nats-server).
 */
#include "cli/peer.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/number.h"
#include "wire/json.h"

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_S     2
#define INFO_BYTES 16384

/* From @first up to, but not including, @fixed. */
static const struct {
    int first[3], fixed[3];
    peer_trouble trouble;
} known[] = {
    {{0, 0, 0}, {2, 9, 0}, {"it is older than anything that furrow was tried with", true}},
    {{2, 9, 0},
     {2, 9, 21},
     {"in a cluster two writers of one entity can both win (#4320); keyed events are written slowly. For development, "
      "one server alone",
      false}},
    {{2, 10, 20}, {2, 10, 23}, {"a server that is killed can lose a whole stream (#6888)", true}},
    {{2, 9, 21}, {2, 10, 19}, {"in a cluster the first write of an entity can be taken twice (#5794)", false}},
    {{2, 12, 0}, {2, 12, 3}, {"acknowledged writes can be lost when a cluster changes its members (#7545)", false}},
};

/* "2.10.27", also with "-RC.1" or the like behind it. */
static bool read_version(const char *text, int out[3])
{
    for (int i = 0; i < 3; i++) {
        size_t len = strspn(text, "0123456789");
        uint64_t number;
        if (!furrow_number_parse((furrow_bytes){text, len}, 100000, &number)) return false;
        out[i] = (int)number;
        text += len;
        if (i < 2 && *text++ != '.') return false;
    }
    return true;
}

static int compare_releases(const int a[3], const int b[3])
{
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

bool peer_nats_trouble(const char *version, peer_trouble *out)
{
    int is[3];
    if (!read_version(version, is)) return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (compare_releases(is, known[i].first) < 0 || compare_releases(is, known[i].fixed) >= 0) continue;
        *out = known[i].trouble;
        return true;
    }
    return false;
}

/* Host and port of the first of @urls. */
static bool split_address(const char *urls, char host[256], char port[8])
{
    char first[512];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(urls, ","), urls);
    const char *at = strstr(first, "://");
    at = at ? at + 3 : first;
    const char *user = strrchr(at, '@');
    at = user ? user + 1 : at;
    const char *end = at[0] == '[' ? strchr(at, ']') : at + strcspn(at, ":/");
    if (!end) return false;
    int len = (int)(end - at) - (at[0] == '[');
    snprintf(host, 256, "%.*s", len, at + (at[0] == '['));
    const char *colon = end + (*end == ']');
    snprintf(port, 8, "%.*s", *colon == ':' ? (int)strcspn(colon + 1, "/") : 4, *colon == ':' ? colon + 1 : "4222");
    return host[0] != '\0';
}

static int dial(const struct addrinfo *to)
{
    struct timeval wait = {.tv_sec = WAIT_S};
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, to->ai_addr, to->ai_addrlen) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The line that it begins with. */
static size_t read_line(int fd, char line[INFO_BYTES])
{
    size_t len = 0;
    for (ssize_t got; len < INFO_BYTES - 1 && (got = read(fd, line + len, INFO_BYTES - 1 - len)) > 0;) {
        len += (size_t)got;
        if (memchr(line, '\n', len)) break;
    }
    line[len] = '\0';
    return len;
}

bool peer_nats_version(const char *urls, char version[64], char why[200])
{
    static char line[INFO_BYTES];
    char host[256], port[8], *text = NULL;
    struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
    if (!split_address(urls, host, port)) return snprintf(why, 200, "no host in FURROW_NATS_URL"), false;
    int failed = getaddrinfo(host, port, &hints, &list);
    if (failed) return snprintf(why, 200, "%.100s: %s", host, gai_strerror(failed)), false;
    int fd = -1;
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) fd = dial(at);
    freeaddrinfo(list);
    if (fd < 0) return snprintf(why, 200, "%.100s: no connection", host), false;
    size_t len = read_line(fd, line);
    close(fd);
    const char *json = furrow_bytes_after(line, "INFO ");
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    FURROW_REQUIRE(arena);
    if (!json || !furrow_json_find_text((furrow_bytes){json, len - 5}, "version", arena, &text))
        return snprintf(why, 200, "%.100s sent no INFO", host), false;
    snprintf(version, 64, "%s", text);
    return true;
}
