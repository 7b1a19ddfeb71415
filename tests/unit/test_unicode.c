/* Names as people mean them: normal form, comparison without case and accents, and what nobody sees. */
#include "wire/unicode.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDED 1025

static furrow_arena *arena;

static const char *fold(const char *text)
{
    static char out[FOLDED];
    out[furrow_unicode_fold(furrow_bytes_of(text), (uint8_t *)out, sizeof out - 1)] = '\0';
    return out;
}

/* UTF-8 of one code point that is no surrogate. */
static void letter_of(uint32_t code, char out[5])
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    memset(out, 0, 5);
    for (size_t i = len; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(first[len] | code);
}

START_TEST(texts_that_people_take_for_one_fold_to_one)
{
    static const char *const same[][4] = {
        {"José", "JOSÉ", "Jose\xcc\x81", "jose"},
        {"Łukasz", "łUKASZ", "Lukasz", "LUKASZ"},
        {"Sørensen", "SØRENSEN", "sorensen", NULL},
        {"Đặng Văn", "ĐẶNG VĂN", "dang van", "Đa\xcc\xa3\xcc\x86ng Va\xcc\x86n"},
        {"Straße", "STRASSE", "strasse", "STRAẞE"},
        {"İstanbul", "istanbul", "ISTANBUL", "ıstanbul"},
        {"Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", "οδυσσευς", "Οδυσσευσ"},
        {"Семён", "СЕМЁН", "семен", "СЕМЕН"},
        {"Երևան", "ԵՐԵՒԱՆ", "երեւան", NULL},                  /* Armenian */
        {"Ꮳꮃꭹ", "ᏣᎳᎩ", "ꮳꮃꭹ", NULL},              /* Cherokee */
        {"\xf0\x90\x90\x94", "\xf0\x90\x90\xbc", NULL, NULL}, /* Deseret, past 16 bits */
        {"서연", "\xe1\x84\x89\xe1\x85\xa5\xe1\x84\x8b\xe1\x85\xa7\xe1\x86\xab", NULL, NULL}, /* letter by letter */
        {"a\xc2\xad\x62", "ab", "a\xe2\x80\x8b\x62", "a\xef\xbb\xbf\x62"},
        {"ABC xyz 09_", "abc xyz 09_", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char first[FOLDED];
        strcpy(first, fold(same[i][0]));
        for (size_t k = 1; k < 4 && same[i][k]; k++) ck_assert_str_eq(fold(same[i][k]), first);
    }
}
END_TEST

START_TEST(what_is_another_letter_stays_another)
{
    static const char *const other[][2] = {{"か", "が"},     {"राम", "रम"}, {"क", "क्"},
                                           {"日本", "日木"}, {"a", "b"},    {"th", "þ"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char first[FOLDED];
        strcpy(first, fold(other[i][0]));
        ck_assert_str_ne(fold(other[i][1]), first);
    }
}
END_TEST

/* All of Unicode: folding is done once for all, and does not tell normal forms apart. */
START_TEST(every_letter_folds_once_for_all)
{
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char letter[5], once[FOLDED];
        if (code == 0xd800) code = 0xe000;
        letter_of(code, letter);
        strcpy(once, fold(letter));
        ck_assert_msg(strcmp(fold(once), once) == 0, "U+%04X", code);
        ck_assert_msg(strcmp(fold(furrow_unicode_nfc(letter, arena)), once) == 0, "U+%04X", code);
        if (code % 4096 == 0) furrow_arena_reset(arena);
    }
}
END_TEST

START_TEST(folding_stays_within_its_room_and_between_letters)
{
    uint8_t out[4];
    ck_assert_uint_eq(furrow_unicode_fold(furrow_bytes_of("abcdef"), out, 4), 4);
    ck_assert_uint_eq(furrow_unicode_fold(furrow_bytes_of("aж日"), out, 4), 3);
    ck_assert_uint_eq(furrow_unicode_fold(furrow_bytes_of("aßb"), out, 2), 1);
    ck_assert_str_eq(fold("\xc3"), "\xc3"); /* no UTF-8 */
    ck_assert_str_eq(fold("\xc3(A"), "\xc3(a");
    ck_assert_str_eq(fold(""), "");
}
END_TEST

START_TEST(a_name_begins_with_another)
{
    ck_assert(furrow_unicode_begins("Élodie Dupont", "elo"));
    ck_assert(furrow_unicode_begins("Elodie", "E\xcc\x81LODIE"));
    ck_assert(furrow_unicode_begins("Anything", ""));
    ck_assert(!furrow_unicode_begins("Élodie", "elodie d"));
    ck_assert(!furrow_unicode_begins("", "e"));
}
END_TEST

START_TEST(the_normal_form_is_composed)
{
    char decomposed[] = "Jose\xcc\x81", composed[] = "Jos\xc3\xa9", plain[] = "Jose", broken[] = "Jos\xe9";
    ck_assert_str_eq(furrow_unicode_nfc(decomposed, arena), composed);
    ck_assert_ptr_eq(furrow_unicode_nfc(composed, arena), composed);
    ck_assert_ptr_eq(furrow_unicode_nfc(plain, arena), plain);
    ck_assert_ptr_eq(furrow_unicode_nfc(broken, arena), broken);
    char order[] = "a\xcc\x86\xcc\xa3", angstrom[] = "\xe2\x84\xab";
    ck_assert_str_eq(furrow_unicode_nfc(order, arena), "\xe1\xba\xb7"); /* ặ, whichever mark comes first */
    ck_assert_str_eq(furrow_unicode_nfc(angstrom, arena), "\xc3\x85");
}
END_TEST

START_TEST(what_nobody_sees_is_found)
{
    static const char *const blank[] = {"",
                                        " ",
                                        "\xc2\xa0",
                                        "\xe3\x80\x80 ",
                                        "\xe2\x80\x8b",
                                        "\xe3\x85\xa4", /* Hangul filler */
                                        "\xe2\xa0\x80",
                                        "\xcc\x81",
                                        "\xe2\x80\x8d",
                                        "\t"};
    static const char *const seen[] = {"a", "日", " x ", "é", "-", "😀", "र", "\xe2\x80\x8f\xd7\xa9"};
    static const char *const hidden[] = {
        "a\x01",         "a\x7f",           "a\xc2\x80", "a\xe2\x80\x8b\x62", "\xef\xbb\xbf\x61", "a\xe2\x80\xae\x62",
        "a\xe2\x80\xa8", "Jos\xef\xbf\xbd", "a\xc2\xad", "\xe3\x85\xa4",      "a\xf3\xa0\x80\xa1"};
    static const char *const needed[] = {"می\xe2\x80\x8cخواهم", "क\xe2\x80\x8d", "葛\xf3\xa0\x84\x80", "❤\xef\xb8\x8f",
                                         "O'Neil-Ruiz Jr."};
    for (size_t i = 0; i < sizeof blank / sizeof *blank; i++) ck_assert_msg(!furrow_unicode_shows(blank[i]), "%zu", i);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) ck_assert_msg(furrow_unicode_shows(seen[i]), "%zu", i);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        ck_assert_msg(furrow_unicode_hidden(hidden[i]), "%zu", i);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        ck_assert_msg(!furrow_unicode_hidden(needed[i]), "%zu", i);
}
END_TEST

static void setup(void)
{
    arena = furrow_arena_create(0);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

int main(void)
{
    Suite *suite = suite_create("unicode");
    TCase *cases = tcase_create("unicode");
    tcase_set_timeout(cases, 100);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, texts_that_people_take_for_one_fold_to_one);
    tcase_add_test(cases, what_is_another_letter_stays_another);
    tcase_add_test(cases, every_letter_folds_once_for_all);
    tcase_add_test(cases, folding_stays_within_its_room_and_between_letters);
    tcase_add_test(cases, a_name_begins_with_another);
    tcase_add_test(cases, the_normal_form_is_composed);
    tcase_add_test(cases, what_nobody_sees_is_found);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
