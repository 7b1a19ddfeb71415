/* The buffer: it grows, it stops at its limit, and it says so once. */
#include "base/buffer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static furrow_buffer buffer;

static void fini(void)
{
    furrow_buffer_fini(&buffer);
}

START_TEST(appends_follow_each_other)
{
    furrow_buffer_init(&buffer, 1000);
    ck_assert_ptr_null(buffer.data);
    furrow_buffer_append(&buffer, "a\0b", 3);
    furrow_buffer_append_text(&buffer, "cd");
    furrow_buffer_append_byte(&buffer, 0xff);
    furrow_buffer_printf(&buffer, "%d", 42);
    furrow_buffer_append(&buffer, NULL, 0);
    ck_assert(!buffer.failed);
    ck_assert_uint_eq(buffer.len, 8);
    ck_assert_mem_eq(buffer.data,
                     "a\0bcd\xff"
                     "42",
                     8);
    fini();
}
END_TEST

START_TEST(it_is_filled_to_the_last_byte_of_its_limit)
{
    furrow_buffer_init(&buffer, 1003);
    for (int i = 0; i < 1003; i++) furrow_buffer_append_byte(&buffer, (uint8_t)i);
    ck_assert(!buffer.failed);
    ck_assert_uint_eq(buffer.len, 1003);
    for (int i = 0; i < 1003; i++) ck_assert_uint_eq(buffer.data[i], (uint8_t)i);
    furrow_buffer_append_byte(&buffer, 0);
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.len, 1003);
    fini();
}
END_TEST

START_TEST(text_may_fill_the_limit_too)
{
    furrow_buffer_init(&buffer, 5);
    furrow_buffer_printf(&buffer, "%s", "12345");
    ck_assert(!buffer.failed);
    ck_assert_mem_eq(buffer.data, "12345", 5);
    furrow_buffer_reset(&buffer);
    furrow_buffer_printf(&buffer, "%s", "123456");
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.len, 0);
    fini();
}
END_TEST

START_TEST(after_a_failure_nothing_more_is_appended)
{
    furrow_buffer_init(&buffer, 4);
    furrow_buffer_append_text(&buffer, "abc");
    furrow_buffer_append_text(&buffer, "de");
    furrow_buffer_append_text(&buffer, "f");
    furrow_buffer_printf(&buffer, "g");
    ck_assert_ptr_null(furrow_buffer_reserve(&buffer, 1));
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.len, 3);
    furrow_buffer_reset(&buffer);
    furrow_buffer_append_text(&buffer, "f");
    ck_assert(!buffer.failed);
    ck_assert_uint_eq(buffer.len, 1);
    fini();
}
END_TEST

START_TEST(reserved_room_is_the_callers_to_fill)
{
    furrow_buffer_init(&buffer, 10000);
    furrow_buffer_append_text(&buffer, "x");
    uint8_t *room = furrow_buffer_reserve(&buffer, 5000);
    ck_assert_ptr_nonnull(room);
    memset(room, 'y', 5000);
    buffer.len += 5000;
    ck_assert_uint_eq(buffer.data[0], 'x');
    ck_assert_uint_eq(buffer.data[5000], 'y');
    ck_assert_ptr_null(furrow_buffer_reserve(&buffer, 5000));
    ck_assert(buffer.failed);
    fini();
}
END_TEST

START_TEST(a_limit_of_nothing_and_absurd_sizes_fail)
{
    furrow_buffer_init(&buffer, 0);
    furrow_buffer_append_byte(&buffer, 1);
    ck_assert(buffer.failed);
    fini();
    furrow_buffer_init(&buffer, SIZE_MAX);
    furrow_buffer_append_byte(&buffer, 1);
    ck_assert_ptr_null(furrow_buffer_reserve(&buffer, SIZE_MAX - 1));
    ck_assert_ptr_null(furrow_buffer_reserve(&buffer, SIZE_MAX));
    ck_assert_uint_eq(buffer.len, 1);
    fini();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("buffer");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, appends_follow_each_other);
    tcase_add_test(tests, it_is_filled_to_the_last_byte_of_its_limit);
    tcase_add_test(tests, text_may_fill_the_limit_too);
    tcase_add_test(tests, after_a_failure_nothing_more_is_appended);
    tcase_add_test(tests, reserved_room_is_the_callers_to_fill);
    tcase_add_test(tests, a_limit_of_nothing_and_absurd_sizes_fail);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
