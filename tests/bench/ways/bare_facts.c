/* See bare_facts.h. */
#include "bare_facts.h"

#include "bare_scratch.h"

#include "employee/v1/employee.pb-c.h"
#include "job/v1/job.pb-c.h"
#include "location/v1/location.pb-c.h"
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_NS      1000000000ull /* as WAYS_TTL_MS */
#define BATCHES     4             /* as WAYS_BATCHES */
#define BATCH_MAX   64            /* as WAYS_BATCH_MAX */
#define ENTRIES     (1u << 21)
#define REQUEST_MAX (BATCH_MAX * 66)

const char *const bare_way_names[BARE_WAYS] = {"sequential", "parallel", "hybrid", "replica"};

static const char *const services[BARE_KINDS] = {"employee.v1.EmployeeService.", "job.v1.JobService.",
                                                 "location.v1.LocationService."};
static const char *const singles[BARE_KINDS] = {"GetEmployee", "GetJob", "GetLocation"};
static const char *const batches[BARE_KINDS] = {"BatchGetEmployees", "BatchGetJobs", "BatchGetLocations"};

/* What is known of one id, or who waits for it. */
typedef struct entry {
    char id[64];
    uint64_t until_ns, version;
    bare_inquiry *waiting;
    struct entry *queued;
} entry;

typedef struct cache {
    entry *slots;
    size_t used;
    entry *first, **last; /* what is to be asked for */
    size_t in_flight;
} cache;

struct bare_facts {
    bare_nats *nats;
    bare_way way;
    natsSubscription *answers;
    bare_inquiry *(*inquiry_of)(void *arg, size_t number);
    void (*fn)(void *arg, bare_inquiry *inquiry);
    void *arg;
    cache caches[BARE_KINDS];
};

bare_facts *bare_facts_create(bare_nats *nats, bare_way way, bare_inquiry *(*inquiry_of)(void *arg, size_t number),
                              void (*fn)(void *arg, bare_inquiry *inquiry), void *arg)
{
    char wildcard[128];
    bare_facts *self = calloc(1, sizeof *self);
    if (!self) bare_die("facts", "out of memory");
    *self = (bare_facts){.nats = nats, .way = way, .inquiry_of = inquiry_of, .fn = fn, .arg = arg};
    for (int kind = 0; way == BARE_HYBRID && kind < BARE_KINDS; kind++) {
        cache *all = &self->caches[kind];
        all->last = &all->first;
        if (!(all->slots = calloc(ENTRIES, sizeof *all->slots))) bare_die("cache", "out of memory");
    }
    snprintf(wildcard, sizeof wildcard, "%s.f.*.*", nats->inbox);
    self->answers = bare_subscribe(nats, wildcard, NULL);
    return self;
}

/* "id" of Get… and "ids" of BatchGet… are field 1 alike. */
static size_t pack_id(const char *id, uint8_t *out)
{
    size_t len = strlen(id);
    out[0] = 0x0a, out[1] = (uint8_t)len;
    memcpy(out + 2, id, len);
    return 2 + len;
}

static void send_question(bare_facts *self, int kind, const char *method, size_t number, const uint8_t *body,
                          size_t len)
{
    char subject[96], reply[128];
    snprintf(subject, sizeof subject, "%s%s", services[kind], method);
    snprintf(reply, sizeof reply, "%s.f.%d.%zu", self->nats->inbox, kind, number);
    bare_check(natsConnection_PublishRequest(self->nats->native, subject, reply, body, (int)len), "question");
}

static void ask_single(bare_facts *self, bare_inquiry *inquiry, int kind)
{
    uint8_t body[80];
    size_t len = pack_id(inquiry->ids[kind], body);
    send_question(self, kind, singles[kind], inquiry->number, body, len);
}

static entry *entry_of(cache *all, const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *at = id; *at; at++) hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    size_t at = (hash ^ hash >> 32) & (ENTRIES - 1);
    while (all->slots[at].id[0] && strcmp(all->slots[at].id, id) != 0) at = (at + 1) & (ENTRIES - 1);
    if (all->slots[at].id[0]) return &all->slots[at];
    if (++all->used > ENTRIES / 2) bare_die("cache", "is full");
    snprintf(all->slots[at].id, sizeof all->slots[at].id, "%s", id);
    return &all->slots[at];
}

/* True: it is known. */
static bool ask_cache(bare_facts *self, bare_inquiry *inquiry, int kind, uint64_t now_ns)
{
    cache *all = &self->caches[kind];
    entry *found = entry_of(all, inquiry->ids[kind]);
    if (now_ns < found->until_ns) {
        inquiry->versions[kind] = found->version;
        return true;
    }
    if (!found->waiting) {
        found->queued = NULL;
        *all->last = found;
        all->last = &found->queued;
    }
    inquiry->next[kind] = found->waiting;
    found->waiting = inquiry;
    return false;
}

bool bare_facts_ask(bare_facts *self, bare_inquiry *inquiry)
{
    uint64_t now_ns = self->way == BARE_HYBRID ? measure_now_ns() : 0;
    inquiry->missing = BARE_KINDS;
    if (self->way == BARE_SEQUENTIAL) {
        ask_single(self, inquiry, 0);
        return false;
    }
    for (int kind = 0; kind < BARE_KINDS; kind++) {
        if (self->way == BARE_PARALLEL)
            ask_single(self, inquiry, kind);
        else if (ask_cache(self, inquiry, kind, now_ns))
            inquiry->missing--;
    }
    return inquiry->missing == 0;
}

