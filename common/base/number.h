/**
 * Whole numbers in decimal text, as peers, files and settings hold them. Strict where the C library is lenient: no
 * blanks, no "+", nothing behind the digits, and what does not fit is refused instead of wrapped or clamped.
 * tests/lint/parsing keeps the library's own out. Threads: any.
 */
#ifndef FURROW_BASE_NUMBER_H
#define FURROW_BASE_NUMBER_H

#include "base/bytes.h"

/* All of @text is digits, of a number up to @max; *out is untouched otherwise. */
bool furrow_number_parse(furrow_bytes text, uint64_t max, uint64_t *out);

/* The same with an optional '-' before. */
bool furrow_number_parse_signed(furrow_bytes text, int64_t min, int64_t max, int64_t *out);

/* The digits of @number and a NUL into @out; how many they are. snprintf costs more than the rest of a command. */
#define FURROW_NUMBER_SIZE 21
size_t furrow_number_format(uint64_t number, char out[FURROW_NUMBER_SIZE]);

/* How many digits @text begins with. */
size_t furrow_number_digits(furrow_bytes text);

/* What the hexadecimal digit @c stands for; -1 when it is none. */
static inline int furrow_number_hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
