/* Patterns of rules: what an automaton matches is what RE2's syntax says, and what it cannot be is said. */
#include "codegen/pattern.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static furrow_arena *arena;

static void make_arena(void)
{
    arena = furrow_arena_create((size_t)1 << 30);
    ck_assert_ptr_nonnull(arena);
}

static void drop_arena(void)
{
    furrow_arena_destroy(arena);
}

static bool matches(const char *pattern, const char *text)
{
    furrow_pattern compiled;
    const char *why = NULL;
    ck_assert_msg(furrow_pattern_compile(pattern, arena, &compiled, &why), "%s: %s", pattern, why);
    return furrow_rule_matches(&compiled.table, text, strlen(text));
}

/* Each pattern, what it matches and what it does not; NULL ends a list. */
static const struct {
    const char *pattern, *yes[6], *no[6];
} cases[] = {
    {"abc", {"abc", "xabcx"}, {"", "ab", "acb"}},
    {"", {"", "x"}, {NULL}},
    {"^abc$", {"abc"}, {"xabc", "abcx", "abc\n"}},
    {"^(a|bc)+$", {"a", "bcabc"}, {"", "b", "abcb"}},
    {"a|^b$", {"xxa", "b"}, {"xb", "bx"}},
    {"^a?b*c+$", {"c", "abbc", "accc"}, {"ab", "aac"}},
    {"^a{2}b{1,3}c{2,}$", {"aabcc", "aabbbcccc"}, {"abcc", "aabbbbcc", "aabc"}},
    {"^a{0}$", {""}, {"a"}},
    {"^a{,2}$", {"a{,2}"}, {"a", "aa"}},
    {"^.$", {"x", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x8d\x8e"}, {"", "\n", "xy"}},
    {"(?s)^.$", {"\n"}, {""}},
    {"^[a-c\\-x\\]]+$", {"abc", "-x]"}, {"d", ""}},
    {"^[^a-c]+$", {"xyz", "\xc3\xa9"}, {"xbz", ""}},
    {"^[]a]+$", {"]a"}, {"b"}},
    {"^[\xc3\xa0-\xc3\xbf]$", {"\xc3\xa9"}, {"e", "\xc4\x80"}},
    {"^\\d\\w\\s\\D\\W\\S$", {"1a x!y"}, {"aa x!y"}},
    {"^[[:alpha:]][[:^alpha:]][\\d_]$", {"a1_", "Z!9"}, {"1a_", "aa1"}},
    {"^\\x41\\x{e9}\\n\\t\\.\\*$", {"A\xc3\xa9\n\t.*"}, {"A"}},
    {"^\\101\\Qa.b*\\E+$", {"Aa.b*", "Aa.b**"}, {"Aaxb*", "Aa.b*+"}},
    {"(?i)^hello [^x]$", {"HeLLo y"}, {"hello X", "hello x"}},
    {"^(?i:a)b$", {"Ab", "ab"}, {"AB"}},
    {"^(?P<year>[0-9]{4})-(?:[0-9]{2})$", {"2026-11"}, {"2026-1"}},
    {"\\Aa\\z", {"a"}, {"ba", "ab"}},
    {"^(a*)*$", {"", "aaa"}, {"b"}},
    {"^a+?$", {"a", "aa"}, {""}},
    {"^(a?){40}a{40}$", {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
    {"x*$|^y", {"", "abc"}, {NULL}},
    {"^$", {""}, {"x", "\n"}},
};

START_TEST(a_pattern_matches_what_it_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t k = 0; k < 6 && cases[i].yes[k]; k++)
            ck_assert_msg(matches(cases[i].pattern, cases[i].yes[k]), "%s: %s", cases[i].pattern, cases[i].yes[k]);
        for (size_t k = 0; k < 6 && cases[i].no[k]; k++)
            ck_assert_msg(!matches(cases[i].pattern, cases[i].no[k]), "%s: not %s", cases[i].pattern, cases[i].no[k]);
    }
}
END_TEST

/* One byte after the other, to the end. */
static bool matches_by_steps(const furrow_rule_pattern *table, const char *text, size_t len)
{
    size_t state = table->start;
    for (size_t i = 0; i < len; i++) state = table->next[state + table->classes[(uint8_t)text[i]]];
    return state != 0 && state <= table->accepts;
}

START_TEST(steps_of_four_are_four_steps)
{
    static const char bytes[] = "abcxyzAB019 -_.*\n\x01\xc3\xa9\xe6\x97\xa5\xff";
    uint64_t seed = 1;
    size_t matched = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        furrow_pattern compiled;
        const char *why;
        ck_assert(furrow_pattern_compile(cases[i].pattern, arena, &compiled, &why));
        for (int k = 0; k < 2000; k++) {
            char text[24];
            size_t len = (size_t)k % sizeof text, letters = 1 + (size_t)k % (sizeof bytes - 1);
            for (size_t at = 0; at < len; at++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                text[at] = bytes[(seed >> 33) % letters];
            }
            bool expected = matches_by_steps(&compiled.table, text, len);
            ck_assert_msg(furrow_rule_matches(&compiled.table, text, len) == expected, "%s, text %d", cases[i].pattern,
                          k);
            matched += expected;
        }
    }
    ck_assert_uint_gt(matched, 1000);
}
END_TEST

START_TEST(what_is_no_pattern_is_told)
{
    static const char *const wrong[][2] = {
        {"a(b", "without its )"},
        {"a)b", "without its ("},
        {"[a", "without its ]"},
        {"a**", "repeats nothing"},
        {"+a", "repeats nothing"},
        {"a{2,1}", "no range"},
        {"a{1001}", "no range"},
        {"[z-a]", "before it begins"},
        {"\\b", "not known here"},
        {"\\pL", "not known here"},
        {"\\1", "reference to a group"},
        {"\\", "not known here"},
        {"(?=a)", "not known"},
        {"(?m)^a", "not known"},
        {"[[:odd:]]", "not known"},
        {"\\x{110000}", "no character"},
        {"$a", "no text at all"},
        {"a^", "no text at all"},
        {"^(.{1,1000}){1000}$", "too large"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        furrow_pattern compiled;
        const char *why = "";
        ck_assert_msg(!furrow_pattern_compile(wrong[i][0], arena, &compiled, &why), "%s", wrong[i][0]);
        ck_assert_msg(strstr(why, wrong[i][1]) != NULL, "%s: %s", wrong[i][0], why);
    }
}
END_TEST

START_TEST(the_automaton_is_the_least)
{
    furrow_pattern compiled;
    const char *why;
    ck_assert(furrow_pattern_compile("^(a|b)(a|b)(a|b)$", arena, &compiled, &why));
    ck_assert_uint_eq(compiled.state_count, 5); /* four on the way, and the one of no return */
    ck_assert_uint_eq(compiled.class_count, 2); /* a and b, and all others */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pattern");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_arena, drop_arena);
    tcase_add_test(all, a_pattern_matches_what_it_says);
    tcase_add_test(all, steps_of_four_are_four_steps);
    tcase_add_test(all, what_is_no_pattern_is_told);
    tcase_add_test(all, the_automaton_is_the_least);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
