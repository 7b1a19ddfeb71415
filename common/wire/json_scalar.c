/*
 * Scalars between JSON text and C. May depend on base.
 */
#include "wire/json_scalar.h"

#include "wire/jsontext.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char not_integer[] = "a whole number was expected";
static const char out_of_range[] = "the number is out of range";
const char furrow_json_no_memory[] = "the value exceeds the memory limit";

/* Exponents are clamped here: no text in memory has so many digits that it would matter. */
#define EXPONENT_MAX 1000000000000LL

/* mantissa * 10^exponent, where the mantissa is the number's digits without its point, trailing zeros left out. */
typedef struct decimal {
    bool negative;
    bool overflow; /* the mantissa has more than 64 bits */
    uint64_t mantissa;
    int64_t exponent;
} decimal;

static int64_t parse_exponent(const uint8_t *at, const uint8_t *end)
{
    bool negative = at < end && *at == '-';
    int64_t value = 0;

    if (at < end && (*at == '-' || *at == '+')) at++;
    for (; at < end; at++)
        if (value < EXPONENT_MAX) value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

static decimal parse_decimal(furrow_bytes number)
{
    const uint8_t *at = number.data, *end = at + number.len;
    decimal result = {.negative = *at == '-'};
    int64_t zeros = 0; /* seen, but not yet multiplied in */
    bool fraction = false;

    for (at += result.negative; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        result.exponent -= fraction;
        zeros++;
        if (*at == '0') continue;
        for (; zeros > 0; zeros--)
            if (result.mantissa && __builtin_mul_overflow(result.mantissa, 10, &result.mantissa))
                result.overflow = true;
        if (__builtin_add_overflow(result.mantissa, (uint64_t)(*at - '0'), &result.mantissa)) result.overflow = true;
    }
    result.exponent += zeros;
    if (at < end) result.exponent += parse_exponent(at + 1, end);
    return result;
}

/* The magnitude of a whole number. */
static const char *magnitude(const decimal *value, uint64_t *out)
{
    uint64_t result = value->mantissa;

    if (result == 0 && !value->overflow) {
        *out = 0;
        return NULL;
    }
    if (value->exponent < 0) return not_integer;
    if (value->overflow || value->exponent > 19) return out_of_range;
    for (int64_t i = 0; i < value->exponent; i++)
        if (__builtin_mul_overflow(result, 10, &result)) return out_of_range;
    *out = result;
    return NULL;
}

const char *furrow_json_scalar_parse_int(furrow_bytes number, int64_t min, int64_t max, int64_t *out)
{
    decimal value = parse_decimal(number);
    uint64_t size;
    const char *wrong = magnitude(&value, &size);

    if (wrong) return wrong;
    if (size > (value.negative ? -(uint64_t)min : (uint64_t)max)) return out_of_range;
    *out = value.negative ? (int64_t)-size : (int64_t)size;
    return NULL;
}

const char *furrow_json_scalar_parse_uint(furrow_bytes number, uint64_t max, uint64_t *out)
{
    decimal value = parse_decimal(number);
    uint64_t size;
    const char *wrong = magnitude(&value, &size);

    if (wrong) return wrong;
    if (size > max || (value.negative && size > 0)) return out_of_range;
    *out = size;
    return NULL;
}

#define SHORT_NUMBER 64

/* With its NUL: in @small, or in the arena when it is long; NULL past the arena's limit. */
static const char *terminate(furrow_bytes number, char small[SHORT_NUMBER], furrow_arena *arena)
{
    if (number.len >= SHORT_NUMBER) return furrow_arena_memdup(arena, number.data, number.len);
    memcpy(small, number.data, number.len);
    small[number.len] = '\0';
    return small;
}

const char *furrow_json_scalar_parse_double(furrow_bytes number, furrow_arena *arena, double *out)
{
    char small[SHORT_NUMBER];
    const char *text = terminate(number, small, arena);

    if (!text) return furrow_json_no_memory;
    double value = strtod(text, NULL);
    if (isinf(value)) return out_of_range;
    *out = value;
    return NULL;
}

const char *furrow_json_scalar_parse_float(furrow_bytes number, furrow_arena *arena, float *out)
{
    char small[SHORT_NUMBER];
    const char *text = terminate(number, small, arena);

    if (!text) return furrow_json_no_memory;
    float value = strtof(text, NULL);
    if (isinf(value)) return out_of_range;
    *out = value;
    return NULL;
}

bool furrow_json_scalar_is_number(furrow_bytes text)
{
    furrow_jsontext reader;

    furrow_jsontext_init(&reader, text);
    return furrow_jsontext_next(&reader) == FURROW_JSONTEXT_NUMBER && reader.text.len == text.len;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

const char *furrow_json_scalar_parse_base64(furrow_bytes text, uint8_t *out, size_t *len)
{
    const uint8_t *at = text.data;
    size_t left = text.len, written = 0, padding = 0;
    uint32_t bits = 0;

    while (padding < 2 && left > 0 && at[left - 1] == '=') {
        left--;
        padding++;
    }
    if (left % 4 == 1 || (padding && (left + padding) % 4 != 0)) return "base64 was expected";
    for (size_t i = 0; i < left; i++) {
        int six = sextet(at[i]);
        if (six < 0) return "base64 was expected";
        bits = bits << 6 | (uint32_t)six;
        /* A group of four gives three bytes: one each at its second, third and fourth character. */
        if (i % 4) out[written++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    *len = written;
    return NULL;
}

void furrow_json_scalar_put_uint(furrow_buffer *out, uint64_t value)
{
    char digits[20], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + value % 10);
    } while (value /= 10);
    furrow_buffer_append(out, at, (size_t)(digits + sizeof digits - at));
}

void furrow_json_scalar_put_int(furrow_buffer *out, int64_t value)
{
    if (value < 0) furrow_buffer_append_byte(out, '-');
    furrow_json_scalar_put_uint(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* NaN, the infinities, and whole numbers, which need no search for their precision. */
static bool put_special(furrow_buffer *out, double value)
{
    if (isnan(value))
        furrow_buffer_append_text(out, "\"NaN\"");
    else if (isinf(value))
        furrow_buffer_append_text(out, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    else if (value == 0 && signbit(value))
        furrow_buffer_append_text(out, "-0");
    else if (fabs(value) < 1e7 && value == (double)(int64_t)value)
        furrow_json_scalar_put_int(out, (int64_t)value);
    else
        return false;
    return true;
}

void furrow_json_scalar_put_double(furrow_buffer *out, double value)
{
    char text[32];

    if (put_special(out, value)) return;
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value) snprintf(text, sizeof text, "%.17g", value);
    furrow_buffer_append_text(out, text);
}

void furrow_json_scalar_put_float(furrow_buffer *out, float value)
{
    char text[32];

    if (put_special(out, value)) return;
    snprintf(text, sizeof text, "%.6g", value);
    if (strtof(text, NULL) != value) snprintf(text, sizeof text, "%.9g", value);
    furrow_buffer_append_text(out, text);
}

void furrow_json_scalar_put_base64(furrow_buffer *out, furrow_bytes data)
{
    const uint8_t *in = data.data;
    uint8_t *at = furrow_buffer_reserve(out, (data.len + 2) / 3 * 4 + 2);

    if (!at) return;
    uint8_t *start = at;
    *at++ = '"';
    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i;
        uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0u);
        *at++ = (uint8_t)alphabet[bits >> 18];
        *at++ = (uint8_t)alphabet[bits >> 12 & 63];
        *at++ = left > 1 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? (uint8_t)alphabet[bits & 63] : '=';
    }
    *at++ = '"';
    out->len += (size_t)(at - start);
}
