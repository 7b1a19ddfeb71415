/*
 * See pay.h. The order of a week is the order in which its numbers depend on each other: straight pay without rests
 * makes the average, which makes the rests, which make the regular rate, which makes what is beyond 100 percent.
 */
#include "payroll/pay.h"

#include "payroll/hours.h"
#include "payroll/lines.h"

#include <string.h>

#define KIND(name) PAYROLL__V1__LINE_KIND__LINE_KIND_##name
#define AVERAGE    PAYROLL__V1__REST_PAY__REST_PAY_AVERAGE_HOURLY_RATE
#define BY_DAY     PAYROLL__V1__TOP_UP_UNIT__TOP_UP_UNIT_DAY
#define BY_WEEK    PAYROLL__V1__TOP_UP_UNIT__TOP_UP_UNIT_WEEK
#define BY_PERIOD  PAYROLL__V1__TOP_UP_UNIT__TOP_UP_UNIT_PERIOD
#define BY_PIECE   PAYROLL__V1__PIECE_OVERTIME__PIECE_OVERTIME_PIECE_RATE
#define DAYS       7

typedef struct workweek {
    const Payroll__V1__Method *method;
    lines_made *lines;
    int64_t first_day;
    const pay_span *spans;
    size_t span_count;
    const pay_piece *pieces;
    size_t piece_count;
    const pay_extra *extras;
    size_t extra_count;
    const hours_slice *slices;
    size_t slice_count;
    int64_t minimum[DAYS]; /* wage, in cents; of days on which there is anything */
    bool rests_apart;      /* rests are paid by the week's average */
    ratio straight;        /* pay, all of it that the regular rate is made of */
    ratio apart;           /* of that, for rests */
    ratio flat;            /* bonuses that the regular rate leaves out */
    int64_t seconds, rest_seconds, hundred_seconds;
    ratio average, regular; /* cents an hour */
} workweek;

/* What the pay period is held against, where the minimum wage is tested over all of it. */
typedef struct floor_sum {
    ratio due, paid;
    int64_t seconds;
} floor_sum;

static ratio cents_of(int64_t cents)
{
    return ratio_of(cents, 1);
}

static ratio pay_for(ratio rate, int64_t seconds)
{
    return ratio_mul(rate, ratio_of(seconds, 3600));
}

static ratio percent_of(ratio amount, int32_t percent)
{
    return ratio_mul(amount, ratio_of(percent, 100));
}

static int64_t length(const pay_span *span)
{
    return span->end_s - span->start_s;
}

static bool is_rest(const workweek *week, const pay_span *span)
{
    return span->rest && week->rests_apart;
}

static ratio minimum_of(const workweek *week, int64_t day)
{
    return cents_of(week->minimum[day - week->first_day]);
}

static void earn(workweek *week, lines_entry entry)
{
    entry.week = week->first_day;
    week->straight = ratio_add(week->straight, entry.cents);
    lines_add(week->lines, entry);
}

/* Of @sharers each gets whole cents; what is left over goes to the first ones, a cent each. */
static ratio piece_pay(const pay_piece *piece)
{
    ratio all = ratio_mul(ratio_of(piece->quantity, 1000), cents_of(piece->rate_cents));
    int64_t cents;
    if (piece->sharers < 2 || !ratio_round(all, &cents)) return all;
    int64_t each = cents / piece->sharers, over = cents % piece->sharers;
    if (over < 0) {
        each--;
        over += piece->sharers;
    }
    return cents_of(each + (piece->share < over));
}

static void earn_pieces(workweek *week)
{
    for (size_t i = 0; i < week->piece_count; i++) {
        const pay_piece *piece = &week->pieces[i];
        earn(week, (lines_entry){.kind = KIND(PIECE),
                                 .job_id = piece->job_id,
                                 .unit = piece->unit,
                                 .rate = cents_of(piece->rate_cents),
                                 .cents = piece_pay(piece),
                                 .quantity = piece->quantity / (piece->sharers > 1 ? piece->sharers : 1),
                                 .day_id = piece->day_id,
                                 .ticket_id = piece->ticket_id});
    }
}

/* Hours are paid at their own rate, rests among them: what these lack comes later. */
static void earn_hours(workweek *week)
{
    for (size_t i = 0; i < week->span_count; i++) {
        const pay_span *span = &week->spans[i];
        week->seconds += length(span);
        if (is_rest(week, span)) week->rest_seconds += length(span);
        if (span->basis == PAY_PIECE || (span->basis == PAY_NONPRODUCTIVE && is_rest(week, span))) continue;
        bool hourly = span->basis == PAY_HOURLY;
        ratio rate = hourly ? cents_of(span->rate_cents) : minimum_of(week, span->day),
              pay = pay_for(rate, length(span));
        if (is_rest(week, span)) week->apart = ratio_add(week->apart, pay);
        earn(week, (lines_entry){.kind = hourly ? KIND(HOURLY) : KIND(NONPRODUCTIVE),
                                 .job_id = span->job_id,
                                 .rate = rate,
                                 .cents = pay,
                                 .seconds = length(span),
                                 .day_id = span->day_id});
    }
}

