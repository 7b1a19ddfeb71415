/* See token.h. libsodium's base64url without padding, reached through base. */
#include "store/token.h"

#include <sodium.h>
#include <string.h>

enum { TOKEN_MAX = 1024, VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

/* libsodium takes some bytes above 127 for digits. */
static bool is_base64url(const char *text, size_t len)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

char *furrow_token_make(const uint8_t query[FURROW_HASH_BYTES], furrow_bytes last, furrow_arena *arena)
{
    size_t len = FURROW_HASH_BYTES + last.len, size = sodium_base64_ENCODED_LEN(len, VARIANT);
    uint8_t *raw = furrow_arena_alloc(arena, len);
    char *token = furrow_arena_alloc(arena, size);
    if (!raw || !token) return NULL;
    memcpy(raw, query, FURROW_HASH_BYTES);
    memcpy(raw + FURROW_HASH_BYTES, last.data, last.len);
    return sodium_bin2base64(token, size, raw, len, VARIANT);
}

furrow_status furrow_token_read(const char *token, const uint8_t query[FURROW_HASH_BYTES], furrow_arena *arena,
                                furrow_bytes *last, furrow_error *err)
{
    uint8_t raw[TOKEN_MAX];
    size_t len = 0, token_len = strlen(token);
    if (token_len > TOKEN_MAX || !is_base64url(token, token_len) ||
        sodium_base642bin(raw, sizeof raw, token, token_len, NULL, &len, NULL, VARIANT) != 0 || len < FURROW_HASH_BYTES)
        return furrow_fail_field(err, "page_token", "this is no page token");
    if (memcmp(raw, query, FURROW_HASH_BYTES) != 0)
        return furrow_fail_field(
            err, "page_token", "this page token belongs to another query: a query keeps its filter from page to page");
    void *copy = furrow_arena_memdup(arena, raw + FURROW_HASH_BYTES, len - FURROW_HASH_BYTES);
    if (!copy) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "a page token does not fit the request's memory");
    *last = (furrow_bytes){copy, len - FURROW_HASH_BYTES};
    return FURROW_OK;
}
