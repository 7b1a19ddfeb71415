/* See book.h. */
#include "payroll/book.h"

#include "runtime/timestamp.h"

#include <stdio.h>
#include <string.h>

#define MEAL  TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL
#define REST  TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST
#define PIECE JOB__V1__PAY_TYPE__PAY_TYPE_PIECE
#define HOUR  ((int64_t)3600)

typedef struct writing {
    const payroll_book *book;
    furrow_arena *arena;
    pay_span *spans;
    size_t count, room;
    pay_piece *pieces;
    size_t piece_count;
    Payroll__V1__Statement *out;
    int64_t until_s; /* what was counted so far ended then */
    bool full;       /* of memory */
} writing;

static int64_t second_of(const Google__Protobuf__Timestamp *at)
{
    return at ? at->seconds : 0;
}

static void FURROW_PRINTF(3, 4) add_problem(writing *to, const char *of, const char *format, ...)
{
    char text[300];
    va_list args;
    Payroll__V1__Statement *out = to->out;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < out->n_problems; i++)
        if (strcmp(out->problems[i]->of, of) == 0 && strcmp(out->problems[i]->text, text) == 0) return;
    if (out->n_problems == BOOK_PROBLEMS_MAX) return;
    if (!out->problems) out->problems = furrow_arena_alloc(to->arena, BOOK_PROBLEMS_MAX * sizeof(*out->problems));
    Payroll__V1__Problem *problem = furrow_arena_alloc(to->arena, sizeof *problem);
    char *copy = furrow_arena_strdup(to->arena, text);
    if (!out->problems || !problem || !copy) {
        to->full = true;
        return;
    }
    payroll__v1__problem__init(problem);
    problem->of = (char *)of;
    problem->text = copy;
    out->problems[out->n_problems++] = problem;
}

static const Payroll__V1__JobRates *find_job(const payroll_book *book, const char *id)
{
    for (size_t i = 0; i < book->job_count; i++)
        if (strcmp(book->jobs[i]->id, id) == 0) return book->jobs[i];
    return NULL;
}

/* What holds at @at_s; the first holds for whatever was before, too. In *until_s when the next begins. */
static int64_t hourly_at(const Payroll__V1__EmployeeRates *of, int64_t at_s, int64_t *until_s)
{
    size_t i = 0;
    if (!of || of->n_rates == 0) return 0;
    while (i + 1 < of->n_rates && second_of(of->rates[i + 1]->from) <= at_s) i++;
    if (i + 1 < of->n_rates && second_of(of->rates[i + 1]->from) < *until_s)
        *until_s = second_of(of->rates[i + 1]->from);
    return of->rates[i]->cents;
}

static const Payroll__V1__JobRate *job_rate_at(const Payroll__V1__JobRates *of, int64_t at_s, int64_t *until_s)
{
    size_t i = 0;
    if (!of || of->n_rates == 0) return NULL;
    while (i + 1 < of->n_rates && second_of(of->rates[i + 1]->from) <= at_s) i++;
    if (i + 1 < of->n_rates && second_of(of->rates[i + 1]->from) < *until_s)
        *until_s = second_of(of->rates[i + 1]->from);
    return of->rates[i];
}

/* More than doubles, in the arena, as long as there is some. */
static pay_span *next_span(writing *to)
{
    if (to->count == to->room) {
        size_t room = to->room ? to->room * 2 : 64;
        pay_span *wider = furrow_arena_alloc(to->arena, room * sizeof *wider);
        if (!wider) {
            to->full = true;
            return NULL;
        }
        if (to->count > 0) memcpy(wider, to->spans, to->count * sizeof *wider);
        to->spans = wider;
        to->room = room;
    }
    return &to->spans[to->count++];
}

/* One stretch of one kind, cut where a rate changes. */
static void add_time(writing *to, const Payroll__V1__WorkDay *day, int64_t number, const Payroll__V1__Entry *entry)
{
    const Payroll__V1__JobRates *job = find_job(to->book, entry->job_id);
    int64_t start_s = second_of(entry->start), end_s = second_of(entry->end);
    if (start_s < to->until_s) {
        add_problem(to, day->id, "%s: time that overlaps was counted once", day->date);
        start_s = to->until_s;
    }
    if (!job)
        add_problem(to, entry->job_id[0] ? entry->job_id : day->id,
                    "job %s is not known here; its time is paid by the hour", entry->job_id);
    while (start_s < end_s) {
        int64_t until_s = end_s;
        const Payroll__V1__JobRate *pay = job_rate_at(job, start_s, &until_s);
        int64_t cents = hourly_at(to->book->rates, start_s, &until_s);
        bool piece = pay && pay->type == PIECE;
        if (!piece && cents == 0)
            add_problem(to, to->book->employee_id, "no hourly rate of %s is known; the minimum wage is paid",
                        to->book->employee_id);
        pay_span *span = next_span(to);
        if (!span) return;
        *span = (pay_span){.day = number,
                           .day_id = day->id,
                           .job_id = entry->job_id,
                           .basis = piece ? PAY_PIECE : PAY_HOURLY,
                           .rest = entry->kind == REST,
                           .start_s = start_s,
                           .end_s = until_s,
                           .rate_cents = piece ? 0 : cents};
        start_s = to->until_s = until_s;
    }
}

