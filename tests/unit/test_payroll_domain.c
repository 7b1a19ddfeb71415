/* What days and rates become, what an adjustment has, and how a period is closed; without any server. */
#include "payroll/adjust.h"
#include "payroll/book.h"
#include "payroll/calendar.h"
#include "payroll_example.h"

#include <check.h>
#include <string.h>

#define WORK TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK
#define MEAL TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL
#define REST TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST
#define T0   1767601800 /* 2026-01-05 08:30 in UTC */
#define OPEN INT64_MAX

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

static Google__Protobuf__Timestamp *at(int64_t minute, int32_t nanos)
{
    Google__Protobuf__Timestamp *time = furrow_arena_alloc(arena, sizeof *time);
    google__protobuf__timestamp__init(time);
    time->seconds = T0 + minute * 60;
    time->nanos = nanos;
    return time;
}

typedef struct stretch {
    int kind;
    int64_t from, to; /* minutes */
    char *job;
} stretch;

static const Payroll__V1__WorkDay *day_of(const stretch rows[], size_t count)
{
    Payroll__V1__WorkDay *day = furrow_arena_alloc(arena, sizeof *day);
    payroll__v1__work_day__init(day);
    day->id = "E1_20260105";
    day->date = "2026-01-05";
    day->n_entries = count;
    day->entries = furrow_arena_alloc(arena, count * sizeof(*day->entries));
    for (size_t i = 0; i < count; i++) {
        Payroll__V1__Entry *entry = day->entries[i] = furrow_arena_alloc(arena, sizeof *entry);
        payroll__v1__entry__init(entry);
        entry->kind = (Timesheet__V1__EntryKind)rows[i].kind;
        entry->start = at(rows[i].from, 900000000);
        if (rows[i].to != OPEN) entry->end = at(rows[i].to, 100000000);
        entry->job_id = rows[i].job;
    }
    return day;
}

static Payroll__V1__EmployeeRates *raised(int64_t minute)
{
    static Payroll__V1__HourlyRate rates[2];
    static Payroll__V1__HourlyRate *list[] = {&rates[0], &rates[1]};
    static Payroll__V1__EmployeeRates all;
    payroll__v1__employee_rates__init(&all);
    payroll__v1__hourly_rate__init(&rates[0]);
    payroll__v1__hourly_rate__init(&rates[1]);
    rates[0].from = at(-9000, 0);
    rates[0].cents = 2000;
    rates[1].from = at(minute, 0);
    rates[1].cents = 2200;
    all.id = "E1";
    all.rates = list;
    all.n_rates = 2;
    return &all;
}

static Payroll__V1__JobRates *job(char *id, Job__V1__PayType type)
{
    Payroll__V1__JobRates *all = furrow_arena_alloc(arena, sizeof *all);
    Payroll__V1__JobRate *rate = furrow_arena_alloc(arena, sizeof *rate);
    payroll__v1__job_rates__init(all);
    payroll__v1__job_rate__init(rate);
    rate->from = at(0, 0);
    rate->type = type;
    all->id = id;
    all->rates = furrow_arena_alloc(arena, sizeof(*all->rates));
    all->rates[0] = rate;
    all->n_rates = 1;
    return all;
}

/* "hourly 2000 J1 60, rest hourly …": the spans; then the problems, a line each. */
static char *book_text(const payroll_book *book)
{
    static const char *const bases[] = {"hourly", "piece", "nonproductive"};
    pay_work work = {.weeks = 1};
    Payroll__V1__Statement out = PAYROLL__V1__STATEMENT__INIT;
    ck_assert_int_eq(book_work(book, arena, &work, &out, &err), FURROW_OK);
    char *text = furrow_arena_strdup(arena, "");
    for (size_t i = 0; i < work.span_count; i++) {
        const pay_span *span = &work.spans[i];
        text = furrow_arena_printf(arena, "%s%s%s%s %lld %s %lld", text, text[0] ? ", " : "", span->rest ? "rest " : "",
                                   bases[span->basis], (long long)span->rate_cents, span->job_id,
                                   (long long)(span->end_s - span->start_s));
    }
    for (size_t i = 0; i < work.piece_count; i++) {
        const pay_piece *piece = &work.pieces[i];
        text = furrow_arena_printf(arena, "%s%s%s %lld %s at %lld", text, text[0] ? ", " : "", piece->ticket_id,
                                   (long long)piece->quantity, piece->unit, (long long)piece->rate_cents);
    }
    for (size_t i = 0; i < out.n_problems; i++)
        text = furrow_arena_printf(arena, "%s; %s: %s", text, out.problems[i]->of, out.problems[i]->text);
    return text;
}

