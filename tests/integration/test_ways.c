/*
 * The consumers of the comparison (bench/ways), each finding out in another way: they answer the same to the same
 * commands, ask owners as often as they claim, and fail, or do not, as they should when an owner is gone.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE "employee.v1.EmployeeService."
#define LOCATION "location.v1.LocationService."
#define JOB      "job.v1.JobService."
#define MANY     50

enum { SEQUENTIAL, PARALLEL, HYBRID, REPLICA, WAYS };

static const struct {
    const char *crew, *program, *setting;
} ways[WAYS] = {{"crew1", FURROW_TEST_CREW1, "WAYS_WAY=sequential"},
                {"crew2", FURROW_TEST_CREW2, "WAYS_WAY=parallel"},
                {"crew3", FURROW_TEST_CREW3, "WAYS_WAY=hybrid"},
                {"crew4", FURROW_TEST_CREW4, "WAYS_WAY=replica"}};

static furrow_error err;

static void must(farm *f, const char *method, const char *json)
{
    furrow_status status = farm_call(f, method, json, NULL, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", method, json, err.text);
}

static void start_crews(farm *f, furrow_test_process *crews[WAYS], const char *const more[])
{
    for (int way = 0; way < WAYS; way++) {
        const char *settings[8] = {ways[way].setting};
        for (size_t i = 0; more && more[i]; i++) settings[1 + i] = more[i];
        crews[way] = farm_start_other(f, ways[way].crew, ways[way].program, settings);
    }
}

static void stop_crews(furrow_test_process *crews[WAYS])
{
    for (int way = 0; way < WAYS; way++) furrow_test_process_destroy(crews[way]);
}

static void hire(farm *f, const char *id)
{
    must(f, EMPLOYEE "HireEmployee",
         farm_text(f, "{\"id\":\"%s\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"%s\"}", id, id));
}

/* "OK", or status and text; with the versions that it was decided on. What tells the moment is cut off. */
static char *ask_crew(farm *f, int way, const char *method, const char *employee, const char *job, const char *location)
{
    char *answer = NULL;
    furrow_status status = farm_call(
        f, farm_text(f, "%s.v1.CrewService.%s", ways[way].crew, method),
        farm_text(f, "{\"employeeId\":\"%s\",\"jobId\":\"%s\",\"locationId\":\"%s\"}", employee, job, location),
        &answer, &err);
    char *facts = status == FURROW_OK ? strstr(answer, "{\"employee\":\"") : NULL;
    char *text = farm_text(f, "%s: %.*s", furrow_status_name(status), (int)(facts ? strcspn(facts, "}") : 255),
                           facts ? facts : err.text);
    char *moment = strstr(text, ", since ");
    if (moment) *moment = '\0';
    return text;
}

static char *clock_in(farm *f, int way, const char *employee, const char *job, const char *location)
{
    return ask_crew(f, way, "ClockIn", employee, job, location);
}

/* The same, but nothing is written. */
static char *check_clock_in(farm *f, int way, const char *employee, const char *job, const char *location)
{
    return ask_crew(f, way, "CheckClockIn", employee, job, location);
}

