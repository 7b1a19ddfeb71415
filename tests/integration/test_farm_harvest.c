/*
 * harvest on real servers: scans come late, twice, in any order and in batches, are corrected and voided, at two processes
 * one of which is killed and started again and again, while Redis loses all it has. In the end the totals are what the
 * log comes to, ticket by ticket.
 */
#include "base/clock.h"
#include "link/jetstream.h"
#include "support/farm.h"
#include "support/wait.h"

#include "harvest/v1/harvest.pb-c.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EMPLOYEE "employee.v1.EmployeeService."
#define JOB      "job.v1.JobService."
#define LOCATION "location.v1.LocationService."
#define HARVEST  "harvest.v1.HarvestService."
#define PEOPLE   6
#define TICKETS  240
#define BATCH    30

static furrow_error err;

static char *must(farm *f, const char *method, const char *json)
{
    char *answer = NULL;
    ck_assert_msg(farm_call_until(f, method, json, &answer, &err) == FURROW_OK, "%s %s: %s", method, json, err.text);
    return answer;
}

static void refused(farm *f, const char *method, const char *json, furrow_status expected, const char *text)
{
    furrow_status status = farm_call(f, method, json, NULL, &err);
    ck_assert_msg(status == expected && strstr(err.text, text), "%s %s: %s: %s", method, json,
                  furrow_status_name(status), err.text);
}

