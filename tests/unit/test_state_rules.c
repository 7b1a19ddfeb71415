/* The rules of the farm's states, alone: each of support/states.h by the domain that owns it. */
#include "employee/domain.h"
#include "job/domain.h"
#include "location/domain.h"
#include "log/claim.h"
#include "support/states.h"
#include "timesheet/state.h"
#include "timesheet/v1/timesheet.pb-c.h"
#include "wire/json.h"
#include "wire/rules.h"

#include <check.h>
#include <stdlib.h>

static void check_states(const ProtobufCMessageDescriptor *type, furrow_rules_fn *rules, const test_state *states,
                         size_t count)
{
    furrow_arena *arena = furrow_arena_create(0);
    for (size_t i = 0; i < count; i++) {
        furrow_error err = {0};
        ProtobufCMessage *state;
        ck_assert_msg(furrow_json_decode(type, furrow_bytes_of(states[i].json), arena, &state, &err) == FURROW_OK,
                      "%s: %s %s", states[i].json, err.field, err.text);
        furrow_status status = rules(state, &err);
        const char *broken = status == FURROW_OK ? "" : err.field, *expected = states[i].field ? states[i].field : "";
        ck_assert_msg((status == FURROW_OK) == !states[i].field && strcmp(broken, expected) == 0, "%s: \"%s\" %s",
                      states[i].json, broken, err.text);
    }
    furrow_arena_destroy(arena);
}
#define CHECK_STATES(type, rules, states) check_states(&type, rules, states, sizeof(states) / sizeof *(states))

START_TEST(a_day_is_whole_in_order_and_within_itself)
{
    CHECK_STATES(timesheet__v1__work_day__descriptor, state_check_day, day_states);
}
END_TEST

START_TEST(an_employee_is_employed_or_has_left)
{
    CHECK_STATES(employee__v1__employee__descriptor, employee_check_state, employee_states);
    CHECK_STATES(employee__v1__employee_key__descriptor, employee_check_key, key_states);
}
END_TEST

START_TEST(a_claim_has_a_value_and_a_holder)
{
    static const test_state states[] = {
        {"{\"id\":\"C\",\"value\":\"7\",\"holder\":\"E 1\"}", "holder"},
        {"{\"id\":\"C\",\"holder\":\"E1\"}", "value"},
    };
    CHECK_STATES(employee__v1__badge_claim__descriptor, furrow_claim_check_state, states);
}
END_TEST

START_TEST(a_job_is_paid_and_open_or_closed)
{
    CHECK_STATES(job__v1__job__descriptor, job_check_state, job_states);
}
END_TEST

START_TEST(a_place_stands_where_its_kind_may)
{
    CHECK_STATES(location__v1__location__descriptor, location_check_state, location_states);
}
END_TEST

START_TEST(a_tree_has_no_cycle)
{
    CHECK_STATES(location__v1__tree__descriptor, location_check_tree, tree_states);
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
    CHECK_STATES(timesheet__v1__employee__descriptor, state_check_employee, employees);
    CHECK_STATES(timesheet__v1__job__descriptor, state_check_job, named);
    CHECK_STATES(timesheet__v1__location__descriptor, state_check_location, named);
    CHECK_STATES(job__v1__location__descriptor, job_check_location, named);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("states");
    TCase *tests = tcase_create("states");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_day_is_whole_in_order_and_within_itself);
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
