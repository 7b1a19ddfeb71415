/*
 * Contracts with memory: what a service says of itself, to its own tool and to protoc; services whose .proto the tool has
 * never seen; and what provisioning refuses, since the mesh remembers what was provisioned before. protoc is the judge of
 * whether descriptors are whole: it reads and writes messages by them.
 */
#include "support/farm.h"

#include "base/clock.h"
#include "wire/descriptor.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOOL(f, code, ...) farm_tool_says(f, "operator", code, (const char *const[]){__VA_ARGS__, NULL})

/* In the accounts that there are. */
#define PROVISION(f, code, ...)                                                                                        \
    farm_tool_says(f, "operator", code,                                                                                \
                   (f)->options.single_account                                                                         \
                       ? (const char *const[]){"provision", "--only", "nats", "--single-account", __VA_ARGS__, NULL}   \
                       : (const char *const[]){"provision", "--only", "nats", __VA_ARGS__, NULL})
#define BREAKING(f, code)                                                                                              \
    farm_tool_says(f, "operator", code,                                                                                \
                   (const char *const[]){"breaking", (f)->options.single_account ? "--single-account" : NULL, NULL})

static furrow_error err;

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text);
}

/* What @command prints; it must succeed. In the farm's arena. */
static char *shell(farm *f, const char *command)
{
    char *text = furrow_arena_zalloc(f->arena, 65536);
    FILE *pipe = popen(command, "re");
    ck_assert_ptr_nonnull(pipe);
    size_t len = fread(text, 1, 65535, pipe);
    ck_assert_msg(pclose(pipe) == 0, "%s: %s", command, text);
    text[len] = '\0';
    return text;
}

static void save(const char *path, furrow_bytes bytes)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    ck_assert_int_eq(fclose(file), 0);
}

/* ---- reflection ---- */

static void reflects(farm *f)
{
    static const char *const users[] = {"client", "inspector", "operator"};
    char *set = farm_text(f, "%s/set", f->keys);
    farm_start_all(f, 1);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        furrow_link *link = farm_link_as(f, users[i]);
        FURROW_AUTO(furrow_msg) reply = NULL;
        furrow_status status =
            furrow_link_request(link, &(furrow_outgoing){.subject = FURROW_DESCRIPTOR_REFLECTION "timesheet"},
                                farm_within_ms(5000), &reply, &err);
        ck_assert_msg(status == FURROW_OK, "%s: %s", users[i], err.text);
        save(set, reply->data);
        has(shell(
                f,
                farm_text(
                    f,
                    "echo 'employee_id: \"E7\"' | protoc --descriptor_set_in=%s --encode=timesheet.v1.ClockInRequest "
                    "timesheet/v1/timesheet.proto | protoc --descriptor_set_in=%s --decode=timesheet.v1.ClockInRequest "
                    "timesheet/v1/timesheet.proto",
                    set, set)),
            "employee_id: \"E7\"");
        furrow_link_destroy(link);
    }
    has(shell(f, farm_text(f, "strings %s", set)), "Begins work on a job at a location.");
    FURROW_AUTO(furrow_msg) info = NULL;
    ck_assert_int_eq(furrow_link_request(f->link, &(furrow_outgoing){.subject = "$SRV.INFO.timesheet"},
                                         farm_within_ms(5000), &info, &err),
                     FURROW_OK);
    char *text = farm_text(f, "%.*s", (int)info->data.len, (const char *)info->data.data);
    has(text, "\"reflection\":\"furrow.v1.Reflection.timesheet\"");
    has(text,
        "\"request.fields\":\"employee_id string, job_id string, location_id string, at google.protobuf.Timestamp\"");
}

START_TEST(a_service_answers_its_own_descriptors)
{
    farm_run(reflects);
}
END_TEST

/* ---- services whose contract is nowhere near ---- */

static void strangers(farm *f)
{
    const char *settings[] = {"WAYS_WAY=replica", NULL};
    farm_start_all(f, 1);
    furrow_test_process *crew = farm_start_other(f, "crew4", FURROW_TEST_CREW4, settings);
    unsetenv("FURROW_CONTRACTS");
    char *text = TOOL(f, 0, "ls");
    has(text, "crew4.v1.CrewService.ClockIn");
    has(text, "entity   crew4.v1.Crew4Day");
    has(text, "timesheet.v1.TimesheetService.ClockIn");
    has_not(TOOL(f, 0, "ls", "--offline"), "crew4");
    text = TOOL(f, 0, "describe", "crew4.v1.CrewService.ClockIn");
    has(text, "Begins work on a job at a location.");
    has(text, "furrow call crew4.v1.CrewService.ClockIn '{\"employeeId\":\"employee_id\",");
    has(TOOL(f, 0, "describe", "crew4.v1.Crew4Day"),
        "(furrow.v1.entity) = {\"history\":4,\"description\":\"Working days of crew4\"}");
    has(TOOL(f, 2, "describe", "crew4.v1.Nothing"), "neither a contract here nor a service of the mesh has it");
    has(TOOL(f, 1, "call", "crew4.v1.CrewService.CheckClockIn", "{\"employeeId\":\"nobody\"}"), "furrow: call: ");
    /* Strings, an enum, a repeated message with times in it, and what only a later version knows (field 99). */
    static const char day[] = "\x0a\x02"
                              "D1\x12\x02"
                              "E1\x20\x01\x2a\x0e\x08\x01\x12\x06\x08\x80\xa8\xd6\xb9\x06\x22\x02"
                              "J1\xa0\x06\x01";
    furrow_test_process *tool = farm_tool_fed(f, day, (const char *const[]){"decode", "crew4.v1.Crew4Day", NULL});
    int code = -1;
    ck_assert(furrow_test_process_wait(tool, 20000, &code));
    ck_assert_msg(code == 0, "%s", furrow_test_process_stderr(tool));
    has(furrow_test_process_stdout(tool),
        "{\"id\":\"D1\",\"employeeId\":\"E1\",\"status\":\"DAY_STATUS_OPEN\",\"entries\":[{\"kind\":\"ENTRY_KIND_");
    has(furrow_test_process_stdout(tool), "\"start\":\"20");
    furrow_test_process_destroy(tool);
    furrow_test_process_destroy(crew);
}

