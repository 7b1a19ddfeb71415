/*
 * furrow lineage among answers that are no service's of ours, or are made to mislead whoever reads what it prints: texts
 * with quotes, markup and escapes of terminals in them, names that are none, what is no JSON. And in a mesh of a single
 * account.
 */
#include "base/clock.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Two of the first: instances. */
static const char *const answers[] = {
    "{\"type\":\"x\",\"name\":\"ghost\",\"id\":\"g1\",\"metadata\":{\"keeps.employee.v1.Employee\":"
    "\"id,\\u001b[31m<&\\\"\\\\x,a\\u0000b\",\"keeps.employee.v1.Employee\":\"id,\\u001b[31m<&\\\"\\\\x\","
    "\"keeps.nobody.v1.<T>&\\\"\":\"id,]]>\",\"keeps.\":\"\",\"owns.x.v1.Y\":\"stream=A.B\",\"owns.z\":\"\"}}",
    "{\"name\":\"ghost\",\"id\":\"g2\",\"metadata\":{\"keeps.job.v1.Job\":\"pay.type,pay.rate,id\"}}",
    "{\"name\":\"foreign\",\"id\":\"f1\",\"metadata\":{\"keeps\":\"nothing\"}}",
    "{\"name\":\"of.two\",\"id\":\"g1\",\"metadata\":{\"keeps.job.v1.Job\":\"id\"}}",
    "{\"name\":\"\\u001b[2J\",\"id\":\"g1\",\"metadata\":{\"keeps.job.v1.Job\":\"id\"}}",
    "{\"name\":\"ghost\",\"id\":7}",
    "{\"name\":\"ghost\",\"id\":\"g3\",\"metadata\":[1,2",
    "no JSON",
    "",
};

static furrow_link *as_employee;

static void on_info(void *arg, furrow_msg *msg)
{
    furrow_error err;
    (void)arg;
    for (size_t i = 0; msg->reply && i < sizeof answers / sizeof *answers; i++)
        ck_assert_int_eq(
            furrow_link_publish(as_employee,
                                &(furrow_outgoing){.subject = msg->reply, .data = furrow_bytes_of(answers[i])}, &err),
            FURROW_OK);
    furrow_msg_free(msg);
}

/* What it prints, while our loop answers. */
static char *lineage(farm *f, const char *option)
{
    int code = -1;
    const char *const argv[] = {FURROW_TEST_TOOL, "lineage", option, NULL};
    const char *const env[] = {farm_text(f, "FURROW_NATS_URL=%s", furrow_test_server_url(f->nats)),
                               farm_text(f, "FURROW_NATS_NKEY=%s/operator.nk", f->keys),
                               farm_text(f, "FURROW_REDIS_URL=%s", furrow_test_server_url(f->redis)),
                               "FURROW_REDIS_USER=operator",
                               farm_text(f, "FURROW_REDIS_PASSWORD_FILE=%s/operator.redis", f->keys),
                               NULL};
    furrow_test_process *tool = furrow_test_process_start(&(furrow_test_process_options){.argv = argv, .env = env});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_test_process_running(tool), FARM_PATIENCE_MS));
    ck_assert(furrow_test_process_wait(tool, FARM_PATIENCE_MS, &code));
    ck_assert_msg(code == 0, "%s", furrow_test_process_stderr(tool));
    ck_assert_msg(!strchr(furrow_test_process_stderr(tool), '\x1b'), "%s", furrow_test_process_stderr(tool));
    char *printed = furrow_arena_strdup(f->arena, furrow_test_process_stdout(tool));
    furrow_test_process_destroy(tool);
    ck_assert_msg(!strchr(printed, '\x1b'), "%s", printed);
    return printed;
}

static void check_with_python(const char *program, const char *input)
{
    char *said = NULL;
    const char *const argv[] = {"python3", "-c", program, NULL};
    int code = furrow_test_run(&(furrow_test_process_options){.argv = argv, .input = input}, FARM_PATIENCE_MS, &said);
    ck_assert_msg(code == 0, "%.1500s\n%.1500s", said, input); /* more than check can tell ends the program */
    free(said);
}

