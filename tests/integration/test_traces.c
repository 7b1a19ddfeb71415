/*
 * A trace through a whole mesh: from a request to its event, what a command writes beside, what other services'
 * reactions to it write; and from the tool's environment. As a stock client sees it: in the headers of events.
 */
#include "rpc/client.h"
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE  "employee.v1.EmployeeService."
#define TIMESHEET "timesheet.v1.TimesheetService."
#define HEADERS   4

static furrow_error err;

/* A traceparent of a trace that ends in @n. */
static const char *parent_of(farm *f, unsigned n)
{
    return farm_text(f, "00-4bf92f3577b34da6a3ce929d0e0e47%02x-00f067aa0ba902b7-01", n);
}

static char *ask(farm *f, const char *method, const char *json, const furrow_header headers[HEADERS])
{
    furrow_msg *reply = NULL;
    furrow_outgoing out = {.subject = method, .headers = headers, .data = furrow_bytes_of(json)};
    while (out.header_count < HEADERS && headers[out.header_count].name) out.header_count++;
    furrow_status status = furrow_link_request(farm_caller(f, method), &out, farm_within_ms(10000), &reply, &err);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", method, json, err.text);
    char *answer = furrow_arena_memdup(f->arena, reply->data.data, reply->data.len);
    furrow_msg_free(reply);
    return answer;
}

static const char *person(farm *f, const char *id)
{
    return farm_text(f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, id);
}

/* The newest event of @subject. */
static furrow_js_stored newest(farm *f, int service, const char *stream, const char *subject)
{
    furrow_js_stored stored;
    furrow_status status =
        furrow_js_get_last(farm_log(f, service), stream, subject, farm_within_ms(10000), f->arena, &stored, &err);
    ck_assert_msg(status == FURROW_OK, "%s: %s", subject, err.text);
    return stored;
}

static furrow_js_stored employee_event(farm *f, const char *id)
{
    return newest(f, FARM_EMPLOYEE, "EMPLOYEE", farm_text(f, "employee.v1.Employee.%s", id));
}

static const char *header_of(farm *f, const furrow_js_stored *event, const char *name)
{
    const char *value = furrow_js_stored_header(event, name, f->arena);
    return value ? value : "";
}

/* Is the event of the trace of @parent, with a span of its own, and does it say so to who knows CloudEvents alone? */
static void check_event(farm *f, const furrow_js_stored *event, const char *parent, const char *state,
                        const char *ce_state)
{
    const char *own = header_of(f, event, "traceparent");
    ck_assert_msg(strncmp(own, parent, 36) == 0 && strlen(own) == 55, "%s: %s", event->subject, own);
    ck_assert_str_ne(own, parent);
    ck_assert_str_eq(own + 52, parent + 52);
    ck_assert_str_eq(header_of(f, event, "ce-traceparent"), own);
    ck_assert_str_eq(header_of(f, event, "tracestate"), state);
    ck_assert_str_eq(header_of(f, event, "ce-tracestate"), ce_state);
    ck_assert_str_eq(header_of(f, event, "ce-datacontenttype"), "application/protobuf");
}

static void check_untraced(farm *f, const furrow_js_stored *event)
{
    for (const char *const *name =
             (const char *const[]){"traceparent", "tracestate", "ce-traceparent", "ce-tracestate", NULL};
         *name; name++)
        ck_assert_ptr_null(furrow_js_stored_header(event, *name, f->arena));
    ck_assert_str_eq(header_of(f, event, "ce-datacontenttype"), "application/protobuf");
}

static bool is_closed(farm *f, const char *day)
{
    furrow_js_stored event = newest(f, FARM_TIMESHEET, "WORK_DAY", day);
    return strcmp(header_of(f, &event, "ce-type"), "timesheet.v1.WorkDay.closed") == 0;
}