bool bare_facts_good(int kind, const uint8_t *state, size_t len)
{
    bool good;
    if (kind == BARE_EMPLOYEE) {
        Employee__V1__Employee *employee = employee__v1__employee__unpack(bare_scratch(), len, state);
        if (!employee) bare_die("employee", "is none");
        good = employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    } else if (kind == BARE_JOB) {
        Job__V1__Job *job = job__v1__job__unpack(bare_scratch(), len, state);
        if (!job) bare_die("job", "is none");
        good = job->status == JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    } else {
        Location__V1__Location *location = location__v1__location__unpack(bare_scratch(), len, state);
        if (!location) bare_die("location", "is none");
        good = location->status == LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
    }
    return good;
}

static void take_single(bare_facts *self, int kind, bare_inquiry *inquiry, natsMsg *msg)
{
    size_t len = (size_t)natsMsg_GetDataLength(msg);
    const uint8_t *body = (const uint8_t *)natsMsg_GetData(msg);
    int64_t version = 0;
    bool good = false;
    if (kind == BARE_EMPLOYEE) {
        Employee__V1__EmployeeState *state = employee__v1__employee_state__unpack(bare_scratch(), len, body);
        if (state && state->employee) {
            version = state->version;
            good = state->employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
        }
    } else if (kind == BARE_JOB) {
        Job__V1__JobState *state = job__v1__job_state__unpack(bare_scratch(), len, body);
        if (state && state->job)
            version = state->version, good = state->job->status == JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    } else {
        Location__V1__LocationState *state = location__v1__location_state__unpack(bare_scratch(), len, body);
        if (state && state->location) {
            version = state->version;
            good = state->location->status == LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN;
        }
    }
    if (!good || version <= 0) bare_die(inquiry->ids[kind], "the owner knows no such, or it is closed");
    inquiry->versions[kind] = (uint64_t)version;
    if (--inquiry->missing == 0)
        self->fn(self->arg, inquiry);
    else if (self->way == BARE_SEQUENTIAL)
        ask_single(self, inquiry, kind + 1);
}

static void learn(bare_facts *self, int kind, const char *id, int64_t version, bool good, uint64_t now_ns)
{
    entry *found = entry_of(&self->caches[kind], id);
    if (!good || version <= 0) bare_die(id, "is closed");
    found->version = (uint64_t)version;
    found->until_ns = now_ns + TTL_NS;
    for (bare_inquiry *inquiry; (inquiry = found->waiting);) {
        found->waiting = inquiry->next[kind];
        inquiry->versions[kind] = found->version;
        if (--inquiry->missing == 0) self->fn(self->arg, inquiry);
    }
}

static void take_batch(bare_facts *self, int kind, natsMsg *msg)
{
    size_t len = (size_t)natsMsg_GetDataLength(msg);
    const uint8_t *body = (const uint8_t *)natsMsg_GetData(msg);
    uint64_t now_ns = measure_now_ns();
    self->caches[kind].in_flight--;
    if (kind == BARE_EMPLOYEE) {
        Employee__V1__BatchGetEmployeesResponse *all =
            employee__v1__batch_get_employees_response__unpack(bare_scratch(), len, body);
        if (!all || all->n_missing_ids > 0) bare_die("batch", "is none, or misses some");
        for (size_t i = 0; i < all->n_employees; i++)
            learn(self, kind, all->employees[i]->employee->id, all->employees[i]->version,
                  all->employees[i]->employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE,
                  now_ns);
    } else if (kind == BARE_JOB) {
        Job__V1__BatchGetJobsResponse *all = job__v1__batch_get_jobs_response__unpack(bare_scratch(), len, body);
        if (!all || all->n_missing_ids > 0) bare_die("batch", "is none, or misses some");
        for (size_t i = 0; i < all->n_jobs; i++)
            learn(self, kind, all->jobs[i]->job->id, all->jobs[i]->version,
                  all->jobs[i]->job->status == JOB__V1__JOB_STATUS__JOB_STATUS_OPEN, now_ns);
    } else {
        Location__V1__BatchGetLocationsResponse *all =
            location__v1__batch_get_locations_response__unpack(bare_scratch(), len, body);
        if (!all || all->n_missing_ids > 0) bare_die("batch", "is none, or misses some");
        for (size_t i = 0; i < all->n_locations; i++)
            learn(self, kind, all->locations[i]->location->id, all->locations[i]->version,
                  all->locations[i]->location->status == LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN, now_ns);
    }
}

static void send_batches(bare_facts *self, int kind)
{
    cache *all = &self->caches[kind];
    uint8_t body[REQUEST_MAX];
    while (all->first && all->in_flight < BATCHES) {
        size_t len = 0;
        for (int i = 0; i < BATCH_MAX && all->first; i++) {
            len += pack_id(all->first->id, body + len);
            if (!(all->first = all->first->queued)) all->last = &all->first;
        }
        all->in_flight++;
        send_question(self, kind, batches[kind], 0, body, len);
    }
}

void bare_facts_turn(bare_facts *self)
{
    for (natsMsg *msg; (msg = bare_next(self->answers));) {
        const char *number = strrchr(natsMsg_GetSubject(msg), '.');
        int kind = number[-1] - '0';
        if (self->way == BARE_HYBRID)
            take_batch(self, kind, msg);
        else
            take_single(self, kind, self->inquiry_of(self->arg, strtoul(number + 1, NULL, 10)), msg);
        natsMsg_Destroy(msg);
    }
    for (int kind = 0; self->way == BARE_HYBRID && kind < BARE_KINDS; kind++) send_batches(self, kind);
}
