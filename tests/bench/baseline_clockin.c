/*
 * The bare baseline that Furrow's clock-in is measured against: the same input and output with bare nats.c and hiredis
 * and one poll(2), no Furrow code (see bare.h). A request reads the employee, the job and the location as timesheet
 * keeps them and the employee's day in one MGET, and with it which days of the employee are open; publishes the new day
 * with the expected subject sequence and waits for the ack; upserts the day, versioned, with its three index entries in
 * the same script; and answers with it.
 *
 *   baseline_clockin serve --url U [--log-url U] --redis /run/redis.sock
 *   baseline_clockin call --url U --in-flight 64 --calls 100000 --first 0 [--jobs 100]
 *   -> baseline_clockin in_flight=64 calls=100000 per_s=20000 p50_us=3000.0 p99_us=5000.0 cpu_us=2.00
 *
 * Employees E<first> and on, each clocked in once; the stream BARE_DAY (proto/bare) and lib/bare.lua must be there, and
 * timesheet's replicas in Redis.
 */
#include "bare.h"
#include "measure.h"
#include "timesheet/v1/timesheet.pb-c.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUBJECT   "bare.v1.BareService.ClockIn"
#define SLOTS     1024
#define READS     4 /* employee, job, location, day */
#define EVENT_MAX 1024

typedef struct settings {
    const char *url, *log_url, *redis;
    size_t in_flight, calls, warm_up, first, jobs;
} settings;

/* One request on its way. */
typedef struct slot {
    natsMsg *request;
    char employee_id[64], job_id[64], location_id[64], day_id[96];
    uint8_t event[EVENT_MAX];
    size_t event_len;
    struct slot *next;       /* among the free ones, or among those that wait for Redis */
    bool upserting, listing; /* the answer to come is of the upsert, of the open days; else of the MGET */
    uint64_t sequence;
} slot;

typedef struct server {
    bare_nats nats, log; /* calls; events, in an account of their own */
    redisContext *redis;
    natsSubscription *requests, *acks;
    slot slots[SLOTS], *free, *waiting, **last; /* Redis answers in the order of its commands */
    char date[16], day[16];
} server;

static void wait_for_redis(server *self, slot *what)
{
    what->next = NULL;
    *self->last = what;
    self->last = &what->next;
}

static void command(server *self, slot *what, int argc, const char *argv[], const size_t lens[])
{
    if (redisAppendCommandArgv(self->redis, argc, argv, lens) != REDIS_OK) bare_die("redis", self->redis->errstr);
    wait_for_redis(self, what);
}

/* The first of two answers for @what. */
static void ask_open_days(server *self, slot *what)
{
    char from[80], to[80];
    const char *argv[] = {"ZRANGEBYLEX", "timesheet:{BareDay}:@by:open_employee_id", from, to, "LIMIT", "0", "8"};
    size_t from_len = (size_t)snprintf(from, sizeof from, "[%s%c", what->employee_id, 0);
    size_t to_len = (size_t)snprintf(to, sizeof to, "(%s%c", what->employee_id, 1);
    size_t lens[] = {11, strlen(argv[1]), from_len, to_len, 5, 1, 1};
    what->listing = true;
    if (redisAppendCommandArgv(self->redis, 7, argv, lens) != REDIS_OK) bare_die("redis", self->redis->errstr);
}

static void take_request(server *self, natsMsg *msg)
{
    slot *what = self->free;
    Timesheet__V1__ClockInRequest *request = timesheet__v1__clock_in_request__unpack(
        NULL, (size_t)natsMsg_GetDataLength(msg), (const uint8_t *)natsMsg_GetData(msg));
    if (!what || !request) bare_die("request", what ? "is broken" : "too many at once");
    self->free = what->next;
    what->request = msg;
    what->upserting = false;
    snprintf(what->employee_id, sizeof what->employee_id, "%s", request->employee_id);
    snprintf(what->job_id, sizeof what->job_id, "%s", request->job_id);
    snprintf(what->location_id, sizeof what->location_id, "%s", request->location_id);
    snprintf(what->day_id, sizeof what->day_id, "%s_%s", what->employee_id, self->day);
    timesheet__v1__clock_in_request__free_unpacked(request, NULL);
    char keys[READS][128];
    const char *argv[1 + READS] = {"MGET", keys[0], keys[1], keys[2], keys[3]};
    size_t lens[1 + READS] = {4,
                              (size_t)snprintf(keys[0], sizeof keys[0], "timesheet:{Employee}:%s", what->employee_id),
                              (size_t)snprintf(keys[1], sizeof keys[1], "timesheet:{Job}:%s", what->job_id),
                              (size_t)snprintf(keys[2], sizeof keys[2], "timesheet:{Location}:%s", what->location_id),
                              (size_t)snprintf(keys[3], sizeof keys[3], "timesheet:{BareDay}:%s", what->day_id)};
    ask_open_days(self, what);
    command(self, what, 1 + READS, argv, lens);
}

