/*
 * Clocks people in at a crew, or at whatever answers on its subject (a bare baseline), and says how that went.
 *
 *   ways_client --url U --service crew1 --in-flight 64 --calls 20000     a closed loop: a call ends, the next begins
 *   ways_client --url U --service crew1 --rate 2000 --seconds 10         an open loop: each when it is due, whatever came
 *                                                                        back, its time counts from then
 *   -> ways_client per_s=21000.0 p50_us=2900.0 p99_us=5100.0 ok=20000 denied=0 refused=0 failed=0 lost=0 seconds=0.952
 *      cpu_us=1.90
 *
 *   --check          CheckClockIn: the same decision, nothing is written; so employees can come again
 *   --warm-up N      calls (with --calls) or seconds (with --seconds) that do not count
 *   --first N        employees E<first> and on, each once; after --employees of them from E<first> again
 *   --jobs N         jobs and locations J0000000, L0000000 and on, in turns
 *   --timeout-ms T   tell the crew to answer within T (it costs a header); what is not answered a while later is lost
 *   --trace FILE     a line for each 100 ms: t_ms sent ok failed p50_us p99_us (of those that ended OK; failed: all
 *                    others)
 *
 * ok: answered with a day (or a check's versions); its latencies make p50 and p99, and ok a second is per_s. denied:
 * FAILED_PRECONDITION, which is a decision. refused: RESOURCE_EXHAUSTED. failed: any other status. May depend on:
 * bare.h, measure.h, timesheet's messages. Threads: one.
 */
#include "bare.h"
#include "measure.h"
#include "ways/v1/ways.pb-c.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS        65536
#define WINDOW_NS    100000000ull
#define LOST_NS      6000000000ull /* without --timeout-ms: past the deadline that a service assumes */
#define GRACE_NS     500000000ull  /* with it */
#define LOOK_NS      50000000ull
#define PRECONDITION 9
#define EXHAUSTED    8

typedef struct settings {
    const char *url, *trace;
    char subject[160];
    bool check;
    size_t in_flight, calls, warm_up, first, employees, jobs, timeout_ms;
    double rate, seconds, warm_up_s;
} settings;

typedef struct window {
    size_t sent, ok, failed;
    measure_samples ok_us;
} window;

enum { OK, DENIED, REFUSED, FAILED, LOST, OUTCOMES };

typedef struct client {
    const settings *set;
    bare_nats nats;
    natsSubscription *inbox;
    uint64_t started_ns[SLOTS]; /* 0: no call in the slot */
    uint32_t free[SLOTS];       /* the last used first: nats-server remembers reply subjects that come again */
    size_t free_count, open;
    size_t sent, ended, outcomes[OUTCOMES]; /* outcomes: of those that count */
    measure_samples ok_us;
    uint64_t start_ns, begin_ns, end_ns, looked_ns; /* begin, end: of what counts; 0: not yet */
    double begin_cpu_us, end_cpu_us;
    window *windows;
    size_t window_count;
} client;

static bool by_calls(const client *self)
{
    return self->set->calls > 0;
}

/* The window of the trace that @now_ns falls into; NULL without a trace, or before it. */
static window *window_of(client *self, uint64_t now_ns)
{
    if (!self->set->trace || self->begin_ns == 0 || now_ns < self->begin_ns) return NULL;
    size_t wanted = (now_ns - self->begin_ns) / WINDOW_NS;
    if (wanted >= self->window_count) {
        self->windows = realloc(self->windows, (wanted + 1) * sizeof *self->windows);
        if (!self->windows) bare_die("trace", "out of memory");
        memset(self->windows + self->window_count, 0, (wanted + 1 - self->window_count) * sizeof *self->windows);
        self->window_count = wanted + 1;
    }
    return &self->windows[wanted];
}

static size_t pack_request(const client *self, size_t number, uint8_t body[128])
{
    char employee[24], job[24], location[24];
    const settings *set = self->set;
    snprintf(employee, sizeof employee, "E%07zu", set->first + number % set->employees);
    snprintf(job, sizeof job, "J%07zu", number % set->jobs);
    snprintf(location, sizeof location, "L%07zu", number % set->jobs);
    Timesheet__V1__ClockInRequest request = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    request.employee_id = employee, request.job_id = job, request.location_id = location;
    return timesheet__v1__clock_in_request__pack(&request, body);
}

static void send_plain(client *self, const char *reply, const uint8_t *body, size_t len)
{
    bare_check(natsConnection_PublishRequest(self->nats.native, self->set->subject, reply, body, (int)len), "request");
}

static void send_with_deadline(client *self, const char *reply, const uint8_t *body, size_t len)
{
    char timeout[24];
    natsMsg *msg = NULL;
    snprintf(timeout, sizeof timeout, "%zum", self->set->timeout_ms);
    bare_check(natsMsg_Create(&msg, self->set->subject, reply, (const char *)body, (int)len), "request");
    bare_check(natsMsgHeader_Set(msg, "Grpc-Timeout", timeout), "header");
    bare_check(natsConnection_PublishMsg(self->nats.native, msg), "request");
    natsMsg_Destroy(msg);
}

