/*
 * The bare consumer that a crew is measured against: the same input and output in the same order with bare nats.c and
 * hiredis and one poll(2), no Furrow code (see bare.h), in each of the ways. It answers as a crew, on its subject and
 * as its user, so that ways_client clocks people in at either; owners are real ones, or bare ones (baseline_owner).
 *
 *   baseline_ways --way sequential|parallel|hybrid|replica --crew crew1 --url U --log-url U --redis USER:PASSWORD@SOCKET
 *
 * A request asks for the facts and reads the employee's day, in the order of the way; publishes the new day with the
 * expected subject sequence and waits for the ack; upserts the day, versioned, with its three index entries; and
 * answers with it. CheckClockIn ends before the publishing. What the replicas hold, and bare.lua, must be in Redis
 * before. Whatever is wrong ends the program.
 */
#include "bare.h"
#include "bare_facts.h"
#include "measure.h"
#include "ways/v1/ways.pb-c.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS     4096
#define EVENT_MAX 1024
#define VERSION   8 /* bytes before a record's fields */

typedef struct settings {
    const char *url, *log_url, *redis, *crew;
    bare_way way;
} settings;

/* One request on its way. */
typedef struct slot {
    bare_inquiry facts; /* first: facts lead back here */
    natsMsg *request;
    char day_id[96];
    uint8_t event[EVENT_MAX];
    size_t event_len;
    struct slot *next;                  /* among the free ones, or among those that wait for Redis */
    bool upserting, read, known, check; /* check: decide, and write nothing */
    uint64_t sequence;
} slot;

typedef struct server {
    const settings *set;
    bare_nats nats, log; /* calls; events, in an account of their own */
    redisContext *redis;
    bare_facts *facts;
    natsSubscription *requests, *acks;
    slot slots[SLOTS], *free, *waiting, **last; /* Redis answers in the order of its commands */
    char entity[32], date[16], day[16];         /* entity: "Crew1Day" */
} server;

static void redis_command(server *self, slot *what, int argc, const char *argv[], const size_t lens[])
{
    if (redisAppendCommandArgv(self->redis, argc, argv, lens) != REDIS_OK) bare_die("redis", self->redis->errstr);
    what->next = NULL;
    *self->last = what;
    self->last = &what->next;
}

/* The day, and from replicas the facts with it. */
static void read_day(server *self, slot *what)
{
    static const char *const kinds[BARE_KINDS] = {"Employee", "Job", "Location"};
    char keys[1 + BARE_KINDS][160];
    const char *argv[2 + BARE_KINDS] = {"MGET", keys[0], keys[1], keys[2], keys[3]};
    size_t lens[2 + BARE_KINDS] = {4};
    int reads = self->set->way == BARE_REPLICA ? 1 + BARE_KINDS : 1;
    lens[1] = (size_t)snprintf(keys[0], sizeof keys[0], "%s:{%s}:%s", self->set->crew, self->entity, what->day_id);
    for (int kind = 0; kind < reads - 1; kind++)
        lens[2 + kind] = (size_t)snprintf(keys[1 + kind], sizeof keys[0], "%s:{%s}:%s", self->set->crew, kinds[kind],
                                          what->facts.ids[kind]);
    redis_command(self, what, 1 + reads, argv, lens);
}

static void with_day(server *self, slot *what, void (*fn)(slot *what, Timesheet__V1__WorkDay *day))
{
    char open[] = "";
    Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Timesheet__V1__Entry entry = TIMESHEET__V1__ENTRY__INIT, *entries[] = {&entry};
    Timesheet__V1__WorkDay day = TIMESHEET__V1__WORK_DAY__INIT;
    now.seconds = time(NULL);
    entry.kind = TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK, entry.start = &now;
    entry.job_id = what->facts.ids[BARE_JOB], entry.location_id = what->facts.ids[BARE_LOCATION];
    day.id = what->day_id, day.employee_id = day.open_employee_id = what->facts.ids[BARE_EMPLOYEE];
    day.date = self->date, day.closed_by = open;
    day.status = TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN, day.entries = entries, day.n_entries = 1,
    day.updated_at = &now;
    fn(what, &day);
}

static void pack_event(slot *what, Timesheet__V1__WorkDay *day)
{
    if (timesheet__v1__work_day__get_packed_size(day) > EVENT_MAX) bare_die("event", "is too large");
    what->event_len = timesheet__v1__work_day__pack(day, what->event);
}

