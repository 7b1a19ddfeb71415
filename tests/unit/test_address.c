/* Where Redis is: what a URL may say. */
#include "store/address.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(urls_name_a_host_or_a_socket)
{
    furrow_address at;
    furrow_error err;
    ck_assert_int_eq(furrow_address_parse("redis://redis.farm:7000/12", &at, &err), FURROW_OK);
    ck_assert_str_eq(at.host, "redis.farm");
    ck_assert_str_eq(at.port, "7000");
    ck_assert_uint_eq(at.database, 12);
    ck_assert_str_eq(at.path, "");
    ck_assert_int_eq(furrow_address_parse("redis://localhost", &at, &err), FURROW_OK);
    ck_assert_str_eq(at.port, "6379");
    ck_assert_uint_eq(at.database, 0);
    ck_assert_int_eq(furrow_address_parse("redis://[::1]:7001/", &at, &err), FURROW_OK);
    ck_assert_str_eq(at.host, "::1");
    ck_assert_str_eq(at.port, "7001");
    ck_assert_int_eq(furrow_address_parse("redis://[fe80::2]", &at, &err), FURROW_OK);
    ck_assert_str_eq(at.host, "fe80::2");
    ck_assert_str_eq(at.port, "6379");
    ck_assert_int_eq(furrow_address_parse("unix:///run/redis.sock", &at, &err), FURROW_OK);
    ck_assert_str_eq(at.path, "/run/redis.sock");
}
END_TEST

START_TEST(other_urls_are_refused_with_a_reason)
{
    static const char *const bad[] = {"",
                                      "localhost:6379",
                                      "http://localhost",
                                      "redis://",
                                      "redis://:6379",
                                      "redis://host:0",
                                      "redis://host:65536",
                                      "redis://host:",
                                      "redis://host:6379x",
                                      "redis://host/one",
                                      "redis://host/-1",
                                      "redis://user:secret@host",
                                      "redis://[::1",
                                      "redis://[::1]6379",
                                      "redis://[[]",
                                      "redis://[localhost]",
                                      "unix://relative",
                                      "unix://"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        furrow_address at = {.host = "untouched"};
        furrow_error err = {0};
        ck_assert_msg(furrow_address_parse(bad[i], &at, &err) == FURROW_INVALID_ARGUMENT, "%s", bad[i]);
        ck_assert_str_eq(at.host, "untouched");
        ck_assert(err.text[0] && !strstr(err.text, "secret"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *cases = tcase_create("address");
    tcase_add_test(cases, urls_name_a_host_or_a_socket);
    tcase_add_test(cases, other_urls_are_refused_with_a_reason);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
