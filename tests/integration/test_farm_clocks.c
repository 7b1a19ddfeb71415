/*
 * Processes whose clocks differ: what Furrow itself says when something happened is never before what it follows,
 * whichever process wrote that. Of two processes of timesheet one has a clock that is moved; callers say no time.
 */
#include "base/clock.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE  "employee.v1.EmployeeService."
#define TIMESHEET "timesheet.v1.TimesheetService."
#define PEOPLE    20
#define HOUR      3600
#define NS        ((int64_t)FURROW_NS_PER_S)

static furrow_error err;

/* With a key, since what was answered UNAVAILABLE may have taken effect. @early: what it needs may not be known yet. */
static void must_within(farm *f, const char *method, const char *json, bool early)
{
    static unsigned calls;
    furrow_status status;
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    const char *key = farm_text(f, "call-%u", ++calls);
    for (;; furrow_task_sleep_ms(10)) {
        status = farm_call_with(f, method, json, key, NULL, &err);
        bool passing = status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED ||
                       (early && status == FURROW_FAILED_PRECONDITION);
        if (!passing || furrow_clock_now_ns() >= until) break;
    }
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", method, json, err.text);
}

static void must(farm *f, const char *method, const char *json)
{
    must_within(f, method, json, true);
}

/* At the first try, unless nobody was there to take it. */
static void must_at_once(farm *f, const char *method, const char *json)
{
    must_within(f, method, json, false);
}

static char *stroke_of(farm *f, int person, const char *more)
{
    return farm_text(f, "{\"employeeId\":\"E%d\"%s}", person, more);
}

static void hire_people(farm *f)
{
    must(f, "job.v1.JobService.OpenJob",
         "{\"id\":\"J2\",\"code\":\"J2\",\"name\":\"Other\",\"kind\":\"JOB_KIND_HARVEST\","
         "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"},\"locationIds\":[\"B1\"]}");
    for (int i = 0; i < PEOPLE; i++)
        must(f, EMPLOYEE "HireEmployee",
             farm_text(f, "{\"id\":\"E%d\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"%d\"}", i, i));
}

static void start_ahead(farm *f, int service, int replica, int64_t seconds, int day_start_hour)
{
    const char *const settings[] = {"LD_PRELOAD=" FURROW_TEST_SHIFTED_CLOCK,
                                    "ASAN_OPTIONS=verify_asan_link_order=0", /* it may come before ASan */
                                    farm_text(f, "FURROW_TEST_CLOCK_AHEAD_S=%lld", (long long)seconds),
                                    farm_text(f, "FURROW_DAY_START_HOUR=%d", day_start_hour), NULL};
    farm_start_with(f, service, replica, settings);
}

static size_t open_days_of(farm *f, int person)
{
    char *answer = NULL;
    size_t count = 0;
    ck_assert_msg(farm_call_until(f, TIMESHEET "ListDays", stroke_of(f, person, ""), &answer, &err) == FURROW_OK, "%s",
                  err.text);
    for (const char *at = answer; (at = strstr(at, "DAY_STATUS_OPEN")); at++) count++;
    return count;
}

/* A day with all there is to it, twice: each stroke follows the one before at once, by either clock. */
static void work(farm *f)
{
    static const struct {
        const char *method, *more;
    } strokes[] = {{TIMESHEET "ClockIn", ",\"jobId\":\"J1\",\"locationId\":\"B1\""},
                   {TIMESHEET "SwitchJob", ",\"jobId\":\"J2\",\"locationId\":\"B1\""},
                   {TIMESHEET "StartBreak", ",\"kind\":\"ENTRY_KIND_MEAL\""},
                   {TIMESHEET "EndBreak", ""},
                   {TIMESHEET "ClockOut", ""}};
    for (int i = 0; i < PEOPLE; i++) {
        /* Both know all there is to know once each of them has taken one. */
        must(f, strokes[0].method, stroke_of(f, i, strokes[0].more));
        must(f, strokes[4].method, stroke_of(f, i, strokes[4].more));
    }
    for (int i = 0; i < PEOPLE; i++)
        for (size_t s = 0; s < 2 * sizeof strokes / sizeof *strokes; s++) {
            size_t stroke = s % (sizeof strokes / sizeof *strokes);
            must_at_once(f, strokes[stroke].method, stroke_of(f, i, strokes[stroke].more));
            ck_assert_uint_eq(open_days_of(f, i), stroke < 4);
        }
}

static void start_shifted(farm *f, int64_t ahead_s, int64_t behind_s, int day_start_hour)
{
    farm_start_all(f, 1);
    farm_kill(f, FARM_TIMESHEET, 0);
    start_ahead(f, FARM_TIMESHEET, 0, ahead_s, day_start_hour);
    start_ahead(f, FARM_TIMESHEET, 1, behind_s, day_start_hour);
    farm_wait_ready(f, FARM_TIMESHEET);
    hire_people(f);
}

typedef struct newest_event {
    char subject[96], time[40];
} newest_event;

