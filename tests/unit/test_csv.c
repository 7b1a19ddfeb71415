/* Files as spreadsheets of every kind write them: the same rows, or a reason. */
#include "farm/csv.h"

#include "base/bytes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static furrow_arena *arena;
static csv_file csv;
static furrow_error err;

static furrow_status read_bytes(const char *bytes, size_t len, const char *encoding)
{
    char path[64];
    int fd = memfd_create("csv", MFD_CLOEXEC);
    ck_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    csv = (csv_file){0};
    err = (furrow_error){0};
    furrow_status status = csv_read(path, encoding, arena, &csv, &err);
    close(fd);
    return status;
}

/* All fields: "a|b" and a newline for each row. */
static char *flat(void)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (size_t r = 0; r < csv.row_count + 1; r++) {
        const csv_row *row = r == 0 ? &csv.header : &csv.rows[r - 1];
        for (size_t i = 0; i < row->count; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? "|" : "", row->fields[i]);
        len += (size_t)snprintf(text + len, sizeof text - len, "\n");
    }
    return text;
}

#define READ(literal, encoding) read_bytes(literal, sizeof(literal) - 1, encoding)
#define SAME                    "id|name\n1|Jos\xc3\xa9;x\n2|Ana\n"

static const struct {
    const char *bytes;
    size_t len;
    const char *encoding;
} same[] = {
#define FILE_OF(literal, encoding)                                                                                     \
    {                                                                                                                  \
        literal, sizeof(literal) - 1, encoding                                                                         \
    }
    FILE_OF("id,name\n1,Jos\xc3\xa9;x\n2,Ana\n", NULL),
    FILE_OF("id,name\n1,Jos\xc3\xa9;x\n2,Ana", NULL),
    FILE_OF("id,name\r\n1,Jos\xc3\xa9;x\r\n2,Ana\r\n", NULL),
    FILE_OF("id,name\r1,Jos\xc3\xa9;x\r2,Ana\r", NULL),
    FILE_OF("\xef\xbb\xbfid,name\n1,Jos\xc3\xa9;x\n2,Ana\n", NULL),
    FILE_OF("\xef\xbb\xbfid,name\n1,Jos\xc3\xa9;x\n2,Ana\n", "utf-8"),
    FILE_OF("id;name\n1;\"Jos\xc3\xa9;x\"\n2;Ana\n", NULL),
    FILE_OF("id\tname\n1\tJos\xc3\xa9;x\n2\tAna\n", NULL),
    FILE_OF("sep=;\r\nid;name\r\n1;\"Jos\xc3\xa9;x\"\r\n2;Ana\r\n", NULL),
    FILE_OF("\xef\xbb\xbfsep=,\nid,name\n1,Jos\xc3\xa9;x\n2,Ana\n", NULL),
    FILE_OF("SEP=\t\rid\tname\r1\tJos\xc3\xa9;x\r2\tAna\r", NULL),
    FILE_OF("id,name,,,\n1,Jos\xc3\xa9;x,,\n,,,,\n2,Ana,,,\n,,\n,,\n", NULL),
    FILE_OF("\nid,name\n\n1,Jos\xc3\xa9;x\n\n\n2,Ana\n   \n", NULL),
    FILE_OF("\"id\",\"name\"\n\"1\",\"Jos\xc3\xa9;x\"\n\"2\",\"Ana\"\n", NULL),
    FILE_OF("id,name\n1,Jos\xe9;x\n2,Ana\n", "latin1"),
    FILE_OF("id,name\n1,Jos\xe9;x\n2,Ana\n", "windows-1252"),
    FILE_OF("id,name\n1,Jos\x8e;x\n2,Ana\n", "macintosh"),
    FILE_OF("\xff\xfei\0d\0,\0n\0a\0m\0e\0\n\0001\0,\0J\0o\0s\0\xe9\0;\0x\0\n\0002\0,\0A\0n\0a\0\n\0", NULL),
    FILE_OF("\xfe\xff\0i\0d\0,\0n\0a\0m\0e\0\n\0001\0,\0J\0o\0s\0\xe9\0;\0x\0\n\0002\0,\0A\0n\0a\0\n", NULL),
    FILE_OF("i\0d\0,\0n\0a\0m\0e\0\n\0001\0,\0J\0o\0s\0\xe9\0;\0x\0\n\0002\0,\0A\0n\0a\0\n\0", "UTF-16LE"),
};

START_TEST(one_table_in_every_shape)
{
    ck_assert_msg(read_bytes(same[_i].bytes, same[_i].len, same[_i].encoding) == FURROW_OK, "%s", err.text);
    ck_assert_str_eq(flat(), SAME);
    ck_assert(!csv.rows[0].damaged && !csv.rows[1].damaged);
}
END_TEST

START_TEST(a_row_that_is_not_utf8_is_damaged_and_the_others_are_not)
{
    ck_assert_int_eq(READ("id,name\n1,Jos\xe9\n2,Ana\n3,\xc3\n4,\xed\xa0\x80\n5,\xc0\x80\n", NULL), FURROW_OK);
    ck_assert_uint_eq(csv.row_count, 5);
    const bool damaged[] = {true, false, true, true, true};
    for (size_t i = 0; i < 5; i++) ck_assert_int_eq(csv.rows[i].damaged, damaged[i]);
    ck_assert_str_eq(csv.rows[0].fields[1], "Jos\xe9");
}
END_TEST