static void start_call(client *self, uint64_t due_ns)
{
    char reply[128];
    uint8_t body[128];
    if (self->free_count == 0) return;
    uint32_t slot = self->free[--self->free_count];
    size_t len = pack_request(self, self->sent++, body);
    snprintf(reply, sizeof reply, "%s.%u", self->nats.inbox, slot);
    self->started_ns[slot] = due_ns;
    self->open++;
    window *now = window_of(self, due_ns);
    if (now) now->sent++;
    (self->set->timeout_ms ? send_with_deadline : send_plain)(self, reply, body, len);
}

static bool is_day(natsMsg *msg)
{
    Ways__V1__DayState *state =
        ways__v1__day_state__unpack(NULL, (size_t)natsMsg_GetDataLength(msg), (const uint8_t *)natsMsg_GetData(msg));
    bool good = state && state->version > 0;
    if (state) ways__v1__day_state__free_unpacked(state, NULL);
    return good;
}

static bool is_check(natsMsg *msg)
{
    Ways__V1__FactVersions *facts = ways__v1__fact_versions__unpack(NULL, (size_t)natsMsg_GetDataLength(msg),
                                                                    (const uint8_t *)natsMsg_GetData(msg));
    bool good = facts && facts->employee > 0;
    if (facts) ways__v1__fact_versions__free_unpacked(facts, NULL);
    return good;
}

static int outcome_of(const client *self, natsMsg *msg)
{
    const char *code = NULL;
    if (natsMsgHeader_Get(msg, "Nats-Service-Error-Code", &code) == NATS_OK)
        return atoi(code) == PRECONDITION ? DENIED : atoi(code) == EXHAUSTED ? REFUSED : FAILED;
    if (!(self->set->check ? is_check : is_day)(msg)) bare_die("reply", "is not what was asked for");
    return OK;
}

static void begin_to_count(client *self, uint64_t now_ns)
{
    self->begin_ns = now_ns;
    self->begin_cpu_us = measure_cpu_us();
}

static void end_to_count(client *self, uint64_t now_ns)
{
    self->end_ns = now_ns;
    self->end_cpu_us = measure_cpu_us();
}

static void end_call(client *self, uint32_t slot, int outcome, uint64_t now_ns)
{
    double us = (double)(now_ns - self->started_ns[slot]) / 1e3;
    bool counts = self->begin_ns > 0 && self->end_ns == 0;
    window *now = window_of(self, now_ns);
    self->started_ns[slot] = 0;
    self->open--;
    self->ended++;
    if (counts) self->outcomes[outcome]++;
    if (counts && outcome == OK) measure_add(&self->ok_us, us);
    if (now && outcome == OK) measure_add(&now->ok_us, us);
    if (now) ++*(outcome == OK ? &now->ok : &now->failed);
    if (!by_calls(self)) return;
    if (self->ended == self->set->warm_up) begin_to_count(self, now_ns);
    if (self->ended == self->set->warm_up + self->set->calls) end_to_count(self, now_ns);
}

static void take_replies(client *self)
{
    for (natsMsg *msg; (msg = bare_next(self->inbox));) {
        uint32_t slot = (uint32_t)strtoul(strrchr(natsMsg_GetSubject(msg), '.') + 1, NULL, 10) % SLOTS;
        uint64_t now_ns = measure_now_ns();
        if (self->started_ns[slot]) { /* else it was given up */
            end_call(self, slot, outcome_of(self, msg), now_ns);
            self->free[self->free_count++] = slot;
        }
        natsMsg_Destroy(msg);
    }
}

/* The slot of a lost call is not used again: its answer may still come. */
static void give_up_lost(client *self, uint64_t now_ns)
{
    uint64_t patience = self->set->timeout_ms ? self->set->timeout_ms * 1000000ull + GRACE_NS : LOST_NS;
    if (now_ns < self->looked_ns + LOOK_NS) return;
    self->looked_ns = now_ns;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (self->started_ns[slot] && self->started_ns[slot] + patience < now_ns) end_call(self, slot, LOST, now_ns);
}

static bool may_start(const client *self)
{
    return self->end_ns == 0 && (!by_calls(self) || self->sent < self->set->warm_up + self->set->calls);
}

static void start_calls(client *self, uint64_t now_ns)
{
    const settings *set = self->set;
    if (set->rate <= 0) {
        while (may_start(self) && self->open < set->in_flight && self->free_count > 0) start_call(self, now_ns);
        return;
    }
    double due = (double)(now_ns - self->start_ns) / 1e9 * set->rate;
    while (may_start(self) && (double)self->sent < due && self->free_count > 0)
        start_call(self, self->start_ns + (uint64_t)((double)self->sent / set->rate * 1e9));
}

static void keep_time(client *self, uint64_t now_ns)
{
    uint64_t begin = self->start_ns + (uint64_t)(self->set->warm_up_s * 1e9);
    if (by_calls(self)) return;
    if (self->begin_ns == 0 && now_ns >= begin) begin_to_count(self, now_ns);
    if (self->end_ns == 0 && now_ns >= begin + (uint64_t)(self->set->seconds * 1e9)) end_to_count(self, now_ns);
}