static char *booked(const Payroll__V1__EmployeeRates *rates, const stretch rows[], size_t count)
{
    const Payroll__V1__WorkDay *days[] = {NULL, day_of(rows, count), NULL};
    const Payroll__V1__JobRates *jobs[] = {job("J1", JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY),
                                           job("J2", JOB__V1__PAY_TYPE__PAY_TYPE_PIECE)};
    return book_text(&(payroll_book){
        .employee_id = "E1", .rates = rates, .days = days, .day_count = 3, .jobs = jobs, .job_count = 2});
}

START_TEST(days_become_spans_of_one_rate_each)
{
    const stretch rows[] = {{WORK, 0, 60, "J1"},
                            {MEAL, 60, 90, "J1"},
                            {WORK, 90, 120, "J2"},
                            {REST, 120, 130, "J2"},
                            {WORK, 130, 200, "J1"}};
    ck_assert_str_eq(booked(raised(150), rows, 5), "hourly 2000 J1 3600, piece 0 J2 1800, rest piece 0 J2 600, "
                                                   "hourly 2000 J1 1200, hourly 2200 J1 3000");
    ck_assert_str_eq(booked(raised(0), rows, 1), "hourly 2200 J1 3600");
    ck_assert_str_eq(booked(raised(60), rows, 1), "hourly 2000 J1 3600");
    ck_assert_str_eq(booked(raised(-20000), rows, 1), "hourly 2200 J1 3600");
}
END_TEST

START_TEST(what_is_not_as_it_should_be_is_told)
{
    const stretch open[] = {{WORK, 0, 60, "J1"}, {WORK, 60, OPEN, "J1"}};
    const stretch overlapping[] = {{WORK, 0, 60, "J1"}, {WORK, 50, 70, "J1"}, {WORK, 55, 65, "J1"}};
    const stretch unknown[] = {{WORK, 0, 60, "J9"}, {WORK, 60, 70, "J9"}, {WORK, 70, 80, ""}};
    ck_assert_str_eq(booked(raised(0), open, 2),
                     "hourly 2200 J1 3600; E1_20260105: 2026-01-05 is open; what has not ended is not paid yet");
    ck_assert_str_eq(booked(raised(0), overlapping, 3),
                     "hourly 2200 J1 3600, hourly 2200 J1 600; E1_20260105: 2026-01-05: time that overlaps was counted "
                     "once");
    ck_assert_str_eq(
        booked(raised(0), unknown, 3),
        "hourly 2200 J9 3600, hourly 2200 J9 600, hourly 2200  600; J9: job J9 is not known here; its time "
        "is paid by the hour; E1_20260105: job  is not known here; its time is paid by the hour");
    const stretch endless[] = {{WORK, 0, 1500, "J1"}, {WORK, 1500, 1800, "J1"}};
    ck_assert_str_eq(
        booked(raised(0), endless, 2),
        "hourly 2200 J1 90000, hourly 2200 J1 18000; E1_20260105: 2026-01-05 has 30 hours; a day has 25 at "
        "most");
    ck_assert_str_eq(booked(raised(0), endless, 1), "hourly 2200 J1 90000");
    ck_assert_str_eq(booked(NULL, open, 1),
                     "hourly 0 J1 3600; E1: no hourly rate of E1 is known; the minimum wage is paid");
}
END_TEST

/* Of J2, which pays 250 for a tray and, from minute 100 on, 300; or of another. */
static Payroll__V1__Ticket *ticket(char *id, char *job_id, char *unit, int64_t minute)
{
    Payroll__V1__Ticket *made = furrow_arena_alloc(arena, sizeof *made);
    payroll__v1__ticket__init(made);
    made->id = id, made->job_id = job_id, made->unit = unit, made->picked_at = at(minute, 900000000);
    made->date = "2026-01-05", made->day_id = "E1_20260105", made->quantity = 1500;
    made->status = HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED;
    return made;
}

