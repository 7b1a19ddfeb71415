/*
 * farm simulate: a season's plan (season.h) played into the mesh through NATS, as foremen and scanners do it.
 *
 * Many ops are under way at once (window.h), but of one person never two: what somebody does follows in order, in a
 * chain (simulate_run.next) that one task works off. The parts of a day wait for each other. What may pass is waited
 * out and asked again, so the same seed makes the same season, whatever breaks meanwhile; what is refused otherwise
 * than the plan says is a finding.
 */
#include "farm/simulate.h"

#include "base/clock.h"
#include "base/settings.h"
#include "cli/text.h"
#include "runtime/input.h"
#include "window/window.h"
#include "window/zone.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS    120000 /* longer than anything takes to come back */
#define PAUSE_MS       100
#define TELL_EVERY_MS  3000
#define FINDINGS_SHOWN 20
#define FINDINGS_MAX   1000 /* then nothing is as the plan says */
#define PACE_MS        500
#define STEP_BYTES     ((size_t)4 << 20)
#define TODAY_IS_BEFORE                                                                                                \
    "--from: the season must lie in the past: its last day would be %s, and the last whole one is %s"

static const char *const kind_names[SEASON_KINDS] = {
    "hire", "badge", "transfer",  "terminate", "rehire", "clock in", "switch",  "meal",
    "rest", "back",  "clock out", "sheet",     "ticket", "batch",    "correct", "void"};

/* As the services have them, so that days are theirs. */
static struct simulate_days {
    const char *time_zone;
    int64_t day_start_hour;
} simulate_config;
static const furrow_setting simulate_settings[] = {
    {"FURROW_TIME_ZONE", FURROW_SETTING_TEXT, offsetof(struct simulate_days, time_zone), "UTC", 0, 0,
     "the farm's time zone"},
    {"FURROW_DAY_START_HOUR", FURROW_SETTING_NUMBER, offsetof(struct simulate_days, day_start_hour), "4", 0, 23,
     "local hour at which a working day begins"},
};

bool simulate_may_pass(furrow_status status)
{
    return status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED || status == FURROW_RESOURCE_EXHAUSTED ||
           status == FURROW_ABORTED;
}

furrow_status simulate_patiently(simulate *self, simulate_step *step, simulate_fn *fn, uint32_t which,
                                 furrow_error *err)
{
    uint64_t end_ns = furrow_clock_in_ms(PATIENCE_MS);
    for (;;) {
        furrow_arena_reset(step->arena);
        furrow_status status = fn(step, which, err);
        if (!simulate_may_pass(status) || furrow_clock_now_ns() > end_ns) return status;
        self->retried++;
        furrow_task_sleep_ms(PAUSE_MS);
    }
}

/* ---- what is told ---- */

static size_t ops_done(const simulate *self)
{
    size_t sum = 0;
    for (size_t i = 0; i < SEASON_KINDS; i++) sum += self->counts[i];
    return sum;
}

static double seconds_since(uint64_t began_ns)
{
    return (double)(furrow_clock_now_ns() - began_ns + 1) / (double)FURROW_NS_PER_S;
}

static void tell_how_far(simulate *self)
{
    uint64_t now_ns = furrow_clock_now_ns();
    if (!self->draw || now_ns - self->told_ns < TELL_EVERY_MS * FURROW_NS_PER_MS) return;
    self->told_ns = now_ns;
    fprintf(stderr, "day %" PRIu32 " of %" PRIu32 ": %zu calls, %.0f a second; %zu in flight, %zu asked again\n",
            self->today + 1, self->plan->days, ops_done(self), (double)ops_done(self) / seconds_since(self->began_ns),
            self->in_flight, self->retried);
}

static void tell_finding(simulate *self, const season_op *op, furrow_status was, const furrow_error *err)
{
    char name[64] = "", at[TEXT_TIME_SIZE];
    if (op->person != SEASON_NOBODY)
        snprintf(name, sizeof name, " of S%" PRIu64 "-%05" PRIu32, self->plan->seed, op->person);
    text_time(self->starts_ns[self->today] + op->at_s * (int64_t)FURROW_NS_PER_S, at);
    if (self->findings++ < FINDINGS_SHOWN) {
        fprintf(stderr, "finding: %s %s%s: %s, not %s: ", at, kind_names[op->kind], name, furrow_status_name(was),
                furrow_status_name((furrow_status)op->expect));
        text_print(stderr, was == FURROW_OK ? "" : err->text);
        fputc('\n', stderr);
    }
    self->tool->exit_code = 1;
    if (self->findings >= FINDINGS_MAX || simulate_may_pass(was)) self->stopped = true;
}

/* ---- ops under way ---- */

