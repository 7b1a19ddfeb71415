/**
 * What the parts of `farm simulate` share: a season's plan (season.h) on its way through the mesh.
 *
 *   simulate.c        the command: the ranch, days and their parts, what may overlap, what is told
 *   simulate_call.c   what one op of the plan asks of the mesh
 *   simulate_check.c  the end: `furrow audit`, totals against tickets, the digest
 */
#ifndef FURROW_FARM_SIMULATE_H
#define FURROW_FARM_SIMULATE_H

#include "farm/farm.h"
#include "farm/season.h"
#include "farm/window.h"

#include "base/arena.h"

#define SIMULATE_DATE_SIZE 11

typedef struct simulate simulate;

/* One op of today's plan. Ops of one person follow each other. */
typedef struct simulate_run {
    simulate *in;
    uint32_t op, next; /* of the same person, plus one; 0: none waits */
} simulate_run;

struct simulate {
    cli *tool;
    season *plan;
    season_day day;
    uint32_t today;
    int64_t starts_ns[SEASON_DAYS_MAX]; /* of the farm's days */
    char dates[SEASON_DAYS_MAX][SIMULATE_DATE_SIZE];
    int64_t speed; /* 0: as fast as the mesh takes it */
    window window;
    simulate_run *runs;
    uint32_t *last_of; /* the last op that is under way or waits, of each person, plus one; 0: none */
    size_t run_room, in_flight;
    furrow_waiter *room; /* waits until in_flight falls */
    uint64_t began_ns, told_ns;
    size_t counts[SEASON_KINDS], scans; /* scans: of all tickets and batches */
    size_t refused, retried, findings;
    bool draw, stopped;
};

/* An op that is being done. */
typedef struct simulate_step {
    simulate *in;
    const season_op *op;
    furrow_arena *arena; /* reset before each attempt */
    char key[80];        /* of the op: it takes effect once, however often it is sent */
} simulate_step;

/* Asks the mesh for what the op says; the status is the answer's. A batch is OK when each of its rows is what the plan
 * says; what may pass (simulate_may_pass) is to be asked again. */
furrow_status simulate_do(simulate_step *step, furrow_error *err) FURROW_MUST_USE;

/* May @status be another in a moment, whatever the rules say? */
bool simulate_may_pass(furrow_status status);

/* Makes the ranch with its blocks and jobs; everybody who goes by them knows them when this returns. */
furrow_status simulate_make_place(simulate_step *step, uint32_t place, furrow_error *err) FURROW_MUST_USE;
furrow_status simulate_make_job(simulate_step *step, uint32_t job, furrow_error *err) FURROW_MUST_USE;
/* FAILED_PRECONDITION: the mesh cannot take this season, and why. */
furrow_status simulate_probe(simulate_step *step, uint32_t unused, furrow_error *err) FURROW_MUST_USE;

/* Runs @fn until what may pass has passed; no longer than anything takes to come back. */
typedef furrow_status simulate_fn(simulate_step *step, uint32_t which, furrow_error *err);
furrow_status simulate_patiently(simulate *self, simulate_step *step, simulate_fn *fn, uint32_t which,
                                 furrow_error *err) FURROW_MUST_USE;

/* Names that are the season's own, in @arena; NULL: out of memory. @badge: which of the person's. */
char *simulate_person(const simulate *self, furrow_arena *arena, uint32_t person);
char *simulate_badge(const simulate *self, furrow_arena *arena, uint32_t person, uint16_t badge);
char *simulate_ticket(const simulate *self, furrow_arena *arena, const season_scan *scan);

/* Looks at all that there is in the end; what is wrong is printed, and makes the exit code 1. */
void simulate_check(simulate *self);

#endif
