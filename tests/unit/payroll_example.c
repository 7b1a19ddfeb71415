/* See payroll_example.h. */
#include "payroll_example.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPANS_MAX 512

static const struct {
    const char *name, *text;
} small_sets[] = {
    {"federal", "{\"id\":\"us\",\"description\":\"29 CFR 778\",\"currency\":\"USD\",\"minimumWages\":[{\"from\":"
                "\"2009-07-24\",\"centsPerHour\":725,\"sources\":[\"29 U.S.C. 206\"]}],\"overtime\":[{\"from\":"
                "\"1940-10-24\",\"weekly\":[{\"afterMinutes\":2400,\"percent\":150}],\"sources\":[\"29 U.S.C. 207\"]}],"
                "\"methods\":[{\"from\":\"1938-10-24\",\"restPay\":\"REST_PAY_AS_WORKED\",\"topUp\":"
                "\"TOP_UP_UNIT_WEEK\",\"pieceOvertime\":\"PIECE_OVERTIME_REGULAR_RATE\",\"sources\":[\"29 CFR "
                "778.111\"]}]}"},
    {"federal-farm", "{\"id\":\"us-farm\",\"description\":\"29 U.S.C. 213(b)(12)\",\"currency\":\"USD\","
                     "\"minimumWages\":[{\"from\":\"2009-07-24\",\"centsPerHour\":725,\"sources\":[\"29 U.S.C. "
                     "206\"]}],\"methods\":[{\"from\":\"1938-10-24\",\"restPay\":\"REST_PAY_AS_WORKED\",\"topUp\":"
                     "\"TOP_UP_UNIT_WEEK\",\"pieceOvertime\":\"PIECE_OVERTIME_REGULAR_RATE\",\"sources\":[\"29 CFR "
                     "778.111\"]}]}"},
    {"oregon", "{\"id\":\"us-or\",\"description\":\"HB 4002\",\"currency\":\"USD\",\"minimumWages\":[{\"from\":"
               "\"2009-07-24\",\"centsPerHour\":725,\"sources\":[\"29 U.S.C. 206\"]}],\"overtime\":[{\"from\":"
               "\"2023-01-01\",\"to\":\"2024-12-31\",\"weekly\":[{\"afterMinutes\":3300,\"percent\":150}],\"sources\":"
               "[\"HB 4002\"]},{\"from\":\"2025-01-01\",\"to\":\"2026-12-31\",\"weekly\":[{\"afterMinutes\":2880,"
               "\"percent\":150}],\"sources\":[\"HB 4002\"]}],\"methods\":[{\"from\":\"2023-01-01\",\"restPay\":"
               "\"REST_PAY_AS_WORKED\",\"topUp\":\"TOP_UP_UNIT_PERIOD\",\"pieceOvertime\":"
               "\"PIECE_OVERTIME_REGULAR_RATE\",\"sources\":[\"HB 4002\"]}]}"},
    {"washington", "{\"id\":\"us-wa\",\"description\":\"Chapter 49.46 RCW\",\"currency\":\"USD\",\"minimumWages\":[{"
                   "\"from\":\"2026-01-01\",\"centsPerHour\":1713,\"sources\":[\"L&I, 2026\"]}],\"overtime\":[{"
                   "\"from\":\"2024-01-01\",\"weekly\":[{\"afterMinutes\":2400,\"percent\":150}],\"sources\":[\"ESSB "
                   "5172\"]}],\"methods\":[{\"from\":\"2024-01-01\",\"restPay\":\"REST_PAY_AS_WORKED\",\"topUp\":"
                   "\"TOP_UP_UNIT_WEEK\",\"pieceOvertime\":\"PIECE_OVERTIME_REGULAR_RATE\",\"sources\":[\"RCW "
                   "49.46.130\"]}]}"},
};

static void vary(Payroll__V1__RuleSet *rules, const char *name)
{
    Payroll__V1__Method *method = rules->methods[0];
    Payroll__V1__MinimumWage *last = rules->minimum_wages[rules->n_minimum_wages - 1];
    if (strcmp(name, "ca-week") == 0) method->top_up = PAYROLL__V1__TOP_UP_UNIT__TOP_UP_UNIT_WEEK;
    if (strcmp(name, "ca-piece-overtime") == 0)
        method->piece_overtime = PAYROLL__V1__PIECE_OVERTIME__PIECE_OVERTIME_PIECE_RATE;
    if (strncmp(name, "h2a", 3) == 0) last->cents_per_hour = 1900; /* the floor of the contract, above the state's */
    if (strcmp(name, "h2a-period") == 0) method->top_up = PAYROLL__V1__TOP_UP_UNIT__TOP_UP_UNIT_PERIOD;
}

