/* Methods by name. */
#include "rpc/methods.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 500

static furrow_method_contract methods[MANY];
static char names[MANY][32];
static furrow_service_contract service = {.name = "t.v1.Many", .methods = methods};

static furrow_methods make(size_t count)
{
    furrow_methods made;
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "Method%zu", i);
        methods[i].name = names[i];
    }
    service.method_count = count;
    ck_assert(furrow_methods_init(&made, &service));
    return made;
}

START_TEST(every_method_is_found_at_its_place)
{
    furrow_methods made = make(MANY);
    for (size_t i = 0; i < MANY; i++) {
        char copy[32];
        memcpy(copy, names[i], sizeof copy);
        ck_assert_uint_eq(furrow_methods_find(&made, copy), i);
    }
    furrow_methods_fini(&made);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
    static const char *const others[] = {"", "method0", "Method", "Method0 ", "Method00", "Method500", "\xff\xfe"};
    for (size_t count = 0; count < 40; count++) {
        furrow_methods made = make(count);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            ck_assert_uint_eq(furrow_methods_find(&made, others[i]), FURROW_METHOD_NONE);
        furrow_methods_fini(&made);
    }
}
END_TEST

START_TEST(the_list_holds_whole_names_only)
{
    char list[40];
    furrow_methods made = make(3);
    furrow_methods_list(&made, list, sizeof list);
    ck_assert_str_eq(list, "Method0, Method1, Method2");
    for (size_t size = 8; size < sizeof list; size++) {
        furrow_methods_list(&made, list, size);
        ck_assert_uint_lt(strlen(list), size);
        if (size < 26) ck_assert_str_eq(list + strlen(list) - strlen("..."), "...");
    }
    furrow_methods_list(&made, list, 24);
    ck_assert_str_eq(list, "Method0, Method1, ...");
    furrow_methods_fini(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("methods");
    TCase *cases = tcase_create("methods");
    tcase_add_test(cases, every_method_is_found_at_its_place);
    tcase_add_test(cases, what_is_not_there_is_not_found);
    tcase_add_test(cases, the_list_holds_whole_names_only);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