/* RFC 3339, @ago_s seconds ago. */
static char *moment(farm *f, int64_t ago_s)
{
    time_t at = (time_t)(furrow_clock_wall_ns() / (int64_t)FURROW_NS_PER_S - ago_s);
    struct tm parts;
    char text[40];
    gmtime_r(&at, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return farm_text(f, "%s", text);
}

static void prepare(farm *f)
{
    farm_start_all(f, 2);
    must(f, LOCATION "CreateLocation",
         "{\"id\":\"B2\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Second\",\"parentId\":\"R1\"}");
    for (int i = 2; i < 4; i++)
        must(f, JOB "OpenJob",
             farm_text(f,
                       "{\"id\":\"P%d\",\"code\":\"P%d\",\"name\":\"Picking\",\"kind\":\"JOB_KIND_HARVEST\","
                       "\"pay\":{\"type\":\"PAY_TYPE_PIECE\",\"unit\":\"%s\",\"rateCents\":\"210\"}}",
                       i, i, i == 2 ? "bin" : "lug"));
    for (int i = 0; i < PEOPLE; i++)
        must(f, EMPLOYEE "HireEmployee",
             farm_text(f, "{\"id\":\"E%d\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"badge\":\"10%d\"}", i, i));
}

static char *scan_of(farm *f, const char *id, const char *badge, const char *job, const char *more)
{
    return farm_text(f,
                     "{\"id\":\"%s\",\"badge\":\"%s\",\"jobId\":\"%s\",\"locationId\":\"B1\",\"crew\":\"red\","
                     "\"quantity\":\"1500\",\"pickedAt\":\"%s\"%s}",
                     id, badge, job, moment(f, 3600), more);
}

/* Until harvest has heard of it, such scans are recorded. */
static void refused_soon(farm *f, const char *badge, const char *job, int64_t ago_s, const char *text)
{
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    furrow_status status;
    for (unsigned i = 0;; i++) {
        char *json = farm_text(f,
                               "{\"id\":\"%s-%u\",\"badge\":\"%s\",\"jobId\":\"%s\",\"locationId\":\"B1\","
                               "\"quantity\":\"5\",\"pickedAt\":\"%s\"}",
                               job, i, badge, job, moment(f, ago_s));
        status = farm_call(f, HARVEST "RecordTicket", json, NULL, &err);
        if (status == FURROW_FAILED_PRECONDITION || furrow_clock_now_ns() >= until) break;
        furrow_task_sleep_ms(10);
    }
    ck_assert_msg(status == FURROW_FAILED_PRECONDITION && strstr(err.text, text), "%s", err.text);
}

static void wrong_body(farm *f)
{
    prepare(f);
    char *first = scan_of(f, "T1", "100", "P2", "");
    ck_assert_ptr_nonnull(strstr(must(f, HARVEST "RecordTicket", first), "\"employeeName\":\"Ana Luna\""));
    ck_assert_ptr_nonnull(strstr(must(f, HARVEST "RecordTicket", first), "\"employeeId\":\"E0\""));
    refused(f, HARVEST "RecordTicket", scan_of(f, "T1", "101", "P2", ""), FURROW_ALREADY_EXISTS, "from another scan");
    refused(f, HARVEST "RecordTicket", scan_of(f, "T2", "999", "P2", ""), FURROW_FAILED_PRECONDITION,
            "badge 999 is not known here");
    refused(f, HARVEST "RecordTicket", scan_of(f, "T2", "100", "P9", ""), FURROW_FAILED_PRECONDITION,
            "job P9 is not known here");
    refused(f, HARVEST "RecordTicket", scan_of(f, "T2", "100", "J1", ""), FURROW_FAILED_PRECONDITION,
            "paid by the hour");
    /* A batch answers row by row: one is known, one new, the others wrong each in its way. */
    char *answer = must(f, HARVEST "RecordTickets",
                        farm_text(f,
                                  "{\"scans\":[%s,%s,%s,{\"id\":\"T5\",\"badge\":\"100\",\"jobId\":\"P2\","
                                  "\"locationId\":\"B1\",\"quantity\":\"0\",\"pickedAt\":\"%s\"},"
                                  "{\"id\":\"T6\",\"badge\":\"100\",\"jobId\":\"P2\",\"locationId\":\"B1\","
                                  "\"quantity\":\"5\",\"pickedAt\":\"%s\"}]}",
                                  first, scan_of(f, "T3", "101", "P2", ""), scan_of(f, "T4", "999", "P2", ""),
                                  moment(f, 60), moment(f, -900)));
    const char *const parts[] = {"[{\"id\":\"T1\",\"version\":\"",
                                 "\"known\":true},{\"id\":\"T3\",\"version\":\"",
                                 "{\"id\":\"T4\",\"code\":9,\"reason\":\"badge 999 is not known here\"",
                                 "{\"id\":\"T5\",\"code\":3",
                                 "\"field\":\"quantity\"",
                                 "{\"id\":\"T6\",\"code\":3",
                                 "in the future"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(answer, parts[i]) != NULL, "no %s in %s", parts[i], answer);
    refused(f, HARVEST "RecordTickets", "{\"scans\":[]}", FURROW_INVALID_ARGUMENT, "1 to 1000 at once");
    refused(f, HARVEST "GetTotals", "{\"by\":\"TOTALS_BY_DAY\",\"key\":\"B1\"}", FURROW_INVALID_ARGUMENT, "by day");
    /* Somebody leaves: what was picked before counts, what was picked since does not. */
    must(f, EMPLOYEE "TerminateEmployee", "{\"id\":\"E1\"}");
    refused_soon(f, "101", "P2", -120, "was not employed any more");
    must(f, HARVEST "RecordTicket", scan_of(f, "T8", "101", "P2", ""));
    /* A job closes. */
    must(f, JOB "CloseJob", "{\"id\":\"P3\"}");
    refused_soon(f, "100", "P3", 60, "job P3 (Picking) is closed");
}

START_TEST(wrong_scans_are_told_apart_row_by_row)
{
    farm_run(wrong_body);
}
END_TEST

/* As many as one batch takes, and one more. */
static void large_body(farm *f)
{
    enum { MOST = 1000 };
    char *answer = NULL, *json, *end;
    prepare(f);
    must(f, HARVEST "RecordTicket", scan_of(f, "T1", "105", "P2", "")); /* harvest has heard of the last of them */
    json = furrow_arena_alloc(f->arena, (MOST + 2) * 250);
    end = json + sprintf(json, "{\"scans\":[");
    for (int i = 0; i < MOST; i++)
        end += sprintf(end, "%s%s", i ? "," : "",
                       scan_of(f, farm_text(f, "L%d", i), farm_text(f, "10%d", i % PEOPLE), "P2", ""));
    strcpy(end, "]}");
    ck_assert_msg(farm_call(f, HARVEST "RecordTickets", json, &answer, &err) == FURROW_OK, "%s", err.text);
    ck_assert_msg(!strstr(answer, "\"code\":"), "%.600s", strstr(answer, "\"code\":"));
    answer = must(f, HARVEST "GetTotals", "{\"by\":\"TOTALS_BY_CREW\",\"key\":\"red\"}");
    long long tickets = 0;
    for (const char *at = answer; (at = strstr(at, "\"tickets\":\"")); at++) tickets += atoll(at + 11);
    ck_assert_int_eq(tickets, MOST + 1);
    sprintf(end, ",%s]}", scan_of(f, "L1000", "100", "P2", ""));
    refused(f, HARVEST "RecordTickets", json, FURROW_INVALID_ARGUMENT, "1 to 1000 at once, not 1001");
}

START_TEST(a_batch_takes_a_thousand)
{
    farm_run(large_body);
}
END_TEST

/* ---- brute force ---- */

typedef struct sum {
    char key[128];
    long long tickets, quantity;
} sum;

static sum sums[1000];
static size_t sum_count;

static void add_to(const char *way, const char *key, const Harvest__V1__Ticket *ticket)
{
    char name[128];
    snprintf(name, sizeof name, "%s %s %s %s", way, key, ticket->date, ticket->unit);
    size_t i = 0;
    while (i < sum_count && strcmp(sums[i].key, name) != 0) i++;
    if (i == sum_count) sum_count++;
    ck_assert_uint_lt(sum_count, sizeof sums / sizeof *sums);
    strcpy(sums[i].key, name);
    sums[i].tickets++;
    sums[i].quantity += ticket->quantity;
}

/* The newest state of each ticket in the log, one by one. */
static void count_log(farm *f)
{
    memset(sums, 0, sizeof sums);
    sum_count = 0;
    for (int i = 0; i < TICKETS; i++) {
        furrow_js_stored stored;
        furrow_status status =
            furrow_js_get_last(farm_log(f, FARM_HARVEST), "TICKET", farm_text(f, "harvest.v1.Ticket.S%d", i),
                               farm_within_ms(5000), f->arena, &stored, &err);
        ck_assert_msg(status == FURROW_OK, "S%d: %s", i, err.text);
        Harvest__V1__Ticket *ticket = harvest__v1__ticket__unpack(NULL, stored.data.len, stored.data.data);
        ck_assert_ptr_nonnull(ticket);
        if (ticket->status == HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED) {
            add_to("LOCATION", ticket->location_id, ticket);
            add_to("CREW", ticket->crew, ticket);
            add_to("JOB", ticket->job_id, ticket);
            add_to("DAY", "", ticket);
        }
        harvest__v1__ticket__free_unpacked(ticket, NULL);
    }
}

/* Every total that is answered is one that was counted, and the other way round. */
static const char *compare_way(farm *f, const char *way, size_t *seen)
{
    char *answer = NULL, key[40], date[16], unit[24];
    long long tickets, quantity;
    if (farm_call_until(f, HARVEST "GetTotals", farm_text(f, "{\"by\":\"TOTALS_BY_%s\",\"pageSize\":1000}", way),
                        &answer, &err) != FURROW_OK)
        return farm_text(f, "%s: %s", way, err.text);
    for (const char *at = answer; (at = strstr(at, "\"date\":")); at++) {
        char name[128];
        const char *begin = at;
        while (*begin != '{') begin--;
        if (sscanf(begin, "{\"key\":\"%39[^\"]\",", key) != 1) key[0] = '\0'; /* by day there is none */
        if (sscanf(at, "\"date\":\"%15[^\"]\",\"unit\":\"%23[^\"]\",\"tickets\":\"%lld\",\"quantity\":\"%lld\"", date,
                   unit, &tickets, &quantity) != 4)
            return farm_text(f, "unreadable: %s", at);
        snprintf(name, sizeof name, "%s %s %s %s", way, key, date, unit);
        size_t i = 0;
        while (i < sum_count && strcmp(sums[i].key, name) != 0) i++;
        if (i == sum_count) return farm_text(f, "%s is in no log", name);
        if (sums[i].tickets != tickets || sums[i].quantity != quantity)
            return farm_text(f, "%s: %lld tickets, %lld; the log has %lld, %lld", name, tickets, quantity,
                             sums[i].tickets, sums[i].quantity);
        (*seen)++;
    }
    return NULL;
}

static const char *compare_all(farm *f)
{
    static const char *const ways[] = {"LOCATION", "CREW", "JOB", "DAY"};
    size_t seen = 0;
    const char *wrong = NULL;
    count_log(f);
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !wrong; i++) wrong = compare_way(f, ways[i], &seen);
    return wrong || seen == sum_count ? wrong : farm_text(f, "%zu totals of %zu", seen, sum_count);
}