Payroll__V1__RuleSet *example_rules(const char *name, furrow_arena *arena)
{
    furrow_error err;
    Payroll__V1__RuleSet *rules = NULL;
    furrow_status status = FURROW_OK;
    for (size_t i = 0; i < sizeof small_sets / sizeof *small_sets; i++)
        if (strcmp(name, small_sets[i].name) == 0)
            status = rules_parse(furrow_bytes_of(small_sets[i].text), arena, &rules, &err);
    if (status == FURROW_OK && !rules) {
        status = rules_read(FURROW_TEST_RULES, arena, &rules, &err);
        if (status == FURROW_OK) vary(rules, name);
    }
    if (status == FURROW_OK) return rules;
    fprintf(stderr, "rules %s: %s\n", name, err.text);
    abort();
}

static const char *day_id(int64_t day, furrow_arena *arena)
{
    char date[11];
    calendar_date(day, date);
    return furrow_arena_printf(arena, "E1_%.4s%.2s%.2s", date, date + 5, date + 8);
}

static void add_span(pay_work *work, pay_span *spans, const worked *row, bool rest, int minutes)
{
    pay_span *span = &spans[work->span_count];
    if (minutes == 0) return;
    int64_t start_s = span->day * 86400 + 6 * 3600;
    if (work->span_count > 0 && span[-1].day == span->day) start_s = span[-1].end_s;
    span->basis = row->basis;
    span->rate_cents = row->rate;
    span->rest = rest;
    span->job_id = row->basis == PAY_PIECE ? "J-PICK" : "J-HOUR";
    span->start_s = start_s;
    span->end_s = start_s + (int64_t)minutes * 60;
    span[1].day = span->day;
    span[1].day_id = span->day_id;
    work->span_count++;
}

static void add_worked(const worked_example *example, pay_work *work, pay_span *spans, int day, furrow_arena *arena)
{
    spans[work->span_count].day = work->first_day + day;
    spans[work->span_count].day_id = day_id(work->first_day + day, arena);
    for (const worked *row = example->worked; row->minutes; row++) {
        if (day < row->from || day > row->to) continue;
        int before = (row->minutes - row->rest) / 2;
        add_span(work, spans, row, false, before);
        add_span(work, spans, row, true, row->rest);
        add_span(work, spans, row, false, row->minutes - row->rest - before);
    }
}

static void add_picked(const worked_example *example, pay_work *work, pay_piece *pieces, int day, furrow_arena *arena)
{
    for (const picked *row = example->picked; row->quantity; row++) {
        if (day < row->from || day > row->to) continue;
        pieces[work->piece_count] = (pay_piece){
            .day = work->first_day + day,
            .day_id = day_id(work->first_day + day, arena),
            .ticket_id = furrow_arena_printf(arena, "T%zu", work->piece_count),
            .job_id = "J-PICK",
            .unit = "tray",
            .at_s = (work->first_day + day) * 86400 + 6 * 3600 + (int64_t)row->at * 60,
            .quantity = row->quantity,
            .rate_cents = row->rate,
            .sharers = row->sharers,
            .share = row->share,
        };
        work->piece_count++;
    }
}

pay_work example_work(const worked_example *example, furrow_arena *arena)
{
    pay_span *spans = furrow_arena_zalloc(arena, SPANS_MAX * sizeof *spans);
    pay_piece *pieces = furrow_arena_zalloc(arena, SPANS_MAX * sizeof *pieces);
    pay_extra *extras = furrow_arena_zalloc(arena, 3 * sizeof *extras);
    pay_work work = {.employer = {.size = example->employer_size, .place = ""},
                     .weeks = example->weeks,
                     .spans = spans,
                     .pieces = pieces,
                     .extras = extras};
    if (!calendar_day(example->first_date, &work.first_day)) abort();
    for (int day = 0; day < example->weeks * 7; day++) {
        add_worked(example, &work, spans, day, arena);
        add_picked(example, &work, pieces, day, arena);
    }
    for (const extra *row = example->extras; row < example->extras + 3; row++) {
        if (row->kind == PAY_BONUS_FLAT && row->cents == 0) break;
        int64_t day = work.first_day + row->day;
        extras[work.extra_count++] = (pay_extra){row->kind, day, day_id(day, arena), row->cents};
    }
    return work;
}

char *example_lines(const Payroll__V1__Statement *statement, furrow_arena *arena)
{
    char *text = furrow_arena_strdup(arena, "");
    for (size_t i = 0; i < statement->n_lines; i++) {
        const ProtobufCEnumValue *kind =
            protobuf_c_enum_descriptor_get_value(&payroll__v1__line_kind__descriptor, (int)statement->lines[i]->kind);
        text = furrow_arena_printf(arena, "%s%s%s %lld", text, i ? ", " : "", kind->name + strlen("LINE_KIND_"),
                                   (long long)statement->lines[i]->cents);
    }
    return text;
}
