/* The rules of tickets, without any server. */
#include "harvest/domain.h"

#include <check.h>
#include <string.h>

#define NS     ((int64_t)FURROW_NS_PER_S)
#define HOUR   (3600 * NS)
#define MINUTE (60 * NS)
#define ACTIVE EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
#define GONE   EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED
#define NOW    (1790000000 * NS)

static furrow_arena *arena;
static furrow_error err;
static Harvest__V1__Scan scan;
static Harvest__V1__Employee ana, bea;
static const Harvest__V1__Employee *people[2];
static Harvest__V1__Pay pay;
static Harvest__V1__Job job;
static Harvest__V1__Location block;
static ticket_facts facts;

static void setup(void)
{
    arena = furrow_arena_create(0);
    harvest__v1__scan__init(&scan);
    harvest__v1__employee__init(&ana);
    harvest__v1__employee__init(&bea);
    harvest__v1__pay__init(&pay);
    harvest__v1__job__init(&job);
    harvest__v1__location__init(&block);
    scan.id = "T1", scan.badge = "100", scan.job_id = "J1", scan.location_id = "B1", scan.crew = "red";
    scan.quantity = 1500, scan.picked_at = furrow_timestamp_new(NOW - 2 * HOUR, arena);
    ana.id = "E1", ana.display_name = "Ana", ana.badge = "100", ana.status = ACTIVE;
    bea.id = "E2", bea.display_name = "Bea", bea.badge = "100", bea.status = GONE;
    pay.type = JOB__V1__PAY_TYPE__PAY_TYPE_PIECE, pay.unit = "bin";
    job.id = "J1", job.name = "Citrus", job.pay = &pay, job.status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    block.id = "B1", block.name = "Block", block.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
    people[0] = &ana, people[1] = &bea;
    facts = (ticket_facts){.scan = &scan,
                           .scanned = "fifteen letters",
                           .people = people,
                           .people_count = 1,
                           .job = &job,
                           .location = &block,
                           .date = "2026-09-21",
                           .now_ns = NOW,
                           .arena = arena};
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static Harvest__V1__Ticket next;
static bool known;

static furrow_status record(void)
{
    err = (furrow_error){0};
    harvest__v1__ticket__init(&next);
    next.id = scan.id;
    furrow_status status = ticket_check_scan(&scan, NOW, &err);
    return status ? status : ticket_record(&facts, &next, &known, &err);
}

/* Refused with this status, for a reason in which @text stands. */
static void refused(furrow_status status, const char *text)
{
    furrow_status got = record();
    ck_assert_msg(got == status && strstr(err.text, text), "%s: %s: %s", text, furrow_status_name(got), err.text);
}

static void refused_because(const char *reason, const char *text)
{
    refused(FURROW_FAILED_PRECONDITION, text);
    ck_assert_str_eq(err.reason, reason);
}

START_TEST(a_scan_becomes_a_ticket)
{
    ck_assert_int_eq(record(), FURROW_OK);
    ck_assert(!known);
    ck_assert_str_eq(next.employee_id, "E1");
    ck_assert_str_eq(next.unit, "bin");
    ck_assert_str_eq(next.date, "2026-09-21");
    ck_assert_str_eq(next.day_id, "E1_20260921");
    ck_assert_int_eq(next.quantity, 1500);
    ck_assert_int_eq(next.status, HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED);
    ck_assert_int_eq(harvest_check_ticket(&next, &err), FURROW_OK);
    next.day_id = "E1_20260922";
    ck_assert_int_eq(harvest_check_ticket(&next, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "day_id");
}
END_TEST

START_TEST(the_same_scan_is_known_and_another_of_its_id_refused)
{
    ck_assert_int_eq(record(), FURROW_OK);
    Harvest__V1__Ticket present = next;
    present.quantity = 9; /* corrected since, and the job closed */
    job.status = JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED;
    facts.present = &present;
    ck_assert_int_eq(record(), FURROW_OK);
    ck_assert(known);
    facts.scanned[3]++;
    refused(FURROW_ALREADY_EXISTS, "T1 was recorded on 2026-09-21 from another scan");
}
END_TEST

START_TEST(wrong_scans_are_refused_with_a_reason)
{
    facts.people_count = 0;
    refused_because("EMPLOYEE_UNKNOWN", "badge 100 is not known here");
    scan.badge = "", scan.employee_id = "E9";
    refused_because("EMPLOYEE_UNKNOWN", "employee E9 is not known here");
    scan.employee_id = "";
    refused(FURROW_INVALID_ARGUMENT, "by badge or by employee_id");
    scan.badge = "100", scan.employee_id = "E1";
    refused(FURROW_INVALID_ARGUMENT, "by badge or by employee_id");
    scan.employee_id = "", facts.people_count = 1;
    facts.job = NULL;
    refused_because("JOB_UNKNOWN", "job J1 is not known here");
    facts.job = &job, job.status = JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED;
    refused_because("JOB_CLOSED", "job J1 (Citrus) is closed");
    job.status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN, pay.type = JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY;
    refused_because("JOB_WITHOUT_PIECES", "is paid by the hour: it has no pieces");
    pay.type = JOB__V1__PAY_TYPE__PAY_TYPE_PIECE, facts.location = NULL;
    refused_because("LOCATION_UNKNOWN", "location B1 is not known here");
    facts.location = &block, block.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_CLOSED;
    refused_because("LOCATION_CLOSED", "location B1 (Block) is closed");
    block.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
    scan.picked_at = furrow_timestamp_new(NOW + 6 * MINUTE, arena);
    refused(FURROW_INVALID_ARGUMENT, "minutes in the future");
    scan.picked_at = furrow_timestamp_new(NOW - 91 * 24 * HOUR, arena);
    refused(FURROW_INVALID_ARGUMENT, "days ago");
    scan.picked_at = furrow_timestamp_new(NOW + 4 * MINUTE, arena);
    ck_assert_int_eq(record(), FURROW_OK);
}
END_TEST

START_TEST(zero_negative_and_absurd_quantities_break_the_contract)
{
    const int64_t wrong[] = {0, -1, 10000001, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        scan.quantity = wrong[i];
        ck_assert_int_eq(furrow_rule_first(&harvest_v1_scan_field_rules, &scan.base, &err), FURROW_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "quantity");
    }
    scan.quantity = 1;
    ck_assert_int_eq(furrow_rule_first(&harvest_v1_scan_field_rules, &scan.base, &err), FURROW_OK);
}
END_TEST

START_TEST(tickets_of_who_has_left_count_if_the_work_was_before)
{
    ana.status = GONE, ana.ended_at = furrow_timestamp_new(NOW - HOUR, arena);
    ck_assert_int_eq(record(), FURROW_OK); /* picked two hours ago */
    scan.picked_at = furrow_timestamp_new(NOW - 30 * MINUTE, arena);
    refused_because("NOT_EMPLOYED_THEN", "Ana was not employed any more when it was picked, since ");
}
END_TEST

START_TEST(a_badge_means_who_had_it_then)
{
    facts.people_count = 2;
    ck_assert_int_eq(record(), FURROW_OK);
    ck_assert_str_eq(next.employee_id, "E1"); /* Bea has left at an unknown time */
    bea.ended_at = furrow_timestamp_new(NOW - HOUR, arena);
    ck_assert_int_eq(record(), FURROW_OK);
    ck_assert_str_eq(next.employee_id, "E2"); /* hers until an hour ago */
    scan.picked_at = furrow_timestamp_new(NOW - 30 * MINUTE, arena);
    ck_assert_int_eq(record(), FURROW_OK);
    ck_assert_str_eq(next.employee_id, "E1");
    /* Two who have left: the one who had it until then. */
    ana.status = GONE, ana.ended_at = furrow_timestamp_new(NOW - 10 * MINUTE, arena);
    scan.picked_at = furrow_timestamp_new(NOW - 2 * HOUR, arena);
    ck_assert_int_eq(record(), FURROW_OK);
    ck_assert_str_eq(next.employee_id, "E2");
}
END_TEST

/* ---- changes ---- */

static Harvest__V1__CorrectTicketRequest change;

static furrow_status correct(const Harvest__V1__Employee *employee, const Harvest__V1__Job *to)
{
    const harvest_correct_ticket_known what = {.request = &change,
                                               .ticket = &next,
                                               .employee = employee,
                                               .job = to,
                                               .location = &block,
                                               .id = "T1",
                                               .now_ns = NOW,
                                               .arena = arena};
    err = (furrow_error){0};
    return harvest_correct_ticket(&what, &next, &err);
}

static void begin_change(void)
{
    ck_assert_int_eq(record(), FURROW_OK);
    harvest__v1__correct_ticket_request__init(&change);
    change.id = "T1", change.employee_id = "E1", change.job_id = "J1", change.location_id = "B1", change.crew = "red";
    change.quantity = 1500, change.by = "foreman", change.reason = "half full";
}

START_TEST(a_correction_says_who_why_and_what_was_before)
{
    begin_change();
    ck_assert_int_eq(correct(&ana, &job), FURROW_OK);
    ck_assert_uint_eq(next.n_corrections, 0); /* it said so already */
    change.quantity = 700, change.employee_id = "E2";
    bea.status = ACTIVE;
    ck_assert_int_eq(correct(&bea, &job), FURROW_OK);
    ck_assert_int_eq(next.quantity, 700);
    ck_assert_str_eq(next.employee_id, "E2");
    ck_assert_str_eq(next.day_id, "E2_20260921");
    ck_assert_int_eq(harvest_check_ticket(&next, &err), FURROW_OK);
    ck_assert_uint_eq(next.n_corrections, 1);
    ck_assert_int_eq(next.corrections[0]->quantity, 1500);
    ck_assert_str_eq(next.corrections[0]->employee_id, "E1");
    ck_assert_str_eq(next.corrections[0]->reason, "half full");
    for (int i = 1; i < HARVEST_CORRECTIONS_MAX; i++) {
        change.quantity++;
        ck_assert_int_eq(correct(&bea, &job), FURROW_OK);
    }
    change.quantity++;
    ck_assert_int_eq(correct(&bea, &job), FURROW_FAILED_PRECONDITION);
    ck_assert_msg(strstr(err.text, "was changed 32 times") != NULL, "%s", err.text);
}
END_TEST

START_TEST(what_a_correction_leaves_may_have_closed_since)
{
    begin_change();
    job.status = JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED;
    change.quantity = 1;
    ck_assert_int_eq(correct(NULL, NULL), FURROW_OK);
    change.job_id = "J2";
    ck_assert_int_eq(correct(NULL, &job), FURROW_FAILED_PRECONDITION);
    change.job_id = "J1", change.employee_id = "E9";
    ck_assert_int_eq(correct(NULL, &job), FURROW_FAILED_PRECONDITION);
    ck_assert_msg(strstr(err.text, "employee E9 is not known here") != NULL, "%s", err.text);
    ck_assert_int_eq(next.quantity, 1);
}
END_TEST

START_TEST(a_voided_ticket_stays_so)
{
    Harvest__V1__VoidTicketRequest request = HARVEST__V1__VOID_TICKET_REQUEST__INIT;
    request.id = "T1", request.by = "foreman", request.reason = "scanned twice";
    const harvest_void_ticket_known what = {
        .request = &request, .ticket = &next, .id = "T1", .now_ns = NOW, .arena = arena};
    begin_change();
    ck_assert_int_eq(harvest_void_ticket(&what, &next, &err), FURROW_OK);
    ck_assert_int_eq(next.status, HARVEST__V1__TICKET_STATUS__TICKET_STATUS_VOIDED);
    ck_assert_uint_eq(next.n_corrections, 1);
    ck_assert_int_eq(harvest_void_ticket(&what, &next, &err), FURROW_OK);
    ck_assert_uint_eq(next.n_corrections, 1);
    change.quantity = 2;
    ck_assert_int_eq(correct(&ana, &job), FURROW_FAILED_PRECONDITION);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_scan_becomes_a_ticket,
                                  the_same_scan_is_known_and_another_of_its_id_refused,
                                  wrong_scans_are_refused_with_a_reason,
                                  zero_negative_and_absurd_quantities_break_the_contract,
                                  tickets_of_who_has_left_count_if_the_work_was_before,
                                  a_badge_means_who_had_it_then,
                                  a_correction_says_who_why_and_what_was_before,
                                  what_a_correction_leaves_may_have_closed_since,
                                  a_voided_ticket_stays_so};
    Suite *suite = suite_create("harvest_domain");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
