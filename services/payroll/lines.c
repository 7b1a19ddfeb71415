/* See lines.h. */
#include "payroll/lines.h"

#include "payroll/rules.h"

#include <string.h>

/* Room grows by doubling, in the arena: at @count, which is how many there are. */
static void *grown(furrow_arena *arena, void *old, size_t count, size_t size)
{
    if (count & (count - 1)) return old;
    void *wider = furrow_arena_alloc(arena, (count ? count * 2 : 1) * size);
    if (wider && count > 0) memcpy(wider, old, count * size);
    return wider;
}

/* Days come in order, so one that is named already is the last one named. */
static bool add_name(furrow_arena *arena, const char ***names, size_t *count, const char *name)
{
    if (!name || (*count > 0 && strcmp((*names)[*count - 1], name) == 0)) return true;
    const char **wider = grown(arena, (void *)*names, *count, sizeof **names);
    if (!wider) return false;
    *names = wider;
    (*names)[(*count)++] = name;
    return true;
}

static bool alike(const lines_entry *a, const lines_entry *b)
{
    return a->kind == b->kind && a->week == b->week && a->percent == b->percent &&
           ratio_compare(a->rate, b->rate) == 0 && strcmp(a->job_id, b->job_id) == 0 && strcmp(a->unit, b->unit) == 0;
}

static lines_line *find_line(lines_made *lines, const lines_entry *entry)
{
    for (size_t i = lines->count; i-- > 0;)
        if (alike(&lines->all[i].sum, entry)) return &lines->all[i];
    lines_line *wider = lines->count < LINES_MAX ? grown(lines->arena, lines->all, lines->count, sizeof *wider) : NULL;
    if (!wider) return NULL;
    lines->all = wider;
    lines_line *line = &wider[lines->count++];
    *line = (lines_line){.sum = *entry};
    line->sum.cents = ratio_of(0, 1);
    line->sum.seconds = line->sum.quantity = 0;
    return line;
}

void lines_add(lines_made *lines, lines_entry entry)
{
    if (!entry.job_id) entry.job_id = "";
    if (!entry.unit) entry.unit = "";
    if (!entry.rate.den && !entry.rate.num) entry.rate = ratio_of(0, 1);
    lines_line *line = find_line(lines, &entry);
    if (!line) {
        lines->full = true;
        return;
    }
    line->sum.cents = ratio_add(line->sum.cents, entry.cents);
    line->sum.seconds += entry.seconds;
    line->sum.quantity += entry.quantity;
    if (!add_name(lines->arena, &line->days, &line->day_count, entry.day_id) ||
        !add_name(lines->arena, &line->tickets, &line->ticket_count, entry.ticket_id))
        lines->full = true;
}

static Payroll__V1__Line *finish_line(const lines_made *lines, const lines_line *from, int64_t cents)
{
    char week[11], rate[RATIO_TEXT_MAX];
    Payroll__V1__Line *line = furrow_arena_alloc(lines->arena, sizeof *line);
    if (!line) return NULL;
    payroll__v1__line__init(line);
    line->kind = from->sum.kind;
    line->cents = cents;
    line->seconds = from->sum.seconds;
    line->quantity = from->sum.quantity;
    line->percent = from->sum.percent;
    line->unit = (char *)from->sum.unit;
    line->job_id = (char *)from->sum.job_id;
    ratio_text(from->sum.rate, rate);
    if (from->sum.rate.num) line->rate = furrow_arena_strdup(lines->arena, rate);
    if (from->sum.week != LINES_NO_WEEK)
        line->week = furrow_arena_strdup(lines->arena, calendar_date(from->sum.week, week));
    line->n_day_ids = from->day_count;
    line->day_ids = (char **)from->days;
    line->n_ticket_ids = from->ticket_count;
    line->ticket_ids = (char **)from->tickets;
    return line->rate && line->week ? line : NULL;
}

furrow_status lines_finish(const lines_made *lines, Payroll__V1__Statement *out, furrow_error *err)
{
    Payroll__V1__Line **all = furrow_arena_alloc(lines->arena, (lines->count + 1) * sizeof(*all));
    size_t count = 0;
    int64_t gross = 0;
    bool full = lines->full || !all;
    for (size_t i = 0; !full && i < lines->count; i++) {
        int64_t cents;
        if (!ratio_round(lines->all[i].sum.cents, &cents) || __builtin_add_overflow(gross, cents, &gross))
            return furrow_fail(err, FURROW_OUT_OF_RANGE, "pay does not fit: an amount has too many digits");
        if (!cents && !lines->all[i].sum.seconds && !lines->all[i].sum.quantity) continue;
        all[count] = finish_line(lines, &lines->all[i], cents);
        full = !all[count++];
    }
    if (full)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "a statement of more than %d lines, or no memory for it",
                           LINES_MAX);
    out->lines = all;
    out->n_lines = count;
    out->gross_cents = gross;
    return FURROW_OK;
}
