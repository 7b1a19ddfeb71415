/* Settings: the environment, its fallbacks, and how a wrong value is refused. */
#include "base/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_config {
    const char *url, *user, *password;
    int64_t calls, offset;
} test_config;

static const furrow_setting table[] = {
    {"FURROW_TEST_URL", FURROW_SETTING_TEXT, offsetof(test_config, url), "nats://127.0.0.1:4222", 0, 0,
     "where NATS is"},
    {"FURROW_TEST_USER", FURROW_SETTING_TEXT, offsetof(test_config, user), NULL, 0, 0, "who signs in"},
    {"FURROW_TEST_PASSWORD", FURROW_SETTING_SECRET, offsetof(test_config, password), NULL, 0, 0, "and with what"},
    {"FURROW_TEST_CALLS", FURROW_SETTING_NUMBER, offsetof(test_config, calls), "1024", 1, 1000000, "calls in flight"},
    {"FURROW_TEST_OFFSET", FURROW_SETTING_NUMBER, offsetof(test_config, offset), "0", INT64_MIN, INT64_MAX,
     "any number"},
};
#define COUNT (sizeof table / sizeof *table)

START_TEST(what_is_unset_or_empty_has_its_fallback)
{
    test_config config = {0};
    setenv("FURROW_TEST_CALLS", "", 1);
    ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, NULL), FURROW_OK);
    ck_assert_str_eq(config.url, "nats://127.0.0.1:4222");
    ck_assert_ptr_null(config.user);
    ck_assert_int_eq(config.calls, 1024);
}
END_TEST

START_TEST(what_is_set_is_taken)
{
    test_config config = {0};
    setenv("FURROW_TEST_URL", "tls://nats:4222", 1);
    setenv("FURROW_TEST_USER", "timesheet", 1);
    setenv("FURROW_TEST_CALLS", "1000000", 1);
    setenv("FURROW_TEST_OFFSET", "-9223372036854775808", 1);
    ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, NULL), FURROW_OK);
    ck_assert_str_eq(config.url, "tls://nats:4222");
    ck_assert_str_eq(config.user, "timesheet");
    ck_assert_int_eq(config.calls, 1000000);
    ck_assert_int_eq(config.offset, INT64_MIN);
}
END_TEST

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

START_TEST(a_secret_is_the_variable_or_the_first_line_of_a_file)
{
    char path[] = "/tmp/furrow-secret-XXXXXX";
    test_config config = {0};
    furrow_error err;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    setenv("FURROW_TEST_PASSWORD", "plain", 1);
    ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, &err), FURROW_OK);
    ck_assert_str_eq(config.password, "plain");
    setenv("FURROW_TEST_PASSWORD_FILE", path, 1);
    ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "both"));
    unsetenv("FURROW_TEST_PASSWORD");
    static const char *const good[] = {"from file", "from file\n", "from file\r\nand more\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        write_file(path, good[i]);
        ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, &err), FURROW_OK);
        ck_assert_str_eq(config.password, "from file");
    }
    char longest[1024];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const char *const wrong[] = {"", "\n", longest};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file(path, wrong[i]);
        ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, &err), FURROW_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "FURROW_TEST_PASSWORD_FILE"));
    }
    unlink(path);
    ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, path));
}
END_TEST

START_TEST(a_wrong_number_is_refused_and_nothing_is_written)
{
    static const char *const wrong[] = {
        "0", "1000001", "-1", "abc", "12x", " 12", "+12", "1 ", "0x10", "1e3", "-", "99999999999999999999", "1.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        test_config config = {.url = "untouched", .calls = 7};
        furrow_error err;
        setenv("FURROW_TEST_CALLS", wrong[i], 1);
        ck_assert_int_eq(furrow_settings_read(table, COUNT, &config, &err), FURROW_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "FURROW_TEST_CALLS"));
        ck_assert_ptr_nonnull(strstr(err.text, wrong[i]));
        ck_assert_ptr_nonnull(strstr(err.text, "1 to 1000000"));
        ck_assert_str_eq(config.url, "untouched");
        ck_assert_int_eq(config.calls, 7);
    }
}
END_TEST

START_TEST(the_manual_names_every_setting)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    furrow_settings_print(table, COUNT, out);
    fclose(out);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_nonnull(strstr(text, table[i].name));
        ck_assert_ptr_nonnull(strstr(text, table[i].help));
    }
    ck_assert_ptr_nonnull(strstr(text, "default: 1024; 1 to 1000000"));
    ck_assert_ptr_nonnull(strstr(text, "\nFURROW_TEST_PASSWORD_FILE "));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("settings");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, what_is_unset_or_empty_has_its_fallback);
    tcase_add_test(tests, what_is_set_is_taken);
    tcase_add_test(tests, a_secret_is_the_variable_or_the_first_line_of_a_file);
    tcase_add_test(tests, a_wrong_number_is_refused_and_nothing_is_written);
    tcase_add_test(tests, the_manual_names_every_setting);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
