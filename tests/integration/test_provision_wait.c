/*
 * `furrow provision --wait` beside a NATS that forms: a server accepts connections long before a cluster's JetStream has
 * a leader, and before there are as many nodes as a stream is to have copies.
 */
#include "support/farm.h"

#include <check.h>
#include <stdlib.h>

#define WAIT_S  "180"
#define WAIT_MS 200000

static void forming(farm *f)
{
    static const char *const provision[] = {"provision", "--only", "nats", "--replicas", "3", "--wait", WAIT_S, NULL};
    int code = -1;
    for (size_t i = 1; i < f->node_count; i++) furrow_test_server_kill(f->nodes[i]);
    furrow_test_process *tool = farm_tool_start(f, provision);
    ck_assert_msg(furrow_test_process_wait_for(tool, "waiting for NATS", WAIT_MS), "%s",
                  furrow_test_process_stderr(tool));
    furrow_test_server_restart(f->nodes[0]); /* what it was connected to is gone */
    for (size_t i = 1; i < f->node_count; i++) furrow_test_server_restart(f->nodes[i]);
    ck_assert(furrow_test_process_wait(tool, WAIT_MS, &code));
    ck_assert_msg(code == 0, "%d: %s", code, furrow_test_process_stderr(tool));
    ck_assert_ptr_nonnull(strstr(furrow_test_process_stdout(tool), "EMPLOYEE"));
    furrow_test_process_destroy(tool);
}

START_TEST(provision_waits_for_a_cluster_that_forms)
{
    farm_run_cluster(forming);
}
END_TEST

static void never(farm *f)
{
    char *output = NULL;
    for (size_t i = 1; i < f->node_count; i++) furrow_test_server_kill(f->nodes[i]);
    int code = farm_tool(f, &output,
                         (const char *const[]){"provision", "--only", "nats", "--replicas", "3", "--wait", "1", NULL});
    ck_assert_msg(code != 0 && strstr(output, "furrow: provision: UNAVAILABLE"), "%d: %s", code, output);
    free(output);
}

START_TEST(provision_says_what_it_waited_for_in_vain)
{
    farm_run_cluster(never);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("provision wait");
    TCase *tests = tcase_create("provision wait");
    tcase_set_timeout(tests, 280);
    tcase_add_test(tests, provision_waits_for_a_cluster_that_forms);
    tcase_add_test(tests, provision_says_what_it_waited_for_in_vain);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