static furrow_status do_one(simulate_step *step, uint32_t unused, furrow_error *err)
{
    (void)unused;
    uint64_t sent_ns = furrow_clock_now_ns();
    furrow_status status = simulate_do(step, err);
    if (step->op->kind != SEASON_BATCH) /* one takes as long as many others */
        window_answered(&step->in->window, furrow_clock_now_ns() - sent_ns, simulate_may_pass(status));
    return status;
}

static void play_op(simulate *self, const season_op *op, simulate_step *step)
{
    furrow_error err = {0};
    step->op = op;
    furrow_status status = simulate_patiently(self, step, do_one, 0, &err);
    self->counts[op->kind]++;
    if (op->kind == SEASON_TICKET || op->kind == SEASON_BATCH) self->scans += op->scans;
    if (status != (furrow_status)op->expect)
        tell_finding(self, op, status, &err);
    else if (status != FURROW_OK)
        self->refused++;
    tell_how_far(self);
}

static void run_chain(void *arg)
{
    simulate_run *run = arg;
    simulate *self = run->in;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(STEP_BYTES);
    simulate_step step = {.in = self, .arena = arena};
    for (;; run = &self->runs[run->next - 1]) {
        const season_op *op = &self->day.ops[run->op];
        if (!arena)
            self->stopped = true;
        else if (!self->stopped)
            play_op(self, op, &step);
        if (run->next == 0 && op->person != SEASON_NOBODY) self->last_of[op->person] = 0;
        self->in_flight--;
        if (self->room) furrow_waiter_done(self->room);
        if (run->next == 0) return;
    }
}

static void await_room(simulate *self, size_t most)
{
    while (self->in_flight > most) {
        furrow_waiter waiter = furrow_waiter_make();
        self->room = &waiter;
        furrow_wait(&waiter, FURROW_NEVER);
        self->room = NULL;
    }
}

/* Until it is time for @op, at self->speed times the speed of life. */
static void await_moment(simulate *self, const season_op *op)
{
    if (!self->speed) return;
    uint64_t into_s = (uint64_t)self->today * SEASON_DAY_S + (uint64_t)(op->at_s > 0 ? op->at_s : 0);
    uint64_t due_ns = self->began_ns + into_s * FURROW_NS_PER_S / (uint64_t)self->speed;
    for (uint64_t now_ns; !self->stopped && (now_ns = furrow_clock_now_ns()) < due_ns;) {
        uint64_t left_ms = (due_ns - now_ns) / FURROW_NS_PER_MS + 1;
        furrow_task_sleep_ms(left_ms < PACE_MS ? left_ms : PACE_MS);
        tell_how_far(self);
    }
}

static void begin_op(simulate *self, uint32_t at)
{
    const season_op *op = &self->day.ops[at];
    simulate_run *run = &self->runs[at];
    furrow_error err;
    *run = (simulate_run){.in = self, .op = at};
    await_room(self, self->window.limit - 1);
    uint32_t before = op->person == SEASON_NOBODY ? 0 : self->last_of[op->person]; /* and has not ended by now */
    self->in_flight++;
    if (op->person != SEASON_NOBODY) self->last_of[op->person] = at + 1;
    if (before) {
        self->runs[before - 1].next = at + 1;
        return;
    }
    if (furrow_loop_spawn(self->tool->loop, run_chain, run, &err) == FURROW_OK) return;
    self->in_flight--;
    self->stopped = true;
    cli_fail_error(self->tool, "simulate", &err);
}

static void play_day(simulate *self)
{
    season_day *day = &self->day;
    if (!season_plan_day(self->plan, self->today, day)) {
        cli_fail(self->tool, 1, "out of memory");
        self->stopped = true;
        return;
    }
    if (day->op_count > self->run_room) {
        free(self->runs);
        self->run_room = day->op_room;
        self->runs = malloc(self->run_room * sizeof *self->runs);
        FURROW_REQUIRE(self->runs);
    }
    for (uint32_t i = 0; i < day->op_count && !self->stopped; i++) {
        if (i > 0 && day->ops[i].part != day->ops[i - 1].part) await_room(self, 0);
        await_moment(self, &day->ops[i]);
        begin_op(self, i);
    }
    await_room(self, 0);
}

/* ---- the ranch ---- */

static bool make_ranch(simulate *self)
{
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(STEP_BYTES);
    simulate_step step = {.in = self, .arena = arena};
    furrow_status status = arena ? simulate_patiently(self, &step, simulate_probe, 0, &err)
                                 : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (uint32_t p = 0; status == FURROW_OK && p <= self->plan->places; p++)
        status = simulate_patiently(self, &step, simulate_make_place, p, &err);
    for (uint32_t j = 0; status == FURROW_OK && j < SEASON_JOBS; j++)
        status = simulate_patiently(self, &step, simulate_make_job, j, &err);
    if (status != FURROW_OK) cli_fail_error(self->tool, "simulate", &err);
    return status == FURROW_OK;
}

