/*
 * Page tokens, which callers hand back. Properties: a token that is made is read by its own query, to the same place,
 * and by no other; a text that is read is the token that would be made; what is refused is the field page_token's
 * fault.
 */
#include "fuzz.h"

#include "mutate.h"
#include "store/index.h"
#include "store/token.h"

#include <stdlib.h>

#define MEMBER_MAX (FURROW_INDEX_TEXT_BYTES + 1 + 64) /* the longest member of an index: value, NUL, id */

static void check_text(const char *text, const uint8_t query[FURROW_HASH_BYTES], furrow_arena *arena)
{
    furrow_bytes last;
    furrow_error err = {0};
    if (furrow_token_read(text, query, arena, &last, &err) == FURROW_OK) {
        const char *again = furrow_token_make(query, last, arena);
        FURROW_REQUIRE(again && strcmp(again, text) == 0);
    } else {
        FURROW_REQUIRE(err.code == FURROW_INVALID_ARGUMENT && strcmp(err.field, "page_token") == 0);
    }
}

static void check_made(furrow_bytes last, const uint8_t query[FURROW_HASH_BYTES], furrow_arena *arena)
{
    uint8_t other[FURROW_HASH_BYTES];
    furrow_bytes back;
    if (last.len > MEMBER_MAX) return;
    const char *token = furrow_token_make(query, last, arena);
    FURROW_REQUIRE(token && furrow_token_read(token, query, arena, &back, NULL) == FURROW_OK);
    FURROW_REQUIRE(furrow_bytes_equal(last, back));
    memcpy(other, query, sizeof other);
    other[last.len % sizeof other] ^= 1;
    FURROW_REQUIRE(furrow_token_read(token, other, arena, &back, NULL) == FURROW_INVALID_ARGUMENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FURROW_HASH_BYTES) return 0;
    furrow_arena *arena = furrow_arena_create(0);
    furrow_bytes rest = {data + FURROW_HASH_BYTES, size - FURROW_HASH_BYTES};
    char *text = malloc(rest.len + 1);
    FURROW_REQUIRE(arena && text);
    memcpy(text, rest.data, rest.len);
    text[rest.len] = '\0';
    check_text(text, data, arena);
    check_made(rest, data, arena);
    free(text);
    furrow_arena_destroy(arena);
    return 0;
}

/* Now and then the rest becomes a token that fits the query before it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size > FURROW_HASH_BYTES && mutate_below(&dice, 3) == 0) {
        furrow_arena *arena = furrow_arena_create(0);
        furrow_bytes last = {data + FURROW_HASH_BYTES, mutate_below(&dice, size - FURROW_HASH_BYTES + 1)};
        const char *token = furrow_token_make(data, last, arena);
        mutate_splice(&text, FURROW_HASH_BYTES, size - FURROW_HASH_BYTES, token, strlen(token));
        furrow_arena_destroy(arena);
        if (mutate_below(&dice, 2)) return text.size;
        mutate_raw(&text, FURROW_HASH_BYTES, text.size - FURROW_HASH_BYTES);
        return text.size;
    }
    mutate_raw(&text, 0, size);
    return text.size;
}
