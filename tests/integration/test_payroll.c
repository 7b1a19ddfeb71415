/*
 * Payroll on a mesh of real servers, in two processes: what people are paid for a day that timesheet has, with everybody
 * else dead; a period that is closed by many at once; what is corrected after that.
 */
#include "support/mesh.h"

#include "base/clock.h"
#include "base/loop.h"
#include "payroll/calendar.h"
#include "payroll/rules.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PAYROLL   "payroll.v1.PayrollService."
#define TIMESHEET "timesheet.v1.TimesheetService."
#define HARVEST   "harvest.v1.HarvestService."
#define CLOSERS   8
#define HOUR_NS   ((int64_t)3600 * (int64_t)FURROW_NS_PER_S)

enum { EMPLOYEE, LOCATION, JOB, TIMESHEETS, HARVESTS, PAYROLLS };

static const furrow_test_mesh_service services[] = {
    [EMPLOYEE] = {"employee", FURROW_TEST_EMPLOYEE},
    [LOCATION] = {"location", FURROW_TEST_LOCATION},
    [JOB] = {"job", FURROW_TEST_JOB},
    [TIMESHEETS] = {"timesheet", FURROW_TEST_TIMESHEET},
    [HARVESTS] = {"harvest", FURROW_TEST_HARVEST},
    [PAYROLLS] = {"payroll", FURROW_TEST_PAYROLL},
    {NULL, NULL},
};

static furrow_error err;
static furrow_test_mesh *meant;
static char date[11], next_period[11], period[11], day_id[FURROW_ID_MAX + 1];

/* The day that was yesterday everywhere ends the period, so that it can be closed. */
static void choose_period(void)
{
    int64_t day = (furrow_clock_wall_ns() - 28 * HOUR_NS) / (24 * HOUR_NS);
    calendar_date(day, date);
    calendar_date(day - 6, period);
    calendar_date(day + 1, next_period);
    calendar_dated_id("E1", day, day_id);
    setenv("PAYROLL_RULES", FURROW_TEST_RULES, 1);
    setenv("PAYROLL_PERIOD_START", period, 1);
}

static char *must(const char *method, const char *json)
{
    char *answer = NULL;
    furrow_status status = furrow_test_mesh_call_until(meant, method, json, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", method, json, err.text);
    return answer;
}

static void refused(const char *method, const char *json, furrow_status code, const char *text)
{
    char *answer = NULL;
    furrow_status status = furrow_test_mesh_call(meant, method, json, &answer, &err);
    ck_assert_msg(status == code, "%s %s: %s", method, json, status ? err.text : answer);
    ck_assert_msg(strstr(err.text, text) != NULL, "no \"%s\" in %s", text, err.text);
}

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
}

static void preview_becomes(const char *employee, const char *of, const char *part)
{
    ck_assert(furrow_test_mesh_becomes(
        meant, PAYROLL "PreviewStatement",
        furrow_test_mesh_text(meant, "{\"employeeId\":\"%s\",\"periodId\":\"%s\"}", employee, of), part));
}

/* From 06:00 on, on a day that has been clocked in on. */
static void work_hours(int hours)
{
    must(
        TIMESHEET "CorrectDay",
        furrow_test_mesh_text(meant,
                              "{\"id\":\"%s\",\"by\":\"office\",\"reason\":\"test\",\"entries\":[{\"kind\":1,\"start\":"
                              "\"%sT06:00:00Z\",\"end\":\"%sT%02d:00:00Z\",\"jobId\":\"J1\",\"locationId\":\"B1\"}]}",
                              day_id, date, date, 6 + hours));
}

static void hire(const char *id, const char *rate)
{
    must("employee.v1.EmployeeService.HireEmployee",
         furrow_test_mesh_text(meant,
                               "{\"id\":\"%s\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"%s\","
                               "\"hourlyRateCents\":\"%s\"}",
                               id, id, rate));
}

static void clock_in(const char *id, const char *at)
{
    must(TIMESHEET "ClockIn",
         furrow_test_mesh_text(
             meant, "{\"employeeId\":\"%s\",\"jobId\":\"J1\",\"locationId\":\"B1\",\"at\":\"%sT%sZ\"}", id, date, at));
}

static void begin(furrow_test_mesh *mesh)
{
    meant = mesh;
    furrow_test_mesh_start_all(mesh, 2);
    must("location.v1.LocationService.CreateLocation",
         "{\"id\":\"R1\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"Ranch\"}");
    must("location.v1.LocationService.CreateLocation",
         "{\"id\":\"B1\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Block\",\"parentId\":\"R1\"}");
    must("job.v1.JobService.OpenJob", "{\"id\":\"J1\",\"code\":\"J1\",\"name\":\"Job\",\"kind\":\"JOB_KIND_HARVEST\","
                                      "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"},\"locationIds\":[\"B1\"]}");
    hire("E1", "2000");
    hire("E2", "0");
    clock_in("E1", "23:00:00");
    clock_in("E2", "23:00:00");
    work_hours(10);
}

