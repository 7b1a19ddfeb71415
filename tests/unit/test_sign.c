/* Signing a server's nonce: what nats.c is given, and what it is not. */
#include "link/internal.h"
#include "support/tempdir.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A user's seed, and the Ed25519 key that belongs to it. */
static const char seed[] = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n";

static char path[160];

static void write_seed(void)
{
    snprintf(path, sizeof path, "%s/seed.nk", furrow_test_tempdir());
    furrow_test_write_file(path, seed);
}

/* The first of the nonces n0, n1, … whose signature does, or does not, begin with a byte 0. */
static void find_nonce(bool begins_with_zero, char nonce[32])
{
    uint8_t signature[FURROW_NKEY_SIGNATURE];
    for (int i = 0; i < 100000; i++) {
        snprintf(nonce, 32, "n%d", i);
        ck_assert_int_eq(furrow_nkey_sign(path, nonce, signature, NULL), FURROW_OK);
        if ((signature[0] == 0) == begins_with_zero) return;
    }
    ck_abort_msg("no such nonce");
}

START_TEST(a_signature_that_nats_c_would_send_as_nothing_is_refused_before_it_is_sent)
{
    char nonce[32], *error = NULL;
    unsigned char *signature = NULL;
    int len = 0;
    furrow_signer signer = {.seed_file = path};
    write_seed();
    find_nonce(true, nonce);
    ck_assert_int_eq(furrow_signer_sign(&error, &signature, &len, nonce, &signer), NATS_ERR);
    ck_assert(signer.refused);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_null(signature);
    free(error);
}
END_TEST

START_TEST(any_other_is_the_keys_own)
{
    char nonce[32], *error = NULL;
    unsigned char *signature = NULL;
    int len = 0;
    uint8_t again[FURROW_NKEY_SIGNATURE];
    furrow_signer signer = {.seed_file = path};
    write_seed();
    find_nonce(false, nonce);
    ck_assert_int_eq(furrow_signer_sign(&error, &signature, &len, nonce, &signer), NATS_OK);
    ck_assert(!signer.refused);
    ck_assert_int_eq(len, FURROW_NKEY_SIGNATURE);
    ck_assert_int_eq(furrow_nkey_sign(path, nonce, again, NULL), FURROW_OK);
    ck_assert_mem_eq(signature, again, sizeof again);
    free(signature);
}
END_TEST

START_TEST(a_file_that_is_gone_or_damaged_is_told_and_is_no_reason_to_try_again)
{
    static const char *const contents[] = {"", "SUnonsense",
                                           "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQXYYCU3VY"};
    for (size_t i = 0; i < 4; i++) {
        char *error = NULL;
        unsigned char *signature = NULL;
        int len = 0;
        furrow_signer signer = {.seed_file = path};
        write_seed();
        if (i < 3)
            furrow_test_write_file(path, contents[i]);
        else
            remove(path);
        ck_assert_int_eq(furrow_signer_sign(&error, &signature, &len, "nonce", &signer), NATS_ERR);
        ck_assert(!signer.refused);
        ck_assert_ptr_nonnull(strstr(error, path));
        ck_assert_int_eq(strstr(error, "No such file") != NULL, i == 3);
        free(error);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sign");
    TCase *tests = tcase_create("sign");
    tcase_add_test(tests, a_signature_that_nats_c_would_send_as_nothing_is_refused_before_it_is_sent);
    tcase_add_test(tests, any_other_is_the_keys_own);
    tcase_add_test(tests, a_file_that_is_gone_or_damaged_is_told_and_is_no_reason_to_try_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
