/*
 * See statements.h. Days are read by their ids, which their dates say; the periods before and after by theirs. Tickets
 * are listed by the ids of their days. So nothing but a period's own is read, whatever there was before.
 */
#include "payroll/statements.h"

#include "base/clock.h"
#include "payroll/adjust.h"
#include "payroll/book.h"
#include "payroll/calendar.h"
#include "payroll/v1/payroll.access.h"
#include "runtime/timestamp.h"

#include <string.h>

#define DAYS_MAX (PAY_WEEKS_MAX * CALENDAR_WEEK)
#define JOBS_MAX 256  /* that somebody works on in a period */
#define ISSUE_MS 5000 /* for the statement of an earlier period */

statements_settings statements_config;
Payroll__V1__RuleSet *statements_rules;

/* Of somebody, as they are read; the same for each period. */
typedef struct looking {
    furrow_service *service;
    const char *employee_id;
    furrow_arena *arena;
} looking;

static char *dated_id(const looking *of, int64_t day, furrow_error *err)
{
    char id[FURROW_ID_MAX + 1];
    calendar_dated_id(of->employee_id, day, id);
    char *copy = furrow_arena_strdup(of->arena, id);
    if (!copy) furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a statement");
    return copy;
}

/* As many as one round trip takes, from @day on. */
static furrow_status read_some_days(const looking *of, int64_t day, size_t count, const Payroll__V1__WorkDay *out[],
                                    furrow_error *err)
{
    furrow_gather gather;
    furrow_gather_init(&gather, of->service);
    for (size_t i = 0; i < count; i++) {
        char *id = dated_id(of, day + (int64_t)i, err);
        if (!id) return FURROW_RESOURCE_EXHAUSTED;
        (void)work_day_want(&gather, id);
    }
    furrow_status status = furrow_gather_read(&gather, of->arena, err);
    for (size_t i = 0; status == FURROW_OK && i < count; i++)
        status = work_day_take(&gather, i, of->arena, &out[i], err);
    return status;
}

static furrow_status read_days(const looking *of, int64_t first_day, size_t count, const Payroll__V1__WorkDay *out[],
                               furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t done = 0; status == FURROW_OK && done < count;) {
        size_t some = count - done < FURROW_GATHER_MAX ? count - done : FURROW_GATHER_MAX;
        status = read_some_days(of, first_day + (int64_t)done, some, out + done, err);
        done += some;
    }
    return status;
}

/* One more of a day than is paid tells that there are more. */
static furrow_status read_tickets(const looking *of, int64_t first_day, payroll_book *book, furrow_error *err)
{
    Payroll__V1__Ticket *const *lists[DAYS_MAX];
    size_t counts[DAYS_MAX], all = 0;
    for (size_t i = 0; i < book->day_count; i++) {
        char *id = dated_id(of, first_day + (int64_t)i, err);
        if (!id) return FURROW_RESOURCE_EXHAUSTED;
        furrow_status status =
            ticket_kept_by_day_id(of->service, id, BOOK_TICKETS_MAX + 1, of->arena, &lists[i], &counts[i], err);
        if (status != FURROW_OK) return status;
        all += counts[i];
    }
    const Payroll__V1__Ticket **tickets = furrow_arena_alloc(of->arena, (all + 1) * sizeof(*tickets));
    if (!tickets) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the tickets of a period");
    for (size_t i = 0; i < book->day_count; i++) {
        if (counts[i] > 0) memcpy(tickets + book->ticket_count, lists[i], counts[i] * sizeof(*tickets));
        book->ticket_count += counts[i];
    }
    book->tickets = tickets;
    return FURROW_OK;
}

/* Those of @ids that are known, in *out_count. */
static furrow_status read_jobs(const looking *of, const char *const ids[], size_t count,
                               const Payroll__V1__JobRates *out[], size_t *out_count, furrow_error *err)
{
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        furrow_state state;
        furrow_status status = job_rates_load(of->service, ids[i], of->arena, &state, err);
        if (status != FURROW_OK) return status;
        if (state.message) out[(*out_count)++] = job_rates_of(&state);
    }
    return FURROW_OK;
}

/* What the period alone came to. */
static furrow_status compute_period(const looking *of, int64_t first_day, Payroll__V1__Statement *out,
                                    furrow_error *err)
{
    const Payroll__V1__WorkDay *days[DAYS_MAX] = {NULL};
    const char *job_ids[JOBS_MAX];
    const Payroll__V1__JobRates *jobs[JOBS_MAX];
    char date[11];
    furrow_state rates;
    pay_work work = {.employer = {statements_config.employees, statements_config.place},
                     .first_day = first_day,
                     .weeks = (int32_t)farm_calendar.weeks};
    payroll_book book = {.employee_id = of->employee_id, .days = days, .jobs = jobs};
    book.day_count = (size_t)(farm_calendar.weeks * CALENDAR_WEEK);
    furrow_status status = read_days(of, first_day, book.day_count, days, err);
    if (status == FURROW_OK) status = read_tickets(of, first_day, &book, err);
    if (status == FURROW_OK) status = employee_rates_load(of->service, of->employee_id, of->arena, &rates, err);
    if (status == FURROW_OK) {
        book.rates = employee_rates_of(&rates);
        status = read_jobs(of, job_ids, book_jobs(&book, job_ids, JOBS_MAX), jobs, &book.job_count, err);
    }
    if (status == FURROW_OK) status = book_work(&book, of->arena, &work, out, err);
    if (status == FURROW_OK) status = pay_compute(statements_rules, &work, of->arena, out, err);
    if (status != FURROW_OK) return status;
    out->employee_id = (char *)of->employee_id;
    out->period_id = furrow_arena_strdup(of->arena, calendar_date(first_day, date));
    out->id = dated_id(of, first_day, err);
    return out->period_id && out->id ? FURROW_OK
                                     : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for a statement");
}

