/* See ratio.h. Signed overflow is never met: products and sums are made of magnitudes, and checked before. */
#include "payroll/ratio.h"

__extension__ typedef unsigned __int128 magnitude;

#define MAGNITUDE_MAX (((magnitude)1 << 127) - 1)

static const ratio none;

static magnitude magnitude_of(ratio_int value)
{
    return value < 0 ? (magnitude) - (value + 1) + 1 : (magnitude)value;
}

static magnitude common_divisor(magnitude a, magnitude b)
{
    while (b) {
        magnitude rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool multiply(magnitude a, magnitude b, magnitude *out)
{
    bool small = (a | b) >> 63 == 0; /* as nearly always: no division is needed to see that it fits */
    if (!small && a && b > MAGNITUDE_MAX / a) return false;
    *out = a * b;
    return true;
}

static ratio signed_ratio(bool negative, magnitude num, magnitude den)
{
    return (ratio){negative ? -(ratio_int)num : (ratio_int)num, (ratio_int)den};
}

static ratio lowest_terms(bool negative, magnitude num, magnitude den)
{
    if (!den) return none;
    magnitude divisor = common_divisor(num, den);
    return signed_ratio(negative, num / divisor, den / divisor);
}

ratio ratio_of(int64_t num, int64_t den)
{
    return lowest_terms((num < 0) != (den < 0), magnitude_of(num), magnitude_of(den));
}

ratio ratio_add(ratio a, ratio b)
{
    if (!a.den || !b.den) return none;
    magnitude divisor = common_divisor((magnitude)a.den, (magnitude)b.den), left, right, den;
    magnitude more = (magnitude)b.den / divisor;
    if (!multiply(magnitude_of(a.num), more, &left) || !multiply((magnitude)a.den, more, &den) ||
        !multiply(magnitude_of(b.num), (magnitude)a.den / divisor, &right))
        return none;
    if ((a.num < 0) != (b.num < 0))
        return left >= right ? lowest_terms(a.num < 0, left - right, den) : lowest_terms(b.num < 0, right - left, den);
    return right > MAGNITUDE_MAX - left ? none : lowest_terms(a.num < 0, left + right, den);
}

ratio ratio_sub(ratio a, ratio b)
{
    return ratio_add(a, (ratio){-b.num, b.den});
}

ratio ratio_mul(ratio a, ratio b)
{
    if (!a.den || !b.den) return none;
    /* Across first, so that what is made is in lowest terms already, and as small as it can be. */
    magnitude left = magnitude_of(a.num), right = magnitude_of(b.num), num, den;
    magnitude first = common_divisor(left, (magnitude)b.den), second = common_divisor(right, (magnitude)a.den);
    if (!multiply(left / first, right / second, &num) ||
        !multiply((magnitude)a.den / second, (magnitude)b.den / first, &den))
        return none;
    return signed_ratio((a.num < 0) != (b.num < 0), num, den);
}

ratio ratio_div(ratio a, ratio b)
{
    if (!b.den || !b.num) return none;
    return ratio_mul(a, signed_ratio(b.num < 0, (magnitude)b.den, magnitude_of(b.num)));
}

int ratio_compare(ratio a, ratio b)
{
    ratio_int difference = ratio_sub(a, b).num;
    return difference < 0 ? -1 : difference > 0;
}

ratio ratio_max(ratio a, ratio b)
{
    if (!a.den || !b.den) return none;
    return ratio_compare(a, b) < 0 ? b : a;
}

bool ratio_round(ratio a, int64_t *out)
{
    ratio twice = ratio_add(a, ratio_of(1, 2));
    if (!twice.den) return false;
    ratio_int whole = twice.num / twice.den;
    if (twice.num % twice.den < 0) whole--; /* division goes toward zero, and this is toward negative infinity */
    if (whole > INT64_MAX || whole < INT64_MIN) return false;
    *out = (int64_t)whole;
    return true;
}

static char *append_digits(char *at, magnitude number)
{
    char digits[40];
    size_t count = 0;
    do digits[count++] = (char)('0' + (int)(number % 10));
    while (number /= 10);
    while (count > 0) *at++ = digits[--count];
    return at;
}

void ratio_text(ratio a, char out[RATIO_TEXT_MAX])
{
    char *at = out;
    if (a.den && a.num < 0) *at++ = '-';
    if (a.den) at = append_digits(at, magnitude_of(a.num));
    if (a.den > 1) {
        *at++ = '/';
        at = append_digits(at, (magnitude)a.den);
    }
    *at = '\0';
}