static void run_client(client *self)
{
    self->start_ns = measure_now_ns();
    if (by_calls(self) && self->set->warm_up == 0) begin_to_count(self, self->start_ns);
    while (self->end_ns == 0) {
        uint64_t now_ns = measure_now_ns();
        keep_time(self, now_ns);
        give_up_lost(self, now_ns);
        start_calls(self, now_ns);
        bare_turn_within(&self->nats, NULL, BARE_NATS, self->set->rate > 0 ? 1 : 20);
        take_replies(self);
    }
}

static void print_result(client *self)
{
    double seconds = (double)(self->end_ns - self->begin_ns) / 1e9;
    size_t all = 0;
    for (int i = 0; i < OUTCOMES; i++) all += self->outcomes[i];
    printf("ways_client per_s=%.1f p50_us=%.1f p99_us=%.1f ok=%zu denied=%zu refused=%zu failed=%zu lost=%zu "
           "seconds=%.3f cpu_us=%.2f\n",
           (double)self->outcomes[OK] / seconds, measure_percentile(&self->ok_us, 50),
           measure_percentile(&self->ok_us, 99), self->outcomes[OK], self->outcomes[DENIED], self->outcomes[REFUSED],
           self->outcomes[FAILED], self->outcomes[LOST], seconds,
           (self->end_cpu_us - self->begin_cpu_us) / (double)(all ? all : 1));
}

static void print_trace(client *self)
{
    FILE *out = fopen(self->set->trace, "w");
    if (!out) bare_die(self->set->trace, "cannot be written");
    for (size_t i = 0; i < self->window_count; i++) {
        window *at = &self->windows[i];
        fprintf(out, "%zu %zu %zu %zu %.1f %.1f\n", i * 100, at->sent, at->ok, at->failed,
                measure_percentile(&at->ok_us, 50), measure_percentile(&at->ok_us, 99));
    }
    fclose(out);
}

static _Noreturn void usage(void)
{
    fprintf(
        stderr,
        "usage: ways_client --url U --service crewN|--subject S [--check] --in-flight N|--rate R --calls N|--seconds S "
        "[--warm-up N] [--first N] [--employees N] [--jobs N] [--timeout-ms T] [--trace FILE]\n");
    exit(2);
}

static void take_option(settings *set, int option)
{
    switch (option) {
    case 'u':
        set->url = optarg;
        break;
    case 'S':
        snprintf(set->subject, sizeof set->subject, "%s.v1.CrewService.ClockIn", optarg);
        break;
    case 'b':
        snprintf(set->subject, sizeof set->subject, "%s", optarg);
        break;
    case 'n':
        set->in_flight = measure_number(optarg);
        break;
    case 'r':
        set->rate = atof(optarg);
        break;
    case 'm':
        set->calls = measure_number(optarg);
        break;
    case 's':
        set->seconds = atof(optarg);
        break;
    case 'w':
        set->warm_up_s = atof(optarg);
        set->warm_up = (size_t)set->warm_up_s;
        break;
    case 'f':
        set->first = measure_number(optarg);
        break;
    case 'e':
        set->employees = measure_number(optarg);
        break;
    case 'j':
        set->jobs = measure_number(optarg);
        break;
    case 'T':
        set->timeout_ms = measure_number(optarg);
        break;
    case 't':
        set->trace = optarg;
        break;
    case 'c':
        set->check = true;
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},   {"service", 1, NULL, 'S'},   {"subject", 1, NULL, 'b'}, {"in-flight", 1, NULL, 'n'},
        {"rate", 1, NULL, 'r'},  {"calls", 1, NULL, 'm'},     {"seconds", 1, NULL, 's'}, {"warm-up", 1, NULL, 'w'},
        {"first", 1, NULL, 'f'}, {"employees", 1, NULL, 'e'}, {"jobs", 1, NULL, 'j'},    {"timeout-ms", 1, NULL, 'T'},
        {"trace", 1, NULL, 't'}, {"check", 0, NULL, 'c'},     {NULL, 0, NULL, 0}};
    static client self;
    char wildcard[128];
    settings set = {.url = NULL, .employees = 9999999, .jobs = 1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) take_option(&set, option);
    if (optind != argc || !set.url || !set.subject[0] || (set.rate > 0) == (set.in_flight > 0) ||
        (set.calls > 0) == (set.seconds > 0) || set.in_flight > SLOTS / 2 || set.employees < 1 || set.jobs < 1)
        usage();
    if (set.check && strstr(set.subject, ".CrewService.ClockIn"))
        strcpy(strstr(set.subject, ".ClockIn"), ".CheckClockIn");
    self.set = &set;
    for (uint32_t i = 0; i < SLOTS; i++) self.free[self.free_count++] = SLOTS - 1 - i;
    bare_connect(&self.nats, set.url);
    snprintf(wildcard, sizeof wildcard, "%s.*", self.nats.inbox);
    self.inbox = bare_subscribe(&self.nats, wildcard, NULL);
    run_client(&self);
    print_result(&self);
    if (set.trace) print_trace(&self);
    return 0;
}