static void refuses(void)
{
    refused(PAYROLL "PreviewStatement", "{\"employeeId\":\"E1\",\"periodId\":\"soon\"}", FURROW_INVALID_ARGUMENT,
            "\"soon\" is no date");
    refused(PAYROLL "ClosePeriod", "{\"id\":\"soon\",\"by\":\"x\"}", FURROW_INVALID_ARGUMENT, "\"soon\" is no period");
    refused(PAYROLL "ClosePeriod", furrow_test_mesh_text(meant, "{\"id\":\"%s\",\"by\":\"x\"}", date),
            FURROW_INVALID_ARGUMENT, "no period begins on");
    refused(PAYROLL "ClosePeriod", furrow_test_mesh_text(meant, "{\"id\":\"%s\",\"by\":\"x\"}", next_period),
            FURROW_FAILED_PRECONDITION, "is not over");
    refused(PAYROLL "ClosePeriod", furrow_test_mesh_text(meant, "{\"id\":\"%s\"}", period), FURROW_INVALID_ARGUMENT,
            "by");
    refused(PAYROLL "IssueStatement",
            furrow_test_mesh_text(meant, "{\"employeeId\":\"E1\",\"periodId\":\"%s\"}", period),
            FURROW_FAILED_PRECONDITION, "is not closed");
}

static char *closed[CLOSERS];
static size_t done;

static void close_it(void *arg)
{
    size_t who = (size_t)arg;
    furrow_error wrong;
    furrow_status status = furrow_test_mesh_call_until(
        meant, PAYROLL "ClosePeriod", furrow_test_mesh_text(meant, "{\"id\":\"%s\",\"by\":\"closer%zu\"}", period, who),
        &closed[who], &wrong);
    ck_assert_msg(status == FURROW_OK, "%s", wrong.text);
    done++;
}

/* "closedBy":"closer4" */
static const char *closer_of(const char *answer)
{
    has(answer, "\"closedBy\":\"closer");
    return furrow_test_mesh_text(meant, "%.19s", strstr(answer, "\"closedBy\""));
}

