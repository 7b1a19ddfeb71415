/* The rules of working time, without any server: every transition and every refusal, and the invariants after random
 * strokes. */
#include "timesheet/domain.h"

#include "base/clock.h"
#include "runtime/timestamp.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

#define HOUR_NS ((int64_t)3600 * (int64_t)FURROW_NS_PER_S)
#define OPEN    TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN
#define CLOSED  TIMESHEET__V1__DAY_STATUS__DAY_STATUS_CLOSED

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    setenv("TZ", "America/Los_Angeles", 1);
    tzset();
    arena = furrow_arena_create(64 << 20);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

/* 2026-11-23 at @hour local time. */
static int64_t at(double hour)
{
    struct tm day = {.tm_year = 126, .tm_mon = 10, .tm_mday = 23, .tm_isdst = -1};
    return (int64_t)mktime(&day) * (int64_t)FURROW_NS_PER_S + (int64_t)(hour * (double)HOUR_NS);
}

static workday_stroke stroke_at(double hour)
{
    static char id[FURROW_ID_MAX + 1];
    workday_stroke stroke = {
        .day_id = id, .employee_id = "E1", .job_id = "J1", .location_id = "B1", .at_ns = at(hour), .now_ns = at(hour)};
    stroke.window = workday_window_at(stroke.at_ns, 4);
    workday_day_id("E1", &stroke.window, id);
    return stroke;
}

static Timesheet__V1__WorkDay *must(workday_rule *rule, const Timesheet__V1__WorkDay *day, workday_stroke stroke)
{
    Timesheet__V1__WorkDay *next = NULL;
    ck_assert_msg(rule(day, &stroke, arena, &next, &err) == FURROW_OK, "%s", err.text);
    return next;
}

static void must_refuse(workday_rule *rule, const Timesheet__V1__WorkDay *day, workday_stroke stroke,
                        furrow_status status)
{
    Timesheet__V1__WorkDay *next = (Timesheet__V1__WorkDay *)&err;
    ck_assert_int_eq(rule(day, &stroke, arena, &next, &err), status);
    ck_assert_ptr_eq(next, &err); /* untouched on failure */
    ck_assert_uint_gt(strlen(err.text), 10);
}

START_TEST(a_day_runs_from_boundary_to_boundary)
{
    workday_window window = workday_window_at(at(5), 4);
    ck_assert_str_eq(window.date, "2026-11-23");
    ck_assert_int_eq(window.end_ns - window.start_ns, 24 * HOUR_NS);
    ck_assert_str_eq(workday_window_at(at(3.99), 4).date, "2026-11-22");
    ck_assert_int_eq(workday_window_at(at(4) - 1, 4).end_ns, window.start_ns);
}
END_TEST

START_TEST(windows_never_overlap_also_where_clocks_change)
{
    workday_window last = workday_window_at(at(0), 4);
    for (int hour = 0; hour < 24 * 400; hour++) {
        workday_window now = workday_window_at(at(hour), 4);
        ck_assert(now.start_ns <= at(hour) && at(hour) < now.end_ns);
        ck_assert(now.start_ns == last.start_ns || now.start_ns == last.end_ns);
        last = now;
    }
}
END_TEST

