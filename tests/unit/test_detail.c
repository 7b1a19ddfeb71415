/* Details of errors: each type in and out, one of each, and what does not fit left out. */
#include "wire/detail.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
    furrow_fail(&err, FURROW_FAILED_PRECONDITION, "%s", "Ana is not employed");
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

START_TEST(an_error_that_says_nothing_has_no_detail)
{
    for (size_t i = 0; i < FURROW_DETAIL_TYPES; i++)
        ck_assert_ptr_null(furrow_detail_find(&err, furrow_detail_types[i], arena));
}
END_TEST

START_TEST(a_reason_is_an_error_info)
{
    furrow_fail_reason(&err, FURROW_ABORTED, "NOT_EMPLOYED", "%s is not employed", "Ana");
    ck_assert_int_eq(err.code, FURROW_ABORTED);
    ck_assert_str_eq(err.text, "Ana is not employed");
    ck_assert_str_eq(furrow_detail_error_info(&err, arena)->reason, "NOT_EMPLOYED");
    ck_assert_int_eq(furrow_detail_add_metadata(&err, "employee", "E1"), FURROW_ABORTED);
    ck_assert_int_eq(furrow_detail_add_metadata(&err, "since", "2026"), FURROW_ABORTED);
    const Furrow__V1__ErrorInfo *info = furrow_detail_error_info(&err, arena);
    ck_assert_str_eq(info->reason, "NOT_EMPLOYED");
    ck_assert_uint_eq(info->n_metadata, 2);
    ck_assert_str_eq(info->metadata[0]->key, "employee");
    ck_assert_str_eq(info->metadata[1]->value, "2026");
}
END_TEST