/* Statements of the periods around, as far as they were issued: @before[i] is of the (i + 1)th before. */
static furrow_status read_issued(const looking *of, int64_t first_day, const Payroll__V1__Statement *before[],
                                 const Payroll__V1__Statement *all[], size_t *count, furrow_error *err)
{
    size_t each = (size_t)statements_config.adjusted;
    furrow_gather gather;
    furrow_gather_init(&gather, of->service);
    for (size_t i = 0; i < 2 * each; i++) {
        int64_t periods = i < each ? -1 - (int64_t)i : (int64_t)(i - each) + 1;
        char *id = dated_id(of, calendar_period_after(&farm_calendar, first_day, periods), err);
        if (!id) return FURROW_RESOURCE_EXHAUSTED;
        (void)statement_want(&gather, id);
    }
    furrow_status status = furrow_gather_read(&gather, of->arena, err);
    *count = 0;
    for (size_t i = 0; status == FURROW_OK && i < 2 * each; i++) {
        furrow_state state;
        status = statement_take(&gather, i, of->arena, &state, err);
        if (status != FURROW_OK) break;
        const Payroll__V1__Statement *issued = statement_of(&state);
        if (i < each) before[i] = issued;
        if (issued) all[(*count)++] = issued;
    }
    return status;
}

furrow_status statements_compute(furrow_service *service, const char *employee_id, int64_t first_day,
                                 furrow_arena *arena, Payroll__V1__Statement *out, furrow_error *err)
{
    const looking of = {service, employee_id, arena};
    const Payroll__V1__Statement *before[STATEMENTS_ADJUSTED_MAX], *all[2 * STATEMENTS_ADJUSTED_MAX];
    size_t count = 0;
    furrow_status status = compute_period(&of, first_day, out, err);
    if (status == FURROW_OK && statements_config.adjusted > 0)
        status = read_issued(&of, first_day, before, all, &count, err);
    for (int64_t i = statements_config.adjusted; status == FURROW_OK && i > 0; i--) {
        Payroll__V1__Statement now = PAYROLL__V1__STATEMENT__INIT;
        if (!before[i - 1]) continue;
        status = compute_period(&of, calendar_period_after(&farm_calendar, first_day, -i), &now, err);
        if (status == FURROW_OK) status = adjust_statement(out, &now, all, count, arena, err);
    }
    return status == FURROW_OK ? status : furrow_wrap(err, "pay of %s", employee_id);
}

static furrow_status decide_statement(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                      furrow_error *err)
{
    const statements_issuing *what = arg;
    if (statement_of(current)) return FURROW_OK; /* once is for ever */
    Payroll__V1__Statement *next = furrow_arena_alloc(arena, sizeof *next);
    if (!next) return furrow_known_no_memory(err);
    payroll__v1__statement__init(next);
    furrow_status status = statements_compute(what->service, what->employee_id, what->first_day, arena, next, err);
    if (status != FURROW_OK) return status;
    if (what->unless_empty && next->n_lines == 0 && next->n_problems == 0) return FURROW_OK;
    next->updated_at = furrow_timestamp_new(furrow_clock_wall_ns(), arena);
    if (!next->updated_at) return furrow_known_no_memory(err);
    *out = (furrow_decision){.next = &next->base, .event = "issued"};
    return FURROW_OK;
}

static furrow_status issue_one(statements_issuing what, furrow_arena *arena, furrow_written *out, furrow_error *err)
{
    char id[FURROW_ID_MAX + 1];
    calendar_dated_id(what.employee_id, what.first_day, id);
    furrow_write write = {.id = id, .command = what.command, .decide = decide_statement, .arg = &what};
    return statement_write(what.service, &write, arena, out, err);
}

static furrow_status is_closed(furrow_service *service, int64_t first_day, furrow_arena *arena, bool *out,
                               furrow_error *err)
{
    char date[11];
    furrow_state period;
    furrow_status status = pay_period_load(service, calendar_date(first_day, date), arena, &period, err);
    if (status == FURROW_OK) *out = pay_period_of(&period) != NULL;
    return status;
}

static furrow_status issue_earlier(const statements_issuing *what, furrow_arena *arena, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (int64_t i = statements_config.adjusted; status == FURROW_OK && i > 0; i--) {
        bool closed = false;
        furrow_written written;
        furrow_command command = furrow_service_command(ISSUE_MS);
        statements_issuing earlier = *what;
        earlier.first_day = calendar_period_after(&farm_calendar, what->first_day, -i);
        earlier.command = &command;
        status = is_closed(what->service, earlier.first_day, arena, &closed, err);
        if (status == FURROW_OK && closed) status = issue_one(earlier, arena, &written, err);
    }
    return status;
}

furrow_status statements_issue(const statements_issuing *what, furrow_arena *arena, furrow_written *out,
                               furrow_error *err)
{
    char date[11];
    bool closed = false;
    furrow_status status = is_closed(what->service, what->first_day, arena, &closed, err);
    if (status == FURROW_OK && !closed)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "PERIOD_NOT_CLOSED",
                                  "the period %s is not closed; ClosePeriod first, or PreviewStatement",
                                  calendar_date(what->first_day, date));
    if (status == FURROW_OK) status = issue_earlier(what, arena, err);
    return status == FURROW_OK ? issue_one(*what, arena, out, err) : status;
}