START_TEST(an_id_gives_back_its_window)
{
    workday_window window;
    ck_assert_int_eq(workday_window_of_id("E_1_20261123", 4, &window, &err), FURROW_OK);
    ck_assert_int_eq(window.start_ns, at(4));
    const char *const wrong[] = {"E1",          "E1_2026112",  "E1_20261332", "_20261123",
                                 "E1-20261123", "E1_2026112x", "E.1_20261123"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_int_eq(workday_window_of_id(wrong[i], 4, &window, &err), FURROW_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_day_of_work_with_breaks_and_a_second_job)
{
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(6));
    ck_assert_int_eq(day->status, OPEN);
    ck_assert_str_eq(day->open_employee_id, "E1");
    workday_stroke meal = stroke_at(12), other = stroke_at(13);
    meal.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL;
    day = must(workday_start_break, day, meal);
    day = must(workday_end_break, day, stroke_at(12.5));
    other.job_id = "J2";
    day = must(workday_switch_job, day, other);
    day = must(workday_clock_out, day, stroke_at(15));
    ck_assert_int_eq(day->status, CLOSED);
    ck_assert_str_eq(day->open_employee_id, "");
    ck_assert_uint_eq(day->n_entries, 4);
    ck_assert_str_eq(day->entries[3]->job_id, "J2");
    int64_t work, meal_s;
    workday_window window = workday_window_at(at(6), 4);
    workday_totals(day, &window, at(20), &work, &meal_s);
    ck_assert_int_eq(work, (9 * 3600) - 1800);
    ck_assert_int_eq(meal_s, 1800);
}
END_TEST

START_TEST(nobody_clocks_in_twice_or_into_the_past)
{
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(6));
    must_refuse(workday_clock_in, day, stroke_at(7), FURROW_FAILED_PRECONDITION);
    must_refuse(workday_clock_out, day, stroke_at(5), FURROW_FAILED_PRECONDITION);
    day = must(workday_clock_out, day, stroke_at(10));
    must_refuse(workday_clock_in, day, stroke_at(9.5), FURROW_FAILED_PRECONDITION);
    day = must(workday_clock_in, day, stroke_at(10));
    ck_assert_uint_eq(day->n_entries, 2);
}
END_TEST

START_TEST(strokes_need_the_state_they_end)
{
    workday_stroke rest = stroke_at(8);
    rest.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST;
    must_refuse(workday_clock_out, NULL, stroke_at(8), FURROW_FAILED_PRECONDITION);
    must_refuse(workday_start_break, NULL, rest, FURROW_FAILED_PRECONDITION);
    must_refuse(workday_end_break, NULL, stroke_at(8), FURROW_FAILED_PRECONDITION);
    must_refuse(workday_switch_job, NULL, stroke_at(8), FURROW_FAILED_PRECONDITION);
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(6));
    must_refuse(workday_end_break, day, stroke_at(8), FURROW_FAILED_PRECONDITION);
    must_refuse(workday_switch_job, day, stroke_at(8), FURROW_FAILED_PRECONDITION); /* the same job */
    day = must(workday_start_break, day, rest);
    must_refuse(workday_start_break, day, rest, FURROW_FAILED_PRECONDITION);
    workday_stroke other = stroke_at(9);
    other.job_id = "J2";
    must_refuse(workday_switch_job, day, other, FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(must(workday_clock_out, day, stroke_at(9))->status, CLOSED); /* home from a break */
}
END_TEST

START_TEST(a_day_left_open_is_carried_over_the_boundary)
{
    Timesheet__V1__WorkDay *evening = must(workday_clock_in, NULL, stroke_at(22)), *closed = NULL, *morning = NULL;
    workday_stroke next = stroke_at(29);
    ck_assert_int_eq(workday_carry_over(evening, &next, arena, &morning, &err), FURROW_OK);
    ck_assert_int_eq(furrow_timestamp_ns(morning->entries[0]->start), at(28));
    ck_assert_str_eq(morning->date, "2026-11-24");
    workday_window window = workday_window_at(at(22), 4);
    ck_assert_int_eq(workday_close(evening, &window, at(40), at(40), "boundary", arena, &closed, &err), FURROW_OK);
    ck_assert_int_eq(furrow_timestamp_ns(closed->entries[0]->end), at(28)); /* never past the window */
    ck_assert_str_eq(closed->closed_by, "boundary");
}
END_TEST

