/* Merging by field mask: what a mask names is copied, made or cleared, and nothing else. */
#include "wire/message.h"

#include "wire_optional.pb-c.h"
#include "wire_test.pb-c.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
    err = (furrow_error){0};
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static furrow_status merge(void *into, const void *from, char *path)
{
    return furrow_message_merge_mask(into, from, (char *[]){path}, 1, arena, &err);
}

START_TEST(a_mask_copies_what_it_names_and_no_more)
{
    Wiretest__V1__Contact old_contact = WIRETEST__V1__CONTACT__INIT, new_contact = WIRETEST__V1__CONTACT__INIT;
    Wiretest__V1__Person into = WIRETEST__V1__PERSON__INIT, from = WIRETEST__V1__PERSON__INIT;
    int32_t shifts[] = {1, 2};

    old_contact.address = "old address";
    old_contact.email = "old@x";
    new_contact.email = "new@x";
    into.id = "e1";
    into.contact = &old_contact;
    from.id = "e2";
    from.contact = &new_contact;
    from.shifts = shifts;
    from.n_shifts = 2;
    from.hourly_rate_cents = 1900;
    char *paths[] = {"contact.email", "shifts", "hourly_rate_cents", "badge"};
    ck_assert_int_eq(furrow_message_merge_mask(&into.base, &from.base, paths, 4, arena, &err), FURROW_OK);
    ck_assert_str_eq(into.id, "e1");
    ck_assert_str_eq(into.contact->address, "old address");
    ck_assert_str_eq(into.contact->email, "new@x");
    ck_assert_uint_eq(into.n_shifts, 2);
    ck_assert_int_eq(into.hourly_rate_cents, 1900);
    ck_assert_int_eq(merge(&into, &from, "contact"), FURROW_OK);
    ck_assert_str_eq(into.contact->address, "");
}
END_TEST

START_TEST(a_mask_makes_and_clears_nested_messages)
{
    Wiretest__V1__Contact contact = WIRETEST__V1__CONTACT__INIT;
    Wiretest__V1__Person into = WIRETEST__V1__PERSON__INIT, from = WIRETEST__V1__PERSON__INIT;

    ck_assert_int_eq(merge(&into, &from, "contact.email"), FURROW_OK);
    ck_assert_ptr_null(into.contact);
    contact.email = "a@b";
    from.contact = &contact;
    ck_assert_int_eq(merge(&into, &from, "contact.email"), FURROW_OK);
    ck_assert_ptr_ne(into.contact, &contact);
    ck_assert_str_eq(into.contact->email, "a@b");
    from.contact = NULL;
    ck_assert_int_eq(merge(&into, &from, "contact.email"), FURROW_OK);
    ck_assert_str_eq(into.contact->email, "");
    ck_assert_int_eq(merge(&into, &from, "contact"), FURROW_OK);
    ck_assert_ptr_null(into.contact);
}
END_TEST

START_TEST(a_mask_moves_oneofs)
{
    Wiretest__V1__Choice into = WIRETEST__V1__CHOICE__INIT, from = WIRETEST__V1__CHOICE__INIT;
    Wiretest__V1__Scalars scalars = WIRETEST__V1__SCALARS__INIT;

    into.kind_case = WIRETEST__V1__CHOICE__KIND_TEXT;
    into.text = "before";
    from.kind_case = WIRETEST__V1__CHOICE__KIND_SCALARS;
    from.scalars = &scalars;
    scalars.an_int32 = 5;
    ck_assert_int_eq(merge(&into, &from, "number"), FURROW_OK);
    ck_assert_int_eq(into.kind_case, WIRETEST__V1__CHOICE__KIND_TEXT);
    ck_assert_int_eq(merge(&into, &from, "scalars.an_int32"), FURROW_OK);
    ck_assert_int_eq(into.kind_case, WIRETEST__V1__CHOICE__KIND_SCALARS);
    ck_assert_int_eq(into.scalars->an_int32, 5);
    from.kind_case = WIRETEST__V1__CHOICE__KIND__NOT_SET;
    ck_assert_int_eq(merge(&into, &from, "scalars"), FURROW_OK);
    ck_assert_int_eq(into.kind_case, WIRETEST__V1__CHOICE__KIND__NOT_SET);
}
END_TEST

START_TEST(a_mask_carries_presence_over)
{
    Wiretest__V1__Optionals into = WIRETEST__V1__OPTIONALS__INIT, from = WIRETEST__V1__OPTIONALS__INIT;

    from.has_number = 1;
    into.has_flag = into.flag = 1;
    into.text = "before";
    char *paths[] = {"number", "flag", "text"};
    ck_assert_int_eq(furrow_message_merge_mask(&into.base, &from.base, paths, 3, arena, &err), FURROW_OK);
    ck_assert(into.has_number && !into.has_flag && !into.text);
}
END_TEST

START_TEST(a_wrong_mask_changes_nothing)
{
    static char *const bad[] = {"",     ".",          "nope",        "contact.nope",
                                "id.x", "reports.id", "contact.",    "contact..email",
                                "Id",   "*",          "displayName", "contact.phones.number"};
    Wiretest__V1__Person into = WIRETEST__V1__PERSON__INIT, from = WIRETEST__V1__PERSON__INIT;

    from.id = "e2";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *paths[] = {"id", bad[i]};
        ck_assert_int_eq(furrow_message_merge_mask(&into.base, &from.base, paths, 2, arena, &err),
                         FURROW_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "path 2"));
    }
    ck_assert_int_eq(merge(&into, &from, "a\r\nb"), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "");
    ck_assert_str_eq(into.id, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("merge");
    TCase *tests = tcase_create("merge");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_mask_copies_what_it_names_and_no_more);
    tcase_add_test(tests, a_mask_makes_and_clears_nested_messages);
    tcase_add_test(tests, a_mask_moves_oneofs);
    tcase_add_test(tests, a_mask_carries_presence_over);
    tcase_add_test(tests, a_wrong_mask_changes_nothing);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
