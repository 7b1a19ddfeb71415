/*
 * Working days that an end of employment or the day boundary closes, whatever of it comes to timesheet: the later state
 * alone, the same state again, all states again, to one process or two.
 */
#include "base/clock.h"
#include "support/farm.h"
#include "support/wait.h"
#include "timesheet/domain.h"
#include "wire/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE  "employee.v1.EmployeeService."
#define TIMESHEET "timesheet.v1.TimesheetService."
#define PEOPLE    12
#define MANY      11 /* open days of one, more than one look finds */
#define DAY_NS    ((int64_t)24 * 3600 * (int64_t)FURROW_NS_PER_S)

static furrow_error err;

static char *must(farm *f, const char *method, const char *json)
{
    char *answer = NULL;
    ck_assert_msg(farm_call_until(f, method, json, &answer, &err) == FURROW_OK, "%s %s: %s", method, json, err.text);
    return answer;
}

static char *text_at(farm *f, const char *json, const char *path)
{
    char *found = "";
    (void)furrow_json_find_text(furrow_bytes_of(json), path, f->arena, &found);
    return found;
}

static void hire(farm *f, const char *id)
{
    must(f, EMPLOYEE "HireEmployee",
         farm_text(f, "{\"id\":\"%s\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"%s\"}", id, id));
}

static char *of(farm *f, const char *id)
{
    return farm_text(f, "{\"id\":\"%s\"}", id);
}

static char *clock_in_of(farm *f, const char *id)
{
    return farm_text(f, "{\"employeeId\":\"%s\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", id);
}

static char *days_of(farm *f, const char *id)
{
    return must(f, TIMESHEET "ListDays", farm_text(f, "{\"employeeId\":\"%s\"}", id));
}

static bool eventually_in(farm *f, const char *id, const char *part)
{
    return FURROW_TEST_EVENTUALLY_IN_TASK(strstr(days_of(f, id), part) != NULL, FARM_PATIENCE_MS);
}

/* Ended, and taken on again at once; answers when it ended. */
static char *end_and_rehire(farm *f, const char *id)
{
    must(f, EMPLOYEE "TerminateEmployee", of(f, id));
    return text_at(f, must(f, EMPLOYEE "RehireEmployee", of(f, id)), "employee.endedAt");
}

/* Is the one day of @id closed at @ended? */
static void is_ended(farm *f, const char *id, const char *ended)
{
    ck_assert_uint_gt(strlen(ended), 20);
    ck_assert_msg(eventually_in(f, id, "\"closedBy\":\"termination\""), "%s", days_of(f, id));
    /* The days before may be fenced first. */
    ck_assert_msg(eventually_in(f, id, farm_text(f, "\"end\":\"%s\"", ended)), "%s: %s", ended, days_of(f, id));
}

static void kill_timesheet(farm *f, int replicas)
{
    for (int r = 0; r < replicas; r++) farm_kill(f, FARM_TIMESHEET, r);
}

static void start_timesheet(farm *f, int replicas)
{
    for (int r = 0; r < replicas; r++) farm_start(f, FARM_TIMESHEET, r);
    farm_wait_ready(f, FARM_TIMESHEET);
}

/* Redis forgets that the replica is whole, and who was at a reaction when it was killed. */
static void forget_replica(farm *f)
{
    (void)farm_redis(f, "operator",
                     "del 'timesheet:{Employee}:@replica' 'timesheet:{Employee}:@lease:react:E1' "
                     "'timesheet:{Employee}:@lease:react:E2'");
}

/* Timesheet is away meanwhile, and the log keeps only later states. */
static void unseen(farm *f)
{
    farm_start_all(f, 2);
    hire(f, "E1");
    hire(f, "E2");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E1"));
    kill_timesheet(f, 2);
    char *ended = end_and_rehire(f, "E1");
    for (int i = 0; i < 6; i++) /* more than the history of 4: the termination cannot be seen by anybody any more */
        must(f, EMPLOYEE "UpdateEmployee",
             farm_text(f, "{\"employee\":{\"id\":\"E1\",\"crew\":\"c%d\"},\"updateMask\":\"crew\"}", i));
    start_timesheet(f, 2);
    is_ended(f, "E1", ended);
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E1"));
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E2"));
    kill_timesheet(f, 2);
    forget_replica(f);
    ended = end_and_rehire(f, "E2");
    start_timesheet(f, 1);
    is_ended(f, "E2", ended); /* found while the table was built anew, with nothing to compare with */
    /* What began after the rehire belongs to the new employment: seeing every state once more does not touch it. */
    must(f, EMPLOYEE "UpdateEmployee", "{\"employee\":{\"id\":\"E1\",\"crew\":\"y\"},\"updateMask\":\"crew\"}");
    hire(f, "E3");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E3"));
    is_ended(f, "E3", end_and_rehire(f, "E3"));
    ck_assert_ptr_nonnull(strstr(days_of(f, "E1"), "DAY_STATUS_OPEN"));
}

