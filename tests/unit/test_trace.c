/*
 * The trace headers: what the test suite of W3C Trace Context (https://github.com/w3c/trace-context/tree/main/test)
 * sends to a service and expects of what that sends on, and what it does not try.
 */
#include "wire/trace.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TRACE "12345678901234567890123456789012"
#define IDS   "-" TRACE "-1234567890123456-"
#define GOOD  "00" IDS "01"
#define LINES 8

typedef enum outcome {
    NONE,      /* no trace */
    CARRIED,   /* the trace goes on */
    RESTARTED, /* a new one instead */
} outcome;

typedef struct sample {
    const char *what;
    const char *lines[LINES][2]; /* headers: name, value */
    outcome becomes;
    const char *state; /* the tracestate that goes on; NULL: none */
    const char *flags; /* NULL: whatever they are */
} sample;

#define PARENT(value)                                                                                                  \
    {                                                                                                                  \
        {                                                                                                              \
            "traceparent", value                                                                                       \
        }                                                                                                              \
    }
#define STATE1(a)                                                                                                      \
    {                                                                                                                  \
        {"traceparent", GOOD},                                                                                         \
        {                                                                                                              \
            "tracestate", a                                                                                            \
        }                                                                                                              \
    }
#define STATE2(a, b)                                                                                                   \
    {                                                                                                                  \
        {"traceparent", GOOD}, {"tracestate", a},                                                                      \
        {                                                                                                              \
            "tracestate", b                                                                                            \
        }                                                                                                              \
    }
#define STATE3(a, b, c)                                                                                                \
    {                                                                                                                  \
        {"traceparent", GOOD}, {"tracestate", a}, {"tracestate", b},                                                   \
        {                                                                                                              \
            "tracestate", c                                                                                            \
        }                                                                                                              \
    }

