/*
 * How old is what a crew decides on? Jobs are closed and opened again at their owner, in turns and at a rate, while
 * clock-ins on the same jobs run; each answer says on which version of the job it was decided.
 *
 *   ways_freshness --url U --service crew1 --updates 10 --rate 500 --seconds 5 [--jobs 10] [--first N] [--check]
 *   -> ways_freshness updates=50 answers=2500 wrong=12 old=40 age_p50_us=0.0 age_p99_us=5100.0 old_p50_us=2000.0
 *      old_p99_us=5300.0 failed=0
 *
 * An answer is old when it was decided on a version of the job that was superseded before the command was sent: the
 * owner had acknowledged a newer one to us. Its age is for how long; that of the others is 0. Wrong are those of the
 * old ones that would have been decided otherwise: allowed on a job that was closed, or denied on one that was open.
 * age_… are of all answers, old_… of the old ones.
 *
 * Employees E<first> and on, each once (--check: CheckClockIn, nothing is written). Before it counts, each job is
 * closed and opened once, and afterwards opened. May depend on: bare.h, measure.h, messages. Threads: one.
 */
#include "bare.h"
#include "job/v1/job.pb-c.h"
#include "measure.h"
#include "ways/v1/ways.pb-c.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS        4096
#define JOBS_MAX     1000
#define PATIENCE_NS  10000000000ull
#define PRECONDITION 9

typedef struct settings {
    const char *url, *crew;
    double updates, rate, seconds;
    size_t jobs, first;
    bool check;
} settings;

/* One state of a job that its owner has acknowledged. */
typedef struct version {
    uint64_t number, acked_ns;
    bool open;
} version;

typedef struct job {
    version *versions;
    size_t count;
    bool busy;  /* an update is on its way */
    bool opens; /* what that one does */
} job;

typedef struct command {
    uint64_t sent_ns;
    size_t job, known; /* known: versions of the job when it was sent */
} command;

typedef struct freshness {
    const settings *set;
    bare_nats nats;
    natsSubscription *inbox;
    job jobs[JOBS_MAX];
    command commands[SLOTS];
    size_t sent, updated, outstanding, updating;
    size_t answers, wrong, failed;
    bool counts;
    measure_samples all, old;
} freshness;

static void add_version(job *to, uint64_t number, bool open)
{
    if ((to->count & (to->count + 1)) == 0) {
        to->versions = realloc(to->versions, 2 * (to->count + 1) * sizeof *to->versions);
        if (!to->versions) bare_die("versions", "out of memory");
    }
    to->versions[to->count++] = (version){number, measure_now_ns(), open};
}

/* Closes an open job, opens a closed one; unless that is being done already. */
static void update_job(freshness *self, size_t number)
{
    char id[24], reply[128];
    uint8_t body[32];
    job *to = &self->jobs[number];
    if (to->busy) return;
    to->busy = true;
    to->opens = to->count > 0 && !to->versions[to->count - 1].open;
    snprintf(id, sizeof id, "J%07zu", number);
    Job__V1__CloseJobRequest request = JOB__V1__CLOSE_JOB_REQUEST__INIT; /* ReopenJob's is the same */
    request.id = id;
    size_t len = job__v1__close_job_request__pack(&request, body);
    snprintf(reply, sizeof reply, "%s.u.%zu", self->nats.inbox, number);
    bare_check(natsConnection_PublishRequest(self->nats.native,
                                             to->opens ? "job.v1.JobService.ReopenJob" : "job.v1.JobService.CloseJob",
                                             reply, body, (int)len),
               "update");
    self->updating++;
    self->updated++;
}

static void take_update(freshness *self, size_t number, natsMsg *msg)
{
    job *to = &self->jobs[number];
    Job__V1__JobState *state =
        job__v1__job_state__unpack(NULL, (size_t)natsMsg_GetDataLength(msg), (const uint8_t *)natsMsg_GetData(msg));
    const char *error = NULL;
    if (natsMsgHeader_Get(msg, "Nats-Service-Error", &error) == NATS_OK) bare_die("update", error);
    if (!state || state->version <= 0) bare_die("update", "is answered without a state");
    to->busy = false;
    self->updating--;
    add_version(to, (uint64_t)state->version, to->opens);
    job__v1__job_state__free_unpacked(state, NULL);
}