static void check_totals(farm *f)
{
    const char *wrong;
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    while ((wrong = compare_all(f)) && furrow_clock_now_ns() < until) furrow_task_sleep_ms(50);
    ck_assert_msg(!wrong, "%s", wrong);
    ck_assert_uint_gt(sum_count, 10);
}

/* ---- a history ---- */

/* One and the same for each number, however often it comes. */
static char *scans[TICKETS];

/* Batches with repetitions, some of them of what is new and old at once. Again until all are recorded. */
static void record_batch(farm *f, int first)
{
    char *json = furrow_arena_alloc(f->arena, (BATCH + 2) * 300), *answer = NULL;
    char *end = json + sprintf(json, "{\"scans\":[%s", scans[first]);
    for (int i = 1; i < BATCH; i++) end += sprintf(end, ",%s", scans[(first + i * 7) % TICKETS]);
    sprintf(end, ",%s]}", scans[first]);
    uint64_t until = farm_within_ms(FARM_PATIENCE_MS);
    for (;;) {
        furrow_status status = farm_call(f, HARVEST "RecordTickets", json, &answer, &err);
        if (status == FURROW_OK && !strstr(answer, "\"code\":")) return; /* 0 is left out */
        ck_assert_msg(furrow_clock_now_ns() < until, "%s: %s", err.text, answer ? answer : "");
        furrow_task_sleep_ms(20);
    }
}