START_TEST(a_day_is_closed_by_an_end_that_nobody_saw)
{
    farm_run(unseen);
}
END_TEST

/* Both services run, and all is within a few milliseconds. */
static void within_moments(farm *f)
{
    char *ended[PEOPLE], *ids[PEOPLE];
    farm_start_all(f, 2);
    for (int i = 0; i < PEOPLE; i++) hire(f, ids[i] = farm_text(f, "E%d", i));
    for (int i = 0; i < PEOPLE; i++) must(f, TIMESHEET "ClockIn", clock_in_of(f, ids[i]));
    for (int i = 0; i < PEOPLE; i++) ended[i] = end_and_rehire(f, ids[i]);
    for (int i = 0; i < PEOPLE; i++) is_ended(f, ids[i], ended[i]);
    for (int i = 0; i < PEOPLE; i++) must(f, TIMESHEET "ClockIn", clock_in_of(f, ids[i]));
    /* Work that a clock reports late does not begin before the end of what was. */
    char early[40];
    furrow_clock_format(furrow_clock_wall_ns() - DAY_NS, early);
    must(f, TIMESHEET "ClockOut", farm_text(f, "{\"employeeId\":\"%s\"}", ids[0]));
    ck_assert_int_eq(
        farm_call(
            f, TIMESHEET "ClockIn",
            farm_text(f, "{\"employeeId\":\"%s\",\"jobId\":\"J1\",\"locationId\":\"B1\",\"at\":\"%s\"}", ids[0], early),
            NULL, &err),
        FURROW_FAILED_PRECONDITION);
    ck_assert_msg(strstr(err.text, "CorrectDay") != NULL, "%s", err.text);
}

START_TEST(a_day_is_closed_by_an_end_of_a_moment)
{
    farm_run(within_moments);
}
END_TEST

/* A closed day may be opened again by a clock-in that read "employed" before: it is fenced as one that is not there. */
static void fenced(farm *f)
{
    farm_start_all(f, 2);
    hire(f, "E1");
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E1"));
    char *closed = must(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E1\"}");
    char *day = farm_text(f, "{\"id\":\"%s\"}", text_at(f, closed, "day.id"));
    must(f, EMPLOYEE "TerminateEmployee", of(f, "E1"));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        strcmp(text_at(f, must(f, TIMESHEET "GetDay", day), "version"), text_at(f, closed, "version")) != 0,
        FARM_PATIENCE_MS));
    ck_assert_str_eq(text_at(f, must(f, TIMESHEET "GetDay", day), "day.closedBy"), "employee");
}

START_TEST(a_closed_day_is_fenced_by_an_end)
{
    farm_run(fenced);
}
END_TEST

/* An open day of @id, begun @days before now, as a process that died would have left it. */
static char *leave_open(farm *f, const char *id, int days)
{
    char day_id[FURROW_ID_MAX + 1];
    uint8_t body[512];
    furrow_js_puback ack;
    furrow_js_publish_options fresh = {.expected_seq = 0};
    int64_t start_ns = furrow_clock_wall_ns() - days * DAY_NS;
    workday_window window = workday_window_at(start_ns, 4);
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Timesheet__V1__Entry entry = TIMESHEET__V1__ENTRY__INIT, *entries[] = {&entry};
    Timesheet__V1__WorkDay day = TIMESHEET__V1__WORK_DAY__INIT;
    workday_day_id(id, &window, day_id);
    start.seconds = start_ns / (int64_t)FURROW_NS_PER_S;
    entry.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK;
    entry.start = &start;
    entry.job_id = "J1";
    entry.location_id = "B1";
    day.id = day_id;
    day.employee_id = day.open_employee_id = farm_text(f, "%s", id);
    day.date = window.date;
    day.status = TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN;
    day.entries = entries;
    day.n_entries = 1;
    day.updated_at = &start;
    furrow_bytes packed = {body, timesheet__v1__work_day__pack(&day, body)};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_TIMESHEET), farm_text(f, "timesheet.v1.WorkDay.%s", day_id),
                                       packed, &fresh, farm_within_ms(FARM_PATIENCE_MS), &ack, &err),
                     FURROW_OK);
    ck_assert(eventually_in(f, id, day_id));
    return farm_text(f, "%s", day_id);
}

static bool is_closed(farm *f, const char *day, const char *by)
{
    char *state = must(f, TIMESHEET "GetDay", of(f, day));
    return strcmp(text_at(f, state, "day.closedBy"), by) == 0 && strstr(state, "T04:00:00Z") != NULL;
}

