/* Ids and hashes: shape, order, and that different parts hash differently. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(an_id_is_one_token_of_64_at_most)
{
    char longest[FURROW_ID_MAX + 2];
    memset(longest, 'z', sizeof longest);
    ck_assert(furrow_id_valid("a", 1));
    ck_assert(furrow_id_valid("Az09_-", 6));
    ck_assert(furrow_id_valid(longest, FURROW_ID_MAX));
    ck_assert(!furrow_id_valid(longest, FURROW_ID_MAX + 1));
    ck_assert(!furrow_id_valid("", 0));
    for (int c = 0; c < 256; c++) {
        char text[] = {'a', (char)c};
        bool good = c < 128 && c > 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c);
        ck_assert_int_eq(furrow_id_valid(text, 2), good);
    }
}
END_TEST

START_TEST(made_ids_are_ulids_and_only_grow)
{
    char last[FURROW_ID_SIZE] = "", id[FURROW_ID_SIZE];
    for (int i = 0; i < 20000; i++) {
        furrow_id_make(id);
        ck_assert_uint_eq(strlen(id), 26);
        ck_assert_uint_eq(strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
        ck_assert_int_gt(strcmp(id, last), 0);
        memcpy(last, id, sizeof id);
    }
}
END_TEST

static uint64_t ms_of(const char *id)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = 0;
    for (int i = 0; i < 10; i++) ms = ms * 32 + (uint64_t)(strchr(digits, id[i]) - digits);
    return ms;
}

START_TEST(a_secret_id_tells_nothing_of_the_next)
{
    char ids[100][FURROW_ID_SIZE];
    for (int i = 0; i < 100; i++) {
        furrow_id_make_secret(ids[i]);
        ck_assert(furrow_id_valid(ids[i], FURROW_ID_SIZE - 1));
        for (int j = 0; j < i; j++) /* made ones share the milliseconds; these, 48 random bits */
            ck_assert_int_ne(strncmp(ids[i], ids[j], 10), 0);
    }
}
END_TEST

START_TEST(the_first_ten_digits_are_the_milliseconds)
{
    char id[FURROW_ID_SIZE];
    uint64_t before = (uint64_t)furrow_clock_wall_ns() / FURROW_NS_PER_MS;
    furrow_id_make(id);
    uint64_t after = (uint64_t)furrow_clock_wall_ns() / FURROW_NS_PER_MS;
    ck_assert_uint_ge(ms_of(id), before);
    ck_assert_uint_le(ms_of(id), after);
}
END_TEST

#define PER_THREAD 2000

static void *make_many(void *arg)
{
    char(*ids)[FURROW_ID_SIZE] = arg;
    for (int i = 0; i < PER_THREAD; i++) furrow_id_make(ids[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

START_TEST(threads_never_make_the_same_id)
{
    static char ids[4 * PER_THREAD][FURROW_ID_SIZE];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, make_many, ids[i * PER_THREAD]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    qsort(ids, 4 * PER_THREAD, FURROW_ID_SIZE, compare);
    for (int i = 1; i < 4 * PER_THREAD; i++) ck_assert_str_ne(ids[i - 1], ids[i]);
}
END_TEST

START_TEST(a_forked_child_does_not_make_its_parents_next_id)
{
    for (int i = 0; i < 20; i++) {
        char ours[FURROW_ID_SIZE], theirs[FURROW_ID_SIZE] = "";
        int ends[2];
        ck_assert_int_eq(pipe(ends), 0);
        furrow_id_make(ours);
        pid_t child = fork();
        furrow_id_make(ours);
        if (child == 0) _exit(write(ends[1], ours, sizeof ours) != sizeof ours);
        ck_assert_int_eq(read(ends[0], theirs, sizeof theirs), sizeof theirs);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        ck_assert_str_ne(ours, theirs);
        close(ends[0]);
        close(ends[1]);
    }
}
END_TEST

START_TEST(the_same_hash_is_the_same_id)
{
    uint8_t zeros[16] = {0}, ones[16], mixed[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                                    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
    char id[FURROW_ID_SIZE];
    memset(ones, 0xff, sizeof ones);
    furrow_id_from_hash(zeros, id);
    ck_assert_str_eq(id, "00000000000000000000000000");
    furrow_id_from_hash(ones, id);
    ck_assert_str_eq(id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    furrow_id_from_hash(mixed, id);
    ck_assert_str_eq(id, "014D2PF2DBSQQZXQ5TK1V58CGG");
}
END_TEST

START_TEST(where_one_part_ends_is_hashed_too)
{
    furrow_bytes ab_c[] = {FURROW_BYTES_LITERAL("ab"), FURROW_BYTES_LITERAL("c")};
    furrow_bytes a_bc[] = {FURROW_BYTES_LITERAL("a"), FURROW_BYTES_LITERAL("bc")};
    furrow_bytes abc[] = {FURROW_BYTES_LITERAL("abc"), {NULL, 0}};
    uint8_t first[FURROW_HASH_BYTES], second[FURROW_HASH_BYTES];
    furrow_hash(ab_c, 2, first);
    furrow_hash(a_bc, 2, second);
    ck_assert_mem_ne(first, second, sizeof first);
    furrow_hash(ab_c, 2, second);
    ck_assert_mem_eq(first, second, sizeof first);
    furrow_hash(abc, 1, first);
    furrow_hash(abc, 2, second);
    ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

/* Ids in logs derive from it, so it may never change. Expected: python's blake2b(digest_size=16) over the framed parts.
 */
START_TEST(the_hash_is_blake2b_of_framed_parts)
{
    furrow_bytes parts[] = {FURROW_BYTES_LITERAL("employee.v1.EmployeeService.Hire"), FURROW_BYTES_LITERAL("k1")};
    uint8_t hash[FURROW_HASH_BYTES];
    char hex[FURROW_HASH_HEX];
    furrow_hash(parts, 2, hash);
    furrow_hash_hex(hash, hex);
    ck_assert_str_eq(hex, "e9eb87389a37d60bba9bd1455e8cb1f1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("id");
    TCase *tests = tcase_create("id");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, an_id_is_one_token_of_64_at_most);
    tcase_add_test(tests, made_ids_are_ulids_and_only_grow);
    tcase_add_test(tests, a_secret_id_tells_nothing_of_the_next);
    tcase_add_test(tests, the_first_ten_digits_are_the_milliseconds);
    tcase_add_test(tests, threads_never_make_the_same_id);
    tcase_add_test(tests, a_forked_child_does_not_make_its_parents_next_id);
    tcase_add_test(tests, the_same_hash_is_the_same_id);
    tcase_add_test(tests, where_one_part_ends_is_hashed_too);
    tcase_add_test(tests, the_hash_is_blake2b_of_framed_parts);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