/* Of each day in the log: its events' times go on as its versions do. */
static void events_are_in_order(farm *f)
{
    static newest_event days[3 * PEOPLE];
    furrow_js_stored stored = {.sequence = 0};
    size_t events = 0;
    while (furrow_js_get_next(farm_log(f, FARM_TIMESHEET), "WORK_DAY", "timesheet.v1.WorkDay.*", stored.sequence + 1,
                              farm_within_ms(FARM_PATIENCE_MS), f->arena, &stored, &err) == FURROW_OK) {
        size_t at = 0;
        const char *time = furrow_js_stored_header(&stored, "ce-time", f->arena);
        while (days[at].subject[0] && strcmp(days[at].subject, stored.subject) != 0) at++;
        ck_assert_uint_lt(at + 1, sizeof days / sizeof *days);
        ck_assert_msg(strcmp(time, days[at].time) >= 0, "%s: %s after %s", stored.subject, time, days[at].time);
        snprintf(days[at].subject, sizeof days[at].subject, "%s", stored.subject);
        snprintf(days[at].time, sizeof days[at].time, "%s", time);
        events++;
    }
    ck_assert_int_eq(err.code, FURROW_NOT_FOUND);
    ck_assert_uint_ge(events, 3 * PEOPLE); /* the last four of each day */
}

static void seconds_apart(farm *f)
{
    start_shifted(f, 20, 0, 4);
    work(f);
    events_are_in_order(f);
}

START_TEST(strokes_follow_each_other_by_clocks_that_differ_by_seconds)
{
    farm_run(seconds_apart);
}
END_TEST

/* One clock is two minutes after the boundary, the other ten before it. */
static void around_boundary(farm *f)
{
    int64_t now_s = furrow_clock_wall_ns() / NS, boundary_s = (now_s / HOUR + 1) * HOUR;
    start_shifted(f, boundary_s + 120 - now_s, boundary_s - 600 - now_s, (int)(boundary_s / HOUR % 24));
    work(f);
}

START_TEST(strokes_follow_each_other_on_either_side_of_the_boundary)
{
    farm_run(around_boundary);
}
END_TEST

/* The owner's clock is an hour ahead of timesheet's. */
static void rehired(farm *f)
{
    char *clock_in = stroke_of(f, 0, ",\"jobId\":\"J1\",\"locationId\":\"B1\""), *days = NULL;
    farm_start_all(f, 1);
    farm_kill(f, FARM_EMPLOYEE, 0);
    start_ahead(f, FARM_EMPLOYEE, 0, HOUR, 4);
    farm_wait_ready(f, FARM_EMPLOYEE);
    hire_people(f);
    must(f, TIMESHEET "ClockIn", clock_in);
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E0\"}");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(open_days_of(f, 0) == 0, FARM_PATIENCE_MS));
    /* And now by a clock that is an hour behind what is written. */
    farm_kill(f, FARM_EMPLOYEE, 0);
    farm_start(f, FARM_EMPLOYEE, 0);
    farm_wait_ready(f, FARM_EMPLOYEE);
    must(f, EMPLOYEE "RehireEmployee", "{\"id\":\"E0\"}");
    must(f, TIMESHEET "ClockIn", clock_in);
    must(f, TIMESHEET "ClockOut", stroke_of(f, 0, ""));
    ck_assert_int_eq(farm_call(f, TIMESHEET "ListDays", stroke_of(f, 0, ""), &days, &err), FURROW_OK);
    ck_assert_msg(strstr(days, "\"closedBy\":\"employee\"") != NULL, "%s", days);
}

START_TEST(work_begins_after_a_rehire_by_a_clock_that_is_behind)
{
    farm_run(rehired);
}
END_TEST

/* A folder, a file that is no zone, a path: the C library would take UTC for each, and say nothing. */
static void wrong_zones(farm *f)
{
    static const char *const zones[] = {"America", "zone.tab", "../zoneinfo/Europe/Paris", "Europe/Pari"};
    farm_provision(f);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        int code = 0;
        farm_start_with(f, FARM_TIMESHEET, 0,
                        (const char *const[]){farm_text(f, "FURROW_TIME_ZONE=%s", zones[i]), NULL});
        ck_assert(furrow_test_process_wait(f->services[FARM_TIMESHEET][0], FARM_PATIENCE_MS, &code));
        ck_assert_int_ne(code, 0);
        ck_assert_ptr_nonnull(
            strstr(furrow_test_process_stderr(f->services[FARM_TIMESHEET][0]), "no such zone on this machine"));
    }
}

START_TEST(what_is_no_zone_is_refused)
{
    farm_run(wrong_zones);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    Suite *suite = suite_create("farm clocks");
    TCase *tests = tcase_create("mesh of processes");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, strokes_follow_each_other_by_clocks_that_differ_by_seconds);
    tcase_add_test(tests, strokes_follow_each_other_on_either_side_of_the_boundary);
    tcase_add_test(tests, work_begins_after_a_rehire_by_a_clock_that_is_behind);
    tcase_add_test(tests, what_is_no_zone_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
