/**
 * The plan of a season: what foremen and scanners do on each day of it, in order, with their times. Pure: the same
 * people, days and seed make the same plan, on every machine, and other seeds other plans. It knows no date and no
 * clock: moments are seconds since the farm's day began (04:00), days are counted from 0.
 *
 * A day has three parts, each done when the one before has been: the office in the morning (who is hired, leaves,
 * comes back, changes crew or badge), the field (strokes of clocks with their peaks at dawn and noon, tickets one by
 * one and in batches of scanners that were offline), and the evening (corrections). What somebody does follows in the
 * order of the plan; what different people do may overlap, and so may tickets. Whatever is refused by rule says so in
 * its `expect`.
 *
 *   season.c        people, and the morning
 *   season_field.c  strokes, tickets, and the evening
 */
#ifndef FURROW_FARM_SEASON_H
#define FURROW_FARM_SEASON_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEASON_PEOPLE_MAX 100000
#define SEASON_DAYS_MAX   80 /* harvest takes scans of 90 */
#define SEASON_CREW       25 /* people */
#define SEASON_BATCH_MAX  100
#define SEASON_DAY_S      86400
#define SEASON_LOST_BADGE UINT16_MAX /* nobody's */
#define SEASON_NOBODY     UINT32_MAX

enum { SEASON_PICK, SEASON_PICK_LUGS, SEASON_PRUNE, SEASON_WEED, SEASON_DONE, SEASON_JOBS }; /* the last is closed */

typedef enum season_part { SEASON_OFFICE, SEASON_FIELD, SEASON_EVENING } season_part;

typedef enum season_kind {
    SEASON_HIRE,
    SEASON_BADGE, /* a new one: the old is lost */
    SEASON_TRANSFER,
    SEASON_TERMINATE,
    SEASON_REHIRE,
    SEASON_CLOCK_IN,
    SEASON_SWITCH,
    SEASON_MEAL,
    SEASON_REST,
    SEASON_BACK,
    SEASON_CLOCK_OUT,
    SEASON_SHEET, /* the day before is written anew: somebody had forgotten to clock out */
    SEASON_TICKET,
    SEASON_BATCH,
    SEASON_CORRECT,
    SEASON_VOID,
    SEASON_KINDS
} season_kind;

/* One scan; its ticket is called by @day, @person and @number. */
typedef struct season_scan {
    uint32_t person, crew;
    uint16_t day, number, place;
    uint16_t badge; /* the how-manieth of the person's; 0: by the employee's id; or SEASON_LOST_BADGE */
    uint8_t job, expect;
    int32_t picked_s; /* in its day; far below 0: the scanner's clock is wrong */
    int32_t quantity; /* thousandths */
} season_scan;

typedef struct season_op {
    int32_t at_s;    /* when it is done, in the day it is done on */
    uint32_t number; /* of the day's: no two have the same */
    uint32_t person; /* whose it is; of scans SEASON_NOBODY */
    uint32_t crew;
    uint32_t scan,
        scans; /* which of the day's: SEASON_TICKET and SEASON_BATCH send them, others change the ticket of one */
    int32_t quantity; /* SEASON_CORRECT: what it should have been */
    uint16_t badge, place;
    uint8_t job, kind, part, expect;
} season_op;

typedef struct season_day {
    season_op *ops; /* in order */
    season_scan *scans;
    size_t op_count, scan_count, op_room, scan_room;
} season_day;

/* When somebody works on a day, seconds in it. */
typedef struct season_shift {
    bool works, forgets; /* to clock out */
    int32_t in_s, meal_s, back_s, out_s;
    int32_t rest_s, rested_s, switch_s; /* 0: none */
    uint8_t job, other_job;             /* other_job: from switch_s on */
    uint16_t place;
} season_shift;

typedef struct season_person {
    uint32_t crew;
    uint16_t badge;
    uint16_t hired; /* the day */
    bool active, came_back;
    bool forgot; /* to clock out on the day before */
} season_person;

typedef struct season {
    uint64_t seed;
    uint32_t people, days, places, crews;
    season_person *persons;
    season_scan *carried; /* from scanners whose battery was dead: they come on the next day */
    size_t carried_count, carried_room;
    bool no_memory;
} season;

/* NULL: out of memory. */
season *season_create(uint32_t people, uint32_t days, uint64_t seed);
void season_destroy(season *self);

/* Makes the plan of @day into *out, whose room is used again; days in order, from 0. False: out of memory. */
bool season_plan_day(season *self, uint32_t day, season_day *out);
void season_day_fini(season_day *day);

/* When @person works on @day, if employed. */
season_shift season_shift_of(const season *self, uint32_t person, uint32_t day);

/* ---- between the parts of the plan ---- */

/* A stream of random numbers of its own: of what (a literal), about whom, on which day. */
typedef struct season_dice {
    uint64_t state;
} season_dice;
season_dice season_dice_of(const season *self, uint32_t what, uint32_t who, uint32_t day);
uint32_t season_throw(season_dice *dice, uint32_t limit);
bool season_chance(season_dice *dice, uint32_t of_ten_thousand);

/* Makes room for one more of @size bytes; false: out of memory, which @self knows. */
bool season_grow(season *self, void **list, size_t count, size_t *room, size_t size);

/* The next op of the day, filled but for what its kind has; NULL: out of memory, which @self knows. */
season_op *season_add(season *self, season_day *day, season_part part, season_kind kind, uint32_t person, int32_t at_s);
/* Room for one more scan; NULL likewise. */
season_scan *season_add_scan(season *self, season_day *day);

bool season_is_piece_crew(uint32_t crew);
void season_plan_field(season *self, uint32_t day, season_day *out);

#endif