static void send_command(freshness *self)
{
    char employee[24], job_id[24], location[24], subject[96], reply[128];
    uint8_t body[96];
    size_t number = self->sent++, slot = number % SLOTS, at = number % self->set->jobs;
    if (self->commands[slot].sent_ns) bare_die("commands", "more than can be on their way: lower --rate");
    snprintf(employee, sizeof employee, "E%07zu", self->set->first + number);
    snprintf(job_id, sizeof job_id, "J%07zu", at);
    snprintf(location, sizeof location, "L%07zu", at);
    Timesheet__V1__ClockInRequest request = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    request.employee_id = employee, request.job_id = job_id, request.location_id = location;
    size_t len = timesheet__v1__clock_in_request__pack(&request, body);
    snprintf(subject, sizeof subject, "%s.v1.CrewService.%s", self->set->crew,
             self->set->check ? "CheckClockIn" : "ClockIn");
    snprintf(reply, sizeof reply, "%s.c.%zu", self->nats.inbox, slot);
    self->commands[slot] = (command){measure_now_ns(), at, self->jobs[at].count};
    self->outstanding++;
    bare_check(natsConnection_PublishRequest(self->nats.native, subject, reply, body, (int)len), "clock-in");
}

/* On which version of the job it was decided, and how; 0: not decided at all. */
static uint64_t read_decision(const freshness *self, natsMsg *msg, bool *allowed)
{
    const char *code = NULL, *text = NULL;
    unsigned long long number = 0;
    *allowed = false;
    if (natsMsgHeader_Get(msg, "Nats-Service-Error-Code", &code) == NATS_OK) {
        (void)natsMsgHeader_Get(msg, "Nats-Service-Error", &text);
        if (atoi(code) != PRECONDITION || !text || sscanf(text, "facts %*u/%llu/", &number) != 1) return 0;
        return number;
    }
    *allowed = true;
    size_t len = (size_t)natsMsg_GetDataLength(msg);
    const uint8_t *data = (const uint8_t *)natsMsg_GetData(msg);
    if (self->set->check) {
        Ways__V1__FactVersions *facts = ways__v1__fact_versions__unpack(NULL, len, data);
        if (facts) number = (unsigned long long)facts->job;
        if (facts) ways__v1__fact_versions__free_unpacked(facts, NULL);
    } else {
        Ways__V1__DayState *state = ways__v1__day_state__unpack(NULL, len, data);
        if (state && state->facts) number = (unsigned long long)state->facts->job;
        if (state) ways__v1__day_state__free_unpacked(state, NULL);
    }
    return number;
}

/* The first version of the job after @number that had been acknowledged when @asked was sent; NULL: none. */
static const version *superseded_by(const freshness *self, const command *asked, uint64_t number)
{
    const job *of = &self->jobs[asked->job];
    const version *next = NULL;
    for (size_t i = asked->known; i > 0 && of->versions[i - 1].number > number; i--) next = &of->versions[i - 1];
    return next;
}

static void take_answer(freshness *self, size_t slot, natsMsg *msg)
{
    command asked = self->commands[slot];
    bool allowed;
    uint64_t number = read_decision(self, msg, &allowed);
    self->commands[slot].sent_ns = 0;
    self->outstanding--;
    if (!self->counts) return;
    if (number == 0) {
        self->failed++;
        return;
    }
    const version *next = superseded_by(self, &asked, number);
    double age_us = next ? (double)(asked.sent_ns - next->acked_ns) / 1e3 : 0;
    self->answers++;
    measure_add(&self->all, age_us);
    if (!next) return;
    measure_add(&self->old, age_us);
    self->wrong += allowed != self->jobs[asked.job].versions[asked.known - 1].open;
}

