/* See number.h. */
#include "base/number.h"

#include <string.h>

size_t furrow_number_format(uint64_t number, char out[FURROW_NUMBER_SIZE])
{
    char digits[FURROW_NUMBER_SIZE], *end = digits + sizeof digits, *at = end;
    *--at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, at, (size_t)(end - at));
    return (size_t)(end - at) - 1;
}

size_t furrow_number_digits(furrow_bytes text)
{
    const char *at = text.data;
    size_t count = 0;
    while (count < text.len && at[count] >= '0' && at[count] <= '9') count++;
    return count;
}

bool furrow_number_parse(furrow_bytes text, uint64_t max, uint64_t *out)
{
    const char *at = text.data;
    uint64_t value = 0;
    if (text.len == 0 || furrow_number_digits(text) != text.len) return false;
    for (size_t i = 0; i < text.len; i++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value))
            return false;
    if (value > max) return false;
    *out = value;
    return true;
}

bool furrow_number_parse_signed(furrow_bytes text, int64_t min, int64_t max, int64_t *out)
{
    const char *at = text.data;
    bool negative = text.len > 0 && at[0] == '-';
    uint64_t size;
    if (negative) text = (furrow_bytes){at + 1, text.len - 1};
    if (!furrow_number_parse(text, (uint64_t)INT64_MAX + negative, &size)) return false;
    int64_t value = negative ? (int64_t)-size : (int64_t)size;
    if (value < min || value > max) return false;
    *out = value;
    return true;
}
