/*
 * Requests that no decent client sends, to every method of every service, in both encodings: names with NUL in them, and
 * texts where a rule has no place for it, times and numbers at and past every edge. Each is answered with INVALID_ARGUMENT that names the field, none
 * is taken for something else, and every service is the same process afterwards.
 */
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "harvest/v1/harvest.furrow.h"
#include "payroll/v1/payroll.furrow.h"
#include "timesheet/v1/timesheet.furrow.h"
#include "wire/json.h"
#include "wire/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMESHEET "timesheet.v1.TimesheetService."

static const furrow_service_contract *const services[FARM_SERVICES] = {
    &employee_v1_employee_service,   &location_v1_location_service, &job_v1_job_service,
    &timesheet_v1_timesheet_service, &harvest_v1_harvest_service,   &payroll_v1_payroll_service};

static furrow_error err;

static furrow_status send_bytes(farm *f, const char *method, furrow_bytes body)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_outgoing out = {.subject = method, .data = body};
    err = (furrow_error){0};
    furrow_status status =
        furrow_link_request(farm_caller(f, method), &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err);
    return status == FURROW_OK ? furrow_client_reply_status(reply, &err) : status;
}

static furrow_status send_message(farm *f, const char *method, const ProtobufCMessage *request)
{
    furrow_bytes body;
    ck_assert_int_eq(furrow_message_pack(request, f->arena, &body, &err), FURROW_OK);
    return send_bytes(f, method, body);
}

/* @field stands in the path of what is wrong, or in the text when the body could not be read so far. */
static void refused(furrow_status status, const char *field, const char *what)
{
    ck_assert_msg(status == FURROW_INVALID_ARGUMENT, "%s: %s %s", what, furrow_status_name(status), err.text);
    ck_assert_msg(strstr(err.field, field) || strstr(err.text, field), "%s: \"%s\" %s", what, err.field, err.text);
}

/* What it was when it began, and at work. */
static void all_are_well(farm *f)
{
    for (int s = 0; s < FARM_SERVICES; s++) {
        ck_assert_msg(furrow_test_process_running(f->services[s][0]), "%s:\n%s", services[s]->short_name,
                      furrow_test_process_stderr(f->services[s][0]));
        farm_wait_ready(f, s);
    }
}

static void each_method(farm *f, furrow_bytes body, furrow_bytes other)
{
    for (int s = 0; s < FARM_SERVICES; s++)
        for (size_t m = 0; m < services[s]->method_count; m++) {
            const char *method = services[s]->methods[m].subject;
            refused(send_bytes(f, method, body), "", method);
            if (other.len) refused(send_bytes(f, method, other), "", method);
        }
}

static void names(farm *f)
{
    static const char escape[] = "\\u0000";
    const size_t count = 100000;
    char *text = furrow_arena_alloc(f->arena, 16 + count * (sizeof escape - 1)), *at = stpcpy(text, "{\"id");
    for (size_t i = 0; i < count; i++) at = stpcpy(at, escape);
    stpcpy(at, "\":1}");
    farm_start_all(f, 1);
    each_method(f, furrow_bytes_of(text), furrow_bytes_of("{\"id\\u0000\":\"E1\"}"));
    each_method(f, furrow_bytes_of("{\"\\u0000id\":\"E1\"}"), furrow_bytes_of("{\"page_size\\u0000\":1}"));
    all_are_well(f);
}

START_TEST(names_with_nul_bytes_end_no_service)
{
    farm_run(names);
}
END_TEST

/* Field 1 of every request is a text with a rule, or a message that this is none of; or it says what is to be found,
 * or there is none. */
static void each_first_text(farm *f)
{
    static const char *const finds_nothing[] = {
        "location.v1.LocationService.ListLocations", TIMESHEET "ListDays", "harvest.v1.HarvestService.ListTickets",
        "payroll.v1.PayrollService.ListStatements", "payroll.v1.PayrollService.GetRules"};
    const furrow_bytes body = FURROW_BYTES_LITERAL("\x0a\x03"
                                                   "a\0b");
    for (int s = 0; s < FARM_SERVICES; s++)
        for (size_t m = 0; m < services[s]->method_count; m++) {
            const char *method = services[s]->methods[m].subject;
            bool found = false;
            for (size_t i = 0; i < sizeof finds_nothing / sizeof *finds_nothing; i++)
                found |= strcmp(method, finds_nothing[i]) == 0;
            if (found)
                ck_assert_msg(send_bytes(f, method, body) == FURROW_OK, "%s: %s", method, err.text);
            else
                refused(send_bytes(f, method, body), "", method);
        }
}