static void turn(freshness *self)
{
    bare_turn_within(&self->nats, NULL, BARE_NATS, 1);
    for (natsMsg *msg; (msg = bare_next(self->inbox));) {
        const char *number = strrchr(natsMsg_GetSubject(msg), '.');
        size_t at = strtoul(number + 1, NULL, 10);
        if (number[-1] == 'u')
            take_update(self, at, msg);
        else
            take_answer(self, at, msg);
        natsMsg_Destroy(msg);
    }
}

static void settle(freshness *self)
{
    uint64_t until = measure_now_ns() + PATIENCE_NS;
    while (self->updating > 0 || self->outstanding > 0) {
        if (measure_now_ns() > until) bare_die("answers", "do not come");
        turn(self);
    }
}

/* Each job's versions are known from here on; it is open. */
static void begin(freshness *self)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < self->set->jobs; i++) update_job(self, i);
        settle(self);
    }
    self->updated = 0;
}

static void leave_open(freshness *self)
{
    for (size_t i = 0; i < self->set->jobs; i++)
        if (!self->jobs[i].versions[self->jobs[i].count - 1].open) update_job(self, i);
    settle(self);
}

static void run(freshness *self)
{
    begin(self);
    uint64_t start_ns = measure_now_ns();
    self->counts = true;
    for (double s; (s = (double)(measure_now_ns() - start_ns) / 1e9) < self->set->seconds;) {
        while ((double)self->updated < s * self->set->updates) {
            size_t before = self->updated;
            update_job(self, self->updated % self->set->jobs);
            if (self->updated == before) break; /* its owner is slower than that */
        }
        while ((double)self->sent < s * self->set->rate) send_command(self);
        turn(self);
    }
    size_t updates = self->updated;
    settle(self);
    self->counts = false;
    leave_open(self);
    printf("ways_freshness updates=%zu answers=%zu wrong=%zu old=%zu age_p50_us=%.1f age_p99_us=%.1f old_p50_us=%.1f "
           "old_p99_us=%.1f failed=%zu\n",
           updates, self->answers, self->wrong, self->old.count, measure_percentile(&self->all, 50),
           measure_percentile(&self->all, 99), measure_percentile(&self->old, 50), measure_percentile(&self->old, 99),
           self->failed);
}

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: ways_freshness --url U --service crewN --updates N --rate R --seconds S [--jobs N] [--first N] "
            "[--check]\n");
    exit(2);
}

static void take_option(settings *set, int option)
{
    switch (option) {
    case 'u':
        set->url = optarg;
        break;
    case 'S':
        set->crew = optarg;
        break;
    case 'U':
        set->updates = atof(optarg);
        break;
    case 'r':
        set->rate = atof(optarg);
        break;
    case 's':
        set->seconds = atof(optarg);
        break;
    case 'j':
        set->jobs = measure_number(optarg);
        break;
    case 'f':
        set->first = measure_number(optarg);
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
        {"url", 1, NULL, 'u'},   {"service", 1, NULL, 'S'}, {"updates", 1, NULL, 'U'},
        {"rate", 1, NULL, 'r'},  {"seconds", 1, NULL, 's'}, {"jobs", 1, NULL, 'j'},
        {"first", 1, NULL, 'f'}, {"check", 0, NULL, 'c'},   {NULL, 0, NULL, 0}};
    static freshness self;
    char wildcard[128];
    settings set = {.jobs = 10, .rate = 500, .seconds = 5};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) take_option(&set, option);
    if (optind != argc || !set.url || !set.crew || set.updates < 0 || set.rate <= 0 || set.seconds <= 0 ||
        set.jobs < 1 || set.jobs > JOBS_MAX)
        usage();
    self.set = &set;
    bare_connect(&self.nats, set.url);
    snprintf(wildcard, sizeof wildcard, "%s.*.*", self.nats.inbox);
    self.inbox = bare_subscribe(&self.nats, wildcard, NULL);
    run(&self);
    return 0;
}
