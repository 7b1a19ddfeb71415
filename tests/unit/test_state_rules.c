/* The rules of the farm's states, alone: each of support/states.h by the domain that owns it. */
#include "employee/v1/employee.domain.h"
#include "job/v1/job.domain.h"
#include "location/domain.h"
#include "log/claim.h"
#include "support/states.h"
#include "timesheet/v1/timesheet.domain.h"
#include "wire/json.h"
#include "wire/rules.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

/* By the contract's rules and then the domain's, as wherever a state is read. */
static void check_states(const furrow_rules *rules, const test_state *states, size_t count)
{
    furrow_arena *arena = furrow_arena_create(0);
    for (size_t i = 0; i < count; i++) {
        furrow_error err = {0};
        ProtobufCMessage *state;
        ck_assert_msg(furrow_json_decode(rules->descriptor, furrow_bytes_of(states[i].json), arena, &state, &err) ==
                          FURROW_OK,
                      "%s: %s %s", states[i].json, err.field, err.text);
        furrow_status status = furrow_rules_hold(rules, state, &err);
        const char *broken = status == FURROW_OK ? "" : err.field, *expected = states[i].field ? states[i].field : "";
        ck_assert_msg((status == FURROW_OK) == !states[i].field && strcmp(broken, expected) == 0, "%s: \"%s\" %s",
                      states[i].json, broken, err.text);
    }
    furrow_arena_destroy(arena);
}
#define CHECK_STATES(type, domain, contract, states)                                                                   \
    check_states(&(furrow_rules){.descriptor = &type, .check = domain, .declared = contract}, states,                  \
                 sizeof(states) / sizeof *(states))

START_TEST(a_day_is_whole_in_order_and_within_itself)
{
    CHECK_STATES(timesheet__v1__work_day__descriptor, timesheet_v1_work_day_rules, &timesheet_v1_work_day_field_rules,
                 day_states);
}
END_TEST

static furrow_status check_day_from(const char *id, const char *date, int64_t from_s)
{
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Timesheet__V1__Entry entry = TIMESHEET__V1__ENTRY__INIT, *entries[] = {&entry};
    Timesheet__V1__WorkDay day = TIMESHEET__V1__WORK_DAY__INIT;
    at.seconds = from_s;
    entry.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK, entry.start = entry.end = &at;
    entry.job_id = "J", entry.location_id = "L";
    day.id = (char *)id, day.employee_id = "E", day.date = (char *)date, day.closed_by = "a";
    day.status = TIMESHEET__V1__DAY_STATUS__DAY_STATUS_CLOSED, day.updated_at = &at;
    day.entries = entries, day.n_entries = 1;
    return timesheet_check_work_day(&day, NULL);
}

/* A day begins at most 14 hours before its date does in UTC, by the calendar of the C library. */
START_TEST(every_day_of_the_calendar_has_its_own_hours)
{
    static const char *const strangers[] = {"E_19000102", "F_19000101", "E_1900010", "E_190001011", "E-19000101", "E"};
    struct tm first = {.tm_year = 0, .tm_mday = 1}, beyond = {.tm_year = 2262 - 1900, .tm_mday = 1};
    for (time_t at = timegm(&first), end = timegm(&beyond); at < end; at += 24 * 3600) {
        struct tm day;
        char id[16], date[16];
        gmtime_r(&at, &day);
        strftime(id, sizeof id, "E_%Y%m%d", &day);
        strftime(date, sizeof date, "%Y-%m-%d", &day);
        ck_assert_msg(check_day_from(id, date, at - 14 * 3600) == FURROW_OK, "%s", date);
        ck_assert_msg(check_day_from(id, date, at - 14 * 3600 - 1) != FURROW_OK, "%s", date);
    }
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        ck_assert_msg(check_day_from(strangers[i], "1900-01-01", timegm(&first)) != FURROW_OK, "%s", strangers[i]);
}
END_TEST

START_TEST(an_employee_is_employed_or_has_left)
{
    CHECK_STATES(employee__v1__employee__descriptor, employee_v1_employee_rules, &employee_v1_employee_field_rules,
                 employee_states);
    CHECK_STATES(employee__v1__employee_key__descriptor, NULL, &employee_v1_employee_key_field_rules, key_states);
}
END_TEST

START_TEST(a_claim_has_a_value_and_a_holder)
{
    static const test_state states[] = {
        {"{\"id\":\"C\",\"value\":\"7\",\"holder\":\"E 1\"}", "holder"},
        {"{\"id\":\"C\",\"holder\":\"E1\"}", "value"},
    };
    CHECK_STATES(furrow__v1__claim__descriptor, furrow_claim_check_state, NULL, states);
}
END_TEST

START_TEST(a_job_is_paid_and_open_or_closed)
{
    CHECK_STATES(job__v1__job__descriptor, job_v1_job_rules, &job_v1_job_field_rules, job_states);
}
END_TEST

START_TEST(a_place_stands_where_its_kind_may)
{
    CHECK_STATES(location__v1__location__descriptor, location_v1_location_rules, &location_v1_location_field_rules,
                 location_states);
}
END_TEST

START_TEST(a_tree_has_no_cycle)
{
    CHECK_STATES(location__v1__tree__descriptor, location_v1_tree_rules, &location_v1_tree_field_rules, tree_states);
}
END_TEST

/* A status that the owner may add in later versions is none of the keeper's business. */
START_TEST(what_is_kept_of_others_has_a_name_and_a_status)
{
    static const test_state employees[] = {
        {"{\"id\":\"E1\",\"displayName\":\"Ana\",\"status\":1}", NULL},
        {"{\"id\":\"E1\",\"displayName\":\"Ana\",\"status\":17}", NULL},
        {"{\"id\":\"E1\",\"displayName\":\"Ana\"}", "status"},
        {"{\"id\":\"E1\",\"status\":1}", "display_name"},
    };
    static const test_state named[] = {
        {"{\"id\":\"X\",\"name\":\"N\",\"status\":2}", NULL},
        {"{\"id\":\"X\",\"name\":\"N\",\"status\":17}", NULL},
        {"{\"id\":\"X\",\"name\":\"N\"}", "status"},
        {"{\"id\":\"X\",\"status\":1}", "name"},
    };
    CHECK_STATES(timesheet__v1__employee__descriptor, timesheet_v1_employee_rules, &timesheet_v1_employee_field_rules,
                 employees);
    CHECK_STATES(timesheet__v1__job__descriptor, NULL, &timesheet_v1_job_field_rules, named);
    CHECK_STATES(timesheet__v1__location__descriptor, NULL, &timesheet_v1_location_field_rules, named);
    CHECK_STATES(job__v1__location__descriptor, NULL, &job_v1_location_field_rules, named);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("states");
    TCase *tests = tcase_create("states");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_day_is_whole_in_order_and_within_itself);
    tcase_add_test(tests, every_day_of_the_calendar_has_its_own_hours);
    tcase_add_test(tests, an_employee_is_employed_or_has_left);
    tcase_add_test(tests, a_claim_has_a_value_and_a_holder);
    tcase_add_test(tests, a_job_is_paid_and_open_or_closed);
    tcase_add_test(tests, a_place_stands_where_its_kind_may);
    tcase_add_test(tests, a_tree_has_no_cycle);
    tcase_add_test(tests, what_is_kept_of_others_has_a_name_and_a_status);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
