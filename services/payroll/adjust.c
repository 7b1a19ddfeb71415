/* See adjust.h. */
#include "payroll/adjust.h"

#include <stdlib.h>
#include <string.h>

#define KINDS (PAYROLL__V1__LINE_KIND__LINE_KIND_MISSED_REST + 1)

typedef struct difference {
    int64_t cents, seconds, quantity;
    const char **days, **tickets;
    size_t day_count, ticket_count;
} difference;

static bool is_of_period(const Payroll__V1__Statement *statement, const Payroll__V1__Line *line, const char *period_id)
{
    return strcmp(line->adjusts[0] ? line->adjusts : statement->period_id, period_id) == 0;
}

/* Adds the statement's lines of that kind and period, or takes them away. */
static void sum_lines(difference *of, const Payroll__V1__Statement *statement, size_t kind, const char *period_id,
                      int sign)
{
    for (size_t i = 0; i < statement->n_lines; i++) {
        const Payroll__V1__Line *line = statement->lines[i];
        if ((size_t)line->kind != kind || !is_of_period(statement, line, period_id)) continue;
        of->cents += sign * line->cents;
        of->seconds += sign * line->seconds;
        of->quantity += sign * line->quantity;
    }
}

static size_t count_names(const Payroll__V1__Statement *statement, bool tickets)
{
    size_t count = 0;
    for (size_t i = 0; i < statement->n_lines; i++)
        count += tickets ? statement->lines[i]->n_ticket_ids : statement->lines[i]->n_day_ids;
    return count;
}

static void append_names(const char **out, size_t *count, const Payroll__V1__Statement *statement, size_t kind,
                         const char *period_id, bool tickets)
{
    for (size_t i = 0; i < statement->n_lines; i++) {
        const Payroll__V1__Line *line = statement->lines[i];
        if ((size_t)line->kind != kind || !is_of_period(statement, line, period_id)) continue;
        size_t more = tickets ? line->n_ticket_ids : line->n_day_ids;
        if (more > 0) memcpy(out + *count, tickets ? line->ticket_ids : line->day_ids, more * sizeof *out);
        *count += more;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted; of names that are there several times one stays, or none where @odd says: those that stand twice. */
static size_t reduce_names(const char **names, size_t count, bool odd)
{
    size_t kept = 0;
    if (count > 1) qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && strcmp(names[next], names[i]) == 0;) next++;
        if (!odd || (next - i) % 2 == 1) names[kept++] = names[i];
    }
    return kept;
}

/* A ticket stands once in what is known now, and once in each statement that paid it or took it back: what stands an
 * odd number of times in all of them came since, or went. */
static bool name_sources(difference *of, const Payroll__V1__Statement *now,
                         const Payroll__V1__Statement *const issued[], size_t count, size_t kind, furrow_arena *arena)
{
    size_t tickets = count_names(now, true);
    for (size_t i = 0; i < count; i++) tickets += count_names(issued[i], true);
    of->days = furrow_arena_alloc(arena, (count_names(now, false) + 1) * sizeof *of->days);
    of->tickets = furrow_arena_alloc(arena, (tickets + 1) * sizeof *of->tickets);
    if (!of->days || !of->tickets) return false;
    append_names(of->days, &of->day_count, now, kind, now->period_id, false);
    append_names(of->tickets, &of->ticket_count, now, kind, now->period_id, true);
    for (size_t i = 0; i < count; i++)
        append_names(of->tickets, &of->ticket_count, issued[i], kind, now->period_id, true);
    of->day_count = reduce_names(of->days, of->day_count, false);
    of->ticket_count = reduce_names(of->tickets, of->ticket_count, true);
    return true;
}

static Payroll__V1__Line *line_of(const difference *of, size_t kind, const char *period_id, furrow_arena *arena)
{
    Payroll__V1__Line *line = furrow_arena_alloc(arena, sizeof *line);
    if (!line) return NULL;
    payroll__v1__line__init(line);
    line->kind = (Payroll__V1__LineKind)kind;
    line->cents = of->cents;
    line->seconds = of->seconds;
    line->quantity = of->quantity;
    line->adjusts = (char *)period_id;
    line->n_day_ids = of->day_count;
    line->day_ids = (char **)of->days;
    line->n_ticket_ids = of->ticket_count;
    line->ticket_ids = (char **)of->tickets;
    return line;
}

furrow_status adjust_statement(Payroll__V1__Statement *out, const Payroll__V1__Statement *now,
                               const Payroll__V1__Statement *const issued[], size_t count, furrow_arena *arena,
                               furrow_error *err)
{
    Payroll__V1__Line **all = furrow_arena_alloc(arena, (out->n_lines + KINDS) * sizeof(*all));
    bool room = all != NULL;
    if (room && out->n_lines > 0) memcpy(all, out->lines, out->n_lines * sizeof(*all));
    if (room) out->lines = all;
    for (size_t kind = 1; room && kind < KINDS; kind++) {
        difference of = {0};
        sum_lines(&of, now, kind, now->period_id, 1);
        for (size_t i = 0; i < count; i++) sum_lines(&of, issued[i], kind, now->period_id, -1);
        if (!of.cents && !of.seconds && !of.quantity) continue;
        room = name_sources(&of, now, issued, count, kind, arena);
        Payroll__V1__Line *line = room ? line_of(&of, kind, now->period_id, arena) : NULL;
        room = line != NULL;
        if (!room) break;
        out->lines[out->n_lines++] = line;
        out->gross_cents += line->cents;
    }
    return room ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for adjustments");
}
