/*
 * How old what is answered may be, on a whole mesh: idle services are young, also for the strictest demand; what has not
 * arrived yet is waited for, or refused with its age; and one token of a session serves everywhere.
 */
#include "base/clock.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET_DAY "timesheet.v1.TimesheetService.GetDay"
#define GET_JOB "job.v1.JobService.GetJob"

static furrow_error err;

/* The status of a call with one header, and the age in its answer; "" when it says none. */
static furrow_status call_with(farm *f, const char *method, const char *json, furrow_header header, const char **age)
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = method, .headers = &header, .header_count = 1, .data = furrow_bytes_of(json)};
    err = (furrow_error){0};
    furrow_status status = furrow_link_request(f->link, &out, farm_within_ms(10000), &reply, &err);
    if (status != FURROW_OK) return status;
    const char *told = furrow_msg_header(reply, FURROW_HEADER_AGE);
    *age = furrow_arena_strdup(f->arena, told ? told : "");
    status = furrow_client_reply_status(reply, &err);
    furrow_msg_free(reply);
    return status;
}

static furrow_status at_most(farm *f, const char *method, const char *json, const char *max_age, const char **age)
{
    return call_with(f, method, json, (furrow_header){FURROW_HEADER_MAX_AGE, max_age}, age);
}

static void is_young(farm *f, const char *method, const char *json, const char *max_age)
{
    const char *age;
    uint64_t age_ns = UINT64_MAX, max_ns = 0;
    furrow_status status = at_most(f, method, json, max_age, &age);
    ck_assert_msg(status == FURROW_OK || status == FURROW_NOT_FOUND, "%s: %s: %s", max_age, furrow_status_name(status),
                  err.text);
    ck_assert_msg(furrow_header_parse_max_age(age, &age_ns, &err) == FURROW_OK, "%s: \"%s\"", method, age);
    ck_assert(furrow_header_parse_max_age(max_age, &max_ns, &err) == FURROW_OK);
    if (max_ns > 0) ck_assert_uint_le(age_ns, max_ns);
}

static void young(farm *f)
{
    farm_start_all(f, 1);
    static const char *const ages[] = {"2S", "99999999H", "100m", "0S", "1n", "2S"};
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
        is_young(f, GET_DAY, "{\"id\":\"nobody\"}", ages[i]);
        is_young(f, GET_JOB, "{\"id\":\"J1\"}", ages[i]);
        is_young(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"nobody\"}", ages[i]);
        is_young(f, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", ages[i]);
    }
    static const char *const wrong[] = {"2", "S", "-1S", "2 S", "2Sx", "123456789S", "0x2S", "forever"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *age;
        ck_assert_int_eq(at_most(f, GET_JOB, "{\"id\":\"J1\"}", wrong[i], &age), FURROW_INVALID_ARGUMENT);
        ck_assert_msg(strstr(err.text, "Furrow-Max-Age must be"), "%s", err.text);
    }
}

START_TEST(idle_services_are_young_whatever_is_asked_for)
{
    farm_run(young);
}
END_TEST

/* While others write without pause, the newest events are always on their way: that makes nothing old. */
typedef struct writer {
    farm *f;
    bool stop, stopped;
    int hired;
} writer;

static void write_on(void *arg)
{
    writer *self = arg;
    while (!self->stop) {
        char json[128];
        furrow_error ignored;
        snprintf(json, sizeof json, "{\"id\":\"W%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\"}",
                 self->hired, self->hired);
        self->hired++;
        (void)farm_call(self->f, "employee.v1.EmployeeService.HireEmployee", json, NULL, &ignored);
    }
    self->stopped = true;
}

static void busy(farm *f)
{
    static writer writers[4];
    farm_start_all(f, 1);
    for (int i = 0; i < 4; i++) {
        writers[i] = (writer){.f = f, .hired = 100000 * (i + 1)};
        ck_assert_int_eq(furrow_loop_spawn(f->loop, write_on, &writers[i], &err), FURROW_OK);
    }
    for (int i = 0; i < 300; i++) is_young(f, GET_DAY, "{\"id\":\"nobody\"}", "2S");
    is_young(f, GET_DAY, "{\"id\":\"nobody\"}", "0S");
    is_young(f, "employee.v1.EmployeeService.GetEmployee", "{\"id\":\"nobody\"}", "0S");
    for (int i = 0; i < 4; i++) writers[i].stop = true;
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        writers[0].stopped && writers[1].stopped && writers[2].stopped && writers[3].stopped, FARM_PATIENCE_MS));
}

