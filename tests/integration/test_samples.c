/* The samples in C that the README's "Calling it from a program" shows, on a real mesh: what they print. */
#include "support/farm.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *sample_says(farm *f, const char *program)
{
    char *output = NULL, seed[300];
    snprintf(seed, sizeof seed, "%s/" FARM_CLIENT ".nk", f->keys);
    const char *const argv[] = {program, seed, "E1", "E2", "nobody", NULL};
    const char *const env[] = {farm_text(f, "NATS_URL=%s", f->url), NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv, .env = env}, 60000, &output), 0);
    return output;
}

static void prints_all(farm *f, const char *program, const char *const lines[])
{
    char *said = sample_says(f, program);
    size_t expected = 0;
    for (; *lines; lines++) {
        ck_assert_msg(strstr(said, *lines) != NULL, "no \"%s\" in:\n%s", *lines, said);
        expected += strlen(*lines);
    }
    ck_assert_uint_eq(strlen(said), expected);
    free(said);
}

static void samples_body(farm *f)
{
    static const char hire[] = "{\"id\":\"E%d\",\"givenName\":\"Ana\",\"familyName\":\"Luna %d\",\"badge\":\"%d\"}";
    furrow_test_mesh_provision(f);
    furrow_test_mesh_start(f, FARM_EMPLOYEE, 0);
    furrow_test_mesh_wait_ready(f, FARM_EMPLOYEE);
    for (int i = 1; i <= 2; i++)
        furrow_test_mesh_answer(f, "employee.v1.EmployeeService.HireEmployee", farm_text(f, hire, i, i, i));
    prints_all(f, FURROW_TEST_SAMPLE_THREADS,
               (const char *const[]){"E1 Ana Luna 1\n", "E2 Ana Luna 2\n",
                                     "nobody NOT_FOUND: GetEmployee: no employee nobody\n", NULL});
    prints_all(f, FURROW_TEST_SAMPLE_LOOP,
               (const char *const[]){"E1 Ana Luna 1\n", "E2 Ana Luna 2\n",
                                     "NOT_FOUND: GetEmployee: no employee nobody\n", NULL});
}

START_TEST(the_samples_in_c_print_what_they_ask_for)
{
    farm_run(samples_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("samples");
    TCase *all = tcase_create("all");
    tcase_add_test(all, the_samples_in_c_print_what_they_ask_for);
    tcase_set_timeout(all, 200);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
