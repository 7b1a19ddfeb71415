/* The rules of employment, without any server: the life of an employee and every refusal. */
#include "employee/v1/employee.domain.h"

#include <check.h>
#include <string.h>

#define ACTIVE     EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
#define TERMINATED EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED

static furrow_arena *arena;
static furrow_error err;
#define NOW_NS INT64_C(1795413600000000000) /* 2026-11-23T06:00:00Z */

static void setup(void)
{
    arena = furrow_arena_create(0);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static Employee__V1__HireEmployeeRequest rosa(void)
{
    Employee__V1__HireEmployeeRequest request = EMPLOYEE__V1__HIRE_EMPLOYEE_REQUEST__INIT;
    request.given_name = "Rosa";
    request.family_name = "Gómez";
    request.badge = "100001";
    return request;
}

static furrow_status hire_into(const Employee__V1__HireEmployeeRequest *request, bool deleted,
                               Employee__V1__Employee *next)
{
    furrow_status status = furrow_rule_first(&employee_v1_hire_employee_request_field_rules, &request->base, &err);
    if (status != FURROW_OK) return status;
    Employee__V1__Employee fresh = EMPLOYEE__V1__EMPLOYEE__INIT;
    *next = fresh;
    next->id = request->id[0] ? request->id : "E1";
    employee_hire_employee_known known = {
        .request = request, .id = next->id, .deleted = deleted, .now_ns = NOW_NS, .arena = arena};
    return employee_hire_employee(&known, next, &err);
}

static Employee__V1__Employee hired(void)
{
    Employee__V1__HireEmployeeRequest request = rosa();
    Employee__V1__Employee next;
    ck_assert_int_eq(hire_into(&request, false, &next), FURROW_OK);
    next.updated_at = furrow_timestamp_new(NOW_NS, arena);
    return next;
}

static furrow_status update(const Employee__V1__Employee *before, const Employee__V1__UpdateEmployeeRequest *request,
                            Employee__V1__Employee *next)
{
    furrow_status status = furrow_rule_first(&employee_v1_update_employee_request_field_rules, &request->base, &err);
    if (status != FURROW_OK) return status;
    *next = *before;
    employee_update_employee_known known = {
        .request = request, .employee = before, .id = before->id, .now_ns = NOW_NS, .arena = arena};
    return employee_update_employee(&known, next, &err);
}

static furrow_status terminate(const Employee__V1__Employee *before, char *date, int64_t now_ns,
                               Employee__V1__Employee *next)
{
    Employee__V1__TerminateEmployeeRequest request = EMPLOYEE__V1__TERMINATE_EMPLOYEE_REQUEST__INIT;
    request.date = date;
    *next = *before;
    employee_terminate_employee_known known = {
        .request = &request, .employee = before, .id = before->id, .now_ns = now_ns, .arena = arena};
    return employee_terminate_employee(&known, next, &err);
}

static furrow_status rehire(const Employee__V1__Employee *before, char *date, char *badge, int64_t now_ns,
                            Employee__V1__Employee *next)
{
    Employee__V1__RehireEmployeeRequest request = EMPLOYEE__V1__REHIRE_EMPLOYEE_REQUEST__INIT;
    request.date = date;
    request.badge = badge;
    *next = *before;
    employee_rehire_employee_known known = {
        .request = &request, .employee = before, .id = before->id, .now_ns = now_ns, .arena = arena};
    return employee_rehire_employee(&known, next, &err);
}

static furrow_status erase(const Employee__V1__Employee *employee)
{
    return employee_erase_employee(&(employee_erase_employee_known){.employee = employee, .id = employee->id}, &err);
}

START_TEST(a_hire_fills_in_what_was_left_out)
{
    Employee__V1__Employee employee = hired();
    ck_assert_str_eq(employee.display_name, "Rosa Gómez");
    ck_assert_str_eq(employee.language, "en");
    ck_assert_str_eq(employee.hire_date, "2026-11-23");
    ck_assert_str_eq(employee.badge, "100001");
    ck_assert_int_eq(employee.status, ACTIVE);
}
END_TEST

START_TEST(wrong_fields_are_named)
{
    Employee__V1__Contact contact = EMPLOYEE__V1__CONTACT__INIT;
    Employee__V1__EmployeePrivate private_fields = EMPLOYEE__V1__EMPLOYEE_PRIVATE__INIT;
    Employee__V1__HireEmployeeRequest request = rosa();
    Employee__V1__Employee next;
#define REFUSED(change, name)                                                                                          \
    do {                                                                                                               \
        request = rosa();                                                                                              \
        change;                                                                                                        \
        ck_assert_int_eq(hire_into(&request, false, &next), FURROW_INVALID_ARGUMENT);                                  \
        ck_assert_str_eq(err.field, name);                                                                             \
    } while (0)
    REFUSED(request.given_name = "", "given_name");
    REFUSED(request.family_name = "a\nb", "family_name");
    REFUSED(request.given_name = " ", "given_name");
    REFUSED(request.family_name = "\xc2\xa0\xe3\x80\x80", "family_name"); /* blanks of two kinds */
    REFUSED(request.given_name = "Jos\xef\xbf\xbd", "given_name");        /* U+FFFD */
    REFUSED(request.display_name = "Ana\xe2\x80\x8b", "display_name");
    REFUSED(request.crew = "c\xc2\x85", "crew");
    REFUSED(request.badge = "", "badge");
    REFUSED(request.badge = "12 34", "badge");
    REFUSED(request.hire_date = "2026-02-30", "hire_date");
    REFUSED(request.hire_date = "tomorrow", "hire_date");
    REFUSED(request.language = "e_n", "language");
    REFUSED(request.hourly_rate_cents = -1, "hourly_rate_cents");
    REFUSED(request.hourly_rate_cents = INT64_MAX, "hourly_rate_cents");
    REFUSED(request.id = "0123456789012345678901234567890123456789012345678", "id");
    REFUSED((contact.phone = "555", request.contact = &contact), "contact.phone");
    contact.phone = "+15595550123";
    REFUSED((contact.email = "nobody", request.contact = &contact), "contact.email");
    REFUSED((private_fields.birth_date = "1990-13-01", request.private_ = &private_fields), "private.birth_date");
#undef REFUSED
}
END_TEST

START_TEST(names_are_stored_in_their_normal_form)
{
    Employee__V1__HireEmployeeRequest request = rosa();
    Employee__V1__Employee next;
    request.given_name = "Jose\xcc\x81";
    ck_assert_int_eq(hire_into(&request, false, &next), FURROW_OK);
    ck_assert_str_eq(next.given_name, "Jos\xc3\xa9");
    ck_assert_str_eq(next.display_name, "Jos\xc3\xa9 Gómez");
}
END_TEST

/* What was taken before the rule was there stays readable, and may be changed elsewhere. */
START_TEST(an_odd_name_of_before_does_not_stand_in_the_way)
{
    Employee__V1__Employee before = hired(), next, patch = EMPLOYEE__V1__EMPLOYEE__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Employee__V1__UpdateEmployeeRequest request = EMPLOYEE__V1__UPDATE_EMPLOYEE_REQUEST__INIT;
    char *paths[] = {"crew"};
    before.given_name = "Jos\xef\xbf\xbd";
    ck_assert_int_eq(employee_check_employee(&before, &err), FURROW_OK);
    patch.id = "E1";
    patch.crew = "Cre\xcc\x81";
    mask.paths = paths;
    mask.n_paths = 1;
    request.employee = &patch;
    request.update_mask = &mask;
    ck_assert_int_eq(update(&before, &request, &next), FURROW_OK);
    ck_assert_str_eq(next.crew, "Cr\xc3\xa9");
    paths[0] = "given_name";
    patch.given_name = "\xe2\x80\x8b";
    ck_assert_int_eq(update(&before, &request, &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "given_name");
}
END_TEST

START_TEST(who_was_erased_is_not_hired_again)
{
    Employee__V1__HireEmployeeRequest request = rosa();
    Employee__V1__Employee next;
    ck_assert_int_eq(hire_into(&request, true, &next), FURROW_FAILED_PRECONDITION);
}
END_TEST

START_TEST(an_update_changes_what_the_mask_names_and_nothing_else)
{
    Employee__V1__Employee before = hired(), next, patch = EMPLOYEE__V1__EMPLOYEE__INIT;
    Employee__V1__Contact contact = EMPLOYEE__V1__CONTACT__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Employee__V1__UpdateEmployeeRequest request = EMPLOYEE__V1__UPDATE_EMPLOYEE_REQUEST__INIT;
    char *paths[] = {"crew", "contact.phone"};
    patch.id = "E1";
    patch.crew = "crew-7";
    patch.given_name = "Never";
    contact.phone = "+15595550123";
    patch.contact = &contact;
    request.employee = &patch;
    request.update_mask = &mask;
    ck_assert_int_eq(update(&before, &request, &next), FURROW_INVALID_ARGUMENT);
    mask.paths = paths;
    mask.n_paths = 2;
    ck_assert_int_eq(update(&before, &request, &next), FURROW_OK);
    ck_assert_str_eq(next.crew, "crew-7");
    ck_assert_str_eq(next.contact->phone, "+15595550123");
    ck_assert_str_eq(next.given_name, "Rosa");
    ck_assert_str_eq(before.crew, "");
    char *const forbidden[] = {"id", "status", "private", "hire_date", "nothing", "display_name.x"};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        paths[0] = forbidden[i];
        ck_assert_int_eq(update(&before, &request, &next), FURROW_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, strchr(forbidden[i], '.') ? forbidden[i] : "update_mask");
    }
    paths[0] = "contact.fax";
    ck_assert_int_eq(update(&before, &request, &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "contact.fax");
}
END_TEST

START_TEST(an_employment_ends_and_begins_again)
{
    Employee__V1__Employee active = hired(), left, back, again;
    ck_assert_int_eq(terminate(&active, "2026-11-01", NOW_NS, &left), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(rehire(&active, "", "", NOW_NS, &back), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(erase(&active), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(terminate(&active, "", NOW_NS, &left), FURROW_OK);
    ck_assert_int_eq(left.status, TERMINATED);
    ck_assert_str_eq(left.termination_date, "2026-11-23");
    ck_assert_int_eq(furrow_timestamp_ns(left.ended_at), NOW_NS);
    ck_assert_int_eq(erase(&left), FURROW_OK);
    ck_assert_int_eq(terminate(&left, "", NOW_NS + 1, &again), FURROW_OK);
    ck_assert_mem_eq(&again, &left, sizeof left); /* nothing to write */
    ck_assert_int_eq(rehire(&left, "", "200001", NOW_NS, &back), FURROW_OK);
    ck_assert_int_eq(back.status, ACTIVE);
    ck_assert_str_eq(back.termination_date, "");
    ck_assert_str_eq(back.badge, "200001");
    ck_assert_int_eq(furrow_timestamp_ns(back.ended_at), NOW_NS); /* who sees nothing else knows it by that */
    ck_assert_int_eq(terminate(&back, "", NOW_NS - 1, &again), FURROW_OK);
    ck_assert_int_eq(furrow_timestamp_ns(again.ended_at), NOW_NS);
    ck_assert_int_eq(rehire(&left, "2026-11-22", "", NOW_NS, &back), FURROW_FAILED_PRECONDITION);
}
END_TEST

/* The clock of who decides is a day and some behind that of who wrote: what it sets follows all the same. */
START_TEST(what_follows_is_never_before)
{
    int64_t behind_ns = NOW_NS - INT64_C(200000000000000);
    Employee__V1__Employee active = hired(), left, back, again;
    ck_assert_int_eq(terminate(&active, "", behind_ns, &left), FURROW_OK);
    ck_assert_str_eq(left.termination_date, active.hire_date);
    ck_assert_int_eq(rehire(&left, "", "", behind_ns, &back), FURROW_OK);
    ck_assert_str_eq(back.hire_date, left.termination_date);
    ck_assert_int_eq(terminate(&back, "", behind_ns - 1, &again), FURROW_OK);
    ck_assert_int_eq(furrow_timestamp_ns(again.ended_at), behind_ns);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("employee domain");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_hire_fills_in_what_was_left_out);
    tcase_add_test(tests, wrong_fields_are_named);
    tcase_add_test(tests, who_was_erased_is_not_hired_again);
    tcase_add_test(tests, names_are_stored_in_their_normal_form);
    tcase_add_test(tests, an_odd_name_of_before_does_not_stand_in_the_way);
    tcase_add_test(tests, an_update_changes_what_the_mask_names_and_nothing_else);
    tcase_add_test(tests, an_employment_ends_and_begins_again);
    tcase_add_test(tests, what_follows_is_never_before);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
