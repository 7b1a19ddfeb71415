/* The JSON tokenizer: RFC 8259, no more and no less. */
#include "wire/json.h"
#include "wire/jsontext.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* One letter a token: { } [ ] k s n t f z, then '.' for a complete text or '!' for an error. */
static const char *tokens(furrow_bytes text)
{
    static const char letters[] = {
        [FURROW_JSONTEXT_OBJECT] = '{',    [FURROW_JSONTEXT_OBJECT_END] = '}', [FURROW_JSONTEXT_ARRAY] = '[',
        [FURROW_JSONTEXT_ARRAY_END] = ']', [FURROW_JSONTEXT_KEY] = 'k',        [FURROW_JSONTEXT_STRING] = 's',
        [FURROW_JSONTEXT_NUMBER] = 'n',    [FURROW_JSONTEXT_TRUE] = 't',       [FURROW_JSONTEXT_FALSE] = 'f',
        [FURROW_JSONTEXT_NULL] = 'z',      [FURROW_JSONTEXT_END] = '.',        [FURROW_JSONTEXT_ERROR] = '!'};
    static char seen[256];
    furrow_jsontext reader;
    size_t count = 0;

    furrow_jsontext_init(&reader, text);
    do {
        seen[count++] = letters[furrow_jsontext_next(&reader)];
    } while (count < sizeof seen - 1 && reader.kind != FURROW_JSONTEXT_END && reader.kind != FURROW_JSONTEXT_ERROR);
    seen[count] = '\0';
    /* The end and an error are final. */
    furrow_jsontext_kind last = reader.kind;
    ck_assert_int_eq(furrow_jsontext_next(&reader), last);
    return seen;
}

START_TEST(valid_texts_are_tokenized)
{
    static const struct {
        const char *text, *tokens;
    } good[] = {{"{}", "{}."},
                {" [ ] ", "[]."},
                {"\t{\"a\" : 1 ,\r\n\"b\":[true,false,null,\"x\"]}", "{knk[tfzs]}."},
                {"[[[]],{}]", "[[[]]{}]."},
                {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"", "s."},
                {"-0", "n."},
                {"0.5e-10", "n."},
                {"12E+3", "n."},
                {"\"ma\xc3\xb1"
                 "ana\"",
                 "s."},
                {"\"\x7f\"", "s."}};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_str_eq(tokens(furrow_bytes_of(good[i].text)), good[i].tokens);
}
END_TEST

START_TEST(invalid_texts_end_in_an_error)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "{]",
                                      "[}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "[,1]",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[1 2]",
                                      "{\"a\":1 \"b\":2}",
                                      "1 2",
                                      "{}x",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "1e+",
                                      "0x1",
                                      "NaN",
                                      "Infinity",
                                      "tru",
                                      "True",
                                      "nul",
                                      "\"",
                                      "\"a",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800x\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\udc00\"",
                                      "\"\n\"",
                                      "\"\x01\"",
                                      "\"\xff\"",
                                      "\"\xc0\xaf\"",
                                      "\"\xed\xa0\x80\"",
                                      "\xef\xbb\xbf{}",
                                      "[1]]",
                                      "{\"a\":1}}",
                                      "[\"a\":1]",
                                      "{\"a\",1}",
                                      "/**/{}",
                                      "\"\\",
                                      "{\"a\\q\":1}"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *seen = tokens(furrow_bytes_of(bad[i]));
        ck_assert_msg(seen[strlen(seen) - 1] == '!', "%s gave %s", bad[i], seen);
    }
    ck_assert_str_eq(tokens((furrow_bytes){"\"\\\0\"", 4}), "!");
    ck_assert_str_eq(tokens((furrow_bytes){"[]\0", 3}), "[]!");
}
END_TEST

START_TEST(depth_is_limited)
{
    char text[2 * FURROW_JSON_DEPTH_MAX + 3];

    memset(text, '[', FURROW_JSON_DEPTH_MAX);
    memset(text + FURROW_JSON_DEPTH_MAX, ']', FURROW_JSON_DEPTH_MAX);
    const char *seen = tokens((furrow_bytes){text, 2 * FURROW_JSON_DEPTH_MAX});
    ck_assert_int_eq(seen[strlen(seen) - 1], '.');
    memset(text, '[', FURROW_JSON_DEPTH_MAX + 1);
    ck_assert_ptr_nonnull(strchr(tokens((furrow_bytes){text, 2 * FURROW_JSON_DEPTH_MAX + 2}), '!'));
}
END_TEST

