/*
 * People, and the mornings; see season.h. Everybody and every crew has a stream of random numbers of its own for each
 * day, so what one does changes nothing for others. SplitMix64, as in seed.c: integers only.
 */
#include "farm/season.h"

#include <stdlib.h>

#define PEOPLE_PER_PLACE 50
#define PLACES_MAX       900
#define LATE_HIRES       33 /* every so manieth is hired on a later day */
#define OFFICE_S         5400

/* Of ten thousand, a day. */
#define LEAVES     30
#define NEW_BADGE  100
#define TRANSFERS  50
#define COMES_BACK 500

enum { DICE_OFFICE = 1 }; /* season_field.c has the others */

/* ---- random numbers ---- */

static uint64_t season_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

season_dice season_dice_of(const season *self, uint32_t what, uint32_t who, uint32_t day)
{
    uint64_t about = ((uint64_t)who << 32) | (day << 8) | what;
    return (season_dice){season_mix(self->seed * 0x9e3779b97f4a7c15u + 1) ^ season_mix(about)};
}

uint32_t season_throw(season_dice *dice, uint32_t limit)
{
    return (uint32_t)(season_mix(dice->state += 0x9e3779b97f4a7c15u) % limit);
}

bool season_chance(season_dice *dice, uint32_t of_ten_thousand)
{
    return season_throw(dice, 10000) < of_ten_thousand;
}

/* ---- the plan's lists ---- */

bool season_grow(season *self, void **list, size_t count, size_t *room, size_t size)
{
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 1024;
    void *grown = self->no_memory ? NULL : realloc(*list, wanted * size);
    if (!grown) {
        self->no_memory = true;
        return false;
    }
    *list = grown;
    *room = wanted;
    return true;
}

season_op *season_add(season *self, season_day *day, season_part part, season_kind kind, uint32_t person, int32_t at_s)
{
    if (!season_grow(self, (void **)&day->ops, day->op_count, &day->op_room, sizeof *day->ops)) return NULL;
    season_op *op = &day->ops[day->op_count];
    *op = (season_op){.at_s = at_s,
                      .number = (uint32_t)day->op_count,
                      .person = person,
                      .kind = (uint8_t)kind,
                      .part = (uint8_t)part,
                      .expect = FURROW_OK};
    day->op_count++;
    return op;
}

season_scan *season_add_scan(season *self, season_day *day)
{
    if (!season_grow(self, (void **)&day->scans, day->scan_count, &day->scan_room, sizeof *day->scans)) return NULL;
    return &day->scans[day->scan_count++];
}

/* ---- people ---- */

bool season_is_piece_crew(uint32_t crew)
{
    return crew % 5 < 3;
}

season *season_create(uint32_t people, uint32_t days, uint64_t seed)
{
    season *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    *self = (season){.seed = seed, .people = people, .days = days};
    self->persons = calloc(people, sizeof *self->persons);
    if (!self->persons) {
        season_destroy(self);
        return NULL;
    }
    self->crews = (people + SEASON_CREW - 1) / SEASON_CREW;
    self->places = 1 + people / PEOPLE_PER_PLACE;
    if (self->places > PLACES_MAX) self->places = PLACES_MAX;
    for (uint32_t p = 0; p < people; p++) {
        self->persons[p].crew = p / SEASON_CREW;
        self->persons[p].hired = days > 1 && p % LATE_HIRES == LATE_HIRES - 1 ? (uint16_t)(1 + p % (days - 1)) : 0;
    }
    return self;
}

void season_destroy(season *self)
{
    if (!self) return;
    free(self->persons);
    free(self->carried);
    free(self);
}

/* ---- the morning ---- */

static void plan_leaving(season *self, uint32_t p, season_day *out, season_dice *dice, int32_t at_s)
{
    season_person *person = &self->persons[p];
    season_add(self, out, SEASON_OFFICE, SEASON_TERMINATE, p, at_s);
    person->active = false;
    if (!season_chance(dice, 2500)) return;
    season_op *in = season_add(self, out, SEASON_FIELD, SEASON_CLOCK_IN, p, OFFICE_S + 3600); /* who has not heard it */
    if (!in) return;
    in->job = SEASON_PRUNE;
    in->expect = FURROW_FAILED_PRECONDITION;
}

/* By the clock of the mesh an employment ends when it is told of it, which is after all days of a season that lies in
 * the past. So what somebody who has come back clocks in is refused; what they pick counts. */
static void plan_coming_back(season *self, uint32_t p, season_day *out, int32_t at_s)
{
    season_person *person = &self->persons[p];
    season_add(self, out, SEASON_OFFICE, SEASON_REHIRE, p, at_s);
    season_op *in = season_add(self, out, SEASON_FIELD, SEASON_CLOCK_IN, p, OFFICE_S + 3600);
    if (in) {
        in->job = SEASON_PRUNE;
        in->expect = FURROW_FAILED_PRECONDITION;
    }
    person->active = person->came_back = true;
}

static void plan_office(season *self, uint32_t p, uint32_t day, season_day *out)
{
    season_person *person = &self->persons[p];
    season_dice dice = season_dice_of(self, DICE_OFFICE, p, day);
    int32_t at_s = (int32_t)season_throw(&dice, OFFICE_S);
    uint32_t chance = season_throw(&dice, 10000);
    season_op *op = NULL;
    if (day == person->hired) {
        op = season_add(self, out, SEASON_OFFICE, SEASON_HIRE, p, at_s);
        person->active = true;
        person->badge = 1;
    } else if (day > person->hired && person->active && chance < LEAVES) {
        plan_leaving(self, p, out, &dice, at_s);
    } else if (day > person->hired && person->active && chance < LEAVES + NEW_BADGE) {
        op = season_add(self, out, SEASON_OFFICE, SEASON_BADGE, p, at_s);
        person->badge++;
    } else if (day > person->hired && person->active && chance < LEAVES + NEW_BADGE + TRANSFERS) {
        op = season_add(self, out, SEASON_OFFICE, SEASON_TRANSFER, p, at_s);
        person->crew = season_throw(&dice, self->crews);
    } else if (day > person->hired && !person->active && chance < COMES_BACK) {
        plan_coming_back(self, p, out, at_s);
    }
    if (!op) return;
    op->badge = person->badge;
    op->crew = person->crew;
}

/* ---- a day ---- */

static int compare_ops(const void *one, const void *other)
{
    const season_op *a = one, *b = other;
    if (a->part != b->part) return a->part < b->part ? -1 : 1;
    if (a->at_s != b->at_s) return a->at_s < b->at_s ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

bool season_plan_day(season *self, uint32_t day, season_day *out)
{
    out->op_count = out->scan_count = 0;
    for (uint32_t p = 0; p < self->people; p++) plan_office(self, p, day, out);
    season_plan_field(self, day, out);
    if (!self->no_memory && out->op_count > 0) qsort(out->ops, out->op_count, sizeof *out->ops, compare_ops);
    return !self->no_memory;
}

void season_day_fini(season_day *day)
{
    free(day->ops);
    free(day->scans);
}
