/* The rules of jobs, without any server. */
#include "job/domain.h"

#include <check.h>
#include <string.h>

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static Job__V1__Pay hourly, piece;

static Job__V1__OpenJobRequest harvest(void)
{
    Job__V1__OpenJobRequest request = JOB__V1__OPEN_JOB_REQUEST__INIT;
    Job__V1__Pay fresh = JOB__V1__PAY__INIT;
    hourly = piece = fresh;
    hourly.type = JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY;
    piece.type = JOB__V1__PAY_TYPE__PAY_TYPE_PIECE;
    piece.unit = "bin";
    piece.rate_cents = 3200;
    request.code = "HARV-1";
    request.name = "Harvest";
    request.kind = JOB__V1__JOB_KIND__JOB_KIND_HARVEST;
    request.pay = &piece;
    return request;
}

START_TEST(wrong_fields_are_named)
{
    Job__V1__OpenJobRequest request = harvest();
    char *bad_ids[] = {"B1", "B 2"};
    ck_assert_int_eq(job_check_open(&request, &err), FURROW_OK);
#define REFUSED(change, name)                                                                                          \
    do {                                                                                                               \
        request = harvest();                                                                                           \
        change;                                                                                                        \
        ck_assert_int_eq(job_check_open(&request, &err), FURROW_INVALID_ARGUMENT);                                     \
        ck_assert_str_eq(err.field, name);                                                                             \
    } while (0)
    REFUSED(request.code = "a b", "code");
    REFUSED(request.name = "", "name");
    REFUSED(request.name = "\xe3\x85\xa4 ", "name"); /* a filler that shows nothing */
    REFUSED(request.kind = 99, "kind");
    REFUSED(request.pay = NULL, "pay");
    REFUSED(piece.rate_cents = 0, "pay.rate_cents");
    REFUSED(piece.unit = "", "pay.unit");
    REFUSED((request.pay = &hourly, hourly.rate_cents = 5), "pay");
    REFUSED(piece.type = 0, "pay.type");
    REFUSED((request.location_ids = bad_ids, request.n_location_ids = 2), "location_ids[1]");
    REFUSED(request.n_location_ids = JOB_LOCATIONS_MAX + 1, "location_ids");
#undef REFUSED
}
END_TEST

START_TEST(locations_must_be_known_and_open)
{
    char *ids[] = {"B1", "B2"};
    Job__V1__Location open = JOB__V1__LOCATION__INIT, closed = JOB__V1__LOCATION__INIT;
    open.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
    closed.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_CLOSED;
    const Job__V1__Location *known[] = {&open, &open};
    ck_assert_int_eq(job_check_locations(ids, known, 2, &err), FURROW_OK);
    known[1] = &closed;
    ck_assert_int_eq(job_check_locations(ids, known, 2, &err), FURROW_FAILED_PRECONDITION);
    known[1] = NULL;
    ck_assert_int_eq(job_check_locations(ids, known, 2, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "B2"));
}
END_TEST

START_TEST(a_job_opens_closes_and_opens_again)
{
    Job__V1__OpenJobRequest request = harvest();
    Job__V1__Job *job = NULL, *next = NULL;
    ck_assert_int_eq(job_open(NULL, &request, "J1", 1, arena, &job, &err), FURROW_OK);
    ck_assert_int_eq(job_open(job, &request, "J1", 1, arena, &next, &err), FURROW_ALREADY_EXISTS);
    ck_assert_int_eq(job_set_status(job, "J1", JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED, 2, arena, &next, &err),
                     FURROW_OK);
    ck_assert_int_eq(next->status, JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED);
    ck_assert_int_eq(job->status, JOB__V1__JOB_STATUS__JOB_STATUS_OPEN);
    ck_assert_int_eq(job_set_status(NULL, "J2", JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED, 2, arena, &next, &err),
                     FURROW_NOT_FOUND);
    Job__V1__ListJobsRequest list = JOB__V1__LIST_JOBS_REQUEST__INIT;
    list.code_prefix = "harv";
    ck_assert(job_matches(job, &list));
    list.kind = JOB__V1__JOB_KIND__JOB_KIND_PRUNE;
    ck_assert(!job_matches(job, &list));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job domain");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, wrong_fields_are_named);
    tcase_add_test(tests, locations_must_be_known_and_open);
    tcase_add_test(tests, a_job_opens_closes_and_opens_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
