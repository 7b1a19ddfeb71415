/* The rules of jobs, without any server. */
#include "job/v1/job.domain.h"

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

static furrow_status open_job(const Job__V1__OpenJobRequest *request, const Job__V1__Location *const *locations,
                              Job__V1__Job *next)
{
    furrow_status status = furrow_rule_first(&job_v1_open_job_request_field_rules, &request->base, &err);
    if (status != FURROW_OK) return status;
    Job__V1__Job fresh = JOB__V1__JOB__INIT;
    *next = fresh;
    job_open_job_known known = {.request = request,
                                .locations = locations,
                                .n_locations = locations ? request->n_location_ids : 0,
                                .id = "J1",
                                .now_ns = 1,
                                .arena = arena};
    return job_open_job(&known, next, &err);
}

START_TEST(wrong_fields_are_named)
{
    Job__V1__OpenJobRequest request = harvest();
    Job__V1__Job job;
    char *too_many[101] = {0};
    ck_assert_int_eq(open_job(&request, NULL, &job), FURROW_OK);
#define REFUSED(change, name)                                                                                          \
    do {                                                                                                               \
        request = harvest();                                                                                           \
        change;                                                                                                        \
        ck_assert_int_eq(open_job(&request, NULL, &job), FURROW_INVALID_ARGUMENT);                                     \
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
    REFUSED((request.location_ids = too_many, request.n_location_ids = 101), "location_ids");
#undef REFUSED
}
END_TEST

START_TEST(locations_must_be_known_and_open)
{
    char *ids[] = {"B1", "B2"};
    Job__V1__OpenJobRequest request = harvest();
    Job__V1__Job job;
    Job__V1__Location open = JOB__V1__LOCATION__INIT, closed = JOB__V1__LOCATION__INIT;
    open.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
    closed.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_CLOSED;
    const Job__V1__Location *known[] = {&open, &open};
    request.location_ids = ids;
    request.n_location_ids = 2;
    ck_assert_int_eq(open_job(&request, known, &job), FURROW_OK);
    known[1] = &closed;
    ck_assert_int_eq(open_job(&request, known, &job), FURROW_FAILED_PRECONDITION);
    known[1] = NULL;
    ck_assert_int_eq(open_job(&request, known, &job), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.text, "B2"));
}
END_TEST

START_TEST(a_job_opens_closes_and_opens_again)
{
    Job__V1__OpenJobRequest request = harvest();
    Job__V1__Job job, next;
    ck_assert_int_eq(open_job(&request, NULL, &job), FURROW_OK);
    ck_assert_int_eq(job.status, JOB__V1__JOB_STATUS__JOB_STATUS_OPEN);
    next = job;
    ck_assert_int_eq(job_close_job(&(job_close_job_known){.job = &job}, &next, &err), FURROW_OK);
    ck_assert_int_eq(next.status, JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED);
    Job__V1__Location closed = JOB__V1__LOCATION__INIT;
    closed.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_CLOSED;
    const Job__V1__Location *known[] = {&closed};
    char *ids[] = {"B1"};
    next.location_ids = ids;
    next.n_location_ids = 1;
    job_reopen_job_known reopen = {.job = &next, .locations = known, .n_locations = 1};
    job = next;
    ck_assert_int_eq(job_reopen_job(&reopen, &job, &err), FURROW_FAILED_PRECONDITION);
    reopen.n_locations = 0;
    job = next;
    ck_assert_int_eq(job_reopen_job(&reopen, &job, &err), FURROW_OK);
    ck_assert_int_eq(job.status, JOB__V1__JOB_STATUS__JOB_STATUS_OPEN);
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