static void change_some(farm *f, int from)
{
    for (int i = from; i < TICKETS; i += 11) {
        must(f, HARVEST "CorrectTicket",
             farm_text(
                 f,
                 "{\"id\":\"S%d\",\"employeeId\":\"E%d\",\"jobId\":\"P%d\",\"locationId\":\"B%d\",\"crew\":\"c%d\","
                 "\"quantity\":\"%d\",\"by\":\"test\",\"reason\":\"moved\"}",
                 i, (i + 1) % PEOPLE, 2 + (i + from) % 2, 1 + i % 2, (i + 1) % 4, 1000 + i));
        if (i % 3 == 0)
            must(f, HARVEST "VoidTicket", farm_text(f, "{\"id\":\"S%d\",\"by\":\"test\",\"reason\":\"twice\"}", i));
    }
}

static void history_body(farm *f)
{
    prepare(f);
    for (int i = 0; i < TICKETS; i++)
        scans[i] = farm_text(f,
                             "{\"id\":\"S%d\",\"badge\":\"10%d\",\"jobId\":\"P%d\",\"locationId\":\"B%d\","
                             "\"crew\":\"c%d\",\"quantity\":\"%d\",\"pickedAt\":\"%s\"}",
                             i, i % PEOPLE, 2 + i % 2, 1 + i % 3 % 2, i % 4, 250 + 37 * i, moment(f, 3600 * (i % 60)));
    for (int round = 0; round < 4; round++) {
        farm_kill(f, FARM_HARVEST, round % 2);
        for (int first = round; first < TICKETS; first += 20) record_batch(f, first);
        farm_start(f, FARM_HARVEST, round % 2);
        farm_wait_ready(f, FARM_HARVEST);
        change_some(f, round);
    }
    for (int i = 0; i < TICKETS; i++) must(f, HARVEST "RecordTicket", scans[i]); /* once more, in order */
    check_totals(f);
    /* Redis loses all of it, and the log gives it back. */
    (void)farm_redis(f, "operator", "flushall");
    farm_wait_ready(f, FARM_HARVEST);
    check_totals(f);
    change_some(f, 7);
    check_totals(f);
}

START_TEST(after_any_history_the_totals_are_what_the_log_comes_to)
{
    farm_run(history_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {wrong_scans_are_told_apart_row_by_row, a_batch_takes_a_thousand,
                                  after_any_history_the_totals_are_what_the_log_comes_to};
    Suite *suite = suite_create("farm_harvest");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 300);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