/* A termination is an event of employee; timesheet, which reacts, closes the day. */
static void through_a_reaction(farm *f, const char *id, const furrow_header headers[HEADERS])
{
    char *day = NULL;
    ask(f, EMPLOYEE "HireEmployee", person(f, id), (const furrow_header[HEADERS]){{NULL, NULL}});
    char *json = farm_text(f, "{\"employeeId\":\"%s\",\"jobId\":\"J1\",\"locationId\":\"B1\"}", id), *answer = NULL;
    furrow_status status = farm_call_until(f, TIMESHEET "ClockIn", json, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    ck_assert(furrow_json_find_text(furrow_bytes_of(answer), "day.id", f->arena, &day));
    day = farm_text(f, "timesheet.v1.WorkDay.%s", day);
    furrow_js_stored event = newest(f, FARM_TIMESHEET, "WORK_DAY", day);
    check_untraced(f, &event);
    ask(f, EMPLOYEE "TerminateEmployee", farm_text(f, "{\"id\":\"%s\"}", id), headers);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(is_closed(f, day), FARM_PATIENCE_MS));
    furrow_js_stored terminated = employee_event(f, id), closed = newest(f, FARM_TIMESHEET, "WORK_DAY", day);
    if (headers[0].name == NULL) {
        check_untraced(f, &terminated);
        check_untraced(f, &closed);
        return;
    }
    check_event(f, &terminated, headers[0].value, headers[1].value, headers[1].value);
    check_event(f, &closed, header_of(f, &terminated, "traceparent"), header_of(f, &terminated, "tracestate"),
                header_of(f, &terminated, "ce-tracestate"));
}

static void carried(farm *f)
{
    farm_start_all(f, 1);
    through_a_reaction(f, "E1",
                       (const furrow_header[HEADERS]){{"traceparent", parent_of(f, 1)}, {"tracestate", "a=1,b=2"}});
    through_a_reaction(f, "E2", (const furrow_header[HEADERS]){{NULL, NULL}});
}

START_TEST(a_trace_goes_on_through_events_and_reactions)
{
    farm_run(carried);
}
END_TEST

/* What a command writes beside its own entity: a block's location, and the tree of its ranch. */
static void side_writes(farm *f)
{
    farm_start_all(f, 1);
    const furrow_header headers[HEADERS] = {{"Traceparent", parent_of(f, 2)}, {"Tracestate", "a=x y"}};
    ask(f, "location.v1.LocationService.CreateLocation",
        "{\"id\":\"B2\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Block 2\",\"parentId\":\"R1\"}", headers);
    furrow_js_stored block = newest(f, FARM_LOCATION, "LOCATION", "location.v1.Location.B2");
    furrow_js_stored tree = newest(f, FARM_LOCATION, "TREE", "location.v1.Tree.R1");
    check_event(f, &block, headers[0].value, "a=x y", "a=x%20y");
    check_event(f, &tree, headers[0].value, "a=x y", "a=x%20y");
    ck_assert_str_ne(header_of(f, &block, "traceparent"), header_of(f, &tree, "traceparent"));
    /* The claim on a badge. */
    ask(f, EMPLOYEE "HireEmployee", person(f, "E1"), headers);
    furrow_js_stored hired = employee_event(f, "E1");
    check_event(f, &hired, headers[0].value, "a=x y", "a=x%20y");
}

START_TEST(what_is_written_beside_is_of_the_trace)
{
    farm_run(side_writes);
}
END_TEST

/* A peer's 100 KB are stored nowhere; what is no trace begins a new one. */
static void hostile(farm *f)
{
    farm_start_all(f, 1);
    char *huge = furrow_arena_alloc(f->arena, 900 + 1), *part = huge;
    for (int i = 0; i < 9; i++) part += sprintf(part, "%s%c=%0*d", i ? "," : "", 'a' + i, 97, 0);
    const furrow_header headers[HEADERS] = {{"traceparent", parent_of(f, 3)}, {"tracestate", huge}};
    ask(f, EMPLOYEE "HireEmployee", person(f, "E1"), headers);
    furrow_js_stored event = employee_event(f, "E1");
    ck_assert_uint_eq(strlen(header_of(f, &event, "tracestate")), 5 * 99 + 4);
    ck_assert_int_eq(strncmp(header_of(f, &event, "tracestate"), huge, 5 * 99 + 4), 0);
    const furrow_header many[HEADERS] = {
        {"traceparent", parent_of(f, 4)}, {"tracestate", huge}, {"Tracestate", huge}, {"TRACESTATE", huge}};
    ask(f, EMPLOYEE "HireEmployee", person(f, "E2"), many);
    event = employee_event(f, "E2");
    ck_assert_uint_le(strlen(header_of(f, &event, "tracestate")), 512);
    const furrow_header twice[HEADERS] = {
        {"traceparent", parent_of(f, 5)}, {"Traceparent", parent_of(f, 6)}, {"tracestate", "a=1"}};
    ask(f, EMPLOYEE "HireEmployee", person(f, "E3"), twice);
    event = employee_event(f, "E3");
    ck_assert_ptr_null(strstr(header_of(f, &event, "traceparent"), "4bf92f35"));
    ck_assert_uint_eq(strlen(header_of(f, &event, "traceparent")), 55);
    ck_assert_str_eq(header_of(f, &event, "tracestate"), "");
}

