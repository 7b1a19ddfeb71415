/* Which empty messages delete an entity: those with an owner's headers. */
#include "wire/tombstone.h"

#include <check.h>
#include <stdlib.h>

#define ENTITY "employee.v1.Employee"

static const furrow_tombstone good = {"1.0", "01J", ENTITY ".deleted", "/employee"};

static furrow_status check(furrow_tombstone headers)
{
    furrow_error err;
    furrow_status known = furrow_tombstone_check(&headers, ENTITY, "employee", &err);
    furrow_status unknown = furrow_tombstone_check(&headers, ENTITY, NULL, &err);
    ck_assert_int_eq(known, unknown);
    return known;
}

START_TEST(an_owners_deletion_is_one)
{
    furrow_tombstone headers = good;
    ck_assert_int_eq(check(headers), FURROW_OK);
    headers.type = ENTITY ".erased.deleted";
    ck_assert_int_eq(check(headers), FURROW_OK);
}
END_TEST

START_TEST(whatever_lacks_a_header_deletes_nothing)
{
    ck_assert_int_eq(check((furrow_tombstone){0}), FURROW_INVALID_ARGUMENT);
    const char **const parts[] = {&(const char *){NULL}, &(const char *){""}, &(const char *){"x"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (int part = 0; part < 4; part++) {
            furrow_tombstone headers = good;
            const char **values[] = {&headers.specversion, &headers.id, &headers.type, &headers.source};
            if (part == 1 && i == 2) continue; /* any text is an id */
            *values[part] = *parts[i];
            ck_assert_int_eq(check(headers), FURROW_INVALID_ARGUMENT);
        }
}
END_TEST

START_TEST(another_event_or_entity_deletes_nothing)
{
    static const char *const types[] = {ENTITY ".hired",      ENTITY,     ENTITY "Key.deleted", "employee.v1.deleted",
                                        ENTITY ".undeleted",  ".deleted", ENTITY "deleted",     ENTITY ".deleted.not",
                                        "x" ENTITY ".deleted"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        furrow_tombstone headers = good;
        headers.type = types[i];
        ck_assert_msg(check(headers) == FURROW_INVALID_ARGUMENT, "%s", types[i]);
    }
}
END_TEST

START_TEST(another_service_deletes_nothing_of_a_known_owner)
{
    furrow_tombstone headers = good;
    furrow_error err;
    headers.source = "/timesheet";
    ck_assert_int_eq(furrow_tombstone_check(&headers, ENTITY, "employee", &err), FURROW_INVALID_ARGUMENT);
    headers.source = "/";
    ck_assert_int_eq(check(headers), FURROW_INVALID_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tombstone");
    TCase *tests = tcase_create("tombstone");
    tcase_add_test(tests, an_owners_deletion_is_one);
    tcase_add_test(tests, whatever_lacks_a_header_deletes_nothing);
    tcase_add_test(tests, another_event_or_entity_deletes_nothing);
    tcase_add_test(tests, another_service_deletes_nothing_of_a_known_owner);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
