/*
 * The field and the evening; see season.h. Shares are of the notes on how fields are recorded: most of all tickets
 * come at once, a fifth hours later from scanners that had no network, some on the next day; a few are scanned twice;
 * badges are unknown, quantities zero, clocks wrong. A foreman looks through the day's tickets in the evening.
 */
#include "farm/season.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE      60
#define HOUR_S      3600
#define OPENS_S     6300  /* 05:45 */
#define NOON_S      28800 /* 12:00 */
#define NEXT_DAY_S  25200 /* 11:00, when the batteries are charged */
#define EVENING_S   54000
#define WRONG_CLOCK (-120 * SEASON_DAY_S)

/* Of ten thousand: of people and days, … */
#define ABSENT     400
#define RESTS      2000
#define SWITCHES   1000
#define TWICE_IN   100
#define CLOSED_JOB 30
#define FORGETS    50
/* … of scanners and days, … */
#define OFFLINE      2000
#define DEAD_BATTERY 200
/* … and of tickets. */
#define TWICE       50
#define PART        1000
#define LOST_BADGE  20
#define ZERO        10
#define NO_CLOCK    5
#define NO_PIECES   5
#define CORRECTED   100
#define VOIDED      30
#define USED_ID     20
#define AGAIN_LATER 300 /* of those of a scanner that was offline: sent before it was */

enum { DICE_SHIFT = 2, DICE_MISTAKES, DICE_TICKETS, DICE_SCANNER, DICE_EVENING };

typedef struct field_plan {
    season *self;
    season_day *out;
    uint32_t day;
    season_scan *late; /* of scanners that were offline, by when they come */
    size_t late_count, late_room;
} field_plan;

/* A crew's scanner has no network from @from_s to @to_s, or, @dead, until the next day. */
typedef struct field_scanner {
    int32_t from_s, to_s;
    bool dead;
} field_scanner;

/* ---- strokes ---- */

season_shift season_shift_of(const season *self, uint32_t person, uint32_t day)
{
    season_dice dice = season_dice_of(self, DICE_SHIFT, person, day);
    season_shift shift = {.works = (person + day) % 7 != 0 && !season_chance(&dice, ABSENT)};
    bool picks = season_is_piece_crew(self->persons[person].crew);
    shift.in_s = OPENS_S + (int32_t)season_throw(&dice, 30 * MINUTE);
    shift.meal_s = NOON_S + (int32_t)season_throw(&dice, 30 * MINUTE);
    shift.back_s = shift.meal_s + 30 * MINUTE + (int32_t)season_throw(&dice, 5 * MINUTE);
    shift.out_s = shift.back_s + 3 * HOUR_S + (int32_t)season_throw(&dice, HOUR_S);
    shift.job = (uint8_t)(picks ? SEASON_PICK + season_throw(&dice, 2) : SEASON_PRUNE + season_throw(&dice, 2));
    shift.other_job = shift.job == SEASON_PRUNE ? SEASON_WEED : SEASON_PRUNE;
    shift.place = (uint16_t)((self->persons[person].crew * 7 + day) % self->places);
    if (season_chance(&dice, RESTS)) shift.rest_s = shift.in_s + 2 * HOUR_S;
    if (shift.rest_s) shift.rested_s = shift.rest_s + 10 * MINUTE;
    if (!picks && season_chance(&dice, SWITCHES)) shift.switch_s = shift.back_s + HOUR_S;
    shift.forgets = season_chance(&dice, FORGETS) && day + 1 < self->days;
    return shift;
}

static season_op *plan_stroke(field_plan *plan, season_kind kind, uint32_t person, int32_t at_s,
                              const season_shift *shift)
{
    season_op *op = season_add(plan->self, plan->out, SEASON_FIELD, kind, person, at_s);
    if (!op) return NULL;
    op->job = shift->job;
    op->place = shift->place;
    return op;
}

static void plan_mistakes(field_plan *plan, uint32_t p, const season_shift *shift)
{
    season_dice dice = season_dice_of(plan->self, DICE_MISTAKES, p, plan->day);
    season_op *op;
    if (season_chance(&dice, CLOSED_JOB) &&
        (op = plan_stroke(plan, SEASON_CLOCK_IN, p, shift->in_s - MINUTE, shift)) != NULL) {
        op->job = SEASON_DONE;
        op->expect = FURROW_FAILED_PRECONDITION;
    }
    if (season_chance(&dice, TWICE_IN) &&
        (op = plan_stroke(plan, SEASON_CLOCK_IN, p, shift->in_s + MINUTE, shift)) != NULL)
        op->expect = FURROW_FAILED_PRECONDITION;
}

static void plan_strokes(field_plan *plan, uint32_t p, const season_shift *shift)
{
    season_op *op;
    plan_stroke(plan, SEASON_CLOCK_IN, p, shift->in_s, shift);
    plan_mistakes(plan, p, shift);
    if (shift->rest_s) {
        plan_stroke(plan, SEASON_REST, p, shift->rest_s, shift);
        plan_stroke(plan, SEASON_BACK, p, shift->rested_s, shift);
    }
    plan_stroke(plan, SEASON_MEAL, p, shift->meal_s, shift);
    plan_stroke(plan, SEASON_BACK, p, shift->back_s, shift);
    if (shift->switch_s && (op = plan_stroke(plan, SEASON_SWITCH, p, shift->switch_s, shift)) != NULL)
        op->job = shift->other_job;
    if (!shift->forgets) plan_stroke(plan, SEASON_CLOCK_OUT, p, shift->out_s, shift);
}