static char *picked_text(const Payroll__V1__Ticket *const tickets[], size_t count, bool clocked)
{
    const stretch rows[] = {{WORK, 0, 60, "J2"}};
    Payroll__V1__JobRates *trays = job("J2", JOB__V1__PAY_TYPE__PAY_TYPE_PIECE);
    Payroll__V1__JobRates *empty_handed = job("J3", JOB__V1__PAY_TYPE__PAY_TYPE_PIECE);
    const Payroll__V1__JobRates *jobs[] = {job("J1", JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY), trays, empty_handed};
    const Payroll__V1__WorkDay *days[] = {clocked ? day_of(rows, 1) : NULL};
    trays->rates = (Payroll__V1__JobRate *[]){trays->rates[0], job("", trays->rates[0]->type)->rates[0]};
    trays->n_rates = 2;
    trays->rates[0]->unit = trays->rates[1]->unit = empty_handed->rates[0]->unit = "tray";
    trays->rates[0]->cents = 250, trays->rates[1]->cents = 300;
    trays->rates[1]->from = at(100, 0);
    return book_text(&(payroll_book){.employee_id = "E1",
                                     .days = days,
                                     .day_count = 1,
                                     .tickets = tickets,
                                     .ticket_count = count,
                                     .jobs = jobs,
                                     .job_count = 3});
}

START_TEST(tickets_become_pieces_at_the_rate_of_when_they_were_picked)
{
    Payroll__V1__Ticket *voided = ticket("T4", "J2", "tray", 50);
    voided->status = HARVEST__V1__TICKET_STATUS__TICKET_STATUS_VOIDED;
    const Payroll__V1__Ticket *const tickets[] = {ticket("T1", "J2", "tray", -9000), ticket("T2", "J2", "tray", 99),
                                                  ticket("T3", "J2", "tray", 100), voided};
    ck_assert_str_eq(picked_text(tickets, 4, true),
                     "piece 0 J2 3600, T1 1500 tray at 250, T2 1500 tray at 250, T3 1500 tray at 300");
}
END_TEST

START_TEST(tickets_that_cannot_be_paid_are_told)
{
    const Payroll__V1__Ticket *const tickets[] = {ticket("T1", "J9", "tray", 1), ticket("T2", "J1", "tray", 1),
                                                  ticket("T3", "J2", "bin", 1), ticket("T4", "J3", "tray", 1)};
    ck_assert_str_eq(picked_text(tickets, 4, true),
                     "piece 0 J2 3600; J9: job J9 is not known here; its tickets are not paid yet; "
                     "J1: job J1 was paid by the hour then; its tickets are not paid; "
                     "T3: is of a bin; job J2 paid by the tray then, so it is not paid; "
                     "J3: job J3 has no rate for a tray; its tickets are not paid yet");
    const Payroll__V1__Ticket *const good[] = {ticket("T5", "J2", "tray", 1), ticket("T6", "J2", "tray", 1)};
    ck_assert_str_eq(picked_text(good, 2, false),
                     "T5 1500 tray at 250, T6 1500 tray at 250; "
                     "E1_20260105: 2026-01-05 has tickets and no time; the pieces are paid");
    static const Payroll__V1__Ticket *many[BOOK_TICKETS_MAX + 1]; /* more than a frame is to take */
    for (size_t i = 0; i <= BOOK_TICKETS_MAX; i++) many[i] = tickets[0];
    ck_assert_ptr_nonnull(strstr(picked_text(many, BOOK_TICKETS_MAX + 1, true),
                                 "E1_20260105: 2026-01-05 has more than 999 tickets; those beyond are not paid"));
    ck_assert_ptr_null(strstr(picked_text(many, BOOK_TICKETS_MAX, true), "more than"));
}
END_TEST