/* ---- its days ---- */

static void take_span(simulate *self, uint32_t day, const workday_window *span)
{
    self->starts_ns[day] = span->start_ns;
    memcpy(self->dates[day], span->date, SIMULATE_DATE_SIZE);
}

/* The season's days: those from @from on, or, NULL, the last whole ones. */
static furrow_status set_days(simulate *self, const char *from, furrow_error *err)
{
    int hour = (int)simulate_config.day_start_hour;
    char id[32];
    uint32_t days = self->plan->days;
    workday_window last = workday_window_at(furrow_clock_wall_ns(), hour);
    last = workday_window_at(last.start_ns - 1, hour);
    workday_window span = last;
    if (!from) {
        for (uint32_t day = days; day-- > 0; span = workday_window_at(span.start_ns - 1, hour))
            take_span(self, day, &span);
        return FURROW_OK;
    }
    furrow_status status = furrow_input_date("--from", from, err);
    if (status != FURROW_OK) return status;
    snprintf(id, sizeof id, "S_%.4s%.2s%.2s", from, from + 5, from + 8);
    status = workday_window_of_id(id, hour, &span, err);
    for (uint32_t day = 0; status == FURROW_OK && day < days; span = workday_window_at(span.end_ns, hour))
        take_span(self, day++, &span);
    if (status == FURROW_OK && strcmp(self->dates[days - 1], last.date) > 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, TODAY_IS_BEFORE, self->dates[days - 1], last.date);
    if (status == FURROW_OK &&
        furrow_clock_wall_ns() - self->starts_ns[0] > 89 * SEASON_DAY_S * (int64_t)FURROW_NS_PER_S)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "--from: %s is more than 89 days ago: harvest takes no scans of then", from);
    return status;
}

/* ---- the command ---- */

static void print_season(const simulate *self)
{
    size_t strokes = 0;
    double took_s = seconds_since(self->began_ns);
    for (size_t k = SEASON_CLOCK_IN; k <= SEASON_CLOCK_OUT; k++) strokes += self->counts[k];
    printf("season %" PRIu64 ": %" PRIu32 " people, %s to %s: %zu strokes, %zu scans in %zu calls, %zu of the office\n",
           self->plan->seed, self->plan->people, self->dates[0], self->dates[self->plan->days - 1], strokes,
           self->scans, self->counts[SEASON_TICKET] + self->counts[SEASON_BATCH],
           ops_done(self) - strokes - self->counts[SEASON_TICKET] - self->counts[SEASON_BATCH]);
    printf("%.0f s: %.0f strokes and scans a second; %zu refused as planned, %zu otherwise, %zu asked again%s\n",
           took_s, (double)(strokes + self->scans) / took_s, self->refused, self->findings, self->retried,
           self->stopped ? "; stopped" : "");
    fflush(stdout);
}

static void play_season(simulate *self)
{
    if (!make_ranch(self)) return;
    self->began_ns = self->told_ns = furrow_clock_now_ns();
    for (self->today = 0; self->today < self->plan->days && !self->stopped; self->today++) play_day(self);
    print_season(self);
    if (self->stopped)
        cli_fail(self->tool, 1, "simulate: stopped on day %" PRIu32, self->today);
    else
        simulate_check(self);
}

int farm_simulate(cli *tool)
{
    furrow_error err = {0};
    simulate self = {
        .tool = tool, .speed = cli_number(tool, "--speed"), .window = window_make(), .draw = isatty(STDERR_FILENO)};
    furrow_status status = furrow_settings_read(simulate_settings, 2, &simulate_config, &err);
    if (status == FURROW_OK) status = workday_zone_set(simulate_config.time_zone, &err);
    self.plan = season_create((uint32_t)cli_number(tool, "--employees"), (uint32_t)cli_number(tool, "--days"),
                              (uint64_t)cli_number(tool, "--seed"));
    self.last_of = self.plan ? calloc(self.plan->people, sizeof *self.last_of) : NULL;
    if (!self.last_of)
        cli_fail(tool, 1, "out of memory");
    else if (status != FURROW_OK || set_days(&self, cli_option(tool, "--from"), &err) != FURROW_OK)
        cli_fail(tool, 2, "simulate: %s%s%s", err.field, err.field[0] ? " " : "", err.text);
    else if (cli_connect(tool))
        play_season(&self);
    season_day_fini(&self.day);
    season_destroy(self.plan);
    free(self.last_of);
    free(self.runs);
    return tool->exit_code;
}