START_TEST(the_tool_knows_services_whose_contract_it_has_never_seen)
{
    setenv("FURROW_CONTRACTS", FURROW_TEST_CREW_CONTRACTS, 1); /* of this process: until the mesh is there */
    farm_run(strangers);
}
END_TEST

/* ---- provisioning ---- */

/* As if @sed's job.proto had been provisioned before. */
static void remember_another(farm *f, const char *sed)
{
    char *folder = farm_text(f, "%s/proto", f->keys), *set = farm_text(f, "%s/before", f->keys);
    shell(f, farm_text(f,
                       "rm -rf %s && cp -r %s %s && sed -i '%s' %s/job/v1/job.proto && protoc -I%s -I/usr/include "
                       "--include_imports "
                       "--include_source_info -o %s job/v1/job.proto",
                       folder, FURROW_TEST_PROTO, folder, sed, folder, folder, set));
    static uint8_t bytes[262144];
    FILE *file = fopen(set, "re");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    furrow_js_puback ack;
    furrow_status status = furrow_js_publish(
        f->operator_link, FURROW_DESCRIPTOR_SUBJECT "job", (furrow_bytes){bytes, len},
        &(furrow_js_publish_options){.expected_seq = FURROW_JS_ANY_SEQUENCE}, farm_within_ms(5000), &ack, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
}

static void provisions(farm *f)
{
    char *text = PROVISION(f, 0, "--dry-run");
    has(text, "contract job        what the next one is held against: would be made or changed");
    has(PROVISION(f, 0, NULL), "contract job ");
    has(PROVISION(f, 0, "--dry-run"), "what the next one is held against: is as it should be");
    has_not(BREAKING(f, 0), "job");

    remember_another(f, "s/string name = 3/bytes name = 3/"); /* and so it was bytes, and is text */
    text = PROVISION(f, 1, NULL);
    has(text, "furrow: refused: job/v1/job.proto:");
    has(text, "FIELD_WIRE_JSON_COMPATIBLE_TYPE: field name = 3 of job.v1.Job was bytes and is string");
    has(text, "nothing was done. Mend it, or, once nothing of before is needed any more: --accept SERVICE");
    has(BREAKING(f, 1), "FIELD_WIRE_JSON_COMPATIBLE_TYPE");
    has(PROVISION(f, 1, "--accept", "employee"), "furrow: refused: ");
    has(PROVISION(f, 2, "--accept", "nobody"), "no contract has this service");
    has(PROVISION(f, 1, "--dry-run"), "furrow: refused: ");
    has(PROVISION(f, 0, "--accept", "job"), "furrow: accepted: job/v1/job.proto:");
    has_not(PROVISION(f, 0, NULL), "accepted");

    /* timesheet keeps the name, location does not keep what is gone of job: */
    remember_another(f, "s/^message Job {/message Job {\\n  string color = 77;/");
    text = PROVISION(f, 1, NULL);
    has(text, "field color = 77 of job.v1.Job is gone and its number not reserved");
    has_not(text, "FIELD_KEPT_NO_DELETE");
    PROVISION(f, 0, "--accept", "job");

    /* Who leaves and leaves no states behind may come back as it likes. */
    remember_another(f, "s/string code = 2/sint64 code = 2/");
    PROVISION(f, 1, NULL);
    has(PROVISION(f, 0, "--retire", "job", "--dry-run"),
        "contract job        what the next one is held against: would be taken away");
    PROVISION(f, 0, "--retire", "job");
    has_not(PROVISION(f, 0, NULL), "refused");
}

START_TEST(what_breaks_is_refused_until_it_is_accepted)
{
    farm_run(provisions);
}
END_TEST

START_TEST(in_a_single_account_too)
{
    farm_run_single_account(provisions);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contracts");
    TCase *tests = tcase_create("contracts");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, a_service_answers_its_own_descriptors);
    tcase_add_test(tests, the_tool_knows_services_whose_contract_it_has_never_seen);
    tcase_add_test(tests, what_breaks_is_refused_until_it_is_accepted);
    tcase_add_test(tests, in_a_single_account_too);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