static void with_day(server *self, slot *what, void (*fn)(slot *what, Timesheet__V1__WorkDay *day))
{
    char open[] = "";
    Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Timesheet__V1__Entry entry = TIMESHEET__V1__ENTRY__INIT, *entries[] = {&entry};
    Timesheet__V1__WorkDay day = TIMESHEET__V1__WORK_DAY__INIT;
    now.seconds = time(NULL);
    entry.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK, entry.start = &now;
    entry.job_id = what->job_id, entry.location_id = what->location_id;
    day.id = what->day_id, day.employee_id = day.open_employee_id = what->employee_id, day.date = self->date,
    day.closed_by = open;
    day.status = TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN, day.entries = entries, day.n_entries = 1,
    day.updated_at = &now;
    fn(what, &day);
}

static void pack_event(slot *what, Timesheet__V1__WorkDay *day)
{
    if (timesheet__v1__work_day__get_packed_size(day) > EVENT_MAX) bare_die("event", "is too large");
    what->event_len = timesheet__v1__work_day__pack(day, what->event);
}

static void publish(server *self, slot *what, const redisReply *read)
{
    char subject[160], reply[128];
    natsMsg *event = NULL;
    for (size_t i = 0; i < READS - 1; i++)
        if (read->elements != READS || read->element[i]->type != REDIS_REPLY_STRING)
            bare_die("clock-in", "the replicas miss something");
    if (read->element[READS - 1]->type != REDIS_REPLY_NIL) bare_die(what->day_id, "is there already");
    with_day(self, what, pack_event);
    snprintf(subject, sizeof subject, "bare.v1.BareDay.%s", what->day_id);
    snprintf(reply, sizeof reply, "%s.%zu", self->log.inbox, (size_t)(what - self->slots));
    bare_check(natsMsg_Create(&event, subject, reply, (const char *)what->event, (int)what->event_len), "event");
    bare_check(natsMsgHeader_Set(event, "Nats-Expected-Last-Subject-Sequence", "0"), "header");
    bare_check(natsConnection_PublishMsg(self->log.native, event), "publish");
    natsMsg_Destroy(event);
}

static void upsert(server *self, slot *what)
{
    uint8_t value[8 + EVENT_MAX];
    char key[128], employee[192], date[192];
    for (int b = 0; b < 8; b++) value[b] = (uint8_t)(what->sequence >> (56 - 8 * b));
    memcpy(value + 8, what->event, what->event_len);
    size_t employee_len = (size_t)snprintf(employee, sizeof employee, "%s%c%s", what->employee_id, 0, what->day_id);
    size_t date_len = (size_t)snprintf(date, sizeof date, "%s%c%s", self->date, 0, what->day_id);
    const char *argv[] = {"FCALL",
                          "bare_upsert_day", /* lib/bare.lua */
                          "4",
                          key,
                          "timesheet:{BareDay}:@by:employee_id",
                          "timesheet:{BareDay}:@by:date",
                          "timesheet:{BareDay}:@by:open_employee_id",
                          (const char *)value,
                          employee,
                          date,
                          employee};
    size_t lens[] = {5,
                     15,
                     1,
                     (size_t)snprintf(key, sizeof key, "timesheet:{BareDay}:%s", what->day_id),
                     strlen(argv[4]),
                     strlen(argv[5]),
                     strlen(argv[6]),
                     8 + what->event_len,
                     employee_len,
                     date_len,
                     employee_len};
    what->upserting = true;
    command(self, what, 11, argv, lens);
}

static void take_ack(server *self, natsMsg *msg)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
    const char *sequence = strstr(text, "\"seq\":");
    slot *what = &self->slots[strtoul(strrchr(natsMsg_GetSubject(msg), '.') + 1, NULL, 10)];
    if (!sequence || strstr(text, "\"error\"")) bare_die("ack", text);
    what->sequence = strtoull(sequence + 6, NULL, 10);
    natsMsg_Destroy(msg);
    upsert(self, what);
}

static void pack_answer(slot *what, Timesheet__V1__WorkDay *day)
{
    Timesheet__V1__DayState state = TIMESHEET__V1__DAY_STATE__INIT;
    state.day = day, state.version = (int64_t)what->sequence;
    if (timesheet__v1__day_state__get_packed_size(&state) > EVENT_MAX) bare_die("answer", "is too large");
    what->event_len = timesheet__v1__day_state__pack(&state, what->event);
}

static void answer(server *self, slot *what)
{
    with_day(self, what, pack_answer);
    bare_check(
        natsConnection_Publish(self->nats.native, natsMsg_GetReply(what->request), what->event, (int)what->event_len),
        "answer");
    natsMsg_Destroy(what->request);
    what->next = self->free;
    self->free = what;
}

static void take_redis_answer(server *self, redisReply *reply)
{
    slot *what = self->waiting;
    if (what->listing) {
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements > 0) bare_die(what->employee_id, "has an open day");
        what->listing = false;
        freeReplyObject(reply);
        return;
    }
    self->waiting = what->next;
    if (!self->waiting) self->last = &self->waiting;
    if (what->upserting)
        answer(self, what);
    else
        publish(self, what, reply);
    freeReplyObject(reply);
}

