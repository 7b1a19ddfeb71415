/**
 * Checks of what callers send, for the domain modules of services. Pure. Each failure is INVALID_ARGUMENT and names the
 * field and what it may be.
 */
#ifndef FURROW_RUNTIME_INPUT_H
#define FURROW_RUNTIME_INPUT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* @min_bytes to @max_bytes of text without control characters. */
furrow_status furrow_input_text(const char *field, const char *value, size_t min_bytes, size_t max_bytes,
                                furrow_error *err) FURROW_MUST_USE;

/* Is @value (which may be "") a name that people see? Not blanks alone, nor with characters that nobody sees. */
furrow_status furrow_input_name(const char *field, const char *value, furrow_error *err) FURROW_MUST_USE;

/* A day that exists, as "YYYY-MM-DD". */
furrow_status furrow_input_date(const char *field, const char *value, furrow_error *err) FURROW_MUST_USE;

furrow_status furrow_input_range(const char *field, int64_t value, int64_t min, int64_t max,
                                 furrow_error *err) FURROW_MUST_USE;

/* page_size of a listing: 0 means 100; 1 to 1000. */
furrow_status furrow_input_page_size(int32_t page_size, size_t *limit, furrow_error *err) FURROW_MUST_USE;

#endif