static void texts(farm *f)
{
    farm_start_all(f, 1);
    each_first_text(f);
    static const struct {
        const char *method, *json, *field;
    } nested[] = {
        {"employee.v1.EmployeeService.HireEmployee", "{\"contact\":{\"phone\":\"+1\\u0000\"}}", "contact.phone"},
        {"employee.v1.EmployeeService.HireEmployee", "{\"private\":{\"taxId\":\"\\u0000\"}}", "private.tax_id"},
        {"employee.v1.EmployeeService.UpdateEmployee",
         "{\"employee\":{\"id\":\"E1\\u0000\",\"crew\":\"a\"},\"updateMask\":\"crew\"}", "id"},
        {"job.v1.JobService.OpenJob",
         "{\"code\":\"C\",\"name\":\"N\",\"kind\":1,\"pay\":{\"type\":1,\"rateCents\":\"1\"},\"locationIds\":[\"B1\","
         "\"B1\\u0000\"]}",
         "location_ids"},
        {"job.v1.JobService.OpenJob", "{\"pay\":{\"unit\":\"\\u0000\"}}", "pay.unit"},
        {"location.v1.LocationService.CreateLocation", "{\"name\":\"a\\u0000b\"}", "name"},
        {TIMESHEET "CorrectDay", "{\"entries\":[{},{\"jobId\":\"J1\\u0000\"}]}", "entries[1].job_id"},
        {TIMESHEET "ListDays", "{\"employeeId\":\"E1\",\"pageToken\":\"\\u0000\"}", "page_token"},
    };
    for (size_t i = 0; i < sizeof nested / sizeof *nested; i++)
        refused(send_bytes(f, nested[i].method, furrow_bytes_of(nested[i].json)), nested[i].field, nested[i].json);
    all_are_well(f);
}

START_TEST(texts_with_nul_bytes_are_refused_in_both_encodings)
{
    farm_run(texts);
}
END_TEST

static const int64_t edges[] = {INT64_MIN,
                                INT64_MIN + 1,
                                INT64_MAX,
                                INT64_MAX - 1,
                                18446744073,
                                18446744074,
                                -18446744074,
                                9223372036,
                                9223372037,
                                -9223372037,
                                253402300799,
                                253402300800,
                                -62135596800,
                                -62135596801,
                                20250000000,
                                4294967296000,
                                0,
                                -1,
                                INT64_MAX / 1000,
                                INT64_MIN / 1000};
#define EDGES (sizeof edges / sizeof *edges)

static void times(farm *f)
{
    static const int32_t nanos[] = {0, 999999999, -1, 1000000000, INT32_MAX, INT32_MIN};
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT, end = start;
    Timesheet__V1__Entry entry = TIMESHEET__V1__ENTRY__INIT, *entries[] = {&entry};
    Timesheet__V1__CorrectDayRequest correct = TIMESHEET__V1__CORRECT_DAY_REQUEST__INIT;
    Timesheet__V1__ClockInRequest in = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    char *answer = NULL, *id = NULL;
    farm_start_all(f, 1);
    ck_assert_int_eq(farm_call_until(f, "employee.v1.EmployeeService.HireEmployee",
                                     "{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"1\"}", NULL,
                                     &err),
                     FURROW_OK);
    ck_assert_int_eq(farm_call_until(f, TIMESHEET "ClockIn",
                                     "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", &answer, &err),
                     FURROW_OK);
    ck_assert(furrow_json_find_text(furrow_bytes_of(answer), "day.id", f->arena, &id));
    correct.id = id;
    correct.by = "a";
    correct.reason = "b";
    correct.n_entries = 1;
    correct.entries = entries;
    entry.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK;
    entry.job_id = in.job_id = "J1";
    entry.location_id = in.location_id = "B1";
    entry.start = &start;
    entry.end = &end;
    in.employee_id = "E1";
    in.at = &end;
    for (size_t i = 0; i < EDGES; i++)
        for (size_t n = 0; n < sizeof nanos / sizeof *nanos; n++) {
            char what[64];
            snprintf(what, sizeof what, "%lld s %d ns", (long long)edges[i], (int)nanos[n]);
            start.seconds = time(NULL);
            end.seconds = edges[i];
            end.nanos = nanos[n];
            refused(send_message(f, TIMESHEET "CorrectDay", &correct.base), "entries", what);
            refused(send_message(f, TIMESHEET "ClockIn", &in.base), "at", what);
            start = end;
            refused(send_message(f, TIMESHEET "CorrectDay", &correct.base), "entries", what);
            start.nanos = 0;
        }
    ck_assert_int_eq(farm_call(f, TIMESHEET "GetDay", farm_text(f, "{\"id\":\"%s\"}", id), &answer, &err), FURROW_OK);
    ck_assert_ptr_null(strstr(answer, "corrections"));
    all_are_well(f);
}