/* ---- tickets ---- */

static field_scanner scanner_of(const season *self, uint32_t crew, uint32_t day)
{
    season_dice dice = season_dice_of(self, DICE_SCANNER, crew, day);
    uint32_t chance = season_throw(&dice, 10000);
    field_scanner scanner = {.from_s = INT32_MAX, .to_s = INT32_MAX};
    if (chance >= OFFLINE + DEAD_BATTERY) return scanner;
    scanner.from_s = 2 * HOUR_S + (int32_t)season_throw(&dice, 6 * HOUR_S);
    scanner.dead = chance >= OFFLINE;
    if (!scanner.dead) scanner.to_s = scanner.from_s + 2 * HOUR_S + (int32_t)season_throw(&dice, 2 * HOUR_S);
    return scanner;
}

static void plan_single(field_plan *plan, season_part part, const season_scan *scan, int32_t at_s)
{
    season_scan *made = season_add_scan(plan->self, plan->out);
    if (!made) return;
    *made = *scan;
    season_op *op = season_add(plan->self, plan->out, part, SEASON_TICKET, SEASON_NOBODY, at_s);
    if (!op) return;
    op->scan = (uint32_t)(plan->out->scan_count - 1);
    op->scans = 1;
    op->expect = scan->expect;
}

/* A scan that was refused for its badge is written down in the evening, by whose it was. */
static void plan_by_id(field_plan *plan, season_scan scan)
{
    scan.badge = 0;
    scan.expect = FURROW_OK;
    plan_single(plan, SEASON_EVENING, &scan, EVENING_S);
}

static void keep_scan(field_plan *plan, season_scan **list, size_t *count, size_t *room, const season_scan *scan)
{
    if (season_grow(plan->self, (void **)list, *count, room, sizeof **list)) (*list)[(*count)++] = *scan;
}

/* What a foreman finds in the evening, of a ticket that is there. */
static void plan_looking_through(field_plan *plan, uint32_t place, season_dice *dice)
{
    season_scan scan = plan->out->scans[place];
    season_op *op = NULL;
    uint32_t chance = season_throw(dice, 10000);
    if (chance < CORRECTED) {
        op = season_add(plan->self, plan->out, SEASON_EVENING, SEASON_CORRECT, SEASON_NOBODY, EVENING_S + MINUTE);
        if (op) op->quantity = scan.quantity == 1000 ? 500 : 1000;
    } else if (chance < CORRECTED + VOIDED) {
        op = season_add(plan->self, plan->out, SEASON_EVENING, SEASON_VOID, SEASON_NOBODY, EVENING_S + MINUTE);
    } else if (chance < CORRECTED + VOIDED + USED_ID) { /* another container under its id */
        scan.quantity++;
        scan.expect = FURROW_ALREADY_EXISTS;
        plan_single(plan, SEASON_EVENING, &scan, EVENING_S + MINUTE);
    }
    if (op) op->scan = place;
}

/* What goes wrong with a scan at once. */
static void plan_odd(season_scan *scan, season_dice *dice)
{
    uint32_t chance = season_throw(dice, 10000);
    scan->expect = FURROW_OK;
    if (chance < LOST_BADGE) {
        scan->badge = SEASON_LOST_BADGE;
        scan->expect = FURROW_FAILED_PRECONDITION;
    } else if (chance < LOST_BADGE + ZERO) {
        scan->quantity = 0;
        scan->expect = FURROW_INVALID_ARGUMENT;
    } else if (chance < LOST_BADGE + ZERO + NO_CLOCK) {
        scan->picked_s = WRONG_CLOCK;
        scan->expect = FURROW_INVALID_ARGUMENT;
    } else if (chance < LOST_BADGE + ZERO + NO_CLOCK + NO_PIECES) {
        scan->job = SEASON_PRUNE;
        scan->expect = FURROW_FAILED_PRECONDITION;
    }
}

static void plan_sent(field_plan *plan, const season_scan *scan, const field_scanner *scanner, season_dice *dice)
{
    int32_t at_s = scan->picked_s < 0 ? NOON_S : scan->picked_s + (int32_t)season_throw(dice, 2 * MINUTE);
    plan_single(plan, SEASON_FIELD, scan, at_s);
    if (scan->badge == SEASON_LOST_BADGE) plan_by_id(plan, *scan);
    if (scan->expect != FURROW_OK || plan->self->no_memory) return;
    uint32_t place = (uint32_t)(plan->out->scan_count - 1);
    if (season_chance(dice, TWICE)) plan_single(plan, SEASON_FIELD, scan, at_s + MINUTE);
    if (scanner->from_s < INT32_MAX && !scanner->dead && scan->picked_s < scanner->from_s &&
        season_chance(dice, AGAIN_LATER))
        keep_scan(plan, &plan->late, &plan->late_count, &plan->late_room, scan);
    plan_looking_through(plan, place, dice);
}

