/* Which entities a list's request fits: the filter of runtime/query.h, over descriptions as the plugin makes them. */
#include "runtime/query.h"

#include "employee/v1/employee.pb-c.h"
#include "job/v1/job.pb-c.h"

#include <check.h>
#include <stdlib.h>

#define ACTIVE     EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
#define TERMINATED EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED

static furrow_arena *arena;
static Employee__V1__Employee employee;
static Employee__V1__ListEmployeesRequest request;

static void setup(void)
{
    arena = furrow_arena_create(0);
    employee = (Employee__V1__Employee)EMPLOYEE__V1__EMPLOYEE__INIT;
    employee.display_name = "José Gómez";
    employee.crew = "crew-1";
    employee.status = ACTIVE;
    request = (Employee__V1__ListEmployeesRequest)EMPLOYEE__V1__LIST_EMPLOYEES_REQUEST__INIT;
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static const furrow_query_by employees_by[] = {
    {.field = "crew",
     .of = "crew",
     .type = PROTOBUF_C_TYPE_STRING,
     .indexed = true,
     .at = offsetof(Employee__V1__ListEmployeesRequest, crew),
     .of_at = offsetof(Employee__V1__Employee, crew)},
    {.field = "name_prefix",
     .of = "display_name",
     .type = PROTOBUF_C_TYPE_STRING,
     .indexed = true,
     .fold = true,
     .prefix = true,
     .at = offsetof(Employee__V1__ListEmployeesRequest, name_prefix),
     .of_at = offsetof(Employee__V1__Employee, display_name)},
    {.field = "status",
     .of = "status",
     .type = PROTOBUF_C_TYPE_ENUM,
     .indexed = true,
     .at = offsetof(Employee__V1__ListEmployeesRequest, status),
     .of_at = offsetof(Employee__V1__Employee, status)},
};

static bool matches(const furrow_query_by *by, size_t count, const ProtobufCMessage *wanted,
                    const ProtobufCMessage *entity)
{
    const furrow_query_list_contract list = {.by = by, .by_count = count};
    bool fits = false;
    furrow_error err;
    ck_assert_int_eq(furrow_query_match(&list, wanted, entity, arena, &fits, &err), FURROW_OK);
    return fits;
}

static bool fits(void)
{
    return matches(employees_by, 3, &request.base, &employee.base);
}

START_TEST(all_that_is_given_filters)
{
    ck_assert(fits());
    request.status = ACTIVE;
    ck_assert(fits());
    request.crew = "crew-1";
    ck_assert(fits());
    request.crew = "crew-2";
    ck_assert(!fits());
    request.crew = "";
    request.status = TERMINATED;
    ck_assert(!fits());
}
END_TEST

START_TEST(a_folded_prefix_ignores_case_and_accents)
{
    request.name_prefix = "JOSE G";
    ck_assert(fits());
    request.name_prefix = "jose\xcc\x81 gomez";
    ck_assert(fits());
    request.name_prefix = "jos gomez";
    ck_assert(!fits());
    request.name_prefix = "gomez";
    ck_assert(!fits());
}
END_TEST

/* Texts are stored in normal form C; a request may be in another. */
START_TEST(text_is_compared_in_its_normal_form)
{
    employee.crew = "Ca\xc3\xb1on";
    request.crew = "Can\xcc\x83on";
    ck_assert(fits());
    request.crew = "Canon";
    ck_assert(!fits());
}
END_TEST

static bool job_fits(const furrow_query_by *by, const Job__V1__Job *job, Job__V1__ListJobsRequest *wanted)
{
    return matches(by, 1, &wanted->base, &job->base);
}

START_TEST(folded_text_is_compared_whole_without_a_prefix)
{
    static const furrow_query_by by = {.field = "code_prefix",
                                       .of = "code",
                                       .type = PROTOBUF_C_TYPE_STRING,
                                       .fold = true,
                                       .at = offsetof(Job__V1__ListJobsRequest, code_prefix),
                                       .of_at = offsetof(Job__V1__Job, code)};
    Job__V1__Job job = JOB__V1__JOB__INIT;
    Job__V1__ListJobsRequest wanted = JOB__V1__LIST_JOBS_REQUEST__INIT;
    job.code = "HARV-CITRUS";
    wanted.code_prefix = "harv-citrus";
    ck_assert(job_fits(&by, &job, &wanted));
    wanted.code_prefix = "harv-";
    ck_assert(!job_fits(&by, &job, &wanted));
}
END_TEST

START_TEST(of_a_repeated_field_one_value_is_enough)
{
    static const furrow_query_by by = {.field = "code_prefix",
                                       .of = "location_ids",
                                       .type = PROTOBUF_C_TYPE_STRING,
                                       .at = offsetof(Job__V1__ListJobsRequest, code_prefix),
                                       .of_at = offsetof(Job__V1__Job, location_ids),
                                       .of_count_at = offsetof(Job__V1__Job, n_location_ids)};
    char *ids[] = {"B1", "B2"};
    Job__V1__Job job = JOB__V1__JOB__INIT;
    Job__V1__ListJobsRequest wanted = JOB__V1__LIST_JOBS_REQUEST__INIT;
    wanted.code_prefix = "B2";
    ck_assert(!job_fits(&by, &job, &wanted));
    job.location_ids = ids;
    job.n_location_ids = 2;
    ck_assert(job_fits(&by, &job, &wanted));
    wanted.code_prefix = "B3";
    ck_assert(!job_fits(&by, &job, &wanted));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("query");
    TCase *tests = tcase_create("filter");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, all_that_is_given_filters);
    tcase_add_test(tests, a_folded_prefix_ignores_case_and_accents);
    tcase_add_test(tests, text_is_compared_in_its_normal_form);
    tcase_add_test(tests, folded_text_is_compared_whole_without_a_prefix);
    tcase_add_test(tests, of_a_repeated_field_one_value_is_enough);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
