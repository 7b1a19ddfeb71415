/* Input checks shared by the services' domains. */
#include "runtime/input.h"

#include "wire/unicode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DATE_LEN 10 /* of "2026-11-23" */

furrow_status furrow_input_text(const char *field, const char *value, size_t min_bytes, size_t max_bytes,
                                furrow_error *err)
{
    size_t len = strlen(value);
    if (len < min_bytes && len == 0) return furrow_fail_field(err, field, "is required");
    if (len < min_bytes || len > max_bytes)
        return furrow_fail_field(err, field, "has %zu bytes; allowed are %zu to %zu", len, min_bytes, max_bytes);
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return furrow_fail_field(err, field, "has a control character");
    return FURROW_OK;
}

furrow_status furrow_input_name(const char *field, const char *value, furrow_error *err)
{
    uint32_t hidden = furrow_unicode_hidden(value);
    if (hidden == 0xfffd)
        return furrow_fail_field(err, field, "has U+FFFD in it, which stands where text was lost: was it no UTF-8?");
    if (hidden) return furrow_fail_field(err, field, "has a character that nobody sees, U+%04" PRIX32, hidden);
    if (value[0] && !furrow_unicode_shows(value)) return furrow_fail_field(err, field, "is blank");
    return FURROW_OK;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

furrow_status furrow_input_date(const char *field, const char *value, furrow_error *err)
{
    int parts[3] = {0}; /* year, month, day */
    bool shape = strlen(value) == DATE_LEN;
    for (size_t i = 0, part = 0; shape && i < DATE_LEN; i++) {
        bool mark = i == 4 || i == 7;
        shape = mark ? value[i] == '-' : value[i] >= '0' && value[i] <= '9';
        if (mark)
            part++;
        else
            parts[part] = parts[part] * 10 + (value[i] - '0');
    }
    int year = parts[0], month = parts[1], day = parts[2];
    if (!shape || year < 1900 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return furrow_fail_field(err, field, "\"%.20s\" is not a date; write it as 2026-03-01", value);
    return FURROW_OK;
}

furrow_status furrow_input_range(const char *field, int64_t value, int64_t min, int64_t max, furrow_error *err)
{
    if (value >= min && value <= max) return FURROW_OK;
    return furrow_fail_field(err, field, "is %" PRId64 "; allowed are %" PRId64 " to %" PRId64, value, min, max);
}

furrow_status furrow_input_page_size(int32_t page_size, size_t *limit, furrow_error *err)
{
    furrow_status status = furrow_input_range("page_size", page_size, 0, 1000, err);
    if (status == FURROW_OK) *limit = page_size > 0 ? (size_t)page_size : 100;
    return status;
}