/* Pieces of a day against the minimum wage for the time in which they were made. */
static void top_up_pieces(workweek *week, int64_t day)
{
    int64_t seconds = 0;
    const char *day_id = NULL;
    ratio paid = cents_of(0);
    for (size_t i = 0; i < week->span_count; i++) {
        const pay_span *span = &week->spans[i];
        if (span->day != day || span->basis != PAY_PIECE || is_rest(week, span)) continue;
        seconds += length(span);
        day_id = span->day_id;
    }
    for (size_t i = 0; i < week->piece_count; i++)
        if (week->pieces[i].day == day) paid = ratio_add(paid, piece_pay(&week->pieces[i]));
    ratio missing = ratio_sub(pay_for(minimum_of(week, day), seconds), paid);
    if (seconds == 0 || ratio_compare(missing, cents_of(0)) <= 0) return;
    earn(week, (lines_entry){.kind = KIND(TOP_UP),
                             .rate = minimum_of(week, day),
                             .cents = missing,
                             .seconds = seconds,
                             .day_id = day_id});
}

static void top_up_days(workweek *week)
{
    for (int64_t day = week->first_day; day < week->first_day + DAYS; day++) top_up_pieces(week, day);
    for (size_t i = 0; i < week->span_count; i++) {
        const pay_span *span = &week->spans[i];
        ratio missing = ratio_sub(minimum_of(week, span->day), cents_of(span->rate_cents));
        if (span->basis != PAY_HOURLY || is_rest(week, span) || ratio_compare(missing, cents_of(0)) <= 0) continue;
        earn(week, (lines_entry){.kind = KIND(TOP_UP),
                                 .job_id = span->job_id,
                                 .rate = missing,
                                 .cents = pay_for(missing, length(span)),
                                 .seconds = length(span),
                                 .day_id = span->day_id});
    }
}

static void top_up_week(workweek *week)
{
    ratio due = cents_of(0);
    for (size_t i = 0; i < week->span_count; i++)
        if (!is_rest(week, &week->spans[i]))
            due = ratio_add(due, pay_for(minimum_of(week, week->spans[i].day), length(&week->spans[i])));
    ratio missing = ratio_sub(due, ratio_sub(week->straight, week->apart));
    if (ratio_compare(missing, cents_of(0)) <= 0) return;
    lines_entry entry = {.kind = KIND(TOP_UP), .cents = missing};
    for (size_t i = 0; i < week->span_count; i++) {
        if (is_rest(week, &week->spans[i])) continue;
        entry.day_id = week->spans[i].day_id;
        entry.seconds = length(&week->spans[i]);
        earn(week, entry);
        entry.cents = cents_of(0);
    }
}

static void earn_bonuses(workweek *week)
{
    for (size_t i = 0; i < week->extra_count; i++) {
        const pay_extra *extra = &week->extras[i];
        if (extra->kind != PAY_BONUS_FLAT && extra->kind != PAY_BONUS_PRODUCTION) continue;
        lines_entry entry = {.kind = KIND(BONUS),
                             .week = week->first_day,
                             .cents = cents_of(extra->cents),
                             .unit = extra->kind == PAY_BONUS_FLAT ? "flat" : "production",
                             .day_id = extra->day_id};
        if (extra->kind == PAY_BONUS_PRODUCTION) {
            earn(week, entry);
            continue;
        }
        week->flat = ratio_add(week->flat, entry.cents);
        lines_add(week->lines, entry);
    }
}

static ratio rest_rate(const workweek *week, int64_t day)
{
    return ratio_max(week->average, minimum_of(week, day));
}

static void earn_rests(workweek *week)
{
    for (size_t i = 0; i < week->span_count; i++) {
        const pay_span *span = &week->spans[i];
        if (!is_rest(week, span)) continue;
        ratio rate = rest_rate(week, span->day);
        if (span->basis == PAY_HOURLY) rate = ratio_sub(rate, cents_of(span->rate_cents));
        if (ratio_compare(rate, cents_of(0)) < 0) continue;
        earn(week, (lines_entry){.kind = KIND(REST),
                                 .unit = span->basis == PAY_HOURLY ? "difference" : "",
                                 .rate = rate,
                                 .cents = pay_for(rate, length(span)),
                                 .seconds = length(span),
                                 .day_id = span->day_id});
    }
}

static ratio regular_rate(const workweek *week, int64_t day)
{
    return ratio_max(week->regular, minimum_of(week, day));
}

