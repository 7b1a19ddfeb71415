/* See unicode.h. Folding is done letter by letter, without memory of its own: it is in the way of every index entry. */
#include "wire/unicode.h"

#include "wire/nul.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define FOLDED_MAX   1024
#define SEQUENCE_MAX 32 /* letters that one may become: 18 today */
#define FIRST_ACCENT 10 /* classes below it, and 0, are of marks that make another letter */
#define LOST         0xfffd

char *furrow_unicode_nfc(char *text, furrow_arena *arena)
{
    utf8proc_uint8_t *composed = NULL;
    const utf8proc_option_t options = UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    if (furrow_bytes_ascii(furrow_bytes_of(text))) return text;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)text, 0, &composed, options);
    if (len == UTF8PROC_ERROR_NOMEM) return NULL;
    if (len < 0) return text; /* no UTF-8 */
    bool same = strcmp(text, (const char *)composed) == 0;
    char *kept = same ? text : furrow_arena_memdup(arena, composed, (size_t)len);
    free(composed);
    return kept;
}

/* Letters with a stroke through them, which Unicode does not take apart. */
static utf8proc_int32_t without_stroke(utf8proc_int32_t letter)
{
    switch (letter) {
    case 0xf8: /* ø */
        return 'o';
    case 0x111: /* đ */
        return 'd';
    case 0x127: /* ħ */
        return 'h';
    case 0x131: /* ı */
        return 'i';
    case 0x142: /* ł */
        return 'l';
    case 0x167: /* ŧ */
        return 't';
    default:
        return letter;
    }
}

static bool is_accent(utf8proc_int32_t letter)
{
    return letter >= 0x300 && utf8proc_get_property(letter)->combining_class >= FIRST_ACCENT;
}

/* The folded @letter into @out, which has room for SEQUENCE_MAX of them: how many bytes. */
static size_t fold_letter(utf8proc_int32_t letter, uint8_t out[4 * SEQUENCE_MAX])
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    utf8proc_int32_t parts[SEQUENCE_MAX];
    int boundary = 0;
    size_t len = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(letter, parts, SEQUENCE_MAX, options, &boundary);
    for (utf8proc_ssize_t i = 0; i < count && i < SEQUENCE_MAX; i++)
        if (!is_accent(parts[i])) len += (size_t)utf8proc_encode_char(without_stroke(parts[i]), out + len);
    return len;
}

size_t furrow_unicode_fold(furrow_bytes text, uint8_t *out, size_t room)
{
    size_t len = 0;
    if (text.len == 0) return 0; /* of no data, perhaps */
    const uint8_t *at = text.data, *end = at + text.len;
    while (at < end) {
        uint8_t folded[4 * SEQUENCE_MAX];
        utf8proc_int32_t letter;
        if (*at < 0x80) {
            if (len == room) break;
            out[len++] = (uint8_t)furrow_bytes_lower((char)*at++);
            continue;
        }
        utf8proc_ssize_t taken = utf8proc_iterate(at, end - at, &letter);
        size_t size = 1;
        if (taken > 0) {
            size = fold_letter(letter, folded);
        } else {
            taken =
                furrow_bytes_begin((furrow_bytes){at, (size_t)(end - at)}, FURROW_BYTES_LITERAL(FURROW_NUL)) ? 2 : 1;
            size = (size_t)taken;
            memcpy(folded, at, size);
        }
        if (size > room - len) break;
        memcpy(out + len, folded, size);
        len += size;
        at += taken;
    }
    return len;
}

bool furrow_unicode_begins(const char *text, const char *head)
{
    uint8_t one[FOLDED_MAX], other[FOLDED_MAX];
    size_t one_len = furrow_unicode_fold(furrow_bytes_of(text), one, sizeof one);
    size_t other_len = furrow_unicode_fold(furrow_bytes_of(head), other, sizeof other);
    return furrow_bytes_begin((furrow_bytes){one, one_len}, (furrow_bytes){other, other_len});
}

/* The next letter of @text; 0 at its end. A byte that is no UTF-8 counts as lost text. */
static utf8proc_int32_t next_letter(const char **text)
{
    utf8proc_int32_t letter;
    if (!**text) return 0;
    utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)*text, -1, &letter);
    *text += taken > 0 ? taken : 1;
    return taken > 0 ? letter : LOST;
}

static bool letter_shows(utf8proc_int32_t letter)
{
    const utf8proc_property_t *property = utf8proc_get_property(letter);
    if (property->ignorable || letter == 0x2800) return false; /* fillers; Braille without a dot */
    switch (property->category) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
        return false;
    default:
        return true;
    }
}

bool furrow_unicode_shows(const char *text)
{
    for (utf8proc_int32_t letter; (letter = next_letter(&text));)
        if (letter_shows(letter)) return true;
    return false;
}

/* Scripts are written with these, though nobody sees them. */
static bool is_needed(utf8proc_int32_t letter)
{
    return (letter >= 0x200c && letter <= 0x200f) || letter == 0x34f || letter == 0x61c ||
           (letter >= 0x180b && letter <= 0x180f) || (letter >= 0xfe00 && letter <= 0xfe0f) ||
           (letter >= 0xe0100 && letter <= 0xe01ef);
}

static bool is_hidden(utf8proc_int32_t letter)
{
    const utf8proc_property_t *property = utf8proc_get_property(letter);
    if (property->category == UTF8PROC_CATEGORY_CC || property->category == UTF8PROC_CATEGORY_ZL ||
        property->category == UTF8PROC_CATEGORY_ZP || letter == LOST)
        return true;
    bool steers = (letter >= 0x202a && letter <= 0x202e) || (letter >= 0x2066 && letter <= 0x2069);
    return steers || (property->ignorable && !is_needed(letter));
}

uint32_t furrow_unicode_hidden(const char *text)
{
    for (utf8proc_int32_t letter; (letter = next_letter(&text));)
        if (is_hidden(letter)) return (uint32_t)letter;
    return 0;
}
