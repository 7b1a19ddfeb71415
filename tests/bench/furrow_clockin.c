/*
 * Clocks employees in at the real timesheet service through its typed client: Furrow's side of the clock-in. Its
 * baseline is baseline_clockin.
 *
 *   furrow_clockin --url U --in-flight 64 --calls 100000 --first 0 [--jobs 100]
 *   -> furrow_clockin in_flight=64 calls=100000 per_s=15000 p50_us=4000.0 p99_us=7000.0 cpu_us=3.00
 *
 * Employees E<first> and on, each once.
 */
#include "base/clock.h"
#include "measure.h"
#include "timesheet/v1/timesheet.client.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_NS (10 * FURROW_NS_PER_S)

typedef struct settings {
    furrow_loop *loop;
    const char *url;
    size_t in_flight, calls, warm_up, first, jobs;
} settings;

typedef struct caller {
    const settings *set;
    furrow_client *client;
    measure measure;
    furrow_waiter finished;
} caller;

typedef struct slot {
    caller *caller;
    uint64_t started_ns;
} slot;

static _Noreturn void die(const char *what, const furrow_error *err)
{
    fprintf(stderr, "furrow_clockin: %s: %s\n", what, err->text);
    exit(1);
}

static void on_reply(void *arg, furrow_status status, const furrow_error *failure,
                     const Timesheet__V1__DayState *response);

static void start_call(slot *self)
{
    furrow_error err;
    caller *all = self->caller;
    size_t n = all->measure.started;
    char employee[24], job[24], location[24];
    if (!measure_start(&all->measure)) return;
    snprintf(employee, sizeof employee, "E%07zu", all->set->first + n);
    snprintf(job, sizeof job, "J%07zu", n % all->set->jobs);
    snprintf(location, sizeof location, "L%07zu", n % all->set->jobs);
    Timesheet__V1__ClockInRequest request = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    request.employee_id = employee, request.job_id = job, request.location_id = location;
    self->started_ns = measure_now_ns();
    if (timesheet_clock_in_call_async(all->client, &request, NULL, on_reply, self, &err) != FURROW_OK)
        die("call", &err);
}

static void on_reply(void *arg, furrow_status status, const furrow_error *failure,
                     const Timesheet__V1__DayState *response)
{
    slot *self = arg;
    if (status != FURROW_OK) die("call", failure);
    if (response->version == 0) die("call", &(furrow_error){.text = "the reply is no day"});
    measure_end(&self->caller->measure, self->started_ns);
    if (measure_is_done(&self->caller->measure)) furrow_waiter_done(&self->caller->finished);
    start_call(self);
}

static void run(void *arg)
{
    const settings *set = arg;
    furrow_error err;
    char inbox[64];
    caller all = {.set = set, .finished = furrow_waiter_make()};
    measure_inbox(set->url, inbox);
    slot *slots = calloc(set->in_flight, sizeof *slots);
    furrow_link *link = furrow_link_create(
        set->loop, &(furrow_link_options){.url = set->url, .name = "furrow_clockin", .inbox_prefix = inbox}, &err);
    if (!slots || !link || !(all.client = furrow_client_create(link, NULL, &err))) die("client", &err);
    if (!furrow_link_wait_connected(link, furrow_clock_now_ns() + CONNECT_NS))
        die("connect", &(furrow_error){.text = "no server there"});
    measure_init(&all.measure, set->warm_up, set->calls);
    for (size_t i = 0; i < set->in_flight; i++) {
        slots[i].caller = &all;
        start_call(&slots[i]);
    }
    furrow_wait(&all.finished, FURROW_NEVER);
    measure_print(&all.measure, "furrow_clockin", set->in_flight);
    measure_fini(&all.measure);
    furrow_client_destroy(all.client);
    furrow_link_destroy(link);
    free(slots);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},   {"in-flight", 1, NULL, 'n'}, {"calls", 1, NULL, 'm'}, {"warm-up", 1, NULL, 'w'},
        {"first", 1, NULL, 'f'}, {"jobs", 1, NULL, 'j'},      {NULL, 0, NULL, 0}};
    settings set = {.in_flight = 64, .calls = 10000, .jobs = 1};
    furrow_error err;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 'n':
            set.in_flight = measure_number(optarg);
            break;
        case 'm':
            set.calls = measure_number(optarg);
            break;
        case 'w':
            set.warm_up = measure_number(optarg);
            break;
        case 'f':
            set.first = measure_number(optarg);
            break;
        case 'j':
            set.jobs = measure_number(optarg);
            break;
        default:
            return 2;
        }
    }
    if (optind != argc || set.in_flight < 1 || set.jobs < 1) return 2;
    set.loop = furrow_loop_create(NULL, &err);
    if (!set.loop || furrow_loop_run_task(set.loop, run, &set, &err) != FURROW_OK) die("loop", &err);
    furrow_loop_destroy(set.loop);
    return 0;
}