/* Neither left out, nor made another letter. */
START_TEST(what_an_encoding_does_not_have_is_damaged)
{
    ck_assert_int_eq(READ("id,name\n1,a\x81z\n2,Ana\n", "windows-1252"), FURROW_OK);
    ck_assert(csv.rows[0].damaged && !csv.rows[1].damaged);
    ck_assert_int_eq(READ("\xff\xfei\0\n\0001\0\0\xd8z\0\n\0002\0\n\0", NULL), FURROW_OK);
    ck_assert(csv.rows[0].damaged && !csv.rows[1].damaged);
    ck_assert_int_eq(READ("\xff\xfei\0\n\0001\0\n\0002\0003", NULL), FURROW_OK); /* cut within a letter */
    ck_assert(!csv.rows[0].damaged && csv.rows[1].damaged);
}
END_TEST

START_TEST(rows_know_their_lines)
{
    ck_assert_int_eq(READ("sep=;\r\n\r\nid;name\r\n1;a\r\n;;;\r\n2;b\r\n", NULL), FURROW_OK);
    ck_assert_uint_eq(csv.header.line, 3);
    ck_assert_uint_eq(csv.rows[0].line, 4);
    ck_assert_uint_eq(csv.rows[1].line, 6);
    ck_assert_int_eq(READ("id\r1\r2\r", NULL), FURROW_OK);
    ck_assert_uint_eq(csv.rows[1].line, 3);
}
END_TEST

static void refused(furrow_status status, const char *why)
{
    ck_assert_int_ne(status, FURROW_OK);
    ck_assert_msg(strstr(err.text, why) != NULL, "no \"%s\" in: %s", why, err.text);
}

START_TEST(what_cannot_be_read_is_refused_with_what_to_do)
{
    refused(READ("", NULL), "empty");
    refused(READ("\xef\xbb\xbf", NULL), "empty");
    refused(READ("\n,,\n", NULL), "empty");
    refused(READ("id,n\xe9\n", NULL), "--encoding");
    refused(READ("i\0d\0\n\0", NULL), "utf-16");
    refused(READ("id\n", "no-such-encoding"), "no encoding no-such-encoding");
    refused(READ("id\n", "latin1//IGNORE"), "no encoding latin1//IGNORE");
    refused(READ("\xef\xbb\xbfid\n", "latin1"), "byte order mark of UTF-8");
    refused(READ("sep=x\nid\n", NULL), "sep=");
    refused(READ("id\n1\n\"2\n", NULL), "quoted field");
    refused(csv_read("/", NULL, arena, &csv, &err), "cannot be read");
    refused(csv_read("/nothing/there.csv", NULL, arena, &csv, &err), "No such file");
}
END_TEST

START_TEST(a_thousand_empty_columns_are_none)
{
    char text[4096] = "id,name";
    memset(text + 7, ',', 1500);
    strcpy(text + 1507, "\n1,Ana");
    memset(text + strlen(text), ',', 1500);
    ck_assert_msg(read_bytes(text, strlen(text), NULL) == FURROW_OK, "%s", err.text);
    ck_assert_str_eq(flat(), "id|name\n1|Ana\n");
    strcat(text, "x");
    refused(read_bytes(text, strlen(text), NULL), "columns");
}
END_TEST

START_TEST(what_is_written_is_read_as_it_was)
{
    char *fields[] = {"a,b", "say \"x\"", " blank ", "two\nlines", "", "\xc3\xa9;"}, *bytes = NULL;
    size_t len;
    csv_row row = {.fields = fields, .count = 6};
    FILE *out = open_memstream(&bytes, &len);
    ck_assert(csv_put_row(out, &(csv_row){.fields = (char *[]){"1", "2", "3", "4", "5", "6"}, .count = 6}, 6, "why"));
    ck_assert(csv_put_row(out, &row, 6, "because, it is"));
    ck_assert(csv_put_row(out, &(csv_row){.fields = fields, .count = 1}, 2, NULL));
    fclose(out);
    ck_assert_int_eq(read_bytes(bytes, len, NULL), FURROW_OK);
    for (size_t i = 0; i < 6; i++) ck_assert_str_eq(csv.rows[0].fields[i], fields[i]);
    ck_assert_str_eq(csv.rows[0].fields[6], "because, it is");
    ck_assert_uint_eq(csv.rows[1].count, 1);
    free(bytes);
}
END_TEST

static void setup(void)
{
    arena = furrow_arena_create(16u << 20);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *cases = tcase_create("csv");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, one_table_in_every_shape, 0, (int)(sizeof same / sizeof *same));
    tcase_add_test(cases, a_row_that_is_not_utf8_is_damaged_and_the_others_are_not);
    tcase_add_test(cases, what_an_encoding_does_not_have_is_damaged);
    tcase_add_test(cases, rows_know_their_lines);
    tcase_add_test(cases, what_cannot_be_read_is_refused_with_what_to_do);
    tcase_add_test(cases, a_thousand_empty_columns_are_none);
    tcase_add_test(cases, what_is_written_is_read_as_it_was);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