static void odd_body(farm *f)
{
    furrow_error err;
    farm_provision(f);
    as_employee = farm_link_as(f, "employee");
    furrow_subscription *listening = furrow_link_subscribe(as_employee, "$SRV.INFO", NULL, on_info, NULL, &err);
    ck_assert_int_eq(furrow_link_flush(as_employee, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    check_with_python(
        "import json, sys\n"
        "read = json.load(sys.stdin)\n"
        "rows = {row['entity']: row for row in read['replicas'] if row['service'] == 'ghost'}\n"
        "assert rows['employee.v1.Employee']['fields'] == ['id', '?[31m<&\"\\\\x'], rows\n"
        "assert (rows['job.v1.Job']['field_count'], rows['job.v1.Job']['fields']) == (2, ['pay.type', 'pay.rate', "
        "'id'])\n"
        "assert {row['mark'] for row in rows.values()} >= {'down, no consumer'}, rows\n"
        "assert not {'foreign', 'of.two'} & {row['service'] for row in read['services']}, read\n"
        "assert all(row['storage']['records'] == 0 for row in rows.values() if row['field_total']), rows\n",
        lineage(f, "--json"));
    check_with_python(
        "import sys, xml.etree.ElementTree as e\n"
        "texts = [t.text for t in e.fromstring(sys.stdin.read()).iter('{http://www.w3.org/2000/svg}text')]\n"
        "assert any('?[31m<&\"' in t for t in texts), texts\n",
        lineage(f, "--svg"));
    check_with_python(
        "import re, sys\n"
        "for line in sys.stdin.read().splitlines()[1:-1]:\n"
        "    assert re.fullmatch(r'  (\\w+=.*|node .*|\"([^\"\\\\]|\\\\.)*\" (-> \"([^\"\\\\]|\\\\.)*\" )?"
        "\\[label=\"([^\"\\\\]|\\\\.)*\"(, style=dashed)?\\]);', line), line\n",
        lineage(f, "--dot"));
    ck_assert_ptr_nonnull(strstr(lineage(f, NULL), "ghost"));
    furrow_subscription_destroy(listening);
    furrow_link_destroy(as_employee);
}

START_TEST(what_others_say_is_text_and_nothing_more)
{
    farm_run(odd_body);
}
END_TEST

static void single_body(farm *f)
{
    char *told = NULL;
    farm_start_all(f, 1);
    ck_assert_int_eq(farm_tool(f, &told, (const char *const[]){"lineage", "--json", "--single-account", NULL}), 0);
    /* A sanitizer may have a word behind it. */
    check_with_python("import json, sys\n"
                      "read = json.JSONDecoder().raw_decode(sys.stdin.read())[0]\n"
                      "assert (read['complete'], read['notes'], len(read['replicas'])) == (True, [], 11), read\n"
                      "assert all(row['consumer']['exists'] and row['mark'] == '' for row in read['replicas']), read\n",
                      told);
    free(told);
    static const char *const without[][5] = {{"lineage", "--json"},
                                             {"audit", "job"},
                                             {"deadletter", "list"},
                                             {"deadletter", "show", "job/1"},
                                             {"history", "Job", "J1"}};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        ck_assert_int_eq(farm_tool(f, &told, without[i]), 1);
        ck_assert_msg(strstr(told, "(--single-account where all is in one)") != NULL, "%s: %s", without[i][0], told);
        free(told);
    }
}

START_TEST(in_a_single_account_it_is_told_so_or_says_so)
{
    farm_run_single_account(single_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lineage_odd");
    TCase *tests = tcase_create("lineage_odd");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, what_others_say_is_text_and_nothing_more);
    tcase_add_test(tests, in_a_single_account_it_is_told_so_or_says_so);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
