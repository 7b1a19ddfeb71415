/* The arena: alignment, its limit, and what a reset leaves. */
#include "base/arena.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(memory_is_aligned_and_apart)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    uint8_t *parts[200];
    for (size_t i = 0; i < 200; i++) {
        parts[i] = furrow_arena_alloc(arena, i);
        ck_assert_ptr_nonnull(parts[i]);
        ck_assert_uint_eq((uintptr_t)parts[i] % 16, 0);
        memset(parts[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t at = 0; at < i; at++) ck_assert_uint_eq(parts[i][at], i);
    }
}
END_TEST

START_TEST(the_limit_holds_and_leaves_what_was_there)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(100000);
    char *first = furrow_arena_strdup(arena, "still here");
    size_t count = 0;
    while (furrow_arena_alloc(arena, 1000)) count++;
    ck_assert_uint_eq(count, (100000 - 16) / 1008);
    ck_assert_ptr_null(furrow_arena_alloc(arena, 100000));
    ck_assert_ptr_nonnull(furrow_arena_alloc(arena, 100000 - furrow_arena_used(arena) - 16));
    ck_assert_uint_le(furrow_arena_used(arena), 100000);
    ck_assert_str_eq(first, "still here");
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(SIZE_MAX);
    ck_assert_ptr_null(furrow_arena_alloc(arena, SIZE_MAX));
    ck_assert_ptr_null(furrow_arena_alloc(arena, SIZE_MAX - 15));
    ck_assert_ptr_null(furrow_arena_memdup(arena, "", SIZE_MAX));
    ck_assert_ptr_nonnull(furrow_arena_alloc(arena, 1));
}
END_TEST

START_TEST(zero_bytes_are_an_address_of_their_own)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    void *one = furrow_arena_alloc(arena, 0), *two = furrow_arena_alloc(arena, 0);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_ne(one, two);
}
END_TEST

START_TEST(a_reset_makes_it_as_new_and_keeps_the_first_chunk)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(1 << 20);
    void *first = furrow_arena_alloc(arena, 64);
    for (int i = 0; i < 100; i++) ck_assert_ptr_nonnull(furrow_arena_alloc(arena, 5000));
    furrow_arena_reset(arena);
    ck_assert_uint_eq(furrow_arena_used(arena), 0);
    ck_assert_ptr_eq(furrow_arena_alloc(arena, 64), first);
    ck_assert_ptr_nonnull(furrow_arena_alloc(arena, (1 << 20) - 64));
    ck_assert_ptr_null(furrow_arena_alloc(arena, 1));
}
END_TEST

START_TEST(a_large_piece_does_not_waste_the_room_around_it)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    for (int i = 0; i < 3; i++) furrow_arena_alloc(arena, 3000); /* past the first chunk */
    char *before = furrow_arena_alloc(arena, 16);
    ck_assert_ptr_nonnull(furrow_arena_zalloc(arena, 300000));
    char *after = furrow_arena_alloc(arena, 16);
    ck_assert_ptr_eq(after, before + 16);
}
END_TEST

START_TEST(copies_are_whole_and_end_in_nul)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    char *copy = furrow_arena_memdup(arena, "a\0b", 3);
    ck_assert_mem_eq(copy, "a\0b", 4);
    ck_assert_str_eq(furrow_arena_memdup(arena, NULL, 0), "");
    ck_assert_str_eq(furrow_arena_printf(arena, "%s-%05d", "x", 42), "x-00042");
    uint8_t *zeroed = furrow_arena_zalloc(arena, 32);
    for (int i = 0; i < 32; i++) ck_assert_uint_eq(zeroed[i], 0);
}
END_TEST

START_TEST(text_past_the_limit_is_null)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(32);
    ck_assert_ptr_null(furrow_arena_printf(arena, "%40d", 1));
    ck_assert_ptr_null(furrow_arena_strdup(arena, "0123456789012345678901234567890123456789"));
    ck_assert_str_eq(furrow_arena_strdup(arena, "short"), "short");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, memory_is_aligned_and_apart);
    tcase_add_test(tests, the_limit_holds_and_leaves_what_was_there);
    tcase_add_test(tests, absurd_sizes_are_refused);
    tcase_add_test(tests, zero_bytes_are_an_address_of_their_own);
    tcase_add_test(tests, a_reset_makes_it_as_new_and_keeps_the_first_chunk);
    tcase_add_test(tests, a_large_piece_does_not_waste_the_room_around_it);
    tcase_add_test(tests, copies_are_whole_and_end_in_nul);
    tcase_add_test(tests, text_past_the_limit_is_null);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