/* The week of example 15, with so many trays on each day and as many more on the last. */
static Payroll__V1__Statement *week_of(char *period_id, int trays, int late)
{
    const worked_example example = {.name = "",
                                    .rules = "ca",
                                    .first_date = period_id,
                                    .weeks = 1,
                                    .employer_size = 26,
                                    .worked = {{0, 4, PAY_PIECE, 0, 600, 20}},
                                    .picked = {{0, 4, trays * 1000, 230, 0, 0, 0}, {4, 4, late * 1000, 230, 1, 0, 0}}};
    Payroll__V1__Statement *out = furrow_arena_alloc(arena, sizeof *out);
    payroll__v1__statement__init(out);
    pay_work work = example_work(&example, arena);
    ck_assert_int_eq(pay_compute(example_rules("ca", arena), &work, arena, out, &err), FURROW_OK);
    out->period_id = period_id;
    return out;
}

static Payroll__V1__Statement *empty(char *period_id)
{
    Payroll__V1__Statement *out = furrow_arena_alloc(arena, sizeof *out);
    payroll__v1__statement__init(out);
    out->period_id = period_id;
    return out;
}

static Payroll__V1__Statement *adjusted(const Payroll__V1__Statement *now, const Payroll__V1__Statement *const issued[],
                                        size_t count, char *period_id)
{
    Payroll__V1__Statement *out = empty(period_id);
    ck_assert_int_eq(adjust_statement(out, now, issued, count, arena, &err), FURROW_OK);
    return out;
}

/* Example 27. */
START_TEST(late_tickets_are_paid_once_in_a_later_period)
{
    const Payroll__V1__Statement *now = week_of("2026-01-05", 100, 12), *issued[3] = {week_of("2026-01-05", 100, 0)};
    Payroll__V1__Statement *next = adjusted(now, issued, 1, "2026-01-12");
    ck_assert_str_eq(example_lines(next, arena), "PIECE 2760, REST 95, OVERTIME 285");
    ck_assert_int_eq(next->gross_cents, 3140);
    ck_assert_str_eq(next->lines[0]->adjusts, "2026-01-05");
    ck_assert_uint_eq(next->lines[0]->n_ticket_ids, 1);
    ck_assert_str_eq(next->lines[0]->ticket_ids[0], "T5");
    ck_assert_uint_eq(next->lines[0]->n_day_ids, 5);
    issued[1] = next;
    ck_assert_uint_eq(adjusted(now, issued, 2, "2026-01-19")->n_lines, 0);
    ck_assert_uint_eq(adjusted(issued[0], issued, 1, "2026-01-12")->n_lines, 0);
    /* They turn out to be another's after all: what was paid goes back. */
    Payroll__V1__Statement *back = adjusted(issued[0], issued, 2, "2026-01-19");
    ck_assert_str_eq(example_lines(back, arena), "PIECE -2760, REST -95, OVERTIME -285");
    ck_assert_str_eq(back->lines[0]->ticket_ids[0], "T5");
    issued[2] = back;
    ck_assert_uint_eq(adjusted(issued[0], issued, 3, "2026-01-26")->n_lines, 0);
    Payroll__V1__Statement *again = adjusted(now, issued, 3, "2026-01-26");
    ck_assert_int_eq(again->gross_cents, 3140);
    ck_assert_str_eq(again->lines[0]->ticket_ids[0], "T5");
}
END_TEST

/* Example 28. */
START_TEST(a_swapped_badge_moves_pay_from_one_to_the_other)
{
    const Payroll__V1__Statement *issued[] = {week_of("2026-01-05", 100, 0)};
    Payroll__V1__Statement *less = adjusted(week_of("2026-01-05", 96, 0), issued, 1, "2026-01-12");
    Payroll__V1__Statement *more = adjusted(week_of("2026-01-05", 104, 0), issued, 1, "2026-01-12");
    ck_assert_str_eq(example_lines(less, arena), "PIECE -4600, REST -159, OVERTIME -476");
    ck_assert_str_eq(example_lines(more, arena), "PIECE 4600, REST 158, OVERTIME 475");
    ck_assert_int_eq(less->gross_cents, -5235);
}
END_TEST