static void same_answers(farm *f)
{
    static const char *const commands[][4] = {
        {"E1", "J1", "B1", "OK"},
        {"E1", "J1", "B1", "E1 is clocked in already"},
        {"E2", "J1", "B1", "not employed"},
        {"nobody", "J1", "B1", "employee nobody is not known"},
        {"E3", "nothing", "B1", "job nothing is not known"},
        {"E3", "J2", "B1", "is closed"},
        {"E3", "J3", "nowhere", "location nowhere is not known"},
        {"E3", "J3", "B2", "is closed"},
        {"E3", "J1", "B3", "is not done at"},
        {"E3", "J3", "B3", "OK"},
        {"a.b", "J1", "B1", "INVALID_ARGUMENT"},
        {"E3", "", "B1", "INVALID_ARGUMENT"},
        {"E3", "J1", "*", "INVALID_ARGUMENT"},
    };
    furrow_test_process *crews[WAYS];
    farm_start_all(f, 1);
    for (int i = 1; i <= 3; i++) hire(f, farm_text(f, "E%d", i));
    for (int i = 2; i <= 3; i++)
        must(f, LOCATION "CreateLocation",
             farm_text(f, "{\"id\":\"B%d\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Block\",\"parentId\":\"R1\"}",
                       i));
    for (int i = 2; i <= 3; i++)
        must(f, JOB "OpenJob",
             farm_text(f, "{\"id\":\"J%d\",\"code\":\"J%d\",\"name\":\"Job\",\"kind\":1,\"pay\":{\"type\":1}}", i, i));
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E2\"}");
    must(f, JOB "CloseJob", "{\"id\":\"J2\"}");
    must(f, LOCATION "CloseLocation", "{\"id\":\"B2\"}");
    start_crews(f, crews, NULL); /* a crew of replicas is ready when it has caught up */
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        const char *const *is = commands[c];
        char *checked = check_clock_in(f, 0, is[0], is[1], is[2]);
        for (int way = 1; way < WAYS; way++) ck_assert_str_eq(check_clock_in(f, way, is[0], is[1], is[2]), checked);
        char *first = clock_in(f, 0, is[0], is[1], is[2]);
        ck_assert_str_eq(first, checked);
        ck_assert_msg(strstr(first, is[3]), "%s %s %s: %s, not %s", is[0], is[1], is[2], first, is[3]);
        for (int way = 1; way < WAYS; way++) ck_assert_str_eq(clock_in(f, way, is[0], is[1], is[2]), first);
    }
    stop_crews(crews);
}

START_TEST(each_way_answers_the_same_on_the_same_facts)
{
    farm_run(same_answers);
}
END_TEST

static bool clocks_in(farm *f, int way, const char *employee, const char *status)
{
    char *said = clock_in(f, way, employee, "J1", "B1");
    return strncmp(said, status, strlen(status)) == 0;
}

static void owner_gone(farm *f)
{
    furrow_test_process *crews[WAYS];
    farm_start_all(f, 1);
    for (int i = 1; i <= 3; i++) hire(f, farm_text(f, "E%d", i));
    start_crews(f, crews, (const char *const[]){"WAYS_TTL_MS=0", NULL});
    farm_kill(f, FARM_JOB, 0);
    for (int way = 0; way < WAYS; way++) {
        const char *wanted = way == REPLICA ? "OK" : "UNAVAILABLE";
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(clocks_in(f, way, "E1", wanted), FARM_PATIENCE_MS), "%s: %s",
                      ways[way].crew, clock_in(f, way, "E1", "J1", "B1"));
    }
    farm_start(f, FARM_JOB, 0);
    farm_wait_ready(f, FARM_JOB);
    for (int way = 0; way < WAYS; way++)
        ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(clocks_in(f, way, "E2", "OK"), FARM_PATIENCE_MS), "%s",
                      ways[way].crew);
    stop_crews(crews);
}

START_TEST(who_asks_is_unavailable_with_an_owner_and_who_keeps_is_not)
{
    farm_run(owner_gone);
}
END_TEST