static void publish_day(server *self, slot *what)
{
    char subject[192], reply[128];
    natsMsg *event = NULL;
    with_day(self, what, pack_event);
    snprintf(subject, sizeof subject, "%s.v1.%s.%s", self->set->crew, self->entity, what->day_id);
    snprintf(reply, sizeof reply, "%s.%zu", self->log.inbox, what->facts.number);
    bare_check(natsMsg_Create(&event, subject, reply, (const char *)what->event, (int)what->event_len), "event");
    bare_check(natsMsgHeader_Set(event, "Nats-Expected-Last-Subject-Sequence", "0"), "header");
    bare_check(natsConnection_PublishMsg(self->log.native, event), "publish");
    natsMsg_Destroy(event);
}

static void set_versions(const slot *what, Ways__V1__FactVersions *out)
{
    out->employee = (int64_t)what->facts.versions[BARE_EMPLOYEE];
    out->job = (int64_t)what->facts.versions[BARE_JOB];
    out->location = (int64_t)what->facts.versions[BARE_LOCATION];
}

static void send_answer(server *self, slot *what)
{
    bare_check(
        natsConnection_Publish(self->nats.native, natsMsg_GetReply(what->request), what->event, (int)what->event_len),
        "answer");
    natsMsg_Destroy(what->request);
    what->next = self->free;
    self->free = what;
}

static void answer_check(server *self, slot *what)
{
    Ways__V1__FactVersions facts = WAYS__V1__FACT_VERSIONS__INIT;
    set_versions(what, &facts);
    what->event_len = ways__v1__fact_versions__pack(&facts, what->event);
    send_answer(self, what);
}

static void go_on(server *self, slot *what)
{
    if (what->read && what->known) (what->check ? answer_check : publish_day)(self, what);
}

static void on_facts(void *arg, bare_inquiry *inquiry)
{
    slot *what = (slot *)inquiry;
    what->known = true;
    go_on(arg, what);
}

static bare_inquiry *inquiry_of(void *arg, size_t number)
{
    return &((server *)arg)->slots[number % SLOTS].facts;
}

static void take_request(server *self, natsMsg *msg)
{
    slot *what = self->free;
    Timesheet__V1__ClockInRequest *request = timesheet__v1__clock_in_request__unpack(
        NULL, (size_t)natsMsg_GetDataLength(msg), (const uint8_t *)natsMsg_GetData(msg));
    if (!what || !request) bare_die("request", what ? "is broken" : "too many at once");
    self->free = what->next;
    what->request = msg;
    what->upserting = what->read = what->known = false;
    what->check = strstr(natsMsg_GetSubject(msg), ".CheckClockIn") != NULL;
    const char *ids[BARE_KINDS] = {request->employee_id, request->job_id, request->location_id};
    for (int kind = 0; kind < BARE_KINDS; kind++)
        snprintf(what->facts.ids[kind], sizeof what->facts.ids[kind], "%s", ids[kind]);
    snprintf(what->day_id, sizeof what->day_id, "%s_%s", what->facts.ids[BARE_EMPLOYEE], self->day);
    timesheet__v1__clock_in_request__free_unpacked(request, NULL);
    if (self->set->way == BARE_PARALLEL || self->set->way == BARE_HYBRID)
        what->known = bare_facts_ask(self->facts, &what->facts);
    read_day(self, what);
}

static uint64_t version_of(const redisReply *record)
{
    uint64_t version = 0;
    for (int b = 0; b < VERSION; b++) version = version << 8 | (uint8_t)record->str[b];
    return version;
}

static void take_reads(server *self, slot *what, const redisReply *read)
{
    if (read->element[0]->type != REDIS_REPLY_NIL) bare_die(what->day_id, "is there already");
    for (int kind = 0; kind < BARE_KINDS && self->set->way == BARE_REPLICA; kind++) {
        const redisReply *record = read->element[1 + kind];
        if (record->type != REDIS_REPLY_STRING || record->len <= VERSION)
            bare_die(what->facts.ids[kind], "is not kept");
        if (!bare_facts_good(kind, (const uint8_t *)record->str + VERSION, record->len - VERSION))
            bare_die(what->facts.ids[kind], "is closed");
        what->facts.versions[kind] = version_of(record);
        what->known = true;
    }
    what->read = true;
    if (self->set->way == BARE_SEQUENTIAL) (void)bare_facts_ask(self->facts, &what->facts);
    go_on(self, what);
}

