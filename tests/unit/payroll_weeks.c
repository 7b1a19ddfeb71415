/*
 * Prints made-up periods and what pay_compute() makes of them, for recompute.py to compute again: the arguments are the
 * rules' file, a seed and how many. A record is lines of words: "case", "span"s, "piece"s, "extra"s, "line"s, "gross".
 */
#include "payroll/pay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_DAY 12 /* at most, of spans and of pieces */
#define ROOM    (PAY_WEEKS_MAX * 7 * PER_DAY)

static uint64_t state;

/* SplitMix64: the same seed gives the same periods everywhere. */
static int64_t pick(int64_t from, int64_t to)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return from + (int64_t)((z ^ (z >> 31)) % (uint64_t)(to - from + 1));
}

static const char *name_of(const ProtobufCEnumDescriptor *descriptor, int value)
{
    return protobuf_c_enum_descriptor_get_value(descriptor, value)->name;
}

static size_t make_spans(pay_span *spans, int64_t day, bool pieces)
{
    size_t count = (size_t)pick(1, 6);
    int64_t at_s = day * 86400 + pick(4, 9) * 3600;
    for (size_t i = 0; i < count; i++) {
        int64_t length_s = pick(0, 3) ? pick(1, 180) * 60 : pick(1, 9000);
        pay_basis basis = pieces ? (pay_basis)pick(PAY_HOURLY, PAY_NONPRODUCTIVE) : PAY_HOURLY;
        spans[i] = (pay_span){.day = day, .day_id = "", .job_id = "J", .basis = basis, .rest = pick(0, 4) == 0};
        spans[i].start_s = at_s;
        spans[i].end_s = at_s + length_s;
        spans[i].rate_cents = basis == PAY_HOURLY ? pick(900, 2600) : 0;
        at_s = spans[i].end_s + (pick(0, 2) ? 0 : pick(1, 1800));
    }
    return count;
}

static size_t make_pieces(pay_piece *pieces, int64_t day)
{
    size_t count = (size_t)pick(0, PER_DAY);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (pay_piece){.day = day, .day_id = "", .ticket_id = "", .job_id = "J", .unit = "bin"};
        pieces[i].at_s = day * 86400 + pick(4 * 3600, 20 * 3600);
        pieces[i].quantity = pick(0, 5) ? pick(1, 30) * 1000 : pick(-2000, 9999);
        pieces[i].rate_cents = pick(1, 900);
        pieces[i].sharers = pick(0, 9) ? 0 : (int32_t)pick(2, 5);
        pieces[i].share = pieces[i].sharers ? (int32_t)pick(0, pieces[i].sharers - 1) : 0;
    }
    return count;
}

static void make_work(pay_work *work, pay_span *spans, pay_piece *pieces, pay_extra *extras)
{
    *work = (pay_work){.spans = spans, .pieces = pieces, .extras = extras};
    work->employer = (rules_employer){.size = pick(0, 1) ? 26 : 25, .place = ""};
    work->weeks = (int32_t)pick(1, 3);
    work->first_day = pick(0, 1) ? pick(16804, 20600) : 20450 - pick(0, 13); /* from 2016 on; around a change of year */
    bool with_pieces = pick(0, 3) > 0;
    int64_t idle = pick(0, 4); /* of ten days; none: a seventh day is worked */
    for (int64_t day = work->first_day; day < work->first_day + work->weeks * 7; day++) {
        if (pick(0, 9) < idle) continue;
        work->span_count += make_spans(spans + work->span_count, day, with_pieces);
        if (with_pieces) work->piece_count += make_pieces(pieces + work->piece_count, day);
        if (pick(0, 9) == 0)
            extras[work->extra_count++] =
                (pay_extra){(pay_extra_kind)pick(PAY_BONUS_FLAT, PAY_MISSED_REST), day, "", pick(1, 20000)};
    }
}

static void print_work(const pay_work *work, const Payroll__V1__Method *method)
{
    printf("case %" PRId64 " %" PRId64 " %d %s %s %s\n", work->employer.size, work->first_day, work->weeks,
           name_of(&payroll__v1__rest_pay__descriptor, (int)method->rest_pay),
           name_of(&payroll__v1__top_up_unit__descriptor, (int)method->top_up),
           name_of(&payroll__v1__piece_overtime__descriptor, (int)method->piece_overtime));
    for (const pay_span *s = work->spans; s < work->spans + work->span_count; s++)
        printf("span %" PRId64 " %d %d %" PRId64 " %" PRId64 " %" PRId64 "\n", s->day, (int)s->basis, s->rest,
               s->start_s, s->end_s, s->rate_cents);
    for (const pay_piece *p = work->pieces; p < work->pieces + work->piece_count; p++)
        printf("piece %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d\n", p->day, p->at_s, p->quantity,
               p->rate_cents, p->sharers, p->share);
    for (const pay_extra *x = work->extras; x < work->extras + work->extra_count; x++)
        printf("extra %d %" PRId64 " %" PRId64 "\n", (int)x->kind, x->day, x->cents);
}

static void run_case(Payroll__V1__RuleSet *rules, furrow_arena *arena)
{
    static pay_span spans[ROOM];
    static pay_piece pieces[ROOM];
    static pay_extra extras[ROOM];
    furrow_error err;
    pay_work work;
    Payroll__V1__Method *method = rules->methods[0];
    Payroll__V1__Statement statement = PAYROLL__V1__STATEMENT__INIT;
    method->rest_pay = (Payroll__V1__RestPay)(pick(0, 4) ? 1 : 2);
    method->top_up = (Payroll__V1__TopUpUnit)pick(1, 3);
    method->piece_overtime = (Payroll__V1__PieceOvertime)pick(1, 2);
    make_work(&work, spans, pieces, extras);
    print_work(&work, method);
    if (pay_compute(rules, &work, arena, &statement, &err) != FURROW_OK) {
        fprintf(stderr, "payroll_weeks: %s\n", err.text);
        exit(1);
    }
    for (size_t i = 0; i < statement.n_lines; i++) {
        const Payroll__V1__Line *line = statement.lines[i];
        printf("line %s %s %" PRId64 " %" PRId64 " %s %d\n",
               name_of(&payroll__v1__line_kind__descriptor, (int)line->kind), line->week[0] ? line->week : "-",
               line->cents, line->seconds, line->rate[0] ? line->rate : "0", line->percent);
    }
    printf("gross %" PRId64 " %" PRId64 "\n", statement.gross_cents, statement.seconds);
}

int main(int argc, char **argv)
{
    furrow_error err;
    Payroll__V1__RuleSet *rules;
    if (argc != 4) return 2;
    furrow_arena *kept = furrow_arena_create(0), *arena = furrow_arena_create(0);
    if (rules_read(argv[1], kept, &rules, &err) != FURROW_OK) {
        fprintf(stderr, "payroll_weeks: %s\n", err.text);
        return 1;
    }
    state = strtoull(argv[2], NULL, 10);
    for (long i = strtol(argv[3], NULL, 10); i > 0; i--) {
        run_case(rules, arena);
        furrow_arena_reset(arena);
    }
    furrow_arena_destroy(arena);
    furrow_arena_destroy(kept);
    return 0;
}