START_TEST(times_past_every_edge_are_refused_by_name)
{
    farm_run(times);
}
END_TEST

static void json_times(farm *f)
{
    static const char *const bad[] = {"2554-07-21T23:34:34Z",
                                      "2262-04-11T23:47:17Z",
                                      "1677-09-21T00:12:42Z",
                                      "9999-12-31T23:59:59.999999999Z",
                                      "0001-01-01T00:00:00Z",
                                      "10000-01-01T00:00:00Z",
                                      "0000-12-31T23:59:59Z",
                                      "9999-12-31T23:59:59-00:01",
                                      "0001-01-01T00:00:00+00:01",
                                      "99999999999999999999",
                                      ""};
    farm_start_all(f, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(send_bytes(f, TIMESHEET "ClockIn",
                           furrow_bytes_of(farm_text(f,
                                                     "{\"employeeId\":\"E1\",\"jobId\":\"J1\",\"locationId\":\"B1\","
                                                     "\"at\":\"%s\"}",
                                                     bad[i]))),
                "at", bad[i]);
        for (size_t day = 0; day < 2; day++) /* an existing day's id is not asked for before the request is read */
            ck_assert_int_ne(
                send_bytes(f, TIMESHEET "CorrectDay",
                           furrow_bytes_of(farm_text(f,
                                                     "{\"id\":\"E1_20261120\",\"by\":\"a\",\"reason\":\"b\","
                                                     "\"entries\":[{\"kind\":1,\"jobId\":\"J1\",\"locationId\":\"B1\","
                                                     "\"start\":\"%s\",\"end\":\"%s\"}]}",
                                                     day ? bad[i] : "2026-11-20T08:00:00Z", bad[i]))),
                FURROW_OK);
    }
    static const char *const days[] = {"E1_99991231", "E1_22620101", "E1_18991231", "E1_00000000", "E1_20261332",
                                       "E1_-0261111", "_20261120",   "20261120",    "E1_2026112"};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        refused(send_bytes(f, TIMESHEET "CorrectDay",
                           furrow_bytes_of(farm_text(f, "{\"id\":\"%s\",\"by\":\"m\",\"reason\":\"r\"}", days[i]))),
                "id", days[i]);
    all_are_well(f);
}

START_TEST(times_in_json_and_days_past_every_edge_are_refused)
{
    farm_run(json_times);
}
END_TEST