START_TEST(strings_are_unescaped)
{
    static const struct {
        const char *raw, *value;
    } golden[] = {{"plain", "plain"},
                  {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
                  {"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
                  {"\\uffff\\udbff\\udfff", "\xef\xbf\xbf\xf4\x8f\xbf\xbf"}};
    char out[64];

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        size_t len = furrow_jsontext_unescape(furrow_bytes_of(golden[i].raw), out);
        ck_assert_uint_eq(len, strlen(golden[i].value));
        ck_assert_mem_eq(out, golden[i].value, len);
    }
}
END_TEST

START_TEST(a_value_is_skipped_whole)
{
    furrow_jsontext reader;

    furrow_jsontext_init(&reader, furrow_bytes_of("[{\"a\":[1,{\"b\":2}]},3]"));
    furrow_jsontext_next(&reader);
    furrow_jsontext_next(&reader);
    ck_assert(furrow_jsontext_skip(&reader));
    ck_assert_int_eq(reader.kind, FURROW_JSONTEXT_OBJECT_END);
    ck_assert_int_eq(furrow_jsontext_next(&reader), FURROW_JSONTEXT_NUMBER);
    ck_assert(furrow_jsontext_skip(&reader));
    furrow_jsontext_init(&reader, furrow_bytes_of("[1,"));
    furrow_jsontext_next(&reader);
    ck_assert(!furrow_jsontext_skip(&reader));
}
END_TEST

static const char reply[] =
    "{\"type\":\"io.nats\",\"error\":{\"code\":404},\"state\":{\"last_seq\":9007199254740993,\"ok\":true,"
    "\"name\":\"a\\u0062\\n\",\"list\":[{\"last_seq\":1}],\"half\":0.5},\"config\":{\"last_seq\":7}}";

START_TEST(single_values_are_found_by_their_path)
{
    furrow_arena *arena = furrow_arena_create(0);
    furrow_bytes text = furrow_bytes_of(reply);
    int64_t number = 0;
    bool flag = false;
    char *name = NULL;

    ck_assert(furrow_json_find_int(text, "state.last_seq", &number));
    ck_assert_int_eq(number, 9007199254740993);
    ck_assert(furrow_json_find_int(text, "error.code", &number));
    ck_assert_int_eq(number, 404);
    ck_assert(furrow_json_find_bool(text, "state.ok", &flag));
    ck_assert(flag);
    ck_assert(furrow_json_find_text(text, "state.name", arena, &name));
    ck_assert_str_eq(name, "ab\n");
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(values_that_are_not_there_are_not_found)
{
    static const char *const paths[] = {"state",      "state.name", "state.nope", "last_seq", "state.list.last_seq",
                                        "state.half", "type.x",     "",           ".",        "state."};
    furrow_arena *arena = furrow_arena_create(0);
    int64_t number = 42;
    bool flag = true;
    char *text = NULL;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_msg(!furrow_json_find_int(furrow_bytes_of(reply), paths[i], &number), "%s", paths[i]);
    ck_assert(!furrow_json_find_bool(furrow_bytes_of(reply), "state.name", &flag));
    ck_assert(!furrow_json_find_text(furrow_bytes_of(reply), "state.ok", arena, &text));
    ck_assert(!furrow_json_find_int(furrow_bytes_of("{\"a\":"), "a", &number));
    ck_assert(!furrow_json_find_int(furrow_bytes_of("{\"b\":[}],\"a\":1}"), "a", &number));
    ck_assert(!furrow_json_find_int(furrow_bytes_of("[1]"), "a", &number));
    ck_assert(!furrow_json_find_int(furrow_bytes_of("{\"a\":9223372036854775808}"), "a", &number));
    ck_assert_int_eq(number, 42);
    furrow_arena_destroy(arena);
}
END_TEST

typedef struct walk {
    char text[512]; /* "name=value;" of each */
} walk;

static void on_each(void *arg, furrow_bytes name, furrow_bytes value)
{
    walk *seen = arg;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%.*s=%.*s;", (int)name.len, (const char *)name.data,
             (int)value.len, (const char *)value.data);
}

START_TEST(members_and_elements_are_walked_as_they_are_written)
{
    static const struct {
        const char *text, *path, *seen;
        bool whole;
    } cases[] = {
        {"{\"a\":{\"keeps.x.Y\":\"id, \\\"n\",\"b\" : -1.5 , \"c\":[1,2],\"d\":{},\"e\":null}}", "a",
         "keeps.x.Y=\"id, \\\"n\";b=-1.5;c=[1,2];d={};e=null;", true},
        {"{\"l\":[ 1 ,{\"a\":[]}, [true] ,\"\"]}", "l", "=1;={\"a\":[]};=[true];=\"\";", true},
        {"{\"a\":1}", "", "a=1;", true},
        {"[7]", "", "=7;", true},
        {"{\"a\":{},\"b\":[]}", "a", "", true},
        {"{\"a\":{},\"b\":[]}", "b", "", true},
        {"{\"a\":1}", "a", "", false},
        {"{\"a\":1}", "b", "", false},
        {"7", "", "", false},
        {"", "", "", false},
        {"{\"a\":[1,2", "a", "=1;=2;", false},
        {"{\"a\":[1,}]}", "a", "=1;", false},
        {"{\"a\":{\"b\":1,\"c\"}}", "a", "b=1;", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        walk seen = {""};
        bool whole = furrow_json_each(furrow_bytes_of(cases[i].text), cases[i].path, on_each, &seen);
        ck_assert_msg(whole == cases[i].whole, "%s", cases[i].text);
        ck_assert_str_eq(seen.text, cases[i].seen);
    }
}
END_TEST

START_TEST(a_value_that_is_a_string_is_read)
{
    furrow_arena *arena = furrow_arena_create(0);
    char *text = NULL;
    ck_assert(furrow_json_read_text(furrow_bytes_of("\"a\\u0062\""), arena, &text));
    ck_assert_str_eq(text, "ab");
    static const char *const none[] = {"1", "{}", "null", "", "\"a", "\"a\\u0000\""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(!furrow_json_read_text(furrow_bytes_of(none[i]), arena, &text), "%s", none[i]);
    ck_assert_str_eq(text, "ab");
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(members_are_found_in_one_pass)
{
    furrow_arena *arena = furrow_arena_create(0);
    furrow_json_member members[] = {
        {.name = "name"}, {.name = "last_seq"}, {.name = "ok"}, {.name = "list"}, {.name = "no"}};

    ck_assert(furrow_json_find_members(furrow_bytes_of(reply), "state", members, 5));
    furrow_bytes name = furrow_json_member_text(&members[0], arena);
    ck_assert_uint_eq(name.len, 3);
    ck_assert_str_eq(name.data, "ab\n");
    ck_assert(furrow_bytes_equal(members[1].raw, furrow_bytes_of("9007199254740993")));
    for (size_t i = 2; i < 5; i++) { /* neither text nor number, or not there */
        ck_assert_ptr_null(members[i].raw.data);
        ck_assert_ptr_null(furrow_json_member_text(&members[i], arena).data);
    }
    furrow_json_member first = {.name = "a"}; /* of two, the first */
    ck_assert(
        furrow_json_find_members(furrow_bytes_of("{\"m\":{\"a\":\"1\",\"a\":\"2\",\"a\\u0000\":3}}"), "m", &first, 1));
    ck_assert(furrow_bytes_equal(first.raw, furrow_bytes_of("1")));
    static const char *const broken[] = {"", "{\"m\":1}", "{\"m\":{\"a\":1", "{\"m\":{\"a\":1,}}", "{\"n\":{}}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        ck_assert_msg(!furrow_json_find_members(furrow_bytes_of(broken[i]), "m", &first, 1), "%s", broken[i]);
    furrow_arena_destroy(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsontext");
    TCase *tests = tcase_create("jsontext");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, valid_texts_are_tokenized);
    tcase_add_test(tests, invalid_texts_end_in_an_error);
    tcase_add_test(tests, depth_is_limited);
    tcase_add_test(tests, strings_are_unescaped);
    tcase_add_test(tests, a_value_is_skipped_whole);
    tcase_add_test(tests, single_values_are_found_by_their_path);
    tcase_add_test(tests, values_that_are_not_there_are_not_found);
    tcase_add_test(tests, members_are_found_in_one_pass);
    tcase_add_test(tests, members_and_elements_are_walked_as_they_are_written);
    tcase_add_test(tests, a_value_that_is_a_string_is_read);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