START_TEST(a_busy_log_makes_nothing_old)
{
    farm_run(busy);
}
END_TEST

static void put_employee(farm *f)
{
    furrow_js_puback ack;
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    ck_assert_int_eq(furrow_js_publish(farm_log(f, FARM_EMPLOYEE), "employee.v1.Employee.E1",
                                       furrow_bytes_of("\x0a\x02"
                                                       "E1"
                                                       "\x12\x03"
                                                       "Ana"
                                                       "\x30\x01"),
                                       &options, farm_within_ms(5000), &ack, &err),
                     FURROW_OK);
}

/* A Redis that is full takes nothing more and still answers: what is kept grows old. That lasts until the service has
 * noticed, and serves no more: within a second, so the question may come too late, and then is asked again. */
static bool is_told_how_old(farm *f, const char **age)
{
    (void)farm_redis(f, "operator", "config set maxmemory 1");
    put_employee(f);
    furrow_status status = at_most(f, GET_DAY, "{\"id\":\"nobody\"}", "0S", age);
    ck_assert_msg(status == FURROW_UNAVAILABLE, "%s: %s", furrow_status_name(status), err.text);
    if (strstr(err.text, "what is kept of employee.v1.Employee is ") && strstr(err.text, " old, and 0n is"))
        return true;
    (void)farm_redis(f, "operator", "config set maxmemory 0");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(at_most(f, GET_DAY, "{\"id\":\"nobody\"}", "0S", age) == FURROW_NOT_FOUND,
                                             FARM_PATIENCE_MS));
    return false;
}

static void old(farm *f)
{
    const char *age = "";
    setenv("FURROW_WAIT_MS", "100", 1);
    farm_start_all(f, 1);
    unsetenv("FURROW_WAIT_MS");
    is_young(f, GET_DAY, "{\"id\":\"nobody\"}", "0S");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_told_how_old(f, &age), FARM_PATIENCE_MS));
    ck_assert_str_ne(age, "");
    ck_assert_ptr_nonnull(strstr(err.text, age));
    (void)farm_redis(f, "operator", "config set maxmemory 0");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(at_most(f, GET_DAY, "{\"id\":\"nobody\"}", "0S", &age) == FURROW_NOT_FOUND,
                                             FARM_PATIENCE_MS));
}

START_TEST(what_is_too_old_is_refused_with_its_age)
{
    farm_run(old);
}
END_TEST

static furrow_status after(farm *f, const char *method, const char *json, const char *pairs)
{
    const char *age;
    return call_with(f, method, json, (furrow_header){FURROW_HEADER_AFTER, pairs}, &age);
}

static void tokens(farm *f)
{
    setenv("FURROW_WAIT_MS", "100", 1);
    farm_start_all(f, 1);
    unsetenv("FURROW_WAIT_MS");
    static const char others[] = "employee.v1.Employee.E1=1,timesheet.v1.WorkDay.D1=999999,no.such.Thing.x=7";
    ck_assert_int_eq(after(f, "location.v1.LocationService.GetLocation", "{\"id\":\"B1\"}", others), FURROW_OK);
    ck_assert_int_eq(after(f, GET_JOB, "{\"id\":\"J1\"}", others), FURROW_OK);
    /* What is kept is waited for, wherever it stands among them. */
    char *kept = farm_text(f, "%s,location.v1.Location.B1=999999", others);
    ck_assert_int_eq(after(f, GET_JOB, "{\"id\":\"J1\"}", kept), FURROW_UNAVAILABLE);
    kept = farm_text(f, "location.v1.Location.B1=999999,%s", others);
    ck_assert_int_eq(after(f, GET_JOB, "{\"id\":\"J1\"}", kept), FURROW_UNAVAILABLE);
    ck_assert_int_eq(after(f, GET_JOB, "{\"id\":\"J1\"}", "location.v1.Location.B1=2,x"), FURROW_INVALID_ARGUMENT);
}

START_TEST(one_token_serves_everywhere)
{
    farm_run(tokens);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("age");
    TCase *tests = tcase_create("age");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, idle_services_are_young_whatever_is_asked_for);
    tcase_add_test(tests, a_busy_log_makes_nothing_old);
    tcase_add_test(tests, what_is_too_old_is_refused_with_its_age);
    tcase_add_test(tests, one_token_serves_everywhere);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