static void plan_tickets(field_plan *plan, uint32_t p, const season_shift *shift)
{
    season *self = plan->self;
    const season_person *person = &self->persons[p];
    const field_scanner scanner = scanner_of(self, person->crew, plan->day);
    season_dice dice = season_dice_of(self, DICE_TICKETS, p, plan->day);
    uint32_t count = 4 + season_throw(&dice, 6);
    int32_t from_s = shift->in_s + 10 * MINUTE, step_s = (shift->out_s - 20 * MINUTE - from_s) / (int32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        season_scan scan = {.person = p,
                            .crew = person->crew,
                            .day = (uint16_t)plan->day,
                            .number = (uint16_t)i,
                            .place = shift->place,
                            .badge = person->badge,
                            .job = shift->job,
                            .quantity = season_chance(&dice, PART) ? 500 : 1000};
        scan.picked_s = from_s + step_s * (int32_t)i + (int32_t)season_throw(&dice, (uint32_t)step_s);
        if (scan.picked_s >= scanner.from_s && scanner.dead && plan->day + 1 < self->days) {
            keep_scan(plan, &self->carried, &self->carried_count, &self->carried_room, &scan);
        } else if (scan.picked_s >= scanner.from_s && scan.picked_s < scanner.to_s) {
            keep_scan(plan, &plan->late, &plan->late_count, &plan->late_room, &scan);
        } else {
            plan_odd(&scan, &dice);
            plan_sent(plan, &scan, &scanner, &dice);
        }
    }
}

/* ---- batches ---- */

static int compare_scans(const void *one, const void *other)
{
    const season_scan *a = one, *b = other;
    if (a->crew != b->crew) return a->crew < b->crew ? -1 : 1;
    if (a->person != b->person) return a->person < b->person ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* A badge that is another by now is not known any more. */
static void check_badge(field_plan *plan, season_scan *scan)
{
    scan->expect = scan->badge == plan->self->persons[scan->person].badge ? FURROW_OK : FURROW_FAILED_PRECONDITION;
    if (scan->expect != FURROW_OK) plan_by_id(plan, *scan);
}

/* As many batches as @scans of one crew take. */
static void plan_batches(field_plan *plan, season_part part, season_scan *scans, size_t count, int32_t at_s)
{
    season *self = plan->self;
    for (size_t i = 0; i < count; i++) check_badge(plan, &scans[i]);
    for (size_t at = 0; at < count; at += SEASON_BATCH_MAX) {
        size_t some = count - at < SEASON_BATCH_MAX ? count - at : SEASON_BATCH_MAX;
        season_op *op = season_add(self, plan->out, part, SEASON_BATCH, SEASON_NOBODY, at_s);
        if (!op) return;
        op->scan = (uint32_t)plan->out->scan_count;
        op->scans = (uint32_t)some;
        for (size_t i = 0; i < some; i++) {
            season_scan *made = season_add_scan(self, plan->out);
            if (!made) return;
            *made = scans[at + i];
        }
    }
}

/* @next_day: what was picked on the day before. */
static void plan_crews(field_plan *plan, season_scan *scans, size_t count, bool next_day)
{
    if (count > 0) qsort(scans, count, sizeof *scans, compare_scans);
    for (size_t at = 0, end; at < count; at = end) {
        for (end = at + 1; end < count && scans[end].crew == scans[at].crew;) end++;
        const field_scanner scanner = scanner_of(plan->self, scans[at].crew, plan->day);
        bool charged = next_day || !scanner.dead;
        int32_t at_s = next_day ? NEXT_DAY_S : scanner.to_s;
        plan_batches(plan, charged ? SEASON_FIELD : SEASON_EVENING, &scans[at], end - at, charged ? at_s : EVENING_S);
    }
}

/* ---- a day ---- */

static void plan_person(field_plan *plan, uint32_t p)
{
    season_person *person = &plan->self->persons[p];
    if (person->forgot) season_add(plan->self, plan->out, SEASON_EVENING, SEASON_SHEET, p, EVENING_S + 2 * MINUTE);
    person->forgot = false;
    if (!person->active) return;
    season_shift shift = season_shift_of(plan->self, p, plan->day);
    if (!shift.works) return;
    if (!person->came_back) {
        plan_strokes(plan, p, &shift);
        person->forgot = shift.forgets;
    }
    if (season_is_piece_crew(person->crew)) plan_tickets(plan, p, &shift);
}

void season_plan_field(season *self, uint32_t day, season_day *out)
{
    field_plan plan = {.self = self, .out = out, .day = day};
    season_scan *carried = self->carried;
    size_t carried_count = self->carried_count;
    self->carried = NULL;
    self->carried_count = self->carried_room = 0;
    for (uint32_t p = 0; p < self->people && !self->no_memory; p++) plan_person(&plan, p);
    plan_crews(&plan, carried, carried_count, true);
    plan_crews(&plan, plan.late, plan.late_count, false);
    free(carried);
    free(plan.late);
}
