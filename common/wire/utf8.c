/*
 * UTF-8 as RFC 3629 has it: shortest forms only, no surrogates, nothing past U+10FFFF. Runs of ASCII, which nearly all
 * text is, go eight bytes at a time.
 */
#include "wire/message.h"

/* How many bytes the sequence at @at has, which starts with a byte >= 0x80; 0 when it is malformed. */
static size_t sequence(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0], low = 0x80, high = 0xbf;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

    if (lead < 0xc2 || lead > 0xf4 || left < len) return 0;
    /* The second byte alone tells over-long forms, surrogates and numbers past the last code point. */
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    return len;
}

static bool ascii_eight(const uint8_t *at)
{
    uint64_t eight;

    memcpy(&eight, at, 8);
    return (eight & 0x8080808080808080ULL) == 0;
}

bool furrow_utf8_valid(const void *data, size_t len)
{
    const uint8_t *at = data, *end = at + len;

    while (at < end) {
        if (end - at >= 8 && ascii_eight(at)) {
            at += 8;
            /* The rest of a long ASCII text in one look, which overlaps what is known already. */
            if (end - at < 8 && ascii_eight(end - 8)) return true;
            continue;
        }
        size_t step = *at < 0x80 ? 1 : sequence(at, (size_t)(end - at));
        if (step == 0) return false;
        at += step;
    }
    return true;
}

size_t furrow_utf8_first(const void *data, size_t len)
{
    const uint8_t *at = data;

    if (len == 0) return 0;
    return *at < 0x80 ? 1 : sequence(at, len);
}
