/* The plugin's pure parts: names, text and options. Its output is tested in test_codegen_output and unit/codegen/. */
#include "codegen/names.h"
#include "codegen/options.h"
#include "codegen/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static furrow_arena *arena;

static void make_arena(void)
{
    arena = furrow_arena_create(0);
    ck_assert_ptr_nonnull(arena);
}

static void drop_arena(void)
{
    furrow_arena_destroy(arena);
}

/* What protoc-gen-c 1.4.1 wrote for these names; test_codegen_output links against its real output for more. */
START_TEST(c_names_are_those_of_protoc_gen_c)
{
    static const struct {
        const char *name, *type, *lower;
    } rows[] = {
        {"employee.v1.Employee", "Employee__V1__Employee", "employee__v1__employee"},
        {"employee.v1.GetEmployeeRequest", "Employee__V1__GetEmployeeRequest", "employee__v1__get_employee_request"},
        {"a.v1.HTTPServer", "A__V1__HTTPServer", "a__v1__httpserver"},
        {"a.v1.snake_name", "A__V1__SnakeName", "a__v1__snake_name"},
        {"a.v1.Area51Site_X", "A__V1__Area51SiteX", "a__v1__area51_site__x"},
        {"a.v1.Outer.InnerMessage", "A__V1__Outer__InnerMessage", "a__v1__outer__inner_message"},
        {"two_words.v1beta1.x9Y", "TwoWords__V1beta1__X9Y", "two_words__v1beta1__x9_y"},
        {"google.protobuf.Empty", "Google__Protobuf__Empty", "google__protobuf__empty"},
        {"Bare", "Bare", "bare"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_str_eq(furrow_names_c_type(arena, rows[i].name), rows[i].type);
        ck_assert_str_eq(furrow_names_c_lower(arena, rows[i].name), rows[i].lower);
    }
}
END_TEST

START_TEST(our_snake_case_goes_by_words)
{
    static const char *const rows[][2] = {
        {"WorkDay", "work_day"},
        {"Employee", "employee"},
        {"HTTPServer", "http_server"},
        {"GetURL", "get_url"},
        {"GetURLPath", "get_url_path"},
        {"already_snake", "already_snake"},
        {"Snake_Camel", "snake_camel"},
        {"Area51Site", "area51_site"},
        {"X", "x"},
        {"XY", "xy"},
        {"aB", "a_b"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_str_eq(furrow_names_snake(arena, rows[i][0]), rows[i][1]);
    ck_assert_str_eq(furrow_names_upper(arena, "work_day2"), "WORK_DAY2");
    ck_assert_str_eq(furrow_names_identifier(arena, "a-b/v1/c.d"), "a_b_v1_c_d");
    ck_assert_str_eq(furrow_names_stem(arena, "a/v1/a.proto"), "a/v1/a");
    ck_assert_str_eq(furrow_names_stem(arena, "a.protodevel"), "a");
    ck_assert_str_eq(furrow_names_stem(arena, "noending"), "noending");
}
END_TEST

START_TEST(short_names_are_tokens_and_prefixes)
{
    static const char *const good[] = {"employee", "e", "time_sheet", "a2345678901234567890123456789012"};
    static const char *const bad[] = {
        "", "Employee", "2x", "_x", "a.b", "a-b", "a b", "a*", "a23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(furrow_names_short_ok(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!furrow_names_short_ok(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(no_text_breaks_out_of_a_literal)
{
    ck_assert_str_eq(furrow_text_literal(arena, "plain"), "\"plain\"");
    ck_assert_str_eq(furrow_text_literal(arena, ""), "\"\"");
    ck_assert_str_eq(furrow_text_literal(arena, "a\"b\\c"), "\"a\\\"b\\\\c\"");
    ck_assert_str_eq(furrow_text_literal(arena, "line\nfeed\x7f"), "\"line\\012feed\\177\"");
    ck_assert_str_eq(furrow_text_literal(arena, "what?\?/"), "\"what?\\?/\"");
    ck_assert_str_eq(furrow_text_literal(arena, "caf\xc3\xa9"), "\"caf\xc3\xa9\"");
}
END_TEST

/* What a .proto says stands in our headers: no wider than they are, and never the end of a comment. */
START_TEST(a_comment_stays_a_comment)
{
    ck_assert_str_eq(furrow_text_said(arena, ""), "");
    ck_assert_str_eq(furrow_text_said(arena, "Of bins."), "Of bins.\n * ");
    ck_assert_str_eq(furrow_text_said(arena, "a */ b **/"), "a * / b ** /\n * ");
    char words[250] = "";
    for (int i = 0; i < 40; i++) strcat(words, i ? " bins!" : "bins!");
    const char *said = furrow_text_said(arena, words), *end = strchr(said, '\n');
    ck_assert_ptr_nonnull(end);
    ck_assert_uint_le((size_t)(end - said), 117);
    ck_assert_uint_gt((size_t)(end - said), 100);
    ck_assert_int_eq(memcmp(end, "\n * bins!", 9), 0);
}
END_TEST

START_TEST(a_summary_is_the_first_paragraph_on_one_line)
{
    ck_assert_str_eq(furrow_text_summary(arena, NULL), "");
    ck_assert_str_eq(furrow_text_summary(arena, " One.\n Two.\n\n Not this.\n"), "One. Two.");
    ck_assert_str_eq(furrow_text_summary(arena, "\n\n  After blank lines.\n"), "After blank lines.");
    ck_assert_str_eq(furrow_text_summary(arena, "   \n \n"), "");
}
END_TEST

START_TEST(a_long_summary_is_cut_between_characters)
{
    char comment[600];
    size_t len = 0;
    comment[len++] = 'x';
    while (len + 2 < sizeof comment) {
        memcpy(comment + len, "\xc3\xa9", 2);
        len += 2;
    }
    comment[len] = '\0';
    const char *summary = furrow_text_summary(arena, comment);
    ck_assert_uint_eq(strlen(summary), 249); /* 250 would split the last é */
    ck_assert_int_eq(memcmp(summary, comment, 249), 0);
}
END_TEST

/* As protobuf-c keeps an unknown length-delimited field: its length, then its bytes. */
static furrow_message_options decode(uint32_t tag, const char *bytes, size_t len, bool *ok)
{
    ProtobufCMessageUnknownField field = {tag, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, len, (uint8_t *)(uintptr_t)bytes};
    Google__Protobuf__MessageOptions options = GOOGLE__PROTOBUF__MESSAGE_OPTIONS__INIT;
    options.base.n_unknown_fields = 1;
    options.base.unknown_fields = &field;
    furrow_message_options out;
    *ok = furrow_options_of_message(&options, arena, &out);
    return out;
}

START_TEST(options_are_decoded_and_unknown_ones_skipped)
{
    bool ok;
    /* history 5, then fields 98 and 99 in every wire type, then memory. */
    static const char entity[] =
        "\x1b\x08\x05\x90\x06\x01\x9a\x06\x01z\x99\x06\1\2\3\4\5\6\7\7\x9d\x06\1\2\3\4\x18\x01";
    furrow_message_options out = decode(50501, entity, sizeof entity - 1, &ok);
    ck_assert(ok && out.entity && out.memory && !out.internal);
    ck_assert_uint_eq(out.history, 5);
    out = decode(50502,
                 "\x03"
                 "a.B",
                 4, &ok);
    ck_assert(ok && !out.entity);
    ck_assert_str_eq(out.replica_of, "a.B");
    out = decode(60000,
                 "\x03"
                 "a.B",
                 4, &ok);
    ck_assert(ok && !out.entity && !out.replica_of);
    out = decode(50501, "\x00", 1, &ok);
    ck_assert(ok && out.entity);
}
END_TEST

START_TEST(malformed_options_are_refused)
{
    bool ok = true;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"", 0},
                {"\x05\x08\x05", 3},
                {"\x01\x08", 2},
                {"\x02\x08\x80", 3},
                {"\x02\x0a\x05", 3},
                {"\x01\x0b", 2},
                {"\x03\x9d\x06\x01", 4},
                {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        decode(50501, rows[i].bytes, rows[i].len, &ok);
        ck_assert_msg(!ok, "row %zu was taken", i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codegen");
    TCase *all = tcase_create("codegen");
    tcase_add_checked_fixture(all, make_arena, drop_arena);
    tcase_add_test(all, c_names_are_those_of_protoc_gen_c);
    tcase_add_test(all, our_snake_case_goes_by_words);
    tcase_add_test(all, short_names_are_tokens_and_prefixes);
    tcase_add_test(all, no_text_breaks_out_of_a_literal);
    tcase_add_test(all, a_comment_stays_a_comment);
    tcase_add_test(all, a_summary_is_the_first_paragraph_on_one_line);
    tcase_add_test(all, a_long_summary_is_cut_between_characters);
    tcase_add_test(all, options_are_decoded_and_unknown_ones_skipped);
    tcase_add_test(all, malformed_options_are_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