/* An owner that is there and does not answer: whoever asks ends at the command's deadline. */
static void owner_stopped(farm *f)
{
    furrow_test_process *crews[WAYS];
    furrow_header deadline = {"Grpc-Timeout", "1500m"};
    farm_start_all(f, 1);
    hire(f, "E1");
    start_crews(f, crews, (const char *const[]){"WAYS_TTL_MS=0", NULL});
    furrow_test_process_signal(f->services[FARM_LOCATION][0], SIGSTOP);
    for (int way = 0; way < WAYS; way++) {
        FURROW_AUTO(furrow_msg) reply = NULL;
        furrow_outgoing out = {.subject = farm_text(f, "%s.v1.CrewService.ClockIn", ways[way].crew),
                               .headers = &deadline,
                               .header_count = 1,
                               .data =
                                   furrow_bytes_of("{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}")};
        ck_assert_int_eq(furrow_link_request(f->link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err), FURROW_OK);
        furrow_status status = furrow_client_reply_status(reply, &err);
        ck_assert_msg(status == (way == REPLICA ? FURROW_OK : FURROW_DEADLINE_EXCEEDED), "%s: %s", ways[way].crew,
                      err.text);
    }
    furrow_test_process_signal(f->services[FARM_LOCATION][0], SIGCONT);
    for (int way = 0; way < REPLICA; way++)
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(clocks_in(f, way, "E1", "OK"), FARM_PATIENCE_MS));
    stop_crews(crews);
}

START_TEST(who_asks_waits_for_its_deadline_and_who_keeps_does_not)
{
    farm_run(owner_stopped);
}
END_TEST

/* How many requests @method of @service has had. */
static int64_t requests(farm *f, const char *service, const char *method)
{
    char *stats = NULL;
    int64_t count = -1;
    ck_assert_int_eq(farm_call(f, farm_text(f, "$SRV.STATS.%s", service), "", &stats, &err), FURROW_OK);
    char *at = strstr(stats, farm_text(f, "\"%s\"", method));
    char *number = at ? strstr(at, "\"num_requests\":") : NULL;
    ck_assert_msg(number != NULL, "%s: %s", method, stats);
    count = strtoll(number + strlen("\"num_requests\":"), NULL, 10);
    return count;
}

typedef struct crowd {
    size_t ok, refused, other;
} crowd;

static void on_clocked_in(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    crowd *all = arg;
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    ++*(status == FURROW_OK ? &all->ok : status == FURROW_RESOURCE_EXHAUSTED ? &all->refused : &all->other);
    furrow_msg_free(reply);
}

/* MANY employees, P0 and on, at once. */
static void send_crowd(farm *f, int way, crowd *all)
{
    *all = (crowd){0};
    for (int i = 0; i < MANY; i++) {
        furrow_outgoing out = {.subject = farm_text(f, "%s.v1.CrewService.ClockIn", ways[way].crew),
                               .data = furrow_bytes_of(
                                   farm_text(f, "{\"employeeId\":\"P%d\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", i))};
        ck_assert_int_eq(
            furrow_link_request_async(f->link, &out, farm_within_ms(FARM_PATIENCE_MS), on_clocked_in, all, &err),
            FURROW_OK);
    }
}

static bool has_answered(const crowd *all)
{
    return all->ok + all->refused + all->other == MANY;
}

static void questions(farm *f)
{
    furrow_test_process *crews[WAYS];
    crowd all;
    farm_start_all(f, 1);
    for (int i = 0; i < MANY; i++) hire(f, farm_text(f, "P%d", i));
    start_crews(f, crews, (const char *const[]){"WAYS_TTL_MS=3600000", "WAYS_BATCHES=1", NULL});
    for (int way = 0; way < WAYS; way++) {
        int64_t single = requests(f, "employee", "GetEmployee"), batches = requests(f, "employee", "BatchGetEmployees");
        int64_t jobs = requests(f, "job", "BatchGetJobs"), one_job = requests(f, "job", "GetJob");
        send_crowd(f, way, &all);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(has_answered(&all), FARM_PATIENCE_MS));
        ck_assert_msg(all.ok == MANY, "%s: %s", ways[way].crew, err.text);
        single = requests(f, "employee", "GetEmployee") - single;
        batches = requests(f, "employee", "BatchGetEmployees") - batches;
        ck_assert_int_eq(single, way == SEQUENTIAL || way == PARALLEL ? MANY : 0);
        ck_assert_int_eq(requests(f, "job", "GetJob") - one_job, single);
        ck_assert_msg(way == HYBRID ? batches > 0 && batches <= MANY / 2 : batches == 0, "%s: %lld batches",
                      ways[way].crew, (long long)batches);
        ck_assert_int_eq(requests(f, "job", "BatchGetJobs") - jobs, way == HYBRID ? 1 : 0); /* all want the same */
    }
    stop_crews(crews);
}

