/* A service's secret: hashes that nobody can guess their way back from, and what is sealed for a while. */
#include "base/secret.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static furrow_secret *secret_of(uint8_t first)
{
    uint8_t bytes[FURROW_SECRET_BYTES] = {first};
    furrow_secret *secret = furrow_secret_create(bytes, NULL);
    ck_assert_ptr_nonnull(secret);
    return secret;
}

static const furrow_bytes parts[] = {{"a", 1}, {"bc", 2}}, other_parts[] = {{"ab", 2}, {"c", 1}};

START_TEST(a_hash_depends_on_secret_purpose_and_parts)
{
    furrow_secret *one = secret_of(1), *two = secret_of(2);
    uint8_t hashes[6][FURROW_HASH_BYTES];
    furrow_secret_hash(one, "claim", parts, 2, hashes[0]);
    furrow_secret_hash(two, "claim", parts, 2, hashes[1]);
    furrow_secret_hash(one, "request", parts, 2, hashes[2]);
    furrow_secret_hash(one, "claim", other_parts, 2, hashes[3]);
    furrow_hash(parts, 2, hashes[4]);
    furrow_secret_hash(one, "claim", parts, 2, hashes[5]);
    for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 5; j++) ck_assert_mem_ne(hashes[i], hashes[j], FURROW_HASH_BYTES);
    ck_assert_mem_eq(hashes[0], hashes[5], FURROW_HASH_BYTES);
    furrow_secret_destroy(one);
    furrow_secret_destroy(two);
}
END_TEST

START_TEST(what_is_sealed_opens_for_its_secret_purpose_and_name_only)
{
    furrow_secret *one = secret_of(1), *two = secret_of(2);
    furrow_bytes plain = furrow_bytes_of("born 1980-02-29");
    uint8_t sealed[64], again[64], out[64] = "";
    furrow_bytes box = {sealed, plain.len + FURROW_SECRET_OVERHEAD};
    furrow_secret_seal(one, "result", "k", plain, sealed);
    furrow_secret_seal(one, "result", "k", plain, again);
    ck_assert_mem_ne(sealed, again, box.len);
    ck_assert_ptr_null(memmem(sealed, box.len, "1980", 4));
    ck_assert(furrow_secret_open(one, "result", "k", box, out));
    ck_assert_mem_eq(out, plain.data, plain.len);
    ck_assert(!furrow_secret_open(two, "result", "k", box, out));
    ck_assert(!furrow_secret_open(one, "other", "k", box, out));
    ck_assert(!furrow_secret_open(one, "result", "l", box, out));
    for (size_t i = 0; i < box.len; i++) {
        ck_assert(!furrow_secret_open(one, "result", "k", (furrow_bytes){sealed, i}, out));
        sealed[i] ^= 1;
        ck_assert(!furrow_secret_open(one, "result", "k", box, out));
        sealed[i] ^= 1;
    }
    furrow_secret_destroy(one);
    furrow_secret_destroy(two);
}
END_TEST

START_TEST(a_secret_that_cannot_be_read_says_why)
{
    furrow_error err = {0};
    ck_assert_ptr_null(furrow_secret_load("/nonexistent/secret", &err));
    ck_assert_int_eq(err.code, FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "secret /nonexistent/secret"));
    furrow_secret_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret");
    TCase *tests = tcase_create("secret");
    tcase_add_test(tests, a_hash_depends_on_secret_purpose_and_parts);
    tcase_add_test(tests, what_is_sealed_opens_for_its_secret_purpose_and_name_only);
    tcase_add_test(tests, a_secret_that_cannot_be_read_says_why);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
