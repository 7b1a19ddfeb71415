/*
 * What is enough for a text (wire/rule_fit.c) against the rules themselves: a field of unit/codegen/golden/ruled's Fitting with
 * its fit says of any text what the same field says without it.
 */
#include "ruled/v1/ruled.furrow.h"
#include "wire/rule_inside.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 80, TEXTS = 20000 };

/* A text and how many characters it has. */
typedef struct sample {
    char text[TEXT_MAX + 4];
    size_t len, characters;
} sample;

static uint64_t seed;

static size_t below(size_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % limit;
}

static void append_character(sample *to, const char *character)
{
    size_t len = strlen(character);
    memcpy(to->text + to->len, character, len + 1);
    to->len += len;
    to->characters++;
}

/* Mostly of one alphabet, at times with a character that is of none. */
static sample make_sample(void)
{
    static const char *const alphabets[] = {"abcdefghijklmnopqrstuvwxyz", "azAZ09_-", "0123456789", " ~!azAZ09"};
    static const char *const others[] = {"\x01",
                                         "\x1f",
                                         "\x7f",
                                         "/",
                                         ":",
                                         "@",
                                         "[",
                                         "`",
                                         "{",
                                         "\xc2\x80",
                                         "\xc3\xa9",
                                         "\xe6\x97\xa5",
                                         "\xf0\x9f\x8d\x8e"};
    sample out = {.len = 0};
    const char *alphabet = alphabets[below(sizeof alphabets / sizeof *alphabets)];
    size_t wanted = below(3) ? below(TEXT_MAX) : below(20), other = below(2) ? below(wanted + 1) : TEXT_MAX;
    size_t often = below(4) ? TEXT_MAX : 1 + below(8);
    while (out.len < wanted) {
        char letter[2] = {alphabet[below(strlen(alphabet))]};
        bool is_other = out.characters == other || out.characters % often == often - 1;
        append_character(&out, is_other ? others[below(sizeof others / sizeof *others)] : letter);
    }
    return out;
}

static bool count_violation(void *user, const furrow_violation *violation)
{
    ++*(size_t *)user;
    return true;
}

/* How many rules of the field alone @text breaks. */
static size_t count_violations(const furrow_rule_field *field, char *text)
{
    const furrow_rule_message rules = {
        .descriptor = ruled_v1_fitting_field_rules.descriptor, .fields = field, .field_count = 1};
    Ruled__V1__Fitting message = RULED__V1__FITTING__INIT;
    const ProtobufCFieldDescriptor *type = &rules.descriptor->fields[field->at];
    size_t count = 0;
    furrow_error err;
    *(char **)(void *)((char *)&message + type->offset) = text;
    ck_assert_int_eq(furrow_rule_check(&rules, &message.base, count_violation, &count, &err), FURROW_OK);
    return count;
}

static void check_field(const furrow_rule_field *field)
{
    furrow_rule_field plain = *field;
    size_t good = 0, bad = 0, fitting = 0;
    const char *name = ruled_v1_fitting_field_rules.descriptor->fields[field->at].name;
    plain.fit = NULL;
    for (int i = 0; i < TEXTS; i++) {
        sample made = make_sample();
        size_t broken = count_violations(&plain, made.text);
        ck_assert_msg(count_violations(field, made.text) == broken, "%s: \"%s\"", name, made.text);
        good += broken == 0;
        bad += broken > 0;
        fitting += furrow_rule_fits(field->fit, made.text, made.len);
    }
    ck_assert_msg(good > 100 && bad > 100, "%s: %zu good, %zu bad", name, good, bad);
    ck_assert_msg(fitting > 100 && fitting <= good, "%s: %zu fit, %zu good", name, fitting, good);
}

START_TEST(a_fit_says_what_the_rules_say)
{
    const furrow_rule_message *rules = &ruled_v1_fitting_field_rules;
    seed = 1;
    ck_assert_uint_eq(rules->field_count, 6);
    for (size_t i = 0; i + 1 < rules->field_count; i++) check_field(&rules->fields[i]);
    ck_assert_ptr_null(rules->fields[5].fit); /* which characters there may be depends on where */
}
END_TEST

/* A letter that is wrong is found wherever it stands, whatever the length: those beside what is allowed, and at every place. */
START_TEST(every_byte_is_looked_at)
{
    static const char letters[] = {0, 1, 0x1f, 0x20, 'a', 0x7e, 0x7f, '\x80', '\xc0', '\xff'};
    const furrow_rule_field *title = &ruled_v1_fitting_field_rules.fields[0];
    char text[TEXT_MAX];
    for (size_t len = 1; len <= title->fit->most; len++) {
        memset(text, 'a', len);
        ck_assert_msg(furrow_rule_fits(title->fit, text, len), "%zu", len);
        for (size_t at = 0; at < len; at++) {
            for (size_t i = 0; i < sizeof letters; i++) {
                text[at] = letters[i];
                bool allowed = letters[i] >= 0x20 && letters[i] < 0x7f;
                bool fits = furrow_rule_fits(title->fit, text, len);
                if (fits != allowed) ck_abort_msg("%d at %zu of %zu", letters[i], at, len);
            }
            text[at] = 'a';
        }
    }
    memset(text, 'a', sizeof text);
    ck_assert(!furrow_rule_fits(title->fit, text, title->fit->most + 1));
    ck_assert(!furrow_rule_fits(title->fit, text, 0));
}
END_TEST

START_TEST(characters_are_counted_when_bytes_do_not_tell)
{
    static const struct {
        uint64_t least, most;
    } sizes[] = {{0, 0}, {1, UINT64_MAX}, {3, 40}, {5, 5}, {17, 18}, {0, 20}, {30, UINT64_MAX}};
    seed = 1;
    for (int i = 0; i < TEXTS; i++) {
        sample made = make_sample();
        const furrow_rule_value value = {.form = FURROW_FORM_TEXT,
                                         .operand = {.text = made.text, .more = (int64_t)made.len}};
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            const furrow_rule rule = {.kind = FURROW_RULE_CHARS, .least = sizes[k].least, .most = sizes[k].most};
            bool expected = made.characters >= rule.least && made.characters <= rule.most;
            ck_assert_msg(furrow_rule_holds(&rule, &value) == expected, "\"%s\", sizes %zu", made.text, k);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rule_fit");
    TCase *all = tcase_create("all");
    tcase_add_test(all, a_fit_says_what_the_rules_say);
    tcase_add_test(all, every_byte_is_looked_at);
    tcase_add_test(all, characters_are_counted_when_bytes_do_not_tell);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
