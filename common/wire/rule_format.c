/*
 * The formats that no automaton tells: hosts, addresses and their prefixes, as protovalidate defines them by RFC 1034 and
 * RFC 3986 (3.2.2). A cursor goes over the text; every step says whether what it expected was there.
 */
#include "wire/rule_inside.h"

#include "base/number.h"

#include <string.h>

enum { HOSTNAME_MAX = 253, LABEL_MAX = 63, GROUPS = 8, PORT_MAX = 65535 };

/* An address as bits, and how many of them. */
typedef struct address {
    uint8_t bytes[16];
    unsigned bits; /* 32 or 128 */
} address;

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool is_decimal(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_decimal(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take_char(cursor *in, char expected)
{
    if (in->at == in->end || *in->at != expected) return false;
    in->at++;
    return true;
}

/* A decimal number up to @most, without leading zeros. */
static bool take_decimal(cursor *in, unsigned most, unsigned *out)
{
    const char *from = in->at;
    unsigned value = 0;
    for (; in->at < in->end && is_decimal(*in->at); in->at++) {
        value = value * 10 + (unsigned)(*in->at - '0');
        if (value > most) return false;
    }
    if (in->at == from || (*from == '0' && in->at - from > 1)) return false;
    *out = value;
    return true;
}

static bool take_ipv4(cursor *in, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned octet;
        if ((i > 0 && !take_char(in, '.')) || !take_decimal(in, 255, &octet)) return false;
        out[i] = (uint8_t)octet;
    }
    return true;
}

/* One to four hexadecimal digits. */
static bool take_group(cursor *in, uint8_t out[2])
{
    unsigned value = 0;
    int count = 0;
    for (; count < 4 && in->at < in->end && furrow_number_hex(*in->at) >= 0; count++)
        value = value * 16 + (unsigned)furrow_number_hex(*in->at++);
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return count > 0;
}

/* The last two groups may be an address of version 4. */
static bool take_tail(cursor *in, int group, uint8_t *out)
{
    cursor ahead = *in;
    if (group > GROUPS - 2 || !take_ipv4(&ahead, out)) return false;
    *in = ahead;
    return true;
}

/*
 * Groups up to the end or to what cannot be one; "::" stands once, for one or more groups of zeros.
 */
static bool take_ipv6(cursor *in, uint8_t out[16])
{
    int groups = 0, gap = -1;
    memset(out, 0, 16);
    if (in->end - in->at >= 2 && in->at[0] == ':' && in->at[1] == ':') {
        gap = 0;
        in->at += 2;
    }
    while (groups < GROUPS && in->at < in->end && furrow_number_hex(*in->at) >= 0) {
        if (take_tail(in, groups, out + 2 * groups)) {
            groups += 2;
            break;
        }
        if (!take_group(in, out + 2 * groups)) return false;
        groups++;
        if (in->at == in->end || *in->at != ':') break;
        bool twice = in->end - in->at >= 2 && in->at[1] == ':';
        if (twice && gap >= 0) return false;
        if (twice) gap = groups;
        in->at += twice ? 2 : 1;
        bool more = in->at < in->end && furrow_number_hex(*in->at) >= 0;
        if (!more && !twice) return false; /* a single colon ends nothing */
        if (more && groups == GROUPS) return false;
    }
    if (gap < 0) return groups == GROUPS;
    if (groups >= GROUPS) return false;
    size_t behind = (size_t)(groups - gap) * 2;
    memmove(out + 16 - behind, out + 2 * gap, behind);
    memset(out + 2 * gap, 0, 16 - behind - 2 * (size_t)gap);
    return true;
}

static bool read_ip(const char *text, size_t len, int version, bool zone_allowed, address *out)
{
    cursor in = {text, text + len};
    if (version != 6 && take_ipv4(&in, out->bytes) && in.at == in.end) {
        out->bits = 32;
        return true;
    }
    in.at = text;
    if (version == 4 || !take_ipv6(&in, out->bytes)) return false;
    out->bits = 128;
    if (in.at == in.end) return true;
    return zone_allowed && *in.at == '%' && in.end - in.at > 1 && !memchr(in.at, 0, (size_t)(in.end - in.at));
}

bool furrow_rule_is_ip(const char *text, size_t len, int version, bool zone_allowed)
{
    address ignored;
    return read_ip(text, len, version, zone_allowed, &ignored);
}

static bool host_bits_are_zero(const address *of, unsigned prefix)
{
    for (unsigned bit = prefix; bit < of->bits; bit++)
        if (of->bytes[bit / 8] >> (7 - bit % 8) & 1) return false;
    return true;
}

static bool is_prefix(const char *text, size_t len, int version, bool strict)
{
    const char *slash = memchr(text, '/', len);
    address network;
    unsigned prefix;
    if (!slash || !read_ip(text, (size_t)(slash - text), version, false, &network)) return false;
    cursor in = {slash + 1, text + len};
    if (!take_decimal(&in, network.bits, &prefix) || in.at != in.end) return false;
    return !strict || host_bits_are_zero(&network, prefix);
}

/* Labels of letters, digits and inner hyphens; the last one is no number, lest it looks like an address. */
static bool is_hostname(const char *text, size_t len)
{
    bool digits = false;
    if (len > 0 && text[len - 1] == '.') len--;
    if (len == 0 || len > HOSTNAME_MAX) return false;
    for (size_t from = 0, to; from <= len; from = to + 1) {
        digits = true;
        for (to = from; to < len && text[to] != '.'; to++) {
            if (!is_alnum(text[to]) && text[to] != '-') return false;
            digits = digits && is_decimal(text[to]);
        }
        if (to == from || to - from > LABEL_MAX || text[from] == '-' || text[to - 1] == '-') return false;
    }
    return !digits;
}

static bool is_port(const char *text, size_t len)
{
    cursor in = {text, text + len};
    unsigned port;
    return take_decimal(&in, PORT_MAX, &port) && in.at == in.end;
}

/* "host:port"; an address of version 6 stands in brackets. */
static bool is_host_and_port(const char *text, size_t len)
{
    const char *end = text + len, *colon;
    if (text[0] == '[') {
        const char *close = memrchr(text, ']', len);
        if (!close || end - close < 2 || close[1] != ':') return false;
        return furrow_rule_is_ip(text + 1, (size_t)(close - text - 1), 6, true) &&
               is_port(close + 2, (size_t)(end - close - 2));
    }
    colon = memrchr(text, ':', len);
    if (!colon) return false;
    size_t host = (size_t)(colon - text);
    return (is_hostname(text, host) || furrow_rule_is_ip(text, host, 4, false)) &&
           is_port(colon + 1, (size_t)(end - colon - 1));
}

bool furrow_rule_format_holds(furrow_rule_format format, const char *text, size_t len)
{
    switch (format) {
    case FURROW_FORMAT_HOSTNAME:
        return is_hostname(text, len);
    case FURROW_FORMAT_IP:
        return furrow_rule_is_ip(text, len, 0, true);
    case FURROW_FORMAT_IPV4:
        return furrow_rule_is_ip(text, len, 4, false);
    case FURROW_FORMAT_IPV6:
        return furrow_rule_is_ip(text, len, 6, true);
    case FURROW_FORMAT_ADDRESS:
        return is_hostname(text, len) || furrow_rule_is_ip(text, len, 0, true);
    case FURROW_FORMAT_IP_WITH_PREFIXLEN:
        return is_prefix(text, len, 0, false);
    case FURROW_FORMAT_IPV4_WITH_PREFIXLEN:
        return is_prefix(text, len, 4, false);
    case FURROW_FORMAT_IPV6_WITH_PREFIXLEN:
        return is_prefix(text, len, 6, false);
    case FURROW_FORMAT_IP_PREFIX:
        return is_prefix(text, len, 0, true);
    case FURROW_FORMAT_IPV4_PREFIX:
        return is_prefix(text, len, 4, true);
    case FURROW_FORMAT_IPV6_PREFIX:
        return is_prefix(text, len, 6, true);
    case FURROW_FORMAT_HOST_AND_PORT:
        return is_host_and_port(text, len);
    case FURROW_FORMAT_URI:
        return furrow_rule_is_uri(text, len, false);
    case FURROW_FORMAT_URI_REF:
        return furrow_rule_is_uri(text, len, true);
    }
    return false;
}