static void numbers(farm *f)
{
    static const struct {
        const char *method, *json, *field;
    } bad[] = {
        {TIMESHEET "ListDays", "{\"employeeId\":\"E1\",\"pageSize\":-1}", "page_size"},
        {TIMESHEET "ListDays", "{\"employeeId\":\"E1\",\"pageSize\":-2147483648}", "page_size"},
        {TIMESHEET "ListDays", "{\"employeeId\":\"E1\",\"pageSize\":2147483647}", "page_size"},
        {TIMESHEET "ListDays", "{\"employeeId\":\"E1\",\"pageSize\":2147483648}", "page_size"},
        {TIMESHEET "ListDays", "{\"employeeId\":\"E1\",\"pageSize\":1e999999999999}", "page_size"},
        {TIMESHEET "ListDays", "{\"date\":\"2026-02-30\"}", "date"},
        {TIMESHEET "ListDays", "{\"date\":\"99999-1-1x\"}", "date"},
        {TIMESHEET "CorrectDay", "{\"id\":\"E1_20261120\",\"version\":\"-9223372036854775808\"}", "version"},
        {"employee.v1.EmployeeService.UpdateEmployee",
         "{\"employee\":{\"id\":\"E1\"},\"updateMask\":\"\",\"version\":\"-1\"}", "version"},
        {"employee.v1.EmployeeService.HireEmployee",
         "{\"id\":\"E2\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"2\",\"hourlyRateCents\":"
         "\"9223372036854775807\"}",
         "hourly_rate_cents"},
        {"employee.v1.EmployeeService.HireEmployee",
         "{\"id\":\"E2\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"2\",\"hourlyRateCents\":\"-"
         "9223372036854775808\"}",
         "hourly_rate_cents"},
        {"job.v1.JobService.OpenJob",
         "{\"code\":\"C\",\"name\":\"N\",\"kind\":1,\"pay\":{\"type\":2,\"unit\":\"b\",\"rateCents\":\"-"
         "9223372036854775808\"}}",
         "pay.rate_cents"},
        {"job.v1.JobService.OpenJob", "{\"code\":\"C\",\"name\":\"N\",\"kind\":-2147483648}", "kind"},
        {"job.v1.JobService.OpenJob", "{\"code\":\"C\",\"name\":\"N\",\"kind\":1,\"pay\":{\"type\":2147483647}}",
         "pay.type"},
        {"location.v1.LocationService.CreateLocation", "{\"kind\":1,\"name\":\"N\",\"areaHa\":\"-Infinity\"}",
         "area_ha"},
        {"location.v1.LocationService.CreateLocation", "{\"kind\":1,\"name\":\"N\",\"areaHa\":1.8e308}", "area_ha"},
        {"location.v1.LocationService.CreateLocation",
         "{\"kind\":1,\"name\":\"N\",\"centroid\":{\"latitude\":\"NaN\"}}", "centroid.latitude"},
    };
    farm_start_all(f, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(send_bytes(f, bad[i].method, furrow_bytes_of(bad[i].json)), bad[i].field, bad[i].json);
    all_are_well(f);
}

START_TEST(numbers_past_every_edge_are_refused_by_name)
{
    farm_run(numbers);
}
END_TEST

static void headers(farm *f)
{
    static const struct {
        furrow_header header;
        bool good;
    } sent[] = {
        {{FURROW_HEADER_TIMEOUT, "99999999H"}, true},
        {{FURROW_HEADER_TIMEOUT, "100000000n"}, false},
        {{FURROW_HEADER_TIMEOUT, "-1S"}, false},
        {{FURROW_HEADER_TIMEOUT, "18446744073709551616n"}, false},
        {{FURROW_HEADER_TIMEOUT, "1"}, false},
        {{FURROW_HEADER_AFTER, "location.v1.Location.R1=18446744073709551616"}, false},
        {{FURROW_HEADER_AFTER, "location.v1.Location.R1=-1"}, false},
        {{FURROW_HEADER_AFTER, "location.v1.Location.R1="}, false},
        {{FURROW_HEADER_AFTER, "location.v1.Location.R1=+1"}, false},
        {{FURROW_HEADER_AFTER, "location.v1.Location.R1=0"}, true},
    };
    farm_start_all(f, 1);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        FURROW_AUTO(furrow_msg) reply = NULL;
        furrow_outgoing out = {.subject = "location.v1.LocationService.GetLocation",
                               .headers = &sent[i].header,
                               .header_count = 1,
                               .data = FURROW_BYTES_LITERAL("{\"id\":\"R1\"}")};
        ck_assert_int_eq(furrow_link_request(f->link, &out, farm_within_ms(FARM_PATIENCE_MS), &reply, &err), FURROW_OK);
        furrow_status status = furrow_client_reply_status(reply, &err);
        ck_assert_msg(status == (sent[i].good ? FURROW_OK : FURROW_INVALID_ARGUMENT), "%s: %s: %s", sent[i].header.name,
                      sent[i].header.value, furrow_status_name(status));
    }
    all_are_well(f);
}

START_TEST(numbers_in_headers_are_read_strictly)
{
    farm_run(headers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tests = tcase_create("hostile");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, names_with_nul_bytes_end_no_service);
    tcase_add_test(tests, texts_with_nul_bytes_are_refused_in_both_encodings);
    tcase_add_test(tests, times_past_every_edge_are_refused_by_name);
    tcase_add_test(tests, times_in_json_and_days_past_every_edge_are_refused);
    tcase_add_test(tests, numbers_past_every_edge_are_refused_by_name);
    tcase_add_test(tests, numbers_in_headers_are_read_strictly);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