static void add_day(writing *to, const Payroll__V1__WorkDay *day)
{
    int64_t number;
    if (!calendar_day(day->date, &number)) {
        add_problem(to, day->id, "\"%s\" is no date; nothing of it is paid", day->date);
        return;
    }
    size_t before = to->count;
    int64_t seconds = 0;
    for (size_t i = 0; i < day->n_entries && !to->full; i++) {
        const Payroll__V1__Entry *entry = day->entries[i];
        if (!entry->end) add_problem(to, day->id, "%s is open; what has not ended is not paid yet", day->date);
        if (entry->end && entry->kind != MEAL) add_time(to, day, number, entry);
    }
    for (size_t i = before; i < to->count; i++) seconds += to->spans[i].end_s - to->spans[i].start_s;
    if (seconds > BOOK_DAY_HOURS * HOUR)
        add_problem(to, day->id, "%s has %lld hours; a day has %d at most", day->date, (long long)(seconds / HOUR),
                    BOOK_DAY_HOURS);
}

/* What a whole unit of it is paid, in cents; 0 and a problem where it is nothing. */
static int64_t rate_of_ticket(writing *to, const Payroll__V1__Ticket *ticket)
{
    int64_t until_s = INT64_MAX;
    const Payroll__V1__JobRate *pay =
        job_rate_at(find_job(to->book, ticket->job_id), second_of(ticket->picked_at), &until_s);
    if (!pay)
        add_problem(to, ticket->job_id, "job %s is not known here; its tickets are not paid yet", ticket->job_id);
    else if (pay->type != PIECE)
        add_problem(to, ticket->job_id, "job %s was paid by the hour then; its tickets are not paid", ticket->job_id);
    else if (strcmp(pay->unit, ticket->unit) != 0)
        add_problem(to, ticket->id, "is of a %s; job %s paid by the %s then, so it is not paid", ticket->unit,
                    ticket->job_id, pay->unit);
    else if (pay->cents == 0)
        add_problem(to, ticket->job_id, "job %s has no rate for a %s; its tickets are not paid yet", ticket->job_id,
                    ticket->unit);
    else
        return pay->cents;
    return 0;
}

static bool has_time(const payroll_book *book, const char *day_id)
{
    for (size_t i = 0; i < book->day_count; i++)
        if (book->days[i] && strcmp(book->days[i]->id, day_id) == 0) return book->days[i]->n_entries > 0;
    return false;
}

static void add_ticket(writing *to, const Payroll__V1__Ticket *ticket, const char *previous_day)
{
    int64_t number;
    if (ticket->status != HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED) return;
    if (!calendar_day(ticket->date, &number)) {
        add_problem(to, ticket->id, "\"%s\" is no date; it is not paid", ticket->date);
        return;
    }
    int64_t cents = rate_of_ticket(to, ticket);
    if (!cents) return;
    if (strcmp(previous_day, ticket->day_id) != 0 && !has_time(to->book, ticket->day_id))
        add_problem(to, ticket->day_id, "%s has tickets and no time; the pieces are paid", ticket->date);
    to->pieces[to->piece_count++] = (pay_piece){.day = number,
                                                .day_id = ticket->day_id,
                                                .ticket_id = ticket->id,
                                                .job_id = ticket->job_id,
                                                .unit = ticket->unit,
                                                .at_s = second_of(ticket->picked_at),
                                                .quantity = ticket->quantity,
                                                .rate_cents = cents};
}

/* Each day's as far as they are taken: of more, it is told. */
static void add_tickets(writing *to)
{
    const payroll_book *book = to->book;
    const char *day = "";
    size_t of_day = 0;
    to->pieces = furrow_arena_alloc(to->arena, (book->ticket_count + 1) * sizeof *to->pieces);
    to->full |= !to->pieces;
    for (size_t i = 0; i < book->ticket_count && !to->full; i++) {
        const Payroll__V1__Ticket *ticket = book->tickets[i];
        of_day = strcmp(day, ticket->day_id) == 0 ? of_day + 1 : 1;
        if (of_day <= BOOK_TICKETS_MAX)
            add_ticket(to, ticket, day);
        else
            add_problem(to, ticket->day_id, "%s has more than %d tickets; those beyond are not paid", ticket->date,
                        BOOK_TICKETS_MAX);
        day = ticket->day_id;
    }
}

/* Adds it, unless it is there or there is no room. */
static size_t note_job(const char *id, const char *out[], size_t count, size_t max)
{
    size_t at = 0;
    while (at < count && strcmp(out[at], id) != 0) at++;
    if (at < count || count == max || !id[0]) return count;
    out[count] = id;
    return count + 1;
}

size_t book_jobs(const payroll_book *book, const char *out[], size_t max)
{
    size_t count = 0;
    for (size_t d = 0; d < book->day_count; d++)
        for (size_t i = 0; book->days[d] && i < book->days[d]->n_entries; i++)
            count = note_job(book->days[d]->entries[i]->job_id, out, count, max);
    for (size_t i = 0; i < book->ticket_count; i++) count = note_job(book->tickets[i]->job_id, out, count, max);
    return count;
}

furrow_status book_work(const payroll_book *book, furrow_arena *arena, pay_work *work, Payroll__V1__Statement *out,
                        furrow_error *err)
{
    writing to = {.book = book, .arena = arena, .out = out, .until_s = INT64_MIN};
    for (size_t i = 0; i < book->day_count && !to.full; i++)
        if (book->days[i]) add_day(&to, book->days[i]);
    add_tickets(&to);
    if (to.full) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the days of a period");
    work->spans = to.spans;
    work->span_count = to.count;
    work->pieces = to.pieces;
    work->piece_count = to.piece_count;
    return FURROW_OK;
}