static void old_days(farm *f)
{
    char *old[5], *many[MANY];
    farm_start_all(f, 1);
    hire(f, "E1");
    hire(f, "E2");
    hire(f, "E3");
    old[0] = leave_open(f, "E1", 2);
    old[1] = leave_open(f, "E1", 30);
    must(f, TIMESHEET "ClockIn", clock_in_of(f, "E1"));
    ck_assert(is_closed(f, old[0], "boundary") && is_closed(f, old[1], "boundary"));
    for (int i = 0; i < MANY; i++) many[i] = leave_open(f, "E1", 40 + i);
    must(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E1\"}");
    for (int i = 0; i < MANY; i++) ck_assert(is_closed(f, many[i], "boundary"));
    /* A stroke that is refused closes it, too. */
    old[2] = leave_open(f, "E2", 3);
    ck_assert_int_eq(farm_call(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E2\"}", NULL, &err),
                     FURROW_FAILED_PRECONDITION);
    ck_assert(is_closed(f, old[2], "boundary"));
    /* And so does a termination, without any stroke: at the day's own boundary. */
    old[3] = leave_open(f, "E3", 2);
    old[4] = leave_open(f, "E3", 9);
    must(f, EMPLOYEE "TerminateEmployee", of(f, "E3"));
    for (int i = 3; i < 5; i++)
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_closed(f, old[i], "boundary"), FARM_PATIENCE_MS));
}

static size_t open_days_of(farm *f, const char *id)
{
    size_t count = 0;
    for (const char *at = days_of(f, id); (at = strstr(at, "DAY_STATUS_OPEN")); at++) count++;
    return count;
}

static void refused(farm *f, const char *method, const char *json, const char *why)
{
    ck_assert_msg(farm_call(f, method, json, NULL, &err) == FURROW_FAILED_PRECONDITION, "%s: %s", json, err.text);
    ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
}

static const char *today_of(farm *f, const char *id)
{
    return text_at(f, must(f, TIMESHEET "ClockIn", clock_in_of(f, id)), "day.id");
}

/* Nobody has two open days, whatever stroke comes next, and whether it is taken or not. */
static void one_open_day(farm *f)
{
    char *before;
    farm_start_all(f, 1);
    for (int i = 4; i < 9; i++) hire(f, farm_text(f, "E%d", i));
    /* What runs goes on in the new day, and the job to go on with is not known. */
    before = leave_open(f, "E4", 1);
    refused(f, TIMESHEET "SwitchJob", "{\"employeeId\":\"E4\",\"jobId\":\"J9\",\"locationId\":\"B1\"}", "J9");
    ck_assert(is_closed(f, before, "boundary"));
    ck_assert_uint_eq(open_days_of(f, "E4"), 1);
    must(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E4\"}");
    /* There is a closed day already, so nothing goes on in it. */
    const char *day = today_of(f, "E5");
    must(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E5\"}");
    before = leave_open(f, "E5", 1);
    refused(f, TIMESHEET "ClockOut", "{\"employeeId\":\"E5\"}", "is not clocked in");
    ck_assert(is_closed(f, before, "boundary"));
    /* A correction of another day. */
    before = leave_open(f, "E5", 3);
    must(f, TIMESHEET "CorrectDay",
         farm_text(f, "{\"id\":\"%s\",\"by\":\"foreman\",\"reason\":\"was not here\"}", day));
    ck_assert(is_closed(f, before, "boundary"));
    /* A clock reports late, and a later day is open. */
    char early[40];
    furrow_clock_format(furrow_clock_wall_ns() - DAY_NS, early);
    (void)today_of(f, "E6");
    refused(f, TIMESHEET "ClockIn",
            farm_text(f, "{\"employeeId\":\"E6\",\"jobId\":\"J1\",\"locationId\":\"B1\",\"at\":\"%s\"}", early),
            "later day");
    ck_assert_uint_eq(open_days_of(f, "E6"), 1);
    /* A clock-in that is refused ends nothing that may go on, one that is taken does. */
    before = leave_open(f, "E7", 1);
    refused(f, TIMESHEET "ClockIn", "{\"employeeId\":\"E7\",\"jobId\":\"J9\",\"locationId\":\"B1\"}", "J9");
    ck_assert_uint_eq(open_days_of(f, "E7"), 1);
    (void)today_of(f, "E7");
    ck_assert(is_closed(f, before, "boundary"));
    ck_assert_uint_eq(open_days_of(f, "E7"), 1);
}

START_TEST(nobody_has_two_open_days)
{
    farm_run(one_open_day);
}
END_TEST

START_TEST(days_left_open_are_closed_at_their_boundary)
{
    farm_run(old_days);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    Suite *suite = suite_create("farm days");
    TCase *tests = tcase_create("mesh of processes");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_day_is_closed_by_an_end_that_nobody_saw);
    tcase_add_test(tests, a_day_is_closed_by_an_end_of_a_moment);
    tcase_add_test(tests, a_closed_day_is_fenced_by_an_end);
    tcase_add_test(tests, days_left_open_are_closed_at_their_boundary);
    tcase_add_test(tests, nobody_has_two_open_days);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
