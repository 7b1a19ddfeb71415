/* See restore_farm.h. */
#include "restore_farm.h"

#include "base/clock.h"
#include "rpc/client.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static furrow_error err;

static void must(farm *f, const char *method, const char *json)
{
    furrow_status status = farm_call_until(f, method, json, NULL, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s: %s", method, json, furrow_status_name(status), err.text);
}

void restore_hire(farm *f, restore_people *people, int from, int to)
{
    for (int i = from; i < to; i++) {
        must(f, "employee.v1.EmployeeService.HireEmployee",
             farm_text(f, "{\"id\":\"E%d\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%d\",\"crew\":\"c0\"}",
                       i, i));
        people->list[i] = (restore_person){.hired = true};
    }
}

void restore_change(farm *f, restore_people *people, int who, int crew)
{
    must(f, "employee.v1.EmployeeService.UpdateEmployee",
         farm_text(f, "{\"employee\":{\"id\":\"E%d\",\"crew\":\"c%d\"},\"updateMask\":\"crew\"}", who, crew));
    people->list[who].crew = crew;
}

void restore_erase(farm *f, restore_people *people, int who)
{
    must(f, "employee.v1.EmployeeService.TerminateEmployee", farm_text(f, "{\"id\":\"E%d\"}", who));
    must(f, "employee.v1.EmployeeService.EraseEmployee", farm_text(f, "{\"id\":\"E%d\"}", who));
    people->list[who].crew = -1;
}

void restore_wait_all(farm *f)
{
    for (int s = 0; s < FARM_SERVICES; s++)
        if (f->services[s][0]) farm_wait_ready(f, s);
}

static void check_person(farm *f, int i, const restore_person *person)
{
    char *answer = NULL;
    const char *json = farm_text(f, "{\"id\":\"E%d\"}", i);
    furrow_status status = farm_call_until(f, "employee.v1.EmployeeService.GetEmployee", json, &answer, &err);
    if (!person->hired || person->crew < 0) {
        ck_assert_msg(status == FURROW_NOT_FOUND, "E%d: %s", i, furrow_status_name(status));
        return;
    }
    ck_assert_msg(status == FURROW_OK, "E%d: %s: %s", i, furrow_status_name(status), err.text);
    ck_assert_msg(strstr(answer, farm_text(f, "\"crew\":\"c%d\"", person->crew)), "E%d: %s", i, answer);
    /* Its badge is taken, and by it. */
    status =
        farm_call_until(f, "employee.v1.EmployeeService.HireEmployee",
                        farm_text(f, "{\"givenName\":\"X\",\"familyName\":\"Y\",\"badge\":\"%d\"}", i), NULL, &err);
    ck_assert_msg(status == FURROW_ALREADY_EXISTS && strstr(err.text, farm_text(f, "held by E%d", i)), "E%d: %s: %s", i,
                  furrow_status_name(status), err.text);
}

static void check_listed(farm *f, const restore_people *people)
{
    size_t listed = 0, expected = 0;
    char *answer = NULL;
    ck_assert_int_eq(
        farm_call_until(f, "employee.v1.EmployeeService.ListEmployees", "{\"pageSize\":1000}", &answer, &err),
        FURROW_OK);
    for (const char *at = answer; (at = strstr(at, "\"givenName\"")) != NULL; at++) listed++;
    for (int i = 0; i < RESTORE_PEOPLE_MAX; i++) expected += people->list[i].hired && people->list[i].crew >= 0;
    ck_assert_uint_eq(listed, expected);
}

void restore_check(farm *f, const restore_people *people)
{
    restore_wait_all(f);
    for (int i = 0; i < RESTORE_PEOPLE_MAX; i++)
        if (people->list[i].hired) check_person(f, i, &people->list[i]);
    check_listed(f, people);
    char *audit = NULL;
    bool right = FURROW_TEST_EVENTUALLY_IN_TASK(
        farm_tool(f, (free(audit), audit = NULL, &audit), (const char *const[]){"audit", NULL}) == 0, FARM_PATIENCE_MS);
    ck_assert_msg(right, "%s", audit);
    free(audit);
}

uint64_t restore_last_seq(farm *f, int service, const char *stream)
{
    furrow_js_stream_state state = {0};
    furrow_status status = furrow_js_stream_info(farm_log(f, service), stream, farm_within_ms(5000), &state, &err);
    return status == FURROW_OK ? state.last_seq : 0;
}

furrow_status restore_call(farm *f, const char *method, const char *json, const furrow_header *headers, size_t count,
                           char **answer, char **version, furrow_error *why)
{
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_outgoing out = {.subject = method, .headers = headers, .header_count = count, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_request(farm_caller(f, method), &out, farm_within_ms(6000), &reply, why);
    if (status != FURROW_OK) return status;
    const char *header = furrow_msg_has_headers(reply) ? furrow_msg_header(reply, FURROW_HEADER_VERSION) : NULL;
    if (version) *version = header ? furrow_arena_strdup(f->arena, header) : NULL;
    if (answer) *answer = furrow_arena_memdup(f->arena, reply->data.data ? reply->data.data : "", reply->data.len);
    return furrow_client_reply_status(reply, why);
}