static furrow_status close_period(char *id, const Payroll__V1__PayPeriod *present, int64_t now_ns,
                                  Payroll__V1__PayPeriod *next)
{
    static Payroll__V1__ClosePeriodRequest request;
    payroll__v1__close_period_request__init(&request);
    request.id = id;
    request.by = "office";
    payroll__v1__pay_period__init(next);
    next->id = id;
    const payroll_close_period_known known = {
        .request = &request, .pay_period = present, .id = id, .now_ns = now_ns, .arena = arena};
    return payroll_close_period(&known, next, &err);
}

static int64_t moment(const char *date, int hour)
{
    int64_t day;
    ck_assert(calendar_day(date, &day));
    return (day * 24 + hour) * 3600 * (int64_t)FURROW_NS_PER_S;
}

START_TEST(a_period_is_closed_when_it_is_over)
{
    Payroll__V1__PayPeriod next, present;
    farm_calendar = (pay_calendar){.anchor_day = 20458, .weeks = 2}; /* 2026-01-05 */
    ck_assert_int_eq(close_period("2026-01-05", NULL, moment("2026-01-18", 9), &next), FURROW_FAILED_PRECONDITION);
    ck_assert_str_eq(err.text, "the period 2026-01-05 is not over; its last day is 2026-01-18");
    ck_assert_int_eq(close_period("2026-01-05", NULL, moment("2026-01-18", 10), &next), FURROW_OK);
    ck_assert_str_eq(next.last_date, "2026-01-18");
    ck_assert_str_eq(next.closed_by, "office");
    ck_assert_int_eq(next.status, PAYROLL__V1__PERIOD_STATUS__PERIOD_STATUS_CLOSED);
    present = next;
    present.closed_by = "somebody else";
    ck_assert_int_eq(close_period("2026-01-05", &present, moment("2026-02-18", 0), &next), FURROW_OK);
    ck_assert_str_eq(next.closed_by, ""); /* nothing is decided: it stays as it is */
    ck_assert_int_eq(close_period("2026-01-12", NULL, moment("2026-02-18", 0), &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text, "no period begins on 2026-01-12; the one that it lies in is 2026-01-05");
    ck_assert_int_eq(close_period("2025-12-22", NULL, moment("2026-02-18", 0), &next), FURROW_OK);
    ck_assert_int_eq(close_period("2026-02-30", NULL, moment("2026-02-18", 0), &next), FURROW_INVALID_ARGUMENT);
}
END_TEST

static furrow_status check(Payroll__V1__Statement *statement)
{
    statement->updated_at = at(0, 0);
    return payroll_check_statement(statement, &err);
}

START_TEST(a_statement_that_contradicts_itself_is_none)
{
    Payroll__V1__Statement *good = week_of("2026-01-05", 100, 0);
    good->employee_id = "E1";
    good->id = "E1_20260105";
    ck_assert_int_eq(check(good), FURROW_OK);
    good->gross_cents++;
    ck_assert_int_eq(check(good), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "gross_cents");
    good->gross_cents--;
    good->id = "E2_20260105";
    ck_assert_int_eq(check(good), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "id");
    good->id = "E1_20260105";
    good->lines[0]->adjusts = "2026-01-05";
    ck_assert_int_eq(check(good), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "lines.adjusts");
    good->lines[0]->adjusts = "2025-12-29";
    ck_assert_int_eq(check(good), FURROW_OK);
    good->period_id = "soon";
    ck_assert_int_eq(check(good), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "period_id");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payroll_domain");
    TCase *tcase = tcase_create("domain");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, days_become_spans_of_one_rate_each);
    tcase_add_test(tcase, what_is_not_as_it_should_be_is_told);
    tcase_add_test(tcase, tickets_become_pieces_at_the_rate_of_when_they_were_picked);
    tcase_add_test(tcase, tickets_that_cannot_be_paid_are_told);
    tcase_add_test(tcase, late_tickets_are_paid_once_in_a_later_period);
    tcase_add_test(tcase, a_swapped_badge_moves_pay_from_one_to_the_other);
    tcase_add_test(tcase, a_period_is_closed_when_it_is_over);
    tcase_add_test(tcase, a_statement_that_contradicts_itself_is_none);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
