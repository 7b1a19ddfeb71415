/*
 * RFC 3986: URI and URI-reference (appendix A), piece by piece. A piece is a run of characters of its set, and of
 * percent-encoded bytes; a host's, decoded, are UTF-8 (3.2.2).
 */
#include "wire/rule_inside.h"

#include "base/number.h"
#include "wire/message.h"

#include <string.h>

enum { HOST_MAX = 1024 }; /* bytes of a host, decoded; longer ones are none */

/* What stands in a piece beside letters, digits and percent-encoded bytes. */
#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define PCHAR      UNRESERVED SUB_DELIMS ":@"

typedef struct piece {
    const char *at;
    size_t len;
} piece;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_number(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_encoded(piece text, size_t at)
{
    return at + 2 < text.len && text.at[at] == '%' && furrow_number_hex(text.at[at + 1]) >= 0 &&
           furrow_number_hex(text.at[at + 2]) >= 0;
}

/* Is all of @text of the set @others, letters, digits and encoded bytes? */
static bool consists_of(piece text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (is_encoded(text, i))
            i += 2;
        else if (!is_letter(c) && !is_number(c) && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return true;
}

/* Cuts @text at the first of @marks, or at its end; *rest begins with the mark. */
static piece cut_piece(piece text, const char *marks, piece *rest)
{
    size_t len = 0;
    while (len < text.len && (text.at[len] == '\0' || !strchr(marks, text.at[len]))) len++;
    *rest = (piece){text.at + len, text.len - len};
    return (piece){text.at, len};
}

static piece without_first(piece text)
{
    return (piece){text.at + 1, text.len - 1};
}

static bool is_scheme(piece text)
{
    if (text.len == 0 || !is_letter(text.at[0])) return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_letter(text.at[i]) && !is_number(text.at[i]) && !memchr("+-.", text.at[i], 3)) return false;
    return true;
}

/* The bytes that are encoded are text, too. */
static bool decodes_to_text(piece text)
{
    char decoded[HOST_MAX];
    size_t len = 0;
    if (text.len > sizeof decoded) return false;
    for (size_t i = 0; i < text.len; i++) {
        bool encoded = is_encoded(text, i);
        decoded[len++] =
            encoded ? (char)(furrow_number_hex(text.at[i + 1]) * 16 + furrow_number_hex(text.at[i + 2])) : text.at[i];
        if (encoded) i += 2;
    }
    return furrow_utf8_valid(decoded, len);
}

/* "v1.something" (IPvFuture). */
static bool is_future(piece text)
{
    size_t i = 1;
    if (text.len < 4 || (text.at[0] != 'v' && text.at[0] != 'V')) return false;
    while (i < text.len && furrow_number_hex(text.at[i]) >= 0) i++;
    if (i == 1 || i + 1 >= text.len || text.at[i] != '.') return false;
    for (i++; i < text.len; i++)
        if (!is_letter(text.at[i]) && !is_number(text.at[i]) &&
            (text.at[i] == '\0' || !strchr(UNRESERVED SUB_DELIMS ":", text.at[i])))
            return false;
    return true;
}

/* What stands between brackets: an address, perhaps with a zone behind "%25" (RFC 6874). */
static bool is_literal(piece text)
{
    const char *zone = memchr(text.at, '%', text.len);
    size_t len = zone ? (size_t)(zone - text.at) : text.len;
    if (!zone) return furrow_rule_is_ip(text.at, len, 6, false) || is_future(text);
    piece name = {zone + 3, text.len - len < 3 ? 0 : text.len - len - 3};
    return furrow_rule_is_ip(text.at, len, 6, false) && name.len > 0 && zone[1] == '2' && zone[2] == '5' &&
           consists_of(name, UNRESERVED) && decodes_to_text(name);
}

static bool is_all_numbers(piece text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_number(text.at[i])) return false;
    return true;
}

/* [ userinfo "@" ] host [ ":" port ] */
static bool is_authority(piece text)
{
    piece rest, user = cut_piece(text, "@", &rest);
    if (rest.len > 0) {
        if (!consists_of(user, UNRESERVED SUB_DELIMS ":")) return false;
        text = without_first(rest);
    }
    if (text.len > 0 && text.at[0] == '[') {
        piece inner = cut_piece(without_first(text), "]", &rest);
        if (rest.len == 0 || !is_literal(inner)) return false;
        rest = without_first(rest);
    } else {
        piece name = cut_piece(text, ":", &rest);
        if (!consists_of(name, UNRESERVED SUB_DELIMS) || !decodes_to_text(name)) return false;
    }
    return rest.len == 0 || (rest.at[0] == ':' && is_all_numbers(without_first(rest)));
}

/* What follows a scheme, or begins a reference: an authority and a path, or a path alone. */
static bool is_hierarchy(piece text, bool scheme)
{
    if (text.len >= 2 && text.at[0] == '/' && text.at[1] == '/') {
        piece path, authority = cut_piece((piece){text.at + 2, text.len - 2}, "/", &path);
        return is_authority(authority) && consists_of(path, PCHAR "/");
    }
    piece rest, first = cut_piece(text, "/", &rest);
    /* In a reference what stands before a colon would be a scheme (path-noscheme). */
    if (!scheme && first.len > 0 && memchr(first.at, ':', first.len)) return false;
    return consists_of(text, PCHAR "/");
}

bool furrow_rule_is_uri(const char *text, size_t len, bool reference)
{
    piece rest, before = cut_piece((piece){text, len}, "#", &rest);
    if (rest.len > 0 && !consists_of(without_first(rest), PCHAR "/?")) return false;
    before = cut_piece(before, "?", &rest);
    if (rest.len > 0 && !consists_of(without_first(rest), PCHAR "/?")) return false;
    piece hierarchy, scheme = cut_piece(before, ":", &hierarchy);
    if (hierarchy.len > 0 && is_scheme(scheme)) return is_hierarchy(without_first(hierarchy), true);
    return reference && is_hierarchy(before, false);
}
