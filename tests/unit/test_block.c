/* Header blocks as they come, and after nats.c has looked at them. */
#include "link/block.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MAX 512

typedef struct sample {
    const char *text;
    size_t len;
    const char *pairs; /* "name=value;", what is read */
    int status;
    const char *description;
} sample;

#define TEXT(text) text, sizeof text - 1

static furrow_block read_block(const char *text, size_t len, bool lifted, char room[MAX])
{
    furrow_block block;
    ck_assert_uint_lt(len, MAX);
    memset(room, '#', MAX);
    memcpy(room, text, len);
    furrow_block_read(room, len, lifted, &block);
    for (size_t i = len; i < MAX; i++) ck_assert_int_eq(room[i], '#');
    return block;
}

static void check_read(const sample *good, bool lifted)
{
    char room[MAX], seen[MAX] = "";
    furrow_block block = read_block(good->text, good->len, lifted, room);
    const char *at = block.pairs;
    ck_assert_msg(block.wrong_line == 0, "%s: line %u: %s", good->text, block.wrong_line, block.why);
    for (size_t i = 0; i < block.count; i++) {
        const char *value = at + strlen(at) + 1;
        strcat(strcat(strcat(strcat(seen, at), "="), value), ";");
        at = value + strlen(value) + 1;
    }
    ck_assert_str_eq(seen, good->pairs);
    ck_assert_int_eq(block.status, good->status);
    ck_assert_str_eq(block.description, good->description ? good->description : "");
}

static const sample good[] = {{TEXT("NATS/1.0\r\n\r\n"), "", 0, NULL},
                              {TEXT("NATS/1.0\r\na: 1\r\n\r\n"), "a=1;", 0, NULL},
                              {TEXT("NATS/1.0\r\na:1\r\nA:\t 2 \t\r\n\r\n"), "a=1;A=2;", 0, NULL},
                              {TEXT("NATS/1.0\r\nempty:\r\nblank: \t \r\nk: v\r\n\r\n"), "empty=;blank=;k=v;", 0, NULL},
                              {TEXT("NATS/1.0\r\nk: v\r\nlast:\r\n\r\n"), "k=v;last=;", 0, NULL},
                              {TEXT("NATS/1.0\r\nk: a:b \xc3\xb1\r\n\r\n"), "k=a:b \xc3\xb1;", 0, NULL},
                              {TEXT("NATS/1.0 503\r\n\r\n"), "", 503, NULL},
                              {TEXT("NATS/1.0 404 No  Messages \r\nx: y\r\n\r\n"), "x=y;", 404, "No  Messages"},
                              {TEXT("NATS/1.0 4x4 odd\r\n\r\n"), "", 0, NULL},
                              {TEXT("NATS/1.0 5000\r\n\r\n"), "", 0, NULL}};

START_TEST(each_header_counts_whatever_stands_beside_it)
{
    check_read(&good[_i], false);
    check_read(&good[_i], true);
}
END_TEST

/* What nats.c 3.4.1 leaves of a block in which it looked for a status: NUL behind names and values. */
static const sample lifted[] = {{TEXT("NATS/1.0\0\na\0 1\0\n\r\n"), "a=1;", 0, NULL},
                                {TEXT("NATS/1.0\0\na\0 1\0 \r\nb\0 2\0\n\r\n"), "a=1;b=2;", 0, NULL},
                                {TEXT("NATS/1.0\0\nempty\0\r\nk: v\0\n\r\n"), "empty=;k=v;", 0, NULL},
                                {TEXT("NATS/1.0\0\nk\0 v\0\nlast\0\r\n\r\n"), "k=v;last=;", 0, NULL},
                                {TEXT("NATS/1.0 404 None\0\nk\0 v\0\n\r\n"), "k=v;", 404, "None"}};

START_TEST(what_nats_c_has_looked_at_is_read_too)
{
    check_read(&lifted[_i], true);
}
END_TEST

static const struct {
    const char *text;
    size_t len;
    unsigned line;
    const char *why;
    bool lifted_too;
} bad[] = {{TEXT("NATS/1.0\r\nno colon\r\n\r\n"), 2, "colon", true},
           {TEXT("NATS/1.0\r\na: 1\r\nno colon\r\nb: 2\r\n\r\n"), 3, "colon", true},
           {TEXT("NATS/1.0\r\na: 1\nb: 2\r\n\r\n"), 2, "LF without CR", true},
           {TEXT("NATS/1.0\r\na: 1\rb: 2\r\n\r\n"), 2, "CR without LF", true},
           {TEXT("NATS/1.1\r\na: 1\r\n\r\n"), 1, "NATS/1.0", true},
           {TEXT("NATS/1.05\r\na: 1\r\n\r\n"), 1, "NATS/1.0", true},
           {TEXT("HTTP/1.1 200 OK\r\n\r\n"), 1, "NATS/1.0", true},
           {TEXT("a: 1\r\n\r\n"), 1, "NATS/1.0", true},
           {TEXT("NATS/1.0\r\na: 1\0002\r\n\r\n"), 2, "NUL", true},
           {TEXT("NATS/1.0\r\na: 1\0\r\n\r\n"), 2, "NUL", false},
           {TEXT("NATS/1.0\r\n: 1\r\n\r\n"), 2, "name", true},
           {TEXT("NATS/1.0\r\na : 1\r\n\r\n"), 2, "name", true},
           {TEXT("NATS/1.0\r\na: 1\r\n folded\r\n\r\n"), 3, "colon", true},
           {TEXT("NATS/1.0\r\n b: folded\r\n\r\n"), 2, "name", true},
           {TEXT("NATS/1.0\r\na: 1\r\n"), 3, "CR LF", true},
           {TEXT("NATS/1.0\r\na: 1"), 2, "CR LF", true},
           {TEXT("NATS/1.0"), 1, "CR LF", true},
           {TEXT("NATS/1.0\r\n\r\nmore"), 2, "after", true}};

/* What nats.c makes of a line end without CR. */
START_TEST(what_nats_c_has_looked_at_is_still_refused)
{
    char room[MAX];
    furrow_block block = read_block(TEXT("NATS/1.0\0\nx\0 1\nk: v\0\n\r\n"), true, room);
    ck_assert_uint_eq(block.wrong_line, 2);
    ck_assert_uint_eq(block.count, 0);
}
END_TEST

START_TEST(a_block_that_cannot_be_read_says_where_and_has_nothing)
{
    char room[MAX];
    for (int pass = 0; pass < (bad[_i].lifted_too ? 2 : 1); pass++) {
        furrow_block block = read_block(bad[_i].text, bad[_i].len, pass == 1, room);
        ck_assert_msg(block.wrong_line == bad[_i].line, "%s: line %u", bad[_i].text, block.wrong_line);
        ck_assert_msg(strstr(block.why, bad[_i].why) != NULL, "%s: %s", bad[_i].text, block.why);
        ck_assert_uint_eq(block.count, 0);
        ck_assert_int_eq(block.status, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block");
    TCase *tests = tcase_create("header blocks");
    tcase_add_loop_test(tests, each_header_counts_whatever_stands_beside_it, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(tests, what_nats_c_has_looked_at_is_read_too, 0, sizeof lifted / sizeof *lifted);
    tcase_add_test(tests, what_nats_c_has_looked_at_is_still_refused);
    tcase_add_loop_test(tests, a_block_that_cannot_be_read_says_where_and_has_nothing, 0, sizeof bad / sizeof *bad);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