static void serve(const settings *set)
{
    static server self;
    char wildcard[128];
    time_t now = time(NULL);
    strftime(self.date, sizeof self.date, "%Y-%m-%d", gmtime(&now));
    strftime(self.day, sizeof self.day, "%Y%m%d", gmtime(&now));
    self.last = &self.waiting;
    for (size_t i = 0; i < SLOTS; i++) self.slots[i].next = i + 1 < SLOTS ? &self.slots[i + 1] : NULL;
    self.free = self.slots;
    self.redis = bare_redis(set->redis);
    bare_connect(&self.nats, set->url);
    bare_connect(&self.log, set->log_url ? set->log_url : set->url);
    self.nats.also = &self.log;
    snprintf(wildcard, sizeof wildcard, "%s.*", self.log.inbox);
    self.requests = bare_subscribe(&self.nats, SUBJECT, "bare");
    self.acks = bare_subscribe(&self.log, wildcard, NULL);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        bare_turn(&self.nats, self.redis, BARE_NATS | BARE_REDIS);
        for (redisReply *reply; (reply = bare_answer(self.redis));) take_redis_answer(&self, reply);
        for (natsMsg *msg; (msg = bare_next(self.requests));) take_request(&self, msg);
        for (natsMsg *msg; (msg = bare_next(self.acks));) take_ack(&self, msg);
    }
}

/* ---- the client ---- */

typedef struct caller {
    const settings *set;
    bare_nats nats;
    uint64_t started_ns[SLOTS];
    measure measure;
} caller;

static void call(caller *self, size_t place)
{
    char employee[24], job[24], location[24], reply[128];
    uint8_t body[96];
    size_t n = self->measure.started;
    if (!measure_start(&self->measure)) return;
    snprintf(employee, sizeof employee, "E%07zu", self->set->first + n);
    snprintf(job, sizeof job, "J%07zu", n % self->set->jobs);
    snprintf(location, sizeof location, "L%07zu", n % self->set->jobs);
    Timesheet__V1__ClockInRequest request = TIMESHEET__V1__CLOCK_IN_REQUEST__INIT;
    request.employee_id = employee, request.job_id = job, request.location_id = location;
    size_t len = timesheet__v1__clock_in_request__pack(&request, body);
    snprintf(reply, sizeof reply, "%s.%zu", self->nats.inbox, place);
    self->started_ns[place] = measure_now_ns();
    bare_check(natsConnection_PublishRequest(self->nats.native, SUBJECT, reply, body, (int)len), "request");
}

static void take_reply(caller *self, natsMsg *msg)
{
    size_t place = strtoul(strrchr(natsMsg_GetSubject(msg), '.') + 1, NULL, 10);
    Timesheet__V1__DayState *state = timesheet__v1__day_state__unpack(NULL, (size_t)natsMsg_GetDataLength(msg),
                                                                      (const uint8_t *)natsMsg_GetData(msg));
    if (!state || state->version == 0) bare_die("reply", "is no day");
    timesheet__v1__day_state__free_unpacked(state, NULL);
    natsMsg_Destroy(msg);
    measure_end(&self->measure, self->started_ns[place]);
    call(self, place);
}

static void run_client(const settings *set)
{
    static caller self;
    char wildcard[128];
    self.set = set;
    measure_init(&self.measure, set->warm_up, set->calls);
    bare_connect(&self.nats, set->url);
    snprintf(wildcard, sizeof wildcard, "%s.*", self.nats.inbox);
    natsSubscription *inbox = bare_subscribe(&self.nats, wildcard, NULL);
    for (size_t place = 0; place < set->in_flight; place++) call(&self, place);
    while (!measure_is_done(&self.measure)) {
        bare_turn(&self.nats, NULL, BARE_NATS);
        for (natsMsg *msg; (msg = bare_next(inbox));) take_reply(&self, msg);
    }
    measure_print(&self.measure, "baseline_clockin", set->in_flight);
    measure_fini(&self.measure);
}

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: baseline_clockin serve|call [--url U] [--log-url U] [--redis SOCKET] [--in-flight N] [--calls M] "
            "[--warm-up M] [--first N] "
            "[--jobs N]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},       {"log-url", 1, NULL, 'l'}, {"redis", 1, NULL, 'r'},
        {"in-flight", 1, NULL, 'n'}, {"calls", 1, NULL, 'm'},   {"warm-up", 1, NULL, 'w'},
        {"first", 1, NULL, 'f'},     {"jobs", 1, NULL, 'j'},    {NULL, 0, NULL, 0}};
    settings set = {.url = "nats://127.0.0.1:4222", .in_flight = 64, .calls = 10000, .jobs = 1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 'l':
            set.log_url = optarg;
            break;
        case 'r':
            set.redis = optarg;
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
            usage();
        }
    }
    if (optind != argc - 1 || set.in_flight < 1 || set.in_flight > SLOTS || set.jobs < 1) usage();
    if (strcmp(argv[optind], "serve") == 0 && set.redis)
        serve(&set);
    else if (strcmp(argv[optind], "call") == 0)
        run_client(&set);
    else
        usage();
    return 0;
}