START_TEST(owners_are_asked_by_each_command_in_batches_or_not_at_all)
{
    farm_run(questions);
}
END_TEST

/* While the owner does not answer, one question is on its way and one waits; all who come then are refused at once. */
static void back_pressure(farm *f)
{
    furrow_test_process *crews[WAYS];
    crowd all;
    farm_start_all(f, 1);
    for (int i = 0; i < MANY; i++) hire(f, farm_text(f, "P%d", i));
    start_crews(f, crews, (const char *const[]){"WAYS_BATCHES=1", "WAYS_QUEUE_MAX=1", NULL});
    furrow_test_process_signal(f->services[FARM_EMPLOYEE][0], SIGSTOP);
    send_crowd(f, HYBRID, &all);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.refused >= MANY - 2, FARM_PATIENCE_MS));
    furrow_test_process_signal(f->services[FARM_EMPLOYEE][0], SIGCONT);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(has_answered(&all), FARM_PATIENCE_MS));
    ck_assert_msg(all.ok >= 1 && all.other == 0, "%zu ok, %zu refused, %zu else: %s", all.ok, all.refused, all.other,
                  err.text);
    stop_crews(crews);
}

START_TEST(a_full_queue_refuses_at_once)
{
    farm_run(back_pressure);
}
END_TEST

static furrow_status call_as(farm *f, furrow_link *link, const char *method)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_outgoing out = {.subject = method, .data = furrow_bytes_of("{\"id\":\"nobody\"}")};
    furrow_status status = furrow_link_request(link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err);
    return status == FURROW_OK ? furrow_client_reply_status(reply, &err) : status;
}

/* A service's key calls what its contract names, and no other method. */
static void rights(farm *f)
{
    farm_start_all(f, 1);
    furrow_link *link = farm_link_as(f, "crew1");
    ck_assert_int_eq(call_as(f, link, EMPLOYEE "GetEmployee"), FURROW_NOT_FOUND);
    ck_assert_int_eq(call_as(f, link, JOB "GetJob"), FURROW_NOT_FOUND);
    ck_assert_int_eq(call_as(f, link, LOCATION "GetLocation"), FURROW_NOT_FOUND);
    ck_assert_int_eq(call_as(f, link, EMPLOYEE "ListEmployees"), FURROW_PERMISSION_DENIED);
    ck_assert_int_eq(call_as(f, link, EMPLOYEE "TerminateEmployee"), FURROW_PERMISSION_DENIED);
    ck_assert_int_eq(call_as(f, link, EMPLOYEE "GetEmployeePrivate"), FURROW_PERMISSION_DENIED);
    ck_assert_int_eq(call_as(f, link, "timesheet.v1.TimesheetService.GetDay"), FURROW_PERMISSION_DENIED);
    furrow_link_destroy(link);
}

START_TEST(a_service_calls_what_its_contract_names_and_no_more)
{
    farm_run(rights);
}
END_TEST

int main(void)
{
    setenv("FURROW_CONTRACTS", FURROW_TEST_CREW_CONTRACTS, 1);
    Suite *suite = suite_create("ways");
    TCase *tests = tcase_create("ways");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, each_way_answers_the_same_on_the_same_facts);
    tcase_add_test(tests, who_asks_is_unavailable_with_an_owner_and_who_keeps_is_not);
    tcase_add_test(tests, who_asks_waits_for_its_deadline_and_who_keeps_does_not);
    tcase_add_test(tests, owners_are_asked_by_each_command_in_batches_or_not_at_all);
    tcase_add_test(tests, a_full_queue_refuses_at_once);
    tcase_add_test(tests, a_service_calls_what_its_contract_names_and_no_more);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
