/**
 * Page tokens: which query they belong to and where its next page begins, as base64url. Opaque to callers, not secret:
 * one that was forged can only name another place of the same query. Pure. Private to store/.
 */
#ifndef FURROW_STORE_TOKEN_H
#define FURROW_STORE_TOKEN_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/hash.h"

/* NULL past the arena's limit. */
char *furrow_token_make(const uint8_t query[FURROW_HASH_BYTES], furrow_bytes last, furrow_arena *arena);

/* INVALID_ARGUMENT (field page_token) when it is no token or one of another query. *last lives in @arena. */
furrow_status furrow_token_read(const char *token, const uint8_t query[FURROW_HASH_BYTES], furrow_arena *arena,
                                furrow_bytes *last, furrow_error *err) FURROW_MUST_USE;

#endif