START_TEST(an_error_info_is_the_reason)
{
    Furrow__V1__ErrorInfo info = FURROW__V1__ERROR_INFO__INIT;
    char longest[100];
    memset(longest, 'R', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    info.reason = longest;
    info.domain = (char[]){"elsewhere.v1"};
    ck_assert_int_eq(furrow_detail_add(&err, &info.base), FURROW_FAILED_PRECONDITION);
    ck_assert_uint_eq(strlen(err.reason), 63);
    ck_assert_str_eq(furrow_detail_error_info(&err, arena)->reason, longest);
    ck_assert_str_eq(furrow_detail_error_info(&err, arena)->domain, "elsewhere.v1");
}
END_TEST

START_TEST(a_wrong_field_is_a_bad_request_and_a_delay_a_retry_info)
{
    furrow_fail_field(&err, "pay[2].rate", "is negative");
    err.retry_ms = 1500;
    const Furrow__V1__BadRequest *bad = furrow_detail_bad_request(&err, arena);
    ck_assert_uint_eq(bad->n_field_violations, 1);
    ck_assert_str_eq(bad->field_violations[0]->field, "pay[2].rate");
    ck_assert_str_eq(bad->field_violations[0]->description, "is negative");
    const Furrow__V1__RetryInfo *info = furrow_detail_retry_info(&err, arena);
    ck_assert_int_eq(info->retry_delay->seconds, 1);
    ck_assert_int_eq(info->retry_delay->nanos, 500000000);
    furrow_error other = {.code = FURROW_UNAVAILABLE};
    (void)furrow_detail_add(&other, &info->base);
    ck_assert_int_eq(other.retry_ms, 1500);
}
END_TEST

START_TEST(all_types_go_together_and_where_the_error_is_copied_to)
{
    Furrow__V1__Help__Link link = FURROW__V1__HELP__LINK__INIT, *links[] = {&link};
    Furrow__V1__Help help = FURROW__V1__HELP__INIT;
    Furrow__V1__RequestInfo request = FURROW__V1__REQUEST_INFO__INIT;
    Furrow__V1__LocalizedMessage message = FURROW__V1__LOCALIZED_MESSAGE__INIT;
    link.url = (char[]){"https://example.com/employment"};
    help.n_links = 1;
    help.links = links;
    request.request_id = (char[]){"4711"};
    message.locale = (char[]){"es-MX"};
    (void)furrow_detail_add_resource(&err, "employee.v1.Employee", "E1");
    (void)furrow_detail_add_precondition(&err, "job.v1.Job", "J1");
    (void)furrow_detail_add_quota(&err, "caller", "FURROW_MAX_WAITING");
    (void)furrow_detail_add(&err, &help.base);
    (void)furrow_detail_add(&err, &request.base);
    ck_assert_int_eq(furrow_detail_add(&err, &message.base), FURROW_FAILED_PRECONDITION);
    furrow_error copy = err;
    furrow_wrap(&copy, "clock in");
    furrow_fail(&err, FURROW_INTERNAL, "another");
    ck_assert_str_eq(furrow_detail_resource_info(&copy, arena)->resource_type, "employee.v1.Employee");
    ck_assert_str_eq(furrow_detail_resource_info(&copy, arena)->resource_name, "E1");
    ck_assert_str_eq(furrow_detail_precondition_failure(&copy, arena)->violations[0]->subject, "J1");
    ck_assert_str_eq(furrow_detail_quota_failure(&copy, arena)->violations[0]->quota_id, "FURROW_MAX_WAITING");
    ck_assert_str_eq(furrow_detail_help(&copy, arena)->links[0]->url, link.url);
    ck_assert_str_eq(furrow_detail_request_info(&copy, arena)->request_id, "4711");
    ck_assert_str_eq(furrow_detail_localized_message(&copy, arena)->locale, "es-MX");
    for (size_t i = 0; i < FURROW_DETAIL_TYPES; i++)
        ck_assert_ptr_null(furrow_detail_find(&err, furrow_detail_types[i], arena));
}
END_TEST

START_TEST(of_each_type_there_is_one)
{
    (void)furrow_detail_add_resource(&err, "job.v1.Job", "J1");
    (void)furrow_detail_add_quota(&err, "caller", "Q");
    (void)furrow_detail_add_resource(&err, "location.v1.Location", "a longer name than before");
    ck_assert_str_eq(furrow_detail_resource_info(&err, arena)->resource_name, "a longer name than before");
    ck_assert_str_eq(furrow_detail_quota_failure(&err, arena)->violations[0]->quota_id, "Q");
}
END_TEST

START_TEST(what_has_no_room_or_is_no_text_is_left_out)
{
    char large[FURROW_ERROR_DETAILS];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    (void)furrow_detail_add_quota(&err, "caller", "Q");
    ck_assert_int_eq(furrow_detail_add_resource(&err, "job.v1.Job", large), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(furrow_detail_add_precondition(&err, "job.v1.Job", "\xff"), FURROW_FAILED_PRECONDITION);
    ck_assert_ptr_null(furrow_detail_resource_info(&err, arena));
    ck_assert_ptr_null(furrow_detail_precondition_failure(&err, arena));
    ck_assert_str_eq(furrow_detail_quota_failure(&err, arena)->violations[0]->quota_id, "Q");
    ck_assert_str_eq(err.text, "Ana is not employed");
}
END_TEST

START_TEST(the_last_byte_of_room_is_used)
{
    char name[FURROW_ERROR_DETAILS];
    size_t fits = 0;
    for (size_t len = 1; len < sizeof name; len++) {
        memset(name, 'n', len);
        name[len] = '\0';
        furrow_fail(&err, FURROW_NOT_FOUND, "none");
        (void)furrow_detail_add_resource(&err, "", name);
        if (furrow_detail_resource_info(&err, arena)) fits = len;
    }
    ck_assert_uint_eq(fits, FURROW_ERROR_DETAILS - 3 - 3); /* our head; tag and length of the field */
}
END_TEST

START_TEST(nobody_has_to_want_the_detail)
{
    ck_assert_int_eq(furrow_detail_add_resource(NULL, "a", "b"), FURROW_UNKNOWN);
    ck_assert_int_eq(furrow_detail_add_metadata(NULL, "a", "b"), FURROW_UNKNOWN);
    ck_assert_int_eq(furrow_fail_reason(NULL, FURROW_ABORTED, "R", "x"), FURROW_ABORTED);
}
END_TEST

START_TEST(a_type_is_known_by_its_url)
{
    ck_assert_ptr_eq(furrow_detail_type("type.googleapis.com/google.rpc.Help"), &furrow__v1__help__descriptor);
    ck_assert_ptr_null(furrow_detail_type("type.googleapis.com/google.rpc.DebugInfo"));
    ck_assert_ptr_null(furrow_detail_type("type.googleapis.com/google.rpc.Hel"));
    ck_assert_ptr_null(furrow_detail_type(""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("detail");
    TCase *cases = tcase_create("detail");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, an_error_that_says_nothing_has_no_detail);
    tcase_add_test(cases, a_reason_is_an_error_info);
    tcase_add_test(cases, an_error_info_is_the_reason);
    tcase_add_test(cases, a_wrong_field_is_a_bad_request_and_a_delay_a_retry_info);
    tcase_add_test(cases, all_types_go_together_and_where_the_error_is_copied_to);
    tcase_add_test(cases, of_each_type_there_is_one);
    tcase_add_test(cases, what_has_no_room_or_is_no_text_is_left_out);
    tcase_add_test(cases, the_last_byte_of_room_is_used);
    tcase_add_test(cases, nobody_has_to_want_the_detail);
    tcase_add_test(cases, a_type_is_known_by_its_url);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