static const sample parents[] = {
    {"neither is there", {{"accept", "x"}}, NONE, NULL, NULL},
    {"a parent alone", PARENT(GOOD), CARRIED, NULL, "01"},
    {"not sampled", PARENT("00" IDS "00"), CARRIED, NULL, "00"},
    {"level 2: a random id stays one", PARENT("00" IDS "02"), CARRIED, NULL, "02"},
    {"both", PARENT("00" IDS "03"), CARRIED, NULL, "03"},
    {"flags that are not known are zero", PARENT("00" IDS "ff"), CARRIED, NULL, "03"},
    {"two",
     {{"traceparent", "00-12345678901234567890123456789011-1234567890123456-01"}, {"traceparent", GOOD}},
     RESTARTED,
     NULL,
     NULL},
    {"the same twice", {{"traceparent", GOOD}, {"traceparent", GOOD}}, RESTARTED, NULL, NULL},
    {"two in other case", {{"traceparent", GOOD}, {"TraceParent", GOOD}}, RESTARTED, NULL, NULL},
    {"one and an empty one", {{"traceparent", GOOD}, {"traceparent", ""}}, RESTARTED, NULL, NULL},
    {"a list", PARENT(GOOD "," GOOD), RESTARTED, NULL, NULL},
    {"another name", {{"trace-parent", GOOD}}, NONE, NULL, NULL},
    {"another name", {{"trace.parent", GOOD}}, NONE, NULL, NULL},
    {"another name", {{"traceparents", GOOD}}, NONE, NULL, NULL},
    {"case of the name", {{"TraceParent", GOOD}}, CARRIED, NULL, "01"},
    {"case of the name", {{"TrAcEpArEnT", GOOD}}, CARRIED, NULL, "01"},
    {"case of the name", {{"TRACEPARENT", GOOD}}, CARRIED, NULL, "01"},
    {"version 00 ends there", PARENT(GOOD "."), RESTARTED, NULL, NULL},
    {"version 00 ends there", PARENT(GOOD "-what-the-future-will-be-like"), RESTARTED, NULL, NULL},
    {"version cc", PARENT("cc" IDS "01"), CARRIED, NULL, "01"},
    {"version cc", PARENT("cc" IDS "01-what-the-future-will-be-like"), CARRIED, NULL, "01"},
    {"version cc", PARENT("cc" IDS "01-"), CARRIED, NULL, "01"},
    {"version cc", PARENT("cc" IDS "01.what-the-future-will-be-like"), RESTARTED, NULL, NULL},
    {"version cc: only sampled is known", PARENT("cc" IDS "fe"), CARRIED, NULL, "00"},
    {"version 01", PARENT("01" IDS "ff"), CARRIED, NULL, "01"},
    {"version ff", PARENT("ff" IDS "01"), RESTARTED, NULL, NULL},
    {"version ff", PARENT("ff" IDS "01-more"), RESTARTED, NULL, NULL},
    {"version CC", PARENT("CC" IDS "01"), RESTARTED, NULL, NULL},
    {"version", PARENT(".0" IDS "01"), RESTARTED, NULL, NULL},
    {"version", PARENT("0." IDS "01"), RESTARTED, NULL, NULL},
    {"version too long", PARENT("000" IDS "01"), RESTARTED, NULL, NULL},
    {"version too long", PARENT("0000" IDS "01"), RESTARTED, NULL, NULL},
    {"version too short", PARENT("0" IDS "01"), RESTARTED, NULL, NULL},
    {"trace id of zeros", PARENT("00-00000000000000000000000000000000-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"trace id", PARENT("00-.2345678901234567890123456789012-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"trace id", PARENT("00-1234567890123456789012345678901.-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"trace id in capitals", PARENT("00-ABCDEF78901234567890123456789012-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"trace id too long", PARENT("00-123456789012345678901234567890123-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"trace id too short", PARENT("00-1234567890123456789012345678901-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"parent id of zeros", PARENT("00-" TRACE "-0000000000000000-01"), RESTARTED, NULL, NULL},
    {"parent id", PARENT("00-" TRACE "-.234567890123456-01"), RESTARTED, NULL, NULL},
    {"parent id", PARENT("00-" TRACE "-123456789012345.-01"), RESTARTED, NULL, NULL},
    {"parent id too long", PARENT("00-" TRACE "-12345678901234567-01"), RESTARTED, NULL, NULL},
    {"parent id too short", PARENT("00-" TRACE "-123456789012345-01"), RESTARTED, NULL, NULL},
    {"flags", PARENT("00" IDS ".0"), RESTARTED, NULL, NULL},
    {"flags", PARENT("00" IDS "0."), RESTARTED, NULL, NULL},
    {"flags too long", PARENT("00" IDS "001"), RESTARTED, NULL, NULL},
    {"flags too short", PARENT("00" IDS "1"), RESTARTED, NULL, NULL},
    {"flags missing", PARENT("00-" TRACE "-1234567890123456"), RESTARTED, NULL, NULL},
    {"another dash", PARENT("00_" TRACE "-1234567890123456-01"), RESTARTED, NULL, NULL},
    {"empty", PARENT(""), RESTARTED, NULL, NULL},
    {"blanks", PARENT(" " GOOD), CARRIED, NULL, "01"},
    {"blanks", PARENT("\t" GOOD), CARRIED, NULL, "01"},
    {"blanks", PARENT(GOOD " "), CARRIED, NULL, "01"},
    {"blanks", PARENT(GOOD "\t"), CARRIED, NULL, "01"},
    {"blanks", PARENT("\t " GOOD " \t"), CARRIED, NULL, "01"},
    {"blanks, version cc", PARENT(" cc" IDS "01 "), CARRIED, NULL, "01"},
    {"blanks within", PARENT("00 " IDS "01"), RESTARTED, NULL, NULL},
};

static const sample states[] = {
    {"a state alone", {{"tracestate", "foo=1"}}, RESTARTED, NULL, NULL},
    {"beside a parent that is none", {{"traceparent", "ff" IDS "01"}, {"tracestate", "foo=1"}}, RESTARTED, NULL, NULL},
    {"both", STATE1("foo=1,bar=2"), CARRIED, "foo=1,bar=2", "01"},
    {"in the other order", {{"tracestate", "foo=1"}, {"traceparent", GOOD}}, CARRIED, "foo=1", NULL},
    {"of a later version", {{"traceparent", "cc" IDS "01-x"}, {"tracestate", "foo=1"}}, CARRIED, "foo=1", NULL},
    {"another name", {{"traceparent", GOOD}, {"trace-state", "foo=1"}}, CARRIED, NULL, NULL},
    {"another name", {{"traceparent", GOOD}, {"trace.state", "foo=1"}}, CARRIED, NULL, NULL},
    {"case of the name", {{"traceparent", GOOD}, {"TraceState", "foo=1"}}, CARRIED, "foo=1", NULL},
    {"case of the name", {{"traceparent", GOOD}, {"TRACESTATE", "foo=1"}}, CARRIED, "foo=1", NULL},
    {"empty", STATE1(""), CARRIED, NULL, NULL},
    {"empty behind", STATE2("foo=1", ""), CARRIED, "foo=1", NULL},
    {"empty before", STATE2("", "foo=1"), CARRIED, "foo=1", NULL},
    {"empty members", STATE2("foo=1,,bar=2,", " ,baz=3"), CARRIED, "foo=1,bar=2,baz=3", NULL},
    {"only commas", STATE1(", ,\t,"), CARRIED, NULL, NULL},
    {"several lines are one list", STATE3("foo=1,bar=2", "rojo=1,congo=2", "baz=3"), CARRIED,
     "foo=1,bar=2,rojo=1,congo=2,baz=3", NULL},
    {"keys that are there twice are kept", STATE1("foo=1,foo=1"), CARRIED, "foo=1,foo=1", NULL},
    {"keys that are there twice are kept", STATE2("foo=1", "foo=2"), CARRIED, "foo=1,foo=2", NULL},
    {"all that a key may have", STATE1("abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/=1"), CARRIED,
     "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/=1", NULL},
    {"a key may begin with a digit", STATE1("0foo=1"), CARRIED, "0foo=1", NULL},
    {"all that a value may have",
     STATE1("k= !\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"),
     CARRIED, "k= !\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
     NULL},
    {"blanks around", STATE1("foo=1 \t , \t bar=2, \t baz=3"), CARRIED, "foo=1,bar=2,baz=3", NULL},
    {"blanks around", STATE1("foo=1\t \t,\t \tbar=2,\t \tbaz=3"), CARRIED, "foo=1,bar=2,baz=3", NULL},
    {"blanks around", STATE1("\t foo=1 \t"), CARRIED, "foo=1", NULL},
    {"a blank in a key", STATE1("foo =1"), CARRIED, NULL, NULL},
    {"capitals in a key", STATE1("FOO=1"), CARRIED, NULL, NULL},
    {"a dot in a key", STATE1("foo.bar=1"), CARRIED, NULL, NULL},
    {"one that is none takes all", STATE1("foo=1,foo.bar=1"), CARRIED, NULL, NULL},
    {"one that is none takes all", STATE2("foo=1", "BAR=2"), CARRIED, NULL, NULL},
    {"@", STATE1("foo@=1,bar=2"), CARRIED, "foo@=1,bar=2", NULL},
    {"@", STATE1("@foo=1,bar=2"), CARRIED, NULL, NULL},
    {"@", STATE1("foo@@bar=1,bar=2"), CARRIED, "foo@@bar=1,bar=2", NULL},
    {"@", STATE1("foo@bar@baz=1,bar=2"), CARRIED, "foo@bar@baz=1,bar=2", NULL},
    {"= in a value", STATE1("foo=bar=baz"), CARRIED, NULL, NULL},
    {"no value", STATE1("foo=,bar=3"), CARRIED, NULL, NULL},
    {"no value", STATE1("foo,bar=3"), CARRIED, NULL, NULL},
    {"no key", STATE1("=1"), CARRIED, NULL, NULL},
    {"not ASCII", STATE1("foo=\xc3\xb1"), CARRIED, NULL, NULL},
    {"a control character", STATE1("foo=a\x01"), CARRIED, NULL, NULL},
    {"32 members",
     STATE3("bar01=01,bar02=02,bar03=03,bar04=04,bar05=05,bar06=06,bar07=07,bar08=08,bar09=09,bar10=10,bar11=11",
            "bar12=12,bar13=13,bar14=14,bar15=15,bar16=16,bar17=17,bar18=18,bar19=19,bar20=20,bar21=21,bar22=22",
            "bar23=23,bar24=24,bar25=25,bar26=26,bar27=27,bar28=28,bar29=29,bar30=30,bar31=31,bar32=32"),
     CARRIED,
     "bar01=01,bar02=02,bar03=03,bar04=04,bar05=05,bar06=06,bar07=07,bar08=08,bar09=09,bar10=10,bar11=11,bar12=12,"
     "bar13=13,bar14=14,bar15=15,bar16=16,bar17=17,bar18=18,bar19=19,bar20=20,bar21=21,bar22=22,bar23=23,bar24=24,"
     "bar25=25,bar26=26,bar27=27,bar28=28,bar29=29,bar30=30,bar31=31,bar32=32",
     NULL},
    {"33 members",
     STATE3("bar01=01,bar02=02,bar03=03,bar04=04,bar05=05,bar06=06,bar07=07,bar08=08,bar09=09,bar10=10,bar11=11",
            "bar12=12,bar13=13,bar14=14,bar15=15,bar16=16,bar17=17,bar18=18,bar19=19,bar20=20,bar21=21,bar22=22",
            "bar23=23,bar24=24,bar25=25,bar26=26,bar27=27,bar28=28,bar29=29,bar30=30,bar31=31,bar32=32,bar33=33"),
     CARRIED, NULL, NULL},
};

static void add_lines(furrow_trace_headers *headers, const sample *given)
{
    for (size_t i = 0; i < LINES && given->lines[i][0]; i++)
        furrow_trace_headers_add(headers, given->lines[i][0], given->lines[i][1]);
}

static void check_sample(const sample *given, furrow_arena *arena)
{
    furrow_trace_headers headers = {.parents = 0};
    furrow_trace trace = {.parent = "before"};
    char again[FURROW_TRACE_PARENT_SIZE], child[FURROW_TRACE_PARENT_SIZE], next[FURROW_TRACE_PARENT_SIZE];
    const char *what = given->what;
    add_lines(&headers, given);
    bool there = furrow_trace_read(&headers, arena, &trace);
    ck_assert_msg(there == (given->becomes != NONE), "%s", what);
    if (!there) {
        ck_assert_str_eq(trace.parent, "before");
        return;
    }
    bool same = strstr(trace.parent, "-" TRACE "-") != NULL;
    ck_assert_msg(same == (given->becomes == CARRIED), "%s: %s", what, trace.parent);
    ck_assert_msg(strcmp(trace.state, given->state ? given->state : "") == 0, "%s: \"%s\"", what, trace.state);
    if (given->flags) ck_assert_msg(strcmp(trace.parent + 53, given->flags) == 0, "%s: %s", what, trace.parent);
    if (!same) ck_assert_msg(strcmp(trace.parent + 53, "02") == 0, "%s: %s", what, trace.parent);
    ck_assert_msg(furrow_trace_parse_parent(trace.parent, again) && strcmp(trace.parent, again) == 0, "%s", what);
    furrow_trace_child(&trace, child);
    furrow_trace_child(&trace, next);
    ck_assert_msg(furrow_trace_parse_parent(child, again) && strcmp(child, again) == 0, "%s: %s", what, child);
    ck_assert_msg(strncmp(child, trace.parent, 36) == 0 && strcmp(child + 52, trace.parent + 52) == 0, "%s", what);
    ck_assert_msg(strcmp(child, trace.parent) != 0 && strcmp(child, next) != 0, "%s: a span id of its own", what);
}

START_TEST(a_traceparent_is_carried_on_or_begun_anew)
{
    furrow_arena *arena = furrow_arena_create(0);
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) check_sample(&parents[i], arena);
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(a_tracestate_is_carried_on_or_left_out)
{
    furrow_arena *arena = furrow_arena_create(0);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) check_sample(&states[i], arena);
    furrow_arena_destroy(arena);
}
END_TEST

START_TEST(no_two_traces_that_are_begun_are_the_same)
{
    furrow_trace one, other;
    furrow_trace_begin(&one);
    furrow_trace_begin(&other);
    ck_assert(strncmp(one.parent, other.parent, 35) != 0 && strcmp(one.parent + 36, other.parent + 36) != 0);
    ck_assert(one.state[0] == '\0' && one.ce_state[0] == '\0');
}
END_TEST

/* @key characters of @letter, "=", @value of 'v'. */
static char *member(char out[600], char letter, size_t key, size_t value)
{
    memset(out, letter, key);
    out[key] = '=';
    memset(out + key + 1, 'v', value);
    out[key + 1 + value] = '\0';
    return out;
}

static const char *state_of(furrow_arena *arena, const char *first, const char *second, const char *third)
{
    furrow_trace_headers headers = {.parents = 0};
    furrow_trace trace = {.find = NULL};
    furrow_trace_headers_add(&headers, "traceparent", GOOD);
    for (const char *const *line = (const char *const[]){first, second, third, NULL}; *line; line++)
        furrow_trace_headers_add(&headers, "tracestate", *line);
    ck_assert(furrow_trace_read(&headers, arena, &trace));
    ck_assert_str_eq(trace.state, trace.ce_state);
    return trace.state;
}

START_TEST(keys_and_values_have_their_lengths)
{
    furrow_arena *arena = furrow_arena_create(0);
    char text[600];
    ck_assert_str_eq(state_of(arena, "foo=1", member(text, 'z', 256, 1), NULL) + 6, text);
    ck_assert_str_eq(state_of(arena, "foo=1", member(text, 'z', 257, 1), NULL), "");
    ck_assert_str_eq(state_of(arena, "foo=1", member(text, 'z', 1, 256), NULL) + 6, text);
    ck_assert_str_eq(state_of(arena, "foo=1", member(text, 'z', 1, 257), NULL), "");
    for (size_t at = 1; at < 256; at++) { /* level 1 had other limits before and behind the '@' */
        member(text, 't', 256, 1)[at] = '@';
        ck_assert_str_eq(state_of(arena, "foo=1", text, NULL) + 6, text);
    }
    furrow_arena_destroy(arena);
}
END_TEST

/* 2.3.1.5: "Entries larger than 128 characters long SHOULD be removed first. Then entries SHOULD be removed starting
 * from the end." */
START_TEST(of_a_long_tracestate_whole_members_are_left_out)
{
    furrow_arena *arena = furrow_arena_create(0);
    char large[600], small[600], most[600];
    member(large, 'l', 100, 100);
    member(small, 's', 20, 107); /* 128 */
    ck_assert_uint_eq(strlen(small), 128);
    const char *three = furrow_arena_printf(arena, "%s,%s,%s", small, small, small);
    ck_assert_str_eq(state_of(arena, large, three, NULL), three);
    const char *with_a = furrow_arena_printf(arena, "%s,a=1", three);
    ck_assert_str_eq(state_of(arena, with_a, large, small), with_a);
    ck_assert_str_eq(state_of(arena, furrow_arena_printf(arena, "%s,%s,b=2", three, small), NULL, NULL), three);
    ck_assert_uint_eq(strlen(member(most, 'k', 255, 255)), 511);
    ck_assert_str_eq(state_of(arena, most, NULL, NULL), most);
    ck_assert_uint_eq(strlen(member(most, 'k', 255, 256)), 512);
    ck_assert_str_eq(state_of(arena, most, NULL, NULL), most);
    ck_assert_str_eq(state_of(arena, member(most, 'k', 256, 256), NULL, NULL), "");
    ck_assert_str_eq(state_of(arena, most, "a=1", NULL), "a=1");
    furrow_arena_destroy(arena);
}
END_TEST

/* A peer's 100 KB: what is no tracestate is none, whatever of it would be. */
START_TEST(a_huge_tracestate_is_none)
{
    furrow_arena *arena = furrow_arena_create(0);
    size_t size = 100000;
    char *text = malloc(size + 1);
    for (size_t i = 0; i < size; i += 4) memcpy(text + i, "a=1,", 4);
    text[size] = '\0';
    ck_assert_str_eq(state_of(arena, text, NULL, NULL), "");
    memset(text + 2, 'v', size - 2);
    ck_assert_str_eq(state_of(arena, text, NULL, NULL), "");
    memset(text, ',', size);
    ck_assert_str_eq(state_of(arena, text, "a=1", NULL), "a=1");
    free(text);
    furrow_arena_destroy(arena);
}
END_TEST

static void read_state(furrow_arena *arena, const char *state, furrow_trace *out)
{
    furrow_trace_headers headers = {.parents = 0};
    furrow_trace_headers_add(&headers, "traceparent", GOOD);
    furrow_trace_headers_add(&headers, "tracestate", state);
    ck_assert(furrow_trace_read(&headers, arena, out));
}

/* The CloudEvents binding of NATS, 3.1.3.2. */
START_TEST(a_tracestate_is_escaped_as_an_attribute_of_cloudevents)
{
    furrow_arena *arena = furrow_arena_create(0);
    furrow_trace trace;
    char text[600], fits[600];
    read_state(arena, "a=x \"y\" 50%,b=2", &trace);
    ck_assert_str_eq(trace.state, "a=x \"y\" 50%,b=2");
    ck_assert_str_eq(trace.ce_state, "a=x%20%22y%22%2050%25,b=2");
    /* Escaped it must fit in a header, too: 100 of '%' are 300 characters. */
    char percent[110] = "a=";
    memset(percent + 2, '%', 100);
    snprintf(text, sizeof text, "%s,%s,%s,%s", percent, percent, percent, percent);
    snprintf(fits, sizeof fits, "%s,%s,%s", percent, percent, percent);
    read_state(arena, text, &trace);
    ck_assert_str_eq(trace.state, fits);
    ck_assert_uint_eq(strlen(trace.ce_state), 3 * 302 + 2);
    ck_assert(furrow_header_value_valid(trace.ce_state));
    furrow_arena_destroy(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *tests = tcase_create("trace");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_traceparent_is_carried_on_or_begun_anew);
    tcase_add_test(tests, a_tracestate_is_carried_on_or_left_out);
    tcase_add_test(tests, no_two_traces_that_are_begun_are_the_same);
    tcase_add_test(tests, keys_and_values_have_their_lengths);
    tcase_add_test(tests, of_a_long_tracestate_whole_members_are_left_out);
    tcase_add_test(tests, a_huge_tracestate_is_none);
    tcase_add_test(tests, a_tracestate_is_escaped_as_an_attribute_of_cloudevents);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