static void upsert_day(server *self, slot *what)
{
    static const char *const indexes[] = {"employee_id", "date", "open_employee_id"};
    uint8_t value[VERSION + EVENT_MAX];
    char keys[4][160], employee[192], date[192];
    for (int b = 0; b < VERSION; b++) value[b] = (uint8_t)(what->sequence >> (56 - 8 * b));
    memcpy(value + VERSION, what->event, what->event_len);
    size_t employee_len =
        (size_t)snprintf(employee, sizeof employee, "%s%c%s", what->facts.ids[BARE_EMPLOYEE], 0, what->day_id);
    size_t date_len = (size_t)snprintf(date, sizeof date, "%s%c%s", self->date, 0, what->day_id);
    size_t lens[11] = {5, 15, 1};
    lens[3] = (size_t)snprintf(keys[0], sizeof keys[0], "%s:{%s}:%s", self->set->crew, self->entity, what->day_id);
    for (int i = 0; i < 3; i++)
        lens[4 + i] =
            (size_t)snprintf(keys[1 + i], sizeof keys[0], "%s:{%s}:@by:%s", self->set->crew, self->entity, indexes[i]);
    lens[7] = VERSION + what->event_len, lens[8] = employee_len, lens[9] = date_len, lens[10] = employee_len;
    const char *argv[] = {"FCALL", "bare_upsert_day",   "4",      keys[0], keys[1], keys[2],
                          keys[3], (const char *)value, employee, date,    employee}; /* lib/bare.lua */
    what->upserting = true;
    redis_command(self, what, 11, argv, lens);
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
    upsert_day(self, what);
}

static void pack_answer(slot *what, Timesheet__V1__WorkDay *day)
{
    Ways__V1__DayState state = WAYS__V1__DAY_STATE__INIT;
    Ways__V1__FactVersions facts = WAYS__V1__FACT_VERSIONS__INIT;
    set_versions(what, &facts);
    state.day = day, state.version = (int64_t)what->sequence, state.facts = &facts;
    if (ways__v1__day_state__get_packed_size(&state) > EVENT_MAX) bare_die("answer", "is too large");
    what->event_len = ways__v1__day_state__pack(&state, what->event);
}

static void answer_request(server *self, slot *what)
{
    with_day(self, what, pack_answer);
    send_answer(self, what);
}

static void take_redis_answer(server *self, redisReply *reply)
{
    slot *what = self->waiting;
    self->waiting = what->next;
    if (!self->waiting) self->last = &self->waiting;
    if (what->upserting)
        answer_request(self, what);
    else
        take_reads(self, what, reply);
    freeReplyObject(reply);
}

static void prepare_server(server *self, const settings *set)
{
    time_t now = time(NULL);
    self->set = set;
    /* A day begins at four, as timesheet's does; its clock is UTC here. */
    now -= 4 * 3600;
    strftime(self->date, sizeof self->date, "%Y-%m-%d", gmtime(&now));
    strftime(self->day, sizeof self->day, "%Y%m%d", gmtime(&now));
    snprintf(self->entity, sizeof self->entity, "C%.16sDay", set->crew + 1);
    self->last = &self->waiting;
    for (size_t i = 0; i < SLOTS; i++) {
        self->slots[i].facts.number = i;
        self->slots[i].next = i + 1 < SLOTS ? &self->slots[i + 1] : NULL;
    }
    self->free = self->slots;
    self->redis = bare_redis(set->redis);
    bare_connect(&self->nats, set->url);
    bare_connect(&self->log, set->log_url ? set->log_url : set->url);
    self->nats.also = &self->log;
    self->facts = bare_facts_create(&self->nats, set->way, inquiry_of, on_facts, self);
}

static _Noreturn void serve(const settings *set)
{
    static server self;
    char wildcard[128], subject[64];
    prepare_server(&self, set);
    snprintf(wildcard, sizeof wildcard, "%s.*", self.log.inbox);
    snprintf(subject, sizeof subject, "%s.v1.CrewService.*", set->crew);
    self.requests = bare_subscribe(&self.nats, subject, set->crew);
    self.acks = bare_subscribe(&self.log, wildcard, NULL);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        bare_turn(&self.nats, self.redis, BARE_NATS | BARE_REDIS);
        for (redisReply *reply; (reply = bare_answer(self.redis));) take_redis_answer(&self, reply);
        for (natsMsg *msg; (msg = bare_next(self.requests));) take_request(&self, msg);
        for (natsMsg *msg; (msg = bare_next(self.acks));) take_ack(&self, msg);
        bare_facts_turn(self.facts);
    }
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: baseline_ways --way sequential|parallel|hybrid|replica --crew crewN --url U [--log-url U] "
                    "--redis [USER:PASSWORD@]SOCKET\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"url", 1, NULL, 'u'}, {"log-url", 1, NULL, 'l'}, {"redis", 1, NULL, 'r'},
                                            {"way", 1, NULL, 'w'}, {"crew", 1, NULL, 'c'},    {NULL, 0, NULL, 0}};
    settings set = {.way = BARE_WAYS};
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
        case 'c':
            set.crew = optarg;
            break;
        case 'w':
            for (set.way = 0; set.way < BARE_WAYS && strcmp(bare_way_names[set.way], optarg) != 0;) set.way++;
            break;
        default:
            usage();
        }
    }
    if (optind != argc || !set.url || !set.redis || !set.crew || set.crew[0] != 'c' || set.way == BARE_WAYS) usage();
    serve(&set);
}
