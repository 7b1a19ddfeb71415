/**
 * Exact fractions: rates, hours and money before they are rounded. Values in lowest terms, of 128 bits each; the
 * denominator is positive. What does not fit becomes a fraction that is none, and so does all that is computed of it:
 * whoever rounds is told. Pure; threads: any.
 */
#ifndef FURROW_PAYROLL_RATIO_H
#define FURROW_PAYROLL_RATIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 ratio_int;

typedef struct ratio {
    ratio_int num, den; /* den 0: did not fit */
} ratio;

#define RATIO_TEXT_MAX 84 /* bytes of the longest text, with its NUL */

ratio ratio_of(int64_t num, int64_t den); /* @den 0 is none */
ratio ratio_add(ratio a, ratio b);
ratio ratio_sub(ratio a, ratio b);
ratio ratio_mul(ratio a, ratio b);
ratio ratio_div(ratio a, ratio b); /* by 0 is none */

/* -1, 0 or 1 as @a is less than, equal to or greater than @b; 0 where either is none. */
int ratio_compare(ratio a, ratio b);
ratio ratio_max(ratio a, ratio b);

/* To a whole number, half up (toward positive infinity). False: it is none, or does not fit. */
bool ratio_round(ratio a, int64_t *out);

/* "2000", "-69000/29"; "" where it is none. */
void ratio_text(ratio a, char out[RATIO_TEXT_MAX]);

#endif