static lines_entry overtime_entry(const workweek *week, const hours_slice *slice, ratio rate)
{
    int64_t seconds = slice->end_s - slice->start_s;
    return (lines_entry){.kind = KIND(OVERTIME),
                         .week = week->first_day,
                         .rate = rate,
                         .percent = slice->percent,
                         .cents = pay_for(rate, seconds),
                         .seconds = seconds,
                         .day_id = slice->span->day_id};
}

/* More for each piece that was scanned in overtime. */
static void add_piece_overtime(workweek *week, const hours_slice *slice)
{
    for (size_t i = 0; i < week->piece_count; i++) {
        const pay_piece *piece = &week->pieces[i];
        if (piece->at_s < slice->start_s || piece->at_s >= slice->end_s) continue;
        lines_add(week->lines, (lines_entry){.kind = KIND(OVERTIME),
                                             .week = week->first_day,
                                             .job_id = piece->job_id,
                                             .unit = piece->unit,
                                             .rate = percent_of(cents_of(piece->rate_cents), slice->percent - 100),
                                             .percent = slice->percent,
                                             .cents = percent_of(piece_pay(piece), slice->percent - 100),
                                             .quantity = piece->quantity,
                                             .day_id = piece->day_id,
                                             .ticket_id = piece->ticket_id});
    }
}

static void add_overtime(workweek *week, const hours_slice *slice)
{
    const pay_span *span = slice->span;
    bool by_piece = week->method->piece_overtime == BY_PIECE, rest = is_rest(week, span);
    if (by_piece && span->basis == PAY_PIECE && !rest) {
        add_piece_overtime(week, slice);
        return;
    }
    ratio rate = regular_rate(week, span->day);
    if (by_piece && rest)
        rate = rest_rate(week, span->day);
    else if (by_piece)
        rate = ratio_max(minimum_of(week, span->day), cents_of(span->basis == PAY_HOURLY ? span->rate_cents : 0));
    lines_add(week->lines, overtime_entry(week, slice, percent_of(rate, slice->percent - 100)));
}

/* A flat sum was earned in the hours at 100 percent, so an hour of overtime is worth all of its percentage of it. */
static void add_bonus_overtime(workweek *week, const hours_slice *slice)
{
    ratio rate = ratio_div(week->flat, ratio_of(week->hundred_seconds, 3600));
    lines_entry entry = overtime_entry(week, slice, percent_of(rate, slice->percent));
    entry.unit = "flat";
    lines_add(week->lines, entry);
}

static void add_missed_breaks(workweek *week)
{
    int64_t seconds = (int64_t)week->method->missed_break_minutes * 60;
    for (size_t i = 0; i < week->extra_count; i++) {
        const pay_extra *extra = &week->extras[i];
        if ((extra->kind != PAY_MISSED_MEAL && extra->kind != PAY_MISSED_REST) || seconds == 0) continue;
        ratio rate = regular_rate(week, extra->day);
        lines_add(week->lines,
                  (lines_entry){.kind = extra->kind == PAY_MISSED_MEAL ? KIND(MISSED_MEAL) : KIND(MISSED_REST),
                                .week = week->first_day,
                                .rate = rate,
                                .cents = pay_for(rate, seconds),
                                .seconds = seconds,
                                .day_id = extra->day_id});
    }
}

static void compute_week(workweek *week, floor_sum *sum)
{
    earn_hours(week);
    earn_pieces(week);
    if (week->method->top_up == BY_DAY) top_up_days(week);
    if (week->method->top_up == BY_WEEK) top_up_week(week);
    earn_bonuses(week);
    int64_t working = week->seconds - week->rest_seconds;
    ratio earned = ratio_add(ratio_sub(week->straight, week->apart), week->flat);
    week->average = working > 0 ? ratio_div(earned, ratio_of(working, 3600)) : cents_of(0);
    earn_rests(week);
    week->regular = week->seconds > 0 ? ratio_div(week->straight, ratio_of(week->seconds, 3600)) : cents_of(0);
    for (size_t i = 0; i < week->slice_count; i++)
        if (week->slices[i].percent == 100) week->hundred_seconds += week->slices[i].end_s - week->slices[i].start_s;
    for (size_t i = 0; i < week->slice_count; i++) {
        if (week->slices[i].percent == 100) continue;
        add_overtime(week, &week->slices[i]);
        if (week->flat.num && week->hundred_seconds > 0) add_bonus_overtime(week, &week->slices[i]);
    }
    add_missed_breaks(week);
    if (week->method->top_up != BY_PERIOD) return;
    for (size_t i = 0; i < week->span_count; i++)
        sum->due = ratio_add(sum->due, pay_for(minimum_of(week, week->spans[i].day), length(&week->spans[i])));
    sum->paid = ratio_add(sum->paid, week->straight);
    sum->seconds += week->seconds;
}