/* Whoever closes is told the same: who closed it. */
static void close_by_many(void)
{
    for (size_t i = 0; i < CLOSERS; i++)
        ck_assert_int_eq(furrow_loop_spawn(meant->loop, close_it, (void *)i, &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(done == CLOSERS, FURROW_TEST_MESH_PATIENCE_MS));
    for (size_t i = 1; i < CLOSERS; i++) ck_assert_str_eq(closer_of(closed[i]), closer_of(closed[0]));
}

static char *issue(void)
{
    return must(PAYROLL "IssueStatement",
                furrow_test_mesh_text(meant, "{\"employeeId\":\"E1\",\"periodId\":\"%s\"}", period));
}

static void pays(furrow_test_mesh *mesh)
{
    begin(mesh);
    preview_becomes("E1", date, "\"grossCents\":\"22000\"");
    preview_becomes("E2", period, "is open; what has not ended is not paid yet");
    refuses();
    for (int service = EMPLOYEE; service < TIMESHEETS; service++)
        for (int replica = 0; replica < 2; replica++) furrow_test_mesh_kill(mesh, service, replica);
    preview_becomes("E1", period, furrow_test_mesh_text(mesh, "\"dayIds\":[\"%s\"]", day_id));
    close_by_many();
    char *first = issue();
    has(first, "\"grossCents\":\"22000\"");
    has(first, "\"kind\":\"LINE_KIND_OVERTIME\"");
    ck_assert_str_eq(issue(), first);

    /* Two hours that come late: the statement stays, the next one has what it lacks. */
    work_hours(12);
    preview_becomes("E1", next_period, "\"grossCents\":\"6000\"");
    preview_becomes("E1", next_period, furrow_test_mesh_text(mesh, "\"adjusts\":\"%s\"", period));
    ck_assert_str_eq(issue(), first);
    char *listed = must(PAYROLL "ListStatements", "{\"employeeId\":\"E1\"}");
    has(listed, "\"grossCents\":\"22000\"");
    ck_assert_ptr_null(strstr(listed, "adjusts"));
    has(must(PAYROLL "GetRules", "{}"), "\"id\":\"us-ca-agriculture\"");
}

START_TEST(a_period_is_paid_once_and_what_comes_late_in_the_next)
{
    choose_period();
    furrow_test_mesh_run(&(furrow_test_mesh_options){.tool = FURROW_TEST_TOOL,
                                                     .contracts = FURROW_TEST_PAYROLL_CONTRACTS,
                                                     .services = services},
                         pays);
}
END_TEST

/* A raise is paid from the moment on at which it was made; what nobody has a rate for is paid the minimum wage. */
static void rates(furrow_test_mesh *mesh)
{
    begin(mesh);
    preview_becomes("E1", period, "\"grossCents\":\"22000\"");
    must("employee.v1.EmployeeService.UpdateEmployee",
         "{\"employee\":{\"id\":\"E1\",\"hourlyRateCents\":\"3000\"},\"updateMask\":\"hourlyRateCents\"}");
    must(TIMESHEET "CorrectDay",
         furrow_test_mesh_text(
             mesh,
             "{\"id\":\"E2%s\",\"by\":\"office\",\"reason\":\"test\",\"entries\":[{\"kind\":1,\"start\":"
             "\"%sT06:00:00Z\",\"end\":\"%sT08:00:00Z\",\"jobId\":\"J1\",\"locationId\":\"B1\"}]}",
             day_id + 2, date, date));
    preview_becomes("E2", period, "\"text\":\"no hourly rate of E2 is known; the minimum wage is paid\"");
    preview_becomes("E2", period, "\"kind\":\"LINE_KIND_TOP_UP\"");
    /* Clocks may be ahead by some minutes: so what was worked after the raise need not be waited for. */
    char from[40], to[40];
    furrow_clock_format(furrow_clock_wall_ns() + HOUR_NS / 60, from);
    furrow_clock_format(furrow_clock_wall_ns() + HOUR_NS / 20, to);
    must(TIMESHEET "ClockIn",
         furrow_test_mesh_text(mesh, "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\",\"at\":\"%s\"}",
                               from));
    must(TIMESHEET "ClockOut", furrow_test_mesh_text(mesh, "{\"employeeId\":\"E1\",\"at\":\"%s\"}", to));
    preview_becomes("E1", next_period, "\"rate\":\"3000\"");
}

START_TEST(a_rate_holds_from_the_moment_at_which_it_was_set)
{
    choose_period();
    furrow_test_mesh_run(&(furrow_test_mesh_options){.tool = FURROW_TEST_TOOL,
                                                     .contracts = FURROW_TEST_PAYROLL_CONTRACTS,
                                                     .services = services},
                         rates);
}
END_TEST

/* What E1 has picked of J2, so many thousandths, at an hour of the day. */
static void pick(const char *ticket, int quantity, int hour)
{
    must(HARVEST "RecordTicket",
         furrow_test_mesh_text(meant,
                               "{\"id\":\"%s\",\"employeeId\":\"E1\",\"jobId\":\"J2\",\"locationId\":\"B1\","
                               "\"quantity\":\"%d\",\"pickedAt\":\"%sT%02d:00:00Z\"}",
                               ticket, quantity, date, hour));
}

static void open_piece_job(const char *id, const char *unit, int cents)
{
    must("job.v1.JobService.OpenJob",
         furrow_test_mesh_text(meant,
                               "{\"id\":\"%s\",\"code\":\"%s\",\"name\":\"Picking\",\"kind\":\"JOB_KIND_HARVEST\","
                               "\"pay\":{\"type\":\"PAY_TYPE_PIECE\",\"unit\":\"%s\",\"rateCents\":\"%d\"},"
                               "\"locationIds\":[\"B1\"]}",
                               id, id, unit, cents));
}

static void correct_quantity(const char *ticket, int quantity)
{
    must(HARVEST "CorrectTicket",
         furrow_test_mesh_text(meant,
                               "{\"id\":\"%s\",\"employeeId\":\"E1\",\"jobId\":\"J2\",\"locationId\":\"B1\","
                               "\"quantity\":\"%d\",\"by\":\"office\",\"reason\":\"test\"}",
                               ticket, quantity));
}

/* Pieces beside hours, with the owners dead; what comes after the period was closed is an adjustment that names it. */
static void pieces(furrow_test_mesh *mesh)
{
    begin(mesh);
    open_piece_job("J2", "bin", 3200);
    pick("T1", 1000, 7);
    pick("T2", 500, 8);
    preview_becomes(
        "E1", period,
        "\"grossCents\":\"27280\""); /* 200.00 by the hour, 48.00 of bins: 24.80 an hour, and half of that for 2 */
    preview_becomes("E1", period, "\"ticketIds\":[\"T1\",\"T2\"]");
    correct_quantity("T2", 1500);
    must(HARVEST "VoidTicket", "{\"id\":\"T1\",\"by\":\"office\",\"reason\":\"twice\"}");
    preview_becomes("E1", period, "\"ticketIds\":[\"T2\"]");
    preview_becomes("E1", period, "\"quantity\":\"1500\"");
    for (int service = EMPLOYEE; service < PAYROLLS; service++)
        for (int replica = 0; replica < 2; replica++) furrow_test_mesh_kill(mesh, service, replica);
    close_by_many();
    has(issue(), "\"ticketIds\":[\"T2\"]");
    for (int service = EMPLOYEE; service < PAYROLLS; service++) furrow_test_mesh_start(mesh, service, 0);
    for (int service = EMPLOYEE; service < PAYROLLS; service++) furrow_test_mesh_wait_ready(mesh, service);
    pick("T3", 2000, 9);
    preview_becomes("E1", next_period, "\"ticketIds\":[\"T3\"],\"adjusts\":");
    must("job.v1.JobService.CloseJob", "{\"id\":\"J2\"}");
    preview_becomes("E1", next_period, "\"ticketIds\":[\"T3\"],\"adjusts\":");
}

START_TEST(tickets_are_paid_in_lines_that_name_them)
{
    choose_period();
    furrow_test_mesh_run(&(furrow_test_mesh_options){.tool = FURROW_TEST_TOOL,
                                                     .contracts = FURROW_TEST_PAYROLL_CONTRACTS,
                                                     .services = services},
                         pieces);
}
END_TEST

/* ---- a period that everybody has worked in ---- */

enum { CREW = 40 };

static void hire_crew(void)
{
    for (int i = 0; i < CREW; i++) {
        const char *id = furrow_test_mesh_text(meant, "C%d", i);
        hire(id, "2000");
        clock_in(id, "23:00:00");
    }
}

static uint64_t count_statements(furrow_test_mesh *mesh)
{
    furrow_js_stream_state state;
    furrow_status status = furrow_js_stream_info(furrow_test_mesh_log(mesh, PAYROLLS), "STATEMENT",
                                                 furrow_clock_in_ms(FURROW_TEST_MESH_PATIENCE_MS), &state, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    return state.messages;
}

/* Both processes die while they issue; those that come after them go on. Each statement is one event of the log. */
static void issues(furrow_test_mesh *mesh)
{
    begin(mesh);
    hire("IDLE", "2000");
    hire_crew();
    preview_becomes(furrow_test_mesh_text(mesh, "C%d", CREW - 1), period, "is open");
    close_by_many();
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(count_statements(mesh) > 0, FURROW_TEST_MESH_PATIENCE_MS));
    for (int replica = 0; replica < 2; replica++) furrow_test_mesh_kill(mesh, PAYROLLS, replica);
    for (int replica = 0; replica < 2; replica++) furrow_test_mesh_start(mesh, PAYROLLS, replica);
    furrow_test_mesh_wait_ready(mesh, PAYROLLS);
    ck_assert(furrow_test_mesh_becomes(mesh, PAYROLL "GetPeriod",
                                       furrow_test_mesh_text(mesh, "{\"id\":\"%s\"}", period),
                                       "\"status\":\"PERIOD_STATUS_ISSUED\""));
    ck_assert_uint_eq(count_statements(mesh), CREW + 2); /* theirs, E1's and E2's; who has nothing gets none */
    has(issue(), "\"grossCents\":\"22000\"");
    ck_assert_uint_eq(count_statements(mesh), CREW + 2);
    char *again = must(PAYROLL "ClosePeriod", furrow_test_mesh_text(mesh, "{\"id\":\"%s\",\"by\":\"late\"}", period));
    has(again, "\"closedBy\":\"closer");
    has(again, "PERIOD_STATUS_ISSUED");
}

START_TEST(statements_of_a_closed_period_are_issued_once_whoever_dies)
{
    choose_period();
    furrow_test_mesh_run(&(furrow_test_mesh_options){.tool = FURROW_TEST_TOOL,
                                                     .contracts = FURROW_TEST_PAYROLL_CONTRACTS,
                                                     .services = services},
                         issues);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payroll");
    TCase *tests = tcase_create("farm");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_period_is_paid_once_and_what_comes_late_in_the_next);
    tcase_add_test(tests, a_rate_holds_from_the_moment_at_which_it_was_set);
    tcase_add_test(tests, tickets_are_paid_in_lines_that_name_them);
    tcase_add_test(tests, statements_of_a_closed_period_are_issued_once_whoever_dies);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
