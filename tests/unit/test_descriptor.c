/* Sets of descriptors are united by who owns a file, and what is none is refused. */
#include "wire/descriptor.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A set of one file: its name, and a source info if it is its contract's own; @mark tells whose copy it is. */
static furrow_bytes file(char out[64], const char *name, char mark, bool owned)
{
    size_t len = strlen(name), size = 2 + len + 3 + (owned ? 2 : 0), at = 0;
    out[at++] = 0x0a; /* FileDescriptorSet.file */
    out[at++] = (char)size;
    out[at++] = 0x0a; /* FileDescriptorProto.name */
    out[at++] = (char)len;
    memcpy(out + at, name, len);
    at += len;
    out[at++] = 0x12; /* package: the mark */
    out[at++] = 1;
    out[at++] = mark;
    if (owned) {
        out[at++] = 0x4a; /* source_code_info, empty */
        out[at++] = 0;
    }
    return (furrow_bytes){out, at};
}

static furrow_status unite(const furrow_bytes sets[], size_t count, furrow_buffer *out, furrow_error *err)
{
    furrow_buffer_init(out, 4096);
    return furrow_descriptor_unite(sets, count, out, err);
}

/* The places of the texts in what was united; -1: not there. */
static ptrdiff_t place_of(const furrow_buffer *in, const char *text)
{
    const uint8_t *found = in->len ? memmem(in->data, in->len, text, strlen(text)) : NULL;
    return found ? found - in->data : -1;
}

START_TEST(a_file_is_as_its_own_contract_has_it)
{
    char one[64], other[64], third[64];
    furrow_bytes sets[] = {file(one, "a.proto", 'I', false), file(other, "b.proto", 'B', true),
                           file(third, "a.proto", 'O', true)};
    furrow_buffer out;
    furrow_error err;
    ck_assert_int_eq(unite(sets, 3, &out, &err), FURROW_OK);
    ck_assert_int_eq(place_of(&out, "\x12\x01I"), -1);
    ck_assert_int_ge(place_of(&out, "\x12\x01O"), 0);
    ck_assert_int_lt(place_of(&out, "a.proto"), place_of(&out, "b.proto"));
    ck_assert_uint_eq(out.len, sets[1].len + sets[2].len);
    furrow_buffer_fini(&out);
}
END_TEST

START_TEST(of_copies_that_nobody_owns_the_first_counts)
{
    char one[64], other[64];
    furrow_bytes sets[] = {file(one, "a.proto", '1', false), file(other, "a.proto", '2', false)};
    furrow_buffer out;
    furrow_error err;
    ck_assert_int_eq(unite(sets, 2, &out, &err), FURROW_OK);
    ck_assert_uint_eq(out.len, sets[0].len);
    ck_assert_int_ge(place_of(&out, "\x12\x01"
                                    "1"),
                     0);
    furrow_buffer_fini(&out);
}
END_TEST

START_TEST(what_is_no_set_is_refused)
{
    static const char *const wrong[] = {
        "\x0a", "\x0a\x05\x61\x62\x63", "\x12\x00", "\x0a\x02\x12\x00", "\x0a\x02\x0a\x05", "\xff\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t len = i == 2 ? 2 : i == 3 ? 4 : strlen(wrong[i]);
        furrow_buffer out;
        furrow_error err;
        ck_assert_int_eq(unite(&(furrow_bytes){wrong[i], len}, 1, &out, &err), FURROW_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "not a FileDescriptorSet"));
        ck_assert_uint_eq(out.len, 0);
        furrow_buffer_fini(&out);
    }
}
END_TEST

START_TEST(files_and_bytes_are_bounded)
{
    static char texts[FURROW_DESCRIPTOR_FILES_MAX + 1][64];
    static furrow_bytes sets[FURROW_DESCRIPTOR_FILES_MAX + 1];
    furrow_buffer out;
    furrow_error err;
    for (int i = 0; i <= FURROW_DESCRIPTOR_FILES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.proto", i);
        sets[i] = file(texts[i], name, 'x', true);
    }
    ck_assert_int_eq(unite(sets, FURROW_DESCRIPTOR_FILES_MAX + 1, &out, &err), FURROW_RESOURCE_EXHAUSTED);
    furrow_buffer_fini(&out);
    ck_assert_int_eq(unite(sets, FURROW_DESCRIPTOR_FILES_MAX, &out, &err), FURROW_RESOURCE_EXHAUSTED); /* of bytes */
    furrow_buffer_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("descriptor");
    TCase *tests = tcase_create("descriptor");
    tcase_add_test(tests, a_file_is_as_its_own_contract_has_it);
    tcase_add_test(tests, of_copies_that_nobody_owns_the_first_counts);
    tcase_add_test(tests, what_is_no_set_is_refused);
    tcase_add_test(tests, files_and_bytes_are_bounded);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