static furrow_status look_up_minimum(const Payroll__V1__RuleSet *rules, const pay_work *work, workweek *week,
                                     int64_t day, furrow_error *err)
{
    int64_t *minimum = &week->minimum[day - week->first_day];
    return *minimum ? FURROW_OK : rules_minimum_wage(rules, &work->employer, day, minimum, err);
}

/* Takes what is of this week off the front of what is left of @work. */
static furrow_status take_week(const Payroll__V1__RuleSet *rules, pay_work *work, workweek *week, furrow_arena *arena,
                               furrow_error *err)
{
    int64_t end = week->first_day + DAYS;
    furrow_status status = rules_method(rules, week->first_day, &week->method, err);
    week->spans = work->spans;
    week->pieces = work->pieces;
    week->extras = work->extras;
    for (; work->span_count > 0 && work->spans->day < end && status == FURROW_OK; work->spans++, work->span_count--) {
        status = look_up_minimum(rules, work, week, work->spans->day, err);
        week->rests_apart |= work->spans->basis == PAY_PIECE;
        week->span_count++;
    }
    for (; work->piece_count > 0 && work->pieces->day < end; work->pieces++, work->piece_count--) week->piece_count++;
    for (; work->extra_count > 0 && work->extras->day < end && status == FURROW_OK;
         work->extras++, work->extra_count--) {
        status = look_up_minimum(rules, work, week, work->extras->day, err);
        week->extra_count++;
    }
    if (status != FURROW_OK) return status;
    week->rests_apart = (week->rests_apart || week->piece_count > 0) && week->method->rest_pay == AVERAGE;
    hours_slice *slices;
    status = hours_cut(rules, &work->employer, week->first_day, week->spans, week->span_count, arena, &slices,
                       &week->slice_count, err);
    if (status == FURROW_OK) week->slices = slices;
    return status;
}

static furrow_status check_day(const pay_work *work, const char *what, int64_t day, int64_t *previous,
                               furrow_error *err)
{
    char date[11];
    if (day < work->first_day || day >= work->first_day + (int64_t)work->weeks * DAYS)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s of %s is outside of the pay period", what,
                           calendar_date(day, date));
    if (day < *previous)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s of %s is out of order", what, calendar_date(day, date));
    *previous = day;
    return FURROW_OK;
}

static furrow_status check_work(const pay_work *work, furrow_error *err)
{
    FURROW_REQUIRE(work->weeks >= 1 && work->weeks <= PAY_WEEKS_MAX);
    char date[11];
    furrow_status status = FURROW_OK;
    int64_t day = work->first_day;
    for (size_t i = 0; status == FURROW_OK && i < work->span_count; i++) {
        const pay_span *span = &work->spans[i];
        status = check_day(work, "time", span->day, &day, err);
        if (status == FURROW_OK && (span->end_s <= span->start_s || (i > 0 && span->start_s < span[-1].end_s)))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "time of %s overlaps, or ends before it starts",
                               calendar_date(day, date));
    }
    day = work->first_day;
    for (size_t i = 0; status == FURROW_OK && i < work->piece_count; i++)
        status = check_day(work, "a ticket", work->pieces[i].day, &day, err);
    day = work->first_day;
    for (size_t i = 0; status == FURROW_OK && i < work->extra_count; i++)
        status = check_day(work, "an extra", work->extras[i].day, &day, err);
    return status;
}

furrow_status pay_compute(const Payroll__V1__RuleSet *rules, const pay_work *work, furrow_arena *arena,
                          Payroll__V1__Statement *out, furrow_error *err)
{
    furrow_status status = check_work(work, err);
    lines_made lines = {.arena = arena};
    floor_sum sum = {.due = cents_of(0), .paid = cents_of(0)};
    pay_work left = *work;
    int64_t seconds = 0;
    for (int32_t i = 0; status == FURROW_OK && i < work->weeks; i++) {
        workweek week = {.lines = &lines, .first_day = work->first_day + (int64_t)i * DAYS};
        week.straight = week.apart = week.flat = cents_of(0);
        status = take_week(rules, &left, &week, arena, err);
        if (status != FURROW_OK) break;
        compute_week(&week, &sum);
        seconds += week.seconds;
    }
    if (status != FURROW_OK) return status;
    ratio missing = ratio_sub(sum.due, sum.paid);
    if (ratio_compare(missing, cents_of(0)) > 0)
        lines_add(&lines,
                  (lines_entry){.kind = KIND(TOP_UP), .week = LINES_NO_WEEK, .cents = missing, .seconds = sum.seconds});
    status = lines_finish(&lines, out, err);
    if (status != FURROW_OK) return status;
    out->seconds = seconds;
    out->rules = rules->id;
    out->currency = rules->currency;
    return FURROW_OK;
}