START_TEST(what_a_peer_sends_is_bounded)
{
    farm_run(hostile);
}
END_TEST

static void tool(farm *f)
{
    farm_start_all(f, 1);
    const char *parent = parent_of(f, 7);
    char *path = farm_text(f, "%s/employees.csv", furrow_test_tempdir());
    furrow_test_write_file(path, "id,given_name,family_name,badge\nE2,A,B,2\n");
    setenv("TRACEPARENT", parent, 1);
    setenv("TRACESTATE", "a=1", 1);
    farm_tool_says(f, "client", 0, (const char *const[]){"call", EMPLOYEE "HireEmployee", person(f, "E1"), NULL});
    farm_program_says(f, "client", 0, (const char *const[]){"import", path, NULL});
    farm_tool_says(f, "client", 0,
                   (const char *const[]){"call", EMPLOYEE "HireEmployee", person(f, "E3"), "-H",
                                         farm_text(f, "Traceparent: %s", parent_of(f, 8)), NULL});
    setenv("TRACEPARENT", "nonsense", 1);
    ck_assert_ptr_nonnull(strstr(
        farm_tool_says(f, "client", 0, (const char *const[]){"call", EMPLOYEE "HireEmployee", person(f, "E4"), NULL}),
        "\"E4\""));
    furrow_js_stored none = employee_event(f, "E4");
    check_untraced(f, &none);
    setenv("TRACEPARENT", parent, 1);
    farm_tool_says(f, "client", 0,
                   (const char *const[]){"call", EMPLOYEE "TerminateEmployee", "{\"id\":\"E4\"}", NULL});
    farm_tool_says(f, "operator", 0, (const char *const[]){"erase", "employee.v1.Employee", "E4", NULL});
    furrow_js_stored erased = employee_event(f, "E4");
    check_event(f, &erased, parent, "a=1", "a=1");
    unsetenv("TRACEPARENT");
    unsetenv("TRACESTATE");
    furrow_js_stored called = employee_event(f, "E1"), imported = employee_event(f, "E2"),
                     own = employee_event(f, "E3");
    check_event(f, &called, parent, "a=1", "a=1");
    check_event(f, &imported, parent, "a=1", "a=1");
    check_event(f, &own, parent_of(f, 8), "", "");
}

START_TEST(the_tool_works_for_the_trace_of_its_environment)
{
    farm_run(tool);
}
END_TEST

static void begun(farm *f)
{
    farm_start_all(f, 1);
    farm_kill(f, FARM_EMPLOYEE, 0);
    farm_start_with(f, FARM_EMPLOYEE, 0, (const char *const[]){"FURROW_TRACE=begin", NULL});
    farm_wait_ready(f, FARM_EMPLOYEE);
    ask(f, EMPLOYEE "HireEmployee", person(f, "E1"), (const furrow_header[HEADERS]){{NULL, NULL}});
    ask(f, EMPLOYEE "HireEmployee", person(f, "E2"), (const furrow_header[HEADERS]){{"traceparent", parent_of(f, 9)}});
    furrow_js_stored one = employee_event(f, "E1"), other = employee_event(f, "E2");
    ck_assert_uint_eq(strlen(header_of(f, &one, "traceparent")), 55);
    ck_assert_str_eq(header_of(f, &one, "traceparent") + 52, "-02");
    check_event(f, &other, parent_of(f, 9), "", "");
    farm_kill(f, FARM_EMPLOYEE, 0);
}

START_TEST(a_service_can_be_told_to_begin_traces)
{
    farm_run(begun);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_trace_goes_on_through_events_and_reactions, what_is_written_beside_is_of_the_trace,
                                  what_a_peer_sends_is_bounded, the_tool_works_for_the_trace_of_its_environment,
                                  a_service_can_be_told_to_begin_traces};
    Suite *suite = suite_create("traces");
    TCase *cases = tcase_create("traces");
    SRunner *runner = srunner_create(suite);
    tcase_set_timeout(cases, 300);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
