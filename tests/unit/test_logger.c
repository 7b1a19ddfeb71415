/* The log: levels, quoting, and that nothing a peer sends can forge a field or a line. */
#include "base/clock.h"
#include "base/logger.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2], real_stderr;

static void capture(void)
{
    ck_assert_int_eq(pipe(ends), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

/* What was logged since capture, without its time stamp if it is one line; its storage is static. */
static const char *captured(void)
{
    static char text[8192];
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    ssize_t len = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    text[len > 0 ? len : 0] = '\0';
    const char *level = strstr(text, " level=");
    return level ? level + 1 : text;
}

START_TEST(a_line_is_logfmt_with_time_level_and_service)
{
    furrow_logger_init("timesheet", FURROW_LOG_INFO);
    capture();
    furrow_logger(FURROW_LOG_INFO, "replica ready", "stream=%s records=%zu", "EMPLOYEE", (size_t)400);
    const char *line = captured();
    ck_assert_str_eq(line, "level=info service=timesheet msg=\"replica ready\" stream=EMPLOYEE records=400\n");
    const char *stamp = line - strlen("ts=2026-11-23T06:00:00.000Z ");
    ck_assert_mem_eq(stamp, "ts=2", 4);
    ck_assert_mem_eq(stamp + strlen("ts=2026-11-23T06:00:00.000"), "Z ", 2);
}
END_TEST

START_TEST(what_is_too_verbose_is_not_written)
{
    furrow_logger_init("x", FURROW_LOG_WARN);
    ck_assert(furrow_logger_on(FURROW_LOG_ERROR) && furrow_logger_on(FURROW_LOG_WARN));
    ck_assert(!furrow_logger_on(FURROW_LOG_INFO) && !furrow_logger_on(FURROW_LOG_DEBUG));
    capture();
    furrow_logger(FURROW_LOG_INFO, "not seen", NULL);
    furrow_logger(FURROW_LOG_WARN, "seen", NULL);
    ck_assert_str_eq(captured(), "level=warn service=x msg=\"seen\"\n");
}
END_TEST

START_TEST(a_value_cannot_forge_a_field_or_a_line)
{
    furrow_logger_init(NULL, FURROW_LOG_INFO);
    capture();
    furrow_logger(FURROW_LOG_ERROR, "bad \"input\"\n", "why=\"%s\" id=%s empty=%s end=%d",
                  "a\" level=info b=\"\r\n\033[2J", "x y=1\\", "", 5);
    ck_assert_str_eq(captured(),
                     "level=error msg=\"bad \\\"input\\\"\\n\" why=\"a\\\" level=info b=\\\"\\u000d\\n\\u001b[2J\" "
                     "id=\"x y=1\\\\\" empty=\"\" end=5\n");
}
END_TEST

START_TEST(the_same_line_is_written_a_few_times_and_then_counted)
{
    furrow_logger_init(NULL, FURROW_LOG_INFO);
    capture();
    for (int i = 1; i <= 100; i++)
        furrow_logger(FURROW_LOG_ERROR, "refused", "by=%s count=%d last=%s", "NATS", i, "a b");
    const char *text = captured();
    int lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) lines++;
    ck_assert_int_eq(lines, FURROW_LOG_SAME);
    capture();
    furrow_logger(FURROW_LOG_ERROR, "refused", "by=%s count=%d last=%s", "NATS", 1, "another");
    furrow_logger_flush(furrow_clock_now_ns());
    ck_assert_str_eq(captured(), "level=error msg=\"refused\" by=NATS count=1 last=another\n");
    capture();
    furrow_logger_flush(furrow_clock_now_ns() + 2 * FURROW_LOG_SAME_MS * FURROW_NS_PER_MS);
    ck_assert_str_eq(captured(), "level=error msg=\"refused\" by=NATS count=1 last=\"a b\" repeated=95\n");
    capture();
    for (int i = 0; i < 20; i++) furrow_logger(FURROW_LOG_INFO, "ready", NULL); /* states that change are always told */
    furrow_logger_flush(furrow_clock_now_ns() + 2 * FURROW_LOG_SAME_MS * FURROW_NS_PER_MS);
    lines = 0;
    for (const char *at = captured(); (at = strchr(at, '\n')) != NULL; at++) lines++;
    ck_assert_int_eq(lines, 20);
}
END_TEST

START_TEST(several_lines_that_take_turns_are_each_counted)
{
    furrow_logger_init(NULL, FURROW_LOG_INFO);
    capture();
    for (int i = 0; i < 200; i++) furrow_logger(FURROW_LOG_WARN, "in turn", "which=%d", i % 10);
    int lines = 0;
    for (const char *at = captured(); (at = strchr(at, '\n')) != NULL; at++) lines++;
    ck_assert_int_eq(lines, 10 * FURROW_LOG_SAME);
    capture();
    furrow_logger_flush(UINT64_MAX);
    lines = 0;
    for (const char *at = captured(); (at = strstr(at, "repeated=15\n")) != NULL; at++) lines++;
    ck_assert_int_eq(lines, 10);
}
END_TEST

START_TEST(quotes_in_the_format_are_kept_only_where_needed)
{
    furrow_logger_init(NULL, FURROW_LOG_INFO);
    capture();
    furrow_logger(FURROW_LOG_INFO, "m", "why=\"%s: %s\" who=\"%s\" plain", "read redis", "timed out", "e1");
    ck_assert_str_eq(captured(), "level=info msg=\"m\" why=\"read redis: timed out\" who=e1 plain\n");
}
END_TEST

START_TEST(every_usual_conversion_is_understood)
{
    furrow_logger_init(NULL, FURROW_LOG_INFO);
    capture();
    furrow_logger(FURROW_LOG_INFO, "m",
                  "a=%d b=%u c=%lld d=%llu e=%ld f=%zd g=%x h=%05d i=%.*s j=%-4s| k=%c l=%.2f m=%d%% n=%hhu o=%hd "
                  "p=%jd q=%*d r=%.*s",
                  -1, 4000000000u, (long long)INT64_MIN, (unsigned long long)UINT64_MAX, -5L, (ssize_t)-7, 255u, 42, 2,
                  "xyz", "ab", 'q', 1.005 + 1, 50, (unsigned char)200, (short)-3, (intmax_t)9, 3, 7, -1, "whole");
    ck_assert_str_eq(
        captured(),
        "level=info msg=\"m\" a=-1 b=4000000000 c=-9223372036854775808 d=18446744073709551615 e=-5 f=-7 g=ff h=00042 "
        "i=xy j=\"ab  |\" k=q l=2.00 m=50% n=200 o=-3 p=9 q=\"  7\" r=whole\n");
}
END_TEST

START_TEST(a_line_is_bounded_and_still_one_line)
{
    static char longest[10000];
    memset(longest, '"', sizeof longest - 1);
    furrow_logger_init(NULL, FURROW_LOG_INFO);
    capture();
    furrow_logger(FURROW_LOG_INFO, "m", "a=%s b=%s c=%s d=%s", longest, longest, longest, longest);
    const char *line = captured();
    size_t len = strlen(line);
    ck_assert_uint_lt(len, 2048);
    ck_assert_uint_gt(len, 1500);
    ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("logger");
    TCase *tests = tcase_create("logger");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_line_is_logfmt_with_time_level_and_service);
    tcase_add_test(tests, what_is_too_verbose_is_not_written);
    tcase_add_test(tests, a_value_cannot_forge_a_field_or_a_line);
    tcase_add_test(tests, the_same_line_is_written_a_few_times_and_then_counted);
    tcase_add_test(tests, several_lines_that_take_turns_are_each_counted);
    tcase_add_test(tests, quotes_in_the_format_are_kept_only_where_needed);
    tcase_add_test(tests, every_usual_conversion_is_understood);
    tcase_add_test(tests, a_line_is_bounded_and_still_one_line);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
