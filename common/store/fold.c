/* See fold.h. All letters folded here have one or two bytes, before and after. */
#include "store/fold.h"

#include <stdbool.h>

static unsigned fold_latin_extended(unsigned letter)
{
    if (letter == 0x130 || letter == 0x131 || letter == 0x138 || letter == 0x149 || letter == 0x17f) return letter;
    if (letter == 0x178) return 0xff;
    /* Pairs begin at an odd number in two stretches, at an even one elsewhere. */
    bool odd_upper = (letter >= 0x139 && letter <= 0x148) || (letter >= 0x179 && letter <= 0x17e);
    return (letter & 1) == (odd_upper ? 1u : 0u) ? letter + 1 : letter;
}

static unsigned fold_letter(unsigned letter)
{
    if (letter >= 0xc0 && letter <= 0xde && letter != 0xd7) return letter + 32;
    if (letter >= 0x100 && letter <= 0x17f) return fold_latin_extended(letter);
    if (letter == 0x386) return 0x3ac;
    if (letter >= 0x388 && letter <= 0x38a) return letter + 37;
    if (letter == 0x38c) return 0x3cc;
    if (letter == 0x38e || letter == 0x38f) return letter + 63;
    if (letter >= 0x391 && letter <= 0x3ab && letter != 0x3a2) return letter + 32;
    if (letter >= 0x400 && letter <= 0x40f) return letter + 80;
    if (letter >= 0x410 && letter <= 0x42f) return letter + 32;
    return letter;
}

void furrow_fold(uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z') {
            text[i] = (uint8_t)(text[i] + 32);
        } else if (text[i] >= 0xc3 && text[i] <= 0xd0 && i + 1 < len && (text[i + 1] & 0xc0) == 0x80) {
            unsigned letter = fold_letter((unsigned)(text[i] & 0x1f) << 6 | (text[i + 1] & 0x3f));
            text[i] = (uint8_t)(0xc0 | letter >> 6);
            text[++i] = (uint8_t)(0x80 | (letter & 0x3f));
        }
    }
}