/* An employee as kept here, whose latest employment ended at @hour (0: none did). */
static Timesheet__V1__Employee *employee_ended(double hour, bool employed)
{
    Timesheet__V1__Employee *employee = furrow_arena_alloc(arena, sizeof *employee);
    timesheet__v1__employee__init(employee);
    employee->id = "E1";
    employee->display_name = "Ana";
    employee->status = employed ? EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
                                : EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED;
    if (hour > 0) employee->ended_at = furrow_timestamp_new(at(hour), arena);
    return employee;
}

START_TEST(a_day_is_over_when_the_employment_it_began_in_is)
{
    int64_t ended_ns = 0;
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(6)), *next;
    ck_assert(!workday_is_over(NULL, NULL, at(9), &ended_ns));
    ck_assert(!workday_is_over(day, employee_ended(0, true), at(9), &ended_ns));
    ck_assert(!workday_is_over(day, employee_ended(6, true), at(9), &ended_ns));
    ck_assert(!workday_is_over(must(workday_clock_out, day, stroke_at(8)), employee_ended(7, false), at(9), &ended_ns));
    ck_assert(workday_is_over(day, employee_ended(7, true), at(9), &ended_ns));
    ck_assert_int_eq(ended_ns, at(7));
    ck_assert(workday_is_over(day, employee_ended(7, false), at(9), &ended_ns));
    ck_assert_int_eq(ended_ns, at(7));
    ck_assert(workday_is_over(day, employee_ended(0, false), at(9), &ended_ns)); /* of a time before the field was */
    ck_assert_int_eq(ended_ns, at(9));
    ck_assert(workday_is_over(day, NULL, at(9), &ended_ns)); /* erased */
    ck_assert_int_eq(ended_ns, at(9));
    /* A break that began after it goes on from what began before; a new clock-in does not. */
    workday_stroke meal = stroke_at(8);
    meal.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL;
    ck_assert(workday_is_over(must(workday_start_break, day, meal), employee_ended(7, true), at(9), &ended_ns));
    next = must(workday_clock_in, must(workday_clock_out, day, stroke_at(8)), stroke_at(8.5));
    ck_assert(!workday_is_over(next, employee_ended(7, true), at(9), &ended_ns));
    /* Nor does one at the very moment of the end. */
    next = must(workday_clock_in, must(workday_clock_out, day, stroke_at(7)), stroke_at(7));
    ck_assert(!workday_is_over(next, employee_ended(7, true), at(9), &ended_ns));
    ck_assert(workday_is_over(next, employee_ended(8, true), at(9), &ended_ns));
    ck_assert_int_eq(workday_check_begin(employee_ended(7, true), at(6), &err), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(workday_check_begin(employee_ended(7, true), at(7), &err), FURROW_OK);
    ck_assert_int_eq(workday_check_begin(employee_ended(0, true), at(6), &err), FURROW_OK);
}
END_TEST

START_TEST(an_end_closes_a_day_at_its_boundary_at_the_latest)
{
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(6)), *next = NULL;
    workday_window window = workday_window_at(at(6), 4);
    ck_assert_int_eq(workday_end(day, &window, at(7), at(99), arena, &next, &err), FURROW_OK);
    ck_assert_str_eq(next->closed_by, "termination");
    ck_assert_int_eq(furrow_timestamp_ns(next->entries[0]->end), at(7));
    ck_assert_int_eq(workday_end(day, &window, at(60), at(99), arena, &next, &err), FURROW_OK);
    ck_assert_str_eq(next->closed_by, "boundary");
    ck_assert_int_eq(furrow_timestamp_ns(next->entries[0]->end), window.end_ns);
    ck_assert_int_eq(workday_end(day, &window, at(7), at(6), arena, &next, &err), FURROW_OK);
    ck_assert_int_eq(furrow_timestamp_ns(next->updated_at), at(7));
    ck_assert_int_eq(workday_end(day, &window, at(60), at(99), arena, &next, &err), FURROW_OK);
    workday_stroke later = stroke_at(6);
    later.now_ns = at(100);
    day = must(workday_fence, next, later);
    ck_assert_int_eq(furrow_timestamp_ns(day->updated_at), at(100));
    ck_assert_int_eq(day->n_entries, 1);
}
END_TEST

