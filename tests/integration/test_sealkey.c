/*
 * Two instances of employee with different sealing keys: the second stays out and says what to do, also when Redis has
 * forgotten whose key it is. And a key that is changed: who has both takes over, who has the old one only goes.
 */
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EMPLOYEE "employee.v1.EmployeeService."

static furrow_error err;

static void must(farm *f, const char *method, const char *json)
{
    ck_assert_msg(farm_call_until(f, method, json, NULL, &err) == FURROW_OK, "%s: %s", method, err.text);
}

static char *make_key(farm *f, const char *digits)
{
    char *path = farm_text(f, "%s/seal", furrow_test_tempdir()), text[66] = "";
    for (int i = 0; i < 32; i++) strcat(text, digits);
    furrow_test_write_file(path, text);
    ck_assert_int_eq(chmod(path, 0600), 0);
    return path;
}

static bool says(furrow_test_process *process, const char *text)
{
    return strstr(furrow_test_process_stderr(process), text) != NULL;
}

static void await_saying(furrow_test_process *process, const char *text)
{
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(says(process, text), FARM_PATIENCE_MS), "%s: %s", text,
                  furrow_test_process_stderr(process));
}

static void read_many(farm *f)
{
    for (int i = 0; i < 20; i++) must(f, EMPLOYEE "GetEmployeePrivate", "{\"id\":\"E1\"}");
}

static furrow_test_process *start_employee(farm *f, const char *key, const char *old)
{
    const char *settings[] = {farm_text(f, "FURROW_SEAL_KEY_FILE=%s", key),
                              old ? farm_text(f, "FURROW_SEAL_KEY_OLD_FILE=%s", old) : NULL, NULL};
    return farm_begin_other(f, "employee", FURROW_TEST_EMPLOYEE, settings);
}

static void forget_key(farm *f)
{
    const char *const argv[] = {"sh", "-c", farm_text(f, "%s del employee:@sealkey", farm_redis_cli(f, "operator")),
                                NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 5000, NULL), 0);
}

static void keys_differ(farm *f)
{
    const char *other = make_key(f, "5b");
    farm_provision(f);
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_wait_ready(f, FARM_EMPLOYEE);
    must(f, EMPLOYEE "HireEmployee", "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}");
    must(f, EMPLOYEE "UpdateEmployeePrivate", "{\"id\":\"E1\",\"private\":{\"taxId\":\"T\"}}");
    furrow_test_process *stranger = start_employee(f, other, NULL);
    await_saying(stranger, "holds another key");
    read_many(f);
    furrow_test_process_destroy(stranger);
    farm_kill(f, FARM_EMPLOYEE, 0);
    forget_key(f); /* the log still tells */
    stranger = start_employee(f, other, NULL);
    await_saying(stranger, "holds another key");
    ck_assert(!says(stranger, "msg=\"ready\""));
    furrow_test_process_destroy(stranger);
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_wait_ready(f, FARM_EMPLOYEE);
    furrow_test_process *both = start_employee(f, other, farm_text(f, "%s/employee.seal", f->keys));
    await_saying(both, "msg=\"ready\"");
    await_saying(f->services[FARM_EMPLOYEE][0], "holds another key");
    farm_kill(f, FARM_EMPLOYEE, 0);
    read_many(f);
    must(f, EMPLOYEE "UpdateEmployeePrivate", "{\"id\":\"E1\",\"private\":{\"taxId\":\"U\"}}");
    furrow_test_process_destroy(both);
}

START_TEST(an_instance_with_another_sealing_key_stays_out)
{
    farm_run(keys_differ);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sealkey");
    TCase *cases = tcase_create("sealkey");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, an_instance_with_another_sealing_key_stays_out);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