START_TEST(clocks_report_within_their_limits)
{
    int64_t ns = -1;
    Google__Protobuf__Timestamp *when = furrow_timestamp_new(at(5), arena);
    ck_assert_int_eq(workday_check_at(NULL, at(6), 36, &ns, &err), FURROW_OK);
    ck_assert_int_eq(ns, at(6));
    ck_assert_int_eq(workday_check_at(when, at(6), 36, &ns, &err), FURROW_OK);
    ck_assert_int_eq(ns, at(5));
    ck_assert_int_eq(workday_check_at(when, at(42), 36, &ns, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(workday_check_at(when, at(4.9), 36, &ns, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(workday_check_at(when, at(42), 37, &ns, &err), FURROW_OK);
    when->seconds = INT64_MIN;
    ck_assert_int_eq(workday_check_at(when, at(6), 36, &ns, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "at");
}
END_TEST

START_TEST(facts_must_be_known_open_and_fit)
{
    Timesheet__V1__Employee employee = TIMESHEET__V1__EMPLOYEE__INIT;
    Timesheet__V1__Job job = TIMESHEET__V1__JOB__INIT;
    Timesheet__V1__Location location = TIMESHEET__V1__LOCATION__INIT;
    char *only[] = {"B2"};
    employee.status = EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    job.status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    location.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
#define CHECK(e, j, l) workday_check_facts("E1", e, "J1", j, "B1", l, &err)
    ck_assert_int_eq(CHECK(&employee, &job, &location), FURROW_OK);
    ck_assert_int_eq(CHECK(NULL, &job, &location), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(CHECK(&employee, NULL, &location), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(CHECK(&employee, &job, NULL), FURROW_FAILED_PRECONDITION);
    job.location_ids = only;
    job.n_location_ids = 1;
    ck_assert_int_eq(CHECK(&employee, &job, &location), FURROW_FAILED_PRECONDITION);
    only[0] = "B1";
    ck_assert_int_eq(CHECK(&employee, &job, &location), FURROW_OK);
    employee.status = EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED;
    ck_assert_int_eq(CHECK(&employee, &job, &location), FURROW_FAILED_PRECONDITION);
#undef CHECK
}
END_TEST

static Timesheet__V1__Entry *entry(double from, double to)
{
    Timesheet__V1__Entry *made = furrow_arena_alloc(arena, sizeof *made);
    timesheet__v1__entry__init(made);
    made->kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK;
    made->job_id = "J1";
    made->location_id = "B1";
    made->start = furrow_timestamp_new(at(from), arena);
    made->end = furrow_timestamp_new(at(to), arena);
    return made;
}

static furrow_status correct(const Timesheet__V1__WorkDay *day, const Timesheet__V1__CorrectDayRequest *request,
                             int64_t now_ns, Timesheet__V1__WorkDay *next)
{
    const timesheet_correct_day_known known = {.request = request, .work_day = day, .now_ns = now_ns, .arena = arena};
    workday_window window = workday_window_at(at(6), 4);
    *next = *day;
    return workday_correct(&known, &window, next, &err);
}

START_TEST(a_correction_replaces_entries_and_says_who_and_why)
{
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(6)), next;
    Timesheet__V1__Entry *entries[] = {entry(6, 10), entry(10, 14)};
    Timesheet__V1__CorrectDayRequest request = TIMESHEET__V1__CORRECT_DAY_REQUEST__INIT;
    request.id = day->id;
    request.entries = entries;
    request.n_entries = 2;
    request.by = "foreman";
    request.reason = "forgot to clock out";
    ck_assert_int_eq(correct(day, &request, at(20), &next), FURROW_OK);
    ck_assert_int_eq(next.status, CLOSED);
    ck_assert_uint_eq(next.n_corrections, 1);
    Timesheet__V1__Entry *const wrong[] = {entry(9, 12), entry(14, 13), entry(20, 29), entry(13, 13)};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        entries[1] = wrong[i];
        ck_assert_int_eq(correct(day, &request, at(20), &next), FURROW_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "entries[1]");
    }
}
END_TEST

#define REFUSED(request, rules, name)                                                                                  \
    do {                                                                                                               \
        ck_assert_int_eq(furrow_rule_first(&rules, &(request).base, &err), FURROW_INVALID_ARGUMENT);                   \
        ck_assert_str_eq(err.field, name);                                                                             \
    } while (0)

START_TEST(a_request_says_who_what_and_why)
{
    Timesheet__V1__ClockInRequest in = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    Timesheet__V1__StartBreakRequest rest = TIMESHEET__V1__START_BREAK_REQUEST__INIT;
    Timesheet__V1__CorrectDayRequest correct = TIMESHEET__V1__CORRECT_DAY_REQUEST__INIT;
    char *const wrong[] = {"", "E.1", "1234567890123456789012345678901234567890123456789", "J\xc3\xa9"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        in.employee_id = wrong[i];
        REFUSED(in, timesheet_v1_clock_in_request_field_rules, "employee_id");
    }
    in.employee_id = "123456789012345678901234567890123456789012345678";
    REFUSED(in, timesheet_v1_clock_in_request_field_rules, "job_id");
    in.job_id = "1234567890123456789012345678901234567890123456789012345678901234";
    REFUSED(in, timesheet_v1_clock_in_request_field_rules, "location_id");
    in.location_id = "B_1-a";
    ck_assert_int_eq(furrow_rule_first(&timesheet_v1_clock_in_request_field_rules, &in.base, &err), FURROW_OK);
    rest.employee_id = "E1";
    for (int kind = -1; kind < 5; kind++) {
        rest.kind = kind;
        if (kind == TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL || kind == TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST)
            ck_assert_int_eq(furrow_rule_first(&timesheet_v1_start_break_request_field_rules, &rest.base, &err),
                             FURROW_OK);
        else
            REFUSED(rest, timesheet_v1_start_break_request_field_rules, "kind");
    }
    REFUSED(correct, timesheet_v1_correct_day_request_field_rules, "by");
    correct.by = "boss";
    REFUSED(correct, timesheet_v1_correct_day_request_field_rules, "reason");
    correct.reason = "a\tb";
    REFUSED(correct, timesheet_v1_correct_day_request_field_rules, "reason");
    correct.reason = "forgotten";
    correct.version = -1;
    REFUSED(correct, timesheet_v1_correct_day_request_field_rules, "version");
    correct.version = 0;
    Timesheet__V1__Entry *entries[97];
    for (size_t i = 0; i < 97; i++) entries[i] = entry(6, 7);
    correct.entries = entries;
    correct.n_entries = 96;
    ck_assert_int_eq(furrow_rule_first(&timesheet_v1_correct_day_request_field_rules, &correct.base, &err), FURROW_OK);
    entries[95]->kind = 4;
    REFUSED(correct, timesheet_v1_correct_day_request_field_rules, "entries[95].kind");
    correct.n_entries = 97;
    REFUSED(correct, timesheet_v1_correct_day_request_field_rules, "entries");
}
END_TEST

static void check_invariants(const Timesheet__V1__WorkDay *day, const workday_window *window)
{
    int64_t from = window->start_ns;
    for (size_t i = 0; i < day->n_entries; i++) {
        const Timesheet__V1__Entry *e = day->entries[i];
        ck_assert_int_ge(furrow_timestamp_ns(e->start), from);
        ck_assert((e->end == NULL) == (i + 1 == day->n_entries && day->status == OPEN));
        from = e->end ? furrow_timestamp_ns(e->end) : furrow_timestamp_ns(e->start);
        ck_assert_int_ge(from, furrow_timestamp_ns(e->start));
        ck_assert_int_le(from, window->end_ns);
    }
    ck_assert((day->open_employee_id[0] != '\0') == (day->status == OPEN));
}

START_TEST(now_is_never_before_what_it_follows)
{
    Timesheet__V1__WorkDay *day = must(workday_clock_in, NULL, stroke_at(8));
    ck_assert_int_eq(workday_now_after(NULL, at(7)), at(7));
    ck_assert_int_eq(workday_now_after(day, at(7)), at(8)); /* who wrote it has a clock an hour ahead */
    ck_assert_int_eq(workday_now_after(day, at(9)), at(9));
    workday_stroke behind = stroke_at(8);
    behind.now_ns = at(7);
    day = must(workday_clock_out, day, behind);
    ck_assert_int_eq(furrow_timestamp_ns(day->updated_at), at(8));
    ck_assert_int_eq(workday_now_after(day, at(7)), at(8));
    /* A correction says what will have been: that is no reason to begin then. */
    Timesheet__V1__WorkDay corrected;
    Timesheet__V1__Entry *entries[] = {entry(8, 16)};
    Timesheet__V1__CorrectDayRequest request = TIMESHEET__V1__CORRECT_DAY_REQUEST__INIT;
    request.entries = entries;
    request.n_entries = 1;
    request.by = "foreman";
    request.reason = "leaves at four";
    ck_assert_int_eq(correct(day, &request, at(7.5), &corrected), FURROW_OK);
    ck_assert_int_eq(furrow_timestamp_ns(corrected.updated_at), at(8));
    ck_assert_int_eq(furrow_timestamp_ns(corrected.corrections[0]->at), at(8));
    ck_assert_int_eq(workday_now_after(&corrected, at(9)), at(9));
    ck_assert_int_eq(workday_now_after(&corrected, at(15.95)), at(16)); /* as a clock may be ahead */
}
END_TEST

START_TEST(random_strokes_keep_the_invariants)
{
    static workday_rule *const rules[] = {workday_clock_in, workday_switch_job, workday_start_break, workday_end_break,
                                          workday_clock_out};
    srand(7);
    for (int round = 0; round < 300; round++) {
        Timesheet__V1__WorkDay *day = NULL;
        for (int step = 0; step < 60; step++) {
            workday_stroke stroke = stroke_at(4 + (rand() % 2400) / 100.0);
            stroke.kind = rand() % 4;
            stroke.job_id = rand() % 2 ? "J1" : "J2";
            Timesheet__V1__WorkDay *next = NULL;
            if (rules[rand() % 5](day, &stroke, arena, &next, &err) != FURROW_OK) continue;
            check_invariants(next, &stroke.window);
            day = next;
        }
        furrow_arena_reset(arena);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timesheet domain");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_day_runs_from_boundary_to_boundary);
    tcase_add_test(tests, windows_never_overlap_also_where_clocks_change);
    tcase_add_test(tests, an_id_gives_back_its_window);
    tcase_add_test(tests, a_day_of_work_with_breaks_and_a_second_job);
    tcase_add_test(tests, nobody_clocks_in_twice_or_into_the_past);
    tcase_add_test(tests, strokes_need_the_state_they_end);
    tcase_add_test(tests, a_day_left_open_is_carried_over_the_boundary);
    tcase_add_test(tests, a_day_is_over_when_the_employment_it_began_in_is);
    tcase_add_test(tests, an_end_closes_a_day_at_its_boundary_at_the_latest);
    tcase_add_test(tests, clocks_report_within_their_limits);
    tcase_add_test(tests, facts_must_be_known_open_and_fit);
    tcase_add_test(tests, a_correction_replaces_entries_and_says_who_and_why);
    tcase_add_test(tests, a_request_says_who_what_and_why);
    tcase_add_test(tests, now_is_never_before_what_it_follows);
    tcase_add_test(tests, random_strokes_keep_the_invariants);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
